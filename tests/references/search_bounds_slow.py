"""Slow twins of rows 25 to 36 of Jiang et al. 2020: from radius, weights and initial weights, weight by weight."""

import math


def flat(w):
    """All numbers of a list of arrays."""
    return [float(number) for one in w for number in one.reshape(-1)]


def square(numbers):
    return math.fsum(number * number for number in numbers)


def pacbayes(v, m, sigma, inside=0.05):
    return square(v) / (4 * sigma * sigma) + math.log(m / inside) + 10


def sharpness(v, m, alpha):
    return square(v) * math.log(2 * len(v)) / (4 * alpha * alpha) + math.log(m / 0.05) + 10


def magnitude(v, moved, m, radius, extra, inside=0.05):
    total = 0.0
    for one in moved:
        above = 1e-6 + (radius * radius + extra) * square(v) / len(v)
        total += math.log(above / (1e-6 + radius * radius * one * one))
    return total / 4 + math.log(m / inside) + 10


def rows(weights, initial, m, radii, delta=0.05):
    """Every row by name; `radii` by kind of search."""
    w = flat(weights)
    moved = [a - b for a, b in zip(w, flat(initial), strict=True)]
    box = 4 * math.log(2 * len(w) / delta)
    return {
        "pacbayes-init": pacbayes(moved, m, radii["sigma"]),
        "pacbayes-orig": pacbayes(w, m, radii["sigma"]),
        "sharpness-init": sharpness(moved, m, radii["alpha"]),
        "sharpness-orig": sharpness(w, m, radii["alpha"]),
        "pacbayes-flatness": 1 / radii["sigma"] ** 2,
        "sharpness-flatness": 1 / radii["alpha"] ** 2,
        "pacbayes-mag-init": magnitude(moved, moved, m, radii["sigma-mag"], 1),
        "pacbayes-mag-orig": magnitude(w, moved, m, radii["sigma-mag"], 1),
        "sharpness-mag-init": magnitude(moved, moved, m, radii["alpha-mag"], box),
        "sharpness-mag-orig": magnitude(w, moved, m, radii["alpha-mag"], box),
        "pacbayes-mag-flatness": 1 / radii["sigma-mag"] ** 2,
        "sharpness-mag-flatness": 1 / radii["alpha-mag"] ** 2,
    }


def published(weights, initial, m, radii):
    """As the code of Dziugaite et al. 2020 has them: log(m / sigma) in the place of log(m / delta)."""
    w = flat(weights)
    moved = [a - b for a, b in zip(w, flat(initial), strict=True)]
    sigma, relative = radii["sigma"], radii["sigma-mag"]
    return {
        "pacbayes-init": pacbayes(moved, m, sigma, sigma),
        "pacbayes-orig": pacbayes(w, m, sigma, sigma),
        "pacbayes-mag-init": magnitude(moved, moved, m, relative, 1, relative),
        "pacbayes-mag-orig": magnitude(w, moved, m, relative, 1, relative),
    }
