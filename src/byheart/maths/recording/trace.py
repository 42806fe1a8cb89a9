"""Trace: a recorded training, from which every step can be had again.

What was learned from whom at every step? A trace keeps, per step, the ids of the batch (never its contents),
learning rates, clip factors, random states where noise was drawn, and the weights: all, or every k-th, those
between replayed bit for bit (CPU, same thread count). `attribution/credit.py` and `attribution/effect.py` read it.

Weights are one flat vector theta (p,) in the order of `layout`. Step t (0-based) goes from `weights(t)` to
`weights(t + 1)`; there are `len(trace)` steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from byheart.errors import InputRefused
from byheart.maths.recording.flat_parameters import Layout
from byheart.maths.recording.losses import Loss, batch_mean, coefficient, digest_of, loss_digest, per_example
from byheart.maths.recording.module_copy import at_weights, called, places
from byheart.maths.recording.optimizer_spec import Recipe
from byheart.maths.recording.replay import checked, replay
from byheart.maths.recording.steps import Part, Step
from byheart.maths.recording.trace_file import read, write
from byheart.maths.shapes import Int

# Weights (stop - start + 1, p) from `start` on, and second moments (stop - start, p) after each step or None.
Replay = Callable[["Trace", int, int], tuple[Tensor, Tensor | None]]


@dataclass
class Trace:
    """A recorded training.

    Attributes:
        module: a copy of the model; its own weights are not read (see `outputs`), its buffers are.
        modes: name of each submodule -> whether it was in training mode during the steps.
        x, y: the examples, by reference: tensors (n, ...) or dicts of them.
        loss: the per-example loss (recording/losses.py).
        layout: names and shapes of the trained weights.
        recipe: the optimiser and its constants.
        every: weights are kept at each `every`-th step and at the end.
        parts, rates, clips: per step, as in `Step`.
        kept: step -> `weights` (p,) and the optimiser's tensors (p,) before that step; the last is the end.
        sketches: per step, the raw gradient as `gradient_sketch.py` knows it again; empty where it was not seen.
        note: why the trace ends before the training did; empty for a whole one. All of `len(trace)` steps are usable.
        refused: how the model that was trained is not the end of this trace; it is then not to be read.
        replay: makes the steps between kept ones again; None is `replay.py`.
        digests: of `model`, `data` and `loss` when recording began.
        drift: largest departure of a replay from what was recorded, relative to the way gone; 0 is bit for bit.
    """

    module: nn.Module
    x: Any
    y: Any
    loss: Loss
    layout: Layout
    recipe: Recipe
    every: int = 1
    modes: dict[str, bool] = field(default_factory=dict)
    parts: list[tuple[Part, ...]] = field(default_factory=list)
    rates: list[tuple[float, ...]] = field(default_factory=list)
    clips: list[tuple[float, ...]] = field(default_factory=list)
    kept: dict[int, dict[str, Tensor]] = field(default_factory=dict)
    sketches: list[Tensor] = field(default_factory=list)
    note: str = ""
    refused: str = ""
    replay: Replay | None = None
    digests: dict[str, str] = field(default_factory=dict)
    drift: float = 0.0

    def __len__(self) -> int:
        """Steps that can be used: those up to the last weights kept."""
        return max(self.kept, default=0)

    @property
    def n(self) -> int:
        """Number of examples."""
        return count(self.x)

    def weights(self, t: int) -> Tensor:
        """Weights (p,) before step t, 0 <= t <= len(trace); replayed where they were not kept."""
        if t in self.kept:
            return self.kept[t]["weights"]
        start = max(k for k in self.kept if k <= t)
        return self._replayed(start, t)[0][-1]

    def named(self, flat: Tensor) -> dict[str, Tensor]:
        """Flat weights (..., p) as named tensors (..., *shape)."""
        return self.layout.named(flat)

    @cached_property
    def places(self) -> dict[str, tuple[str, ...]]:
        """The names under which each weight is held, see `module_copy`."""
        return places(self.module)

    def steps(self, start: int = 0, stop: int | None = None) -> Iterator[Step]:
        """Steps start..stop - 1 in order; no more than `every` of them are in memory at once."""
        stop = len(self) if stop is None else stop
        for first, last in self._segments():
            if first < stop and last > start:
                segment = self._segment(first, last)
                yield from (step for step in segment if start <= step.index < stop)

    def backwards(self) -> Iterator[Step]:
        """All steps from the last to the first."""
        for first, last in reversed(self._segments()):
            try:
                segment = self._segment(first, last)
            except InputRefused:
                for _ in self.steps(0, first):  # an earlier step that cannot be made again is the one to name
                    pass
                raise
            yield from reversed(segment)

    def _segments(self) -> list[tuple[int, int]]:
        marks = sorted(self.kept)
        return list(pairwise(marks))

    def _segment(self, first: int, last: int) -> list[Step]:
        if last == first + 1:
            weights = [self.kept[first]["weights"], self.kept[last]["weights"]]
            second = [self.kept[last]["exp_avg_sq"]] if self.recipe.adaptive else [None]
        else:
            weights, second = self._replayed(first, last)
            second = [None] * (last - first) if second is None else second
        return [
            Step(t, self.parts[t], self.rates[t], self.clips[t], weights[j], weights[j + 1], second[j])
            for j, t in enumerate(range(first, last))
        ]

    def coefficients(self, part: Part) -> Tensor:
        """(b,) float64: the part's addend of the batch gradient is the sum of coefficient times example gradient."""
        each = part.share * coefficient(self.loss, take(self.y, part.ids))
        return torch.full((len(part.ids),), each, dtype=torch.float64)

    def _replayed(self, start: int, stop: int) -> tuple[Tensor, Tensor | None]:
        return checked(self, start, stop, *(self.replay or replay)(self, start, stop))

    def outputs(self, weights: Tensor | Mapping[str, Tensor], x: Any, part: Part | None = None) -> Any:
        """What the model gives for x (b, ...) at flat weights (p,) or named tensors.

        In evaluation mode; with `part`, in the modes of training and from the random state of that pass.
        Differentiable; buffers are not changed for good.
        """
        named = self.named(weights) if isinstance(weights, Tensor) else weights
        with self.mode(part):
            return called(lambda *a, **k: at_weights(self.module, named, a, k, self.places), x)

    def losses(self, weights: Tensor | Mapping[str, Tensor], part: Part) -> Tensor:
        """Training losses (b,) of the examples of a pass, as they were: same modes, same noise."""
        return per_example(self.loss, self.outputs(weights, take(self.x, part.ids), part), take(self.y, part.ids))

    def batch_loss(self, weights: Tensor | Mapping[str, Tensor], part: Part) -> Tensor:
        """`share` times the mean loss of a pass; its gradient is the part's addend of the batch gradient."""
        mean = batch_mean(self.loss, self.outputs(weights, take(self.x, part.ids), part), take(self.y, part.ids))
        return mean if part.share == 1 else part.share * mean

    @contextmanager
    def mode(self, part: Part | None) -> Iterator[None]:
        """The module in evaluation mode, or in the modes and from the random state of a training pass."""
        for name, submodule in self.module.named_modules():
            submodule.training = part is not None and self.modes.get(name, True)
        if part is None or part.state is None:
            yield
            return
        with torch.random.fork_rng(devices=[]):
            torch.set_rng_state(part.state)
            yield

    def spread(self, values: Sequence[float], like: Tensor | None = None) -> Tensor:
        """One value a parameter group (g,) as one value a weight (p,)."""
        like = self.kept[min(self.kept)]["weights"] if like is None else like
        return self.layout.spread(values, [group.names for group in self.recipe.groups], like)

    def verify(self) -> None:
        """Refuses if examples, model or loss are no longer what was recorded; the one that differs is named.

        Raises:
            InputRefused: `examples`, `model` or `loss` has another digest, or the recording ended elsewhere.
        """
        if self.refused:
            raise InputRefused(
                expected="a recording that ends at the model as it was trained",
                came=self.refused,
                do="Leave the `with` before the model is changed, and train all its weights by the recorded optimiser.",
            )
        self.match(**digests(self.module, self.layout, self.x, self.y, self.loss))

    def match(self, **found: str) -> None:
        """Refuses digests that differ from those recorded."""
        what = {"model": "the model", "data": "the examples (x, y)", "loss": "the per-example loss"}
        for name, digest in found.items():
            if self.digests.get(name, digest) != digest:
                raise InputRefused(
                    expected=f"{what[name]} that this trace was recorded with, digest {self.digests[name][:12]}",
                    came=f"{what[name]} with digest {digest[:12]}",
                    do=f"Give {what[name]} exactly as at recording, or record again.",
                )

    @property
    def nbytes(self) -> int:
        """Bytes held: weights, optimiser states, ids, random states; the examples are not ours."""
        tensors = [tensor for entry in self.kept.values() for tensor in entry.values()] + self.sketches
        for parts in self.parts:
            tensors += [part.ids for part in parts] + [part.state for part in parts if part.state is not None]
        return sum(tensor.numel() * tensor.element_size() for tensor in tensors)

    def save(self, path: Any) -> None:
        """Write the trace into the folder `path`: recording/trace_file.py."""
        write(self, path)

    @classmethod
    def load(cls, path: Any, module: nn.Module, examples: tuple[Any, Any], loss: Any) -> Trace:
        """Read a trace that `save` wrote; model, examples and loss are given again: recording/trace_file.py."""
        made = read(path, module, examples, loss, cls)
        made.verify()
        return made


def take(values: Any, ids: Int[Tensor, " b"]) -> Any:
    """What are the rows `ids` of the examples?

    Rows `ids` of a tensor or of each tensor in a dict.
    """
    if isinstance(values, Mapping):
        return {name: value[ids.to(value.device)] for name, value in values.items()}
    return values[ids.to(values.device)]


def count(values: Any) -> int:
    """How many examples are there?

    Rows of a tensor, or of the tensors in a dict.
    """
    return len(next(iter(values.values()))) if isinstance(values, Mapping) else len(values)


def digests(module: nn.Module, layout: Layout, x: Any, y: Any, loss: Loss) -> dict[str, str]:
    """What tells model, data and loss of a recording apart?

    Digests: of the model (structure, trained names and shapes, buffers), data (bytes) and loss (name or code).
    """
    fixed = dict(module.named_buffers())
    fixed |= {name: value for name, value in module.named_parameters() if name not in layout.names}
    return {
        "model": digest_of(repr(module), layout.names, layout.shapes, fixed),
        "data": digest_of(x, y),
        "loss": loss_digest(loss),
    }
