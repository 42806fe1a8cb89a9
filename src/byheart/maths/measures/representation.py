"""What the outputs of the first layer and mixed examples say: the two winners of the competition on generalisation.

Label-wise mixing takes the mean of two examples of the same label: each and the next of its label, in an order that
looks random and is the same for every model. The competition is that of NeurIPS 2020 (PGDL); the measures are of
Natekar and Sharma 2020, Representation based complexity measures for predicting generalization in deep learning.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from scipy.stats import trim_mean
from torch import Tensor, nn

from byheart.maths.measures.evidence import Evidence, Inapplicable
from byheart.maths.measures.example_order import example_order
from byheart.maths.measures.layers import outputs_of

POOLED = 4  # side of the squares of which the largest is taken
ROWS_AT_ONCE = 256
SAME = 1e-12  # means whose distance is less of their length are the same but for rounding


class Read(NamedTuple):
    """What the network gives, and what its first layer gives on the way."""

    logits: Tensor
    features: Tensor


def mixup_error(evidence: Evidence) -> float:
    """How much do classes overlap at the first layer, times the share of mixed examples that are wrong?

    log(Davies-Bouldin index (1 - accuracy)). Of a convolution the largest outputs in squares of 4 x 4 are taken.
    """
    x, y = evidence.data
    features = torch.cat([pooled(read(evidence, part).features) for part in x.split(ROWS_AT_ONCE)])
    mixed, labels = mixed_examples(evidence)
    found = torch.cat([read(evidence, part).logits for part in mixed.split(ROWS_AT_ONCE)])
    value = davies_bouldin(features, y) * float((found.argmax(1) != labels).double().mean())
    return math.log(value) if value else -math.inf


def mixup_margin(evidence: Evidence) -> float:
    """How near do mixed examples come to another class, at the first layer: the mean distance, negative?

    -(1/n) sum_j d_j / s, d = (f_y - f_k) / ||grad_h (f_y - f_k)||, k the largest other score, h the first layer's
    output; s^2 is the variance of an output over mixed examples, its mean over outputs without the outer 5 % each way.

    Raises:
        Inapplicable: an output that is the same for all.
    """
    distances, features = [], []
    mixed, labels = mixed_examples(evidence)
    for part, own in zip(mixed.split(ROWS_AT_ONCE), labels.split(ROWS_AT_ONCE), strict=True):
        with torch.enable_grad():
            found = read(evidence, part, derived=True)
            others = found.logits.detach().scatter(1, own[:, None], -math.inf).argmax(1)
            margin = (found.logits.gather(1, own[:, None]) - found.logits.gather(1, others[:, None]))[:, 0]
            (slope,) = torch.autograd.grad(margin.sum(), found.features)
        length = slope.flatten(1).norm(dim=1)
        distances.append(torch.where(length > 0, margin.detach() / length.clamp(min=1e-300), 0.0))
        features.append(found.features.detach().flatten(1))
    spread = math.sqrt(trim_mean(torch.cat(features).var(0, correction=0).numpy(), 0.05))
    if not spread:
        raise Inapplicable("the first layer gives the same for all mixed examples")
    return -float(torch.cat(distances).mean()) / spread


def mixed_examples(evidence: Evidence) -> tuple[Tensor, Tensor]:
    """Means of two examples of the same label, and their labels."""
    x, y = evidence.data
    if not (x.is_floating_point() or x.dtype == torch.uint8):
        raise Inapplicable("inputs that are whole numbers, other than the bytes of pictures, cannot be mixed")
    x = x.double()
    pairs = []
    for label in y.unique():
        ids = torch.nonzero(y == label)[:, 0]
        ids = ids[example_order(x[ids])]
        pairs.append(torch.stack([ids, ids.roll(1)], 1) if len(ids) > 1 else ids.new_zeros(0, 2))
    one, other = torch.cat(pairs).T
    if not len(one):
        raise Inapplicable("no two examples have the same label")
    return (x[one] + x[other]) / 2, y[one]


def read(evidence: Evidence, x: Tensor, derived: bool = False) -> Read:
    """Logits (b, k), and the output of the first layer that they come from."""
    held: list[Tensor] = []

    def keep(_part: nn.Module, _given: tuple[Tensor, ...], out: Tensor) -> Tensor:
        held.append(out.detach().requires_grad_(derived))
        return held[-1].clone()  # what follows may write into it

    handle = evidence.model.get_submodule(evidence.layers[0].name).register_forward_hook(keep)
    try:
        logits = outputs_of(evidence.model, x)
    finally:
        handle.remove()
    if len(held) != 1 or len(held[0]) != len(x):
        raise Inapplicable("the first layer does not give one output for each example")
    return Read(logits, held[0])


def pooled(features: Tensor) -> Tensor:
    """(b, ...) as (b, q); of an output with sides, the largest of squares of 4 x 4 where they are that long."""
    if features.dim() == 4 and min(features.shape[2:]) >= POOLED:
        features = F.max_pool2d(features, POOLED)
    return features.detach().flatten(1)


def davies_bouldin(features: Tensor, y: Tensor) -> float:
    """How far do classes overlap: the mean over classes of max_j (s_i + s_j) / ||c_i - c_j||?

    c the mean of a class, s the mean distance from it. Davies and Bouldin 1979, A cluster separation measure, IEEE
    Transactions on Pattern Analysis and Machine Intelligence 1.
    """
    labels = y.unique()
    if len(labels) < 2:
        raise Inapplicable("all examples have the same label")
    groups = [features[y == label] for label in labels]
    centres = torch.stack([group.mean(0) for group in groups])
    spreads = torch.stack([(group - centre).norm(dim=1).mean() for group, centre in zip(groups, centres, strict=True)])
    between = torch.cdist(centres, centres, compute_mode="donot_use_mm_for_euclid_dist").fill_diagonal_(math.inf)
    if (between <= SAME * centres.norm(dim=1).max()).any():
        raise Inapplicable("two classes have the same mean output of the first layer")
    ratios = (spreads[:, None] + spreads) / between
    return float(ratios.amax(1).mean())
