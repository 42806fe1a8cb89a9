"""Small data of the user's, and an audit of them with as little work as can be."""

import re

import numpy as np
import pytest
from sklearn.tree import DecisionTreeClassifier

import byheart as bh


def _xy():
    """(70, 3) features and two classes, a few labels wrong."""
    rng = np.random.default_rng(7)
    x = rng.normal(size=(70, 3))
    y = (x[:, 0] > 0).astype(int)
    y[:6] = 1 - y[:6]
    return x, y


def _quick(data=None, **options):
    if "fit" not in options and "model" not in options:
        options["model"] = DecisionTreeClassifier()
    return bh.audit(_xy() if data is None else data, **{"members": 8, "device": "cpu"} | options)


@pytest.fixture
def xy():
    """The small data, to be changed at will."""
    return _xy()


@pytest.fixture
def quick(xy):
    """An audit of a tree on these data, 8 members, whatever is not given."""
    return lambda data=None, **options: _quick(xy if data is None else data, **options)


@pytest.fixture(scope="session")
def audit():
    """That audit, done once: tests read it."""
    return _quick()


@pytest.fixture
def refused():
    """Checks an error's three parts: what was expected, what came, what to do, in at most 6 lines."""

    def check(error, *words):
        text = str(error)
        assert re.fullmatch(r"expected .+, got .+[.:!?)] .+[.)]", text, re.DOTALL), text
        assert len(text) < 600
        assert len(text.splitlines()) <= 6
        for word in words:
            assert word in text, text

    return check
