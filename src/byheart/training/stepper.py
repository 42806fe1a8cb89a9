"""Stepper: m members on their way, a step at a time; each epoch has equally many steps for all of them.

A step: gather each member's next examples, logits, the derivative of the loss by the logits, the fleet's
gradient, decoupled decay, the optimiser on one flat vector. Each member has streams of its own (`init`,
`order`, `hidden`), so it is the same alone as in a fleet, to rounding.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from byheart.errors import InputRefused, unknown_name
from byheart.levers.base import Lever
from byheart.seeds import derive, stream
from byheart.tasks.data import Data, Examples
from byheart.training import preprocessing
from byheart.training.fleet import Fleet, Hidden
from byheart.training.losses import Plain, plain_slope
from byheart.training.members import Members
from byheart.training.model import Trainable
from byheart.training.run import Outcomes, outcomes
from byheart.training.ways import make

ROWS = 4096  # member-examples evaluated at once: logits and activations stay in the cache


def rate(lr: float, schedule: str, step: int, steps: int) -> float:
    """Learning rate of step 0..steps - 1: lr (1 - t/T), lr (1 + cos(pi t/T)) / 2, or lr."""
    part = step / steps
    match schedule:
        case "linear":
            return lr * (1 - part)
        case "cosine":
            return lr * 0.5 * (1 + math.cos(math.pi * part))
        case "constant":
            return lr
    raise unknown_name("schedule", schedule, ("linear", "cosine", "constant"))


def optimiser(name: str, flat: Tensor, lr: float) -> torch.optim.Optimizer:
    """One fused optimiser for the flat vector of all members; `adamw` decays by 0.01, torch's default."""
    match name:
        case "adam":
            return torch.optim.Adam([flat], lr=lr, fused=True)
        case "adamw":
            return torch.optim.AdamW([flat], lr=lr, fused=True)
        case "sgd":
            return torch.optim.SGD([flat], lr=lr, fused=True)
        case "momentum":
            return torch.optim.SGD([flat], lr=lr, momentum=0.9, fused=True)
    raise unknown_name("optimizer", name, ("adam", "adamw", "sgd", "momentum"))


