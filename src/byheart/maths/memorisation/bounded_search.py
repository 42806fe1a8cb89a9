"""Which of very many rows are nearest, when a bound from some of them leaves few to choose from?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from byheart.maths.shapes import Shaped

SAMPLE, PAYS = 4_096, 4  # columns that bound the smallest entries, and the parts of that size from which it pays
ROWS = 32  # asked at once: as many distances to all known rows stay near the processor


def bounded(n: int, k: int) -> bool:
    """Are the k smallest of n numbers found faster by a bound on them?

    Args:
        n: numbers.
        k: how many are wanted.

    Returns:
        True from n = 16,384 on. The poles have no part in it.

    Raises:
        Nothing: the callers choose k.

    Cost: none. Fails when: nothing. Reference: measured.

    >>> bounded(10_000, 10), bounded(20_000, 10)
    (False, True)
    """
    return n >= PAYS * max(SAMPLE, 4 * k)


def squared_blocks(asked: np.ndarray, known: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """How far is each row asked from each known row, squared, but for what is the same for all known rows?

    |b|^2 - 2 x.b of rows x and known rows b; columns in which these do not differ are left out.

    Args:
        asked: (q, d) rows.
        known: (n, d) rows.

    Returns:
        For some rows at a time the position of the first, and (a, n). One array holds every block in turn, so copy what
        is to stay. The poles have no part in it.

    Raises:
        Nothing: what comes is made by callers.

    Cost: O(q n d). Fails when: distances differ by less than the rounding of the squared norms. Reference: none.

    >>> [(start, block.tolist()) for start, block in squared_blocks(np.zeros((1, 1)), np.array([[1.0], [3.0]]))]
    [(0, [[1.0, 9.0]])]
    """
    varies = (known != known[:1]).any(0)
    asked, known = asked[:, varies], known[:, varies]
    product = np.vstack([-2 * known.T, np.einsum("nd,nd->n", known, known)])
    rows = np.column_stack([asked, np.ones(len(asked), asked.dtype)])
    block = np.empty((min(ROWS, len(asked)), len(known)), product.dtype)
    for start in range(0, len(asked), len(block)):
        part = rows[start : start + len(block)]
        yield start, np.matmul(part, product, out=block[: len(part)])


def within_reach(block: Shaped[np.ndarray, "a n"], k: int) -> tuple[np.ndarray, np.ndarray]:
    """Which entries of each row can be among its k smallest?

    The k-th smallest of some of the columns is at least the k-th smallest of all, so one comparison of every entry
    leaves a few: choosing among these gives what choosing among all would, ties too.

    Args:
        block: (a, n) numbers of at least PAYS SAMPLE columns.
        k: how many are wanted.

    Returns:
        (a, c) the entries left, in the order of their columns, infinity behind them; (a, c) their columns.

    Raises:
        Nothing: `bounded` says where it is of use.

    Cost: two passes over the block. Fails when: nothing; it is slower where more than k entries tie. Reference: none.

    >>> values, columns = within_reach(np.arange(20_000.0)[None, ::-1], 2)
    >>> values[0].tolist(), columns[0].tolist()
    ([7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0, 0.0], [19992, 19993, 19994, 19995, 19996, 19997, 19998, 19999])
    """
    n = block.shape[1]
    edge = np.partition(block[:, :: max(1, n // max(SAMPLE, 4 * k))], k - 1, 1)[:, k - 1 : k]
    flat = np.flatnonzero(block <= edge)
    ends = np.searchsorted(flat, n * np.arange(len(block) + 1))
    count = np.diff(ends)
    row = np.repeat(np.arange(len(block)), count)
    at, column = (row, np.arange(len(flat)) - ends[row]), flat - n * row
    values = np.full((len(block), int(count.max())), np.inf, block.dtype)
    columns = np.zeros(values.shape, int)
    values[at], columns[at] = block[row, column], column
    return values, columns
