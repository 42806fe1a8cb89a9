"""Do paired differences cover, and how much narrower are they than two intervals? Real learners on fresh draws.

    python benchmarks/paired.py [--draws 100] [--pair NAME ...]

Four classes in five dimensions, 15 % of the labels by chance, 200 examples and 200 new ones, 16 members. The truth is
the mean difference over all draws. For each number: its difference, how often the paired interval holds it, its
standard error over the deviation between draws (above 1: wider than need be), and how many times as wide the interval
is that takes the two runs as independent.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.tree import DecisionTreeClassifier

from byheart.maths.memorisation.share import memorised_share
from byheart.maths.statistics.intervals import budget_share_intervals
from byheart.maths.statistics.new_examples import new_examples_interval
from byheart.maths.statistics.paired import (
    paired_memorised_share,
    paired_new_examples,
    paired_shares,
    unpaired_difference,
)
from byheart.training.members import balanced

N, M = 200, 16
NAMES = ("held-out accuracy", "gap", "seen error", "new accuracy", "memorised share")
Make = Callable[[int], Any]
PAIRS: dict[str, tuple[Make, Make]] = {
    "tree of depth 2 / 20": (
        lambda seed: DecisionTreeClassifier(max_depth=2, random_state=seed),
        lambda seed: DecisionTreeClassifier(max_depth=20, random_state=seed),
    ),
    "random tree, other seeds": (
        lambda seed: DecisionTreeClassifier(splitter="random", random_state=seed),
        lambda seed: DecisionTreeClassifier(splitter="random", random_state=seed + 7),
    ),
    "1 / 5 neighbours": (lambda seed: KNeighborsClassifier(1), lambda seed: KNeighborsClassifier(5)),
    "logistic / naive Bayes": (lambda seed: LogisticRegression(), lambda seed: GaussianNB()),
    "logistic, C 1 / 0.01": (lambda seed: LogisticRegression(), lambda seed: LogisticRegression(C=0.01)),
    "forest / tree": (
        lambda seed: RandomForestClassifier(10, random_state=seed),
        lambda seed: DecisionTreeClassifier(random_state=seed),
    ),
    "MLP, decay 1e-4 / 1": (
        lambda seed: MLPClassifier((16,), alpha=1e-4, max_iter=60, random_state=seed),
        lambda seed: MLPClassifier((16,), alpha=1.0, max_iter=60, random_state=seed),
    ),
}  # fmt: skip


def drawn(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Examples and labels, to train on and new."""
    y = rng.integers(0, 4, 2 * N)
    x = rng.normal(size=(2 * N, 5))
    x[:, 0] += 1.6 * (y % 2)
    x[:, 1] += 1.6 * (y // 2)
    return x, np.where(rng.random(2 * N) < 0.15, rng.integers(0, 4, 2 * N), y)


def right(make: Make, x: np.ndarray, y: np.ndarray, members: Any) -> np.ndarray:
    """(m, 2n) who is right about what."""
    models = (
        make(int(seed % 2**31)).fit(x[:N][row], y[:N][row])
        for seed, row in zip(members.seeds, members.seen, strict=True)
    )
    return np.array([model.predict(x) == y for model in models])


def one(pair: tuple[Make, Make], seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Value, low and high of each paired difference of a fresh draw, and the same taken as independent."""
    x, y = drawn(np.random.default_rng(seed))
    members = balanced(N, M, 0.7, seed)
    first, second = (right(make, x, y, members) for make in pair)
    ones, left_out, mask = np.ones(N), (~members.seen).sum(1), members.seen
    paired = [
        *paired_shares(ones, 1.0 - first[:, :N], 1.0 - second[:, :N], mask),
        paired_new_examples(first[:, N:], second[:, N:], N, left_out),
        paired_memorised_share(first[:, :N], second[:, :N], mask),
    ]
    alone = [_alone(of, ones, mask, left_out) for of in (first, second)]
    return np.array([of[:3] for of in paired]), np.array(
        [unpaired_difference(a, b) for a, b in zip(*alone, strict=True)]
    )


def _alone(of: np.ndarray, ones: np.ndarray, mask: np.ndarray, left_out: np.ndarray) -> np.ndarray:
    share = memorised_share(of[:, :N], mask)
    made = [*budget_share_intervals(ones, 1.0 - of[:, :N], mask), new_examples_interval(of[:, N:], N, left_out)]
    return np.array([*(each[:3] for each in made), (share.value, *share.interval)])


def main() -> None:
    """Print the table."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--draws", type=int, default=100)
    asked.add_argument("--pair", nargs="*", default=list(PAIRS))
    words = asked.parse_args()
    warnings.filterwarnings("ignore")
    print(f"{'pair':<26}{'number':<20}{'difference':>11}{'covers':>8}{'se/sd':>7}{'independent / paired':>22}")
    for name in words.pair:
        made = [one(PAIRS[name], seed) for seed in range(words.draws)]
        paired, apart = (np.array(side) for side in zip(*made, strict=True))
        truth, spread = paired[:, :, 0].mean(0), paired[:, :, 0].std(0)
        held = ((paired[:, :, 1] <= truth) & (truth <= paired[:, :, 2])).mean(0)
        width, wide = (np.ptp(side[:, :, 1:], axis=2).mean(0) for side in (paired, apart))
        for k, number in enumerate(NAMES):
            error = f"{width[k] / 3.92 / spread[k]:.2f}" if spread[k] else "-"
            row = f"{truth[k]:>11.3f}{held[k]:>8.2f}{error:>7}{wide[k] / width[k]:>22.2f}"
            print(f"{name if not k else '':<26}{number:<20}{row}")


if __name__ == "__main__":
    main()
