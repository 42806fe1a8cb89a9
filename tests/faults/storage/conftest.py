"""A small audit by the command line, in a child of this process, on a disk that fails or ends it where a test says.

The child is a fork: everything is imported, an audit costs a third of a second. What a step gave for the inputs that it
read is remembered, so that a step is computed anew only where it reads something else.
"""

import contextlib
import functools
import hashlib
import io
import json
import os
import pickle
import resource
import shutil
import signal
import sqlite3
import sys
import time
from collections import defaultdict
from dataclasses import dataclass, field
from os import _exit

import numpy as np
import pytest

import byheart.ledger.arrays as late_arrays
import byheart.study.steps as steps
from byheart.cli.main import STOPS, main
from byheart.ledger.sqlite import SqliteLedger
from byheart.report import page

WORDS = ["--learner", "DecisionTreeClassifier", "--members", "8", "--jobs", "1", "--device", "cpu", "--out", "out"]
CPU_SECONDS = 5  # more in an audit of a third of a second is a hang
WALL_SECONDS = 25.0  # the same asleep, on a busy machine: less than the 30 s of a lease or of SQLite's patience
GROWTH_MB = 150  # over the peak of an undisturbed audit


class Disk:
    """Sees every call on files under `folder` in this process; `meets(kind, path)` may raise or kill before it.

    Kinds: open, write, fsync, rename, close, mkdir, remove, read, and `sql ` with the first word of a statement.
    """

    def __init__(self, folder, meets):
        self.folder, self.meets, self.files = os.path.join(os.path.realpath(folder), ""), meets, {}

    def install(self):
        """For the rest of this process."""
        for name, kind in {"replace": "rename", "mkdir": "mkdir", "unlink": "remove"}.items():
            setattr(os, name, self._on_path(getattr(os, name), kind))
        for name in ("write", "fsync", "close"):
            setattr(os, name, self._on_handle(getattr(os, name), name))
        os.open = self._opening(os.open)
        io.open = self._on_path(io.open, "read")
        late_arrays.safe_open = self._on_path(late_arrays.safe_open, "read")
        sqlite3.connect = functools.partial(sqlite3.connect, factory=self._connection())

    def _path(self, path):
        """The path below the folder; empty if it is elsewhere."""
        if isinstance(path, int):
            return ""
        whole = os.path.abspath(os.fspath(path))
        return whole.removeprefix(self.folder) if whole.startswith(self.folder) else ""

    def _on_path(self, real, kind):
        def call(path, *args, **named):
            if place := self._path(path):
                self.meets(kind, place, None)
            return real(path, *args, **named)

        return call

    def _opening(self, real):
        def call(path, flags, *args, **named):
            place = self._path(path)
            if place:
                self.meets("open", place, None)
            handle = real(path, flags, *args, **named)
            self.files.pop(handle, None)
            if place:
                self.files[handle] = place
            return handle

        return call

    def _on_handle(self, real, kind):
        def call(handle, *args):
            if handle in self.files:
                half = functools.partial(real, handle, bytes(args[0])[: len(args[0]) // 2]) if kind == "write" else None
                self.meets(kind, self.files[handle], half)
            return real(handle, *args)

        return call

    def _connection(disk):
        class Watched(sqlite3.Connection):
            def execute(self, statement, *values):
                disk.meets(f"sql {(statement.split() or [''])[0]}", "out/ledger/index.db", None)
                return super().execute(statement, *values)

        return Watched


@dataclass(frozen=True)
class Fault:
    """What happens at the n-th call (from 1): `kill`, `tear` (half of a write, then killed), or an error number.

    `lasting`: it also happens at every later call of the kinds in `kinds`.
    """

    n: int
    what: str | int
    kinds: tuple[str, ...] = ()

    def meets(self):
        """The callback for a Disk."""
        count = 0

        def call(kind, place, half):
            nonlocal count
            count += 1
            if count == self.n or (count > self.n and kind in self.kinds):
                if half is not None and self.what != "kill":
                    half()
                if isinstance(self.what, str):
                    os.kill(os.getpid(), signal.SIGKILL)
                if kind.startswith("sql"):
                    error = sqlite3.OperationalError(os.strerror(self.what))
                    error.sqlite_errorcode = sqlite3.SQLITE_FULL if self.what == 28 else sqlite3.SQLITE_IOERR
                    raise error
                raise OSError(self.what, os.strerror(self.what), place)

        return call


@dataclass(frozen=True)
class Ended:
    """How a child ended: its exit code (negative: the signal), what it said, seconds and memory."""

    code: int
    err: str
    cpu_seconds: float
    seconds: float
    peak_mb: float
    report: dict | None

    @property
    def hung(self):
        """Whether it was stopped for its time."""
        return self.code == -signal.SIGXCPU or self.seconds > WALL_SECONDS


def _child(folder, streams, meets):
    """The whole life of a child."""
    code = 99
    try:
        for number, name in ((1, "out"), (2, "err")):
            handle = os.open(streams / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(handle, number)
        sys.stdout, sys.stderr = (io.TextIOWrapper(os.fdopen(n, "wb", 0), write_through=True) for n in (1, 2))
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 1))
        os.chdir(folder)
        if meets:
            Disk(folder, meets).install()
        try:
            main()
            code = 0
        except SystemExit as end:
            code = end.code or 0
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        _exit(code)


class Lab:
    """Runs the audit in children; the parent did it once, so that all is imported and remembered."""

    def __init__(self, place):
        self.place, self.streams = place, place / "streams"
        self.streams.mkdir()
        rng = np.random.default_rng(7)
        x = rng.normal(size=(60, 2))
        np.savez(place / "data.npz", x=x, y=(x[:, 0] > 0).astype(int))
        self.perform = remembering(steps.perform)
        with pytest.MonkeyPatch.context() as patch:
            self.put_in_place(patch)
            self.begin(patch)

    def put_in_place(self, patch):
        """What the children find in this process: the words, the steps that are remembered, no drawing."""
        patch.setattr(sys, "argv", ["byheart", "audit", str(self.place / "data.npz"), *WORDS])
        patch.setattr(steps, "perform", self.perform)
        patch.setattr(page, "render", lambda document: f"<!doctype html>{len(document)}")

    def begin(self, patch):
        """The audit once here, and twice in a child, whose changes of the disk are told."""
        self.warm(patch)
        self.finished = self.place / "finished"
        self.finished.mkdir()
        self.trace, first = self.traced()
        ledger = SqliteLedger(self.finished / "out" / "ledger")
        assert len(list(ledger.keys())) > 10
        ledger.close()  # as the end of a process does: what is harmed must not stand in SQLite's log as well
        self.report, self.most_mb = first.report, first.peak_mb + GROWTH_MB
        self.trace_again, second = self.traced()
        assert second.report == self.report

    def traced(self):
        """The kinds of all calls of an audit into `finished`, in order, and its end."""
        file = self.place / "trace"
        write = os.write
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        ended = self.audit(self.finished, lambda kind, path, half: write(handle, f"{kind}\n".encode()))
        os.close(handle)
        assert ended.code == 0, ended.err
        return file.read_text().splitlines(), ended

    def warm(self, patch):
        """The audit in this process."""
        before = {name: signal.getsignal(getattr(signal, name)) for name in STOPS}
        patch.setattr(sys, "unraisablehook", sys.unraisablehook)
        (self.place / "warm").mkdir()
        try:
            with (
                contextlib.chdir(self.place / "warm"),
                contextlib.redirect_stdout(io.StringIO()) as out,
                contextlib.redirect_stderr(out),
                pytest.raises(SystemExit) as end,
            ):
                main()
            assert not end.value.code, out.getvalue()
        finally:
            for name, handler in before.items():
                signal.signal(getattr(signal, name), handler)

    def audit(self, folder, meets=None):
        """The audit in a child, into `folder`/out."""
        started = time.monotonic()
        pid = os.fork()
        if pid == 0:
            _child(folder, self.streams, meets)
        while True:
            ended, status, used = os.wait4(pid, os.WNOHANG)
            seconds = time.monotonic() - started
            if ended:
                break
            if seconds > WALL_SECONDS:
                os.kill(pid, signal.SIGKILL)
                _, status, used = os.wait4(pid, 0)
                break
            time.sleep(0.005)
        file = folder / "out" / "report.json"
        return Ended(
            os.waitstatus_to_exitcode(status),
            (self.streams / "err").read_text(errors="replace"),
            used.ru_utime + used.ru_stime,
            seconds,
            used.ru_maxrss / 1024,
            timeless(file) if file.is_file() else None,
        )

    @contextlib.contextmanager
    def folder(self, source=None):
        """An empty folder, or a copy of one; removed at the end."""
        folder = self.place / "trial"
        if source is None:
            folder.mkdir()
        else:
            shutil.copytree(source, folder, symlinks=True)
        try:
            yield folder
        finally:
            shutil.rmtree(folder)

    def leftovers(self, folder):
        """What is under a folder and no finished audit leaves there; what was set aside does not count."""
        names = {"out", "out/report.html", "out/report.json", "out/ledger", "out/ledger/blobs"}
        names |= {f"out/ledger/index.db{suffix}" for suffix in ("", "-wal", "-shm")}
        found = []
        for path in folder.rglob("*"):
            name = str(path.relative_to(folder))
            blob = name.removeprefix("out/ledger/blobs/").split("/")
            is_blob = len(blob[0]) == 2 and (len(blob) == 1 or path.suffix in {".json", ".safetensors"})
            if name not in names and not (name.startswith("out/ledger/blobs/") and is_blob) and ".damaged" not in name:
                found.append(name)
        return found


def timeless(file):
    """The report in a file, without times; None if it is none."""
    with contextlib.suppress(ValueError, TypeError, KeyError, AttributeError):
        document = json.loads(file.read_text())
        document["provenance"].pop("cpu_seconds")
        return document
    return None


def remembering(real):
    """`perform`, which remembers what a step gave for the inputs it read."""
    memory = {}

    def perform(step, ledger):
        key = step.key, _inputs(step, ledger)
        if key not in memory:
            memory[key] = real(step, ledger)
        return memory[key]

    return perform


def _inputs(step, ledger):
    """A digest of what the step reads from the ledger, which is read as the step does."""
    digest = hashlib.blake2b()
    runs = (key for keys in step.about.get("runs", {}).values() for key in keys)
    for key in ([step.about["draw"]] if "draw" in step.about else []) + sorted(runs):
        found = steps.loaded(key, ledger)
        arrays = {name: np.asarray(found.arrays[name]) for name in sorted(found.arrays)}
        shapes = [(name, array.dtype.str, array.shape) for name, array in arrays.items()]
        digest.update(pickle.dumps((key, json.dumps(found.document, sort_keys=True), shapes)))
        for array in arrays.values():
            digest.update(array.tobytes())
    return digest.hexdigest()


@dataclass
class Row:
    """One line of the table."""

    tried: int = 0
    equal: int = 0
    named: int = 0
    wrong: int = 0
    hung: int = 0
    slowest_seconds: float = 0.0
    most_mb: float = 0.0


@dataclass
class Table:
    """What became of all trials, by kind; `wrong` tells each that went wrong."""

    most_mb: float
    rows: dict[str, Row] = field(default_factory=lambda: defaultdict(Row))
    wrong: list[str] = field(default_factory=list)

    def add(self, kind, ends, equal, named, wrong):
        """Count one trial: the children that it took, and what is wrong (empty: nothing)."""
        row = self.rows[kind]
        row.tried += 1
        row.equal += equal
        row.named += named
        row.wrong += bool(wrong)
        row.hung += any(end.hung for end in ends)
        row.slowest_seconds = max(row.slowest_seconds, *(end.cpu_seconds for end in ends))
        row.most_mb = max(row.most_mb, *(end.peak_mb for end in ends))
        over = max(end.peak_mb for end in ends) > self.most_mb
        if wrong or over or any(end.hung for end in ends):
            self.wrong.append(f"{kind}: {wrong or ('memory' if over else 'hung')}")

    def text(self):
        """The table."""
        head = f"{'kind':32}{'tried':>7}{'equal':>7}{'named':>7}{'wrong':>7}{'hung':>6}{'cpu s':>8}{'MB':>6}"
        lines = [head]
        for kind, row in sorted(self.rows.items()):
            lines.append(f"{kind:32}{row.tried:7}{row.equal:7}{row.named:7}{row.wrong:7}{row.hung:6}"
                         f"{row.slowest_seconds:8.2f}{row.most_mb:6.0f}")  # fmt: skip
        return "\n".join(lines)


@pytest.fixture(scope="session")
def made_lab(tmp_path_factory):
    return Lab(tmp_path_factory.mktemp("lab"))


@pytest.fixture
def lab(made_lab, monkeypatch):
    made_lab.put_in_place(monkeypatch)  # for this test alone: the worker goes on to others
    return made_lab


@pytest.fixture
def table(lab, record_property):
    """A table that is printed at the end of the session; nothing in it may be wrong."""
    made = Table(lab.most_mb)
    yield made
    record_property("table", made.text())
    assert not made.wrong, "\n".join([f"{len(made.wrong)} wrong", *made.wrong[:20], made.text()])


@pytest.fixture
def fault():
    """Makes a Fault."""
    return Fault
