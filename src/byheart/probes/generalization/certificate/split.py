"""Which examples choose the prior, which certify, and how a network of the learner's is called on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from byheart.learners.base import Network
from byheart.maths.bounds.stochastic_network import Call, function_of
from byheart.probes.base import Bank
from byheart.training.clipping import clip
from byheart.training.module_inputs import as_called, inputs_of
from byheart.training.schedule import optimiser, rate

Pair = tuple[Tensor, Tensor]  # x (n, ...) and y (n,)


class Rows(NamedTuple):
    """Rows that choose the prior, rows that certify, and how many were left out as copies of the latter."""

    prior: np.ndarray
    certify: np.ndarray
    copies: int


@dataclass(frozen=True)
class Split:
    """A fresh network of the learner's, and the examples in two parts.

    Attributes:
        call: the network as a function of its weights (p,) and x.
        start: (p,) weights at its random start.
        prior: examples that choose the prior; none where it stays at the start.
        certify: examples that certify.
        test: new examples; None without.
        copies: training examples in neither part, as copies of one that certifies.
    """

    call: Call
    start: Tensor
    prior: Pair
    certify: Pair
    test: Pair | None
    copies: int


def rows_of(bank: Bank, share: float, rng: np.random.Generator) -> Rows:
    """Rows that choose the prior and rows that certify, each by order of ids.

    Labels redrawn by the audit's control are in neither: the certificate speaks of labels as they came. Groups stay
    together, and of each group one example certifies, for copies are not independent draws.
    """
    ids, groups = bank.data.train.ids, bank.groups
    order = np.argsort(ids, kind="stable")
    order = order[bank.counted[order]]
    own = np.array([*dict.fromkeys(groups[order].tolist())])  # groups by their least id
    chosen = own[rng.permutation(len(own))[: round(share * len(own))]]
    order = order[rng.permutation(len(order))]  # which one of a group certifies is drawn
    for_prior = np.isin(groups[order], chosen)
    rest = order[~for_prior]
    one = rest[np.unique(groups[rest], return_index=True)[1]]
    by_id = [rows[np.argsort(ids[rows], kind="stable")] for rows in (order[for_prior], one)]
    return Rows(*by_id, len(rest) - len(one))


def split(bank: Bank, learner: Network, rows: Rows, trained: bool, rng: np.random.Generator) -> Split:
    """The two parts and the network.

    Columns are scaled by the part that chooses the prior alone. Where nothing is scaled and the prior stays at the
    start (not `trained`), all examples certify.
    """
    data = bank.data
    shared, views = inputs_of(learner, data, [rows.prior])
    x = {name: torch.as_tensor(value) for name, value in views.items()}
    built_for = data if shared else as_called(data, x)
    x = x if shared else {name: value[0] for name, value in x.items()}
    if not trained:
        rows = rows_of(bank, 0.0, rng) if shared else Rows(rows.prior[:0], *rows[1:])
    generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
    call, start = function_of(learner.build(built_for, generator))
    number = numbers(data.output.classes)
    pairs = {name: (x[name], torch.as_tensor(number[data.views[name].y])) for name in x.keys() & {"train", "test"}}

    def part(chosen: np.ndarray) -> Pair:
        return pairs["train"][0][chosen], pairs["train"][1][chosen]

    return Split(call, start, part(rows.prior), part(rows.certify), pairs.get("test"), rows.copies)


def of_distinct(wrong: np.ndarray, copies: np.ndarray) -> np.ndarray:
    """The (q,) values where copies count as one, as they do among what certifies: a mean per group.

    Example:
        >>> of_distinct(np.array([1.0, 0.0, 1.0]), np.array([5, 5, 8])).tolist()
        [0.5, 1.0]
    """
    _, place, sizes = np.unique(copies, return_inverse=True, return_counts=True)
    return np.bincount(place, wrong) / sizes


def numbers(classes: Sequence[str]) -> np.ndarray:
    """(k,) the place of each class by its name: neither how classes are numbered nor any example plays a part.

    Example:
        >>> numbers(("dog", "ant", "cat")).tolist()
        [2, 0, 1]
    """
    return np.argsort(np.argsort(np.array(classes, dtype=str), kind="stable"))


def trained(parts: Split, learner: Network, generator: torch.Generator) -> Tensor:
    """(p,) weights after the learner's own training on the examples that choose the prior, levers aside."""
    (x, y), weights = parts.prior, parts.start.clone().requires_grad_()
    taken = optimiser(learner.optimizer, weights, learner.lr, learner.betas)
    each = max(1, len(y) // learner.batch)  # steps an epoch
    for step in range(learner.epochs * each):
        if step % each == 0:
            order = torch.randperm(len(y), generator=generator)
        taken.param_groups[0]["lr"] = rate(learner.lr, learner.schedule, step, learner.epochs * each)
        rows = order[step % each * learner.batch :][: learner.batch]
        taken.zero_grad()
        nn.functional.cross_entropy(parts.call(weights, x[rows]), y[rows]).backward()
        if learner.clip:
            clip({"all": weights.grad[None]}, learner.clip)
        taken.step()
    return weights.detach()
