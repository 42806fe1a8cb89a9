"""Every learner of ours keeps the promises of `byheart.learners.base`."""

import functools

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from byheart.learners.conv import Conv
from byheart.learners.estimator import Estimator
from byheart.learners.linear_descent import LinearDescent
from byheart.learners.memoryless import Memoryless
from byheart.learners.mlp import Mlp
from byheart.learners.neighbours import Neighbours
from byheart.learners.random_features import LeastSquares, RandomFeatures
from byheart.learners.recurrent import Recurrent
from byheart.learners.reference_learners import Oracle, Rote
from byheart.learners.ridge import KernelRidge, Ridge
from byheart.learners.userfit import UserFit
from byheart.tasks.data import Data, Examples, Truth
from byheart.tasks.digits import Digits
from byheart.tasks.label_noise import Flipped
from byheart.tasks.output import Column, Values
from byheart.tasks.systems.observed_maps import ObservedHenon
from byheart.testing.learners import LearnerSuite


@functools.cache
def digits():
    return Flipped(task=Digits(n=200), share=0.1).draw(0)


@functools.cache
def table():
    """Values from two numbers with holes and a category."""
    rng = np.random.default_rng(0)
    x = np.column_stack([rng.normal(size=(140, 2)) * [1, 1000], rng.integers(-1, 3, 140)])
    y = np.nan_to_num(x[:, 0]) + x[:, 2] + 0.1 * rng.normal(size=140)
    x[rng.random(x.shape) < 0.1] = np.nan
    everything = Examples(np.arange(140), x, y)
    train, test = everything.take(np.arange(100)), everything.take(np.arange(100, 140))
    columns = (Column("a", "number"), Column("b", "number"), Column("c", "category", ("u", "v", "w")))
    output = Values(1, columns=columns)
    return Data({"train": train, "test": test}, output, Truth(), {})


def by_hand(x, y, seed):
    """Class means with a little noise from every generator there is."""
    import torch

    noise = np.random.default_rng(seed).normal() + np.random.normal() + torch.randn(()).item()
    flat = x.reshape(len(x), -1)
    means = np.stack([flat[y == c].mean(0) if (y == c).any() else flat.mean(0) for c in range(10)])
    return lambda new: -((new.reshape(len(new), 1, -1) - means) ** 2).sum(-1) + 0.01 * noise * np.arange(10)


def trees():
    return make_pipeline(StandardScaler(), RandomForestClassifier(n_estimators=5))


ON_DIGITS = {
    "mlp": (lambda: Mlp(hidden=(16,), epochs=3, lr=0.01), "stacked"),
    "mlp one after another": (lambda: Mlp(hidden=(16,), epochs=2), "each"),
    "conv": (lambda: Conv(channels=(4,), epochs=1), "each"),
    "recurrent": (lambda: Recurrent(hidden=8, epochs=1), "functional"),
    "memoryless": (lambda: Memoryless(centres=30), "each"),
    "neighbours": (Neighbours, "each"),
    "three neighbours": (lambda: Neighbours(k=3), "each"),
    "ridge": (Ridge, "each"),
    "kernel-ridge": (KernelRidge, "each"),
    "linear kernel-ridge": (lambda: KernelRidge(kernel="linear", strength=1), "each"),
    "least-squares": (LeastSquares, "each"),
    "random-features": (lambda: RandomFeatures(width=40), "each"),
    "random-features with a chosen penalty": (lambda: RandomFeatures(width=300, strength="loo"), "each"),
    "linear-descent": (lambda: LinearDescent(epochs=40), "each"),
    "rote": (Rote, "each"),
    "oracle": (Oracle, "each"),
    "logistic": (lambda: Estimator.of(LogisticRegression(max_iter=30)), "each"),
    "forest in a pipeline": (lambda: Estimator.of(trees()), "each"),
    "scores": (lambda: Estimator.of(SVC()), "each"),
    "user fit": (lambda: UserFit.of(by_hand), "each"),
}
ON_TABLE = {
    "mlp": lambda: Mlp(hidden=(16,), epochs=2),
    "neighbours": Neighbours,
    "ridge": Ridge,
    "kernel-ridge": KernelRidge,
    "random-features": lambda: RandomFeatures(width=30, strength=0.1),
    "linear-descent": lambda: LinearDescent(epochs=40),
    "rote": Rote,
    "regressor": lambda: Estimator.of(KNeighborsRegressor()),
}


ON_WINDOWS = {"memoryless": lambda: Memoryless(centres=30), "rote": Rote, "oracle": Oracle, "ridge": Ridge}


@functools.cache
def windows():
    return ObservedHenon(n=200, n_test=40, n_validation=0, window=4).draw(0)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
class TestOnDigits(LearnerSuite):
    @pytest.fixture(params=ON_DIGITS)
    def learner(self, request):
        make, self.way = ON_DIGITS[request.param]
        return make()

    @pytest.fixture
    def data(self):
        return digits()


class TestOnTable(LearnerSuite):
    """Values, missing numbers and categories; scaling differs from member to member."""

    @pytest.fixture(params=ON_TABLE)
    def learner(self, request):
        return ON_TABLE[request.param]()

    @pytest.fixture
    def data(self):
        return table()


class TestOnWindows(LearnerSuite):
    """Windows of a system, and the step that follows each."""

    @pytest.fixture(params=ON_WINDOWS)
    def learner(self, request):
        return ON_WINDOWS[request.param]()

    @pytest.fixture
    def data(self):
        return windows()
