"""How far may the weights be moved before the training accuracy falls? Four searches, each done once.

`sigma` and `sigma-mag` move them by Gaussian noise, `alpha` and `alpha-mag` by the worst that ascent finds in a box;
with `-mag` each weight moves in proportion to its own size. Accuracy counts from that of the unmoved model, which need
not be 1. Every radius sees the same noise and the same starts, else what is lost would not grow with it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from byheart.maths.measures.ascent import lost_in_box
from byheart.maths.measures.evidence import Evidence, Inapplicable
from byheart.maths.measures.moved_weights import EPSILON, ROUNDING, Kind, Lost, accuracy_of, movable
from byheart.maths.measures.search_settings import Search
from byheart.seeds import derive

FEWEST = 10  # examples: of fewer, one alone is more than a tenth of the accuracy


class Radius(NamedTuple):
    """The largest radius at which no more than `Search.loss` of the accuracy is lost.

    Attributes:
        value: a standard deviation (sigma), half the side of a box (alpha); with -mag relative to a weight.
        lost: accuracy lost there.
        beyond: the smallest radius tried at which more is lost; None where the search ended first.
        tries: draws or starts at each radius.
    """

    value: float
    lost: Lost
    beyond: float | None
    tries: int

    def note(self, kind: Kind) -> str:
        """What has to be said beside the value, if anything."""
        points = [100 * part for part in self.lost]
        end = f"{kind} is at least {self.value:g}, where the search ends: {points[0]:.3g} points of accuracy lost there"
        bound = (
            "the worst perturbation that ascent finds is a lower bound on the worst there is: "
            f"{self.tries} starts lost {points[1]:.3g} to {points[2]:.3g} points at {kind} = {self.value:.3g}"
        )
        said = [end] if self.beyond is None else []
        return "; ".join([*said, bound] if kind.startswith("alpha") else said)


def radius(evidence: Evidence, kind: Kind) -> Radius:
    r"""How far may the weights be moved at a loss of no more than `Search.loss` of the training accuracy?

    sigma: the largest s with A(w) - E A(w + u) <= loss, u ~ N(0, s^2), A the training accuracy; sigma-mag: u_i ~
    N(0, s^2 w_i^2 + eps^2). alpha: the largest a with A(w) - min A(w + u) <= loss over |u_i| <= a; alpha-mag: over
    |u_i| <= a |w_i| + eps. eps = 1e-3. The expectation is a mean over `Search.draws`, the minimum what ascent finds
    from `Search.starts`. The poles have no part in it.

    Args:
        evidence: model, training examples and `Search`; what is found is kept there.
        kind: "sigma", "sigma-mag", "alpha" or "alpha-mag".

    Returns:
        `Radius`.

    Raises:
        Inapplicable: no search asked for, too few examples, one class, a model that has no such accuracy to lose, or
            one that loses more at every radius tried.

    Cost: sigma some ten passes of the examples for each draw; alpha as many forward and backward passes for each start
    and step. Fails when: the ascent is stuck (alpha is then too large).

    Reference: Jiang et al. 2020, Fantastic generalization measures and where to find them, ICLR, appendix C; Keskar et
    al. 2017, On large-batch training for deep learning, ICLR.

    >>> from torch import nn, tensor
    >>> layer = nn.Linear(1, 2, bias=False).double().requires_grad_(False)
    >>> _ = layer.weight.copy_(tensor([[0.5], [-0.5]]))  # alpha = 1/2: then a box holds weights that are equal
    >>> x = tensor([[1.0], [-1.0]]).repeat(5, 1)
    >>> given = Evidence.of(layer, None, (x, tensor([0, 1]).repeat(5)), None, Search(), "")
    >>> found = radius(given, "alpha")
    >>> found.value <= 0.5 <= found.beyond
    True
    """
    if kind not in evidence.radii:
        try:
            evidence.radii[kind] = searched(evidence, kind)
        except Inapplicable as why:
            evidence.radii[kind] = why
    if isinstance(found := evidence.radii[kind], Inapplicable):
        raise found
    return found


def searched(evidence: Evidence, kind: Kind) -> Radius:
    """What does the search find, made anew?"""
    search, noise = checked_search(evidence), kind.startswith("sigma")
    lost = (lost_to_noise if noise else lost_in_box)(evidence, search, kind)
    return bisected(lost, search, search.draws if noise else search.starts, kind)


def checked_search(evidence: Evidence) -> Search:
    """Which search was asked for, where there is an accuracy to lose?

    Raises:
        Inapplicable: there is none.
    """
    search, (_, y) = asked_search(evidence), evidence.data
    if len(y) < FEWEST:
        raise Inapplicable(f"a loss of a tenth of the accuracy needs at least {FEWEST} examples; there are {len(y)}")
    if len(y.unique()) < 2:
        raise Inapplicable("all examples have the same label: no perturbation has to lose accuracy")
    chance = 1 / evidence.logits.shape[1]
    if evidence.accuracy - search.loss <= chance:
        right, loss = 100 * evidence.accuracy, 100 * search.loss
        raise Inapplicable(
            f"the model is not fitted: {right:.3g} % are right, and {loss:g} points fewer would be no more than chance "
            f"({100 * chance:.3g} %)"
        )
    return search


def asked_search(evidence: Evidence) -> Search:
    """Which search was asked for?

    Raises:
        Inapplicable: none.
    """
    if evidence.search is None:
        raise Inapplicable("no search over perturbed weights was asked for")
    return evidence.search


def bisected(lost: Callable[[float], Lost], search: Search, tries: int, kind: Kind) -> Radius:
    """Which radius in [0, `Search.largest`] is the last at which no more than `Search.loss` is lost?

    Raises:
        Inapplicable: more is lost at every radius tried.
    """
    low, high, there = 0.0, search.largest, lost(search.largest)
    if there.share <= search.loss + ROUNDING:
        return Radius(high, there, None, tries)
    for _ in range(search.halvings):
        middle = (low + high) / 2
        if (found := lost(middle)).share > search.loss + ROUNDING:
            high = middle
        else:
            low, there = middle, found
        if high - low <= search.tolerance * high:
            break
    if not low:
        raise Inapplicable(f"more than {100 * search.loss:g} points of accuracy are lost even at {kind} = {high:.2g}")
    return Radius(low, there, high, tries)


def lost_to_noise(evidence: Evidence, search: Search, kind: Kind) -> Callable[[float], Lost]:
    """How much accuracy is lost to Gaussian noise on average, as a function of its standard deviation?"""
    (model, weights), (x, y), whole = movable(evidence), evidence.data, evidence.accuracy
    deviation = standard_deviation
    if evidence.compat:  # the published code moves biases too
        weights, deviation = {name: p.detach() for name, p in model.named_parameters()}, published_deviation

    def lost(scale: float) -> Lost:
        drops: list[float] = []
        for draw in range(search.draws):
            generator = torch.Generator().manual_seed(derive(search.seed, "noise", draw))
            moved = {
                name: w + deviation(w, scale, kind) * torch.randn(w.shape, generator=generator, dtype=w.dtype)
                for name, w in weights.items()
            }
            drops.append(whole - accuracy_of(model, moved, x, y))
            remaining = search.draws - len(drops)
            if sum(drops) + remaining * (whole - 1) > (search.loss + ROUNDING) * search.draws:
                break  # no gain in the other draws could undo it
        return Lost(sum(drops) / len(drops), min(drops), max(drops))

    return lost


def standard_deviation(weight: Tensor, scale: float, kind: Kind) -> Tensor | float:
    """s, or sqrt(s^2 w^2 + eps^2) with -mag."""
    return (scale**2 * weight**2 + EPSILON**2).sqrt() if kind == "sigma-mag" else scale


def published_deviation(weight: Tensor, scale: float, kind: Kind) -> Tensor | float:
    """What the code of Dziugaite et al. 2020 takes for it: the variance."""
    return scale**2 * weight**2 + EPSILON**2 if kind == "sigma-mag" else scale**2
