"""How right are the members on new examples, with and without those that leaked?"""

from __future__ import annotations

import numpy as np

from byheart.maths.intervals import new_examples_interval
from byheart.probes.base import Bank
from byheart.probes.memory.duplicates.pairs import labelled
from byheart.records.quantity import Quantity


def accuracies(bank: Bank, leaked: np.ndarray) -> dict[str, Quantity]:
    """The members' accuracy (R2) on all new examples and on those that did not leak."""
    run, test = bank[bank.subject.bank()], bank.data.views["test"]
    if bank.data.output.kind == "tokens":
        return {}
    mask = run.members.mask
    out = int((~mask[0]).sum())
    if not out:
        return {}
    classes, made = labelled(bank), {}
    train = bank.data.train.y
    null = float(np.bincount(train).max() / len(train)) if classes else 0.0
    for name, chosen in (("", np.ones(len(leaked), bool)), ("_without_leaked", ~leaked)):
        if chosen.sum() < 2 or not (classes or test.y[chosen].var() > 0):
            continue
        view = run.views["test"]
        if classes:
            found = new_examples_interval(view.correct[-1][:, chosen].astype(np.float64), len(train), out)
            value, low, high = found.value, found.low, found.high
        else:
            errors = view.loss_nats[-1][:, chosen].astype(np.float64) / test.y[chosen].var()
            found = new_examples_interval(errors, len(train), out)
            value, low, high = 1 - found.value, 1 - found.high, 1 - found.low
        unit = "accuracy" if classes else "r2"
        made[f"test_{unit}{name}"] = Quantity(
            value=value, unit=unit, interval=(low, high), null=null, n=int(chosen.sum()), better="high",
            how=f"mean over members on {'new examples without a copy in training' if name else 'all new examples'}; "
            "interval: over fresh draws of examples and training set; null: "
            f"{'the most frequent class' if classes else 'the mean of the targets'}",
        )  # fmt: skip
    return made
