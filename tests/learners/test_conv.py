"""Conv: the network that nn.Conv2d would make, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from byheart.errors import InputRefused
from byheart.learners.conv import Conv
from byheart.tasks.data import Data, Examples, Truth
from byheart.tasks.output import Classes
from byheart.training.keep import Weights
from byheart.training.members import balanced
from byheart.training.training import Training

N = 30
LEARNER = Conv(channels=(3, 4), epochs=2, batch=8)


def data_of(shape: tuple[int, ...] = (7, 6), show: str = "image") -> Data:
    rng = np.random.default_rng(0)
    y = rng.integers(3, size=N)
    x = rng.random((N, *shape)) * 0.7 + (y * 0.15).reshape(-1, *[1] * len(shape))
    train = Examples(np.arange(N), x, y)
    return Data({"train": train}, Classes(3, show=show), Truth(), {})


def fit(data: Data, way: str, learner: Conv = LEARNER):
    return learner.fit(data, balanced(N, 3, 0.7, seed=1), Training((0, learner.epochs), keep=(Weights(),), way=way))


@pytest.mark.parametrize("shape, show", [((7, 6), "image"), ((7, 6, 3), "photograph")])
def test_every_way_is_the_same(shape, show):
    runs = [fit(data_of(shape, show), way) for way in ("stacked", "functional", "each")]
    for run in runs[1:]:
        # 6 steps of Adam in float32
        np.testing.assert_allclose(
            run.views["train"].logits, runs[0].views["train"].logits, rtol=1e-3, atol=1e-4
        )


def test_it_is_two_convolutions_and_a_linear_layer():
    data, run = data_of(), fit(data_of(), "stacked")
    names = {name.rpartition(".")[0] for name in run.kept["weights"]}
    first, second, last = sorted(names, key=int)
    x = torch.from_numpy(data.train.x.astype(np.float32))[:, None]
    for j in range(3):
        w = {name: torch.from_numpy(value[j]) for name, value in run.kept["weights"].items()}
        h = (x - 0.3) / 0.35
        for layer in (first, second):
            h = nn.functional.conv2d(h, w[f"{layer}.weight"], w[f"{layer}.bias"], stride=2, padding=1).relu()
        z = h.flatten(1) @ w[f"{last}.weight"].T + w[f"{last}.bias"]
        np.testing.assert_allclose(run.views["train"].logits[j], z, rtol=1e-4, atol=1e-5)


def test_it_learns_and_says_its_name():
    run = fit(data_of(), "stacked", Conv(channels=(8, 8), epochs=40, batch=8))
    loss = run.views["train"].loss_nats.mean((1, 2))
    assert loss[1] < 0.7 * loss[0]
    assert LEARNER.title(data_of()) == "CNN 3-4-3"


def test_weights_come_from_the_generator_alone():
    state = torch.get_rng_state()
    a, b = (LEARNER.build(data_of(), torch.Generator().manual_seed(seed)) for seed in (0, 1))
    assert torch.equal(state, torch.get_rng_state())
    assert not torch.equal(a[1].weight, b[1].weight)
    assert a[1].weight.abs().max() <= 1 / 3  # 1 / sqrt(1 channel x 9)


@pytest.mark.parametrize("shape, show", [((6,), "row"), ((7, 6), "none")])
def test_what_is_no_image_is_refused_by_name(shape, show):
    with pytest.raises(InputRefused, match=r"images.*conv.*shape.*mlp"):
        fit(data_of(shape, show), "stacked")
