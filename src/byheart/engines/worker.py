"""What runs inside a worker process of `pool`. It imports nothing heavy: its start is paid by every worker.

The pool sends `(payload, key)`, where `payload` is the pickled work, or None for the work sent before. The
worker answers `("ready", None)` once, then `("done", Done)` or `("unfit", Broken)` for each key.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import pickle
import signal
import sys
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from os import _exit  # while users' code runs, that of os raises

from byheart.engines.inline import attempt, broken
from byheart.terminal import clean_warnings

_DEATH_SIGNAL_OPTION = 1  # PR_SET_PDEATHSIG of <linux/prctl.h>


def serve(channel: Connection, parent: int, tied: bool) -> None:
    """Take keys until the channel closes.

    Args:
        channel: to the pool.
        parent: the number of the process that started this one.
        tied: whether the kernel may end this process when the thread that started it ends.
    """
    _leave_interrupts_to_the_driver()
    with contextlib.suppress(OSError):  # one of the two is closed
        os.dup2(2, 1)  # standard output is the driver's, for the result
    clean_warnings()
    _die_with(parent, tied)
    work: Callable[[str], str] | None = None
    with contextlib.suppress(EOFError, OSError):  # the driver closed the channel or is gone
        channel.send(("ready", None))
        while True:
            payload, key = channel.recv()
            if payload is not None:
                try:
                    work = pickle.loads(payload)
                except Exception as error:
                    work = None
                    channel.send(("unfit", broken(error)))
                    continue
            if work is not None:
                channel.send(("done", attempt(work, key)))


def _leave_interrupts_to_the_driver() -> None:
    """Ctrl-C reaches every process of the terminal; only the driver may decide what it means."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):  # the pool blocked them while this process started
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})


def _die_with(parent: int, tied: bool) -> None:
    """No orphans: a thread waits for the parent's end; on Linux the kernel does, even in a long C call."""
    threading.Thread(target=_wait_for_parent, name="byheart-guard", daemon=True).start()
    if tied and sys.platform == "linux":
        with contextlib.suppress(ImportError, OSError, AttributeError):  # a C library without it
            import ctypes

            ctypes.CDLL(None).prctl(_DEATH_SIGNAL_OPTION, signal.SIGKILL, 0, 0, 0)
            if os.getppid() != parent:  # it died before the kernel was asked
                _exit(1)


def _wait_for_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        _exit(1)
