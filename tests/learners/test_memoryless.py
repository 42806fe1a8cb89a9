"""Memoryless: nothing but the last step moves it, and of the last step it makes what can be made."""

from dataclasses import replace

import numpy as np
import pytest

from byheart.errors import InputRefused
from byheart.learners import memoryless
from byheart.learners.memoryless import Memoryless, left_out_error
from byheart.seeds import stream
from byheart.tasks.autoregression import Autoregression
from byheart.tasks.data import Data, Examples, Truth
from byheart.tasks.output import Values
from byheart.tasks.recall import Addition, SequentialDigits
from byheart.tasks.systems import Henon
from byheart.training.members import balanced
from byheart.training.training import Training


def windows(orbit, w=4):
    """(n, w, d) windows of an orbit (t, d), and the steps after them."""
    return np.stack([orbit[i : len(orbit) - w + i] for i in range(w)], 1), orbit[w:]


@pytest.fixture(scope="module")
def henon():
    x, y = windows(Henon().orbit(Henon().start, 420)[20:])
    everything = Examples(np.arange(len(x)), x, y)
    views = {"train": everything.take(np.arange(250)), "test": everything.take(np.arange(260, len(x)))}
    return Data(views, Values(2, spread=(1.0, 1.0)), Truth(), {})


def fitted(data, learner=None, m=2):
    return (learner or Memoryless()).fit(data, balanced(len(data.train), m, 0.8, seed=0), Training((0,)))


def test_nothing_but_the_last_step_moves_it(henon):
    changed = {}
    for name, view in henon.views.items():
        x = view.x.copy()
        x[:, :-1] = stream(0, name).normal(size=x[:, :-1].shape)
        changed[name] = replace(view, x=x)
    small = Memoryless(centres=40)
    before, after = fitted(henon, small), fitted(replace(henon, views=changed), small)
    for name in henon.views:
        assert (before.views[name].logits == after.views[name].logits).all()


def test_where_the_state_is_seen_whole_it_knows_the_next(henon):
    """The map bends: centres find it, the linear map cannot, and its error is that of least squares."""
    assert fitted(henon).views["test"].loss_nats.mean() < 1e-9
    linear = fitted(henon, Memoryless(centres=0))
    mask = balanced(len(henon.train), 2, 0.8, seed=0).seen[0]
    a = np.c_[np.ones(len(henon.train)), henon.train.x[:, -1]]
    weights = np.linalg.lstsq(a[mask], henon.train.y[mask], rcond=None)[0]
    assert np.allclose(linear.views["train"].logits[0], a @ weights, atol=1e-3)
    assert linear.views["test"].loss_nats.mean() > 0.01


def test_where_memory_is_a_virtue_it_is_at_chance():
    data = Addition(n=400, n_test=1000, length=20).draw(0)
    loss = fitted(data, Memoryless(centres=40)).views["test"].loss_nats.mean(0)
    assert abs(loss.mean() - 1 / 6) < 4 * loss.std() / 1000**0.5 + 0.01
    digits = fitted(SequentialDigits(n=300).draw(0), Memoryless(centres=40)).views["test"]
    assert digits.correct.mean() < 0.25
    assert digits.correct.shape == (1, 2, 360)


def test_each_step_of_a_series_is_read_alone():
    """The best map of one step of x_s = 1.2 x_{s-1} - .6 x_{s-2} + e: correlation 1.2 / 1.6, so 7/16 of the variance."""
    data = Autoregression(n=200, n_test=200).draw(0)
    variance = 1 / (1 - 0.36) / (1 - 0.75**2)  # of the process: 1 / ((1 - second^2) (1 - rho_1^2))
    loss = fitted(data, Memoryless(centres=40), m=1).views["test"].loss_nats[-1].mean(0)
    assert abs(loss.mean() - 7 / 16 * variance) < 4 * loss.std() / 200**0.5


def test_the_error_left_out_is_that_of_fits_to_all_others_and_the_least_is_chosen(monkeypatch):
    rng = stream(0, "noisy")
    x = rng.normal(size=(60, 1))
    y = np.sin(3 * x) + 0.3 * rng.normal(size=(60, 1))
    phi = np.c_[x, x**2, x**3]
    centred, strength = phi - phi.mean(0), 2.0
    left, values, _ = np.linalg.svd(centred, full_matrices=False)
    told = left_out_error(left, values**2 / (values**2 + strength), y - y.mean(0))
    a = np.c_[centred, np.ones(60)]
    penalty = strength * np.diag([1, 1, 1, 0])  # the mean is free
    errors = []
    for out in range(60):
        rest = np.arange(60) != out
        weights = np.linalg.solve(a[rest].T @ a[rest] + penalty, a[rest].T @ y[rest])
        errors.append((y[out] - a[out] @ weights) ** 2)
    assert told == pytest.approx(np.mean(errors))
    each = []
    for width in memoryless.WIDTHS:
        monkeypatch.setattr(memoryless, "WIDTHS", (width,))
        each.append(Memoryless()._fitted(x, y).error)
    monkeypatch.undo()
    assert Memoryless()._fitted(x, y).error == min(each) < max(each)


def test_what_has_no_steps_is_refused():
    x = np.zeros((30, 4))
    flat = Examples(np.arange(30), x, x[:, 0])
    with pytest.raises(InputRefused, match=r"sequences \(t, d\) for memoryless"):
        fitted(Data({"train": flat, "test": flat}, Values(1), Truth(), {}))


def test_a_constant_channel_and_few_examples_are_no_trouble():
    x = stream(0, "few").normal(size=(9, 3, 2))
    x[..., 1] = 5.0
    few = Examples(np.arange(9), x, x[:, -1, 0])
    run = fitted(Data({"train": few, "test": few}, Values(1), Truth(), {}))
    assert np.isfinite(run.views["test"].logits).all()
