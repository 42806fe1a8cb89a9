"""Worlds with a time course: a learner that plays a part whose every probability is written down."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from byheart.learners.base import Learner
from byheart.seeds import stream
from byheart.tasks.arrays import Arrays
from byheart.tasks.data import Data
from byheart.testing.worlds.base import Bounds, Draw, near
from byheart.testing.worlds.lookup import entropy
from byheart.training.members import Members
from byheart.training.preprocessing import checked, known
from byheart.training.run import Outcomes, Run, outcomes
from byheart.training.training import Training

LAST = 13  # epochs; outcomes are kept at 0, 1, 2, 3, 5, 8, 13
PASSED, TIP = frozenset({"passed"}), frozenset({"tip"})


class Played(Learner):
    """Members that are right as often as the part says, each about each example on its own.

    `seen`, `left_out` and `scale` give, at the share of training that has passed (linear between evenly spaced
    points), how often a member is right about an example it saw and about another, and the logit of the class it
    names (0 for the others). Of examples whose first column is positive, `ease` times as many are right where left out.
    """

    name: ClassVar[str] = "played"
    seen: tuple[float, ...]
    left_out: tuple[float, ...]
    scale: tuple[float, ...]
    ease: float = 1.0

    def steps(self) -> int:
        """Epochs."""
        return LAST

    def fit(self, data: Data, members: Members, training: Training) -> Run:
        """Throw one coin a member and example, the same at all epochs."""
        data = checked(data, members, training.levers, self.name)
        views = {view: self._view(data, members, training, view) for view in data.views}
        return Run(members, training.checkpoints, views, {"parameters": 0, "outputs": "logits", "cpu_seconds": 0.0})

    def _view(self, data: Data, members: Members, training: Training, view: str) -> Outcomes:
        x, y, k = data.views[view].x, data.views[view].y, data.output.k
        rows = known(data, view)
        saw = np.where(rows >= 0, members.mask[:, rows], False)  # (m, n)
        rngs = [stream(int(seed), "played", view) for seed in members.seeds]
        coins = np.array([rng.random(len(y)) for rng in rngs])
        others = (y + np.array([rng.integers(1, k, len(y)) for rng in rngs])) % k
        ease = np.where(x.reshape(len(x), -1)[:, 0] > 0, self.ease, 1.0)
        logits = []
        for epoch in training.checkpoints:
            seen, left_out, scale = (_at(course, epoch) for course in (self.seen, self.left_out, self.scale))
            names = np.where(coins < np.where(saw, seen, left_out * ease), y, others)
            logits.append(scale * np.eye(k)[names])
        return outcomes(np.array(logits), y, data.output, training.trail and view == "train")


def _at(course: tuple[float, ...], epoch: int) -> float:
    return float(np.interp(epoch / LAST, np.linspace(0, 1, len(course)), course))


def _drawn(rng: np.random.Generator, k: int, learner: Played, hard: float, **more: object) -> Draw:
    """200 examples of k classes that no other model can tell, a share `hard` of which has a positive first column.

    A member names one class, right with probability a, else any other: its calibrated code is
    H = h(a) + (1 - a) log2(k - 1) bits of log2 k. The calibration costs what `lookup.nearest_label` allows. A score
    between 0.2 and 0.3 may count as memorised or not.
    """
    n, new = 200, 120
    x, x_new = rng.normal(size=(n, 3)), rng.normal(size=(new, 3))
    for rows in (x, x_new):
        rows[:, 0] = rng.permutation(np.arange(len(rows)) < round(hard * len(rows))) - rng.random(len(rows))
    y, y_new = rng.permutation(np.arange(n) % k), rng.permutation(np.arange(new) % k)
    mean = 1 - hard * (1 - learner.ease)
    seen, left_out = learner.seen[-1], learner.left_out[-1] * mean
    blind, cost = np.log2(k), 2 * np.log2(np.e) / n / np.log2(k)

    def left(a: float) -> float:
        return (entropy(np.array([a, 1 - a])) + (1 - a) * np.log2(k - 1)) / blind

    truth = {
        "train_accuracy": near(seen), "held_out_accuracy": near(left_out), "test_accuracy": near(left_out),
        "gap": near(seen - left_out), "c_score": near(left_out),
        "understood_bits_share": Bounds(1 - left(left_out) - 2 * cost, 1 - left(left_out) + cost),
        "memorised_bits_share": near(left(left_out) - left(seen), 3 * cost),
        "left_bits_share": Bounds(left(seen) - cost, left(seen) + 2 * cost),
    }  # fmt: skip
    scores = ((1 - hard, seen - learner.left_out[-1]), (hard, seen - learner.left_out[-1] * learner.ease))
    truth["memorised_share"] = Bounds(*(sum(part for part, score in scores if score >= at) for at in (0.30, 0.20)))
    return Draw(Arrays.of(x, y, x_new, y_new, task="classes"), learner, truth, **more)  # type: ignore[arg-type]


def calibrated(a: float, k: int) -> float:
    """The logit with which softmax gives the class that is right with probability a just that."""
    return float(np.log(a * (k - 1) / (1 - a)))


def hard_part(seed: int) -> Draw:
    """A part of the examples is right only where seen; no label is wrong, though members bet against these."""
    rng = stream(seed, "hard part")
    k, right = int(rng.choice([2, 4])), rng.uniform(0.93, 0.98)
    part = Played(seen=(right, right), left_out=(right, right), scale=(3.0, 3.0), ease=rng.uniform(0.15, 0.3))
    return _drawn(rng, k, part, rng.uniform(0.15, 0.35))


def improving(seed: int) -> Draw:
    """Better at every epoch, and as sure as it is right: not trained past its best, not overconfident."""
    rng = stream(seed, "improving")
    k, end = int(rng.choice([2, 4])), rng.uniform(0.8, 0.9)
    course = tuple(np.linspace(1 / k + 0.01, end, 4))
    part = Played(seen=course, left_out=course, scale=tuple(calibrated(a, k) for a in course))
    return _drawn(rng, k, part, 0.0, says={"BH104": PASSED, "BH106": PASSED})


def past_its_best(seed: int) -> Draw:
    """Right about 9 of 10 left out half way through, about 6 to 7 of 10 at the end, as sure as before."""
    rng = stream(seed, "past its best")
    end, sure = rng.uniform(0.6, 0.7), calibrated(0.9, 2)
    part = Played(seen=(0.5, 0.9, 0.95, 0.99), left_out=(0.5, 0.9, 0.9, end), scale=(0.1, sure, sure, sure))
    return _drawn(rng, 2, part, 0.0, says={"BH104": TIP})


def too_sharp(seed: int) -> Draw:
    """As often right from half way on, ever surer of it: the loss rises, and stopping earlier would gain nothing."""
    rng = stream(seed, "too sharp")
    k, end = int(rng.choice([2, 4])), rng.uniform(0.75, 0.85)
    sure = calibrated(end, k)
    course = (1 / k + 0.01, end, end, end)
    part = Played(seen=course, left_out=course, scale=(0.1, sure, 3 * sure, 6 * sure))
    return _drawn(rng, k, part, 0.0, says={"BH104": PASSED, "BH106": TIP})
