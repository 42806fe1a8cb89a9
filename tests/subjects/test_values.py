"""Values: a series with a date column, whose later block is held out; a regression with a heavy tail, plain and as its log."""

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeRegressor

import byheart as bh


def loads():
    """900 days of a power station: y = 0.4 y_yesterday + noise of 1, and a temperature that moves it by 0.5 a degree."""
    rng = np.random.default_rng(60606)
    n = 900
    warm = 10 * np.sin(np.arange(n) * 2 * np.pi / 9) + rng.normal(size=n)
    y = np.zeros(n)
    for day in range(1, n):
        y[day] = 0.4 * y[day - 1] + rng.normal()
    day = pd.date_range("2021-03-01", periods=n, freq="D")
    return pd.DataFrame({"day": day, "warm": warm, "weekday": day.dayofweek, "load": y + 0.5 * warm})


LOADS = loads()


class TestSeries:
    @pytest.fixture(scope="class")
    def audit(self, audited):
        chosen = ColumnTransformer([("numbers", "passthrough", ["warm", "weekday"])])
        model = make_pipeline(chosen, DecisionTreeRegressor(min_samples_leaf=10, random_state=0))
        return audited((LOADS, "load"), model=model, id="day")

    def test_a_series_goes_through_everything(self, audit, agrees):
        agrees(audit, LOADS["day"].astype(str))

    def test_the_later_block_is_held_out(self, audit, listed):
        said = audit.to_dict()["provenance"]
        assert "the last 180 of 900 rows in time" in said["data"]["holdout"]
        assert max(audit.examples()["position"]) < 720
        assert not listed(audit, "duplicate", ())
        q = audit.findings["complexity/description-length"].quantities
        assert q["understood_share"].interval[1] < 0.95  # of the noise of a day, 1 / (1 - 0.4^2), nothing is understood


def claims(n=220):
    """(220, 3): amounts exp(1.5 z + 1.5 noise), of which half of the variance of the log is `z`."""
    rng = np.random.default_rng(271)
    z, other = rng.normal(size=(2, n))
    return pd.DataFrame({"z": z, "other": other, "amount": np.exp(1.5 * z + 1.5 * rng.normal(size=n))})


CLAIMS = claims()


class TestHeavyTail:
    @pytest.fixture(scope="class")
    def audit(self, audited):
        return audited((CLAIMS, "amount"), model=Ridge())

    def test_it_goes_through_everything_with_a_reason(self, audit, agrees):
        agrees(audit, range(len(CLAIMS)))
        assert "30" in audit.why_no_number("complexity/description-length")
        assert audit.gate(max={"memorised_share_of_variance": 0.5}).outcome == "withheld"

    def test_its_logarithm_has_the_share_that_made_it(self, audit, audited):
        found = audited((CLAIMS, "amount"), model=Ridge(), transform="log")
        q = found.findings["complexity/description-length"].quantities
        assert q["understood_share"].interval[0] < 0.5 < q["understood_share"].interval[1]
        with pytest.raises(bh.InputRefused, match="--transform"):
            bh.compare(audit, found)
