"""How many bits does each step of a series cost when a kernel machine predicts it from its last steps?"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.linalg import cholesky, solve_triangular
from scipy.spatial.distance import cdist
from scipy.special import logsumexp

from byheart.errors import InputRefused
from byheart.maths.lags.student_code import SMALLEST_VARIANCE, student_nats
from byheart.maths.shapes import Float

INVERSE_WIDTHS = (0.03, 0.1, 0.3, 1.0, 3.0)  # of the median squared distance of two windows
RIDGES = (1e-8, 1e-6, 1e-4, 1e-2, 1.0)  # variance of the noise over that of what the kernel says
LINEAR = 10.0  # variance of the linear part over that of the kernel
ROUNDING = 1e-13  # of the trace, added to the ridge: a factor needs it where windows are far apart
MIXED_FROM = 4  # step from which the settings are weighed: before it, there is no variance to code by


def kernel_code(
    windows: Float[np.ndarray, "n d"],
    targets: Float[np.ndarray, "n k"],
    learned: int,
    smallest: float = SMALLEST_VARIANCE,
) -> Float[np.ndarray, " r"]:
    r"""How many bits does each target cost after the first `learned`, each predicted from those before it alone?

    A Gaussian process of covariance s^2 (exp(-g |a - b|^2 / median) + 10 (1 + a.b / d) + r [a is b]), one per channel
    of the targets, s^2 estimated from the steps before. With K = L L' and z = L^-1 y, step t is predicted with error
    L_tt z_t and variance s_t^2 L_tt^2, so that one factor holds the predictions of all steps. The 25 settings of g and
    r are mixed: each weighs as much as the steps before were probable by it, so that nothing is chosen by later ones.

    Args:
        windows: (n, d) in time order; d = 0 is no window.
        targets: (n, k) in time order, in units of their standard deviation.
        learned: steps that are learned and not coded.
        smallest: variance; what is predicted better counts as predicted so well.

    Returns:
        (n - learned,) bits, summed over channels.

    Raises:
        InputRefused: not as many windows as targets, fewer than 5 steps learned, or none coded.

    Cost: 25 factors of n^3 / 3; 0.1 CPU s for 600 steps and a window. Fails when: the targets have heavy tails (the
    code is that of Gaussian noise); half of all windows are the same (the median is that of the others).

    Reference: Rasmussen and Williams 2006, Gaussian processes for machine learning, sections 2.2 and 5.4; the mixture
    as in Dawid 1984.

    >>> x = np.sin(np.arange(200.0) ** 2)[:, None]  # of no pattern
    >>> bool(kernel_code(x[:-1], x[1:] , 20).mean() > kernel_code(x[:-1, :0], x[1:], 20).mean() - 0.1)
    True
    """
    if len(windows) != len(targets) or not MIXED_FROM < learned < len(targets):
        raise InputRefused(
            expected=f"a target a window, and more than {MIXED_FROM} learned steps before others that are coded",
            came=f"{len(windows)} windows, {len(targets)} targets, learned={learned}",
            do="Give more steps.",
        )
    settings = [_one_setting(k, targets, smallest) for k in _covariances(windows)]
    nats = np.stack(settings)  # (settings, n, k)
    weighed = np.cumsum(-nats[:, MIXED_FROM:], 1)
    together = logsumexp(weighed, axis=0)
    each = -np.diff(together, axis=0, prepend=np.log(len(settings)))
    return each[learned - MIXED_FROM :].sum(1) / np.log(2)


def _covariances(windows: np.ndarray) -> Any:
    """Each of the settings; a window of no steps has one."""
    n, d = windows.shape
    if not d:
        yield LINEAR * np.ones((n, n)) + np.eye(n)
        return
    distance = cdist(windows, windows, "sqeuclidean")
    distance /= np.median(distance[distance > 0])  # of windows that are not the same: half of all may be
    linear = LINEAR * (1 + windows @ windows.T / d)
    for inverse_width in INVERSE_WIDTHS:
        kernel = np.exp(-inverse_width * distance) + linear
        for ridge in RIDGES:
            yield kernel + (ridge + ROUNDING * kernel.trace()) * np.eye(n)


def _one_setting(covariance: np.ndarray, y: np.ndarray, smallest: float) -> Float[np.ndarray, "n k"]:
    """Nats of each step by the steps before it."""
    lower = cholesky(covariance, lower=True, check_finite=False)
    z = solve_triangular(lower, y, lower=True, check_finite=False)
    spread = np.diag(lower)[:, None]
    freedom = np.maximum(np.arange(len(y)), 1)[:, None].astype(np.float64)
    before = np.concatenate([np.ones((1, y.shape[1])), np.cumsum(z**2, 0)[:-1]])
    scale = np.maximum(before / freedom * spread**2, smallest)
    return student_nats(spread * z, scale, freedom)
