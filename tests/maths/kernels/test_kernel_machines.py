"""Ridge regression and support vectors on a kernel: closed forms, linear twins, and small sets of the literature."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.datasets import load_iris
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from byheart.errors import InputRefused
from byheart.maths.kernels import infinite_relu, kernel_machines, normalised, ridge_predictions, support_vectors


def test_ridge_on_a_linear_kernel_is_ridge_on_the_inputs():
    rng = np.random.default_rng(0)
    x, y, new = rng.normal(size=(20, 3)), rng.normal(size=(20, 2)), rng.normal(size=(5, 3))
    weights = np.linalg.solve(x.T @ x + 0.3 * np.eye(3), x.T @ y)
    assert_allclose(ridge_predictions(x @ x.T, y, new @ x.T, 0.3), new @ weights, rtol=1e-9, atol=1e-9)


def test_a_kernel_of_full_rank_goes_through_its_values_as_the_ridge_goes_to_0():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(10, 4)), rng.normal(size=(10, 1))
    kernel = infinite_relu(x, x, 2, 2**0.5, 0.1).ntk
    assert_allclose(ridge_predictions(kernel, y, kernel, 1e-10), y, atol=1e-6)


def test_support_vectors_on_a_linear_kernel_are_those_of_a_linear_machine():
    rng = np.random.default_rng(1)
    x, new = rng.normal(size=(60, 2)), rng.normal(size=(30, 2))
    labels = (x[:, 0] + 0.5 * rng.normal(size=60) > 0) * 2 + 3
    found, linear = support_vectors(x @ x.T, labels, new @ x.T, 0.5), SVC(C=0.5, kernel="linear").fit(x, labels)
    assert (found.predicted == linear.predict(new)).all()
    assert found.support == linear.n_support_.sum()
    assert found.converged


def test_a_normalised_kernel_has_ones_on_its_diagonal_and_no_scale():
    rng = np.random.default_rng(2)
    x = rng.normal(size=(6, 3))
    kernel = infinite_relu(x, x, 2, 1.0, 0.3).ntk
    own = np.diag(kernel)
    assert_allclose(np.diag(normalised(kernel, own, own)), 1)
    assert_allclose(normalised(1e6 * kernel, 1e6 * own, 1e6 * own), normalised(kernel, own, own))
    assert_allclose(normalised(kernel[:2], own[:2], own), kernel[:2] / np.sqrt(np.outer(own[:2], own)))
    assert not normalised([[1.0]], [0.0], [2.0]).any()


def test_iris_on_the_kernel_of_infinite_width():
    """Arora et al. 2020: on small sets about as good as the best others, which here are right on 96 %."""
    x, y = load_iris(return_X_y=True)
    x = StandardScaler().fit_transform(x)
    kernel = infinite_relu(x, x, 3, 1.0, 1.0).ntk  # without biases it would see directions alone
    kernel = normalised(kernel, np.diag(kernel), np.diag(kernel))
    folds = np.random.default_rng(0).permutation(150) % 4
    right = [
        (support_vectors(kernel[np.ix_(folds != f, folds != f)], y[folds != f], kernel[np.ix_(folds == f, folds != f)], 10.0)
         .predicted == y[folds == f]) for f in range(4)
    ]  # fmt: skip
    assert np.concatenate(right).mean() > 0.93


def test_a_solver_that_is_stopped_says_so(monkeypatch):
    rng = np.random.default_rng(3)
    x = rng.normal(size=(80, 2))
    monkeypatch.setattr(kernel_machines, "MAX_ITER", 5)
    assert not support_vectors(x @ x.T, rng.integers(0, 2, 80), x @ x.T, 1e4).converged


def test_bad_input_is_refused_by_name():
    with pytest.raises(InputRefused, match="a ridge above 0"):
        ridge_predictions(np.eye(2), [[1.0], [2.0]], [[1.0, 0.0]], 0.0)
    with pytest.raises(InputRefused, match="two classes or more"):
        support_vectors(np.eye(2), [1, 1], [[1.0, 0.0]])
    with pytest.raises(InputRefused, match="kernel of shape"):
        support_vectors(np.eye(2), [1, 0, 1], [[1.0, 0.0, 0.0]])
    with pytest.raises(InputRefused, match="0 or more"):
        normalised([[1.0]], [-1.0], [1.0])
