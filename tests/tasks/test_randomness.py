"""Randomness: uniform, all different, the first sequences of every size alike, and its entropy exact."""

import numpy as np
import pytest

from byheart.errors import UsageError
from byheart.study.serialization import data_from, data_result
from byheart.tasks.randomness import Randomness


def test_tokens_are_uniform_at_every_place_and_do_not_depend_on_the_one_before():
    x = Randomness(n=20_000, v=8, length=20).draw(0).train.x.astype(int)
    expected = len(x) / 8
    for place in range(20):
        counts = np.bincount(x[:, place], minlength=8)
        assert np.abs(counts - expected).max() < 5 * np.sqrt(expected)  # largest of 160
    pairs = np.bincount(8 * x[:, 0] + x[:, 1], minlength=64)
    assert np.abs(pairs - len(x) / 64).max() < 5 * np.sqrt(len(x) / 64)


def test_no_sequence_is_there_twice_nor_in_the_test():
    data = Randomness(n=800, n_test=200).draw(3)
    rows = np.concatenate([data.train.x, data.views["test"].x])
    assert len(np.unique(rows, axis=0)) == 1000


def test_data_of_more_sequences_begin_with_those_of_fewer():
    few, many = Randomness(n=50).draw(0), Randomness(n=200).draw(0)
    np.testing.assert_array_equal(few.train.x, many.train.x[:50])
    np.testing.assert_array_equal(few.train.ids, many.train.ids[:50])
    np.testing.assert_array_equal(few.views["test"].x, many.views["test"].x)


def test_the_best_code_is_the_entropy_in_nats():
    assert Randomness(v=32, length=16).draw(0).truth.best_loss_nats == pytest.approx(80 * np.log(2))


def test_so_few_possible_sequences_that_two_could_be_equal_are_refused():
    with pytest.raises(UsageError, match=r"length \* log2"):
        Randomness(v=2, length=16)
    assert Randomness(v=2, length=64)


def test_so_many_tokens_that_they_fit_in_no_memory_are_refused():
    with pytest.raises(UsageError, match="at most 67,108,864 tokens"):
        Randomness(n=500_000, length=1024, v=256)


def test_of_long_sequences_the_beginning_is_shown():
    data = Randomness(n=20, length=1024, v=256).draw(0)
    for row, text in zip(data.train.x, data.train.meta["shown"]):
        assert text == " ".join(map(str, row[:64])) + " \u2026"
    row, text = (Randomness(n=20).draw(0).train.x[0], Randomness(n=20).draw(0).train.meta["shown"][0])
    assert text == " ".join(map(str, row))


def test_the_ledger_gives_back_what_was_drawn():
    data = Randomness(n=30).draw(0)
    kept = data_from(data_result(data))
    np.testing.assert_array_equal(kept.train.x, data.train.x)
    assert kept.train.x.dtype == data.train.x.dtype
    assert kept.truth.best_loss_nats == data.truth.best_loss_nats
