"""The suite every engine must pass; `WorkersSuite` is for those with processes of their own.

Subclass it in a test module and say how the engine is made, here and in the script of a fresh process:

```python
class TestMyEngine(WorkersSuite):
    recipe = "from mine import MyEngine; engine = MyEngine(workers=2)"

    @pytest.fixture
    def make(self):
        return MyEngine          # callable(workers) -> Engine
```
"""

from __future__ import annotations

import functools
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from byheart.engines.base import Broken, Done, Engine
from byheart.engines.inline import Inline
from byheart.processes import is_alive

Make = Callable[[int], Engine]
_SCRIPT = """
from pathlib import Path
from byheart.testing.engines import drive
if __name__ == "__main__":
    {recipe}
    drive(engine, Path({folder!r}))
"""
_PATIENCE_SECONDS = 60.0  # how long a test waits for what must happen; no test measures a time


class EngineSuite:
    """Promises 1, 2, 4, 5 and 6; see the head of this module."""

    recipe = ""

    @pytest.fixture
    def make(self) -> Make:
        """Override: a callable that takes a number of workers and returns the engine under test."""
        raise NotImplementedError("an EngineSuite needs a fixture `make`")

    @pytest.fixture
    def engine(self, make: Make):
        """The engine under test with two workers, closed afterwards."""
        engine = make(2)
        yield engine
        engine.close()

    @pytest.mark.parametrize("workers", [1, 3])
    def test_1_results_equal_inline(self, make: Make, workers: int) -> None:
        """Bit for bit, exceptions included, one end a key, also in a second run."""
        engine = make(workers)
        keys = [f"{i:02d}" for i in range(20)] + ["raise", "exit", "leave", "print"]
        expected = _by_key(Inline().run(compute, keys))
        try:
            for _ in range(2):
                ends = list(engine.run(compute, keys))
                assert len(ends) == len(keys)
                assert _by_key(ends) == expected
            assert list(engine.run(compute, [])) == []
        finally:
            engine.close()

    def test_2_an_exception_is_kept_and_the_rest_goes_on(
        self, engine: Engine, capfd: pytest.CaptureFixture[str]
    ) -> None:
        """Its kind, its message and its traceback are kept; every other key has its value; prints are kept too."""
        ends = _by_key(engine.run(compute, ["raise", "a", "exit", "b", "number", "nameless", "leave", "print", "c"]))
        printed = ends.pop("print")
        assert (printed.value, printed.printed, printed.printing) == ("print", "printed\n", 1)
        assert capfd.readouterr().out == ""
        assert [key for key, done in ends.items() if done.error is None] == ["a", "b", "c"]
        error = _error(ends["raise"])
        assert (error.kind, error.message) == ("ValueError", "no value for raise")
        assert "in compute" in error.traceback
        assert "sys.exit(3) was called" in _error(ends["exit"]).message
        assert "os._exit(0) was called" in _error(ends["leave"]).message
        assert "int" in _error(ends["number"]).message
        assert _error(ends["nameless"]).kind == "_Nameless"

    def test_4_an_interrupt_leaves_the_finished_finished(self, tmp_path: Path) -> None:
        """Ctrl-C in a terminal reaches every process: the driver alone speaks, and nobody is left."""
        driver = _start(self.recipe, tmp_path)
        _wait_until(lambda: _lines(tmp_path / "finished") and _pids(tmp_path), driver)
        os.killpg(driver.pid, signal.SIGINT)
        said, complaint = driver.communicate(timeout=_PATIENCE_SECONDS)
        assert complaint == ""
        assert said.split() == ["interrupted"]
        assert driver.returncode == 0
        assert _lines(tmp_path / "finished")[0] == "quick compute"
        _wait_until(lambda: not any(map(is_alive, _pids(tmp_path))))

    def test_5_threads_do_not_depend_on_the_number_of_workers(self, make: Make) -> None:
        """What a numerical library reads at its start is the same for one worker and for three."""
        seen = set()
        for workers in (1, 3):
            engine = make(workers)
            seen |= {done.value for done in engine.run(threads, list("abcdef"))}
            engine.close()
        assert len(seen) == 1

    def test_6_a_killed_driver_leaves_no_process(self, tmp_path: Path) -> None:
        """kill -9 of the driver while its workers are busy."""
        driver = _start(self.recipe, tmp_path)
        _wait_until(lambda: _pids(tmp_path), driver)
        driver.kill()
        driver.communicate()
        _wait_until(lambda: not any(map(is_alive, _pids(tmp_path))))

    def test_6_a_closed_engine_leaves_no_process(self, make: Make) -> None:
        """Closed after a run, and in the middle of one."""
        pids = set()
        for wanted in (4, 1):
            engine = make(2)
            run = engine.run(pid, list("abcd"))
            pids |= {int(str(next(iter(run)).value)) for _ in range(wanted)}
            engine.close()
        _wait_until(lambda: not any(map(is_alive, pids - {os.getpid()})))


