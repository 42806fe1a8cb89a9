"""Updates a CPU second: windows of a series under teacher forcing, fleets by hand against the loop that people write.

    OMP_NUM_THREADS=1 python benchmarks/forced_training.py [--quick]

One update: 200 recurrent steps forward and backward of a clipped shallow network with 3 units and 50 kinks, 16 windows,
and a step of Adam; M = 20, H = 200 below it. `eager` is the loop of every tutorial: the formula, autograd, one model.
Ours are the steps of the learner as the loop takes them, and with the estimates of adaptive forcing. In turns in one
process on one thread, the best of some rounds.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
import torch

from byheart.learners.piecewise_linear import PiecewiseLinear, ShallowPlrnn
from byheart.tasks.data import Data, Examples, Truth
from byheart.tasks.output import NextStep
from byheart.training.members import Members

T, BATCH = 200, 16


def windows(d: int, n: int = 320) -> Data:
    """Windows of noise: what an update costs does not depend on what is learned."""
    series = np.random.default_rng(0).normal(size=(n, T + 1, d))
    train = Examples(np.arange(n), series[:, :-1], series[:, -1])
    return Data({"train": train}, NextStep(d, spread=(1.0,) * d), Truth(), {})


def eager(learner: PiecewiseLinear, data: Data) -> Callable[[], None]:
    """The formula step by step, autograd, fused Adam; one model."""
    net = learner.build(data, torch.Generator().manual_seed(0))
    adam = torch.optim.Adam(net.parameters(), lr=1e-3, fused=True)
    x, y = (torch.from_numpy(v[:BATCH].astype(np.float32)) for v in (data.train.x, data.train.y))
    sequence = torch.cat([x, y[:, None]], 1).transpose(0, 1)  # (t + 1, b, d)
    a, w1, w2, h1, h2 = (net.get_parameter(name) for name in ("A", "W1", "W2", "h1", "h2"))

    def update() -> None:
        z, loss = sequence[0], torch.zeros(())
        for true in sequence[1:]:
            at = z @ w2.T
            said = a * z + (torch.relu(at + h2) - torch.relu(at)) @ w1.T + h1
            loss = loss + (said - true).square().mean()
            z = torch.lerp(said, true, learner.alpha)
        adam.zero_grad()
        (loss / T).backward()
        adam.step()

    return update


def ours(learner: PiecewiseLinear, data: Data, m: int) -> Callable[[], None]:
    members = Members(np.arange(m), np.ones((m, len(data.train)), dtype=bool))
    stepper = learner.stepper(data, members, (), "functional" if m > 1 else "each", "cpu")
    rows = torch.arange(BATCH).expand(m, -1)
    return lambda: stepper.step(rows)


def milliseconds(update: Callable[[], None], times: int) -> float:
    start = time.process_time()
    for _ in range(times):
        update()
    return (time.process_time() - start) / times * 1e3


def table(d: int, hidden: int, rounds: int) -> None:
    data, learner = windows(d), ShallowPlrnn(hidden=hidden, forcing="constant")
    adaptive = ShallowPlrnn(hidden=hidden, forcing="adaptive")
    rivals = {
        "eager, one model": (eager(learner, data), 1),
        "by hand, one model": (ours(learner, data, 1), 1),
        "by hand, 20 at once": (ours(learner, data, 20), 20),
        "by hand, 20 at once, adaptive": (ours(adaptive, data, 20), 20),
    }
    best = dict.fromkeys(rivals, float("inf"))
    for update, _ in rivals.values():
        update()
    for _ in range(rounds):
        for name, (update, m) in rivals.items():
            best[name] = min(best[name], milliseconds(update, 5) / m)
    print(f"\nM = {d}, H = {hidden}, T = {T}, batch {BATCH}")
    print(f"{'':32s} {'CPU ms a model-update':>22s} {'x eager':>8s}")
    for name, ms in best.items():
        print(f"{name:32s} {ms:22.2f} {best['eager, one model'] / ms:8.1f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one round, the small network alone")
    quick = parser.parse_args().quick
    torch.set_num_threads(1)
    table(3, 50, 1 if quick else 5)
    if not quick:
        table(20, 200, 2)


if __name__ == "__main__":
    main()
