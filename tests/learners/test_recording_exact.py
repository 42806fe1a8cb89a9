"""A recording is exact or refused: effects against training again, and what differs from the live model by name."""

import copy
import importlib.util
import io
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from byheart.errors import InputRefused
from byheart.maths.attribution.credit import path_credit
from byheart.maths.attribution.effect import unrolled
from byheart.maths.attribution.kernels import continuous_error
from byheart.maths.recording.trace import Trace
from byheart.training.recording import record

STEPS, ODD = 8, 5  # no step from 5 on is one of 0, 1, 2, 4, at which the loop itself is stopped


@pytest.fixture(scope="module")
def loops():
    path = Path(__file__).parents[1] / "references" / "reweighted.py"
    spec = importlib.util.spec_from_file_location("references_reweighted", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def mlp(dropout=0.0, batchnorm=False):
    middle = nn.BatchNorm1d(6) if batchnorm else nn.Dropout(dropout)
    return nn.Sequential(nn.Linear(5, 6), nn.Tanh(), middle, nn.Linear(6, 3)).double()


def noisy():
    return mlp(0.3)


def head(model):
    return torch.optim.SGD(model[3].parameters(), lr=0.2)


def ask(loops, trace, x, what=unrolled):
    return what(trace, (x[:3], torch.zeros(3, dtype=torch.long)), target=loops.first_class)


def right(loops, make, x, y, tolerance=1e-6, **loop):
    """Whether credit adds up to what the live model says and effect is the difference of training again."""
    model, trace = loops.train(make, x, y, **loop)
    credit = ask(loops, trace, x, lambda *given, **named: path_credit(*given, gauss=4, **named))
    with torch.no_grad():
        says = loops.first_class(model.eval()(x[:3])).numpy()
    loop = {name: value for name, value in loop.items() if name not in ("every", "wrap")}
    assert np.abs(credit.output - says).max() < 1e-12
    assert credit.relative < 1e-2
    return loops.far(ask(loops, trace, x), loops.differences(make, x, y, x[:3], **loop)) < tolerance


# (a) the live model at the end


def thaw(t, model, optimizer):
    model[0].requires_grad_(t >= ODD)


def freeze(t, model, optimizer):
    if t == ODD:
        model[0].requires_grad_(False)


def load(t, model, optimizer):
    if t == STEPS:
        model.load_state_dict({name: 1.5 * value for name, value in model.state_dict().items()})


def second(t, model, optimizer):
    if t == STEPS:
        other = torch.optim.SGD(model[0].parameters(), lr=0.1)
        model(torch.ones(2, 5).double()).sum().backward()
        other.step()


def statistics(t, model, optimizer):
    model.train(t >= ODD)


def momenta(t, model, optimizer):
    if t == ODD:
        optimizer.load_state_dict(copy.deepcopy(optimizer.state_dict()))


LIVE = {
    "unfrozen": (mlp, thaw, torch.optim.SGD, r"step 6.*0\.weight, which the recorded optimiser did not move"),
    "frozen": (mlp, freeze, torch.optim.SGD, r"step 5.*none for 0\.weight, which was frozen"),
    "loaded": (mlp, load, torch.optim.SGD, "weights changed after the last step"),
    "a second optimiser": (mlp, second, None, r"0\.weight, which the recorded optimiser did not move"),
    "statistics": (lambda: mlp(batchnorm=True), statistics, torch.optim.SGD, "BatchNorm1d in training mode at 2"),
    "momenta": (mlp, momenta, torch.optim.AdamW, "step 5: the optimiser's momenta"),
}


@pytest.mark.filterwarnings("ignore:byheart")
@pytest.mark.parametrize("name", LIVE)
@pytest.mark.parametrize("what", [path_credit, unrolled])
def test_a_model_that_is_not_the_end_of_its_recording_is_named(loops, name, what):
    make, before, optimiser, message = LIVE[name]
    x, y = loops.examples()

    def made():
        model = make()
        if name == "unfrozen":
            model[0].requires_grad_(False)
        return model

    moved = head if optimiser is None else lambda model: optimiser(model.parameters(), lr=0.05)
    with pytest.raises(InputRefused, match=message):
        ask(loops, loops.train(made, x, y, before=before, optimiser=moved)[1], x, what)


def test_what_differs_at_the_end_is_said_at_once_and_kept(loops, tmp_path):
    x, y = loops.examples()
    with pytest.warns(UserWarning, match="cannot be read: weights changed after the last step"):
        _, trace = loops.train(mlp, x, y, before=load)
    trace.save(tmp_path)
    with pytest.raises(InputRefused, match="weights changed after the last step"):
        Trace.load(tmp_path, mlp(), (x, y), "cross-entropy")


# (b) every step on the way back


def evaluates(t, model, optimizer):
    model.train(t < ODD)


def more_dropout(t, model, optimizer):
    model[2].p = 0.3 if t < ODD else 0.6



class Penalty:
    """Weight decay of the loop's own that starts at step 5, by hooks on the gradients."""

    def __call__(self, t, model, optimizer):
        if t == ODD:
            for p in model.parameters():
                p.register_hook(lambda g, p=p: g + 0.2 * p.detach())


def mixed(t, given):
    return given if t < ODD else 0.7 * given + 0.3 * given.flip(0)


ODDITIES = {
    "dropout left in evaluation mode": (noisy, {"before": evaluates}),
    "another rate of dropout": (noisy, {"before": more_dropout}),
    "a penalty that starts later": (mlp, {"before": Penalty()}),
    "mixed inputs": (mlp, {"pass_": mixed}),
}


@pytest.mark.parametrize("name", ODDITIES)
@pytest.mark.parametrize("every", [1, 2])
def test_a_step_that_is_not_the_recorded_one_withholds_the_effect(loops, name, every):
    make, loop = ODDITIES[name]
    x, y = loops.examples()
    _, trace = loops.train(make, x, y, every=every, **loop)
    with pytest.raises(InputRefused, match=r"step 5: the recorded gradient.*off by"):
        ask(loops, trace, x)
    if every == 1:  # what it would have said
        trace.sketches = []
        assert loops.far(ask(loops, trace, x), loops.differences(make, x, y, x[:3], **loop)) > 0.05


def test_a_skipped_step_withholds_the_effect(loops):
    x, y = loops.examples()
    torch.manual_seed(0)
    model = mlp()
    optimizer = loops.sgd(model)
    with record(model, optimizer, "cross-entropy", (x, y)) as trace:
        for t in range(STEPS):
            for skipped in (True, False) if t == ODD else (False,):
                optimizer.zero_grad()
                ids = [t, (t + 1) % 8, (t + 3) % 8] if not skipped else [0, 1, 2]
                nn.functional.cross_entropy(model(x[ids]), y[ids]).backward()
                trace.batch(ids)
                if not skipped:
                    optimizer.step()
    with pytest.raises(InputRefused, match=r"step 5: the recorded gradient.*off by"):
        ask(loops, trace, x)


def test_rounding_where_gradients_cancel_is_no_other_step(loops):
    x, y = loops.examples()
    x = x.float()
    model = nn.Linear(5, 3)
    optimizer = torch.optim.LBFGS(model.parameters(), max_iter=200, tolerance_grad=0, tolerance_change=0)

    def loss():
        optimizer.zero_grad()
        value = nn.functional.cross_entropy(model(x[[*range(8), *range(8)]]), torch.cat([y, (y + 1) % 3]))
        value.backward()
        return value

    optimizer.step(loss)  # two labels for each x: the least loss has large example gradients that cancel
    both, labels = torch.cat([x, x]), torch.cat([y, (y + 1) % 3])
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-6)
    with record(model, optimizer, "cross-entropy", (both, labels), every=1) as trace:
        for t in range(STEPS):
            ids = torch.arange(16) if t else torch.arange(3)
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(both[ids.flip(0)]), labels[ids.flip(0)]).backward()
            trace.batch(ids)  # in another order, which rounds otherwise
            optimizer.step()
    assert np.isfinite(ask(loops, trace, both)).all()


