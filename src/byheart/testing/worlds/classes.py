"""Worlds of classes. Every parameter is drawn from the seed; the truth is derived in the docstrings."""

from __future__ import annotations

import numpy as np
from scipy.stats import hypergeom

from byheart.learners.estimator import Estimator
from byheart.learners.neighbours import Neighbours
from byheart.learners.reference_learners import Rote
from byheart.maths.statistics.seen_unseen import sides
from byheart.seeds import stream
from byheart.tasks.arrays import Arrays
from byheart.testing.worlds.base import Bounds, Draw, near
from byheart.testing.worlds.lookup import cells, entropy, labels, nearest_label

NEW = 120  # examples of the test view


def noisy_cells(rng: np.random.Generator, n: int, k: int, noise: float) -> Draw:
    """Each cell has a class, k classes equally many cells; a share `noise` has one of the other classes instead."""
    own = rng.permutation(np.arange(8) % k)
    eta = np.where(own[:, None] == np.arange(k), 1 - noise, noise / (k - 1))
    (x, cell), (new, other) = cells(rng, n), cells(rng, NEW)
    task = Arrays.of(x, labels(rng, eta, cell), new, labels(rng, eta, other), task="classes")
    return Draw(task, Neighbours(), nearest_label(eta, n), wrong_labels=noise > 0)


def balanced(seed: int) -> Draw:
    """Two or four classes, 5 to 15 % of the labels wrong, nearest neighbour: `lookup.nearest_label`."""
    rng = stream(seed, "balanced")
    return noisy_cells(rng, 240, int(rng.choice([2, 4])), rng.uniform(0.05, 0.15))


def sixty(seed: int) -> Draw:
    """The same with 60 rows and two classes."""
    rng = stream(seed, "sixty")
    return noisy_cells(rng, 60, 2, rng.uniform(0.05, 0.15))


def rare(seed: int) -> Draw:
    """About 2 % positives that nothing predicts, nearest neighbour: one cell, eta = (1 - p, p)."""
    rng = stream(seed, "rare")
    p = rng.uniform(0.018, 0.025)
    eta = np.array([[1 - p, p]])
    x, y = rng.normal(size=(400, 3)), labels(rng, eta, np.zeros(400, int))
    y[:2] = 1, 1  # a class of one example cannot be left out and seen
    new, y_new = rng.normal(size=(NEW, 3)), labels(rng, eta, np.zeros(NEW, int))
    return Draw(Arrays.of(x, y, new, y_new, task="classes"), Neighbours(), nearest_label(eta, 400))


def pure_noise(rng: np.random.Generator, n: int, copies: np.ndarray) -> Draw:
    """Labels that nothing predicts; row i stands there copies[i] times, its label with it.

    The lookup's label is another row's, or the most frequent one: right by chance, 1 of k, understood nothing.
    """
    k = int(rng.choice([2, 3]))
    eta = np.full((1, k), 1 / k)
    x, y = rng.normal(size=(n, 3)), rng.integers(0, k, n)
    new, y_new = rng.normal(size=(NEW, 3)), rng.integers(0, k, NEW)
    rows = rng.permutation(np.repeat(np.arange(n), copies))
    return Draw(Arrays.of(x[rows], y[rows], new, y_new, task="classes"), Neighbours(), nearest_label(eta, n))


def noise(seed: int) -> Draw:
    """Labels that nothing predicts, no copies."""
    return pure_noise(stream(seed, "noise"), 200, np.ones(200, int))


def copies(seed: int) -> Draw:
    """Labels that nothing predicts, every row three times."""
    return pure_noise(stream(seed, "copies"), 120, np.full(120, 3))


def some_copies(seed: int) -> Draw:
    """Labels that nothing predicts, 30 % of the rows copied once."""
    rng = stream(seed, "some copies")
    return pure_noise(rng, 180, 1 + (rng.random(180) < 0.3))


