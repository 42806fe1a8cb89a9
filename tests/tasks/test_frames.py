"""Frames as they are: what code of the user's gets, what byheart's own learners read, and what is refused."""

import datetime as dt
import json
from decimal import Decimal

import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn.base import BaseEstimator, RegressorMixin

import byheart as bh
from byheart.errors import InputRefused, UsageError
from byheart.learners.estimator import Estimator
from byheart.ledger.base import Result
from byheart.study.serialization import data_from, data_result
from byheart.tasks.frames.frame import Frame
from byheart.tasks.frames.kept import KeptFrame
from byheart.tasks.frames.reading import library_of
from byheart.tasks.frames.storage import must_come_back, restored
from byheart.tasks.table import Table
from byheart.training.members import balanced
from byheart.training.training import Training

N, BIG = 64, 2**53
LIBRARIES = ("pandas", "polars", "pyarrow")


def _columns():
    rng = np.random.default_rng(4)
    moments = [dt.datetime(2021, 3, 1, tzinfo=dt.UTC) + dt.timedelta(hours=int(h)) for h in rng.integers(0, 9999, N)]
    moments[5] = None
    return {
        "number": [BIG + 1 + 2 * i for i in range(N)],  # no float holds them
        "size": [None if i % 9 == 0 else float(v) for i, v in enumerate(rng.normal(size=N))],
        "town": [("Ulm", "Bonn", "Köln")[i] for i in rng.integers(0, 3, N)],
        "rooms": [None if i % 7 == 0 else int(v) for i, v in enumerate(rng.integers(1, 9, N))],
        "sold": [None if i % 11 == 0 else bool(v) for i, v in enumerate(rng.integers(0, 2, N))],
        "when": moments,
        "note": [f"a house, number {i}" if i % 5 else None for i in range(N)],
        "price": [float(v) for v in rng.normal(size=N)],
    }


def _frame(library):
    """The same table in each library, with all that a library can say of a column."""
    columns = _columns()
    if library == "pandas":
        made = pd.DataFrame(
            {**columns, "when": pd.to_datetime(pd.Series(columns["when"]), utc=True).dt.tz_convert("Europe/Berlin")}
        )
        kinds = {"rooms": "Int64", "sold": "boolean", "note": object, "size": "float32"}
        made = made.astype({**kinds, "town": pd.CategoricalDtype(["Ulm", "Köln", "Bonn", "Rom"], ordered=True)})
        made["note"] = pd.Series(columns["note"], dtype=object)
        made.index = pd.Index([f"house {i}" for i in range(N)], name="house")
        return made
    if library == "polars":
        towns = pl.Series(columns["town"], dtype=pl.Enum(["Ulm", "Köln", "Bonn", "Rom"]))
        made = pl.DataFrame({**columns, "town": towns}, schema_overrides={"size": pl.Float32, "rooms": pl.Int8})
        return made.with_columns(pl.col("when").dt.convert_time_zone("Europe/Berlin"))
    codes = pa.array([["Ulm", "Köln", "Bonn", "Rom"].index(town) for town in columns["town"]], pa.int8())
    towns = pa.DictionaryArray.from_arrays(codes, ["Ulm", "Köln", "Bonn", "Rom"], ordered=True)
    arrays = {
        **columns,
        "town": towns,
        "size": pa.array(columns["size"], pa.float32()),
        "rooms": pa.array(columns["rooms"], pa.int8()),
    }
    return pa.table({**arrays, "when": pa.array(columns["when"], pa.timestamp("ms", "Europe/Berlin"))})


@pytest.fixture(scope="module", params=LIBRARIES)
def frame(request):
    return _frame(request.param)


def _rows(got):
    return (np.array(nw.from_native(got)["number"].to_list()) - BIG - 1) // 2