class WorkersSuite(EngineSuite):
    """Promise 3 as well: what happens when a worker is killed."""

    @pytest.mark.parametrize("poison", ["dies-once", "dies-always"])
    def test_3_a_killed_worker(self, engine: Engine, tmp_path: Path, poison: str) -> None:
        """Its key is run once more, alone; then it is failed. Its neighbours never are."""
        keys = ["a", "b", poison, "c", "d", "e"]
        ends = _by_key(engine.run(functools.partial(perilous, tmp_path / "log"), keys))
        assert sorted(ends) == sorted(keys)
        for key in keys:
            if key != "dies-always":
                assert ends[key] == Done(key, value=key), f"{key} should have survived"
        if poison == "dies-always":
            error = _error(ends[poison])
            assert error.kind == "WorkerDied"
            assert "twice" in error.message
        log = _lines(tmp_path / "log")
        assert log.count(f"begin {poison}") == 2
        second = len(log) - 1 - log[::-1].index(f"begin {poison}")
        rest = set("abcde")
        assert {line.split()[1] for line in log[:second] if line.startswith("end")} == rest, "not alone"


def compute(key: str) -> str:
    """Arithmetic that depends on the key alone, or a misdeed that the key names."""
    if key == "raise":
        raise ValueError(f"no value for {key}")
    if key == "exit":
        sys.exit(3)
    if key == "leave":
        os._exit(0)
    if key == "print":
        print("printed")
        return key
    if key == "number":
        return 5  # type: ignore[return-value]
    if key == "nameless":
        raise _Nameless
    stream, total = random.Random(key), 0.0
    for _ in range(stream.randrange(10_000)):
        total += stream.gauss(0.0, 1.0)
    return f"{key} {total.hex()}"


def threads(key: str) -> str:
    """The thread count a numerical library would read."""
    return os.environ.get("OMP_NUM_THREADS", "unset")


def pid(key: str) -> str:
    """The process that works on the key."""
    return str(os.getpid())


def perilous(log: Path, key: str) -> str:
    """Log when it begins and ends; `dies-once` and `dies-always` kill their process."""
    before = _lines(log)
    _note(log, f"begin {key}")
    if key == "dies-always" or (key == "dies-once" and f"begin {key}" not in before):
        time.sleep(0.05)  # while its neighbours are at work
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.1)
    _note(log, f"end {key}")
    return key


def endless(folder: Path, key: str) -> str:
    """Return at once for `quick`, else leave word and never end."""
    if key != "quick":
        (folder / f"{os.getpid()}.pid").touch()
        time.sleep(10 * _PATIENCE_SECONDS)
    return "compute"


def drive(engine: Engine, folder: Path) -> None:
    """The body of a driver script: note what finished, and say so when interrupted."""
    try:
        for done in engine.run(functools.partial(endless, folder), ["quick", "endless-1", "endless-2"]):
            _note(folder / "finished", f"{done.key} {done.value}")
    except KeyboardInterrupt:
        print("interrupted")


class _Nameless(Exception):
    def __str__(self) -> str:
        raise RuntimeError("an exception without a text")


def heeding_interrupts() -> None:
    """A child of a background job inherits a SIGINT that is ignored, and would never be interrupted."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _start(recipe: str, folder: Path) -> subprocess.Popen[str]:
    script = folder / "driver.py"
    script.write_text(_SCRIPT.format(recipe=recipe, folder=str(folder)))
    return subprocess.Popen(
        [sys.executable, str(script)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=heeding_interrupts,
    )


def _wait_until(true: Callable[[], object], process: subprocess.Popen[str] | None = None) -> None:
    end = time.monotonic() + _PATIENCE_SECONDS
    while not true():
        gone = process is not None and process.poll() is not None
        assert not gone, process and process.communicate()
        assert time.monotonic() < end, "what must happen did not happen"
        time.sleep(0.02)


def _pids(folder: Path) -> list[int]:
    return [int(path.stem) for path in folder.glob("*.pid")]


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def _note(path: Path, line: str) -> None:
    with path.open("a") as file:  # one short appended line arrives whole
        file.write(f"{line}\n")


def _by_key(ends: Iterable[Done]) -> dict[str, Done]:
    return {done.key: done for done in sorted(ends, key=lambda done: done.key)}


def _error(done: Done) -> Broken:
    assert done.error is not None, f"{done.key} should have failed"
    return done.error
