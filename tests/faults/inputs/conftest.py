"""Bad inputs: each is tried in a child of this process, and refused in a message or answered soundly.

The child is a fork: everything is imported. It has a folder of its own, and a limit of CPU seconds and of memory.
"""

import io
import json
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import defaultdict
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from os import _exit

import numpy as np
import pytest

from byheart.cli.main import main
from byheart.errors import ByheartError
from byheart.report import page

CPU_SECONDS = 5  # to refuse, or to plan
AUDIT_SECONDS = 20  # to answer with an audit of 8 members
WALL_SECONDS = 40
GROWTH_MB = 300  # over the peak of a good audit
AUDIT = ("--members", "8", "--jobs", "1", "--device", "cpu", "--out", "out", "--json")


@dataclass(frozen=True)
class Ended:
    """How a child ended: exit code (negative: the signal), what it printed, CPU seconds and peak memory."""

    code: int
    out: str
    err: str
    seconds: float
    peak_mb: float
    left: tuple[str, ...]


def _commanded(words):
    """The command line, whose exit code is given back."""
    sys.argv = ["byheart", *map(str, words)]
    try:
        main()
    except SystemExit as end:
        return end.code or 0
    return 0


def _called(call):
    """A call of the Python API: what it answers is printed, what it refuses is told as the command line would."""
    try:
        found = call()
    except ByheartError as error:
        print(f"byheart: {error}", file=sys.stderr)
        return error.exit_code
    print(json.dumps(found.to_dict()) if hasattr(found, "to_dict") else repr(found))
    return 0


