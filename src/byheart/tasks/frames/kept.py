"""KeptFrame: the user's frame, or series of texts, beside the numbers that byheart reads of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from byheart.tasks.containers import Container
from byheart.tasks.frames.storage import restored, stored

LISTED = 12  # columns that are named where the frame is described


@dataclass(frozen=True, eq=False)
class KeptFrame(Container):
    """The rows of a frame as the user keeps them.

    Attributes:
        native: the frame, row by row beside x.
        single: whether it was a series; `native` is then its frame of one column.
        library: `pandas`, `polars` or `pyarrow`.
    """

    kind: str = "frame"  # type: ignore[assignment]
    native: Any = None
    single: bool = False
    library: str = ""

    def take(self, rows: np.ndarray) -> Self:
        """The same of some rows: positions, or a mask."""
        import narwhals as nw

        places = np.flatnonzero(rows) if rows.dtype == bool else rows
        return self._with(nw.from_native(self.native)[places.astype(np.int64)].to_native())

    def _with(self, native: Any) -> Self:
        return type(self)(native=native, single=self.single, library=self.library)

    def holding(self, x: np.ndarray) -> Any:
        """A copy of the frame; x, which is what byheart reads of it, is not looked at."""
        import narwhals as nw

        frame = nw.from_native(self.native).clone()
        return frame[:, 0].to_native() if self.single else frame.to_native()

    def filled(self, seen: Container) -> Container:
        """The frame with each missing cell at the middle value of that column in `seen`; of text, at the commonest."""
        import narwhals as nw

        if not isinstance(seen, KeptFrame):
            return self
        frame, known = nw.from_native(self.native), nw.from_native(seen.native)
        columns = [_filled(frame[:, place], known[:, place]) for place in range(frame.shape[1])]
        if self.library != "pandas":
            return self._with(frame.with_columns(*columns).to_native())
        native = self.native.copy()  # its columns may have names that are no text
        for place, column in enumerate(columns):
            native.isetitem(place, column.to_native())
        return self._with(native)

    def of_words(self) -> list[str]:
        """The columns of words."""
        import narwhals as nw

        kinds = nw.from_native(self.native).schema
        return [str(name) for name, one in kinds.items() if isinstance(one, nw.String | nw.Categorical | nw.Enum)]

    def said(self, x: np.ndarray) -> str:
        """What the user's code gets, in words."""

        if self.single:
            return f"{self.library} series of text"
        types = self.native.schema if self.library != "pandas" else dict(self.native.dtypes)
        dtypes = dict(zip(types.names, types.types)) if self.library == "pyarrow" else types
        named = [f"{name if str(name).strip() else repr(name)} {dtype}" for name, dtype in dict(dtypes).items()]
        more = f", and {len(named) - LISTED} more" if len(named) > LISTED else ""
        of = "1 column" if len(named) == 1 else f"{len(named)} columns"
        return f"{self.library} frames of {of}: {', '.join(named[:LISTED])}{more}"

    def stored(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """As JSON and arrays."""
        document, arrays = stored(self.native, self.library)
        return {"library": self.library, "single": self.single, "frame": document}, arrays

    @classmethod
    def restored(cls, document: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Self:
        """What `stored` kept."""
        native = restored(document["frame"], arrays, document["library"])
        return cls(native=native, single=document["single"], library=document["library"])


def _filled(column: Any, seen: Any) -> Any:
    import narwhals as nw

    floats = column.dtype.is_float()
    if not (column.is_null().any() or (floats and column.is_nan().any())):
        return column
    known = seen.drop_nulls()
    known = known.filter(~known.is_nan()) if floats else known
    if len(known) == 0:
        return column
    if isinstance(column.dtype, nw.String | nw.Categorical | nw.Enum | nw.Boolean | nw.Object):
        words, counts = np.unique(np.array(known.to_list(), dtype=object).astype(str), return_counts=True)
        text = words[counts.argmax()]
        value = next(one for one in known.to_list() if str(one) == text)
    else:
        value = known.sort()[len(known) // 2]
    filled = column.fill_null(value)
    return filled.fill_nan(value).cast(column.dtype) if floats else filled
