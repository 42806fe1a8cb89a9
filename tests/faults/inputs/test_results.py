"""Odd questions to an audit that is done, and odd arguments of `byheart.record`."""

import functools
import pathlib

import numpy as np
import pytest
import torch
from torch import nn

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


def net():
    return nn.Linear(3, 2)


def recorded(make=net, optimizer=lambda model: torch.optim.SGD(model.parameters(), 0.1), loss="cross-entropy", examples=(X, Y), batch=range(8), **options):
    def call():
        model = make()
        steps = optimizer(model)
        with bh.record(model, steps, loss, tuple(map(torch.as_tensor, examples)) if examples is not None and len(examples) == 2 else examples, **options) as trace:
            nn.functional.cross_entropy(model(torch.tensor(X[:8])), torch.tensor(Y[:8])).backward()
            trace.batch(batch)
            steps.step()
        return len(trace)

    return call


RECORDED = {
    **{f"a loss {value!r}"[:30]: recorded(loss=value) for value in ("nosuch", None, 7, lambda out, y: 1, lambda out: out, lambda out, y: out.sum(), lambda out, y: out * float("nan"))},
    **{f"every {value!r}": recorded(every=value) for value in (0, -1, 1.5, "one", float("nan"), [1])},
    **{f"a limit of {value!r}": recorded(limit_bytes=value) for value in ("much", None, float("nan"), [1])},
    **{f"a batch {value!r}"[:30]: recorded(batch=value) for value in ([], [40], [-1], [0.5], ["a"], None, "abc", [[0], [1, 2]], [True, False], {"a": 1}, float("nan"), range(7))},
    "examples None": recorded(examples=None), "one of examples": recorded(examples=(X,)), "examples of other lengths": recorded(examples=(X, Y[:-1])), "no examples": recorded(examples=(X[:0], Y[:0])),
    "a model that is None": recorded(make=lambda: None, optimizer=lambda model: torch.optim.SGD(net().parameters(), 0.1)), "a model that is a function": recorded(make=lambda: print, optimizer=lambda model: torch.optim.SGD(net().parameters(), 0.1)),
    "an optimiser that is None": recorded(optimizer=lambda model: None), "an optimiser of others": recorded(optimizer=lambda model: torch.optim.SGD(net().parameters(), 0.1)), "an optimiser that is a text": recorded(optimizer=lambda model: "sgd"), "an optimiser of no kind": recorded(optimizer=lambda model: torch.optim.LBFGS(model.parameters())),
    "a frozen model": recorded(make=lambda: net().requires_grad_(False)),
}  # fmt: skip


@pytest.fixture(scope="module")
def found():
    return bh.audit((X, Y), members=8, settings={"epochs": 2}, say=lambda line: None)


def test_what_an_audit_is_not_asked(sample, trials, found):
    for name, ask in sample(ASKED):
        ended = trials.ended(functools.partial(ask, found))
        trials.add("question to an audit", name, ended, (2, 3, 5))


def test_what_cannot_be_recorded(sample, trials):
    for name, call in sample(RECORDED):
        ended = trials.ended(call)
        trials.add("record of odd things", name, ended, (2, 3))
