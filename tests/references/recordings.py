"""Small recorded trainings for the tests of trace, credit and recording."""

import torch
import torch.nn.functional as F
from torch import nn

from byheart.training.recording import record

OPTIMISERS = {
    "sgd": lambda groups: torch.optim.SGD(groups, lr=0.3),
    "momentum": lambda groups: torch.optim.SGD(groups, lr=0.1, momentum=0.8),
    "dampened": lambda groups: torch.optim.SGD(groups, lr=0.1, momentum=0.8, dampening=0.3),
    "nesterov": lambda groups: torch.optim.SGD(groups, lr=0.1, momentum=0.8, nesterov=True),
    "adam": lambda groups: torch.optim.Adam(groups, lr=0.01),
    "adamw": lambda groups: torch.optim.AdamW(groups, lr=0.01),
}


def mlp(act=nn.Tanh, dropout=0.0, d=5, k=3, width=7, dtype=torch.float64):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(d, width), act(), nn.Dropout(dropout), nn.LayerNorm(width), nn.Linear(width, k)).to(dtype)


def data(n=20, d=5, k=3, dtype=torch.float64, seed=1):
    g = torch.Generator().manual_seed(seed)
    return torch.randn(n, d, generator=g, dtype=dtype), torch.randint(0, k, (n,), generator=g)


def groups_of(model):
    """First layers with more decay, the others with a learning rate of their own."""
    first = list(model.parameters())
    half = len(first) // 2
    return [{"params": first[:half], "weight_decay": 0.05}, {"params": first[half:], "weight_decay": 0.01}]


def train(model, x, y, optimiser="sgd", steps=6, batch=4, clip=None, every=1, passes=1, loss="cross-entropy", batches=None, **more):
    """A loop as a user writes it, recorded; the learning rate of the second group is halved and both fall in time."""
    optimizer = OPTIMISERS[optimiser](groups_of(model)) if isinstance(optimiser, str) else optimiser(model)
    optimizer.param_groups[-1]["lr"] /= 2
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.95)
    mean = F.cross_entropy if loss == "cross-entropy" else lambda z, t: loss(z, t).mean()
    g = torch.Generator().manual_seed(2)
    with record(model, optimizer, loss, (x, y), every=every, **more) as trace:
        for t in range(steps):
            optimizer.zero_grad()
            for _ in range(passes):
                ids = torch.randperm(len(x), generator=g)[:batch] if batches is None else torch.tensor(batches[t])
                trace.batch(ids, share=1 / passes)
                (mean(model(x[ids]), y[ids]) / passes).backward()
            if clip:
                nn.utils.clip_grad_norm_(model.parameters(), clip)
            optimizer.step()
            scheduler.step()
    return trace
