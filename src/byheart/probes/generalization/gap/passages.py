"""The gap of passages: bits a token where seen, where left out, and on new passages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from byheart.maths.statistics.effective_sample_size import complement
from byheart.maths.statistics.intervals import budget_share_intervals
from byheart.maths.statistics.new_examples import new_examples_interval
from byheart.maths.statistics.seen_unseen import FEWEST_MEMBERS, side_columns
from byheart.probes.generalization.gap.baselines import leads, members_of_baselines
from byheart.probes.generalization.gap.seen_unseen import course, why_no_new
from byheart.probes.intervals import estimate
from byheart.records.facts import Curve
from byheart.records.finding import Finding, Pole
from byheart.records.quantity import Quantity

if TYPE_CHECKING:
    from byheart.probes.base import Bank, Probe
    from byheart.training.run import Run


def of_passages(probe: Probe, bank: Bank, losses: dict[str, Quantity]) -> tuple[Finding, dict[str, np.ndarray]]:
    """The finding of `generalization/gap` in bits a token; `losses` are of its time course of the held-out loss."""
    run = bank[bank.subject.bank()]
    mask, bits = run.members.mask, _bits(bank, "train", run)  # (c, m, n) a token
    inside, outside = side_columns(bits[-1], mask)
    blind = float((run.views["train"].pool[0, :, 0] / np.log(2) / _counted(bank, "train")).mean())  # type: ignore[index]
    quantities = _sides(bank, run, blind)
    quantities |= _baseline(bank, blind)
    quantities |= losses
    finding = probe.finding(
        quantities,
        question=probe.question.replace("examples", bank.noun()),
        headline="gap_bits_a_token",
        poles=(Pole(name="Oracle", value=0.0), Pole(name="Rote", value=blind, note="a lookup table, by definition")),
        curves=_courses(bank, run, bits),
        details={"score": "bits_a_token", "baseline_members": members_of_baselines(bank, "ngram")},
    )
    return finding, {} if len(mask) < FEWEST_MEMBERS else {"seen": inside, "held_out": outside}


def _courses(bank: Bank, run: Run, bits: np.ndarray) -> dict[str, Curve]:
    """Bits a token over the checkpoints where left out, where seen, and of new passages."""
    sides = [side_columns(values, run.members.mask) for values in bits]
    made = {name: course(run, [side[i] for side in sides], bank.groups, "bits", turned=False)
            for name, i in (("held_out", 1), ("seen", 0))}  # fmt: skip
    if "test" in run.views:
        new = [values.mean(0) for values in _bits(bank, "test", run)]
        made["new"] = course(run, new, bank.data.new_copies, "bits", turned=False)
    return made


def _sides(bank: Bank, run: Run, blind: float) -> dict[str, Quantity]:
    """Bits a token where seen, where left out, their gap, and on new passages, of the last checkpoint of a run."""
    mask, bits = run.members.mask, _bits(bank, "train", run)[-1]
    n = bits.shape[1]
    parts = budget_share_intervals(np.ones(n), bits, mask, bank.groups)
    more = {"unit": "bits", "null": blind, "n": n, "better": "low"}
    quantities = {
        "train_bits_a_token": estimate(parts.left, **more),
        "held_out_bits_a_token": estimate(complement(parts.understood), **more),
        "gap_bits_a_token": estimate(parts.memorised, **more | {"null": 0.0}),
    }
    if "test" in run.views and not why_no_new(bank):
        new = _bits(bank, "test", run)[-1]
        mean = new_examples_interval(new, n, n - mask.sum(1), bank.data.new_copies)
        quantities["test_bits_a_token"] = estimate(mean, **more | {"n": new.shape[1]})
    return quantities


def _baseline(bank: Bank, blind: float) -> dict[str, Quantity]:
    """The same of the simplest baseline, counts of the last two tokens, on the first of the same subsets."""
    need = bank.subject.baseline("ngram")
    if need not in bank:
        return {}
    own = _bits(bank, "train", bank[bank.subject.bank()])[-1]
    found = leads(bank, own, bank[need], _bits(bank, "train", bank[need])[-1], "ngram", "bits")
    return found | {f"ngram_{name}": quantity for name, quantity in _sides(bank, bank[need], blind).items()}


def _counted(bank: Bank, view: str) -> np.ndarray:
    """(n,) tokens of each passage that are counted."""
    return (bank.data.views[view].y >= 0).sum(1)


def _bits(bank: Bank, view: str, run) -> np.ndarray:
    """(c, m, n) bits a token of each passage."""
    return run.views[view].loss_nats.astype(np.float64) / np.log(2) / _counted(bank, view)
