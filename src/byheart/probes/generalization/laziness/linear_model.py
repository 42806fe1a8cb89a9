"""What the trained model is right about beyond its first derivative at the start."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from byheart.maths.kernels import linearised
from byheart.maths.statistics.effective_sample_size import worth
from byheart.maths.statistics.ranks import wilson
from byheart.maths.statistics.resampling import around, bootstrap
from byheart.probes.base import Bank
from byheart.probes.heavy_tail import heavy_tail
from byheart.probes.intervals import BOOTSTRAP, WILSON
from byheart.records.quantity import Quantity, interval_by
from byheart.training.kept_module import KeptModule

FEWEST = 8  # new examples


def linearisation(
    bank: Bank, start: KeptModule, last: KeptModule, end: Mapping[str, np.ndarray], rng: np.random.Generator
) -> dict[str, Quantity]:
    """Accuracy or R2 on new examples of the linearised model, and how much better the model itself is.

    Empty without new examples, or where few values carry their variance.
    """
    output, test = bank.data.output, bank.data.views.get("test")
    if test is None or len(test) < FEWEST or (output.continuous and heavy_tail(bank)):
        return {}
    errors, whole = _errors(bank, start, last, end)
    if not whole.any():
        return {}
    apart = errors[1] - errors[0]
    drawn = bootstrap(np.stack([apart, whole], 1), groups=bank.data.new_copies, rng=rng)
    value, linear = float(apart.sum() / whole.sum()), 1 - float(errors[1].sum() / whole.sum())
    score, unit, null = ("r2", "r2", 0.0) if output.continuous else ("accuracy", "points", bank.data.most_frequent)
    more: dict[str, Any] = {"n": len(test), "speaks_of": "run"}
    interval = interval_by(BOOTSTRAP, around(value, drawn.draws(0, 1)) if drawn.known else None)
    if not (output.continuous or apart.any()):  # none of these differs, which is not that none does
        interval = interval_by(WILSON, _of_none(worth(bank.data.new_copies)))
    return {
        "linearisation_gap": Quantity(value=value, unit=unit, null=0.0, **more, **interval),
        f"linearised_{score}": Quantity(
            value=linear, unit=score, null=null, better="high", **more, **interval_by("", None, "not made")
        ),
    }


def _of_none(draws: float) -> tuple[float, float]:
    """How far apart two shares of errors may be where no example was right under one model alone."""
    most = float(wilson(0.0, draws)[1])
    return -most, most


def _errors(
    bank: Bank, start: KeptModule, last: KeptModule, end: Mapping[str, np.ndarray]
) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray]:
    """(q,) errors of the model and of the linearised one on each new example, and what they are a share of."""
    output, y, x = bank.data.output, bank.data.views["test"].y, last.inputs["test"]
    with torch.no_grad():
        own = last.module(x.clone()).reshape(len(x), -1).double().numpy()
    both = (own, linearised(start.module, end, x))
    if not output.continuous:
        own, linear = ((one.argmax(1) != y).astype(np.float64) for one in both)
        return (own, linear), np.ones(len(y))
    own, linear = (output.squared((one * last.scale + last.centre)[:, 0], y) for one in both)
    return (own, linear), (y - y.mean()) ** 2