class Stepper:
    """m members of equally many steps an epoch on their way: `epoch()` trains, `logits(view)` looks.

    `centre` and `scale` (m,) are the mean and deviation of each member's own values; 0 and 1 for classes.
    """

    def __init__(
        self, learner: Trainable, data: Data, members: Members, levers: Sequence[Lever], way: str, device: str
    ) -> None:
        self.learner, self.device, self.m, self.output = learner, device, len(members), data.output
        self.rows = [np.flatnonzero(seen) for seen in members.seen]
        self.inputs = partial(_inputs, learner, data, self.rows)
        self.shared, views = self.inputs()
        self.views = {name: torch.as_tensor(x).to(device) for name, x in views.items()}
        self.fleet = self._fleet(data, members, levers, way)
        self.views = {name: self.fleet.before(x, self.shared) for name, x in self.views.items()}
        self.pool = self.views["train"].flatten(0, 0 if self.shared else 1)  # (n, ...) or (m n, ...)
        self.batch = self.pool.new_empty(self.m * learner.batch, *self.pool.shape[1:])  # filled at every step
        self._targets(data)
        self.orders = [stream(seed, "order") for seed in members.seeds]
        acting = [lever for lever in levers if type(lever).hidden is not Lever.hidden]
        generators = [torch.Generator().manual_seed(derive(seed, "hidden")) for seed in members.seeds]
        self.hidden = Hidden(acting, generators, device) if acting else None
        self.weighing = [lever for lever in levers if type(lever).loss is not Lever.loss]
        self.decay = sum(lever.decay() for lever in levers)
        self.fleet.flat.grad = self.fleet.gradient
        self.optimiser = optimiser(learner.optimizer, self.fleet.flat, learner.lr)
        self.steps_done, self.steps = 0, learner.epochs * math.ceil(len(self.rows[0]) / learner.batch)

    def _fleet(self, data: Data, members: Members, levers: Sequence[Lever], way: str) -> Fleet:
        seen = data if self.shared else _as_called(data, self.views)
        seeds = [derive(seed, "init") for seed in members.seeds]
        modules = [self.learner.build(seen, torch.Generator().manual_seed(seed)) for seed in seeds]
        self.template = modules[0]
        return make(way, modules, self.device)

    def _targets(self, data: Data) -> None:
        y = data.train.y
        self.centre, self.scale = np.zeros(self.m), np.ones(self.m)
        if data.output.kind == "values":
            self.centre = np.array([y[rows].mean() for rows in self.rows])
            deviation = np.array([y[rows].std() for rows in self.rows])
            self.scale = np.where(deviation > 0, deviation, 1.0)
            y = ((y - self.centre[:, None]) / self.scale[:, None]).astype(np.float32)
        y = np.broadcast_to(y, (self.m, len(data.train))).copy()  # (m, n)
        self.y = torch.from_numpy(y).to(self.device)

    def epoch(self) -> None:
        """One pass over every member's examples, in an order of its own."""
        for batch in self.batches():
            self.step(*batch)

    def passes(self) -> tuple[Tensor, Tensor | None]:
        """(m, n_seen) positions in `train`, in an order of each member's own, and which count; None where all do.

        Members that see fewer examples repeat one, which does not count.
        """
        longest = max(map(len, self.rows))
        drawn = [rng.permutation(rows) for rng, rows in zip(self.orders, self.rows, strict=True)]
        order = np.stack([np.append(one, np.repeat(one[:1], longest - len(one))) for one in drawn])
        lengths = np.array([len(rows) for rows in self.rows])
        counted = np.arange(longest) < lengths[:, None]
        return torch.from_numpy(order).to(self.device), (
            None if counted.all() else torch.from_numpy(counted).to(self.device)
        )

    def batches(self) -> Iterator[tuple[Tensor, Tensor, Tensor | None]]:
        """Positions in the pool, targets and weights, (m, b) each, without replacement; the last may be short."""
        order, counted = self.passes()
        targets = self.y.gather(1, order)
        if not self.shared:
            order = order + torch.arange(self.m, device=self.device)[:, None] * self.y.shape[1]
        for start in range(0, order.shape[1], self.learner.batch):
            part = slice(start, start + self.learner.batch)
            yield order[:, part], targets[:, part], weights(counted, part)

    def step(self, order: Tensor, targets: Tensor, weight: Tensor | None = None) -> None:
        """One step on the examples `order` (m, b), positions in the pool: their mean loss, or the sum by `weight`."""
        x = self.batch[: order.numel()]
        torch.index_select(self.pool, 0, order.reshape(-1), out=x)
        x = x.view(*order.shape, *self.pool.shape[1:])
        logits = self.fleet.forward(x, self.hidden)
        slope = self.slope(logits, targets)
        scale = 1 / order.shape[1] if weight is None else weight.view(*weight.shape, *[1] * (logits.dim() - 2))
        self.fleet.backward(slope * scale)
        lr = rate(self.learner.lr, self.learner.schedule, self.steps_done, self.steps)
        if self.decay:
            self.fleet.flat.mul_(1 - lr * self.decay)
        self.optimiser.param_groups[0]["lr"] = lr
        self.optimiser.step()
        self.steps_done += 1

    def slope(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Derivative of the summed training loss by the logits (m, b, k)."""
        own = type(self.learner).loss is not Trainable.loss
        if not own and not self.weighing:
            return plain_slope(logits, targets)
        with torch.enable_grad():
            z = logits.detach().requires_grad_()
            per_example = self.learner.loss(z, targets) if own else Plain.apply(z, targets)
            for lever in self.weighing:
                per_example = lever.loss(per_example, z, targets)
        g = torch.autograd.grad(per_example.sum(), z)[0]
        # Laid out as `plain_slope` lays it out: products of another layout round differently.
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

    def logits(self, view: str) -> np.ndarray:
        """Logits (m, n_view, k) now; values in the units of y."""
        x = self.views[view]
        rows = max(ROWS // self.m, 1)
        parts = [self.fleet.predict(part, self.shared) for part in x.split(rows, 0 if self.shared else 1)]
        z = torch.cat(parts, 1).cpu().numpy()
        return z * self.scale[:, None, None] + self.centre[:, None, None] if z.shape[-1] == 1 else z

    def outcomes(self, view: str, examples: Examples, trail: bool, last: bool) -> tuple[Outcomes, np.ndarray]:
        """Outcomes of `view` now, and (m,) whether each member's logits are finite; `trail` keeps a trail's."""
        z = self.logits(view)
        return outcomes(z[None], examples.y, self.output.kind, trail), np.isfinite(z).all((1, 2))

    def called_on(self, view: str) -> Tensor:
        """What the modules are called on in a view: (n, ...) where `shared`, else (m, n, ...).

        Raises:
            InputRefused: the data have no such view.
        """
        if view not in self.views:
            raise InputRefused(expected=f"a view of {', '.join(self.views)}", came=view, do="Ask for one of them.")
        return torch.as_tensor(self.inputs()[1][view]).to(self.device)

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
    return kept / kept.sum(1, keepdim=True)


def called_on(learner: Trainable, data: Data, rows: np.ndarray) -> dict[str, Any]:
    """What the module of one member that sees `rows` is called on: view -> x (n_view, ...), an array or a tensor."""
    shared, views = _inputs(learner, data, rows[None])
    return views if shared else {name: x[0] for name, x in views.items()}


def _inputs(learner: Trainable, data: Data, rows: Sequence[np.ndarray]) -> tuple[bool, dict[str, Any]]:
    """Does every member get the same, and a view's x: (n, ...) where so, else (m, n, ...)."""
    if type(learner).inputs is not Trainable.inputs:  # the learner says itself what it is called on
        given = {name: learner.inputs(data, name) for name in data.views}
        # what a user's module gets is a tensor already, of the user's type
        own = {name: torch.is_tensor(x) for name, x in given.items()}
        return True, {name: x if own[name] else np.ascontiguousarray(x, np.float32) for name, x in given.items()}
    if preprocessing.shared(data):
        return True, preprocessing.prepare(data, rows[0])
    members = [preprocessing.prepare(data, seen) for seen in rows]
    return False, {name: np.stack([member[name] for member in members]) for name in members[0]}


def _as_called(data: Data, x: dict[str, Tensor]) -> Data:
    """`data` with a member's prepared x (n, d), so that `build` sees the width that the module gets."""
    views = {name: replace(examples, x=x[name][0].cpu().numpy()) for name, examples in data.views.items()}
    return replace(data, views=views)
