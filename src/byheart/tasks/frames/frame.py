"""The user's frame as a task: byheart's own learners read it like a table file, code of the user's gets it as it is."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
from pydantic import PrivateAttr

from byheart.errors import InputRefused, UsageError
from byheart.tasks.columns import Reading
from byheart.tasks.containers import Container
from byheart.tasks.data import GROUP, Examples
from byheart.tasks.features import as_array
from byheart.tasks.frames.kept import KeptFrame
from byheart.tasks.frames.reading import check_same_rows, checked_frame, is_default_index, library_of, texts, without
from byheart.tasks.frames.storage import must_come_back
from byheart.tasks.grouping import read_groups
from byheart.tasks.labels import Labels, read_labels, read_more_labels
from byheart.tasks.names import Names, read_names
from byheart.tasks.table_reader import Sheet
from byheart.tasks.tabular import Tabular, no_column


class Frame(Tabular):
    """What do the rows of this frame ask for? Made by `Frame.of`; the fields hold digests.

    byheart's own learners read its columns as those of a table file (`columns.read_column`; a column of a categorical
    dtype is one of categories). Code of the user's gets rows of the frame itself: the same library, names, dtypes,
    categories and index, without the target, groups and ids. The frame is held in this process only.

    Args:
        x: digest of what the user's code gets.
        y: digest of the target.
        test: digest of a test that was given.
        groups: digest of groups that were given as an array.
    """

    name = "frame"
    portable: ClassVar[bool] = False

    x: str
    y: str
    test: str | None = None
    groups: str | None = None

    _frames: list[Any] = PrivateAttr(default_factory=list)  # all columns but targets: to train on, and a test
    _y: list[np.ndarray] = PrivateAttr(default_factory=list)
    _groups_given: Any = PrivateAttr(default=None)
    _names_given: Any = PrivateAttr(default=None)

    @classmethod
    def of(cls, x: Any, y: Any, test: Any = None, groups: Any = None, id: Any = None, **options: Any) -> Self:
        """The task of a frame; everything is checked now, not at the first draw.

        Args:
            x: a frame of pandas, polars or pyarrow; it is never changed.
            y: the target's column or columns in it, by name; or the targets (n,) or (n, c) themselves.
            test: frame and targets (likewise) that are not trained on; without them a share is held out by content.
            groups: (n,) equal for rows that are seen or left out together; or `group`, a column, among the options.
            id: a column that names the rows, or (n,) names; without it a pandas index that is not 0, 1, 2, ... does.
            options: the other fields of `Tabular`.

        Raises:
            UsageError: a column that the frame does not have; the nearest is named.
            InputRefused: what cannot be measured truly, by name, with what to do.

        Example:
            >>> import polars as pl
            >>> frame = pl.DataFrame({"size": [float(i % 9) for i in range(60)], "hot": ["no", "yes"] * 30})
            >>> Frame.of(frame, "hot").draw(0).train.given("x", np.array([1])).columns
            ['size']
        """
        parts = [_split(x, y, "x", "y")]
        if test is not None:
            parts.append(_split(test[0], test[1], "x_test", "y_test"))
            parts[1] = _like(parts[1], parts[0])
        column = id if isinstance(id, str) else None
        left = {name for of in ("group", "drop") for name in options.get(of, ())} | {column} - {None}
        kept = [_kept(frame, left) for frame, _, _ in parts]
        digests = [_digest(*must_come_back(one.native, one.library)) for one in kept]
        targets = [_digest({"dtype": y.dtype.str, "shape": y.shape, "y": repr(y.tolist())}, {}) for _, y, _ in parts]
        fields = {"x": digests[0], "y": targets[0], "target": parts[0][2], "id": column}
        if test is not None:
            fields["test"] = _digest({"x": digests[1], "y": targets[1]}, {})
        if options.get("group"):
            fields["groups"] = _digest(
                {"rows": [texts(column) for column in _columns_of(parts[0][0], options["group"])]}, {}
            )
        if groups is not None:
            groups = as_array(groups, "groups")
            fields["groups"] = _digest({"groups": repr(groups.tolist())}, {})
        task = cls(**fields, **options)
        task._frames, task._y = [frame for frame, _, _ in parts], [y for _, y, _ in parts]
        task._groups_given, task._names_given = groups, None if column else id
        task.draw(0)
        task.names()
        return task

    def names(self) -> Names:
        """Those of `id`, else the index of a pandas frame that does not only count."""
        if self.id is not None:
            return super().names()
        given = [self._names_given, *[None] * self._parts_after]
        found = {}
        for view, frame, own in zip(("train", "test"), self._frames, given):
            if own is not None:
                found[view] = read_names(own, len(frame))
            elif library_of(frame) == "pandas" and not is_default_index(frame.index):
                found[view] = _of_index(frame.index)
        return {**({"test": found["train"]} if "train" in found and self.test is None else {}), **found}

    @property
    def _parts_after(self) -> int:
        return len(self._frames) - 1

    def _sheet(self) -> Sheet:
        if not self._frames:
            raise InputRefused("the frame in this process", "only its digest", "Make the task again with Frame.of.")
        frames = [checked_frame(frame, what) for frame, what in zip(self._frames, ("x", "x_test"))]
        names = tuple(map(str, frames[0].columns))
        self._must_have(names, "the frame")
        columns = [[text for frame in frames for text in texts(frame[:, place])] for place in range(len(names))]
        lines = np.concatenate([np.arange(len(frame)) for frame in frames])
        return Sheet(names, tuple(columns), lines, "", (), "in row")

    def _n_test(self) -> int:
        return len(self._frames[1]) if self.test is not None else 0

    def _filled(self, sheet: Sheet) -> np.ndarray:
        return np.concatenate([~_gone(y) for y in self._y])

    def _targets(self, sheet: Sheet, filled: np.ndarray) -> tuple[Labels, np.ndarray]:
        present = [_plain(y[~_gone(y)]) for y in self._y]
        labels = read_labels(present[0], self.task, f"{self.target!r}")
        more = [read_more_labels(one, labels, f"{self.target!r} of the test") for one in present[1:]]
        return labels, np.concatenate([labels.y, *more])

    def _columns(self, sheet: Sheet) -> list[Reading]:
        declared = self._declared()
        told = {name for name in declared if name not in self.categorical}
        read = self.model_copy(update={"categorical": (*self.categorical, *declared)})
        made = Tabular._columns(read, sheet)
        return [
            Reading(**{**vars(one), "why": "as its dtype says"}) if one.name in told and one.role == "category" else one
            for one in made
        ]

    def _declared(self) -> tuple[str, ...]:
        """The columns of a categorical dtype."""
        import narwhals as nw

        schema = nw.from_native(self._frames[0]).schema
        return tuple(str(name) for name, dtype in schema.items() if isinstance(dtype, nw.Categorical | nw.Enum))

    def _groups(self, sheet: Sheet) -> dict[str, np.ndarray]:
        if self._groups_given is None:
            return super()._groups(sheet)
        named = read_groups(self._groups_given, len(self._frames[0]))
        train = named[~_gone(self._y[0])]
        return {GROUP: np.concatenate([train, [f"test {i}" for i in range(len(sheet.lines) - len(train))]])}

    def _container(self, received: list[Reading], rows: np.ndarray) -> Container:
        n, left = len(self._frames[0]), {*self.group, *self.drop, *filter(None, [self.id])}
        of_test = self.test is not None and bool(rows.min() >= n)
        frame = self._frames[1 if of_test else 0]
        return _kept(frame, left).take(rows - n if of_test else rows)

    def _title(self) -> tuple[str, str]:
        digest = "".join(filter(None, (self.x, self.y, self.test, self.groups)))
        return f"your {library_of(self._frames[0])} frame", hashlib.sha256(digest.encode()).hexdigest()

    def _said_of(self, train: Examples) -> list[str]:
        given = train.containers["x"].said(train.x)
        named = self._names_given is None and self.id is None and bool(self.names())
        more = ["ids: the index of the frame names the rows"] if named else []
        return [*super()._said_of(train), f"code of yours gets: {given}", *more]


def _split(frame: Any, y: Any, what: str, what_y: str) -> tuple[Any, np.ndarray, str]:
    """The frame without its targets, the targets, and what they are called.

    Raises:
        UsageError: a target that is no column; InputRefused: rows that do not match.
    """
    import narwhals as nw

    read = checked_frame(frame, what)
    columns = [str(name) for name in read.columns]
    if isinstance(y, str) or (_all_text(y) and (set(y) <= set(columns) or len(y) != len(read))):
        wanted = [y] if isinstance(y, str) else list(y)
        for name in wanted:
            if name not in columns:
                raise no_column(name, tuple(columns), what)
        targets = [_array(read[:, columns.index(name)]) for name in wanted]
        rest = without(read, set(wanted))
        if not rest.shape[1]:
            raise InputRefused(f"a column beside {' and '.join(wanted)} to predict from", "none", "Give more columns.")
        return rest.to_native(), targets[0] if len(targets) == 1 else np.stack(targets, 1), " and ".join(wanted)
    if y is None:
        raise UsageError(
            expected="a target: a column of the frame to predict, or targets of their own", came="none",
            do=f"Perhaps target={columns[-1]!r}, the last. Columns: {', '.join(columns)}.",
        )  # fmt: skip
    name = getattr(y, "name", None) if library_of(y) else None
    if library_of(y):
        check_same_rows(frame, y, (what, what_y))
        own = nw.from_native(y, allow_series=True)
        target = (
            np.stack([_array(own[:, i]) for i in range(own.shape[1])], 1)
            if isinstance(own, nw.DataFrame)
            else _array(own)
        )
        name = " and ".join(map(str, own.columns)) if target.ndim == 2 else name
        target = target[:, 0] if target.ndim == 2 and target.shape[1] == 1 else target
    else:
        target = as_array(y, what_y)
        check_same_rows(frame, target, (what, what_y))
    if str(name) in columns:
        raise InputRefused(
            expected=f"{what} without the column that is predicted", came=f"{name!r} in both {what} and {what_y}",
            do=f"Drop it from {what}, or rename {what_y}.",
        )  # fmt: skip
    return frame, target, str(name) if name else "label"


def _columns_of(frame: Any, names: Sequence[str]) -> list[Any]:
    read = checked_frame(frame, "x")
    return [read[:, place] for place, name in enumerate(read.columns) if str(name) in names]


def _all_text(y: Any) -> bool:
    return isinstance(y, Sequence) and bool(y) and all(isinstance(one, str) for one in y)


def _array(column: Any) -> np.ndarray:
    """A column as plain values: floats, or text, truth values and whole numbers; None or NaN where missing."""
    values = [None if gone else one for one, gone in zip(column.to_list(), column.is_null())]
    if column.dtype.is_float():
        return np.array([np.nan if one is None else one for one in values], dtype=np.float64)
    found = np.empty(len(values), dtype=object)
    found[:] = values
    return found


def _gone(y: np.ndarray) -> np.ndarray:
    """(n,) bool: rows whose target is missing."""
    rows = y.reshape(len(y), -1)
    return np.array([any(one is None or one != one for one in row) for row in rows.tolist()])


def _plain(y: np.ndarray) -> np.ndarray:
    return np.array(y.tolist()) if y.dtype == object and y.ndim == 2 else y


def _like(test: tuple[Any, np.ndarray, str], train: tuple[Any, np.ndarray, str]) -> tuple[Any, np.ndarray, str]:
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


def _kept(frame: Any, left: set[str | None]) -> KeptFrame:
    """The columns that the user's code gets."""
    import narwhals as nw

    rest = without(nw.from_native(frame), left)
    return KeptFrame(native=rest.to_native(), library=library_of(frame))


def _of_index(index: Any) -> list[str]:
    try:
        return read_names(index, len(index), "the index of the frame")
    except InputRefused as error:
        advice = "Give reset_index(drop=True) of it, or name the rows by a column with id=."
        raise InputRefused(expected="an index that names every row once", came=str(error.came), do=advice) from None


def _digest(document: Any, arrays: dict[str, np.ndarray]) -> str:
    found = hashlib.sha256(json.dumps(document, sort_keys=True).encode())
    for name in sorted(arrays):
        found.update(f"{name} {arrays[name].dtype.str} {arrays[name].shape}".encode() + arrays[name].tobytes())
    return found.hexdigest()
