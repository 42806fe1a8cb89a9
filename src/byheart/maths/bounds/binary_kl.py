"""How far apart are two error rates, and how high can the true one be? The binary relative entropy and its inverses."""

from __future__ import annotations

import math

from byheart.errors import InputRefused


def binary_kl(q: float, p: float) -> float:
    r"""How many nats apart are an error rate q that was seen and a true one p?

    kl(q || p) = q ln(q / p) + (1 - q) ln((1 - q) / (1 - p)), with 0 ln 0 = 0. Range 0 (q = p) to infinity, nats.

    Args:
        q: the rate seen, 0 to 1.
        p: the true rate, 0 to 1.

    Returns:
        Nats; infinite where p is 0 or 1 and q is not.

    Raises:
        InputRefused: a rate outside 0 to 1.

    Cost: none. Fails when: never. Reference: Cover and Thomas 2006, Elements of Information Theory, equation 2.26.

    >>> binary_kl(0.5, 0.5), round(binary_kl(0.0, 0.5), 4), binary_kl(0.1, 0.0)
    (0.0, 0.6931, inf)
    """
    a_rate(q, "q")
    a_rate(p, "p")
    return max(0.0, _term(q, p) + _term(1 - q, 1 - p))


def _term(a: float, b: float) -> float:
    if a == 0:
        return 0.0
    return a * math.log(a / b) if b > 0 else math.inf


def kl_inverse(q: float, nats: float) -> float:
    r"""Which is the largest true rate p that lies within so many nats of the rate q that was seen?

    kl^-1(q | c) = max { p in [q, 1] : kl(q || p) <= c }, by bisection; what is returned is the upper end of the last
    bracket, so that rounding never lowers a bound. Range q (c = 0) to 1; with q = 0 it is 1 - exp(-c).

    Args:
        q: the rate seen, 0 to 1.
        nats: c, not negative; it may be infinite.

    Returns:
        The largest rate.

    Raises:
        InputRefused: a rate outside 0 to 1, or negative nats.

    Cost: about 60 halvings. Fails when: never. Reference: Seeger 2002, PAC-Bayesian generalisation error bounds for
    Gaussian process classification, Journal of Machine Learning Research 3, section 3.

    >>> round(kl_inverse(0.0, 0.5), 6), kl_inverse(0.2, 0.0)
    (0.393469, 0.2)
    """
    return _outermost(a_rate(q, "q"), 1.0, not_negative(nats))


def kl_inverse_below(q: float, nats: float) -> float:
    r"""Which is the smallest true rate p that lies within so many nats of the rate q that was seen?

    min { p in [0, q] : kl(q || p) <= c } = 1 - kl^-1(1 - q | c), rounded downwards.

    Args:
        q: the rate seen, 0 to 1.
        nats: c, not negative.

    Returns:
        The smallest rate.

    Raises:
        InputRefused: a rate outside 0 to 1, or negative nats.

    Cost: as `kl_inverse`. Fails when: never. Reference: as `kl_inverse`.

    >>> round(kl_inverse_below(1.0, 0.5), 6), kl_inverse_below(0.2, 0.0)
    (0.606531, 0.2)
    """
    return _outermost(a_rate(q, "q"), 0.0, not_negative(nats))


def _outermost(q: float, end: float, nats: float) -> float:
    """The first rate just too far from q, towards `end`, by bisection; `end` itself where that is near enough."""
    if nats == 0 or q == end:
        return q
    near, far = q, end
    if binary_kl(q, far) <= nats:
        return far
    while (middle := (near + far) / 2) not in (near, far):
        near, far = (middle, far) if binary_kl(q, middle) <= nats else (near, middle)
    return far


def a_rate(value: float, name: str) -> float:
    """Is this a rate from 0 to 1?

    Raises:
        InputRefused: it is not.
    """
    if not 0 <= value <= 1:
        raise InputRefused(f"{name} from 0 to 1", str(value), "Give an error rate as a share, not in per cent.")
    return float(value)


def not_negative(nats: float) -> float:
    """Is this a number of nats that there can be?

    Raises:
        InputRefused: it is negative or NaN.
    """
    if not nats >= 0:
        raise InputRefused("nats of 0 or more", str(nats), "Give a Kullback-Leibler divergence; bits times ln 2.")
    return float(nats)
