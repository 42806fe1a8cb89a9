"""Code of the user's gets the user's data: spies of every kind are given every kind of input."""

import json
import random
import warnings

import numpy as np
import pytest
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from torch import nn

from byheart.errors import InputRefused
from byheart.learners.attribution_run import Questions, attributed
from byheart.learners.estimator import Estimator
from byheart.learners.torch_module import FromFactory
from byheart.learners.userfit import UserFit
from byheart.ledger.base import Result
from byheart.ledger.sqlite import SqliteLedger
from byheart.study.serialization import data_from, data_result
from byheart.tasks.arrays import Arrays
from byheart.tasks.containers import NamedColumns
from byheart.tasks.table import Table
from byheart.training.members import balanced
from byheart.training.training import Training

N = 60
Y = np.arange(N) % 2
RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(N, 4)) * 3
PICTURES = RNG.integers(0, 256, (N, 6, 7), np.uint8)
HOLED = np.where(RNG.random((N, 4)) < 0.2, np.nan, ROWS)
CHANNELS_LAST = torch.from_numpy(RNG.random((N, 3, 6, 7), np.float32)).to(memory_format=torch.channels_last)

INPUTS = {
    "uint8 pictures": PICTURES,
    "float16": ROWS.astype(np.float16),
    "float32": ROWS.astype(np.float32),
    "float64": ROWS,
    "big endian": ROWS.astype(">f8"),
    "int64": ROWS.astype(np.int64),
    "int8": ROWS.astype(np.int8),
    "bool": ROWS > 0,
    "Fortran": np.asfortranarray(ROWS),
    "Fortran pictures": np.asfortranarray(PICTURES),
    "missing": HOLED,
    "list of floats": ROWS.tolist(),
    "list of whole numbers": ROWS.astype(int).tolist(),
    "list of arrays": list(PICTURES),
    **{f"tensor {t}": torch.from_numpy(ROWS * 9).to(getattr(torch, t)) for t in (
        "float64", "float32", "float16", "bfloat16", "int64", "int32",
    )},
    "tensor bool": torch.from_numpy(ROWS > 0),
    "tensor of bytes": torch.from_numpy(PICTURES),
    "tensor, channels last": CHANNELS_LAST,
    "tensor, missing": torch.from_numpy(HOLED),
}  # fmt: skip


def kept(value):
    """All that a user can see of an input: type, dtype, shape, order in memory, values (missing ones too)."""
    if isinstance(value, list):
        return list, type(value[0]), json.dumps([np.asarray(row).tolist() for row in value])
    if torch.is_tensor(value):
        order = value.is_contiguous(), value.dim() == 4 and value.is_contiguous(memory_format=torch.channels_last)
        return torch.Tensor, value.dtype, tuple(value.shape), order, repr(value.tolist())
    order = value.flags.c_contiguous, value.flags.f_contiguous
    return type(value), value.dtype, value.shape, order, repr(value.tolist())


def cut(value, rows):
    """What the user would have cut himself, by position."""
    if isinstance(value, list):
        return [value[row] for row in rows]
    if torch.is_tensor(value):
        made = value[torch.from_numpy(rows)]
        last = value.dim() == 4 and not value.is_contiguous()
        return made.contiguous(memory_format=torch.channels_last) if last else made
    return value[rows].copy(order="F") if value.flags.f_contiguous and value.ndim > 1 else value[rows]


class Spy(nn.Module):
    """A module that takes any tensor, and writes down what it gets."""

    def __init__(self, met):
        super().__init__()
        self.met, self.weight = [met], nn.Parameter(torch.zeros(1))

    def forward(self, x):
        self.met[0].append(x.clone())
        return x.new_zeros(len(x), 2, dtype=torch.float32) * self.weight + self.weight


class SpyEstimator(ClassifierMixin, BaseEstimator):
    """An estimator that takes anything, and writes down what it gets."""

    fitted, asked = [], []

    def fit(self, x, y):
        self.fitted.append((x, y))
        self.classes_ = np.arange(2)
        return self

    def predict(self, x):
        self.asked.append(x)
        return np.zeros(len(x), int)


def drawn(x, y=Y, **options):
    """Through the ledger's form and back, as every step of an audit gets them."""
    data = Arrays.of(x, y, missing="keep", **options).draw(0)
    result = data_result(data)
    return data_from(Result(json.loads(json.dumps(result.document)), result.arrays))


