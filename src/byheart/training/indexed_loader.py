"""Numbered: the batches of a DataLoader with the positions of their examples."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from torch.utils.data import DataLoader, Dataset, IterableDataset

from byheart.errors import InputRefused


class _Numbered(Dataset):
    """Items of a dataset with their position."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, position: int) -> tuple[int, Any]:
        return int(position), self.dataset[position]


class _Collate:
    """The loader's own collation, with the positions kept aside."""

    def __init__(self, collate: Callable[[list], Any]) -> None:
        self.collate = collate

    def __call__(self, pairs: list[tuple[int, Any]]) -> tuple[list[int], Any]:
        return [position for position, _ in pairs], self.collate([item for _, item in pairs])


def numbered(loader: Any, n: int) -> Iterator[tuple[list[int], Any]]:
    """(positions, batch) of a DataLoader, in its own order, drawn from its own sampler.

    Raises:
        InputRefused: not a DataLoader with a sampler of positions, or a dataset of another length than n.
    """
    if not isinstance(loader, DataLoader) or isinstance(loader.dataset, IterableDataset) or not loader.batch_sampler:
        raise InputRefused(
            expected="a torch DataLoader that samples positions in batches",
            came=type(loader).__name__,
            do="Call trace.batch(indices) in the loop.",
        )
    if len(loader.dataset) != n:
        raise InputRefused(
            expected=f"a DataLoader over the {n} examples given to record, in their order",
            came=f"a dataset of {len(loader.dataset)}",
            do="Give the same examples to both.",
        )
    yield from DataLoader(
        _Numbered(loader.dataset),
        batch_sampler=loader.batch_sampler,
        collate_fn=_Collate(loader.collate_fn),
        num_workers=loader.num_workers,
        generator=loader.generator,
        worker_init_fn=loader.worker_init_fn,
    )
