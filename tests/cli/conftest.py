"""The command line called in this process: exit code, standard output, standard error."""

import io
import os
import signal
import sys
from contextlib import redirect_stderr, redirect_stdout
from typing import NamedTuple

import numpy as np
import pytest

from byheart.auditing import runs
from byheart.cli.main import main
from byheart.report import page

SUBJECT = ["--members", "8", "--jobs", "1", "--device", "cpu"]


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
def audited(byheart):
    """Runs `byheart audit WORDS` with 8 members and one job."""
    return lambda *words: byheart("audit", *words, *SUBJECT)


@pytest.fixture
def npz(tmp_path):
    """data.npz: two features, two classes, 70 examples."""
    rng = np.random.default_rng(7)
    x = rng.normal(size=(70, 2))
    np.savez(tmp_path / "data.npz", x=x, y=(x[:, 0] > 0).astype(int))
    return "data.npz"


TREE = ["--learner", "DecisionTreeClassifier", "--set", "max_depth=3"]


@pytest.fixture
def tree(audited, npz):
    """Audits a tree on data.npz."""
    return lambda *words: audited(npz, *TREE, *words)


@pytest.fixture
def short():
    """Checks that an error is one short message of ours: no traceback, no control characters."""

    def check(said, code, *words):
        assert said.code == code, said.err
        assert said.out == ""
        message = said.err[said.err.rindex("byheart: ") :].strip()
        assert len(message.splitlines()) <= 6
        assert "Traceback" not in said.err
        assert not [c for c in said.err if not (c.isprintable() or c == "\n")]
        for word in words:
            assert word in message, message

    return check


@pytest.fixture
def listing():
    """Every file below a folder with its content."""

    def made(folder):
        return {
            os.path.relpath(os.path.join(base, name), folder): open(os.path.join(base, name), "rb").read()
            for base, _, names in os.walk(folder)
            for name in names
        }

    return made


@pytest.fixture
def quick_page(monkeypatch):
    """Drawing takes half a second: for tests that do not look at the page."""
    for place in (page, runs):
        monkeypatch.setattr(place, "render", lambda document: f"<!doctype html>{len(document)}")
