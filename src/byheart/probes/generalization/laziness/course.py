"""The tangent kernel at some moments of training: how far it turned, and how well it fits the targets."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from byheart.maths.statistics.resampling import around
from byheart.probes.base import Bank
from byheart.probes.intervals import BOOTSTRAP
from byheart.records.facts import Axis, Curve
from byheart.records.quantity import Quantity, interval_by
from byheart.training.keep import Weights, middle
from byheart.training.run import Run

if TYPE_CHECKING:
    from byheart.training.kept_module import KeptModule

START, MIDDLE, END = Weights(when="start"), Weights(when="middle"), Weights()
SHUFFLES = 100  # of the targets


def moments(bank: Bank, run: Run) -> Iterator[tuple[int, KeptModule]]:
    """Epoch -> the model then: at the start, in the middle where that is neither end, and at the end."""
    from byheart.training.kept_module import module_at

    epochs = {middle(run.checkpoints): MIDDLE, run.checkpoints[-1]: END, 0: START}
    for epoch in sorted(epochs):
        label = epochs[epoch].label
        yield epoch, module_at(bank.subject.learner, bank.data, run, label, levers=bank.subject.levers)


@dataclass(frozen=True)
class Course:
    """Kernels (n, n) by epoch, targets (n, k), and how often each input counts in each resample (draws, n)."""

    kernels: Mapping[int, np.ndarray]
    targets: np.ndarray
    weights: np.ndarray

    @cached_property
    def distances(self) -> dict[int, dict[str, Any]]:
        """From the first kernel, by epoch, each with its interval."""
        from byheart.maths.kernels import kernel_distance

        first = self.kernels[min(self.kernels)]
        return {t: _with_interval(kernel_distance, self.weights, first, kernel) for t, kernel in self.kernels.items()}

    @cached_property
    def aligned(self) -> dict[int, dict[str, Any]]:
        """With the targets, by epoch, each with its interval; none where all targets are the same."""
        from byheart.maths.kernels import alignment

        if not self.targets.std(0).any():
            return {}
        of = self.kernels.items()
        return {t: _with_interval(alignment, self.weights, kernel, self.targets) for t, kernel in of}

    @property
    def n(self) -> int:
        """Inputs."""
        return len(self.targets)

    def turns(self) -> dict[str, Quantity]:
        """How far the kernel turned from the start to the end, and how fast between moments."""
        from byheart.maths.kernels import kernel_velocity

        epochs = tuple(self.kernels)
        more: dict[str, Any] = {"unit": "ratio", "null": 0.0, "n": self.n, "speaks_of": "run"}
        found = {"kernel_distance": Quantity(**self.distances[epochs[-1]], **more)}
        names = ("early", "late") if len(epochs) > 2 else ("whole",)
        for name, (a, b) in zip(names, pairwise(epochs), strict=True):
            pace = _with_interval(kernel_velocity, self.weights, self.kernels[a], self.kernels[b], b - a)
            found[f"kernel_velocity_{name}"] = Quantity(**pace, **{**more, "unit": "share"})
        return found

    def alignments(self, rng: np.random.Generator) -> dict[str, Quantity]:
        """How well the kernel fits the targets at the start and at the end, beside shuffled targets."""
        from byheart.maths.kernels import alignment

        shuffles = [self.targets[rng.permutation(self.n)] for _ in range(SHUFFLES)]
        more: dict[str, Any] = {"unit": "correlation", "n": self.n, "better": "high", "speaks_of": "run"}
        found = {}
        for moment, epoch in (("start", min(self.kernels)), ("end", max(self.kernels))) if self.aligned else ():
            null = float(np.mean([alignment(self.kernels[epoch], y) for y in shuffles]))
            found[f"alignment_{moment}"] = Quantity(**self.aligned[epoch], null=null, **more)
        return found

    def ranks(self) -> dict[str, Quantity]:
        """How many directions the kernel sees at the start and at the end."""
        from byheart.maths.kernels import effective_rank

        more: dict[str, Any] = {"unit": "ratio", "null": None, "n": self.n, "speaks_of": "run"}
        return {
            f"effective_rank_{moment}": Quantity(
                value=effective_rank(self.kernels[epoch]), **more, **interval_by("", None, "not made")
            )
            for moment, epoch in (("start", min(self.kernels)), ("end", max(self.kernels)))
        }

    def curves(self) -> dict[str, Curve]:
        """Distance from the start and alignment, over the moments."""
        found = {"kernel_distance": self._curve("kernel distance", self.distances)}
        return found | ({"alignment": self._curve("alignment", self.aligned)} if self.aligned else {})

    def _curve(self, name: str, of: Mapping[int, dict[str, Any]]) -> Curve:
        low, high = zip(*(one["interval"] for one in of.values()))
        return Curve(
            x_axis=Axis(name="epoch", unit="epochs"), y_axis=Axis(name=name), x=tuple(self.kernels),
            y=tuple(one["value"] for one in of.values()), low=low, high=high, n=(self.n,) * len(of),
        )  # fmt: skip


def _with_interval(of: Callable[..., Any], weights: np.ndarray, *given: Any) -> dict[str, Any]:
    """A number of some kernels, and where its resamples lie."""
    value = float(of(*given))
    return {"value": value, **interval_by(BOOTSTRAP, around(value, of(*given, weights)))}
