"""Inline: the work runs here, one key after another, where a debugger can follow it."""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from byheart.engines.base import Broken, Done, Engine
from byheart.exits import as_failures, captured


class Inline(Engine):
    """Runs everything in this process. The other engines must give what this one gives.

    Example:
        >>> [done.value for done in Inline().run(str.upper, ["a", "b"])]
        ['A', 'B']
    """

    name = "inline"
    workers = 1

    def run(self, work: Callable[[str], str], keys: Sequence[str]) -> Iterator[Done]:
        """Yield one Done a key, in the order of `keys`.

        Args:
            work: takes a key and returns text; what it raises becomes the key's error.
            keys: what to run it on.

        Raises:
            KeyboardInterrupt: the user stopped it; the keys already yielded are finished.
        """
        for key in keys:
            yield attempt(work, key)


def attempt(work: Callable[[str], str], key: str) -> Done:
    """Run `work(key)`; whatever it raises, except an interrupt, is kept instead of raised; so is what it prints."""
    with captured() as printed:
        done = _attempt(work, key)
    with contextlib.suppress(ImportError, OSError, AttributeError, TypeError):  # a C library without it
        import ctypes

        ctypes.CDLL(None).malloc_trim(0)  # what a step let go is the system's again, for the steps beside it
    return replace(done, printed=printed.text, printing=printed.parts)


def _attempt(work: Callable[[str], str], key: str) -> Done:
    try:
        with as_failures():  # a step that gives up must not end the study
            value = work(key)
        if not isinstance(value, str):
            raise TypeError(f"work must return text, and returned {type(value).__name__}")
        return Done(key, value=str(value))
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        return Done(key, error=broken(error))


def broken(error: BaseException) -> Broken:
    """What is kept of an exception; the frames of the engine are left out, so every engine keeps the same."""
    kind = type(error).__name__
    try:
        message = str(error)
    except Exception:  # an exception whose own text fails
        message = "(its message could not be had)"
    frames = error.__traceback__.tb_next if error.__traceback__ else None
    try:
        text = "".join(traceback.format_exception(type(error), error, frames))
    except Exception:
        text = ""
    return Broken(kind, message, text)
