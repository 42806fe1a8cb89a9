"""UserFit: the user's own training, once a member, in a world of its own."""

import random

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch import nn

from byheart.errors import InputRefused
from byheart.learners.torch_module import FromFactory
from byheart.learners.userfit import UserFit
from byheart.tasks.arrays import Arrays
from byheart.tasks.data import Data, Examples, Truth
from byheart.tasks.digits import Digits
from byheart.tasks.output import Values
from byheart.training.members import Members, balanced
from byheart.training.training import Training

RECORD = Training((0,))


@pytest.fixture(scope="module")
def digits():
    return Digits(n=120).draw(0)


@pytest.fixture(scope="module")
def members():
    return balanced(120, 4, 0.7, 0)


def constant(new):
    return np.tile(np.arange(10.0), (len(new), 1))


def test_it_gets_the_subset_and_the_members_seed(digits, members, untouched):
    calls = []

    def fit(x, y, seed):
        calls.append((x, y, seed))
        return constant

    run = UserFit.of(fit).fit(digits, members, RECORD)
    for (x, y, seed), mask, member_seed in zip(calls, members.mask, members.seeds):
        np.testing.assert_array_equal(x, digits.train.x[mask])
        np.testing.assert_array_equal(y, digits.train.y[mask])
        assert y.dtype == np.int64
        assert isinstance(seed, int)
        assert seed == member_seed % 2**31
    assert run.about["outputs"] == "logits"
    assert run.checkpoints == (0,)


def test_what_it_writes_into_its_arrays_stays_there(digits, members):
    def fit(x, y, seed):
        x *= 0
        y *= 0
        return constant

    before = digits.train.x.copy(), digits.train.y.copy()
    UserFit.of(fit).fit(digits, members, RECORD)
    np.testing.assert_array_equal(digits.train.x, before[0])
    np.testing.assert_array_equal(digits.train.y, before[1])


def test_global_generators_start_at_the_seed_and_come_back(digits, members, untouched):
    def fit(x, y, seed):
        noise = random.random() + np.random.rand() + torch.rand(()).item()
        return lambda new: constant(new) + noise * np.eye(10)[0]

    learner = UserFit.of(fit)
    a, b = (learner.fit(digits, members, RECORD).views["test"].logits for _ in range(2))
    np.testing.assert_array_equal(a, b)
    assert len(np.unique(a[:, 0, 0])) == 4


def network(x, y, seed):
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 10))
    steps = torch.optim.Adam(net.parameters(), lr=0.01)
    for _ in range(30):
        steps.zero_grad()
        nn.functional.cross_entropy(net(torch.from_numpy(x)), torch.from_numpy(y)).backward()
        steps.step()
    return net


def test_a_network_of_the_users(digits, members):
    run = UserFit.of(network).fit(digits, members, RECORD)
    assert run.about["parameters"] == 64 * 16 + 16 + 16 * 10 + 10
    assert run.views["test"].correct.mean() > 0.5


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_estimators_labels_and_probabilities(digits, members):
    def tree(x, y, seed):
        return LogisticRegression(max_iter=50).fit(x.reshape(len(x), -1), y)

    def flat(x, y, seed):
        model = tree(x, y, seed)
        return lambda new: model.predict(new.reshape(len(new), -1))

    def soft(x, y, seed):
        model = tree(x, y, seed)
        return lambda new: model.predict_proba(new.reshape(len(new), -1))

    labels = UserFit.of(flat).fit(digits, members, RECORD)
    chances = UserFit.of(soft).fit(digits, members, RECORD)
    assert labels.about["outputs"] == "labels"
    assert chances.about["outputs"] == "probabilities"
    np.testing.assert_array_equal(labels.views["test"].correct, chances.views["test"].correct)
    assert set(np.unique(labels.views["test"].logits)) == {0.0, 1.0}


def test_values(members):
    rng = np.random.default_rng(0)
    train = Examples(np.arange(120), rng.normal(size=(120, 3)), rng.normal(size=120))
    data = Data({"train": train}, Values(1), Truth(), {})

    def fit(x, y, seed):
        return lambda new: np.full((len(new), 1), y.mean())

    run = UserFit.of(fit).fit(data, members, RECORD)
    means = np.array([train.y[mask].mean() for mask in members.mask])
    np.testing.assert_allclose(run.views["train"].loss_nats[0], (means[:, None] - train.y) ** 2, rtol=1e-4, atol=1e-6)


def fails_on_first(x, y, seed):
    if x[0, 0, 0] < 0:
        raise FloatingPointError("loss is nan")
    return constant


def marked(digits):
    x = digits.train.x.copy()
    x[0, 0, 0] = -1
    train = Examples(digits.train.ids, x, digits.train.y)
    return Data({**digits.views, "train": train}, digits.output, digits.truth, {})


def test_a_member_that_fails_is_counted_with_the_users_line(digits, members):
    run = UserFit.of(fails_on_first).fit(marked(digits), members, RECORD)
    failing = np.flatnonzero(members.mask[:, 0])
    assert 0 < len(failing) < 4
    assert [j for j, _ in run.failed] == failing.tolist()
    assert "test_userfit.py line" in run.failed[0][1]
    assert run.failed[0][1].endswith('raise FloatingPointError("loss is nan"); FloatingPointError: loss is nan')
    assert len(run.members) == 4 - len(failing)


def test_a_model_that_diverged_is_a_failed_member(digits, members):
    def fit(x, y, seed):
        return lambda new: constant(new) * (np.nan if x[0, 0, 0] < 0 else 1)

    run = UserFit.of(fit).fit(marked(digits), members, RECORD)
    assert [j for j, _ in run.failed] == np.flatnonzero(members.mask[:, 0]).tolist()
    assert "NaN or infinite" in run.failed[0][1]


