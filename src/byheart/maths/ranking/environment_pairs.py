"""Which pairs of runs form an environment, and how much does each count?"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np

from byheart.errors import InputRefused, unknown_name
from byheart.maths.inputs import array
from byheart.maths.ranking.configurations import groups, setting_codes, without
from byheart.maths.shapes import Float, Given, Int

Kind = Literal["configurations", "interventions", "auto"]
KINDS = ("configurations", "interventions", "auto")
LEAST_SIZE = 12.0  # effective pairs of runs in an environment that is kept
LEAST_WEIGHT = 0.5


class EnvironmentPairs(NamedTuple):
    """All pairs of runs that differ in one hyper-parameter alone (p,), their environments (e,), and the runs (r,).

    Attributes:
        first: one run of each pair.
        second: the other.
        environment: which it belongs to.
        weight: how much it counts.
        gap_sign: the sign of g_first - g_second.
        setting: (e,) which hyper-parameter is changed.
        total: (e,) sum of weights.
        size: (e,) effective pairs.
        kept: the environments of at least 12 effective pairs.
        unit: (r,) the configuration of each run.
    """

    first: np.ndarray
    second: np.ndarray
    environment: np.ndarray
    weight: np.ndarray
    gap_sign: np.ndarray
    setting: np.ndarray
    total: np.ndarray
    size: np.ndarray
    kept: np.ndarray
    unit: np.ndarray

    def wrong(self, measure: np.ndarray) -> np.ndarray:
        """(p,) the loss of each pair: 0 right, 1 wrong, 0.5 a tie."""
        return (1 - np.sign(measure[self.first] - measure[self.second]) * self.gap_sign) / 2

    def losses(self, measure: np.ndarray) -> np.ndarray:
        """The weighted loss of each environment that is kept."""
        sums = np.bincount(self.environment, self.weight * self.wrong(measure), minlength=len(self.total))
        return sums[self.kept] / self.total[self.kept]


def environment_pairs(
    gap: Given[Any, " r"], settings: Given[Any, "r h"], test_size: int, of: Kind = "auto"
) -> EnvironmentPairs:
    r"""Which pairs of runs form an environment, and how much does each count?

    They follow from gaps and settings alone, so all measures share them; see `sign_error` for what they are.

    Args:
        gap: (r,) the generalisation gap of each run, a difference of shares.
        settings: (r, h) hyper-parameters.
        test_size: test examples that each gap was measured on.
        of: `configurations`, `interventions` or `auto`.

    Returns:
        The pairs and their environments.

    Raises:
        InputRefused: NaN, infinity, no or missing hyper-parameters, gaps beyond -1 to 1, no test examples.
        UnknownName: another kind of environment.

    Cost: the pairs of runs that differ in one hyper-parameter. Fails when: as `sign_error`.

    Reference: Dziugaite et al. 2020, "In search of robust measures of generalization", and the code beside it.

    >>> environment_pairs([0.1] * 4 + [0.3] * 4, [[0]] * 4 + [[1]] * 4, 10_000).size
    array([16.])
    """
    gap = array(gap, "gap", "r").astype(float)
    if of not in KINDS:
        raise unknown_name("kind of environment", str(of), KINDS)
    if np.abs(gap).max(initial=0.0) > 1:
        raise InputRefused(
            expected="gaps that are differences of shares, from -1 to 1, whose errors Hoeffding's inequality bounds",
            came=f"{gap[np.abs(gap).argmax()]:g}",
            do="Divide percentages by 100; for a gap of losses leave the sign-errors out.",
        )
    if test_size < 1:
        raise InputRefused("the number of test examples behind each gap", f"{test_size}", "Give at least 1.")
    codes = setting_codes(settings, len(gap))
    unit = groups(codes)
    if of == "auto":
        of = "configurations" if np.bincount(unit).max() > 1 else "interventions"
    setting, first, second, environment = _pairs(codes, of)
    weight = certain(gap[first] - gap[second], test_size)
    total, squares = np.bincount(environment, weight), np.bincount(environment, weight**2)
    size = np.divide(total**2, squares, out=np.zeros_like(total), where=squares > 0)
    kept = np.flatnonzero((size > LEAST_SIZE) | np.isclose(size, LEAST_SIZE))
    which = setting[np.unique(environment, return_index=True)[1]]
    sign = np.sign(gap[first] - gap[second])
    return EnvironmentPairs(first, second, environment, weight, sign, which, total, size, kept, unit)


def certain(difference: Float[np.ndarray, " p"], test_size: int) -> Float[np.ndarray, " p"]:
    r"""How much does a pair of runs count whose gaps differ by so much?

    w = max(0, v - 0.5), v = max(0, 1 - 2 exp(-2 n (|dg|/2)^2))^2. Range [0, 0.5]: 0 where the difference may be chance.

    Args:
        difference: (p,) of two gaps.
        test_size: test examples n behind each gap.

    Returns:
        (p,) weights.

    Cost: none. Raises: nothing. Fails when: both gaps were measured on the same test examples, whose errors are shared:
    the weights are then smaller than they need be.

    Reference: Dziugaite et al. 2020, the code beside the paper; Hoeffding 1963, theorem 1.

    >>> certain(np.array([0.0, 0.02, 0.5]), 10_000).round(4)
    array([0.    , 0.0319, 0.5   ])
    """
    by_chance = 2 * np.exp(-2 * test_size * (np.abs(difference) / 2) ** 2)
    return np.maximum(0.0, np.maximum(0.0, 1 - by_chance) ** 2 - LEAST_WEIGHT)


def _pairs(codes: Int[np.ndarray, "r h"], of: Kind) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """All pairs of runs that differ in one setting alone: which setting, the two runs, their environment; all (p,)."""
    found = []
    for place in range(codes.shape[1]):
        cell, value = groups(without(codes, place)), codes[:, place]
        order = np.lexsort((value, cell))
        for runs in np.split(order, np.flatnonzero(np.diff(cell[order])) + 1):
            first, second = np.triu_indices(len(runs), 1)
            first, second = runs[first], runs[second]
            apart = value[first] != value[second]
            first, second = first[apart], second[apart]
            if not len(first):
                continue
            # the two values, and for pairs of configurations the others too
            key = np.stack([value[first], value[second], *([cell[first]] if of == "configurations" else [])], 1)
            found.append((np.full(len(first), place), first, second, key))
    if not found:
        return (np.zeros(0, np.int64),) * 4
    setting, first, second = (np.concatenate(column) for column in list(zip(*found))[:3])
    key = np.concatenate([one[3] for one in found])
    return setting, first, second, groups(np.column_stack([setting, key]))
