"""Both sides of the gap: how right are members that saw an example, that did not, and on new ones?"""

from __future__ import annotations

import numpy as np

from byheart.learners.run import Run
from byheart.maths.intervals import budget_share_intervals, new_examples_interval
from byheart.maths.sides import side_means
from byheart.probes.base import Bank
from byheart.records.quantity import Quantity


class Sides:
    """Accuracy or R2 of members that saw each example, of those that did not, and on the test view."""

    def __init__(self, bank: Bank, run: Run, rng: np.random.Generator) -> None:
        self.bank, self.run, self.rng = bank, run, rng
        self.classes = bank.data.output.kind == "classes"
        self.unit = "accuracy" if self.classes else "r2"
        self.chance = bank.data.most_frequent if self.classes else 0.0
        self.chance_words = "the most frequent class" if self.classes else "the mean of the targets"
        self.inside, self.outside = side_means(self._outcome(-1), run.members.mask)

    def _outcome(self, c: int) -> np.ndarray:
        """(m, n): right or wrong, or the squared error over the variance of the targets."""
        train = self.run.views["train"]
        if self.classes:
            return train.correct[c].astype(np.float64)
        return train.loss_nats[c].astype(np.float64) / float(self.bank.data.train.y.var())

    def quantities(self) -> dict[str, Quantity]:
        """`train_`, `held_out_`, `test_` and `gap`, each over fresh draws of examples and training set."""
        outcome = self._outcome(-1)
        n, mask = outcome.shape[1], self.run.members.mask
        # errors in the place of code lengths, 1 in the place of the reference: understood is then the score where
        # left out, memorised the gap, left the error where seen
        errors = 1 - outcome if self.classes else outcome
        parts = budget_share_intervals(np.ones(n), errors, mask, self.bank.duplicates)
        seen = (1 - parts.left.value, 1 - parts.left.high, 1 - parts.left.low)
        where = "interval: over fresh draws of examples and training set"
        found = {
            f"train_{self.unit}": self._score(*seen, n, f"members that saw the label; {where}"),
            f"held_out_{self.unit}": self._score(*parts.understood[:3], n, f"members that did not; {where}"),
            "gap": Quantity(
                value=parts.memorised.value, unit="points" if self.classes else "r2",
                interval=(parts.memorised.low, parts.memorised.high), null=0.0, n=n, better="low",
                how=f"seen less left out, on the same labels; {where}; null: 0",
            ),
        }  # fmt: skip
        if (test := self._test_outcome()) is not None:
            new = new_examples_interval(test, n, int((~mask[0]).sum()))
            low, high, value = new.low, new.high, new.value
            if not self.classes:
                low, high, value = 1 - high, 1 - low, 1 - value
            found[f"test_{self.unit}"] = self._score(
                value, low, high, test.shape[1], f"mean over members on the test view; {where}"
            )
        return found

    def _score(self, value: float, low: float, high: float, n: int, how: str) -> Quantity:
        if self.classes:
            low, high = max(0.0, low), min(1.0, high)
        return Quantity(
            value=value, unit=self.unit, interval=(min(low, value), max(high, value)), null=self.chance, n=n,
            better="high", how=f"{how}; null: {self.chance_words}",
        )  # fmt: skip

    def _test_outcome(self) -> np.ndarray | None:
        view = self.run.views.get("test")
        if view is None:
            return None
        if self.classes:
            return view.correct[-1].astype(np.float64)
        return view.loss_nats[-1].astype(np.float64) / float(self.bank.data.views["test"].y.var())

    def courses(self) -> list[tuple]:
        """(label, role, values (c,), low, high) of each line of the chart."""
        mask, test = self.run.members.mask, self.run.views.get("test")
        planted = self.bank.data.truth.changed
        lines: dict[str, list[np.ndarray]] = {"seen": [], "left out": []}
        for c in range(len(self.run.checkpoints)):
            inside, outside = side_means(self._outcome(c), mask)
            lines["seen"].append(inside)
            lines["left out"].append(outside)
            if test is not None:
                new = (
                    test.correct[c].mean(0)
                    if self.classes
                    else test.loss_nats[c].mean(0) / self.bank.data.views["test"].y.var()
                )
                lines.setdefault(f"new {self.bank.noun()}", []).append(new)
            if planted is not None and planted.any() and self.classes:
                lines.setdefault("redrawn, seen", []).append(inside[planted])
        roles = {"seen": "memorised", "left out": "understood", "redrawn, seen": "ink"}
        made = []
        for label, series in lines.items():
            means = np.array([values.mean() if self.classes else 1 - values.mean() for values in series])
            errors = np.array([1.96 * values.std(ddof=1) / np.sqrt(len(values)) for values in series])
            made.append((label, roles.get(label, "muted"), means, means - errors, means + errors))
        return made
