"""What the user's frame is, and its columns as the text that a table file would hold."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import numpy as np

from byheart.errors import InputRefused
from byheart.tasks.table_reader import cell

if TYPE_CHECKING:
    import narwhals as nw

LIBRARIES = ("pandas", "polars", "pyarrow")
NARROW = {"Float32": np.float32, "Float16": np.float16}  # written with as many digits as they hold


def library_of(value: Any) -> str:
    """The library of a frame or a series: `pandas`, `polars` or `pyarrow`; empty for anything else.

    Example:
        >>> import pyarrow as pa
        >>> library_of(pa.table({"a": [1]})), library_of([1])
        ('pyarrow', '')
    """
    library = type(value).__module__.partition(".")[0]
    frames = {"DataFrame", "LazyFrame", "Series", "Table", "ChunkedArray"}
    known = {one.__name__ for one in type(value).__mro__} & frames
    return library if library in LIBRARIES and known else _foreign(value)


def _foreign(value: Any) -> str:
    """A subclass of a frame counts as the library's; a frame of other libraries is refused."""
    for one in type(value).__mro__:
        if one.__module__.partition(".")[0] in LIBRARIES and one.__name__ in {"DataFrame", "Series"}:
            return one.__module__.partition(".")[0]
    if hasattr(value, "to_pandas") and hasattr(value, "columns"):
        raise InputRefused(
            expected="a frame of pandas, polars or pyarrow",
            came=f"{type(value).__module__.partition('.')[0]} {type(value).__name__}",
            do="Give .to_pandas() of it.",
        )
    return ""


def is_series(value: Any) -> bool:
    """Whether it is one column of such a library."""
    return bool(library_of(value)) and any(one.__name__ in {"Series", "ChunkedArray"} for one in type(value).__mro__)


def checked_frame(value: Any, what: str) -> nw.DataFrame[Any]:
    """The frame under narwhals, if byheart can read it.

    Raises:
        InputRefused: lazy, empty, of several levels of rows or columns, with a name twice, or nested columns.
    """
    import narwhals as nw

    if type(value).__name__ == "LazyFrame":
        raise InputRefused(f"a frame that holds its rows for {what}", "a LazyFrame", f"Give {what}.collect().")
    if library_of(value) == "pandas":
        _check_levels(value, what)
    names = list(value.column_names if library_of(value) == "pyarrow" else value.columns)
    twice = [name for place, name in enumerate(names) if name in names[:place]]
    if twice:
        raise InputRefused(
            expected=f"columns of different names in {what}", came=f"{twice[0]!r} {names.count(twice[0])} times",
            do="Rename or drop them: code that asks for a column by name would get either.",
        )  # fmt: skip
    frame = nw.from_native(value)
    if not len(frame) or not names:
        raise InputRefused(
            expected=f"rows and columns in {what}", came=f"{len(frame)} rows, {len(names)} columns",
            do="Check how the data were loaded.",
        )  # fmt: skip
    for name, dtype in frame.schema.items():
        if dtype.is_nested() or isinstance(dtype, nw.Binary):
            raise InputRefused(
                expected=f"one number, word or date per cell in column {name!r}", came=f"{dtype}",
                do="Spread it over columns of its own, or drop it.",
            )  # fmt: skip
    return frame


def without(frame: nw.DataFrame[Any], names: Collection[str | None]) -> nw.DataFrame[Any]:
    """The frame without the columns of these names."""
    places = [place for place, name in enumerate(frame.columns) if str(name) not in names]
    return frame[:, places] if len(places) < len(frame.columns) else frame


def _check_levels(value: Any, what: str) -> None:
    for axis, name, advice in (
        (value.index, "rows", f"{what}.reset_index()"),
        (value.columns, "columns", f"{what}.set_axis(['_'.join(map(str, one)) for one in {what}.columns], axis=1)"),
    ):
        if axis.nlevels > 1:
            raise InputRefused(
                expected=f"{name} of one level in {what}", came=f"a multi-index of {axis.nlevels}", do=f"Give {advice}."
            )


def texts(column: Any) -> list[str | None]:
    """A column under narwhals as a table file would hold it; None where a cell is missing."""
    kind = str(column.dtype)
    values = [None if gone or one != one else one for one, gone in zip(column.to_list(), column.is_null())]
    if kind in NARROW:
        values = [None if one is None else NARROW[kind](one) for one in values]
    if kind.startswith("Datetime") and not any(map(_has_time, values)):
        values = [None if one is None else one.date() for one in values]  # as files of days are written
    return [None if one is None else cell(str(one)) for one in values]


def _has_time(moment: Any) -> bool:
    """Whether a moment says more than a day."""
    if moment is None:
        return False
    return moment.tzinfo is not None or (moment.hour, moment.minute, moment.second, moment.microsecond) != (0, 0, 0, 0)


def is_default_index(index: Any) -> bool:
    """Whether the rows of a pandas frame only count from 0."""
    import pandas

    return isinstance(index, pandas.RangeIndex) and index.start == 0 and index.step == 1


def check_same_rows(x: Any, y: Any, names: tuple[str, str] = ("x", "y")) -> None:
    """Rows of a pandas x and a pandas y in one order: pandas would align them by index, byheart goes by position.

    Raises:
        InputRefused: other lengths, or an index of another order or of other labels.
    """
    if len(x) != len(y):
        raise InputRefused(f"{names[0]} and {names[1]} of one length", f"{len(x):,} and {len(y):,}", "Give both whole.")
    if library_of(x) != "pandas" or library_of(y) != "pandas" or x.index.equals(y.index):
        return
    alike = set(x.index.tolist()) == set(y.index.tolist())
    if not alike and (is_default_index(x.index) or is_default_index(y.index)):
        return  # one of them was never indexed, and can only be meant by position
    first = next(i for i, (one, other) in enumerate(zip(x.index, y.index)) if one != other)
    raise InputRefused(
        expected=f"{names[0]} and {names[1]} with the same index, in the same order",
        came=f"{x.index[first]!r} and {y.index[first]!r} in row {first:,}",
        do=f"Give {names[1]}.loc[{names[0]}.index], or reset_index(drop=True) of both if rows match by position.",
    )
