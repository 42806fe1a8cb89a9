import importlib.util
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from byheart.errors import InputRefused, UsageError
from byheart.learners.mlp import Mlp
from byheart.learners.torch_module import FromFactory
from byheart.levers.penalties import Dropout, LabelSmoothing, WeightDecay
from byheart.levers.schedules import EarlyStop
from byheart.maths.attribution.credit import path_credit
from byheart.maths.recording.checkpoint_interval import trace_bytes
from byheart.maths.recording.trace import Trace
from byheart.tasks.data import Data, Examples, Truth
from byheart.tasks.output import KINDS
from byheart.training.keep import Weights
from byheart.training.members import balanced
from byheart.training.module_inputs import called_on
from byheart.training.recording import record, recorded
from byheart.training.training import Training


@pytest.fixture(scope="module")
def runs():
    path = Path(__file__).parents[1] / "references" / "recordings.py"
    spec = importlib.util.spec_from_file_location("references_recordings_too", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def start(runs, model=None, lr=0.1, **more):
    x, y = runs.data()
    model = model or runs.mlp()
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    return x, y, model, optimizer, record(model, optimizer, "cross-entropy", (x, y), **more)


def back(model, x, y, ids):
    F.cross_entropy(model(x[ids]), y[ids]).backward()


def test_what_is_recorded_of_a_loop(runs):
    x, y = runs.data()
    model = runs.mlp()
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    trace = runs.train(model, x, y, "sgd", steps=3, batch=4, clip=0.1)
    assert torch.equal(trace.weights(0), trace.layout.flat(before))
    assert torch.equal(trace.weights(3), trace.layout.flat(dict(model.named_parameters())))
    assert trace.rates == [(0.3 * 0.95**t, 0.15 * 0.95**t) for t in range(3)] or np.allclose(
        trace.rates, [(0.3 * 0.95**t, 0.15 * 0.95**t) for t in range(3)], rtol=1e-12
    )
    norm = trace.outputs(trace.weights(0), x[:1])  # the factor is torch's own, with its 1e-6
    leaf = trace.weights(0).clone().requires_grad_()
    norm = torch.autograd.grad(trace.batch_loss(leaf, trace.parts[0][0]), leaf)[0].norm()
    assert trace.clips[0][0] == pytest.approx(float(0.1 / (norm + 1e-6)), rel=1e-14)
    assert trace.x is x


@pytest.mark.usefixtures("untouched")
def test_recording_changes_no_bit_of_training(runs):
    x, y = runs.data()
    with torch.random.fork_rng():
        torch.manual_seed(3)
        plain = runs.mlp(dropout=0.5)
        optimizer = torch.optim.SGD(plain.parameters(), lr=0.1)
        for _ in range(3):
            optimizer.zero_grad()
            back(plain, x, y, [0, 1, 2])
            optimizer.step()
        torch.manual_seed(3)
        model = runs.mlp(dropout=0.5)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        with record(model, optimizer, "cross-entropy", (x, y)) as trace:
            for _ in range(3):
                optimizer.zero_grad()
                back(model, x, y, [0, 1, 2])
                trace.batch([0, 1, 2])  # after the forward pass is as good as before
                optimizer.step()
    assert all(torch.equal(p, q) for p, q in zip(plain.parameters(), model.parameters(), strict=True))
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in model.modules())
    assert path_credit(trace, (x, y), gauss=4, tolerance=None).relative < 1e-6


def test_the_overhead_is_a_few_passes(runs):
    x, y = runs.data()
    model, calls = runs.mlp(), []
    trace_class = runs.train(model, x, y, steps=1).__class__
    before = trace_class.batch_loss
    trace_class.batch_loss = lambda self, *given: calls.append(1) or before(self, *given)
    try:
        runs.train(model, x, y, steps=40)
    finally:
        del trace_class.batch_loss
    assert len(calls) == 7  # steps 0, 1, 2, 4, 8, 16, 32


def test_a_loader_says_its_own_positions(runs):
    x, y, model, optimizer, context = start(runs)
    loader = DataLoader(TensorDataset(x, y), batch_size=8, shuffle=True, generator=torch.Generator().manual_seed(0))
    plain = [batch[1].tolist() for batch in loader]
    loader.generator.manual_seed(0)
    with context as trace:
        seen = []
        for inputs, targets in trace.loader(loader):
            optimizer.zero_grad()
            F.cross_entropy(model(inputs), targets).backward()
            optimizer.step()
            seen.append(targets.tolist())
    assert seen == plain
    assert [y[parts[0].ids].tolist() for parts in trace.parts] == plain
    for wrong, message in ((DataLoader(TensorDataset(x[:3])), "over the 20 examples"), ([x], "a torch DataLoader")):
        with start(runs)[-1] as other, pytest.raises(InputRefused, match=message):
            next(other.loader(wrong))