# (c) noise on tensors that are not contiguous


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.e, self.o = nn.Embedding(8, 4), nn.Linear(4, 3)
        self.t = nn.TransformerEncoderLayer(4, 2, 8, dropout=0.3, batch_first=True, activation="gelu")
        self.double()

    def forward(self, x):
        return self.o(self.t(self.e(x)).mean(1))


class Transposed(nn.Module):
    def __init__(self):
        super().__init__()
        self.c, self.d, self.o = nn.Conv1d(1, 3, 2), nn.Dropout(0.3), nn.Linear(3, 3)
        self.double()

    def forward(self, x):
        return self.o(self.d(self.c(x[:, None]).tanh().transpose(1, 2)).mean(1))


@pytest.mark.parametrize("make", [Encoder, Transposed])
def test_noise_is_that_of_training_whatever_its_layout(loops, make):
    x, y = loops.examples()
    assert right(loops, make, loops.words() if make is Encoder else x, y)


# (d) labels that do not count


def tokens():
    return nn.Sequential(nn.Linear(5, 6), nn.Tanh(), nn.Linear(6, 12), nn.Unflatten(1, (3, 4))).double()


def test_labels_of_minus_100_count_in_no_mean(loops):
    x, y = loops.examples()
    flat = y.where(torch.arange(8) % 3 > 0, -100)
    each = torch.randint(0, 3, (8, 4), generator=torch.Generator().manual_seed(4))
    each[torch.rand(8, 4, generator=torch.Generator().manual_seed(5)) < 0.4] = -100
    assert right(loops, mlp, x, flat)
    assert right(loops, noisy, x, flat)
    assert right(loops, tokens, x, each)
    _, trace = loops.train(mlp, x, flat)
    step = next(trace.steps())
    leaf = step.before.clone().requires_grad_()
    part = step.parts[0]
    losses = trace.losses(leaf, part)
    assert torch.allclose(losses @ trace.coefficients(part), trace.batch_loss(leaf, part))
    assert (losses[flat[step.ids] == -100] == 0).all()
    kernel = path_credit(trace, (x[:2], y[:2]), kernel=True)
    assert np.allclose(kernel.examples, path_credit(trace, (x[:2], y[:2])).examples)
    assert np.isfinite(continuous_error(trace, (x[:2], y[:2])))
    with pytest.raises(InputRefused, match="labels of the queries from 0 to 2"):
        path_credit(trace, (x, flat))
    with pytest.raises(InputRefused, match="one label a query"):
        path_credit(loops.train(tokens, x, each)[1], (x, each))


