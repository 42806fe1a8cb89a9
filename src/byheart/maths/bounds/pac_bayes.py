"""How wrong can a stochastic network be on new examples? PAC-Bayes bounds: McAllester, Seeger and Maurer, Catoni.

All three hold with probability 1 - delta over the draw of the n examples, for every posterior Q at once: choosing Q by
looking at them costs nothing beyond KL(Q || P). The prior P must not have seen them. They speak of the mean risk of
networks drawn from Q, not of any one network.
"""

from __future__ import annotations

import math

import numpy as np

from byheart.errors import InputRefused
from byheart.maths.bounds.binary_kl import a_rate, kl_inverse, kl_inverse_below, not_negative

STEP = 1e-4  # of Catoni's grid of parameters, as Zhou et al. choose it


def mcallester(risk: float, kl_nats: float, n: int, delta: float = 0.05) -> float:
    r"""How large can the true risk be, by McAllester's bound?

    R <= risk + sqrt((KL + ln(1/delta) + ln n) / (2 n - 1)). A risk is at most 1, so the bound is cut there: at 1 it
    says nothing. Range risk to 1, share. Oracle and Rote: the bound at their own risk and KL.

    Args:
        risk: mean empirical risk of networks drawn from the posterior, 0 to 1.
        kl_nats: KL(posterior || prior), nats.
        n: examples that the prior has not seen.
        delta: the bound may fail in this share of draws.

    Returns:
        The bound, a share.

    Raises:
        InputRefused: a risk outside 0 to 1, negative KL, no examples, delta not between 0 and 1.

    Cost: none. Fails when: examples are not independent draws of one distribution, or the prior saw them.

    Reference: McAllester 1999, PAC-Bayesian model averaging, COLT, theorem 1.

    >>> round(mcallester(0.1, 10.0, 1000), 4)
    0.1998
    """
    checked(risk, kl_nats, n, delta)
    return min(1.0, risk + math.sqrt((kl_nats + math.log(1 / delta) + math.log(n)) / (2 * n - 1)))


def seeger(risk: float, kl_nats: float, n: int, delta: float = 0.05) -> float:
    r"""How large can the true risk be, by the inverted binary relative entropy?

    kl(risk || R) <= (KL + ln(2 sqrt(n) / delta)) / n, solved for the largest R: the tightest of the simple bounds,
    never above McAllester's. Range risk to 1, share; with risk 0 it is 1 - exp(-c), c the right-hand side.

    Args:
        risk: mean empirical risk of networks drawn from the posterior, 0 to 1.
        kl_nats: KL(posterior || prior), nats.
        n: examples that the prior has not seen.
        delta: the bound may fail in this share of draws.

    Returns:
        The bound, a share.

    Raises:
        InputRefused: as `mcallester`.

    Cost: none. Fails when: as `mcallester`.

    Reference: Maurer 2004, A note on the PAC Bayesian theorem, arXiv cs/0411099, theorem 5 (from 8 examples on; below
    that the constant 2 sqrt(n) holds by computing it); Langford and Seeger 2001, Bounds for averaging classifiers.

    >>> round(seeger(0.1, 10.0, 1000), 4), round(seeger(0.0, 10.0, 1000), 4)
    (0.1645, 0.017)
    """
    return kl_inverse(risk, _nats(risk, kl_nats, n, delta))


def seeger_below(risk: float, kl_nats: float, n: int, delta: float = 0.05) -> float:
    r"""How small can the true risk be, by the same inequality as `seeger`?

    The smallest R with kl(risk || R) <= (KL + ln(2 sqrt(n) / delta)) / n. It holds together with the upper end, at the
    same delta.

    Args:
        risk: as `seeger`.
        kl_nats: as `seeger`.
        n: as `seeger`.
        delta: as `seeger`, for both ends at once.

    Returns:
        The lower end, a share.

    Raises:
        InputRefused: as `seeger`.

    Cost: none. Fails when: as `seeger`. Reference: as `seeger`.

    >>> round(seeger_below(0.1, 10.0, 1000), 4)
    0.0536
    """
    return kl_inverse_below(risk, _nats(risk, kl_nats, n, delta))


def _nats(risk: float, kl_nats: float, n: int, delta: float) -> float:
    checked(risk, kl_nats, n, delta)
    return (kl_nats + math.log(2 * math.sqrt(n) / delta)) / n


def catoni(risk: float, kl_nats: float, n: int, delta: float = 0.05) -> float:
    r"""How large can the true risk be, by Catoni's bound with its parameter optimised?

    R <= inf_(g > 1) (1 - exp(-(g/n) q)) / (1 - exp(-g/n)),
    q = risk + ((1 + a)/g) (KL - ln delta + 2 ln(2 + ln g / ln(1 + a))), a = 1e-4: the last term pays for the choice of
    g. Cut at 1. Range risk to 1, share.

    Args:
        risk: mean empirical risk of networks drawn from the posterior, 0 to 1.
        kl_nats: KL(posterior || prior), nats.
        n: examples that the prior has not seen.
        delta: the bound may fail in this share of draws.

    Returns:
        The bound, a share. Every g gives a bound that holds, so what the search misses makes it looser, never wrong.

    Raises:
        InputRefused: as `mcallester`.

    Cost: two passes over 400 parameters. Fails when: as `mcallester`; with g = 1 alone tried it is far too loose.

    Reference: Catoni 2007, PAC-Bayesian supervised classification, theorem 1.2.6; with the grid of Zhou et al. 2019,
    Non-vacuous generalization bounds at the ImageNet scale, theorem 4.3.

    >>> seeger(0.1, 10.0, 1000) < catoni(0.1, 10.0, 1000) < mcallester(0.1, 10.0, 1000)
    True
    """
    checked(risk, kl_nats, n, delta)
    logs = np.linspace(1e-6, math.log(1e3 * n), 401)
    best = int(np.argmin(_catoni(logs, risk, kl_nats, n, delta)))
    near = np.linspace(logs[max(0, best - 1)], logs[min(400, best + 1)], 401)
    return min(1.0, float(_catoni(near, risk, kl_nats, n, delta).min()))


def _catoni(log_g: np.ndarray, risk: float, kl_nats: float, n: int, delta: float) -> np.ndarray:
    """Catoni's bound at each parameter exp(log_g)."""
    g = np.exp(log_g)
    price = kl_nats - math.log(delta) + 2 * np.log(2 + log_g / math.log1p(STEP))
    q = risk + (1 + STEP) / g * price
    return np.expm1(-g / n * q) / np.expm1(-g / n)


def checked(risk: float, kl_nats: float, n: int, delta: float) -> None:
    """Are these what a bound is made of?

    Raises:
        InputRefused: one of them is not.
    """
    a_rate(risk, "risk")
    not_negative(kl_nats)
    a_delta(delta)
    if n < 1:
        raise InputRefused("at least one example", str(n), "Give the number of examples that the prior has not seen.")


def a_delta(delta: float) -> float:
    """Is this a probability with which a bound may fail?

    Raises:
        InputRefused: it is not between 0 and 1.
    """
    if not 0 < delta < 1:
        raise InputRefused("delta between 0 and 1", str(delta), "Give 0.05 for a confidence of 95 %.")
    return float(delta)
