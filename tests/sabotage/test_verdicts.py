"""Verdicts that break a promise; the suite must catch each of them."""

from typing import ClassVar

import pytest

from byheart.testing.verdicts import VerdictSuite
from byheart.testing.worlds import WORLDS
from byheart.verdicts.base import Verdict, quantity

FEW = tuple(world for world in WORLDS if world.name in {"60 rows", "separable", "the mean"})


class Sound(Verdict):
    """Keeps every promise. Each broken verdict below differs from it in one thing."""

    name = "BH900"
    title = "How much is memorised"
    threshold = "more than a fifth of the label bits"
    source = "this test"
    anchor = "complexity/description-length"
    limit: ClassVar[float] = 0.2

    def judge(self, findings):
        share = quantity(findings, self.anchor, "memorised_bits_share")
        if share is None or share.interval is None:
            return self.absent("the bit budget")
        return self.say(self.outcome(findings, share), "")

    def outcome(self, findings, share):
        low, high = share.interval
        return "tip" if low > self.limit else "passed" if high <= self.limit else "withheld"


class Wordy(Sound):
    """Promise 1: it reads a sentence."""

    def outcome(self, findings, share):
        return "passed" if "label bits" in findings[self.anchor].question else super().outcome(findings, share)


class Moody(Sound):
    """Promise 1: it changes its mind."""

    asked: ClassVar[list] = []

    def outcome(self, findings, share):
        self.asked.append(share)
        return "passed" if len(self.asked) % 2 else "tip"


class OneSided(Sound):
    """Promise 2: it never passes."""

    def outcome(self, findings, share):
        return "tip" if share.interval[0] > self.limit else "withheld"


class PassesNothing(Sound):
    """Promise 2: it passes what was not measured."""

    def judge(self, findings):
        return super().judge(findings) if self.anchor in findings else self.say("passed", "")


class ByWidth(Sound):
    """Promise 2: it withholds for a width that the threshold has nothing to do with."""

    def outcome(self, findings, share):
        low, high = share.interval
        return "withheld" if high - low > 0.1 else super().outcome(findings, share)


class Certain(Sound):
    """Promise 3: it judges the value and forgets the interval."""

    def outcome(self, findings, share):
        return "tip" if share.value > self.limit else "passed"


class Hopeful(Sound):
    """Promise 3: it passes what may be above."""

    def outcome(self, findings, share):
        return "tip" if share.interval[0] > self.limit else "passed"


class Accuser(Sound):
    """Promise 4: it calls labels wrong because the model has memorised them."""

    accuses = "labels"

    def outcome(self, findings, share):
        outcome = super().outcome(findings, share)
        return "issue" if outcome == "tip" else outcome


class Whisperer(Accuser):
    """Promise 5: it calls right labels worth checking because the model has understood them."""

    def outcome(self, findings, share):
        understood = findings[self.anchor].quantities.get("understood_bits_share")
        return "tip" if understood and understood.value > 0.9 else super(Accuser, self).outcome(findings, share)


class Elsewhere(Sound):
    """Promise 5: it judges by what is understood."""

    def outcome(self, findings, share):
        understood = findings[self.anchor].quantities.get("understood_bits_share")
        return super().outcome(findings, share if understood is None else understood)


class Silent(Sound):
    """Promise 2: it does not say its threshold."""

    threshold = ""


BROKEN = [
    (Wordy, "test_1_judges_facts_never_words", "words move"),
    (Moody, "test_1_judges_facts_never_words", "of the same findings differ"),
    (OneSided, "test_2_both_sides_of_its_threshold", "withheld where the whole interval is below"),
    (PassesNothing, "test_2_both_sides_of_its_threshold", "where there is no finding"),
    (ByWidth, "test_2_both_sides_of_its_threshold", "withheld where the whole interval is above"),
    (Silent, "test_2_both_sides_of_its_threshold", "does not say its threshold"),
    (Certain, "test_3_withheld_exactly_when_the_interval_contains_it", "contains"),
    (Hopeful, "test_3_withheld_exactly_when_the_interval_contains_it", "contains"),
    (Accuser, "test_4_accuses_nobody_on_the_word_of_the_model_alone", "it accuses labels in 60 rows"),
    (Whisperer, "test_5_says_only_what_is_true_in_every_world", "separable: tip"),
    (Elsewhere, "test_5_says_only_what_is_true_in_every_world", "separable: tip"),
]


class Suite(VerdictSuite):
    probe, quantity, threshold = "complexity/description-length", "memorised_bits_share", Sound.limit
    worlds = FEW


class TestSound(Suite):
    """What all the broken ones differ from passes."""

    @pytest.fixture
    def verdict(self):
        return Sound()


@pytest.mark.parametrize("broken, promise, why", BROKEN)
def test_the_suite_catches(broken, promise, why):
    with pytest.raises(AssertionError, match=why):
        getattr(Suite(), promise)(broken())
