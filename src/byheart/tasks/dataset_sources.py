"""Dataset sources: what of a dataset or of a loader over one is read, and what is refused by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from byheart.errors import InputRefused
from byheart.records.formatting import with_article
from byheart.tasks.datasets import Source
from byheart.tasks.huggingface import label_of

NO_CHANCE = ("SequentialSampler", "RandomSampler", "SubsetRandomSampler")
BYHEARTS_OWN = "order, workers and drop_last are those of byheart's own loop"


def source_of(value: Any) -> Source | None:
    """What is read where `value` is a dataset or a loader; None for anything else.

    Raises:
        InputRefused: a stream, a dictionary of datasets, or a loader that samples or puts batches together by itself.

    Example:
        >>> class Squares:
        ...     def __len__(self): return 30
        ...     def __getitem__(self, i): return [float(i)], i % 2
        >>> source_of(Squares()).rows[-1], source_of(([1.0], [0]))
        (np.int64(29), None)
    """
    if _is(value, "torch.utils.data", "DataLoader"):
        return _of_loader(value)
    if isinstance(value, Mapping) and value and all(map(is_huggingface, value.values())):
        raise InputRefused(
            expected="one dataset",
            came=f"{with_article(type(value).__name__)} of {', '.join(map(str, value))}",
            do="Give bh.audit(data['train'], test=data['test'], ...).",
        )
    if _is(value, "torch.utils.data", "IterableDataset") or _is(value, "datasets", "IterableDataset"):
        raise _stream(value)
    if is_huggingface(value):
        return _of_dataset(value)
    if _is_plain(value) or not hasattr(value, "__getitem__"):
        if hasattr(value, "__next__"):
            raise _stream(value)
        return None
    return _of_dataset(value)


def _of_dataset(dataset: Any) -> Source:
    try:
        rows = np.arange(len(dataset))
    except (TypeError, NotImplementedError):
        raise _stream(dataset) from None
    title = type(dataset).__name__
    if is_huggingface(dataset):
        label, classes = label_of(dataset)
        return Source(dataset, rows, title, label, classes)
    return Source(dataset, rows, title, classes=_classes(dataset))


def is_huggingface(value: Any) -> bool:
    """Is it a dataset of Hugging Face `datasets`, with items by position?"""
    return _is(value, "datasets", "Dataset")


def _of_loader(loader: Any) -> Source:
    if _is(loader.dataset, "torch.utils.data", "IterableDataset"):
        raise _stream(loader.dataset)
    source, sampler = _of_dataset(loader.dataset), loader.sampler
    if loader.batch_size is None:
        raise InputRefused(
            expected="a DataLoader with a batch_size",
            came="one without, or with a batch_sampler: which examples meet in a batch is then not byheart's to choose",
            do="Give the dataset itself, or train in fit=.",
        )
    rows, notes = _rows(sampler, source.rows), (f"from a DataLoader: {BYHEARTS_OWN}",)
    if len(rows) < len(source.rows):
        notes = (*notes, f"its sampler gives {len(rows):,} of {len(source.rows):,} items, in the order of the dataset")
    return Source(
        dataset=loader.dataset, rows=rows, title=source.title, label=source.label, classes=source.classes,
        batch=loader.batch_size, collate=_own_collate(loader), notes=notes,
    )  # fmt: skip


def _rows(sampler: Any, every: np.ndarray) -> np.ndarray:
    """The positions that a sampler gives, each once, in the order of the dataset."""
    rows = np.sort(np.asarray(sampler.indices, np.int64)) if hasattr(sampler, "indices") else every
    plain = _is(sampler, "torch.utils.data", *NO_CHANCE) and not getattr(sampler, "replacement", False)
    if not plain or len(sampler) != len(np.unique(rows)):
        raise InputRefused(
            expected="a DataLoader that gives each example once per epoch (shuffled or not)",
            came=f"one whose {type(sampler).__name__} draws them otherwise",
            do="Give loader.dataset without the sampler, or sample in fit=.",
        )
    return rows


def _own_collate(loader: Any) -> Any:
    """The `collate_fn` of a loader, where it is not torch's own, which stacks."""
    from torch.utils.data import default_collate

    return None if loader.collate_fn is default_collate else loader.collate_fn


def _classes(dataset: Any) -> tuple[str, ...]:
    """The names that a dataset (of torchvision) has for its labels 0, 1, ..."""
    names = getattr(dataset, "classes", None)
    if isinstance(names, list | tuple) and all(isinstance(name, str) for name in names):
        return tuple(names)
    return ()


def _is(value: Any, package: str, *names: str) -> bool:
    """Is it of one of these classes, or of a class made from one? Nothing is imported for it."""
    return any(
        base.__name__ in names and f"{base.__module__}.".startswith(f"{package}.") for base in type(value).__mro__
    )


def _is_plain(value: Any) -> bool:
    """An array, frame, series, list, mapping or text."""
    return (
        value is None
        or isinstance(value, list | tuple | str | bytes | Mapping | type)
        or hasattr(value, "shape")
        or hasattr(value, "dtype")
    )


def _stream(value: Any) -> InputRefused:
    return InputRefused(
        expected="a dataset with a length, whose items are read by position",
        came=f"{with_article(type(value).__name__)}: a stream, of which no example can be left out",
        do="Collect it first: xs, ys = zip(*dataset), and give (xs, ys) stacked.",
    )
