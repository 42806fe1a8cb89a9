"""What do the measures of generalisation cost? All of them on one small convolutional network on 1,000 digits.

    python benchmarks/measures.py [--seeds 3] [--examples 1000]

Prints CPU seconds for each family of measures, then the radii that the searches find from other seeds: what of a radius
is chance. Exit code 1 if all measures together take 60 CPU seconds or more.

Measured: 75 measures in 31 CPU seconds, of these curvature 15.7, sigma 1.9, sigma-mag 1.8, alpha 4.5, alpha-mag 4.8,
adaptive sharpness 1.9, gradients of single examples 0.4, everything else 0.1; the 40 of Jiang et al. take 13.
From three seeds sigma is 0.091 to 0.103, sigma-mag 0.371 to 0.391, alpha 0.0063 each time, alpha-mag 0.0386 to 0.0400.
"""

from __future__ import annotations

import argparse
import copy
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import Tensor, nn

from byheart.maths.measures import ROWS, Evidence, Search, TrainingLog
from byheart.maths.measures.evidence import Inapplicable, Noted
from byheart.maths.measures.moved_weights import Kind
from byheart.maths.measures.perturbation import radius
from byheart.seeds import stream

MOST = 60.0  # CPU seconds
KINDS: tuple[Kind, ...] = ("sigma", "sigma-mag", "alpha", "alpha-mag")


def digits(n: int) -> tuple[Tensor, Tensor]:
    """Pictures (n, 1, 8, 8) and their digits."""
    read = load_digits()
    return torch.as_tensor(read.images[:n, None] / 16, dtype=torch.float32), torch.as_tensor(read.target[:n])


def network() -> nn.Sequential:
    """Two convolutions and a linear layer."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(128, 10),
    )  # fmt: skip


def trained(model: nn.Module, x: Tensor, y: Tensor) -> TrainingLog:
    """Training by momentum to a cross-entropy of 0.01 (60 epochs at most), and its log."""
    optimiser = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    steps, losses, first, step = [], [], None, 0
    for epoch in range(60):
        model.train()
        for ids in torch.as_tensor(stream(0, "order", epoch).permutation(len(x))).split(50):
            optimiser.zero_grad()
            F.cross_entropy(model(x[ids]), y[ids]).backward()
            optimiser.step()
            step += 1
        model.eval()
        with torch.no_grad():
            losses.append(float(F.cross_entropy(model(x), y)))
        steps.append(step)
        first = copy.deepcopy(model.state_dict()) if first is None else first
        if losses[-1] <= 0.01:
            break
    return TrainingLog(np.array(steps), np.array(losses), first)


def family(function: Callable[..., object]) -> str:
    """The file that a measure stands in."""
    return (function.func if isinstance(function, partial) else function).__module__.rpartition(".")[2]


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--examples", type=int, default=1000)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    x, y = digits(asked.examples)
    model = network()
    initial = copy.deepcopy(model.state_dict())
    log = trained(model, x, y)

    def evidence(seed: int) -> Evidence:
        return Evidence.of(model, initial, (x, y), log, Search(seed=seed), "")

    seconds: dict[str, float] = defaultdict(float)
    found: dict[str, float | str] = {}
    given = evidence(0)
    for kind in KINDS:
        started = time.process_time()
        radius(given, kind)
        seconds[f"search {kind}"] += time.process_time() - started
    for name, row in ROWS.items():
        started = time.process_time()
        try:
            value = row.function(given)
            found[name] = value.value if isinstance(value, Noted) else value
        except Inapplicable as why:
            found[name] = f"not applicable: {why}"
        seconds[family(row.function)] += time.process_time() - started
    total = sum(seconds.values())
    apply = sum(isinstance(one, float) for one in found.values())
    print(f"{len(found)} measures, {apply} apply, accuracy {given.accuracy:.3f}")
    for name, spent in sorted(seconds.items(), key=lambda one: -one[1]):
        print(f"  {name:<24}{spent:7.2f} CPU s")
    print(f"  {'together':<24}{total:7.2f} CPU s, of {MOST:g} allowed")
    for name, one in found.items():
        said = one if isinstance(one, str) else f"{one:.6g}" + (" (logarithm)" if ROWS[name].logarithm else "")
        print(f"  {name:<30}{said}")
    for kind in KINDS if asked.seeds > 1 else ():
        radii = [radius(evidence(seed), kind).value for seed in range(asked.seeds)]
        print(f"  {kind:<12}from {asked.seeds} seeds: " + ", ".join(f"{one:.4f}" for one in radii))
    sys.exit(total >= MOST)


if __name__ == "__main__":
    main()