def members_of(data):
    return balanced(len(data.train), 3, 0.7, 0)


@pytest.mark.parametrize("name", INPUTS)
def test_fit_and_what_it_returns_get_what_was_given(name):
    x, data = INPUTS[name], drawn(INPUTS[name])
    members, fitted, asked = members_of(data), [], []

    def fit(x, y, seed):
        fitted.append((x, y))
        return lambda new: asked.append(new) or np.zeros((len(new), 2))

    run = UserFit.of(fit).fit(data, members, Training((0,)))
    for (got, y), mask in zip(fitted, members.mask):
        assert kept(got) == kept(cut(x, data.train.ids[mask]))
        np.testing.assert_array_equal(y, Y[data.train.ids[mask]])
    for view, got in zip(("train", "test"), asked):
        assert kept(got) == kept(cut(x, data.views[view].ids))
    assert run.about["inputs"].startswith("as given, ")


@pytest.mark.parametrize("name", INPUTS)
def test_estimators_get_what_was_given(name):
    x, data = INPUTS[name], drawn(INPUTS[name])
    members = members_of(data)
    SpyEstimator.fitted, SpyEstimator.asked = [], []
    Estimator.of(SpyEstimator()).fit(data, members, Training((0,)))
    flat = data.train.x.ndim > 2

    def wanted(rows):
        mine = cut(x, rows)
        mine = np.array(mine) if flat and isinstance(mine, list) else mine
        return mine.reshape(len(rows), -1) if flat else mine

    for (got, y), mask in zip(SpyEstimator.fitted[-3:], members.mask):
        assert kept(got) == kept(wanted(data.train.ids[mask]))
        np.testing.assert_array_equal(y, Y[data.train.ids[mask]])
    assert kept(SpyEstimator.asked[-2]) == kept(wanted(data.train.ids))
    assert kept(SpyEstimator.asked[-1]) == kept(wanted(data.views["test"].ids))


@pytest.mark.parametrize("name", INPUTS)
def test_modules_of_a_factory_get_what_was_given(name):
    x, data, met = INPUTS[name], drawn(INPUTS[name]), []
    run = FromFactory.of(lambda: Spy(met), epochs=1, batch=200).fit(data, members_of(data), Training((1,)))
    mine = cut(x, data.train.ids)
    mine = mine if torch.is_tensor(mine) else torch.as_tensor(np.array(mine).astype(np.array(mine).dtype.newbyteorder("=")))
    assert {one.dtype for one in met} == {mine.dtype}
    assert {one.shape[1:] for one in met} == {mine.shape[1:]}
    whole = [one for one in met if len(one) == len(mine)]
    assert whole
    assert all(repr(one.tolist()) == repr(mine.tolist()) for one in whole)
    assert run.about["inputs"].startswith("as given, ")


CSV = "age;town;joined;pay;grade\n" + "\n".join(
    f"{20 + i};{('Ulm', 'Bonn')[i % 2] if i % 7 else ''};2024-01-{1 + i % 28:02d};{i * 1.5};{'ab'[i % 3 == 0]}" for i in range(N)
)  # fmt: skip


@pytest.mark.parametrize("kind", ["fit", "estimator"])
def test_a_table_arrives_with_the_names_of_its_columns(kind, tmp_path):
    (tmp_path / "t.csv").write_text(CSV)
    data = Table.of(tmp_path / "t.csv", "grade", keep=("age",)).draw(0)
    result = data_result(data)
    data = data_from(Result(json.loads(json.dumps(result.document)), result.arrays))
    members, fitted, asked = members_of(data), [], []

    def fit(x, y, seed):
        fitted.append((x, y))
        return lambda new: asked.append(new) or np.zeros((len(new), 2))

    if kind == "fit":
        UserFit.of(fit).fit(data, members, Training((0,)))
    else:
        SpyEstimator.fitted, SpyEstimator.asked = fitted, asked
        Estimator.of(SpyEstimator()).fit(data, members, Training((0,)))
    for (x, _), mask in zip(fitted[-3:], members.mask):
        rows = data.train.ids[mask]
        assert type(x) is NamedColumns
        assert x.columns == ("age", "town", "joined", "joined (weekday)", "pay")
        assert (x.dtype, x.shape) == (np.float64, (mask.sum(), 5))
        np.testing.assert_array_equal(x["age"], 20 + rows)
        np.testing.assert_array_equal(x["pay"], rows * 1.5)
        assert x.categories["town"] == ("Bonn", "Ulm")
        assert [*x.categories] == ["town", "joined (weekday)"]
        np.testing.assert_array_equal(x["town"], np.where(rows % 7 == 0, np.nan, 1 - rows % 2))
        np.testing.assert_array_equal(x["joined"], 19723 + rows % 28)
        assert x[3:5].columns == x.columns
        assert x[:, ::-1].columns == ()
    assert all(type(x) is NamedColumns and x.columns[1] == "town" for x in asked)


