"""What must not change unseen: the bits of data and arrays, and the global random states."""

from __future__ import annotations

import hashlib
import random
import sys
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from byheart.records.spec import canonical
from byheart.tasks.data import Data


def digest_of(parts: Iterable[tuple[str, Any]]) -> str:
    """SHA-256 of named values, bit by bit where they are arrays."""
    content = hashlib.sha256()
    for label, value in parts:
        content.update(label.encode())
        if isinstance(value, np.ndarray):
            content.update(f"{value.dtype.str}{value.shape}".encode())
            content.update(np.ascontiguousarray(value).tobytes())
        else:
            content.update(repr(value).encode())
    return content.hexdigest()


def fingerprint(data: Data) -> str:
    """SHA-256 of every bit of the data: arrays with their types, output, truth and what is said about it."""
    return digest_of(_parts(data))


def _parts(data: Data) -> Iterator[tuple[str, Any]]:
    yield from ((f"phase {i}", positions) for i, positions in enumerate(data.phases))
    for label, examples in sorted(data.views.items()):
        yield f"{label} ids", examples.ids
        yield f"{label} x", examples.x
        yield f"{label} y", examples.y
        for name in sorted(examples.meta):
            yield f"{label} {name}", examples.meta[name]
    truth = data.truth
    yield from ((name, getattr(truth, name)) for name in ("clean", "changed", "posterior", "repeats", "exponents"))
    yield "known", (truth.chance_loss_nats, truth.chance_accuracy, truth.dimension)
    yield "truth", (truth.redrawn, truth.best_loss_nats, sorted(truth.sources.items()))
    yield "output", data.output
    yield "about", canonical(dict(data.about))


def random_state() -> tuple[Any, ...]:
    """The global random states of Python, NumPy and, where it is imported, torch."""
    kind, keys, *rest = np.random.get_state()
    torch = sys.modules.get("torch")
    drawn = torch.get_rng_state().numpy().tobytes() if torch else b""
    return random.getstate(), kind, keys.tobytes(), rest, drawn
