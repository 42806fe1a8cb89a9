"""Where do models trained without a label predict another, of the audited recipe and of a baseline alike?"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from byheart.maths.codes.bank import bank_lengths
from byheart.maths.statistics.effective_sample_size import Estimate
from byheart.maths.statistics.intervals import budget_share_intervals
from byheart.maths.statistics.seen_unseen import side_means
from byheart.probes.base import Bank
from byheart.probes.baselines import TITLES, of_other_families
from byheart.training.run import Run

# Half a bit over a blind guess is clear of the noise of the calibration.
BITS = 0.5
# Near a boundary members disagree, and a few sure ones carry the mean; about a wrong label nearly all are of one mind.
AGREE = 0.9


class Bets(NamedTuple):
    """(n,) each: mean held-out bits, bits over the reference, and whether the models predict another label.

    Against it: they pay half a bit over the reference and predict another label. Where one class is frequent its label
    can cost that much although it is still the one they predict. `accuracy`: how often the models are right about
    labels they have not seen.
    """

    held_out: np.ndarray
    excess: np.ndarray
    against: np.ndarray
    accuracy: Estimate


def bets(bank: Bank, run: Run) -> Bets:
    """What members of a run that did not see an example pay for its label, calibrated by the pool of that side."""
    train, mask = bank.data.train, run.members.mask
    lengths = bank_lengths(
        run.views["train"].logits, train.y, mask, bank.subject.seed, ids=train.ids, groups=bank.groups, sides=(False,)
    )
    _, held_out = side_means(np.where(mask, 0.0, lengths.member_bits), mask)
    over = np.where(mask, 0.0, lengths.member_bits - lengths.reference_bits)
    wrong = ~run.views["train"].correct[-1]  # type: ignore[index]
    _, agree = side_means((over >= BITS) & wrong, mask)
    excess = held_out - lengths.reference_bits
    counted = bank.counted
    # errors in the place of code lengths, 1 in the place of the reference
    parts = budget_share_intervals(np.ones(counted.sum()), wrong[:, counted], mask[:, counted], bank.groups[counted])
    right = parts.understood
    low, high = np.clip((right.low, right.high), 0.0, 1.0).tolist()  # NaN stays
    return Bets(held_out, excess, (excess >= BITS) & (agree >= AGREE), right._replace(low=low, high=high))


def baseline_of(bank: Bank) -> tuple[str, Bets] | None:
    """The baseline of another family with the shortest held-out code, by its title, and its bets."""
    needs = {name: bank.subject.baseline(name) for name in of_other_families(bank.subject)}
    found = {TITLES[name]: bets(bank, bank[need]) for name, need in needs.items() if need in bank}
    if not found:
        return None
    title = min(found, key=lambda one: float(np.nanmean(found[one].held_out[bank.counted])))
    return title, found[title]
