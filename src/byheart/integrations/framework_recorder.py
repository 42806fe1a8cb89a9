"""Listening: a recording inside another library's loop, which tells neither indices nor shares."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from importlib import import_module
from types import ModuleType
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Sampler

from byheart.errors import InputRefused, UsageError
from byheart.maths.recording.gradient_sketch import AGREES
from byheart.maths.recording.trace import Part
from byheart.training.gradients import compare, scale
from byheart.training.recording import Recording


class Noted(Sampler):
    """A sampler of positions that keeps those it has given in `given`, until they are asked for."""

    def __init__(self, sampler: Any) -> None:
        self.sampler, self.given = sampler, deque()

    def __len__(self) -> int:
        return len(self.sampler)

    def __iter__(self) -> Iterator[int]:
        self.given.clear()  # an epoch whose last positions made no whole batch
        for position in self.sampler:
            self.given.append(int(position))
            yield position

    def __getattr__(self, name: str) -> Any:
        if name in ("sampler", "given"):
            raise AttributeError(name)
        return getattr(self.sampler, name)  # e.g. `set_epoch`

    def take(self, b: int) -> list[int]:
        """The first b positions given and not yet taken, which the loop's next batch is made of."""
        if len(self.given) < b:
            raise UsageError(
                expected=f"a batch of {b} examples drawn from the noted sampler",
                came=f"{len(self.given)} positions",
                do="Record without skipping batches and without a second iterator over the training data.",
            )
        return [self.given.popleft() for _ in range(b)]


def note(loader: Any, n: int) -> Noted:
    """Put a `Noted` in the place of the sampler of `loader`, in place.

    Raises:
        InputRefused: not a loader that samples positions in batches from n examples.
    """
    sampler = getattr(getattr(loader, "batch_sampler", None), "sampler", None)
    if isinstance(sampler, Noted):
        return sampler
    if sampler is None or not hasattr(loader, "dataset") or not hasattr(loader.dataset, "__getitem__"):
        raise InputRefused(
            expected="a DataLoader in one process that samples positions in batches",
            came=type(loader).__name__,
            do="Train in one process, without streaming; else use bh.record in a loop of your own.",
        )
    if len(loader.dataset) != n:
        raise InputRefused(
            expected=f"training data of the {n} examples given, in their order",
            came=f"{len(loader.dataset)}",
            do="Give examples=(x, y) row for row as the dataset has them.",
        )
    loader.batch_sampler.sampler = Noted(sampler)
    return loader.batch_sampler.sampler


class Listening(Recording):
    """A recording that finds out at every step how the loop scales the loss of each pass.

    Loops divide by the number of passes, by the tokens in all of them, or (some models) not at all; it shows in the
    gradient. One more backward pass a step is the price.
    """

    def _verified(self, t: int, parts: tuple[Part, ...]) -> tuple[Part, ...]:
        found = self.layout.flat(self.raw)
        for sizes in ([1.0] * len(parts), [float(len(part.ids)) for part in parts]):
            shared = tuple(replace(part, share=size) for part, size in zip(parts, sizes, strict=True))
            ratio, left = scale(self, dict(self.live.trained), shared, found)
            if left <= AGREES:
                # a ratio of small whole numbers is meant, and replays to the bit
                near = float(Fraction(ratio).limit_denominator(4096))
                ratio = near if abs(near - ratio) < 1e-5 * abs(ratio) else ratio
                return tuple(replace(part, share=part.share * ratio) for part in shared)
        compare(self, t, dict(self.live.trained), parts, found)
        return parts


def rows(batch: Any) -> int:
    """Examples in a batch: the first axis of its first tensor."""
    if isinstance(batch, Tensor):
        return len(batch)
    values = batch.values() if hasattr(batch, "values") else batch if isinstance(batch, tuple | list) else ()
    for value in values:
        if isinstance(value, torch.Tensor) and value.dim():
            return len(value)
    raise InputRefused(expected="batches that hold a tensor", came=type(batch).__name__, do="Use bh.record.")


def library(name: str, extra: str) -> ModuleType:
    """The module `name`, or a sentence that says what to install.

    Raises:
        UsageError: it is not installed.
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise UsageError(
            f"{name.partition('.')[0]} to be installed", str(error), f'Install it with: pip install "byheart[{extra}]".'
        ) from error
