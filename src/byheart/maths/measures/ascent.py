"""Ascent: what is the worst that weights in a box around the model's own can do?

What ascent finds is a lower bound on the worst there is, so a radius found by it is an upper bound.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from byheart.errors import InputRefused
from byheart.maths.measures.evidence import Evidence
from byheart.maths.measures.layers import outputs_of
from byheart.maths.measures.moved_weights import EPSILON, ROUNDING, ROWS_AT_ONCE, Kind, Lost, Weights, movable, outputs
from byheart.maths.measures.search_settings import Search
from byheart.maths.recording.module_copy import copied
from byheart.seeds import derive


class Goal(NamedTuple):
    """What an ascent is to make large, both as a sum over examples of (logits, labels)."""

    harm: Callable[[Tensor, Tensor], Tensor]
    climbed: Callable[[Tensor, Tensor], Tensor]  # has derivatives, and grows with it


def lost_in_box(evidence: Evidence, search: Search, kind: Kind) -> Callable[[float], Lost]:
    """How much accuracy is lost in a box, as a function of half its side?

    |u_i| <= a, or a |w_i| + eps with -mag. The first of the starts is the worst direction found at any radius so far.
    """
    ascent = Ascent(*movable(evidence), *evidence.data, ERRORS, search)
    wrong = ascent.harm(ascent.weights)
    best: dict[str, Tensor] = {}

    def lost(half: float) -> Lost:
        box = {name: side(w, half, kind) for name, w in ascent.weights.items()}
        drops: list[float] = []
        for start in range(search.starts):
            inside = dict(best) if best and not start else ascent.start(start)
            harm, inside = ascent.climbed(box, inside, wrong + search.loss + ROUNDING)
            if harm - wrong > max(drops, default=0.0):
                best.update(inside)
            drops.append(harm - wrong)
            if drops[-1] > search.loss + ROUNDING:
                break
        return Lost(max(drops), min(drops), max(drops))

    return lost


def side(weight: Tensor, half: float, kind: Kind) -> Tensor:
    """Half the side of the box along each weight."""
    return half * weight.abs() + EPSILON if kind == "alpha-mag" else torch.full_like(weight, half)


class Ascent:
    """Projected ascent of a goal inside a box around the weights, from any point of it.

    Steps are made in float32 where the model takes it, several times as fast; what they find is scored in float64, like
    everything else.
    """

    def __init__(
        self, model: nn.Module, weights: dict[str, Tensor], x: Tensor, y: Tensor, goal: Goal, search: Search
    ) -> None:
        self.model, self.weights = model, weights
        self.goal, self.steps, self.seed = goal, search.ascent_steps, search.seed
        self.fast, self.dtype = fastest(model, x)
        self.fast_weights = {name: w.to(self.dtype) for name, w in weights.items()}
        self.look_at(x, y)

    def look_at(self, x: Tensor, y: Tensor) -> None:
        """Harm counts on these examples."""
        self.x, self.y = x, y
        self.fast_x = x.to(self.dtype) if x.is_floating_point() else x

    def start(self, number: int) -> dict[str, Tensor]:
        """A random point of the box, in units of the box."""
        generator = torch.Generator().manual_seed(derive(self.seed, "start", number))
        return {
            name: (2 * torch.rand(w.shape, generator=generator) - 1).to(self.dtype) for name, w in self.weights.items()
        }

    def climbed(
        self, box: Weights, inside: dict[str, Tensor], enough: float = math.inf
    ) -> tuple[float, dict[str, Tensor]]:
        """The largest mean harm on the way from a point of the box, and where (in units of the box)."""
        sides = {name: side.to(self.dtype) for name, side in box.items()}
        most, worst = -math.inf, inside
        for step in range(self.steps + 1):
            moved = {name: self.fast_weights[name] + sides[name] * u for name, u in inside.items()}
            harm, slopes = self._slopes(moved)
            if harm > most:
                most, worst = harm, inside
            if most > enough or step == self.steps:
                break
            rate = 2 / (1 + step)  # the first may cross the box
            inside = {name: (u + rate * slopes[name].sign()).clamp(-1, 1) for name, u in inside.items()}
        return self.harm({name: w + box[name] * worst[name].double() for name, w in self.weights.items()}), worst

    def harm(self, weights: Weights) -> float:
        """Mean harm at these weights, in float64."""
        with torch.no_grad():
            parts = zip(self.x.split(ROWS_AT_ONCE), self.y.split(ROWS_AT_ONCE), strict=True)
            return sum(float(self.goal.harm(outputs(self.model, weights, x), y)) for x, y in parts) / len(self.y)

    def _slopes(self, weights: dict[str, Tensor]) -> tuple[float, dict[str, Tensor]]:
        """Mean harm at these weights, and the direction in which the goal grows."""
        leaves = {name: w.requires_grad_() for name, w in weights.items()}
        harm, slopes = 0.0, {name: torch.zeros_like(w) for name, w in leaves.items()}
        for x, y in zip(self.fast_x.split(ROWS_AT_ONCE), self.y.split(ROWS_AT_ONCE), strict=True):
            logits = outputs(self.fast, leaves, x)
            harm += float(self.goal.harm(logits.detach(), y))
            found = torch.autograd.grad(self.goal.climbed(logits, y), list(leaves.values()))
            for name, slope in zip(leaves, found, strict=True):
                slopes[name] += slope
        return harm / len(self.y), slopes


def fastest(model: nn.Module, x: Tensor) -> tuple[nn.Module, torch.dtype]:
    """The model in float32, or as it is where it takes no inputs in float32."""
    made = copied(model).float().requires_grad_(False)
    try:
        with torch.no_grad():
            outputs_of(made, x[:1].float() if x.is_floating_point() else x[:1])
    except InputRefused:  # it makes float64 of whatever it is given
        return copied(model).requires_grad_(False), torch.float64
    return made, torch.float32


def errors(logits: Tensor, y: Tensor) -> Tensor:
    """The number of examples that are wrong."""
    return (logits.argmax(1) != y).sum()


def steepness(logits: Tensor, y: Tensor) -> Tensor:
    """A sum with the gradient of the cross-entropy, which no confidence rounds to zero.

    CE = log(1 + exp(z)) with z = log sum_{j != y} exp(f_j) - f_y, so its gradient is s(z) dz, s the logistic function;
    written like this, 1 - s is never formed. Where s is below e^-60 it counts as that: float32 ends at e^-87.
    """
    own = logits.gather(1, y[:, None])[:, 0]
    z = logits.scatter(1, y[:, None], float("-inf")).logsumexp(1) - own
    return (F.logsigmoid(z).detach().clamp(min=-60).exp() * z).sum()


ERRORS = Goal(errors, steepness)
