"""Ascent: how much accuracy does the worst that is found in a box around the weights lose?

What ascent finds is a lower bound on the worst there is, so a radius found by it is an upper bound.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from byheart.maths.measures.evidence import Evidence, Search
from byheart.maths.measures.moved_weights import (
    EPSILON,
    ROWS_AT_ONCE,
    Kind,
    Lost,
    Weights,
    accuracy_of,
    movable,
    outputs,
)
from byheart.maths.recording.module_copy import copied
from byheart.seeds import derive


def lost_in_box(evidence: Evidence, search: Search, kind: Kind) -> Callable[[float], Lost]:
    """How much accuracy is lost in a box, as a function of half its side?

    |u_i| <= a, or a |w_i| + eps with -mag. The first of the starts is the worst direction found at any radius so far.
    """
    ascent = Ascent(evidence, search)
    best: dict[str, Tensor] = {}

    def lost(half: float) -> Lost:
        box = {name: side(w, half, kind) for name, w in ascent.weights.items()}
        drops: list[float] = []
        for start in range(search.starts):
            drop, inside = ascent.climbed(box, dict(best) if best and not start else ascent.start(start))
            if drop > max(drops, default=0.0):
                best.update(inside)
            drops.append(drop)
            if drop > search.loss:
                break
        return Lost(max(drops), min(drops), max(drops))

    return lost


def side(weight: Tensor, half: float, kind: Kind) -> Tensor:
    """Half the side of the box along each weight."""
    return half * weight.abs() + EPSILON if kind == "alpha-mag" else torch.full_like(weight, half)


class Ascent:
    """Projected ascent of the cross-entropy inside a box around the weights.

    Steps are made in float32, several times as fast; what they find is scored in float64, like everything else.
    """

    def __init__(self, evidence: Evidence, search: Search) -> None:
        self.model, self.weights = movable(evidence)
        self.x, self.y = evidence.data
        self.whole, self.search = evidence.accuracy, search
        self.fast = copied(self.model).float().requires_grad_(False)
        self.fast_weights = {name: w.float() for name, w in self.weights.items()}
        self.fast_x = self.x.float() if self.x.is_floating_point() else self.x

    def start(self, number: int) -> dict[str, Tensor]:
        """A random point of the box, in units of the box."""
        generator = torch.Generator().manual_seed(derive(self.search.seed, "start", number))
        return {name: 2 * torch.rand(w.shape, generator=generator) - 1 for name, w in self.weights.items()}

    def climbed(self, box: Weights, inside: dict[str, Tensor]) -> tuple[float, dict[str, Tensor]]:
        """The most accuracy lost on the way from a point of the box, and where (in units of the box)."""
        sides = {name: side.float() for name, side in box.items()}
        most, worst = -1.0, inside
        for step in range(self.search.ascent_steps + 1):
            moved = {name: self.fast_weights[name] + sides[name] * u for name, u in inside.items()}
            share, slopes = self._slopes(moved)
            if self.whole - share > most:
                most, worst = self.whole - share, inside
            if most > self.search.loss or step == self.search.ascent_steps:
                break
            rate = 2 / (1 + step)  # the first may cross the box
            inside = {name: (u + rate * slopes[name].sign()).clamp(-1, 1) for name, u in inside.items()}
        exact = {name: w + box[name] * worst[name].double() for name, w in self.weights.items()}
        return self.whole - accuracy_of(self.model, exact, self.x, self.y), worst

    def _slopes(self, weights: dict[str, Tensor]) -> tuple[float, dict[str, Tensor]]:
        """Accuracy at these weights, and the direction in which the cross-entropy grows."""
        leaves = {name: w.requires_grad_() for name, w in weights.items()}
        right, slopes = 0, {name: torch.zeros_like(w) for name, w in leaves.items()}
        for x, y in zip(self.fast_x.split(ROWS_AT_ONCE), self.y.split(ROWS_AT_ONCE), strict=True):
            logits = outputs(self.fast, leaves, x)
            right += int((logits.argmax(1) == y).sum())
            found = torch.autograd.grad(steepness(logits, y), list(leaves.values()))
            for name, slope in zip(leaves, found, strict=True):
                slopes[name] += slope
        return right / len(self.y), slopes


def steepness(logits: Tensor, y: Tensor) -> Tensor:
    """A sum with the gradient of the cross-entropy, which no confidence rounds to zero.

    CE = log(1 + exp(z)) with z = log sum_{j != y} exp(f_j) - f_y, so its gradient is s(z) dz, s the logistic function;
    written like this, 1 - s is never formed. Where s is below e^-60 it counts as that: float32 ends at e^-87.
    """
    own = logits.gather(1, y[:, None])[:, 0]
    z = logits.scatter(1, y[:, None], float("-inf")).logsumexp(1) - own
    return (F.logsigmoid(z).detach().clamp(min=-60).exp() * z).sum()
