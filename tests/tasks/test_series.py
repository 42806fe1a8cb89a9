"""Series, embeddings and rewards by closed form; an autoregression whose best loss is known."""

import numpy as np
import pytest
import torch

from byheart.errors import InputRefused, UsageError
from byheart.learners.lagged import Lagged
from byheart.learners.ridge import Ridge
from byheart.probes.generalization.gap import Gap
from byheart.tasks.autoregression import Autoregression
from byheart.tasks.data import Data, Examples, Truth
from byheart.tasks.output import Embedding, Rewards, Series, output_from
from byheart.testing.banks import bank_of
from byheart.training.members import balanced
from byheart.training.training import Training

RNG = np.random.default_rng(5)


def counted():
    y = RNG.normal(size=(6, 5, 2))
    y[:, 0] = np.nan
    y[2, 3:, 0] = np.nan
    return y


def test_what_is_not_counted_does_not_count():
    z, y = RNG.normal(size=(1, 2, 6, 5, 2)), counted()
    made = Series(2).outcomes(z, y)
    for j in range(2):
        for i in range(6):
            there = np.isfinite(y[i])
            by_hand = np.mean((z[0, j, i][there] - y[i][there]) ** 2)
            assert made["loss_nats"][0, j, i] == pytest.approx(by_hand, rel=1e-6)
    away = z + np.where(np.isfinite(y), 0.0, 100.0)
    np.testing.assert_array_equal(Series(2).outcomes(away, y)["loss_nats"], made["loss_nats"])


@pytest.mark.parametrize("output", [Series(2), Embedding(3), Rewards(3)], ids=lambda output: output.kind)
def test_the_slope_is_the_derivative_of_the_loss(output):
    y = torch.from_numpy(np.stack([counted() if output.kind == "series" else RNG.normal(size=(6, 3))] * 2))
    z = torch.randn(y.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    (expected,) = torch.autograd.grad(output.loss(z, y).sum(), z)
    torch.testing.assert_close(output.slope(z.detach(), y), expected)
    assert output.loss(z, y).shape == (2, 6)
    assert output_from(output.document()) == output


def test_an_error_of_the_mean_is_the_variance():
    """What R2 rests on: the error of each step's mean over examples is the mean square of the targets in units."""
    y = counted()
    output = Series(2)
    mean = np.nan_to_num(np.nanmean(np.where(np.isfinite(y), y, np.nan)[:, 1:], 0))
    said = np.concatenate([np.zeros((1, 2)), mean])
    in_units = output.in_units(y)
    np.testing.assert_allclose(((in_units - np.concatenate([np.zeros(2), mean.ravel()])) ** 2).mean(1), output.squared(said, y))


def test_deviations_are_from_the_mean_of_what_each_member_saw():
    y, mask = counted() + 1000, np.array([[1, 1, 1, 0, 0, 0], [1, 0, 1, 1, 0, 1]], bool)
    made = Series(2).deviations(y, mask)
    for j, i in np.ndindex(made.shape):
        mean = [np.nanmean(y[mask[j], :, c]) for c in range(2)]
        assert made[j, i] == pytest.approx(np.nanmean((y[i] - mean) ** 2), rel=1e-9)


def test_units_are_of_what_is_counted():
    y = counted()
    centre, scale = Series(2).units(y)
    there = [y[..., c][np.isfinite(y[..., c])] for c in range(2)]
    np.testing.assert_allclose(centre, [one.mean() for one in there])
    np.testing.assert_allclose(scale, [one.std() for one in there])


def test_embeddings_are_compared_by_their_angle():
    z = RNG.normal(size=(1, 1, 4, 3))
    same, opposite = (Embedding(3).outcomes(z, sign * 7 * z[0, 0])["loss_nats"] for sign in (1, -1))
    np.testing.assert_allclose(same, 0, atol=1e-6)
    np.testing.assert_allclose(opposite, 2, atol=1e-6)


def test_the_regret_is_what_the_best_action_would_have_given_more():
    y = np.array([[0.0, 1.0, 4.0]])
    made = Rewards(3).outcomes(np.log(np.array([[[[0.5, 0.25, 0.25]]]])), y)
    assert made["loss_nats"].item() == pytest.approx(4 - (0.25 + 1.0))
    assert not made["correct"].item()
    sure = Rewards(3).outcomes(np.array([[[[0.0, 0.0, 50.0]]]]), y)
    assert sure["correct"].item()
    assert sure["loss_nats"].item() == pytest.approx(0, abs=1e-6)


def test_two_steps_reach_the_variance_of_the_shocks():
    task = Autoregression(n=2000, n_test=500, noise=0.5)
    data = task.draw(0)
    run = Lagged().fit(data, balanced(2000, 2, 0.7, 0), Training((0,)))
    loss = run.views["test"].loss_nats[0].astype(float)
    error = loss.mean(0).std() / np.sqrt(500)
    assert abs(loss.mean() - data.truth.best_loss_nats) < 4 * error
    one = Lagged(lags=1).fit(data, balanced(2000, 2, 0.7, 0), Training((0,))).views["test"].loss_nats[0].mean()
    # of an order of 2 seen with one lag: noise^2 / (1 - second^2)
    assert one == pytest.approx(0.25 / (1 - 0.6**2), rel=0.05)


def test_the_process_has_the_variance_of_its_formula():
    data = Autoregression(n=4000, first=0.5, second=0.3).draw(1)
    x = data.train.x[:, 0, 0]
    expected = 0.7 / (1.3 * (0.7**2 - 0.5**2))  # (1 - b) / ((1 + b) ((1 - b)^2 - a^2)), Box and Jenkins 1976, 3.2.27
    assert abs(x.var() - expected) < 4 * expected * np.sqrt(2 / len(x))


def test_the_gap_of_a_series_is_known():
    finding, columns = Gap().measure(bank_of(Gap(), Autoregression(n=60), Lagged(), members=12))
    r2 = finding.quantities["held_out_r2"]
    data = Autoregression(n=60).draw(0)
    variance = (1 + 0.6) / ((1 - 0.6) * ((1 + 0.6) ** 2 - 1.2**2))
    error = (r2.interval[1] - r2.interval[0]) / (2 * 1.96)
    assert abs(r2.value - (1 - data.truth.best_loss_nats / variance)) < 4 * error < 0.2
    assert columns["held_out"].shape == (60,)


def test_a_recurrent_network_learns_the_next_step():
    from byheart.learners.recurrent import Recurrent

    data = Autoregression(n=200, n_test=50).draw(0)
    learner = Recurrent(cell="gru", hidden=8, epochs=12)
    run = learner.fit(data, balanced(200, 2, 0.7, 0), Training((0, 12), way="functional"))
    loss = run.views["test"].loss_nats.mean((1, 2))
    assert loss[1] < 0.6 * loss[0]
    assert loss[1] > 0.9 * data.truth.best_loss_nats


def test_what_does_not_read_series_says_so():
    data = Autoregression().draw(0)
    with pytest.raises(InputRefused, match="series"):
        Ridge().fit(data, balanced(200, 2, 0.7, 0), Training((0,)))
    classes = Data({"train": Examples(np.arange(20), np.eye(20), RNG.normal(size=20))}, Rewards(2), Truth(), {})
    with pytest.raises(InputRefused, match="rewards"):
        Lagged().fit(classes, balanced(20, 2, 0.7, 0), Training((0,)))


def test_a_process_that_is_not_stationary_is_refused():
    with pytest.raises(UsageError, match="stationary"):
        Autoregression(first=1.0, second=0.5)
