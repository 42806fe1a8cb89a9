"""Mixup and input noise: what is mixed with what, in which units, and where neither can be."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from byheart.errors import InputRefused
from byheart.learners.mlp import Mlp
from byheart.learners.transformer import Transformer
from byheart.levers.augmentation import Augmentation
from byheart.levers.base import Batch, Lever
from byheart.levers.moved_inputs import InputNoise, Mixup
from byheart.levers.penalties import LabelSmoothing
from byheart.levers.replay import Replay
from byheart.tasks.digits import Digits
from byheart.tasks.in_phases import InPhases
from byheart.tasks.isotropic import Isotropic
from byheart.tasks.text import Text
from byheart.training.members import balanced
from byheart.training.record_member import recorded
from byheart.training.stepper import Stepper
from byheart.training.training import Training

LEARNER = Mlp(hidden=(8,), epochs=2, batch=16, lr=0.01)
DATA = Digits(n=60).draw(0)
MEMBERS = balanced(60, 3, 0.7, seed=1)


def course(*levers, learner=LEARNER, data=DATA, members=MEMBERS, way="stacked"):
    return Stepper(learner, data, members, levers, way, "cpu")


def batch_of(stepper, size=12):
    rows = torch.stack([torch.as_tensor(seen[:size]) for seen in stepper.seen])
    return stepper.levers.batch(stepper.examples(rows)), stepper.examples(rows)


def test_inputs_and_targets_are_mixed_in_one_proportion():
    mixed, plain = batch_of(course(Mixup(alpha=1)))
    share = mixed.other_share
    assert share.shape == plain.rows.shape
    assert 0.3 < float(share.mean()) < 0.7
    for j in range(3):
        for i in range(12):
            pairs = [
                k
                for k in range(12)
                if torch.allclose(
                    mixed.x[j, i], (1 - share[j, i]) * plain.x[j, i] + share[j, i] * plain.x[j, k], atol=1e-6
                )
            ]
            assert any(plain.targets[j, k] == mixed.other[j, i] for k in pairs)
    partners = [sorted(mixed.other[j].tolist()) for j in range(3)]
    assert partners == [sorted(plain.targets[j].tolist()) for j in range(3)]  # a permutation within the member


@pytest.mark.parametrize("levers", [(), (LabelSmoothing(share=0.2),)])
def test_the_gradient_is_that_of_the_mixed_losses(levers):
    stepper = course(Mixup(alpha=1), *levers, members=MEMBERS.take(0, 1))
    mixed, _ = batch_of(stepper)
    stepper.differentiate(mixed)
    module = stepper.module(0)
    log_p = module[2:](mixed.x[0]).log_softmax(-1)  # after scaling and flattening, which batches have behind them
    first, second = (-log_p.gather(1, y[0][:, None])[:, 0] for y in (mixed.targets, mixed.other))
    loss = (1 - mixed.other_share[0]) * first + mixed.other_share[0] * second
    if levers:
        loss = 0.8 * loss - 0.2 * log_p.mean(-1)
    loss.mean().backward()
    for name, p in module.named_parameters():
        torch.testing.assert_close(stepper.gradients[name][0], p.grad, rtol=1e-4, atol=1e-6)


def test_values_are_mixed_as_their_targets_would_be():
    data = Isotropic(n=60).draw(0)
    stepper = course(Mixup(alpha=1), data=data, members=balanced(60, 2, 0.7, seed=1))
    mixed, _ = batch_of(stepper)
    stepper.differentiate(mixed)
    found = {name: g.clone() for name, g in stepper.gradients.items()}
    share = mixed.other_share.view(*mixed.other_share.shape, *[1] * (mixed.targets.dim() - 2))
    targets = (1 - share) * mixed.targets + share * mixed.other
    stepper.differentiate(type(mixed)(mixed.rows, mixed.x, targets))
    for name, g in stepper.gradients.items():
        torch.testing.assert_close(found[name], g, rtol=1e-4, atol=1e-6)


def test_a_large_alpha_halves_and_a_small_one_leaves():
    far = [float((batch_of(course(Mixup(alpha=a)))[0].other_share - 0.5).abs().mean()) for a in (0.01, 1, 1000)]
    assert far[0] > 0.45
    assert abs(far[1] - 0.25) < 0.06
    assert far[2] < 0.02


def test_what_replay_adds_is_mixed_with_the_rest_whatever_the_order_of_the_words():
    data = InPhases(task=Digits(n=120), phases=2).draw(0)
    for levers in ([Replay(share=1, size=20), Mixup(alpha=1)], [Mixup(alpha=1), Replay(share=1, size=20)]):
        stepper = course(*levers, data=data, members=balanced(120, 2, 0.7, seed=1))
        for _ in range(3):
            stepper.epoch()
        mixed, _ = batch_of(stepper, 8)
        assert mixed.other_share.shape == mixed.rows.shape == (2, 16)
        assert bool((mixed.other_share > 0).all())
        alone = balanced(120, 1, 0.7, seed=1)
        assert np.isfinite(
            LEARNER.fit(data, alone, Training((4,), levers=levers, way="each")).views["test"].loss_nats
        ).all()


class Blank(Lever):
    """As an augmentation draws: other inputs for the same examples."""

    name = "blank"
    batch_turn = Augmentation.batch_turn

    def batch(self, batch, course, state):
        return replace(batch, x=torch.zeros_like(batch.x))


class Numbered(Blank):
    """As an augmentation draws: each example is filled with its number."""

    name = "numbered"

    def batch(self, batch, course, state):
        number = batch.rows.reshape(*batch.rows.shape, *[1] * (batch.x.dim() - 2))
        return replace(batch, x=torch.zeros_like(batch.x) + number)


@pytest.mark.parametrize("order", [1, -1])
def test_what_is_drawn_anew_is_moved_after_it_whatever_the_order_of_the_words(order):
    noisy, _ = batch_of(course(*[InputNoise(strength=0.2), Blank()][::order]))
    assert abs(float(noisy.x.std()) - 0.2 / 0.35) < 0.02
    mixed, _ = batch_of(course(*[Mixup(alpha=1), Numbered()][::order]))
    assert bool((mixed.x.frac() != 0).any())  # drawn after the mixing they would be whole numbers


def test_examples_beside_mixed_ones_have_one_target():
    rows = torch.arange(4).view(2, 2)
    mixed = Batch(rows, rows.float(), rows, other=rows + 10, other_share=torch.full((2, 2), 0.3))
    both = mixed.beside(Batch(rows, rows.float(), rows + 20), torch.ones(2, 2))
    assert both.other.tolist() == [[10, 11, 20, 21], [12, 13, 22, 23]]
    assert torch.equal(both.other_share, torch.tensor([[0.3, 0.3, 0, 0]] * 2))


def test_noise_has_the_deviation_asked_for_in_the_units_of_pixels_in_every_way():
    found = {}
    for way in ("stacked", "functional"):
        stepper = course(InputNoise(strength=0.2), way=way)
        noisy, plain = batch_of(stepper)
        noise = ((noisy.x - plain.x) / (1 / 0.35 if way == "stacked" else 1)).reshape(3, 12, 64)  # y = (x - 0.3) / 0.35
        assert abs(float(noise.std()) - 0.2) < 4 * 0.2 / np.sqrt(2 * noise.numel())
        assert abs(float(noise.mean())) < 4 * 0.2 / np.sqrt(noise.numel())
        found[way] = noise
    torch.testing.assert_close(found["stacked"], found["functional"], rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("lever", [Mixup(alpha=1), InputNoise(strength=0.1)])
def test_where_inputs_cannot_be_moved_it_is_refused_by_name(lever):
    text = Text().draw(0)
    with pytest.raises(InputRefused, match=rf"(?s){lever.name}.*passages of symbols"):
        Transformer(epochs=1).fit(
            text, balanced(len(text.train), 1, 0.7, 0), Training((1,), levers=[lever], way="each")
        )


@pytest.mark.parametrize("lever", [Mixup(alpha=1), InputNoise(strength=0.1)])
def test_a_recording_refuses_it_by_name(lever):
    with pytest.raises(InputRefused, match=f"the lever {lever.name}"):
        recorded(LEARNER, DATA, MEMBERS.take(0, 1), levers=[lever])
