"""How many bits does a passage cost each member? The bank's code for sequences, from lengths on a grid of pools."""

from __future__ import annotations

from typing import Any

import numpy as np

from byheart.errors import InputRefused
from byheart.maths.codes.calibration import halves
from byheart.maths.inputs import array, members_mask
from byheart.maths.shapes import Float, Given
from byheart.maths.statistics.seen_unseen import BankLengths

# weights b of the model in the pool softmax(b z + (1 - b) log q0): 0 is the reference alone, 1 the model as it speaks
GRID = (0.0, 0.25, 0.5, 0.7, 0.85, 1.0, 1.2, 1.5)


def token_frequencies(tokens: Given[Any, " ..."], v: int) -> Float[np.ndarray, " v"]:
    r"""How often does each token come?

    The reference code of sequences.

    q0(u) = (c(u) + 1/2) / (N + v/2), c(u) counts among the N counted tokens. Shares that sum to 1, none of them 0. Both
    poles are coded against it.

    Args:
        tokens: whole numbers of any shape, 0 to v - 1; -1 is not counted.
        v: how many tokens there are.

    Returns:
        (v,) float64.

    Raises:
        InputRefused: tokens out of range.

    Cost: one pass. Fails when: training and what is coded have other tokens.

    Reference: Krichevsky and Trofimov 1981, "The performance of universal encoding", the estimator of one half.

    >>> token_frequencies([[0, 1], [1, -1]], 3).round(3).tolist()
    [0.333, 0.556, 0.111]
    """
    tokens = np.asarray(tokens)
    if tokens.size and (tokens.min() < -1 or tokens.max() >= v):
        raise InputRefused(
            expected=f"tokens from 0 to {v - 1}, or -1", came=f"from {tokens.min()} to {tokens.max()}",
            do="Number the tokens.",
        )  # fmt: skip
    counts = np.bincount(tokens[tokens >= 0], minlength=v) + 0.5
    return counts / counts.sum()


def passage_lengths(
    pool_nats: Given[Any, "m n g"],
    mask: Given[Any, "m n"],
    seed: int = 0,
    *,
    ids: Given[Any, " n"] | None = None,
    groups: Given[Any, " n"] | None = None,
    grid: Given[Any, " g"] = GRID,
) -> BankLengths:
    r"""How many bits does each passage cost without a model, and how many each member?

    pool_nats[j, i, g] = sum_t -log softmax(b_g z_t + (1 - b_g) log q0)[token_t] of member j on passage i, q0 the
    frequencies of single tokens; b = 0 is the reference code, b = 1 the model as it speaks. Passages are cut into two
    halves by a seeded hash of their ids; for each half and each side (seen, unseen) the b of the grid that codes the
    other half's passages of that side shortest, shared by all members, is used here, mixed with the reference: p~ =
    (1 - e) p + e q0 of whole passages, e = 1/(n + 2). So nobody pays more than log2(n + 2) bits above the reference,
    and whoever knows nothing is coded like it.

    Unit: bits a passage. Rote: in about 0, out = reference. Oracle: in = out.

    Args:
        pool_nats: (m, n, g) summed code lengths on the grid.
        mask: (m, n) True where the member saw the passage.
        seed: of the hash that cuts the halves.
        ids: (n,) stable names; row numbers if absent.
        groups: (n,) names of groups (copies of one another) that must fall in one half.
        grid: (g,) the weights b, the first 0.

    Returns:
        `reference_bits` (n,) and `member_bits` (m, n).

    Raises:
        InputRefused: wrong shapes, NaN, a grid that does not begin with 0.

    Cost: O(m n g). Fails when: the best b lies outside the grid: lengths are then longer than they need be.

    Reference: byheart, reference/complexity.md 3.7 steps 1 to 5, the pool with one free weight on a printed grid
    in the place of two fitted ones, because logits of all tokens are not kept.

    >>> nats = np.full((2, 4, 2), 3.0); nats[:, :, 1] = 1.0
    >>> bits = passage_lengths(nats, np.ones((2, 4), bool), grid=(0.0, 1.0))
    >>> bool((bits.member_bits < bits.reference_bits).all())
    True
    """
    nats = array(pool_nats, "pool_nats", "mng").astype(np.float64)
    m, n, g = nats.shape
    if len(grid) != g or g < 2 or grid[0] != 0 or m < 1 or n < 1:
        raise InputRefused(
            expected="pool_nats (m, n, g) over a grid of g weights that begins with 0",
            came=f"shape {nats.shape}, grid {tuple(grid)}",
            do="Record the lengths on the grid of maths.codes.passages.",
        )
    mask = members_mask(mask, (m, n))
    reference = nats[:, :, 0].mean(0)
    mix = 1 / (n + 2)
    mixed = -np.logaddexp(np.log1p(-mix) - nats, np.log(mix) - reference[None, :, None])
    first = halves(n, seed, ids, groups)
    lengths = np.empty((m, n))
    for seen in (True, False):
        for here, there in ((first, ~first), (~first, first)):
            fitted = (mask == seen) & there
            # no passage of this side in the other half: nothing is known, the reference is used
            b = int(mixed[fitted].mean(0).argmin()) if fitted.any() else 0
            used = (mask == seen) & here
            lengths[used] = mixed[used][:, b]
    return BankLengths(reference / np.log(2), lengths / np.log(2))
