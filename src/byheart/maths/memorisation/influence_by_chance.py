"""How large is the largest of all influences by chance, where pairs are too many to shuffle? In closed form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.stats import hypergeom

from byheart.errors import InputRefused
from byheart.maths.inputs import array, members_mask
from byheart.maths.shapes import Float, Given


def largest_by_chance(
    right: Given[Any, "m q"], mask: Given[Any, "m n"], expected: Sequence[float]
) -> Float[np.ndarray, " e"]:
    r"""Above which influence do so many pairs, or fewer, stand by chance?

    When the m members are permuted, of the s that are right about a query hypergeometrically many, H, fall among the a
    that saw a training example, and the influence is H/a - (s - H)/(m - a). So with N_a training examples and Q_s
    queries of each kind the expected number of pairs above t is, for any dependence between pairs,

        E(t) = sum over a, s of N_a Q_s P(H/a - (s - H)/(m - a) > t),

    and P(the largest of all > t) <= E(t). Given e, the least influence t that can occur with E(t) <= e: e = 1/200 is a
    bar that chance passes at most once in 200, e = log 2 about the median of the largest (pairs as if independent).

    Args:
        right: (m, q) bool: the member is right about the query.
        mask: (m, n) True where the member saw the training example.
        expected: e, each above 0.

    Returns:
        (e,) influences, rounded to 6 digits; NaN where no training example has members on both sides, 0 where no query
        ever varies. The poles have no part in it.

    Raises:
        InputRefused: wrong shapes, outcomes that are not right or wrong.

    Cost: O(m^2) for each different number of members that saw an example. Fails when: many pairs hang together (copies
    among the queries): the bar is then higher than it need be, never lower.

    Reference: Bonferroni's inequality with Fisher's hypergeometric tail; Westfall and Young 1993, "Resampling-based
    multiple testing", section 2.3, for the shuffles in whose place it stands.

    >>> mask = np.arange(64)[:, None] < 45
    >>> largest_by_chance(np.arange(64)[:, None] < 32, mask, [0.5, 1e-6])
    array([-0.037427,  0.636257])
    """
    right = array(right, "right", "mq")
    if not np.isin(right, (0, 1)).all():
        raise InputRefused("outcomes that are right or wrong", f"{right.dtype}", "Shuffle other outcomes.")
    mask = members_mask(mask, (len(right), array(mask, "mask", "mn").shape[1]))
    m, saw, hits = len(mask), mask.sum(0), right.sum(0).astype(int)
    kinds, examples = np.unique(saw[(saw > 0) & (saw < m)], return_counts=True)
    queries = np.bincount(hits, minlength=m + 1)
    if not len(kinds) or not queries.sum():
        return np.full(len(expected), np.nan)
    s, among = np.arange(m + 1)[:, None], np.arange(m + 1)  # right in all; right among those that saw
    values, pairs = [], []
    for a, n in zip(kinds.tolist(), examples.tolist()):
        pairs.append(n * queries[:, None] * hypergeom.pmf(among, m, s, a))
        values.append(among / a - (s - among) / (m - a))
    value, count = np.round(np.concatenate(values), 6), np.concatenate(pairs)
    value, count = value[count > 0], count[count > 0]
    levels, place = np.unique(value, return_inverse=True)
    total = np.bincount(place, count)
    above = np.append(np.cumsum(total[::-1])[::-1][1:], 0.0)
    return levels[[int(np.argmax(above <= e)) for e in expected]]
