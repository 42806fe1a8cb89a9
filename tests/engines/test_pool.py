"""What Pool does beyond the suite: scripts, starts, environments, interrupts, and workers kept or lost."""

import os
import signal
import subprocess
import sys
import time
import types
from os import _exit  # that of os raises while the work runs

import pytest

from byheart.engines.base import Done
from byheart.engines.pool import Pool
from byheart.errors import UsageError
from byheart.processes import is_alive
from byheart.testing.engines import compute, pid, threads


@pytest.fixture
def pool():
    pool = Pool(2)
    yield pool
    pool.close()


def heeding_interrupts() -> None:
    """A child of a background job inherits a SIGINT that is ignored, and would never be interrupted."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def script(folder, body, *words, **more):
    """Start a script of its own file, as a user would."""
    path = folder / "script.py"
    path.write_text(body)
    return subprocess.Popen(
        [sys.executable, str(path), *map(str, words)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **more,
        preexec_fn=heeding_interrupts,
    )


def wait_until(true, seconds=60.0):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.parametrize("numbers", [(0, 1), (2, 0), (2.0, 1), (True, 1)])
def test_numbers_below_one_and_no_numbers_are_refused(numbers):
    with pytest.raises(UsageError, match="whole number from 1"):
        Pool(*numbers)


def test_work_that_cannot_be_pickled_is_refused_before_anything_starts(pool):
    with pytest.raises(UsageError, match=r"can be pickled.* top level of a module"):
        pool.run(lambda key: key, ["a"])


def test_work_that_a_worker_cannot_load_is_refused(pool, monkeypatch):
    module = types.ModuleType("only_in_the_driver")
    exec("def work(key): return key", module.__dict__)
    monkeypatch.setitem(sys.modules, "only_in_the_driver", module)
    with pytest.raises(UsageError, match=r"worker can load, got ModuleNotFoundError: .*only_in_the_driver"):
        list(pool.run(module.work, ["a", "b", "c"]))
    assert list(pool.run(str.upper, ["a"])) == [Done("a", "A")]


def test_workers_are_kept_between_runs_and_new_work_reaches_them(pool):
    first = {done.value for done in pool.run(pid, list("abcd"))}
    assert [done.value for done in pool.run(str.upper, ["a"])] == ["A"]
    assert {done.value for done in pool.run(pid, list("abcd"))} <= first
    pool.close()
    assert {done.value for done in pool.run(pid, list("abcd"))}.isdisjoint(first)


def test_one_key_many_times(pool):
    assert [done.key for done in pool.run(str.upper, ["a"] * 5)] == ["a"] * 5


def test_large_work_and_large_values_pass(pool):
    big = "x" * 3_000_000
    (done,) = pool.run(big.__add__, ["y"])
    assert done.value == big + "y"


def test_a_second_run_waits_for_the_end_of_the_first(pool):
    first = pool.run(pid, list("abcdef"))
    next(first)
    with pytest.raises(UsageError, match="one run of a pool at a time"):
        next(pool.run(pid, ["g"]))
    assert len(list(first)) == 5


def test_a_run_whose_pool_was_closed_does_not_end_as_if_all_were_done(pool):
    run = pool.run(pid, list("abcdef"))
    next(run)
    pool.close()
    with pytest.raises(UsageError, match="closed one"):
        next(run)
    assert len(list(pool.run(pid, list("abcdef")))) == 6


def test_the_environment_is_set_for_workers_and_put_back(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    pool = Pool(1, threads=3)
    assert [done.value for done in pool.run(threads, ["a"])] == ["3"]
    pool.close()
    assert os.environ["OMP_NUM_THREADS"] == "7"
    assert "MKL_NUM_THREADS" not in os.environ


def exit_quietly(key):
    _exit(0)


def test_a_worker_that_leaves_without_a_word_has_died(pool):
    (done,) = pool.run(exit_quietly, ["a"])
    assert done.error.kind == "WorkerDied"
    assert "with exit code 0" in done.error.message


def test_a_worker_killed_while_idle_costs_nothing(pool):
    pids = {int(done.value) for done in pool.run(pid, list("abcd"))}
    for number in pids:
        os.kill(number, signal.SIGKILL)
    wait_until(lambda: not any(map(is_alive, pids)))
    ends = list(pool.run(compute, list("abcdef")))
    assert sorted(done.key for done in ends if done.error is None) == list("abcdef")


UNGUARDED = """
from byheart.engines.pool import Pool
print("top", flush=True)
print([done.value for done in Pool(2).run(str.upper, ["a", "b"])])
"""


def test_a_script_without_a_guard_is_told_so(tmp_path):
    driver = script(tmp_path, UNGUARDED)
    said, complaint = driver.communicate()
    assert driver.returncode == 1
    assert 'if __name__ == "__main__":' in complaint.splitlines()[-1]
    assert "UsageError: expected a worker that starts" in complaint.splitlines()[-1]
    assert "a worker importing a script that starts them" in complaint
    assert said.count("top") <= 3  # the driver and its two workers, and no workers of workers


FORGOTTEN = """
import os
from byheart.engines.pool import Pool
if __name__ == "__main__":
    print(sorted(done.value for done in Pool(2).run(str.upper, ["a", "b"])))
    pool = Pool(2)
    run = pool.run(str.upper, ["a", "b", "c"])
    next(run)
"""


def test_a_forgotten_pool_does_not_keep_the_driver(tmp_path):
    said, complaint = script(tmp_path, FORGOTTEN).communicate(timeout=60)
    assert (said, complaint) == ("['A', 'B']\n", "")


LOCKED = """
import ctypes, os, sys
from byheart.engines.pool import Pool
def work(folder):
    open(f"{folder}/{os.getpid()}.pid", "w").close()
    ctypes.PyDLL(None).sleep(600)  # holds the interpreter: no other thread of this process can run
if __name__ == "__main__":
    list(Pool(1).run(work, [sys.argv[1]]))
"""


def test_a_worker_deep_in_a_c_call_dies_with_the_driver(tmp_path):
    """The kernel's doing (Linux): the guard thread cannot run."""
    driver = script(tmp_path, LOCKED, tmp_path)
    wait_until(lambda: list(tmp_path.glob("*.pid")))
    time.sleep(0.1)  # into the call
    driver.kill()
    driver.wait()
    (pid_file,) = tmp_path.glob("*.pid")
    wait_until(lambda: not is_alive(int(pid_file.stem)))


BUSY = """
import sys, time
from byheart.engines.pool import Pool
if __name__ == "__main__":
    try:
        print("up", flush=True)
        list(Pool(2).run(time.sleep, [600, 600]))
    except KeyboardInterrupt:
        print("interrupted")
"""


@pytest.mark.parametrize("moment", [0.0, 0.03, 0.07, 0.15])
def test_an_interrupt_while_workers_start_makes_no_noise(tmp_path, moment):
    driver = script(tmp_path, BUSY, start_new_session=True)
    assert driver.stdout.readline() == "up\n"
    time.sleep(moment)
    os.killpg(driver.pid, signal.SIGINT)
    said, complaint = driver.communicate(timeout=60)
    assert (said, complaint, driver.returncode) == ("interrupted\n", "", 0)


def test_workers_import_nothing_heavy(tmp_path):
    code = "import sys, byheart.engines.pool; print(sorted({'numpy', 'torch', 'pydantic', 'ctypes'} & set(sys.modules)))"
    said, _ = script(tmp_path, code).communicate()
    assert said == "[]\n"
