"""Addition over T steps: the piecewise-linear network by initialisation and regulariser, beside an LSTM as wide.

    OMP_NUM_THREADS=1 python benchmarks/addition.py [--length 300] [--only both] [--seeds 3] [--first 0]

Each network has 40 units and sees the same sequences equally often. Said are the mean squared error on 1,000 new
sequences (chance 1/6, solved below .01), and CPU seconds a network, drawing the sequences aside.

Measured (one thread of two cores that others used; the sequences are those of seed 0):

    T = 100, five seeds       solved   squared errors                CPU s each
    neither                   0        .165                          4.1
    initialisation            1        .0010, four .165              3.7
    regulariser               3        .0034 .0058 .0065 .011 .063   4.0
    both                      5        .0008 to .0048                4.0
    LSTM                      0        .165                          7.4
    T = 300
    both, three seeds         3        .0037 .0054 .0055             25.4
    LSTM, two seeds           0        .176 (the mean: .175)         54.6
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import torch

from byheart.learners.base import Network
from byheart.learners.piecewise_linear import Plrnn
from byheart.learners.recurrent import Recurrent
from byheart.tasks.data import Data
from byheart.tasks.recall import Addition
from byheart.tasks.recall.solved import ERROR
from byheart.training.members import Members
from byheart.training.training import Training

UNITS, FRESH = 40, 1000
BEGIN = {"attractor_begin": True, "attractor_inputs": 0.01}
RECIPES = {  # by T up to which they are meant: sequences, how they are trained, the regulariser's strength
    100: (10_000, {"epochs": 4, "optimizer": "adam", "lr": 0.01}, 50.0),
    300: (20_000, {"epochs": 4, "optimizer": "radam", "lr": 0.003}, 500.0),
}


def networks(how: dict, strength: float) -> dict[str, Network]:
    how = how | {"batch": 64, "schedule": "linear", "clip": 1.0}
    return {
        "neither": Plrnn(units=UNITS, **how),
        "initialisation": Plrnn(units=UNITS, **BEGIN, **how),
        "regulariser": Plrnn(units=UNITS, attractor=strength, **how),
        "both": Plrnn(units=UNITS, attractor=strength, **BEGIN, **how),
        "LSTM": Recurrent(cell="lstm", hidden=UNITS, **how),
    }


def errors(learner: Network, data: Data, first: int, seeds: int) -> tuple[dict[int, float], float]:
    """Mean squared error on the new sequences by seed, of those that stayed finite; CPU seconds a network."""
    members = Members(first + np.arange(seeds), np.ones((seeds, len(data.train)), dtype=bool))
    start = time.process_time()
    run = learner.fit(data, members, Training((learner.epochs,), trail=False, way="functional"))
    squared = run.views["test"].loss_nats[-1].mean(1)
    return dict(zip(run.members.seeds.tolist(), squared.tolist(), strict=True)), (time.process_time() - start) / seeds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--length", type=int, default=300)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument(
        "--first", type=int, default=0, help="the first seed of the networks, and that of the sequences"
    )
    parser.add_argument("--only", default="", help="networks by name, with commas")
    parser.add_argument("--epochs", type=int, default=0)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    n, how, strength = next(recipe for most, recipe in RECIPES.items() if asked.length <= most or most == max(RECIPES))
    how |= {"epochs": asked.epochs} if asked.epochs else {}
    data = Addition(n=n, n_test=FRESH, length=asked.length).draw(asked.first)
    print(
        f"T = {asked.length}, {n:,} sequences seen {how['epochs']} times, {how}, strength {strength:g}; chance 0.1667"
    )
    for name, learner in networks(how, strength).items():
        if asked.only and name not in asked.only.split(","):
            continue
        found, seconds = errors(learner, data, asked.first, asked.seeds)
        row = " ".join(
            f"{found[seed]:.4f}" if seed in found else "left" for seed in asked.first + np.arange(asked.seeds)
        )
        solved = sum(error < ERROR for error in found.values())
        print(f"{name:15s} {row}   solved {solved} of {asked.seeds}   {seconds:.1f} CPU s each", flush=True)


if __name__ == "__main__":
    main()