def must_be_rows_of(got, whole):
    """The very rows of the user's frame: library, names, dtypes, categories with their order, index, values."""
    library = library_of(whole)
    assert library_of(got) == library
    rows = _rows(got)
    assert len(rows) == len(set(rows.tolist()))
    if library == "pandas":
        expected = whole.drop(columns="price").iloc[rows]
        pd.testing.assert_frame_equal(got, expected, check_exact=True, check_categorical=True)
        assert got.index.equals(expected.index)
        assert got.index.name == "house"
        assert [repr(one) for one in got["note"]] == [repr(one) for one in expected["note"]]  # None stays None
        assert got["town"].cat.ordered
    elif library == "polars":
        expected = whole.drop("price")[rows]
        assert got.schema == expected.schema
        assert got.equals(expected, null_equal=True)
    else:
        expected = whole.drop_columns("price").take(pa.array(rows))
        assert got.schema.equals(expected.schema, check_metadata=True)
        assert got.to_pylist() == expected.to_pylist()
        assert got.schema.field("town").type.ordered


def _lacks(one):
    return one is None or one is pd.NA or one != one


SEEN = []


class Spy(RegressorMixin, BaseEstimator):
    """A mean that keeps what it was given."""

    def fit(self, x, y):
        SEEN.append(x)
        self.mean_ = float(np.mean(y))
        return self

    def predict(self, x):
        SEEN.append(x)
        return np.full(len(x), self.mean_)


def _spied(x, y, seed):
    SEEN.append(x)
    return lambda new: SEEN.append(new) or np.full(len(new), float(np.mean(y)))


def test_code_of_the_users_gets_rows_of_the_frame(frame):
    SEEN.clear()
    bh.audit((frame, "price"), members=8, device="cpu", say=lambda line: None, fit=_spied)
    assert len(SEEN) > 24
    for got in SEEN:
        must_be_rows_of(got, frame)
    assert {len(_rows(got)) for got in SEEN} >= {N - 13, 13}  # the whole training view, and the test


def test_an_estimator_gets_rows_of_the_frame(frame):
    SEEN.clear()
    data = Frame.of(frame, "price").draw(0)
    Estimator.of(Spy()).fit(data, balanced(len(data.train), 2, 0.7, 0), Training((0,)))
    assert len(SEEN) >= 6
    for got in SEEN:
        must_be_rows_of(got, frame)


def test_what_is_given_is_a_copy(frame):
    data = Frame.of(frame, "price").draw(0)
    got = data.train.given("x")
    if library_of(frame) == "pandas":
        got.loc[:, "rooms"] = 0
        got.drop(columns="town", inplace=True)
    elif library_of(frame) == "polars":
        got[0, "rooms"] = 100
    must_be_rows_of(data.train.given("x"), frame)


def test_it_survives_the_ledger(frame):
    data = Frame.of(frame, "price").draw(0)
    kept = data_result(data)
    back = data_from(Result(json.loads(json.dumps(kept.document)), kept.arrays))
    for view in ("train", "test"):
        must_be_rows_of(back.views[view].given("x"), frame)
        assert np.array_equal(back.views[view].x, data.views[view].x, equal_nan=True)
    rows = np.array([4, 0, 2])
    assert _rows(back.train.given("x", rows)).tolist() == _rows(data.train.given("x"))[rows].tolist()
    mask = np.arange(len(back.train)) % 2 == 0
    assert _rows(back.train.take(mask).given("x")).tolist() == _rows(data.train.given("x"))[mask].tolist()


