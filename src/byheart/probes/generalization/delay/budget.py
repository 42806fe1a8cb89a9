"""The bit budget over the steps of a training: what was memorised first turns into what is understood."""

from __future__ import annotations

import numpy as np

from byheart.maths.statistics.seen_unseen import side_columns
from byheart.probes.bank import Bank, Need
from byheart.records.facts import Axis, Curve

PLACES = 10  # checkpoints, spread evenly over the log grid: each takes four fits of a calibration


def budget_over(bank: Bank, need: Need, steps: np.ndarray) -> dict[str, Curve]:
    """Shares of the label bits understood, memorised and left at some of the steps; empty without a left-out side.

    With seen and unseen the mean code lengths of the two sides (`maths.codes.bank`): understood = 1 - unseen /
    reference, memorised = (unseen - seen) / reference, left = seen / reference.
    """
    counted = bank.of_rows(bank.counted)
    trail, members = counted[need].views["train"].trail, counted[need].members
    if trail is None or not (members.unseen.any(1) & members.seen.any(1)).all():
        return {}
    last = len(steps) - 1
    places = np.unique(np.linspace(1, last, min(PLACES, last)).round().astype(int))
    seen, unseen = np.array([_sides(counted, trail[c], members.seen[: trail.shape[1]]) for c in places]).T
    parts = {"understood": 1 - unseen, "memorised": unseen - seen, "left": seen}
    x, y = Axis(name="step", unit="steps"), Axis(name="share of the label bits", unit="share")
    return {part: Curve(x_axis=x, y_axis=y, x=steps[places], y=values) for part, values in parts.items()}


def _sides(bank: Bank, logits: np.ndarray, mask: np.ndarray) -> tuple[float, float]:
    """Code length where seen and where unseen, over the reference."""
    train = bank.data.train
    code = bank.data.output.lengths(logits, train.y, mask, ids=train.ids, groups=bank.groups, seed=bank.subject.seed)
    columns = np.stack([code.reference_bits, *side_columns(code.member_bits, mask, code.reference_bits)])
    whole, seen, unseen = columns[:, np.isfinite(columns).all(0)].sum(1)
    return float(seen / whole), float(unseen / whole)
