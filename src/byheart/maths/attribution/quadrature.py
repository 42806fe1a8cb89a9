"""Quadrature: where along a step is the gradient of a prediction taken, and with which weight?"""

from __future__ import annotations

from functools import lru_cache

from byheart.errors import UsageError

RULES = (0, 1, 2, 4)


@lru_cache(maxsize=64)
def points(gauss: int, halvings: int = 0) -> tuple[tuple[float, float], ...]:
    """At which parts u of a step, and with which weights, is the mean over the step taken?

    Gauss-Legendre rule of `gauss` points on each of 2^halvings equal pieces of 0 <= u <= 1: exact for polynomials in u
    of degree 2 gauss - 1, error proportional to the piece's length to the power 2 gauss for a smooth integrand, and to
    its length where a kink (ReLU) falls inside. `gauss` 0 is the left end alone, which is Domingos' continuous
    statement taken at the steps' starts.

    Args:
        gauss: 0, 1, 2 or 4 points a piece.
        halvings: how often the step is bisected.

    Returns:
        Pairs (u, weight); weights sum to 1.

    Raises:
        UsageError: another number of points.

    Cost: none; kept. Fails when: the integrand has kinks: see above.

    Reference: Golub and Welsch 1969, Calculation of Gauss quadrature rules.

    Example:
        >>> points(1), points(1, halvings=1)
        (((0.5, 1.0),), ((0.25, 0.5), (0.75, 0.5)))
    """
    if gauss not in RULES:
        raise UsageError(
            expected=f"gauss= as one of {', '.join(map(str, RULES[1:]))} points a step",
            came=repr(gauss),
            do="2 is enough for most runs, 4 for smooth networks to rounding.",
        )
    if gauss == 0:
        return ((0.0, 1.0),)
    from numpy.polynomial.legendre import leggauss

    nodes, weights = leggauss(gauss)
    pieces = 2**halvings
    return tuple(
        ((piece + (1 + float(x)) / 2) / pieces, float(w) / 2 / pieces)
        for piece in range(pieces)
        for x, w in zip(nodes, weights, strict=True)
    )
