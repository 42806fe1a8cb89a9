"""How printed lines look on a terminal: broken at words, with colour where it has it; piped, they stay as they are.

A line that goes on hangs below its value, and a number keeps its interval beside it.
"""

from __future__ import annotations

import os
import re
import sys
from typing import TextIO
from unicodedata import combining, east_asian_width

# the two hues of the page, between its light and its dark ones: readable on black and on white
UNDERSTOOD, MEMORISED, MUTED = ("38;2;55;138;200", "38;5;68"), ("38;2;214;106;38", "38;5;166"), ("90", "90")
BOLD = ("1", "1")
TOLD = {
    "issue": MEMORISED,
    "not held": MEMORISED,
    "failed": MEMORISED,
    "held": UNDERSTOOD,
    "tip": BOLD,
    "withheld": MUTED,
}

_INTERVAL = re.compile(r"\[[\u2212\-+]?[\d\u221e][^\[\]]*\]")
_LABEL = re.compile(r" *\S+(?: \S+)*? {2,}(?=\S)")
_UNITS = 4  # words between a number and its interval, at most: `3.2 bits per parameter [3.1, 3.3]`
_HUED = (
    (re.compile(r"^(  Understood +)(\S*\d\S*)"), UNDERSTOOD),
    (re.compile(r"^(  (?:By heart|Memorised) +)(\S*\d\S*)"), MEMORISED),
)
_OUTCOME = re.compile(r"^((?:  BH\d+ |  |Gate  ))(issue|tip|withheld|not held|held|failed)(?= |,|$)")


def laid_out(text: str, stream: TextIO | None = None) -> str:
    """Printable text as it looks on `stream` (standard output): each line broken at its width, and coloured."""
    stream = stream or sys.stdout
    columns, colours = width(stream), depth(stream)
    lines = [part for line in text.split("\n") for part in (wrapped(line, columns) if columns else [line])]
    return "\n".join(coloured(line, colours) for line in lines) if colours else "\n".join(lines)


def width(stream: TextIO) -> int:
    """Columns of the stream: COLUMNS where it is a number, else those of the terminal; 0 where it is none."""
    told = os.environ.get("COLUMNS", "")
    if told.isascii() and told.isdigit() and int(told) > 0:
        return int(told)
    try:
        return os.get_terminal_size(stream.fileno()).columns if _is_terminal(stream) else 0
    except (OSError, ValueError):  # a stream of no terminal
        return 0


def depth(stream: TextIO) -> int:
    """0 without colour, 1 for a terminal of exact colours, 2 for one of 256.

    NO_COLOR turns them off, then FORCE_COLOR on (0 off); else a terminal that is not dumb has them.
    """
    told, forced, term = (os.environ.get(name, "") for name in ("NO_COLOR", "FORCE_COLOR", "TERM"))
    if told or forced == "0":
        return 0
    old_windows = sys.platform == "win32" and "WT_SESSION" not in os.environ  # prints the codes as they are
    if not forced and (term == "dumb" or old_windows or not _is_terminal(stream)):
        return 0
    return 1 if os.environ.get("COLORTERM") in ("truecolor", "24bit") else 2


def _is_terminal(stream: TextIO) -> bool:
    """Whether it is; what others put in the place of standard output may not be asked."""
    asked = getattr(stream, "isatty", None)
    return asked is not None and asked()


def wrapped(line: str, columns: int) -> list[str]:
    """The line broken at words; what goes on stands below the value, or as near to it as its longest word allows.

    Example:
        >>> wrapped("  Gap           13.9 points [12.8, 15.1]   between seen and left out", 48)
        ['  Gap           13.9 points [12.8, 15.1]', '                between seen and left out']
    """
    if _columns(line) <= columns:
        return [line]
    first = len(line) - len(line.lstrip())
    label = _LABEL.match(line)
    value = _columns(label[0]) if label else columns
    words = _unbroken(line[first:])
    longest = max(_columns(word) for _, word in words)
    hang = max(first + 2, min(value, columns - longest)) if value <= columns // 2 else first + 2
    lines, current = [], " " * first
    for gap, word in words:
        if current.strip() and _columns(current + gap + word) > columns:
            lines.append(current)
            current, gap = " " * hang, ""
        current += gap + word
    return [*lines, current]


def _columns(text: str) -> int:
    """How many columns a text takes: signs of East Asia two, combining ones none."""
    if text.isascii():
        return len(text)
    return sum((not combining(sign)) * (1 + (east_asian_width(sign) in "WF")) for sign in text)


def _unbroken(text: str) -> list[tuple[str, str]]:
    """(space before, word): the words of a text, a number with its unit and its interval being one."""
    found: list[tuple[str, str]] = []
    for gap, word in re.findall(r"( *)(\S*\[[\u2212\-+]?[\d\u221e][^\[\]]{,40}\]\S*|\S+)", text):
        if _INTERVAL.match(word) and (behind := _number(found)):
            gap_of_number, number = found[-behind]
            between = "".join(space + unit for space, unit in found[len(found) - behind + 1 :])
            found[-behind:] = [(gap_of_number, number + between + gap + word)]
        else:
            found.append((gap, word))
    return found


def _number(found: list[tuple[str, str]]) -> int:
    """How many words back the number of an interval stands; 0 where there is none near."""
    near = range(1, min(_UNITS + 1, len(found)) + 1)
    return next((back for back in near if re.match(r"\(?[\u2212\-+]?\d", found[-back][1])), 0)


def coloured(line: str, depth: int) -> str:
    """The line with its numbers of the two hues, its outcome and its intervals coloured.

    Example:
        >>> coloured("  Gap           13.9 points [12.8, 15.1]", 2)
        '  Gap           13.9 points \\x1b[90m[12.8, 15.1]\\x1b[0m'
    """
    line = _INTERVAL.sub(lambda found: _in(MUTED, found[0], depth), line)
    for pattern, hue in _HUED:
        line = pattern.sub(lambda found, hue=hue: found[1] + _in(hue, found[2], depth), line)
    return _OUTCOME.sub(lambda found: found[1] + _in(TOLD[found[2]], found[2], depth), line)


def _in(hue: tuple[str, str], text: str, depth: int) -> str:
    return f"\x1b[{hue[depth - 1]}m{text}\x1b[0m"
