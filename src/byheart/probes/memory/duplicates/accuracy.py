"""How right are the members on new examples, with and without those that leaked?"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from byheart.maths.statistics.effective_sample_size import TOO_FEW
from byheart.maths.statistics.new_examples import new_examples_interval, new_r2_interval, why_no_interval
from byheart.probes.base import Bank
from byheart.probes.heavy_tail import heavy_tail
from byheart.records.quantity import Quantity

EVERYBODY, CLEAN = "all new examples", "new examples without a copy in training"


class Measure(NamedTuple):
    """What is right of a kind of task: name and unit, the value without knowledge, and whether more is better."""

    name: str
    unit: str
    null: float
    null_words: str
    better: str


def measure_of(bank: Bank) -> Measure:
    """Accuracy for classes, R2 for values, bits a token for passages."""
    kind = bank.data.output.kind
    if kind == "classes":
        return Measure("accuracy", "accuracy", bank.data.most_frequent, "the most frequent class", "high")
    if kind == "values":
        return Measure("r2", "r2", 0.0, "the mean of the targets", "high")
    pool = bank[bank.subject.bank()].views["train"].pool
    blind = float((pool[0, :, 0] / np.log(2) / _counted(bank.data.train.y)).mean())
    return Measure("bits_a_token", "bits", blind, "tokens coded by their frequencies", "low")


def accuracies(bank: Bank, leaked: np.ndarray) -> dict[str, Quantity]:
    """The members' accuracy (R2, bits a token) on all new examples and on those that did not leak."""
    run, test = bank[bank.subject.bank()], bank.data.views["test"]
    out = (~run.members.mask).sum(1)
    if not out.all():
        return {}
    kind, said, made = bank.data.output.kind, measure_of(bank), {}
    if kind == "values" and heavy_tail(bank):
        return {}
    for suffix, what, chosen in (("", EVERYBODY, np.ones(len(leaked), bool)), ("_without_leaked", CLEAN, ~leaked)):
        if chosen.sum() < 2 or (kind == "values" and not test.y[chosen].var() > 0):
            continue
        outcome, n, copies = _outcome(bank, chosen), len(bank.data.train), bank.data.new_copies[chosen]
        if kind == "values":
            found, reason = new_r2_interval(outcome, test.y[chosen], n, out, copies), why_no_interval(copies)
        else:
            found, reason = new_examples_interval(outcome, n, out, copies), TOO_FEW
        made[f"test_{said.name}{suffix}"] = Quantity(
            value=found.value, unit=said.unit, interval=found.interval, null=said.null, n=int(chosen.sum()),
            better=said.better,
            how=f"mean over members on {what}; interval: over fresh draws of examples (exact copies together) and "
            f"training set; null: {said.null_words}{'' if found.interval else f'; {reason}'}",
        )  # fmt: skip
    return made


def _outcome(bank: Bank, chosen: np.ndarray) -> np.ndarray:
    """(m, q) at the end: right or wrong, squared error, bits a token."""
    view, y = bank[bank.subject.bank()].views["test"], bank.data.views["test"].y[chosen]
    if bank.data.output.kind == "classes":
        return view.correct[-1][:, chosen].astype(np.float64)
    loss = view.loss_nats[-1][:, chosen].astype(np.float64)
    return loss if bank.data.output.kind == "values" else loss / np.log(2) / _counted(y)


def _counted(y: np.ndarray) -> np.ndarray:
    """(q,) tokens of a passage that are to be given; 1 where none is."""
    return np.maximum((y >= 0).sum(1), 1)
