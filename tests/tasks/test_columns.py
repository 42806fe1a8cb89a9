"""Values of several columns: two alike say what one says, a column in other units changes nothing."""

import numpy as np
import pytest

from byheart.errors import InputRefused
from byheart.learners.mlp import Mlp
from byheart.learners.neighbours import Neighbours
from byheart.learners.ridge import Ridge
from byheart.probes.complexity.description_length import Bits
from byheart.probes.generalization.gap import Gap
from byheart.probes.memory.counterfactual import Counterfactual
from byheart.probes.memory.membership import Membership
from byheart.records.finding import NotApplicable
from byheart.tasks.arrays import Arrays
from byheart.tasks.labels import read_labels, read_more_labels
from byheart.tasks.output import Values, output_from
from byheart.testing.banks import bank_of
from byheart.training.members import balanced
from byheart.training.training import Training

N = 120
RNG = np.random.default_rng(3)
X = RNG.normal(size=(N, 4))
Y = X @ RNG.normal(size=(4, 2)) + RNG.normal(size=(N, 2))
X_TEST = RNG.normal(size=(40, 4))
Y_TEST = X_TEST @ RNG.normal(size=(4, 2)) + RNG.normal(size=(40, 2))
TREE = "DecisionTreeRegressor"


def task(y, y_test):
    return Arrays.of(X, y, X_TEST, y_test, task="values")


def numbers(probe, learner, made):
    finding, columns = probe.measure(bank_of(probe, made, learner, members=12))
    ends = {name: (one.value, *(one.interval or ())) for name, one in finding.quantities.items()}
    return ends, columns


def alike(probe, learner, one, other, tolerance):
    (a, columns), (b, moved) = (numbers(probe, learner, made) for made in (one, other))
    assert a.keys() == b.keys()
    assert len(a) > 1
    for name in a:
        np.testing.assert_allclose(a[name], b[name], rtol=tolerance, atol=tolerance, err_msg=name)
    for name in columns:
        np.testing.assert_allclose(columns[name], moved[name], rtol=tolerance, atol=tolerance, err_msg=name)


@pytest.mark.parametrize("learner", [Ridge(), Neighbours()], ids=["ridge", "neighbours"])
@pytest.mark.parametrize("probe", [Gap(), Counterfactual(), Bits()], ids=lambda probe: probe.name)
def test_two_columns_alike_say_what_one_says(probe, learner):
    twice, twice_test = (np.stack([y[:, 0]] * 2, 1) for y in (Y, Y_TEST))
    alike(probe, learner, task(Y[:, 0], Y_TEST[:, 0]), task(twice, twice_test), 1e-6)


@pytest.mark.parametrize("learner", [Ridge(), Mlp(hidden=(8,), epochs=4)], ids=["ridge", "mlp"])
@pytest.mark.parametrize("probe", [Gap(), Counterfactual(), Bits()], ids=lambda probe: probe.name)
def test_a_column_in_other_units_changes_nothing(probe, learner):
    scale, shift = np.array([1.0, 4096.0]), np.array([0.0, 8.0])
    alike(probe, learner, task(Y, Y_TEST), task(Y * scale + shift, Y_TEST * scale + shift), 1e-3)


def test_the_loss_is_the_mean_over_columns_in_units_of_their_variance():
    data = task(Y, Y_TEST).draw(0)
    run = Ridge().fit(data, balanced(N, 3, 0.7, 0), Training((0,)))
    said, y = run.views["test"].logits, data.views["test"].y
    by_hand = sum((said[..., c] - y[:, c]) ** 2 / Y[:, c].var() for c in range(2)) / 2
    np.testing.assert_allclose(run.views["test"].loss_nats[0], by_hand, rtol=1e-5)


def test_a_question_that_does_not_speak_of_columns_says_so():
    answer = Membership().requires(bank_of(Gap(), task(Y, Y_TEST), Ridge(), members=12).subject)
    assert isinstance(answer, NotApplicable)
    assert answer.reason.figures["kind"] == "columns"


def test_columns_are_kept_and_come_back():
    output = task(Y, Y_TEST).draw(0).output
    assert output_from(output.document()) == output
    assert output.spread == tuple(Y.std(0))
    assert "spread" not in Values(1).document()


def test_what_is_not_a_target_is_named():
    with pytest.raises(InputRefused, match="y, column 1"):
        read_labels(np.stack([Y[:, 0], np.ones(N)], 1))
    with pytest.raises(InputRefused, match="2 columns"):
        read_more_labels(np.ones((5, 3)), read_labels(Y))
    with pytest.raises(InputRefused, match="column 0"):
        read_labels(np.where(np.arange(N)[:, None] == 3, np.nan, Y))


def test_an_estimator_is_given_both_columns():
    from sklearn.tree import DecisionTreeRegressor

    from byheart.learners.estimator import Estimator

    data = task(Y, Y_TEST).draw(0)
    run = Estimator.of(DecisionTreeRegressor()).fit(data, balanced(N, 3, 0.7, 0), Training((0,)))
    assert run.views["train"].logits.shape == (3, N, 2)
    assert np.allclose(run.views["train"].loss_nats[0][run.members.seen], 0)
