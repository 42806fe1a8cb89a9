"""Power tail: does the upper end of a spectrum fall off as a power, and with which exponent?

p(lambda) ~ lambda^-alpha for lambda >= xmin. For a candidate xmin with n eigenvalues at or above it,

    alpha = 1 + n / sum log(lambda / xmin),  sigma = (alpha - 1) / sqrt(n),
    D = max_j |1 - (lambda_j / xmin)^(1 - alpha) - j / n|, j = 0 .. n - 1 ascending;

xmin is the candidate with the least D.

Reference: Clauset, Shalizi, Newman 2009, "Power-law distributions in empirical data", SIAM Review 51, equations
3.1, 3.2 and 3.9; Martin, Mahoney 2021, "Implicit self-regularization in deep neural networks", JMLR 22, section 4.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from byheart.errors import InputRefused
from byheart.maths.inputs import array
from byheart.maths.shapes import Float, Given

LEAST = 10  # eigenvalues without which no exponent is said
ENOUGH = 50  # eigenvalues that a fit with meaning asks for
ZERO = 1e-14  # of the largest: rounding of an eigenvalue that is zero
OVER, UNDER = 2.0, 6.0  # exponents below and above which Martin and Mahoney call a layer over- and under-trained


@dataclass(frozen=True)
class PowerLaw:
    """The power that the upper end of a spectrum falls off with.

    Attributes:
        alpha: the exponent of the density, above 1.
        xmin: the eigenvalue at which the tail begins.
        distance: Kolmogorov-Smirnov distance of the tail from the power law; 0 is equal.
        sigma: standard error of alpha, with xmin taken as known.
        tail: how many eigenvalues are at or above xmin.
        n: how many positive eigenvalues there are.
    """

    alpha: float
    xmin: float
    distance: float
    sigma: float
    tail: int
    n: int

    @property
    def few(self) -> bool:
        """Fewer than 50 eigenvalues: the exponent is of little meaning."""
        return self.n < ENOUGH

    @property
    def flag(self) -> str:
        """`over-trained` where alpha is below 2, `under-trained` above 6, else empty: words of Martin and Mahoney."""
        return "over-trained" if self.alpha < OVER else "under-trained" if self.alpha > UNDER else ""


def power_law(eigenvalues: Given[Any, " r"], least: int = LEAST) -> PowerLaw:
    r"""With which power does the upper end of this spectrum fall off?

    The formulas stand at the head of the file. alpha has no unit; xmin that of the eigenvalues. Scaling all of them
    moves xmin alone. The poles have no part in it: they have no weights.

    Args:
        eigenvalues: (r,) of W'W of a weight matrix W, in any order; those that are zero up to rounding are left out.
        least: eigenvalues without which no exponent is said.

    Returns:
        `PowerLaw`, with the standard error of alpha.

    Raises:
        InputRefused: NaN or infinity, negative eigenvalues, fewer than `least`, all of them equal.

    Cost: r^2 operations. Fails when: the tail is no power: an exponent is fitted to anything, which `distance` shows;
    below 50 eigenvalues (`few`); sigma leaves out that xmin was chosen.
    Reference: Clauset, Shalizi, Newman 2009, equations 3.1 and 3.9; Martin, Mahoney 2021, section 4 (titles at the head
    of the file).

    >>> found = power_law([2.0 ** (j / 4) for j in range(40)])
    >>> round(found.alpha, 2), found.tail, found.few
    (1.3, 40, True)
    """
    values = np.sort(array(eigenvalues, "eigenvalues", "r").astype(np.float64))
    top = float(values[-1]) if len(values) else 0.0
    if len(values) and values[0] < -1e-9 * abs(top):
        raise InputRefused(
            expected="eigenvalues of W'W, none of them negative", came=f"{values[0]:.3g}", do="Square singular values."
        )
    values = values[values > ZERO * top]
    if len(values) < max(least, 2):
        raise InputRefused(
            expected=f"at least {max(least, 2)} positive eigenvalues", came=str(len(values)),
            do="Leave this layer out, or lower least=.",
        )  # fmt: skip
    fits = [fit for start in range(len(values) - 1) if (fit := _fit(values[start:])) is not None]
    if not fits:
        raise InputRefused("eigenvalues that differ", f"{len(values)} equal ones", "No tail: leave this layer out.")
    alpha, xmin, distance, tail = min(fits, key=lambda fit: fit[2])
    return PowerLaw(alpha, xmin, distance, (alpha - 1) / tail**0.5, tail, len(values))


def _fit(tail: Float[np.ndarray, " r"]) -> tuple[float, float, float, int] | None:
    """(alpha, xmin, distance, n) of a tail, ascending; None where all of it is equal."""
    n, ratio = len(tail), tail / tail[0]
    logs = float(np.log(ratio).sum())
    if logs <= 0:
        return None
    alpha = 1 + n / logs
    distance = float(np.abs(1 - ratio ** (1 - alpha) - np.arange(n) / n).max())
    return alpha, float(tail[0]), distance, n
