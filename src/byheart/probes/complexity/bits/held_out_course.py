"""Was it better where left out before the end of training? Calibrated code and accuracy, or R2, paired by example."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from byheart.maths.statistics.effective_sample_size import TOO_FEW
from byheart.maths.statistics.ranks import bootstrap
from byheart.maths.statistics.resampling import around
from byheart.maths.statistics.seen_unseen import side_means
from byheart.probes.base import Bank
from byheart.probes.complexity.bits.standing import Sides
from byheart.records.quantity import Quantity, Unit
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
    which = "interval: bootstrap over examples (copies together)" if drawn.known else TOO_FEW
    at = np.array(epochs)[drawn.sums[:, :-1].argmin(1)]
    kind = bank.data.output.kind
    name, unit, what = _MEASURED.get(kind, _CODE)

    def column(c: int, null: float, how: str) -> Quantity:
        values = every[:, -1] - every[:, best] if c == len(epochs) else every[:, c]
        return Quantity(
            value=float(values.mean()), unit=unit, interval=tuple(drawn.mean(c)) if drawn.known else None, null=null,
            n=n, better="low", how=f"{how}; {which}; null: {null:.3g}",
        )  # fmt: skip

    found = {
        "best_held_out_epoch": Quantity(
            value=float(epochs[best]), unit="epochs",
            interval=tuple(around(float(epochs[best]), at)) if drawn.known else None, null=float(epochs[-1]), n=n,
            how=f"checkpoint of the smallest {what}; {which}; null: the end",
        ),
        name: column(
            len(epochs) - 1, float(course[epochs[-1]][0][rows].mean()),
            f"{what} at the end, of the members that kept their checkpoints",
        ),
        f"{name}_rise": column(len(epochs), 0.0, f"{what} at the end less its smallest over the checkpoints"),
    }  # fmt: skip
    if kind == "classes":
        fall = (_accuracy(run, epochs[best]) - _accuracy(run, epochs[-1]))[rows]
        lost = bootstrap(fall, groups=copies, rng=rng)
        found["held_out_accuracy_fall"] = Quantity(
            value=float(fall.mean()), unit="points", interval=tuple(lost.mean(0)) if lost.known else None, null=0.0,
            n=n, better="low", how="held-out accuracy at the epoch of the shortest code less that at the end, example "
            f"by example; {which}; null: 0",
        )  # fmt: skip
    return found


_CODE: tuple[str, Unit, str] = ("held_out_code", "bits", "calibrated held-out bits per example")
_MEASURED: dict[str, tuple[str, Unit, str]] = {
    "values": ("held_out_error", "r2", "held-out squared error in units of the variance"),
}


def _accuracy(run: Run, epoch: int) -> np.ndarray:
    """(n,) held-out accuracy at an epoch."""
    right = run.views["train"].correct[run.checkpoints.index(epoch)]  # type: ignore[index]
    return side_means(right.astype(np.float64), run.members.mask)[1]
