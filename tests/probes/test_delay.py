"""generalization/delay: steps read off outcomes that are given, and a small table that is memorised, then understood."""

from __future__ import annotations

import functools
import re
from dataclasses import replace

import numpy as np
import pytest

from byheart.learners.mlp import Mlp
from byheart.levers.penalties import WeightDecay
from byheart.probes.base import Bank, Subject
from byheart.probes.generalization.delay import Delay
from byheart.records.finding import Finding, NotApplicable
from byheart.report.cards import About, card_of
from byheart.tasks.digits import Digits
from byheart.tasks.modular import Modular
from byheart.testing.banks import data_for, offers_of, trained

GROKS = {"embedding": 32, "hidden": (64,), "lr": 0.05, "batch": 600, "schedule": "constant", "betas": (0.9, 0.98)}


def bank_of(task, learner, levers=(), members=3, share=0.7):
    data = task.draw(0)
    subject = Subject(task, learner, levers, 0, members, share, offers_of(data))
    needs = Delay().requires(subject)
    drawn = {need.key(): data_for(subject, data, need) for need in needs if need.vary}
    runs = {need.key(): trained(subject, drawn.get(need.key(), data), need, "stacked") for need in needs}
    return Bank(subject, data, runs, drawn)


@functools.cache
def table(decay=1.0, share=0.7, epochs=750, members=3):
    learner, levers = Mlp(epochs=epochs, **GROKS), (WeightDecay(strength=decay),)
    return bank_of(Modular(p=23, share=0.99), learner, levers, members, share)


@pytest.fixture(scope="module")
def grokked():
    return Delay().measure(table())[0]


def with_course(bank, seen, held_out):
    """The bank whose members are right on these shares of what they saw and of all else, at each checkpoint."""
    need = Delay().requires(bank.subject)[0]
    run = bank[need]
    train = run.views["train"]
    right = np.zeros_like(train.correct)
    for side, curve in ((run.members.seen, seen), (run.members.unseen, held_out)):
        for c, j in np.ndindex(right.shape[:2]):
            rows = np.flatnonzero(side[j])
            right[c, j, rows[: round(np.broadcast_to(curve, right.shape[:2])[c, j] * len(rows))]] = True
    test = run.views["test"]
    out = np.broadcast_to(held_out, right.shape[:2])[..., None] >= np.linspace(1e-9, 1, test.correct.shape[2])
    views = {"train": replace(train, correct=right), "test": replace(test, correct=out)}
    return replace(bank, runs={**bank.runs, need.key(): replace(run, views={**run.views, **views})})


# --- a table that is memorised, and understood 14 times later


def test_a_table_is_memorised_first_and_understood_later(grokked):
    found = grokked.quantities
    assert found["memorised_step"].interval[1] < 40
    assert 100 < found["generalised_step"].value < 600
    assert found["delay_ratio"].interval[0] > 4
    assert found["generalised_share"].value == 1
    assert found["generalised_share"].null == 0  # random labels are memorised too, and never generalise
    assert grokked.details["generalised_members"] == grokked.details["memorised_members"] == 3


def test_memorised_bits_turn_into_understood_ones(grokked):
    understood, memorised = (np.array(grokked.curves[name].y) for name in ("understood", "memorised"))
    assert memorised.max() > 0.9
    assert understood[memorised.argmax()] < 0.05
    assert understood[-1] > 0.9
    assert memorised[-1] < 0.1
    left = np.array(grokked.curves["left"].y)
    assert understood + memorised + left == pytest.approx(1, abs=1e-9)


def test_what_it_computes_stands_in_five_frequencies(grokked):
    found = grokked.quantities
    assert found["restricted_loss"].value < 0.1  # all pairs, seen or not, by five frequencies alone
    assert found["excluded_loss"].value > 1.0  # without them not even what was trained on
    assert found["five_frequencies_share"].value > 0.8
    assert found["embedding_gini"].interval[0] > 3 * found["embedding_gini"].null
    gini = np.array(grokked.curves["embedding_gini"].y)
    assert gini[0] == pytest.approx(found["embedding_gini"].null, abs=0.04)  # before training it is noise
    x, loss = grokked.curves["excluded"].x, np.array(grokked.curves["excluded"].y)
    assert loss[np.searchsorted(x, 50)] < loss[-1]  # while it is known by heart it does without them


