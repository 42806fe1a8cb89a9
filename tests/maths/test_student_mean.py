"""Student's interval of a mean: the closed form of scipy, and how often it holds."""

import numpy as np
import pytest
from scipy import stats

from byheart.errors import InputRefused
from byheart.maths.statistics.student_mean import student_mean


@pytest.mark.parametrize("m", [2, 3, 8, 40])
def test_it_is_the_interval_of_scipy(m):
    values = np.random.default_rng(m).normal(3.0, 2.0, m)
    found = student_mean(values)
    assert found.value == values.mean()
    assert found.interval == pytest.approx(stats.ttest_1samp(values, 0.0).confidence_interval(0.95))


def test_it_holds_19_times_of_20():
    rng = np.random.default_rng(0)
    held = [low <= 1.0 <= high for low, high in (student_mean(rng.normal(1.0, 5.0, 4)).interval for _ in range(2000))]
    assert np.mean(held) == pytest.approx(0.95, abs=3 * np.sqrt(0.95 * 0.05 / 2000))


def test_it_is_cut_at_what_there_can_be_and_made_of_two_draws_that_differ():
    assert student_mean([0.0, 1.0], 0.0, 1.0) == (0.5, (0.0, 1.0))
    assert student_mean([4.0]) == (4.0, None)
    assert student_mean([4.0, 4.0]) == (4.0, None)


@pytest.mark.parametrize("values", [[], [1.0, np.nan], [[1.0, 2.0]]])
def test_what_has_no_mean_is_refused(values):
    with pytest.raises(InputRefused):
        student_mean(values)
