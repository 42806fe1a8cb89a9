"""Slow twins of the bounds: by the definition, on dense grids, sums and loops."""

import math

import numpy as np

GRID = np.linspace(0, 1, 200_001)


def kl(q, p):
    total = 0.0
    for a, b in ((q, p), (1 - q, 1 - p)):
        if a > 0:
            total += math.inf if b <= 0 else a * math.log(a / b)
    return total


def kl_inverse(q, nats):
    """The largest rate of a grid of steps of 5e-6 that lies near enough."""
    return max(p for p in GRID if p >= q and kl(q, p) <= nats)


def mcallester(risk, nats, n, delta):
    return risk + ((nats + math.log(1 / delta) + math.log(n)) / (2 * n - 1)) ** 0.5


def seeger(risk, nats, n, delta):
    return kl_inverse(risk, (nats + math.log(2 * n**0.5 / delta)) / n)


def catoni(risk, nats, n, delta):
    """The least over 20,000 parameters from 1 to 10,000 n."""
    best = 1.0
    for g in np.geomspace(1 + 1e-6, 1e4 * n, 20_000):
        paid = nats - math.log(delta) + 2 * math.log(2 + math.log(g) / math.log(1 + 1e-4))
        q = risk + (1 + 1e-4) / g * paid
        best = min(best, (1 - math.exp(-g / n * q)) / (1 - math.exp(-g / n)))
    return best


def maurer(n):
    """E exp(n kl(mean || p)) for n throws of a coin, at its largest over p: sum_k C(n, k) (k/n)^k (1 - k/n)^(n - k)."""
    return sum(math.comb(n, k) * (k / n) ** k * (1 - k / n) ** (n - k) for k in range(n + 1))


def binomial_bound(errors, n, delta):
    """The largest rate of a grid at which as few errors are not rarer than delta."""
    chance = np.zeros_like(GRID)
    for k in range(errors + 1):
        chance += math.comb(n, k) * GRID**k * (1 - GRID) ** (n - k)
    return GRID[chance >= delta].max()


def gaussian_kl(mean, deviation, centre, width):
    total = 0.0
    for w, s, c in zip(mean, deviation, centre):
        total += math.log(width / s) + (s**2 + (w - c) ** 2) / (2 * width**2) - 0.5
    return total
