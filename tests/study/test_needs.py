"""Needs: what they vary, which subsets they draw and what they keep reaches the runs, through plan, ledger and bank."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

import byheart.study.plan as planning
import byheart.study.steps as steps
from byheart.engines.inline import Inline
from byheart.errors import InputRefused, UnknownName
from byheart.learners.mlp import Mlp
from byheart.learners.neighbours import Neighbours
from byheart.probes.base import Need, Probe, Subject
from byheart.probes.generalization.descent import Descent
from byheart.records.finding import Failed, NotApplicable
from byheart.records.quantity import Quantity
from byheart.study.plan import Settings
from byheart.study.session import Session
from byheart.tasks.digits import Digits
from byheart.training.keep import Weights

LEARNER = Mlp(hidden=(8,), epochs=2, batch=32)
NEEDS = {
    "plain": Need(members=4, share=0.7, checkpoints=(2,)),
    "wide": Need(members=4, share=0.7, checkpoints=(2,), vary={"learner.hidden": 16}, keep=(Weights(),)),
    "decayed": Need(
        members=4, share=0.7, checkpoints=(2,), vary={"lever.weight-decay.strength": 5.0}, keep=(Weights(),)
    ),
    "kept": Need(members=4, share=0.7, checkpoints=(2,), keep=(Weights(),)),
    "few": Need(members=4, share=0.7, checkpoints=(2,), vary={"task.n": 40}),
    "blocks": Need(members=4, share=0.7, checkpoints=(2,), subsets="blocks", gap=3),
    "prefixes": Need(members=4, share=1.0, checkpoints=(2,), subsets="prefixes"),
    "all": Need(members=2, share=0.5, checkpoints=(2,), subsets="all"),
}


class Asking(Probe):
    """What do the runs of all these needs look like?"""

    name: ClassVar[str] = "memory/asking"
    question: ClassVar[str] = "What do the runs look like?"
    reference: ClassVar[str] = "none"
    seen: ClassVar[dict[str, Any]] = {}

    def requires(self, subject: Subject):
        return tuple(NEEDS.values())

    def measure(self, bank):
        self.seen.clear()
        for name, need in NEEDS.items():
            self.seen[name] = (bank[need], bank.data_of(need)) if need in bank else None
        return self.finding({"runs": Quantity(value=len(bank.runs), unit="examples", null=0.0, n=1)}), {}


@pytest.fixture
def session(tmp_path, monkeypatch):
    monkeypatch.setattr(steps, "revive", lambda about, kind="", real=steps.revive: (
        Asking() if about["name"] == Asking.name else real(about, kind)
    ))  # fmt: skip

    def made(probe, learner=LEARNER):
        found = Session(Subject(Digits(n=100), learner, members=4), [probe], tmp_path, Inline(), Settings())
        found.drawn()
        return found

    return made


def answers(session):
    return session.answers(session.trial()).findings


def asked(session):
    answers(session(Asking()))
    return Asking.seen


def agree(found):
    """What every need asked for, seen in its run."""
    norm = {
        name: sum(float((w**2).sum()) for w in found[name][0].kept["weights"].values()) for name in ("kept", "decayed")
    }
    assert any(w.shape == (4, 16, 64) for w in found["wide"][0].kept["weights"].values())
    assert norm["decayed"] < 0.9 * norm["kept"]
    assert len(found["few"][1].train) == found["few"][0].members.seen.shape[1] == 40
    assert len(found["plain"][1].train) == found["plain"][0].members.seen.shape[1] == 100
    assert found["blocks"][0].members.unseen.sum(1).tolist() == [30, 30, 30, 30]
    assert found["blocks"][0].members.gap.any(1).all()
    assert [int(row.sum()) for row in found["prefixes"][0].members.seen] == [25, 50, 75, 100]
    assert found["all"][0].members.seen.all()
    assert not found["plain"][0].members.seen.all()


def test_every_need_is_answered_as_asked(session):
    agree(asked(session))


def test_what_is_the_same_run_is_trained_once_whatever_is_kept(session):
    asked(session)
    plain, kept = Asking.seen["plain"][0], Asking.seen["kept"][0]
    assert (plain.views["train"].loss_nats == kept.views["train"].loss_nats).all()
    made = session(Asking()).plan(None)
    assert len({step.key for step in made.train}) == len(NEEDS) - 1


def _blind_plan(**changed):
    real = planning.train_steps

    def blind(subject, need, *args):
        return real(subject, need.model_copy(update=changed), *args)

    return blind


@pytest.mark.parametrize("sabotage", [
    {"subsets": "balanced"}, {"gap": 0}, {"keep": ()}, {"vary": {}}, {"vary task": {}},
], ids=lambda one: next(iter(one)))  # fmt: skip
def test_a_plan_that_ignores_a_part_of_a_need_is_caught(sabotage, session, monkeypatch):
    if "vary" in sabotage:
        monkeypatch.setattr(planning, "varied", lambda subject, need: subject)
    elif "vary task" in sabotage:
        real = planning.varied
        ignore = lambda subject, need: subject if "task.n" in need.vary else real(subject, need)  # noqa: E731
        monkeypatch.setattr(planning, "varied", ignore)
    else:
        monkeypatch.setattr(planning, "train_steps", _blind_plan(**sabotage))
    with pytest.raises((AssertionError, KeyError, AttributeError)):
        agree(asked(session))


@pytest.mark.parametrize("path", ["learner.hiden", "lever.weight-decay.strengh", "task.m"])
def test_a_wrong_path_is_named(path, session, monkeypatch):
    monkeypatch.setitem(NEEDS, "wrong", Need(members=2, share=0.7, vary={path: 3}))
    with pytest.raises(UnknownName):
        asked(session)


def test_a_width_that_cannot_be_trained_is_a_gap_and_is_tried_again(session, monkeypatch):
    probe = Descent(values=(4, 16, 8, 6), seeds=10)
    real, broken = Mlp.build, [True]

    def build(self, data, generator):
        if self.hidden == (16,) and broken:
            raise InputRefused(expected="a narrow network", came="16 units", do="Try 8.")
        return real(self, data, generator)

    monkeypatch.setattr(Mlp, "build", build)
    new = answers(session(probe))["generalization/descent"].curves["new"]
    assert new.x == (4.0, 6.0, 8.0)
    broken.clear()
    again = answers(session(probe))["generalization/descent"].curves["new"]
    assert again.x == (4.0, 6.0, 8.0, 16.0)
    assert again.y[:3] == new.y


def test_data_that_cannot_be_drawn_are_a_gap_too(session, monkeypatch):
    def draw(self, seed, real=Digits.draw):
        if self.n == 50:
            raise InputRefused(expected="another number", came="50", do="Try 40.")
        return real(self, seed)

    monkeypatch.setattr(Digits, "draw", draw)
    monkeypatch.setitem(NEEDS, "many", Need(members=2, share=0.7, vary={"task.n": 50}))
    found = asked(session)
    assert found["many"] is None
    agree({name: one for name, one in found.items() if name != "many"})


def test_too_few_widths_are_withheld(session, monkeypatch):
    def build(self, data, generator):
        raise InputRefused(expected="a", came="b", do="c")

    real = Mlp.build
    monkeypatch.setattr(
        Mlp, "build", lambda self, *args: build(self, *args) if self.hidden != (8,) else real(self, *args)
    )
    finding = answers(session(Descent(values=(4, 8), seeds=10)))["generalization/descent"]
    assert finding.withheld.code == "too few points"


def test_a_wider_network_has_larger_weights(session):
    finding = answers(session(Descent(values=(4, 8, 32), seeds=10)))["generalization/descent"]
    error, norm = finding.tables["places"].values["error"], finding.tables["places"].values["norm"]
    assert finding.quantities["largest_gain"].value == pytest.approx(error[0] - error[2], abs=1e-12)
    assert norm[0] < norm[1] < norm[2]


def test_what_no_loop_of_ours_trains_keeps_nothing(session):
    class Kept(Asking):
        def requires(self, subject):
            return (NEEDS["kept"],)

    found = answers(session(Kept(), Neighbours()))["memory/asking"]
    assert isinstance(found, NotApplicable)
    assert found.reason.code == "nothing kept"


def test_sizes_are_of_what_has_hidden_units(session):
    found = answers(session(Descent(), Neighbours()))["generalization/descent"]
    assert found.reason.code == "no setting"
    assert not isinstance(found, Failed)
