"""One to seven members: averages with intervals in every world, single examples withheld, no verdict on one training."""

from dataclasses import replace

import numpy as np
import pytest

from byheart.maths.codes.bank import bank_lengths
from byheart.probes.applicability import too_few
from byheart.probes.base import Bank, Need
from byheart.probes.complexity.description_length import Bits
from byheart.probes.generalization.gap import Gap
from byheart.probes.memory.counterfactual import Counterfactual
from byheart.probes.memory.duplicates import Duplicates
from byheart.probes.memory.influence import Pairs
from byheart.probes.memory.label_noise import Quadrant
from byheart.probes.memory.learning_order import Order
from byheart.probes.memory.membership import Membership
from byheart.records.finding import Finding
from byheart.registry import find, names
from byheart.report.cards import About
from byheart.report.cards.reasons import why
from byheart.report.summary import from_few
from byheart.testing.probes import truthful, untrue
from byheart.testing.worlds import WORLDS
from byheart.testing.worlds.base import always_wrong

AVERAGES = [Bits(), Gap(), Membership()]
SINGLE = [Counterfactual(), Pairs(), Quadrant()]
FEW = [1, 2, 4, 7]


def at(world, m, seed=0):
    """A draw of a world, as an audit of m members."""
    return replace(world.at(seed), members=m, runs={}, answers={})


@pytest.fixture(scope="module")
def draws():
    """World and members -> the draw, with what was trained and measured on it."""
    return {(world.name, m): at(world, m) for world in WORLDS for m in FEW}


@pytest.mark.parametrize("m", [1, 2, 4, pytest.param(7, marks=pytest.mark.slow)])
def test_every_world_goes_through_and_no_interval_is_false(draws, m):
    """Of one member intervals are of that training, and nobody knows its truth: it goes through, that is all."""

    class AtFew:
        """A world of fewer members: the draws are those of the world."""

        def __init__(self, world):
            self.world, self.name = world, world.name

        def at(self, seed):
            return draws[self.name, m] if seed == 0 else at(self.world, m, seed)

    for probe in AVERAGES:
        for world in WORLDS:
            answer = draws[world.name, m].measure(probe)
            for name, found in (answer.quantities if isinstance(answer, Finding) else {}).items():
                truthful(name, found)
        if m > 1:
            wrong = always_wrong([AtFew(world) for world in WORLDS], lambda draw, probe=probe: untrue(draw, probe), 3)
            assert not wrong, f"{probe.name} of {m} members: {'; '.join(wrong)}"


@pytest.mark.parametrize("m", FEW)
@pytest.mark.parametrize("world", ["balanced", "every row three times", "Gaussian values", "past its best"])
def test_nothing_is_said_of_single_examples(draws, world, m):
    draw = draws[world, m]
    for probe in SINGLE:
        assert draw.measure(probe).status in ("withheld", "not applicable"), probe.name
    for probe in AVERAGES:
        assert not probe.measure(draw.bank)[1], f"{probe.name} has columns of single examples"


@pytest.mark.parametrize("world", ["every row three times", "Gaussian values"])
def test_accuracy_without_what_leaked_takes_one_member(draws, world):
    found = Duplicates().measure(draws[world, 1].bank)[0].quantities
    assert all("this one training" in one.method for name, one in found.items() if name.startswith("test_"))


def test_one_member_speaks_of_its_training_and_no_verdict_passes_on_it(draws):
    draw = draws["pure noise", 1]
    for probe in AVERAGES:
        found = draw.measure(probe).quantities
        assert {one.speaks_of for name, one in found.items() if not name.startswith("one_model")} == {"training"}
        assert any("this one training" in one.method for one in found.values())
    answers = {probe.name: draw.measure(probe) for probe in (*AVERAGES, *SINGLE)}
    verdicts = [find("verdict", name)() for name in names("verdict")]
    assert {verdict.judged(answers, 2).outcome for verdict in verdicts} & {"passed", "tip"}
    for verdict in verdicts:
        alone, judged = verdict.judged(answers, 1), verdict.judge(answers)
        assert alone.outcome == ("withheld" if judged.outcome != "not applicable" else judged.outcome)
        assert alone.title == verdict.title or alone.outcome == "not applicable"


def test_labels_are_not_checked_by_few_members_and_the_verdict_says_why(draws):
    draw = draws["balanced", 4]
    judged = find("verdict", "BH101")().judge({"memory/label-noise": draw.measure(Quadrant())})
    assert (judged.outcome, judged.sentence) == (
        "not applicable",
        "It needs at least 8 members, which this audit does not have.",
    )


