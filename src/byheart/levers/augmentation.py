"""Augmentation: each training batch is drawn anew from the user's dataset; what is scored stays clean."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from pydantic import PrivateAttr

from byheart.errors import InputRefused
from byheart.fingerprint.code import fingerprint
from byheart.fingerprint.sources import contained
from byheart.levers.base import Batch, Course, Lever, State
from byheart.tasks.dataset_items import Item, plain
from byheart.tasks.datasets import Source

if TYPE_CHECKING:
    import torch


class Augmentation(Lever):
    """The inputs of every step come from the user's dataset, which augments at random; labels stay those of the data.

    Each member draws from global generators (random, numpy, torch) that start at a number of its own stream in every
    step, so that it sees other draws than the other members, the same ones alone as in a fleet, and the same when it
    is trained again. Made by `Augmentation.of`.

    Fails when: the dataset draws from a generator of its own, which nobody here can seed.
    """

    name: ClassVar[str] = "augmentation"
    portable: ClassVar[bool] = False
    of_the_data: ClassVar[bool] = True
    batch_turn: ClassVar[int] = 1
    dataset: str
    code: str = ""
    _source: Source | None = PrivateAttr(default=None)
    _places: np.ndarray | None = PrivateAttr(default=None)
    _reason: str = PrivateAttr(default="")

    @classmethod
    def of(cls, source: Source, ids: np.ndarray) -> Self:
        """The draws of a dataset for the training examples at positions `ids` (n,) of it."""
        known = fingerprint(source.dataset)
        lever = cls(dataset=source.title, code=known.digest or "")
        lever._source, lever._places, lever._reason = source, np.asarray(ids), known.reason
        return lever

    @property
    def unkeyed_reason(self) -> str:
        """Why what was trained with it is not kept; empty where all that the dataset depends on could be read."""
        return "" if self.code else f"{self.dataset} augments, and its code cannot be read: {self._reason}"

    @property
    def note(self) -> str:
        """What the page says of it."""
        return f"Every step was trained on new draws of {self.dataset}, which augments; all scores are of clean=."

    @property
    def told(self) -> object:
        """The dataset."""
        return self.dataset

    def batch(self, batch: Batch, course: Course, state: State) -> Batch:
        """The same examples as the dataset gives them now."""
        import torch

        drawn = []
        for rows, stream in zip(batch.rows.tolist(), state.streams, strict=True):
            seed = int(torch.randint(2**31, (), generator=stream))
            with contained(seed):
                drawn.append(torch.stack([self._drawn(row) for row in rows]))
        x = course.prepared(torch.stack(drawn))
        if x.shape != batch.x.shape:
            raise InputRefused(
                expected=f"draws of the shape of the clean examples, {tuple(batch.x.shape[2:])}",
                came=f"{tuple(x.shape[2:])} from {self.dataset}",
                do="Cut or scale them to the shape of the items of clean=.",
            )
        return replace(batch, x=x)

    def _drawn(self, row: int) -> torch.Tensor:
        """The inputs of one training example, as the dataset gives them now; of several parts, side by side."""
        if self._source is None or self._places is None:
            raise InputRefused("the dataset in this process", "only its name", "Run bh.audit again.")
        place = int(self._places[row])
        item = Item.of(self._source.given(place), f"item {place:,}", self._source.label)
        parts = [_tensor(plain(part, "x", f"item {place:,}")) for part in item.parts.values()]
        return parts[0] if len(parts) == 1 else _side_by_side(parts)


def _tensor(value: Any) -> torch.Tensor:
    import torch

    return value if torch.is_tensor(value) else torch.as_tensor(np.asarray(value))


def _side_by_side(parts: list[torch.Tensor]) -> torch.Tensor:
    import torch

    return torch.cat([part.reshape(-1).float() for part in parts])
