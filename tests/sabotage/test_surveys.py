"""A broken survey for each promise, which its suite must catch."""

import numpy as np
import pytest

from byheart.records.finding import Finding
from byheart.surveys.dose import Dose
from byheart.testing.surveys import QUANTITY, SurveySuite

COUNT = [0]


class Suite(SurveySuite):
    dosed_quantity, null_quantities = "slope", ("slope",)


class Counting(Dose):
    def read(self, findings, grid):
        COUNT[0] += 1
        return super().read(findings, grid).model_copy(update={"details": {"readings": COUNT[0]}})


class Drawing(Dose):
    def read(self, findings, grid):
        np.random.seed(1)
        return super().read(findings, grid)


class FirstComes(Dose):
    def read(self, findings, grid):
        found = super().read(findings, grid)
        return found.model_copy(update={"details": {"first": next(iter(findings))}})


class Headless(Dose):
    def read(self, findings, grid):
        return super().read(findings, grid).model_copy(update={"headline": "nothing"})


class Flat(Dose):
    def read(self, findings, grid):
        found = super().read(findings, grid)
        if not found.quantities:
            return found
        still = found.quantities["slope"].model_copy(update={"value": 0.1})
        return found.model_copy(update={"quantities": {**found.quantities, "slope": still}})


class Certain(Dose):
    """Intervals of no width."""

    def read(self, findings, grid):
        found = super().read(findings, grid)
        narrow = {name: one.model_copy(update={"interval": (one.value, one.value)}) for name, one in found.quantities.items()}
        return found.model_copy(update={"quantities": narrow})


class Brittle(Dose):
    """One gap withholds everything."""

    def read(self, findings, grid):
        whole = all(isinstance(findings.get(one, {}).get("made/up"), Finding) and findings[one]["made/up"].status == "measured" for one in grid)
        return super().read(findings, grid) if whole else self.small(0)


class Bridging(Dose):
    """A gap is left out of the grid as if it had never been asked for."""

    def read(self, findings, grid):
        found = super().read(findings, grid)
        whole = {name: curve.model_copy(update={"y": tuple(y or 0.0 for y in curve.y)}) for name, curve in found.curves.items()}
        return found.model_copy(update={"curves": whole})


class Bold(Dose):
    """Two points are enough."""

    def small(self, measured, **facts):
        return Finding(probe="survey/dose", question="?", reference="r", quantities={}, **facts)


BROKEN = [
    (Counting, "test_1_reading_is_pure_and_deterministic"),
    (Drawing, "test_1_reading_is_pure_and_deterministic"),
    (FirstComes, "test_2_the_order_of_subjects_changes_nothing"),
    (Headless, "test_3_every_number_is_a_quantity"),
    (Flat, "test_4_monotone_in_the_dose"),
    (Certain, "test_4_on_noise_the_interval_holds_the_null"),
    (Brittle, "test_5_a_subject_without_a_number_is_a_gap"),
    (Bridging, "test_5_a_subject_without_a_number_is_a_gap"),
    (Bold, "test_6_a_small_grid_is_withheld"),
]


@pytest.mark.parametrize("broken, promise", BROKEN, ids=[one.__name__ for one, _ in BROKEN])
def test_the_suite_catches_it(broken, promise):
    getattr(Suite(), promise)(Dose(quantity=QUANTITY, by="size"))
    with pytest.raises(AssertionError):
        getattr(Suite(), promise)(broken(quantity=QUANTITY, by="size"))
