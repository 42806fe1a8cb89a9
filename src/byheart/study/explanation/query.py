"""What is to be explained, as one example laid out like the training examples?"""

from __future__ import annotations

import hashlib
import operator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from byheart.arguments import is_whole
from byheart.errors import InputRefused, UsageError
from byheart.records.spec import key_of
from byheart.study.explanation.credit_effect import OWN
from byheart.tasks.data import ID, Data, Examples
from byheart.tasks.features import as_array
from byheart.tasks.frames.reading import library_of
from byheart.tasks.holdout import array_digests
from byheart.tasks.names import id_of

WHOLE = 1e-3  # a number nearer to a whole one was made from it by a division
REACH = 0.5  # of the range of the training pictures: a picture further outside is on another scale


@dataclass(frozen=True)
class Query:
    """One example to explain: a view and an id of the data, or something of the user's own.

    Attributes:
        view: `train` or `test`.
        id: an example of that view: its name where the data have names, else its position.
        x: features, without batch axis, as the training data were given; for pictures of bytes also floats in 0..1.
        text: a passage.
        image: a picture file.
    """

    view: str = "test"
    id: int | str = 0
    x: np.ndarray | None = None
    text: str | None = None
    image: Path | None = None

    @property
    def known(self) -> bool:
        """Whether it is an example of the audit, whose label is known."""
        return self.x is None and self.text is None and self.image is None


def query_of(x: Any = None, test: int | str | None = None, example: int | str | None = None) -> Query:
    """The query of `Audit.explain`: a str is a passage, a Path a picture file, anything else an array.

    Raises:
        UsageError: none or several of these, or an id that is neither a whole number nor a name.
        InputRefused: rows of a frame.
    """
    given = [value for value in (x, test, example) if value is not None]
    if len(given) != 1:
        raise UsageError(expected="one of x, test=ID and example=ID", came=f"{len(given)} of them")
    if x is None:
        return Query("train", _id(example, "example")) if test is None else Query("test", _id(test, "test"))
    if isinstance(x, str):
        return Query(text=x)
    if library_of(x):
        raise InputRefused(
            expected="an example of the audit, or the numbers of one of your own", came=f"a {library_of(x)} frame",
            do="Ask with example= or test= and the name or position of the row.",
        )  # fmt: skip
    return Query(image=x) if isinstance(x, Path) else Query(x=as_array(x, "x"))


def _id(value: Any, name: str) -> int | str:
    if isinstance(value, str):
        return value
    if is_whole(value):
        return operator.index(value)
    raise UsageError(
        expected=f"a whole number or a name for {name}=, the id of an example", came=repr(value),
        do="Ids stand in the report and in report.json.",
    )  # fmt: skip


def found_in(data: Data, query: Query) -> Query:
    """The query with the number of its example in the place of its name.

    Raises:
        UsageError: no such view or example; one of the other view is pointed out.
    """
    if not query.known:
        return query
    if query.view not in data.views:
        raise UsageError(f"a view among {', '.join(data.views)}", query.view, "Try --example with a training id.")
    names = {view: examples.names for view, examples in data.views.items() if ID in examples.meta}
    other, option = ("train", "example") if query.view == "test" else ("test", "test")
    own, elsewhere = names.get(query.view), names.get(other)
    if own is not None and elsewhere is not None and str(query.id) in elsewhere and str(query.id) not in own:
        what = "held out" if other == "test" else "trained on"
        raise UsageError(
            expected=f"the id of an example of the {query.view} view", came=f"{query.id}, which was {what}",
            do=f"Ask with --{option} {query.id} ({option}= in Python).",
        )  # fmt: skip
    return replace(query, id=id_of(query.id, data.views[query.view].ids, own, query.view))


def with_query(data: Data, query: Query) -> tuple[Data, str, tuple[str, ...]]:
    """The data with a view `query` of the asked example alone, a mark of what was given, and notes for the reader.

    An example of the audit is asked for by its number (`found_in`).

    Raises:
        InputRefused: x, text or picture do not fit the training examples.
    """
    if data.output.continuous and data.train.y.ndim > 1:
        raise InputRefused(
            "one value an example to explain", f"{data.output.k} of them", "Audit one of the columns alone."
        )
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
    mark = "" if query.known else _mark(asked, data)
    views = {"train": data.train, "query": asked}
    if not query.known:
        notes = (*notes, *_copy(data, asked))
    return replace(data, views=views), mark, notes


def _mark(asked: Examples, data: Data) -> str:
    """Digest of what was given: of tokens also which are counted, for padding is a token like any other."""
    arrays = (asked.x, asked.y) if data.output.passages else (asked.x,)
    return key_of(*(f"{a.dtype} {a.shape} {hashlib.sha256(np.ascontiguousarray(a).data).hexdigest()}" for a in arrays))


def _known(data: Data, query: Query) -> Examples:
    examples = data.views[query.view]
    return examples.take(np.flatnonzero(examples.ids == query.id)[:1])


