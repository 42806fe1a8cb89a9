"""Outputs: whatever a model returns becomes logits, or is refused by name."""

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array
from sklearn.linear_model import LogisticRegression, Perceptron, Ridge
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.neighbors import NearestCentroid
from sklearn.svm import SVC
from torch import nn

from byheart.errors import InputRefused
from byheart.learners.estimator import Estimator
from byheart.learners.mlp import Mlp
from byheart.learners.neighbours import Neighbours
from byheart.learners.output_conversion import Diverged, read
from byheart.learners.ridge import Ridge as RidgeBaseline
from byheart.learners.userfit import UserFit
from byheart.tasks.arrays import Arrays
from byheart.tasks.data import Data, Examples, Truth
from byheart.tasks.output import Classes, Values
from byheart.training.members import balanced
from byheart.training.training import Training


def data_of(k, n=8):
    train = Examples(np.arange(n), np.zeros((n, 2)), np.zeros(n, int))
    output = Classes(k) if k > 1 else Values(1)
    return Data({"train": train}, output, Truth(), {})


def fitted(x, y, seed):
    return Ridge().fit(x, y)


X = np.random.default_rng(0).normal(size=(6, 2))
P = np.array([[0.2, 0.3, 0.5]] * 6)


def gives(array):
    return lambda x: array


def test_probabilities_enter_as_logarithms_with_a_floor():
    logits, predicted, kind = read(gives(np.array([[0.0, 0.4, 0.6]] * 6)), X, data_of(3))
    assert (kind, predicted) == ("probabilities", None)
    np.testing.assert_allclose(logits, np.log([[0.1, 0.4, 0.6]] * 6))


@pytest.mark.parametrize(
    "array, kind",
    [(P, "probabilities"), (P + 4e-4, "logits"), (P * 2, "logits"), (P - [[0.3, 0, -0.3]], "logits")],
)
def test_probabilities_are_known_by_their_sums(array, kind):
    assert read(gives(array), X, data_of(3))[2] == kind


def test_logits_stay_as_they_are():
    z = np.random.default_rng(1).normal(size=(6, 3)) * 50
    np.testing.assert_array_equal(read(gives(z), X, data_of(3))[0], z)
    np.testing.assert_array_equal(read(gives(P), X, data_of(3), "logits")[0], P)


@pytest.mark.parametrize("labels", [[2, 0, 1, 1, 0, 2], [[2], [0], [1], [1], [0], [2]]])
def test_labels_become_one_hot(labels):
    logits, predicted, kind = read(gives(np.array(labels)), X, data_of(3))
    assert kind == "labels"
    np.testing.assert_array_equal(logits, np.eye(3)[[2, 0, 1, 1, 0, 2]])
    assert predicted.tolist() == [2, 0, 1, 1, 0, 2]


@pytest.mark.parametrize("shape", [(6,), (6, 1)])
def test_one_number_for_two_classes(shape):
    one = np.linspace(0.1, 0.9, 6).reshape(shape)
    flat = one.ravel()
    with pytest.raises(InputRefused, match=r"returns='logits' or returns='probabilities'"):
        read(gives(one), X, data_of(2))
    np.testing.assert_allclose(read(gives(one), X, data_of(2), "logits")[0], np.stack([0 * flat, flat], 1))
    np.testing.assert_allclose(
        read(gives(one), X, data_of(2), "probabilities")[0], np.log(np.maximum(np.stack([1 - flat, flat], 1), 0.1))
    )


