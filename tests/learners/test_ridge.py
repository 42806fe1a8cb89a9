"""Ridge: the shared Gram matrix gives what solving every member directly gives."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn import kernel_ridge, linear_model
from sklearn.metrics.pairwise import rbf_kernel

from byheart.errors import InputRefused
from byheart.learners.ridge import MOST, KernelRidge, Ridge, kernel_matrix, median_distance
from byheart.tasks.data import Data, Examples, Truth
from byheart.tasks.digits import Digits
from byheart.tasks.output import Classes, Values
from byheart.training.members import balanced
from byheart.training.training import Training

RECORD = Training((0,))


@pytest.fixture(scope="module")
def digits():
    return Digits(n=200).draw(0)


@pytest.fixture(scope="module")
def values():
    rng = np.random.default_rng(0)
    x = rng.normal(3.0, 2.0, size=(90, 5))
    y = x @ rng.normal(size=5) + 10 + 0.1 * rng.normal(size=90)
    everything = Examples(np.arange(90), x, y)
    train, test = everything.take(np.arange(60)), everything.take(np.arange(60, 90))
    return Data({"train": train, "test": test}, Values(1), Truth(), {})


def flat(data, view):
    return data.views[view].x.reshape(len(data.views[view]), -1).astype(np.float64)


@pytest.mark.parametrize("share", [0.3, 0.7, 1.0])
@pytest.mark.parametrize("strength", [0.1, 30.0])
def test_ridge_is_solving_directly(digits, share, strength):
    members = balanced(200, 3, share, seed=0)
    run = Ridge(strength=strength).fit(digits, members, RECORD)
    for j, seen in enumerate(members.mask):
        model = linear_model.Ridge(alpha=strength).fit(flat(digits, "train")[seen], np.eye(10)[digits.train.y[seen]])
        for view in digits.views:
            np.testing.assert_allclose(run.views[view].logits[j], model.predict(flat(digits, view)), atol=1e-5)


@pytest.mark.parametrize("share", [0.3, 0.7, 1.0])
@pytest.mark.parametrize("kernel", ["rbf", "linear"])
def test_kernel_ridge_is_solving_directly(digits, share, kernel):
    """The equations with the intercept, K + strength I bordered by ones."""
    members = balanced(200, 3, share, seed=0)
    learner = KernelRidge(kernel=kernel, strength=0.05)
    run = learner.fit(digits, members, RECORD)
    x = flat(digits, "train")
    width = run.about["width"]
    for j, seen in enumerate(members.mask):
        s = x[seen]
        matrix = rbf_kernel(s, gamma=1 / (2 * width**2)) if kernel == "rbf" else s @ s.T
        n = len(s)
        bordered = np.block([[matrix + 0.05 * np.eye(n), np.ones((n, 1))], [np.ones((1, n)), np.zeros((1, 1))]])
        solved = np.linalg.solve(bordered, np.vstack([np.eye(10)[digits.train.y[seen]], np.zeros((1, 10))]))
        z = flat(digits, "test")
        cross = rbf_kernel(z, s, gamma=1 / (2 * width**2)) if kernel == "rbf" else z @ s.T
        np.testing.assert_allclose(run.views["test"].logits[j], cross @ solved[:-1] + solved[-1], atol=1e-5)


def test_a_linear_kernel_is_ridge(digits):
    members = balanced(200, 2, 0.7, seed=0)
    a = KernelRidge(kernel="linear", strength=2.0).fit(digits, members, RECORD)
    b = Ridge(strength=2.0).fit(digits, members, RECORD)
    np.testing.assert_allclose(a.views["test"].logits, b.views["test"].logits, atol=1e-4)


def test_values_have_a_free_intercept(values):
    """A penalty without end leaves the subset's mean; a table is scaled by the member's own rows."""
    members = balanced(60, 3, 0.7, seed=0)
    run = Ridge(strength=1e12).fit(values, members, RECORD)
    means = np.array([values.train.y[seen].mean() for seen in members.mask])
    np.testing.assert_allclose(run.views["test"].logits[:, :, 0], np.repeat(means[:, None], 30, 1), rtol=1e-5)
    small = Ridge(strength=0).fit(values, members, RECORD)
    for j, seen in enumerate(members.mask):
        model = linear_model.LinearRegression().fit(values.train.x[seen], values.train.y[seen])
        expected = model.predict(values.views["test"].x)
        np.testing.assert_allclose(small.views["test"].logits[j, :, 0], expected, rtol=1e-4)


def test_kernel_values_shift_with_the_targets(values):
    """The intercept is not penalised: y + c gives f + c."""
    members = balanced(60, 2, 0.7, seed=0)
    train = replace(values.train, y=values.train.y + 500)
    moved = replace(values, views={**values.views, "train": train})
    a = KernelRidge(strength=1.0).fit(values, members, RECORD).views["test"].logits
    b = KernelRidge(strength=1.0).fit(moved, members, RECORD).views["test"].logits
    np.testing.assert_allclose(b - a, 500, rtol=1e-5)


def test_a_small_strength_remembers_and_a_large_one_does_not(digits):
    members = balanced(200, 3, 0.7, seed=0)
    seen = {
        strength: KernelRidge(strength=strength).fit(digits, members, RECORD).views["train"].correct[0][members.mask]
        for strength in (1e-3, 1e3)
    }
    assert seen[1e-3].all()
    assert seen[1e3].mean() < 0.9


@pytest.mark.parametrize("learner", [Ridge(), KernelRidge()])
def test_order_does_not_matter(learner, digits):
    order = np.random.default_rng(3).permutation(200)
    members = balanced(200, 3, 0.6, 0)
    train = digits.train.take(order)
    other = replace(digits, views={**digits.views, "train": train})
    a = learner.fit(digits, members, RECORD).views["test"].logits
    b = learner.fit(other, replace(members, seen=members.mask[:, order]), RECORD).views["test"].logits
    np.testing.assert_allclose(a, b, atol=1e-4)


def test_the_kernel_is_scikit_learns(rng):
    x, z = rng.normal(size=(20, 4)), rng.normal(size=(7, 4))
    np.testing.assert_allclose(kernel_matrix(x, z, 1.7), rbf_kernel(x, z, gamma=1 / (2 * 1.7**2)), rtol=1e-10)
    model = kernel_ridge.KernelRidge(alpha=0.1, kernel="rbf", gamma=0.2).fit(x, x[:, 0] - x[:, 0].mean())
    width = np.sqrt(1 / 0.4)
    dual = np.linalg.solve(kernel_matrix(x, x, width) + 0.1 * np.eye(20), x[:, 0] - x[:, 0].mean())
    np.testing.assert_allclose(kernel_matrix(z, x, width) @ dual, model.predict(z), rtol=1e-8)


def test_equal_examples_have_width_1():
    assert median_distance(np.zeros((5, 2)), np.arange(5)) == 1.0


def test_too_many_examples_are_refused_with_the_estimate():
    n = MOST + 1
    train = Examples(np.arange(n), np.zeros((n, 1, 1), np.float32), np.zeros(n, int))
    data = Data({"train": train}, Classes(2), Truth(), {})
    with pytest.raises(InputRefused, match=r"at most 20,000 training examples.*20,001, which need 6 GB"):
        KernelRidge().fit(data, balanced(n, 1, 0.7, 0), RECORD)
