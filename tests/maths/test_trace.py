import json

import numpy as np
import pytest
import torch
from torch import nn

from byheart.errors import InputRefused
from byheart.maths.recording.checkpoint_interval import every_under, trace_bytes
from byheart.maths.recording.flat_parameters import Layout
from byheart.maths.recording.losses import loss_digest, per_example, resolved
from byheart.maths.recording.module_copy import at_weights, places
from byheart.maths.recording.trace import Trace


@pytest.fixture(scope="session")
def runs(reference):
    return reference("recordings")


def same_steps(a, b):
    return all(
        torch.equal(p.before, q.before)
        and torch.equal(p.after, q.after)
        and (p.second is None or torch.equal(p.second, q.second))
        for p, q in zip(a, b, strict=True)
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("optimiser", ["sgd", "momentum", "dampened", "nesterov", "adam", "adamw"])
def test_replayed_steps_are_the_recorded_ones_bit_for_bit(optimiser, dtype, runs):
    x, y = runs.data(dtype=dtype)
    whole, thin = (
        runs.train(runs.mlp(dropout=0.4, dtype=dtype), x, y, optimiser, steps=11, clip=0.3, passes=2, every=every) for every in (1, 4)
    )
    assert sorted(thin.kept) == [0, 4, 8, 11]
    assert same_steps(whole.steps(), thin.steps())
    assert same_steps(list(whole.backwards()), list(thin.backwards()))
    assert same_steps(whole.steps(3, 6), thin.steps(3, 6))
    assert thin.drift == 0
    assert all(torch.equal(whole.weights(t), thin.weights(t)) for t in range(12))


def test_replay_that_ends_elsewhere_is_refused_or_said(runs):
    x, y = runs.data()
    trace = runs.train(runs.mlp(), x, y, steps=4, every=2)
    trace.kept[2]["weights"] = trace.kept[2]["weights"] + 1e-12
    list(trace.steps(0, 2))
    assert 0 < trace.drift < 1e-8
    trace.clips[1] = (0.5, 0.5)
    with pytest.raises(InputRefused, match="steps 0 to 2 to end at the recorded weights"):
        list(trace.steps(0, 2))


def test_losses_and_batch_gradient_are_those_of_training(runs):
    x, y = runs.data()
    trace = runs.train(runs.mlp(dropout=0.4), x, y, "sgd", steps=2)
    step = next(trace.steps())
    leaf = step.before.clone().requires_grad_()
    losses = trace.losses(leaf, step.parts[0])
    assert torch.allclose(losses.mean(), trace.batch_loss(leaf, step.parts[0]))
    gradient = torch.autograd.grad(losses @ trace.coefficients(step.parts[0]), leaf)[0]
    decay = trace.spread([group.decay for group in trace.recipe.groups])
    moved = step.before - trace.spread(step.rates) * (trace.spread(step.clips) * gradient + decay * step.before)
    assert torch.allclose(moved, step.after, atol=1e-14)


def test_saved_and_loaded_is_the_same(runs, tmp_path):
    x, y = runs.data()
    trace = runs.train(runs.mlp(dropout=0.2), x, y, "adamw", steps=7, every=3, clip=0.2, passes=2)
    trace.save(tmp_path)
    again = Trace.load(tmp_path, runs.mlp(dropout=0.2), (x, y), "cross-entropy")
    assert same_steps(trace.steps(), again.steps())
    assert (len(again), again.every, again.rates, again.clips, again.modes) == (7, 3, trace.rates, trace.clips, trace.modes)
    assert not [path for path in tmp_path.iterdir() if path.suffix not in (".json", ".safetensors")]


def test_another_model_other_data_another_loss_are_named(runs, tmp_path):
    x, y = runs.data()
    trace = runs.train(runs.mlp(), x, y)
    trace.save(tmp_path)
    with pytest.raises(InputRefused, match="the model that this trace was recorded with"):
        Trace.load(tmp_path, runs.mlp(nn.ReLU), (x, y), "cross-entropy")
    with pytest.raises(InputRefused, match=r"the examples \(x, y\) that this trace was recorded with"):
        Trace.load(tmp_path, runs.mlp(), (x, y.roll(1)), "cross-entropy")
    with pytest.raises(InputRefused, match="the per-example loss that this trace was recorded with"):
        Trace.load(tmp_path, runs.mlp(), (x, y), "squared-error")
    with pytest.raises(InputRefused, match=r"the model that this trace was recorded with, which has a weight 0\.bias"):
        Trace.load(tmp_path, nn.Linear(5, 3), (x, y), "cross-entropy")
    x[0] += 1
    with pytest.raises(InputRefused, match="the examples"):
        trace.verify()


def test_a_damaged_or_missing_trace_is_said(runs, tmp_path):
    x, y = runs.data()
    runs.train(runs.mlp(), x, y).save(tmp_path / "t")
    with pytest.raises(InputRefused, match="of a trace in"):
        Trace.load(tmp_path / "nowhere", runs.mlp(), (x, y), "cross-entropy")
    path = tmp_path / "t" / "trace.safetensors"
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(InputRefused, match="of a trace in"):
        Trace.load(tmp_path / "t", runs.mlp(), (x, y), "cross-entropy")
    json.loads((tmp_path / "t" / "trace.json").read_text())


@pytest.mark.parametrize("optimiser", ["sgd", "momentum", "adam"])
@pytest.mark.parametrize("every", [1, 4])
def test_the_estimate_is_what_a_trace_takes(optimiser, every, runs):
    x, y = runs.data()
    trace = runs.train(runs.mlp(), x, y, optimiser, steps=12, every=every)
    p, recipe = trace.layout.size, trace.recipe
    segment = 0 if every == 1 else (every + 1) * (1 + recipe.adaptive) * p * 8
    held = sum(v.numel() * 8 for entry in trace.kept.values() for v in entry.values())
    estimate = trace_bytes(p, 12, every, recipe, item=8) - segment
    states = 0 if every == 1 else len(recipe.states)
    assert held <= estimate <= held + p * 8 * (1 + states)  # the last entry needs no momenta


def test_spacing_keeps_a_trace_under_the_limit(runs):
    x, y = runs.data()
    recipe = runs.train(runs.mlp(), x, y, "adam", steps=1).recipe
    every = every_under(101_770, 1100, recipe, 200_000_000)
    assert trace_bytes(101_770, 1100, every, recipe) <= 200_000_000 < trace_bytes(101_770, 1100, every - 1, recipe)
    assert every_under(100, 10, recipe) == 1
    for steps in (1000, 1, 0):
        with pytest.raises(InputRefused, match="even at the best spacing"):
            every_under(10**8, steps, recipe, 10**6)


def test_a_weight_without_axes_lies_in_the_vector_as_one_number():
    layout = Layout(("scale", "w"), ((), (2, 3)))
    named = layout.named(torch.arange(14.0).view(2, 7))
    assert layout.size == 7
    assert named["scale"].tolist() == [0, 7]
    assert named["w"][1].tolist() == [[8, 9, 10], [11, 12, 13]]


def test_a_trace_without_sketches_has_none_when_read_again(runs, tmp_path):
    x, y = runs.data()
    trace = runs.train(runs.mlp(), x, y, "sgd", steps=3)
    trace.sketches = []
    trace.save(tmp_path)
    assert Trace.load(tmp_path, runs.mlp(), (x, y), "cross-entropy").sketches == []


def test_losses_by_name_are_torchs_own(rng):
    z, y = torch.from_numpy(rng.normal(size=(4, 3))), torch.tensor([0, 2, 1, 1])
    assert torch.allclose(per_example("cross-entropy", z, y).mean(), nn.CrossEntropyLoss()(z, y))
    target = torch.from_numpy(rng.normal(size=(4, 3)))
    assert torch.allclose(per_example("squared-error", z, target).mean(), nn.MSELoss()(z, target))
    assert torch.allclose(per_example("half-squared-error", z[:, :1], target[:, 0]), 0.5 * (z[:, 0] - target[:, 0]) ** 2)
    assert (resolved(nn.CrossEntropyLoss()), resolved(torch.nn.functional.mse_loss)) == ("cross-entropy", "squared-error")
    for wrong in ("cross entropy", 3, nn.L1Loss()):
        with pytest.raises((InputRefused, Exception), match="loss"):
            resolved(wrong)
    with pytest.raises(InputRefused, match=r"one loss an example, shape \(4,\)"):
        per_example(lambda z, y: z.sum(), z, y)


def test_losses_are_told_apart_by_their_code():
    def scaled(c):
        return lambda z, y: c * (z - y).abs().sum(-1)

    assert loss_digest(scaled(1.0)) == loss_digest(scaled(1.0)) != loss_digest(scaled(2.0))
    assert loss_digest(lambda z, y: z.sum(-1)) != loss_digest(lambda z, y: z.mean(-1))


def test_numeric_mathematics_stays_free_of_torch():
    import subprocess
    import sys

    code = "import sys, byheart.maths.memorisation.counterfactual, byheart.maths.codes.bank; assert 'torch' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_an_interrupted_trace_can_be_used_up_to_there(runs):
    x, y = runs.data()
    model = runs.mlp()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    from byheart.maths.attribution.credit import path_credit
    from byheart.training.recording import record

    held = []

    def interrupted():
        with record(model, optimizer, "cross-entropy", (x, y), every=2) as trace:
            held.append(trace)
            for t in range(9):
                optimizer.zero_grad()
                nn.functional.cross_entropy(model(x[:5]), y[:5]).backward()
                trace.batch(range(5))
                if t == 5:
                    raise KeyboardInterrupt
                optimizer.step()

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    trace = held[0]
    assert len(trace) == 5
    assert "cut short: 5 steps were recorded before KeyboardInterrupt" in trace.note
    credit = path_credit(trace, (x[:2], y[:2]), gauss=4)
    assert credit.notes == (("cut short", {"why": trace.note, "steps": 5}),)
    assert credit.relative < 1e-6
    assert np.isfinite(credit.examples).all()


def test_a_layer_at_two_places_and_a_weight_of_two_layers_are_replaced_everywhere_and_put_back(rng):
    shared, tied = torch.nn.Linear(3, 3), torch.nn.Linear(3, 3, bias=False)
    model = torch.nn.Sequential(shared, torch.nn.Tanh(), shared, tied, torch.nn.Linear(3, 3, bias=False))
    model[4].weight = tied.weight
    before = {name: value.detach().clone() for name, value in model.state_dict().items()}
    other = {name: 2 * value.detach() for name, value in model.named_parameters()}
    x = torch.as_tensor(rng.normal(size=(5, 3)), dtype=torch.float32)
    hidden = torch.nn.functional.linear(x, other["0.weight"], other["0.bias"]).tanh()
    expected = torch.nn.functional.linear(hidden, other["0.weight"], other["0.bias"]) @ other["3.weight"].T @ other["3.weight"].T
    given = at_weights(model, other, (x,))
    torch.testing.assert_close(given, expected)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert set(places(model)["4.weight"]) == {"3.weight", "4.weight"}
    assert model[4].weight is model[3].weight
    assert places(model)["2.bias"] == ("0.bias",)
