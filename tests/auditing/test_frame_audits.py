"""Audits of frames and texts from end to end: pipelines by column name, estimators that take missing cells, texts."""

import json

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
from lightgbm import LGBMRegressor
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import byheart as bh
from byheart.errors import InputRefused, UsageError
from byheart.learners.estimator import Estimator, _own_params
from byheart.learners.module_inputs import called_with
from byheart.learners.output_conversion import read
from byheart.ledger.base import Result
from byheart.study.serialization import data_from, data_result
from byheart.tasks.arrays import Arrays
from byheart.tasks.frames.frame import Frame
from byheart.training.members import balanced
from byheart.training.training import Training

N = 90


@pytest.fixture(scope="module")
def houses():
    """Two numbers, one with gaps, and a town; the price follows from them."""
    rng = np.random.default_rng(2)
    size, age, town = rng.normal(size=N), rng.uniform(1, 99, N), rng.choice(["Bonn", "Ulm"], N)
    price = 3 * size + (town == "Ulm") + age / 50 + 0.1 * rng.normal(size=N)
    age[::7] = np.nan
    return pd.DataFrame({"size": size, "age": age, "town": town, "price": price})


def quiet(data, **options):
    return bh.audit(data, **{"members": 8, "device": "cpu", "say": lambda line: None} | options)


def run_of(data, model):
    """Two members and what they got, of data as a training step reads them: from the ledger."""
    kept = data_result(data)
    back = data_from(Result(json.loads(json.dumps(kept.document)), kept.arrays))
    return Estimator.of(model).fit(back, balanced(len(back.train), 2, 0.7, 0), Training((0,)))


CONVERTED = {
    "pandas": lambda frame: frame,
    "polars": pl.from_pandas,
    "pyarrow": lambda frame: pa.Table.from_pandas(frame, preserve_index=False),
}


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_a_pipeline_chooses_columns_by_name(houses, library):
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    chosen = ColumnTransformer([("n", numbers, ["age", "size"]), ("w", OneHotEncoder(), ["town"])])
    data = Frame.of(CONVERTED[library](houses), "price").draw(0)
    run = run_of(data, make_pipeline(chosen, Ridge()))
    assert run.about["inputs"].startswith(f"as given, {library} frames of 3 columns: size")
    assert "median" not in run.about["inputs"]  # the pipeline fills in by itself
    y = data.views["test"].y
    assert ((run.views["test"].logits[0, :, 0] - y) ** 2).mean() < 0.2 * y.var()


@pytest.mark.parametrize(
    "model", [LGBMRegressor(n_estimators=3, min_child_samples=3, verbose=-1), HistGradientBoostingRegressor(max_iter=3)]
)
def test_an_estimator_that_takes_missing_cells_gets_them(houses, model):
    run = run_of(Frame.of(houses.drop(columns="town"), "price").draw(0), model)
    assert "median" not in run.about["inputs"]


class Whole(RegressorMixin, BaseEstimator):
    """Takes no missing cells; keeps what it got."""

    seen = []

    def fit(self, x, y):
        self.predict(x)
        self.seen.append(x)
        return self

    def predict(self, x):
        if x.isna().any().any():
            raise ValueError("NaN")
        return np.zeros(len(x))


