"""Recurrent layers in fleets: torch's own numbers and gradients, each member its own; and what the learner learns."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from byheart.errors import InputRefused
from byheart.learners.lagged import Lagged
from byheart.learners.recurrent import Recurrent
from byheart.learners.torch_module import FromFactory
from byheart.levers.penalties import Dropout
from byheart.tasks.arrays import Arrays
from byheart.tasks.data import Data, Examples, Truth
from byheart.tasks.output import Classes, Series, Tokens
from byheart.testing.learners import LearnerSuite
from byheart.training import recurrence, trial
from byheart.training.fleet import Each
from byheart.training.functional import Functional
from byheart.training.members import balanced
from byheart.training.recurrence import batched
from byheart.training.training import Training
from byheart.training.trial import choose
from byheart.training.ways import make, ways_for

M, B, T, D, H = 3, 5, 6, 4, 7
KINDS = {
    "lstm": (nn.LSTM, {}),
    "gru": (nn.GRU, {}),
    "plain": (nn.RNN, {}),
    "rectified": (nn.RNN, {"nonlinearity": "relu"}),
    "lstm in two levels": (nn.LSTM, {"num_layers": 2}),
    "gru in three levels, time first": (nn.GRU, {"num_layers": 3, "batch_first": False}),
    "lstm without biases, time first": (nn.LSTM, {"bias": False, "batch_first": False}),
    "gru without biases": (nn.GRU, {"bias": False}),
    "plain in two levels": (nn.RNN, {"num_layers": 2}),
}  # fmt: skip
CELLS = {"lstm": nn.LSTMCell, "gru": nn.GRUCell, "plain": nn.RNNCell}


def drawn(*shape: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)), dtype=dtype)


def made(name: str, dtype: torch.dtype = torch.float64) -> nn.RNNBase:
    kind, more = KINDS[name]
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return kind(D, H, **({"batch_first": True} | more)).to(dtype)


def flat(given) -> list[torch.Tensor]:
    """All tensors of what a layer gives."""
    return [given] if isinstance(given, torch.Tensor) else [v for part in given for v in flat(part)]


def states(layer: nn.Module, *shape: int, dtype: torch.dtype = torch.float64):
    """Something to start from."""
    one = drawn(*shape, dtype=dtype)
    return (one, 0.5 * one + 0.1) if isinstance(layer, nn.LSTM | nn.LSTMCell) else one


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("started", [False, True])
@pytest.mark.parametrize("dtype, most", [(torch.float64, 1e-12), (torch.float32, 1e-6)])
def test_numbers_and_gradients_are_those_of_torch(name, started, dtype, most):
    layer, x = made(name, dtype), drawn(B, T, D, dtype=dtype)
    given = (states(layer, layer.num_layers, B if layer.batch_first else T, H, dtype=dtype),) if started else ()
    leaves = [*layer.parameters(), x.requires_grad_(), *(v.requires_grad_() for v in flat(given))]

    def outputs() -> tuple[list[torch.Tensor], tuple[torch.Tensor, ...]]:
        found = flat(layer(x, *given))
        total = sum((drawn(*v.shape, dtype=dtype) * v).sum() for v in found)  # every output counts, differently
        return [v.detach() for v in found], torch.autograd.grad(total, leaves)

    expected, gradients = outputs()
    with batched(layer):
        found, own = outputs()
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=most)
    for a, b in zip(own, gradients, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=most * (10 + float(b.abs().max())))
    assert "forward" not in vars(layer)


@pytest.mark.parametrize("name", KINDS)
def test_one_sequence_without_a_batch(name):
    layer = made(name)
    x, given = drawn(T, D), states(layer, layer.num_layers, H)
    for start in ((), (given,)):
        expected = flat(layer(x, *start))
        with batched(layer):
            found = flat(layer(x, *start))
        for a, b in zip(found, expected, strict=True):
            torch.testing.assert_close(a, b, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("shape", [(B,), ()])
@pytest.mark.parametrize("started", [False, True])
def test_a_step_at_a_time(name, shape, started):
    cell = CELLS[name](D, H).double()
    start = (states(cell, *shape, H),) if started else ()
    expected = flat(cell(drawn(*shape, D), *start))
    with batched(cell):
        found = flat(cell(drawn(*shape, D), *start))
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-12)


class Reads(nn.Module):
    """A user's network: recurrent layers between others, and the last states used beside the last outputs."""

    def __init__(self, name: str) -> None:
        super().__init__()
        kind, more = KINDS[name]
        self.before = nn.Linear(D, D)
        self.cells = kind(D, H, **({"batch_first": True} | more))
        self.head = nn.Linear(2 * H, 3)

    def forward(self, x):
        x = self.before(x).tanh()
        out, last = self.cells(x if self.cells.batch_first else x.transpose(0, 1))
        last = last[1] if isinstance(last, tuple) else last
        return self.head(torch.cat([out[:, -1] if self.cells.batch_first else out[-1], last[-1]], -1))