@pytest.mark.parametrize("shape", [(6,), (6, 1)])
def test_values_never_broadcast(shape):
    """(n, 1) against (n,) would be n x n in a squared error."""
    logits, predicted, kind = read(gives(np.arange(6.0).reshape(shape)), X, data_of(1))
    assert (logits.shape, predicted, kind) == ((6, 1), None, "values")
    assert logits.ravel().tolist() == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    "k, array, said",
    [
        (3, np.zeros((6, 2)), r"\(6, 3\): examples by classes, got \(6, 2\)"),
        (3, np.full((5, 3), -1.0), r"\(6, 3\).*got \(5, 3\)"),
        (3, np.full((6, 3, 1), -1.0), r"\(6, 3\).*got \(6, 3, 1\)"),
        (3, np.array(0.5), r"\(6, 3\).*got \(\)"),
        (3, np.full(6, 0.5), r"\(6, 3\).*got \(6,\)"),
        (3, np.array([0, 1, 2, 3, 0, 0]), r"labels among 0..2, got \[0.0, 1.0, 2.0, 3.0"),
        (3, np.array([0, 1, -1, 1, 0, 0]), "labels among 0..2"),
        (1, np.zeros((6, 2)), r"values of shape \(6,\) or \(6, 1\), got \(6, 2\)"),
        (1, np.zeros((1, 6)), r"\(6,\) or \(6, 1\), got \(1, 6\)"),
        (3, (P, P), "one array of real numbers from the model, got tuple"),
        (3, {"logits": P}, "got dict"),
        (3, None, "got NoneType"),
        (3, P.astype(complex), "got ndarray"),
        (3, np.array([["a"] * 3] * 6), "got ndarray"),
        (3, [[1, 2], [3]], "got list"),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(k, array, said):
    with pytest.raises(InputRefused, match=said):
        read(gives(array), X, data_of(k))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("k", [1, 3])
def test_what_is_not_finite_has_diverged(bad, k):
    z = np.random.default_rng(0).normal(size=(6, k))
    z[2, 0] = bad
    with pytest.raises(Diverged, match="NaN or infinite"):
        read(gives(z), X, data_of(k))


def test_what_is_said_must_be_so():
    with pytest.raises(InputRefused, match="sum to 1"):
        read(gives(P * 2), X, data_of(3), "probabilities")
    with pytest.raises(InputRefused, match="outputs for classes, got values"):
        read(gives(P), X, data_of(3), "values")


def test_tensors_lists_and_sparse_matrices():
    for array in (torch.tensor(P).half().requires_grad_(), P.tolist(), csr_array(P), torch.tensor(P).bfloat16()):
        logits, _, _ = read(gives(array), X, data_of(3), "logits")
        np.testing.assert_allclose(logits, P, atol=2e-3)


class Net(nn.Module):
    def __init__(self, k=3):
        super().__init__()
        self.first, self.drop, self.norm = nn.Linear(2, 4), nn.Dropout(0.5), nn.BatchNorm1d(4)
        self.last = nn.Linear(4, k)
        self.asked = []

    def forward(self, x):
        self.asked.append((x.dtype, torch.is_grad_enabled(), self.training))
        return self.last(self.norm(self.drop(self.first(x))))


def test_a_module_is_called_in_evaluation_and_left_as_it_was():
    torch.manual_seed(0)
    net = Net()
    net.norm.eval()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    a, b = (read(net, X, data_of(3))[0] for _ in range(2))
    np.testing.assert_array_equal(a, b)
    # X is float64, which it is asked first; it fails on that, and gets the type of its weights
    assert net.asked == [(torch.float64, False, False), (torch.float32, False, False)] * 2
    assert (net.training, net.drop.training, net.norm.training) == (True, True, False)
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())


def test_a_module_that_fails_is_left_as_it_was():
    net = Net()
    with pytest.raises(RuntimeError):
        read(net, np.zeros((6, 3)), data_of(3))
    assert net.training


def test_many_examples_are_the_same_in_batches(monkeypatch):
    net, x = Net().eval(), np.random.default_rng(0).normal(size=(50, 2))
    whole = read(net, x, data_of(3))[0]
    monkeypatch.setattr("byheart.learners.output_conversion.BATCH", 7)
    np.testing.assert_allclose(read(net, x, data_of(3))[0], whole, atol=1e-6)


def test_a_module_of_the_wrong_width_is_refused():
    with pytest.raises(InputRefused, match=r"\(6, 3\): examples by classes, got \(6, 5\)"):
        read(Net(5), X, data_of(3))


