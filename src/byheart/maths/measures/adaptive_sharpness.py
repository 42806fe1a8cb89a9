"""Sharpness that no rescaling of weights moves: each weight moves in proportion to itself, logits are of length one.

L(w) = mean cross-entropy of the logits f(x) less their mean, over their Euclidean length. Average: E L(w + u) - L(w)
with u_i ~ N(0, rho^2 w_i^2). Worst: max of L(w + u) - L(w) over |u_i| <= rho |w_i|, for 128 examples at a time, the
mean over these. Andriushchenko et al. 2023, A modern look at the relationship between sharpness and generalization,
ICML. They find that it goes with the learning rate rather than with generalisation, and often against accuracy under
shift.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from byheart.maths.measures.ascent import Ascent, Goal
from byheart.maths.measures.evidence import Evidence, Noted
from byheart.maths.measures.example_order import example_order
from byheart.maths.measures.moved_weights import ROWS_AT_ONCE, Weights, movable, outputs
from byheart.maths.measures.perturbation import asked_search
from byheart.maths.measures.search_settings import Search
from byheart.seeds import derive

BATCH = 128
FLAT = 1e-10  # logits that are all equal are not divided by less


def normalised_loss(logits: Tensor, y: Tensor) -> Tensor:
    """Cross-entropy of logits of length one, summed."""
    centred = logits - logits.mean(1, keepdim=True)
    return F.cross_entropy(centred / centred.norm(dim=1, keepdim=True).clamp(min=FLAT), y, reduction="sum")


def average(evidence: Evidence) -> Noted:
    """How much does relative noise raise the normalised loss on average [nats]?"""
    search, (model, weights), (x, y) = asked_search(evidence), movable(evidence), evidence.data

    def loss(at: Weights) -> float:
        with torch.no_grad():
            parts = zip(x.split(ROWS_AT_ONCE), y.split(ROWS_AT_ONCE), strict=True)
            return sum(float(normalised_loss(outputs(model, at, part), labels)) for part, labels in parts) / len(y)

    rises = []
    for draw in range(search.draws):
        generator = torch.Generator().manual_seed(derive(search.seed, "relative noise", draw))
        scale = search.relative_noise
        noise = {name: torch.randn(w.shape, generator=generator, dtype=w.dtype) for name, w in weights.items()}
        rises.append(loss({name: w + scale * w.abs() * noise[name] for name, w in weights.items()}))
    rise = torch.tensor(rises, dtype=torch.float64) - loss(weights)
    error = float(rise.std()) / math.sqrt(len(rise)) if len(rise) > 1 else math.nan
    return Noted(float(rise.mean()), f"mean of {len(rise)} draws, standard error {error:.2g}")


def worst(evidence: Evidence) -> Noted:
    """How much does the worst relative change that ascent finds raise the normalised loss [nats]?"""
    search, (model, weights), (x, y) = asked_search(evidence), movable(evidence), evidence.data
    order = example_order(x)
    x, y = x[order], y[order]
    ascent, total = Ascent(model, weights, x, y, NORMALISED, search), 0.0
    for part, labels in zip(x.split(BATCH), y.split(BATCH), strict=True):
        ascent.look_at(part, labels)
        total += _worst_of(ascent, search) * len(labels)
    return Noted(total / len(y), f"a lower bound: the worst that ascent finds from {search.starts} starts")


def _worst_of(ascent: Ascent, search: Search) -> float:
    box = {name: search.relative_box * w.abs() for name, w in ascent.weights.items()}
    found = [ascent.climbed(box, ascent.start(start))[0] for start in range(search.starts)]
    own = ascent.harm(ascent.weights)
    return max(own, *found) - own


NORMALISED = Goal(normalised_loss, normalised_loss)
