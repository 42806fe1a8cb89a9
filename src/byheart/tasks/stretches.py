"""Stretches: the parts of a series between its gaps, in even steps of time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from byheart.errors import InputRefused
from byheart.maths.orbits import leaked
from byheart.records.formatting import counted

EVEN = 0.2  # a step of time that differs from the usual one by more is uneven; months do by a tenth
GAP = 1.5  # usual steps of time, beyond which something lies between that is missing
UNEVEN_AT_MOST = 0.05  # of the steps
JUMPS_AT_MOST = 0.2  # of the steps
STILL, STILL_SHARE = 20, 0.05  # steps, and share of the series, that a channel must stand still for to be told of


def parted(moments: np.ndarray, values: np.ndarray, where: Sequence[str]) -> tuple[list[np.ndarray], list[str]]:
    """The stretches (t, d) without a gap, and a line a thing that a reader must know.

    Raises:
        InputRefused: times that do not grow, or that are uneven beside gaps.

    Example:
        >>> values = np.array([[0.0], [1.0], [np.nan], [3.0], [4.0]])
        >>> [one.ravel().tolist() for one in parted(np.arange(5.0), values, [""] * 5)[0]]
        [[0.0, 1.0], [3.0, 4.0]]
    """
    steps = np.diff(moments)
    if not np.isfinite(moments).all() or (steps <= 0).any():
        bad = (
            np.flatnonzero(~np.isfinite(moments)) if not np.isfinite(moments).all() else np.flatnonzero(steps <= 0) + 1
        )
        how = "missing" if not np.isfinite(moments).all() else "not after the one before it"
        raise InputRefused(
            expected="times that grow from row to row",
            came=f"one {how} {where[bad[0]]} ({len(bad):,} in all)",
            do="Sort the rows by time, and keep one row a moment.",
        )
    if np.isinf(values).any():
        raise InputRefused("finite numbers", f"infinity {where[np.isinf(values).any(1).argmax()]}", "Leave it empty.")
    usual = float(np.median(steps)) if len(steps) else 1.0
    jumps = steps > GAP * usual
    uneven = int((abs(steps / usual - 1) > EVEN)[~jumps].sum())
    if uneven > UNEVEN_AT_MOST * len(steps) or jumps.sum() > JUMPS_AT_MOST * len(steps):
        raise InputRefused(
            expected=f"evenly sampled times: steps within {EVEN:.0%} of the usual {usual:g}",
            came=f"{uneven:,} of {len(steps):,} that are not, and {counted(int(jumps.sum()), 'gap')}",
            do="Resample the series to even steps first.",
        )
    empty = np.isnan(values).any(1)
    ends = np.flatnonzero(np.diff(empty.astype(int)) | jumps) + 1
    pieces = np.split(np.arange(len(values)), ends)
    stretches = [values[piece] for piece in pieces if not empty[piece[0]]]
    said = []
    if len(stretches) > 1 or empty.any():
        parting, into = _parting(int(empty.sum()), int(jumps.sum())), counted(len(stretches), "stretch", "stretches")
        said.append(f"{parting} it into {into}; no window reaches over two")
    said += _still(values, empty, where)
    if uneven:
        differ = "differs" if uneven == 1 else "differ"
        said.append(f"{counted(uneven, 'step')} of time {differ} from the usual {usual:g} by more than {EVEN:.0%}")
    return stretches, said


def _parting(empty: int, jumps: int) -> str:
    """What parts the series, as the subject and the verb of a sentence."""
    rows = f"{counted(empty, 'row')} with an empty cell" if empty else ""
    leaps = f"{counted(jumps, 'jump')} in time" if jumps else ""
    return f"{' and '.join(filter(None, [rows, leaps]))} part{'s' * (empty + jumps == 1)}"


def _still(values: np.ndarray, empty: np.ndarray, where: Sequence[str]) -> list[str]:
    """A line if a channel does not move at all for long: a sensor that was stuck, or filled gaps."""
    longest = (0, 0)
    for channel in np.where(empty, np.nan, values.T):
        moved = np.flatnonzero(~(np.diff(channel) == 0)) + 1  # NaN is a move
        starts = np.concatenate([[0], moved])
        lengths = np.diff(np.append(starts, len(channel)))
        longest = max(longest, (int(lengths.max()), -int(starts[lengths.argmax()])))
    steps, at = longest[0], -longest[1]
    if steps < max(STILL, STILL_SHARE * len(values)):
        return []
    return [f"a channel stands still for {steps:,} steps, the first {where[at]}: is that measured, or filled in?"]


def copied(train: Sequence[np.ndarray], test: Sequence[np.ndarray]) -> list[str]:
    """A line if the test stretches hold stretches of the training ones: scores on them are none on new data."""
    if min(sum(map(len, train)), sum(map(len, test))) < 2:
        return []
    found = leaked(np.concatenate(train), np.concatenate(test))
    if not found.copied or found.precision == "exact":  # exact copies are no part of the test (`repeated_windows`)
        return []
    how = "" if found.precision == "exact" else f" ({found.precision})"
    all_of = sum(map(len, test))
    return [
        f"{found.steps:,} of the {all_of:,} steps held out stand in training too{how}, {found.longest:,} of them in a "
        "row: scores on them are none on new data"
    ]
