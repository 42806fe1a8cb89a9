"""Slow twin of the noise of the gradient: the gradient of one example after another, and their spread."""

import torch
import torch.nn.functional as F


def gradient(model, x, y):
    """By the weights of layers, without biases, as one vector."""
    weights = [p.requires_grad_() for name, p in model.named_parameters() if p.dim() > 1]
    return torch.cat([g.flatten() for g in torch.autograd.grad(F.cross_entropy(model(x[None]), y[None]), weights)])


def variance(model, x, y):
    """Mean squared distance of an example's gradient from the mean gradient."""
    rows = [gradient(model, one, label) for one, label in zip(x, y, strict=True)]
    mean = sum(rows) / len(rows)
    return float(sum(((row - mean) ** 2).sum() for row in rows) / len(rows))


def fisher_rao(model, x, y, layers):
    """(d + 1)^2 times the mean squared product of weights and gradient."""
    w = torch.cat([p.detach().flatten() for name, p in model.named_parameters() if p.dim() > 1])
    return (layers + 1) ** 2 * sum(float(w @ gradient(model, *one)) ** 2 for one in zip(x, y, strict=True)) / len(y)
