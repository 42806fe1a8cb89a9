"""What a setting's members say where they saw an example and where they did not, as matrices that can be joined.

The criterion is the held-out code: bits of a label or a token, calibrated as those of the bit budget are; of values the
squared error in units of their variance, whose complement is R2. Small is good, and differences are paired.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from byheart.maths.codes.variance import variance_share_intervals
from byheart.maths.statistics.effective_sample_size import Estimate, complement
from byheart.maths.statistics.intervals import BudgetShares, budget_share_intervals
from byheart.maths.statistics.paired import paired_shares, paired_variance_shares
from byheart.maths.statistics.seen_unseen import side_means, sides
from byheart.tasks.data import Data
from byheart.training.run import Run


@dataclass(frozen=True)
class Held:
    """m members on the n training examples that count.

    Attributes:
        code: (m, n) bits of each target under each member; of values squared errors.
        wrong: (m, n) 1 where a member is wrong; of values squared errors, of passages bits a token.
        mask: (m, n) True where the member saw the example.
    """

    code: np.ndarray
    wrong: np.ndarray
    mask: np.ndarray

    def __len__(self) -> int:
        return len(self.mask)

    def where(self, rows: np.ndarray, other: Held) -> Held:
        """The same, with the columns `rows` (n,) bool of another, whose members saw the same examples."""
        return Held(np.where(rows, other.code, self.code), np.where(rows, other.wrong, self.wrong), self.mask)


@dataclass(frozen=True)
class Judge:
    """How settings of one subject are judged: its training examples that count, their targets and copies."""

    data: Data
    seed: int

    @classmethod
    def of(cls, data: Data, seed: int) -> Judge:
        """The judge of a subject's data; labels that the audit's own control redrew are in no total."""
        control = data.truth.control
        return cls(data if control is None else data.of_rows(~control), seed)

    def held(self, run: Run, start: int, stop: int, control: np.ndarray | None) -> Held:
        """What members start..stop of a run say."""
        if control is not None:
            run = run.of_rows(~control)
        mask, outcomes = run.members.mask[start:stop], run.views["train"]
        output, y = self.data.output, self.data.train.y
        losses = outcomes.loss_nats[-1][start:stop].astype(np.float64)
        if output.continuous:
            return Held(losses, losses, mask)
        code = self._lengths(getattr(outcomes, output.coded)[start:stop], mask).member_bits
        if output.passages:
            return Held(code, losses / np.log(2) / (y >= 0).sum(1), mask)
        return Held(code, 1.0 - outcomes.correct[-1][start:stop], mask)  # type: ignore[index]

    def _lengths(self, coded: np.ndarray, mask: np.ndarray) -> Any:
        train = self.data.train
        return self.data.output.lengths(coded, train.y, mask, ids=train.ids, groups=self.data.groups, seed=self.seed)

    @property
    def unit(self) -> str:
        """Of the criterion's differences: `bits` a label or token, or `r2`."""
        return "r2" if self.data.output.continuous else "bits"

    @property
    def score(self) -> str:
        """What is said beside it: `accuracy`, `r2`, or `bits` a token."""
        output = self.data.output
        return "r2" if output.continuous else "bits" if output.passages else "accuracy"

    def parts(self, held: Held, reference: np.ndarray | None) -> BudgetShares:
        """Understood, memorised, left as shares of the reference, as the bit budget has them."""
        if self.data.output.continuous:
            return variance_share_intervals(held.code, self._spread(held.mask), held.mask, self.data.groups)
        return budget_share_intervals(reference, held.code, held.mask, self.data.groups)

    def code(self, held: Held) -> Estimate:
        """The held-out code in bits an example; of values R2 where left out."""
        if self.data.output.continuous:
            return self.parts(held, None).understood
        ones = np.ones(held.code.shape[1])
        return complement(budget_share_intervals(ones, held.code, held.mask, self.data.groups).understood)

    def right(self, held: Held) -> Estimate:
        """Accuracy where left out; of values R2, of passages bits a token."""
        if self.data.output.continuous:
            return self.parts(held, None).understood
        ones = np.ones(held.wrong.shape[1])
        found = budget_share_intervals(ones, held.wrong, held.mask, self.data.groups).understood
        return complement(found) if self.data.output.passages else found

    def gain(self, first: Held, second: Held) -> Estimate:
        """By how much the second is better by the criterion: bits saved an example, or R2 gained."""
        return self._pair(first, second, first.code, second.code).understood

    def memorised(self, first: Held, second: Held, reference: np.ndarray | None) -> Estimate:
        """By how much the memorised share of the second is larger."""
        if self.data.output.continuous:
            return self._pair(first, second, first.code, second.code).memorised
        return paired_shares(reference, first.code, second.code, first.mask, self.data.groups).memorised

    def understood(self, first: Held, second: Held, reference: np.ndarray | None) -> Estimate:
        """By how much the understood share of the second is larger."""
        if self.data.output.continuous:
            return self.gain(first, second)
        return paired_shares(reference, first.code, second.code, first.mask, self.data.groups).understood

    def righter(self, first: Held, second: Held) -> Estimate:
        """By how much the second is more often right where left out; R2; bits a token saved."""
        return self._pair(first, second, first.wrong, second.wrong).understood

    def _pair(self, first: Held, second: Held, a: np.ndarray, b: np.ndarray) -> BudgetShares:
        m = min(len(first), len(second))
        mask = first.mask[:m]
        if self.data.output.continuous:
            return paired_variance_shares(a[:m], b[:m], self._spread(mask), mask, self.data.groups)
        return paired_shares(np.ones(a.shape[1]), a[:m], b[:m], mask, self.data.groups)

    def _spread(self, mask: np.ndarray) -> np.ndarray:
        return self.data.output.deviations(self.data.train.y, mask)

    def reference(self, run: Run, control: np.ndarray | None) -> np.ndarray | None:
        """(n,) bits of each label without a model; None for values."""
        if self.data.output.continuous:
            return None
        run = run if control is None else run.of_rows(~control)
        coded = getattr(run.views["train"], self.data.output.coded)
        return self._lengths(coded, run.members.mask).reference_bits

    def means(self, held: Held) -> np.ndarray:
        """(n,) mean of the criterion over the members that did not see each example; NaN where all did."""
        found = side_means(held.code, held.mask)[1]
        if self.data.output.continuous:
            found = found / self._spread(held.mask)[sides(held.mask)[1]].mean()
        return found
