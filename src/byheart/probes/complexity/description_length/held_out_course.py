"""Was it better where left out before the end of training? Calibrated code and accuracy, or R2, paired by example."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from byheart.maths.statistics.resampling import around, bootstrap
from byheart.maths.statistics.seen_unseen import side_columns
from byheart.probes.base import Bank
from byheart.probes.complexity.description_length.baselines import Sides
from byheart.probes.intervals import BOOTSTRAP
from byheart.records.quantity import Quantity, Unit, interval_by
from byheart.training.run import Run


def held_out_course(bank: Bank, run: Run, course: Mapping[int, Sides], rng: np.random.Generator) -> dict[str, Quantity]:
    """The epoch of the shortest held-out code (for values the smallest error), and what is lost from there to the end.

    The code is calibrated, so it does not rise where probabilities alone become too sharp; the accuracy at the two
    epochs is beside it. For values the error in units of the variance is both: its rise is the fall of R2.
    """
    if not course:
        return {}
    epochs = sorted(course)
    every = np.stack([course[epoch][2] for epoch in epochs], 1)  # (n, c)
    rows = np.isfinite(every).all(1) & bank.counted
    every, copies, n = every[rows], bank.groups[rows], int(rows.sum())
    best = int(every.sum(0).argmin())
    drawn = bootstrap(np.column_stack([every, every[:, -1] - every[:, best]]), groups=copies, rng=rng)
    at = np.array(epochs)[drawn.sums[:, :-1].argmin(1)]
    output = bank.data.output
    name, unit = _MEASURED if output.continuous else _CODE

    def column(c: int, null: float) -> Quantity:
        values = every[:, -1] - every[:, best] if c == len(epochs) else every[:, c]
        return Quantity(
            value=float(values.mean()), unit=unit, null=null, n=n, better="low",
            **interval_by(BOOTSTRAP, drawn.mean(c) if drawn.known else None),
        )  # fmt: skip

    found = {
        "best_held_out_epoch": Quantity(
            value=float(epochs[best]), unit="epochs", null=float(epochs[-1]), n=n,
            **interval_by(BOOTSTRAP, around(float(epochs[best]), at) if drawn.known else None),
        ),
        name: column(len(epochs) - 1, float(course[epochs[-1]][0][rows].mean())),
        f"{name}_rise": column(len(epochs), 0.0),
    }  # fmt: skip
    if output.labelled:
        fall = (_accuracy(run, epochs[best]) - _accuracy(run, epochs[-1]))[rows]
        lost = bootstrap(fall, groups=copies, rng=rng)
        found["held_out_accuracy_fall"] = Quantity(
            value=float(fall.mean()), unit="points", null=0.0, n=n, better="low",
            **interval_by(BOOTSTRAP, lost.mean(0) if lost.known else None),
        )  # fmt: skip
    return found


_CODE: tuple[str, Unit] = ("held_out_code", "bits")
_MEASURED: tuple[str, Unit] = ("held_out_error", "r2")


def _accuracy(run: Run, epoch: int) -> np.ndarray:
    """(n,) held-out accuracy at an epoch."""
    right = run.views["train"].correct[run.checkpoints.index(epoch)]  # type: ignore[index]
    return side_columns(right.astype(np.float64), run.members.mask)[1]
