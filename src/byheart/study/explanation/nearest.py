"""Nearest: which training examples look most like one example? No model is asked."""

from __future__ import annotations

import numpy as np

from byheart.tasks.data import Data, Examples

RUN = 5  # tokens
BLOCK_BYTES = 16_000_000  # of training inputs that are compared at once: all of them may be many times that


def distances(data: Data) -> np.ndarray:
    """Distance (n,) of each training example to the one of the view `query`.

    Passages: 1 - J, J the Jaccard index of their runs of five tokens: how many different runs both have, over how many
    either has; padding does not count; 0 for copies, 1 where nothing is in common. All else: Euclidean, on inputs
    prepared as a model that sees all training examples gets them (numbers standardised, categories one-hot).

    Cost: one pass over the training examples.

    Reference: Jaccard 1901; Broder 1997, "On the resemblance and containment of documents" (runs of tokens).

    Example:
        >>> from byheart.tasks.data import Truth
        >>> from byheart.tasks.output import Tokens
        >>> train = Examples(np.arange(2), *[np.array([[0, 1, 2, 3, 4, 0], [4, 3, 2, 1, 0, 0]])] * 2)
        >>> views = {"train": train, "query": train.take(np.array([1]))}
        >>> data = Data(views, Tokens(5), Truth(), {})
        >>> distances(data).tolist()
        [1.0, 0.0]
    """
    if data.output.passages:
        return _by_runs(data.train, data.views["query"])
    from byheart.training.preprocessing import prepare

    views = prepare(data, np.arange(len(data.train)))
    train, query = views["train"].reshape(len(data.train), -1), views["query"].reshape(-1)
    rows = max(1, BLOCK_BYTES // (8 * train.shape[1]))
    blocks = (train[start : start + rows].astype(np.float64) for start in range(0, len(train), rows))
    return np.concatenate([np.sqrt(((block - query) ** 2).sum(1)) for block in blocks])


def _by_runs(train: Examples, query: Examples) -> np.ndarray:
    own = _runs(query, 0)
    found = np.ones(len(train))
    for row in range(len(train)):
        other = _runs(train, row)
        if either := len(own | other):
            found[row] = 1 - len(own & other) / either
    return found


def _runs(examples: Examples, row: int) -> set[bytes]:
    """The different runs of counted tokens; of fewer than five, the one there is."""
    tokens = examples.y[row][examples.y[row] >= 0].astype(np.int64)
    size = 8 * RUN
    raw = tokens.tobytes()
    return {raw[at : at + size] for at in range(0, max(len(raw) - size, 0) + 8, 8)} if raw else set()
