"""Exits and prints of users' code: neither ends the process, neither reaches standard output."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import threading
from collections.abc import Iterator
from os import _exit

from byheart.errors import StepFailed

PRINTED_BYTES = 4000  # kept of what one part of the work printed; the rest is counted


class _EndOfProcess(SystemExit):
    """What `os._exit` raises while users' code runs."""


@contextlib.contextmanager
def as_failures() -> Iterator[None]:
    """`sys.exit` and `os._exit` within raise a RuntimeError, whatever their status.

    A process that the code forked ends as it asked to. From another thread `os._exit` ends the process, as a failure.

    Raises:
        RuntimeError: the code asked for the end of the process.

    Example:
        >>> with as_failures():
        ...     sys.exit(0)
        Traceback (most recent call last):
        RuntimeError: sys.exit(0) was called, which would end the audit
    """
    before, process = os._exit, os.getpid()
    os._exit = _raising  # type: ignore[assignment]
    _WITHIN.append((process, threading.get_ident()))
    try:
        yield
    except SystemExit as end:
        if os.getpid() != process:
            _exit(end.code if isinstance(end.code, int) else int(end.code is not None))
        name = "os._exit" if isinstance(end, _EndOfProcess) else "sys.exit"
        said = f"{name}({'' if end.code is None else repr(end.code)}) was called, which would end the audit"
        raise RuntimeError(said).with_traceback(end.__traceback__) from None
    finally:
        os._exit = before
        _WITHIN.pop()


def _raising(status: int) -> None:
    """What stands in the place of `os._exit`; a user's file may keep it by `from os import _exit`."""
    if not _WITHIN or _WITHIN[-1][0] != os.getpid():
        _exit(status)
    if _WITHIN[-1][1] != threading.get_ident():
        os.write(2, b"byheart: os._exit was called in a thread of your code, which ends the audit.\n")
        _exit(status or StepFailed.exit_code)
    raise _EndOfProcess(status)


_WITHIN: list[tuple[int, int]] = []  # process and thread of each `as_failures` that is open


class Printed(io.RawIOBase):
    """Takes what is printed: the beginning of the first part that printed anything, and how many parts did.

    Example:
        >>> with captured() as printed:
        ...     for name in ("first", "second"):
        ...         next_part()
        ...         print(name)
        >>> printed.text, printed.parts
        ('first\\n', 2)
    """

    def __init__(self) -> None:
        self._kept = bytearray()
        self._left_out = 0
        self._silent = True
        self.parts = 0

    @property
    def text(self) -> str:
        """The beginning of what the first part printed."""
        end = f"\n... and {self._left_out} bytes more\n" if self._left_out else ""
        return self._kept.decode("utf-8", "replace") + end

    def writable(self) -> bool:
        """Always."""
        return True

    def fileno(self) -> int:
        """Standard error's: where a program goes that was started with `stdout=sys.stdout`."""
        return 2

    def write(self, data: object) -> int:
        """Keep the bytes, or count them."""
        given = bytes(memoryview(data))  # type: ignore[arg-type]
        if given and self._silent:
            self._silent = False
            self.parts += 1
        if self.parts == 1:
            room = given[: PRINTED_BYTES - len(self._kept)]
            self._kept += room
            self._left_out += len(given) - len(room)
        return len(given)

    def next_part(self) -> None:
        """From here on it is another part that prints."""
        self._silent = True


@contextlib.contextmanager
def captured() -> Iterator[Printed]:
    """What is printed within is kept by the `Printed` that this gives."""
    printed = Printed()
    stream = io.TextIOWrapper(printed, "utf-8", "backslashreplace", write_through=True)
    with contextlib.redirect_stdout(stream):
        yield printed


def next_part() -> None:
    """The next member's prints begin here, where they are captured."""
    kept = getattr(sys.stdout, "buffer", None)
    if isinstance(kept, Printed):
        kept.next_part()


@contextlib.contextmanager
def apart() -> Iterator[None]:
    """Standard output is standard error within, for this process and those it starts; then it is itself again.

    What the code prints by itself is on standard error then, and standard output has the result alone.

    Raises:
        RuntimeError: the code within asked for the end of the process.
    """
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError, AttributeError, ValueError):  # closed, or no file of its own
            sys.stdout.flush()
        with contextlib.suppress(OSError):  # one of the two is closed
            kept = os.dup(1)
            stack.callback(os.close, kept)
            stack.callback(os.dup2, kept, 1)
            os.dup2(2, 1)
        stack.enter_context(contextlib.redirect_stdout(sys.stderr))
        stack.enter_context(as_failures())
        yield
