"""Effects against real retraining: seconds, memory and the linear datamodeling score of every method, in one run.

    OMP_NUM_THREADS=1 python benchmarks/effect.py [--quick] [--only methods|same|recipes]

`methods`: digits (1,437 to learn from, 360 queries), MLP 64-128-10, SGD at 0.2, batches of 64, 30 epochs = 690 steps.
Truth: 100 random halves x 5 new seeds, trained here by our fleets; margin. `same`: this very run (its initial
weights, its order) with 10 % of the examples left out. `recipes`: how far unrolling holds under other optimisers,
larger steps, LayerNorm, and the default Fashion audit's recipe; fewer queries and members, as printed.
CPU seconds of one process on one thread, the median of three where one takes under 5; MB = peak above what the
process held before the call. Other packages (peers.py) stand below ours, in the same run, where they are installed.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import multiprocessing
import os
import resource
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from peers import Case, installed, missing
from sklearn.datasets import load_digits
from torch import nn

from byheart.learners.mlp import Mlp, drawn
from byheart.maths.attribution.effect import curvature, unrolled
from byheart.maths.attribution.gradient_similarity import checkpoints, projected
from byheart.maths.statistics.ranking import DatamodelScore, datamodel_score
from byheart.tasks.data import Data, Examples, Truth
from byheart.tasks.fashion import Fashion
from byheart.tasks.label_noise import Flipped
from byheart.tasks.output import Classes
from byheart.training.members import Members
from byheart.training.recording import record
from byheart.training.schedule import rate
from byheart.training.training import Training

BASE = Mlp(optimizer="sgd", lr=0.2, epochs=30, schedule="constant")


class Normed(Mlp):
    """Mlp with LayerNorm before the activation."""

    def build(self, data: Data, generator: torch.Generator) -> nn.Module:
        d, h = int(np.prod(data.train.x.shape[1:])), self.hidden[0]
        first, last = drawn(nn.Linear, generator, d, h), drawn(nn.Linear, generator, h, data.output.k)
        return nn.Sequential(nn.Flatten(), first, nn.LayerNorm(h), nn.ReLU(), last)


def digits(queries: int = 360) -> Data:
    bunch = load_digits()
    x, y = bunch.images, bunch.target  # pictures: our learners would standardise the columns of a table
    order = np.random.default_rng(0).permutation(len(x))
    x, y = (x[order] / 16).astype(np.float32), y[order].astype(np.int64)
    train = Examples(np.arange(1437), x[:1437], y[:1437])
    test = Examples(np.arange(queries), x[1437:][:queries], y[1437:][:queries])
    return Data({"train": train, "test": test}, Classes(10), Truth(), {})


def halves(m: int, n: int) -> np.ndarray:
    rng = np.random.default_rng(1)
    masks = np.zeros((m, n), bool)
    for row in masks:
        row[rng.permutation(n)[: n // 2]] = True
    return masks


def retrained(learner: Mlp, data: Data, masks: np.ndarray, seeds: int) -> np.ndarray:
    """Margins (m, r, q) of members on these subsets, each with its own new seeds."""
    mask = np.repeat(masks, seeds, 0)
    members = Members(np.arange(len(mask)) + 1000, mask)
    runs = [learner.fit(data, members.take(j, j + 20), Training((learner.epochs,), trail=False, way="stacked"))
            for j in range(0, len(mask), 20)]  # fmt: skip
    margins = np.concatenate([run.views["test"].margin[-1] for run in runs])
    return margins.reshape(len(masks), seeds, -1)


def optimiser(learner: Mlp, model: nn.Module) -> torch.optim.Optimizer:
    sgd = {"sgd": 0.0, "momentum": 0.9}
    if learner.optimizer in sgd:
        return torch.optim.SGD(model.parameters(), lr=learner.lr, momentum=sgd[learner.optimizer])
    return torch.optim.Adam(model.parameters(), lr=learner.lr)


def recorded(learner: Mlp, data: Data, seed: int, weights: torch.Tensor | None = None) -> tuple[nn.Module, object]:
    """The learner's loop written out, recorded; with `weights` (n,) the same run under other weights, not recorded."""
    model = learner.build(data, torch.Generator().manual_seed(seed))
    opt, rng = optimiser(learner, model), np.random.default_rng(seed)
    x, y = torch.from_numpy(data.train.x), torch.from_numpy(data.train.y)
    n = len(x)
    steps, t = learner.epochs * -(-n // learner.batch), 0

    def course(trace: object) -> None:
        nonlocal t
        for _ in range(learner.epochs):
            for ids in np.array_split(rng.permutation(n), range(learner.batch, n, learner.batch)):
                opt.param_groups[0]["lr"] = rate(learner.lr, learner.schedule, t, steps)
                opt.zero_grad()
                each = F.cross_entropy(model(x[ids]), y[ids], reduction="none")
                (each.mean() if weights is None else (each * weights[ids]).mean()).backward()
                if trace is not None:
                    trace.batch(ids)
                opt.step()
                t += 1

    if weights is not None:
        course(None)
        return model, None
    with record(model, opt, "cross-entropy", (x, y)) as trace:
        course(trace)
    return model, trace


def margins(model: nn.Module, query: tuple[torch.Tensor, torch.Tensor]) -> np.ndarray:
    with torch.no_grad():
        z = model(query[0])
    label = F.one_hot(query[1], z.shape[1]).bool()
    return (z[label] - z.masked_fill(label, -torch.inf).logsumexp(1)).numpy()


class Measured(NamedTuple):
    """What a call gave and took; `error` is the last line of what it raised instead."""

    scores: np.ndarray | None
    seconds: float
    megabytes: float
    error: str = ""


def measured(call: Callable[[], np.ndarray]) -> Measured:
    """A call in a process of its own, so that its peak memory is its own; again where its time is short and noisy."""
    found = [once(call)]
    while len(found) < 3 and found[0].seconds < 5 and not found[0].error:
        found.append(once(call))
    return sorted(found, key=lambda one: one.seconds)[len(found) // 2]


def once(call: Callable[[], np.ndarray]) -> Measured:
    ours, theirs = multiprocessing.Pipe()

    def child() -> None:
        torch.set_num_threads(1)
        with open("/proc/self/statm") as file:
            before = int(file.read().split()[1]) * resource.getpagesize()
        started = time.process_time()
        try:
            with contextlib.redirect_stderr(io.StringIO()):  # progress bars
                scores = call()
            wrong = np.size(scores) - np.isfinite(scores).sum()
            error = f"{wrong:,} of {np.size(scores):,} scores are not finite" if wrong else ""
        except Exception as raised:
            scores, error = None, f"{type(raised).__name__}: {raised}".splitlines()[0]
        took = time.process_time() - started
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        theirs.send(Measured(scores, took, max(peak - before, 0) / 1e6, error))

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    theirs.close()
    try:
        return ours.recv()
    except EOFError:  # killed: out of memory, or a crash in C
        process.join()
        return Measured(None, float("nan"), float("nan"), f"died with exit code {process.exitcode}")
    finally:
        process.join()


def row(name: str, score: DatamodelScore, found: Measured, ratio: float | None = None) -> None:
    (low, high), times = score.interval, "" if ratio is None else f"{ratio:8.1f}x"
    line = f"{name:<38s}{found.seconds:8.2f}{found.megabytes:8.0f}   {score.value:6.3f} [{low:.3f}, {high:.3f}]{times}"
    print(line, flush=True)


def methods(quick: bool) -> None:
    data = digits(60 if quick else 360)
    m, seeds = (30, 2) if quick else (100, 5)
    masks = halves(m, len(data.train))
    started = time.process_time()
    outputs = retrained(BASE, data, masks, seeds)
    print(f"\n## methods: digits, {m} halves x {seeds} seeds trained in {time.process_time() - started:.1f} CPU s")
    runs = [recorded(BASE, data, seed) for seed in range(10)]
    model, trace = runs[0]
    x, y = torch.from_numpy(data.train.x), torch.from_numpy(data.train.y)
    query = torch.from_numpy(data.views["test"].x), torch.from_numpy(data.views["test"].y)
    n, traces = len(x), [run[1] for run in runs[:5]]
    with torch.no_grad():
        right = [float((model(a).argmax(1) == b).float().mean()) for a, b in ((x, y), query)]
    print(f"this run: accuracy {right[0]:.3f} train, {right[1]:.3f} test; trace {trace.nbytes / 1e6:.0f} MB")
    print(f"load {os.getloadavg()[0]:.1f} over {os.cpu_count()} cores")
    print(f"{'method':<38s}{'CPU s':>8s}{'MB':>8s}   LDS [95 %]              CPU s / ours")
    others = installed()  # imported before anything is measured
    calls = {
        "random": lambda: np.random.default_rng(0).normal(size=(len(query[0]), n)),
        "projected, 1 model": lambda: projected(model, (x, y), query),
        "projected, 10 models": lambda: projected([run[0] for run in runs], (x, y), query),
        "checkpoints, 10": lambda: checkpoints(trace, query),
        "curvature, 1 model": lambda: curvature(model, (x, y), query),
        "curvature, 5 models": lambda: np.mean([curvature(run[0], (x, y), query) for run in runs[:5]], 0),
        "unrolled, 1 run": lambda: unrolled(trace, query),
        "unrolled, 5 runs": lambda: unrolled(traces, query),
        "unrolled, 1 run, 20 moments": lambda: unrolled(trace, query, moments=20),
        "unrolled, 5 runs, 20 moments": lambda: unrolled(traces, query, moments=20),
        "gauss-newton, 1 run, 20 moments": lambda: unrolled(trace, query, moments=20, hessian="gauss-newton"),
    }
    took = {}
    for name, call in calls.items():
        found = measured(call)
        if found.error:
            raise SystemExit(f"{name}: {found.error}")
        took[name] = found.seconds
        score = datamodel_score(found.scores, masks, outputs)
        row(name, score, found)
    case = Case([run[0] for run in runs], trace, (x, y), query)
    for peer in others:
        found = measured(lambda peer=peer: peer.scores(case))
        if found.error:
            print(f"{peer.title:<38s}  {found.error}", flush=True)
            continue
        row(peer.title, datamodel_score(found.scores, masks, outputs), found, found.seconds / took[peer.ours])
    print(f"{'ceiling left by the seeds':<57s}{score.ceiling:6.3f}")
    if missing():
        print(missing())
    if not quick:
        for looks in (None, 20):
            each = [datamodel_score(unrolled(t, query, moments=looks), masks, outputs).value for t in traces]
            print(f"single runs, moments={looks}: " + ", ".join(f"{value:.3f}" for value in each))


def same(quick: bool) -> None:
    """The run itself, with part of its examples left out."""
    data = digits(60 if quick else 360)
    query = torch.from_numpy(data.views["test"].x), torch.from_numpy(data.views["test"].y)
    _, trace = recorded(BASE, data, 0)
    last, mean = unrolled(trace, query), unrolled(trace, query, moments=20)
    print(f"\n## same run, examples left out ({10 if quick else 50} subsets each)")
    print(f"{'left out':>10s}   LDS of unrolled [95 %]                 of its mean over 20 moments")
    for share in (0.01, 0.1, 0.5):
        masks, outputs = left_out(BASE, data, query, share, 10 if quick else 50)
        a, b = (datamodel_score(scores, masks, outputs) for scores in (last, mean))
        print(
            f"{share:>10.0%}   {a.value:.3f} [{a.interval.low:.3f}, {a.interval.high:.3f}]{b.value:24.3f}", flush=True
        )


def left_out(learner: Mlp, data: Data, query: tuple, share: float, m: int) -> tuple[np.ndarray, np.ndarray]:
    rng, n = np.random.default_rng(7), len(data.train)
    masks = np.ones((m, n), bool)
    for mask in masks:
        mask[rng.permutation(n)[: round(share * n)]] = False
    kept = [torch.from_numpy(mask.astype(np.float32)) for mask in masks]
    return masks, np.stack([margins(recorded(learner, data, 0, weights)[0], query) for weights in kept])


def recipes(quick: bool) -> None:
    """How far does unrolling hold?"""
    more = {"epochs": 30, "schedule": "constant"}
    small = digits(60)
    fashion = Flipped(task=Fashion(n=3500, n_test=24)).draw(0)
    cases = {
        "SGD 0.2": (BASE, small),
        "SGD 0.2, falling to 0": (Mlp(optimizer="sgd", lr=0.2, epochs=30), small),
        "SGD 0.5 (larger steps)": (Mlp(optimizer="sgd", lr=0.5, **more), small),
        "SGD 1.0 (large steps)": (Mlp(optimizer="sgd", lr=1.0, **more), small),
        "SGD 0.2, tanh": (Mlp(optimizer="sgd", lr=0.2, activation="tanh", **more), small),
        "momentum 0.9, 0.05": (Mlp(optimizer="momentum", lr=0.05, **more), small),
        "Adam 0.001": (Mlp(optimizer="adam", lr=0.001, **more), small),
        "Adam 0.004": (Mlp(optimizer="adam", lr=0.004, **more), small),
        "Adam 0.004, falling to 0": (Mlp(epochs=30), small),
        "SGD 0.2, LayerNorm": (Normed(optimizer="sgd", lr=0.2, **more), small),
        "Adam 0.004, LayerNorm": (Normed(optimizer="adam", lr=0.004, **more), small),
        "Fashion audit (Adam 0.004 to 0)": (Mlp(), fashion),
    }
    print("\n## how far unrolling holds: 60 queries, 50 halves x 3 seeds (Fashion: 24 queries, 40 x 2, 3,500 examples)")
    print("same run: 10 % left out, 20 subsets (Fashion 10). LDS of: unrolled (last); its mean over 20 moments;")
    print("both with Gauss-Newton; curvature (EK-FAC)")
    heads = ("CPU s", 7), ("same run", 10), ("last", 8), ("moments", 9), ("GN last", 9), ("GN mom.", 9)
    heads += ("curvature", 11), ("ceiling", 9)
    print(f"{'recipe':<34s}" + "".join(f"{word:>{width}s}" for word, width in heads))
    for name, (learner, data) in cases.items():
        large = data is fashion
        m, seeds = ((10, 2) if quick else (40, 2)) if large else ((20, 2) if quick else (50, 3))
        query = torch.from_numpy(data.views["test"].x), torch.from_numpy(data.views["test"].y)
        masks = halves(m, len(data.train))
        outputs = retrained(learner, data, masks, seeds)
        model, trace = recorded(learner, data, 0)
        started = time.process_time()
        last = unrolled(trace, query)
        took = time.process_time() - started
        scores = [last, unrolled(trace, query, moments=20)]
        scores += [unrolled(trace, query, moments=looks, hessian="gauss-newton") for looks in (None, 20)]
        scores.append(curvature(model, (trace.x, trace.y), query))
        found = [datamodel_score(s, masks, outputs) for s in scores]
        own = datamodel_score(
            last, *left_out(learner, data, query, 0.1, (4 if quick else 10) if large else 20)
        )
        values = "".join(f"{f.value:{width}.3f}" for f, width in zip(found, (8, 9, 9, 9, 11), strict=True))
        print(f"{name:<34s}{took:7.1f}{own.value:10.3f}{values}{found[0].ceiling:9.3f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer queries and members: a minute")
    parser.add_argument("--only", choices=("methods", "same", "recipes"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    for part in (methods, same, recipes):
        if options.only in (None, part.__name__):
            part(options.quick)


if __name__ == "__main__":
    main()
