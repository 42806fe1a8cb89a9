"""Unrolled effects: against retraining with moved weights, closed forms, limits, invariances; and what must fail."""

import numpy as np
import pytest
import torch
from torch import nn

from byheart.errors import InputRefused, UnknownName
from byheart.maths.attribution import unrolled as inside
from byheart.maths.attribution.effect import curvature, unrolled
from byheart.maths.attribution.gradient_similarity import _directions, checkpoints, projected
from byheart.maths.attribution.hessian_products import Anything, Stack
from byheart.maths.recording.flat_parameters import Layout
from byheart.maths.recording.losses import per_example

N, Q, STEPS = 10, 4, 14


@pytest.fixture(scope="module")
def slow(reference):
    return reference("effect_slow")


@pytest.fixture(scope="module")
def problem():
    g = torch.Generator().manual_seed(1)
    data = torch.randn(N, 5, generator=g).double(), torch.randint(0, 3, (N,), generator=g)
    query = torch.randn(Q, 5, generator=g).double(), torch.randint(0, 3, (Q,), generator=g)
    batches = [torch.randperm(N, generator=g)[:4] for _ in range(STEPS)]
    return data, query, batches


NETS = {
    "tanh": lambda: nn.Sequential(nn.Linear(5, 6), nn.Tanh(), nn.Linear(6, 3)),
    "deep": lambda: nn.Sequential(nn.Linear(5, 6, bias=False), nn.GELU(), nn.Linear(6, 4), nn.SiLU(), nn.Linear(4, 3)),
    "relu": lambda: nn.Sequential(nn.Flatten(), nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 3)),
    "norm": lambda: nn.Sequential(nn.Linear(5, 6), nn.LayerNorm(6), nn.Tanh(), nn.Linear(6, 3)),
    "dropout": lambda: nn.Sequential(nn.Linear(5, 6), nn.Tanh(), nn.Dropout(0.3), nn.Linear(6, 3)),
    "conv": lambda: nn.Sequential(nn.Unflatten(1, (1, 5)), nn.Conv1d(1, 2, 3), nn.Tanh(), nn.Flatten(), nn.Linear(6, 3)),
}


def two_groups(model):
    weights = list(model.parameters())
    groups = [{"params": weights[:2], "lr": 0.03}, {"params": weights[2:], "lr": 0.02, "weight_decay": 0.05}]
    return torch.optim.AdamW(groups)


OPTIMISERS = {
    "sgd": lambda m: torch.optim.SGD(m.parameters(), lr=0.2),
    "decay": lambda m: torch.optim.SGD(m.parameters(), lr=0.2, weight_decay=0.05),
    "momentum": lambda m: torch.optim.SGD(m.parameters(), lr=0.1, momentum=0.9, weight_decay=0.03),
    "dampened": lambda m: torch.optim.SGD(m.parameters(), lr=0.1, momentum=0.8, dampening=0.3),
    "nesterov": lambda m: torch.optim.SGD(m.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.03),
    "adam": lambda m: torch.optim.Adam(m.parameters(), lr=0.02, weight_decay=0.1),
    "adamw": lambda m: torch.optim.AdamW(m.parameters(), lr=0.02, weight_decay=0.1),
    "groups": two_groups,
}
CASES = [("tanh", name, clip) for name in OPTIMISERS for clip in (None, 0.4)]
CASES += [("deep", "sgd", None), ("deep", "adam", None), ("relu", "momentum", None), ("norm", "adamw", 0.4)]
CASES += [("dropout", "sgd", None), ("dropout", "adam", 0.4), ("conv", "nesterov", None)]


def far(a, b):
    return np.abs(a - b).max() / np.abs(b).max()


