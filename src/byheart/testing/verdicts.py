"""The suite every verdict runs: one test a promise of `byheart.verdicts.base`.

Use it so, in a test file of your own:

    class TestMine(VerdictSuite):
        probe, quantity, threshold = "memory/mine", "my_share", 0.1

        @pytest.fixture
        def verdict(self): return Mine()

`findings` makes, of a value and an interval of what is judged, findings in which all else that the verdict reads
leaves the judgement to it; override it where the verdict reads more than one quantity.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from byheart.records.finding import Answer, Finding
from byheart.records.quantity import Quantity, Unit
from byheart.testing.worlds import WORLDS, Draw, World, always_wrong
from byheart.verdicts.base import Verdict

Findings = Mapping[str, Answer]
WIDTHS = (1e-4, 0.01, 0.1, 0.3, 0.6)  # of intervals beside and around a threshold, in `scale`


class VerdictSuite:
    """Subclass it and give the fixture `verdict`.

    Attributes:
        probe: whose quantity is judged; empty where the suite's own findings say.
        quantity: its name.
        threshold: the number that it is compared with.
        scale: what is a large distance from the threshold.
        above: what may be judged above the threshold.
        below: what may be judged below it.
        worlds: where the truth is known.
        draws: how often in a row it must say what is not true in a world to be called wrong.
    """

    probe: ClassVar[str]
    quantity: ClassVar[str]
    threshold: ClassVar[float]
    unit: ClassVar[Unit] = "share"
    scale: ClassVar[float] = 1.0
    above: ClassVar[frozenset[str]] = frozenset({"tip", "issue"})
    below: ClassVar[frozenset[str]] = frozenset({"passed"})
    worlds: ClassVar[tuple[World, ...]] = WORLDS
    draws: ClassVar[int] = 3

    def findings(self, value: float, interval: tuple[float, float]) -> Findings:
        """Findings whose judged quantity has this value and interval."""
        judged = Quantity(value=value, unit=self.unit, interval=interval, null=0.0, n=500)
        return findings_of(self.probe, {self.quantity: judged})

    def test_1_judges_facts_never_words(self, verdict: Verdict) -> None:
        """Promise 1: no word of a finding moves it, by hand or in a world, and it says the same when asked again."""
        judged = [self.findings(value, (value, value)) for value in self._both_sides(0.3)]
        for findings in (*judged, *(world.at(0).findings for world in self.worlds)):
            first = verdict.judge(findings)
            assert verdict.judge(findings) == first, "two judgements of the same findings differ"
            assert verdict.judge(without_words(findings)).outcome == first.outcome, "words move the judgement"

    def test_2_both_sides_of_its_threshold(self, verdict: Verdict) -> None:
        """Promise 2: intervals wholly above and wholly below it; nothing to judge is `not applicable`."""
        assert verdict.threshold.strip(), "it does not say its threshold"
        assert verdict.source.strip(), "it does not say where its threshold comes from"
        for width in WIDTHS:
            low, high = self._both_sides(width)
            for value, expected in ((high, self.above), (low, self.below)):
                outcome = self._outcome(verdict, value, 0.45 * width * self.scale)
                side = "above" if expected is self.above else "below"
                assert outcome in expected, f"{outcome} where the whole interval is {side} the threshold"
        assert verdict.judge({}).outcome == "not applicable", "it judges where there is no finding"

    def test_3_withheld_exactly_when_the_interval_contains_it(self, verdict: Verdict) -> None:
        """Promise 3: near or far, narrow or wide, on whichever side the value is."""
        for width in WIDTHS:
            for part in (0.01, 0.5, 0.99):  # where in the interval the threshold is
                low = self.threshold - part * width * self.scale
                interval = (low, low + width * self.scale)
                for value in (interval[0], sum(interval) / 2, interval[1]):
                    outcome = verdict.judge(self.findings(value, interval)).outcome
                    assert outcome == "withheld", f"{outcome} where {interval} contains {self.threshold}"

    def test_4_accuses_nobody_on_the_word_of_the_model_alone(self, verdict: Verdict) -> None:
        """Promise 4: an issue of labels, examples or people needs something independent of any model."""
        if not verdict.accuses:
            return
        for world in self.worlds:
            draw = world.at(0)
            if not draw.contradictions:
                outcome = verdict.judge(draw.findings).outcome
                assert outcome != "issue", f"it accuses {verdict.accuses} in {world.name}, on a model's word"

    def test_5_says_only_what_is_true_in_every_world(self, verdict: Verdict) -> None:
        """Promise 5."""
        wrong = always_wrong(self.worlds, lambda draw: self.untrue(verdict, draw), self.draws)
        assert not wrong, "it says what is not true in " + "; ".join(wrong)

    def untrue(self, verdict: Verdict, draw: Draw) -> dict[str, str]:
        """The outcome that is not true in a draw of a world, if it is not."""
        outcome, may = verdict.judge(draw.findings).outcome, draw.may_say(verdict)
        if truth := self.truth(draw):
            may -= self.below if truth[0] > self.threshold else frozenset()
            may -= self.above if truth[1] < self.threshold else frozenset()
        return {} if outcome in may else {outcome: f"where {truth or sorted(may)} is true"}

    def truth(self, draw: Draw) -> tuple[float, float] | None:
        """Where the true value of what is judged lies, if this draw knows it and has it measured."""
        answer = draw.findings.get(self.probe)
        measured = isinstance(answer, Finding) and self.quantity in answer.quantities
        return draw.truth.get(self.quantity) if measured else None

    def _both_sides(self, width: float) -> tuple[float, float]:
        return self.threshold - width * self.scale / 2, self.threshold + width * self.scale / 2

    def _outcome(self, verdict: Verdict, value: float, half: float) -> str:
        return verdict.judge(self.findings(value, (value - half, value + half))).outcome


def findings_of(probe: str, quantities: Mapping[str, Quantity]) -> Findings:
    """One finding with these quantities."""
    finding = Finding(
        probe=probe, question="By hand?", headline=next(iter(quantities)), quantities=dict(quantities), reference="here"
    )
    return {probe: finding}


def without_words(findings: Findings) -> Findings:
    """The same quantities with every sentence, curve, table and ranking taken out."""
    return {
        name: answer.model_copy(
            update={
                "question": "?", "reference": "?", "poles": (), "balance": None,
                "curves": {}, "tables": {}, "ranked": {},
                "quantities": {n: q.model_copy(update={"method": "?"}) for n, q in answer.quantities.items()},
            }
        )
        if isinstance(answer, Finding)
        else answer
        for name, answer in findings.items()
    }  # fmt: skip
