"""Autocorrelation: how much does a row say of those after it?"""

from __future__ import annotations

from typing import Any

import numpy as np

from byheart.errors import InputRefused
from byheart.maths.shapes import Float, Given

RIDGE = 1e-3  # of the mean square of the features: enough to solve where columns repeat one another


def residuals(targets: Given[Any, "n c"], features: Given[Any, "n d"]) -> Float[np.ndarray, "n c"]:
    r"""What of the targets do the features leave over, linearly?

    e = y - [1, x] w, with w of least squares and a ridge of 0.001 of the mean square of the centred features.

    Args:
        targets: one column a quantity, or a class.
        features: (n, d); d may be 0.

    Returns:
        (n, c), in the units of the targets, of mean 0.

    Raises:
        InputRefused: other numbers of rows.

    Cost: O(n d^2). Fails when: what the features say is not linear; it stays in the residuals.

    Reference: Durbin and Watson 1950, Testing for serial correlation in least squares regression, section 1.

    Example:
        >>> x = np.arange(6.0)[:, None]
        >>> bool((abs(residuals(3 * x + 1, x)) < 0.01).all())
        True
    """
    y, x = np.asarray(targets, np.float64), np.asarray(features, np.float64)
    if y.ndim != 2 or x.ndim != 2 or len(x) != len(y):
        raise InputRefused("targets (n, c) and features (n, d)", f"{y.shape} and {x.shape}", "Give one row an example.")
    y = y - y.mean(0)
    if not x.shape[1]:
        return y
    x = x - x.mean(0)
    gram = x.T @ x
    gram[np.diag_indices_from(gram)] += RIDGE * max(np.trace(gram) / len(gram), 1e-12)
    return y - x @ np.linalg.solve(gram, x.T @ y)


def autocorrelation(values: Given[Any, "n c"], most: int = 1) -> Float[np.ndarray, " lags"]:
    r"""How much do rows at a distance of 0, 1, ..., `most` resemble one another?

    r_l = sum_i sum_c e_{i,c} e_{i+l,c} / sum_i sum_c e_{i,c}^2, of e centred: 1 at distance 0; of n rows in random
    order about -1/n, with a standard error of at most 1/sqrt(n); near 1 where neighbours are alike.

    Args:
        values: rows in their order.
        most: largest distance, less than n.

    Returns:
        (most + 1,), 1 at distance 0.

    Raises:
        InputRefused: no rows, nothing that varies, or a distance beyond them.

    Cost: O(n log n). Fails when: a few extreme rows carry the squares; give ranks.

    Reference: Box, Jenkins 1976, Time series analysis, equation 2.1.12.

    Example:
        >>> autocorrelation(np.array([[1.0], [-1.0], [1.0], [-1.0]])).tolist()
        [1.0, -0.75]
    """
    e = np.asarray(values, np.float64)
    e = e - e.mean(0, keepdims=True) if e.size else e
    if e.ndim != 2 or not 0 <= most < len(e) or not (e**2).sum():
        raise InputRefused(f"more than {most} rows (n, c) that vary", f"shape {e.shape}", "Look at more rows.")
    spectrum = np.abs(np.fft.rfft(e, 2 * len(e), axis=0)) ** 2
    products = np.fft.irfft(spectrum.sum(1), 2 * len(e))[: most + 1]
    return products / products[0]
