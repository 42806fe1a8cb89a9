"""How linear smoothers use their labels: the weights give what the learner says, label by label."""

import numpy as np
import pytest

from byheart.learners.mlp import Mlp
from byheart.learners.neighbours import Neighbours
from byheart.learners.ridge import KernelRidge, Ridge
from byheart.probes.generalization.descent import Descent
from byheart.tasks.arrays import Arrays
from byheart.testing.probes import bank_of
from byheart.training.keep import Smoother
from byheart.training.members import subsets
from byheart.training.preprocessing import prepare
from byheart.training.training import Training

SMOOTHERS = [Ridge(strength=2.0), KernelRidge(strength=0.3), KernelRidge(kernel="linear"), Neighbours(k=4), Neighbours()]


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(80, 5)) * [1, 10, 1, 1, 1]
    y = np.sin(x[:, 0]) + x[:, 1] / 10 + 0.1 * rng.normal(size=80)
    return Arrays.of(x[:60], y[:60], x[60:], y[60:], task="values").draw(0)


def weights_of(learner, data, mask):
    views = prepare(data, learner.scaled_on(mask))
    return learner.weights(views["train"].astype(float), data.train.ids, mask, views["test"].astype(float))


@pytest.mark.parametrize("learner", SMOOTHERS, ids=lambda one: one.key()[:6])
def test_the_weights_of_the_labels_give_what_the_learner_says(learner, data):
    members = subsets("balanced", 60, 3, 0.6, 0)
    run = learner.fit(data, members, Training((0,)))
    for j, mask in enumerate(members.seen):
        said = weights_of(learner, data, mask) @ data.train.y[mask]
        np.testing.assert_allclose(run.views["test"].logits[j, :, 0], said, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("learner", SMOOTHERS, ids=lambda one: one.key()[:6])
def test_how_labels_are_used_is_kept_where_it_is_asked_for(learner, data):
    members = subsets("balanced", 60, 3, 0.6, 0)
    assert not learner.fit(data, members, Training((0,))).kept
    used = learner.fit(data, members, Training((0,), keep=(Smoother(),))).kept["smoother"]
    mask = members.seen[2]
    expected = mask.sum() * (weights_of(learner, data, mask) ** 2).sum(1).mean()
    assert used["effective"][2] == pytest.approx(expected, rel=1e-9)


def test_k_neighbours_use_n_over_k_parameters(data):
    probe = Descent(vary="k", values=(1, 3, 9), seeds=10)
    task = Arrays.of(data.train.x, data.train.y, data.views["test"].x, data.views["test"].y, task="values")
    finding, _ = probe.measure(bank_of(probe, task, Neighbours()))
    assert finding.tables["places"].values["effective"] == pytest.approx((42, 14, 42 / 9))
    assert finding.curves["folded"].x == pytest.approx((42 / 9, 14, 42))


def test_the_more_ridge_the_fewer_parameters(data):
    probe = Descent(vary="strength", values=(0.01, 1, 100), seeds=10)
    task = Arrays.of(data.train.x, data.train.y, data.views["test"].x, data.views["test"].y, task="values")
    finding, _ = probe.measure(bank_of(probe, task, Ridge()))
    effective = finding.tables["places"].values["effective"]
    assert effective[0] > effective[1] > effective[2] > 1


def test_a_network_is_no_linear_smoother():
    assert Smoother.name not in Mlp.keeps
