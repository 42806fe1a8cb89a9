"""What a longer window costs: exact where errors are in a known ratio, nothing where windows are alike."""

import numpy as np
import pytest
from scipy.stats import t as student

from byheart.errors import InputRefused
from byheart.maths.lags import window_price

BLOCKS = np.arange(3000) // 75


def errors(ratios, seed, n=3000):
    """Squared errors of windows in known ratios, each window with noise of its own."""
    rng = np.random.default_rng(seed)
    return np.stack([rng.chisquare(1, size=n) * ratio for ratio in ratios])


def test_shared_errors_in_a_known_ratio_are_paid_exactly():
    common = errors([1], 0)[0]
    found = window_price(
        [1, 2, 4, 8], np.stack([common * ratio for ratio in (4, 1, 1.1, 1.5)]), BLOCKS, np.random.default_rng(0)
    )
    assert found.paid == pytest.approx(0.5 * np.log2(1.5))
    assert (found.paid_low, found.paid_high) == pytest.approx((found.paid, found.paid))
    assert found.bits == pytest.approx(0.5 * np.log2([4 / 1.5, 1 / 1.5, 1.1 / 1.5, 1]))
    assert (found.best, found.best_low, found.best_high) == (2, 2, 2)
    twice = window_price(
        [1, 2, 4, 8],
        np.stack([common * ratio for ratio in (4, 1, 1.1, 1.5)]),
        BLOCKS,
        np.random.default_rng(0),
        channels=2,
    )
    assert twice.paid == pytest.approx(2 * found.paid)


def test_the_best_of_windows_that_are_alike_saves_nothing():
    """Chosen and read on the same blocks it would save something in every draw."""
    draws = [
        window_price(range(1, 9), errors([1] * 8, seed), BLOCKS, np.random.default_rng(seed)) for seed in range(40)
    ]
    paid = np.array([one.paid for one in draws])
    assert abs(paid.mean()) < 4 * paid.std() / np.sqrt(len(paid))
    assert np.mean([one.bits.min() for one in draws]) < -0.02  # what the window that is best by chance would save
    held = np.mean([one.paid_low <= 0 <= one.paid_high for one in draws])
    assert held > 0.85


def test_what_is_paid_grows_with_the_dose():
    paid = [
        window_price([1, 4], errors([1, ratio], 3), BLOCKS, np.random.default_rng(1)).paid for ratio in (1, 1.2, 1.5, 2)
    ]
    assert (np.diff(paid) > 0).all()


def test_memory_that_pays_is_no_price():
    found = window_price([1, 2, 8], errors([3, 2, 1], 0), BLOCKS, np.random.default_rng(0))
    assert found.best == 8
    assert (found.paid, found.paid_low, found.paid_high) == (0, 0, 0)


@pytest.mark.parametrize("harm", ["few blocks", "negative", "unsorted", "nan", "another length"])
def test_what_cannot_be_priced_is_refused(harm):
    given, blocks, windows = errors([1, 2], 0), BLOCKS, [1, 2]
    if harm == "few blocks":
        blocks = BLOCKS // 10
    elif harm == "negative":
        given[0, 3] = -1
    elif harm == "nan":
        given[0, 3] = np.nan
    elif harm == "unsorted":
        windows = [2, 1]
    else:
        blocks = BLOCKS[:-1]
    with pytest.raises(InputRefused):
        window_price(windows, given, blocks, np.random.default_rng(0))


def test_few_blocks_spread_farther_than_their_resamples():
    """By Student's t of 7 degrees and 8 / 7, as means of 8 numbers do; resamples drawn anew."""
    rng = np.random.default_rng(5)
    by_block = rng.chisquare(4, size=(2, 8))
    found = window_price([1, 2], by_block.repeat(30, 1), np.arange(8).repeat(30), np.random.default_rng(0))
    drawn = rng.multinomial(8, np.full(8, 1 / 8), size=20_000) @ by_block.T
    plain = np.percentile(0.5 * np.log2(drawn[:, 0] / drawn[:, 1]), [2.5, 97.5])
    wider = student.ppf(0.975, 7) / 1.96 * np.sqrt(8 / 7)
    ends = np.array([found.low[0], found.high[0]]) - found.bits[0]
    assert ends == pytest.approx(wider * (plain - found.bits[0]), rel=0.1)
