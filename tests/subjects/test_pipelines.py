"""Two pipelines of scikit-learn: a ColumnTransformer that names its columns, with groups; words of a Series counted."""

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import byheart as bh


def letting():
    """(180, 5): 45 landlords of four flats each; `let` follows from rent and town, as a logistic model says."""
    rng = np.random.default_rng(90125)
    n = 180
    rent, town, owner = rng.normal(900, 200, n), rng.choice(["Graz", "Linz", "Wels"], n), np.arange(n) // 4
    odds = (900 - rent) / 60 + 4 * (town == "Graz")
    let = rng.random(n) < 1 / (1 + np.exp(-odds))
    rent[::8] = np.nan
    return pd.DataFrame({"rent": rent, "town": town, "rooms": rng.integers(1, 6, n), "owner": owner, "let": let})


FLATS = letting()


def by_name(c):
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    parts = [("numbers", numbers, ["rooms", "rent"]), ("town", OneHotEncoder(handle_unknown="ignore"), ["town"])]
    return make_pipeline(ColumnTransformer(parts), LogisticRegression(C=c))


class TestByName:
    @pytest.fixture(scope="class")
    def audit(self, audited):
        return audited((FLATS, "let"), group="owner", model=by_name(1.0))

    def test_a_pipeline_goes_through_everything(self, audit, agrees):
        agrees(audit, range(len(FLATS)))

    def test_a_line_understands_what_a_line_made(self, audit, listed):
        q = audit.findings["complexity/description-length"].quantities
        assert q["understood_bits_share"].interval[0] > 0
        assert q["memorised_bits_share"].interval[0] < 0.05
        assert not listed(audit, "leaked into test", ())

    def test_landlords_stay_together(self, audit):
        frame = audit.examples().to_frame("pandas")
        assert frame["group"].tolist() == [str(FLATS["owner"][i]) for i in frame["id"]]

    def test_a_penalty_that_leaves_nothing_understands_less(self, audit, audited):
        found = bh.compare(audit, audited((FLATS, "let"), group="owner", model=by_name(1e-4)))
        assert found.pairing == "paired"
        assert found.unlike() == {"logisticregression.C": ("default", "0.0001")}
        understood = found.found("understood_bits_share")
        assert understood.paired
        assert understood.difference.interval[1] < 0
        assert not found.found("memorised_bits_share").matters


def letters():
    """150 complaints: what decides is one word of `KINDS`; 6 carry the wrong kind, 3 are there twice."""
    rng = np.random.default_rng(77)
    filler = ["order", "friday", "please", "again", "invoice", "shop", "my", "the", "never", "two", "weeks", "later"]
    kinds = rng.integers(0, 2, 150)
    texts = [
        " ".join(rng.permutation([*rng.choice(filler, 7), ("broken", "late")[kind], ("cracked", "missing")[kind]]))
        for kind in kinds
    ]
    kinds[:6] = 1 - kinds[:6]
    texts, kinds = [*texts, *texts[50:53]], [*kinds, *kinds[50:53]]
    names = pd.Index([f"letter {i:03}.eml" for i in range(len(texts))])
    return pd.Series(texts, index=names, name="body"), np.where(kinds, "post", "goods")


LETTERS, KINDS = letters()


class TestTexts:
    @pytest.fixture(scope="class")
    def audit(self, audited):
        return audited((LETTERS, KINDS), model=make_pipeline(TfidfVectorizer(), LogisticRegression(C=30)))

    def test_a_series_of_strings_goes_through_everything(self, audit, agrees):
        agrees(audit, LETTERS.index)

    def test_only_what_was_planted_is_listed(self, audit, listed):
        names = LETTERS.index
        assert len(listed(audit, "label worth checking", names[:6])) >= 4
        copies = listed(audit, "duplicate", names[[50, 51, 52, 150, 151, 152]])
        assert {*names[[50, 150]]} <= copies or {*names[[51, 151]]} <= copies or {*names[[52, 152]]} <= copies
        assert not listed(audit, "contradicting copy", ())