@pytest.mark.parametrize("library", LIBRARIES)
def test_byhearts_own_learners_read_the_columns_of_the_file(library, tmp_path):
    frame = pd.DataFrame(_columns()).drop(columns="number")
    frame["when"] = pd.to_datetime(frame["when"]).dt.tz_localize(None).dt.normalize()
    frame["size"] = frame["size"].astype(np.float32)
    frame.to_csv(tmp_path / "data.csv", index=False)
    converted = {
        "pandas": lambda f: f,
        "polars": pl.from_pandas,
        "pyarrow": lambda f: pa.Table.from_pandas(f, preserve_index=False),
    }
    own = Frame.of(converted[library](frame), "price").draw(0)
    file = Table.of(tmp_path / "data.csv", target="price").draw(0)
    assert own.output == file.output
    for view in ("train", "test"):
        for what in ("ids", "x", "y"):
            assert np.array_equal(getattr(own.views[view], what), getattr(file.views[view], what), equal_nan=True), what


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_categorical_dtype_makes_a_category_of_numbers(library):
    codes, size = [i % 3 + 5 for i in range(N)], np.random.default_rng(0).normal(size=N)
    words = [str(code) for code in codes]
    made = {
        "pandas": lambda: pd.DataFrame({"code": pd.Categorical(codes), "size": size, "price": size}),
        "polars": lambda: pl.DataFrame({"code": pl.Series(words, dtype=pl.Categorical), "size": size, "price": size}),
        "pyarrow": lambda: pa.table({"code": pa.array(words).dictionary_encode(), "size": size, "price": size}),
    }[library]()
    data = Frame.of(made, "price").draw(0)
    assert [column.type for column in data.output.columns] == ["category", "number"]
    assert data.output.columns[0].categories == ("5", "6", "7")
    assert "categories: code (3 words, as its dtype says)" in data.about["inferred"]


def test_the_index_names_the_rows_and_a_column_does(frame):
    task = Frame.of(frame, "price")
    if library_of(frame) == "pandas":
        data = task.draw(0).named(task.names())
        assert data.train.names.tolist() == [f"house {i}" for i in data.train.ids]
        assert "ids: the index of the frame names the rows" in data.about["inferred"]
    else:
        assert task.names() == {}
    task = Frame.of(frame, "price", id="number")
    data = task.draw(0).named(task.names())
    assert data.views["test"].names.tolist() == [str(BIG + 1 + 2 * i) for i in data.views["test"].ids]
    assert "number" not in nw.from_native(data.train.given("x")).columns
    assert task.key() == Frame.of(nw.from_native(frame).drop("number").to_native(), "price").key()


