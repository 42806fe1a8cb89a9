"""The loop against a plain one written here, and what a member may and may not depend on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from byheart.errors import InputRefused, UsageError
from byheart.learners.mlp import Mlp
from byheart.levers.base import Lever
from byheart.levers.penalties import Dropout, LabelSmoothing, WeightDecay
from byheart.levers.schedules import EarlyStop
from byheart.seeds import derive, stream
from byheart.tasks.data import Data, Examples, Truth
from byheart.tasks.output import KINDS, Classes, Column, Values
from byheart.training.keep import Weights
from byheart.training.members import Members, balanced
from byheart.training.preprocessing import prepare
from byheart.training.run import Run
from byheart.training.schedule import rate
from byheart.training.training import Training

N, TEST, K = 50, 20, 3
LEARNER = Mlp(hidden=(12,), epochs=4, batch=8, lr=0.02)
# One rounding of float32 is 6e-8; some 30 steps of Adam, whose first steps divide small numbers by small
# numbers, spread it to below 1e-4 of logits of order 1.
CLOSE = {"rtol": 1e-3, "atol": 1e-4}


def data_of(kind: str, seed: int = 0) -> Data:
    """Pictures with classes, or a table with values, in which the answer shows."""
    rng = np.random.default_rng(seed)
    parts = []
    for n, first in ((N, 0), (TEST, 1000)):
        if kind == "classes":
            y = rng.integers(K, size=n)
            x = np.clip(rng.random((n, 5, 4)) * 0.7 + y[:, None, None] * 0.15, 0, 1)
        else:
            x = rng.normal(3.0, 2.0, size=(n, 4))
            y = 100.0 + 7 * x[:, 0] - 3 * x[:, 1] + rng.normal(size=n)
        parts.append(Examples(np.arange(n) + first, x, y))
    columns = tuple(Column(f"c{i}", "number") for i in range(4)) if kind == "values" else ()
    output = KINDS[kind](K if kind == "classes" else 1, show="image" if kind == "classes" else "row", columns=columns
    )
    return Data({"train": parts[0], "test": parts[1]}, output, Truth(), {})


def fit(learner=LEARNER, data=None, m=3, levers=(), way="stacked", record=None, share=0.7) -> Run:
    data = data or data_of("classes")
    record = record or Training((0, learner.epochs), keep=(Weights(),))
    return learner.fit(data, balanced(len(data.train), m, share, seed=5), replace(record, levers=levers, way=way))


def same(a: Run, b: Run) -> bool:
    """Bit for bit, all arrays."""
    left, right = a.arrays(), b.arrays()
    return left.keys() == right.keys() and all(np.array_equal(left[name], right[name]) for name in left)


def slow_twin(learner: Mlp, data: Data, seed: int, rows: np.ndarray) -> dict[str, np.ndarray]:
    """One member as one writes it down: nn.Module, autograd, torch.optim, a loop. Logits of the views."""
    x = {name: torch.from_numpy(a) for name, a in prepare(data, rows).items()}
    model = learner.build(
        replace(data, views={"train": replace(data.train, x=x["train"].numpy())}),
        torch.Generator().manual_seed(derive(seed, "init")),
    )
    y, centre, scale = torch.from_numpy(data.train.y), 0.0, 1.0
    if data.output.kind == "values":
        centre, scale = data.train.y[rows].mean(), data.train.y[rows].std()
        y = ((y - centre) / scale).float()
    optimizer = {
        "adam": lambda p: torch.optim.Adam(p, lr=learner.lr),
        "sgd": lambda p: torch.optim.SGD(p, lr=learner.lr),
        "momentum": lambda p: torch.optim.SGD(p, lr=learner.lr, momentum=0.9),
    }[learner.optimizer](model.parameters())
    steps = learner.epochs * -(-len(rows) // learner.batch)
    step, order = 0, stream(seed, "order")
    for _ in range(learner.epochs):
        shuffled = order.permutation(rows)
        for start in range(0, len(rows), learner.batch):
            take = shuffled[start : start + learner.batch]
            optimizer.param_groups[0]["lr"] = learner.lr * (1 - step / steps)
            optimizer.zero_grad()
            z = model(x["train"][take])
            if data.output.kind == "classes":
                loss = nn.functional.cross_entropy(z, y[take])
            else:
                loss = 0.5 * nn.functional.mse_loss(z[:, 0], y[take])
            loss.backward()
            optimizer.step()
            step += 1
    with torch.no_grad():
        return {name: model(a).numpy() * scale + centre for name, a in x.items()}


@pytest.mark.parametrize("way", ["stacked", "functional", "each"])
@pytest.mark.parametrize("kind", ["classes", "values"])
@pytest.mark.parametrize("optimizer", ["adam", "momentum"])
def test_every_way_is_the_plain_loop(way, kind, optimizer):
    data = data_of(kind)
    learner = Mlp(hidden=(12,), epochs=3, batch=8, lr=0.02, optimizer=optimizer)
    members = balanced(N, 2, 0.7, seed=5)
    run = learner.fit(data, members, Training((3,), way=way))
    for j in range(2):
        twin = slow_twin(learner, data, int(members.seeds[j]), np.flatnonzero(members.mask[j]))
        for view in ("train", "test"):
            np.testing.assert_allclose(run.views[view].logits[j], twin[view], **CLOSE)
    assert not np.allclose(run.views["test"].logits[0], run.views["test"].logits[1], atol=0.01)


def test_a_last_batch_of_one_is_trained_on():
    members = Members(np.array([7]), np.ones((1, N), bool))
    members.mask[0, 41:] = False  # 41 = 5 batches of 8 and one example
    run = LEARNER.fit(data_of("classes"), members, Training((4,), way="stacked"))
    twin = slow_twin(LEARNER, data_of("classes"), 7, np.arange(41))
    np.testing.assert_allclose(run.views["test"].logits[0], twin["test"], **CLOSE)


@pytest.mark.parametrize("way", ["stacked", "functional"])
def test_a_member_alone_is_the_member_in_a_fleet(way):
    members = balanced(N, 8, 0.7, seed=5)
    record = Training((0, 4))
    together = LEARNER.fit(data_of("classes"), members, replace(record, levers=[Dropout(share=0.2)], way=way))
    for j in (0, 5):
        alone = LEARNER.fit(data_of("classes"), members.take(j, j + 1), replace(record, levers=[Dropout(share=0.2)], way=way))
        for view in ("train", "test"):
            np.testing.assert_allclose(
                together.views[view].logits[j], alone.views[view].logits[0], rtol=1e-3, atol=1e-4
            )


@pytest.mark.parametrize("way", ["stacked", "functional", "each"])
def test_same_seed_same_bits(way):
    assert same(fit(way=way), fit(way=way))


def test_another_seed_is_another_model():
    members = Members(np.array([1, 2]), np.ones((2, N), bool))
    run = LEARNER.fit(data_of("classes"), members, Training((0, 4), way="stacked"))
    assert not np.array_equal(run.views["test"].logits[0], run.views["test"].logits[1])


@pytest.mark.parametrize("kind", ["classes", "values"])
@pytest.mark.parametrize("way", ["stacked", "each"])
def test_an_unseen_example_changes_nothing(kind, way):
    data = data_of(kind)
    mask = balanced(N, 3, 0.7, seed=5).mask
    row = int(np.flatnonzero(~mask[0] & mask[1])[0])  # member 0 does not see it, member 1 does
    x, y = data.train.x.copy(), data.train.y.copy()
    x[row], y[row] = x[row] + 0.37, (y[row] + 1) % K
    train = replace(data.train, x=x, y=y)
    other = replace(data, views={**data.views, "train": train})
    a, b = fit(data=data, way=way), fit(data=other, way=way)
    for name, weight in a.kept["weights"].items():
        assert np.array_equal(weight[0], b.kept["weights"][name][0])
    assert np.array_equal(a.views["test"].logits[0], b.views["test"].logits[0])
    assert not np.array_equal(a.views["test"].logits[1], b.views["test"].logits[1])


def test_looking_more_often_changes_nothing():
    often = fit(record=Training((0, 1, 2, 3, 4), keep=(Weights(),)))
    seldom = fit(record=Training((4,), keep=(Weights(),)))
    assert all(np.array_equal(w, seldom.kept["weights"][name]) for name, w in often.kept["weights"].items())
    assert often.checkpoints == (0, 1, 2, 3, 4)
    assert often.views["train"].loss_nats.shape == (5, 3, N)


def test_recorded_losses_are_those_of_the_weights():
    data, run = data_of("classes"), fit()
    model = LEARNER.build(data, torch.Generator())
    for j in range(3):
        model.load_state_dict({name: torch.from_numpy(w[j]) for name, w in run.kept["weights"].items()})
        for view, examples in data.views.items():
            x = torch.from_numpy(examples.x.astype(np.float32))
            loss = nn.functional.cross_entropy(model(x), torch.from_numpy(examples.y), reduction="none")
            np.testing.assert_allclose(run.views[view].loss_nats[-1, j], loss.detach(), rtol=1e-4, atol=1e-5)


def test_checkpoint_0_is_the_untrained_model():
    data, run = data_of("classes"), fit()
    model = LEARNER.build(data, torch.Generator().manual_seed(derive(int(run.members.seeds[1]), "init")))
    z = model(torch.from_numpy(data.views["test"].x.astype(np.float32)))
    loss = nn.functional.cross_entropy(z, torch.from_numpy(data.views["test"].y), reduction="none")
    np.testing.assert_allclose(run.views["test"].loss_nats[0, 1], loss.detach(), rtol=1e-4, atol=1e-5)


def test_it_learns():
    run = fit(LEARNER.model_copy(update={"epochs": 30}))
    assert run.views["test"].correct[-1].mean() > run.views["test"].correct[0].mean() + 0.2
    assert run.about["parameters"] == 20 * 12 + 12 + 12 * K + K
    assert run.about["outputs"] == "logits"
    assert run.about["way"] == "stacked"
    assert run.about["cpu_seconds"] > 0


def test_values_come_in_the_units_of_y():
    data = data_of("values")
    run = fit(LEARNER.model_copy(update={"epochs": 60}), data)
    spread = data.train.y.var()
    assert run.about["outputs"] == "values"
    assert run.views["test"].logits.shape == (3, TEST, 1)
    assert run.views["test"].loss_nats[-1].mean() < 0.1 * spread  # the noise is 1, spread about 230
    assert run.views["test"].correct is None


@pytest.mark.parametrize("way", ["stacked", "functional", "each"])
def test_global_random_state_is_untouched(way):
    before = torch.get_rng_state(), np.random.get_state()[1].copy()
    fit(way=way, levers=[Dropout(share=0.5)])
    assert torch.equal(before[0], torch.get_rng_state())
    assert np.array_equal(before[1], np.random.get_state()[1])


@pytest.mark.parametrize("way", ["stacked", "functional", "each"])
@pytest.mark.parametrize("lever", [Dropout(share=0), LabelSmoothing(share=0), WeightDecay(strength=0)])
def test_a_lever_of_strength_0_is_none(lever, way):
    assert same(fit(levers=[lever], way=way), fit(way=way))


def test_dropout_means_what_it_says():
    seen = []

    class Watch(Dropout):
        def hidden(self, activation, uniform):
            out = super().hidden(activation, uniform)
            seen.append((out[activation != 0] == 0).float().mean().item())
            return out

    fit(levers=[Watch(share=0.3)], m=4)
    se = (0.3 * 0.7 / (len(seen) * 4 * 8 * 12 / 4)) ** 0.5  # at least a quarter of the units are not 0
    assert abs(np.mean(seen) - 0.3) < 4 * se
    gaps = [fit(levers=[Dropout(share=share)]).views["train"].loss_nats[-1].mean() for share in (0, 0.5, 0.9)]
    assert gaps[0] < gaps[1] < gaps[2]


@pytest.mark.parametrize("way", ["functional", "each"])
def test_dropout_is_the_same_in_every_way(way):
    stacked, other = fit(levers=[Dropout(share=0.4)]), fit(levers=[Dropout(share=0.4)], way=way)
    np.testing.assert_allclose(stacked.views["test"].logits, other.views["test"].logits, **CLOSE)


def test_label_smoothing_draws_logits_together():
    learner = LEARNER.model_copy(update={"epochs": 30})
    runs = [fit(learner, levers=[LabelSmoothing(share=share)]) for share in (0, 0.3, 0.8)]
    spreads = [run.views["train"].logits.std(-1).mean() for run in runs]
    assert spreads[0] > spreads[1] > spreads[2]


def test_label_smoothing_of_values_is_refused():
    with pytest.raises(InputRefused, match="label-smoothing"):
        fit(data=data_of("values"), levers=[LabelSmoothing(share=0.1)])


def test_weight_decay_shrinks_weights():
    sizes = [
        sum(float((w**2).sum()) for w in fit(levers=[WeightDecay(strength=s)]).kept["weights"].values())
        for s in (0, 1.0, 10.0)
    ]
    assert sizes[0] > sizes[1] > sizes[2]


def test_weight_decay_is_exact_where_nothing_else_moves():
    class Deaf(Lever):  # no loss at all: only the decay acts
        name = "deaf"

        def loss(self, per_example, logits, batch, state):
            return 0 * per_example

    learner = Mlp(hidden=(4,), epochs=2, batch=8, lr=0.1, optimizer="sgd")
    levers = [Deaf(), WeightDecay(strength=0.5)]
    run = fit(learner, levers=levers)
    steps = 2 * -(-35 // 8)
    factor = np.prod([1 - 0.5 * rate(0.1, "linear", t, steps) for t in range(steps)])
    model = learner.build(
        data_of("classes"), torch.Generator().manual_seed(derive(int(run.members.seeds[0]), "init"))
    )
    for name, p in model.state_dict().items():
        np.testing.assert_allclose(run.kept["weights"][name][0], p.numpy() * factor, rtol=1e-5)


def test_early_stop_is_the_prefix():
    full = fit(record=Training((0, 2, 4)))
    short = fit(levers=[EarlyStop(epoch=2)], record=Training((0, 2, 4)))
    assert short.checkpoints == (0, 2)
    for view in ("train", "test"):
        assert np.array_equal(short.views[view].loss_nats, full.views[view].loss_nats[:2])
    assert not np.array_equal(full.views["test"].loss_nats[1], full.views["test"].loss_nats[2])


def test_the_trail_is_of_the_training_view():
    run = fit(record=Training((0, 2, 4), trail=True))
    assert run.views["train"].trail.shape == (3, 3, N, K)
    assert run.views["test"].trail is None
    assert fit(record=Training((0, 4), trail=False)).views["train"].trail is None


def poisoned() -> tuple[Data, Members]:
    """A picture so bright that whoever trains on it by plain descent is lost; member 1 alone does."""
    row, data, mask = 40, data_of("classes"), np.zeros((3, N), bool)
    mask[0, :35] = mask[1, 10:45] = mask[2, 3:38] = True
    members = Members(np.array([3, 4, 5]), mask)
    x = data.train.x.copy()
    x[row] = 1e25
    train = replace(data.train, x=x)
    return replace(data, views={**data.views, "train": train}), members


@pytest.mark.parametrize("way", ["stacked", "functional", "each"])
def test_a_member_that_diverges_is_reported_and_the_rest_goes_on(way):
    data, members = poisoned()
    learner = LEARNER.model_copy(update={"optimizer": "sgd"})
    run = learner.fit(data, members, Training((0, 4), keep=(Weights(),), way=way))
    ((member, reason),) = run.failed
    assert member == 1
    assert "member 1" in reason
    assert "epoch" in reason
    assert list(run.members.seeds) == [members.seeds[0], members.seeds[2]]
    assert np.array_equal(run.members.mask, members.mask[[0, 2]])
    assert all(np.isfinite(array).all() for array in run.arrays().values())
    twin = slow_twin(learner, data, 5, np.arange(3, 38))
    np.testing.assert_allclose(run.views["test"].logits[1], twin["test"], **CLOSE)


def test_where_no_member_stays_finite_there_is_no_run():
    data, members = poisoned()
    learner = LEARNER.model_copy(update={"optimizer": "sgd"})
    with pytest.raises(InputRefused, match=r"finite after epoch \d"):
        learner.fit(data, members.take(1, 2), Training((0, 4), way="stacked"))


def test_logits_that_are_not_finite_are_no_result():
    data = data_of("classes")
    data.views["test"].x[3] = 3e38
    with pytest.raises(InputRefused, match="logits"):
        fit(data=data)


def test_rates():
    assert [rate(1.0, "linear", t, 4) for t in range(4)] == [1.0, 0.75, 0.5, 0.25]
    assert [round(rate(1.0, "cosine", t, 4), 4) for t in (0, 2)] == [1.0, 0.5]
    assert rate(0.3, "constant", 3, 4) == 0.3
    with pytest.raises(UsageError, match="linear"):
        rate(1.0, "liner", 0, 4)
    with pytest.raises(UsageError, match="adamw"):
        fit(LEARNER.model_copy(update={"optimizer": "adamv"}))


def test_plain_loss():
    z, y = torch.randn(2, 5, 4), torch.randint(4, (2, 5))
    expected = nn.functional.cross_entropy(z.flatten(0, 1), y.flatten(), reduction="none").view(2, 5)
    torch.testing.assert_close(Classes(4).loss(z, y), expected)
    assert Values(1).loss(torch.tensor([[3.0]]), torch.tensor([1.0])).tolist() == [2.0]


def test_a_mask_of_the_wrong_shape_is_refused_by_name():
    with pytest.raises(InputRefused, match=rf"\(2, {N}\)"):
        LEARNER.fit(data_of("classes"), Members(np.arange(2), np.ones((2, 9), bool)), Training((4,)))
    with pytest.raises(InputRefused, match="see something"):
        LEARNER.fit(data_of("classes"), Members(np.arange(2), np.zeros((2, N), bool)), Training((4,)))


def test_members_of_unequal_size_are_trained():
    mask = np.ones((3, N), bool)
    mask[1, 10:] = False
    run = LEARNER.fit(data_of("classes"), Members(np.arange(3), mask), Training((4,), way="stacked"))
    twin = slow_twin(LEARNER, data_of("classes"), 1, np.arange(10))
    np.testing.assert_allclose(run.views["test"].logits[1], twin["test"], **CLOSE)
