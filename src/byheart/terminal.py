"""Terminal: the one place from which something is printed; control characters of data do not get past it.

Names of files, columns and classes, and messages of other libraries, may hold what moves a cursor, clears a screen or
turns text around.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import TextIO, TypeVar

T = TypeVar("T")
EVERY = 10.0  # seconds between two lines on how far something is

_warning_text = warnings.formatwarning


def printable(text: str) -> str:
    """The text without control characters; lines stay lines, and a tab is two spaces.

    Example:
        >>> printable("red \\x1b[31m")
        'red [31m'
    """
    return _without(text, lambda sign: "  " * (sign == "\t"))


def as_json(document: object, ascii_only: bool = False) -> str:
    """One JSON document, in which what cannot be printed is escaped.

    Example:
        >>> as_json(["é", "\\x7f"]).split()
        ['[', '"é",', '"\\\\u007f"', ']']
    """
    import json

    text = json.dumps(document, indent=1, ensure_ascii=ascii_only, allow_nan=False)
    return _without(text, lambda sign: json.dumps(sign)[1:-1])


def _without(text: str, other: Callable[[str], str]) -> str:
    """The text with `other` of each sign that cannot be printed and ends no line."""
    odd = {sign for sign in set(text) if not sign.isprintable() and sign != "\n"}
    return text.translate({ord(sign): other(sign) for sign in odd}) if odd else text


def put(text: str, stream: TextIO | None = None, layout: Callable[[str, TextIO], str] | None = None) -> None:
    """Print text, on standard output if no stream is named; what its coding does not hold becomes a question mark.

    `layout` breaks the lines of what can be printed, and colours them.
    """
    stream = stream or sys.stdout
    coding = stream.encoding or "utf-8"
    shown = printable(text)
    shown = layout(shown, stream) if layout else shown
    print(shown.encode(coding, "replace").decode(coding), file=stream, flush=True)


def to_stderr(line: str) -> None:
    """Print a line on standard error."""
    put(line, sys.stderr)


def clean_warnings() -> None:
    """Python's own warnings are printed likewise, in this process."""
    warnings.formatwarning = lambda *told, **more: printable(_warning_text(*told, **more))


def followed(items: Iterable[T], total: int, what: str, say: Callable[[str], None] | None = None) -> Iterator[T]:
    """The items one after another, while it is shown how far they are.

    A bar on a terminal; elsewhere, and where `say` takes lines, a line at least every 10 s once that much has passed.

    Example:
        >>> list(followed([1, 2], 2, "reading", print))
        [1, 2]
    """
    if say is None and sys.stderr.isatty():
        yield from _with_a_bar(items, total, what)
        return
    tell = say or to_stderr
    started = told = time.monotonic()
    for done, item in enumerate(items, 1):
        if (now := time.monotonic()) - told >= EVERY:
            told = now
            left = (now - started) / done * (total - done)
            tell(f"{what}: {done:,} of {total:,}, {now - started:.0f} s, about {left:.0f} s left")
        yield item


def _with_a_bar(items: Iterable[T], total: int, what: str) -> Iterator[T]:
    from rich.console import Console
    from rich.progress import track

    yield from track(items, what, total, console=Console(stderr=True), transient=True)
