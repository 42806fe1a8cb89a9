"""Recorded: one member of our own loop, trained as a fleet of size 1 is, with its trace."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from byheart.errors import InputRefused, UsageError
from byheart.levers.base import Batch, Lever, State
from byheart.maths.recording.checkpoint_interval import every_under
from byheart.maths.recording.flat_parameters import Layout
from byheart.maths.recording.gradient_sketch import Sketch
from byheart.maths.recording.losses import Loss
from byheart.maths.recording.optimizer_spec import Group, Recipe
from byheart.maths.recording.trace import Part, Trace, digests
from byheart.tasks.data import Data
from byheart.tasks.output import Output
from byheart.training.fleet import ACTIVATIONS
from byheart.training.gradients import refuse_batch_statistics, refuse_layers
from byheart.training.loop import checked, train
from byheart.training.members import Members
from byheart.training.model import Trainable
from byheart.training.module_inputs import called_on
from byheart.training.run import Run
from byheart.training.schedule import rate
from byheart.training.stepper import Stepper
from byheart.training.training import Training


def recorded(
    learner: Trainable,
    data: Data,
    members: Members,
    every: int | None = None,
    levers: Sequence[Lever] = (),
    training: Training | None = None,
    limit_bytes: int = 200_000_000,
) -> tuple[Run, Trace]:
    """What does one member do, step by step? Its run, the same as without recording, and its trace.

    The trace's x is what the module is called on (`training.called_on`), its y what the loop trains on: of values,
    standardised by the member's own mean and deviation. Credit queries are given the same way.

    Args:
        learner: a network of ours or a user's module.
        data: what to train and look at.
        members: seeds (1,) and mask (1, n).
        every: keep the weights at each `every`-th step; None: the least that keeps the trace under `limit_bytes`.
        levers: what moves the balance.
        training: checkpoints, as for `Learner.fit`; None looks at the end alone.
        limit_bytes: most that the trace may take, the replay of one segment included.

    Raises:
        UsageError: more than one member.
        InputRefused: batch statistics, noise from both a lever and the module, more memory than allowed, or what
            `fit` refuses.

    Cost: one training, and a copy of the weights a step. Replay is bit for bit on CPU at the same threads.

    Example:
        >>> from byheart.training.members import balanced
        >>> from byheart.learners.mlp import Mlp
        >>> from byheart.tasks.modular import Modular
        >>> data = Modular(p=7).draw(0)
        >>> run, trace = recorded(Mlp(epochs=1), data, balanced(len(data.train), 1, 1.0, 0))
        >>> len(trace) == -(-len(data.train) // 64)
        True
    """
    if len(members) != 1:
        raise UsageError(expected="one member", came=str(len(members)), do="Pass members.take(0, 1).")
    _must_be_followed(data, levers)
    training = replace(training or Training((learner.epochs,), trail=False), levers=levers, way="each")
    watcher = _Watcher(learner, data, members, levers, every, limit_bytes)
    run = train(learner, data, members, training, watch=watcher.start)
    return run, watcher.end()


def _must_be_followed(data: Data, levers: Sequence[Lever]) -> None:
    """Refuse what no trace can tell: phases, whose optimisers start afresh, and levers that remember or mix.

    Raises:
        InputRefused: phases, or a lever, by name.
    """
    names = [lever.name for lever in levers if not lever.recordable]
    if data.phases or names:
        raise InputRefused(
            expected="one phase of training whose every step is the gradient of the batch's own losses",
            came=" and ".join([f"{len(data.phases)} phases"] * bool(data.phases) + [f"the lever {n}" for n in names]),
            do="Credit and effect by recording do not follow these; ask without them.",
        )


class _NoMeta(dict[str, Tensor]):
    """What a recorded loss knows of `meta`: nothing, for it gets outputs and targets alone."""

    def __missing__(self, name: str) -> Tensor:
        raise InputRefused(
            expected="a lever whose loss needs no meta, where training is recorded",
            came=f"one that reads {name!r}",
            do="Ask for credit and effect without it.",
        )


class _Watcher:
    """Writes down what a `Training` does, and makes a trace of it."""

    def __init__(
        self, learner: Trainable, data: Data, members: Members, levers: Sequence[Lever], every: int | None, limit: int
    ) -> None:
        self.learner, self.members, self.levers = learner, members, tuple(levers)
        self.data, self.every, self.limit = data, every, limit

    def start(self, training: Stepper) -> None:
        """Begin the trace of `training` and stand between it and its steps."""
        if training.unfollowed:
            raise InputRefused(
                expected="training whose every step is the gradient of the losses of what the model says",
                came=training.unfollowed,
                do="Credit and effect by recording do not follow it; ask without them.",
            )
        self.training, module = training, copy.deepcopy(training.template).train()
        refuse_layers(module, training.fleet.parameters)
        for name, part in module.named_modules():
            refuse_batch_statistics(name, part)
        if training.hidden:
            with_levers(module, training.hidden.levers)
        names = tuple(training.fleet.parameters)
        layout = Layout(names, tuple(tuple(p.shape[1:]) for p in training.fleet.parameters.values()))
        recipe = _recipe(training, names)
        steps = training.last * math.ceil(len(training.rows[0]) / self.learner.batch)
        every = self.every or every_under(layout.size, steps, recipe, self.limit)
        seen = checked(self.learner, self.data, self.members, self.levers)
        x = torch.as_tensor(called_on(self.learner, seen, training.rows[0])["train"])
        y = training.y if training.output.passages else training.y[0]
        loss = _loss(training)
        self.trace = Trace(module, x, y, loss, layout, recipe, every, replay=self.replay)
        self.trace.digests = digests(module, layout, x, y, loss)
        self.sketch = Sketch(layout.size, training.fleet.flat.device)
        self.step, training.step = training.step, self._step

    def _step(self, rows: Tensor, weight: Tensor | None = None) -> None:
        trace, training = self.trace, self.training
        if training.steps_done % trace.every == 0:
            self._keep()
        own = training.hidden.generators[0].get_state() if training.hidden else None
        state = torch.get_rng_state()
        lr = rate(self.learner.lr, self.learner.schedule, training.steps_done, training.steps)
        self.step(rows, weight)
        drew = not torch.equal(state, torch.get_rng_state())
        if drew and own is not None:
            raise UsageError(
                expected="noise from one stream",
                came="a lever and the module itself, both drawing",
                do="Leave the dropout lever out, or the module's own Dropout.",
            )
        trace.parts.append((Part(rows[0].clone(), 1.0, own if own is not None else state if drew else None),))
        trace.rates.append((lr,))
        trace.sketches.append(self.sketch(training.fleet.gradient))
        trace.clips.append((1.0,))

    def _keep(self) -> None:
        training, recipe = self.training, self.trace.recipe
        flat = training.fleet.flat
        names = recipe.states if self.trace.every > 1 else [s for s in recipe.states if s == "exp_avg_sq"]
        state = training.optimiser.state.get(flat, {})
        entry = {"weights": flat.detach().clone()}
        entry |= {name: state[name].clone() if name in state else torch.zeros_like(entry["weights"]) for name in names}
        self.trace.kept[training.steps_done] = entry

    def end(self) -> Trace:
        """The whole trace."""
        self._keep()
        self.training = None
        return self.trace

    def replay(self, trace: Trace, start: int, stop: int) -> tuple[Tensor, Tensor | None]:
        """The steps again by the same `Training`: hand-written gradients round as they did."""
        training = self.learner.stepper(
            checked(self.learner, self.data, self.members, self.levers), self.members, self.levers, "each", "cpu"
        )
        flat, kept, adaptive = training.fleet.flat, trace.kept[start], trace.recipe.adaptive
        flat.copy_(kept["weights"])
        training.steps_done = start
        if start:
            state = {name: kept[name].clone() for name in trace.recipe.states}
            training.optimiser.state[flat] = state | ({"step": torch.tensor(float(start))} if adaptive else {})
        weights, second = [flat.clone()], []
        with torch.random.fork_rng(devices=[]):
            for t in range(start, stop):
                part = trace.parts[t][0]
                if part.state is not None:
                    if training.hidden:
                        training.hidden.generators[0].set_state(part.state)
                    torch.set_rng_state(part.state)
                training.step(part.ids[None])
                weights.append(flat.clone())
                if adaptive:
                    second.append(training.optimiser.state[flat]["exp_avg_sq"].clone())
        return torch.stack(weights), torch.stack(second) if second else None


def _recipe(training: Stepper, names: tuple[str, ...]) -> Recipe:
    """The recipe of the loop's one group; a lever's decay acts outside the optimiser."""
    made = Recipe.of(training.optimiser, {id(training.fleet.flat): "flat"})
    group = {**made.document()["groups"][0], "names": names, "outside": float(training.levers.decay)}
    return Recipe(made.kind, (Group(**group),), made.flags)


def with_levers(module: nn.Module, levers: Sequence[Lever]) -> None:
    """Let hidden levers act on the module's activations in training, drawing from torch's global stream.

    A fleet's member draws from a generator of its own; its state, set as the global one, gives the same numbers.
    """

    def act(part: nn.Module, _given: Any, out: Tensor) -> Tensor:
        if part.training:
            for lever in levers:
                u = torch.rand(out.shape)[None] if lever.draws_hidden else None
                out = lever.hidden(out[None], u)[0]
        return out

    for part in module.modules():
        if isinstance(part, ACTIVATIONS):
            part.register_forward_hook(act)


def _loss(training: Stepper) -> Loss:
    weighing = tuple(lever for lever, _ in training.levers.weighing)
    if training.learner.loss or weighing or not training.output.recorded:
        return _Own(training.learner, weighing, training.output)
    return training.output.recorded


class _Own:
    """Per-example training loss of a learner under levers, as the loop takes it."""

    def __init__(self, learner: Trainable, levers: tuple[Lever, ...], output: Output) -> None:
        self.learner, self.levers, self.tokens = learner, levers, output.passages
        self.plain = learner.loss or output.each
        name = type(learner).__qualname__ if learner.loss else "plain"
        self.args = (name, output.kind, *(lever.key() for lever in levers))

    def __call__(self, outputs: Tensor, y: Tensor) -> Tensor:
        """Losses (b,); of sequences, the sum over the tokens that are counted."""
        z, targets = outputs[None], (y.clamp(min=0) if self.tokens else y)[None]
        z = z[..., None] if z.dim() == 2 else z
        loss = self.plain(z, targets)
        batch = Batch(y[None], z, targets, meta=_NoMeta())
        for lever in self.levers:
            loss = lever.loss(loss, z, batch, State({}))
        return (loss[0] * (y >= 0)).sum(-1) if self.tokens else loss[0]
