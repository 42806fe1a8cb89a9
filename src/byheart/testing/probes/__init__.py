"""The suite every probe runs: one test a promise of `byheart.probes.base`.

Use it so, in a test file of your own:

    class TestMine(ProbeSuite):
        @pytest.fixture
        def probe(self): return Mine()

        @pytest.fixture
        def bank(self, probe): return bank_of(probe, Flipped(task="digits", share=0.1), Neighbours())

`pole` and `dosed` give the banks of promises 5 and 6; override them where the defaults (lookup table, oracle
and nearest neighbour on merged digits with redrawn labels) are not the poles or the dose of your question. A pole need
not be a learner: where the data alone are asked it is data (all different, all copies), and where learners at the
poles have no answer it is outcomes that have one (no order, by heart last). Every name in `poles` is put to the test.
Promise 9 is not timed here: what is measured is what a probe asks to be trained; seconds are a matter of benchmarks.
"""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from typing import Any, ClassVar, get_args

import numpy as np

from byheart.probes.applicability import KINDS
from byheart.probes.base import Bank, Probe
from byheart.records.finding import Answer, Finding, NotApplicable
from byheart.records.quantity import Quantity, Unit
from byheart.registry import find
from byheart.report.cards import About
from byheart.report.cards.reasons import why
from byheart.tasks.base import Task
from byheart.tasks.data import Data
from byheart.testing.banks import Merged, bank_of, offers_of, renamed, reordered
from byheart.testing.degenerate import degenerate
from byheart.testing.unchanged import digest_of, fingerprint, random_state
from byheart.testing.worlds import WORLDS, Draw, World, always_wrong
from byheart.training.members import Members

__all__ = ["Merged", "ProbeSuite", "bank_of", "offers_of"]

# Two independent percentile intervals of 1,000 draws: an end has a standard error of
# sqrt(.025 .975 / 1000) / phi(1.96) = 0.084 sd, a difference of two 0.12 sd; 4 of these are an eighth of the
# interval's width of 3.92 sd.
ENDS = 0.125
ROUNDING = 1e-5
USUAL = 64  # members of a usual audit


