"""Sharpness-aware and private steps: their gradients by autograd, one member and one example at a time."""

from __future__ import annotations

import math
import sys

import numpy as np
import pytest
import torch
from torch import nn

from byheart.errors import InputRefused, UsageError
from byheart.learners.conv import Conv
from byheart.learners.mlp import Mlp, drawn
from byheart.levers.moved_inputs import Mixup
from byheart.levers.penalties import LabelSmoothing, WeightDecay
from byheart.levers.private_steps import PrivateSteps
from byheart.levers.sharpness import SharpnessAware
from byheart.tasks.digits import Digits
from byheart.training.members import balanced
from byheart.training.record_member import recorded
from byheart.training.stepper import Stepper
from byheart.training.training import Training

LEARNER = Mlp(hidden=(8,), epochs=2, batch=16, lr=0.01)
DATA = Digits(n=60).draw(0)
MEMBERS = balanced(60, 3, 0.7, seed=1)


class Normed(Mlp):
    """With statistics of batches."""

    name = "normed"

    def build(self, data, generator):
        return nn.Sequential(nn.Flatten(), nn.BatchNorm1d(64), drawn(nn.Linear, generator, 64, 10))


class Rowwise(Mlp):
    """Whose first layer reads each row of a picture by itself."""

    name = "rowwise"

    def build(self, data, generator):
        return nn.Sequential(
            drawn(nn.Linear, generator, 8, 4), nn.Tanh(), nn.Flatten(), drawn(nn.Linear, generator, 32, 10)
        )


def course(*levers, members=MEMBERS, learner=LEARNER, way="stacked"):
    return Stepper(learner, DATA, members, levers, way, "cpu")


def stepped(*levers, **more):
    """A stepper whose gradients are those of its first step, and the rows of that."""
    stepper = course(*levers, **more)
    stepper.optimiser.step = lambda: None
    rows = torch.stack([torch.as_tensor(seen[:12]) for seen in stepper.seen])
    stepper.step(rows)
    return stepper, rows


def by_hand(stepper, rows, j, shift=None, smoothing=0.0):
    """name -> gradient of member j's mean loss, at its weights plus shift."""
    module = stepper.module(j)
    with torch.no_grad():
        for name, p in module.named_parameters():
            p.add_(0 if shift is None else shift[name])
    z = module(stepper.called_on("train")[rows])
    y = torch.from_numpy(DATA.train.y[rows.numpy()])
    nn.functional.cross_entropy(z, y, label_smoothing=smoothing).backward()
    return {name: p.grad for name, p in module.named_parameters()}


def length(gradient):
    return math.sqrt(sum(float(g.square().sum()) for g in gradient.values()))


@pytest.mark.parametrize("more", [(), (LabelSmoothing(share=0.2),), (WeightDecay(strength=2, form="l2"),)])
@pytest.mark.parametrize("last", [False, True])
def test_the_gradient_is_that_at_the_end_of_rho_along_the_gradient(more, last):
    lever = SharpnessAware(rho=0.3)
    stepper, rows = stepped(*((*more, lever) if last else (lever, *more)))
    smoothing = 0.2 if more and isinstance(more[0], LabelSmoothing) else 0.0
    decay = 2.0 if more and isinstance(more[0], WeightDecay) else 0.0
    for j in range(3):
        first = by_hand(stepper, rows[j], j, smoothing=smoothing)
        up = {name: 0.3 * g / length(first) for name, g in first.items()}
        for name, g in by_hand(stepper, rows[j], j, up, smoothing).items():
            expected = g + decay * stepper.weights[name][j]
            torch.testing.assert_close(stepper.gradients[name][j], expected, rtol=2e-3, atol=1e-5)


def test_statistics_of_batches_are_those_of_one_pass_at_the_weights():
    plain, _ = stepped(members=MEMBERS.take(0, 1), learner=Normed(batch=16), way="each")
    moved, _ = stepped(SharpnessAware(rho=0.5), members=MEMBERS.take(0, 1), learner=Normed(batch=16), way="each")
    for name, value in plain.fleet.weights().items():
        assert torch.equal(moved.fleet.weights()[name], value)
    assert not torch.equal(moved.gradients["2.weight"], plain.gradients["2.weight"])


def test_where_there_is_no_gradient_there_is_no_direction():
    stepper = course(SharpnessAware(rho=0.3))
    rows = torch.stack([torch.as_tensor(seen[:4]) for seen in stepper.seen])
    stepper.step(rows, torch.tensor([[0.0] * 4, [0.25] * 4, [0.25] * 4]))
    assert bool(stepper.fleet.gradient.isfinite().all())
    assert float(stepper.gradients["4.weight"][0].abs().max()) == 0


@pytest.mark.parametrize("clip", [0.5, 2.0, 1e6])
@pytest.mark.parametrize("learner, way", [
    (LEARNER, "stacked"), (LEARNER, "functional"), (Mlp(hidden=(8, 6), batch=16, activation="gelu"), "stacked"),
    (Conv(batch=16, channels=(2,)), "stacked"), (Rowwise(batch=16), "stacked"),
])  # fmt: skip
def test_each_examples_gradient_is_cut_to_the_clip(clip, learner, way):
    stepper, rows = stepped(PrivateSteps(clip=clip), learner=learner, way=way)
    for j in range(3):
        each = [by_hand(stepper, rows[j, i : i + 1], j) for i in range(12)]
        cuts = [min(1, clip / length(g)) for g in each]
        assert clip == 2.0 or (min(cuts) < 1) == (clip == 0.5)
        for name in each[0]:
            expected = sum(cut * g[name] for cut, g in zip(cuts, each, strict=True)) / 12
            torch.testing.assert_close(stepper.gradients[name][j], expected, rtol=1e-3, atol=1e-6)