def test_for_others_they_are_filled_in_by_their_own_rows(houses):
    Whole.seen.clear()
    given = houses.drop(columns="town").set_axis([f"h{i}" for i in range(N)])
    data = Frame.of(given, "price").draw(0)
    run = run_of(data, Whole())
    assert "median" in run.about["inputs"]
    members = [got for got in Whole.seen if len(got) > 45]
    assert len(members) == 2
    for got in members:
        own = given.loc[got.index]
        gone = own["age"].isna()
        assert gone.any()
        known = np.sort(own["age"].dropna())
        assert set(got["age"][gone]) == {known[len(known) // 2]}
        pd.testing.assert_frame_equal(got[~gone], own.drop(columns="price")[~gone])
    with pytest.raises(InputRefused, match="empty, the first in row 0"):
        Frame.of(given, "price", missing="refuse")


def test_several_targets_and_byhearts_own_learner(houses):
    both = houses.assign(rent=houses["price"] / 9 + houses["size"])
    audit = quiet(pl.from_pandas(both), target=["price", "rent"], settings={"epochs": 3, "hidden": [4]})
    document = audit.to_dict()
    assert (document["subject"]["target"], document["subject"]["k"]) == ("price and rent", 2)
    shown = next(iter(document["exhibits"].values()))
    assert [name for name, _ in shown["fields"]] == ["size", "age", "town"]


def test_a_row_of_a_frame_is_explained_by_its_index(houses, tmp_path):
    named = houses.set_axis([f"h{i}" for i in range(N)])
    audit = quiet((named, "price"), settings={"epochs": 2, "hidden": [4]}, out=tmp_path)
    first = audit.memorised(1)[0]
    assert first.name == f"h{first.id}"
    found = audit.explain(example=first.name)
    assert (found.id, found.name) == (first.id, first.name)
    assert all(share.name == f"h{share.id}" for share in found.neighbours)
    with pytest.raises(InputRefused, match=r"a pandas frame.*example= or test="):
        audit.explain(named.iloc[[3]])
    lines = []
    again = quiet((named, "price"), settings={"epochs": 2, "hidden": [4]}, out=tmp_path, say=lines.append)
    assert any("all in the ledger" in line for line in lines)
    assert not any("amaged" in line for line in lines)
    assert again.to_dict() == audit.to_dict()


WORDS = np.array(["red", "blue", "green", "old", "new", "house", "car", "tree"])


@pytest.fixture(scope="module")
def texts():
    rng = np.random.default_rng(1)
    made = [" ".join(rng.choice(WORDS, 6)) for _ in range(N)]
    made[7] = made[3]
    return made, ["warm" if "red" in text else "cold" for text in made]


TEMPERATURE = make_pipeline(TfidfVectorizer(), LogisticRegression())


def test_a_pipeline_gets_texts(texts):
    x = pd.Series(texts[0], index=[f"doc{i}" for i in range(N)])
    audit = quiet((x, texts[1]), model=TEMPERATURE)
    document = audit.to_dict()
    assert any("pandas series of text" in note for note in document["provenance"]["notes"])
    first = audit.memorised(1)[0]
    assert first.name == f"doc{first.id}"
    assert (document["subject"]["noun"], document["subject"]["data"]) == ("text", "your texts")
    assert {one["text"] for one in document["exhibits"].values()} <= set(texts[0])
    run = run_of(Arrays.of(pl.Series("text", texts[0]), texts[1]).draw(0), TEMPERATURE)
    assert run.about["inputs"] == "as given, polars series of text"


@pytest.mark.parametrize("made", [pd.Series, pl.Series, lambda texts: pa.chunked_array([texts])])
def test_texts_are_cut_by_rows_and_copies_stay_together(texts, made):
    series = made(texts[0])
    data = Arrays.of(series, texts[1]).draw(0)
    for view in data.views.values():
        got = view.given("x", np.array([2, 0]))
        assert type(got) is type(series)
        cells = got.to_pylist() if hasattr(got, "to_pylist") else got.to_list()
        assert cells == [texts[0][view.ids[2]], texts[0][view.ids[0]]]
        assert view.meta["shown"][[2, 0]].tolist() == cells
    place = {ident: row for row, ident in enumerate(data.train.ids.tolist())}
    if 3 in place:
        assert data.groups[place[3]] == data.groups[place[7]]
    assert Arrays.of(series, texts[1]).key() == Arrays.of(made(texts[0]), texts[1]).key()
    assert Arrays.of(series, texts[1]).key() != Arrays.of(made([*texts[0][:-1], "red"]), texts[1]).key()


def test_a_frame_of_texts_alone_is_kept(texts):
    model = make_pipeline(ColumnTransformer([("t", TfidfVectorizer(), "text")]), LogisticRegression())
    data = Frame.of(pd.DataFrame({"text": texts[0], "temperature": texts[1]}), "temperature").draw(0)
    assert run_of(data, model).views["train"].correct[0].mean() > 0.8


@pytest.mark.parametrize(("cells", "words"), [
    (["a", None] * 30, ["none in row 1", "an empty text"]),
    (["a", 1] * 30, ["int in row 1"]),
])  # fmt: skip
def test_texts_that_are_none_are_refused(cells, words):
    with pytest.raises(InputRefused) as error:
        Arrays.of(pd.Series(cells, dtype=object), [0, 1] * 30)
    assert all(word in str(error.value) for word in words)


def test_a_module_of_ones_own_gets_numbers_and_says_so(houses):
    data = Frame.of(houses, "price").draw(0)
    assert called_with(data.train, np.arange(5)).numpy().tolist()[1:] == data.train.x[:5].tolist()[1:]
    module, views = torch.nn.Linear(3, 1), data.views["test"].given("x")
    with pytest.raises(InputRefused, match="a function of the frame x"):
        read(module, views, data)
    assert read(module, houses[["size", "age", "price"]].fillna(0)[: len(views)], data)[0].shape == (len(views), 1)


def test_an_estimator_of_another_library_keeps_to_one_thread(houses):
    params = _own_params(make_pipeline(SimpleImputer(), LGBMRegressor()), 0)
    assert params["lgbmregressor__n_jobs"] == 1
    assert "n_jobs" not in str(_own_params(make_pipeline(SimpleImputer(), LogisticRegression()), 0))


@pytest.mark.parametrize(("call", "words"), [
    (lambda houses: quiet((houses["size"], houses["price"]), model=Ridge()), ["x.to_frame()"]),
    (lambda houses: quiet((houses, "price"), group="town", groups=houses["town"], model=Ridge()), ["the groups once"]),
    (lambda houses: quiet((houses, "price"), target="price", model=Ridge()), ["the target once"]),
    (lambda houses: quiet((houses, "price"), model=Ridge()), ["string to float", "(town)", "ColumnTransformer"]),
    (lambda houses: quiet((houses, "price"), test=houses.drop(columns="age"), model=Ridge()), ["none called age"]),
    (lambda houses: quiet((houses, "price"), test=pl.from_pandas(houses), model=Ridge()), ["one library", "pandas and polars"]),
    (lambda houses: quiet(pa.RecordBatch.from_pandas(houses), target="price", model=Ridge()), ["RecordBatch"]),
])  # fmt: skip
def test_calls_that_do_not_fit_are_refused(houses, call, words):
    with pytest.raises((InputRefused, UsageError)) as error:
        call(houses)
    assert all(word in str(error.value) for word in words), error.value