class ProbeSuite:
    """Subclass it and give the fixtures `probe` and `bank`.

    Attributes:
        pole_tolerance: how far the headline at a pole may stand from the value that the card prints.
        withheld_at_poles: the card is withheld at its poles, for there is nothing to see there.
        doses: shares of redrawn labels, ascending.
        dosed_quantity: the quantity that must rise with the dose; the headline where empty.
        needs: offers without which `requires` itself refuses, beside those that the class declares.
        worlds: where the truth is known; add your own for quantities of your own.
        draws: how often in a row an interval must miss the truth of a world to be called wrong.
    """

    pole_tolerance: ClassVar[float] = 0.02
    withheld_at_poles: ClassVar[bool] = False
    doses: ClassVar[tuple[float, ...]] = (0.0, 0.2, 0.5)
    dosed_quantity: ClassVar[str] = ""
    needs: ClassVar[tuple[str, ...]] = ()
    worlds: ClassVar[tuple[World, ...]] = WORLDS
    draws: ClassVar[int] = 3

    def pole(self, probe: Probe, name: str) -> Bank:
        """The bank of the pole `name` (a learner)."""
        return bank_of(probe, find("task", "flipped")(task=Merged(), share=0.2), find("learner", name)())

    def dosed(self, probe: Probe, dose: float) -> Bank:
        """The bank under a dose: 1-nearest neighbour on labels, the share `dose` of them redrawn."""
        return bank_of(probe, find("task", "flipped")(task=Merged(), share=dose), find("learner", "neighbours")())

    def test_1_requires_is_pure_and_instant(self, probe: Probe, bank: Bank) -> None:
        """Promise 1: the same answer a hundred times, without drawing data, and nothing moved."""
        subject = replace(bank.subject, task=_Undrawn())
        before, state = probe.describe(), random_state()
        first = probe.requires(subject)
        for _ in range(100):
            assert probe.requires(subject) == first, "`requires` gives another answer when asked again"
        assert probe.describe() == before, "`requires` changed a field"
        assert random_state() == state, "`requires` moved a global random state"

    def test_2_measure_is_deterministic(self, probe: Probe, bank: Bank) -> None:
        """Promise 2."""
        (first, some), (second, others) = probe.measure(bank), probe.measure(bank)
        assert first.model_dump_json() == second.model_dump_json(), "two measurements of one bank differ"
        assert some.keys() == others.keys(), "two measurements give other columns"
        for name, column in some.items():
            assert column.tobytes() == others[name].tobytes(), f"two measurements differ in column {name}"

    def test_3_runs_are_left_unchanged(self, probe: Probe, bank: Bank) -> None:
        """Promise 3: every bit of runs and data."""
        before = _state(bank)
        probe.measure(bank)
        assert _state(bank) == before, "measuring changed a run or the data"

    def test_4_every_number_is_a_quantity(self, probe: Probe, bank: Bank) -> None:
        """Promise 4: finite, with unit, interval, null, n and how; a column holds one number an example."""
        finding, columns = probe.measure(bank)
        assert isinstance(finding, Finding), "the bank of the suite must be one that can be answered"
        assert finding.quantities, "a finding without a quantity"
        for name, found in finding.quantities.items():
            truthful(name, found)
        assert finding.status == "measured" or _says_why(finding), "withheld, and does not say why"
        headline = finding.headline in finding.quantities if finding.status == "measured" else not finding.headline
        assert headline, f"a {finding.status} finding must not have the headline {finding.headline!r}"
        for name, column in columns.items():
            assert column.shape == (len(bank.data.train),), f"column {name} has shape {column.shape}"
            assert np.isfinite(column).all(), f"column {name} is not finite"

    def test_5_poles_sit_at_the_ends(self, probe: Probe) -> None:
        """Promise 5: at each pole the headline is what the card prints for it."""
        for name in probe.poles:
            finding, _ = probe.measure(self.pole(probe, name))
            assert isinstance(finding, Finding), f"pole {name} cannot be measured"
            if self.withheld_at_poles:
                assert finding.status == "withheld", f"pole {name} is not withheld"
                assert not finding.poles, "a withheld card shows no scale"
                continue
            ends = {pole.name.lower(): pole.value for pole in finding.poles}
            assert name in ends, f"the card has no pole {name}"
            gap = abs(finding.quantities[finding.headline].value - ends[name])
            assert gap <= self.pole_tolerance, f"pole {name} stands {gap:.3g} from its end, {ends[name]:.3g}"

    def test_6_monotone_in_the_dose(self, probe: Probe) -> None:
        """Promise 6: more of what is planted, more of what is found."""
        found = []
        for dose in self.doses:
            finding, _ = probe.measure(self.dosed(probe, dose))
            assert isinstance(finding, Finding), f"dose {dose} cannot be measured"
            found.append(finding.quantities[self.dosed_quantity or finding.headline].value)
        rises = all(a < b for a, b in pairwise(found))
        assert rises, f"not monotone in the dose: {dict(zip(self.doses, found))}"

    def test_7_order_of_examples_changes_nothing(self, probe: Probe, bank: Bank) -> None:
        """Promise 7: examples and members' masks in another order, ids along with them."""
        other, order = reordered(bank)
        (before, columns), (after, moved) = probe.measure(bank), probe.measure(other)
        _same(before, after, "the order of examples")
        for name, column in columns.items():
            near = np.allclose(column[order], moved[name], rtol=ROUNDING, atol=ROUNDING)
            assert near, f"the order of examples changes column {name}"

    def test_7_names_of_classes_change_nothing(self, probe: Probe, bank: Bank) -> None:
        """Promise 7: classes numbered otherwise."""
        if not bank.data.output.labelled:
            return
        other = renamed(bank)
        (before, columns), (after, moved) = probe.measure(bank), probe.measure(other)
        _same(before, after, "the numbering of classes")
        number = [*map(other.data.output.classes.index, bank.data.output.classes), -1]  # of each; -1 is none
        for name, column in columns.items():
            expected = np.array(number)[column] if name in probe.label_columns else column
            near = np.allclose(expected, moved[name], rtol=ROUNDING, atol=ROUNDING)
            assert near, f"the numbering of classes changes column {name}"

    def test_8_a_missing_offer_is_not_applicable(self, probe: Probe, bank: Bank) -> None:
        """Promise 8: what the class declares (`outputs`, `needs`) is held to, with a reason, before any training."""
        offered = bank.subject.offers
        others = [{kind} for kind in sorted(KINDS - set(probe.outputs)) if probe.outputs]
        lacking = [(f"as {kind}", offered - KINDS | kind) for kind in others]
        lacking += [(f"without {need}", offered - {need}) for need in (*probe.needs, *self.needs) if need in offered]
        for what, offers in lacking:
            answer = probe.requires(replace(bank.subject, offers=frozenset(offers)))
            assert isinstance(answer, NotApplicable), f"{what} the question is still asked"
            assert why(answer.reason, About()).strip(), f"{what} it does not apply, and no reason is given"
            assert (answer.probe, answer.question) == (probe.name, probe.question)

    def test_8_one_sided_examples_are_not_applicable(self, probe: Probe, bank: Bank) -> None:
        """Promise 8: an example that every member saw has no left-out side; no number is made of it."""
        need = bank.subject.bank()
        run = bank[need]
        mask = run.members.mask.copy()
        mask[:, 0] = True
        seen = replace(run, members=Members(run.members.seeds, mask))
        answer, _ = probe.measure(Bank(bank.subject, bank.data, {**bank.runs, need.key(): seen}))
        assert isinstance(answer, NotApplicable), "an example that all members saw is given a number"
        assert why(answer.reason, About()).strip()

    def test_9_the_stated_cost_is_not_exceeded(self, probe: Probe, bank: Bank) -> None:
        """Promise 9: whoever reads the runs of an audit trains no other model of the subject's own."""
        subject = replace(bank.subject, members=USUAL)
        needs = probe.requires(subject)
        assert not isinstance(needs, NotApplicable), "the bank of the suite must be one that is asked"
        audits = subject.bank(), subject.whole()  # whatever is kept of them: keeping trains nothing
        own = [need for need in needs if not need.learner and need.model_copy(update={"keep": ()}) not in audits]
        spent = sum(need.members * need.share for need in own) / (subject.members * subject.share)
        most = {"reading": 0.0, "few models": 0.25, "the members again": 6.0, "on request": math.inf}[probe.cost]
        assert spent <= most, f"{probe.cost!r}, and it trains {spent:.0%} of the members again"

    def test_10_breaks_on_no_copies_one_class_or_single_example(self, probe: Probe, bank: Bank) -> None:
        """Promise 10: where nothing varies there is a number with all that belongs to it, or a reason why not."""
        for what, made in degenerate(probe, bank):
            try:
                answer, _ = probe.measure(made)
            except Exception as error:
                raise AssertionError(f"it breaks on {what}: {type(error).__name__}: {error}") from error
            for name, found in (answer.quantities if isinstance(answer, Finding) else {}).items():
                truthful(name, found)
            assert answer.status == "measured" or _says_why(answer), f"no number on {what}, and it does not say why"

    def test_10_holds_the_truth_in_every_world(self, probe: Probe) -> None:
        """Promise 10: the interval holds what is true, or the number is withheld, or the question does not apply."""
        wrong = always_wrong(self.worlds, lambda draw: untrue(draw, probe), self.draws)
        assert not wrong, "the interval does not hold the truth in " + "; ".join(wrong)


