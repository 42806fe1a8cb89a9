"""The two sides of a bank: members that saw an example, members that did not, and means over each."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from byheart.maths.shapes import Bool, Float, Shaped

# fewer members leave examples that none of them leaves out, or that all do: nothing is said of single examples then,
# and averages run over the pairs of member and example that there are
FEWEST_MEMBERS = 8


class BankCode(NamedTuple):
    """Code lengths in bits, (n,) each: without a model, with members that saw it, with the others."""

    reference_bits: np.ndarray
    in_bits: np.ndarray
    out_bits: np.ndarray


class BankLengths(NamedTuple):
    """Code lengths in bits: (n,) without a model, (m, n) of each member, calibrated by its side."""

    reference_bits: np.ndarray
    member_bits: np.ndarray


def sides(mask: Shaped[np.ndarray, "*shape"]) -> tuple[Bool[np.ndarray, "*shape"], Bool[np.ndarray, "*shape"]]:
    """Which members have seen each example, and which have not?

    Args:
        mask: True or 1 where the member saw the example, False or 0 where it did not, -1 where it counts for neither.

    Returns:
        seen and unseen, of the shape of `mask`.

    Raises:
        Nothing: the callers check their input.

    Cost: none. Fails when: nothing.

    Reference: none; the two sides of Feldman and Zhang 2020, section 3, and what lies between.

    >>> sides(np.array([True, False]))
    (array([ True, False]), array([False,  True]))
    >>> sides(np.array([1, 0, -1]))
    (array([ True, False, False]), array([False,  True, False]))
    """
    return mask == 1, mask == 0


def both_sides(mask: Shaped[np.ndarray, "m n"]) -> Bool[np.ndarray, " n"]:
    """Which examples have members that saw them and members that did not?

    Args:
        mask: (m, n) as `sides` reads it.

    Returns:
        (n,) True where there are both.

    Raises:
        Nothing: the callers check their input.

    Cost: O(m n). Fails when: nothing.

    Reference: Feldman and Zhang 2020, section 3.

    >>> both_sides(np.array([[True, True], [False, True]]))
    array([ True, False])
    """
    seen, unseen = sides(mask)
    return seen.any(0) & unseen.any(0)


def side_means(
    values: Shaped[np.ndarray, "m n"], mask: Shaped[np.ndarray, "m n"]
) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """What is the mean of `values` (m, n) over the members that saw each example, and over the others?

    Args:
        values: (m, n), any unit.
        mask: (m, n) as `sides` reads it.

    Returns:
        (n,) and (n,), NaN where a side has no member.

    Raises:
        Nothing: the callers check their input.

    Cost: O(m n). Fails when: values hold NaN.

    Reference: Feldman and Zhang 2020, section 3 (subset form).

    >>> side_means(np.array([[1.0, 4.0], [3.0, 6.0]]), np.array([[True, True], [False, True]]))
    (array([1., 5.]), array([ 3., nan]))
    """
    with np.errstate(invalid="ignore"):
        return tuple(np.where(side, values, 0.0).sum(0) / side.sum(0) for side in sides(mask))


def side_columns(
    values: Shaped[np.ndarray, "m n"],
    mask: Shaped[np.ndarray, "m n"],
    reference: Shaped[np.ndarray, " n"] | None = None,
) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """What does each example add to the mean of each side?

    With eight members or more the mean over the members of the side (`side_means`). With fewer every pair of member
    and example counts once: sum over members, times n over the number of pairs (times sum of the reference over its
    sum over the pairs), so that means of columns are means over pairs, and ratios of their sums to the sum of the
    reference are those of the pairs; single entries then say nothing of an example.

    Args:
        values: (m, n), any unit.
        mask: (m, n) as `sides` reads it.
        reference: (n,) what sums are to be compared with; 1 for each example if absent.

    Returns:
        (n,) and (n,); with eight members or more NaN where a side has no member, with fewer where it has no pair.

    Raises:
        Nothing: the callers check their input.

    Cost: O(m n). Fails when: values hold NaN.

    Reference: ratio of sums: Cochran 1977, "Sampling techniques", section 6.2.

    >>> side_columns(np.array([[1.0, 4.0], [3.0, 6.0]]), np.array([[True, True], [False, True]]))
    (array([0.66666667, 6.66666667]), array([6., 0.]))
    """
    if len(mask) >= FEWEST_MEMBERS:
        return side_means(values, mask)
    n = mask.shape[1]
    weight = np.ones(n) if reference is None else reference
    with np.errstate(invalid="ignore", divide="ignore"):
        return tuple(
            np.where(side, values, 0.0).sum(0) * (weight.sum() / (side.sum(0) @ weight)) for side in sides(mask)
        )
