"""Differences of two runs whose members saw the same subsets, by the names that probes give their quantities."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from byheart.maths.statistics.effective_sample_size import Estimate
from byheart.maths.statistics.intervals import BudgetShares
from byheart.maths.statistics.paired import (
    paired_memorised_share,
    paired_new_examples,
    paired_new_r2,
    paired_shares,
    paired_variance_shares,
)
from byheart.tasks.data import Data
from byheart.training.run import Outcomes, Run

BITS = ("understood_bits_share", "memorised_bits_share", "left_bits_share")
VARIANCE = ("understood_share", "memorised_share_of_variance", "left_share")
GAP = {"accuracy": ("held_out_accuracy", "gap", "train_accuracy"), "r2": ("held_out_r2", "gap", "train_r2"),
       "bits": ("held_out_bits_a_token", "gap_bits_a_token", "train_bits_a_token")}  # fmt: skip
NEW = {"accuracy": "test_accuracy", "r2": "test_r2", "bits": "test_bits_a_token"}
MEMORISED = "memorised_share"


@dataclass(frozen=True)
class Pair:
    """Two runs of the same data and the same subsets, the training examples that count alone."""

    data: Data
    first: Run
    second: Run
    seed: int

    def estimates(self, names: Collection[str]) -> dict[str, Estimate]:
        """The second less the first of each of these quantities that can be paired.

        Of values the shares of the variance and the R2 of the gap are the same numbers: the shares are given.
        """
        output, found = self.data.output, {}
        score = "r2" if output.continuous else "bits" if output.passages else "accuracy"
        wanted = {*names}
        if wanted & {*BITS}:
            found |= _named(BITS, self._bits())
        if output.continuous and wanted & {*VARIANCE}:
            found |= _named(VARIANCE, self._variance())
        elif wanted & {*GAP[score]}:
            parts = self._variance() if output.continuous else self._outcomes()
            # understood and left are said of errors (or bits) as what is right
            lower = output.passages
            scores = BudgetShares(_less(parts.understood) if lower else parts.understood, parts.memorised,
                                  parts.left if lower else _less(parts.left))  # fmt: skip
            found |= _named(GAP[score], scores)
        if NEW[score] in wanted:
            found[NEW[score]] = self._new()
        if MEMORISED in wanted:
            found[MEMORISED] = paired_memorised_share(*self._right("train"), self.mask, groups=self.data.groups)
        return {name: one for name, one in found.items() if name in wanted}

    @property
    def mask(self) -> np.ndarray:
        """(m, n) True where the members of both saw the example."""
        return self.first.members.mask

    def _views(self, view: str) -> tuple[Outcomes, Outcomes]:
        return self.first.views[view], self.second.views[view]

    def _right(self, view: str) -> list[np.ndarray]:
        return [one.correct[-1] for one in self._views(view)]  # type: ignore[index]

    def _losses(self, view: str) -> list[np.ndarray]:
        return [one.loss_nats[-1].astype(np.float64) for one in self._views(view)]

    def _bits(self) -> BudgetShares:
        train, output = self.data.train, self.data.output
        where = {"ids": train.ids, "groups": self.data.groups, "seed": self.seed}
        coded = (getattr(one, output.coded) for one in self._views("train"))
        first, second = (output.lengths(each, train.y, self.mask, **where) for each in coded)
        return paired_shares(
            first.reference_bits, first.member_bits, second.member_bits, self.mask, self.data.groups
        )  # fmt: skip

    def _variance(self) -> BudgetShares:
        spread = self.data.output.deviations(self.data.train.y, self.mask)
        return paired_variance_shares(*self._losses("train"), spread, self.mask, self.data.groups)

    def _outcomes(self) -> BudgetShares:
        """Errors in the place of code lengths, 1 in the place of the reference; of passages bits a token."""
        ones = np.ones(self.mask.shape[1])
        if self.data.output.passages:
            return paired_shares(ones, *self._bits_a_token("train"), self.mask, self.data.groups)
        wrong = (1.0 - right for right in self._right("train"))
        return paired_shares(ones, *wrong, self.mask, self.data.groups)

    def _bits_a_token(self, view: str) -> list[np.ndarray]:
        counted = (self.data.views[view].y >= 0).sum(1)
        return [loss / np.log(2) / counted for loss in self._losses(view)]

    def _new(self) -> Estimate:
        output, n = self.data.output, self.mask.shape[1]
        left_out, copies = n - self.mask.sum(1), self.data.new_copies
        if output.continuous:
            targets = output.in_units(self.data.views["test"].y)
            return paired_new_r2(*self._losses("test"), targets, n, left_out, copies)
        if output.passages:
            return paired_new_examples(*self._bits_a_token("test"), n, left_out, copies, bounded=False)
        return paired_new_examples(*self._right("test"), n, left_out, copies)


def _named(names: tuple[str, ...], parts: BudgetShares) -> dict[str, Estimate]:
    return dict(zip(names, parts, strict=True))


def _less(of: Estimate) -> Estimate:
    """The same of what is subtracted: the sign turned."""
    return of._replace(value=-of.value, low=-of.high, high=-of.low)