class Steps(nn.Module):
    """A user's network with a loop of its own over a cell."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.cell, self.head = CELLS[name](D, H), nn.Linear(H, 3)

    def forward(self, x):
        state = None
        for step in x.unbind(1):
            state = self.cell(step, state)
        return self.head(state[0] if isinstance(state, tuple) else state)


def modules(factory, m: int = M) -> list[nn.Module]:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return [factory().double() for _ in range(m)]


def fleet_equals_twins(factory) -> None:
    """Outputs and gradient of each member are those of the same module alone, by torch's own layers."""
    assert ways_for(factory()) == ("functional", "each")
    x, y = drawn(M, B, T, D), torch.randint(3, (M, B), generator=torch.Generator().manual_seed(4))
    fleet = make("functional", modules(factory))
    logits = fleet.forward(x)
    fleet.backward(Classes(3).slope(logits, y))
    shared = fleet.predict(x[0], True)
    for j, twin in enumerate(modules(factory)):
        z = twin(x[j])
        Classes(3).loss(z, y[j]).sum().backward()
        torch.testing.assert_close(logits[j], z, rtol=0, atol=1e-12)
        torch.testing.assert_close(fleet.predict(x, False)[j], z, rtol=0, atol=1e-12)
        torch.testing.assert_close(shared[j], twin(x[0]), rtol=0, atol=1e-12)
        for name, p in twin.named_parameters():
            torch.testing.assert_close(fleet.gradients[name][j], p.grad, rtol=0, atol=1e-10)


@pytest.mark.parametrize("name", KINDS)
def test_a_member_is_the_module_alone(name):
    fleet_equals_twins(lambda: Reads(name))


@pytest.mark.parametrize("name", CELLS)
def test_a_member_with_cells_is_the_module_alone(name):
    fleet_equals_twins(lambda: Steps(name))


def swapped(monkeypatch):
    """Input and forget gate in each other's place."""
    forward = recurrence.Lstm.forward

    def other(self, a, old, new):
        h = a.shape[1] // 4
        a.copy_(torch.cat([a[:, h : 2 * h], a[:, :h], a[:, 2 * h :]], 1))
        forward(self, a, old, new)

    monkeypatch.setattr(recurrence.Lstm, "forward", other)


def mixed(monkeypatch):
    """Members that get each other's weights."""
    apply = recurrence.Scan.apply
    monkeypatch.setattr(recurrence.Scan, "apply", lambda cell, keep, w, *more: apply(cell, keep, w.roll(1, 0), *more))


def shallow(monkeypatch):
    """The second level reads, but nobody reads it."""
    scanned = recurrence._scanned

    def other(layer, name, x, start):
        out, last = scanned(layer, name, x, start)
        return (x if name == "_l1" else out), last

    monkeypatch.setattr(recurrence, "_scanned", other)