def with_trail(bank, logits):
    """The bank whose members say `logits` (m, n, k) at every checkpoint."""
    need = Delay().requires(bank.subject)[0]
    run = bank[need]
    train = run.views["train"]
    trail = np.broadcast_to(logits.astype(np.float16), train.trail.shape).copy()
    changed = replace(run, views={**run.views, "train": replace(train, trail=trail)})
    return replace(bank, runs={**bank.runs, need.key(): changed})


def test_a_lookup_table_has_no_circuit_though_the_mean_of_all_pairs_of_a_sum_shows_its_label():
    bank = table()
    run, y = bank[Delay().requires(bank.subject)[0]], bank.data.train.y
    noise = np.random.default_rng(0).normal(0, 1, (*run.members.seen.shape, 23))
    rote = noise + 20 * np.eye(23)[y] * run.members.seen[..., None]
    found = Delay().measure(with_trail(bank, rote))[0].quantities
    assert found["restricted_loss"].value == pytest.approx(found["restricted_loss"].null, abs=0.2)  # a guess
    assert found["excluded_loss"].interval[1] < 0.01
    rule = Delay().measure(with_trail(bank, noise + 20 * np.eye(23)[y]))[0].quantities
    # of a rule whose logits have all frequencies alike, five of eleven are enough
    assert rule["restricted_loss"].interval[1] < 0.1
    assert rule["five_frequencies_share"].value == pytest.approx(5 / 11, abs=0.05)


def test_random_labels_are_memorised_and_show_no_circuit():
    bank = table()
    null = Delay().requires(bank.subject)[1]
    random = np.array(Delay().measure(bank)[0].curves["held_out_random"].y)
    assert random.max() < 0.15
    seen = bank[null].members.seen
    assert (bank[null].views["train"].correct[-1] & seen).sum() / seen.sum() > 0.95


def test_less_of_the_table_or_less_decay_is_a_longer_delay(grokked):
    less = Delay().measure(table(share=0.6, epochs=1000, members=2))[0].quantities
    weaker = Delay().measure(table(decay=0.4, epochs=1000, members=2))[0].quantities
    own = grokked.quantities["delay_ratio"].value
    for other in (less, weaker):
        late = other["delay_ratio"].value if "delay_ratio" in other else np.inf
        assert late > 1.3 * own


def test_without_decay_never_is_said_with_its_bound_and_is_no_number():
    finding = Delay().measure(table(decay=0.0, epochs=400))[0]
    assert not {"generalised_step", "delay_ratio"} & set(finding.quantities)
    assert finding.quantities["memorised_step"].value < 40
    assert finding.quantities["reached_accuracy"].interval[1] < 0.95
    assert (finding.details["generalised_members"], finding.details["last_step"]) == (0, 400)
    assert finding.tables["members"].values["generalised_step"] == (None, None, None)


# --- the card


def test_the_card_says_both_steps_the_null_and_what_turns_into_what(grokked):
    card = card_of(grokked, About(noun="sum", nouns="sums"))
    assert card.body[0].startswith("Memorised by step 24 [19, 24]; right on new sums from step ")
    assert re.search(r"\d+ times later \[\d+, \d+\]\.$", card.body[0])
    assert card.body[1].startswith("On labels that are all redrawn, with the same training, ")
    assert re.match(r"Of the label bits 100\u202f% are memorised at step \d+ and \d+\u202f% at the end", card.body[2])
    assert "five frequencies" in card.body[3]
    titles = ["Accuracy by step", "Label bits by step", "Loss by what the logits keep", "Norm of the weights by step"]
    assert [chart.title for chart in card.charts] == titles
    assert card.charts[0].rules[0].label == "memorised 24"
    assert len([line for line in card.charts[0].lines if line.role == "muted"]) == 3
    assert set(card.notes) == set(grokked.quantities)


def test_the_card_says_never_with_its_bound_and_flags_gradients_that_are_zero():
    card = card_of(Delay().measure(table(decay=0.0, epochs=400))[0], About(noun="sum", nouns="sums"))
    assert card.body[0].endswith(". No member is right on new sums within 400 steps.")
    assert [rule.label.split()[0] for rule in card.charts[0].rules] == ["memorised"]
    zero = Delay().measure(table(decay=0.0, epochs=400))[0].quantities["zero_gradient_share"].value
    assert ("gradient of their own class is exactly 0" in card.body[-1]) == (zero > 0)


