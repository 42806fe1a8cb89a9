"""Estimator: any scikit-learn model, by instance or name; one key for one meaning."""

import json

import numpy as np
import pytest
import sklearn
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import BaggingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from byheart.errors import InputRefused, UnknownName, UsageError
from byheart.learners.estimator import Estimator
from byheart.tasks.arrays import Arrays
from byheart.tasks.data import Data, Examples, Truth
from byheart.tasks.digits import Digits
from byheart.tasks.output import KINDS, Column, Values
from byheart.training.members import Members, balanced
from byheart.training.training import Training

RECORD = Training((0,))


@pytest.fixture(scope="module")
def digits():
    return Digits(n=120).draw(0)


@pytest.fixture(scope="module")
def members(digits):
    return balanced(120, 3, 0.7, 0)


def forest():
    return make_pipeline(StandardScaler(), BaggingClassifier(DecisionTreeClassifier(max_depth=4), n_estimators=3))


def test_it_is_the_estimator_itself(digits, members):
    run = Estimator.of(KNeighborsClassifier(1)).fit(digits, members, RECORD)
    flat = {view: e.x.reshape(len(e), -1) for view, e in digits.views.items()}
    for j, seen in enumerate(members.mask):
        model = KNeighborsClassifier(1).fit(flat["train"][seen], digits.train.y[seen])
        correct = model.predict(flat["test"]) == digits.views["test"].y
        np.testing.assert_array_equal(run.views["test"].correct[0, j], correct)
    assert run.views["train"].correct[0][members.mask].all()
    assert run.about["outputs"] == "probabilities"


def test_by_name_and_by_instance_have_one_key():
    a = Estimator.of(RandomForestClassifier(n_estimators=20))
    b = Estimator(cls="RandomForestClassifier", params={"n_estimators": 20})
    c = Estimator(cls="RandomForestClassifier", params={"n_estimators": 20, "max_depth": None, "n_jobs": 4})
    assert a == b == c
    assert a.key() == b.key() == c.key()
    assert a.releases == {"sklearn": sklearn.__version__}
    assert a.keyed
    assert a.portable
    assert a.title(None) == "RandomForestClassifier"


@pytest.mark.parametrize("params", [{"n_estimators": 21}, {"n_estimators": 20, "max_depth": 3}])
def test_another_parameter_is_another_key(params):
    a = Estimator(cls="RandomForestClassifier", params={"n_estimators": 20})
    assert a.key() != Estimator(cls="RandomForestClassifier", params=params).key()


def test_parameters_of_the_steps_are_in_the_key():
    a, b = (make_pipeline(StandardScaler(), LogisticRegression(C=c)) for c in (1.0, 2.0))
    assert Estimator.of(a).key() != Estimator.of(b).key()
    assert Estimator.of(a).key() == Estimator.of(make_pipeline(StandardScaler(), LogisticRegression())).key()


@pytest.mark.parametrize(
    "make",
    [
        forest,
        lambda: make_pipeline(SimpleImputer(missing_values=-1.0), LogisticRegression(class_weight={0: 2.0, 1: 1})),
        lambda: make_pipeline(SimpleImputer(fill_value=np.nan), DummyClassifier(strategy="constant", constant=2)),
        lambda: GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=2),
        lambda: make_pipeline(ColumnTransformer([("a", StandardScaler(), [0, 1])]), DecisionTreeClassifier()),
        lambda: GridSearchCV(DecisionTreeClassifier(), {"max_depth": np.array([1, 2])}),
    ],
)
def test_a_worker_makes_the_same_from_the_fields(make):
    """Through JSON, as the ledger keeps them."""
    learner = Estimator.of(make())
    fields = json.loads(json.dumps(learner.describe(), allow_nan=False))
    again = Estimator(**{name: fields[name] for name in ("cls", "params", "releases")})
    assert learner.keyed
    assert again.key() == learner.key()


