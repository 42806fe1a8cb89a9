"""Slow twin of maths/attribution/effect.py: train again with the weight of one example moved a little, example by example."""

from contextlib import nullcontext

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from byheart.training.recording import record


def losses(z, y):
    return F.mse_loss(z[:, 0], y, reduction="none") / 2 if y.is_floating_point() else F.cross_entropy(z, y, reduction="none")


def name_of(y):
    return "half-squared-error" if y.is_floating_point() else "cross-entropy"


def train(make, optimiser, data, batches, weights=None, clip=None, every=None, seed=0, looks=()):
    """(model, trace, [weights before the steps in `looks`]); without a trace where `every` is None."""
    x, y = data
    weights = torch.ones(len(x), dtype=x.dtype) if weights is None else weights
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = make().to(x.dtype)
        opt = optimiser(model)
        seen = []
        with record(model, opt, name_of(y), data, every=every) if every else nullcontext() as trace:
            for t, ids in enumerate(batches):
                if t in looks:
                    seen.append({k: v.clone() for k, v in model.state_dict().items()})
                opt.zero_grad()
                if every:
                    trace.batch(ids)
                z = model(x[ids])
                ((weights[ids] * losses(z, y[ids])).sum() / len(ids)).backward()
                if clip:
                    nn.utils.clip_grad_norm_(model.parameters(), clip)
                opt.step()
        seen.append({k: v.clone() for k, v in model.state_dict().items()})
    return model, trace, seen


def margins(model, query):
    x, y = query
    model.eval()
    with torch.no_grad():
        z = model(x)
    if z.shape[1] == 1:
        return z[:, 0].numpy()
    label = F.one_hot(y, z.shape[1]).bool()
    return (z[label] - z.masked_fill(label, -torch.inf).logsumexp(1)).numpy()


def differences(make, optimiser, data, batches, query, clip=None, looks=(), h=1e-5):
    """Central differences (q, n) of the margin by each example's weight; with `looks`, of its mean over them."""
    n = len(data[0])
    found = np.zeros((len(query[0]), n))
    for i in range(n):
        for sign in (1, -1):
            weights = torch.ones(n, dtype=data[0].dtype)
            weights[i] += sign * h
            model, _, seen = train(make, optimiser, data, batches, weights, clip, looks=looks)
            for state in seen if looks else seen[-1:]:
                model.load_state_dict(state)
                found[:, i] += sign * margins(model, query) / (2 * h) / (len(seen) if looks else 1)
    return found
