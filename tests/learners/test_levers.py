"""Replay and consolidation: what is remembered, what it is worth, and by hand the same."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from byheart.errors import InputRefused, UsageError
from byheart.learners.mlp import Mlp
from byheart.levers.base import Batch, Lever
from byheart.levers.consolidation import Consolidation
from byheart.levers.penalties import LabelSmoothing
from byheart.levers.replay import Replay
from byheart.probes.attribution import not_recorded
from byheart.probes.base import Subject
from byheart.probes.memory.credit import Credit
from byheart.study import parse
from byheart.tasks.digits import Digits
from byheart.tasks.in_phases import InPhases
from byheart.training.members import balanced
from byheart.training.record_member import recorded
from byheart.training.stepper import Stepper
from byheart.training.training import Training

LEARNER = Mlp(hidden=(16,), epochs=3, batch=16, lr=0.01)
DATA = InPhases(task=Digits(n=200), phases=3).draw(0)
MEMBERS = balanced(200, 8, 0.7, seed=1)


def stepper(*levers, members=MEMBERS, learner=LEARNER, data=DATA):
    return Stepper(learner, data, members, levers, "stacked", "cpu")


def forgetting(*levers) -> float:
    """Accuracy on the first phase's examples, lost from its end to the end of training."""
    run = LEARNER.fit(DATA, MEMBERS, Training((3, 9), levers=levers, way="stacked"))
    right = run.views["train"].correct[:, :, DATA.phases[0]]
    return float(right[0].mean() - right[1].mean())


def test_replay_forgets_less_the_more_it_replays():
    lost = [forgetting(Replay(share=share, size=60)) for share in (0, 0.3, 1)]
    assert lost[0] > lost[1] + 0.1 > lost[2] + 0.1
    assert forgetting() == lost[0]


