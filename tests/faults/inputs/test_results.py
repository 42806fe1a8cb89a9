"""Odd questions to an audit that is done."""

import functools
import pathlib

import numpy as np
import pytest

import byheart as bh

X = np.random.default_rng(0).normal(size=(40, 3)).astype("float32")
Y = np.arange(40) % 2
PATH = pathlib.Path
ASKED = {
    **{f"explain example {value!r}": lambda found, value=value: found.explain(example=value) for value in (-1, 40, 10**30, 0.5, "0", True, [0], float("nan"))},
    **{f"explain test {value!r}": lambda found, value=value: found.explain(test=value) for value in (-1, 10**6, "0", None)},
    **{f"explain x {name}": lambda found, value=value: found.explain(value) for name, value in {
        "a batch": X[:1], "too short": X[0, :2], "NaN": X[0] * np.nan, "infinite": X[0] * np.inf, "a text": "abc", "a number": 7, "None": None, "a mapping": {"a": 1}, "ragged": [[1], [1, 2]], "texts": ["a", "b", "c"], "complex": X[0] * 1j, "no file": PATH("nosuch.png"), "a folder": PATH("."), "objects": [None] * 3, "a function": print,
    }.items()},
    "explain two things": lambda found: found.explain(X[0], test=0),
    **{f"columns of {value!r}": lambda found, value=value: found.columns(value) for value in ("nosuch", "", None, 7, ["memory/counterfactual"])},
    **{f"memorised {value!r}": lambda found, value=value: found.memorised(value) for value in ("20", None, 2.5, float("nan"), [3])},
    **{f"save {value!r}"[:40]: lambda found, value=value: found.save(value) for value in ("report.pdf", "", ".", "a\0.html", "x" * 5000 + ".html", "/proc/nosuch/a.html", None, 7, b"report.html")},
}  # fmt: skip


@pytest.fixture(scope="module")
def found():
    return bh.audit((X, Y), members=8, settings={"epochs": 2}, say=lambda line: None)


def test_what_an_audit_is_not_asked(sample, trials, found):
    for name, ask in sample(ASKED):
        ended = trials.ended(functools.partial(ask, found))
        trials.add("question to an audit", name, ended, (2, 3, 5))
