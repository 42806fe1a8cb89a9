"""Ranking: how well does a measure order runs by their generalisation gap? Every protocol, any table of runs.

A run is a trained model: its measure, its gap (training accuracy less test accuracy) and its settings, one column per
hyper-parameter. Rows of equal settings are repeats of one configuration (seeds).

    from byheart.maths import ranking
    ranking.tau_a(measure, gap); ranking.granulated(measure, gap, settings)
"""

from byheart.maths.ranking.conditional_information import Information, conditional_information, information
from byheart.maths.ranking.increment import Increment, predictive_increment
from byheart.maths.ranking.kendall import granulated, ranking_intervals, tau_a
from byheart.maths.ranking.ordering_baselines import canonical_ordering, oracle, random_ordering
from byheart.maths.ranking.sign_error import (
    Environments,
    SignError,
    environment_intervals,
    environments,
    sign_error,
    sign_error_interval,
)

__all__ = [
    "Environments", "Increment", "Information", "SignError", "canonical_ordering", "conditional_information",
    "environment_intervals", "environments", "granulated", "information", "oracle", "predictive_increment",
    "random_ordering", "ranking_intervals", "sign_error", "sign_error_interval", "tau_a",
]  # fmt: skip
