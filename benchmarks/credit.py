"""What does exact credit cost, and does it add up? Digits, MLP 64-128-10, 1,437 train, 360 queries, one torch thread.

    OMP_NUM_THREADS=1 python benchmarks/credit.py [--slow-steps 5]

First table: the run of 690 SGD steps (lr 0.2, batch 64, 30 epochs) in float32, by points a step: CPU seconds, memory
above the recorded trace, remainder. The naive form (per-example gradients of batch and queries by `vmap`, one product
of matrices, 2 points) is timed on a few steps and scaled, and so is explaind (peers.py) where it is installed. Second
table: completeness in float64 on smooth networks, 24 steps with clipping, two parameter groups and weight decay.
Third: momentum and Adam, which carry q times p numbers.
"""

from __future__ import annotations

import argparse
import platform
import resource
import sys
import time

import torch
import torch.nn.functional as F
from effect import measured
from peers import explaind, ready
from sklearn.datasets import load_digits
from torch import Tensor, nn

from byheart.maths.attribution.credit import path_credit
from byheart.maths.attribution.kernels import coefficient_spread, continuous_error
from byheart.maths.attribution.quadrature import points
from byheart.maths.attribution.targets import margin
from byheart.maths.recording.trace import Trace
from byheart.training.recording import record

OPTIMISERS = {
    "sgd": lambda groups: torch.optim.SGD(groups, lr=0.2),
    "momentum": lambda groups: torch.optim.SGD(groups, lr=0.05, momentum=0.9),
    "nesterov": lambda groups: torch.optim.SGD(groups, lr=0.05, momentum=0.9, nesterov=True),
    "adam": lambda groups: torch.optim.Adam(groups, lr=0.005),
    "adamw": lambda groups: torch.optim.AdamW(groups, lr=0.005),
}


def digits(dtype: torch.dtype = torch.float32) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """1,437 training examples and 360 queries."""
    x, y = load_digits(return_X_y=True)
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    x, y = torch.tensor(x / 16, dtype=dtype)[order], torch.tensor(y)[order]
    return (x[:1437], y[:1437]), (x[1437:], y[1437:])


def trained(
    name: str, act: type[nn.Module], epochs: float, clip: float | None, dtype: torch.dtype, plain: bool
) -> Trace:
    """A recorded run; `plain` without groups and decay."""
    (x, y), _ = digits(dtype)
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, 128), act(), nn.Linear(128, 10)).to(dtype)
    groups = [{"params": [p]} for p in model.parameters()]
    if not plain:
        groups = [{"params": model[0].parameters(), "weight_decay": 0.01}, {"params": model[2].parameters()}]
    optimizer = OPTIMISERS[name](groups)
    if not plain:
        optimizer.param_groups[1] |= {"lr": optimizer.param_groups[0]["lr"] / 2, "weight_decay": 0.001}
    steps = round(epochs * 23)
    with record(model, optimizer, "cross-entropy", (x, y), every=1) as trace:
        while len(trace.parts) < steps:
            for ids in torch.randperm(1437).split(64)[: steps - len(trace.parts)]:
                optimizer.zero_grad()
                F.cross_entropy(model(x[ids]), y[ids]).backward()
                if clip:
                    nn.utils.clip_grad_norm_(model.parameters(), clip)
                trace.batch(ids)
                optimizer.step()
    return trace


def naive_seconds(trace: Trace, query: tuple[Tensor, Tensor], steps: int) -> float:
    """CPU seconds a step of the obvious form: every gradient formed by `vmap`, then one product."""
    (x, y), (q, label) = (trace.x, trace.y), query
    module = trace.module.eval()

    def scalar(weights: dict, one: Tensor, target: Tensor, of: str) -> Tensor:
        z = torch.func.functional_call(module, weights, (one[None],))
        return (margin if of == "margin" else lambda z, t: F.cross_entropy(z, t, reduction="none"))(z, target[None])[0]

    gradients = torch.func.vmap(torch.func.grad(scalar), in_dims=(None, 0, 0, None))
    flat = lambda g, n: torch.cat([v.reshape(n, -1) for v in g.values()], 1)  # noqa: E731
    started = time.process_time()
    for step in trace.steps(0, steps):
        own = flat(gradients(trace.named(step.before), x[step.ids], y[step.ids], "loss"), len(step.ids))
        for u, _ in points(2):
            mine = flat(gradients(trace.named(torch.lerp(step.before, step.after, u)), q, label, "margin"), len(q))
            own @ mine.T
    return (time.process_time() - started) / steps


