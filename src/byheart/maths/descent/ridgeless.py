"""How large is the error of least squares with p features and n examples? The peak at p = n, and the ridge without."""

from __future__ import annotations

import math

from byheart.errors import InputRefused


def ridgeless_risk(n: int, p: int, signal: float, noise: float) -> float:
    r"""How large is the excess error of smallest-norm least squares with p features and n examples?

    Rows x ~ N(0, I_p), y = x.b + e, bhat the solution of smallest norm; exact at finite size, E |bhat - b|^2:

        p < n - 1:   noise p / (n - p - 1)
        p > n + 1:   signal (1 - n/p) + noise n / (p - n - 1)

    and infinite where p is n - 1, n or n + 1: the inverse of a Wishart matrix has no mean there. Without noise the
    variance is absent and the first term alone is left, 0 up to p = n.

    Range 0 to infinity, unit of y squared. Oracle, who knows b: 0. Rote, who says 0 of every new example: `signal`.

    Args:
        n: examples.
        p: features, all of them in the model.
        signal: |b|^2.
        noise: variance of e.

    Returns:
        The excess error (what e adds to a new example is left out); `inf` at the peak.

    Raises:
        InputRefused: no examples or features, a negative or infinite signal or noise.

    Cost: none. Fails when: the rows are not Gaussian or their columns differ in scale or depend on each other.

    Reference: Hastie, Montanari, Rosset, Tibshirani 2022, Surprises in high-dimensional ridgeless least squares
    interpolation, Annals of Statistics 50, theorem 1 and section 3 (there as n and p grow; here the exact mean of the
    inverse Wishart matrix of finite size).

    >>> ridgeless_risk(200, 100, 5.0, 1.0), ridgeless_risk(200, 400, 5.0, 1.0), ridgeless_risk(200, 201, 5.0, 1.0)
    (1.0101010101010102, 3.5050251256281406, inf)
    """
    positive(n=n, p=p)
    not_negative(signal=signal, noise=noise)
    bias = signal * (1 - n / p) if p > n else 0.0
    if noise == 0:
        return bias
    if abs(p - n) <= 1:
        return math.inf
    return bias + noise * min(n, p) / (abs(p - n) - 1)


def ridge_risk(gamma: float, signal: float, noise: float, ridge: float) -> float:
    r"""How large is the excess error of ridge regression as examples and features grow at a fixed ratio?

    Rows x ~ N(0, I_p), p / n -> gamma, bhat = argmin (1/n) |y - X b|^2 + ridge |b|^2. With m the Stieltjes transform
    of the Marchenko-Pastur law at -ridge and m' its derivative there,

        risk = signal ridge^2 m' + noise gamma (m - ridge m'),   m = (S - (1 - gamma + ridge)) / (2 gamma ridge),
        S = sqrt((1 - gamma + ridge)^2 + 4 gamma ridge)

    As ridge goes to 0 it is the limit of `ridgeless_risk`; as ridge or gamma goes to infinity, `signal`.

    Args:
        gamma: features per example.
        signal: |b|^2.
        noise: variance of the noise.
        ridge: strength of the penalty beside the mean squared error; n times as much beside the sum.

    Returns:
        The excess error, unit of y squared.

    Raises:
        InputRefused: a gamma or ridge that is not above 0, a negative signal or noise.

    Cost: none. Fails when: n is small (below 100 or so) and gamma near 1.

    Reference: Hastie et al. 2022, theorem 5 and corollary 5; Dobriban and Wager 2018, High-dimensional asymptotics of
    prediction, theorem 2.1.

    >>> round(ridge_risk(2.0, 5.0, 1.0, 1e-9), 4), round(ridge_risk(1.0, 5.0, 1.0, 0.2), 4)
    (3.5, 1.7913)
    """
    positive(gamma=gamma, ridge=ridge)
    not_negative(signal=signal, noise=noise)
    a = 1 - gamma + ridge
    root = math.hypot(a, 2 * math.sqrt(gamma * ridge))
    # (root - a) / (2 gamma ridge), without the difference of two equal numbers where a > 0
    m = 2 / (root + a) if a > 0 else (root - a) / (2 * gamma * ridge)
    # gamma z m^2 - (1 - gamma - z) m + 1 = 0 at z = -ridge, differentiated
    slope = m * (1 + gamma * m) / root
    return signal * ridge**2 * slope + noise * gamma * (m - ridge * slope)


def optimal_ridge(gamma: float, signal: float, noise: float) -> float:
    """Which penalty makes ridge regression best?

    ridge = gamma noise / signal, beside the mean squared error; p noise / signal beside the sum. It is the posterior
    mean under b ~ N(0, signal/p I), so no linear method does better. With it the error has no peak over gamma.

    Args:
        gamma: features per example.
        signal: |b|^2.
        noise: variance of the noise.

    Returns:
        The penalty, in the unit of the squared inputs.

    Raises:
        InputRefused: a gamma or signal that is not above 0, a negative noise.

    Cost: none. Fails when: b lies along few directions, or columns differ in scale.

    Reference: Hastie et al. 2022, corollary 6; Nakkiran, Venkat, Kakade, Ma 2020, Optimal regularization can mitigate
    double descent, arXiv 2003.01897, theorem 1.

    >>> optimal_ridge(1.0, 5.0, 1.0)
    0.2
    """
    positive(gamma=gamma, signal=signal)
    not_negative(noise=noise)
    return gamma * noise / signal


def positive(**numbers: float) -> None:
    """Are these numbers finite and above 0?

    Raises:
        InputRefused: one is not; it is named.
    """
    for name, value in numbers.items():
        if not (math.isfinite(value) and value > 0):
            raise InputRefused(f"a finite {name} above 0", f"{name} = {value}", f"Check {name}.")


def not_negative(**numbers: float) -> None:
    """Are these numbers finite and at least 0?

    Raises:
        InputRefused: one is not; it is named.
    """
    for name, value in numbers.items():
        if not (math.isfinite(value) and value >= 0):
            raise InputRefused(f"a finite {name} of at least 0", f"{name} = {value}", f"Check {name}.")
