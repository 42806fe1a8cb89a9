"""How large is the error of a random network of one ReLU layer whose outer weights alone are fitted?"""

from __future__ import annotations

import math

from scipy.optimize import brentq, minimize_scalar

from byheart.maths.descent.ridgeless import not_negative, positive

# of ReLU on a standard normal number G: mu1 = E[G relu(G)], star = E relu^2 - (E relu)^2 - mu1^2
SLOPE_SQUARED = 0.25
STAR = 0.25 - 1 / (2 * math.pi)
ZETA = math.sqrt(SLOPE_SQUARED / STAR)


def random_features_risk(psi1: float, psi2: float, signal: float, noise: float, ridge: float = 0.0) -> float:
    r"""How large is the excess error of ReLU random features with N features, n examples and d inputs?

    x and t_a uniform on the sphere of radius sqrt(d), f(x) = sum_a w_a relu(t_a.x / sqrt(d)) over a = 1..N, the target
    linear, y = b.x / sqrt(d) |b|-normalised so that its variance is `signal`, plus noise; w minimises
    (1/n) |y - f|^2 + (N ridge / d) |w|^2. As N, n, d grow with psi1 = N/d, psi2 = n/d the error is

        signal B + noise V,   B = E1 / E0,  V = E2 / E0,

    polynomials in z = zeta and chi (below, in the code, as in the paper). chi = -q, where q > 0 solves
    u^2 q = (psi1 - g)(psi2 - g), g(q) = q + z^2 q / (1 + z^2 q), u^2 = psi1 psi2 ridge / mu_*^2: the paper's two
    equations for a1 and a2, whose product is q, in one. Without a ridge g(q) = min(psi1, psi2).

    Range 0 to infinity, unit of y squared. Infinite at psi1 = psi2 without a ridge. Oracle: 0. Rote, who says 0 of
    every new example: `signal`.

    Args:
        psi1: features per input, N/d.
        psi2: examples per input, n/d.
        signal: variance of the linear target, |b|^2.
        noise: variance of the noise.
        ridge: strength of the penalty.

    Returns:
        The excess error.

    Raises:
        InputRefused: a psi that is not above 0, a negative or infinite signal, noise or ridge.

    Cost: none without a ridge; a root by bisection with one. Fails when: d is small (below 50 or so), or N is within
    20 % of n: the limit is reached slowly there.

    Reference: Mei and Montanari 2022, The generalization error of random features regression: precise asymptotics and
    the double descent curve, Communications on Pure and Applied Mathematics 75, definition 1 and theorem 2 (ridge) and
    theorem 3 (ridgeless).

    >>> [round(random_features_risk(psi1, 3.0, 1.0, 0.2), 3) for psi1 in (1.5, 3.0, 9.0)]
    [0.82, inf, 0.265]
    """
    positive(psi1=psi1, psi2=psi2)
    not_negative(signal=signal, noise=noise, ridge=ridge)
    if ridge == 0 and psi1 == psi2:
        return math.inf
    bias, variance = _parts(psi1, psi2, -_product(psi1, psi2, ridge))
    return signal * bias + noise * variance


def optimal_random_features_ridge(psi1: float, psi2: float, signal: float, noise: float) -> float:
    """Which penalty makes ReLU random features best?

    The ridge with the least `random_features_risk`, found on a logarithmic scale from 1e-6 to 1e3. With it the error
    has no peak over psi1.

    Args:
        psi1: features per input.
        psi2: examples per input.
        signal: variance of the linear target.
        noise: variance of the noise.

    Returns:
        The penalty, as `random_features_risk` takes it.

    Raises:
        InputRefused: as there.

    Cost: some 40 evaluations. Fails when: the best penalty is smaller than 1e-6 (no noise, psi1 far above psi2).

    Reference: Mei and Montanari 2022, section 5; Nakkiran et al. 2020, arXiv 2003.01897.

    >>> round(optimal_random_features_ridge(3.0, 3.0, 1.0, 0.2), 3)
    0.046
    """
    positive(psi1=psi1, psi2=psi2)
    not_negative(signal=signal, noise=noise)
    found = minimize_scalar(
        lambda log: random_features_risk(psi1, psi2, signal, noise, math.exp(log)),
        bounds=(math.log(1e-6), math.log(1e3)), method="bounded", options={"xatol": 1e-6},
    )  # fmt: skip
    return math.exp(float(found.x))


def _product(psi1: float, psi2: float, ridge: float) -> float:
    """q = a1 a2, the positive root of u^2 q = (psi1 - g(q)) (psi2 - g(q)); what is left rises, what is right falls."""
    z2, least = ZETA**2, min(psi1, psi2)
    b = least * z2 - z2 - 1
    top = (b + math.hypot(b, 2 * ZETA * math.sqrt(least))) / (2 * z2)  # g(top) = least: the root without a ridge
    if ridge == 0:
        return top
    u2 = psi1 * psi2 * ridge / STAR

    def excess(q: float) -> float:
        g = q + z2 * q / (1 + z2 * q)
        return u2 * q - (psi1 - g) * (psi2 - g)

    return float(brentq(excess, 0.0, top, xtol=1e-15 * top, rtol=1e-14))


def _parts(psi1: float, psi2: float, chi: float) -> tuple[float, float]:
    """Bias per signal and variance per noise."""
    z2 = ZETA**2
    z4, z6, both = z2**2, z2**3, psi1 * psi2
    e0 = (
        -(chi**5) * z6 + 3 * chi**4 * z4 + (both - psi2 - psi1 + 1) * chi**3 * z6 - 2 * chi**3 * z4 - 3 * chi**3 * z2
        + (psi1 + psi2 - 3 * both + 1) * chi**2 * z4 + 2 * chi**2 * z2 + chi**2 + 3 * both * chi * z2 - both
    )  # fmt: skip
    e1 = psi2 * chi**3 * z4 - psi2 * chi**2 * z2 + both * chi * z2 - both
    e2 = (
        chi**5 * z6 - 3 * chi**4 * z4 + (psi1 - 1) * chi**3 * z6 + 2 * chi**3 * z4 + 3 * chi**3 * z2
        + (-psi1 - 1) * chi**2 * z4 - 2 * chi**2 * z2 - chi**2
    )  # fmt: skip
    return e1 / e0, e2 / e0
