"""Forward derivatives along directions against gradients an example, and credit by either of them."""

import numpy as np
import pytest
import torch

from byheart.learners.transformer import Transformer
from byheart.maths.attribution import credit
from byheart.maths.attribution import directional_derivative as directional
from byheart.maths.attribution import path_integral as path
from byheart.maths.recording.trace import take
from byheart.tasks.data import Data, Examples, Truth
from byheart.tasks.output import Tokens
from byheart.training.members import balanced
from byheart.training.module_inputs import called_on
from byheart.training.record_member import recorded


@pytest.fixture(scope="module", params=["adam", "sgd", "momentum"])
def passages(request):
    """A small transformer on 24 passages, recorded: its embeddings are weights that only autograd knows."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, 5, (24, 6))
    train = Examples(np.arange(24), x, np.where(rng.random((24, 6)) < 0.1, -1, x))
    data = Data({"train": train}, Tokens(5), Truth(), {})
    learner = Transformer(width=8, epochs=2, batch=12, optimizer=request.param, lr=0.02)
    _, trace = recorded(learner, data, balanced(24, 1, 1.0, 0))
    return trace, (called_on(learner, data, np.arange(24))["train"][:1], train.y[:1])


def test_slopes_are_inner_products_with_gradients_an_example(passages):
    trace, part = passages[0], passages[0].parts[1][0]
    torch.manual_seed(0)
    at = trace.named(trace.weights(1))
    ways = {name: torch.randn(3, value.numel()) for name, value in at.items()}
    found = directional.slopes(trace, trace.weights(1), part, ways)
    leaves = {name: value.clone().requires_grad_() for name, value in at.items()}
    losses = trace.losses(leaves, part)
    assert losses.shape == found.shape[:1]
    for i, loss in enumerate(losses):
        grads = torch.autograd.grad(loss, list(leaves.values()), retain_graph=True)
        expected = sum(ways[name] @ g.reshape(-1) for name, g in zip(leaves, grads, strict=True))
        assert torch.allclose(found[i], expected, rtol=1e-4, atol=1e-4)


def test_credit_is_the_same_by_either_way(passages, monkeypatch):
    trace, query = passages
    made = []
    monkeypatch.setattr(path, "slopes", lambda *given: made.append(directional.slopes(*given)) or made[-1])
    fast = credit.path_credit(trace, query)
    assert made  # one query against 12 examples: forward derivatives are taken
    assert all(one is not None for one in made)
    monkeypatch.setattr(path, "few", lambda q, part: False)
    slow = credit.path_credit(trace, query)
    assert np.allclose(fast.examples, slow.examples, rtol=1e-3, atol=1e-4)
    assert fast.examples.std() > 1e-3
    assert abs(fast.examples.sum() + fast.initial[0] + fast.decay[0] - fast.output[0]) < 0.02 * abs(fast.output[0])


def test_an_operation_without_a_forward_derivative_is_left_to_gradients(passages, monkeypatch):
    trace, query = passages
    expected = credit.path_credit(trace, query).examples

    def none(*given, **named):
        raise NotImplementedError("no forward derivative")

    monkeypatch.setattr(torch.func, "jvp", none)
    way = {name: value.reshape(1, -1) for name, value in trace.named(trace.weights(0)).items()}
    assert directional.slopes(trace, trace.weights(0), trace.parts[0][0], way) is None
    assert np.allclose(credit.path_credit(trace, query).examples, expected, rtol=1e-3, atol=1e-4)


def test_few_queries_alone_go_by_directions(passages):
    part = passages[0].parts[0][0]
    assert [directional.few(q, part) for q in (1, 3, 4)] == [True, True, False]
    assert len(take(passages[0].x, part.ids)) == 12
