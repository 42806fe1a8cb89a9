"""Slow twins of the searches: models whose weights are overwritten, noise by noise, example by example."""

import copy

import numpy as np
import torch
from scipy.stats import norm


def right(model, x, y):
    """Share of examples that are right, one at a time."""
    with torch.no_grad():
        return np.mean([int(model(one[None])[0].argmax()) == int(label) for one, label in zip(x, y, strict=True)])


def lost_to_noise(model, x, y, noise, deviation, s, biases=False):
    """Mean accuracy lost over `noise`, a list of one array for each weight tensor, biases only if asked for."""
    lost = []
    for draw in noise:
        moved = copy.deepcopy(model)
        weights = [p for name, p in moved.named_parameters() if biases or not name.endswith("bias")]
        with torch.no_grad():
            for p, z in zip(weights, draw, strict=True):
                p.add_(torch.as_tensor(deviation(p.numpy(), s) * z))
        lost.append(right(model, x, y) - right(moved, x, y))
    return np.mean(lost)


def bisected(lost, most, largest, halvings, tolerance):
    """The last radius at which no more than `most` is lost, by halving [0, largest]."""
    low, high = 0.0, largest
    for _ in range(halvings):
        middle = (low + high) / 2
        low, high = (low, middle) if lost(middle) > most else (middle, high)
        if high - low <= tolerance * high:
            break
    return low


def noise_of_linear(w, x, y, variances):
    """Exact expected accuracy of a linear classifier of two classes, each weight with noise of its own variance.

    The margin of x is Gaussian, with variance sum_j x_j^2 (v_0j + v_1j).
    """
    side = np.where(np.asarray(y) == 0, 1.0, -1.0)
    margin = side * (x @ (w[0] - w[1]))
    return float(np.mean(norm.cdf(margin / np.sqrt((x**2) @ variances.sum(0)))))


def box_of_one_direction(w, direction, sides):
    """Whether a box flips a linear classifier of two classes on +-t direction: its margin less the worst of the box."""
    margin = direction @ (w[0] - w[1])
    return margin - np.abs(direction) @ sides.sum(0) < 0