def test_a_step_without_a_batch_is_named(runs):
    x, y, model, optimizer, context = start(runs)
    with context as trace:
        back(model, x, y, [0])
        with pytest.raises(UsageError, match=r"trace\.batch\(indices\) before step 0"):
            optimizer.step()
    assert len(trace) == 0


@pytest.mark.parametrize(("ids", "message"), [([20], "indices from 0 to 19.*got 20"), ([-1], "got -1"), ([0.5], "whole numbers"), ([], "0 of")])
def test_indices_that_are_none_are_named(ids, message, runs):
    with start(runs)[-1] as trace, pytest.raises(InputRefused, match=message):
        trace.batch(ids)


def test_a_loss_or_indices_that_do_not_give_the_gradient_are_named(runs):
    for ids, scale, message in (([4, 5], 1, "off by .* however"), ([0, 1], 2, "got 2 times that of the mean loss.*share=2")):
        x, y, model, optimizer, context = start(runs)
        with context as trace:
            (scale * F.cross_entropy(model(x[:2]), y[:2])).backward()
            trace.batch(ids)
            with pytest.raises(InputRefused, match=message):
                optimizer.step()


def test_clipping_that_is_told_is_checked_and_other_changes_are_refused(runs):
    for change, told, message in (
        (lambda p: p.grad.mul_(0.5), 0.4, "multiplied by 0.5"),
        (lambda p: p.grad.clamp_(-0.01, 0.01), None, "only scaled between"),
    ):
        x, y, model, optimizer, context = start(runs)
        with context as trace:
            back(model, x, y, [0, 1])
            trace.batch([0, 1])
            for p in model.parameters():
                change(p)
            if told:
                trace.clipped(told)
            with pytest.raises(InputRefused, match=message):
                optimizer.step()


def test_gradients_that_are_not_finite_are_named(runs):
    x, y, model, optimizer, context = start(runs)
    x[2] = torch.inf
    with context as trace:
        back(model, x, y, [1, 2, 3])
        trace.batch([1, 2, 3])
        with pytest.raises(InputRefused, match=r"step 0: finite gradients.*after backward\(\) in 4.bias, from example 2 first"):
            optimizer.step()


def test_batch_statistics_are_refused_unless_frozen(runs):
    model = nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4), nn.Linear(4, 3)).double()
    x, y, _, _, context = start(runs, model)
    with context, pytest.raises(InputRefused, match=r"BatchNorm1d in training mode at 1: .* depends on the whole batch"):
        model(x)
    model[1].eval()
    x, y, _, optimizer, context = start(runs, model)
    with context as trace:
        for ids in ([0, 1], [2, 3]):
            optimizer.zero_grad()
            back(model, x, y, ids)
            trace.batch(ids)
            optimizer.step()
    assert path_credit(trace, (x, y), gauss=4).relative < 1e-12


def changed_weights(model, optimizer):
    with torch.no_grad():
        model[0].weight.mul_(1.1)


def changed_momentum(model, optimizer):
    optimizer.param_groups[0]["momentum"] = 0.5


def lost_gradient(model, optimizer):
    model[0].bias.grad = None


@pytest.mark.parametrize(
    ("change", "message"),
    [(changed_weights, "weights changed in between"), (changed_momentum, "momentum as at the first step"), (lost_gradient, "none for 0.bias")],
)
def test_what_breaks_the_record_between_steps_is_named(change, message, runs):
    x, y, model, optimizer, context = start(runs)
    with context as trace:
        for t in range(2):
            optimizer.zero_grad()
            back(model, x, y, [0, 1])
            trace.batch([0, 1])
            if t:
                change(model, optimizer)
                with pytest.raises(InputRefused, match=message):
                    optimizer.step()
            else:
                optimizer.step()


def test_optimisers_that_are_no_sums_are_refused(runs):
    model = runs.mlp()
    x, y = runs.data()
    for optimizer, message in (
        (torch.optim.RMSprop(model.parameters()), "SGD, Adam or AdamW, got RMSprop"),
        (torch.optim.Adam(model.parameters(), amsgrad=True), "without amsgrad"),
        (torch.optim.SGD([nn.Parameter(torch.zeros(2))], lr=0.1), "a parameter"),
    ):
        with pytest.raises(InputRefused, match=message), record(model, optimizer, "cross-entropy", (x, y)):
            pass


def test_a_trace_that_grows_is_thinned_and_stays_under_its_limit(runs):
    x, y = runs.data(n=30)
    for optimiser in ("sgd", "adam"):
        limit = 40_000
        whole = runs.train(runs.mlp(), x, y, optimiser, steps=80, every=1)
        thin = runs.train(runs.mlp(), x, y, optimiser, steps=80, every=None, limit_bytes=limit)
        assert thin.every > 1
        assert whole.nbytes > limit
        assert trace_bytes(thin.layout.size, 80, thin.every, thin.recipe, item=8) <= limit * 1.1
        assert all(torch.equal(a.before, b.before) for a, b in zip(whole.steps(), thin.steps(), strict=True))


