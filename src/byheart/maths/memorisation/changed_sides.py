"""Which examples does one recipe memorise, or get right unseen, and the other not? Told from noise by swaps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from byheart.maths.inputs import array, members_mask
from byheart.maths.memorisation.share import Fit
from byheart.maths.shapes import Bool, Given, Int, Shaped

SURE = 0.95  # an example is on a side where the probability that it is exceeds this, and on the other below 1 - this
SWAPS = 20


class Change(NamedTuple):
    """(n,) examples on a side in the first recipe alone, and in the second alone; how many change under swaps.

    `by_chance` is the mean over the swaps, `most` the largest.
    """

    first: Bool[np.ndarray, " n"]
    second: Bool[np.ndarray, " n"]
    by_chance: float
    most: int


def changed_sides(
    correct: Given[Any, "m n"],
    mask: Given[Any, "m n"],
    other_correct: Given[Any, "r n"],
    other_mask: Given[Any, "r n"],
    rng: np.random.Generator,
    threshold: float = 0.25,
) -> dict[str, Change]:
    r"""Which examples stand on one side in one recipe and on the other side in the other?

    `memorised`: p - q >= threshold; `right_unseen`: q > 1/2, with p and q the accuracies of members that saw the
    example and of those that did not (`share.memorised_share`). Their distribution is fitted once, to the examples of
    both recipes, and half of its weight then spread evenly. An example changed sides where the probability of the side
    exceeds 0.95 in one and is below 0.05 in the other: whoever is in between is counted for nobody. What that rule
    yields by noise is counted by swapping: where both recipes are the same, a member of the one may as well be that of
    the other, so members on the same subset are exchanged at random (all members are dealt anew where the two have
    other subsets) and the rule is applied again, 20 times. Copies that change together do so in the swaps as well.

    Rote against Oracle: every example that Rote does not guess. A recipe against itself: none.

    Args:
        correct: (m, n) True where a member of the first recipe is right.
        mask: (m, n) True where it saw the example.
        other_correct: (r, n) of the second.
        other_mask: (r, n) of the second; equal to `mask` where members are paired.
        rng: for the swaps.
        threshold: smallest p - q that counts as memorised.

    Returns:
        `memorised` and `right_unseen`, a `Change` each.

    Raises:
        InputRefused: wrong shapes, NaN, a mask that is not boolean.

    Cost: a fit of twice the examples, and 20 look-ups. Fails when: members are few: then nobody is sure of anything,
    and no example changes.

    Reference: permutation under exchangeability: Fisher 1935, "The design of experiments", section 21; the
    distribution: Laird 1978, as in `memorised_share`.

    >>> rng = np.random.default_rng(0)
    >>> mask = rng.random((32, 50)) < 0.6
    >>> found = changed_sides(mask, mask, np.ones((32, 50), bool), mask, rng)["memorised"]
    >>> int(found.first.sum()), int(found.second.sum()), found.most
    (50, 0, 2)
    """
    first, second = (array(one, "correct", "mn").astype(bool) for one in (correct, other_correct))
    masks = [members_mask(one, of.shape).astype(np.int8) for one, of in ((mask, first), (other_mask, second))]
    paired = masks[0].shape == masks[1].shape and bool((masks[0] == masks[1]).all())
    right, seen = np.concatenate([first, second]), np.concatenate(masks)
    rows = np.arange(len(first)), len(first) + np.arange(len(second))
    fit = Fit(*_side_by_side(right, seen, rows))

    def apart(rows: tuple[np.ndarray, np.ndarray]) -> dict[str, np.ndarray]:
        asked = fit.under(*_side_by_side(right, seen, rows))
        both = {"memorised": asked.memorised(threshold), "right_unseen": asked.right_unseen()}
        return {name: _on_one_side(one.reshape(2, -1)) for name, one in both.items()}

    swapped = [apart(one) for one in _swaps(rows, paired, rng)]
    counts = {name: [int(one[name].sum()) for one in swapped] for name in ("memorised", "right_unseen")}
    return {
        name: Change(*sides, float(np.mean(counts[name])), max(counts[name])) for name, sides in apart(rows).items()
    }


def _on_one_side(probability: Shaped[np.ndarray, "2 n"]) -> Bool[np.ndarray, "2 n"]:
    """Surely there in this recipe, surely not in the other."""
    return (probability > SURE) & (probability[::-1] < 1 - SURE)


def _side_by_side(
    right: Bool[np.ndarray, "r n"], seen: Int[np.ndarray, "r n"], rows: tuple[np.ndarray, np.ndarray]
) -> tuple[Bool[np.ndarray, "m k"], Int[np.ndarray, "m k"]]:
    """The members in both lists of rows as if of twice as many examples; those that lack count for neither side."""
    most, n = max(map(len, rows)), right.shape[1]
    both = np.zeros((most, 2 * n), bool), np.full((most, 2 * n), -1, np.int8)
    for k, chosen in enumerate(rows):
        for made, of in zip(both, (right, seen)):
            made[: len(chosen), k * n : (k + 1) * n] = of[chosen]
    return both


def _swaps(
    rows: tuple[np.ndarray, np.ndarray], paired: bool, rng: np.random.Generator
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The rows with members exchanged between the two lists: pair by pair, or all dealt anew."""
    first, second = rows
    for _ in range(SWAPS):
        if paired:
            swap = rng.random(len(first)) < 0.5
            yield np.where(swap, second, first), np.where(swap, first, second)
        else:
            order = rng.permutation(len(first) + len(second))
            yield order[: len(first)], order[len(first) :]
