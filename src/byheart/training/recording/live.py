"""Live: the model that is being trained, held against what a recording took of it when it began."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from byheart.errors import InputRefused
from byheart.maths.recording.flat_parameters import Layout
from byheart.maths.recording.module_copy import uncompiled
from byheart.training.gradients import refuse_batch_statistics


class Hook:
    """A hook that a recording puts on somebody's model; what is saved or copied of the model gets one that is inert."""

    def __init__(self, call: Callable[..., Any]) -> None:
        self.call = torch.compiler.disable(call)

    def __call__(self, *given: Any) -> Any:
        """What the recording does."""
        return self.call(*given)

    def __reduce__(self) -> tuple:
        # of the standard library, so that a saved model is loaded where byheart is not; nobody listens to the event
        return partial, (sys.audit, "byheart.hook")


class Live:
    """A model, and what must not change of it while its optimiser moves the weights of `layout`.

    Attributes:
        trained: the weights that are moved, by name.
        still: name -> parameter or buffer that nothing may change, with its value when recording began.
    """

    def __init__(self, model: nn.Module, recorded: nn.Module, layout: Layout) -> None:
        self.model, self.layout = uncompiled(model), layout
        self.recorded = self._still(recorded)
        self.versions = {name: (id(v), v._version) for name, v in self._still(self.model).items()}
        self.trained = {name: p for name, p in self.model.named_parameters() if name in layout.slices}

    def _still(self, module: nn.Module) -> dict[str, Tensor]:
        own = {name: p for name, p in module.named_parameters() if name not in self.layout.slices}
        return own | dict(module.named_buffers())

    def flat(self) -> Tensor:
        """The weights (p,) as they are now."""
        return self.layout.flat(self.trained)

    def gradients(self) -> dict[str, Tensor]:
        """What the optimiser is about to see."""
        return {name: dense(p.grad) for name, p in self.trained.items()}

    def changed(self, look: bool = False) -> str:
        """What has changed beside the weights that the optimiser moves, in words; empty where nothing has.

        Versions of tensors are compared, values only where these differ; or, with `look`, all values.
        """
        now = self._still(self.model)
        for name in self.recorded.keys() - now.keys():
            return f"no {name}"
        for name, value in now.items():
            if name not in self.recorded:
                return f"{name}, which is new: call a model that makes it at its first pass before recording"
            version = id(value), value._version
            if look or version != self.versions.get(name):
                self.versions[name] = version
                if not torch.equal(value, self.recorded[name]):
                    return self._told(name)
        return ""

    def _told(self, name: str) -> str:
        if name in dict(self.model.named_parameters()):
            return f"other values in {name}, which the recorded optimiser did not move when recording began"
        owner = type(self.model.get_submodule(name.rpartition(".")[0])).__name__
        return f"other values in {name}, what {owner} remembers from pass to pass"

    def refuse_changes(self, step: int) -> None:
        """Refuses constants that moved.

        Raises:
            InputRefused: a parameter that was frozen, or a buffer; it is named.
        """
        if what := self.changed():
            raise InputRefused(
                expected=f"step {step}: all but the weights of the recorded optimiser as when recording began",
                came=what,
                do="Train and unfreeze all weights under one optimiser before recording; layers with a memory of their "
                "own (spectral norm, batch norm) in evaluation mode.",
            )

    def refuse_pass(self) -> None:
        """Refuses a training pass through layers that mix examples, or in half precision.

        Raises:
            InputRefused: the layer, or autocast, is named.
        """
        for name, part in self.model.named_modules():
            refuse_batch_statistics(name, part)
        device = next(iter(self.trained.values())).device.type
        if torch.is_autocast_enabled(device):
            raise InputRefused(
                expected="training passes in full precision",
                came=f"autocast to {torch.get_autocast_dtype(device)}, whose rounding hides whether a loss gives the "
                "gradient of its batch",
                do="Record without autocast.",
            )


def dense(gradient: Tensor) -> Tensor:
    """A gradient with all its entries."""
    return gradient.detach().to_dense() if gradient.is_sparse else gradient.detach()
