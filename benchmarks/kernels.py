"""Tangent kernels: how much faster is the kernel by layers than by contracting Jacobians, and are they the same?

    PYTHONPATH=src python benchmarks/kernels.py [--inputs 64] [--device cpu]

One run times all ways on the same model and inputs, one after another, and prints the ratios. The Jacobians are held
whole, so that none is computed twice; what that takes is printed. Asked for: by layers at least 100 times faster on a
784-512-512-10 network (670,000 parameters) with 64 inputs and 10 outputs.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from byheart.maths.kernels import tangent, trace_of_outputs
from byheart.maths.kernels.jacobians import Jacobians

WHOLE = 1 << 40  # numbers that Jacobians may hold at once


def mlp(width: int, k: int) -> nn.Module:
    """784-width-width-k with ReLU."""
    hidden = nn.Linear(784, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU()
    return nn.Sequential(*hidden, nn.Linear(width, k))


def conv(k: int) -> nn.Module:
    """Two convolutions and a linear layer on 28 by 28 pixels."""
    first = nn.Unflatten(1, (1, 28, 28)), nn.Conv2d(1, 16, 3, 2, 1), nn.ReLU(), nn.Conv2d(16, 32, 3, 2, 1), nn.ReLU()
    return nn.Sequential(*first, nn.Flatten(), nn.Linear(32 * 49, k))


MODELS = {
    "148k MLP, 1 output": lambda: mlp(156, 1), "670k MLP, 10 outputs": lambda: mlp(512, 10),
    "convolutions, 10 outputs": lambda: conv(10),
}  # fmt: skip


def seconds(of: Callable[..., np.ndarray], *given: object, repeats: int = 1) -> tuple[float, np.ndarray]:
    """The least of some times, and what came of the last: CPU seconds, which others on the machine do not lengthen."""
    clock = time.perf_counter if given[1].device.type == "cuda" else time.process_time
    best = float("inf")
    for _ in range(repeats):
        started = clock()
        found = of(*given)
        best = min(best, clock() - started)
    return best, found


def main() -> None:
    """The table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=64)
    parser.add_argument("--device", default="cpu")
    asked = parser.parse_args()
    Jacobians.__init__.__defaults__ = (WHOLE,)
    print(
        f"torch {torch.__version__}, {torch.get_num_threads()} threads, {asked.device}, {asked.inputs} inputs, float32"
    )
    print(f"{'model':26}{'layers':>9}{'sum':>9}{'trace':>9}{'Jacobians':>11}{'ratio':>9}{'differs by':>12}{'held':>9}")
    for name, make in MODELS.items():
        torch.manual_seed(0)
        model, x = make().to(asked.device), torch.randn(asked.inputs, 784, device=asked.device)
        tangent(model, x[:2])
        layers, by_layers = seconds(tangent, model, x, None, "structured", repeats=5)
        summed, _ = seconds(tangent, model, x, None, "sum", repeats=5)
        trace, _ = seconds(trace_of_outputs, model, x, repeats=5)
        slow, by_jacobians = seconds(tangent, model, x, None, "jacobian")
        apart = abs(by_layers - by_jacobians).max() / abs(by_jacobians).max()
        size = sum(p.numel() for p in model.parameters()) * asked.inputs * by_layers.shape[-1] * 4 / 1e9
        times = "".join(f"{one:8.3f}s" for one in (layers, summed, trace))
        print(f"{name:26}{times}{slow:10.2f}s{slow / layers:8.0f}x{apart:12.1e}{size:7.2f}GB", flush=True)


if __name__ == "__main__":
    main()
