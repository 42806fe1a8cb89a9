"""Terminal: the one place from which something is printed; control characters of data do not get past it.

Names of files, columns and classes, and messages of other libraries, may hold what moves a cursor, clears a screen or
turns text around.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from typing import TextIO

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


def put(text: str, stream: TextIO | None = None) -> None:
    """Print text, on standard output if no stream is named; what its coding does not hold becomes a question mark."""
    stream = stream or sys.stdout
    coding = stream.encoding or "utf-8"
    print(printable(text).encode(coding, "replace").decode(coding), file=stream, flush=True)


def clean_warnings() -> None:
    """Python's own warnings are printed likewise, in this process."""
    warnings.formatwarning = lambda *told, **more: printable(_warning_text(*told, **more))
