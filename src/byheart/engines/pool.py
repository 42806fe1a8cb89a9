"""Pool: worker processes on this machine, each fed over a pipe of its own.

`concurrent.futures.ProcessPoolExecutor` loses every pending key when one worker dies, cannot say whose
key it was, and cannot stop a running worker through public names before Python 3.14. With a pipe a worker
the dead one's key is known, its neighbours go on undisturbed, and nothing private is touched.
"""

from __future__ import annotations

import atexit
import contextlib
import multiprocessing
import os
import pickle
import signal
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import wait
from typing import Any

from byheart.engines.base import Broken, Done, Engine
from byheart.engines.worker import serve
from byheart.errors import ByheartError, UsageError

_THREAD_NAMES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
_LOOK_SECONDS = 1.0  # a grandchild may hold the pipe of a dead worker open; then only looking tells
_FALSE_STARTS = 3
_GUARD = (
    'If a script calls byheart, the call belongs under `if __name__ == "__main__":` in a file, '
    "because every worker imports that file. One job (--jobs 1) needs no workers."
)
_TOP = "Define it at the top level of a module that can be imported, or use one job (--jobs 1)."
_environment = threading.Lock()
_pools: weakref.WeakSet[Pool] = weakref.WeakSet()


@atexit.register
def _close_the_forgotten() -> None:
    """At exit, before multiprocessing (imported above, so asked later) waits for workers for ever."""
    for pool in list(_pools):
        pool.close()


class Pool(Engine):
    """Runs work in `workers` processes, started by spawn when first needed and kept between runs.

    Args:
        workers: how many processes.
        threads: how many threads the numerical libraries of each may use. It may change results in the
            last bits, the number of workers may not.

    Raises:
        UsageError: a number below one.
    """

    name = "pool"

    def __init__(self, workers: int, threads: int = 1) -> None:
        for name, number in (("workers", workers), ("threads", threads)):
            if isinstance(number, bool) or not isinstance(number, int) or number < 1:
                raise UsageError(f"{name} to be a whole number from 1", repr(number), "Name another number.")
        self.workers, self.threads = workers, threads
        self._hands: list[_Hand] = []
        self._last_death = ""
        self._closings = 0
        _pools.add(self)

    def run(self, work: Callable[[str], str], keys: Sequence[str]) -> Iterator[Done]:
        """Yield one Done a key, in the order of completion.

        The key of a worker that died is run again at the end, alone; if that dies too its error has the
        kind `WorkerDied`.

        Args:
            work: takes a key and returns text; must be picklable. What it raises becomes the key's error.
            keys: what to run it on.

        Raises:
            UsageError: the work cannot be sent to a worker, or a worker's start came back here.
            KeyboardInterrupt: the workers were stopped first; the keys already yielded are finished.
        """
        _refuse_inside_a_start()
        return self._run(_pickled(work), deque(keys))

    def close(self) -> None:
        """Stop the workers; a run that is not at its end is over, the next run starts new ones."""
        self._closings += 1
        self._let_go()

    def _let_go(self) -> None:
        hands, self._hands = self._hands, []
        _stop(hands)

    def _run(self, payload: bytes, keys: deque[str]) -> Iterator[Done]:
        if any(hand.key is not None for hand in self._hands):
            raise UsageError("one run of a pool at a time", "a second", "Finish the first, or make two pools.")
        suspects: deque[str] = deque()
        try:
            yield from self._drain(payload, keys, self.workers, suspects)
            if suspects:
                self._let_go()  # alone: the others' memory is given back too
            for key in suspects:
                again: deque[str] = deque()
                yield from self._drain(payload, deque([key]), 1, again)
                if again:
                    yield Done(key, error=_died_twice(self._last_death))
        except BaseException:  # an interrupt, an error, or a caller who stopped listening
            self._let_go()
            raise

    def _drain(self, payload: bytes, keys: deque[str], width: int, dead: deque[str]) -> Iterator[Done]:
        """Run `keys` on `width` workers; the keys of those that died are put into `dead`."""
        false_starts, closings = 0, self._closings
        while True:
            self._feed(payload, keys, width)
            busy = [hand for hand in self._hands if hand.key is not None]
            if not busy:
                return
            for hand in _speaking(busy):
                word, what = hand.hear()
                if word == "ready":
                    continue
                key, hand.key = hand.key, None
                if word == "done":
                    self._feed(payload, keys, width)  # before the driver takes its time with this one
                    yield what
                    if self._closings != closings:  # its other keys are lost: never end as if all had come
                        raise UsageError("a pool left open to the end of its run", "a closed one", "Run again.")
                    continue
                self._dismiss(hand)
                if word == "unfit":
                    raise UsageError("work that a worker can load", f"{what.kind}: {what.message}", _TOP)
                if hand.ready:
                    dead.append(str(key))
                else:
                    false_starts += 1
                    _refuse_a_false_start(hand, false_starts)
                    keys.appendleft(str(key))

    def _feed(self, payload: bytes, keys: deque[str], width: int) -> None:
        """Give a key to every idle worker, starting workers up to `width`."""
        idle = [hand for hand in self._hands if hand.key is None]
        while keys and (idle or len(self._hands) < width):
            if idle:
                hand = idle.pop()
            else:
                hand = _Hand(self.threads)
                self._hands.append(hand)
            hand.give(payload, keys.popleft())

    def _dismiss(self, hand: _Hand) -> None:
        self._hands.remove(hand)
        _stop([hand])
        self._last_death = hand.epitaph()