def test_copies_that_contradict_are_accused_whatever_was_trained(draws):
    draw = draws["copies that contradict", 1]
    answers = {probe.name: draw.measure(probe) for probe in (*AVERAGES, Duplicates())}
    assert find("verdict", "BH101")().judged(answers, 1).outcome == "issue"


def test_why_single_examples_are_withheld(draws):
    answer = draws["balanced", 4].measure(Counterfactual())
    assert (answer.withheld.code, dict(answer.withheld.figures)) == ("few members", {"members": 4, "needed": 8})
    assert "nothing is said of single rows" in why(answer.withheld, About(nouns="rows"))


def test_blocks_in_time_withhold_the_headline_of_few(draws):
    bank = draws["balanced", 4].bank
    data = replace(bank.data, grouped=replace(bank.data.grouping, blocks=10))
    blocked = Bank(bank.subject, data, bank.runs)
    for probe in AVERAGES:
        assert probe.measure(blocked)[0].withheld.code == "few blocks"


def test_how_many_members_a_probe_asks_for_itself_is_its_own_choice(draws):
    draw, need = draws["balanced", 7], Need(members=2, share=0.9)
    draw.run(need)
    assert too_few(draw.bank, need, fewest=8).code == "one-sided"
    assert too_few(draw.bank, draw.bank.subject.bank(), fewest=8).code == "few members"
    assert too_few(draw.bank, draw.bank.subject.bank(), fewest=1) is None


@pytest.mark.parametrize("m, said", [(1, "for this one training alone"), (4, "Student's t on 3 degrees of freedom")])
def test_cards_say_what_their_intervals_know(draws, card, m, said):
    draw = draws["balanced", m]
    for probe in AVERAGES[:2]:
        words = card(draw.bank, draw.measure(probe))
        assert any(said in line for line in words.how)
        assert "More members would narrow the interval" in words.body[-1]
    assert any("Sums run over the pairs" in line for line in card(draw.bank, draw.measure(Bits())).how)


def test_few_members_rank_by_a_proxy_and_say_so(draws, card):
    draw = draws["past its best", 4]
    finding, columns = draw.measure(Order()), Order().measure(draw.bank)[1]
    assert finding.withheld.code == "proxies alone"
    ids = draw.bank.data.train.ids
    ranked = [int(np.flatnonzero(ids == one)[0]) for one in finding.ranked["by_proxy"].ids]
    assert list(columns["confidence"][ranked]) == sorted(columns["confidence"])[: len(ranked)]
    said = card(draw.bank, finding)
    assert "a proxy" in said.exhibits[0].title
    assert "does not say that they are memorised" in said.body[0]
    ((title, table),) = said.tables.items()
    assert "no promise" in title
    assert ("1 \u2212 mean confidence", "0.51", "0.84") in table.rows


@pytest.mark.parametrize("members, said", [
    (1, "All numbers are of this one training"), (4, "Averages from 4 models"), (8, ""),
])  # fmt: skip
def test_the_page_says_what_few_members_leave_open(members, said):
    assert from_few({"members": members, "nouns": "rows"})[: len(said) or 9] == said


def test_one_model_of_noise_is_not_said_to_do_worse_than_a_blind_guess(make_bank):
    """Scores that know nothing of 60 labels left out: what their calibration costs on 30 of them is no ignorance."""
    worse = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        y, mask = rng.integers(0, 2, 200), np.arange(200)[None] < 140
        logits = np.where(mask[None, :, :, None], 6.0 * np.eye(2)[y], rng.normal(0, 2, (1, 1, 200, 2)))
        found = Bits().measure(make_bank(y, logits, mask))[0].quantities["understood_bits_share"]
        worse += found.interval[1] < 0
    assert worse <= 60 * 0.025 + 4 * np.sqrt(60 * 0.025)


def test_a_calibration_fitted_on_the_labels_themselves_is_never_the_longer_one():
    rng = np.random.default_rng(0)
    z, y, mask = rng.normal(size=(2, 80, 3)), rng.integers(0, 3, 80), rng.random((2, 80)) < 0.7
    crossed, own = (bank_lengths(z, y, mask, crossed=on).member_bits for on in (True, False))
    for side in (mask, ~mask):
        assert own[side].sum() < crossed[side].sum()
