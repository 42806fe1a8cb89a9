"""How many bits of the labels are understood, memorised, left? The bit budget of a bank, and its codes.

Real-valued targets have a budget of their variance (`variance`; `variance_budget` can be imported from here as well).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from byheart.errors import InputRefused
from byheart.maths.codes.calibration import fit_pool, halves, lengths_nats
from byheart.maths.inputs import array, class_labels, members_mask, same_shape
from byheart.maths.shapes import Float, Given
from byheart.maths.statistics.seen_unseen import BankCode, BankLengths, side_means


class Budget(NamedTuple):
    """Bits of each example, (n,) each: `understood` + `memorised` + `left` = reference."""

    understood: np.ndarray
    memorised: np.ndarray
    left: np.ndarray


def bit_budget(reference_bits: Given[Any, " n"], in_bits: Given[Any, " n"], out_bits: Given[Any, " n"]) -> Budget:
    r"""Of the bits that an example's label costs, how many are understood, memorised, and left unexplained?

    understood_i = reference_i - out_i, memorised_i = out_i - in_i, left_i = in_i, so that they add up to
    reference_i (to rounding): reference_i the code length without a model, in_i with members that saw the
    example, out_i with members that did not. Unit: bits; each part can be negative (a wrong label costs who
    understands more than the reference does). Rote: memorised = reference, understood = 0. Oracle: understood
    = reference minus noise, memorised = 0. A model that knows nothing: left = reference.

    Args:
        reference_bits: (n,) bits of each label under the reference code.
        in_bits: (n,) bits under the members that saw it; NaN where none did.
        out_bits: (n,) bits under the members that did not; NaN where none.

    Returns:
        `understood`, `memorised`, `left`, each (n,) bits; NaN where a code that they need is NaN.

    Raises:
        InputRefused: shapes that differ, or an infinite code length.

    Cost: O(n). Fails when: the three codes are not calibrated alike, see `bank_code`.

    Reference: byheart, reference/complexity.md 3.6 step 4; after Morris et al. 2025, "How much do language
    models memorize?", arXiv 2505.24832, section 2.

    >>> budget = bit_budget([2.0, 2.0], [0.5, 0.0], [1.0, 3.0])
    >>> budget.understood, budget.memorised, budget.left
    (array([ 1., -1.]), array([0.5, 3. ]), array([0.5, 0. ]))
    """
    named = {"reference_bits": reference_bits, "in_bits": in_bits, "out_bits": out_bits}
    bits = {name: array(value, name, "n", finite=False).astype(np.float64) for name, value in named.items()}
    for name, value in bits.items():
        same_shape(value, name, bits["reference_bits"].shape)
        if np.isinf(value).any():
            raise InputRefused(
                f"{name} finite or NaN", "infinity", "Mix the code with the reference, as bank_code does."
            )
    reference, inside, outside = bits.values()
    return Budget(reference - outside, outside - inside, inside.copy())


def bank_code(
    logits: Given[Any, "m n k"],
    labels: Given[Any, " n"],
    mask: Given[Any, "m n"],
    seed: int = 0,
    *,
    ids: Given[Any, " n"] | None = None,
    groups: Given[Any, " n"] | None = None,
) -> BankCode:
    r"""How many bits does each label cost: without a model, with members that saw it, with the others?

    Reference code: q0(c) = (count of c + 1/2)/(n + k/2), reference_i = -log2 q0(y_i). Model code: p =
    softmax(b z + a log q0), z the logits, mixed p~ = (1 - e) p + e q0, e = 1/(n + 2), so nothing is infinite;
    length -log2 p~(y_i). The examples are cut in two halves by a seeded hash of their ids; for each half and
    each side (seen, unseen) one pair (b >= 0, a), shared by all members, is fitted on the other half's
    examples of that side, with the mixture in the fit (`pools.fit_pool`), and used here. in_i and out_i are
    means of lengths, never of probabilities, over the members of the side.

    Unit: bits, from about log2 1/(1 - e) to about log2 n + reference. Rote: in = 0, out = reference. Oracle:
    in = out. Multiplying all logits by a constant, adding a constant to a row, renaming classes, and
    reordering examples with their ids change nothing (a and b adapt); labels at random give out = reference
    on average.

    Args:
        logits: (m, n, k) scores of each member for each training example, any scale.
        labels: (n,) classes 0..k-1.
        mask: (m, n) True where the member saw the example. All True gives the in-code of models trained on
            all.
        seed: of the hash that cuts the halves.
        ids: (n,) stable names of the examples; row numbers if absent.
        groups: (n,) names of groups (copies of one another) that must fall in one half; ids if absent.

    Returns:
        `reference_bits`, `in_bits`, `out_bits`, each (n,) float64; NaN where a side has no member.

    Raises:
        InputRefused: wrong shapes, NaN or infinite logits, labels out of range, fewer than 2 classes.

    Cost: four fits of two parameters, about 15 passes over the logits; one copy of them in memory. Fails
    when: the halves are tiny (tens of examples), so that b and a are noise; a half whose counterpart has no
    row of that side is coded like the reference (b = 0, a = 1).

    Reference: byheart, reference/complexity.md 3.7; pooling: Genest and Zidek 1986, "Combining probability
    distributions", Statistical Science 1, section 3.2.

    >>> z = np.where(np.eye(2, dtype=bool)[[0, 1] * 4], 9.0, 0.0)[None]
    >>> code = bank_code(z, [0, 1] * 4, np.ones((1, 8), bool))
    >>> bool((code.in_bits < 0.1 * code.reference_bits).all()), bool(np.isnan(code.out_bits).all())
    (True, True)
    """
    reference, lengths = bank_lengths(logits, labels, mask, seed, ids=ids, groups=groups)
    return BankCode(reference, *side_means(lengths, members_mask(mask, lengths.shape)))


def bank_lengths(
    logits: Given[Any, "m n k"],
    labels: Given[Any, " n"],
    mask: Given[Any, "m n"],
    seed: int = 0,
    *,
    ids: Given[Any, " n"] | None = None,
    groups: Given[Any, " n"] | None = None,
    sides: tuple[bool, ...] = (True, False),
    crossed: bool = True,
) -> BankLengths:
    r"""How many bits does each label cost each member?

    The code of `bank_code` before it is averaged: -log2 p~ of member j for the label of example i, calibrated
    by the pool of the side on which member j stands to example i. Unit, range and poles as there.

    Args:
        logits: (m, n, k) scores of each member for each training example, any scale.
        labels: (n,) classes 0..k-1.
        mask: (m, n) True where the member saw the example.
        seed: of the hash that cuts the halves.
        ids: (n,) stable names of the examples; row numbers if absent.
        groups: (n,) names of groups (copies of one another) that must fall in one half; ids if absent.
        sides: which are coded: True seen, False left out; NaN on the other.
        crossed: calibrate each half by what was fitted on the other; False, by what was fitted on itself, which no
            calibration of two parameters can beat: the difference is what fitting them on so few labels costs.

    Returns:
        `reference_bits` (n,) and `member_bits` (m, n), float64.

    Raises:
        InputRefused: wrong shapes, NaN or infinite logits, labels out of range, fewer than 2 classes.

    Cost: as `bank_code`. Fails when: as `bank_code`.

    Reference: byheart, reference/complexity.md 3.7 steps 1 to 4.

    >>> bits = bank_lengths(np.zeros((3, 4, 2)), [0, 1, 0, 1], np.eye(3, 4, dtype=bool))
    >>> bits.member_bits.shape, bool(np.allclose(bits.member_bits, 1.0))
    ((3, 4), True)
    """
    logits = array(logits, "logits", "mnk")
    m, n, k = logits.shape
    if k < 2 or n < 1 or m < 1:
        raise InputRefused(
            expected="logits (m, n, k) with m, n >= 1 and k >= 2",
            came=f"shape {logits.shape}",
            do="For one score a row, stack it with zeros: (0, score).",
        )
    labels = class_labels(labels, n, k)
    mask = members_mask(mask, (m, n))
    if logits.dtype.kind != "f":
        logits = logits.astype(np.float64)
    counts = np.bincount(labels, minlength=k) + 0.5
    log_q = np.log(counts / counts.sum())
    mix = 1 / (n + 2)
    first = halves(n, seed, ids, groups)
    lengths = np.full((m, n), np.nan)
    for seen in sides:
        side = mask == seen
        places = [np.nonzero(side & half) for half in (first, ~first)]
        rows = [_centred(logits, *place) for place in places]
        own = [labels[place[1]] for place in places]
        for here, there in ((0, 1), (1, 0)):
            if len(rows[here]):
                fitted_on = there if crossed else here
                pool = fit_pool(rows[fitted_on], own[fitted_on], log_q, mix)
                lengths[places[here]] = lengths_nats(rows[here], own[here], log_q, pool, mix)
    return BankLengths(-log_q[labels] / np.log(2), lengths / np.log(2))


def _centred(logits: np.ndarray, members: np.ndarray, examples: np.ndarray) -> np.ndarray:
    """The chosen rows less their largest logit, in the precision of the logits."""
    rows = logits[members, examples]
    largest = rows[:, 0].copy()
    for column in rows.T[1:]:  # numpy is slow over a short last axis
        np.maximum(largest, column, out=largest)
    rows -= largest[:, None]
    return rows


def logits_from_probabilities(p: Given[Any, "... k"], n: int) -> Float[np.ndarray, "... k"]:
    r"""Which logits stand for these probabilities in the bank code?

    z = log max(p, 1/(n + 2)), n the number of training examples: no probability is smaller than what n
    examples can tell from 0. Range [-log(n + 2), 0], nats. Rote and Oracle keep their order of classes.

    Args:
        p: (..., k) probabilities; need not add up to 1.
        n: number of training examples.

    Returns:
        Logits of the same shape, float64.

    Raises:
        InputRefused: NaN, or values outside [0, 1] by more than 1e-6, or n < 1.

    Cost: one pass. Fails when: p are scores that are not probabilities (give those as logits).

    Reference: byheart, reference/complexity.md 3.7 step 7; Laplace 1774 (rule of succession).

    >>> logits_from_probabilities([1.0, 0.0], n=8).round(3)
    array([ 0.   , -2.303])
    """
    shape = np.shape(p)
    axes = "mnkxyz"[: len(shape)]
    p = array(p, "p", axes).astype(np.float64)
    if n < 1 or (p.size and (p.min() < -1e-6 or p.max() > 1 + 1e-6)):
        raise InputRefused(
            expected="probabilities from 0 to 1 and n >= 1",
            came=f"values from {p.min()} to {p.max()}, n={n}",
            do="Pass scores on another scale as logits.",
        )
    return np.log(np.clip(p, 1 / (n + 2), 1.0))


def logits_from_labels(predicted: Given[Any, "m n"], k: int) -> Float[np.ndarray, "... k"]:
    r"""Which logits stand for predictions that are only labels?

    The one-hot of each prediction: the pool then fits one rate of errors, and the code is an error-rate code.
    0 or 1, without unit. Rote and Oracle are told apart by being right alone.

    Args:
        predicted: (m, n) or (n,) predicted classes 0..k-1.
        k: number of classes.

    Returns:
        (..., k) logits, float32.

    Raises:
        InputRefused: labels out of range.

    Cost: k numbers a prediction. Fails when: confidence matters: it is not there.

    Reference: byheart, reference/complexity.md 3.7 step 7.

    >>> logits_from_labels([1, 0], 3)
    array([[0., 1., 0.],
           [1., 0., 0.]], dtype=float32)
    """
    predicted = array(predicted, "predicted", "mnxy"[: len(np.shape(predicted))])
    flat = class_labels(predicted.ravel(), predicted.size, k)
    return np.eye(k, dtype=np.float32)[flat].reshape(*predicted.shape, k)