@pytest.mark.parametrize("net, optimiser, clip", CASES)
def test_equals_central_differences_of_retraining(slow, problem, net, optimiser, clip, untouched):
    data, query, batches = problem
    _, trace, _ = slow.train(NETS[net], OPTIMISERS[optimiser], data, batches, clip=clip, every=1)
    assert clip is None or min(trace.clips)[0] < 1
    assert (Stack.of(trace.module, trace.layout, trace.loss) is None) == (net in ("norm", "dropout", "conv"))
    found = unrolled(trace, query)
    expected = slow.differences(NETS[net], OPTIMISERS[optimiser], data, batches, query, clip)
    assert found.shape == (Q, N)
    assert far(found, expected) < 1e-5


def no_velocity(group, rate, index, theta, velocity):
    return theta * -rate


def no_second(group, rate, count, v, moved, theta, first, second):
    ADAM(group, rate, count, v, moved, theta, first, torch.zeros_like(second))


ADAM = inside.adam
SABOTAGE = {
    "the velocity forgotten": ("momentum", None, "momentum", no_velocity),
    "second moments forgotten": ("adam", None, "adam", no_second),
    "the clip factor held fixed": ("sgd", 0.4, "Sweep._clipped", None),
}


@pytest.mark.parametrize("name", SABOTAGE)
def test_each_missing_term_is_seen(slow, problem, name, monkeypatch):
    optimiser, clip, where, broken = SABOTAGE[name]
    data, query, batches = problem
    _, trace, _ = slow.train(NETS["tanh"], OPTIMISERS[optimiser], data, batches, clip=clip, every=1)
    expected = slow.differences(NETS["tanh"], OPTIMISERS[optimiser], data, batches, query, clip)
    assert far(unrolled(trace, query), expected) < 1e-5
    if broken is None:
        def broken(self, step, points, raw, clips):
            for j, c in enumerate(clips):
                raw[j].mul_(c)
    monkeypatch.setattr(f"byheart.maths.attribution.unrolled.{where}", broken)
    assert far(unrolled(trace, query), expected) > 1e-3
    assert far(-expected, expected) > 1e-3  # as the wrong sign would be


def test_by_hand_equals_torch_func_and_autograd(problem):
    (x, y), _, _ = problem
    module = NETS["deep"]().double()
    names = tuple(name for name, _ in module.named_parameters())
    weights = [p.detach() for p in module.parameters()]
    c = torch.linspace(0.1, 1, N).double()
    outputs = lambda named: torch.func.functional_call(module, named, (x,))  # noqa: E731
    for loss, target in (("cross-entropy", y), ("squared-error", torch.randn(N, 3).double()), ("half-squared-error", torch.randn(N, 3).double())):
        stack = Stack.of(module, Layout(names, tuple(tuple(w.shape) for w in weights)), loss)
        of = lambda z, loss=loss, target=target: per_example(loss, z, target)  # noqa: E731
        losses = lambda named, of=of: of(outputs(named))  # noqa: E731
        points = stack.at(weights, x, target, c), Anything(names, outputs, of).at(weights, c)
        v = [torch.randn(3, *w.shape).double() for w in weights]
        found = []
        for point in points:
            into = [torch.full_like(t, 0.5) for t in v]
            found.append((point.product(v, into, [0.7] * len(v), [2.0] * len(v)), into, point.gradient, [point.losses]))
        assert torch.allclose(found[0][0], found[1][0], atol=1e-12)
        for mine, theirs in zip(found[0][1] + list(found[0][2]) + found[0][3], found[1][1] + list(found[1][2]) + found[1][3]):
            assert torch.allclose(mine, theirs, atol=1e-12)
        leaves = [w.clone().requires_grad_() for w in weights]
        total = (c * losses(dict(zip(names, leaves)))).sum()
        g = torch.autograd.grad(total, leaves, create_graph=True)
        h = torch.autograd.grad(sum((a * b[0]).sum() for a, b in zip(g, v)), leaves)
        for mine, b in zip(found[0][1], h):
            assert torch.allclose(mine[0], 1.0 + 0.7 * b, atol=1e-12)


