"""Stepper: m members on their way, a step at a time; each epoch has equally many steps for all of them.

A step: gather each member's next examples, logits, the derivative of the loss by the logits, the fleet's
gradient, decoupled decay, the optimiser on one flat vector. Each member has streams of its own (`init`,
`order`, `hidden`, `lever`), so it is the same alone as in a fleet, to rounding.

Phases are trained one after another from the weights that the one before left. Each has the learner's epochs, its own
schedule of the learning rate and a fresh optimiser, so that it is trained as it would be alone; epochs are counted
through all of them. Reference: van de Ven, Tuytelaars and Tolias 2022, Three types of incremental learning, methods
(contexts one after another, equally many iterations each, no examples of earlier ones). What a member's inputs and
values are scaled by is fitted on all that it sees in any phase.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from byheart.errors import InputRefused
from byheart.levers.base import Batch, Lever
from byheart.seeds import derive, stream
from byheart.tasks.data import Data, Examples
from byheart.training.active_levers import AS_DRAWN, ActiveLevers, Plain, meta_of
from byheart.training.clipping import clip
from byheart.training.fleet import ACTIVATIONS, Fleet, Hidden
from byheart.training.lever_access import LeverAccess
from byheart.training.members import Members
from byheart.training.model import Trainable
from byheart.training.module_inputs import as_called, inputs_of
from byheart.training.recurrence import recurrent
from byheart.training.run import Outcomes, outcomes
from byheart.training.schedule import last_epoch, optimiser, rate
from byheart.training.ways import make

ROWS = 4096  # member-examples evaluated at once: logits and activations stay in the cache


class Stepper(LeverAccess):
    """m members of equally many steps an epoch on their way: `epoch()` trains, `logits(view)` looks.

    `centre` and `scale` (m,) are the mean and deviation of each member's own values; 0 and 1 for classes.
    """

    unfollowed = ""  # why a recording cannot follow it, where it cannot

    def __init__(
        self, learner: Trainable, data: Data, members: Members, levers: Sequence[Lever], way: str, device: str
    ) -> None:
        self.learner, self.device, self.m, self.output = learner, device, len(members), data.output
        self.unfollowed = self.unfollowed or ("gradients that are clipped" if learner.clip else "")
        self.most, levers = learner.batch, [lever for lever in levers if not lever.idle]
        self.rows = [np.flatnonzero(seen) for seen in members.seen]
        self.phases = [[course[seen[course]] for seen in members.seen] for course in data.courses]
        self.inputs, self.looked_at = partial(inputs_of, learner, data, self.rows), data.views
        self.shared, views = self.inputs()
        self.views = {name: torch.as_tensor(x).to(device) for name, x in views.items()}
        self.called_dtype = self.views["train"].dtype
        self.fleet = self._fleet(data, members, levers, way)
        self.views = {name: self.fleet.before(x, self.shared) for name, x in self.views.items()}
        self.pool = self.views["train"].flatten(0, 0 if self.shared else 1)  # (n, ...) or (m n, ...)
        self.batch = self.pool.new_empty(self.m * learner.batch, *self.pool.shape[1:])  # filled at every step
        self._targets(data)
        self.views["train"] = self.views.pop(AS_DRAWN, self.views["train"])  # from here on what is scored
        self.meta = meta_of(data.train, device)
        self.orders = [stream(seed, "order") for seed in members.seeds]
        acting = [lever for lever in levers if lever.overrides("hidden")]
        if acting and not any(isinstance(part, ACTIVATIONS) for part in self.template.modules()):
            raise InputRefused(
                expected=f"a network with activation layers for {acting[0].name}, which acts on what they give",
                came=f"{learner.name} with none",
                do="Leave the lever out; try weight-decay.",
            )
        generators = [torch.Generator().manual_seed(derive(seed, "hidden")) for seed in members.seeds]
        self.hidden = Hidden(acting, generators, device) if acting else None
        self.fleet.flat.grad = self.fleet.gradient
        self.last, self.epochs_done = last_epoch(learner, levers), 0
        self._begin(0)
        self.levers = ActiveLevers(levers, self, [int(seed) for seed in members.seeds])

    def _begin(self, phase: int) -> None:
        """A fresh optimiser and the start of the schedule."""
        self.phase, longest = phase, max(map(len, self.phases[phase]))
        learner = self.learner
        self.optimiser = optimiser(learner.optimizer, self.fleet.flat, learner.lr, learner.betas)
        self.steps_done, self.steps = 0, learner.epochs * math.ceil(longest / learner.batch)

    def _fleet(self, data: Data, members: Members, levers: Sequence[Lever], way: str) -> Fleet:
        seen = data if self.shared else as_called(data, self.views)
        seeds = [derive(seed, "init") for seed in members.seeds]
        modules = [self.learner.build(seen, torch.Generator().manual_seed(seed)) for seed in seeds]
        self.template, self.build = modules[0], partial(self.learner.build, seen)
        return make(way, modules, self.device)

    def _targets(self, data: Data) -> None:
        y, self.centre, self.scale = data.train.y, np.zeros(self.m), np.ones(self.m)
        if data.output.continuous:
            centre, scale = zip(*(data.output.units(y[rows]) for rows in self.rows))
            self.centre, self.scale = np.array(centre), np.array(scale)
            by_member = (self.m, *[1] * (y.ndim - self.centre.ndim + 1), *self.centre.shape[1:])
            y = ((y - self.centre.reshape(by_member)) / self.scale.reshape(by_member)).astype(np.float32)
        y = np.broadcast_to(y, (self.m, *data.train.y.shape)).copy()  # (m, n, ...)
        self.y = torch.from_numpy(y).to(self.device)

    def epoch(self) -> None:
        """One pass over every member's examples of the phase, in an order of its own; after its last, the next's."""
        if self.epochs_done and self.epochs_done % self.last == 0:
            self._begin(self.epochs_done // self.last)
        for batch in self.batches():
            self.step(*batch)
        self.epochs_done += 1
        self.levers.call("epoch_end", self.levers.acting("epoch_end"))
        if self.epochs_done % self.last == 0:
            self.levers.call("phase_end", self.levers.acting("phase_end"))

    def passes(self) -> tuple[Tensor, Tensor | None]:
        """(m, n_seen) positions in `train`, in an order of each member's own, and which count; None where all do.

        Members that see fewer examples repeat one, which does not count.
        """
        lengths = np.array([len(rows) for rows in self.seen])
        longest = lengths.max()
        drawn = [rng.permutation(rows) for rng, rows in zip(self.orders, self.seen, strict=True)]
        filled = [one if len(one) else rows[:1] for one, rows in zip(drawn, self.rows, strict=True)]
        order = np.stack([np.append(one, np.repeat(one[:1], max(longest - len(one), 0)))[:longest] for one in filled])
        counted = np.arange(longest) < lengths[:, None]
        return torch.from_numpy(order).to(self.device), (
            None if counted.all() else torch.from_numpy(counted).to(self.device)
        )

    def batches(self) -> Iterator[tuple[Tensor, Tensor | None]]:
        """Positions in `train` and weights, (m, b) each, without replacement; the last may be short."""
        order, counted = self.passes()
        for start in range(0, order.shape[1], self.learner.batch):
            part = slice(start, start + self.learner.batch)
            yield order[:, part], weights(counted, part)

    def examples(self, rows: Tensor, weight: Tensor | None = None, into: Tensor | None = None) -> Batch:
        """The training examples `rows` (m, b), as a batch."""
        places = rows
        if not self.shared:
            places = rows + torch.arange(self.m, device=self.device)[:, None] * (len(self.pool) // self.m)
        x = torch.index_select(self.pool, 0, places.reshape(-1), out=into)
        meta = {name: values[rows] for name, values in self.meta.items()}
        return Batch(rows, x.view(*rows.shape, *self.pool.shape[1:]), self.targets(rows), weight, meta)

    def targets(self, rows: Tensor) -> Tensor:
        """What is to be given of the training examples `rows` (m, b)."""
        return self.y[torch.arange(self.m, device=self.device)[:, None], rows]

    def step(self, rows: Tensor, weight: Tensor | None = None) -> None:
        """One step on the training examples `rows` (m, b): their mean loss, or the sum by `weight`."""
        batch = self.levers.batch(self.examples(rows, weight, self.batch[: rows.numel()]))
        self.levers.differentiate(batch)
        self.levers.call("gradient", self.levers.bending)
        if self.learner.clip:
            clip(self.gradients, self.learner.clip)
        lr = rate(self.learner.lr, self.learner.schedule, self.steps_done, self.steps)
        if self.levers.decay:
            self.fleet.flat.mul_(1 - lr * self.levers.decay)
        self.optimiser.param_groups[0]["lr"] = lr
        self.optimiser.step()
        self.steps_done += 1
        self.levers.call("after", self.levers.following)

    def differentiate(self, batch: Batch, plain: bool = False) -> Tensor:
        """Fill the fleet's gradient with that of the batch's loss (without levers where `plain`); the logits."""
        logits = self.fleet.forward(batch.x, None if plain else self.hidden)
        slope, weight = self.slope(logits, batch, plain), batch.weight
        by = 1 / batch.rows.shape[1] if weight is None else weight.view(*weight.shape, *[1] * (logits.dim() - 2))
        self.fleet.backward(slope * by)
        return logits

    def slope(self, logits: Tensor, batch: Batch, plain: bool = False) -> Tensor:
        """Derivative of the summed training loss by the logits (m, b, k)."""
        own, weighed = self.learner.loss, bool(self.levers.weighing) and not plain
        if own is None and not weighed:
            return batch.mixed(partial(self.output.slope, logits))
        with torch.enable_grad():
            z = logits.detach().requires_grad_()
            per_example = batch.mixed(partial(own, z) if own else lambda y: Plain.apply(z, y, self.output))
            per_example = self.levers.loss(per_example, z, batch) if weighed else per_example
        g = torch.autograd.grad(per_example.sum(), z)[0]
        # Laid out as `Output.slope` lays it out: products of another layout round differently.
        return g.transpose(-1, -2).contiguous().transpose(-1, -2)

    def seconds_a_step(self, seconds: float) -> float:
        """CPU seconds of one step, from as many as fit into `seconds` (at least 2, the first left out)."""
        started, count, batches = 0.0, 0, self.batches()
        while count < 2 or time.process_time() - started < seconds:
            if (batch := next(batches, None)) is None:
                batches = self.batches()
                continue
            self.step(*batch)
            self.steps_done = 0
            started, count = (started, count + 1) if count else (time.process_time(), 1)
        return (time.process_time() - started) / (count - 1)

    def state(self) -> dict[str, Any]:
        """All that the next epoch depends on: weights, optimiser, streams, what levers remember, and the place."""
        hidden = self.hidden.generators if self.hidden else []
        return copy.deepcopy(
            {
                "place": (self.phase, self.epochs_done, self.steps_done),
                "weights": self.fleet.weights(),
                "optimiser": self.optimiser.state_dict(),
                "orders": [rng.bit_generator.state for rng in self.orders],
                "hidden": [generator.get_state() for generator in hidden],
                "levers": self.levers.kept(),
                "module": torch.get_rng_state(),  # of a module that draws noise of its own (way `each`)
            }
        )

    def restore(self, state: dict[str, Any]) -> None:
        """Go on, between two epochs, from where `state` was taken: bit for bit as if nothing had happened."""
        state = copy.deepcopy(state)
        phase, self.epochs_done, steps_done = state["place"]
        self._begin(phase)
        self.steps_done = steps_done
        self.fleet.restore(state["weights"])
        self.optimiser.load_state_dict(state["optimiser"])
        for rng, kept in zip(self.orders, state["orders"], strict=True):
            rng.bit_generator.state = kept
        for generator, kept in zip(self.hidden.generators if self.hidden else [], state["hidden"], strict=True):
            generator.set_state(kept)
        self.levers.restore(state["levers"])
        torch.set_rng_state(state["module"])

    def logits(self, view: str) -> np.ndarray:
        """Logits (m, n_view, k) now; values in the units of y."""
        x = self.views[view]
        # what recurrent layers hold grows with the steps they take
        steps = x.shape[1 if self.shared else 2] if recurrent(self.template) else 1
        rows = max(ROWS // self.m // max(steps // 16, 1), 1)
        parts = [self.fleet.predict(part, self.shared) for part in x.split(rows, 0 if self.shared else 1)]
        return self.in_units(torch.cat(parts, 1).cpu().numpy())

    def in_units(self, z: np.ndarray) -> np.ndarray:
        """What the modules give (m, n, ..., k), values in the units of y."""
        if not self.output.continuous:
            return z
        scale, centre = (each.reshape(self.m, *[1] * (z.ndim - 2), -1) for each in (self.scale, self.centre))
        return z * scale + centre

    def outcomes(self, view: str, examples: Examples, trail: bool, last: bool) -> tuple[Outcomes, np.ndarray]:
        """Outcomes of `view` now, and (m,) whether each member's logits are finite; `trail` keeps a trail's."""
        z = self.logits(view)
        finite = np.isfinite(z).reshape(self.m, -1).all(1)
        return outcomes(z[None], examples.y, self.output, trail), finite

    def called_on(self, view: str) -> Tensor:
        """What the modules are called on in a view: (n, ...) where `shared`, else (m, n, ...).

        Raises:
            InputRefused: the data have no such view.
        """
        if view not in self.views:
            raise InputRefused(expected=f"a view of {', '.join(self.views)}", came=view, do="Ask for one of them.")
        views = self.inputs()[1]
        return torch.as_tensor(views[AS_DRAWN if view == "train" and AS_DRAWN in views else view]).to(self.device)

    def module(self, j: int) -> nn.Module:
        """A copy of the module with the weights that member j has now."""
        module = copy.deepcopy(self.template).to(self.device)
        module.load_state_dict({name: value[j] for name, value in self.fleet.weights().items()})
        return module

    def finite(self) -> np.ndarray:
        """(m,) bool: are all weights of the member finite?"""
        checks = [p.flatten(1).isfinite().all(1) for p in self.fleet.parameters.values()]
        return torch.stack(checks).all(0).cpu().numpy()


def weights(counted: Tensor | None, part: slice) -> Tensor | None:
    """What each example of a batch weighs (m, b): one over those of the member that count, 0 for the others.

    None where all count.
    """
    if counted is None or bool(counted[:, part].all()):
        return None
    kept = counted[:, part].float()
    return kept / kept.sum(1, keepdim=True).clamp(min=1)
