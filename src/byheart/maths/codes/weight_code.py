"""How many bits does it take to write down the weights of a network? Quantised, under an adaptive arithmetic code."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
from scipy.special import gammaln

from byheart.errors import InputRefused
from byheart.maths.inputs import array
from byheart.maths.shapes import Float, Given, Int

# the coder's interval is [low, low + span), of 2^48 places: a symbol seen once in 2^40 still has one
PLACES = 1 << 48
HALF, QUARTER = PLACES >> 1, PLACES >> 2
LARGEST = 4096  # of a quantised weight, either sign


class Code(NamedTuple):
    """A code word: `bits` of `data` count, the rest of its last byte is 0."""

    bits: int
    data: bytes


def quantised(
    weights: Given[Any, " p"], centre: Given[Any, " p"], step: float
) -> tuple[Int[np.ndarray, " p"], Float[np.ndarray, " p"]]:
    r"""Which whole steps from a known centre stand nearest to these weights, and which weights are that?

    k_i = round((w_i - c_i) / step), decoded as c_i + step k_i: off by half a step at most.

    Args:
        weights: (p,) w.
        centre: (p,) c, what the decoder knows before: weights at the start, or trained on other examples.
        step: positive.

    Returns:
        (p,) k, and (p,) the decoded weights, float64.

    Raises:
        InputRefused: other shapes, NaN, a step that is not positive or too small for weights so far from the centre.

    Cost: O(p). Fails when: never. Reference: Lotfi et al. 2022, PAC-Bayes compression bounds so tight that they can
    explain generalization, NeurIPS, section 4.2 (learned levels there).

    >>> [part.tolist() for part in quantised([0.9, -0.2], [0.0, 0.0], 0.5)]
    [[2, 0], [1.0, 0.0]]
    """
    w, c = (array(one, name, "p").astype(np.float64) for one, name in ((weights, "weights"), (centre, "centre")))
    if w.shape != c.shape or not step > 0:
        raise InputRefused(
            expected="a positive step, and as many weights as places of the centre",
            came=f"step {step}, {w.shape} and {c.shape}",
            do="Give flat vectors of one model.",
        )
    k = np.rint((w - c) / step)
    if len(k) and np.abs(k).max() > LARGEST:
        raise InputRefused(
            expected=f"weights within {LARGEST} steps of the centre", came=f"{np.abs(k).max():.0f}",
            do="Give a larger step.",
        )  # fmt: skip
    return k.astype(np.int64), c + step * k


def code_bits(values: Given[Any, " p"]) -> float:
    r"""How many bits will the adaptive code of these whole numbers take, within two?

    With A letters and n_a of the p numbers at letter a, an adaptive code that starts with one count each pays
    log2 [ (p + A - 1)! / ((A - 1)! prod_a n_a!) ], in whatever order they come; and 2 floor(log2 A) + 1 say A.

    Args:
        values: (p,) whole numbers.

    Returns:
        Bits.

    Raises:
        InputRefused: not whole numbers, or too large ones.

    Cost: O(p). Fails when: never. Reference: Cover and Thomas 2006, Elements of Information Theory, section 13.2
    (Laplace's estimator).

    >>> round(code_bits([0] * 1000 + [1] * 10), 1), code_bits([0] * 1000)
    (90.9, 1.0)
    """
    letters = _letters(values)
    counts = np.bincount(letters) if len(letters) else np.zeros(1, int)
    a, p = len(counts), len(letters)
    nats = gammaln(p + a) - gammaln(a) - gammaln(counts + 1.0).sum()
    return float(nats / math.log(2)) + len(_gamma(a))


def encoded(values: Given[Any, " p"]) -> Code:
    r"""Which bits write down these whole numbers, without loss?

    Elias' gamma code of the number of letters, then an arithmetic code under counts that start at one and grow with
    every letter that was written. All alike at 0 cost one bit. `decoded` gives them back.

    Args:
        values: (p,) whole numbers, e.g. steps of quantised weights; the decoder knows p.

    Returns:
        The code word, whose length is `code_bits` within two bits.

    Raises:
        InputRefused: not whole numbers, or too large ones.

    Cost: about 2 microseconds a number where few letters are frequent. Fails when: never.

    Reference: Witten, Neal and Cleary 1987, Arithmetic coding for data compression, Communications of the ACM 30.

    >>> word = encoded([0, 0, 1, 0, -1, 0])
    >>> decoded(word, 6).tolist(), word.bits
    ([0, 0, 1, 0, -1, 0], 14)
    """
    letters = _letters(values).tolist()
    a = max(letters, default=0) + 1
    bits = _gamma(a)
    if a > 1:
        bits += _arithmetic(letters, a)
    return Code(len(bits), np.packbits(bits).tobytes())


def decoded(code: Code, p: int) -> Int[np.ndarray, " p"]:
    r"""Which whole numbers does a code word write down?

    Args:
        code: what `encoded` gave.
        p: how many numbers.

    Returns:
        (p,) the numbers.

    Raises:
        InputRefused: it is no code word.

    Cost: as `encoded`. Fails when: the word was changed, or p is another. Reference: as `encoded`.

    >>> decoded(encoded([3, -2]), 2).tolist()
    [3, -2]
    """
    bits = np.unpackbits(np.frombuffer(code.data, np.uint8))[: code.bits].tolist()
    zeros = bits.index(1) if 1 in bits else len(bits)
    if len(bits) < 2 * zeros + 1:
        raise InputRefused("a code word made by `encoded`", f"{code.bits} bits", "Give it as it was made.")
    a = int("".join(map(str, bits[zeros : 2 * zeros + 1])), 2)
    letters = np.zeros(p, np.int64) if a == 1 else np.array([*_read(bits[2 * zeros + 1 :], a, p)], np.int64)
    return np.where(letters % 2 == 1, (letters + 1) // 2, -(letters // 2))


def _letters(values: Any) -> np.ndarray:
    """(p,) from 0 the nearer to 0 the smaller: 0, 1, -1, 2, -2, ..."""
    own = array(values, "values", "p") if len(values) else np.zeros(0, int)
    whole = own.astype(np.int64)
    if (whole != own).any() or (len(whole) and np.abs(whole).max() > LARGEST):
        raise InputRefused(f"whole numbers of at most {LARGEST}", "others", "Quantise the weights first.")
    return np.where(whole > 0, 2 * whole - 1, -2 * whole)


def _gamma(a: int) -> list[int]:
    """Elias' gamma code of a whole number from 1 on: as many zeros as bits follow its first."""
    digits = [int(digit) for digit in f"{a:b}"]
    return [0] * (len(digits) - 1) + digits


class _Counts:
    """How often each letter came, one count ahead."""

    def __init__(self, a: int) -> None:
        self.counts, self.total = [1] * a, a

    def part(self, letter: int) -> tuple[int, int]:
        """The counts below the letter, and those up to it."""
        below = sum(self.counts[:letter])
        return below, below + self.counts[letter]

    def at(self, place: int) -> int:
        """The letter in whose part a place from 0 to the total lies."""
        for letter, count in enumerate(self.counts):
            place -= count
            if place < 0:
                return letter
        raise InputRefused("a code word made by `encoded`", "bits beyond it", "Give it as it was made.")

    def seen(self, letter: int) -> None:
        """One more of it."""
        self.counts[letter] += 1
        self.total += 1


def _arithmetic(letters: Iterable[int], a: int) -> list[int]:
    """The bits of an arithmetic code: an interval cut in proportion to counts, doubled when a bit of it is known."""
    counts, bits, waiting = _Counts(a), [], 0
    low, high = 0, PLACES - 1

    def put(bit: int) -> None:
        nonlocal waiting
        bits.extend([bit, *[1 - bit] * waiting])
        waiting = 0

    for letter in letters:
        below, up_to = counts.part(letter)
        span = high - low + 1
        low, high = low + span * below // counts.total, low + span * up_to // counts.total - 1
        counts.seen(letter)
        while True:
            if high < HALF or low >= HALF:
                bit = int(low >= HALF)
                put(bit)
                low, high = low - bit * HALF, high - bit * HALF
            elif low >= QUARTER and high < HALF + QUARTER:
                waiting += 1
                low, high = low - QUARTER, high - QUARTER
            else:
                break
            low, high = 2 * low, 2 * high + 1
    waiting += 1  # one quarter lies within: two more bits name it
    put(int(low >= QUARTER))
    return bits


def _read(bits: list[int], a: int, p: int) -> Iterator[int]:
    """p letters of the bits that `_arithmetic` gave; zeros follow the last."""
    counts, place, known = _Counts(a), 0, iter(bits)
    for _ in range(PLACES.bit_length() - 1):
        place = 2 * place + next(known, 0)
    low, high = 0, PLACES - 1
    for _ in range(p):
        span = high - low + 1
        letter = counts.at(((place - low + 1) * counts.total - 1) // span)
        yield letter
        below, up_to = counts.part(letter)
        low, high = low + span * below // counts.total, low + span * up_to // counts.total - 1
        counts.seen(letter)
        while True:
            if high < HALF or low >= HALF:
                off = HALF if low >= HALF else 0
            elif low >= QUARTER and high < HALF + QUARTER:
                off = QUARTER
            else:
                break
            low, high, place = 2 * (low - off), 2 * (high - off) + 1, 2 * (place - off) + next(known, 0)
