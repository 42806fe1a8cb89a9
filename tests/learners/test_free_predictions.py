"""Closed forms fed their own predictions: each step is what the learner says of the window that it has made itself."""

from dataclasses import replace

import numpy as np
import pytest

from byheart.errors import InputRefused
from byheart.learners.memoryless import Memoryless
from byheart.learners.reference_learners import Oracle, Rote
from byheart.learners.ridge import KernelRidge, Ridge
from byheart.learners.userfit import UserFit
from byheart.maths.orbits import classify, novelty
from byheart.tasks.data import Examples
from byheart.tasks.recall import Addition
from byheart.tasks.series import Series
from byheart.tasks.systems.observed_flows import ObservedLorenz63
from byheart.tasks.windows import stretches_of
from byheart.training.free_orbits import begins
from byheart.training.keep import FreeOrbits
from byheart.training.members import balanced
from byheart.training.training import Training

LEARNERS = {
    "rote": Rote(),
    "oracle": Oracle(),
    "memoryless": Memoryless(centres=60),
    "ridge": Ridge(strength=0.01),
    "kernel-ridge": KernelRidge(strength=1e-4),
}
KEEP = FreeOrbits(steps=300, runs=1)


@pytest.fixture(scope="module")
def lorenz():
    return ObservedLorenz63(n=400, n_test=500, n_validation=0, window=4).draw(0)


def free(learner, data, steps=6, runs=2, m=2):
    keep = FreeOrbits(steps=steps, runs=runs)
    run = learner.fit(data, balanced(len(data.train), m, 0.8, seed=0), Training((0,), 0, (keep,)))
    return run, run.kept[keep.label].arrays


@pytest.mark.parametrize("name", LEARNERS)
def test_each_step_is_what_is_said_of_the_window_made_so_far(name, lorenz):
    """The slow twin: windows of the run, looked at as a view of their own."""
    _, found = free(LEARNERS[name], lorenz)
    orbits, test = found["orbits"], lorenz.views["test"]
    assert orbits.shape == (2, 2, 6, 3)
    for j in range(2):
        whole = np.concatenate([test.x[found["begins"]], orbits[j]], 1)  # (runs, w + steps, d)
        windows = np.concatenate([whole[:, place : place + 4] for place in range(6)])
        look = Examples(np.arange(12) - 100, windows, np.zeros((12, 3)))
        again, _ = free(LEARNERS[name], replace(lorenz, views={"train": lorenz.train, "test": test, "look": look}))
        told = lorenz.output.levels(windows, again.views["look"].logits[j].astype(float))
        assert np.allclose(told.reshape(6, 2, 3).swapaxes(0, 1), orbits[j], atol=1e-5)


def test_the_oracle_is_new_and_rote_is_a_replay(lorenz):
    train = max(stretches_of(lorenz.train, lorenz.output), key=len)
    test = lorenz.output.levels(lorenz.views["test"].x, lorenz.views["test"].y)
    orbits = {}
    for name in ("oracle", "rote"):
        run = LEARNERS[name].fit(lorenz, balanced(len(lorenz.train), 1, 1.0, seed=0), Training((0,), 0, (KEEP,)))
        orbits[name] = run.kept[KEEP.label].arrays["orbits"][0, 0]
    assert novelty(train, test, orbits["rote"][10:]).value < 0.1
    assert novelty(train, test, orbits["oracle"]).value > 0.4
    assert classify(orbits["oracle"]).kind in ("chaos", "unclear")


def test_what_has_no_windows_is_refused():
    data = Addition(n=60, n_test=10, length=20).draw(0)
    with pytest.raises(InputRefused, match="a model of windows"):
        free(Memoryless(), data)


def test_of_your_training_one_run_without_a_number_takes_no_other_along():
    data = Series.of_array(np.random.default_rng(0).normal(size=400)).draw(0)
    keep = FreeOrbits(steps=5, runs=2)
    lost = data.views["test"].x[begins(len(data.views["test"]), 2)[1]]

    def fit(x, y, seed):
        def model(windows):  # of the second start no number, where it is left to itself; the view itself is whole
            gone = (windows == lost).all((1, 2)) & (len(windows) <= 2)
            return np.where(gone, np.nan, 0.5 * windows[:, -1, 0])[:, None]

        return model

    run = UserFit.of(fit).fit(data, balanced(len(data.train), 1, 1.0, seed=0), Training((1,), 0, (keep,)))
    orbits = run.kept[keep.label].arrays["orbits"]
    assert np.isfinite(orbits[0, 0]).all()
    assert np.isnan(orbits[0, 1]).all()
