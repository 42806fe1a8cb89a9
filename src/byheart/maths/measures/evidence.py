"""What a measure is computed from, and what comes out: read once, in float64, whoever asks."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from byheart.errors import InputRefused
from byheart.maths.measures.double_copy import copy_at, double_copy
from byheart.maths.measures.float64_calls import called_in_float64
from byheart.maths.measures.folding import folded
from byheart.maths.measures.layers import (
    Coverage,
    Inapplicable,
    Layer,
    coverage_of,
    layers_of,
    outputs_of,
    same_layers,
    what_is_read,
)
from byheart.maths.measures.search_settings import Search

Input = Literal["weights", "initial weights", "data", "gradients", "search", "training log", "second run"]
DELTA = 0.05  # of the bounds: they hold with probability 1 - delta
__all__ = ["DELTA", "Evidence", "Inapplicable", "Input", "Measure", "Noted", "TrainingLog"]


class Measure(NamedTuple):
    """The value of a measure in float64, and its natural logarithm where it has one.

    `needs` what it reads; `applicable` False where it has no value, `reason` then says why. Of a measure that applies,
    `reason` holds what has to be said beside the value, if anything.
    """

    value: float | None
    log_value: float | None
    needs: tuple[Input, ...]
    applicable: bool = True
    reason: str = ""


class Noted(NamedTuple):
    """What the function of a measure gives where something has to be said beside the value."""

    value: float
    note: str


@dataclass(frozen=True)
class TrainingLog:
    """What is left of the training: the mean training loss after each recorded step, the weights after epoch 1.

    Attributes:
        steps: (c,) numbers of gradient steps, ascending, 0 before the first.
        cross_entropy_nats: (c,) mean training cross-entropy there.
        first_epoch: weights after the first epoch by name, as in a state dict; None where they were not kept.
    """

    steps: np.ndarray
    cross_entropy_nats: np.ndarray
    first_epoch: Mapping[str, Tensor] | None = None


@dataclass(frozen=True)
class Evidence:
    """A model in evaluation mode and float64, its start, its training examples, its log; each may be absent.

    Attributes:
        model: the final model, a copy of its own.
        initial: the same architecture at its first weights.
        x: training inputs (m, ...).
        y: class numbers (m,).
        log: what is left of the training.
        search: how perturbations are searched; None for no search.
        compat: "dziugaite2020" for the variants of that published code.
        notes: what is to be said of how the layers were read.
        first: the model after the first epoch.
        second_run: another run of the same recipe, and inputs that neither was trained on.
        radii: what the searches found, see `perturbation`.
        shared: what other measures of a family share, so that it is computed once.
    """

    model: nn.Module
    initial: nn.Module | None = None
    x: Tensor | None = None
    y: Tensor | None = None
    log: TrainingLog | None = None
    search: Search | None = None
    compat: str = ""
    notes: list[str] = field(default_factory=list)
    first: nn.Module | None = None
    second_run: tuple[nn.Module, Tensor] | None = None
    radii: dict[str, Any] = field(default_factory=dict)
    shared: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(
        cls, model: nn.Module, initial: Any, examples: Any, log: TrainingLog | None, search: Search | None, compat: str,
        second_run: Any = None,
    ) -> Evidence:  # fmt: skip
        """Copies of what the caller has, checked.

        Raises:
            InputRefused: weights or examples with NaN or infinity, shapes that differ from the initial ones.
        """
        final = double_copy(model, "the model")
        start = first = None
        if initial is not None:
            given = isinstance(initial, nn.Module)
            start = double_copy(initial, "the initial model") if given else copy_at(model, initial, "initial weights")
        if log is not None and log.first_epoch is not None:
            first = copy_at(model, log.first_epoch, "weights after the first epoch")
        x = y = None
        if examples is not None:
            x, y = _finite(examples[0], "examples"), torch.as_tensor(examples[1])
            if len(x) != len(y) or not len(x):
                came = f"{len(x)} and {len(y)} rows"
                raise InputRefused("x and y with one row per example", came, "Give one y for each x.")
            if y.dim() != 1 or (y.is_floating_point() and bool((y != y.round()).any())):
                raise InputRefused("a class number for each example", f"y of shape {tuple(y.shape)}", "Give y as (n,).")
            y = y.long()
        if second_run is not None:
            other, inputs = second_run
            second_run = double_copy(other, "the second run"), _finite(inputs, "inputs of the second run")
            called_in_float64(second_run[:1], second_run[1])
        there = [one for one in (final, start, first) if one is not None]
        if x is not None or second_run is not None:
            called_in_float64(there, x if x is not None else second_run[1])
        made, notes = folded(there, x, compat)
        start = None if start is None else made[1]
        return cls(
            made[0], start, x, y, log, search, compat, list(notes), None if first is None else made[-1], second_run
        )

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """Linear and convolutional layers in the order they run, BatchNorm folded in."""
        found, how = layers_of(self.model, self.x)
        if how == "modules":
            self.notes.append("the order of the layers is that of the modules: there is no example to run")
        return found

    @cached_property
    def initial_layers(self) -> tuple[Layer, ...]:
        """The same of the initial model."""
        if self.initial is None:
            raise Inapplicable("the initial weights are not known")
        found, _ = layers_of(self.initial, self.x)
        same_layers(self.layers, found)
        return found

    @cached_property
    def moved(self) -> tuple[Layer, ...]:
        """The layers of the final less the initial weights."""
        there = {layer.name: layer for layer in self.initial_layers}
        return tuple(layer.less(there[layer.name]) for layer in self.layers)

    @cached_property
    def coverage(self) -> Coverage:
        """How much of the network the measures of weights speak of, and what they skip."""
        return coverage_of(self.model, self.layers)

    @property
    def network(self) -> nn.Module:
        """The final model, for a measure that runs it."""
        return self.model

    @cached_property
    def input_side(self) -> int:
        """n: the side of what the first layer reads where that is a convolution, its number of inputs otherwise."""
        first = self.layers[0]
        if first.weight.dim() == 2:
            return first.weight.shape[1]
        if first.size is None:
            raise Inapplicable("the side of the input is not known: it takes an example")
        return max(first.size)

    @cached_property
    def _outputs(self) -> tuple[Tensor, float]:
        """(m, k) logits of the training examples, and the largest Euclidean norm of what the first layer reads."""
        x, _ = self.data
        norms: list[float] = []
        first = self.model.get_submodule(self.layers[0].name)
        handle = first.register_forward_pre_hook(_keeping_norms(norms), with_kwargs=True)
        try:
            with torch.no_grad():
                logits = torch.cat([outputs_of(self.model, part) for part in x.split(512)])
        finally:
            handle.remove()
        return logits, max(norms)

    @property
    def input_norm(self) -> float:
        """B: the largest Euclidean norm of what the first layer reads, over the training examples."""
        return self._outputs[1]

    @property
    def m(self) -> int:
        """The number of training examples."""
        return len(self.data[1])

    @property
    def data(self) -> tuple[Tensor, Tensor]:
        """Training inputs and labels."""
        if self.x is None or self.y is None:
            raise Inapplicable("the training examples are not given")
        return self.x, self.y

    @cached_property
    def logits(self) -> Tensor:
        """(m, k) of the training examples."""
        found, _ = self._outputs
        if found.dim() != 2 or found.shape[1] < 2:
            raise Inapplicable(f"the model gives no scores of at least two classes, but shape {tuple(found.shape)}")
        if not found.isfinite().all():
            raise Inapplicable("the outputs on the training examples are not all finite")
        if wrong := [int(label) for label in self.data[1].unique() if not 0 <= label < found.shape[1]]:
            raise InputRefused(
                expected=f"class numbers from 0 to {found.shape[1] - 1}, as the model has {found.shape[1]} scores",
                came=str(wrong[:5])[1:-1], do="Number the classes as the model does.",
            )  # fmt: skip
        return found

    @cached_property
    def margins(self) -> Tensor:
        """(m,) score of the label less the largest of the others."""
        _, y = self.data
        own = self.logits.gather(1, y[:, None])[:, 0]
        others = self.logits.scatter(1, y[:, None], -math.inf).amax(1)
        return own - others

    @cached_property
    def margin(self) -> float:
        """The 10th percentile of the margins, which must be positive."""
        if self.compat:
            return self._published_margin
        found = float(np.quantile(self.margins.numpy(), 0.1))
        if found <= 0:
            raise Inapplicable(f"the 10th percentile of the margins is {found:.3g}: more than a tenth is not fitted")
        return found

    @property
    def _published_margin(self) -> float:
        """As the code of Dziugaite et al. 2020: the (m // 10)-th smallest, and of a negative one the absolute value."""
        if self.m < 10:
            raise Inapplicable(f"the published code takes the (m // 10)-th smallest margin, and m is {self.m}")
        if not (found := float(self.margins.kthvalue(self.m // 10).values)):
            raise Inapplicable("the margin is 0")
        return abs(found)

    @cached_property
    def accuracy(self) -> float:
        """Share of the training examples that are right."""
        return float((self.logits.argmax(1) == self.data[1]).double().mean())


def _keeping_norms(norms: list[float]) -> Callable[..., None]:
    def keep(_part: nn.Module, given: tuple[Tensor, ...], named: dict[str, Tensor]) -> None:
        norms.append(float(what_is_read(given, named).flatten(1).norm(dim=1).max()))

    return keep


def _finite(x: Any, noun: str) -> Tensor:
    x = torch.as_tensor(x)
    if x.is_floating_point() and not x.isfinite().all():
        raise InputRefused(f"{noun} without NaN or infinity", "some", "Leave them out or repair them.")
    return x.double() if x.is_floating_point() else x
