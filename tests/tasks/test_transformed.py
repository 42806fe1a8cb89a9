"""A transformed target: the same rows, the logarithm or the rank of the values, and the page says so."""

import numpy as np
import pytest

from byheart.auditing.request import with_transform
from byheart.errors import InputRefused, UsageError
from byheart.tasks.arrays import Arrays
from byheart.tasks.digits import Digits
from byheart.tasks.transformed import Transformed

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(120, 3)), np.exp(2 * RNG.normal(size=120))
PLAIN = Arrays.of(X[:90], Y[:90], X[90:], Y[90:], task="values")


def test_the_logarithm_is_taken_of_every_view_and_said():
    plain, data = PLAIN.draw(0), Transformed(task=PLAIN, how="log").draw(0)
    for view in plain.views:
        np.testing.assert_allclose(data.views[view].y, np.log(plain.views[view].y))
        np.testing.assert_array_equal(data.views[view].ids, plain.views[view].ids)
    assert data.train is data.views["train"]
    assert data.output.target == "log of target"
    assert data.about["title"].endswith("log of target")
    assert "all numbers speak of it" in data.about["transform"]


def test_ranks_are_those_of_the_training_values_and_keep_the_order():
    plain, data = PLAIN.draw(0), Transformed(task=PLAIN, how="rank").draw(0)
    y = data.train.y
    np.testing.assert_allclose(np.sort(y), (np.arange(90) + 0.5) / 90)
    assert (np.argsort(y) == np.argsort(plain.train.y)).all()
    assert 0 < data.views["test"].y.min() <= data.views["test"].y.max() < 1
    increasing = Arrays.of(X[:90], Y[:90] ** 3, X[90:], Y[90:] ** 3, task="values")
    np.testing.assert_allclose(Transformed(task=increasing, how="rank").draw(0).train.y, y)


def test_what_has_no_logarithm_and_what_is_no_value_are_refused():
    some = Y - 1
    with pytest.raises(InputRefused, match=r"above 0 for --transform log.*at or below 0"):
        Transformed(task=Arrays.of(X, some, task="values"), how="log").draw(0)
    with pytest.raises(InputRefused, match="gives classes"):
        Transformed(task=Digits(n=50), how="rank").draw(0)
    with pytest.raises(UsageError, match="log or rank"):
        with_transform(PLAIN, "sqrt")
