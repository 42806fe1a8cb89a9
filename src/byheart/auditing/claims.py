"""The claims that come with byheart, and a claim file of the user's own; listing them imports nothing heavy."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from byheart.errors import InputRefused, UnknownName, unknown_name

if TYPE_CHECKING:
    from byheart.records.claim import Claim


def listed() -> dict[str, str]:
    """Name -> its one plain sentence, of every claim that comes with byheart.

    Example:
        >>> sorted(listed())[:4]
        ['addition', 'attribution', 'brain', 'canaries']
    """
    return {name: str(_parsed(text, name)["claim"]) for name, text in sorted(_ours().items())}


def claim_named(word: str, values: Mapping[str, Any] | None = None) -> tuple[str, Claim]:
    """The claim called `word`, or that of a file ending in .toml, with `values` put over it, and its name.

    Raises:
        UnknownName: no such claim or file, or a word in it that names nothing.
        InputRefused: the file cannot be read or is not TOML.
    """
    from byheart.records.claim_table import claim_from

    if word.endswith(".toml"):
        path = Path(word)
        if not path.is_file():
            raise UnknownName(expected="a claim file", came=word, do="Or one of: " + ", ".join(_ours()) + ".")
        name = re.sub(r"[^A-Za-z0-9_-]+", "-", path.stem) or "claim"
        return name, claim_from(_parsed(_read(path), path.name), values)
    ours = _ours()
    if word not in ours:
        raise unknown_name("claim", word, ours)
    return word, claim_from(_parsed(ours[word], word), values)


def _ours() -> dict[str, str]:
    """Name -> text of each claim file."""
    folder = files("byheart") / "claims"
    found = (file for file in folder.iterdir() if file.name.endswith(".toml"))
    return {file.name.removesuffix(".toml"): file.read_text(encoding="utf-8") for file in found}


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8", "replace")
    except OSError as error:
        came = f"{path.name}: {error.strerror or error}"
        raise InputRefused(expected="a claim file that can be read", came=came, do="Check its permissions.") from None


def _parsed(text: str, name: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # not TOML, or a number of thousands of digits
        came = "brackets too deep to be read" if isinstance(error, RecursionError) else str(error)
        raise InputRefused(f"a claim in TOML in {name}", came, "See byheart's own under claims/.") from None
