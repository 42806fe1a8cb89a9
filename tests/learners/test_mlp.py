"""Mlp, and the user's own module: weights from the member's generator alone, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from byheart.errors import InputRefused, UsageError
from byheart.learners.mlp import Mlp
from byheart.learners.torch_module import FromFactory
from byheart.tasks.data import Data, Examples, Truth
from byheart.tasks.output import KINDS
from byheart.training.keep import Weights
from byheart.training.members import balanced
from byheart.training.training import Training

N = 40


def data_of(k: int = 3, kind: str = "classes", shape: tuple[int, ...] = (4, 5), show: str = "image") -> Data:
    rng = np.random.default_rng(0)
    y = rng.integers(k, size=N) if kind == "classes" else rng.normal(size=N)
    train = Examples(np.arange(N), rng.random((N, *shape)), y)
    return Data({"train": train}, KINDS[kind](k, show=show), Truth(), {})


def fit(learner, data, way="each"):
    return learner.fit(data, balanced(N, 2, 0.7, seed=1), Training((0, learner.epochs), keep=(Weights(),), way=way))


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_layers_and_title():
    learner = Mlp(hidden=(7, 6), activation="gelu")
    kinds = [type(part).__name__ for part in learner.build(data_of(), seeded(0))]
    assert kinds == ["Scale", "Flatten", "Linear", "GELU", "Linear", "GELU", "Linear"]
    assert learner.title(data_of()) == "MLP 20-7-6-3"
    plain = Mlp(hidden=()).build(data_of(show="none"), seeded(0))
    assert [type(part).__name__ for part in plain] == ["Flatten", "Linear"]


def test_an_embedding_is_a_first_layer_without_bias_and_activation_which_adds_rows_of_one_hot_inputs():
    learner = Mlp(hidden=(7,), embedding=5)
    model = learner.build(data_of(show="none"), seeded(0))
    assert [type(part).__name__ for part in model] == ["Flatten", "Linear", "Linear", "ReLU", "Linear"]
    assert model[1].bias is None
    two_hot = torch.zeros(1, 20)
    two_hot[0, [3, 14]] = 1.0
    assert torch.equal(model[:2](two_hot)[0], model[1].weight[:, 3] + model[1].weight[:, 14])
    assert learner.title(data_of()) == "MLP 20-5-7-3, embedding first"


def test_settings_that_came_later_enter_key_and_settings_only_where_they_are_not_the_default():
    assert Mlp().key() == "c0d498bc492b" + Mlp().key()[12:]
    assert not {"betas", "embedding"} & (Mlp().settings().keys() | Mlp().key_fields().keys())
    other = Mlp(betas=(0.9, 0.98), embedding=5)
    assert {"betas", "embedding"} <= other.settings().keys() & other.key_fields().keys()
    assert len({Mlp().key(), Mlp(betas=(0.9, 0.98)).key(), Mlp(embedding=5).key(), other.key()}) == 4


def test_betas_are_those_of_the_optimiser_and_of_adam_alone():
    """Two steps of Adam written out: m = b1 m + (1 - b1) g, v = b2 v + (1 - b2) g^2."""
    from byheart.training.schedule import optimiser

    for betas in ((0.9, 0.999), (0.5, 0.98)):
        w = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))
        adam, slow, m, v = optimiser("adam", w, 0.1, betas), 0.0, 0.0, 0.0
        for t, g in enumerate((3.0, -1.0), start=1):
            w.grad = torch.tensor([g], dtype=torch.float64)
            adam.step()
            m, v = betas[0] * m + (1 - betas[0]) * g, betas[1] * v + (1 - betas[1]) * g * g
            slow -= 0.1 * m / (1 - betas[0] ** t) / (math.sqrt(v / (1 - betas[1] ** t)) + 1e-8)
        assert w.item() == pytest.approx(slow)
    weights = [fit(Mlp(hidden=(4,), epochs=2, betas=b), data_of()).kept["weights"] for b in ((0.9, 0.999), (0.9, 0.9))]
    assert any((one != weights[1][name]).any() for name, one in weights[0].items())
    with pytest.raises(UsageError, match="betas are of adam, adamw, radam; sgd has none"):
        Mlp(optimizer="sgd", betas=(0.9, 0.98))


def test_weights_have_torchs_distribution():
    model = Mlp(hidden=(400,)).build(data_of(shape=(10, 10)), seeded(0))
    first, bound = model[2], 1 / math.sqrt(100)
    for p in (first.weight, first.bias):
        assert p.abs().max() <= bound
        se = bound**2 * math.sqrt(4 / 45 / p.numel())  # of the mean square of a uniform
        assert abs(p.square().mean().item() - bound**2 / 3) < 4 * se
    torch.manual_seed(0)
    theirs = nn.Linear(100, 400).weight
    assert theirs.abs().max() <= bound
    assert abs(theirs.square().mean() - first.weight.square().mean()) < 4 * bound**2 * math.sqrt(
        8 / 45 / 40000
    )


def test_weights_come_from_the_generator_alone():
    state = torch.get_rng_state()
    a, b, c = (Mlp().build(data_of(), seeded(seed)) for seed in (0, 0, 1))
    assert torch.equal(state, torch.get_rng_state())
    assert torch.equal(a[2].weight, b[2].weight)
    assert not torch.equal(a[2].weight, c[2].weight)
    assert not torch.equal(a[2].weight.flatten()[:384], a[4].weight.flatten())


def test_a_wrong_setting_is_refused():
    for wrong in ({"activation": "rely"}, {"hidden": (0,)}, {"hiden": (4,)}):
        with pytest.raises(UsageError):
            Mlp(**wrong)


class Net(nn.Module):
    def __init__(self, k: int = 3, noise: bool = False):
        super().__init__()
        self.a, self.act, self.b = nn.Linear(20, 8), nn.ReLU(), nn.Linear(8, k)
        self.norm, self.drop = nn.BatchNorm1d(8), nn.Dropout(0.5)
        self.noise = noise

    def forward(self, x):
        h = self.act(self.a(x.flatten(1)))
        return self.b(self.drop(self.norm(h)) if self.noise else h)


class Quiet(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.act, self.b = nn.Linear(20, 8), nn.ReLU(), nn.Linear(8, 3)

    def forward(self, x):
        return self.b(self.act(self.a(x.flatten(1))))


def own(make, **settings) -> FromFactory:
    return FromFactory.of(make, code="digest", epochs=3, batch=8, **settings)


def test_every_member_has_weights_of_its_own_and_again_the_same():
    state = torch.get_rng_state()
    a, b = fit(own(Quiet), data_of()), fit(own(Quiet), data_of())
    assert torch.equal(state, torch.get_rng_state())
    untrained = a.views["train"].loss_nats[0]
    assert not np.isclose(untrained[0], untrained[1], atol=1e-3).all()
    assert all(np.array_equal(w, b.kept["weights"][name]) for name, w in a.kept["weights"].items())


def test_functional_equals_each_for_a_users_module():
    a, b = fit(own(Quiet), data_of()), fit(own(Quiet), data_of(), "functional")
    # 9 steps of Adam in float32, which begins by dividing small gradients by their own size
    np.testing.assert_allclose(a.views["train"].logits, b.views["train"].logits, rtol=1e-3, atol=1e-4)


def test_x_is_given_as_it_is():
    met = []

    class Look(Quiet):
        def forward(self, x):
            met.append((x.dtype, tuple(x.shape[1:]), float(x.max())))
            return super().forward(x)

    data = data_of(show="none")
    data.train.x[:] = data.train.x * 1000
    fit(own(Look), data)
    assert {(dtype, shape) for dtype, shape, _ in met[1:]} == {(torch.float32, (4, 5))}  # the first: it was tried
    assert max(top for *_, top in met) == np.float32(data.train.x.max())


def test_batch_norm_and_dropout_train_alone_and_repeat():
    a, b = (fit(own(lambda: Net(noise=True)), data_of()) for _ in range(2))
    assert np.array_equal(a.views["train"].logits, b.views["train"].logits)
    assert (a.kept["weights"]["norm.num_batches_tracked"] == 3 * 4).all()  # 28 examples, batches of 8
    assert (a.kept["weights"]["norm.running_mean"] != 0).any(1).all()
    with pytest.raises(InputRefused, match="BatchNorm1d updates batch statistics"):
        fit(own(lambda: Net(noise=True)), data_of(), "functional")
    # recorded in evaluation mode: the losses of the kept weights
    twin = Net(noise=True)
    twin.load_state_dict({name: torch.from_numpy(np.asarray(w[1])) for name, w in a.kept["weights"].items()})
    z = twin.eval()(torch.from_numpy(data_of().train.x.astype(np.float32)))
    np.testing.assert_allclose(a.views["train"].logits[1], z.detach(), rtol=1e-4, atol=1e-5)


def test_the_factory_gets_the_randomness_it_asks_for():
    seeds = []

    def with_seed(seed):
        seeds.append(seed)
        return Quiet()

    def with_generator(generator):
        net = Quiet()
        nn.init.normal_(net.a.weight, generator=generator)
        return net

    fit(own(with_seed), data_of())
    assert len(set(seeds)) == 3  # of the two members, and 0, at which one is tried
    state = torch.get_rng_state()
    run = fit(own(with_generator), data_of())
    assert torch.equal(state, torch.get_rng_state())
    assert not np.array_equal(run.kept["weights"]["a.weight"][0], run.kept["weights"]["a.weight"][1])


@pytest.mark.parametrize(
    "make, data, word",
    [
        (lambda: Net(1), data_of(2), r"\(b, 2\).*\(3, 1\).*give two"),
        (lambda: Net(4), data_of(3), r"\(b, 3\).*\(3, 4\)"),
        (lambda: Net(2), data_of(1, "values"), r"\(b,\) or \(b, 1\).*\(3, 2\)"),
        (lambda: nn.Linear(20, 3), data_of(3), r"\(3, 4, 5\)"),
        (lambda: "net", data_of(3), "Module.*str"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(make, data, word):
    with pytest.raises(InputRefused, match=word):
        fit(own(make), data)


@pytest.mark.parametrize("shape", [lambda z: z, lambda z: z[:, 0]])
@pytest.mark.parametrize("way", ["functional", "each"])
def test_values_may_come_with_or_without_an_axis(shape, way):
    class Value(Net):
        def forward(self, x):
            return shape(super().forward(x))

    class Plain(Quiet):
        def __init__(self):
            super().__init__()
            self.b = nn.Linear(8, 1)

        def forward(self, x):
            return shape(super().forward(x))

    run = fit(own(Plain), data_of(1, "values"), way)
    assert run.views["train"].logits.shape == (2, N, 1)
    loss = run.views["train"].loss_nats
    assert loss[1].mean() < loss[0].mean()


def test_a_module_instead_of_a_factory_is_refused():
    with pytest.raises(InputRefused, match="fresh weights"):
        FromFactory.of(nn.Linear(4, 2))


def test_code_is_the_key():
    assert own(Quiet).key() == own(Quiet).key()
    assert FromFactory.of(Quiet, code="a").key() != FromFactory.of(Quiet, code="b").key()
    assert own(Quiet).keyed
    assert not FromFactory.of(Quiet, code="").keyed