@pytest.mark.parametrize("sampling", ["reservoir", "balanced"])
def test_what_is_remembered_was_seen_in_past_phases_once_each(sampling):
    course = stepper(Replay(share=1, size=24, sampling=sampling))
    for phase in range(3):
        for _ in range(3):
            course.epoch()
        state = course.levers.all[0][1]
        past = np.concatenate(DATA.phases[: phase + 1])
        for j, rows in enumerate(state["rows"].tolist()):
            held = [row for row in rows if row >= 0]
            assert len(held) == len(set(held)) == 24
            assert set(held) <= set(past) & set(np.flatnonzero(MEMBERS.seen[j]))
        counts = [int((state["phases"] == one).sum(1).min()) for one in range(phase + 1)]
        if sampling == "balanced":
            assert counts == [24 // (phase + 1)] * (phase + 1)


def test_a_reservoir_is_a_uniform_sample():
    """Each of n seen examples is held with probability size / n: 4 standard errors over 400 members."""
    m, size = 400, 10
    seeds, seen = np.arange(m), np.ones((m, 200), bool)
    course = stepper(Replay(share=1, size=size), members=type(MEMBERS)(seeds, seen), learner=LEARNER.model_copy(update={"hidden": (1,)}))
    lever, state = course.levers.all[0]
    for phase in range(3):
        course.phase = phase
        lever.phase_end(course, state)
    held = np.bincount(state["rows"].numpy().ravel(), minlength=200) / m
    p = size / 200
    assert np.abs(held - p).max() < 4.5 * np.sqrt(p * (1 - p) / m)  # 200 of them
    assert abs(held[DATA.phases[0]].mean() - p) < 4 * np.sqrt(p * (1 - p) / m / len(DATA.phases[0]))


def test_a_batch_holds_as_many_remembered_examples_as_asked_for_and_all_weigh_alike():
    course = stepper(Replay(share=0.5, size=20), members=MEMBERS.take(0, 1))
    for _ in range(3):
        course.epoch()
    rows = torch.as_tensor(DATA.phases[1][MEMBERS.seen[0][DATA.phases[1]]])[None, :15]
    batch = course.levers.batch(course.examples(rows))
    assert batch.rows.shape == (1, 15 + 8)
    assert batch.weight is None
    assert set(batch.rows[0, 15:].tolist()) <= set(DATA.phases[0].tolist())
    torch.testing.assert_close(batch.x[0], course.pool[batch.rows[0]])
    assert batch.targets[0].tolist() == DATA.train.y[batch.rows[0]].tolist()


def test_batches_beside_each_other_count_what_counts():
    rows = torch.arange(4).view(2, 2)
    one = Batch(rows, rows.float(), rows, torch.tensor([[1.0, 0.0], [0.5, 0.5]]))
    both = one.beside(Batch(rows, rows.float(), rows), torch.tensor([[True, True], [False, False]]))
    torch.testing.assert_close(both.weight, torch.tensor([[1 / 3, 0, 1 / 3, 1 / 3], [0.5, 0.5, 0, 0]]))


def fisher_by_hand(course, exact: bool) -> dict[str, torch.Tensor]:
    """Squared derivatives of -log p by autograd, an example at a time, for member 0."""
    model = course.module(0)
    sums = {name: torch.zeros_like(p) for name, p in model.named_parameters()}
    rows = course.seen[0]
    for row in rows:
        z = model(torch.from_numpy(DATA.train.x[row])[None])[0]
        log_p = z.log_softmax(-1)
        labels = range(10) if exact else [int(DATA.train.y[row])]
        for c in labels:
            found = torch.autograd.grad(-log_p[c], list(model.parameters()), retain_graph=True)
            weight = float(log_p[c].detach().exp()) if exact else 1.0
            for (name, _), g in zip(model.named_parameters(), found, strict=True):
                sums[name] += weight * g**2 / len(rows)
    return sums


@pytest.mark.parametrize("fisher", ["empirical", "exact"])
def test_the_fisher_information_is_that_of_autograd(fisher):
    course = stepper(Consolidation(strength=1, fisher=fisher), members=MEMBERS.take(0, 2))
    course.epoch()
    lever, state = course.levers.all[0]
    expected = fisher_by_hand(course, fisher == "exact")
    lever.phase_end(course, state)
    for name, value in expected.items():
        torch.testing.assert_close(state[f"fisher.{name}"][0], value, rtol=1e-3, atol=1e-7)
        torch.testing.assert_close(state[f"pull.{name}"][0], value * course.weights[name][0], rtol=1e-3, atol=1e-7)


def test_consolidation_pulls_with_the_derivative_of_its_penalty():
    course = stepper(Consolidation(strength=3), members=MEMBERS.take(0, 1))
    lever, state = course.levers.all[0]
    lever.phase_end(course, state)
    course.phase, anchors = 1, {name: w.clone() for name, w in course.weights.items()}
    for name, w in course.weights.items():
        w.add_(torch.randn(w.shape, generator=torch.Generator().manual_seed(len(name))))
        course.gradients[name].zero_()
    lever.gradient(course, state)
    for name, g in course.gradients.items():
        pull = 3 * state[f"fisher.{name}"] * (course.weights[name] - anchors[name])
        torch.testing.assert_close(g, pull, rtol=1e-3, atol=1e-6)


def test_consolidation_holds_the_weights_that_past_phases_need():
    """The penalty at the end of training falls as its strength rises; weights that nobody needs may move."""
    moved = []
    for strength in (1e-6, 1000.0):
        course = stepper(Consolidation(strength=strength))
        for _ in range(3):
            course.epoch()
        anchors = {name: w.clone() for name, w in course.weights.items()}
        f = {name: course.levers.all[0][1][f"fisher.{name}"].clone() for name in anchors}
        for _ in range(3):
            course.epoch()
        moved.append(sum(float((f[n] * (course.weights[n] - anchors[n]) ** 2).sum()) for n in anchors))
    assert moved[1] < 0.1 * moved[0]


def test_a_module_that_mixes_examples_is_refused_by_name():
    class Normed(Mlp):
        name = "normed"

        def build(self, data, generator):
            return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.BatchNorm1d(64), torch.nn.Linear(64, 10))

    with pytest.raises(InputRefused, match="BatchNorm1d updates batch statistics"):
        Normed().fit(DATA, MEMBERS.take(0, 1), Training((3,), levers=[Consolidation(strength=1)], way="each"))


