"""Gradient descent on least squares in closed form, against its steps taken one by one and the theory of two speeds."""

import numpy as np
import pytest

from byheart.errors import InputRefused
from byheart.learners.linear_descent import LinearDescent
from byheart.maths.descent import two_scale_risk
from byheart.probes.generalization.descent import Descent
from byheart.tasks.digits import Digits
from byheart.tasks.isotropic import Isotropic
from byheart.tasks.two_scales import TwoScales
from byheart.testing.probes import bank_of
from byheart.training.members import subsets
from byheart.training.training import Training


@pytest.mark.parametrize("intercept", [True, False])
def test_closed_form_is_what_the_steps_do(intercept):
    data = Isotropic(n=60, n_test=20, d=40).draw(0)
    members = subsets("balanced", 60, 2, 0.5, 0)
    run = LinearDescent(epochs=50, intercept=intercept).fit(data, members, Training((0, 1, 7, 50)))
    for j, mask in enumerate(members.seen):
        x, y = data.train.x[mask, 0].astype(float), data.train.y[mask]
        mean, w, said = y.mean() if intercept else 0.0, np.zeros(40), {}
        for t in range(51):
            said[t] = data.views["test"].x[:, 0] @ w + mean
            w += 0.1 * x.T @ (y - mean - x @ w) / len(x)
        for c, t in enumerate((0, 1, 7, 50)):
            loss = (said[t] - data.views["test"].y) ** 2
            np.testing.assert_allclose(run.views["test"].loss_nats[c, j], loss, rtol=1e-4, atol=1e-5)


def test_a_learning_rate_at_which_steps_grow_is_refused():
    data = Isotropic(n=60, n_test=20, d=10).draw(0)
    with pytest.raises(InputRefused, match="learning rate below"):
        LinearDescent(lr=5.0).fit(data, subsets("all", 60, 1, 1.0, 0), Training((0, 5)))


def test_at_two_speeds_the_error_falls_rises_and_falls_as_in_theory():
    probe = Descent(vary="epochs")
    task = TwoScales(n=13_200, n_test=300, noise=12.0)
    finding, _ = probe.measure(bank_of(probe, task, LinearDescent(epochs=30_000, intercept=False), share=1 / 11))
    assert finding.quantities["prominence"].interval[0] > 0.15
    assert abs(finding.quantities["theory_gap"].value) < 0.15  # 85 directions of 1,200 random rows are not orthonormal
    truth = task.draw(0).truth
    known = dict(zip(finding.curves["theory"].x, finding.curves["theory"].y))
    assert known[8.0] == two_scale_risk(8, truth.signal, 0.1 * truth.variances, 0.01)


def test_digits_are_learned_by_it_too():
    data = Digits(n=200).draw(0)
    run = LinearDescent(epochs=300).fit(data, subsets("balanced", 200, 2, 0.7, 0), Training((0, 300)))
    right = run.views["test"].correct.mean((1, 2))
    assert right[0] < 0.3 < 0.8 < right[1]
    assert "law" not in run.about
