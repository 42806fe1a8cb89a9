"""Data size: members are trained on fewer of the examples drawn for them, or on no example twice."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from byheart.levers.base import Lever
from byheart.maths.memorisation.duplicates import exact_groups
from byheart.seeds import stream
from byheart.tasks.data import Data


class DataSize(Lever):
    """Each member is trained on `share` of the examples drawn for it, chosen at random in whole groups.

    Copies of one another, and the groups that the user named, stay or go together. What is left out counts as not seen,
    so seen and unseen stay true and the mask of the run says who was trained on what; of windows of a series, which
    share numbers with those beside them, it counts as neither. A smaller share is a part of a larger one, and a member
    trained again from another seed is trained on the same. Epochs stay as many, so there are fewer steps. share 1
    changes nothing. By share of its examples, what is learned by heart rises as the data shrink, and what is understood
    falls.

    Example:
        >>> from byheart.tasks.digits import Digits
        >>> seen = np.ones((2, 100), bool)
        >>> DataSize(share=0.3).trained_on(seen, Digits(n=100).draw(0)).sum(1).tolist()
        [30, 30]
    """

    name: ClassVar[str] = "data-size"
    share: Annotated[float, Field(gt=0, le=1)]

    @property
    def idle(self) -> bool:
        """At share 1."""
        return self.share == 1

    @property
    def seen_part(self) -> float:
        """The share."""
        return self.share

    def trained_on(self, seen: np.ndarray, data: Data) -> np.ndarray:
        """(m, n) the first groups of an order that hangs on the member's subset alone, nearest to the share."""
        groups, left = data.groups, np.zeros_like(seen)
        for row, kept in zip(seen, left, strict=True):
            own, sizes = np.unique(groups[row], return_counts=True)
            digest = hashlib.blake2b(np.packbits(row).tobytes(), digest_size=8).hexdigest()
            order = stream(0, "data-size", digest).permutation(len(own))
            away = np.abs(np.cumsum(sizes[order]) - self.share * row.sum())
            kept[:] = row & np.isin(groups, own[order[: int(away.argmin()) + 1]])
        return left


class Deduplication(Lever):
    """Of training examples that are copies of one another, byte by byte and with one target, one is trained on.

    `share` of the surplus copies is left out, at random; the one that stays is the first. Copies are seen or left out
    together, and who was trained on one has seen them all, so seen and unseen stay true. Near copies, and copies with
    other targets, stay. In phases, what each phase repeats is left out of it. share 0 changes nothing. What is learned
    by heart of the copied examples falls as the share rises, where it is not all of them. Reference: Lee, Ippolito,
    Nystrom, Zhang, Eck, Callison-Burch, Carlini 2022, Deduplicating training data makes language models better.

    Example:
        >>> Deduplication(share=1).idle, Deduplication(share=0).idle
        (False, True)
    """

    name: ClassVar[str] = "deduplication"
    instead: ClassVar[str] = "Leave it out: memory/duplicates lists near copies."
    share: Annotated[float, Field(ge=0, le=1)]

    @property
    def idle(self) -> bool:
        """At share 0."""
        return self.share == 0

    def against(self, data: Data) -> str:
        """There are none."""
        return "" if any(len(one) for one in _again(data)) else "examples among which none is an exact copy of another"

    def data(self, data: Data) -> Data:
        """The same data whose phases, or one phase, leave out the copies."""
        courses = []
        for phase, (course, again) in enumerate(zip(data.courses, _again(data), strict=True)):
            out = stream(0, "deduplication", phase).permutation(again)[: round(self.share * len(again))]
            courses.append(np.delete(course, out))
        if all(len(one) == len(course) for one, course in zip(courses, data.courses, strict=True)):
            return data
        return replace(data, phases=tuple(courses), grouped=data.grouping)


def _again(data: Data) -> list[np.ndarray]:
    """Places in each phase of what it holds a second time: of one group, one input and one target."""
    y = np.unique(data.train.y, axis=0, return_inverse=True)[1].reshape(len(data.train))
    same = np.stack([data.groups, exact_groups(data.train.x), y], 1)
    content = np.unique(same, axis=0, return_inverse=True)[1].reshape(len(same))
    firsts = [np.unique(content[course], return_index=True)[1] for course in data.courses]
    return [np.setdiff1d(np.arange(len(course)), first) for course, first in zip(data.courses, firsts, strict=True)]