def test_gauss_newton_is_its_formula_and_the_derivative_of_a_linear_model(slow, problem):
    (x, y), query, batches = problem
    module = NETS["deep"]().double()
    names = tuple(name for name, _ in module.named_parameters())
    weights = [p.detach() for p in module.parameters()]
    c = torch.linspace(0.1, 1, N).double()
    outputs = lambda named: torch.func.functional_call(module, named, (x,))  # noqa: E731
    of = lambda z: torch.nn.functional.cross_entropy(z, y, reduction="none")  # noqa: E731
    shapes = Layout(names, tuple(tuple(w.shape) for w in weights))
    by_hand = Stack.of(module, shapes, "cross-entropy", exact=False).at(weights, x, y, c)
    v = [torch.randn(2, *w.shape).double() for w in weights]
    jacobian = torch.func.jacrev(lambda ws: outputs(dict(zip(names, ws))))(weights)
    j = torch.cat([part.flatten(2) for part in jacobian], 2).flatten(0, 1)  # (b k, p)
    share = outputs(dict(zip(names, weights))).softmax(1)
    middle = torch.block_diag(*[a * (torch.diag(s) - torch.outer(s, s)) for a, s in zip(c, share)])
    expected = torch.cat([t.flatten(1) for t in v], 1) @ (j.T @ middle @ j)
    for point in (by_hand, Anything(names, outputs, of, exact=False).at(weights, c)):
        into = [torch.zeros_like(t) for t in v]
        point.product(v, into, [1.0] * len(v), [1.0] * len(v))
        assert torch.allclose(torch.cat([t.flatten(1) for t in into], 1), expected, atol=1e-12)
    for net, same in ((lambda: nn.Sequential(nn.Linear(5, 3)), True), (NETS["tanh"], False), (NETS["norm"], False)):
        trace = slow.train(net, OPTIMISERS["adam"], (x, y), batches, every=1)[1]
        assert (far(unrolled(trace, query, hessian="gauss-newton"), unrolled(trace, query)) < 1e-12) == same
    with pytest.raises(UnknownName, match="gauss-newton"):
        unrolled(trace, query, hessian="gauss")


def test_one_step_is_a_product_of_two_gradients(slow, problem):
    data, query, batches = problem
    model, trace, _ = slow.train(NETS["tanh"], OPTIMISERS["sgd"], data, batches[:1], every=1)
    start = trace.named(trace.weights(0))
    for p, name in zip(model.parameters(), trace.layout.names):
        assert not torch.equal(p, start[name])
    flat = lambda loss, m: torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(m.parameters()))])  # noqa: E731
    f = []
    for j, y in enumerate(query[1]):
        z = model(query[0])[j]
        f.append(flat(z[y] - torch.cat([z[:y], z[y + 1 :]]).logsumexp(0), model))
    model.load_state_dict(start)
    expected = np.zeros((Q, N))
    for i in batches[0]:
        g = flat(slow.losses(model(data[0][i : i + 1]), data[1][i : i + 1])[0], model)
        expected[:, i] = [-0.2 / 4 * float(a @ g) for a in f]
    assert far(unrolled(trace, query), expected) < 1e-12
    outside = np.setdiff1d(np.arange(N), batches[0])
    assert (unrolled(trace, query)[:, outside] == 0).all()


def test_full_batch_ridge_to_convergence_is_the_influence_function(slow):
    g = torch.Generator().manual_seed(3)
    x = torch.randn(12, 3, generator=g).double()
    y = x @ torch.tensor([1.0, -2.0, 0.5]).double() + 0.3 * torch.randn(12, generator=g).double()
    make = lambda: nn.Linear(3, 1, bias=False)  # noqa: E731
    optimiser = lambda m: torch.optim.SGD(m.parameters(), lr=0.5, weight_decay=0.1)  # noqa: E731
    model, trace, _ = slow.train(make, optimiser, (x, y), [torch.arange(12)] * 200, every=7)
    query = torch.randn(5, 3, generator=g).double(), torch.zeros(5).double()
    found = unrolled(trace, query)
    assert far(found, curvature(model, (x, y), query, 0.0, decay=0.1)) < 1e-8
    h = (x.T @ x / 12 + 0.1 * torch.eye(3).double()).inverse()
    closed = -(query[0] @ h @ x.T) * (model(x)[:, 0] - y).detach() / 12
    assert far(found, closed.numpy()) < 1e-8


