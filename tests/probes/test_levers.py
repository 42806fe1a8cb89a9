"""What each lever moves: nothing at its neutral setting, and the wrong labels before the right ones."""

from dataclasses import replace

import numpy as np
import pytest

from byheart.learners.mlp import Mlp
from byheart.learners.neighbours import Neighbours
from byheart.probes.memory.levers import Levers
from byheart.probes.memory.levers.dials import dials_of, slug
from byheart.records.finding import NotApplicable
from byheart.report.cards import About
from byheart.report.cards.memory.levers import card
from byheart.tasks.digits import Digits
from byheart.tasks.label_noise import Flipped
from byheart.testing.worlds.base import Draw

NOISY = Flipped(task=Digits(n=300), share=0.3)
NET = Mlp(hidden=(64,), epochs=40, lr=0.01)


def draw(task=NOISY, learner=NET, members=8):
    return Draw(task, learner, {}, members=members)


@pytest.fixture(scope="module")
def found():
    return draw().measure(Levers(dials=("dropout=0", "dropout=0.3", "dropout=0.8", "early-stop=4")))


def value(found, name):
    return found.quantities[name].value


def test_a_lever_at_its_neutral_setting_moves_nothing_to_the_last_bit(found):
    rows = found.tables["levers"].rows()
    plain, neutral = rows[0], rows[1]
    assert neutral["lever"] == "dropout 0"
    for part in ("memorised", "held_out", "noise_memorised", "clean_fitted"):
        assert plain[part] == neutral[part]


def test_the_recipe_fits_everything_and_holds_the_noise(found):
    assert value(found, "plain_clean_fitted") > 0.98
    assert value(found, "plain_noise_memorised") > 0.5


def test_stopping_early_keeps_the_right_labels_and_leaves_the_wrong_ones(found):
    change = found.quantities["early_stop_noise_memorised_change"]
    assert change.interval[1] < -0.3
    assert value(found, "early_stop_clean_fitted") > 0.85
    assert change.value == pytest.approx(value(found, "early_stop_noise_memorised") - value(found, "plain_noise_memorised"))
    fitted = found.quantities["early_stop_clean_fitted_change"]
    assert fitted.value == pytest.approx(value(found, "early_stop_clean_fitted") - value(found, "plain_clean_fitted"))


def test_more_dropout_holds_less_noise(found):
    held = [row["noise_memorised"] for row in found.tables["levers"].rows()[1:4]]
    assert held[0] > held[1] > held[2]


def test_the_shares_are_those_counted_one_by_one(found):
    world = draw()
    bank = world.bank
    world.run(bank.subject.bank())
    run, changed = bank[bank.subject.bank()], bank.changed
    right, seen = run.views["train"].correct[-1], run.members.seen
    told = []
    for i in np.flatnonzero(changed):
        inside = [right[j, i] for j in range(8) if seen[j, i]]
        outside = [right[j, i] for j in range(8) if not seen[j, i]]
        if inside and outside:
            told.append(np.mean(inside) - np.mean(outside))
    assert value(found, "plain_noise_memorised") == pytest.approx(np.mean(told))


def test_without_known_noise_only_the_shares_are_said():
    made = draw(Digits(n=120), Mlp(hidden=(8,), epochs=4)).measure(Levers(dials=("dropout=0.5",)))
    assert made.headline == "plain_memorised"
    assert not any("noise" in name for name in made.quantities)
    assert {"dropout_memorised_change", "dropout_gain", "dropout_held_out_change"} <= set(made.quantities)
    assert card(made, About()).body


def test_a_learner_without_steps_of_ours_is_not_asked():
    asked = draw(learner=Neighbours()).measure(Levers())
    assert isinstance(asked, NotApplicable)
    assert "balance" in asked.reason.figures["advice"]


def test_the_usual_levers_are_those_that_apply():
    subject = draw().bank.subject
    titles = [dial.title for dial in dials_of(subject, ())]
    assert "label-smoothing 0.2" in titles
    assert "early-stop 10" in titles
    values = replace(subject, offers=frozenset({"values"}))
    assert not any("label-smoothing" in dial.title for dial in dials_of(values, ()))


def test_one_lever_at_two_settings_has_two_names(found):
    names = [row["name"] for row in found.tables["levers"].rows()]
    assert names == ["plain", "dropout_0", "dropout_0_3", "dropout_0_8", "early_stop"]


def test_two_levers_at_once_have_a_name():
    assert slug("weight-decay 1, dropout 0.5") == "weight_decay_and_dropout"
    assert dials_of(draw().bank.subject, ("weight-decay=1+dropout=0.5",))[0].title == "weight-decay 1, dropout 0.5"


def test_the_card_names_the_lever_that_holds_least(found):
    made = card(found, About(noun="digit", nouns="digits"))
    assert "early-stop 4" in made.body[1] or "dropout 0.8" in made.body[1]
    assert len(made.charts[0].marks) == 5
    assert made.tables["What each lever moves"].rows[0][1].startswith("0.0 points")