# (e), (f) loops that are right work, others are refused for what they are


class Checkpointed(nn.Module):
    def __init__(self, reentrant):
        super().__init__()
        self.a, self.b, self.reentrant = nn.Sequential(nn.Linear(5, 6), nn.Tanh(), nn.Dropout(0.3)), nn.Linear(6, 3), reentrant
        self.double()

    def forward(self, x):
        return self.b(checkpoint(self.a, x.clone().requires_grad_(), use_reentrant=self.reentrant))


class Words(nn.Module):
    def __init__(self, layer=nn.Embedding, tied=False, **options):
        super().__init__()
        self.e, self.o = layer(8, 4, **options), nn.Linear(4, 8)
        self.bag = layer is nn.EmbeddingBag
        if tied:
            self.o.weight = self.e.weight
        self.double()

    def forward(self, x):
        return self.o(self.e(x).tanh() if self.bag else self.e(x).tanh().mean(1))


def normed(norm, called=False):
    def make():
        model = mlp()
        norm(model[0])
        if called:
            model(torch.ones(1, 5).double())
        return model

    return make


def recurrent(kind):
    """Five numbers as a sequence of single ones, read by two levels of cells."""

    class Reads(nn.Module):
        def __init__(self):
            super().__init__()
            self.cells, self.head = kind(1, 3, 2, batch_first=True), nn.Linear(3, 3)

        def forward(self, x):
            return self.head(self.cells(x[..., None])[0][:, -1])

    return lambda: Reads().double()


def evaluated(t, model, optimizer):
    model.eval()


def with_momentum(model):
    return torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.8)


RIGHT = {
    "in evaluation mode": (noisy, {"before": evaluated}),
    "gradient checkpointing": (lambda: Checkpointed(False), {}),
    "reentrant checkpointing, replayed": (lambda: Checkpointed(True), {"every": 3}),
    "sparse embeddings": (lambda: Words(sparse=True), {}),
    "sparse embeddings and momentum, replayed": (lambda: Words(sparse=True), {"optimiser": with_momentum, "every": 3}),
    "padding": (lambda: Words(padding_idx=1), {}),
    "weight norm": (normed(nn.utils.parametrizations.weight_norm), {}),
    "weight norm of old, called before": (normed(nn.utils.weight_norm, called=True), {"every": 3}),
    "lstm, replayed": (recurrent(nn.LSTM), {"every": 3}),
    "gru and momentum": (recurrent(nn.GRU), {"optimiser": with_momentum}),
    "plain recurrent": (recurrent(nn.RNN), {}),
    "compiled": (noisy, {"wrap": lambda model: torch.compile(model, backend="aot_eager")}),
}


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
@pytest.mark.parametrize("name", RIGHT)
def test_loops_that_are_right_are_measured(loops, name):
    make, loop = RIGHT[name]
    x, y = loops.examples()
    assert right(loops, make, loops.words() if "embed" in name or "padd" in name else x, y, **loop)


def adds_a_group(t, model, optimizer):
    if t == ODD:
        optimizer.add_param_group({"params": model[0].parameters()})


def halved():
    return torch.autocast("cpu", torch.bfloat16)


