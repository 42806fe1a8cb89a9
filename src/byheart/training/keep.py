"""Keep: what a run leaves beside outcomes, answered in `run.kept[label]`.

A need lists what to keep; the loop asks each `Snapshot` at the moments it names. Three promises.

1. Keeping changes nothing: the run is bit for bit the run that keeps nothing.
2. Every array declares its axes, members among them.
3. A member's arrays are those of the same member trained alone (to the rounding of the way).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from byheart.errors import InputRefused
from byheart.records.axes import Axes, Kept
from byheart.records.spec import Spec
from byheart.training.free_orbits import AXES, begins, followed

if TYPE_CHECKING:
    from byheart.training.stepper import Stepper

Found = dict[str, tuple[np.ndarray, Axes]]  # arrays (m, ...) of one moment, and their axes


class Keep(Spec):
    """What a need asks a run to keep. `Snapshot` serves what can be seen of members on their way."""

    kind: ClassVar[str] = "keep"
    name: ClassVar[str]

    @property
    def label(self) -> str:
        """Its name in `run.kept`: the settings stand in it where they are not the usual ones."""
        usual = {name: field.default for name, field in type(self).model_fields.items()}
        own = [f"{name}={value}" for name, value in self.key_fields().items() if value != usual[name]]
        return " ".join([self.name, *own])


class Snapshot(Keep):
    """Subclass with `look`; list it in the registry.

    `when` says at which moments: before the first step, at the first checkpoint after it, at the one in the middle, at
    every checkpoint of the need, or at the end.
    """

    when: Literal["start", "first", "middle", "checkpoints", "end"] = "end"

    @abstractmethod
    def look(self, stepper: Stepper) -> Found:
        """Arrays (m, ...) of the members as they are now, and what their axes count.

        Raises:
            InputRefused: this model has no such thing.
        """


class Weights(Snapshot):
    """All parameters and buffers of every member, by their names in the module.

    Example:
        >>> Weights().label, Weights(when="start").label
        ('weights', 'weights when=start')
    """

    name: ClassVar[str] = "weights"

    def look(self, stepper: Stepper) -> Found:
        """(m, *shape) a parameter."""
        return {
            name: (value.cpu().numpy(), ("members", *(f"axis {i}" for i in range(value.dim() - 1))))
            for name, value in stepper.fleet.weights().items()
        }


class Smoother(Keep):
    """How a linear smoother uses its training labels: what it says is a weighted sum of them (see `maths.descent`).

    Arrays (m,): `effective` number of parameters on new points (the view `test`, else the examples left out),
    `effective_seen` on those trained on, `norm` of the coefficients, `penalty` on their square.

    Example:
        >>> Smoother().label
        'smoother'
    """

    name: ClassVar[str] = "smoother"


class Embeddings(Snapshot):
    """What the last linear layer is given for each example of a view: the representation that the output is read off.

    Example:
        >>> Embeddings(view="test").label
        'embeddings view=test'
    """

    name: ClassVar[str] = "embeddings"
    view: str = "train"

    def look(self, stepper: Stepper) -> Found:
        """`features` (m, n, d); of sequences (m, n, t, d)."""
        import torch
        from torch import nn

        x, found = stepper.called_on(self.view), []
        for j in range(stepper.m):
            module = stepper.module(j).eval()
            last = [layer for layer in module.modules() if isinstance(layer, nn.Linear)]
            if not last:
                raise InputRefused(
                    expected="a model whose last layer is linear", came=type(module).__name__,
                    do="Ask for its weights instead.",
                )  # fmt: skip
            given: list[torch.Tensor] = []
            handle = last[-1].register_forward_pre_hook(lambda _layer, inputs, to=given: to.append(inputs[0].detach()))
            with torch.no_grad():
                module(x if stepper.shared else x[j])
            handle.remove()
            found.append(given[-1].cpu().numpy())
        inner = tuple(f"axis {i}" for i in range(found[0].ndim - 2))
        examples = "examples" if self.view == "train" else f"examples of {self.view}"
        return {"features": (np.stack(found), ("members", examples, *inner, "features"))}


class FirstLayer(Snapshot):
    """How large the weights are, and the first matrix where an input is two one-hot classes side by side.

    Example:
        >>> FirstLayer(when="checkpoints").label
        'first-layer when=checkpoints'
    """

    name: ClassVar[str] = "first-layer"

    def look(self, stepper: Stepper) -> Found:
        """`norm` (m,) of all parameters together; `rows` (m, 2 k, units), a row of weights an input, of k classes."""
        parts = [value.cpu().numpy() for value in stepper.weights.values()]
        norm = np.sqrt(sum(np.square(part.reshape(stepper.m, -1).astype(np.float64)).sum(1) for part in parts))
        found: Found = {"norm": (norm, ("members",))}
        first = parts[0]
        if stepper.output.labelled and first.ndim == 3 and first.shape[2] == 2 * stepper.output.k:
            found["rows"] = (np.swapaxes(first, 1, 2).copy(), ("members", "inputs", "units"))
        return found


class FreeRuns(Snapshot):
    """What each member says when it is left to itself: its most likely token after a `context`, fed back, and so on.

    Example:
        >>> FreeRuns(context=8).label
        'free-runs context=8'
    """

    name: ClassVar[str] = "free-runs"
    view: str = "train"
    context: Annotated[int, Field(ge=0)] = 16
    n: Annotated[int, Field(ge=1)] = 64

    def look(self, stepper: Stepper) -> Found:
        """`tokens` (m, q, t): the first q sequences of the view, their own up to `context`, the member's from there."""
        import torch

        if not stepper.output.passages:
            raise InputRefused("a model of sequences", f"one that gives {stepper.output.kind}", "Leave free-runs out.")
        x = stepper.called_on(self.view)[: self.n].expand(stepper.m, -1, -1).clone()
        with torch.no_grad():
            for place in range(self.context, x.shape[-1]):
                logits = stepper.fleet.predict(x[..., : place + 1], False)
                x[..., place] = logits[:, :, -1].argmax(-1).to(x.dtype)
        return {"tokens": (x.cpu().numpy(), ("members", "sequences", "steps"))}


