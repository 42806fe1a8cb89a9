"""What a step sets in its process while it runs: the threads of every library, and who hears warnings."""

from __future__ import annotations

import contextlib
import functools
import sys
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any


@contextlib.contextmanager
def fixed_threads(count: int) -> Iterator[None]:
    """Intra-op threads fixed while a step runs, those of every library: the count is part of its key."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        # numpy's, scipy's and scikit-learn's threads are not torch's
        with _pools(len(sys.modules)).limit(limits=count):
            yield
    finally:
        torch.set_num_threads(before)


@functools.lru_cache(maxsize=1)
def _pools(modules: int) -> Any:
    """The threads of every library that is loaded: looked for again (milliseconds) once another module was imported."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


@contextlib.contextmanager
def warnings_heard() -> Iterator[Counter[str]]:
    """Warnings of the user's code are counted, in place of being printed once more for every member.

    Example:
        >>> with warnings_heard() as heard:
        ...     warnings.warn("too few steps", UserWarning, stacklevel=1)
        >>> [text.partition(" (")[0] for text in heard]
        ['UserWarning: too few steps']
    """
    heard: Counter[str] = Counter()

    def show(message: Any, category: type[Warning], filename: str, lineno: int, *more: Any) -> None:
        first = next(iter(str(message).strip().splitlines()), "")
        heard[f"{category.__name__}: {first} ({Path(filename).name} line {lineno})"] += 1

    before, warnings.showwarning = warnings.showwarning, show
    try:
        yield heard
    finally:
        warnings.showwarning = before
