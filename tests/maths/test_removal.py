"""One Newton step that removes examples: exact where the loss is quadratic, whatever goes and in whatever order."""

import numpy as np
import pytest
import torch
from torch import nn

from byheart.errors import InputRefused
from byheart.maths.attribution.removal import removed

N, D = 60, 4
GONE = torch.tensor([3, 11, 12, 40, 59])


def ridge(x, y, decay):
    """The minimum of 1/n sum (x'w - y)^2/2 + decay |w|^2/2, by the normal equations."""
    return np.linalg.solve(x.T @ x / len(x) + decay * np.eye(x.shape[1]), x.T @ y / len(x))


def line(weights):
    module = nn.Linear(len(weights), 1, bias=False).double()
    with torch.no_grad():
        module.weight.copy_(torch.from_numpy(weights)[None])
    return module


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(N, D))
    return x, x @ np.array([1.0, -2.0, 0.5, 3.0]) + rng.normal(size=N) + 5 * (np.arange(N) == 11)


def step(x, y, weights, gone, decay, **more):
    found = removed(line(weights), (torch.from_numpy(x), torch.from_numpy(y)[:, None]), gone, 0.0, decay=decay, **more)
    return found["weight"].numpy()[0]


@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_of_least_squares_and_ridge_it_is_exact(data, decay):
    x, y = data
    stay = np.setdiff1d(np.arange(N), GONE.numpy())
    truth = ridge(x[stay], y[stay], decay)
    found = step(x, y, ridge(x, y, decay), GONE, decay)
    assert np.abs(found - truth).max() < 1e-10
    assert np.abs(ridge(x, y, decay) - truth).max() > 0.01  # there was something to move


def test_nothing_moves_where_nothing_goes_and_order_changes_nothing(data):
    x, y = data
    weights = ridge(x, y, 0.1)
    assert (step(x, y, weights, GONE[:0], 0.1) == weights).all()
    assert np.abs(step(x, y, weights, GONE.flip(0), 0.1) - step(x, y, weights, GONE, 0.1)).max() < 1e-12


def test_a_copy_that_stays_is_not_removed(data):
    x, y = (np.concatenate([one, one[11:12]]) for one in data)
    weights = ridge(x, y, 0.0)
    one, both = (step(x, y, weights, torch.tensor(rows), 0.0) for rows in ([11], [11, N]))
    without = np.arange(N) != 11
    assert np.abs(both - ridge(x[:N][without], y[:N][without], 0.0)).max() < 1e-10
    assert np.abs(one - ridge(*data, 0.0)).max() < 1e-10


def test_of_a_logistic_model_it_comes_nearer_than_no_step():
    torch.manual_seed(0)
    x = torch.randn(80, 3, dtype=torch.float64)
    y = (x[:, 0] + torch.randn(80) > 0).long()

    def fitted(x, y):
        model = nn.Linear(3, 2).double()
        nn.init.zeros_(model.weight), nn.init.zeros_(model.bias)
        optimiser = torch.optim.LBFGS(model.parameters(), max_iter=200, tolerance_grad=1e-12, tolerance_change=1e-14)

        def loss():
            optimiser.zero_grad()
            value = nn.functional.cross_entropy(model(x), y) + 0.05 * sum(p.square().sum() for p in model.parameters())
            value.backward()
            return value

        optimiser.step(loss)
        return model

    whole, gone = fitted(x, y), torch.arange(10)
    truth = fitted(x[10:], y[10:]).weight.detach()
    found = removed(whole, (x, y), gone, 0.0, decay=0.1)["weight"]
    assert (found - truth).norm() < 0.2 * (whole.weight.detach() - truth).norm()


def test_all_gone_is_refused(data):
    x, y = data
    with pytest.raises(InputRefused, match="examples that stay"):
        step(x, y, ridge(x, y, 0.1), torch.arange(N), 0.1)
