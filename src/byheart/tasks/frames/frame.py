"""The user's frame as a task: byheart's own learners read it like a table file, code of the user's gets it as it is."""

from __future__ import annotations

import hashlib
from typing import Any, ClassVar, Self

import numpy as np
from pydantic import PrivateAttr

from byheart.errors import InputRefused
from byheart.tasks.columns import Reading
from byheart.tasks.containers import Container
from byheart.tasks.data import GROUP, Examples
from byheart.tasks.features import as_array
from byheart.tasks.frames.kept import KeptFrame
from byheart.tasks.frames.reading import checked_frame, is_default_index, library_of, texts, without
from byheart.tasks.frames.storage import frame_digest, must_come_back
from byheart.tasks.frames.targets import columns_of, gone, like, plain, split_target
from byheart.tasks.grouping import read_groups
from byheart.tasks.labels import Labels, read_labels, read_more_labels
from byheart.tasks.names import Names, read_names
from byheart.tasks.table_reader import Sheet
from byheart.tasks.tabular import Tabular


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
    version = 2
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
        parts = [split_target(x, y, "x", "y")]
        if test is not None:
            parts.append(split_target(test[0], test[1], "x_test", "y_test"))
            parts[1] = like(parts[1], parts[0])
        column = id if isinstance(id, str) else None
        left = {name for of in ("group", "drop") for name in options.get(of, ())} | {column} - {None}
        kept = [_kept(frame, left) for frame, _, _ in parts]
        digests = [frame_digest(*must_come_back(one.native, one.library)) for one in kept]
        targets = [
            frame_digest({"dtype": y.dtype.str, "shape": y.shape, "y": repr(y.tolist())}, {}) for _, y, _ in parts
        ]
        fields = {"x": digests[0], "y": targets[0], "target": parts[0][2], "id": column}
        if test is not None:
            fields["test"] = frame_digest({"x": digests[1], "y": targets[1]}, {})
        if options.get("group"):
            fields["groups"] = frame_digest(
                {"rows": [texts(column) for column in columns_of(parts[0][0], options["group"])]}, {}
            )
        if groups is not None:
            groups = as_array(groups, "groups")
            fields["groups"] = frame_digest({"groups": repr(groups.tolist())}, {})
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
        return Sheet(names, tuple(columns), lines, "", (), where="in row")

    def _n_test(self) -> int:
        return len(self._frames[1]) if self.test is not None else 0

    def _filled(self, sheet: Sheet) -> np.ndarray:
        return np.concatenate([~gone(y) for y in self._y])

    def _targets(self, sheet: Sheet, filled: np.ndarray) -> tuple[Labels, np.ndarray]:
        present = [plain(y[~gone(y)]) for y in self._y]
        labels = read_labels(present[0], self.task, f"{self.target!r}")
        more = [read_more_labels(one, labels, f"{self.target!r} of the test") for one in present[1:]]
        return labels, np.concatenate([labels.y, *more])

    def _columns(self, sheet: Sheet) -> list[Reading]:
        declared = self._declared()
        told = {name for name in declared if name not in self.categorical}
        read = self.model_copy(update={"categorical": (*self.categorical, *declared)})
        made = Tabular._columns(read, sheet)
        if all(one.role == "dropped" for one in made):  # texts alone: code of the user's gets them, so they are kept
            texts = tuple(one.name for one in made if one.missing < len(sheet.lines))
            made = Tabular._columns(read.model_copy(update={"keep": (*self.keep, *texts)}), sheet)
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
        train = named[~gone(self._y[0])]
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
