"""How are examples laid out so that a distance between two of them means something?"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from byheart.errors import InputRefused
from byheart.maths.shapes import Float, Given

Form = Literal["columns", "pictures", "tokens"]

RUN = 5  # tokens
ROWS = 256  # pictures at once


def comparable(
    x: Given[Any, "n ..."],
    other: Given[Any, "q ..."] | None = None,
    form: Form = "columns",
    categories: Given[Any, " d"] = (),
) -> tuple[Float[np.ndarray, "_ _"], ...]:
    r"""How are examples laid out so that a distance between two of them means something?

    `pictures`: pixels less their mean, over their norm: brightness and contrast do not count, and the squared distance
    is 2 (1 - cosine). `tokens`: which runs of five tokens occur, over the root of their number: the squared distance
    is 2 (1 - cosine), for passages of equal length 2 (1 - share of runs in common). `columns`: each is standardised by
    x; a category counts 1 where two differ, so does a missing cell against a filled one; squared distances are means
    over columns.

    Args:
        x: (n, ...) training examples; NaN is missing.
        other: (q, ...) new examples in the same form, or None.
        form: `columns`, `pictures` or `tokens`.
        categories: (d,) bool, columns of codes.

    Returns:
        (n, d') float32 and, with `other`, (q, d').

    Raises:
        InputRefused: rows of another length.

    Cost: O(n d). Fails when: copies are shifted or turned, which is another picture here.

    Reference: Gower 1971, "A general coefficient of similarity", Biometrics 27 (mixed columns); Broder 1997, "On the
    resemblance and containment of documents" (runs of tokens, here hashed to 2,048 places).

    >>> a, b = comparable([[0.0, 1.0], [0.0, 3.0]], [[0.5, 0.5]], "pictures")
    >>> bool(np.allclose(a[0], a[1])), bool((b == 0).all())
    (True, True)
    """
    views = [np.asarray(x)] + ([] if other is None else [np.asarray(other)])
    views = [view.reshape(len(view), -1) for view in views]
    if len({view.shape[1] for view in views}) > 1:
        came = " and ".join(str(view.shape[1]) for view in views)
        raise InputRefused("new examples of the length of the training examples", came, "Prepare both alike.")
    if form != "columns":
        return tuple(_contrast(view) if form == "pictures" else _runs(view) for view in views)
    return _standardised([view.astype(np.float64) for view in views], categories)


def _contrast(view: np.ndarray) -> np.ndarray:
    laid = np.empty(view.shape, np.float32)
    for start in range(0, len(view), ROWS):
        part = view[start : start + ROWS].astype(np.float64)
        part -= part.mean(1, keepdims=True)
        norm = np.sqrt((part**2).sum(1, keepdims=True))
        laid[start : start + ROWS] = part / np.where(norm > 1e-12, norm, 1.0)
    return laid


def _runs(view: np.ndarray) -> np.ndarray:
    tokens = view.astype(np.int64).astype(np.uint64)
    run = min(RUN, tokens.shape[1])
    code = np.zeros((len(view), tokens.shape[1] - run + 1), np.uint64)
    for at in range(run):  # wraps round at 2^64, which mixes
        code = (code ^ tokens[:, at : at + code.shape[1]]) * np.uint64(0x9E3779B97F4A7C15)
    place = (code >> np.uint64(53)).astype(int)  # 2,048 places
    there = np.zeros((len(view), 2048), np.float32)
    np.put_along_axis(there, place, 1.0, 1)
    return there / np.sqrt(there.sum(1, keepdims=True))


def _standardised(views: list[np.ndarray], categories: Any) -> tuple[np.ndarray, ...]:
    known = views[0]
    coded = np.zeros(known.shape[1], bool)
    coded[: len(categories)] = categories
    times = np.maximum((~np.isnan(known)).sum(0), 1)
    middle = np.where(np.isnan(known), 0.0, known).sum(0) / times
    spread = np.sqrt(np.where(np.isnan(known), 0.0, (known - middle) ** 2).sum(0) / times)
    laid = []
    for view in views:
        gone = np.isnan(view)
        parts = [np.where(gone, 0.0, (view - middle) / np.where(spread > 0, spread, 1.0))[:, ~coded], gone[:, ~coded]]
        for column in np.flatnonzero(coded):
            words = np.unique(np.concatenate([one[:, column] for one in views]))  # NaN is one of them
            code = np.where(gone[:, column], len(words) - 1, np.searchsorted(words, view[:, column]))
            parts.append(np.eye(len(words))[code] / np.sqrt(2))
        laid.append((np.hstack(parts) / np.sqrt(max(1, known.shape[1]))).astype(np.float32))
    return tuple(laid)