REFUSED = {
    "spectral norm": (normed(nn.utils.parametrizations.spectral_norm), {}, r"_u, what _SpectralNorm remembers"),
    "autocast": (mlp, {"around": halved}, "autocast to torch.bfloat16"),
    "a group added": (mlp, {"optimiser": head, "before": adds_a_group}, "2 groups .* for 1 .*add_param_group"),
    "tied padding": (lambda: Words(tied=True, padding_idx=1), {}, r"e with padding_idx and a weight that is o\.weight too"),
    "scaled embeddings": (lambda: Words(scale_grad_by_freq=True), {}, "scale_grad_by_freq"),
    "embeddings that shrink": (lambda: Words(max_norm=0.1), {}, "max_norm"),
    "bags": (lambda: Words(nn.EmbeddingBag), {}, "second derivatives, got .*_embedding_bag"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_others_are_refused_for_what_they_are(loops, name):
    make, loop, message = REFUSED[name]
    x, y = loops.examples()
    x = x if "padd" not in name and "bed" not in name and "bags" not in name else loops.words()
    with pytest.raises(InputRefused, match=message):
        ask(loops, loops.train(make, x, y, **loop)[1], x)


def test_bags_have_credit(loops):
    _, trace = loops.train(lambda: Words(nn.EmbeddingBag, sparse=True), loops.words(), loops.examples()[1])
    assert ask(loops, trace, loops.words(), path_credit).relative < 1e-2


# (g) the loop is not disturbed


def test_a_model_is_saved_and_copied_while_it_is_recorded(loops):
    x, y = loops.examples()
    sizes, twins = [], []

    def keep(t, model, optimizer):
        file = io.BytesIO()
        torch.save(model, file)
        assert b"byheart.learners" not in pickle.dumps(model)
        sizes.append(file.tell())
        file.seek(0)
        twins[:] = [copy.deepcopy(model), torch.load(file, weights_only=False), copy.deepcopy(optimizer)]
        for twin in twins[:2]:
            nn.functional.cross_entropy(twin(x), y).backward()  # is heard by nobody

    model, trace = loops.train(mlp, x, y, before=keep)
    assert loops.far(ask(loops, trace, x), loops.differences(mlp, x, y, x[:3])) < 1e-6
    twin = copy.deepcopy(model)
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in twin.modules())
    file = io.BytesIO()
    torch.save(model, file)
    assert max(sizes) < file.tell() + 1_500
    assert all(torch.equal(p, q) for p, q in zip(model.parameters(), twin.parameters(), strict=True))


def test_what_cannot_be_recorded_is_said_at_the_start(loops):
    x, y = loops.examples()
    frozen = mlp().requires_grad_(False)
    for model, loss, message in (
        (torch.jit.trace(mlp(), x), "cross-entropy", "which takes no hooks"),
        (frozen, "cross-entropy", "optimiser of weights of the model that are trained"),
    ):
        with pytest.raises(InputRefused, match=message), record(model, loops.sgd(model), loss, (x, y)):
            pass
    model = mlp()
    optimizer = loops.sgd(model)
    with record(model, optimizer, lambda z, labels: z.logits.sum(1), (x, y)) as trace:
        nn.functional.cross_entropy(model(x), y).backward()
        trace.batch(range(8))
        with pytest.raises(InputRefused, match="can be called on the examples of a batch, as recorded, got AttributeError"):
            optimizer.step()


class Caching(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.o = nn.Linear(5, 6), nn.Linear(6, 3)
        self.double()

    def forward(self, x):
        if not hasattr(self, "wave"):
            self.register_buffer("wave", torch.arange(6).double().sin(), persistent=False)
        return self.o((self.a(x) + self.wave).tanh())


class Counting(Caching):
    def __init__(self):
        super().__init__()
        self.register_buffer("passes", torch.zeros(()))

    def forward(self, x):
        self.passes += self.training
        return super().forward(x)


def test_what_a_module_keeps_for_itself_may_not_change(loops):
    x, y = loops.examples()
    with pytest.raises(InputRefused, match=r"step 0.*wave, which is new"):
        loops.train(Caching, x, y)

    def called():
        model = Caching()
        model(x)
        return model

    assert right(loops, called, x, y)
    with pytest.raises(InputRefused, match=r"step 0.*passes, what Counting remembers"):
        loops.train(Counting, x, y)

    def grows(t, model, optimizer):
        if t == ODD:
            model.register_parameter("extra", nn.Parameter(torch.ones(1)))

    with pytest.raises(InputRefused, match=r"step 5.*extra, which is new"):
        loops.train(mlp, x, y, before=grows)