class ByGroup(Lever):
    """The loss of one group alone."""

    name = "by-group"
    group: int

    def loss(self, per_example, logits, batch, state):
        return per_example * (batch.meta["phase"] == self.group)


def test_levers_see_meta():
    run = LEARNER.fit(DATA, MEMBERS, Training((0, 3, 6, 9), levers=[ByGroup(group=1)], way="stacked"))
    logits = run.views["test"].loss_nats
    assert np.array_equal(logits[0], logits[1])  # phase 0 teaches nothing
    assert not np.array_equal(logits[1], logits[2])


def follow(lever, data):
    _, trace = recorded(LEARNER, data, MEMBERS.take(0, 1), levers=[lever])
    trace.batch_loss(dict(trace.module.named_parameters()), trace.parts[0][0])


@pytest.mark.parametrize("lever, said", [
    (Replay(share=1), "the lever replay"), (Consolidation(strength=1), "the lever ewc"), (ByGroup(group=0), "'phase'"),
])  # fmt: skip
def test_recorded_credit_refuses_by_name_a_lever_it_cannot_follow(lever, said):
    data = replace(DATA, phases=())
    with pytest.raises(InputRefused, match=said):
        follow(lever, data)


def test_the_probes_of_recorded_training_say_which_lever_they_cannot_follow():
    subject = Subject(Digits(), Mlp(), levers=(LabelSmoothing(share=0.1), Replay(share=1)))
    assert not_recorded(Credit(), subject, "retrain").reason.figures["learner"] == "replay"
    assert not_recorded(Credit(), replace(subject, levers=(LabelSmoothing(share=0.1),)), "retrain") is None


def test_several_settings_are_read():
    made = parse.levers(["ewc:strength=10:fisher=exact", "replay=0.5:size=100"])
    assert made == (Consolidation(strength=10, fisher="exact"), Replay(share=0.5, size=100))
    assert parse.levers(["replay:share=1"]) == (Replay(share=1),)


@pytest.mark.parametrize("word, said", [
    ("replay:size=3", "It sets share"), ("ewc=1:fischer=exact", "fisher"), ("ewc=1:fisher=some", "fisher"),
])  # fmt: skip
def test_wrong_settings_are_named(word, said):
    with pytest.raises((UsageError, InputRefused, ValueError), match=said):
        parse.levers([word])


@pytest.mark.parametrize("way", ["stacked", "each"])
def test_who_saw_nothing_of_a_phase_remembers_nothing_of_it(way):
    """And is trained on nothing else in its place: beside others, and alone."""
    seen = MEMBERS.seen[:2].copy()
    seen[0, DATA.phases[0]] = False
    members = type(MEMBERS)(np.arange(2), seen)
    if way == "each":
        run = LEARNER.fit(DATA, members, Training((0, 3, 9), levers=[Replay(share=1, size=20)], way=way))
        losses = run.views["test"].loss_nats[:, 0]
        assert np.array_equal(losses[0], losses[1])  # a phase without examples takes no step
        return
    course = stepper(Replay(share=1, size=20), members=members)
    for _ in range(3):
        course.epoch()
    course._begin(1)
    rows = torch.stack([torch.as_tensor(DATA.phases[1][mask[DATA.phases[1]]][:8]) for mask in seen])
    batch = course.levers.batch(course.examples(rows))
    assert batch.weight[0].tolist() == [1 / 8] * 8 + [0] * 8
    assert batch.weight[1].tolist() == [1 / 16] * 16