# --- outcomes that are given


def test_steps_are_read_off_the_outcomes_of_both_sides_and_of_the_test():
    bank = table()
    steps = np.array(bank[Delay().requires(bank.subject)[0]].checkpoints)
    seen = np.where(steps[:, None] >= 12, 1.0, 0.5)
    out = np.where(steps[:, None] >= np.array([118, 148, 185]), 1.0, 0.3)
    finding = Delay().measure(with_course(bank, seen, out))[0]
    found, rows = finding.quantities, finding.tables["members"]
    assert found["memorised_step"].value == pytest.approx(12)
    assert found["memorised_step"].interval == pytest.approx((10, 12))
    assert rows.values["generalised_step"] == (118, 148, 185)
    assert found["generalised_step"].value == pytest.approx((118 * 148 * 185) ** (1 / 3))
    assert found["delay_ratio"].value == pytest.approx(found["generalised_step"].value / 12)
    assert found["reached_accuracy"].value == pytest.approx(1)


def test_where_one_member_never_gets_there_no_step_is_said_of_the_others_alone():
    bank = table()
    steps = np.array(bank[Delay().requires(bank.subject)[0]].checkpoints)[:, None]
    out = np.where(steps >= np.array([118, 148, 9999]), 1.0, 0.0)
    finding = Delay().measure(with_course(bank, np.where(steps >= 12, 1.0, 0.5), out))[0]
    assert not {"generalised_step", "delay_ratio"} & set(finding.quantities)
    assert finding.quantities["generalised_share"].value == pytest.approx(2 / 3)
    assert finding.tables["members"].values["generalised_step"] == (118, 148, None)
    low, high = finding.quantities["reached_accuracy"].interval
    assert 0 <= low < 2 / 3 < high <= 1
    said = card_of(finding, About(noun="sum", nouns="sums")).body[0]
    assert said.endswith(". 2 of 3 members are right on new sums within 750 steps.")


def test_the_gradient_of_an_example_is_zero_where_its_probability_rounds_to_one():
    bank = table()
    need = Delay().requires(bank.subject)[0]
    run = bank[need]
    train = run.views["train"]
    margin = np.full_like(train.margin, 16.0)
    margin[-1, :, ::2] = 17.0  # exp(-17) is below 2^-24, exp(-16) above
    assert [np.float32(1) + np.exp(np.float32(-m)) == 1 for m in (16.0, 17.0)] == [False, True]
    changed = replace(run, views={**run.views, "train": replace(train, margin=margin)})
    finding = Delay().measure(replace(bank, runs={**bank.runs, need.key(): changed}))[0]
    seen = run.members.seen
    assert finding.quantities["zero_gradient_share"].value == pytest.approx((seen[:, ::2].sum(1) / seen.sum(1)).mean())


def test_one_member_has_no_interval_and_is_withheld():
    answer = Delay().measure(bank_of(Modular(p=11, share=0.8), Mlp(hidden=(8,), epochs=4), members=1))[0]
    assert isinstance(answer, Finding)
    assert (answer.status, answer.withheld.code) == ("withheld", "few seeds")


def test_of_other_data_it_says_steps_and_levels_without_frequencies():
    bank = bank_of(Digits(n=200), Mlp(hidden=(16,), epochs=12, lr=0.02, batch=20), members=2)
    finding = Delay().measure(bank)[0]
    assert finding.details["modulus"] is None
    assert not {"restricted_loss", "embedding_gini"} & set(finding.quantities)
    assert finding.curves["seen"].x[-1] == 12 * 7  # 140 examples in batches of 20


def test_everything_seen_leaves_the_test_and_no_budget():
    bank = bank_of(Modular(p=11, share=0.8), Mlp(hidden=(8,), epochs=6), members=2, share=1.0)
    finding = Delay().measure(bank)[0]
    assert "understood" not in finding.curves
    assert finding.details["held_out"] == 24


def test_without_epochs_it_does_not_apply():
    subject = replace(table().subject, learner=Mlp(epochs=1))
    assert isinstance(Delay().requires(subject), NotApplicable)
