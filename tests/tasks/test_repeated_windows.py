"""Copies within a series and between training and test: what stands there twice is left out together, chance is not."""

import numpy as np
import pytest

from byheart.errors import InputRefused
from byheart.tasks.repeated_windows import repeated
from byheart.tasks.windows import windowed


def noise(n, seed=0):
    return np.random.default_rng(seed).normal(size=(n, 1))


def slow_twin(stretches, window, run):
    """Every pair of windows, compared step by step along runs of `run` steps that hold both at one place."""
    at = [(place, i) for place, one in enumerate(stretches) for i in range(len(one) - run + 1)]
    alike = {
        (a, b)
        for a in at
        for b in at
        if a < b and np.array_equal(stretches[a[0]][a[1] : a[1] + run], stretches[b[0]][b[1] : b[1] + run])
    }
    pairs = set()
    for (p, i), (q, j) in alike:
        pairs |= {((p, i + k), (q, j + k)) for k in range(run - window)}
    return pairs


@pytest.mark.parametrize("window", [2, 5])
def test_the_slow_twin_finds_the_same_pairs(window):
    x = noise(60)
    stretches = [np.concatenate([x[:40], x[5:25]]), x[30:55], noise(20, 1)]
    found = repeated(stretches, window)
    assert [len(one) for one in found] == [len(one) - window for one in stretches]
    # all different: a run is one window and its next step
    twin = slow_twin(stretches, window, max(window + 1, 3))
    places = [(p, i) for p, one in enumerate(found) for i in range(len(one))]
    value = {(p, i): int(found[p][i]) for p, i in places}
    assert {(a, b) for a in places for b in places if a < b and value[a] == value[b] >= 0} == twin
    assert {a for a in places if value[a] >= 0} == {one for pair in twin for one in pair}


@pytest.mark.parametrize("series", ["coin", "counts", "rounded", "noise", "walk"])
def test_what_chance_repeats_is_no_copy(series):
    rng = np.random.default_rng(3)
    made = {
        "coin": rng.integers(0, 2, 3000), "counts": rng.poisson(2, 3000), "rounded": np.round(rng.normal(size=3000), 1),
        "noise": rng.normal(size=3000), "walk": rng.normal(size=3000).cumsum(),
    }[series]  # fmt: skip
    (found,) = repeated([made.astype(float)[:, None]], 4)
    assert (found == -1).all()
    again = repeated([np.concatenate([made, made[500:900]]).astype(float)[:, None]], 4)[0]
    assert (again[-396:] >= 0).mean() > 0.9


def test_a_copy_inside_training_is_left_out_with_its_original():
    x = noise(1000)
    x[700:800] = x[100:200]
    data = windowed([x], [noise(200, 1)], 4, ["x"], {})
    first, again = (set(data.groups[(data.train.ids >= a) & (data.train.ids < a + 90)]) for a in (105, 705))
    assert first == again
    assert len(np.unique(data.groups)) < data.about["blocks"]
    apart = windowed([noise(1000)], [noise(200, 1)], 4, ["x"], {})
    assert len(np.unique(apart.groups)) == apart.about["blocks"]


def test_a_copy_of_training_is_no_test():
    x, new = noise(600), noise(200, 1)
    data = windowed([x], [np.concatenate([new, x[50:150]])], 4, ["x"], {})
    assert len(data.views["test"]) == 200  # those before the copy, and the windows that reach into it
    assert data.about["inferred"] == ["96 of 296 test windows are copies of training windows and are left out"]
    assert data.about["n_test"] == 200
    with pytest.raises(InputRefused, match="no copies of training steps"):
        windowed([x], [x[50:150]], 4, ["x"], {})


def test_a_series_twice_over_or_an_exact_cycle_leaves_nothing_out():
    x = noise(400)
    for series in (np.concatenate([x, x]), np.tile(np.arange(12.0), 60)[:, None]):
        with pytest.raises(InputRefused, match=r"repeats itself throughout|no copies of training"):
            windowed([series[: len(series) * 4 // 5]], [series[len(series) * 4 // 5 :]], 4, ["x"], {})
    with pytest.raises(InputRefused, match="repeats itself throughout"):
        windowed([np.tile(np.arange(12.0), 60)[:, None]], [noise(100)], 4, ["x"], {})
