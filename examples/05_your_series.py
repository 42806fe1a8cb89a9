"""Audit a series in time, and measure how fast neighbouring states of your own step part. It prints:

Needed: 2 steps back predict the next
Used: 3 steps back by the model
Paid: -0.002 bits a step for all 3, interval -0.009 to 0.005
Left to itself: chaos 25, unclear 7; the series: chaos
Lyapunov exponents of the step: 0.43, -1.63; it fills 1.26 dimensions
"""

import sys
import tempfile
from pathlib import Path

import numpy as np

import byheart as bh
from byheart.maths.orbits import kaplan_yorke, lyapunov_spectrum
from byheart.tasks.series import Series


class Quadratic:
    """Your model: it is fitted on windows (n, steps, channels) and predicts what follows (n, channels)."""

    def __init__(self, x: np.ndarray, y: np.ndarray) -> None:
        self.weights = np.linalg.lstsq(self.terms(x), y, rcond=None)[0]

    def terms(self, x: np.ndarray) -> np.ndarray:
        """1, every value of a window, and every product of two of them."""
        flat = np.asarray(x).reshape(len(x), -1)
        one = np.column_stack([np.ones(len(flat)), flat])
        first, second = np.triu_indices(one.shape[1])
        return one[:, first] * one[:, second]

    def predict(self, x: np.ndarray) -> np.ndarray:
        """What follows each window."""
        return self.terms(x) @ self.weights


def fit(x: np.ndarray, y: np.ndarray, seed: int) -> Quadratic:
    """Your training; nothing in it is random, so that the seed is not asked."""
    return Quadratic(x, y)


def step(state: np.ndarray) -> np.ndarray:
    """The map of Henon 1976, from one state (2,) to the next. Yours may be in torch."""
    return np.array([1 - 1.4 * state[0] ** 2 + state[1], 0.3 * state[0]])


def write_series(path: Path, steps: int = 1500) -> None:
    """Only the first of the two numbers is written, so that the second must be told from the step before."""
    state, rows = np.array([0.1, 0.1]), []
    for moment in range(steps):
        state = step(state)
        rows.append(f"{moment},{state[0]:.6f}")
    path.write_text("\n".join(["minute,level", *rows]))


def main(members: int = 8) -> bh.Audit:
    """How many steps back are needed, used and paid for, and what does the model do when left to itself?"""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "levels.csv"
        write_series(path)
        task = Series.of(path, time="minute", window=3)  # of an array: Series.of_array(values, time)
        audit = bh.audit(task, fit=fit, members=members)
    need, use, window, orbit = (audit.findings[f"dynamics/{name}"] for name in ("need", "use", "window", "orbit"))
    print(f"Needed: {need.quantities['needed_steps'].value:.0f} steps back predict the next")
    print(f"Used: {use.quantities['used_steps'].value:.0f} steps back by the model")
    paid = window.quantities["paid_bits"]
    print(f"Paid: {paid.value:.3f} bits a step for all 3, interval {paid.interval[0]:.3f} to {paid.interval[1]:.3f}")
    runs = ", ".join(f"{row['kind']} {row['runs']}" for row in orbit.tables["kinds"].rows())
    print(f"Left to itself: {runs}; the series: {orbit.details['kind']}")
    found = lyapunov_spectrum(step, np.array([0.1, 0.1]), steps=2000)
    values = ", ".join(f"{one:.2f}" for one in found.values)
    print(f"Lyapunov exponents of the step: {values}; it fills {kaplan_yorke(found.values):.2f} dimensions")
    return audit


if __name__ == "__main__":
    main(*map(int, sys.argv[1:])).save("report.html")