@pytest.mark.parametrize("x", [np.full((N, 2), "a"), np.full((N, 2), 1.5, object), [["a", 1.0]] * N])
def test_what_has_no_numbers_is_refused_and_not_converted(x):
    with pytest.raises(InputRefused, match="numbers in x"):
        drawn(x)


def test_labels_come_in_the_container_they_were_given_in():
    met = []

    def fit(x, y, seed):
        met.append(y)
        return lambda new: np.zeros(len(new))

    for y, task in ((Y, "classes"), (Y.tolist(), "classes"), (torch.from_numpy(Y), "classes"),
                    (ROWS[:, 0].astype(np.float32), "values"), (torch.from_numpy(ROWS[:, 0]).float(), "values")):  # fmt: skip
        data = drawn(ROWS, y, task=task)
        UserFit.of(fit).fit(data, members_of(data), Training((0,)))
    types = [(type(y), y.dtype) for y in met[::3]]
    assert types == [(np.ndarray, np.int64), (np.ndarray, np.int64), (torch.Tensor, torch.int64),
                     (np.ndarray, np.float32), (torch.Tensor, torch.float32)]  # fmt: skip


def test_the_ledger_keeps_type_and_order(tmp_path):
    for name, x in INPUTS.items():
        data = Arrays.of(x, Y, missing="keep").draw(0)
        ledger = SqliteLedger(tmp_path / name.replace(" ", "-"))
        ledger.put("a" * 64, data_result(data))
        back = data_from(ledger.get("a" * 64))
        for view in data.views:
            assert kept(back.views[view].given("x")) == kept(data.views[view].given("x"))
            assert kept(back.views[view].given("x")) == kept(cut(x, data.views[view].ids))


def test_whole_numbers_that_a_module_does_not_take_are_refused_and_floats_take_the_type_of_its_weights():
    make = lambda: nn.Sequential(nn.Flatten(), nn.Linear(42, 2))  # noqa: E731
    data = drawn(PICTURES)
    with pytest.raises(InputRefused, match=r"takes uint8 x of shape \(3, 6, 7\), as it was given.*x.float\(\) / 255"):
        FromFactory.of(make, epochs=1).fit(data, members_of(data), Training((1,)))
    with pytest.raises(InputRefused, match="takes uint8 x of shape"):
        UserFit.of(lambda x, y, seed: make()).fit(data, members_of(data), Training((0,)))
    run = FromFactory.of(lambda: nn.Linear(4, 2), epochs=1).fit(drawn(ROWS), members_of(drawn(ROWS)), Training((1,)))
    assert run.about["inputs"] == "as given, float64 arrays of shape (n, 4), as float32 tensors"


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "name, takes",
    [("HistGradientBoostingClassifier", True), ("DecisionTreeClassifier", True), ("LogisticRegression", False),
     ("KNeighborsClassifier", False)],
)  # fmt: skip
def test_missing_cells_reach_the_estimators_that_take_them(name, takes):
    for data in (drawn(HOLED), drawn(ROWS, x_test=HOLED, y_test=Y)):
        learner = Estimator(cls=name)
        if not takes:
            with pytest.raises(InputRefused, match=f"{name}, which does not take them"):
                learner.fit(data, members_of(data), Training((0,)))
            continue
        run = learner.fit(data, members_of(data), Training((0,)))
        assert not run.failed
        assert "median" not in run.about["inputs"]


