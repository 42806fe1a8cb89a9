"""Needs of all probes become one graph of keyed steps: equal ones once, and keys that stay."""

import sys

import pytest
import threadpoolctl

from byheart.learners.mlp import Mlp
from byheart.learners.neighbours import Neighbours
from byheart.levers.penalties import Dropout
from byheart.probes.base import Subject
from byheart.records.finding import NotApplicable
from byheart.study import plan as planning
from byheart.study import process
from byheart.study.parse import every_probe
from byheart.study.plan import Settings, Trial, plan, trial_step
from byheart.tasks.modular import Modular

# Every setting is said, so that a new default changes no key here.
NETWORK = {"activation": "relu", "batch": 64, "lr": 0.005, "optimizer": "adam", "schedule": "linear"}
TRIAL = Trial("stacked", 8, None)
CPU = Settings()
OFFERS = frozenset({"classes", "test", "oracle"})


def _subject(**changed):
    return Subject(**{
        "task": Modular(p=7), "learner": Mlp(hidden=(4,), epochs=2, **NETWORK), "members": 16, "offers": OFFERS,
    } | changed)  # fmt: skip


def _keys(subject, settings=CPU, trial=TRIAL):
    made = plan(subject, every_probe(), settings, trial)
    return [step.key for step in made.train], [step.key for step in made.measure]


def _own(subject, trial=TRIAL):
    """Keys of the subject's own members, in order."""
    made = plan(subject, every_probe(), Settings(), trial)
    return [s.key for s in made.train if s.about["learner"]["name"] == "mlp" and s.about["share"] < 1]


def test_equal_needs_are_one_step():
    subject = _subject()
    made = plan(subject, every_probe(), Settings(), TRIAL)
    asked = [need for probe in every_probe() if not isinstance(probe.requires(subject), NotApplicable)
             for need in probe.requires(subject)]  # fmt: skip
    chunks = sum(-(-need.members // 8) if not need.learner else 1 for need in asked)
    keys = [step.key for step in made.train]
    assert len(keys) == len(set(keys)) < chunks
    read = {key for step in made.measure for keys in step.about["runs"].values() for key in keys}
    assert read == set(keys)


def test_inputs_stand_before_those_that_read_them():
    made = plan(_subject(), every_probe(), Settings(), TRIAL)
    place = {step.key: i for i, step in enumerate(made.steps)}
    assert place[made.draw.key] == 0
    for step in made.measure:
        for keys in step.about["runs"].values():
            assert all(place[key] < place[step.key] for key in keys)


def test_keys_are_pinned(monkeypatch):
    """A change of these values means that every ledger is computed anew: raise a version instead."""
    monkeypatch.setattr(planning, "installed", lambda package: "2.99.0")
    made = plan(_subject(), every_probe(), Settings(), TRIAL)
    own = [s for s in made.train if s.about["learner"]["name"] == "mlp" and s.about["share"] < 1]
    assert made.draw.key[:12] == GOLDEN["draw"]
    assert trial_step(_subject(), made.draw, Settings()).key[:12] == GOLDEN["trial"]
    assert [step.key[:12] for step in own] == GOLDEN["train"]


GOLDEN = {"draw": "2af3bba05f2e", "trial": "e898743f7458", "train": ["bf600c3b49ca", "240d0de12bea"]}


@pytest.mark.parametrize("changed", [
    {"seed": 1}, {"share": 0.6}, {"learner": Mlp(hidden=(4,), epochs=3, **NETWORK)},
    {"learner": Mlp(hidden=(5,), epochs=2, **NETWORK)}, {"learner": Mlp(hidden=(4,), epochs=2, **{**NETWORK, "lr": 0.1})},
    {"levers": (Dropout(share=0.5),)}, {"task": Modular(p=11)},
])  # fmt: skip
def test_a_changed_setting_changes_the_keys(changed):
    _, measure = _keys(_subject())
    other_train, other_measure = _keys(_subject(**changed))
    assert not set(measure) & set(other_measure)
    assert set(_own(_subject())).isdisjoint(other_train)


def test_device_threads_and_way_are_part_of_the_keys():
    own = set(_own(_subject()))
    for settings in (Settings("cuda", 1), Settings("cpu", 2)):
        assert own.isdisjoint(_keys(_subject(), settings)[0])
    assert own.isdisjoint(_keys(_subject(), trial=Trial("each", 8, None))[0])


def test_rivals_do_not_depend_on_the_learner():
    """Another learner on the same data finds its rivals and poles in the ledger."""
    def rivals(subject):
        made = plan(subject, every_probe(), Settings(), TRIAL)
        return {s.key for s in made.train if s.about["learner"]["name"] != subject.learner.name}

    assert rivals(_subject()) == rivals(_subject(learner=Mlp(hidden=(9,), epochs=7)))


def test_adding_members_keeps_the_first_chunks():
    few, many = _own(_subject(members=16)), _own(_subject(members=40))
    assert many[:2] == few
    assert len(many) == 5


def test_a_new_version_of_a_probe_is_a_new_answer_from_the_same_runs(monkeypatch):
    train, measure = _keys(_subject())
    probe = every_probe()[0]
    monkeypatch.setattr(type(probe), "version", probe.version + 1)
    new_train, new_measure = _keys(_subject())
    assert new_train == train
    assert len(set(measure) - set(new_measure)) == 1


def test_what_does_not_apply_is_said_and_costs_nothing():
    made = plan(_subject(learner=Neighbours(), offers=frozenset({"values", "test"})), every_probe(), Settings(), None)
    names = {answer.probe for answer in made.not_applicable}
    assert "memory/learning-order" in names  # no epochs
    assert {answer.reason.code for answer in made.not_applicable} >= {"no epochs", "not recorded"}
    assert names.isdisjoint(step.about["probe"]["name"] for step in made.measure)
    assert trial_step(_subject(learner=Neighbours()), made.draw, Settings()) is None


def test_threads_of_every_library_are_held_also_of_one_that_came_later(monkeypatch):
    """Libraries are looked for once, and again when another module was imported."""
    looked, libraries = [], threadpoolctl.ThreadpoolController()

    class Controller(threadpoolctl.ThreadpoolController):
        def __init__(self):
            looked.append(1)
            super().__init__()

    monkeypatch.setattr(threadpoolctl, "ThreadpoolController", Controller)
    process._pools.cache_clear()
    for _ in range(2):
        with process.fixed_threads(2):
            assert {library["num_threads"] for library in libraries.info()} == {2}
    assert len(looked) == 1
    monkeypatch.setitem(sys.modules, "a module that came later", sys)
    with process.fixed_threads(1):
        assert len(looked) == 2
