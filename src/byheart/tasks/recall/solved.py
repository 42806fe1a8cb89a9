"""Solved: when is a task of recall called solved? By errors on sequences that the model has not been trained on."""

from __future__ import annotations

from typing import Literal

import numpy as np

from byheart.errors import InputRefused
from byheart.tasks.recall.versions import WITHIN

ERROR = 0.01  # squared error below which a task is solved, and mean error of the published criterion
FRESH = 1000  # new sequences, at least
LAST = 2000  # sequences of the published criterion
SAID = (
    f"mean squared error below {ERROR:g} on {FRESH:,} fresh sequences; hochreiter1997: mean error below {ERROR:g} and "
    f"the last {LAST:,} sequences all within {WITHIN:g}"
)


def solved(errors: np.ndarray, criterion: Literal["fresh", "hochreiter1997"] = "fresh") -> bool:
    """Is addition or multiplication solved, by its errors on sequences in the order they came?

    `fresh`: mean of e^2 below .01, chance being .04 to .17. `hochreiter1997`: mean of |e| below .01 over the last 2,000
    sequences, and every one of them within .04.

    Args:
        errors: (n,) what was given less the target.
        criterion: which of the two.

    Raises:
        InputRefused: fewer than 1,000 (2,000) errors: so few say nothing of the rare wrong ones.

    Reference: Hochreiter, Schmidhuber 1997, Long short-term memory, Neural Computation 9, section 5.4.

    Example:
        >>> solved(np.full(2000, 0.05)), solved(np.full(2000, 0.05), "hochreiter1997")
        (True, False)
    """
    needed = FRESH if criterion == "fresh" else LAST
    if np.ndim(errors) != 1 or len(errors) < needed or not np.isfinite(errors).all():
        raise InputRefused(
            expected=f"{needed:,} finite errors, one of each new sequence, for the criterion {criterion}",
            came=f"an array of shape {np.shape(errors)}",
            do="Test on more sequences (task.n_test).",
        )
    if criterion == "fresh":
        return bool(np.square(errors).mean() < ERROR)
    last = np.abs(errors[-LAST:])
    return bool(last.mean() < ERROR and last.max() < WITHIN)
