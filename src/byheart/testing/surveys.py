"""The suite every survey runs: one test a promise of `byheart.surveys.base`.

Use it so, in a test file of your own:

    class TestMine(SurveySuite):
        dosed_quantity = "my_slope"

        @pytest.fixture
        def survey(self): return Mine(quantity=QUANTITY, by="size")

Subjects are made up: `planted(dose)` gives those in which there is so much of what the survey looks for, `noise(rng)`
those in which there is none. Override them where a line over the setting `size` is not what it reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import ClassVar

import numpy as np

from byheart.records.finding import Failed, Finding
from byheart.records.quantity import Quantity
from byheart.report.cards import About
from byheart.report.cards.reasons import why
from byheart.surveys.base import Findings, Grid, Survey
from byheart.testing.probes import truthful
from byheart.testing.unchanged import random_state

QUANTITY, OTHER = "made/up/first", "made/up/second"
HALF = 0.05  # of every interval; a deviation is that over 1.96


def subjects(values: Mapping[str, Mapping[str, float]], half: float = HALF) -> dict[str, dict[str, Finding]]:
    """Findings of subjects: name -> path of a quantity -> its value, with an interval of `half` to both sides."""
    made: dict[str, dict[str, Finding]] = {}
    for name, of in values.items():
        quantities = {
            path.rpartition("/")[2]: Quantity(
                value=value, unit="auc", interval=(value - half, value + half), null=0.5, n=100, method="made up"
            )
            for path, value in of.items()
        }
        probe = QUANTITY.rpartition("/")[0]
        made[name] = {probe: Finding(probe=probe, question="?", quantities=quantities, reference="made up")}
    return made


def line(values: list[float], paths: tuple[str, ...] = (QUANTITY,)) -> tuple[Findings, Grid]:
    """Subjects of size 1, 2, ... with these values; of a second quantity the same ones."""
    found = subjects({f"size={i}": dict.fromkeys(paths, value) for i, value in enumerate(values, 1)})
    return found, {f"size={i}": {"size": i} for i in range(1, len(values) + 1)}


class SurveySuite:
    """Subclass it and give the fixture `survey`.

    Attributes:
        dosed_quantity: the quantity that must rise with the dose; the headline where empty.
        doses: ascending.
        null_quantities: those whose null is their value on noise.
        draws: how many draws of noise.
    """

    dosed_quantity: ClassVar[str] = ""
    doses: ClassVar[tuple[float, ...]] = (0.1, 0.4, 0.8)
    null_quantities: ClassVar[tuple[str, ...]] = ()
    draws: ClassVar[int] = 400

    def planted(self, dose: float) -> tuple[Findings, Grid]:
        """Six subjects on a line that rises by the dose at each step."""
        return line([dose * i for i in range(6)])

    def noise(self, rng: np.random.Generator) -> tuple[Findings, Grid]:
        """Six subjects that are alike but for the errors of measurement."""
        return line(list(rng.normal(0.5, HALF / 1.959964, 6)), (QUANTITY, OTHER))

    def test_1_reading_is_pure_and_deterministic(self, survey: Survey) -> None:
        """Promise 1."""
        findings, grid = self.planted(self.doses[-1])
        state, before = random_state(), _written(findings)
        first = survey.read(findings, grid).model_dump_json()
        assert survey.read(findings, grid).model_dump_json() == first, "two readings of the same findings differ"
        assert random_state() == state, "reading moved a global random state"
        assert _written(findings) == before, "reading changed a finding"

    def test_2_the_order_of_subjects_changes_nothing(self, survey: Survey) -> None:
        """Promise 2."""
        findings, grid = self.planted(self.doses[-1])
        order = sorted(findings, key=lambda name: name[::-1], reverse=True)
        other = survey.read({one: findings[one] for one in order}, {one: grid[one] for one in order})
        same = other.model_dump_json() == survey.read(findings, grid).model_dump_json()
        assert same, "the order of subjects changes the answer"

    def test_3_every_number_is_a_quantity(self, survey: Survey) -> None:
        """Promise 3."""
        found = survey.read(*self.planted(self.doses[-1]))
        assert found.status == "measured", "the subjects of the suite must be such that it can answer"
        assert found.probe == f"survey/{survey.name}"
        assert found.headline in found.quantities, f"no quantity is called {found.headline!r}"
        for name, one in found.quantities.items():
            truthful(name, one)

    def test_4_monotone_in_the_dose(self, survey: Survey) -> None:
        """Promise 4: more of what is planted, more of what is found."""
        found = [survey.read(*self.planted(dose)) for dose in self.doses]
        values = [one.quantities[self.dosed_quantity or one.headline].value for one in found]
        assert all(a < b for a, b in pairwise(values)), f"not monotone in the dose: {dict(zip(self.doses, values))}"

    def test_4_on_noise_the_interval_holds_the_null(self, survey: Survey) -> None:
        """Promise 4: where nothing is planted nothing is found, but in 5 % of cases and 4 standard errors of that."""
        rng, missed = np.random.default_rng(0), dict.fromkeys(self.null_quantities, 0)
        for _ in range(self.draws):
            found = survey.read(*self.noise(rng)).quantities
            for name in missed:
                low, high = found[name].interval or (0.0, 0.0)
                missed[name] += not low <= (found[name].null or 0.0) <= high
        most = 0.05 * self.draws + 4 * np.sqrt(0.05 * 0.95 * self.draws)
        assert all(often <= most for often in missed.values()), f"found in noise, of {self.draws} draws: {missed}"

    def test_5_a_subject_without_a_number_is_a_gap(self, survey: Survey) -> None:
        """Promise 5: failed, not measured or withheld, it is as if that point were not there; the others stand."""
        findings, grid = self.planted(self.doses[-1])
        lost = sorted(findings)[2]
        (probe, one), *_ = findings[lost].items()
        fails = {probe: Failed(probe=probe, question="?", error="it broke")}
        held = {probe: one.model_copy(update={"status": "withheld"})}
        gaps = [{**findings, lost: state} for state in (fails, held, {})]
        gaps.append({name: answers for name, answers in findings.items() if name != lost})
        texts = {survey.read(gap, grid).model_dump_json() for gap in gaps}
        assert len(texts) == 1, "it matters how a number came to be missing"
        found = survey.read(gaps[0], grid)
        assert found.status == "measured", "one gap withholds the whole"
        for name, curve in found.curves.items():
            assert len(curve.x) < len(grid) or None in curve.y, f"the gap of {name} is filled"

    def test_6_a_small_grid_is_withheld(self, survey: Survey) -> None:
        """Promise 6."""
        findings, grid = self.planted(self.doses[-1])
        few = sorted(findings)[: survey.fewest - 1]
        found = survey.read({name: findings[name] for name in few}, grid)
        assert found.status == "withheld", f"{len(few)} subjects are answered"
        assert not found.quantities, "withheld, and yet there are numbers"
        assert found.withheld is not None
        assert why(found.withheld, About()).strip(), "withheld, and does not say why"


def _written(findings: Findings) -> list[str]:
    return [answer.model_dump_json() for answers in findings.values() for answer in answers.values()]
