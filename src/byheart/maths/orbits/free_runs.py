r"""Free runs: what does a model, fed its own predictions, say of the steps after each state, and how wrong is it?

From every start t of the series, x^_{t,0} = x_t and x^_{t,k} = model(x^_{t,k-1}), or of a window of the last w,

    PE(n) = mean over starts and channels of (x^_{t,n} - x_{t+n})^2.

Beside it that of persistence, which says that nothing moves.

Reference: Koppe et al. 2019, "Identifying nonlinear dynamical systems via generative recurrent neural networks with
applications to fMRI", PLoS Computational Biology 15 (the n-step error as a measure of reconstruction); Hess, Monfared,
Brenner, Durstewitz 2023, "Generalized teacher forcing for learning chaotic dynamics", ICML (n = 20).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from byheart.errors import InputRefused
from byheart.maths.orbits.pairs import AWAY, orbit_of
from byheart.maths.shapes import Float, Given


@dataclass(frozen=True)
class PredictionError:
    """How wrong a model is after so many free steps.

    Attributes:
        value: PE(horizon), in squares of the unit of the series; infinite where a start diverges: no mean is said then.
        curve: (horizon,) PE(1) to PE(horizon), infinite from the step on at which a start has left.
        persistence: (horizon,) of predicting that nothing moves.
        starts: from how many states it was begun, overlapping.
        diverged: how many of them left by 1,000 deviations, or had NaN.
    """

    value: float
    curve: Float[np.ndarray, " k"]
    persistence: Float[np.ndarray, " k"]
    starts: int
    diverged: int


def prediction_error(
    model: Callable[[Any], Any], series: Given[Any, "*r"], horizon: int = 20, window: int | None = None
) -> PredictionError:
    r"""How wrong is a model after n free steps, from every state of a series?

    PE(n) of the head of the file. The true step has 0 up to the noise; a replay of the record has what its analogue
    has, and is not told from a model by this.

    Args:
        model: the next state (d,) of a state (d,), or with `window` of the last states (w, d), the oldest first; called
            with many at once where it gives the same of them.
        series: (t, d) true states, or (t,): a numpy array, or a tensor, which the model is then handed.
        horizon: n.
        window: w. None: the model is a step from one state.

    Returns:
        `PredictionError`.

    Raises:
        InputRefused: a horizon or window below 1; a series shorter than both; a model that gives another shape.

    Cost: n calls with all starts, or n calls for each start. Fails when: starts are few or the series is short (they
    overlap: no error of the mean is said).
    Reference: Koppe et al. 2019; Hess et al. 2023 (titles at the head of the file).

    >>> x = 0.5 ** np.arange(10.0)
    >>> prediction_error(lambda z: 0.5 * z, x, 3).value, prediction_error(lambda z: 2 * z, np.ones(9), 3).curve.tolist()
    (0.0, [1.0, 9.0, 49.0])
    """
    x = orbit_of(series, "the series")
    runs, w = free_runs(model, series, horizon, window), window or 1
    truth = sliding_window_view(x[w:], horizon, 0).transpose(0, 2, 1)
    gone = ~np.isfinite(runs).all(2)
    with np.errstate(over="ignore"):
        curve = np.where(gone.any(0), np.inf, ((runs - truth) ** 2).mean((0, 2)))
    still = ((x[w - 1 : len(x) - horizon, None] - truth) ** 2).mean((0, 2))
    return PredictionError(float(curve[-1]), curve, still, len(runs), int(gone.any(1).sum()))


def free_runs(
    model: Callable[[Any], Any],
    series: Given[Any, "*r"],
    horizon: int,
    window: int | None = None,
    starts: Given[Any, " n"] | None = None,
) -> Float[np.ndarray, "n k d"]:
    r"""What does a model say of the steps after each state of a series, fed its own predictions?

    The x^ of the head of the file, for all starts together. A replay of the record says what came after the nearest
    state of it, the true system what comes.

    Args:
        model: as in `prediction_error`.
        series: (t, d) true states, or (t,).
        horizon: steps of each run.
        window: steps that the model reads. None: it is a step from one state.
        starts: (n,) steps of the series that are the last seen. None: all after which `horizon` steps are known.

    Returns:
        (n, horizon, d), the first the step after the start; NaN from where a run leaves by 1,000 deviations.

    Raises:
        InputRefused: as `prediction_error`, and starts outside the series.

    Cost: `horizon` calls with all starts, or as many for each start. Fails when: the model keeps a state of its own
    between calls.
    Reference: Hess et al. 2023 (title at the head of the file).

    >>> free_runs(lambda x: 2 * x, np.array([1.0, 3.0, 5.0]), 2, starts=[0, 2])[..., 0].tolist()
    [[2.0, 4.0], [10.0, 20.0]]
    """
    x, w = orbit_of(series, "the series"), 1 if window is None else int(window)
    if horizon < 1 or w < 1 or len(x) < w + (horizon if starts is None else 0):
        raise InputRefused(
            expected="a horizon and window of at least 1, and a series longer than both together",
            came=f"horizon {horizon}, window {w}, {len(x)} steps", do="Take fewer steps, or a longer series.",
        )  # fmt: skip
    at = np.arange(w - 1, len(x) - horizon) if starts is None else np.asarray(starts, dtype=np.int64)
    if len(at) < 1 or at.min() < w - 1 or at.max() >= len(x):
        raise InputRefused(
            f"starts from {w - 1} to {len(x) - 1}", f"{at.tolist()[:5]}", "A start is the last step that is seen."
        )
    called = Called(model, series, window is not None)
    seen, out = sliding_window_view(x, w, 0).transpose(0, 2, 1)[at - (w - 1)], np.empty((len(at), horizon, x.shape[1]))
    rest, spread, gone = x.mean(0), x.std(0), np.zeros(len(at), bool)
    bound = AWAY * np.where(spread > 0, spread, np.maximum(np.abs(rest), 1.0))
    together = called.takes_many(seen)
    for k in range(horizon):
        after = called.after(seen, together)
        gone |= ~(np.abs(after - rest) <= bound).all(1)
        out[:, k] = np.where(gone[:, None], np.nan, after)
        after[gone] = rest  # the model is not handed what has left
        seen = np.concatenate([seen[:, 1:], after[:, None]], 1)
    return out


@dataclass(frozen=True)
class Called:
    """Anybody's model, in numpy and float64.

    Attributes:
        model: as it was given.
        like: the series, whose kind of array is handed on.
        windows: it reads windows (w, d), not states (d,).
    """

    model: Callable[[Any], Any]
    like: Any
    windows: bool

    def after(self, seen: Float[np.ndarray, "n w d"], together: bool) -> Float[np.ndarray, "n d"]:
        """The state after each window."""
        if together:
            return self._answer(seen)
        return np.stack([self._answer(one) for one in seen])

    def takes_many(self, seen: Float[np.ndarray, "n w d"]) -> bool:
        """Does the model give the same of many in one call? Tried with one more than it has channels.

        Raises:
            InputRefused: it answers neither many nor one with states.
        """
        d = seen.shape[2]
        apart = 1e-3 * seen.std((0, 1)) * np.arange(d + 1)[:, None, None]
        few = seen[np.arange(d + 1) % len(seen)] + apart
        alone, many = self._tried(few[0]), self._tried(few)
        if many is not None and many.shape != (len(few), d):
            many = None
        if alone is None or alone.shape != (d,):
            if many is not None:
                return True
            self._answer(few[0])  # an error of the model is shown as it is
            came = "none" if alone is None else str(alone.shape)
            raise InputRefused(f"a next state of shape {(d,)}", f"shape {came}", "Give all channels of the next step.")
        return many is not None and np.allclose(many, self.after(few, False), rtol=1e-6, atol=1e-9)

    def _tried(self, seen: np.ndarray) -> np.ndarray | None:
        try:
            return self._answer(seen)
        except (
            Exception
        ):  # a model of one state need not accept several, nor one of several one, and may say so in any way
            return None

    def _answer(self, seen: np.ndarray) -> np.ndarray:
        with np.errstate(over="ignore", invalid="ignore"):
            given = self.model(self._handed(seen if self.windows else seen[..., -1, :]))
        return np.array(given.detach().cpu().numpy() if hasattr(given, "detach") else given, dtype=np.float64)

    def _handed(self, seen: np.ndarray) -> Any:
        if not hasattr(self.like, "detach"):
            return seen
        import torch

        kind = self.like.dtype if self.like.dtype.is_floating_point else torch.float64
        return torch.as_tensor(seen, dtype=kind, device=self.like.device)
