"""Do the intervals hold what they say? Many small audits of fresh draws of one generated task.

    python benchmarks/intervals.py [--audits 200] [--n 300] [--members 24] [--noise 0.1]

Each audit draws training set, labels, test set and seeds anew. The truth of a quantity is its mean over all audits; the
table says in how many audits the 95 % interval covers it, beside a bootstrap over examples alone.
"""

from __future__ import annotations

import argparse
import os
import time
from typing import ClassVar

import numpy as np
import torch

from byheart.learners.members import balanced
from byheart.learners.mlp import Mlp
from byheart.learners.run import Record
from byheart.maths.statistics import bootstrap, wilson
from byheart.probes.base import Bank, Subject
from byheart.probes.complexity.bits import Bits
from byheart.probes.generalization.gap import Gap
from byheart.probes.memory.counterfactual import Counterfactual
from byheart.seeds import stream
from byheart.tasks.base import Task
from byheart.tasks.data import Data, Examples, Output, Truth

NAMES = (
    ("complexity/bits", "memorised_bits_share"), ("complexity/bits", "understood_bits_share"),
    ("memory/counterfactual", "memorised_share"), ("generalization/gap", "test_accuracy"),
    ("generalization/gap", "train_accuracy"), ("generalization/gap", "held_out_accuracy"),
    ("generalization/gap", "gap"),
)  # fmt: skip


class Mixture(Task):
    """k Gaussian classes in d dimensions, a share of the training labels redrawn; fresh at every seed."""

    name: ClassVar[str] = "mixture"
    n: int = 300
    n_test: int = 500
    d: int = 10
    k: int = 4
    noise: float = 0.1

    def draw(self, seed: int) -> Data:
        """Fresh examples around class means that stay the same for all seeds."""
        means = stream(7, "means").normal(size=(self.k, self.d)) * 1.1
        rng = stream(seed, "mixture")

        def side(n: int) -> tuple[np.ndarray, np.ndarray]:
            y = rng.integers(0, self.k, n)
            return (means[y] + rng.normal(size=(n, self.d))).astype(np.float32), y

        x, y = side(self.n)
        wrong = rng.random(self.n) < self.noise
        y = np.where(wrong, rng.integers(0, self.k, self.n), y)
        x_test, y_test = side(self.n_test)
        train = Examples(np.arange(self.n), x, y)
        output = Output("classes", self.k, tuple(map(str, range(self.k))))
        views = {"train": train, "test": Examples(np.arange(self.n_test), x_test, y_test)}
        return Data((train,), views, output, Truth(), {"title": "mixture"})


def audited(seed: int, task: Mixture, learner: Mlp, members: int) -> tuple[dict, dict]:
    """Quantities of one audit, and the half widths that a bootstrap over examples alone would give."""
    data = task.draw(seed)
    subject = Subject(task, learner, (), seed, members, 0.7, frozenset({"classes", "test"}))
    drawn = balanced(task.n, members, 0.7, seed)
    run = learner.fit(data, drawn, Record((0, learner.epochs), trail=False), way="stacked")
    bank = Bank(subject, data, {subject.bank().key(): run})
    found, naive = {}, {}
    for probe in (Bits(), Counterfactual(), Gap()):
        finding, columns = probe.measure(bank)
        found |= {(probe.name, name): quantity for name, quantity in finding.quantities.items()}
        rng = np.random.default_rng(seed)
        if probe.name == "complexity/bits":
            resampled = bootstrap(
                np.stack([columns["reference_bits"], columns["out_bits"] - columns["in_bits"]], 1), rng=rng
            )
            naive[probe.name, "memorised_bits_share"] = 1.96 * resampled.variance(1, 0) ** 0.5
        elif probe.name == "memory/counterfactual":
            naive[probe.name, "memorised_share"] = (
                1.96 * bootstrap((columns["score"] >= 0.25 - 1e-9) * 1.0, rng=rng).variance(0) ** 0.5
            )
        else:
            means = run.views["test"].correct[-1].mean(0)
            naive[probe.name, "test_accuracy"] = 1.96 * bootstrap(means, rng=rng).variance(0) ** 0.5
    return found, naive


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--audits", type=int, default=200)
    parser.add_argument("--n", type=int, default=300)
    parser.add_argument("--members", type=int, default=24)
    parser.add_argument("--noise", type=float, default=0.1)
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--first", type=int, default=1000)
    options = parser.parse_args()
    torch.set_num_threads(1)
    task = Mixture(n=options.n, noise=options.noise)
    learner = Mlp(hidden=(32,), epochs=options.epochs, batch=32)
    started = time.process_time()
    audits = [audited(options.first + a, task, learner, options.members) for a in range(options.audits)]
    print(f"{os.cpu_count()} cores, one torch thread; {time.process_time() - started:.0f} CPU s")
    print(f"{options.audits} audits of {task!r}, {learner.title(task.draw(0))}, {options.members} members on 70 %")
    print(
        f"{'quantity':<26}{'truth':>8}{'sd':>8}{'half width':>12}{'covered':>10}"
        f"{'  95 % of that':<18}{'examples alone':>15}"
    )
    for name in NAMES:
        values = np.array([found[name].value for found, _ in audits])
        bounds = np.array([found[name].interval for found, _ in audits])
        truth = values.mean()
        hits = int(((bounds[:, 0] <= truth) & (truth <= bounds[:, 1])).sum())
        low, high = wilson(hits, len(audits))
        alone = ""
        if name in audits[0][1]:
            half = np.array([naive[name] for _, naive in audits])
            alone = f"{np.mean(np.abs(values - truth) <= half):.1%}"
        width = (bounds[:, 1] - bounds[:, 0]).mean() / 2
        print(
            f"{name[1]:<26}{truth:>8.4f}{values.std(ddof=1):>8.4f}{width:>12.4f}{hits / len(audits):>10.1%}  "
            f"[{low:.1%}, {high:.1%}]{alone:>15}"
        )


if __name__ == "__main__":
    main()
