"""A ledger of the past stays readable: `golden/format-1` was written by version 0.1 and is never rewritten."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from byheart.ledger.base import Failure, Result
from byheart.ledger.sqlite import SqliteLedger

GOLDEN = Path(__file__).parent / "golden" / "format-1"
DONE, FAILED, BARE = "0" * 63 + "1", "0" * 63 + "2", "0" * 63 + "3"
DOCUMENT = {"name": "memorisation", "values": [1, 2.5, None, True, "é"], "deep": {"a": [{}]}}
ARRAYS = {
    "scores": np.array([[0.1, -0.0], [np.inf, 2.0]], np.float32),
    "mask": np.array([True, False]),
    "ids": np.arange(3),
    "empty": np.zeros((0, 2), np.float16),
}
OUTCOMES = [
    (DONE, Result(DOCUMENT, ARRAYS), {"kind": "measure", "seed": 0}),
    (FAILED, Failure("ValueError", "too few examples", "Traceback ..."), {"kind": "train"}),
    (BARE, Result({}), {}),
]
DIGESTS = {
    FAILED: "2ed93d84b8b2cb1c14b1e20eb53e03146bb4df769fe731536ea82c1e3f140e20",
    BARE: "73376b7bb31461e4b609725de89a2e407697468adff7a2b438aa70297d818aaa",
}


@pytest.fixture(params=["with its index", "rebuilt"])
def ledger(request, tmp_path):
    shutil.copytree(GOLDEN, tmp_path / "run")
    ledger = SqliteLedger(tmp_path / "run")
    if request.param == "rebuilt":
        (tmp_path / "run" / "index.db").unlink()
        assert ledger.rebuild() == 3
    yield ledger
    ledger.close()


def test_format_1_is_read(ledger):
    assert sorted(ledger.keys()) == [DONE, FAILED, BARE]
    for key, outcome, about in OUTCOMES:
        assert ledger.about(key) == about
        got = ledger.get(key)
        if isinstance(outcome, Failure):
            assert (got, ledger.state(key)) == (outcome, "failed")
            continue
        assert (got.document, ledger.state(key)) == (outcome.document, "done")
        assert set(got.arrays) == set(outcome.arrays)
        for name, array in outcome.arrays.items():
            assert got.arrays[name].tobytes() == array.tobytes(), name
            assert (got.arrays[name].dtype, got.arrays[name].shape) == (array.dtype, array.shape)


def test_format_1_is_written(tmp_path):
    """The same outcome has the same name for ever, else equal results would seem to disagree."""
    ledger = SqliteLedger(tmp_path / "run")
    names = {key: ledger.write(key, outcome, about) for key, outcome, about in OUTCOMES}
    assert {key: names[key] for key in DIGESTS} == DIGESTS
