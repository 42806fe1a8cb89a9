"""Worlds of values. Every parameter is drawn from the seed; the truth is derived in the docstrings."""

from __future__ import annotations

import numpy as np

from byheart.learners.estimator import Estimator
from byheart.learners.neighbours import Neighbours
from byheart.seeds import stream
from byheart.tasks.arrays import Arrays
from byheart.testing.worlds.base import Bounds, Draw, near
from byheart.testing.worlds.lookup import cells

NEW = 120
DEFINITION = 0.01  # a mean over n or n - 1, over the training set or the subset: R2 is defined in several ways


def shares(seen: float, left_out: float) -> dict[str, Bounds]:
    """Every quantity that follows from R2 where seen and where left out."""
    gap = seen - left_out
    exact = {
        "train_r2": seen, "held_out_r2": left_out, "test_r2": left_out, "gap": gap,
        "understood_share": left_out, "memorised_share_of_variance": gap, "left_share": 1 - seen,
    }  # fmt: skip
    return {name: near(value, DEFINITION) for name, value in exact.items()}


def least_squares_r2(n: int, d: int, signal: float, noise: float, share: float = 0.7) -> tuple[float, float]:
    """R2 of least squares with an intercept on d Gaussian columns, where seen and where left out; s rows are seen.

        seen:     E r^2 = noise (s - d - 1) / s                        over Var(y) (s - 1) / s
        left out: E r^2 = noise (1 + 1 / s) (s - 2) / (s - d - 2)      over Var(y) (1 + 1 / s)

    with Var(y) = signal + noise, by the mean of an inverse Wishart matrix.
    """
    s, part = round(share * n), noise / (signal + noise)
    return 1 - part * (s - d - 1) / (s - 1), 1 - part * (s - 2) / (s - d - 2)


def regression(rng: np.random.Generator, n: int, step: float = 0.0) -> Draw:
    """y = w.x + noise, |w| = 1, Gaussian, by least squares; rounding to a step adds step^2 / 12 to the noise."""
    d, sigma = int(rng.integers(3, 7)), rng.uniform(0.5, 1.5)
    weights = rng.normal(size=d)
    weights *= 1 / np.linalg.norm(weights)
    x, new = rng.normal(size=(n, d)), rng.normal(size=(NEW, d))
    y, y_new = (rows @ weights + sigma * rng.normal(size=len(rows)) for rows in (x, new))
    if step:
        y, y_new = step * np.round(y / step), step * np.round(y_new / step)
    noise = sigma**2 + step**2 / 12
    truth = shares(*least_squares_r2(n, d, 1.0, noise)) | _bits_per_value(n, d, noise)
    return Draw(Arrays.of(x, y, new, y_new, task="values"), Estimator(cls="LinearRegression"), truth)


def _bits_per_value(n: int, d: int, noise: float, share: float = 0.7) -> dict[str, Bounds]:
    """Half the binary logarithm of variance over squared error, each side under its best slope.

    Where left out the prediction is the signal (variance 1) and an error of its own, of variance
    e = noise ((1 + 1 / s) (s - 2) / (s - d - 2) - 1); the best slope 1 / (1 + e) leaves noise + e / (1 + e). Where seen
    least squares has its slope already. Two fitted parameters cost 2 / n nats (Akaike); the bounds allow twice that.
    """
    s = round(share * n)
    own = noise * ((1 + 1 / s) * (s - 2) / (s - d - 2) - 1)
    out, inside = noise + own / (1 + own), noise * (s - d - 1) / s
    cost = 4 * np.log2(np.e) / n
    return {
        "understood_bits_per_value": near(0.5 * np.log2((1 + noise) * (1 + 1 / s) / out), cost),
        "memorised_bits_per_value": near(0.5 * np.log2(out / inside), cost),
    }


def gaussian(seed: int) -> Draw:
    """Gaussian values by least squares."""
    return regression(stream(seed, "gaussian"), 150)


def rounded(seed: int) -> Draw:
    """The same, rounded to a step that is drawn: no share depends on it."""
    rng = stream(seed, "rounded")
    return regression(rng, 150, float(rng.choice([0.5, 0.1, 0.01])))


def lognormal(seed: int) -> Draw:
    """y = exp(level of the cell + noise), by the nearest neighbour: another draw of the same cell, or itself.

    With V_c the variance within cell c, E (y - y')^2 = 2 V_c where left out and 0 where seen; Var(y) is the mean of
    V_c and the variance of the cells' means.
    """
    rng = stream(seed, "lognormal")
    level, sigma = rng.permutation(np.linspace(0, 2, 8)) * rng.uniform(0.5, 1.0), rng.uniform(0.3, 0.8)
    (x, cell), (new, other) = cells(rng, 240), cells(rng, NEW)
    y, y_new = (np.exp(level[c] + sigma * rng.normal(size=len(c))) for c in (cell, other))
    means = np.exp(level + sigma**2 / 2)
    within = float((means**2 * (np.exp(sigma**2) - 1)).mean())
    truth = shares(1.0, 1 - 2 * within / (within + float(means.var())))
    return Draw(Arrays.of(x, y, new, y_new, task="values"), Neighbours(), truth)


def mean(seed: int) -> Draw:
    """The mean of what it saw, of values that nothing predicts: nothing understood, nothing memorised.

    Against the member's own training mean both sides are exactly 0; against that of all rows about 1 / s below and
    above it.
    """
    rng = stream(seed, "mean")
    n = int(rng.integers(100, 200))
    x, y = rng.normal(size=(n, 3)), rng.normal(size=n) * rng.uniform(0.1, 100)
    new, y_new = rng.normal(size=(NEW, 3)), rng.normal(size=NEW) * y.std()
    task = Arrays.of(x, y, new, y_new, task="values")
    truth = shares(0.0, 0.0) | {"test_r2": Bounds(-0.03, 0.0)}
    return Draw(task, Estimator(cls="DummyRegressor"), truth)
