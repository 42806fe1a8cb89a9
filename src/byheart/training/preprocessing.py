"""Inputs: what byheart's own learners are trained on, as float32 arrays fitted on a member's own examples only.

Code of the user's gets none of it: it gets what the user gave (`Examples.given`).

A median, a mean or a commonest category taken over all rows would let a member see the examples it is
said not to have seen; so they are fitted on its rows alone, and the width is the same for every member.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from byheart.errors import InputRefused, UsageError
from byheart.levers.base import Lever
from byheart.tasks.data import Data
from byheart.tasks.output import Column

if TYPE_CHECKING:
    from sklearn.compose import ColumnTransformer

    from byheart.levers.base import Lever
    from byheart.training.members import Members


def checked(
    data: Data,
    members: Members,
    levers: Sequence[Lever] = (),
    learner: str = "this learner",
    reads: Sequence[str] = ("classes", "values"),
    any_length: bool = False,
) -> Data:
    """Do the views, masks and levers fit the training examples? The data to train on, if so.

    For learners without steps, which take no levers. They train on the examples of all phases at once.

    Args:
        data: what a task drew.
        members: masks (m, n) over its n training examples.
        levers: what moves the balance.
        learner: what the learner is called in messages.
        reads: the kinds of output that it can be trained for.
        any_length: it reads sequences (t, d) of another number of steps than those it is trained on, too.

    Raises:
        InputRefused: another kind of output, no view `train`, or a view or mask whose shape differs from the training
            examples'.
        UsageError: a lever.

    Example:
        >>> from byheart.training.members import balanced
        >>> from byheart.tasks.data import Data, Examples, Truth
        >>> from byheart.tasks.output import Classes, Values
        >>> train = Examples(np.arange(3), np.eye(3), np.array([0, 1, 1]))
        >>> data = Data({"train": train}, Classes(2), Truth(), {})
        >>> checked(data, balanced(3, 2, 0.7, seed=0)) is data
        True
    """
    if levers:
        raise UsageError(
            expected=f"no lever: {learner} has no training steps",
            came=", ".join(lever.name for lever in levers),
            do="Leave it out, or choose a network (byheart list learner).",
        )
    if "train" not in data.views:
        raise InputRefused(
            expected="a view train with all training examples",
            came=f"views {', '.join(data.views) or 'none'}",
            do="Put the training examples among the views.",
        )
    if not data.output.read_by(reads):
        raise InputRefused(
            expected=f"data for {learner}, which gives {' or '.join(reads)}",
            came=f"{data.about.get('title', 'data')}, which needs {data.output.kind}",
            do="Text needs --learner transformer; images, tables and arrays another (byheart list learner).",
        )
    first = 2 if any_length else 1  # the first axis of an example whose length is that of training
    shape = data.train.x.shape[1:]
    for view, examples in data.views.items():
        if examples.x.ndim != data.train.x.ndim or examples.x.shape[first:] != data.train.x.shape[first:]:
            raise InputRefused(
                expected=f"examples of shape {shape} in view {view}, as in training",
                came=str(examples.x.shape[1:]),
                do="Give every view the inputs that the model is trained on.",
            )
    if members.seen.shape != (len(members.seeds), len(data.train)):
        raise InputRefused(
            expected=f"a mask ({len(members.seeds)}, {len(data.train)}): members by training examples",
            came=str(members.seen.shape),
            do="Draw the members for these data.",
        )
    if not members.seen.any(1).all():
        raise InputRefused("members that see something", "an empty subset", "Raise the share.")
    return data


def shared(data: Data) -> bool:
    """Does every member get the same inputs?

    True for images and other arrays of more than one axis an example, and for arrays of only 0 and 1
    (one-hot codes): nothing is fitted to them.

    Cost: one pass over the data.

    Example:
        >>> from byheart.tasks.data import Data, Examples, Truth
        >>> from byheart.tasks.output import Classes, Values
        >>> train = Examples(np.arange(3), np.eye(3), np.array([0, 1, 1]))
        >>> shared(Data({"train": train}, Classes(2), Truth(), {}))
        True
    """
    if data.output.columns:
        return False
    if data.train.x.ndim > 2:
        return True
    arrays = [data.train.x, *(examples.x for examples in data.views.values())]
    return all(bool(((x == 0) | (x == 1)).all()) for x in arrays)


def prepare(data: Data, rows: np.ndarray) -> dict[str, np.ndarray]:
    """What does a model that may learn from training examples `rows` only look at?

    Numbers (dates, times and durations are): missing ones become the median of `rows`, then (x - mean) / sd with mean
    and sd of `rows` (a constant column is divided by 1). Categories: missing ones become the commonest of `rows`, then
    one column a category of the task, so the width d is the same for every member. A column with no value
    in `rows` becomes 0 everywhere: nothing can be learned from it. Images, and arrays of only
    0 and 1, stay as they are, but for `Output.divided_by`.

    Args:
        data: the task's data; `x` of a table holds numbers, codes of categories, and NaN where missing.
        rows: (r,) positions in `data.train` (or a mask over it).

    Returns:
        View name -> (n_view, d) float32; images keep their shape (n_view, ...).

    Cost: O(n d) a member; the same arrays without a copy where `shared(data)`.

    Fails when: infinite numbers are among the inputs (the readers of tables refuse them).

    Reference: scikit-learn's SimpleImputer, StandardScaler and OneHotEncoder, which do it.

    Example:
        >>> from byheart.tasks.data import Data, Examples, Truth
        >>> from byheart.tasks.output import Classes, Values
        >>> train = Examples(np.arange(3), np.array([[1.0], [3.0], [9.0]]), np.zeros(3))
        >>> data = Data({"train": train}, Values(1), Truth(), {})
        >>> prepare(data, np.array([0, 1]))["train"].ravel().tolist()
        [-1.0, 1.0, 7.0]
    """
    if shared(data):
        return {view: np.asarray(data.output.numbers(examples.x), np.float32) for view, examples in data.views.items()}
    columns = data.output.columns or _numbers(data)
    train = _missing_as_nan(data.output.numbers(data.train.x), columns)
    empty = np.isnan(train[rows]).all(0)
    table = _transformer(columns).fit(_emptied(train[rows], empty, columns))
    prepared = {}
    for view, examples in data.views.items():
        x = _emptied(_missing_as_nan(data.output.numbers(examples.x), columns), empty, columns)
        prepared[view] = table.transform(x).astype(np.float32)  # (n_view, d)
    return prepared


def prepare_rows(data: Data, rows: np.ndarray) -> dict[str, np.ndarray]:
    """View -> (n_view, d) float64: the inputs of `prepare`, a row of numbers per example, as closed forms read them."""
    return {view: x.reshape(len(x), -1).astype(np.float64) for view, x in prepare(data, rows).items()}


def prepared(data: Data) -> str:
    """What byheart's own learners make of x, in words.

    Example:
        >>> from byheart.tasks.digits import Digits
        >>> prepared(Digits(n=20).draw(0))
        'as the task holds it'
    """
    if data.output.passages or shared(data):
        by = data.output.divided_by
        return f"prepared by byheart: bytes divided by {by}" if by > 1 else "as the task holds it"
    steps = ["standardised"]
    if any(np.isnan(data.output.numbers(examples.x)).any() for examples in data.views.values()):
        steps.insert(0, "missing cells filled in")
    if any(column.type == "category" for column in data.output.columns):
        steps.append("categories one-hot")
    return f"prepared by byheart on each member's own examples: {', '.join(steps)}"


def width(data: Data) -> int:
    """How many numbers a learner gets of one example: a category of a table takes one for each of its words.

    Example:
        >>> from byheart.tasks.digits import Digits
        >>> width(Digits(n=20).draw(0))
        64
    """
    if not data.output.columns:
        return math.prod(data.train.x.shape[1:])
    return sum(max(1, len(c.categories)) if c.type == "category" else 1 for c in data.output.columns)


def known(data: Data, view: str) -> np.ndarray:
    """Which training example is each example of a view, by id and exact input?

    Returns:
        (n_view,) positions in `data.train`; -1 where it is none of them.

    Cost: a sort of the ids and one pass over the inputs.

    Example:
        >>> from byheart.tasks.data import Data, Examples, Truth
        >>> from byheart.tasks.output import Classes, Values
        >>> train = Examples(np.array([7, 5]), np.eye(2), np.array([0, 1]))
        >>> look = Examples(np.array([5, 7, 9]), np.array([[0.0, 1.0], [0.0, 0.0], [1.0, 0.0]]), np.zeros(3))
        >>> known(Data({"train": train, "look": look}, Classes(2), Truth(), {}), "look").tolist()
        [1, -1, -1]
    """
    train, look = data.train, data.views[view]
    order = np.argsort(train.ids, kind="stable")
    place = np.searchsorted(train.ids[order], look.ids).clip(max=len(train) - 1)
    rows = order[place]  # (n_view,)
    same = train.ids[rows] == look.ids
    for start in range(0, len(look), 1024):  # in blocks: the inputs may be large
        part = slice(start, start + 1024)
        a, b = train.x[rows[part]], look.x[part]
        equal = (a == b) | ((a != a) & (b != b))  # NaN, a missing value, equals itself
        same[part] &= equal.reshape(len(b), -1).all(1)
    return np.where(same, rows, -1)


def _numbers(data: Data) -> tuple[Column, ...]:
    width = int(np.prod(data.train.x.shape[1:], dtype=int))
    return tuple(Column(str(i), "number") for i in range(width))


def _missing_as_nan(x: np.ndarray, columns: Sequence[Column]) -> np.ndarray:
    """(n, columns) float64 with NaN where a number or category is missing."""
    table = np.array(x, dtype=np.float64).reshape(len(x), -1)
    if table.shape[1] != len(columns):
        raise InputRefused(
            expected=f"{len(columns)} columns ({', '.join(c.name for c in columns[:5])}, ...)",
            came=str(table.shape[1]),
            do="Name every column of the table.",
        )
    for i, column in enumerate(columns):
        if column.type == "category":
            table[table[:, i] < 0, i] = np.nan
    return table


def _emptied(table: np.ndarray, empty: np.ndarray, columns: Sequence[Column]) -> np.ndarray:
    """The table with its empty columns at a constant: 0, or a code that is no category."""
    for i in np.flatnonzero(empty):
        table[:, i] = -1.0 if columns[i].type == "category" else 0.0
    return table


def _transformer(columns: Sequence[Column]) -> ColumnTransformer:
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    places = {kind: [i for i, c in enumerate(columns) if (c.type == "category") == (kind == "category")]
              for kind in ("number", "category")}  # fmt: skip
    codes = [np.arange(max(1, len(columns[i].categories)), dtype=float) for i in places["category"]]
    onehot = OneHotEncoder(categories=codes, handle_unknown="ignore", sparse_output=False)
    steps = {
        "number": make_pipeline(SimpleImputer(strategy="median"), StandardScaler()),
        "category": make_pipeline(SimpleImputer(strategy="most_frequent"), onehot),
    }
    return ColumnTransformer([(kind, steps[kind], at) for kind, at in places.items() if at])
