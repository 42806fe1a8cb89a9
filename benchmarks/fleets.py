"""Models a CPU second: fleets against the loops that people write, side by side in one run.

    OMP_NUM_THREADS=1 python benchmarks/fleets.py [--quick]

Rivals: `DataLoader`, the loop of every tutorial; `careful`, the same on tensors in memory with a fused
optimiser; `vmap`, torch.func (our way `functional`). Every training starts from its own weights and its own
70 % of the examples, and ends at learning rate 0. Ratios come from one process on one thread; rivals and
ours alternate, and the best of three rounds counts for each. Recurrent cells have a table of their own: 16
members at once against one after another (`each`: torch's own layers; on CPU its LSTM is one fused routine).
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from byheart.learners.base import Network
from byheart.learners.mlp import Mlp
from byheart.learners.recurrent import Recurrent
from byheart.tasks.data import Data, Examples, Truth
from byheart.tasks.output import Classes
from byheart.training.members import Members, balanced
from byheart.training.training import Training
from byheart.training.trial import choose


def digits() -> Data:
    bunch = load_digits()
    x, y = bunch.images[:1437].astype(np.float32) / 16, bunch.target[:1437].astype(np.int64)
    train = Examples(np.arange(len(x)), x, y)
    return Data({"train": train}, Classes(10, show="image"), Truth(), {})


def network(learner: Mlp, data: Data, seed: int) -> nn.Module:
    return learner.build(data, torch.Generator().manual_seed(seed))


def seen(data: Data, members: Members, j: int) -> tuple[torch.Tensor, torch.Tensor]:
    own = data.train.take(members.mask[j])
    return torch.from_numpy(own.x), torch.from_numpy(own.y)


def data_loader(learner: Mlp, data: Data, members: Members) -> None:
    """As users write it."""
    for j in range(len(members)):
        x, y = seen(data, members, j)
        loader = DataLoader(TensorDataset(x, y), batch_size=learner.batch, shuffle=True)
        model = network(learner, data, j)
        optimizer = torch.optim.Adam(model.parameters(), lr=learner.lr)
        scheduler = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, learner.epochs * len(loader))
        loss_fn = nn.CrossEntropyLoss()
        for _ in range(learner.epochs):
            for xb, yb in loader:
                optimizer.zero_grad()
                loss_fn(model(xb), yb).backward()
                optimizer.step()
                scheduler.step()


def careful(learner: Mlp, data: Data, members: Members) -> None:
    """Tensors in memory, one permutation an epoch, fused Adam, the rate set by hand."""
    for j in range(len(members)):
        x, y = seen(data, members, j)
        model = network(learner, data, j)
        optimizer = torch.optim.Adam(model.parameters(), lr=learner.lr, fused=True)
        steps, step = learner.epochs * -(-len(x) // learner.batch), 0
        for _ in range(learner.epochs):
            for rows in torch.randperm(len(x)).split(learner.batch):
                for group in optimizer.param_groups:
                    group["lr"] = learner.lr * (1 - step / steps)
                optimizer.zero_grad(set_to_none=True)
                nn.functional.cross_entropy(model(x[rows]), y[rows]).backward()
                optimizer.step()
                step += 1


def ours(way: str, chunk: int):
    def train(learner: Network, data: Data, members: Members) -> None:
        record = Training(checkpoints=(learner.epochs,))
        for start in range(0, len(members), chunk):
            learner.fit(data, members.take(start, start + chunk), replace(record, way=way))

    return train


def models_a_second(train, learner: Network, data: Data, m: int) -> float:
    members = balanced(len(data.train), m, 0.7, seed=0)
    start = time.process_time()
    train(learner, data, members)
    return m / (time.process_time() - start)


def table(title: str, learner: Mlp, data: Data, rounds: int, m: int) -> None:
    way, chunk, *_ = choose(learner, data, members_at_once=32)
    rivals = {
        "DataLoader": (data_loader, max(m // 8, 1)),
        "careful": (careful, max(m // 4, 1)),
        "vmap, 32 at once": (ours("functional", 32), m),
        "byheart stacked, 8 at once": (ours("stacked", 8), m),
        "byheart stacked, 32 at once": (ours("stacked", 32), m),
        "byheart each": (ours("each", 1), max(m // 4, 1)),
    }
    best = dict.fromkeys(rivals, 0.0)
    for _ in range(rounds):
        for name, (train, count) in rivals.items():
            best[name] = max(best[name], models_a_second(train, learner, data, count))
    print(f"\n{title}; choose: {way}, {chunk} at once")
    print(f"{'way':30s} {'models/CPU s':>12s} {'x DataLoader':>13s} {'x careful':>10s}")
    for name, speed in best.items():
        ratios = f"{speed / best['DataLoader']:13.2f} {speed / best['careful']:10.2f}"
        print(f"{name:30s} {speed:12.2f} {ratios}", flush=True)


def sequences(n: int = 256, t: int = 50, d: int = 4) -> Data:
    """The class is the first symbol of t."""
    symbols = np.random.default_rng(0).integers(d, size=(n, t))
    train = Examples(np.arange(n), np.eye(d, dtype=np.float32)[symbols], symbols[:, 0])
    return Data({"train": train}, Classes(d), Truth(), {})


def recurrent_table(rounds: int, epochs: int, m: int = 16) -> None:
    data = sequences()
    print(f"\nrecurrent, hidden 32, 50 steps, {m} members; models a CPU second")
    print(f"{'cell':8s} {'batch':>5s} {'16 at once':>11s} {'each':>8s} {'ratio':>6s}  choose")
    for cell in ("lstm", "gru", "plain"):
        for batch in (16, 64):
            learner = Recurrent(cell=cell, batch=batch, epochs=epochs)
            fleet, alone = [], []
            for _ in range(rounds):
                fleet.append(models_a_second(ours("functional", m), learner, data, m))
                alone.append(models_a_second(ours("each", 1), learner, data, max(m // 4, 1)))
            way, chunk, *_ = choose(learner, data, members_at_once=32)
            ratio = max(fleet) / max(alone)
            print(f"{cell:8s} {batch:5d} {max(fleet):11.2f} {max(alone):8.2f} {ratio:6.2f}  {way}, {chunk}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a fifth of the epochs, one round")
    parser.add_argument("--recurrent", action="store_true", help="the table of recurrent cells alone")
    asked = parser.parse_args()
    quick = asked.quick
    torch.set_num_threads(1)
    data, rounds, short = digits(), 1 if quick else 3, 5 if quick else 1
    recurrent_table(rounds, 1 if quick else 3)
    if asked.recurrent:
        return
    sizes = ((128, 64, 30, 64), (16, 16, 10, 64), (32, 32, 20, 64), (512, 128, 10, 32))
    for hidden, batch, epochs, m in sizes:
        learner = Mlp(hidden=(hidden,), batch=batch, epochs=max(epochs // short, 1))
        table(f"digits 64-{hidden}-10, batch {batch}, {learner.epochs} epochs", learner, data, rounds, m)


if __name__ == "__main__":
    main()
