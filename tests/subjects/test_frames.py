"""A pandas frame with an odd index, categories, missing cells and odd names of columns; a polars frame with dates and words."""

from datetime import date, timedelta

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.tree import DecisionTreeClassifier

from byheart.tasks.frames.frame import Frame

N = 150
REPEATED, CONTRADICTED, WRONG = (11, 12, 13), (21, 22), tuple(range(40, 48))


def wards():
    """(155, 6): `ward` and `dose / mg` decide; 8 labels turned, 3 rows repeated, 2 repeated with the other label."""
    rng = np.random.default_rng(4711)
    dose, ward = rng.gamma(3.0, 2.0, N), rng.integers(0, 3, N)
    ill = (dose + 4 * (ward == 1) > 8).astype(int)
    ill[list(WRONG)] = 1 - ill[list(WRONG)]
    frame = pd.DataFrame({
        "dose / mg": dose,
        "ward [no.]": pd.Categorical.from_codes(ward, ["Süd", "Nord", "=SUM(A1)", "closed"]),
        "7": pd.array(rng.integers(0, 4, N), dtype="Int64"),
        "": rng.normal(size=N),
        "seen<br>": pd.array(rng.random(N) < 0.5, dtype="boolean"),
        "out\ncome": pd.Categorical.from_codes(ill, ["well", "ill"]),
    })  # fmt: skip
    frame.loc[::9, "7"] = pd.NA
    frame.loc[4::11, ""] = np.nan
    frame.loc[5::13, "ward [no.]"] = None
    again = frame.iloc[[*REPEATED, *CONTRADICTED]].copy()
    other = {"well": "ill", "ill": "well"}
    again.iloc[3:, 5] = [other[one] for one in again.iloc[3:, 5]]
    frame = pd.concat([frame, again])
    frame.index = [f"#{977 * i % 1009:04}/ä" for i in range(len(frame))]
    return frame


WARDS = wards()


@pytest.fixture(scope="module")
def audit(audited):
    model = HistGradientBoostingClassifier(
        max_iter=8, min_samples_leaf=4, categorical_features="from_dtype", random_state=0
    )
    return audited((WARDS, "out\ncome"), model=model)


def test_an_odd_frame_goes_through_everything(audit, agrees):
    page, words = agrees(audit, WARDS.index)
    assert "seen<br>" not in page
    assert "dose / mg float64, ward [no.] category, 7 Int64, '' float64, seen<br> boolean" in words


def test_a_column_without_a_name_has_no_other_columns_for_its_parts():
    lines = Frame.of(WARDS, "out\ncome").draw(0).about["inferred"]
    assert "numbers: dose / mg, 7, ''" in lines


def test_only_what_was_planted_is_listed(audit, listed):
    again, first = range(N, len(WARDS)), (*REPEATED, *CONTRADICTED)
    copies = {WARDS.index[row] for row in (*first, *again)}
    listed(audit, "label worth checking", WARDS.index[[*WRONG, *CONTRADICTED, *range(N + 3, N + 5)]])
    trained = {*audit.examples()["id"]}
    pairs = [{WARDS.index[a], WARDS.index[b]} & trained for a, b in zip(first, again)]
    assert listed(audit, "duplicate", copies) == set().union(*(pair for pair in pairs[:3] if len(pair) == 2))
    assert listed(audit, "contradicting copy", copies) == set().union(*(pair for pair in pairs[3:] if len(pair) == 2))
    assert not listed(audit, "leaked into test", ())
    assert listed(audit, "memorised", WARDS.index)


def calls():
    """(160, 6) calls to a hotline: whether one is answered late follows from its desk and its length; dates tell nothing."""
    rng = np.random.default_rng(1312)
    n = 160
    desk, minutes = rng.choice(["Oslo", "Łódź", "São Paulo"], n), rng.exponential(6, n)
    born = [date(1950, 1, 1) + timedelta(days=int(day)) for day in rng.integers(0, 20_000, n)]
    kind = np.where(minutes > 9, "long", np.where(desk == "Oslo", "north", "south"))
    return pl.DataFrame({
        "ticket": [f"T-{i * 37 % 1000:03}" for i in range(n)], "born": born, "desk": desk, "minutes": minutes,
        "remark": [rng.choice(["", "ok", "rude, loud", "\"quoted\""]) for _ in range(n)], "kind": kind,
    })  # fmt: skip


CALLS = calls()


class Rules:
    """Three numbers of a polars frame, and a tree on them."""

    def __init__(self, x, y, seed):
        self.schema = x.schema
        self.tree = DecisionTreeClassifier(max_depth=4, random_state=seed % 2**31).fit(self.read(x), y)

    def read(self, x):
        assert isinstance(x, pl.DataFrame)
        assert x.schema == self.schema
        return x.select(
            pl.col("born").dt.year(), pl.col("minutes"), pl.col("desk").eq("Oslo"), pl.col("remark").str.len_chars()
        ).to_numpy()

    def __call__(self, x):
        return self.tree.predict_proba(self.read(x))


class TestPolars:
    @pytest.fixture(scope="class")
    def audit(self, audited):
        return audited(CALLS, target="kind", id="ticket", fit=Rules, returns="probabilities")

    def test_dates_and_words_go_through_everything(self, audit, agrees):
        agrees(audit, CALLS["ticket"])

    def test_no_label_is_accused_and_no_copy_made_up_in_clean_data(self, audit, listed):
        for kind in ("label worth checking", "duplicate", "contradicting copy", "leaked into test"):
            listed(audit, kind, ())

    def test_dates_that_tell_nothing_leave_the_split_random(self, audit):
        assert any(
            "order of born" in note and "split is random" in note for note in audit.to_dict()["provenance"]["notes"]
        )
