"""Influence pairs: a planted twin stands clear, noise is withheld, values are not asked."""

from dataclasses import replace

import numpy as np
import pytest

from byheart.learners.neighbours import Neighbours
from byheart.maths.memorisation.influence import members_needed
from byheart.probes.base import reason
from byheart.probes.memory import influence
from byheart.probes.memory.influence import Pairs
from byheart.records.finding import NotApplicable
from byheart.tasks.base import Task
from byheart.tasks.data import Examples
from byheart.tasks.digits import Digits
from byheart.testing.probes import bank_of
from byheart.training.members import balanced


class Twin(Task):
    """Digits whose first new image is a copy of a training image, under a label that nothing else would suggest."""

    name = "twin"

    def draw(self, seed):
        data = Digits(n=150).draw(seed)
        train, test = data.train, data.views["test"].take(np.arange(60))
        y, x, labels = train.y.copy(), test.x.copy(), test.y.copy()
        y[11] = (y[11] + 5) % 10
        x[4], labels[4] = train.x[11], y[11]
        views = {"train": replace(train, y=y), "test": Examples(test.ids, x, labels)}
        return replace(data, views=views)


@pytest.fixture(scope="module")
def twin():
    bank = bank_of(Pairs(), Twin(), Neighbours(), members=96)
    return bank, Pairs().measure(bank)[0]


@pytest.fixture
def noise(make_bank, rng):
    """New examples right or wrong by the toss of a coin."""
    def of(m, n=60, q=40):
        mask = balanced(n, m, 0.7, seed=0).mask
        y, test_y = np.zeros(n, int), np.zeros(q, int)
        logits = 2.0 * np.eye(2)[rng.integers(0, 2, (m, q))]
        return make_bank(y, np.zeros((m, n, 2)), mask, test_y=test_y, test_logits=logits)

    return of


def test_a_planted_twin_stands_clear(twin, card):
    bank, finding = twin
    assert finding.status == "measured"
    assert finding.quantities["largest_influence"].value == pytest.approx(1)
    assert finding.quantities["largest_influence"].value > finding.quantities["largest_influence"].null
    said = card(bank, finding)
    first = said.exhibits[0].groups[0].shown
    assert said.says.startswith("largest influence of 9,000 pairs; clear of chance: ")
    assert said.charts[0].marks[0].x == pytest.approx(1)
    label = str(bank.data.train.y[11])
    assert [one.lines for one in first] == [(f"training {first[0].id}", label), (f"new {first[1].id}", label)]
    assert [(one.view, one.id) for one in first] == [
        ("train", int(bank.data.train.ids[11])), ("test", int(bank.data.views["test"].ids[4]))
    ]  # fmt: skip
    assert finding.withheld is None


def test_the_sentence_counts_what_the_members_did(twin, card):
    bank, finding = twin
    run = bank[bank.subject.bank()]
    saw, right = run.members.mask[:, 11], run.views["test"].correct[-1][:, 4]
    assert right[saw].all()
    expected = f"{saw.sum()} of the {saw.sum()} members that saw training digit {bank.data.train.ids[11]} are right"
    first = card(bank, finding).body[0]
    assert expected in first
    assert f"{right[~saw].sum()} of the {(~saw).sum()} others" in first


def test_pure_noise_is_withheld_without_a_headline(noise, card):
    bank = noise(48)
    finding = Pairs().measure(bank)[0]
    said = card(bank, finding)
    needed = members_needed(60, 40, 0.15, 0.7).members
    assert finding.status == "withheld"
    assert finding.headline == ""
    assert said.says == ""
    assert finding.ranked == {}
    assert said.exhibits == ()
    assert finding.withheld == reason("no clear pair", members=48, needed=needed, threshold=0.15)
    (measured, chance), curve = said.charts[0].lines, finding.curves["pairs_by_influence"]
    assert (measured.y[0], chance.y[0]) == (curve.y[0], curve.null[0])


def test_of_many_pairs_the_bar_is_a_closed_form_and_said_so(twin, noise, card, monkeypatch):
    bank, shuffled = twin
    monkeypatch.setattr(influence, "MANY_PAIRS", 1)
    finding = Pairs().measure(bank)[0]
    assert finding.details["closed_form"]
    assert finding.ranked["clear_new"].ids[0] == shuffled.ranked["clear_new"].ids[0]
    assert finding.quantities["largest_influence"].value == shuffled.quantities["largest_influence"].value
    assert finding.details["largest_by_chance"] == pytest.approx(shuffled.details["largest_by_chance"], abs=0.1)
    said = card(bank, finding)
    assert "exceeds it at most once in 200 shuffles" in dict(said.rows)["null"]
    assert "hypergeometric" in said.how[0]
    assert Pairs().measure(noise(48))[0].status == "withheld"


def test_false_alarms_are_rare(make_bank, rng):
    """At most 1 in 20 banks of noise names a pair: 4 standard errors over 40 banks."""
    mask = balanced(40, 24, 0.7, seed=0).mask
    named = 0
    for _ in range(40):
        logits = 2.0 * np.eye(2)[rng.integers(0, 2, (24, 20))]
        bank = make_bank(np.zeros(40, int), np.zeros((24, 40, 2)), mask, test_y=np.zeros(20, int), test_logits=logits)
        named += Pairs().measure(bank)[0].status == "measured"
    assert named / 40 <= 0.05 + 4 * np.sqrt(0.05 * 0.95 / 40)


def test_enough_members_that_see_nothing_say_so(make_bank, rng, card):
    """As many members as it takes, and no pair: more would not help, and the card does not ask for them."""
    m = members_needed(20, 5, 0.15, 0.7).members
    mask = balanced(20, m, 0.7, seed=0).mask
    bank = make_bank(np.zeros(20, int), np.zeros((m, 20, 2)), mask, test_y=np.zeros(5, int), test_logits=np.ones((m, 5, 2)) * [1, 0])
    finding = Pairs().measure(bank)[0]
    assert finding.withheld.figures["needed"] <= finding.withheld.figures["members"] == m
    assert card(bank, finding).charts == ()


@pytest.mark.parametrize("offers, code", [({"tokens", "test"}, "another output"), ({"classes"}, "no test set")])
def test_to_passages_or_without_new_examples_it_does_not_apply(twin, offers, code):
    answer = Pairs().requires(replace(twin[0].subject, offers=frozenset(offers)))
    assert isinstance(answer, NotApplicable)
    assert answer.reason.code == code
