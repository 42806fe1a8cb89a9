"""Reconstruction of Lorenz 1963 from 5 % noise: forced training against plain teacher forcing, five seeds in a fleet.

    OMP_NUM_THREADS=1 python benchmarks/reconstruction.py [--updates 20000] [--optimizer radam] [--only plain]

A clipped shallow network (3 units, 50 kinks) is trained on windows of 200 steps of 0.01 from one long noisy series.
Then each member runs free for 100,000 steps from a state of another, noise-free orbit and is held against a third:
state divergence (30 boxes an axis), spectrum distance (20 bins), mean square error over 20 free steps from 2,000
starts, exponents by its own Jacobian (100,000 steps). All in standard deviations of the training series. `floor` is
another true orbit.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import torch

from byheart.learners.piecewise_dynamics import PiecewiseDynamics, dynamics_of
from byheart.learners.piecewise_linear import PiecewiseLinear, ShallowPlrnn
from byheart.maths.orbits import lyapunov_spectrum, spectrum_distance, state_divergence
from byheart.tasks.data import Data, Examples, Truth
from byheart.tasks.output import NextStep
from byheart.tasks.systems import Lorenz63
from byheart.training.keep import Weights
from byheart.training.members import Members
from byheart.training.training import Training

DT, LONG, NOISE, WINDOW, BATCH, SEEDS = 0.01, 100_000, 0.05, 200, 16, 5
BOUNDS = {"divergence": 1.0, "spectrum": 0.12, "error 20": 3e-3}  # below these, and the first exponent in 0.8..1.1


def orbits() -> np.ndarray:
    """(LONG, 3, 3) three orbits of the attractor, standardised by the first."""
    starts = np.array([[1.0, 1.0, 20.0], [-3.0, -5.0, 22.0], [6.0, 2.0, 30.0]])
    states = Lorenz63().orbit(starts, LONG + 2000, DT)[2001:]
    return (states - states[:, 0].mean(0)) / states[:, 0].std(0)


def windows(series: np.ndarray, updates: int) -> tuple[Data, int]:
    """Windows of a series from every tenth step on, and the epochs that take so many updates."""
    n = (len(series) - WINDOW - 1) // 10
    pieces = np.stack([series[10 * i : 10 * i + WINDOW] for i in range(n)])
    train = Examples(np.arange(n), pieces[:, :-1], pieces[:, -1])
    data = Data({"train": train}, NextStep(3, spread=(1.0,) * 3), Truth(), {})
    return data, max(round(updates * BATCH / n), 1)


def trained(learner: PiecewiseLinear, data: Data, first: int) -> tuple[list[PiecewiseDynamics], float]:
    """The map that each seed from `first` on became, and CPU seconds a seed."""
    members = Members(first + np.arange(SEEDS), np.ones((SEEDS, len(data.train)), dtype=bool))
    start = time.process_time()
    run = learner.fit(data, members, Training((learner.epochs,), keep=(Weights(),), trail=False, way="functional"))
    seconds = (time.process_time() - start) / SEEDS
    return [dynamics_of(learner, run, member) for member in range(len(run.members))], seconds


def scores(model: PiecewiseDynamics, start: np.ndarray, true: np.ndarray) -> dict[str, float]:
    run = model.orbit(start, LONG)
    states, error = true[: LONG - 20 : (LONG - 20) // 2000], 0.0
    ahead = np.arange(0, LONG - 20, (LONG - 20) // 2000)
    for step in range(1, 21):
        states = model.step(states)
        error += float(((states - true[ahead + step]) ** 2).mean()) / 20
    exponents = lyapunov_spectrum(model.step, start, LONG, DT, model.jacobian).values
    finite = bool(np.isfinite(run).all())
    return {
        "divergence": state_divergence(true, run) if finite else np.inf,
        "spectrum": spectrum_distance(true, run, compat="gtf") if finite else np.inf,
        "error 20": error,
        **{f"exponent {i + 1}": value for i, value in enumerate(exponents)},
    }


def reached(found: dict[str, float]) -> bool:
    return all(found[name] < bound for name, bound in BOUNDS.items()) and 0.8 <= found["exponent 1"] <= 1.1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--updates", type=int, default=20_000)
    parser.add_argument("--optimizer", default="radam")
    parser.add_argument("--lr", type=float, default=1e-2)
    parser.add_argument("--seed", type=int, default=0, help="the first seed of the networks, and that of the noise")
    parser.add_argument("--only", default="", help="the rows whose name holds this")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    truth = orbits()
    noise = NOISE * np.random.default_rng(asked.seed).normal(size=(LONG, 3))
    data, epochs = windows(truth[:, 0] + noise, asked.updates)
    about = {"epochs": epochs, "optimizer": asked.optimizer, "lr": asked.lr, "batch": BATCH}
    learners = {
        "alpha 0.1": ShallowPlrnn(forcing="constant", alpha=0.1, **about),
        "alpha 1 (plain)": ShallowPlrnn(forcing="constant", alpha=1.0, **about),
        "adaptive": ShallowPlrnn(forcing="adaptive", **about),
        "sparse, 16": ShallowPlrnn(forcing="sparse", every=16, **about),
    }
    head = ("divergence", "spectrum", "error 20", "exponent 1", "exponent 2", "exponent 3")
    print(f"{'':18s} {'seed':>4s} " + " ".join(f"{name:>11s}" for name in head) + f" {'reached':>8s} {'CPU s':>6s}")
    floor = state_divergence(truth[:, 1], truth[:, 2]), spectrum_distance(truth[:, 1], truth[:, 2], compat="gtf")
    print(f"{'floor':18s} {'':>4s} {floor[0]:11.4f} {floor[1]:11.4f}")
    for name, learner in learners.items():
        if asked.only and asked.only not in name:
            continue
        models, seconds = trained(learner, data, asked.seed)
        for seed, model in enumerate(models):
            found = scores(model, truth[0, 1], truth[:, 2])
            row = " ".join(f"{found[column]:11.4f}" for column in head)
            print(f"{name:18s} {seed:4d} {row} {'yes' if reached(found) else 'no':>8s} {seconds:6.1f}", flush=True)


if __name__ == "__main__":
    main()
