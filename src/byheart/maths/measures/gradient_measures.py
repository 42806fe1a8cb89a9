"""What the gradients of single examples say: the Fisher-Rao norm (45) and the noise of the gradient (65, 66).

Gradients are of the cross-entropy of one example by the weights of the linear and convolutional layers, without biases
and with BatchNorm folded in, in evaluation mode.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import nn

from byheart.maths.attribution.curvature import still
from byheart.maths.attribution.gradient_products import Gradients
from byheart.maths.attribution.kronecker_fisher import gradients_of, in_chunks, losses_at
from byheart.maths.measures.evidence import Evidence, Inapplicable
from byheart.maths.recording.module_copy import copied


def fisher_rao(evidence: Evidence) -> float:
    """How much does the loss move as all weights grow: log((d + 1)^2 / m sum_j <w, grad_w CE_j>^2) (45)?

    Of a network of ReLUs without biases, <w, grad_w CE> = d <p - y, f>: the logits alone say it.
    """
    weights = {f"{layer.name}.weight".lstrip(".") for layer in evidence.layers}
    own = {
        name: p.detach() if name in weights else torch.zeros_like(p) for name, p in evidence.model.named_parameters()
    }
    slopes = torch.cat([found.dot(own) for found in example_gradients(evidence, evidence.model)])
    value = float((slopes**2).mean())
    return math.log(value) + 2 * math.log(len(evidence.layers) + 1) if value else -math.inf


def noise_after_first_epoch(evidence: Evidence) -> float:
    """How noisy is the gradient after the first epoch: log of the trace of its covariance over examples (65)?

    Raises:
        Inapplicable: the log holds no weights of then.
    """
    if evidence.first is None:
        raise Inapplicable("the weights after the first epoch were not kept")
    return log_variance(evidence, evidence.first)


def noise_at_end(evidence: Evidence) -> float:
    """How noisy is the gradient at the end of training: log of the trace of its covariance over examples (66)?"""
    return log_variance(evidence, evidence.model)


def log_variance(evidence: Evidence, model: nn.Module) -> float:
    """log of (1/m) sum_j ||g_j - g||^2, g the mean of g_j; block by block, centred in each (Chan et al. 1983)."""
    names = [f"{layer.name}.weight".lstrip(".") for layer in evidence.layers]
    count, mean, squares = 0, torch.zeros(()), 0.0
    for block in example_gradients(evidence, model):
        formed = block.form()
        g = torch.cat([formed[name] for name in names], 1)
        centre = g.mean(0)
        step, total = centre - mean, count + len(g)
        squares += float(((g - centre) ** 2).sum()) + float((step**2).sum()) * count * len(g) / total
        mean, count = mean + step * len(g) / total, total
    return math.log(squares / count) if squares else -math.inf


def example_gradients(evidence: Evidence, model: nn.Module) -> Iterator[Gradients]:
    """The gradients of the examples' losses, a block of them at a time."""
    m, _ = evidence.logits.shape  # says by name what is no classifier
    trace = still(copied(model).requires_grad_(True), evidence.data, "cross-entropy", double=True)
    reader = gradients_of(trace)
    for ids in in_chunks(m, trace.layout.size, 8):
        yield losses_at(reader, trace, ids)