def test_where_all_fail_the_run_is_empty_and_says_why(digits, members):
    def fit(x, y, seed):
        raise ValueError(f"no {len(x)}")

    run = UserFit.of(fit).fit(digits, members, RECORD)
    assert len(run.members) == 0
    assert len(run.failed) == 4
    assert all("ValueError: no 84" in why for _, why in run.failed)
    assert run.views["train"].logits.shape[0] == 0


def test_a_wrong_shape_is_an_error_for_all(digits, members):
    """Not a failed member: no member could be right."""

    def fit(x, y, seed):
        return constant if x[0, 0, 0] < 0 else (lambda new: np.zeros((len(new), 7)))

    with pytest.raises(InputRefused, match=r"\(120, 10\): examples by classes, got \(120, 7\)"):
        UserFit.of(fit).fit(marked(digits), members, RECORD)


def test_what_the_training_view_looks_like_holds_for_all(digits, members):
    """The test view's rows sum to 1 by chance; they are logits all the same."""

    def fit(x, y, seed):
        return lambda new: np.full((len(new), 10), 0.1 if len(new) == 360 else 0.2)

    run = UserFit.of(fit).fit(digits, members, RECORD)
    np.testing.assert_allclose(run.views["test"].logits, 0.1)


def test_no_function_is_refused():
    with pytest.raises(InputRefused, match=r"fit\(x, y, seed\), got int"):
        UserFit.of(3)


FILE = """
import numpy as np
SCALE = 2.0
def fit(x, y, seed):
    import late
    return lambda new: np.tile(np.arange(10.0) * SCALE * late.ONE, (len(new), 1))
"""


@pytest.fixture
def file(tmp_path):
    (tmp_path / "late.py").write_text("ONE = 1.0\n")
    (tmp_path / "my_audit.py").write_text(FILE)
    return tmp_path / "my_audit.py"


def test_a_worker_loads_it_from_its_fields(file, digits, members):
    from byheart.fingerprint.trust import load

    here = UserFit.of(load(file, "fit"))
    assert here.keyed
    assert here.portable
    assert here.unkeyed_reason == ""
    fields = {name: here.describe()[name] for name in UserFit.model_fields}
    there = UserFit(**fields)
    assert there.key() == here.key()
    a, b = (learner.fit(digits, members, RECORD).views["test"].logits for learner in (here, there))
    np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(a[0, 0], np.arange(10.0) * 2)


@pytest.mark.parametrize("name", ["my_audit.py", "late.py"])
def test_code_that_changed_since_is_refused(file, digits, members, name):
    from byheart.fingerprint.trust import load

    fields = {name: UserFit.of(load(file, "fit")).describe()[name] for name in UserFit.model_fields}
    changed = file.parent / name
    changed.write_text(changed.read_text().replace("2.0", "3.0").replace("1.0\n", "1.5\n"))
    with pytest.raises(InputRefused, match="as it was when the audit began"):
        UserFit(**fields).fit(digits, members, RECORD)


def test_what_cannot_be_read_is_not_kept(digits, members):
    rng = np.random.default_rng(0)

    def fit(x, y, seed):
        return lambda new: constant(new) + rng.normal()

    learner = UserFit.of(fit)
    assert not learner.keyed
    assert not learner.portable
    assert "rng, which" in learner.unkeyed_reason
    assert len(learner.fit(digits, members, RECORD).members) == 4


def test_the_key_follows_code_and_returns():
    a, b, c = UserFit.of(network), UserFit.of(fails_on_first), UserFit.of(network, returns="logits")
    assert len({a.key(), b.key(), c.key()}) == 3
    assert UserFit.of(network).key() == a.key()
    assert a.title(None) == "network"


def test_a_member_alone_is_the_member_in_the_bank(digits, members):
    run = UserFit.of(network).fit(digits, members, RECORD)
    alone = UserFit.of(network).fit(digits, Members(members.seeds[2:3], members.mask[2:3]), RECORD)
    np.testing.assert_array_equal(alone.views["test"].logits[0], run.views["test"].logits[2])


@pytest.mark.parametrize("width", [3, 12, 13])
def test_arrays_reach_the_training_as_they_are(width):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(60, width)) * 1000 + 5000, np.arange(60) % 2
    x[::7, 1] = np.nan
    data = Arrays.of(x, y, missing="impute").draw(0)
    members, calls = balanced(len(data.train), 2, 0.7, 0), []

    def fit(x, y, seed):
        calls.append(x)
        return lambda new: np.zeros((len(new), 2)) + np.isnan(new).any()

    run = UserFit.of(fit).fit(data, members, RECORD)
    for given, seen in zip(calls, members.mask):
        np.testing.assert_array_equal(given, x[data.train.ids[seen]])
    assert (run.views["train"].logits == 1).all()
    assert run.about["inputs"] == f"as given, float64 arrays of shape (n, {width})"


@pytest.mark.parametrize("width", [3, 13])
def test_a_module_is_refused_missing_cells_by_name(width):
    x = np.random.default_rng(0).normal(size=(60, width))
    x[3:7, 1] = np.nan
    data = Arrays.of(x, np.arange(60) % 2, missing="impute").draw(0)
    with pytest.raises(InputRefused, match="without missing cells for a module of your own"):
        FromFactory.of(lambda: nn.Linear(width, 2), epochs=1).fit(data, balanced(len(data.train), 2, 0.7, 0), RECORD)