def _child(folder, work, seconds):
    """The whole life of a child."""
    code = 99
    try:
        os.setsid()
        for number, name in ((1, "stdout"), (2, "stderr")):
            os.dup2(os.open(folder.parent / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
        sys.stdout, sys.stderr = (
            io.TextIOWrapper(os.fdopen(n, "wb", 0), "utf-8", "backslashreplace", write_through=True) for n in (1, 2)
        )
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
        os.chdir(folder)
        tempfile.tempdir = str(folder.parent / "temporary")
        page.render = lambda document: f"<!doctype html>{len(document)}"
        code = _called(work) if callable(work) else _commanded(work)
    except BaseException:
        traceback.print_exc()
    finally:
        _exit(code)


class Trials:
    """Tries inputs, one child each, and counts what became of them."""

    def __init__(self, place):
        self.place, self.rows, self.wrong = place, defaultdict(Row), []
        self.most_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 + GROWTH_MB

    def ended(self, work, prepare=None, seconds=AUDIT_SECONDS):
        """How `work` ends, words of the command line or a call, in an empty folder that `prepare` may fill."""
        whole = self.place / "trial"
        (whole / "in").mkdir(parents=True)
        (whole / "temporary").mkdir()
        try:
            if prepare is not None:
                prepare(whole / "in")
            before = set((whole / "in").rglob("*"))
            pid = os.fork()
            if not pid:
                _child(whole / "in", work, seconds)
            status, used = _waited(pid)
            out, err = ((whole / name).read_text(encoding="utf-8", errors="replace") for name in ("stdout", "stderr"))
            left = {str(path.relative_to(whole / "in")) for path in {*(whole / "in").rglob("*")} - before}
            code = os.waitstatus_to_exitcode(status)
            return Ended(code, out, err, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, tuple(sorted(left)))
        finally:
            shutil.rmtree(whole)

    def add(self, kind, case, ended, expects, problem="", seconds=CPU_SECONDS):
        """Count one trial; `expects` are the exit codes that it may have, `problem` what is wrong with an answer."""
        row = self.rows[kind]
        row.tried += 1
        row.ends[ended.code] += 1
        row.seconds, row.peak_mb = max(row.seconds, ended.seconds), max(row.peak_mb, ended.peak_mb)
        wrong = problem or _wrong(ended, expects)
        if ended.seconds > (seconds if ended.code == 0 else CPU_SECONDS):
            wrong = f"{ended.seconds:.1f} s of CPU"
        if ended.peak_mb > self.most_mb:
            wrong = f"{ended.peak_mb:.0f} MB"
        if wrong:
            row.wrong += 1
            self.wrong.append(f"{kind}: {case}: {wrong}")

    def text(self):
        """The table."""
        lines = [f"{'kind':34}{'tried':>6}" + "".join(f"{f'exit {c}':>8}" for c in (2, 3, 5, 6)) + f"{'answered':>10}{'wrong':>7}{'cpu s':>7}{'MB':>6}"]
        for kind, row in sorted(self.rows.items()):
            refused = "".join(f"{row.ends[code]:8}" for code in (2, 3, 5, 6))
            lines.append(f"{kind:34}{row.tried:6}{refused}{row.ends[0]:10}{row.wrong:7}{row.seconds:7.2f}{row.peak_mb:6.0f}")
        return "\n".join(lines)


@dataclass
class Row:
    """One line of the table."""

    tried: int = 0
    wrong: int = 0
    seconds: float = 0.0
    peak_mb: float = 0.0
    ends: dict[int, int] = field(default_factory=lambda: defaultdict(int))


def _waited(pid):
    """The end of a child; after too long asleep it is ended."""
    last = time.monotonic() + WALL_SECONDS
    while time.monotonic() < last:
        ended, status, used = os.wait4(pid, os.WNOHANG)
        if ended:
            return status, used
        time.sleep(0.005)
    os.kill(pid, signal.SIGKILL)
    return os.wait4(pid, 0)[1:]


def _wrong(ended, expects):
    """What is wrong with how a child ended; empty where nothing is."""
    if ended.code not in (0, 2, 3, 5, 6) or "Traceback" in ended.err or "something of ours" in ended.err:
        return f"code {ended.code}: {ended.err[-700:]}"
    if ended.code and not (ended.err.startswith("byheart: ") or "\nbyheart: " in ended.err):
        return f"no message: {ended.err[-300:]}"
    if ended.code in (2, 3) and "byheart: expected " not in ended.err:
        return f"not told what was expected: {ended.err[-300:]}"
    if ended.code and ended.out:
        return f"printed on standard output: {ended.out[:200]}"
    if ended.code not in (expects if isinstance(expects, tuple) else (expects,)):
        return f"code {ended.code}, should be {expects}: {ended.err[-400:]}"
    return ""


@pytest.fixture(scope="session")
def _imported(tmp_path_factory):
    """Everything is imported once, by good audits in this process."""
    folder = tmp_path_factory.mktemp("good")
    rows = [f"{i},{i % 7},{i % 2}" for i in range(40)]
    (folder / "good.csv").write_text("\n".join(["x,z,y", *rows]))
    import pyarrow.parquet  # noqa: F401

    with pytest.MonkeyPatch.context() as patch, redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        patch.setattr(page, "render", lambda document: "")
        for learner, task in (("DecisionTreeClassifier", "classes"), ("Ridge", "values"), ("mlp", "classes")):
            words = ["audit", folder / "good.csv", "--target", "y", "--task", task, "--learner", learner, *AUDIT[:6], "--out", folder / learner]
            patch.setattr(sys, "argv", list(map(str, ["byheart", *words])))
            with pytest.MonkeyPatch.context() as within:
                within.setattr(signal, "signal", lambda *given: None)
                with pytest.raises(SystemExit) as ended:
                    main()
            assert not ended.value.code


@pytest.fixture
def trials(_imported, tmp_path, record_property):
    """Trials whose table is printed at the end of the session; nothing in it may be wrong."""
    made = Trials(tmp_path)
    yield made
    record_property("table", made.text())
    assert not made.wrong, "\n".join([f"{len(made.wrong)} wrong", *made.wrong[:60], made.text()])


def _no_constant(word):
    raise ValueError(f"{word} in JSON")


def read_whole(text):
    """A document printed as JSON; NaN and infinities are not JSON."""
    return json.loads(text, parse_constant=_no_constant)


def unsound(text, rows=None):
    """What is wrong with a printed audit, empty where nothing is; `rows`: how many examples it must be of."""
    try:
        document = read_whole(text)
    except ValueError as error:
        return f"{error}: {text[:100]}"
    about = document["subject"]
    if rows is not None and about["n"] + about["n_test"] != rows:
        return f"of {about['n']} + {about['n_test']} examples, there are {rows}"
    for name, finding in document["findings"].items():
        if finding["status"] == "failed":
            return f"{name} failed: {finding['error']}"
        for word, quantity in finding.get("quantities", {}).items():
            # one R2 less another may be above 1: R2 itself has no lower end
            difference = quantity["unit"] == "r2" and word.endswith("_lead")
            low, high = RANGES.get("" if difference else quantity["unit"], (-np.inf, np.inf))
            ends = [quantity["value"], *(quantity["interval"] or ())]
            if not all(low - 1e-9 <= end <= high + 1e-9 for end in ends):
                return f"{name} {word} {ends} is no {quantity['unit']}"
    return _unbalanced(document["findings"]["complexity/description-length"].get("quantities", {}))


RANGES = {"accuracy": (0, 1), "auc": (0, 1), "r2": (-np.inf, 1), "examples": (0, np.inf)}


def _unbalanced(bits):
    if "reference_bits" not in bits:
        return ""
    parts = sum(bits[f"{word}_bits"]["value"] for word in ("understood", "memorised", "left"))
    gone = parts - bits["reference_bits"]["value"]
    return f"{gone} bits too many" if abs(gone) > 1e-6 * max(1, parts) else ""


@pytest.fixture
def sound():
    """The check of a printed audit."""
    return unsound


def every(cases, stride):
    """Every `stride`-th of the cases."""
    return list(cases.items())[::stride] if isinstance(cases, dict) else list(cases)[::stride]


def pytest_generate_tests(metafunc):
    """`sample` takes every seventh of the cases in the default tier, and all in the slow one."""
    if "sample" in metafunc.fixturenames:
        metafunc.parametrize(
            "sample", [lambda cases: every(cases, 7), pytest.param(lambda cases: every(cases, 1), marks=pytest.mark.slow)],
            ids=["sample", "all"],
        )  # fmt: skip
