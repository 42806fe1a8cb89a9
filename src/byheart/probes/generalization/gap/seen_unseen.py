"""Both sides of the gap: how right are members that saw an example, that did not, and on new ones?"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from math import isfinite
from typing import Literal

import numpy as np

from byheart.maths.codes.variance import variance_share_intervals
from byheart.maths.statistics.effective_sample_size import Estimate, complement, error_of_mean
from byheart.maths.statistics.intervals import BudgetShares, budget_share_intervals
from byheart.maths.statistics.new_examples import disagreement_interval, new_examples_interval, new_r2_interval
from byheart.maths.statistics.seen_unseen import side_columns
from byheart.probes.base import Bank
from byheart.probes.heavy_tail import targets_in_units
from byheart.probes.intervals import FRESH_DRAWS
from byheart.records.facts import Axis, Curve
from byheart.records.quantity import Quantity, interval_by
from byheart.training.run import Outcomes, Run


class Sides:
    """Accuracy or R2 of members that saw each example, of those that did not, and on the test view."""

    def __init__(self, bank: Bank, run: Run, rng: np.random.Generator) -> None:
        self.bank, self.run, self.rng = bank, run, rng
        self.classes = bank.data.output.labelled
        self.unit = "accuracy" if self.classes else "r2"
        self.chance = bank.data.most_frequent if self.classes else 0.0
        self.inside, self.outside = side_columns(self._outcome(-1), run.members.mask)

    def _outcome(self, c: int) -> np.ndarray:
        """(m, n): right or wrong, or the squared error over the mean squared deviation of its side."""
        train, mask = self.run.views["train"], self.run.members.mask
        if self.classes:
            return train.correct[c].astype(np.float64)
        seen, unseen = (np.nanmean(side) for side in side_columns(self._spread(), mask))
        return train.loss_nats[c].astype(np.float64) / np.where(mask, seen, unseen)

    def _spread(self) -> np.ndarray:
        """(m, n) squared deviation of each value from the mean of what the member was trained on."""
        return self.bank.data.output.deviations(self.bank.data.train.y, self.run.members.mask)

    def errors(self) -> np.ndarray:
        """(m, n) at the end: 1 where wrong, or the squared error over the mean squared deviation of its side."""
        outcome = self._outcome(-1)
        return 1 - outcome if self.classes else outcome

    @cached_property
    def parts(self) -> BudgetShares:
        """Understood: the score where left out; memorised: the gap; left: the error where seen."""
        mask, groups = self.run.members.mask, self.bank.groups
        if self.classes:
            # errors in the place of code lengths, 1 in the place of the reference
            return budget_share_intervals(np.ones(mask.shape[1]), self.errors(), mask, groups)
        errors = self.run.views["train"].loss_nats[-1].astype(np.float64)
        return variance_share_intervals(errors, self._spread(), mask, groups)

    def quantities(self) -> dict[str, Quantity]:
        """`train_`, `held_out_`, `test_` and `gap`, each over fresh draws of examples and training set."""
        parts, mask = self.parts, self.run.members.mask
        n = mask.shape[1]
        seen = complement(parts.left)
        found = {
            f"train_{self.unit}": self._score(seen, n),
            f"held_out_{self.unit}": self._score(parts.understood, n),
            "gap": Quantity(
                value=parts.memorised.value, unit="points" if self.classes else "r2", null=0.0, n=n, better="low",
                **interval_by(FRESH_DRAWS, self._bounded(parts.memorised)),
            ),
        }  # fmt: skip
        if (test := self._test_outcome()) is not None:
            found[f"test_{self.unit}"] = self._score(self._new(test, n, n - mask.sum(1)), test.shape[1])
        return found

    def _new(self, test: np.ndarray, n: int, left_out: np.ndarray) -> Estimate:
        """Accuracy or R2 on the test view."""
        copies = self.bank.data.new_copies
        if self.classes:
            return new_examples_interval(test, n, left_out, copies)
        return new_r2_interval(test, targets_in_units(self.bank, "test"), n, left_out, copies)

    def disagreement(self) -> dict[str, Quantity]:
        """On which share of the new examples two members give different answers: an estimate of the error."""
        view, mask = self._new_view, self.run.members.mask
        if view is None or view.logits is None or not self.classes or len(mask) < 2:
            return {}
        predicted, n = view.logits.argmax(-1), mask.shape[1]
        found = disagreement_interval(predicted, n, n - mask.sum(1), self.bank.data.new_copies)
        return {
            "test_disagreement": Quantity(
                value=found.value, unit="share", null=1 - 1 / self.bank.data.output.k, n=predicted.shape[1],
                **interval_by(FRESH_DRAWS, found.interval),
            )
        }  # fmt: skip

    def _bounded(self, gap: Estimate) -> tuple[float, float] | None:
        """The interval of the gap; two accuracies differ by at most 1."""
        if not (self.classes and gap.interval):
            return gap.interval
        return max(-1.0, gap.low), min(1.0, gap.high)

    def _score(self, of: Estimate, n: int) -> Quantity:
        interval = of.interval
        if interval:
            low, high = (max(0.0, of.low), min(1.0, of.high)) if self.classes else interval
            interval = min(low, of.value), max(high, of.value)
        return Quantity(
            value=of.value, unit=self.unit, null=self.chance, n=n, better="high",
            **interval_by(FRESH_DRAWS, interval),
        )  # fmt: skip

    @property
    def _new_view(self) -> Outcomes | None:
        """The run's outcomes on new examples; None where there are none that can be measured."""
        return None if why_no_new(self.bank) else self.run.views.get("test")

    def _test_outcome(self) -> np.ndarray | None:
        view = self._new_view
        if view is None:
            return None
        if self.classes:
            return view.correct[-1].astype(np.float64)
        return view.loss_nats[-1].astype(np.float64)

    def courses(self) -> dict[str, Curve]:
        """The score over the checkpoints of members that saw each example, that did not, and on new ones."""
        run, test, planted, copies = self.run, self._new_view, self.bank.changed, self.bank.groups
        sides = [side_columns(self._outcome(c), run.members.mask) for c in range(len(run.checkpoints))]
        made = {name: self._curve([side[i] for side in sides], copies) for i, name in enumerate(("seen", "held_out"))}
        if test is not None and self.classes:
            made["new"] = self._curve([right.mean(0) for right in test.correct], self.bank.data.new_copies)
        elif test is not None:
            spread = targets_in_units(self.bank, "test").var(0).mean()
            made["new"] = self._curve([loss.mean(0) / spread for loss in test.loss_nats], self.bank.data.new_copies)
        if planted.any() and self.classes:
            made["redrawn_seen"] = self._curve([seen[planted] for seen, _ in sides], copies[planted])
        return made

    def _curve(self, series: Sequence[np.ndarray], copies: np.ndarray) -> Curve:
        return course(self.run, series, copies, self.unit, turned=not self.classes)


