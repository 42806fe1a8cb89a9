"""Every survey of ours keeps the promises."""

import numpy as np
import pytest

from byheart.records.facts import FactTable
from byheart.surveys.budget import Budget
from byheart.surveys.dose import Dose
from byheart.surveys.frontier import Frontier
from byheart.surveys.peak import Peak
from byheart.surveys.power_law import PowerLaw
from byheart.surveys.ranking import Ranking
from byheart.surveys.threshold import Threshold
from byheart.testing.surveys import HALF, OTHER, QUANTITY, SurveySuite, line, subjects


class TestDose(SurveySuite):
    dosed_quantity, null_quantities = "slope", ("trend", "slope", "last_slope", "smallest_step", "largest_step", "fall")

    @pytest.fixture
    def survey(self):
        return Dose(quantity=QUANTITY, by="size")


class TestPeak(SurveySuite):
    dosed_quantity, null_quantities = "prominence", ("prominence", "largest")

    @pytest.fixture
    def survey(self):
        return Peak(quantity=QUANTITY, by="size")

    def planted(self, dose):
        return line([0.5, 0.5, 0.5, 0.5 + dose, 0.5, 0.5])


class TestPeakOverSeeds(SurveySuite):
    dosed_quantity, null_quantities = "prominence", ()

    @pytest.fixture
    def survey(self):
        return Peak(quantity=QUANTITY, by="size", over_seeds=True)

    def planted(self, dose):
        """Twelve seeds of six subjects, the fourth of them higher."""
        findings, grid = line([0.5, 0.45, 0.5, 0.5 + dose, 0.45, 0.5])
        rng = np.random.default_rng(0)
        for of in findings.values():
            probe, finding = next(iter(of.items()))
            value = finding.quantities["first"].value
            table = FactTable(values={"seed": range(12), "first": value + rng.normal(0, 0.01, 12)})
            of[probe] = finding.model_copy(update={"tables": {"by_seed": table}})
        return findings, grid


class TestPowerLaw(SurveySuite):
    dosed_quantity, null_quantities = "exponent", ("exponent", "bend", "departure", "last_over_law")

    @pytest.fixture
    def survey(self):
        return PowerLaw(quantity=QUANTITY, by="size")

    def planted(self, dose):
        """A power law of that exponent."""
        return line([float(i) ** dose for i in range(1, 7)])


class TestThreshold(SurveySuite):
    @pytest.fixture
    def survey(self):
        return Threshold(quantity=QUANTITY, by="size", level=0.5)

    def planted(self, dose):
        """The larger the dose, the later of six sizes the level is reached."""
        return line([0.2 + 0.6 * (i >= 1 + round(4 * dose)) for i in range(6)])


class TestBudget(SurveySuite):
    dosed_quantity, null_quantities = "more_understood", ("more_understood", "understood_growth", "memorised_growth")

    @pytest.fixture
    def survey(self):
        return Budget(by="size", understood=QUANTITY, memorised=OTHER, left=OTHER)

    def planted(self, dose):
        """The first part grows by the dose at each of six sizes, the second does not."""
        found = subjects({f"size={i}": {QUANTITY: dose * i, OTHER: 0.5} for i in range(6)})
        return found, {f"size={i}": {"size": i} for i in range(6)}

    def noise(self, rng):
        a, b = rng.normal(0.5, HALF / 1.959964, (2, 6))
        found = subjects({f"size={i}": {QUANTITY: x, OTHER: y} for i, (x, y) in enumerate(zip(a, b))})
        return found, {f"size={i}": {"size": i} for i in range(6)}


class TestRanking(SurveySuite):
    dosed_quantity, null_quantities = "second", ("second",)

    @pytest.fixture
    def survey(self):
        return Ranking(target=QUANTITY, measures=(OTHER,))

    def planted(self, dose):
        """The more, the more of six subjects stand where the target puts them."""
        order = list(range(6))
        right = round(6 * dose)
        order[right:] = order[right:][::-1]
        return _both(dict(zip(range(6), order)))

    def noise(self, rng):
        a, b = rng.normal(0.5, HALF / 1.959964, (2, 6))
        return _both(dict(zip(a, b)))


class TestFrontier(SurveySuite):
    doses = (0.1, 0.4, 0.9)

    @pytest.fixture
    def survey(self):
        return Frontier(quantities=(QUANTITY, OTHER), better=("high", "high"))

    def planted(self, dose):
        """The more, the more of six subjects stand on a falling line, and the fewer below it."""
        on = round(6 * dose)
        return _both({i if i < on else i - 20: -i if i < on else -i - 20 for i in range(6)})


def _both(pairs):
    found = subjects({f"s{i}": {QUANTITY: a, OTHER: b} for i, (a, b) in enumerate(pairs.items())})
    return found, {name: {} for name in found}