def _own(x: np.ndarray, data: Data) -> Examples:
    train = data.train.x
    if data.output.passages:
        raise InputRefused("a passage as text", f"an array of shape {x.shape}", "Give a string, or --text.")
    if x.shape != train.shape[1:]:
        raise InputRefused(
            expected=f"one example of shape {train.shape[1:]}", came=f"shape {x.shape}",
            do="Give it without a batch axis, on the scale of the training data.",
        )  # fmt: skip
    numbers = _numbers(x, data)
    _check_missing(numbers, train)
    _check_scale(numbers, data)
    own = _in_type(numbers, train.dtype)[None]
    return Examples(np.array([OWN]), own, np.zeros(1, data.train.y.dtype), containers=data.train.containers)


def _numbers(x: np.ndarray, data: Data) -> np.ndarray:
    """The numbers on the scale of the training data; floats in 0..1 are taken for bytes that were divided."""
    try:
        numbers = x.astype(np.float64) if x.dtype.kind != "c" else None
    except (TypeError, ValueError):
        numbers = None
    if numbers is None:
        raise InputRefused(f"numbers ({data.train.x.dtype})", f"{x.dtype}", "Give it as the training data are.")
    if np.isinf(numbers).any():
        raise InputRefused(expected="finite numbers", came="an infinite one", do="Leave it out (NaN is missing).")
    top = data.output.divided_by
    divided = top > 1 and x.dtype.kind == "f" and numbers.size and numbers.min() >= 0 and numbers.max() <= 1
    return numbers * top if divided else numbers


def _in_type(numbers: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """The numbers in the type of the training data; those that it cannot hold are refused."""
    if dtype.kind not in "biu":
        return numbers.astype(dtype)
    whole = np.rint(numbers)
    low, high = (0, 1) if dtype.kind == "b" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    if (np.abs(whole - numbers) > WHOLE).any() or whole.min() < low or whole.max() > high:
        raise InputRefused(
            expected=f"whole numbers from {low} to {high}, for the training data are {dtype}",
            came=f"numbers from {numbers.min():g} to {numbers.max():g}",
            do="Give it as the training data were given.",
        )
    return whole.astype(dtype)


def _check_missing(x: np.ndarray, train: np.ndarray) -> None:
    """Missing numbers only where training examples miss some: elsewhere no model knows what to put there."""
    gone = np.isnan(x)
    if gone.any() and (strange := gone & ~_ever_missing(train)).any():
        raise InputRefused(
            expected="numbers wherever every training example has one",
            came=f"{int(strange.sum())} missing (NaN) of {x.size}",
            do="Fill them in.",
        )


def _ever_missing(train: np.ndarray) -> np.ndarray:
    return np.asarray(np.isnan(train).any(0)) if train.dtype.kind == "f" else np.zeros(train.shape[1:], bool)


def _check_scale(x: np.ndarray, data: Data) -> None:
    """A picture far outside the range of those in training is one on another scale, such as 0 to 255 for 0 to 1."""
    if data.output.show not in ("image", "photograph"):
        _check_binary(x, data)
        return
    low, high = float(np.nanmin(data.train.x)), float(np.nanmax(data.train.x))
    own = x[~np.isnan(x)]
    reach = REACH * (high - low)
    if own.size and (own.min() < low - reach or own.max() > high + reach):
        what = " or in 0 to 1" if data.output.divided_by > 1 else ""
        raise InputRefused(
            expected=f"a picture on the scale of those in training, {low:g} to {high:g}",
            came=f"{own.min():g} to {own.max():g}",
            do=f"Give it on that scale{what}.",
        )


def _check_binary(x: np.ndarray, data: Data) -> None:
    """Rows of 0 and 1 alone go to models as they are, others standardised: a row of others would ask other models."""
    train = data.train.x
    if train.ndim > 2 or data.output.columns or ((x == 0) | (x == 1)).all():
        return
    if ((train == 0) | (train == 1)).all():
        raise InputRefused("0 and 1 alone, as in training", f"{x.min():g} to {x.max():g}", "Code it as those are.")


def passage(text: str, data: Data) -> Examples:
    """A passage as the training passages are: its tokens, and padding that is not counted.

    Raises:
        InputRefused: the data are no text, the passage is empty or longer than one of training, or holds a sign that
            the text does not have.
    """
    if not data.output.passages:
        what = data.about.get("title", "these data")
        raise InputRefused("data of text for a passage", f"{what}, which is not", "Ask with --test or --example.")
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
    same = array_digests(data.train.x) == array_digests(asked.x)  # a missing number equals a missing one
    if data.output.passages:
        same &= (data.train.y == asked.y).all(1)
    ids = data.train.ids[same]
    if not len(ids):
        return ()
    return (f"It equals training {data.output.noun[0]} {data.train.names[same][0]} exactly.",)
