"""The two sides of a bank: members that saw an example, members that did not, and means over each."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from byheart.maths.shapes import Bool, Float, Shaped


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