def test_a_limit_that_nothing_fits_ends_the_record_not_the_training(runs):
    x, y = runs.data()
    model = runs.mlp()
    with pytest.warns(UserWarning, match="would be needed"):
        trace = runs.train(model, x, y, "adam", steps=60, every=None, limit_bytes=9_000)
    assert 0 < len(trace) < 60
    assert not torch.equal(trace.weights(len(trace)), trace.layout.flat(dict(model.named_parameters())))


def classes(n=60, kind="classes"):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(n, 6)).astype(np.float32), rng.integers(0, 3, n)
    if kind == "values":
        y = 10 + 3 * x[:, 0].astype(np.float64)
    output = KINDS[kind](3 if kind == "classes" else 1, tuple("abc") if kind == "classes" else ())
    views = {"train": Examples(np.arange(n), x, y), "test": Examples(np.arange(9), x[:9] + 1, y[:9])}
    return Data(views, output, Truth(), {"title": "t"})


LEVERS = [
    ("sgd", (WeightDecay(strength=0.1), LabelSmoothing(share=0.1))),
    ("momentum", (Dropout(share=0.3), EarlyStop(epoch=2))),
    ("adam", ()),
    ("sgd", (WeightDecay(strength=2.0),)),
    ("adamw", (WeightDecay(strength=0.1), Dropout(share=0.2))),
]


@pytest.mark.parametrize(("optimizer", "levers"), LEVERS)
@pytest.mark.parametrize("kind", ["classes", "values"])
def test_our_own_loop_recorded_is_the_fleet_of_one(optimizer, levers, kind, tmp_path):
    levers = tuple(lever for lever in levers if kind == "classes" or not isinstance(lever, LabelSmoothing))
    data = classes(kind=kind)
    learner = Mlp(hidden=(12,), activation="tanh", epochs=4, batch=16, lr=0.01, optimizer=optimizer)
    one = balanced(60, 1, 0.7, 0)
    record_ = Training((2, 4), keep=(Weights(),))
    plain = learner.fit(data, one, replace(record_, levers=levers))
    run, whole = recorded(learner, data, one, 1, levers, record_)
    _, thin = recorded(learner, data, one, 5, levers)
    assert plain.checkpoints == run.checkpoints
    assert all((plain.kept["weights"][name] == run.kept["weights"][name]).all() for name in plain.kept["weights"])
    assert (plain.views["test"].loss_nats == run.views["test"].loss_nats).all()
    assert all(torch.equal(a.after, b.after) for a, b in zip(whole.steps(), thin.steps(), strict=True))
    assert thin.drift == 0
    if not any(isinstance(lever, Dropout | LabelSmoothing) for lever in levers):  # those draw, or have a loss of their own
        thin.save(tmp_path)  # read again, its steps are made by torch's optimiser, which rounds otherwise
        again = Trace.load(tmp_path, thin.module, (thin.x, thin.y), thin.loss)
        for a, b in zip(whole.steps(), again.steps(), strict=True):
            assert torch.allclose(a.after, b.after, atol=1e-5)
    x = called_on(learner, data, np.flatnonzero(one.mask[0]))["test"]
    credit = path_credit(thin, (x, data.views["test"].y), gauss=4, tolerance=None)
    assert credit.relative < 1e-5
    assert (credit.examples[:, ~one.mask[0]] == 0).all()
    if kind == "classes":
        assert np.allclose(credit.output, run.views["test"].margin[-1, 0], atol=1e-5)


def test_a_users_module_that_draws_noise_is_recorded_too():
    def make():
        return nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Dropout(0.3), nn.Linear(8, 3))

    data, one = classes(), balanced(60, 1, 1.0, 0)
    learner = FromFactory.of(make, epochs=2, batch=16)
    plain = learner.fit(data, one, Training((2,), keep=(Weights(),)))
    run, trace = recorded(learner, data, one, every=3)
    assert np.array_equal(plain.views["test"].logits, run.views["test"].logits)
    assert trace.parts[0][0].state is not None
    assert path_credit(trace, (data.views["test"].x, data.views["test"].y), gauss=4, tolerance=None).relative < 1e-5
    assert trace.drift == 0
    with pytest.raises(UsageError, match="noise from one stream"):
        recorded(learner_with_lever(make), data, one, levers=(Dropout(share=0.1),))
    with pytest.raises(UsageError, match="one member"):
        recorded(learner, data, balanced(60, 2, 1.0, 0))
    with pytest.raises(InputRefused, match="depends on the whole batch"):
        recorded(FromFactory.of(lambda: nn.Sequential(nn.BatchNorm1d(6), nn.Linear(6, 3)), epochs=1), data, one)


def learner_with_lever(make):
    return FromFactory.of(make, epochs=1, batch=16)