def test_the_mean_over_moments_is_its_own_derivative(slow, problem):
    data, query, batches = problem
    looks = (5, 11)
    _, trace, _ = slow.train(NETS["tanh"], OPTIMISERS["adam"], data, batches, every=1)
    expected = slow.differences(NETS["tanh"], OPTIMISERS["adam"], data, batches, query, looks=looks)
    assert far(unrolled(trace, query, moments=[5, 11, STEPS]), expected) < 1e-5
    early = unrolled(trace, query, moments=[5])
    short = slow.train(NETS["tanh"], OPTIMISERS["adam"], data, batches[:5], every=1)[1]
    assert far(early, unrolled(short, query)) < 1e-12
    assert inside.moments_of(trace, 3) == [8, 11, 14]
    for wrong in (0, [], [STEPS + 1], [-1]):
        with pytest.raises(InputRefused, match="moments as a count"):
            unrolled(trace, query, moments=wrong)


def test_order_chunks_replay_and_averages_change_nothing(slow, problem):
    data, query, batches = problem
    (x, y), order = data, torch.randperm(N, generator=torch.Generator().manual_seed(5))
    place = torch.argsort(order)
    base = [slow.train(NETS["relu"], OPTIMISERS["adamw"], data, batches, every=1, seed=s)[1] for s in (0, 1)]
    found = [unrolled(trace, query) for trace in base]
    moved = slow.train(NETS["relu"], OPTIMISERS["adamw"], (x[order], y[order]), [place[b] for b in batches], every=1)[1]
    assert far(unrolled(moved, query)[:, place], found[0]) < 1e-12
    assert far(unrolled(base, query), (found[0] + found[1]) / 2) < 1e-12
    spaced = slow.train(NETS["relu"], OPTIMISERS["adamw"], data, batches, every=5)[1]
    assert far(unrolled(spaced, query), found[0]) < 1e-12
    p = base[0].layout.size
    limit = inside.sweep_bytes(p, 0, N, 2, 8) + 8 * Q * N + 8 * p * 3
    assert inside.queries_at_once(p, Q, N, 2, 8, limit) == 1
    assert far(unrolled(base[0], query, limit_bytes=limit), found[0]) < 1e-12
    as_numpy = unrolled(base[0], (query[0].numpy(), query[1].numpy()))
    assert isinstance(as_numpy, np.ndarray)
    assert far(as_numpy, found[0]) == 0
    logit = unrolled(base[0], query, target=("logit", 1))
    assert far(unrolled(base[0], query, target=lambda z: z[:, 1]), logit) == 0


def test_what_is_added_to_a_batch_twice_counts_twice(slow, problem):
    data, query, batches = problem
    twice = [torch.cat([b, b[:1]]) for b in batches]
    trace = slow.train(NETS["tanh"], OPTIMISERS["sgd"], data, twice, every=1)[1]
    assert far(unrolled(trace, query), slow.differences(NETS["tanh"], OPTIMISERS["sgd"], data, twice, query)) < 1e-5