def course(
    run: Run, series: Sequence[np.ndarray], copies: np.ndarray, unit: Literal["accuracy", "r2", "bits"], turned: bool
) -> Curve:
    """The mean of some examples' values at each checkpoint, or 1 less it, with its band over examples.

    Args:
        run: whose checkpoints they are.
        series: (n,) values, an array a checkpoint.
        copies: (n,) groups of copies.
        unit: of the means.
        turned: whether values are errors and the mean is taken from 1.
    """
    means = [float(values.mean()) for values in series]
    means = [1 - mean for mean in means] if turned else means
    bands = [float(error_of_mean(values, copies)) for values in series]

    def end(sign: int) -> tuple[float | None, ...]:
        return tuple(mean + sign * band if isfinite(band) else None for mean, band in zip(means, bands))

    return Curve(
        x_axis=Axis(name="epoch", unit="epochs"), y_axis=Axis(name=unit, unit=unit), x=run.checkpoints, y=tuple(means),
        low=end(-1), high=end(1),
    )  # fmt: skip


def why_no_new(bank: Bank) -> str | None:
    """Why no number is measured on the new examples; None where one is, or where there are none."""
    test = bank.data.views.get("test")
    if test is None:
        return None
    if len(test) < 2:
        return "too few"
    return (
        "values do not differ"
        if bank.data.output.continuous and not targets_in_units(bank, "test").var(0).any()
        else None
    )
