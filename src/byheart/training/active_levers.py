"""Active levers: the levers of one fleet on their way, and what each remembers."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from byheart.errors import InputRefused
from byheart.levers.base import Batch, Course, Lever, State
from byheart.seeds import derive
from byheart.tasks.data import ID, Data, Examples
from byheart.tasks.output import Output
from byheart.training.members import Members

AS_DRAWN = "train as drawn"  # the view that is scored in the place of `train` where a lever changed what is trained on


def moved(data: Data, levers: Sequence[Lever]) -> Data:
    """The data that levers make for training. The examples as drawn stand in the view `AS_DRAWN` where they differ.

    Raises:
        InputRefused: a lever adds, drops or reorders examples; it is named.
    """
    made = data
    for lever in levers:
        made = lever.data(made)
        if made.train.ids.tolist() != data.train.ids.tolist() or len(made.courses) != len(data.courses):
            raise InputRefused(
                expected=f"the training examples and the number of phases as {lever.name} got them: members and "
                "checkpoints are drawn from those",
                came=f"{len(made.train)} examples in {len(made.courses)} phases",
                do="Leave out, repeat or reorder examples within their phases; add new ones to a batch.",
            )
    if made is data:
        return data
    if made.train is data.train:
        return replace(data, phases=made.phases, grouped=data.grouping)
    scored = {**data.views, "train": made.train, AS_DRAWN: data.train}
    return Data(scored, data.output, data.truth, data.about, made.phases, data.grouping)


def narrowed(members: Members, data: Data, levers: Sequence[Lever]) -> Members:
    """The members as levers let them be trained: what they leave out of a member's examples it has not seen.

    Of windows of a series, and where there are gaps already, that is a gap: what lies beside it would give it away.

    Raises:
        InputRefused: a lever lets a member see what was not drawn for it; it is named.
    """
    seen = members.seen
    for lever in levers:
        if not lever.idle:
            fewer = lever.trained_on(seen, data)
            if (fewer > seen).any():
                came = f"{int((fewer > seen).sum())} that were held out from it"
                raise InputRefused(f"{lever.name} to leave out examples of a member", came, "Return a part of `seen`.")
            seen = fewer
    if seen is members.seen:
        return members
    if members.gap is None and not data.output.windows:
        return replace(members, seen=seen)
    gap = members.seen > seen
    return replace(members, seen=seen, gap=gap if members.gap is None else gap | members.gap)


def _one_alone(does: str, levers: Sequence[Lever]) -> None:
    if len(levers) > 1:
        came = " and ".join(lever.name for lever in levers)
        raise InputRefused(f"at most one lever that {does}", came, "Leave all but one of them out.")


class ActiveLevers:
    """The levers of one fleet: each acts in the hooks that it overrides, with its own state."""

    def __init__(self, levers: Sequence[Lever], course: Course, seeds: Sequence[int]) -> None:
        # a stepper holds its levers: were it held in turn, its arrays would outlive it until the garbage is collected
        self.course = course = weakref.proxy(course)
        self.all = [(lever, self._state(lever, course, seeds)) for lever in levers]
        self.decay = sum(lever.decay() for lever in levers)
        self.weighing = self.acting("loss")
        self.batching, self.bending, self.following = map(self.acting, ("batch", "gradient", "after"))
        self.batching.sort(key=lambda one: one[0].batch_turn)  # whatever the order in which they were given
        self.making = self.acting("differentiate")
        _one_alone("makes the gradient by a rule of its own", [lever for lever, _ in self.making])
        _one_alone("says what the weights at the end of training are", [lever for lever in levers if lever.ends])

    @staticmethod
    def _state(lever: Lever, course: Course, seeds: Sequence[int]) -> State:
        streams = [torch.Generator().manual_seed(derive(seed, "lever", lever.name)) for seed in seeds]
        return State(lever.start(course), streams)

    def acting(self, hook: str) -> list[tuple[Lever, State]]:
        """The levers that override `hook`, with their states."""
        return [(lever, state) for lever, state in self.all if lever.overrides(hook)]

    def batch(self, batch: Batch) -> Batch:
        """The batch of the next step."""
        for lever, state in self.batching:
            batch = lever.batch(batch, self.course, state)
        return batch

    def loss(self, per_example: Tensor, logits: Tensor, batch: Batch) -> Tensor:
        """The training loss (m, b) from the plain one."""
        for lever, state in self.weighing:
            per_example = lever.loss(per_example, logits, batch, state)
        return per_example

    def differentiate(self, batch: Batch) -> None:
        """Fill the course's gradients for this step."""
        if not self.making:
            self.course.differentiate(batch)
        for lever, state in self.making:
            lever.differentiate(self.course, batch, state)

    def call(self, hook: str, acting: Sequence[tuple[Lever, State]]) -> None:
        """Let levers look at the course, or change it."""
        for lever, state in acting:
            getattr(lever, hook)(self.course, state)

    def kept(self) -> list[dict[str, Any]]:
        """What all of them remember."""
        return [{"tensors": dict(s.tensors), "streams": [g.get_state() for g in s.streams]} for _, s in self.all]

    def restore(self, kept: Sequence[dict[str, Any]]) -> None:
        """Remember what `kept` said."""
        for (_, state), one in zip(self.all, kept, strict=True):
            state.tensors = {name: tensor.clone() for name, tensor in one["tensors"].items()}
            for generator, stream in zip(state.streams, one["streams"], strict=True):
                generator.set_state(stream)


class Plain(torch.autograd.Function):
    """`Output.each` with `Output.slope`, so that a lever of strength 0 gives the same bits as none."""

    @staticmethod
    def forward(ctx, logits: Tensor, targets: Tensor, output: Output) -> Tensor:
        """The loss."""
        ctx.save_for_backward(logits, targets)
        ctx.output = output
        return output.each(logits, targets)

    @staticmethod
    def backward(ctx, g: Tensor) -> tuple[Tensor, None, None]:
        """Its derivative, as `slope` rounds it."""
        slope = ctx.output.slope(*ctx.saved_tensors)
        return slope * g.reshape(*g.shape, *[1] * (slope.dim() - g.dim())), None, None


def meta_of(examples: Examples, device: str) -> dict[str, Tensor]:
    """`meta` as tensors (n,): words by their number in alphabetical order; not the names of examples.

    Example:
        >>> import numpy as np
        >>> words = {"town": np.array(["Ulm", "Bonn", "Ulm"], dtype=object)}
        >>> meta_of(Examples(np.arange(3), np.eye(3), np.arange(3), words), "cpu")["town"].tolist()
        [1, 0, 1]
    """
    import numpy as np

    made = {}
    for name, values in examples.meta.items():
        if name == ID:
            continue
        numbers = values if values.dtype.kind in "biuf" else np.unique(values.astype(str), return_inverse=True)[1]
        made[name] = torch.from_numpy(np.ascontiguousarray(numbers)).to(device)
    return made