def test_an_estimator_that_a_few_rows_do_not_serve_is_tried_on_all():
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.model_selection import GridSearchCV

    grid = {"max_iter": [2, 3]}
    data = drawn(HOLED)
    search = GridSearchCV(HistGradientBoostingClassifier(), grid, cv=12)  # more folds than the few rows of a class
    run = Estimator.of(search).fit(data, members_of(data), Training((0,)))
    assert not run.failed
    assert "median" not in run.about["inputs"]


# what user code does to x, to its modules and to the process reaches no other member


def spoils(x):
    x *= 0
    return x


class InPlace(nn.Module):
    """A network that normalises its input in place."""

    def __init__(self):
        super().__init__()
        self.last = nn.Linear(4, 2)

    def forward(self, x):
        return self.last(x.mul_(0.5))


class Plain(InPlace):
    """The same network without writing into its input."""

    def forward(self, x):
        return self.last(x * 0.5)


class SpoilingEstimator(SpyEstimator):
    def fit(self, x, y):
        super().fit(x.copy(), y.copy())
        y *= 0
        x *= 0
        return self

    def predict(self, x):
        super().predict(x.copy())
        x *= 0
        return np.zeros(len(x), int)

    def predict_proba(self, x):
        assert x.any()
        return np.full((len(x), 2), 0.5)


def test_what_models_write_into_x_stays_there():
    data = drawn(ROWS)
    members, seen = members_of(data), []

    def fit(x, y, seed):
        seen.append(x.copy())
        spoils(x)
        return lambda new: seen.append(new.copy()) or np.zeros((len(new), 2)) + spoils(new)[:, :2]

    UserFit.of(fit).fit(data, members, Training((0,)))
    SpoilingEstimator.fitted, SpoilingEstimator.asked = [], []
    Estimator.of(SpoilingEstimator()).fit(data, members, Training((0,)))
    whole = [x for x in (*seen, *SpoilingEstimator.asked) if len(x) == len(data.train)]
    assert len(whole) == 6
    assert all(np.array_equal(x, ROWS[data.train.ids]) for x in whole)
    np.testing.assert_array_equal(data.train.x, ROWS[data.train.ids])
    net = UserFit.of(lambda x, y, seed: InPlace().double()).fit(data, members, Training((0,)))
    twin = UserFit.of(lambda x, y, seed: Plain().double()).fit(data, members, Training((0,)))
    np.testing.assert_array_equal(net.views["train"].logits, twin.views["train"].logits)


@pytest.mark.parametrize("way", ["each", "functional"])
def test_a_module_that_writes_into_x_trains_as_one_that_does_not(way):
    data = drawn(ROWS.astype(np.float32))
    a, b = (
        FromFactory.of(make, epochs=3).fit(data, members_of(data), Training((1, 3), way=way)) for make in (InPlace, Plain)
    )
    for view in data.views:
        np.testing.assert_array_equal(a.views[view].logits, b.views[view].logits)


@pytest.mark.parametrize("effect", ["unrolled", "curvature", "checkpoints"])
def test_credit_and_effect_of_a_module_that_writes_into_x_are_those_of_one_that_does_not(effect):
    data = drawn(ROWS.astype(np.float32))
    everything, asked = balanced(len(data.train), 1, 1.0, 0), Questions(credit=True, effect=effect, test=3, train=3)
    a, b = (
        attributed(FromFactory.of(make, epochs=3, batch=16), data, everything, asked).attribution
        for make in (InPlace, Plain)
    )
    assert np.abs(b["effect"]).max() > 0
    for name in ("credit", "effect", "output"):
        np.testing.assert_array_equal(a[name], b[name])


class Shares(nn.Module):
    """A layer of its own on one that it is given."""

    def __init__(self, body):
        super().__init__()
        self.body, self.last = body, nn.Linear(4, 2)

    def forward(self, x):
        return self.last(self.body(x))


def frozen():
    body = nn.Linear(4, 4)
    return body.requires_grad_(False)


NET, BODY, FROZEN, NORM = nn.Linear(4, 2), nn.Linear(4, 4), frozen(), nn.BatchNorm1d(4, affine=False)


@pytest.mark.parametrize("make, word", [
    (lambda: NET, "the same module again"),
    (lambda: Shares(BODY), "the same parameter again, body.weight"),
    (lambda: Shares(NORM), "body.running_mean with other values"),
])  # fmt: skip
def test_a_factory_that_shares_what_is_trained_is_refused(make, word):
    data = drawn(ROWS.astype(np.float32))
    with pytest.raises(InputRefused, match=f"{word}.*Make the module inside"):
        FromFactory.of(make, epochs=1).fit(data, members_of(data), Training((1,)))


