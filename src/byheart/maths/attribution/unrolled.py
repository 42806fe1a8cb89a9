"""The derivative of a trained model by the weights of its training examples, backwards through a recorded training.

The adjoint of a state is the derivative of the query's target by it: (q, ...) for q queries. `sweep` starts with the
gradient of the target at the last weights and takes the steps back one by one; `_before` holds the formulas.

Reference: Hara, Nitanda and Maehara 2019, "Data cleansing for models trained with SGD", NeurIPS, section 3.2 (SGD);
the other optimisers are derived here from their steps as recording/optimizer_spec.py states them, v included.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from byheart.errors import InputRefused
from byheart.maths.attribution.hessian_products import Anything, AnythingPoint, Stack, StackPoint
from byheart.maths.attribution.kronecker_fisher import gradients_of
from byheart.maths.attribution.reverse_sweep import adam, momentum
from byheart.maths.attribution.targets import Target, function
from byheart.maths.recording.gradient_sketch import Departure, refuse_step
from byheart.maths.recording.losses import per_example
from byheart.maths.recording.trace import Part, Step, Trace, count, take
from byheart.maths.shapes import Float, Shaped

TAIL = 2 / 3  # of the steps, over which several moments are spread
CACHE = 2_000_000  # bytes of adjoint a group of queries: one that stays in the cache is up to twice as fast


def sweep_bytes(p: int, q: int, n: int, states: int, item: int) -> int:
    """How many bytes do q queries need on the way back through training?

    Adjoints of the weights and `states` states of the optimiser, one gradient for the
    cached group, and the result in float64.
    """
    return q * (p * item * (1 + states) + 8 * n) + 2 * CACHE + 2 * p * item


def queries_at_once(p: int, q: int, n: int, states: int, item: int, limit_bytes: int) -> int:
    """How many queries fit into `limit_bytes` beside the result (q, n)?

    Raises:
        InputRefused: not even one; the need is said.
    """
    fixed = sweep_bytes(p, 0, n, states, item) + 8 * q * n
    fits = int((limit_bytes - fixed) // (p * item * (1 + states)))
    if fits < 1:
        need = fixed + p * item * (1 + states)
        raise InputRefused(
            expected=f"work that fits into {limit_bytes / 1e6:.0f} MB",
            came=f"{p} weights and {1 + states} adjoints a query, which need {need / 1e6:.0f} MB for a single query",
            do="Raise limit_bytes, or ask for fewer queries at a time.",
        )
    return min(fits, q)


def checked_labels(
    trace: Trace, weights: Float[Tensor, " p"], x: Any, y: Shaped[Tensor, "q ..."], target: Target
) -> None:
    """Are the labels of the queries classes of the model?

    Raises:
        InputRefused: a label out of range, or one at each place of a sequence where one a query is asked for.
    """
    with torch.no_grad():
        out = trace.outputs(weights, take(x, torch.arange(1)))
    k = out.shape[-1] if out.dim() > 1 else 1
    if out.dim() == 3 and target == "margin" and trace.loss == "cross-entropy":
        raise InputRefused(
            expected='one label a query for target="margin"',
            came=f"outputs {tuple(out.shape[1:])} a query, with a label at each of the last axis",
            do="Give target= as a function of the outputs, such as lambda z: z[:, 3, 0].",
        )
    if out.dim() == 3:  # of sequences, tokens of target -1 are not counted
        y = y.clamp(min=0)
    if target == "margin" and k > 1 and (y.is_floating_point() or not 0 <= int(y.min()) <= int(y.max()) < k):
        raise InputRefused(
            expected=f"labels of the queries from 0 to {k - 1}, whole numbers, one a query",
            came=f"values from {y.min().item()} to {y.max().item()}",
            do="Number the classes as in training; for other targets give target= as a function of the outputs.",
        )


def moments_of(trace: Trace, moments: int | Sequence[int] | None) -> list[int]:
    """Before which steps is the target looked at?

    A number m: m of them over the last two thirds of the steps, evenly, the end among them.

    Args:
        trace: a recorded training.
        moments: how many, or the steps themselves; None is the end alone.

    Returns:
        The steps, ascending; len(trace) is the end of training.

    Raises:
        InputRefused: none, or a step that the trace does not have.

    Cost: none. Fails when: the trace was cut short: the end is then the last step recorded.

    Reference: ours, see `effect.unrolled`.

    >>> from byheart.maths.attribution.credit import _example_trace
    >>> moments_of(_example_trace(), None), moments_of(_example_trace(), [0, 1])
    ([1], [0, 1])
    """
    last = len(trace)
    if moments is None:
        return [last]
    if isinstance(moments, int):
        found = sorted({last - round(last * TAIL * j / max(moments, 1)) for j in range(moments)})
    else:
        found = sorted({int(t) for t in moments})
    if not found or found[0] < 0 or found[-1] > last:
        raise InputRefused(
            expected=f"moments as a count of 1 or more, or steps from 0 to {last}",
            came=str(moments),
            do="None is the end of training alone.",
        )
    return found


class Sweep:
    """One backward pass through `trace` for some queries; `run()` gives (q, n)."""

    def __init__(
        self, trace: Trace, x: Any, y: Any, target: Target, moments: Sequence[int], exact: bool = True
    ) -> None:
        self.trace, self.names, self.moments, self.exact = trace, trace.layout.names, set(moments), exact
        self.queries, self.target, self.examplewise = (x, y), function(target), gradients_of(trace)
        place = {name: g for g, group in enumerate(trace.recipe.groups) for name in group.names}
        # a weight of no group stays where it is
        self.group = [place.get(name) for name in self.names]
        end = trace.weights(len(trace))
        checked_labels(trace, end, x, y, target)
        kinds = 1 + trace.recipe.carries + trace.recipe.adaptive
        rows = max(8, CACHE // (trace.layout.size * end.element_size() * kinds))
        self.chunks = list(torch.arange(count(x)).split(rows))
        shapes = trace.layout.shapes
        self.adjoints = [
            [[end.new_zeros(len(ids), *shape) for shape in shapes] for _ in range(kinds)] for ids in self.chunks
        ]
        self.stack = Stack.of(trace.module, trace.layout, trace.loss, exact)
        if self.stack is not None:
            self.x = trace.x if not isinstance(trace.x, Tensor) else self.stack.before(trace.x)
            if not self.stack.fits(self.x, trace.y):
                self.stack = None

    def run(self) -> np.ndarray:
        """The effects (q, n)."""
        trace = self.trace
        result = torch.zeros(count(self.queries[0]), trace.n, dtype=torch.float64)
        known = Departure(trace.sketches, trace.weights(len(trace))) if trace.sketches else None
        first: tuple[int, float] | None = None  # the earliest step whose gradient is not the recorded one
        if len(trace) in self.moments:
            self.look(trace.weights(len(trace)))
        for step in trace.backwards():
            if step.index < max(self.moments):
                weights = [w.contiguous() for w in trace.named(step.before).values()]
                points = [self.point(weights, part) for part in step.parts]
                self._refuse_losses(step, points)
                if known and (off := known.at(step.index, self._gradient(points))):
                    first = step.index, off
                if first:
                    continue
                for ids, adjoints in zip(self.chunks, self.adjoints, strict=True):
                    slopes = self.back(step, points, weights, *adjoints)
                    if not slopes.isfinite().all():
                        self._refuse(step, adjoints)
                    # an id may come twice in a batch
                    result[ids[0] : ids[-1] + 1].index_add_(1, step.ids, slopes.double())
            if step.index in self.moments:
                self.look(step.before)
        if first:
            raise refuse_step(*first)
        return result.numpy()

    def _gradient(self, points: list) -> Tensor:
        """The gradient (p,) of the batch loss, before clipping."""
        return torch.cat([sum(column).reshape(-1) for column in zip(*(p.gradient for p in points), strict=True)])

    def look(self, weights: Tensor) -> None:
        """Add the gradients of the queries' targets at `weights` to the adjoints, each moment with equal weight."""
        x, y = self.queries
        for ids, adjoints in zip(self.chunks, self.adjoints, strict=True):
            value = lambda outputs, label=y[ids]: self.target(outputs, label)  # noqa: E731
            formed = self.examplewise.at(weights, take(x, ids), value).form()
            for name, adjoint in zip(self.names, adjoints[0], strict=True):
                adjoint.add_(formed[name].detach().view_as(adjoint), alpha=1 / len(self.moments))

    def point(self, weights: list[Tensor], part: Part) -> StackPoint | AnythingPoint:
        """The Hessian products of one pass."""
        c = self.trace.coefficients(part)
        if self.stack is not None:
            return self.stack.at(weights, self.x[part.ids].to(weights[0].dtype), take(self.trace.y, part.ids), c)
        trace, x, y = self.trace, take(self.trace.x, part.ids), take(self.trace.y, part.ids)
        outputs = lambda named: trace.outputs(named, x, part)  # noqa: E731
        return Anything(self.names, outputs, lambda out: per_example(trace.loss, out, y), self.exact).at(weights, c)

    def back(
        self,
        step: Step,
        points: list,
        weights: list[Tensor],
        theta: list[Tensor],
        first: Sequence[Tensor] = (),
        second: Sequence[Tensor] = (),
    ) -> Tensor:
        """Adjoints after `step` become those before it, in place; gives the effects (q, b) of its examples."""
        groups, rates = self.trace.recipe.groups, step.rates
        shrinks = [1.0 if g is None else 1 - groups[g].shrinks(rates[g]) for g in self.group]
        clips = [0.0 if g is None else step.clips[g] for g in self.group]
        if not first and not any(group.coupled for group in groups) and all(c == 1 for c in step.clips):
            # plain SGD: d theta' = (1 - s) d theta - eta d g, so the adjoint of g is -eta theta' and needs no copy
            alpha = [0.0 if g is None else -rates[g] for g in self.group]
            if len(set(alpha)) == 1 and len(points) == 1:
                slopes = points[0].product(theta, theta, alpha, shrinks)
                return slopes * (alpha[0] * points[0].c)
        before = dict(zip(self.names, weights, strict=True))
        raw = self._gradient_adjoint(step, points, before, theta, first, second, clips)
        for j, g in enumerate(self.group):
            theta[j].mul_(shrinks[j])
            if g is not None and groups[g].coupled:
                theta[j].add_(raw[j], alpha=groups[g].coupled * (1 - rates[g] * groups[g].outside))
        self._clipped(step, points, raw, clips)
        ones = [1.0] * len(raw)
        return torch.cat([point.product(raw, theta, ones, ones) * point.c for point in points], 1)

    def _gradient_adjoint(
        self, step: Step, points: list, before: dict, theta: list, first: Any, second: Any, clips: list[float]
    ) -> list[Tensor]:
        """Adjoint of the gradient that the optimiser saw; those of its states are taken one step back, in place."""
        recipe, raw = self.trace.recipe, []
        for j, (name, g) in enumerate(zip(self.names, self.group, strict=True)):
            if g is None:
                raw.append(torch.zeros_like(theta[j]))
                continue
            group, rate = recipe.groups[g], step.rates[g]
            if recipe.adaptive:
                batch = sum(point.gradient[j] for point in points) * clips[j]
                coupled = group.coupled * (1 - rate * group.outside)
                where = self.trace.layout.slices[name]
                v = step.second[where].view_as(before[name])
                moved = before[name] * (1 - group.shrinks(rate)) - step.after[where].view_as(before[name])
                adam(group, rate, step.index + 1, v, moved, theta[j], first[j], second[j])
                raw.append(second[j] * (2 * (1 - group.square) * (batch + coupled * before[name])))
                raw[-1].add_(first[j], alpha=1 - group.momentum)
                first[j].mul_(group.momentum)
                second[j].mul_(group.square)
            elif not group.momentum:
                raw.append(theta[j] * -rate)
            else:
                raw.append(momentum(group, rate, step.index, theta[j], first[j]))
        return raw

    def _clipped(self, step: Step, points: list, raw: list[Tensor], clips: list[float]) -> None:
        """Adjoint of the gradient before clipping, in place: g~ = c g with c = C / (|g| + 1e-6).

        raw = c (raw~ - g <g, raw~> / (|g| (|g| + 1e-6))); groups of one factor were clipped by one norm.
        """
        for factor in {c for c in clips if c != 1}:
            own = [j for j, c in enumerate(clips) if c == factor]
            gradients = [sum(point.gradient[j] for point in points) for j in own]
            norm = torch.sqrt(sum(g.square().sum() for g in gradients))
            along = sum((raw[j].flatten(1) @ g.flatten()) for j, g in zip(own, gradients, strict=True))
            along = along / (norm * (norm + 1e-6)).clamp_min(1e-30)
            for j, g in zip(own, gradients, strict=True):
                raw[j].sub_(along.view(-1, *[1] * g.dim()) * g).mul_(factor)

    def _refuse_losses(self, step: Step, points: list) -> None:
        losses = torch.cat([point.losses for point in points])
        if not losses.isfinite().all():
            bad = int(step.ids[(~losses.isfinite()).nonzero()[0, 0]])
            raise InputRefused(
                expected="losses that are finite at every step",
                came=f"one that is not at step {step.index}, first of example {bad}",
                do="Training had diverged there: lower the learning rate, or leave the example out.",
            )

    def _refuse(self, step: Step, adjoints: list) -> None:
        layers = [name for name, v in zip(self.names, adjoints[0], strict=True) if not v.isfinite().all()]
        raise InputRefused(
            expected="derivatives that stay finite on the way back",
            came=f"one that is not at step {step.index}" + (f", layer {layers[0]}" if layers else ""),
            do="The run is too rough to unroll: lower its learning rate, use float64, or method retrain.",
        )
