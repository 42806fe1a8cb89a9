"""One trial a cost shape: what changes no step's cost shares it, what does has its own, and old trials stay hits."""

import pytest

from byheart.learners.mlp import Mlp
from byheart.ledger.sqlite import SqliteLedger
from byheart.levers.penalties import Dropout, WeightDecay
from byheart.levers.sharpness import SharpnessAware
from byheart.probes.base import Subject
from byheart.study.plan import Settings, draw_step, trial_step
from byheart.study.steps import perform
from byheart.tasks.label_noise import Flipped
from byheart.tasks.modular import Modular
from byheart.training import trial

BASE = Subject(Modular(p=7), Mlp(hidden=(4,), epochs=2), members=8)
FLIPPED = {"task": Flipped(task=Modular(p=7), share=0.2)}


@pytest.fixture
def tried(tmp_path, monkeypatch):
    """Try subjects in turn in one ledger: their documents, and how often a trial was timed."""
    timed = []
    monkeypatch.setattr(trial, "choose", lambda *asked: timed.append(asked) or trial.Choice("stacked", 8, 0.5))
    ledger = SqliteLedger(tmp_path)

    def run(*subjects):
        documents = []
        for subject in subjects:
            draw = draw_step(subject)
            for step in (draw, trial_step(subject, draw, Settings())):
                if ledger.state(step.key) != "done":
                    ledger.put(step.key, perform(step, ledger), step.about)
            documents.append(ledger.get(step.key).document)
        return documents, len(timed)

    yield run
    ledger.close()


def _with(**changed):
    return Subject(**{"task": BASE.task, "learner": BASE.learner, "members": 8} | changed)


@pytest.mark.parametrize("changed", [
    {"learner": Mlp(hidden=(4,), epochs=2, lr=0.1)}, {"learner": Mlp(hidden=(4,), epochs=9)}, {"seed": 3}, FLIPPED,
    {"learner": Mlp(hidden=(4,), epochs=2, schedule="constant")}, {"members": 32},
])  # fmt: skip
def test_what_changes_no_steps_cost_shares_a_trial(tried, changed):
    (first, second), timed = tried(BASE, _with(**changed))
    assert timed == 1
    assert (first["way"], first["chunk"]) == (second["way"], second["chunk"])


def test_levers_of_other_strength_share_a_trial(tried):
    assert tried(*(_with(levers=(WeightDecay(strength=s),)) for s in (0.1, 0.2)))[1] == 1


def test_a_lever_that_does_nothing_costs_what_none_costs(tried):
    neutral, acting = (_with(levers=(SharpnessAware(rho=rho),)) for rho in (0, 0.1))
    assert tried(BASE, neutral)[1] == 1
    assert tried(BASE, neutral, acting)[1] == 2


@pytest.mark.parametrize("changed", [
    {"learner": Mlp(hidden=(5,), epochs=2)}, {"learner": Mlp(hidden=(4,), epochs=2, batch=16)}, {"task": Modular(p=19)},
    {"learner": Mlp(hidden=(4,), epochs=2, optimizer="sgd")}, {"levers": (Dropout(share=0.5),)}, {"share": 0.2},
])  # fmt: skip
def test_what_changes_a_steps_cost_has_a_trial_of_its_own(tried, changed):
    assert tried(BASE, _with(**changed))[1] == 2


def test_the_seconds_of_a_member_are_its_own(tried):
    (first, second), _ = tried(BASE, _with(learner=Mlp(hidden=(4,), epochs=6)))
    assert second["cpu_seconds_a_member"] == pytest.approx(3 * first["cpu_seconds_a_member"])


def test_a_trial_kept_before_shapes_is_a_hit_for_its_own_subject_alone(tmp_path, tried):
    ledger, draw = SqliteLedger(tmp_path), draw_step(BASE)
    old = {"way": "each", "chunk": 1, "cpu_seconds_a_member": 1.0}
    step = trial_step(BASE, draw, Settings())
    ledger.put(step.key, type(perform(draw, ledger))(old), step.about)
    ledger.close()
    (own, other), timed = tried(BASE, _with(seed=3))
    assert (own, other["way"], timed) == (old, "stacked", 1)


def test_a_damaged_trial_of_another_subject_does_not_fail_this_one(tried, tmp_path):
    tried(BASE)
    for blob in (tmp_path / "blobs").rglob("*.json"):
        if '"cpu_seconds_a_step"' in blob.read_text():
            blob.write_text("{")
    (found,), timed = tried(_with(learner=Mlp(hidden=(4,), epochs=2, lr=0.1)))
    assert (found["way"], timed) == ("stacked", 2)