def test_a_factory_that_copies_trained_weights_is_refused():
    data, last = drawn(ROWS.astype(np.float32)), []

    def make():
        made = Shares(nn.Linear(4, 4))
        if last:
            made.load_state_dict(last[0].state_dict())
        last[:] = [made]
        return made

    with pytest.raises(InputRefused, match="the weights that the member before it was trained to"):
        FromFactory.of(make, epochs=1).fit(data, members_of(data), Training((1,)))


def test_a_frozen_part_and_a_common_start_may_be_shared():
    data, start = drawn(ROWS.astype(np.float32)), Shares(nn.Linear(4, 4)).state_dict()

    def common():
        made = Shares(nn.Linear(4, 4))
        made.load_state_dict(start)
        return made

    for make in (lambda: Shares(FROZEN), common):
        run = FromFactory.of(make, epochs=1).fit(data, members_of(data), Training((1,)))
        assert not run.failed


def test_fit_that_returns_the_same_module_is_refused():
    data, net = drawn(ROWS), nn.Linear(4, 2).double()
    with pytest.raises(InputRefused, match=r"the same module again.*inside fit"):
        UserFit.of(lambda x, y, seed: net).fit(data, members_of(data), Training((0,)))


def state():
    filters = list(warnings.filters)
    settings = torch.get_default_dtype(), torch.is_grad_enabled(), torch.get_num_threads(), np.geterr(), filters
    strict = torch.are_deterministic_algorithms_enabled(), warnings.showwarning
    return (*settings, *strict, random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist())


def meddle():
    torch.set_default_dtype(torch.float64)
    torch.set_grad_enabled(False)
    torch.set_num_threads(torch.get_num_threads() + 1)
    torch.use_deterministic_algorithms(True)
    np.seterr(all="raise")
    warnings.simplefilter("error")
    warnings.showwarning = print
    random.random(), np.random.rand(), torch.rand(1)


class Meddler(SpyEstimator):
    def fit(self, x, y):
        meddle()
        return super().fit(x, y)

    def predict(self, x):
        meddle()
        return super().predict(x)


class MeddlingModule(nn.Linear):
    def forward(self, x):
        warnings.simplefilter("ignore")
        np.seterr(all="ignore")
        return super().forward(x)


def test_what_user_code_changes_for_the_process_is_put_back():
    data, before = drawn(ROWS.astype(np.float32)), state()
    members = members_of(data)

    def fit(x, y, seed):
        meddle()
        return lambda new: meddle() or np.zeros((len(new), 2))

    def make():
        made = MeddlingModule(4, 2)
        meddle()
        return made

    UserFit.of(fit).fit(data, members, Training((0,)))
    assert state() == before
    Estimator.of(Meddler()).fit(data, members, Training((0,)))
    assert state() == before
    for way in ("each", "functional"):
        FromFactory.of(make, epochs=1).fit(data, members, Training((1,), way=way))
        assert state() == before


def test_estimators_that_do_not_take_missing_cells_get_typical_ones_where_asked(tmp_path):
    """The median of a number, the commonest word of a category, both of the member's own rows."""
    (tmp_path / "t.csv").write_text(CSV.replace(";12.0;", ";;"))
    data = Table.of(tmp_path / "t.csv", "grade", keep=("age",)).draw(0)
    members, met = members_of(data), []

    class NoMissing(SpyEstimator):
        def fit(self, x, y):
            if np.isnan(x).any():
                raise ValueError("NaN")
            met.append(x)
            return super().fit(x, y)

    run = Estimator.of(NoMissing()).fit(data, members, Training((0,)))
    for x, mask in zip(met[-3:], members.mask):
        seen = data.train.x[mask]
        town = np.bincount(seen[~np.isnan(seen[:, 1]), 1].astype(int)).argmax()
        typical = np.zeros(seen.shape[1])
        typical[[1, list(x.columns).index("pay")]] = town, np.nanmedian(seen[:, list(x.columns).index("pay")])
        np.testing.assert_array_equal(x, np.where(np.isnan(seen), typical, seen))
        assert x.columns[1] == "town"
    assert "missing cells at the median (categories: the commonest)" in run.about["inputs"]
