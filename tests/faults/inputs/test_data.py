"""Files that hold what cannot be measured: each is read or refused in a message, never with a traceback."""

import functools
import itertools
import json

import numpy as np

AUDIT = ("--members", "8", "--jobs", "1", "--device", "cpu", "--out", "out", "--json")
AUDIT_SECONDS = 20
N = 40
ROWS = [f"{i},{i % 7},{'ab'[i % 2]}" for i in range(N)]
HEAD = "x,z,y"


def table(*rows, head=HEAD, end="\n"):
    return end.join([head, *rows]).encode()


BYTES = {
    "empty": b"", "a null": b"\0", "nulls": b"\0" * 1000, "line ends": b"\n" * 50, "a mark": b"\xef\xbb\xbf",
    "a header": table(), "one row": table(ROWS[0]), "two rows": table(*ROWS[:2]), "no UTF-8": table(*ROWS) + b"\xff\xfe",
    "UTF-16": table(*ROWS).decode().encode("utf-16"), "a picture": b"\x89PNG\r\n\x1a\n" + bytes(range(256)),
    "a zip": b"PK\x03\x04" + bytes(100), "ragged": table(*ROWS, "1,2"), "wide": table(*ROWS, "1,2,3,4"),
    "an open quote": table(*ROWS, '"1,2,a'), "nulls in cells": table(*ROWS, "1,\0,a"), "old line ends": table(*ROWS, end="\r"),
    "one class": table(*(f"{i},1,a" for i in range(N))), "all classes": table(*(f"{i},1,c{i}" for i in range(N))),
    "no labels": table(*(f"{i},1," for i in range(N))), "NaN": table(*(f"nan,nan,{'ab'[i % 2]}" for i in range(N))),
    "infinite": table(*(f"inf,-inf,{'ab'[i % 2]}" for i in range(N))), "huge": table(*(f"1e308,{10**400},{'ab'[i % 2]}" for i in range(N))),
    "long digits": table(*(f"{'9' * 5000},1,{'ab'[i % 2]}" for i in range(N))), "long cells": table(*(f"{'x' * 200_000},1,{'ab'[i % 2]}" for i in range(N))),
    "equal rows": table(*["1,2,a"] * N), "the same names": table(*ROWS, head="y,y,y"), "no names": table(*ROWS, head=",,y"),
    "odd names": table(*ROWS, head="\x1b[31m,<script>,y"), "long names": table(*ROWS, head=f"{'x' * 10_000},z,y"),
    "one column": table(*"ab" * 20, head="y"), "dates of no year": table(*(f"0000-00-00,1,{'ab'[i % 2]}" for i in range(N))),
    "JSON": json.dumps({"x": [1]}).encode(), "HTML": b"<html><body>404</body></html>", "quotes": b'"' * 999, "commas": b"," * 5000,
}  # fmt: skip
GOOD = np.random.default_rng(0).normal(size=(N, 3)), np.arange(N) % 2
X, Y = GOOD
ARRAYS = {
    "nothing": {}, "no y": {"x": X}, "no x": {"y": Y}, "other lengths": {"x": X, "y": Y[:-1]}, "no rows": {"x": X[:0], "y": Y[:0]},
    "one row": {"x": X[:1], "y": Y[:1]}, "a number": {"x": np.float64(1), "y": np.int64(1)}, "no columns": {"x": X[:, :0], "y": Y},
    "NaN in x": {"x": X * np.nan, "y": Y}, "infinite x": {"x": X * np.inf, "y": Y}, "NaN in y": {"x": X, "y": Y * np.nan},
    "complex": {"x": X * 1j, "y": Y}, "text": {"x": X.astype(str), "y": Y}, "bytes": {"x": X.astype("S3"), "y": Y},
    "dates": {"x": X.astype("int64").astype("datetime64[D]"), "y": Y}, "durations": {"x": X, "y": Y.astype("timedelta64[s]")},
    "objects": {"x": X.astype(object), "y": Y}, "records": {"x": np.zeros(N, [("a", int)]), "y": Y}, "bools": {"x": X > 0, "y": Y > 0},
    "huge": {"x": X * 1e300, "y": Y}, "tiny": {"x": X * 1e-320, "y": Y}, "float16": {"x": X.astype(np.float16), "y": Y},
    "one class": {"x": X, "y": Y * 0}, "classes of one": {"x": X, "y": np.arange(N)}, "two axes of y": {"x": X, "y": np.stack([Y, Y], 1)},
    "many axes": {"x": X.reshape(N, 1, 1, 1, 3, 1), "y": Y}, "x as y": {"x": Y, "y": Y}, "constant x": {"x": X * 0, "y": Y},
    "test of other width": {"x": X, "y": Y, "x_test": X[:, :2], "y_test": Y}, "test without y": {"x": X, "y": Y, "x_test": X},
    "empty test": {"x": X, "y": Y, "x_test": X[:0], "y_test": Y[:0]}, "test of other classes": {"x": X, "y": Y, "x_test": X, "y_test": Y + 5},
    "extreme y": {"x": X, "y": np.where(Y, 2**63 - 1, -(2**63))}, "values": {"x": X, "y": X[:, 0] * 1e200}, "constant values": {"x": X, "y": Y * 0 + 0.5},
}  # fmt: skip


