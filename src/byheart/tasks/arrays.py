"""The user's arrays as a task: checked, labels read, and a test held out by content where none is given."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from pydantic import Field, PrivateAttr

from byheart.errors import InputRefused
from byheart.records.provenance import YOURS
from byheart.tasks.archive import read_archive
from byheart.tasks.base import Task
from byheart.tasks.containers import Container
from byheart.tasks.data import GROUP, Data, Examples, Truth
from byheart.tasks.features import (
    Missing,
    as_array,
    check_enough,
    check_lengths,
    check_same_scale,
    check_same_shape,
    checked_features,
)
from byheart.tasks.frames.kept import KeptFrame
from byheart.tasks.frames.reading import check_same_rows
from byheart.tasks.frames.storage import frame_digest, must_come_back
from byheart.tasks.frames.texts import COLUMNS, LONGEST, index_of, is_text, must_be_text, text_series, texts_of
from byheart.tasks.grouping import no_effect_of, read_groups
from byheart.tasks.holdout import array_digests
from byheart.tasks.labels import Kind, Labels, read_labels, read_more_labels
from byheart.tasks.names import Names, read_names
from byheart.tasks.ordering import Order, split
from byheart.tasks.output import Column, Output
from byheart.tasks.parts import Parts, side_by_side
from byheart.tasks.pictures import is_picture

BYTE = 255  # the largest byte, by which pictures of bytes are divided
WIDEST_ROW = 12  # a row of more numbers says nothing to a reader; it decides nothing else


class Arrays(Task):
    """What do these arrays ask for? Made by `Arrays.of` or `Arrays.from_npz`; the fields hold digests.

    The arrays are copied when the task is made and are held in this process only (`portable` is False).
    Ids are positions in the arrays given. Examples stay as they were given (`Examples.given`); what byheart's own
    learners make of them is said in `about["inferred"]`.
    """

    name = "arrays"
    version = 2
    portable: ClassVar[bool] = False

    x: str
    y: str
    x_test: str | None = None
    y_test: str | None = None
    groups: str | None = None
    task: Kind | None = None
    missing: Missing = "refuse"
    split: float = Field(default=0.2, gt=0, lt=1)
    order: Order = "auto"
    noun: tuple[str, str] = ("example", "examples")
    title: str = "your arrays"
    called: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    _given: dict[str, np.ndarray] = PrivateAttr(default_factory=dict)
    _names: dict[str, list[str]] = PrivateAttr(default_factory=dict)
    _containers: dict[str, Container] = PrivateAttr(default_factory=dict)

    @classmethod
    def of(
        cls, x: Any, y: Any, x_test: Any = None, y_test: Any = None, groups: Any = None, id: Any = None,
        id_test: Any = None, **options: Any,
    ) -> Self:  # fmt: skip
        """The task of these arrays; everything is checked now, not at the first draw.

        Args:
            x: (n, d) or (n, ...) features; an array, nested list or tensor, or a dictionary of them. Never changed.
            y: (n,) labels: text, bytes, bool, whole numbers, floats, (n, 1) or one-hot (n, k).
            x_test: examples that are not trained on; without them a share is held out by content.
            y_test: their labels.
            groups: (n,) equal for examples that are seen or left out together (of one patient, user, scene), or None.
            id: (n,) what each example of x is called, every one different; it enters no number. Or None.
            id_test: the same of x_test.
            options: `task` (`classes` or `values`; else inferred), `missing` (`refuse`; `impute`: cells
                that an estimator does not take are filled in; `keep`: only byheart's own learners fill them in),
                `split` (share held out, 0.2), `order` (`time`, `random`; else by how alike neighbours are),
                `noun` (singular, plural), `title`, `called` (names of the labels 0, 1, ...), `notes` (lines on how they
                were read).

        Raises:
            InputRefused: what cannot be measured truly, by name, with what to do.

        Example:
            >>> x = np.arange(100.0).reshape(50, 2)
            >>> data = Arrays.of(x, ["low", "high"] * 25).draw(0)
            >>> data.output.classes, len(data.train), len(data.views["test"])
            (('high', 'low'), 40, 10)
        """
        if (x_test is None) != (y_test is None):
            raise InputRefused("x_test and y_test together", "only one of them", "Give both, or neither.")
        named = {"x": x, "y": y, "x_test": x_test, "y_test": y_test, "groups": groups}
        given, containers = {}, {}
        for name, value in named.items():
            if isinstance(value, Mapping) and name.startswith("x"):
                parts = {part: as_array(one, f"{name}[{part!r}]") for part, one in value.items()}
                given[name], containers[name] = side_by_side(parts, name), Parts.of_arrays(parts, value)
            elif name.startswith("x") and is_text(value):
                given[name], containers[name] = text_series(value, name)
            elif value is not None:
                if name.startswith("x"):
                    must_be_text(value, name)
                given[name] = as_array(value, name)
                containers[name] = Container.of(value, given[name])
        if is_text(x):
            options = {"title": "your texts", "noun": ("text", "texts")} | options
        task = cls(**{name: _digest(array, containers[name]) for name, array in given.items()}, **options)
        task._given.update(given)
        task._containers.update(containers)
        if is_text(x):
            check_same_rows(x, y)
            id, id_test = (of if own is None else own for own, of in ((id, index_of(x)), (id_test, index_of(x_test))))
        if id is not None:
            task._names["train"] = read_names(id, len(given["x"]))
        if id_test is not None and x_test is not None:
            task._names["test"] = read_names(id_test, len(given["x_test"]))
        task.draw(0)
        return task

    def names(self) -> Names:
        """The ids given; where the test was held out they are of its examples too, for ids are positions in x."""
        called = self._names.get("train")
        return {**({"test": called} if called and self.x_test is None else {}), **self._names}

    @classmethod
    def from_npz(cls, path: str | Path, **options: Any) -> Self:
        """The task of a .npz file with the arrays `x` and `y`, and perhaps `x_test` and `y_test`.

        Raises:
            InputRefused: no such file, a damaged one, arrays missing, or objects that only pickle reads.
        """
        return cls.of(**read_archive(Path(path)), **{"title": Path(path).name} | options)

    def key_fields(self) -> dict[str, Any]:
        """The fields; those that came later only where they say something, so that older ledgers stay."""
        later = {name for name in ("called", "notes") if not getattr(self, name)}
        return {name: value for name, value in super().key_fields().items() if name not in later}

    def draw(self, seed: int) -> Data:
        """The arrays as data; `seed` changes nothing, for nothing is drawn.

        Raises:
            InputRefused: the arrays are not in this process, or cannot be measured truly.
        """
        if not self._given:
            raise InputRefused(
                "the arrays in this process", "only their digests", "Make the task again with Arrays.of(x, y)."
            )
        given, show = self._given, is_picture(self._given["x"])
        x = np.array(checked_features(given["x"], self.missing, "x"))
        check_lengths(x, given["y"])
        labels = read_labels(given["y"], self.task)
        meta = {GROUP: read_groups(given["groups"], len(x))} if "groups" in given else {}
        meta |= self._shown("x")
        everything = Examples(np.arange(len(x)), x, labels.y, meta, self._kept("x", "y", labels))
        output = _output(x, labels.called(self.called), show, self.noun, self.missing)
        content = array_digests(output.numbers(x))  # the same rows in another type are held out alike
        cut = split(everything, output, content, 0 if "x_test" in given else self.split, asked=self.order)
        train, test, how = everything.take(cut.train), everything.take(cut.test), cut.how
        if "x_test" in given:
            test = self._given_test(x, labels)
            how = f"{len(test)} test examples, given"
        check_enough(len(train))
        about = self._about(labels, train, test, how, output) | ({"order": cut.note} if cut.note else {})
        about["inferred"] += filter(None, [no_effect_of(meta.get(GROUP))])
        return Data(
            views={"train": train, "test": test}, output=output, truth=Truth(), about=about, grouped=cut.grouped
        )

    def _kept(self, x: str, y: str, labels: Labels) -> dict[str, Container]:
        """How x and y reach the user's code; y, which was read, as an array or a tensor of int64 or floats."""
        given = self._containers[y]
        single = "float32" if given.dtype in ("<f4", "float32") else "float64"
        dtype = "int64" if labels.classes else single
        kind = "tensor" if given.kind == "tensor" else "array"
        return {"x": self._containers[x], "y": Container(kind, dtype, device=given.device)}

    def _given_test(self, x: np.ndarray, labels: Labels) -> Examples:
        raw_x, raw_y = self._given["x_test"], self._given["y_test"]
        x_test = np.array(checked_features(raw_x, self.missing, "x_test"))
        check_lengths(x_test, raw_y, ("x_test", "y_test"))
        check_same_shape(x, x_test)
        check_same_scale(self._given["x"], raw_x)
        y_test = read_more_labels(raw_y, labels)
        kept = self._kept("x_test", "y_test", labels)
        return Examples(np.arange(len(x_test)), x_test, y_test, self._shown("x_test"), kept)

    def _shown(self, x: str) -> dict[str, np.ndarray]:
        """Texts, by which examples are shown."""
        kept = self._containers[x]
        return {"shown": texts_of(kept)} if isinstance(kept, KeptFrame) else {}

    def _about(self, labels: Labels, train: Examples, test: Examples, how: str, output: Output) -> dict[str, Any]:
        numbers = [output.numbers(examples.x) for examples in (train, test)]
        shared = int(np.isin(array_digests(numbers[1]), array_digests(numbers[0])).sum())
        lines = [
            *self.notes,
            f"task: {labels.inferred}",
            f"labels: {labels.how}",
            f"features: {train.containers['x'].said(train.x)}",
            *([f"byheart's own learners divide the bytes by {output.divided_by}"] if output.divided_by > 1 else []),
            f"shown as: {output.show}",
            f"held out: {how}",
        ]
        if isinstance(train.containers["x"], KeptFrame):
            lines.append(f"byheart's own learners count runs of 1 to {LONGEST} letters, hashed into {COLUMNS} columns")
        blank = sum(int(np.isnan(x).sum()) for x in numbers)
        if blank:
            lines.append(f"missing cells: {blank}; byheart's own learners fill them in from their training examples")
        if shared:
            lines.append(f"overlap: {shared} test examples have a twin among the training examples")
        digest = "".join(text or "" for text in (self.x, self.y, self.x_test, self.y_test, self.groups))
        return {
            "title": self.title,
            "source": YOURS,
            "licence": "yours",
            "sha256": hashlib.sha256(digest.encode()).hexdigest(),
            "n": len(train),
            "n_test": len(test),
            "labels": labels.how,
            "holdout": how,
            "overlap": shared,
            "missing_cells": blank,
            **({"reading": "; ".join(self.notes)} if self.notes else {}),
            "inferred": lines,
        }


def _output(x: np.ndarray, labels: Labels, show: str | None, noun: tuple[str, str], missing: Missing) -> Output:
    row = not show and _row_or_none(x) == "row"
    columns = tuple(Column(f"x{i}", "number") for i in range(x.shape[1])) if row else ()
    if show and noun == ("example", "examples"):
        noun = ("image", "images")
    how = show or ("row" if row else "none")
    return labels.output(
        noun=noun, show=how, columns=columns,
        divided_by=BYTE if show and x.dtype == np.uint8 else 1, missing="impute" if missing == "impute" else "keep",
    )  # fmt: skip


def _row_or_none(x: np.ndarray) -> str:
    return "row" if x.ndim == 2 and x.shape[1] <= WIDEST_ROW else "none"


def _digest(array: np.ndarray, container: Container) -> str:
    if isinstance(container, KeptFrame):
        return frame_digest(*must_come_back(container.native, container.library))
    # objects have no bytes of their own; they are refused or read as text right after
    content = repr(array.tolist()).encode() if array.dtype.hasobject else np.ascontiguousarray(array).tobytes()
    shape = "x".join(map(str, array.shape))
    kept = f"{container.kind} {container.dtype} {container.axes} {container.depth}"  # one that code may look at
    if isinstance(container, Parts):
        kept += f" {container.parts}{' tensors' if container.tensors else ''}"
    return f"{array.dtype.str} {shape} {hashlib.sha256(content).hexdigest()} {kept}"
