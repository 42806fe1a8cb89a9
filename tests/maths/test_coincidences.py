"""Equal rows by chance: against counting in simulated tables, by hand, and where they cannot be."""

import numpy as np
import pytest

from byheart.errors import InputRefused
from byheart.maths.memorisation.coincidences import beyond_chance, coincidences


def coarse(rng, n=208, q=52):
    """Noise in three columns, of which the first is fine."""
    x, z = (np.c_[np.round(rng.normal(170, 9, size), 1), rng.integers(0, 3, size), rng.integers(0, 80, size)] for size in (n, q))
    return x, rng.integers(0, 2, n), z


def telling(rng, n=100, q=20):
    """The first column tells the label: rows of one label agree more often."""
    y, z = rng.integers(0, 3, n), rng.integers(0, 3, q)
    columns = [np.c_[np.where(rng.random(len(one)) < 0.8, one, 3), rng.integers(0, 20, (len(one), 2))] for one in (y, z)]
    return columns[0].astype(float), y, columns[1].astype(float)


@pytest.mark.parametrize("world", [coarse, telling])
def test_the_expectation_is_what_simulated_tables_have(world):
    counted, expected = [], []
    for seed in range(600):
        x, y, z = world(np.random.default_rng(seed))
        equal = np.triu((x[:, None] == x[None]).all(-1), 1)
        counted.append([equal.sum(), (equal & (y[:, None] != y[None])).sum(), (x[:, None] == z[None]).all(-1).sum()])
        expected.append(coincidences(x, y, z))
    error = np.std(counted, axis=0) / np.sqrt(len(counted)) + np.std(expected, axis=0) / np.sqrt(len(expected))
    assert (abs(np.mean(counted, axis=0) - np.mean(expected, axis=0)) < 4 * error).all()


def test_a_column_that_never_repeats_leaves_no_chance():
    x = np.c_[np.arange(30.0), np.zeros(30)]
    assert coincidences(x, np.zeros(30)) == (0.0, 0.0, 0.0)


def test_by_hand():
    x = [[0.0], [0.0], [0.0], [1.0], [np.nan], [np.nan]]
    made = coincidences(x, [0, 0, 1, 1, 0, 1], [[0.0], [2.0], [np.nan]])
    assert made.pairs == pytest.approx(4.0)  # 3 of the zeros, 1 of the blanks: one column agrees where it agrees
    assert made.contradicting == pytest.approx(3.0)
    assert made.other == pytest.approx(5.0)


def test_neither_the_order_of_rows_nor_names_of_labels_matter():
    x, y, z = telling(np.random.default_rng(1))
    order = np.random.default_rng(2).permutation(len(y))
    assert coincidences(x[order], np.array(["b", "c", "a"])[y[order]], z) == pytest.approx(coincidences(x, y, z))


def test_as_many_are_rare():
    assert beyond_chance(1, 0.39) == pytest.approx(1 - np.exp(-0.39))
    assert beyond_chance(2, 0.1) == pytest.approx(1 - np.exp(-0.1) * 1.1)


def test_what_does_not_fit_is_refused():
    with pytest.raises(InputRefused, match="a label each"):
        coincidences(np.zeros((3, 2)), [0, 1])
    with pytest.raises(InputRefused, match="0 or more"):
        beyond_chance(1, -0.1)
    with pytest.raises(InputRefused, match="same columns"):
        coincidences(np.zeros((3, 2)), [0, 1, 0], np.zeros((2, 3)))
