"""Audits by the command line, called in this process."""

import os

import numpy as np
import pytest

SUBJECT = ["--members", "8", "--jobs", "1", "--device", "cpu"]


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
