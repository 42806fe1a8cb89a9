"""Given: what is to be explained, as one example laid out like the training examples."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from byheart.errors import InputRefused, UsageError
from byheart.records.spec import key_of
from byheart.tasks.data import Data, Examples

OWN = -1  # the id of what is the user's


@dataclass(frozen=True)
class Query:
    """One example to explain: a view and an id of the data, or something of the user's own.

    Attributes:
        view: `train` or `test`.
        id: an id of that view.
        x: features, without batch axis, on the scale of the training data.
        text: a passage.
        image: a picture file.
    """

    view: str = "test"
    id: int = 0
    x: np.ndarray | None = None
    text: str | None = None
    image: Path | None = None

    @property
    def known(self) -> bool:
        """Whether it is an example of the audit, whose label is known."""
        return self.x is None and self.text is None and self.image is None


def query_of(x: Any = None, test: int | None = None, example: int | None = None) -> Query:
    """The query of `Audit.explain`: a str is a passage, a Path a picture file, anything else an array.

    Raises:
        UsageError: none or several of these.
    """
    given = [value for value in (x, test, example) if value is not None]
    if len(given) != 1:
        raise UsageError(expected="one of x, test=ID and example=ID", came=f"{len(given)} of them")
    if x is None:
        return Query("test" if test is not None else "train", int(given[0]))
    if isinstance(x, str):
        return Query(text=x)
    return Query(image=x) if isinstance(x, Path) else Query(x=np.asarray(x))


def with_query(data: Data, query: Query) -> tuple[Data, str, tuple[str, ...]]:
    """The data with a view `query` of the asked example alone, a mark of what was given, and notes for the reader.

    Raises:
        UsageError: no such view or id.
        InputRefused: x, text or picture do not fit the training examples.
    """
    notes: tuple[str, ...] = ()
    if query.known:
        asked = _known(data, query)
    elif query.text is not None:
        asked = passage(query.text, data)
    else:
        x = query.x
        if query.image is not None:
            from byheart.tasks.picturefile import picture_like

            x, notes = picture_like(query.image, data)
        asked = _own(np.asarray(x), data)
    mark = "" if query.known else key_of([*asked.x.shape], asked.x.astype(np.float64).ravel().tolist())
    views = {"train": data.train, "query": asked}
    if not query.known:
        notes = (*notes, *_copy(data, asked))
    return replace(data, views=views), mark, notes


def _known(data: Data, query: Query) -> Examples:
    if query.view not in data.views:
        raise UsageError(
            expected=f"a view among {', '.join(data.views)}", came=query.view, do="Try --example with a training id."
        )
    examples = data.views[query.view]
    rows = np.flatnonzero(examples.ids == query.id)
    if not len(rows):
        raise UsageError(
            expected=f"an id of the {query.view} view, {int(examples.ids.min())} to {int(examples.ids.max())}",
            came=str(query.id),
            do="Ids stand in the report and in report.json.",
        )
    return examples.take(rows[:1])


def _own(x: np.ndarray, data: Data) -> Examples:
    train = data.train.x
    if data.output.kind == "tokens":
        raise InputRefused(
            expected="a passage as text", came=f"an array of shape {x.shape}", do="Give a string, or --text."
        )
    if x.shape != train.shape[1:]:
        raise InputRefused(
            expected=f"one example of shape {train.shape[1:]}", came=f"shape {x.shape}",
            do="Give it without a batch axis, on the scale of the training data.",
        )  # fmt: skip
    try:
        x = x.astype(train.dtype)
    except (TypeError, ValueError):
        raise InputRefused(
            expected=f"numbers ({train.dtype})", came=f"{x.dtype}", do="Give it as the training data are."
        ) from None
    if x.dtype.kind == "f" and not np.isfinite(x[~np.isnan(x)]).all():
        raise InputRefused(expected="finite numbers", came="an infinite one", do="Leave it out (NaN is missing).")
    return Examples(np.array([OWN]), x[None], np.zeros(1, data.train.y.dtype))


def passage(text: str, data: Data) -> Examples:
    """A passage as the training passages are: its tokens, and padding that is not counted.

    Raises:
        InputRefused: the data are no text, the passage is empty or longer than one of training, or holds a sign that
            the text does not have.
    """
    if data.output.kind != "tokens":
        what = data.about.get("title", "these data")
        raise InputRefused(
            expected="data of text for a passage", came=f"{what}, which is not", do="Ask with --test or --example."
        )
    codes, signs = _tokens(text, data)
    window = data.train.x.shape[1]
    if not 0 < len(codes) <= window:
        raise InputRefused(
            expected=f"a passage of 1 to {window} {signs}, the length of those in training",
            came=f"{len(codes)} {signs}",
            do="Give a part of it." if codes else "Give some text.",
        )
    x, y = np.zeros((1, window), data.train.x.dtype), np.full((1, window), -1, np.int64)
    x[0, : len(codes)] = y[0, : len(codes)] = codes
    from byheart.tasks.text import shown

    return Examples(np.array([OWN]), x, y, {"shown": np.array([shown(text.encode("utf-8", "replace"))], object)})


def _tokens(text: str, data: Data) -> tuple[list[int], str]:
    """The numbers of the tokens of a text, and what they are called: bytes where every token is one, else signs."""
    classes = data.output.classes
    code = {sign: number for number, sign in enumerate(classes)}
    if any(len(sign) != 1 for sign in classes):
        raise InputRefused(
            expected="tokens that are single signs, to read a text by",
            came=f"tokens such as {next(sign for sign in classes if len(sign) != 1)!r}",
            do="Ask with --test or --example.",
        )
    of_bytes = all(ord(sign) < 256 for sign in classes)
    units = [(sign, one) for sign in text for one in _parts(sign, of_bytes)]
    strange = next((sign for sign, one in units if one not in code), None)
    if strange is not None:
        advice = " In the report \u00b6 stands for the end of a line." if strange == "\u00b6" else ""
        raise InputRefused(
            expected=f"signs that the training text has, {len(classes)} different ones",
            came=f"{strange!r}, which it does not have",
            do=f"Leave it out, or write it otherwise.{advice}",
        )
    return [code[one] for _, one in units], "bytes" if of_bytes else "signs"


def _parts(sign: str, of_bytes: bool) -> list[str]:
    return [chr(byte) for byte in sign.encode("utf-8", "surrogateescape")] if of_bytes else [sign]


def _copy(data: Data, asked: Examples) -> tuple[str, ...]:
    """Whether what was given is a training example."""
    same = (data.train.x == asked.x).reshape(len(data.train), -1).all(1)
    if data.output.kind == "tokens":
        same &= (data.train.y == asked.y).all(1)
    ids = data.train.ids[same]
    if not len(ids):
        return ()
    return (f"It equals training {data.output.noun[0]} {int(ids[0])} exactly.",)
