"""What of a frame is predicted: columns by name, or targets of their own whose rows match."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from byheart.errors import InputRefused, UsageError
from byheart.tasks.features import as_array
from byheart.tasks.frames.reading import check_same_rows, checked_frame, library_of, without
from byheart.tasks.tabular import no_column


def split_target(frame: Any, y: Any, what: str, what_y: str) -> tuple[Any, np.ndarray, str]:
    """The frame without its targets, the targets, and what they are called.

    Raises:
        UsageError: a target that is no column; InputRefused: rows that do not match.
    """
    read = checked_frame(frame, what)
    columns = [str(name) for name in read.columns]
    if isinstance(y, str) or (_all_text(y) and not set(columns).isdisjoint(y)):
        return _by_name(read, columns, [y] if isinstance(y, str) else list(y), what)
    if y is None:
        raise UsageError(
            expected="a target: a column of the frame to predict, or targets of their own", came="none",
            do=f"Perhaps target={columns[-1]!r}, the last. Columns: {', '.join(columns)}.",
        )  # fmt: skip
    target, name = _apart(y, what_y)
    check_same_rows(frame, y if library_of(y) else target, (what, what_y))
    if name in columns:
        raise InputRefused(
            expected=f"{what} without the column that is predicted", came=f"{name!r} in both {what} and {what_y}",
            do=f"Drop it from {what}, or rename {what_y}.",
        )  # fmt: skip
    return frame, target, name or "label"


def _by_name(read: Any, columns: list[str], wanted: list[str], what: str) -> tuple[Any, np.ndarray, str]:
    for name in wanted:
        if name not in columns:
            raise no_column(name, tuple(columns), what)
    targets = [_array(read[:, columns.index(name)]) for name in wanted]
    rest = without(read, set(wanted))
    if not rest.shape[1]:
        raise InputRefused(f"a column beside {' and '.join(wanted)} to predict from", "none", "Give more columns.")
    return rest.to_native(), targets[0] if len(targets) == 1 else np.stack(targets, 1), " and ".join(wanted)


def _apart(y: Any, what: str) -> tuple[np.ndarray, str]:
    """Targets of their own, and their name: an array, a series, or a frame of several."""
    import narwhals as nw

    if not library_of(y):
        return as_array(y, what), ""
    own = nw.from_native(y, allow_series=True)
    if not isinstance(own, nw.DataFrame):
        return _array(own), str(own.name or "")
    columns = [_array(own[:, place]) for place in range(own.shape[1])]
    return columns[0] if len(columns) == 1 else np.stack(columns, 1), " and ".join(map(str, own.columns))


def columns_of(frame: Any, names: Sequence[str]) -> list[Any]:
    """The columns of these names, under narwhals."""
    read = checked_frame(frame, "x")
    return [read[:, place] for place, name in enumerate(read.columns) if str(name) in names]


def _all_text(y: Any) -> bool:
    return isinstance(y, Sequence) and bool(y) and all(isinstance(one, str) for one in y)


def _array(column: Any) -> np.ndarray:
    """A column as plain values: floats, or text, truth values and whole numbers; None or NaN where missing."""
    values = [None if lacking else one for one, lacking in zip(column.to_list(), column.is_null())]
    if column.dtype.is_float():
        return np.array([np.nan if one is None else one for one in values], dtype=np.float64)
    found = np.empty(len(values), dtype=object)
    found[:] = values
    return found


def gone(y: np.ndarray) -> np.ndarray:
    """(n,) bool: rows whose target is missing."""
    rows = y.reshape(len(y), -1)
    return np.array([any(one is None or one != one for one in row) for row in rows.tolist()])


def plain(y: np.ndarray) -> np.ndarray:
    """Several targets as an array of numbers, where they are."""
    return np.array(y.tolist()) if y.dtype == object and y.ndim == 2 else y


def like(test: tuple[Any, np.ndarray, str], train: tuple[Any, np.ndarray, str]) -> tuple[Any, np.ndarray, str]:
    """The test with the columns of the training frame, in their order.

    Raises:
        InputRefused: another library, or a column that it does not have.
    """
    import narwhals as nw

    if library_of(test[0]) != library_of(train[0]):
        libraries = library_of(train[0]), library_of(test[0])
        raise InputRefused("x and x_test of one library", " and ".join(libraries), "Convert one of them.")
    names, own = nw.from_native(train[0]).columns, nw.from_native(test[0])
    lacking = [name for name in names if name not in own.columns]
    if lacking:
        raise InputRefused(
            expected="x_test with the columns of x", came=f"none called {', '.join(map(str, lacking[:5]))}",
            do="Prepare both in the same way.",
        )  # fmt: skip
    places = [own.columns.index(name) for name in names]
    return own[:, places].to_native() if names != own.columns else test[0], test[1], test[2]