def test_baselines_are_what_their_formulas_say(slow, problem):
    data, query, batches = problem
    model, trace, _ = slow.train(NETS["tanh"], OPTIMISERS["sgd"], data, batches, every=1)
    rows = lambda z, y: torch.stack([z[j, c] - torch.cat([z[j, :c], z[j, c + 1 :]]).logsumexp(0) for j, c in enumerate(y)])  # noqa: E731

    def gradients(values):
        return torch.stack([torch.cat([g.flatten() for g in torch.autograd.grad(v, list(model.parameters()), retain_graph=True)]) for v in values])

    expected = 0
    for t in (7, STEPS):
        model.load_state_dict(trace.named(trace.weights(t)))
        f, g = gradients(rows(model(query[0]), query[1])), gradients(slow.losses(model(data[0]), data[1]))
        expected = expected - 0.2 * (f @ g.T).numpy()
    assert far(checkpoints(trace, query, steps=2), expected) < 1e-12
    phi, wanted = gradients(rows(model(data[0]), data[1])), f
    share = torch.sigmoid(-rows(model(data[0]), data[1])).detach()
    p = torch.cat(list(_directions(trace, 4, 0).values()))
    a, b = phi @ p, wanted @ p
    assert far(projected(model, data, query, dimension=4), ((b @ (a.T @ a).inverse() @ a.T) * share).numpy()) < 1e-8
    with pytest.raises(InputRefused, match="a dimension from 1 to 9"):
        projected(model, data, query, dimension=10)
    with pytest.raises(InputRefused, match="checkpoints between 0 and 14"):
        checkpoints(trace, query, steps=[15])
    assert (checkpoints(trace, query) == checkpoints(trace, query, steps=10)).all()
    assert far(checkpoints(trace, query), checkpoints(trace, query, steps=11)) > 1e-6


@pytest.mark.parametrize(("y", "refused"), [([0, 1, 1, 0], ""), ([0, 1, 2, 0], "from 0 to 1")])
def test_two_classes_are_classes_too(slow, problem, y, refused):
    (x, labels), query, batches = problem
    net = lambda: nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 2))  # noqa: E731
    trace = slow.train(net, OPTIMISERS["sgd"], (x, labels % 2), batches, every=1)[1]
    asked = query[0], torch.tensor(y)
    if not refused:
        assert unrolled(trace, asked).shape == (Q, N)
        return
    with pytest.raises(InputRefused, match=refused):
        unrolled(trace, asked)


def test_refusals_name_what_is_wrong(slow, problem):
    (x, y), query, batches = problem
    trace = slow.train(NETS["tanh"], OPTIMISERS["sgd"], (x, y), batches, every=1)[1]
    bad = query[0].clone()
    bad[1, 2] = torch.nan
    for wrong, words in [
        ((query[0][:, :4], query[1]), r"query x of shape \(q, 5\).*\(4, 4\)"),
        ((query[0], query[1][:2]), r"one target a query, \(4,\)"),
        ((bad, query[1]), "without NaN"),
        ((query[0], query[1] + 1), "labels of the queries from 0 to 2"),
        (query[0], "a pair"),
    ]:
        with pytest.raises(InputRefused, match=words):
            unrolled(trace, wrong)
    with pytest.raises(InputRefused, match="57 weights and 1 adjoints a query, which need"):
        unrolled(trace, query, limit_bytes=1000)
    with pytest.raises(InputRefused, match="a Trace"):
        unrolled("trace", query)
    with pytest.raises(InputRefused, match="at least one trace"):
        unrolled([], query)
    other = slow.train(NETS["tanh"], OPTIMISERS["sgd"], (x + 1, y), batches, every=1)[1]
    with pytest.raises(InputRefused, match="traces of the same examples"):
        unrolled([trace, other], query)
    with pytest.raises(InputRefused, match="at least one step"):
        unrolled(slow.train(NETS["tanh"], OPTIMISERS["sgd"], (x, y), [], every=1)[1], query)
    trace.note = "cut short: 14 steps were recorded before KeyboardInterrupt"
    with pytest.warns(UserWarning, match="the model after 14 steps"):
        unrolled(trace, query)
    trace.note = ""
    trace.kept[3]["weights"] = trace.kept[3]["weights"] * torch.nan
    with pytest.raises(InputRefused, match=f"not at step 3, first of example {int(batches[3][0])}"):
        unrolled(trace, query)
    x[0, 0] += 1
    try:
        with pytest.raises(InputRefused, match=r"the examples \(x, y\) that this trace was recorded with"):
            unrolled(trace, query)
    finally:
        x[0, 0] -= 1
