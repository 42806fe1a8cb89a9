"""Text has a lookup table and counts of tokens beside it: measured on the same subsets, on the balance and in the gap."""

import functools

import numpy as np
import pytest

from byheart.learners.transformer import Transformer
from byheart.maths.statistics.seen_unseen import side_means
from byheart.probes.complexity.description_length import Bits
from byheart.probes.generalization.gap import Gap
from byheart.tasks.text import Text
from byheart.testing.probes import bank_of
from byheart.verdicts.training import Underfitting

TASK = Text(n=96, n_test=30, window=32)


@functools.cache
def bank(probe):
    return bank_of(probe, TASK, Transformer(width=8, epochs=2, batch=16), members=8)


def test_the_balance_has_the_lookup_table_and_the_3_gram():
    finding, _ = Bits().measure(bank(Bits()))
    (rote,) = finding.balance.poles
    assert (rote.name, rote.measured) == ("Rote", True)
    assert [(pole.name, pole.note) for pole in finding.poles] == [("Rote", "a lookup table")]
    assert rote.understood == pytest.approx(0, abs=0.02)
    assert rote.memorised == pytest.approx(1, abs=0.02)
    rivals = {one.name: one for one in finding.balance.rivals}
    assert list(rivals) == ["3-gram", "chance"]
    assert rivals["3-gram"].memorised > 0.05
    assert rivals["3-gram"].understood > 0.05


def test_the_gap_has_the_3_grams_bits_and_the_verdict_reads_them(card):
    held = bank(Gap())
    finding, _ = Gap().measure(held)
    run = held[held.subject.baseline("ngram")]
    bits = run.views["train"].loss_nats[-1].astype(float) / np.log(2) / TASK.window
    inside, outside = side_means(bits, run.members.mask)
    for name, value in (("train", inside.mean()), ("held_out", outside.mean())):
        quantity = finding.quantities[f"ngram_{name}_bits_a_token"]
        assert quantity.value == pytest.approx(value, rel=1e-6)
        note = card(held, finding).notes[f"ngram_{name}_bits_a_token"]
        assert note.startswith("3-gram on the first 8 of the same subsets")
    assert any("Counts of the last two tokens (a 3-gram) need" in line for line in card(held, finding).body)
    # two epochs of a network of width 8 are no match for counts
    judged = Underfitting().judge({"generalization/gap": finding})
    assert judged.outcome == "issue"
    assert judged.title == "Underfitting: worse than a 3-gram"