def _says_why(answer: Answer) -> bool:
    reason = answer.withheld if isinstance(answer, Finding) else getattr(answer, "reason", None)
    return reason is not None and bool(why(reason, About()).strip())


def untrue(draw: Draw, probe: Probe) -> dict[str, str]:
    """The quantities of a probe whose intervals do not hold what is true in a draw of a world, with both."""
    answer = draw.measure(probe)
    found = answer.quantities if isinstance(answer, Finding) else {}
    return {
        name: f"[{quantity.interval[0]:.3f}, {quantity.interval[1]:.3f}] for {draw.truth[name]}"
        for name, quantity in found.items()
        if name in draw.truth and quantity.interval and not draw.truth[name].meets(quantity.interval)
    }


class _Undrawn(Task):
    """Data that must not be drawn to know what runs a probe asks for."""

    name = "undrawn"

    def draw(self, seed: int) -> Data:
        raise AssertionError("`requires` drew the data")


def truthful(name: str, found: Any) -> None:
    """One quantity says all it must."""
    assert isinstance(found, Quantity), f"{name} is not a Quantity"
    interval = found.interval or ()
    numbers = [found.value, *interval, *(() if found.null is None else (found.null,))]
    assert all(math.isfinite(number) for number in numbers), f"{name} is not finite"
    assert found.unit in get_args(Unit), f"{name} has the unknown unit {found.unit}"
    assert found.n > 0, f"{name} rests on no example"
    if interval:
        slack = 1e-9 * (1 + abs(found.value))
        inside = interval[0] - slack <= found.value <= interval[1] + slack
        assert inside, f"the interval of {name}, {interval}, does not hold its value {found.value}"
        assert found.method, f"{name} does not say how its interval was made"


def _same(before: Answer, after: Answer, what: str) -> None:
    """Equal but for rounding, and for the draws of a bootstrap in the ends of intervals."""
    assert isinstance(before, Finding)
    assert isinstance(after, Finding)
    assert (before.status, before.headline) == (after.status, after.headline), f"{what} changes the headline"
    assert before.quantities.keys() == after.quantities.keys(), f"{what} changes what is measured"
    for name, a in before.quantities.items():
        b = after.quantities[name]
        near = math.isclose(a.value, b.value, rel_tol=ROUNDING, abs_tol=ROUNDING)
        assert near, f"{what} changes {name}: {a.value} and {b.value}"
        assert (a.null is None) == (b.null is None)
        if a.null is not None:
            near = math.isclose(a.null, b.null, rel_tol=ROUNDING, abs_tol=ROUNDING)
            assert near, f"{what} changes the null of {name}: {a.null} and {b.null}"
        for end, other in zip(a.interval or (), b.interval or (), strict=True):
            allowed = ENDS * (a.interval[1] - a.interval[0]) + ROUNDING
            assert abs(end - other) <= allowed, f"{what} changes the interval of {name}"
    assert _shown(before) == _shown(after), f"{what} changes which examples are shown"


def _shown(finding: Finding) -> list[tuple[str, int]]:
    return [(ranked.view, one) for ranked in finding.ranked.values() for one in ranked.ids]


def _state(bank: Bank) -> tuple[str, str]:
    runs = ((key, run.arrays()) for key, run in sorted(bank.runs.items()))
    arrays = ((f"{key} {name}", array) for key, held in runs for name, array in sorted(held.items()))
    return fingerprint(bank.data), digest_of(arrays)
