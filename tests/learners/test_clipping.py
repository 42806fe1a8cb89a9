"""Clipping of gradients: against torch's, member by member; what overflows; where a setting of the learner shows."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from byheart.errors import InputRefused, UsageError
from byheart.learners.mlp import Mlp
from byheart.learners.piecewise_linear import Plrnn
from byheart.tasks.digits import Digits
from byheart.tasks.recall import Addition
from byheart.training.clipping import clip
from byheart.training.keep import Weights
from byheart.training.members import Members, balanced
from byheart.training.record_member import recorded
from byheart.training.training import Training


def drawn(*scales: float) -> dict[str, torch.Tensor]:
    """Gradients (m, 3, 4) and (m, 5), a member of each scale."""
    generator = torch.Generator().manual_seed(0)
    by = torch.tensor(scales)
    return {
        "w": torch.randn(len(by), 3, 4, generator=generator) * by[:, None, None],
        "b": torch.randn(len(by), 5, generator=generator) * by[:, None],
    }


def test_each_member_is_clipped_as_torch_clips_it_alone():
    gradients = drawn(0.01, 1.0, 1e6)
    wanted = {name: g.clone() for name, g in gradients.items()}
    for j in range(3):
        leaves = [torch.nn.Parameter(torch.zeros_like(g[j])) for g in wanted.values()]
        for leaf, g in zip(leaves, wanted.values(), strict=True):
            leaf.grad = g[j]
        torch.nn.utils.clip_grad_norm_(leaves, 0.5)
    clip(gradients, 0.5)
    for name, g in gradients.items():
        torch.testing.assert_close(g, wanted[name], rtol=1e-5, atol=0)


def test_what_is_short_stays_bit_for_bit():
    gradients, before = drawn(0.01, 0.02), drawn(0.01, 0.02)
    clip(gradients, 1.0)
    assert all(torch.equal(gradients[name], before[name]) for name in gradients)


def test_a_length_whose_square_overflows_is_measured_and_what_is_not_finite_becomes_nothing():
    gradients = drawn(1e30, 1.0, 1.0, 0.0)
    way = drawn(1.0)
    gradients["w"][1, 0, 0], gradients["b"][2, 0] = torch.inf, torch.nan
    clip(gradients, 1.0)
    together = torch.cat([g.flatten(1) for g in gradients.values()], 1)
    torch.testing.assert_close(together.norm(dim=1), torch.tensor([1.0, 0.0, 0.0, 0.0]))
    first = torch.cat([drawn(1e30, 1.0, 1.0, 0.0)[name][0].flatten() for name in way])
    torch.testing.assert_close(together[0], first / 1e30 / (first / 1e30).norm())


def weights(learner, data, members) -> np.ndarray:
    run = learner.fit(data, members, Training((learner.epochs,), keep=(Weights(),), way="functional"))
    return run.kept["weights"]["C"]


def test_a_step_of_plain_descent_is_as_long_as_the_learning_rate_times_the_length():
    data = Digits(n=60).draw(0)
    how = {"hidden": (), "epochs": 1, "batch": 60, "optimizer": "sgd", "schedule": "constant", "lr": 0.1}
    members, ends = Members(np.arange(2), np.ones((2, 60), dtype=bool)), {}
    for name, more in {"start": {"lr": 1e-12}, "free": {}, "cut": {"clip": 0.05}}.items():
        run = Mlp(**how | more).fit(data, members, Training((1,), keep=(Weights(),), way="functional"))
        kept = run.kept["weights"]
        ends[name] = np.concatenate([np.reshape(kept[part], (2, -1)) for part in kept], 1).astype(float)
    free, cut = ends["free"] - ends["start"], ends["cut"] - ends["start"]
    lengths = np.linalg.norm(cut, axis=1)
    assert np.linalg.norm(free, axis=1).min() > 0.02
    assert lengths == pytest.approx(0.1 * 0.05, rel=1e-3)
    assert (free * cut).sum(1) / lengths / np.linalg.norm(free, axis=1) == pytest.approx(1, abs=1e-4)


def test_without_it_long_sums_leave_and_with_it_they_stay():
    """Of states that stay the first gradient is so long that one free step takes them away for good."""
    data, members = Addition(length=60, n=256, n_test=50).draw(0), Members(np.arange(2), np.ones((2, 256), dtype=bool))
    how = {"units": 8, "batch": 32, "epochs": 2, "optimizer": "sgd", "schedule": "constant", "lr": 0.01}
    free, cut = (Plrnn(attractor_begin=True, **how, **more) for more in ({}, {"clip": 0.1}))
    with pytest.raises(InputRefused, match="not finite"):
        weights(free, data, members)
    assert np.abs(weights(cut, data, members)).max() < 2


def test_it_enters_key_and_settings_only_where_it_is_not_zero():
    assert Mlp().key() == Mlp(clip=0).key() != Mlp(clip=1).key()
    assert "clip" not in Mlp().settings().keys() | Mlp().key_fields().keys()
    assert Mlp(clip=1).settings()["clip"] == 1
    with pytest.raises(UsageError, match="clip"):
        Mlp(clip=-1)


def test_a_recording_does_not_follow_it():
    with pytest.raises(InputRefused, match="clipped"):
        recorded(Mlp(epochs=1, clip=1), Digits(n=60).draw(0), balanced(60, 1, 1.0, 0))