LEARN = ("--learner", "DecisionTreeClassifier")
REFUSED = 3
READ = {"nulls in cells": N + 1, "old line ends": N, "the same names": N, "no names": N, "odd names": N, "long names": N}
ARRAYS_READ = dict.fromkeys(("bools", "tiny", "float16", "many axes", "constant x", "extreme y"), "Classifier") | {"classes of one": "Ridge", "two axes of y": "Ridge"}


def _written(name, content, folder):
    (folder / name).write_bytes(content)


def _saved(arrays, folder):
    np.savez(folder / "data.npz", **arrays)


def planned(trials, kind, case, words, prepare, expects):
    """One trial of `plan`."""
    ended = trials.ended(["plan", *words, "--members", "8", "--jobs", "1", "--device", "cpu", "--json"], prepare)
    trials.add(kind, case, ended, expects, "" if ended.code or "NaN" not in ended.out else "NaN in the plan")


def audited(trials, sound, kind, case, words, prepare, rows, codes):
    """One trial of `audit`, which answers about `rows` examples."""
    ended = trials.ended(["audit", *words, *AUDIT], prepare)
    trials.add(kind, case, ended, codes, sound(ended.out, rows) if ended.code == 0 else "", AUDIT_SECONDS)


def test_a_file_is_read_or_refused(sample, trials, sound):
    for name, end in sample(itertools.product(BYTES, [".csv", ".txt", ".npz", ".parquet"])):
        target = ["--target", "y", *LEARN] if end in (".csv", ".parquet") else [] if end == ".txt" else LEARN
        write = functools.partial(_written, f"data{end}", BYTES[name])
        rows = READ.get(name) if end == ".csv" else None
        planned(trials, f"plan of a {end} file", name, [f"data{end}", *target], write, 0 if rows else REFUSED)
        if rows:
            codes = (REFUSED,) if name == "the same names" else (0,)
            audited(trials, sound, "audit of a .csv file", name, [f"data{end}", *target], write, rows, codes)


def test_arrays_are_read_or_refused(sample, trials, sound):
    for name, learner in sample(itertools.product(ARRAYS, ["DecisionTreeClassifier", "Ridge"])):
        write = functools.partial(_saved, ARRAYS[name])
        words = ["data.npz", "--learner", learner]
        fits = ARRAYS_READ.get(name, "")
        planned(trials, "plan of arrays", f"{name}, {learner}", words, write, 0 if fits else REFUSED)
        if fits:
            codes = (0,) if learner.endswith(fits) else (REFUSED,)
            audited(trials, sound, "audit of arrays", f"{name}, {learner}", words, write, N, codes)
