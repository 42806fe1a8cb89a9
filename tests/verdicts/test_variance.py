"""BH102 on values: a threshold of its own, both sides of it, withheld exactly where the interval contains it."""

import pytest

from byheart.records.finding import Finding
from byheart.records.quantity import Quantity
from byheart.verdicts.rules import MEMORISED_OF_VALUES as MEMORISED
from byheart.verdicts.rules import OF_VALUES, MuchMemorised


def of_values(low, high):
    share = Quantity(value=(low + high) / 2, unit="share", interval=(low, high), null=0.0, n=500)
    quantities = {"memorised_share_of_variance": share}
    return {"complexity/description-length": Finding(probe="complexity/description-length", question="?", quantities=quantities, reference="none")}


@pytest.mark.parametrize("low, high, outcome", [
    (MEMORISED + 0.01, 0.9, "tip"), (-0.1, MEMORISED - 0.01, "passed"), (MEMORISED - 0.01, MEMORISED + 0.01, "withheld"),
    (1.1, 1.6, "tip"),
])  # fmt: skip
def test_it_says_which_side_of_its_threshold_the_interval_stands_on(low, high, outcome):
    found = MuchMemorised().judge(of_values(low, high))
    assert found.outcome == outcome
    assert "variance" in found.threshold
    assert found.source == OF_VALUES["source"]
    assert "variance of the values" in found.title + found.sentence