def unjoined(monkeypatch):
    """GRU's reset gate gets no derivative."""
    backward = recurrence.Gru.backward

    def other(self, a, old, new, g):
        da, beside = backward(self, a, old, new, g)
        da[:, : da.shape[1] // 4] = 0
        return da, beside

    monkeypatch.setattr(recurrence.Gru, "backward", other)


@pytest.mark.parametrize(
    "sabotage, name", [(swapped, "lstm"), (mixed, "plain"), (shallow, "lstm in two levels"), (unjoined, "gru")]
)
def test_what_is_broken_is_found(sabotage, name, monkeypatch):
    sabotage(monkeypatch)
    with pytest.raises(AssertionError, match="close"):
        fleet_equals_twins(lambda: Reads(name))


class Own(nn.LSTM):
    def forward(self, x, start=None):
        return super().forward(x.flip(1), start)


@pytest.mark.parametrize(
    "layer, reason",
    [
        (lambda: nn.GRU(D, H, bidirectional=True), "GRU reads both ways"),
        (lambda: nn.LSTM(D, H, proj_size=2), "LSTM projects its state"),
        (lambda: nn.RNN(D, H, 2, dropout=0.1), "RNN draws its own noise"),
        (lambda: Own(D, H), "Own has a forward pass of its own"),
    ],
)
def test_others_are_trained_one_after_another(layer, reason):
    assert ways_for(nn.ModuleList([layer()])) == ("each",)
    with pytest.raises(InputRefused, match=reason):
        make("functional", [layer(), layer()])


def recall_data(steps: slice = slice(None)):
    """The class is the first of 10 symbols, what follows noise from the same 4; `steps` of it are shown."""
    symbols = np.random.default_rng(0).integers(4, size=(400, 10))
    x, y = np.eye(4)[symbols][:, steps], symbols[:, 0]
    return Arrays.of(x[:240], y[:240], x[240:], y[240:], task="classes").draw(0)


@pytest.mark.parametrize("cell", ["lstm", "gru", "plain"])
def test_it_recalls_what_the_last_step_cannot_know(cell):
    def right(learner, data) -> float:
        training = Training((learner.epochs,), way="functional")
        run = learner.fit(data, balanced(len(data.train), 2, 0.9, seed=0), training)
        return float(run.views["test"].correct[-1].mean())

    learner = Recurrent(cell=cell, epochs=40, batch=16)
    assert right(learner, recall_data()) > 0.95
    # 160 new examples, four classes
    assert right(learner, recall_data(slice(-1, None))) < 0.25 + 4 * np.sqrt(0.25 * 0.75 / 160)


class Packed(nn.Module):
    """Sequences of a length each: members at once cannot read them."""

    def __init__(self) -> None:
        super().__init__()
        self.cells, self.head = nn.GRU(D, H, batch_first=True), nn.Linear(H, D)

    def forward(self, x):
        packed = nn.utils.rnn.pack_padded_sequence(x, torch.full((len(x),), x.shape[1]), batch_first=True)
        return self.head(self.cells(packed)[1][0])


class Undecided(nn.Module):
    """What it does depends on the numbers of a batch."""

    def __init__(self) -> None:
        super().__init__()
        self.cells, self.head = nn.LSTM(D, H, batch_first=True), nn.Linear(H, D)

    def forward(self, x):
        return self.head(self.cells(x)[0][:, -1]) * (2 if x.sum() > 1 else 1)


class Meddling(nn.Module):
    """What it gives depends on whether members are at once: a batch of theirs is wider."""

    def __init__(self) -> None:
        super().__init__()
        self.cells, self.head = nn.RNN(D, H, batch_first=True), nn.Linear(H, D)

    def forward(self, x):
        return self.head(self.cells(x)[0][:, -1]) + float(torch._C._functorch.is_batchedtensor(x))


@pytest.mark.parametrize(
    "factory, why", [(Packed, "packed sequences"), (Undecided, "data-dependent"), (Meddling, "other numbers at once")]
)
def test_a_module_that_cannot_be_batched_is_found_by_the_trial(factory, why, recwarn):
    learner, data = FromFactory.of(factory, epochs=1, batch=16), recall_data()
    chosen = choose(learner, data, members_at_once=8, seconds=0.05)
    assert (chosen.way, chosen.members) == ("each", 1)
    assert why in chosen.why_each
    assert not [one for one in recwarn if "batching rule" in str(one.message)]


def test_long_sequences_are_trained_by_fewer_at_once(monkeypatch):
    learner, data = Recurrent(hidden=8, batch=16), values()
    module = learner.build(data, torch.Generator())
    given = Reads("lstm")  # the same cells, by hand: 4 blocks, u and its derivative, c
    assert recurrence.held(module, T, 16) == 4 * 16 * T * (4 * 8 + 2 * (D + 2 * 8))
    assert recurrence.held(Reads("lstm in two levels"), T, 16) == 2 * recurrence.held(given, T, 16)
    assert recurrence.held(Reads("plain"), T, 16) == 4 * 16 * T * (H + 2 * (D + 2 * H))
    monkeypatch.setattr(trial, "KEPT", 3 * recurrence.held(module, T, 16))
    assert choose(learner, data, members_at_once=32, seconds=0.05).members in (1, 3)
    monkeypatch.setattr(trial, "KEPT", 1)
    assert choose(learner, data, members_at_once=32, seconds=0.05)[:2] == ("each", 1)


def test_a_module_that_can_is_batched_or_faster_alone():
    chosen = choose(FromFactory.of(lambda: Reads("gru"), epochs=1, batch=16), values(), members_at_once=8, seconds=0.2)
    assert (chosen.way, chosen.why_each) in {("functional", ""), ("each", "")}


def values():
    x = np.random.default_rng(0).normal(size=(60, T, D))
    return Arrays.of(x, np.arange(60) % 3, task="classes").draw(0)


def test_what_is_no_sequence_is_refused_by_name():
    for shape in ((6,), (6, 2, 2)):
        data = Arrays.of(np.random.default_rng(0).normal(size=(60, *shape)), np.arange(60) % 3, task="classes").draw(0)
        with pytest.raises(InputRefused, match=r"sequences \(t, d\) for recurrent"):
            Recurrent(epochs=1).fit(data, balanced(len(data.train), 2, 0.7, 0), Training((1,), way="functional"))


def test_a_lever_that_would_do_nothing_is_refused():
    data, members = values(), balanced(48, 2, 0.7, 0)
    with pytest.raises(InputRefused, match="activation layers for dropout"):
        Recurrent(epochs=1).fit(data, members, Training((1,), levers=[Dropout(share=0.5)], way="functional"))


def test_weights_come_from_the_generator_alone():
    state = torch.get_rng_state()
    data = values()
    a, b, c = (Recurrent(hidden=16).build(data, torch.Generator().manual_seed(seed)) for seed in (0, 1, 0))
    assert torch.equal(state, torch.get_rng_state())
    assert not torch.equal(a.cells.weight_hh_l0, b.cells.weight_hh_l0)
    assert all(torch.equal(p, q) for p, q in zip(a.parameters(), c.parameters(), strict=True))
    assert max(p.abs().max() for p in a.parameters()) <= 0.25  # 1 / sqrt(16)
    assert Recurrent(cell="gru", layers=2).title(data) == "GRU of 2 layers, 32 units"


LEARNERS = {
    "lstm": (lambda: Recurrent(hidden=8, epochs=2, batch=16), "functional"),
    "gru in two levels": (lambda: Recurrent(cell="gru", hidden=8, layers=2, epochs=2, batch=16), "functional"),
    "plain": (lambda: Recurrent(cell="plain", hidden=8, epochs=2, batch=16), "functional"),
    "from the identity": (lambda: Recurrent(cell="identity", hidden=8, epochs=2, batch=16), "functional"),
    "one after another": (lambda: Recurrent(hidden=8, epochs=2, batch=16), "each"),
    "a user's": (lambda: FromFactory.of(lambda: Reads("lstm"), epochs=2, batch=16), "functional"),
    "a user's, step by step": (lambda: FromFactory.of(lambda: Steps("gru"), epochs=2, batch=16), "functional"),
}


class TestOnSequences(LearnerSuite):
    """The eight promises."""

    @pytest.fixture(params=LEARNERS)
    def learner(self, request):
        make, self.way = LEARNERS[request.param]
        return make()

    @pytest.fixture
    def data(self):
        return values()

    def test_the_fleet_is_each(self, learner, data):
        members, training = self._members(data), Training((learner.epochs,), way="each")
        alone = learner.fit(data, members, training).views["test"].logits
        fleet = self._fit(learner, data, members).views["test"].logits
        np.testing.assert_allclose(fleet, alone, atol=self.rounding)


@pytest.mark.parametrize("kind", [Functional, Each])
def test_values_too(kind):
    data = Arrays.of(np.random.default_rng(0).normal(size=(60, T, D)), np.linspace(0, 1, 60) ** 2).draw(0)
    run = Recurrent(hidden=8, epochs=2).fit(
        data, balanced(len(data.train), 2, 0.7, 0), Training((2,), way="functional" if kind is Functional else "each")
    )
    assert run.views["test"].logits.shape == (2, len(data.views["test"]), 1)


def series_data() -> Data:
    """Each number is the one two steps before it: the next one is not known from the last alone."""
    first = np.random.default_rng(0).choice([-1.0, 1.0], size=(160, 1, 2))
    x = np.tile(first, (1, 5, 1)).reshape(160, 10, 1)
    y = np.concatenate([x[:, 1:], np.full((160, 1, 1), np.nan)], 1)
    y[:, 0] = np.nan  # the second number is anybody's guess
    everything = Examples(np.arange(160), x, y)
    train, test = everything.take(np.arange(120)), everything.take(np.arange(120, 160))
    return Data({"train": train, "test": test}, Series(1), Truth(), {})


@pytest.mark.parametrize("way", ["functional", "each"])
def test_a_series_is_read_at_every_step(way):
    data, learner = series_data(), Recurrent(cell="gru", hidden=8, epochs=20, batch=16)
    run = learner.fit(data, balanced(120, 2, 0.9, seed=0), Training((0, learner.epochs), way=way))
    test = run.views["test"]
    assert test.logits.shape == (2, 40, 10, 1)
    assert (test.loss_nats[0].mean(-1) > 0.5).all()  # untrained: about the variance of +-1
    assert (test.loss_nats[-1] < 0.1).all()
    # nothing looks ahead: another last step changes no output before it
    network = learner.build(data, torch.Generator().manual_seed(0))
    x = torch.as_tensor(data.train.x, dtype=torch.float32)
    other = torch.cat([x[:, :-1], x[:, -1:] + 1], 1)
    assert torch.equal(network(x)[:, :-1], network(other)[:, :-1])


class TestOnSeries(LearnerSuite):
    """The eight promises, of a number at every step."""

    way = "functional"

    @pytest.fixture
    def learner(self):
        return Recurrent(hidden=8, epochs=2, batch=16)

    @pytest.fixture
    def data(self):
        return series_data()


@pytest.mark.parametrize("learner", [Recurrent(cell="gru", hidden=4, epochs=1), Lagged()], ids=lambda one: one.name)
def test_views_of_another_length_are_read_to_their_end(learner):
    from byheart.tasks.autoregression import Autoregression
    from byheart.training.preprocessing import checked

    short = Autoregression(n=40, n_test=20, length=12).draw(0)
    data = Autoregression(n=40, n_test=20, length=12, length_test=48).draw(0)
    members = balanced(40, 2, 0.7, 0)
    way = "functional" if learner.fleet else "each"
    run, plain = (learner.fit(one, members, Training((learner.steps(),), way=way)) for one in (data, short))
    assert run.views["test"].logits.shape == (2, 20, 48, 1)
    assert (run.views["train"].loss_nats == plain.views["train"].loss_nats).all()
    # nothing looks ahead: what is said of the first steps does not depend on those that follow
    cut = replace(data, views={**data.views, "test": replace(data.views["test"], x=data.views["test"].x[:, :12],
                                                             y=data.views["test"].y[:, :12])})  # fmt: skip
    again = learner.fit(cut, members, Training((learner.steps(),), way=way))
    np.testing.assert_allclose(run.views["test"].logits[:, :, :12], again.views["test"].logits, atol=1e-6)
    wide = replace(
        data, views={**data.views, "test": replace(data.views["test"], x=data.views["test"].x.repeat(2, -1))}
    )
    for other, learns in ((wide, True), (data, False)):  # other numbers a step; a learner of one length
        with pytest.raises(InputRefused, match="in view test, as in training"):
            checked(other, members, reads=("series",), any_length=learns)


def test_from_the_identity_a_state_stays_but_for_what_is_read():
    network = Recurrent(cell="identity", hidden=6, layers=2).build(values(), torch.Generator().manual_seed(0))
    weights = dict(network.cells.named_parameters())
    for level in (0, 1):
        assert torch.equal(weights[f"weight_hh_l{level}"], torch.eye(6))
        assert not weights[f"bias_ih_l{level}"].any()
        assert not weights[f"bias_hh_l{level}"].any()
        assert 0 < weights[f"weight_ih_l{level}"].std() < 0.002
    start = torch.rand(2, 3, 6, generator=torch.Generator().manual_seed(1))
    _, end = network.cells(torch.zeros(3, 50, D), start)
    assert torch.allclose(end[0], start[0])
    rectified = Recurrent(cell="rectified", hidden=6).build(values(), torch.Generator().manual_seed(0)).cells
    assert rectified.nonlinearity == "relu"
    assert not torch.equal(rectified.weight_hh_l0, torch.eye(6))
    assert Recurrent(cell="identity").title(values()).startswith("rectified recurrent network from the identity")


def passages() -> Data:
    """Tokens of which each is the one two places before it."""
    first = np.random.default_rng(0).integers(0, 4, size=(150, 2))
    x = np.tile(first, (1, 4)).astype(np.uint8)
    y = x.astype(np.int64)
    y[:, :2] = -1
    everything = Examples(np.arange(150), x, y)
    train, test = everything.take(np.arange(110)), everything.take(np.arange(110, 150))
    return Data({"train": train, "test": test}, Tokens(4, tuple("abcd")), Truth(), {})


@pytest.mark.parametrize("cell", ["lstm", "identity"])
def test_tokens_are_given_from_those_before_them_alone(cell):
    data = passages()
    network = Recurrent(cell=cell, hidden=8).build(data, torch.Generator().manual_seed(0))
    x = torch.from_numpy(data.train.x[:5].astype(np.float32))
    other = x.clone()
    other[:, 3] = (x[:, 3] + 1) % 4
    one, two = network(x), network(other)
    assert one.shape == (5, 8, 4)
    assert torch.equal(one[:, :4], two[:, :4])
    assert not torch.isclose(one[:, 4], two[:, 4]).all()
    assert torch.equal(one[0, 0], one[4, 0])  # nothing is before the first
    hot = torch.nn.functional.one_hot(x[:, :-1].long(), 4).float()
    told = network.head(network.cells(torch.cat([torch.zeros(5, 1, 4), hot], 1))[0])
    assert torch.allclose(one, told)


def test_tokens_are_learned_in_fleets_as_alone():
    data, learner = passages(), Recurrent(hidden=12, epochs=15, batch=20, lr=0.06)
    members = balanced(110, 2, 0.9, seed=0)
    found = {
        way: learner.fit(data, members, Training((0, 15), way=way)).views["test"] for way in ("functional", "each")
    }
    assert np.allclose(found["functional"].loss_nats, found["each"].loss_nats, atol=2e-3)
    assert found["functional"].logits is None  # those of every token would fill the memory
    loss = found["functional"].loss_nats.mean(-1)
    assert (loss[0] > 6).all()  # six tokens of four: 6 ln 4 = 8.3
    assert (loss[-1] < 1).all()
    assert found["functional"].correct[-1].mean() > 0.9
