"""Slow twin of unrolled effects for any loop: train again with the weight of one example moved a little."""

from contextlib import nullcontext

import numpy as np
import torch
import torch.nn.functional as F

from byheart.training.recording import record

N = 8


def examples(seed=1):
    g = torch.Generator().manual_seed(seed)
    return torch.randn(N, 5, generator=g).double(), torch.randint(0, 3, (N,), generator=g)


def words(seed=2):
    return torch.randint(1, 8, (N, 4), generator=torch.Generator().manual_seed(seed))


def sgd(model):
    return torch.optim.SGD(model.parameters(), lr=0.2)


def nothing(t, model, optimizer):
    pass


def train(make, x, y, steps=8, weights=None, recorded=True, optimiser=sgd, before=nothing, pass_=None, wrap=None, around=nullcontext, every=1):
    """(model, trace). `before(t, model, optimizer)` runs before each step's pass, and with t = steps at the end.

    `pass_(t, live, x, losses)` gives what is to be added to the weighted mean of the losses, or None.
    """
    g = torch.Generator().manual_seed(3)
    weights = torch.ones(len(x), dtype=torch.float64) if weights is None else weights
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = make()
        live = wrap(model) if wrap else model
        optimizer = optimiser(model)
        with record(live, optimizer, "cross-entropy", (x, y), every=every) if recorded else nullcontext() as trace:
            for t in range(steps):
                ids = torch.randperm(len(x), generator=g)[:4]
                before(t, model, optimizer)
                optimizer.zero_grad()
                if recorded:
                    trace.batch(ids)
                with around():
                    given = pass_(t, x[ids]) if pass_ else x[ids]
                    losses = F.cross_entropy(live(given), y[ids], reduction="none").reshape(len(ids), -1).sum(1)
                    ((weights[ids] * losses).sum() / (y[ids] != -100).sum()).backward()
                optimizer.step()
            before(steps, model, optimizer)
    return model, trace


def first_class(outputs):
    return outputs.flatten(1)[:, 0]


def differences(make, x, y, query, h=1e-5, **loop):
    """Central differences (q, n) of the first output by each example's weight."""
    columns = []
    for i in range(len(x)):
        ends = []
        for sign in (1, -1):
            weights = torch.ones(len(x), dtype=torch.float64)
            weights[i] += sign * h
            model, _ = train(make, x, y, weights=weights, recorded=False, **loop)
            with torch.no_grad():
                ends.append(first_class(model.eval()(query)))
        columns.append((ends[0] - ends[1]) / (2 * h))
    return torch.stack(columns, 1).numpy()


def far(found, truth):
    return np.abs(found - truth).max() / np.abs(truth).max()
