"""One thread of torch and of linear algebra, no network, and the global random state watched, in every test; the command line called here."""

import gc
import io
import os
import random
import signal
import socket
import sys
from contextlib import redirect_stderr, redirect_stdout
from typing import NamedTuple

import numpy as np
import pytest
import scipy.linalg  # noqa: F401  its library of linear algebra is there before threads are limited
import shape_check  # noqa: F401  before the mathematics is imported
import torch
from threadpoolctl import threadpool_limits

from byheart.cli.main import main
from byheart.ledger import index

torch.set_num_threads(1)
threadpool_limits(1)  # two workers on two cores wait for each other's threads: small matrices took fifteen times as long

for name in ("COLUMNS", "FORCE_COLOR", "NO_COLOR"):  # of whoever runs the tests: a line of ours is one line
    os.environ.pop(name, None)

# A disk takes milliseconds to say that it has written, a hundred times an audit, and only a power cut tells the
# difference. What calls it is seen all the same: tests of the ledger and of failing disks put their own in its place.
_waits, _sync = index.SYNC, os.fsync
index.SYNC, os.fsync = "OFF", lambda number: None


def pytest_collection_finish():
    """What is there before the first test stays: Python's collector does not look through it again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def waiting_for_the_disk(monkeypatch):
    """As for users."""
    monkeypatch.setattr(index, "SYNC", _waits)
    monkeypatch.setattr(os, "fsync", _sync)


def _closed(*args, **kwargs):
    raise AssertionError("a test opened a network connection; byheart has none at run time")


@pytest.fixture(autouse=True)
def _no_network(monkeypatch):
    monkeypatch.setattr(socket.socket, "connect", _closed)
    monkeypatch.setattr(socket, "create_connection", _closed)


@pytest.fixture
def rng():
    return np.random.default_rng(20261124)


@pytest.fixture
def untouched():
    """Fails the test when the global random state of python, numpy or torch moved."""
    before = random.getstate(), np.random.get_state()[1].copy(), torch.random.get_rng_state()
    yield
    assert random.getstate() == before[0]
    assert (np.random.get_state()[1] == before[1]).all()
    assert torch.equal(torch.random.get_rng_state(), before[2])


class Said(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def byheart(monkeypatch, tmp_path):
    """Runs `byheart WORDS` in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}

    def run(*words):
        out, err = io.StringIO(), io.StringIO()
        monkeypatch.setattr(sys, "argv", ["byheart", *map(str, words)])
        code = 0
        with redirect_stdout(out), redirect_stderr(err):
            try:
                main()
            except SystemExit as end:
                code = end.code
            finally:
                for number, handler in before.items():
                    signal.signal(number, handler)
        return Said(code or 0, out.getvalue(), err.getvalue())

    return run


@pytest.fixture
def quick_page(monkeypatch):
    """Drawing takes half a second: for tests that do not look at the page."""
    from byheart.report import page

    monkeypatch.setattr(page, "render", lambda document: f"<!doctype html>{len(document)}")


def pytest_terminal_summary(terminalreporter):
    """The tables that tests recorded, whichever process ran them."""
    for reports in list(terminalreporter.stats.values()):
        for report in reports:
            if getattr(report, "when", "") == "teardown":
                for name, text in report.user_properties:
                    if name == "table":
                        terminalreporter.write_line(f"\n{report.nodeid.rpartition('::')[2]}\n{text}")