class FreeOrbits(Snapshot):
    """What each member of windows does when it is fed its own predictions, from windows spread evenly over a view.

    Example:
        >>> FreeOrbits(steps=500).label
        'free-orbits steps=500'
    """

    name: ClassVar[str] = "free-orbits"
    view: str = "test"
    steps: Annotated[int, Field(ge=1, le=200_000)] = 1000
    runs: Annotated[int, Field(ge=1, le=100)] = 4

    def look(self, stepper: Stepper) -> Found:
        """`orbits` (m, runs, steps, d) after the windows at the rows `begins` (runs,); NaN from where one leaves."""
        import torch

        if not stepper.output.windows or not stepper.shared:
            raise InputRefused("a model of windows", f"one that gives {stepper.output.kind}", "Leave free-orbits out.")
        x = stepper.called_on(self.view)
        rows = begins(len(x), self.runs)
        windows = x[rows].expand(stepper.m, *x[rows].shape).cpu().numpy()

        def predict(window: np.ndarray) -> np.ndarray:
            given = stepper.prepared(torch.from_numpy(window))
            said = stepper.in_units(stepper.fleet.predict(given, False).cpu().numpy())
            return said.reshape(*window.shape[:2], -1)

        with torch.no_grad():
            orbits = followed(predict, windows, stepper.output, self.steps)
        return {name: (array, AXES[name]) for name, array in (("orbits", orbits), ("begins", rows))}

    def of(self, predict: Callable[[np.ndarray], np.ndarray], windows: np.ndarray, output: Any) -> Found:
        """The same of one model outside our loop, by its predictions (q, d) for windows (q, w, d) of the view."""
        rows = begins(len(windows), self.runs)
        orbits = followed(lambda window: predict(window[0])[None], windows[rows][None], output, self.steps)
        return {name: (array, AXES[name]) for name, array in (("orbits", orbits), ("begins", rows))}


def middle(checkpoints: Sequence[int]) -> int:
    """The checkpoint nearest to half of the training; of two the earlier.

    Example:
        >>> middle((0, 1, 2, 3, 5, 8, 13, 20)), middle((0, 1))
        (8, 0)
    """
    return min(checkpoints, key=lambda epoch: (abs(2 * epoch - checkpoints[-1]), epoch))


class Keeping:
    """What a need asked to keep of one fleet, as it comes."""

    def __init__(self, asked: Sequence[Snapshot]) -> None:
        self.asked = asked
        self.found: dict[str, list[Found]] = {keep.label: [] for keep in asked}

    def look(self, stepper: Stepper, epoch: int, checkpoints: Sequence[int]) -> None:
        """Called before the first step, as epoch 0, and after each epoch."""
        due = {
            "start": epoch == 0, "first": epoch == checkpoints[min(1, len(checkpoints) - 1)],
            "middle": epoch == middle(checkpoints), "checkpoints": epoch in checkpoints,
            "end": epoch == checkpoints[-1],
        }  # fmt: skip
        for keep in self.asked:
            if due[keep.when]:
                self.found[keep.label].append(keep.look(stepper))

    def kept(self) -> dict[str, Kept]:
        """What was found; `checkpoints` is the first axis of what was looked at at each of them."""
        made = {}
        for keep in self.asked:
            parts, many = self.found[keep.label], keep.when == "checkpoints"
            arrays, axes = {}, {}
            for name, (array, of) in parts[-1].items():
                arrays[name] = np.stack([one[name][0] for one in parts]) if many else array
                axes[name] = ("checkpoints", *of) if many else of
            made[keep.label] = Kept(arrays, axes)
        return made
