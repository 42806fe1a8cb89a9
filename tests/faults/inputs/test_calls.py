"""Odd arguments of `byheart.audit`: our own errors, or a right answer."""

import decimal
import pathlib

import numpy as np
import torch
from sklearn.ensemble import RandomForestRegressor
from sklearn.tree import DecisionTreeClassifier

import byheart as bh

N = 40
X, Y = np.random.default_rng(0).normal(size=(N, 3)), np.arange(N) % 2
TEXTS = np.array(["a", "b"])[Y]


def quiet(line):
    pass


def audit(data=(X, Y), model=DecisionTreeClassifier, **options):
    model = model() if model is DecisionTreeClassifier else model
    return lambda: bh.audit(data, **{"model": model, "members": 8, "say": quiet, **options})


def masked(mask):
    return np.ma.masked_array(X, mask)


DATA = {
    "None": None, "one column": (X[:, 0], Y), "one row again and again": (np.broadcast_to(X[0], X.shape), Y), "decimals": ([[decimal.Decimal(i), 1] for i in range(N)], Y), "a number": 1, "a text": "digits", "a path": pathlib.Path("x.csv"), "x alone": X, "one": (X,), "three": (X, Y, Y), "a set": {1, 2}, "a mapping": {"x": X, "y": Y}, "a generator": (v for v in (X, Y)), "None and y": (None, Y), "x and None": (X, None),
    "texts": ("ab", "cd"), "empty lists": ([], []), "lists of lists": ([[]] * N, Y), "ragged lists": ([[1], [1, 2]] * (N // 2), Y), "mixed lists": ([[1, "a"]] * N, Y), "lists of None": ([[None, 1]] * N, Y), "lists of mappings": ([{"a": 1}] * N, Y), "functions": (print, Y), "a class": (dict, Y),
    "x of texts": (X.astype(str), Y), "x of bytes": (X.astype("S"), Y), "complex x": (X * 1j, Y), "x of dates": (X.astype("int64").astype("datetime64[s]"), Y), "x of objects": (np.full((N, 2), None), Y), "x of decimals": ([[decimal.Decimal("NaN")]] * N, Y), "a structured x": (np.zeros(N, "f8, i4"), Y),
    "NaN": (X * np.nan, Y), "infinities": (X * np.inf, Y), "beyond float32": (X * 1e300, Y), "x of no axis": (np.float64(1), Y), "x of no columns": (X[:, :0], Y), "no rows": (X[:0], Y[:0]), "one row": (X[:1], Y[:1]), "two rows": (X[:2], Y[:2]), "a row of x": (X[:1], Y), "fewer labels": (X, Y[:-1]), "more labels": (X, np.r_[Y, 0]),
    "one label": (X, 1), "a text for labels": (X, "abc"), "labels of NaN": (X, Y * np.nan), "a label of NaN": (X, np.where(np.arange(N) == 3, np.nan, Y)), "a label of None": (X, [None, *Y[1:]]), "an infinite label": (X, np.where(np.arange(N) == 3, np.inf, Y)), "mixed labels": (X, [1, "a"] * (N // 2)), "labels of lists": (X, [[1], [1, 2]] * (N // 2)),
    "labels of mappings": (X, [{"a": 1}] * N), "complex labels": (X, Y * 1j), "structured labels": (X, np.zeros(N, "f8, i4")), "one class": (X, Y * 0), "as many classes as rows": (X, np.arange(N)), "labels of two axes": (X, np.stack([Y, Y], 1)), "labels of three axes": (X, np.zeros((N, 2, 2))), "masked labels": (X, np.ma.masked_array(Y, Y > 0)),
    "masked x": (masked(X > 0), Y), "sparse torch": (torch.tensor(X).to_sparse(), torch.tensor(Y)), "meta tensors": (torch.empty(N, 3, device="meta"), Y), "a quantised tensor": (torch.quantize_per_tensor(torch.tensor(X).float(), 0.1, 0, torch.qint8), Y), "nested tensors": ([torch.zeros(i % 3 + 1) for i in range(N)], Y),
}  # fmt: skip
OPTIONS = {
    **{f"members {value!r}": {"members": value} for value in (0, 1, -8, 7, 8.5, "8", float("nan"), float("inf"), True, [8], None.__class__)},
    **{f"share {value!r}": {"share": value} for value in (0, 1, -0.1, 1.5, "half", None, float("nan"), float("inf"), [0.5], True, 1e-9)},
    **{f"flip {value!r}": {"flip": value} for value in (1, -0.1, 2, "some", float("nan"), float("inf"), [0.1])},
    **{f"seed {value!r}": {"seed": value} for value in ("a", 0.5, None, float("nan"), [1])},
    **{f"jobs {value!r}": {"jobs": value} for value in (0, -1, "many", None, 1.5, float("nan"), [1])},
    **{f"{name} {value!r}": {name: value} for name in ("task", "missing", "transform", "device", "returns", "budget") for value in ("nosuch", 7, "", ["a"], float("nan"))},
    **{f"levers {value!r}": {"levers": value} for value in ("nosuch=1", ["nosuch=1"], [7], 7, ["weight-decay"], ["weight-decay=a"], ["dropout=nan"])},
    **{f"also {value!r}": {"also": value} for value in ("nosuch", ["nosuch"], [7], 7, "memory/effect:nosuch=1")},
    **{f"settings {value!r}": {"settings": value} for value in ({"nosuch": 1}, [1], "epochs=1", 7, {7: 1}, {"epochs": 1})},
    **{f"groups {name}": {"groups": value} for name, value in {"too few": Y[:-1], "a number": 7, "a text": "abc", "of two axes": X, "all one": Y * 0, "of None": [None] * N, "of NaN": Y * np.nan, "a mapping": {"a": 1}, "of mappings": [{}] * N}.items()},
    **{f"test {name}": {"test": value} for name, value in {"a number": 7, "a text": "ab", "x alone": (X,), "without labels": (X, None), "of other width": (X[:, :2], Y), "fewer labels": (X, Y[:-1]), "no rows": (X[:0], Y[:0]), "of texts": (X.astype(str), Y), "other labels": (X, TEXTS), "labels of NaN": (X, Y * np.nan), "a mapping": {"x": X, "y": Y}}.items()},
    **{f"model {value!r}"[:40]: {"model": value} for value in (7, "mlp", [DecisionTreeClassifier()], {}, X, torch.nn.Linear(3, 2), np.zeros, RandomForestRegressor())},
    "model a class": {"model": dict}, "fit and model": {"fit": print}, **{f"fit {value!r}": {"model": None, "fit": value} for value in (7, "fit", [print], X[0, 0])},
    "out a number": {"out": 7}, "out a file": {"out": __file__}, "out a null": {"out": "a\0b"}, "out a long name": {"out": "x" * 5000}, "out of no folder": {"out": "/proc/nosuch"}, "say a number": {"say": 7}, "progress a number": {"progress": 7},
}  # fmt: skip
ANSWERED = {
    "lists": (X.tolist(), Y.tolist()), "tuples": (tuple(map(tuple, X)), tuple(Y)), "a list of both": [X, Y], "labels of text": (X, TEXTS), "labels of bytes": (X, TEXTS.astype("S")), "labels of bools": (X, Y > 0), "labels as a column": (X, Y[:, None]), "labels one-hot": (X, np.eye(2)[Y]), "labels of objects": (X, TEXTS.astype(object)),
    "negative labels": (X, -Y), "far labels": (X, Y * (2**63 - 1)), "unsigned labels": (X, Y.astype(np.uint64) * np.uint64(2**64 - 1)), "whole x": (np.arange(3 * N).reshape(N, 3), Y), "x of bools": (X > 0, Y), "half x": (X.astype("f2"), Y), "x of the other order": (X.astype(">f8"), Y), "read-only x": (np.broadcast_to(X[:, :1], X.shape), Y),
    "x of strides": (X[::-1, ::-1], Y), "x in the other order of memory": (np.asfortranarray(X), Y), "tensors": (torch.tensor(X), torch.tensor(Y)), "tensors that want gradients": (torch.tensor(X, requires_grad=True), Y), "conjugate views": (torch.tensor(X * 1j).conj().imag, Y), 
    "masked nothing": (masked(False), Y), "tiny x": (X * 1e-310, Y), "constant x": (X * 0, Y), "equal rows": (np.repeat(X[:2], N // 2, 0), Y),
}  # fmt: skip


def test_data_that_are_none_are_refused(sample, trials):
    for name, data in sample(DATA):
        trials.add("audit of odd data", name, trials.ended(audit(data)), 3)


def test_options_that_are_none_are_refused(sample, trials):
    for name, options in sample(OPTIONS):
        ended = trials.ended(audit(**options))
        trials.add("audit with odd options", name, ended, (2, 3, 6) if name.startswith("model") else (2, 3))


def test_data_of_odd_kinds_are_answered(sample, trials, sound):
    for name, data in sample(ANSWERED):
        ended = trials.ended(audit(data))
        problem = sound(ended.out, N) if ended.code == 0 else ""
        trials.add("audit of data of another kind", name, ended, 0, problem, 20)
