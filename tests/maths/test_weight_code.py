"""The code of quantised weights: it gives back what it was given, and is as long as it must be."""

import math

import numpy as np
import pytest

from byheart.errors import InputRefused
from byheart.maths.codes.weight_code import Code, code_bits, decoded, encoded, quantised

RNG = np.random.default_rng(0)
NUMBERS = {
    "nothing": [],
    "one": [-7],
    "zeros": [0] * 5000,
    "few": (RNG.random(5000) < 0.01).astype(int),
    "Gaussian": np.rint(3 * RNG.normal(size=3000)).astype(int),
    "uniform": RNG.integers(-40, 41, 2000),
    "in order": np.sort(RNG.integers(-40, 41, 2000)),
    "one letter of two": [1] * 1000,
    "the largest": [4096, -4096, 0],
}


@pytest.mark.parametrize("values", NUMBERS.values(), ids=NUMBERS)
def test_what_is_written_is_read_back(values):
    word = encoded(values)
    assert decoded(word, len(values)).tolist() == list(values)
    assert len(word.data) == -(-word.bits // 8)
    ideal = code_bits(values)
    assert ideal - 1e-6 <= word.bits <= ideal + 2.01  # two bits to end it


def test_every_short_message_comes_back():
    """All messages of five numbers from -2 to 2, whose codes end anywhere in a byte."""
    for number in range(5**5):
        values = [number // 5**place % 5 - 2 for place in range(5)]
        assert decoded(encoded(values), 5).tolist() == values


def test_the_length_is_that_of_the_adaptive_probabilities():
    """Letter by letter: -log2 (count + 1) / (seen so far + letters)."""
    values = RNG.integers(-3, 4, 200)
    letters = [2 * v - 1 if v > 0 else -2 * v for v in values.tolist()]
    a = max(letters) + 1
    bits = sum(-math.log2((letters[:i].count(one) + 1) / (i + a)) for i, one in enumerate(letters))
    assert code_bits(values) == pytest.approx(bits + 2 * int(math.log2(a)) + 1, rel=1e-12)


def test_what_nothing_predicts_costs_its_entropy():
    values = RNG.integers(0, 4, 20_000)
    assert encoded(values).bits == pytest.approx(20_000 * 2, rel=0.01)  # letters 0, 1, 3, 5: four alike
    rare = (RNG.random(20_000) < 0.02).astype(int)
    entropy = -sum(q * math.log2(q) for q in (rare.mean(), 1 - rare.mean()))
    assert encoded(rare).bits == pytest.approx(20_000 * entropy, rel=0.01)


def test_quantised_weights_stand_within_half_a_step():
    w, c = RNG.normal(size=500), RNG.normal(size=500)
    k, back = quantised(w, c, 0.25)
    assert np.abs(back - w).max() <= 0.125 + 1e-12
    assert np.array_equal(back, c + 0.25 * k)
    assert not quantised(c, c, 0.25)[0].any()


def test_a_changed_word_does_not_give_the_same():
    word = encoded(NUMBERS["uniform"])
    broken = bytes([*word.data[:20], word.data[20] ^ 1, *word.data[21:]])
    assert decoded(Code(word.bits, broken), 2000).tolist() != NUMBERS["uniform"].tolist()


@pytest.mark.parametrize("call", [
    lambda: encoded([0.5]),
    lambda: encoded([5000]),
    lambda: decoded(Code(3, b"\x00"), 3),
    lambda: quantised([0.0], [0.0], 0.0),
    lambda: quantised([0.0], [0.0, 1.0], 1.0),
    lambda: quantised([1.0], [0.0], 1e-6),
])  # fmt: skip
def test_bad_input_is_refused(call):
    with pytest.raises(InputRefused):
        call()
