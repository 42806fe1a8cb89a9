"""Every verdict of ours keeps the promises of `byheart.verdicts.base`.

Recipe for a new one: a subclass of `VerdictSuite` with the fixture `verdict` and what it judges; override `findings`
where it reads more than one quantity.
"""

from typing import ClassVar

import pytest

from byheart.records.quantity import Quantity, interval_by
from byheart.registry import find, names
from byheart.testing.verdicts import VerdictSuite, findings_of
from byheart.testing.worlds import WORLDS, always_wrong
from byheart.verdicts.rules import (
    HALF_WIDTH,
    LISTED,
    MEMORISED,
    MEMORISED_OF_VALUES,
    LabelsToCheck,
    MuchMemorised,
    Power,
)
from byheart.verdicts.training import MATTERS, Overconfident, Overfitting, Underfitting


@pytest.mark.parametrize("name", sorted(names("verdict")))
def test_every_known_verdict_says_only_what_is_true_in_every_world(name):
    """Ours and plug-ins, by what the worlds know of labels and time courses."""
    verdict = find("verdict", name)()

    def untrue(draw):
        judgement = verdict.judge(draw.findings)
        may = draw.may_say(verdict)
        return {} if judgement.outcome in may else {judgement.outcome: f"({judgement.title}), not {sorted(may)}"}

    assert not always_wrong(WORLDS, untrue, 3)


def by_hand(value, interval, null=0.0):
    return Quantity(value=value, unit="share", null=null, n=500, **interval_by("by hand", interval))


class TestLabelsToCheck(VerdictSuite):
    """The tip; the issue rests on copies that contradict, which `worlds` hold."""

    probe, quantity, threshold, scale = "memory/label-noise", "worth_checking_share", LISTED, 0.1

    @pytest.fixture
    def verdict(self):
        return LabelsToCheck()

    def test_copies_that_contradict_are_an_issue(self, verdict):
        contradicting = next(world for world in WORLDS if world.at(0).contradictions)
        assert verdict.judge(contradicting.at(0).findings).outcome == "issue"


class TestMuchMemorised(VerdictSuite):
    probe, quantity, threshold = "complexity/description-length", "memorised_bits_share", MEMORISED

    @pytest.fixture
    def verdict(self):
        return MuchMemorised()


class TestMuchMemorisedOfValues(VerdictSuite):
    probe, quantity, threshold = "complexity/description-length", "memorised_share_of_variance", MEMORISED_OF_VALUES

    @pytest.fixture
    def verdict(self):
        return MuchMemorised()


class TestPower(VerdictSuite):
    """It judges the half width of an interval, which has no interval of its own, and withholds nothing."""

    probe, quantity, threshold, scale = "complexity/description-length", "memorised_bits_share", HALF_WIDTH, HALF_WIDTH
    above = frozenset({"tip"})
    test_3_withheld_exactly_when_the_interval_contains_it = None

    @pytest.fixture
    def verdict(self):
        return Power()

    def findings(self, value, interval):
        return super().findings(0.5, (0.5 - value, 0.5 + value))

    def truth(self, draw):
        """A half width is no property of a world."""


class TestOverfitting(VerdictSuite):
    """By the code: accuracy was higher before, beyond doubt, and of 2 bits 1 was understood."""

    probe, quantity, threshold, unit = "complexity/description-length", "held_out_code_rise", MATTERS, "bits"
    fall: ClassVar[tuple[float, float]] = (0.05, 0.10)

    @pytest.fixture
    def verdict(self):
        return Overfitting()

    def findings(self, value, interval):
        return self.course((value, interval), (sum(self.fall) / 2, self.fall))

    def course(self, rise, fall):
        found = {
            "held_out_code_rise": by_hand(*rise), "held_out_code": by_hand(1 + rise[0], None, 2.0),
            "best_held_out_epoch": by_hand(5.0, None), "held_out_accuracy_fall": by_hand(*fall),
        }  # fmt: skip
        return findings_of(self.probe, found)


class TestOverfittingByAccuracy(TestOverfitting):
    """By the accuracy: the code was shorter before, beyond doubt."""

    quantity, threshold = "held_out_accuracy_fall", 0.0

    def findings(self, value, interval):
        return self.course((0.5, (0.4, 0.6)), (value, interval))


class TestUnderfitting(VerdictSuite):
    """By the lead of a baseline where left out; where seen the model leads."""

    probe, quantity, threshold = "generalization/gap", "neighbours_held_out_lead", 0.0

    @pytest.fixture
    def verdict(self):
        return Underfitting()

    def findings(self, value, interval):
        found = {
            "held_out_accuracy": by_hand(0.7, (0.6, 0.8)), "neighbours_held_out_accuracy": by_hand(0.7, (0.6, 0.8)),
            "neighbours_held_out_lead": by_hand(value, interval), "neighbours_train_lead": by_hand(-0.25, (-0.3, -0.2)),
        }  # fmt: skip
        return findings_of(self.probe, found)


class TestOverconfident(VerdictSuite):
    """By the gain of a temperature of 2, on one bit a label."""

    probe, quantity, threshold, unit = "generalization/gap", "held_out_temperature_gain", MATTERS, "bits"

    @pytest.fixture
    def verdict(self):
        return Overconfident()

    def findings(self, value, interval):
        found = {
            "held_out_temperature": by_hand(2.0, None), "held_out_raw_bits": by_hand(1.0, None),
            "held_out_temperature_gain": by_hand(value, interval),
        }  # fmt: skip
        return findings_of(self.probe, found)