class _Hand:
    """One worker process as the pool sees it; `key` is what it is working on."""

    def __init__(self, threads: int) -> None:
        self.key: str | None = None
        self.ready = False
        self._payload: bytes | None = None
        context = multiprocessing.get_context("spawn")
        self.channel, far = context.Pipe()
        tied = threading.current_thread() is threading.main_thread()
        self.process = context.Process(target=serve, args=(far, os.getpid(), tied), name="byheart-worker")
        try:
            with _thread_limit(threads), _interrupts_held():
                self.process.start()
        except OSError as error:
            raise ByheartError("a worker that starts", str(error), "Use fewer jobs.") from error
        finally:
            far.close()  # so that its end is seen here as the end of the pipe

    def give(self, payload: bytes, key: str) -> None:
        """Send a key, and the work if it is not the one sent before."""
        self.key = key
        with contextlib.suppress(OSError):  # it died idle: `hear` finds out and the key is run again
            self.channel.send((None if payload == self._payload else payload, key))
            self._payload = payload

    def hear(self) -> tuple[str, Any]:
        """Its next message, or `("died", None)`."""
        try:
            word, what = self.channel.recv()
        except (EOFError, OSError, pickle.UnpicklingError):  # the last: it died in the middle of a word
            return "died", None
        self.ready = self.ready or word == "ready"
        return word, what

    def epitaph(self) -> str:
        """How the process ended, in words."""
        code = self.process.exitcode
        if code is not None and code < 0:
            with contextlib.suppress(ValueError):
                return f"by {signal.Signals(-code).name}"
        return f"with exit code {code}"


def _speaking(busy: Sequence[_Hand]) -> list[_Hand]:
    """The workers with something to hear: a message, or their end."""
    said = wait([hand.channel for hand in busy], timeout=_LOOK_SECONDS)
    heard = [hand for hand in busy if hand.channel in said]
    for hand in busy if not heard else ():
        if not hand.process.is_alive() and not hand.channel.poll():
            hand.channel.close()
            heard.append(hand)
    return heard


def _stop(hands: Sequence[_Hand]) -> None:
    """End processes: idle ones by closing their pipe, busy ones by a signal, stubborn ones by a kill."""
    for hand in hands:
        hand.channel.close()
        if hand.key is not None:
            hand.process.terminate()
    deadline = time.monotonic() + 2.0
    for hand in hands:
        hand.process.join(max(0.0, deadline - time.monotonic()))
        if hand.process.is_alive():
            hand.process.kill()
            hand.process.join()


def _pickled(work: object) -> bytes:
    try:
        return pickle.dumps(work)
    except Exception as error:  # pickle raises what the object raises
        raise UsageError("work that can be pickled", f"{type(error).__name__}: {error}", _TOP) from error


def _refuse_inside_a_start() -> None:
    """A worker imports the driver's script; without a guard that script would start workers of its own."""
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        came = "a worker importing a script that starts them"
        raise UsageError("workers to be started by the driver only", came, _GUARD)


def _refuse_a_false_start(hand: _Hand, times: int) -> None:
    """An exit code says that Python gave up, which it would do again; a signal may have been bad luck."""
    code = hand.process.exitcode
    if times >= _FALSE_STARTS or (code is not None and code > 0):
        kind = UsageError if code is not None and code > 0 else ByheartError
        raise kind("a worker that starts", f"one that ended {hand.epitaph()} before it took any work", _GUARD)


def _died_twice(how: str) -> Broken:
    return Broken(
        kind="WorkerDied",
        message=f"the worker that ran this step died twice, the second time {how} while it ran alone. "
        "Most often memory ran out: try a smaller model, batch or number of members, or more memory. "
        "One job (--jobs 1) runs it where a crash can be seen.",
    )


@contextlib.contextmanager
def _thread_limit(threads: int) -> Iterator[None]:
    """Set the thread count in the environment that a child will inherit, and put ours back."""
    with _environment:
        before = {name: os.environ.get(name) for name in _THREAD_NAMES}
        os.environ.update(dict.fromkeys(_THREAD_NAMES, str(threads)))
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value


@contextlib.contextmanager
def _interrupts_held() -> Iterator[None]:
    """Hold Ctrl-C and its like back while a child starts: it inherits the block, and we get the signal right after."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    from multiprocessing import resource_tracker  # POSIX only

    resource_tracker.ensure_running()  # started by the first child otherwise, it would lift our block
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