def patients(seed: int) -> Draw:
    """Four rows of each of 80 patients, near one another, with the patient's own label, which nothing predicts.

    A patient is seen or left out as a whole: the nearest row that a member saw is another patient's.
    """
    rng = stream(seed, "patients")
    n, k = 80, int(rng.choice([2, 3]))
    patient = rng.permutation(np.repeat(np.arange(n), 4))
    at, y, new = rng.normal(size=(n, 3)), rng.integers(0, k, n), rng.normal(size=(NEW, 3))
    x = at[patient] + 0.02 * rng.normal(size=(4 * n, 3))
    task = Arrays.of(x, y[patient], new, rng.integers(0, k, NEW), groups=patient, task="classes")
    return Draw(task, Neighbours(), nearest_label(np.full((1, k), 1 / k), n))


def contradicting(seed: int) -> Draw:
    """Separable cells, 20 to 40 rows of which stand there twice, the second time with another label: one is wrong."""
    rng = stream(seed, "contradicting")
    n, twice = 200, int(rng.integers(20, 40))
    (x, cell), (new, other) = cells(rng, n), cells(rng, NEW)
    rows, y = np.concatenate([x, x[:twice]]), np.concatenate([cell % 2, 1 - cell[:twice] % 2])
    task = Arrays.of(rows, y, new, other % 2, task="classes")
    says = {"BH101": frozenset({"issue"})}
    return Draw(task, Neighbours(), {"train_accuracy": near(1.0)}, wrong_labels=True, contradictions=True, says=says)


def table(seed: int) -> Draw:
    """Two or three classes that nothing predicts, and a lookup table that guesses the rest by class frequencies.

    A guess is right where left out no more often than chance, and less often by what leaving the example out takes
    from its own class; that is at most 0.15 with 200 rows, which the bounds allow.
    """
    drawn = pure_noise(stream(seed, "table"), 200, np.ones(200, int))
    same = drawn.truth["held_out_accuracy"].high
    bits = {name: bounds for name, bounds in drawn.truth.items() if "bits" in name}
    held_out = Bounds(same - 0.15, same + 0.02)
    return Draw(drawn.task, Rote(), bits | {"train_accuracy": near(1.0), "held_out_accuracy": held_out})


def separable(seed: int) -> Draw:
    """Each cell has one class and no label is wrong: everything is understood, nothing memorised."""
    rng = stream(seed, "separable")
    return noisy_cells(rng, 240, int(rng.choice([2, 4])), 0.0)


def missing(seed: int) -> Draw:
    """Separable classes beside a few of two examples each, which lie far from one another; the test lacks those.

    They lie on a line between others of other classes, so that the nearest that a member saw is never the other one of
    the class: none is named where left out. Memorised is exactly these.
    """
    rng = stream(seed, "missing")
    few, n = int(rng.integers(8, 14)), 200
    x, cell = cells(rng, n - 2 * few)
    far = 20.0 + 5.0 * np.arange(2 * few)[:, None] * np.ones(3)
    y = np.concatenate([cell % 2, 2 + np.arange(2 * few) % few])
    new, other = cells(rng, NEW)
    task = Arrays.of(np.concatenate([x, far]), y, new, other % 2, task="classes")
    share = 2 * few / n
    truth = {
        "train_accuracy": near(1.0), "held_out_accuracy": near(1 - share), "test_accuracy": near(1.0),
        "gap": near(share), "c_score": near(1 - share), "memorised_share": near(share),
    }  # fmt: skip
    return Draw(task, Neighbours(), truth)


def constant_accuracies(n: int, share: float) -> tuple[float, float]:
    """How often a model that says the class it saw more of is right, where seen and where left out.

    n rows, half of each class, a member sees s of them. It says 0 where it saw at least s / 2 zeros, and the number
    of zeros it saw is hypergeometric, given that the example is among them or not.
    """
    half, s = n // 2, round(share * n)
    fewest = np.ceil(s / 2) - 1  # one zero less than makes it say 0
    sides = [
        (1 - hypergeom.cdf(fewest - saw, n - 1, half - 1, s - saw) + hypergeom.cdf(fewest, n - 1, half, s - saw)) / 2
        for saw in (1, 0)
    ]
    return float(sides[0]), float(sides[1])


