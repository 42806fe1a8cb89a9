"""Least squares of smallest norm, on inputs and on random features, against slow twins."""

import numpy as np
import pytest

from byheart.learners.random_features import LeastSquares, RandomFeatures
from byheart.maths.descent import effective_parameters
from byheart.tasks.digits import Digits
from byheart.tasks.isotropic import Isotropic
from byheart.training.members import subsets
from byheart.training.training import Training


def fitted(learner, data, share=0.5, m=3):
    members = subsets("balanced", len(data.train), m, share, 0, data.groups)
    return learner.fit(data, members, Training((0,))), members


@pytest.mark.parametrize("d", [10, 60])
@pytest.mark.parametrize("intercept", [True, False])
def test_least_squares_is_the_solution_of_smallest_norm(d, intercept):
    data = Isotropic(n=80, n_test=20, d=d).draw(0)
    run, members = fitted(LeastSquares(intercept=intercept), data)
    for j, mask in enumerate(members.seen):
        x, y = data.train.x[mask, 0].astype(float), data.train.y[mask]
        mean = y.mean() if intercept else 0.0
        said = data.views["test"].x[:, 0] @ np.linalg.lstsq(x, y - mean, rcond=1e-10)[0] + mean
        np.testing.assert_allclose(run.views["test"].logits[j, :, 0], said, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("learner", [LeastSquares(), LeastSquares(intercept=False), RandomFeatures(width=30)])
def test_effective_parameters_are_those_of_the_weights_themselves(learner):
    """The weight of each label: what the model says when that label alone is one."""
    data = Isotropic(n=40, n_test=15, d=8).draw(0)
    run, members = fitted(learner, data)
    mask, seed = members.seen[1], int(members.seeds[1])
    views = {view: examples.x[:, 0].astype(float) for view, examples in data.views.items()}
    phi = learner.features(views, seed)
    x, unit = phi["train"][mask], np.eye(mask.sum())
    mean = unit.mean(0) if learner.intercept else np.zeros(len(unit))
    weights = phi["test"] @ np.linalg.lstsq(x, unit - mean, rcond=1e-10)[0] + mean
    assert run.kept["smoother"]["effective"][1] == pytest.approx(effective_parameters(weights), rel=1e-6)


def test_enough_random_features_fit_every_label_and_a_penalty_does_not():
    data = Digits(n=100).draw(0)
    wide, members = fitted(RandomFeatures(width=400), data)
    assert wide.views["train"].correct[-1][members.seen].all()
    held = fitted(RandomFeatures(width=400, strength=100.0), data)[0]
    assert not held.views["train"].correct[-1][members.seen].all()
    assert held.kept["smoother"]["effective_seen"].max() < wide.kept["smoother"]["effective_seen"].min()


def test_a_wider_model_has_the_features_of_a_narrower_one():
    x = {"train": np.random.default_rng(0).normal(size=(5, 3))}
    few, many = (RandomFeatures(width=n).features(x, 7)["train"] * np.sqrt(n) for n in (4, 9))
    np.testing.assert_allclose(few, many[:, :4], rtol=1e-12)
    assert not np.allclose(few, RandomFeatures(width=4).features(x, 8)["train"] * 2)


def test_leave_one_out_finds_the_penalty_that_theory_has():
    data = Isotropic(n=2000, d=100).draw(0)
    run = fitted(LeastSquares(strength="loo", intercept=False), data, share=0.1, m=10)[0]
    # noise d / signal = 20, within a factor of 2 over the mean of ten members
    assert 10 < np.exp(np.log(run.kept["smoother"]["penalty"]).mean()) < 40


def test_only_what_theory_speaks_of_names_its_law():
    data = Digits(n=100).draw(0)
    assert "law" not in fitted(RandomFeatures(), data)[0].about
    assert fitted(RandomFeatures(bias=0, intercept=False), data)[0].about["law"] == "relu features"