def test_random_states_follow_the_members_seeds(digits, members):
    """In every step, whatever was set; and the instance given is never fitted."""
    given = make_pipeline(StandardScaler(), RandomForestClassifier(n_estimators=3, random_state=7))
    learner = Estimator.of(given)
    a = learner.fit(digits, members, RECORD).views["test"].logits
    np.testing.assert_array_equal(a, learner.fit(digits, members, RECORD).views["test"].logits)
    same_mask = Members(np.array([1, 2]), np.repeat(members.mask[:1], 2, axis=0))
    b = learner.fit(digits, same_mask, RECORD).views["test"].logits
    assert (b[0] != b[1]).any()
    assert given.steps[1][1].random_state == 7
    assert not hasattr(given.steps[1][1], "estimators_")


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_missing_classes_are_mapped_by_label(digits):
    mask = (digits.train.y >= 5)[None]
    run = Estimator.of(LogisticRegression(max_iter=20)).fit(digits, Members(np.zeros(1, int), mask), RECORD)
    logits = run.views["test"].logits[0]
    np.testing.assert_allclose(logits[:, :5], np.log(1 / 122), rtol=1e-5)
    assert set(logits.argmax(1)) <= set(range(5, 10))


def test_tables_are_prepared_on_the_members_rows():
    rng = np.random.default_rng(0)
    x = np.column_stack([rng.normal(size=60) * 1000, rng.integers(0, 3, 60)])
    x[rng.random(x.shape) < 0.2] = np.nan
    train = Examples(np.arange(60), x, rng.normal(size=60))
    columns = (Column("a", "number"), Column("b", "category", ("u", "v", "w")))
    data = Data({"train": train}, Values(1, columns=columns), Truth(), {})
    run = Estimator.of(Ridge()).fit(data, balanced(60, 2, 0.7, 0), RECORD)
    assert np.isfinite(run.views["train"].logits).all()
    assert run.views["train"].correct is None
    assert run.about["outputs"] == "values"


class Sometimes(ClassifierMixin, BaseEstimator):
    """Fails where its subset has the first example."""

    def __init__(self, first=0.0, always=False, shape=None):
        self.first, self.always, self.shape = first, always, shape

    def fit(self, x, y):
        if self.always or (x[:, 0] == self.first).any():
            raise ValueError("no convergence")
        self.classes_ = np.arange(10)
        return self

    def predict(self, x):
        return np.zeros(len(x), int)

    def predict_proba(self, x):
        return np.full((len(x), 10), 0.1)


@pytest.fixture
def numbered(digits):
    """Digits whose first pixel is their position."""
    x = digits.train.x.copy()
    x[:, 0, 0] = np.arange(120)
    train = Examples(digits.train.ids, x, digits.train.y)
    return Data({**digits.views, "train": train}, digits.output, digits.truth, {})


def test_a_member_that_fails_is_counted_and_the_rest_goes_on(numbered):
    members = balanced(120, 6, 0.7, 0)
    run = Estimator.of(Sometimes()).fit(numbered, members, RECORD)
    failing = np.flatnonzero(members.mask[:, 0])
    assert 0 < len(failing) < 6
    assert [j for j, _ in run.failed] == failing.tolist()
    assert {why for _, why in run.failed} == {"ValueError: no convergence"}
    np.testing.assert_array_equal(run.members.mask, members.mask[~members.mask[:, 0]])
    assert run.views["test"].logits.shape == (6 - len(failing), 360, 10)


def test_where_all_fail_the_run_is_empty_and_says_why(numbered, members):
    run = Estimator.of(Sometimes(always=True)).fit(numbered, members, RECORD)
    assert len(run.members) == 0
    assert len(run.failed) == 3
    assert all("no convergence" in why for _, why in run.failed)
    assert run.views["train"].logits.shape[0] == 0


@pytest.mark.parametrize(
    "instance, kind, said",
    [
        (Ridge(), "classes", "a classifier.*got Ridge, a regressor"),
        (LogisticRegression(), "values", "a regressor.*got LogisticRegression, a classifier"),
        (KMeans(), "classes", "a classifier.*got KMeans, which is neither"),
    ],
)
def test_what_does_not_suit_the_data_is_refused(instance, kind, said, digits, members):
    y = digits.train.y if kind == "classes" else digits.train.y.astype(float)
    train = Examples(digits.train.ids, digits.train.x, y)
    data = Data({"train": train}, KINDS[kind](10 if kind == "classes" else 1), Truth(), {})
    with pytest.raises(InputRefused, match=said):
        Estimator.of(instance).fit(data, members, RECORD)


