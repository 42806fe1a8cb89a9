"""Ctrl-C and a kill in the middle of training, with real processes: nothing is lost, nobody is left behind."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

WAIT_SECONDS = 120.0
WORDS = ["audit", "my_audit.py", "--members", "8", "--device", "cpu", "--json", "--out", "out"]

# Every training leaves a mark with its process and seed; while `hold` is there, the training on everything waits.
FILE = """
import os, time
from pathlib import Path
import numpy as np
from sklearn.tree import DecisionTreeClassifier

rng = np.random.default_rng(0)
x = rng.normal(size=(60, 2))
y = (x[:, 0] > 0).astype(int)

def fit(x, y, seed):
    folder = Path(os.environ["BYHEART_TEST_FOLDER"])
    with open(folder / "marks", "a") as file:
        file.write(f"{os.getpid()} {len(x)} {seed}\\n")
    while (folder / "hold").exists() and len(x) == HELD:
        (folder / "waiting").touch()
        time.sleep(0.02)
    return DecisionTreeClassifier(random_state=seed).fit(x, y)
"""


def heeding_interrupts() -> None:
    """A child of a background job inherits a SIGINT that is ignored, and would never be interrupted."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _start(folder, jobs):
    return subprocess.Popen(
        [sys.executable, "-m", "byheart.cli.main", *WORDS, "--jobs", str(jobs)],
        cwd=folder,
        env=os.environ | {"BYHEART_TEST_FOLDER": str(folder), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # a process group of its own, as of a shell's command
        preexec_fn=heeding_interrupts,
    )


def _waiting(process, folder):
    deadline = time.monotonic() + WAIT_SECONDS
    while not (folder / "waiting").exists():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _marks(folder):
    return [tuple(line.split()) for line in (folder / "marks").read_text().splitlines()]


def _alive(group):
    """Processes of the group that still run."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == group and fields[0] not in "ZX":
            found.append(int(stat.parent.name))
    return found


@pytest.fixture
def folder(tmp_path):
    """48 training examples: members see 34 of them, the one model sees all, and waits."""
    (tmp_path / "my_audit.py").write_text(FILE.replace("HELD", "48"))
    (tmp_path / "hold").touch()
    return tmp_path


@pytest.mark.parametrize("jobs, sent", [(1, signal.SIGINT), (2, signal.SIGINT), (2, signal.SIGKILL)])
def test_a_stopped_audit_goes_on_where_it_was(jobs, sent, folder, byheart, monkeypatch):
    process = _start(folder, jobs)
    try:
        _waiting(process, folder)
        finished = [mark for mark in _marks(folder) if mark[1] != "48"]
        if sent == signal.SIGINT:
            os.killpg(process.pid, sent)  # as a terminal does: every process of the group hears it
        else:
            process.kill()
        out, err = process.communicate(timeout=WAIT_SECONDS)
        deadline = time.monotonic() + WAIT_SECONDS
        while _alive(process.pid) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert _alive(process.pid) == []
    finally:
        for pid in _alive(process.pid):
            os.kill(pid, signal.SIGKILL)
    assert out == ""
    if sent == signal.SIGINT:
        assert process.returncode == 130, err
        assert err.rstrip().endswith("the same command goes on from there.")
        assert "Traceback" not in err
    assert not (folder / "out" / "report.json").exists()

    (folder / "hold").unlink()
    before = len(_marks(folder))
    monkeypatch.setenv("BYHEART_TEST_FOLDER", str(folder))
    said = byheart(*WORDS, "--jobs", 1)  # the same command, here to save a start
    assert said.code == 0, said.err
    document = json.loads(said.out)
    assert document == json.loads((folder / "out" / "report.json").read_text(encoding="utf-8"))
    again = [mark[1:] for mark in _marks(folder)[before:]]
    if jobs == 1:  # in order: the members before the one model were recorded
        assert len(finished) == 8
        assert not {mark[1:] for mark in finished} & set(again)
    assert len(again) == len(set(again))
    assert {mark[1:] for mark in _marks(folder)} == {mark[1:] for mark in finished} | set(again)
    assert document["subject"]["members"] == 8
