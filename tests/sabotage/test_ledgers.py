"""A broken ledger for each promise whose breach loses data or falsifies a number; the suite catches each."""

import contextlib
import functools
import pickle
import time
from pathlib import Path

import numpy as np
import pytest

from byheart.ledger.base import Result
from byheart.ledger.sqlite import SqliteLedger
from byheart.testing.ledgers import LedgerSuite

SUITE = LedgerSuite()
caught = functools.partial(pytest.raises, (AssertionError, pytest.fail.Exception))


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    """The suite's processes import the broken ledger from this file."""
    monkeypatch.syspath_prepend(Path(__file__).parents[2])


class Narrow(SqliteLedger):
    """Keeps half the digits of an array."""

    def write(self, key, outcome, about):
        arrays = {name: np.asarray(array, np.float32) for name, array in outcome.arrays.items()}
        return super().write(key, Result(outcome.document, arrays), about)


class Hasty(SqliteLedger):
    """Says that a key is done, and only then writes its arrays, in place."""

    def put(self, key, outcome, about=None):
        super().put(key, outcome, about)
        for path in (self.folder / "blobs").glob("??/*.safetensors"):
            if time.time() - path.stat().st_mtime < 1.0:
                content = path.read_bytes()
                path.write_bytes(content[:100])
                time.sleep(0.3)
                path.write_bytes(content)


class Free(SqliteLedger):
    """Lets everybody compute everything."""

    @contextlib.contextmanager
    def claim(self, key, patience_seconds=600.0):
        yield True


class Pickling(SqliteLedger):
    """Keeps whatever it is given, by pickle."""

    def put(self, key, outcome, about=None):
        self.folder.mkdir(exist_ok=True)
        (self.folder / key).write_bytes(pickle.dumps(outcome))

    def get(self, key):
        return pickle.loads((self.folder / key).read_bytes())


def test_1_a_ledger_that_rounds_is_caught(tmp_path):
    reopen = functools.partial(Narrow, tmp_path / "run")
    with caught():
        SUITE.test_1_what_is_put_is_what_is_got(reopen(), reopen)


def test_3_a_ledger_that_shows_the_half_written_is_caught(tmp_path):
    with caught(match="shows and cannot be read"):
        SUITE.test_3_a_killed_writer_leaves_nothing_half_visible(functools.partial(Hasty, tmp_path / "run"))


def test_4_a_ledger_that_lets_two_compute_is_caught(tmp_path):
    with caught(match="computed by both"):
        SUITE.test_4_two_processes_compute_one_key_once(functools.partial(Free, tmp_path / "run"), tmp_path)


def test_8_a_ledger_that_pickles_is_caught(tmp_path, monkeypatch):
    with caught(match="DID NOT RAISE"):
        SUITE.test_8_reading_runs_no_code(Pickling(tmp_path / "run"), tmp_path, monkeypatch)