@pytest.mark.parametrize(
    "cls, params, error, said",
    [
        ("RandomForrestClassifier", {}, UnknownName, "Nearest: RandomForestClassifier"),
        ("logisticregression", {}, UnknownName, "Nearest: LogisticRegression"),
        ("SVC", {"kernal": "rbf"}, UnknownName, "Nearest: kernel"),
        ("nowhere.at_all:Thing", {}, UnknownName, "Install its package"),
        ("SVC", {"C": float("nan")}, UsageError, "nan"),
    ],
)
def test_wrong_names_name_the_nearest(cls, params, error, said):
    if error is UsageError:  # a parameter that JSON has not is written down all the same
        assert Estimator(cls=cls, params=params).params == {"C": {"float": said}}
        return
    with pytest.raises(error, match=said):
        Estimator(cls=cls, params=params)


def test_other_versions_than_the_keys_are_refused():
    with pytest.raises(InputRefused, match=r"the versions of the key: \{'sklearn': '0.1'\}"):
        Estimator(cls="SVC", params={}, releases={"sklearn": "0.1"})


def test_a_class_is_not_an_instance():
    with pytest.raises(InputRefused, match="got the class SVC"):
        Estimator.of(sklearn.svm.SVC)


@pytest.mark.parametrize(
    "instance, why",
    [
        (GridSearchCV(LogisticRegression(max_iter=5), {"C": [1.0]}, cv=KFold(2)), "cv is a KFold"),
        (make_pipeline(FunctionTransformer(np.abs), LogisticRegression(max_iter=5)), "func is a ufunc"),
    ],
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_what_cannot_be_written_down_runs_but_is_not_kept(instance, why, digits, members):
    learner = Estimator.of(instance)
    assert not learner.keyed
    assert not learner.portable
    assert why in learner.unkeyed_reason
    assert learner.fit(digits, members, RECORD).views["test"].correct.mean() > 0.5


def test_a_users_own_class_is_keyed_by_its_code(tmp_path):
    from byheart.fingerprint.trust import load

    source = "from sklearn.linear_model import Ridge\nclass Mine(Ridge):\n    def twice(self): return 2\n"
    file = tmp_path / "mine.py"
    file.write_text(source)
    a = Estimator.of(load(file, "Mine")(alpha=3.0))
    assert a.keyed
    assert a.cls == f"{file}:Mine"
    assert Estimator(cls=a.cls, params=a.params, releases=a.releases).key() == a.key()
    file.write_text(source.replace("2", "3"))
    assert Estimator.of(load(file, "Mine")(alpha=3.0)).key() != a.key()
    with pytest.raises(InputRefused, match="the versions of the key"):
        Estimator(cls=a.cls, params=a.params, releases=a.releases)


def _arrays(width, missing="refuse"):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, width)) * 1000 + 5000
    y = (x[:, 0] > 5000).astype(int)
    if missing == "impute":
        x[::7, 1] = np.nan
    return Arrays.of(x, y, missing=missing).draw(0)


@pytest.mark.parametrize("width", [2, 12, 13, 20])
@pytest.mark.parametrize("missing", ["refuse", "impute"])
def test_arrays_go_in_as_they_are_whatever_their_width(width, missing):
    data = _arrays(width, missing)
    members = balanced(len(data.train), 3, 0.7, 0)
    run = Estimator.of(KNeighborsClassifier(3)).fit(data, members, RECORD)
    for j, seen in enumerate(members.mask):
        imputer = SimpleImputer(strategy="median").fit(data.train.x[seen])
        train, test = imputer.transform(data.train.x), imputer.transform(data.views["test"].x)
        model = KNeighborsClassifier(3).fit(train[seen], data.train.y[seen])
        correct = model.predict(test) == data.views["test"].y
        np.testing.assert_array_equal(run.views["test"].correct[0, j], correct)
    assert ("median" in run.about["inputs"]) == (missing == "impute")
    assert run.about["inputs"].startswith("as given")


def test_the_instance_given_is_the_one_that_runs(digits, members):
    """Its class is changed at run time; its file does not say so."""
    learner = Estimator.of(Sometimes(always=False, first=-7.0))
    kept = Sometimes.predict
    try:
        Sometimes.predict = lambda self, x: np.ones(len(x), int)
        run = Estimator.of(Sometimes(first=-7.0)).fit(digits, members, RECORD)
        assert Estimator.of(Sometimes(first=-7.0)).key() != learner.key()
    finally:
        Sometimes.predict = kept
    np.testing.assert_array_equal(run.views["test"].correct[0, 0], digits.views["test"].y == 1)
