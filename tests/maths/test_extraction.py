"""Extraction: probabilities by hand, a slow decoder, counts of samples."""

import numpy as np
import pytest

from byheart.errors import InputRefused
from byheart.maths.memorisation.extraction import continuation_nats, discoverable, greedy_extractable

P = np.array([[[0.5, 0.3, 0.2], [0.1, 0.6, 0.3]]])


def test_the_probability_by_hand():
    assert np.exp(-continuation_nats(np.log(P), [[0, 2]]))[0] == pytest.approx(0.5 * 0.3)
    # temperature 1/2 squares and renormalises
    assert np.exp(-continuation_nats(np.log(P), [[0, 2]], temperature=0.5))[0] == pytest.approx(
        0.25 / 0.38 * 0.09 / 0.46
    )
    # the two likeliest alone
    assert np.exp(-continuation_nats(np.log(P), [[0, 2]], top_k=2))[0] == pytest.approx(0.5 / 0.8 * 0.3 / 0.9)
    assert continuation_nats(np.log(P), [[0, 0]], top_k=2)[0] == np.inf


def test_all_continuations_add_up_to_one():
    every = [[a, b] for a in range(3) for b in range(3)]
    for options in ({}, {"temperature": 2.0}, {"top_k": 2}):
        nats = continuation_nats(np.repeat(np.log(P), 9, 0), every, **options)
        assert np.exp(-nats).sum() == pytest.approx(1.0)


def test_a_place_that_is_not_counted_costs_nothing():
    assert np.exp(-continuation_nats(np.log(P), [[-1, 2]]))[0] == pytest.approx(0.3)
    assert continuation_nats(np.log(P), [[-1, -1]]).tolist() == [0.0]


def test_a_sampler_says_it_as_often(rng):
    q = np.exp(-continuation_nats(np.log(P), [[1, 1]], temperature=0.7))[0]
    sharp = P[0] ** (1 / 0.7) / (P[0] ** (1 / 0.7)).sum(1, keepdims=True)
    said = [(rng.choice(3, p=sharp[0]), rng.choice(3, p=sharp[1])) == (1, 1) for _ in range(4000)]
    assert abs(np.mean(said) - q) < 4 * np.sqrt(q * (1 - q) / 4000)


def test_samples_needed_are_the_first_that_do():
    q = np.array([0.9, 0.5, 0.3, 0.05, 0.001])
    for p in (0.1, 0.5, 0.99):
        for one, n in zip(q, discoverable(-np.log(q), p)):
            assert 1 - (1 - one) ** n >= p - 1e-9
            assert n == 1 or 1 - (1 - one) ** (n - 1) < p - 1e-12


def test_samples_of_the_certain_the_impossible_and_the_tiny():
    nats = np.array([0.0, 1e-300, np.inf, 100.0, 5000.0])
    found = discoverable(nats, 0.5)
    assert found[:2].tolist() == [1.0, 1.0]
    assert found[2] == found[4] == np.inf
    assert found[3] == pytest.approx(np.log(2) * np.exp(100.0), rel=1e-6)


def test_greedy_is_what_a_decoder_without_chance_says(rng):
    """A random table of next-token logits, decoded from every context."""
    table = rng.normal(size=(4, 4))  # next given last
    sequences = np.array([[a, b, c] for a in range(4) for b in range(4) for c in range(4)])
    contexts = np.zeros(len(sequences), int)
    logits = np.stack([table[np.concatenate([[k], s[:-1]])] for k, s in zip(contexts, sequences)])
    found = greedy_extractable(logits, sequences)
    last, said = 0, []
    for _ in range(3):
        last = int(table[last].argmax())
        said.append(last)
    assert found.sum() == 1
    assert sequences[found][0].tolist() == said


def test_a_tie_is_not_extractable_and_what_is_not_counted_does_not_matter():
    logits = [[[1.0, 1.0], [0.0, 2.0]]]
    assert greedy_extractable(logits, [[0, 1]]).tolist() == [False]
    assert greedy_extractable(logits, [[-1, 1]]).tolist() == [True]


@pytest.mark.parametrize("call", [
    lambda: continuation_nats(np.log(P), [[0, 3]]),
    lambda: continuation_nats(np.log(P), [[0]]),
    lambda: continuation_nats(np.log(P), [[0, 1]], temperature=0),
    lambda: continuation_nats(np.log(P), [[0, 1]], top_k=0),
    lambda: continuation_nats(np.full((1, 2, 3), np.nan), [[0, 1]]),
    lambda: greedy_extractable(np.log(P), [[0.0, 1.0]]),
    lambda: discoverable([1.0], p=1.0),
    lambda: discoverable([-1.0]),
    lambda: discoverable([np.nan]),
])  # fmt: skip
def test_bad_input_is_refused(call):
    with pytest.raises(InputRefused):
        call()