def explaind_said(trace: Trace, query: tuple[Tensor, Tensor], steps: int, ours: float) -> str:
    """The line of explaind: it answers for all 10 classes at 10 points (left to itself 1,000 in its first four steps),
    ours for one margin at 2. Its remainder is the worst of these steps, ours that of the whole run.
    """
    if not ready("explaind.epk_model"):
        return "explaind: not installed here (pip install explaind; it asks for Python 3.12)"
    found = measured(lambda: explaind(trace, query, steps))
    if found.error:
        return f"explaind: {found.error}"
    seconds = found.seconds / steps * len(trace)
    line = f"explaind, 10 points     {seconds:>8.1f}{found.megabytes:>8.0f}{found.scores.max():>12.1e}"
    times = f"{seconds / ours:.0f} times ours, {seconds / ours / 50:.0f} per class and point"
    return f"{line}  from {steps} steps: {times}"


def peak() -> float:
    """Most memory of this process so far, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e3 if sys.platform != "darwin" else 1e6)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--slow-steps", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(f"python benchmarks/credit.py; torch {torch.__version__}, {platform.machine()}, one thread")
    _, query = digits()
    started = time.process_time()
    trace = trained("sgd", nn.ReLU, 30, None, torch.float32, plain=True)
    print(f"recorded {len(trace)} steps in {time.process_time() - started:.2f} CPU s, {trace.nbytes / 1e6:.0f} MB\n")
    print(f"{'digits, ReLU, float32':<24}{'CPU s':>8}{'+MB':>8}{'remainder':>12}{'bisected':>10}")
    before, took = peak(), {}
    path_credit(trained("sgd", nn.ReLU, 0.2, None, torch.float32, plain=True), query)  # torch's own first calls
    for gauss, tolerance in ((1, None), (2, None), (4, None), (1, 2e-3)):
        started = time.process_time()
        credit = path_credit(trace, query, gauss=gauss, tolerance=tolerance)
        seconds = time.process_time() - started
        took[gauss] = took.get(gauss, seconds)
        name = f"{gauss} points" + (f", tolerance {tolerance}" if tolerance else "")
        print(f"{name:<26}{seconds:>6.2f}{peak() - before:>8.0f}{credit.relative:>12.1e}{credit.bisected:>10}")
    slow = naive_seconds(trace, query, options.slow_steps)
    slow *= len(trace)
    print(f"naive, 2 points         {slow:>8.1f}  from {options.slow_steps} steps: {slow / took[2]:.0f} times ours")
    print(explaind_said(trace, query, options.slow_steps, took[2]))
    print(f"Domingos' continuous statement at these steps misses {continuous_error(trace, query):.2f} of the change")
    print(f"fixed coefficients explain {coefficient_spread(trace, query).share:.4f} of the squared credit\n")

    print(f"{'float64, 24 steps':<24}{'1 point':>10}{'2 points':>10}{'4 points':>10}   clipped at 1, two groups, decay")
    x, y = digits(torch.float64)[1]
    for name in OPTIMISERS:
        for act in (nn.Tanh, nn.GELU, nn.ReLU):
            run = trained(name, act, 24 / 23, 1.0, torch.float64, plain=False)
            found = [path_credit(run, (x[:32], y[:32]), gauss=g, tolerance=None).relative for g in (1, 2, 4)]
            print(f"{name + ' / ' + act.__name__:<24}" + "".join(f"{value:>10.0e}" for value in found))
    print()
    for name in ("momentum", "adam"):
        run = trained(name, nn.ReLU, 30, None, torch.float32, plain=True)
        before, started = peak(), time.process_time()
        credit = path_credit(run, query, tolerance=None)
        took_s, memory = time.process_time() - started, peak() - before
        print(f"{name + ', 690 steps, 2 points':<32}{took_s:>8.1f} CPU s, +{memory:.0f} MB, "
              f"remainder {credit.relative:.1e}")  # fmt: skip


if __name__ == "__main__":
    main()
