"""Which training examples are to be forgotten, copies included?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from byheart.errors import InputRefused, UsageError
from byheart.tasks.data import ID, Data
from byheart.tasks.names import id_of

SHOWN = 5  # ids that a message names


@dataclass(frozen=True)
class Forgotten:
    """What goes: `rows` (k,) places in the training view, ascending; `ids` (k,); `copies` that nobody named, by id."""

    rows: np.ndarray
    ids: tuple[int, ...]
    copies: tuple[int, ...] = ()


def forgotten_of(data: Data, asked: Sequence[Any], with_copies: bool = False) -> Forgotten:
    """The rows of the named training examples; their copies too where `with_copies`.

    Raises:
        UsageError: nothing is named, or something that is no training example.
        InputRefused: examples are windows that overlap, a copy of what is named would stay, or no two examples would.
    """
    if not len(asked):
        raise UsageError("ids of training examples to forget", "none", "Name at least one, one id per line of a file.")
    if data.output.windows:
        raise InputRefused(
            expected="examples of which none holds a part of another", came="windows of a series, which overlap",
            do="What a window holds stays in its neighbours: audit the series without those steps, and compare.",
        )  # fmt: skip
    ids = data.train.ids
    named = np.isin(ids, [_id(data, one) for one in asked])
    copies = data.grouping.copies
    alike = np.isin(copies, copies[named]) & ~named
    if alike.any() and not with_copies:
        raise InputRefused(
            expected="every copy of what is to be forgotten: if one stays, nothing is forgotten",
            came=_pairs(data, named, alike),
            do="Add those ids, or let copies go too with --with-copies (with_copies=True).",
        )
    gone = named | alike
    if (~gone).sum() < 2:
        raise InputRefused("at least two examples that stay", f"{int((~gone).sum())} of {len(gone)}", "Name fewer.")
    rows = np.flatnonzero(gone)
    return Forgotten(rows, tuple(ids[rows].tolist()), tuple(ids[alike].tolist()))


def _id(data: Data, asked: Any) -> int:
    """The id of a training example that is asked for; one that was held out is pointed out."""
    names = data.train.names if ID in data.train.meta else None
    called = data.train.names if names is None else names
    held_out = data.views["test"].names if "test" in data.views else np.empty(0, str)
    if str(asked).strip() in held_out and str(asked).strip() not in called:
        raise UsageError(
            expected="ids of training examples to forget", came=f"{asked}, which was held out: no model saw it",
            do="Leave it out of the list.",
        )  # fmt: skip
    return id_of(asked, data.train.ids, names, "train")


def _pairs(data: Data, named: np.ndarray, alike: np.ndarray) -> str:
    """Which examples that stay are copies of which that go."""
    copies, called = data.grouping.copies, data.train.names
    rows = np.flatnonzero(alike)
    said = [
        f"{called[row]} (a copy of {called[np.flatnonzero(named & (copies == copies[row]))[0]]})"
        for row in rows[:SHOWN]
    ]
    more = f" and {len(rows) - SHOWN} more" if len(rows) > SHOWN else ""
    return f"{', '.join(said)}{more} would stay"
