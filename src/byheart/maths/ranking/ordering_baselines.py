"""What do orders that are no measure score: the gap itself with noise, the hyper-parameters by hand, and chance?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from byheart.errors import InputRefused
from byheart.maths.inputs import array
from byheart.maths.ranking.configurations import setting_codes
from byheart.maths.shapes import Float, Given

# whether a larger value is expected to widen the gap (1) or to narrow it (-1), by words of its name
EXPECTED = {
    "lr": -1, "learning": -1, "rate": -1, "batch": 1, "dropout": -1, "decay": -1, "width": -1, "hidden": -1, 
    "depth": -1, "layers": -1, "n": -1, "size": -1, "flip": 1, "noise": 1,
}  # fmt: skip


def expected_direction(name: str) -> int:
    """Is a larger value of this hyper-parameter expected to widen the gap (1), to narrow it (-1), or is nothing?

    By the words of its name, for usual names: larger learning rates, dropout, weight decay, width, depth and training
    sets should narrow it, larger batches and more label noise widen it. What practice expects, not what is true.

    Example:
        >>> [expected_direction(name) for name in ("learner.batch", "model_width", "weight-decay", "seed")]
        [1, -1, -1, 0]
    """
    words = [word for part in name.lower().split(".") for word in part.replace("-", "_").split("_")]
    return next((EXPECTED[word] for word in words if word in EXPECTED), 0)


def oracle(gap: Given[Any, " r"], noise: float, rng: np.random.Generator) -> Float[np.ndarray, " r"]:
    r"""What would a measure be worth that knew the gap but for an error?

    mu = g + N(0, noise^2), in the unit of the gap: 0.02 and 0.05 are usual for gaps of accuracy. The upper pole of
    every score of a ranking; with noise 0 it is the gap.

    Args:
        gap: (r,) the generalisation gap of each run.
        noise: standard deviation.
        rng: the source of the errors.

    Returns:
        (r,) the measure.

    Raises:
        InputRefused: NaN, infinity, a negative deviation.

    Cost: none. Fails when: gaps differ by less than the noise: the oracle is then no better than chance.

    Reference: Jiang et al. 2020, "Fantastic generalization measures", its baselines.

    >>> oracle([0.1, 0.2], 0.0, np.random.default_rng(0))
    array([0.1, 0.2])
    """
    gap = array(gap, "gap", "r").astype(float)
    if not noise >= 0:
        raise InputRefused("a standard deviation of at least 0", f"{noise}", "Give 0.02 for two points of accuracy.")
    return gap + noise * rng.normal(size=len(gap))


def canonical_ordering(settings: Given[Any, "r h"], directions: Sequence[float]) -> Float[np.ndarray, " r"]:
    r"""What do the hyper-parameters predict, by what practice expects of each?

    mu = sum over hyper-parameters of direction * (rank of the value) / (its values - 1), ranks from 0: +1 where a
    larger value should widen the gap, -1 where it should narrow it, 0 where nothing is expected. Range [-h, h]. Along
    one hyper-parameter it is that order alone, so its psi says how far practice is right here. Neither pole.

    Args:
        settings: (r, h) hyper-parameters, numbers or words.
        directions: (h,) what is expected of each.

    Returns:
        (r,) the measure.

    Raises:
        InputRefused: no or missing hyper-parameters, another number of directions.

    Cost: none. Fails when: hyper-parameters interact, as a sum of ranks does not.

    Reference: Jiang et al. 2020, "Fantastic generalization measures": "canonical ordering"; how the
    hyper-parameters are put together is ours.

    >>> canonical_ordering([[0.1, 32], [0.1, 64], [0.2, 32]], [-1, 1])
    array([ 0.,  1., -1.])
    """
    codes = setting_codes(settings, len(np.asarray(settings)))
    if len(directions) != codes.shape[1]:
        raise InputRefused(f"{codes.shape[1]} directions", f"{len(directions)}", "Give one for each hyper-parameter.")
    steps = codes / np.maximum(codes.max(0), 1)
    return steps @ np.asarray(directions, float) + 0.0


def random_ordering(runs: int, rng: np.random.Generator) -> Float[np.ndarray, " r"]:
    r"""What does an order by chance score?

    mu = N(0, 1), independent of everything: tau and Psi 0 and sign-errors 0.5 on average, information above 0 by as
    much as its estimate is too large. The lower pole.

    Args:
        runs: how many.
        rng: the source.

    Returns:
        (r,) the measure.

    Raises:
        InputRefused: fewer than one run.

    Cost: none. Fails when: one draw is taken for the whole of chance: take many.

    Reference: Jiang et al. 2020, "Fantastic generalization measures", its baselines.

    >>> random_ordering(3, np.random.default_rng(0)).shape
    (3,)
    """
    if runs < 1:
        raise InputRefused("at least one run", f"{runs}", "Give the number of runs.")
    return rng.normal(size=runs)
