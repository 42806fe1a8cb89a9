"""Fisher-Rao norm, gradient noise and the log of the training: loops over examples, invariances, refusals."""

import numpy as np
import pytest
import torch
from torch import nn

from byheart.errors import InputRefused
from byheart.maths.measures import TrainingLog, compute

GRADIENTS = ["fisher-rao", "grad-noise-final"]


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 3, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(12, 3)
    ).double()
    return model, torch.randn(25, 1, 4, 4, dtype=torch.float64), torch.arange(25) % 3


def test_a_convolution_with_biases_is_the_loop_over_examples(reference, net):
    slow, (model, x, y) = reference("gradient_noise_slow"), net
    found = compute(model, examples=(x, y), names=GRADIENTS)
    assert found["fisher-rao"].value == pytest.approx(slow.fisher_rao(model, x, y, 2), rel=1e-11)
    assert found["grad-noise-final"].value == pytest.approx(slow.variance(model, x, y), rel=1e-11)


def test_examples_in_blocks_give_the_same(net, monkeypatch):
    model, x, y = net
    whole = compute(model, examples=(x, y), names=GRADIENTS)
    monkeypatch.setattr(
        "byheart.maths.measures.gradient_measures.in_chunks", lambda n, *_size: torch.arange(n).split(4)
    )
    for name, one in compute(model, examples=(x, y), names=GRADIENTS).items():
        assert one.value == pytest.approx(whole[name].value, rel=1e-12)


def test_fisher_rao_does_not_see_a_rescaling_and_gradient_noise_does(net):
    model, x, y = net
    before = compute(model, examples=(x, y), names=GRADIENTS)
    scaled = nn.Sequential(*model)
    scaled.load_state_dict(
        {k: v * {"0": 4, "4": 0.25 if "weight" in k else 1}[k[0]] for k, v in model.state_dict().items()}
    )
    after = compute(scaled, examples=(x, y), names=GRADIENTS)
    assert after["fisher-rao"].value == pytest.approx(before["fisher-rao"].value, rel=1e-11)
    assert after["grad-noise-final"].value != pytest.approx(before["grad-noise-final"].value, rel=0.1)


def test_copies_of_one_example_have_no_noise_and_a_copy_of_all_changes_nothing(net):
    model, x, y = net
    found = compute(model, examples=(x[:1].repeat(5, 1, 1, 1), y[:1].repeat(5)), names=GRADIENTS)
    assert found["grad-noise-final"].value == pytest.approx(0, abs=1e-20)
    twice = compute(model, examples=(x.repeat(2, 1, 1, 1), y.repeat(2)), names=GRADIENTS)
    for name, one in compute(model, examples=(x, y), names=GRADIENTS).items():
        assert twice[name].value == pytest.approx(one.value, rel=1e-12)


def test_gradients_are_by_the_weights_with_batchnorm_folded_in():
    torch.manual_seed(1)
    model = (
        nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(), nn.Linear(12, 3)).double().eval()
    )
    model[1].running_var.fill_(4.0)
    plain = nn.Sequential(nn.utils.fusion.fuse_conv_bn_eval(model[0], model[1]), *model[2:])
    examples, first = (torch.randn(15, 1, 4, 4).double(), torch.arange(15) % 3), model.state_dict()
    found = compute(model, examples=examples, log=log([0], [1.0], first), names=[*GRADIENTS, "grad-noise-epoch-1"])
    for name in GRADIENTS:
        assert found[name].value == pytest.approx(
            compute(plain, examples=examples, names=[name])[name].value, rel=1e-11
        )
    assert found["grad-noise-epoch-1"].value == pytest.approx(found["grad-noise-final"].value, rel=1e-12)


def log(steps, losses, first=None):
    return TrainingLog(np.array(steps), np.array(losses), first)


@pytest.mark.parametrize(
    "given, names, reason",
    [
        (None, ["steps-to-0.1", "steps-0.1-to-0.01"], "no log"),
        (log([0, 5], [2.0, 0.2]), ["steps-to-0.1"], "lowest recorded is 0.2"),
        (log([0, 5], [2.0, 0.05]), ["steps-0.1-to-0.01"], "did not reach a cross-entropy of 0.01"),
        (log([0, 5], [2.0, 0.05]), ["grad-noise-epoch-1"], "first epoch were not kept"),
    ],
)
def test_what_the_log_does_not_say_does_not_apply(net, given, names, reason):
    model, x, y = net
    for one in compute(model, examples=(x, y), log=given, names=names).values():
        assert not one.applicable
        assert reason in one.reason


def test_a_coarse_log_says_between_which_steps(net):
    found = compute(net[0], log=log([0, 40, 60], [2.0, 0.2, 0.001]), names=["steps-to-0.1", "steps-0.1-to-0.01"])
    assert found["steps-to-0.1"].value == pytest.approx(60)
    assert "after step 40, by 60" in found["steps-to-0.1"].reason
    assert found["steps-0.1-to-0.01"].value == 0


@pytest.mark.parametrize(
    "given, message",
    [
        (log([0, 5], [2.0]), "a loss for each recorded step"),
        (log([5, 0], [2.0, 0.1]), "ascending"),
        (log([0, 5], [2.0, np.nan]), "finite losses"),
    ],
)
def test_a_broken_log_is_refused(net, given, message):
    with pytest.raises(InputRefused, match=message):
        compute(net[0], log=given, names=["steps-to-0.1"])


def test_weights_after_the_first_epoch_of_another_shape_are_refused_by_name(net):
    model, x, y = net
    with pytest.raises(InputRefused, match="weights after the first epoch"):
        compute(model, examples=(x, y), log=log([0], [1.0], {**model.state_dict(), "4.weight": torch.zeros(3, 9)}))


def test_labels_that_the_model_has_no_score_for_are_refused(net):
    model, x, y = net
    with pytest.raises(InputRefused, match="class numbers from 0 to 2"):
        compute(model, examples=(x, y + 1), names=GRADIENTS)
