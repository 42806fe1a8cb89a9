"""Capacity: bits by hand, plateaus that are and are not; the code of passages against a slow twin."""

import numpy as np
import pytest

from byheart.errors import InputRefused
from byheart.maths.codes.calibration import halves
from byheart.maths.codes.passages import GRID, passage_lengths
from byheart.maths.memorisation.capacity import capacity, memorised_bits


def test_bits_by_hand():
    assert memorised_bits([10, 10, 10], [0, 4, 15]) == 16.0
    assert memorised_bits(np.full(5, 64.0), np.zeros(5)) == 320.0  # rote
    assert memorised_bits(np.full(5, 64.0), np.full(5, 64.0)) == 0.0  # oracle


def test_a_model_of_known_capacity_has_its_plateau(rng):
    sizes = np.array([100, 200, 400, 800, 1600])
    held = np.minimum(sizes * 64.0, 20_000.0)[:, None] * (1 + 0.01 * rng.normal(size=(5, 3)))
    found = capacity(sizes, held, parameters=5_000, bits_a_sequence=64.0)
    assert found.found
    assert found.sizes == (400, 800, 1600)
    assert found.low < 4.0 < found.high
    assert found.high - found.low < 0.1


def test_where_memory_still_grows_there_is_no_plateau():
    found = capacity([10, 20, 40], [[640.0], [1280.0], [2560.0]], 100, 64.0)
    assert not found.found
    assert (found.bits_per_parameter, found.sizes) == (25.6, (40,))
    assert "still grows" in found.reason


def test_the_last_step_must_be_level_too():
    assert capacity([100, 200, 300], [[1000.0], [1010.0], [1040.0]], 100, 5.0).found
    assert not capacity([100, 200, 300], [[1000.0], [1010.0], [1100.0]], 100, 5.0).found


def test_a_fall_behind_the_peak_is_no_plateau():
    found = capacity([10, 20, 40, 80], [[600.0], [1100.0], [700.0], [650.0]], 100, 64.0)
    assert not found.found
    assert found.bits_per_parameter == 11.0
    assert "falls" in found.reason


@pytest.mark.parametrize("call", [
    lambda: capacity([10], [[1.0]], 5, 1.0),
    lambda: capacity([20, 10], [[1.0], [2.0]], 5, 1.0),
    lambda: capacity([10, 20], [[1.0]], 5, 1.0),
    lambda: capacity([10, 20], [[1.0], [2.0]], 0, 1.0),
    lambda: memorised_bits([1.0], [1.0, 2.0]),
    lambda: memorised_bits([np.nan], [1.0]),
    lambda: passage_lengths(np.zeros((2, 3, 2)), np.ones((2, 3), bool)),
    lambda: passage_lengths(np.zeros((2, 3, 2)), np.ones((2, 3), bool), grid=(0.5, 1.0)),
    lambda: passage_lengths(np.zeros((2, 3, 2)), np.ones((2, 4), bool), grid=(0.0, 1.0)),
])  # fmt: skip
def test_bad_input_is_refused(call):
    with pytest.raises(InputRefused):
        call()


def passages(rng, m=6, n=40):
    """Members whose best weight is b = 0.7 where unseen and 1.2 where seen."""
    mask = rng.random((m, n)) < 0.7
    reference = rng.uniform(80, 120, n)
    depth = np.where(
        mask, 1 - (np.array(GRID)[:, None, None] - 1.2) ** 2, 0.4 - (np.array(GRID)[:, None, None] - 0.7) ** 2
    )
    nats = reference * (1 - 0.5 * np.moveaxis(depth, 0, -1).transpose(2, 0, 1)).transpose(0, 1, 2)
    nats = np.moveaxis(nats, 0, -1) * (1 + 0.01 * rng.normal(size=(m, n, len(GRID))))
    nats[:, :, 0] = reference
    return nats, mask


def test_slow_twin_of_the_code_of_passages(rng):
    nats, mask = passages(rng)
    m, n, g = nats.shape
    # the halves want other weights, so that it matters whose fit is used
    swapped = halves(n, 3)
    nats[:, swapped, 3], nats[:, swapped, 6] = nats[:, swapped, 6].copy(), nats[:, swapped, 3].copy()
    found = passage_lengths(nats, mask, seed=3)
    first, mix = halves(n, 3), 1 / (n + 2)

    def length(j, i, b):
        return -np.log((1 - mix) * np.exp(-nats[j, i, b]) + mix * np.exp(-nats[j, i, 0]))

    for j in range(m):
        for i in range(n):
            others = [(a, c) for a in range(m) for c in range(n) if mask[a, c] == mask[j, i] and first[c] != first[i]]
            costs = [np.mean([length(a, c, b) for a, c in others]) for b in range(g)]
            expected = length(j, i, int(np.argmin(costs))) / np.log(2)
            assert found.member_bits[j, i] == pytest.approx(expected, rel=1e-9)
    np.testing.assert_allclose(found.reference_bits, nats[0, :, 0] / np.log(2))


def test_who_knows_nothing_is_coded_like_the_reference(rng):
    reference = rng.uniform(80, 120, 30)
    worse = reference[None, :, None] + np.array(GRID) * 40.0 * rng.uniform(0.5, 1, (4, 30, 1))
    found = passage_lengths(worse, rng.random((4, 30)) < 0.5)
    np.testing.assert_allclose(found.member_bits, np.tile(found.reference_bits, (4, 1)), atol=1e-9)


def test_no_passage_costs_more_than_its_place_in_a_list_above_the_reference(rng):
    nats = rng.uniform(50, 150, (3, 20, len(GRID)))
    nats[:, :, 0] = 100.0
    found = passage_lengths(nats, rng.random((3, 20)) < 0.5)
    assert (found.member_bits <= found.reference_bits + np.log2(22) + 1e-9).all()