def constant(seed: int) -> Draw:
    """A model that knows only which of two equally frequent classes its subset holds more of.

    What one label changes is below 0.2: nothing is memorised. Half of the test labels are right.
    """
    rng = stream(seed, "constant")
    n = 2 * int(rng.integers(60, 110))
    seen, left_out = constant_accuracies(n, 0.7)
    y, new = rng.permutation(np.arange(n) % 2), np.arange(NEW) % 2
    task = Arrays.of(rng.normal(size=(n, 3)), y, rng.normal(size=(NEW, 3)), new, task="classes")
    cost = 2 * np.log2(np.e) / n
    gain = 1 - entropy(np.array([left_out, 1 - left_out]))  # that the class it saw less of is likelier
    truth = {
        "train_accuracy": near(seen), "held_out_accuracy": near(left_out), "test_accuracy": near(0.5),
        "gap": near(seen - left_out), "c_score": near(left_out), "memorised_share": near(0.0),
        "understood_bits_share": Bounds(-2 * cost, gain + cost), "memorised_bits_share": near(0.0, gain + 2 * cost),
        "left_bits_share": near(1.0, gain + 2 * cost),
    }  # fmt: skip
    return Draw(task, Estimator(cls="DummyClassifier", params={"strategy": "prior"}), truth)


def shallow_tree(seed: int) -> Draw:
    """One random split of labels that nothing predicts: what 4,000 members played out by hand are right about.

    Each draws its subset, a column, a threshold evenly between the ends of what it saw, and says on each side what
    most of its labels there are (a tie: class 0). An example whose score lies within 0.05 of 0.25 may count or not.
    """
    rng = stream(seed, "shallow tree")
    n, d = int(rng.integers(120, 200)), int(rng.integers(2, 5))
    x, y = rng.normal(size=(n, d)), rng.integers(0, 2, n)
    seen, left_out = _stumps(rng, x.astype(np.float32), y, round(0.7 * n))
    task = Arrays.of(x, y, rng.normal(size=(NEW, d)), rng.integers(0, 2, NEW), task="classes")
    cost, score = 2 * np.log2(np.e) / n, seen - left_out
    truth = {
        "held_out_accuracy": near(left_out.mean(), 0.01), "c_score": near(left_out.mean(), 0.01),
        "test_accuracy": near(0.5), "train_accuracy": near(seen.mean(), 0.01), "gap": near(score.mean(), 0.01),
        "memorised_share": Bounds((score >= 0.30).mean(), (score >= 0.20).mean()),
        "understood_bits_share": Bounds(-2 * cost, 0.02 + cost),
    }  # fmt: skip
    return Draw(task, Estimator(cls="ExtraTreeClassifier", params={"max_depth": 1, "max_features": 1}), truth)


def _stumps(rng: np.random.Generator, x: np.ndarray, y: np.ndarray, s: int) -> tuple[np.ndarray, np.ndarray]:
    """(n,) how often right of the members that saw each example, and of those that did not."""
    (n, d), m = x.shape, 4000
    seen = rng.random((m, n)).argsort(1) < s
    values = x[:, rng.integers(0, d, m)].T  # (m, n)
    low, high = np.where(seen, values, np.inf).min(1), np.where(seen, values, -np.inf).max(1)
    right = values > (low + (high - low) * rng.random(m))[:, None]
    said = np.empty((m, n), int)
    for side in (right, ~right):
        ones = (side & seen & (y == 1)).sum(1) > (side & seen & (y == 0)).sum(1)
        said = np.where(side, ones[:, None], said)
    hit = said == y
    return tuple((hit & side).sum(0) / side.sum(0) for side in sides(seen))