def test_groups_stay_together_and_are_no_feature(frame):
    read = nw.from_native(frame)
    blocks, others = (read.with_columns(block=(nw.col("number") - BIG - 1) // size).to_native() for size in (8, 10))
    task = Frame.of(blocks, "price", group=("block",))
    data = task.draw(0)
    assert len(set(data.train.meta["group"])) < 16
    assert set(data.train.meta["group"]).isdisjoint(data.views["test"].meta["group"])
    must_be_rows_of(data.train.given("x"), frame)
    assert task.key() != Frame.of(others, "price", group=("block",)).key()
    given = Frame.of(frame, "price", groups=[i // 4 for i in range(N)])
    assert np.array_equal(given.draw(0).train.meta["group"], data.train.meta["group"])
    alone = Frame.of(frame, "price", group=("number",)).draw(0)
    assert any("change nothing" in line for line in alone.about["inferred"])


def test_targets_of_their_own_and_several(frame):
    read = nw.from_native(frame)
    x, y = read.drop("price").to_native(), read["price"].to_native()
    by_name, apart = Frame.of(frame, "price"), Frame.of(x, y)
    assert (apart.target, apart.key()) == ("label" if library_of(frame) == "pyarrow" else "price", apart.key())
    assert np.array_equal(by_name.draw(0).train.y, apart.draw(0).train.y)
    both = read.with_columns(rent=nw.col("price") * 2 + 1).to_native()
    data = Frame.of(both, ["price", "rent"]).draw(0)
    assert data.train.y.shape[1] == data.output.k == 2
    assert (np.abs(data.train.y[:, 1] - 2 * data.train.y[:, 0] - 1) < 1e-9).all()
    assert "rent" not in nw.from_native(data.train.given("x")).columns


def test_a_test_is_given_in_any_order_of_columns(frame):
    read = nw.from_native(frame)
    test = read[list(range(50, N))]
    test = test[:, list(reversed(range(test.shape[1])))].to_native()
    data = Frame.of(read[list(range(50))].to_native(), "price", (test, "price")).draw(0)
    assert (len(data.train), len(data.views["test"])) == (50, N - 50)
    assert data.views["test"].ids.tolist() == list(range(N - 50))
    must_be_rows_of(data.views["test"].given("x"), frame)
    assert _rows(data.views["test"].given("x")).tolist() == list(range(50, N))


def test_missing_targets_are_left_out_and_said(frame):
    gone = [None if i < 3 else float(i % 8) for i in range(N)]
    made = nw.from_native(frame).drop("price")
    y = nw.new_series("price", gone, nw.Float64, backend=library_of(frame))
    if library_of(frame) == "pandas":
        y = nw.from_native(y.to_native().set_axis(frame.index), series_only=True)
    data = Frame.of(made.to_native(), y.to_native()).draw(0)
    assert len(data.train) + len(data.views["test"]) == N - 3
    assert any(line.startswith("rows dropped: 3") for line in data.about["inferred"])
    assert _rows(data.train.given("x")).tolist() == data.train.ids.tolist()


def test_every_pandas_dtype_comes_back():
    index = pd.MultiIndex.from_tuples([(1, "a")]).get_level_values(0).repeat(3)
    made = pd.DataFrame({
        "int8": np.array([1, 2, 3], np.int8), "half": np.array([1, np.nan, 3], np.float16),
        "text": ["x", None, "y"], "python": pd.array(["a", None, "b"], dtype="string[python]"),
        "codes": pd.Categorical([3, None, 5]), "days": pd.to_timedelta(["1 days", None, "3h"]),
        "Float": pd.arrays.FloatingArray(np.array([1.5, np.nan, 0]), np.array([False, False, True])),
        "arrow": pd.array([1, None, 3], dtype="int64[pyarrow]"), "date": [dt.date(2020, 1, 1), None, dt.date(2021, 1, 1)],
        "mixed zone": pd.to_datetime(["2020-01-01", None, "2021-07-01"]).tz_localize("America/New_York"),
    }, index=index)  # fmt: skip
    made["object"] = pd.Series(["x", None, float("nan")], dtype=object).to_numpy()
    made["time"] = pd.Series([dt.time(9, 30), None, dt.time(1)], dtype=object).to_numpy()
    made["money"] = pd.Series([Decimal("1.10"), None, Decimal("2")], dtype=object).to_numpy()
    made["truth"] = pd.Series([True, None, False], dtype=object).to_numpy()
    document, arrays = must_come_back(made, "pandas")
    back = restored(json.loads(json.dumps(document)), arrays, "pandas")
    pd.testing.assert_frame_equal(back, made, check_exact=True)
    for name in ("object", "truth", "date", "text", "time", "money"):
        assert [repr(one) for one in back[name]] == [repr(one) for one in made[name]]
    assert [repr(one) for one in back["Float"].array._data] == [repr(one) for one in made["Float"].array._data]
    for columns in (pd.RangeIndex(2), pd.Index([7, 3], name="k"), pd.Index(["a", "b"], dtype=object)):
        plain = pd.DataFrame(np.eye(2), columns=columns, index=pd.date_range("2020", periods=2, tz="UTC"))
        back = restored(*must_come_back(plain, "pandas"), "pandas")
        pd.testing.assert_frame_equal(back, plain, check_freq=False, check_column_type=True)


def test_missing_cells_are_filled_in_the_frame(frame):
    whole = KeptFrame(native=frame, library=library_of(frame))
    seen = whole.take(np.arange(10, 40))
    made, read = nw.from_native(whole.filled(seen).native), nw.from_native(frame)
    assert made.schema == read.schema
    known = nw.from_native(seen.native)["rooms"].drop_nulls().sort()
    for name in read.columns:
        gone = np.array([_lacks(one) for one in read[name].to_list()])
        assert not any(_lacks(one) for one in made[name].to_list()), name
        kept = [one for one, missing in zip(made[name].to_list(), gone) if not missing]
        assert kept == [one for one, missing in zip(read[name].to_list(), gone) if not missing]
    rooms = [one for one, before in zip(made["rooms"].to_list(), _columns()["rooms"]) if before is None]
    assert set(rooms) == {known[len(known) // 2]}


def _pandas(**changed):
    return _frame("pandas").assign(**changed)


NESTED = [[1, 2]] * N
BAD = {
    "a name twice": (lambda: _pandas().set_axis(["size", *"abcdef", "size"], axis=1), "a", ["different names", "'size' 2 times"]),
    "names of two kinds": (lambda: _pandas().rename(columns={"size": 7}), "price", ["one kind in the names of columns", "1 of int and"]),
    "two kinds": (lambda: _pandas(size=pd.Series(["x", 1] * (N // 2), dtype=object).to_numpy()), "price", ["one kind in column 'size'", "32 of int and 32 of str"]),
    "levels of rows": (lambda: _pandas().set_index("town", append=True), "price", ["rows of one level", "reset_index()"]),
    "levels of columns": (lambda: pd.concat({"a": _pandas()}, axis=1), "price", ["columns of one level"]),
    "lists in pandas": (lambda: _pandas(size=NESTED), "price", ["per cell in column 'size'", "list"]),
    "lists in polars": (lambda: _frame("polars").with_columns(size=pl.Series(NESTED)), "price", ["per cell in column 'size'", "List"]),
    "lists in pyarrow": (lambda: _frame("pyarrow").append_column("l", pa.array(NESTED)), "price", ["per cell in column 'l'"]),
    "lazy": (lambda: _frame("polars").lazy(), "price", ["a LazyFrame", ".collect()"]),
    "no rows": (lambda: _frame("polars").head(0), "price", ["rows and columns in x", "0 rows, 8 columns"]),
    "no columns": (lambda: pd.DataFrame(index=range(40)), "price", ["40 rows, 0 columns"]),
    "nothing to predict from": (lambda: pl.DataFrame({"price": [1.0, 2.0]}), "price", ["a column beside price"]),
    "an index twice": (lambda: _pandas().set_axis(["same"] * N), "price", ["'same' in row 0 and in row 1", "reset_index(drop=True)"]),
    "a period": (lambda: _pandas(size=pd.period_range("2020", periods=N)), "price", ["column 'size'", "period["]),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_read_is_refused_by_name(case):
    made, target, words = BAD[case]
    with pytest.raises(InputRefused) as error:
        bh.audit((made(), target), model=Spy())
    assert all(word in str(error.value) for word in words), error.value


def test_rows_in_another_order_are_refused():
    frame = _frame("pandas")
    x, y = frame.drop(columns="price"), frame["price"]
    with pytest.raises(InputRefused, match=r"same order.*house 0.*house 63.*y\.loc\[x\.index\]"):
        Frame.of(x, y[::-1])
    with pytest.raises(InputRefused, match="64 and 63"):
        Frame.of(x, y[:-1])
    with pytest.raises(InputRefused, match="with the same index"):
        Frame.of(x, y.set_axis([f"flat {i}" for i in range(N)]))
    shuffled = x.reset_index(drop=True).sample(frac=1, random_state=0)
    with pytest.raises(InputRefused, match="same order"):
        Frame.of(shuffled, y.reset_index(drop=True))
    assert Frame.of(x, y.reset_index(drop=True)).target == "price"  # never indexed: by position


@pytest.mark.parametrize(("words", "told"), [
    ({"target": "prise"}, ["Nearest: price"]),
    ({}, ["a target", "target='price'"]),
    ({"target": "price", "group": "twon"}, ["Nearest: town"]),
    ({"target": "price", "id": "numbr"}, ["Nearest: number"]),
])  # fmt: skip
def test_a_wrong_column_names_the_nearest(words, told):
    with pytest.raises(UsageError) as error:
        bh.audit(_frame("polars"), model=Spy(), **words)
    assert all(word in str(error.value) for word in told), error.value


def test_x_must_not_hold_the_target():
    frame = _frame("pandas")
    with pytest.raises(InputRefused, match="without the column that is predicted"):
        Frame.of(frame, frame["price"])
    with pytest.raises(UsageError, match="a frame for target="):
        bh.audit((np.eye(40), np.arange(40) % 2), target="y")
