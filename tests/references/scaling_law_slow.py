"""Slow twin of the scaling law: squares minimised by search, and the ends from every corner of the box of intervals."""

import itertools

import numpy as np
from scipy.optimize import least_squares


def line(x, y, weights):
    """log a and b of y = a x^b."""

    def residuals(of):
        return np.sqrt(weights) * (np.log(y) - of[0] - of[1] * np.log(x))

    return least_squares(residuals, (0.0, 0.0), xtol=1e-14, ftol=1e-14, gtol=1e-14).x


def law(x, y, low, high, at):
    """(value, low, high) of the exponent, of the law at the geometric mean, and at one more size."""
    weights = 1 / np.log(high / low) ** 2
    weights /= weights.max()
    center = np.exp(np.log(x).mean())

    def told(values):
        a, b = line(x, values, weights)
        return b, np.exp(a + b * np.log(center)), np.exp(a + b * np.log(at))

    corners = np.array([told(np.where(corner, high, low)) for corner in itertools.product((0, 1), repeat=len(x))])
    return np.stack([told(y), corners.min(0), corners.max(0)], 1)
