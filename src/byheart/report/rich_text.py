"""Words of the page: plain sentences split into runs, so that templates can set brackets and code apart."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

# kind, text: "" plain, "i" interval, "code", "b" strong, "u" "m" "l" the three hues
Run = tuple[str, str]

_END = r"[\u2212+\-]?[\d.,]+(?:e-?\d+)?\u202f?%?"
_PIECES = re.compile(rf"(`[^`\n]{{1,200}}`)|(\[{_END}, ?{_END}\])")
_EXPONENT = re.compile(r"\bR2\b")
_KEPT = {"\n", "\t"}
_NOT_XML = "\ufffe\uffff"  # on these the drawing of a chart aborts the process
SPACE = "\u202f"
_WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def clean(text: str) -> str:
    """`text` without control characters, signs that XML does not hold, and marks that turn the line around."""
    return "".join(
        sign
        for sign in text
        if sign in _KEPT or not (unicodedata.category(sign) in {"Cc", "Cs"} or sign in _NOT_XML or _turns(sign))
    )


def cleaned(value: Any) -> Any:
    """`value`, a parsed JSON document, with every text and name in it clean."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {clean(str(key)): cleaned(one) for key, one in value.items()}
    return [cleaned(one) for one in value] if isinstance(value, list | tuple) else value


def _turns(sign: str) -> bool:
    return sign == "\u2063" or "\u202a" <= sign <= "\u202e" or "\u2066" <= sign <= "\u2069"


def runs(text: str | list[Run]) -> list[Run]:
    """A sentence as runs: intervals in brackets and `code` set apart, all else as it is.

    Example:
        >>> runs("AUC 0.98 [0.97, 0.99], run `byheart list`.")
        [('', 'AUC 0.98 '), ('i', '[0.97, 0.99]'), ('', ', run '), ('code', 'byheart list'), ('', '.')]
    """
    if not isinstance(text, str):
        return [(kind, part if kind == "code" else _set(part)) for kind, part in text]
    made: list[Run] = []
    at = 0
    for match in _PIECES.finditer(text):
        if match.start() > at:
            made.append(("", _set(text[at : match.start()])))
        made.append(("code", match[1][1:-1]) if match[1] else ("i", match[2]))
        at = match.end()
    return [*made, ("", _set(text[at:]))] if at < len(text) or not made else made


def _set(text: str) -> str:
    """Words as they are set: R2 with its exponent, and no line that ends within `1-nearest`.

    Example:
        >>> _set("held-out R2 of 1-nearest neighbour") == "held-out R\u00b2 of 1-\u2060nearest neighbour"
        True
    """
    return _EXPONENT.sub("R\u00b2", text).replace("1-nearest", "1-\u2060nearest")


def plain(text: str | list[Run]) -> str:
    """The words alone."""
    return "".join(part for _, part in runs(text))


def word(count: int) -> str:
    """A small number as a word.

    Example:
        >>> word(1), word(12)
        ('one', '12')
    """
    return _WORDS[count] if 0 <= count < len(_WORDS) else str(count)


def sentence(text: str) -> str:
    """`text` ending in a full stop, beginning with a capital."""
    text = text.strip()
    if not text:
        return ""
    return text[0].upper() + text[1:] + ("" if text[-1] in ".!?:\u2026" else ".")


def slug(name: str) -> str:
    """An anchor for `name`: letters, digits and hyphens only.

    Example:
        >>> slug("memory/influence"), slug('"><b>')
        ('memory-influence', 'b')
    """
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "finding"
