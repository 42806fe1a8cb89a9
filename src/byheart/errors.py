"""The exceptions of byheart, and what each means to the shell.

```
ByheartError                 5  something of ours broke
├── UsageError               2  the command or call is wrong
│   └── UnknownName          2  a word that names nothing; the nearest right one is said
├── InputRefused             3  the data, model or file cannot be measured truly
├── OutputRefused            3  a folder that cannot be written
├── LedgerDamaged            5  a blob is missing or not what its name says
├── StepFailed               6  one step failed; the others went on
└── Stopped                130  interrupted; the same command resumes
```

Every message has three parts: what was expected, what came, what to do.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any


class ByheartError(Exception):
    """Base of all our errors: `expected`, `came`, `do`, joined into one short message."""

    exit_code = 5

    def __init__(self, expected: str = "", came: str = "", do: str = "") -> None:
        self.expected, self.came, self.do = expected, came, do
        parts = [f"expected {expected}" if expected else "", f"got {came}" if came and expected else came]
        sentence = ", ".join(part for part in parts if part)
        super().__init__(f"{sentence}. {do}".strip() if do else sentence)

    def __reduce__(self) -> tuple:
        return type(self), (self.expected, self.came, self.do)


class UsageError(ByheartError):
    """The command line or the call asks for something that does not exist."""

    exit_code = 2


class InputRefused(ByheartError):
    """The data, model or file cannot be measured truly, and the message says why."""

    exit_code = 3


class OutputRefused(ByheartError):
    """A folder or file that cannot be written."""

    exit_code = 3


class LedgerDamaged(ByheartError):
    """A blob of the ledger is missing, cut short or not what its name says."""


class StepFailed(ByheartError):
    """One step of a study failed after its retries; its failure is kept and the rest went on."""

    exit_code = 6


class Stopped(ByheartError):
    """Interrupted by the user; everything finished is kept and the same command resumes."""

    exit_code = 130


class UnknownName(UsageError):
    """A word that names nothing of its kind."""


def shown(value: Any, most: int = 200) -> str:
    """The beginning of a value's repr, for a message; also of one that is nested too deep to have any.

    Example:
        >>> shown([1, 2, 3], 4)
        '[1, ...'
    """
    try:
        text = repr(value)
    except RecursionError:
        return f"a {type(value).__name__} nested too deep to be shown"
    return text if len(text) <= most else f"{text[:most]}..."


def unknown_name(kind: str, word: str, known: Iterable[str]) -> UnknownName:
    """The error for `word`, naming the nearest right words among `known`.

    Example:
        >>> str(unknown_name("task", "digit", ["digits", "fashion"]))
        "expected the name of a task, got 'digit'. Nearest: digits. Known: digits, fashion."
    """
    names = sorted(known)
    near = nearest(word, names)
    advice = f"Nearest: {', '.join(near)}. " if near else ""
    advice += f"Known: {', '.join(names) or 'none'}."
    return UnknownName(expected=f"the name of a {kind}", came=repr(word), do=advice)


def nearest(word: str, known: Iterable[str]) -> list[str]:
    """At most three of the known words that are like `word`, the nearest first.

    Example:
        >>> nearest("Digit", ["digits", "fashion"])
        ['digits']
    """
    by_lower = {name.lower(): name for name in sorted(known, reverse=True)}
    return [by_lower[found] for found in difflib.get_close_matches(word.lower(), list(by_lower), n=3, cutoff=0.5)]
