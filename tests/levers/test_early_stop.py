"""Early stopping by a clean view: at each member's best epoch, and by no view that must not choose."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from torch import nn

from byheart.errors import InputRefused, UsageError
from byheart.fingerprint.description import described, material, revive
from byheart.learners.mlp import Mlp, drawn
from byheart.levers.pruning import Pruning
from byheart.levers.schedules import EarlyStop
from byheart.study import parse
from byheart.study.serialization import data_from, data_result
from byheart.tasks.digits import Digits
from byheart.tasks.label_noise import Flipped
from byheart.tasks.systems.observed_maps import ObservedLogistic
from byheart.tasks.validated import Validated
from byheart.training.members import balanced
from byheart.training.record_member import recorded
from byheart.training.stepper import Stepper
from byheart.training.training import Training

LEARNER = Mlp(hidden=(32,), epochs=12, batch=16, lr=0.01)
DATA = Flipped(task=Validated(task=Digits(n=150)), share=0.4).draw(0)
MEMBERS = balanced(150, 4, 0.7, seed=1, groups=DATA.groups)
BY_VIEW = EarlyStop(view="validation")


class Normed(Mlp):
    """With statistics of batches."""

    name = "normed"

    def build(self, data, generator):
        return nn.Sequential(nn.Flatten(), nn.BatchNorm1d(64), drawn(nn.Linear, generator, 64, 10))


def fit(*levers, learner=LEARNER, data=DATA, members=MEMBERS, way="stacked", checkpoints=range(13)):
    return learner.fit(data, members, Training(tuple(checkpoints), levers=levers, way=way))


@pytest.mark.parametrize("learner, members, way", [
    (LEARNER, MEMBERS, "stacked"), (Normed(epochs=6, batch=16, lr=0.05), MEMBERS.take(0, 1), "each"),
])  # fmt: skip
def test_each_member_ends_where_the_loss_on_the_view_was_least(learner, members, way):
    points = range(learner.epochs + 1)
    plain = fit(learner=learner, members=members, way=way, checkpoints=points)
    stopped = fit(BY_VIEW, learner=learner, members=members, way=way, checkpoints=points)
    loss = plain.views["validation"].loss_nats[1:].mean(-1)  # (epochs, m)
    best = loss.argmin(0) + 1
    assert len(members) == 1 or len(set(best.tolist())) > 1
    for j, epoch in enumerate(best):
        for view in ("validation", "test", "train"):
            assert np.array_equal(stopped.views[view].loss_nats[-1, j], plain.views[view].loss_nats[epoch, j])
    before = slice(0, learner.epochs)  # the course is that of the training as it went
    assert np.array_equal(stopped.views["test"].loss_nats[before], plain.views["test"].loss_nats[before])


def test_less_is_learned_by_heart_and_more_is_right():
    wrong = DATA.truth.changed
    by_heart, right = [], []
    for levers in ((), (BY_VIEW,)):
        run = fit(*levers, learner=LEARNER.model_copy(update={"epochs": 30, "hidden": (64,)}), checkpoints=())
        correct = run.views["train"].correct[-1]
        by_heart.append(correct[run.members.seen & wrong].mean())
        right.append(run.views["test"].correct[-1].mean())
    assert by_heart[1] < by_heart[0] - 0.2
    assert right[1] > right[0] + 0.05


@pytest.mark.parametrize("view, said", [
    ("test", "is scored and so must not choose"), ("train", "is scored"), ("dev", r"no view dev \(views known to be clean: validation\)"),
])  # fmt: skip
def test_a_view_that_must_not_choose_is_refused(view, said):
    with pytest.raises(InputRefused, match=rf"early-stop.*{said}.*early-stop=8"):
        fit(EarlyStop(view=view))


def test_a_noisy_view_is_refused_and_a_clean_one_is_known():
    clean, noisy = (ObservedLogistic(n=300, n_test=60, noise=noise).draw(0) for noise in (0, 0.1))
    assert (clean.truth.clean_views, noisy.truth.clean_views) == (("validation",), ())
    assert BY_VIEW.against(clean) == ""
    assert "is not known to be clean" in BY_VIEW.against(noisy)


def test_what_is_known_of_views_is_kept():
    assert data_from(data_result(DATA)).truth.clean_views == ("validation",)
    assert "clean_views" not in data_result(Digits(n=40).draw(0)).document["truth"]


@pytest.mark.parametrize("word, said", [
    ("early-stop=held-out", r"early-stop=8; to stop by the loss.*early-stop:view=validation"), ("early-stop", "either an epoch"),
    ("early-stop=3:view=validation", "either an epoch"),
])  # fmt: skip
def test_other_words_are_answered_with_what_to_write(word, said):
    with pytest.raises(UsageError, match=said):
        parse.levers([word])


def test_by_the_clock_its_key_is_what_it_was():
    assert material(described(EarlyStop(epoch=5))) == {"kind": "lever", "name": "early-stop", "version": 1, "epoch": 5}
    assert [revive(described(one)) for one in (BY_VIEW, EarlyStop(epoch=5))] == [BY_VIEW, EarlyStop(epoch=5)]
    assert (EarlyStop(epoch=5).told, BY_VIEW.told) == (5, "by validation")


def test_two_levers_that_say_how_training_ends_contradict_each_other():
    with pytest.raises(InputRefused, match="pruning and early-stop"):
        Stepper(LEARNER, DATA, MEMBERS, [Pruning(share=0.5), BY_VIEW], "stacked", "cpu")


def test_a_recording_follows_the_clock_alone():
    assert EarlyStop(epoch=3).recordable
    with pytest.raises(InputRefused, match="the lever early-stop"):
        recorded(LEARNER, DATA, MEMBERS.take(0, 1), levers=[BY_VIEW])


def test_in_phases_the_next_begins_where_the_last_was_best():
    from byheart.tasks.in_phases import InPhases

    data = InPhases(task=Validated(task=Digits(n=150)), phases=2).draw(0)
    chosen = data.views["validation"]  # of the first phase's digits, so the second makes it worse from its beginning
    data = replace(data, views={**data.views, "validation": chosen.take(chosen.y < 5)})
    plain, stopped = (fit(*levers, data=data, checkpoints=range(25)) for levers in ((), (BY_VIEW,)))
    loss = plain.views["validation"].loss_nats[1:13].mean(-1)
    for j, epoch in enumerate(loss.argmin(0) + 1):
        assert np.array_equal(stopped.views["test"].loss_nats[12, j], plain.views["test"].loss_nats[epoch, j])
    ends = stopped.views["test"].loss_nats[[12, 24]]
    assert not any(np.array_equal(*pair) for pair in ends.swapaxes(0, 1))  # the second phase begins with no best
    second = stopped.views["validation"].loss_nats[13:24].mean(-1).min(0)
    assert (stopped.views["validation"].loss_nats[24].mean(-1) <= second).all()
