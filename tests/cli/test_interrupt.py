"""Ctrl-C and a kill in the middle of training, with real processes: nothing is lost, nobody is left behind."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from byheart.cli import main as cli
from byheart.ledger.sqlite import SqliteLedger
from byheart.study.timing import TIMED

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
    """A child of a background job inherits a SIGINT that is ignored, under nohup a SIGHUP, and would never be stopped."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


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
        assert len(set(finished)) == 8
        assert 1 <= len(finished) - 8 <= TIMED  # the first of them is also trained to tell the time
        assert not {mark[1:] for mark in finished} & set(again)
    assert len(again) == len(set(again))
    assert {mark[1:] for mark in _marks(folder)} == {mark[1:] for mark in finished} | set(again)
    assert document["subject"]["members"] == 8


# Sends a signal when a module is looked for: the first tenth of a second is spent importing.
EARLY = """
import os, signal, sys
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == sys.argv[1]:
            sys.argv[1] = ""
            try:
                os.kill(os.getpid(), signal.SIGINT)
                len("")
            except KeyboardInterrupt:
                if not HIDDEN:
                    raise
            if HIDDEN:
                raise ImportError("a library that hides the interrupt")
from byheart.cli.main import main
where, HIDDEN = sys.argv[1], sys.argv[2] == "hidden"
sys.meta_path.insert(0, Finder())
sys.argv = ["byheart", where, "--members", "8"]
main()
"""


@pytest.mark.parametrize("where, how", [("typer", "plain"), ("typer", "hidden"), ("byheart.cli.audits", "callback")])
def test_an_interrupt_while_starting_is_no_traceback(where, how, tmp_path):
    code = EARLY.replace("                os.kill(os.getpid(), signal.SIGINT)\n", IN_A_CALLBACK) if how == "callback" else EARLY
    done = subprocess.run(
        [sys.executable, "-c", code, where, how], cwd=tmp_path, capture_output=True, text=True, check=False,
        preexec_fn=heeding_interrupts, env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr == "Interrupted. Everything finished is kept: the same command goes on from there.\n"


IN_A_CALLBACK = """
                class Dying:
                    def __del__(self):
                        os.kill(os.getpid(), signal.SIGINT)
                        len("")
                Dying()
"""

# The first member is where the signal comes, and another one comes while Python ends.
STOPPED = """
import atexit, os, signal, time
import numpy as np
x = np.random.default_rng(0).normal(size=(60, 2))
y = (x[:, 0] > 0).astype(int)
def stop():
    os.kill(os.getpid(), signal.SENT)
    time.sleep(0.01)
def fit(x, y, seed):
    atexit.register(stop)
    stop()
"""


@pytest.mark.parametrize("sent", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_every_signal_to_stop_cleans_up_and_a_second_one_ends_at_once(sent, tmp_path):
    (tmp_path / "my_audit.py").write_text(STOPPED.replace("SENT", sent))
    (tmp_path / "temporary").mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "byheart.cli.main", "audit", "my_audit.py", *WORDS[2:], "--jobs", "1"], cwd=tmp_path,
        capture_output=True, text=True, check=False, preexec_fn=heeding_interrupts,
        env=os.environ | {"OMP_NUM_THREADS": "1", "TMPDIR": str(tmp_path / "temporary")},
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (130, ""), done.stderr
    assert done.stderr.rstrip().endswith("the same command goes on from there.")
    assert "Traceback" not in done.stderr
    assert not list((tmp_path / "temporary").glob("byheart-*"))
    ledger = SqliteLedger(tmp_path / "out" / "ledger")
    assert ledger._index.rows("SELECT key FROM claim") == []
    assert list(ledger.keys("draw"))
    ledger.close()


def test_what_was_to_be_ignored_stays_ignored():
    """As under nohup."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    hook = sys.unraisablehook
    try:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        cli._listen()
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
        assert signal.getsignal(signal.SIGTERM) == cli._stop
    finally:
        sys.unraisablehook = hook
        for number, handler in before.items():
            signal.signal(number, handler)