def test_an_output_object_with_logits_is_read():
    class Wrapped(nn.Module):
        def forward(self, x):
            return type("Out", (), {"logits": x.repeat(1, 2)[:, :3]})()

    np.testing.assert_allclose(read(Wrapped(), X, data_of(3))[0], np.tile(X, 2)[:, :3], atol=1e-6)


Y = np.array([3, 1, 3, 1, 1, 3])


def test_classes_that_the_subset_lacks_get_the_floor():
    model = LogisticRegression().fit(X, Y)
    logits, predicted, kind = read(model, X, data_of(5))
    expected = np.full((6, 5), 0.1)
    expected[:, [1, 3]] = np.maximum(model.predict_proba(X), 0.1)
    assert kind == "probabilities"
    np.testing.assert_allclose(np.exp(logits), expected)
    assert predicted.tolist() == model.predict(X).tolist()


def test_scores_of_two_classes_keep_their_order():
    model = Perceptron().fit(X, Y)
    logits, predicted, kind = read(model, X, data_of(5))
    assert kind == "scores"
    np.testing.assert_allclose(logits[:, 3] - logits[:, 1], model.decision_function(X))
    assert predicted.tolist() == model.predict(X).tolist()
    assert (logits[:, [0, 2, 4]] <= logits[:, [1, 3]].max(1, keepdims=True)).all()


def test_scores_of_several_classes():
    y = np.array([0, 1, 2, 0, 1, 2])
    model = SVC().fit(X, y)
    np.testing.assert_allclose(read(model, X, data_of(3))[0], model.decision_function(X))
    four = np.array([0, 1, 2, 3, 0, 1])
    with pytest.raises(InputRefused, match=r"one column for each of the model's 4 classes, got shape \(6, 6\)"):
        read(SVC(decision_function_shape="ovo").fit(X, four), X, data_of(4))


def test_an_estimator_with_predict_alone():
    class Plain:
        def predict(self, x):
            return np.array([2, 0, 1, 1, 0, 2])

    logits, predicted, kind = read(Plain(), X, data_of(3))
    assert kind == "labels"
    np.testing.assert_array_equal(logits, np.eye(3)[predicted])
    assert read(NearestCentroid().fit(X, Y), X, data_of(5), "labels")[2] == "labels"


def test_the_threshold_of_an_estimator_counts():
    model = FixedThresholdClassifier(LogisticRegression(), threshold=0.999).fit(X, (Y == 3).astype(int))
    logits, predicted, _ = read(model, X, data_of(2))
    assert predicted.tolist() == [0] * 6
    assert logits.argmax(1).any()


def test_a_regressor_gives_values():
    model = Ridge().fit(X, X[:, 0])
    logits, predicted, kind = read(model, X, data_of(1))
    assert (kind, predicted) == ("values", None)
    np.testing.assert_allclose(logits[:, 0], model.predict(X))


def test_a_regressor_for_classes_is_refused():
    with pytest.raises(InputRefused, match=r"labels among 0..2"):
        read(Ridge().fit(X, X[:, 0]), X, data_of(3))


@pytest.mark.parametrize("learner", [Estimator.of(Ridge()), UserFit.of(fitted), RidgeBaseline(), Neighbours(), Mlp(epochs=3)])
def test_errors_do_not_depend_on_where_the_values_stand(learner):
    """Squared errors of y and of y + 1e9 are the same: single precision would round those predictions to 64."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(60, 2)), np.round(rng.normal(size=60), 3)
    members = balanced(60, 4, 0.7, 0)
    one, other = (
        learner.fit(Arrays.of(x, y + shift, x, y + shift, task="values").draw(0), members, Training((getattr(learner, "epochs", 0),)))
        for shift in (0.0, 1e9)
    )
    for view in ("train", "test"):
        a, b = one.views[view], other.views[view]
        np.testing.assert_allclose(a.loss_nats[-1], b.loss_nats[-1], atol=1e-3)
        np.testing.assert_allclose(a.logits, b.logits - 1e9, atol=1e-4)
