"""Names of examples: what the user calls each one, beside its position."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from byheart.errors import InputRefused, UsageError

Names = Mapping[str, Sequence[str]]  # view -> the name of each example, by its id


def read_names(given: Any, n: int, what: str = "id") -> list[str]:
    """The user's names of n examples, as text; every one different.

    Raises:
        InputRefused: another length, an example without a name, or a name that comes twice (the first is named).

    Example:
        >>> read_names([7, 8, "b"], 3)
        ['7', '8', 'b']
    """
    values = given.tolist() if hasattr(given, "tolist") else list(given)
    if len(values) != n or any(isinstance(one, list | tuple | dict) for one in values):
        raise InputRefused(
            expected=f"one id per example in {what}, {n:,} of them",
            came=f"{len(values):,}" if len(values) != n else "several values for one example",
            do="Give one name or number for every example.",
        )
    names = ["" if one is None or one != one else str(one).strip() for one in values]
    first: dict[str, int] = {}
    for row, name in enumerate(names):
        if not name:
            raise InputRefused(f"an id for every example in {what}", f"none in row {row:,}", "Fill it in.")
        if name in first:
            raise InputRefused(
                expected=f"different ids in {what}",
                came=f"{name!r} in row {first[name]:,} and in row {row:,}",
                do="Name each example once, or leave the ids out: examples are then named by their position. "
                "Rows that belong together are a group.",
            )
        first[name] = row
    return names


def id_of(asked: Any, ids: np.ndarray, names: np.ndarray | None, view: str) -> int:
    """The id of the example that is asked for: by its name where examples have names, else by its position.

    Raises:
        UsageError: no such example; the nearest name, or the range of positions, is said.

    Example:
        >>> id_of("b", np.array([4, 9]), np.array(["a", "b"]), "train"), id_of("9", np.array([4, 9]), None, "train")
        (9, 9)
    """
    text = str(asked).strip()
    if names is not None:
        found = np.flatnonzero(names == text)
        if not len(found):
            near = difflib.get_close_matches(text, [str(name) for name in names], n=3, cutoff=0.5)
            nearest = f"Nearest: {', '.join(near)}. " if near else ""
            raise UsageError(
                expected=f"the id of an example of the {view} view", came=repr(text),
                do=f"{nearest}Ids stand in the report and in report.json.",
            )  # fmt: skip
        return int(ids[found[0]])
    if not text.isdigit() or int(text) not in ids:
        raise UsageError(
            expected=f"an id of the {view} view, {int(ids.min())} to {int(ids.max())}",
            came=text,
            do="Ids stand in the report and in report.json.",
        )
    return int(text)