def test_the_noise_is_in_units_of_the_clip_and_each_members_own():
    plain, noisy = stepped(PrivateSteps(clip=0.5))[0], stepped(PrivateSteps(clip=0.5, noise=3))[0]
    noise = torch.cat([(noisy.gradients[name] - g).flatten(1) for name, g in plain.gradients.items()], 1)
    deviation, n = 3 * 0.5 / 12, noise.shape[1]
    assert (noise.std(1) - deviation).abs().max() < 4 * deviation / math.sqrt(2 * n)
    assert float(np.abs(np.corrcoef(noise.numpy())[np.triu_indices(3, 1)]).max()) < 4 / math.sqrt(n)


@pytest.mark.parametrize("way", ["stacked", "functional"])
def test_fewer_examples_are_divided_by_their_own_number_and_none_make_no_step(way):
    stepper, weight = course(PrivateSteps(clip=1e6), way=way), torch.zeros(3, 12)
    stepper.optimiser.step = lambda: None
    weight[0, :5], weight[1] = 1 / 5, 1 / 12
    rows = torch.stack([torch.as_tensor(seen[:12]) for seen in stepper.seen])
    stepper.step(rows, weight)
    for name, g in by_hand(stepper, rows[0, :5], 0).items():
        torch.testing.assert_close(stepper.gradients[name][0], g, rtol=1e-3, atol=1e-6)
        assert float(stepper.gradients[name][2].abs().max()) == 0


@pytest.mark.parametrize("levers, said", [
    ((PrivateSteps(clip=1), SharpnessAware(rho=1)), "dp-sgd and sam"), ((Mixup(alpha=1), PrivateSteps(clip=1)), "mixtures of two"),
])  # fmt: skip
def test_levers_that_contradict_each_other_are_refused_by_name(levers, said):
    with pytest.raises(InputRefused, match=said):
        stepped(*levers)


def test_examples_without_gradients_of_their_own_are_refused():
    with pytest.raises(InputRefused, match="BatchNorm1d updates batch statistics"):
        Normed().fit(DATA, MEMBERS.take(0, 1), Training((2,), levers=[PrivateSteps(clip=1)], way="each"))


def test_a_member_without_an_example_gets_no_noise_either():
    stepper = course(PrivateSteps(clip=1, noise=1))
    stepper.optimiser.step = lambda: None
    rows = torch.stack([torch.as_tensor(seen[:2]) for seen in stepper.seen])
    stepper.step(rows, torch.tensor([[0.5, 0.5], [0.5, 0.5], [0.0, 0.0]]))
    sizes = stepper.gradients["4.weight"].flatten(1).abs().amax(1)
    assert (sizes > 0).tolist() == [True, True, False]


def test_noise_without_a_clip_is_refused():
    with pytest.raises(UsageError, match="in units of clip"):
        PrivateSteps(clip=0, noise=1)


@pytest.mark.parametrize("lever", [SharpnessAware(rho=0.1), PrivateSteps(clip=1)])
def test_a_recording_refuses_it_by_name(lever):
    with pytest.raises(InputRefused, match=f"the lever {lever.name}"):
        recorded(LEARNER, DATA, MEMBERS.take(0, 1), levers=[lever])


def gaussian(sigma, times, delta):
    """epsilon of so many Gaussian mechanisms, by the Renyi divergences a times / (2 sigma^2) (Mironov 2017; Balle 2020)."""
    orders = np.array([1 + x / 10 for x in range(1, 100)] + list(range(12, 64)))
    renyi = orders * times / (2 * sigma**2)
    return float((renyi + np.log1p(-1 / orders) - (np.log(delta) + np.log(orders)) / (orders - 1)).min())


def test_the_epsilon_told_is_that_of_as_many_gaussian_mechanisms_as_epochs():
    for noise, epochs in ((1, 30), (20, 7)):
        assert PrivateSteps(clip=2, noise=noise).epsilon(epochs) == pytest.approx(
            gaussian(noise, epochs, 1e-5), rel=1e-9
        )
    line = PrivateSteps(clip=1, noise=20).caution(30)
    assert line.startswith(f"dp-sgd: the steps keep epsilon {gaussian(20, 30, 1e-5):.3g} at delta 1e-05")
    assert "without amplification by sampling" in line


def test_without_an_accountant_or_without_noise_no_privacy_is_claimed(monkeypatch):
    monkeypatch.setitem(sys.modules, "opacus", None)
    for lever in (PrivateSteps(clip=1), PrivateSteps(clip=1, noise=5)):
        assert "epsilon" not in lever.caution(10)
        with pytest.raises(InputRefused):
            lever.epsilon(10)
    assert "no privacy is claimed" in PrivateSteps(clip=1, noise=5).caution(10)
    assert "nothing is private" in PrivateSteps(clip=1).caution(10)
