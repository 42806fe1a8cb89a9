"""A series of texts as x: code of the user's gets the texts, byheart's own learners count their runs of letters."""

from __future__ import annotations

from typing import Any

import numpy as np

from byheart.errors import InputRefused
from byheart.tasks.frames.kept import KeptFrame
from byheart.tasks.frames.reading import is_default_index, is_series, library_of

COLUMNS, LONGEST = 256, 4  # runs of 1 to 4 letters are counted in as many columns, found by a hash


def is_text(value: Any) -> bool:
    """Whether it is a series of texts of pandas, polars or pyarrow."""
    import narwhals as nw

    return is_series(value) and nw.from_native(value, series_only=True).dtype in (nw.String, nw.Object)


def must_be_text(value: Any, what: str) -> None:
    """Refuses a series of anything else as x: one column of numbers is a frame."""
    if is_series(value):
        raise InputRefused(
            expected=f"a frame, or a series of texts, for {what}", came=f"a {library_of(value)} series of other cells",
            do=f"Give {what}.to_frame().",
        )  # fmt: skip


def text_series(series: Any, what: str) -> tuple[np.ndarray, KeptFrame]:
    """Features (n, 256) of each text, of length 1, and the series itself.

    The columns count runs of 1 to 4 letters, hashed: equal texts have equal rows, texts that share much lie near.

    Raises:
        InputRefused: a text is missing, or a cell is no text.
    """
    import narwhals as nw
    from sklearn.feature_extraction.text import HashingVectorizer

    read = nw.from_native(series, series_only=True)
    cells = read.to_list()
    for row, text in enumerate(cells):
        if not isinstance(text, str):
            gone = text is None or text != text
            raise InputRefused(
                expected=f"a text for every example in {what}",
                came=f"{'none' if gone else type(text).__name__} in row {row:,}",
                do="Fill it in (an empty text will do), or give numbers as a frame: to_frame().",
            )
    if not cells:
        raise InputRefused(expected=f"texts in {what}", came="none", do="Check how the data were loaded.")
    counted = HashingVectorizer(analyzer="char", ngram_range=(1, LONGEST), n_features=COLUMNS, alternate_sign=False)
    frame = read.to_frame().to_native()
    return counted.transform(cells).toarray(), KeptFrame(native=frame, single=True, library=library_of(series))


def texts_of(kept: KeptFrame) -> np.ndarray:
    """(n,) the texts of a series."""
    import narwhals as nw

    return np.array(nw.from_native(kept.native)[:, 0].to_list(), dtype=object)


def index_of(value: Any) -> Any:
    """The index of a pandas series that does not only count; else None."""
    own = library_of(value) == "pandas" and not is_default_index(value.index)
    return value.index if own else None
