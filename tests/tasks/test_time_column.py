"""The column of time of a series: what a calendar writes evenly is even, and nothing else becomes so."""

import datetime as dt

import numpy as np
import pandas as pd
import polars as pl
import pytest

from byheart.errors import InputRefused, UsageError
from byheart.tasks.series import Series
from byheart.tasks.time_column import read_moments

N = 400
SWING = np.sin(np.arange(N) / 3)
MONTHS = pd.period_range("1957-01", periods=N, freq="M")
QUARTERS = pd.period_range("1900Q1", periods=N, freq="Q")
SUNDAYS = pd.date_range("1999-01-03", periods=N, freq="W")
HOURS = pd.date_range("2001-01-01", periods=N, freq="h")

EVEN = {
    "months": [str(one) for one in MONTHS],
    "months as SDMX writes them": [f"{one.year}M{one.month}" for one in MONTHS],
    "months as one number": [f"{one.year}{one.month:02d}" for one in MONTHS],
    "months with a point": [f"{one.year}.{one.month:02d}" for one in MONTHS],
    "months before years": [f"{one.month}/{one.year}" for one in MONTHS],
    "named months": [one.strftime("%b %Y") for one in MONTHS],
    "full names": [one.strftime("%Y %B") for one in MONTHS],
    "quarters": [str(one) for one in QUARTERS],
    "quarters before years": [f"Q{one.quarter} {one.year}" for one in QUARTERS],
    "years": [str(year) for year in range(1500, 1500 + N)],
    "weeks": [f"{day.isocalendar().year}-W{day.isocalendar().week:02d}" for day in SUNDAYS],
    "days as one number": [day.strftime("%Y%m%d") for day in SUNDAYS],
    "hours behind a date": [hour.strftime("%d.%m.%Y %H:%M") for hour in HOURS],
    "halves of a day": [hour.strftime("%m/%d/%Y %I:%M %p") for hour in HOURS],
}


@pytest.mark.parametrize("case", EVEN)
def test_a_calendar_is_even_in_a_file_and_in_memory(case, tmp_path):
    path = tmp_path / "s.csv"
    path.write_text("when,x\n" + "".join(f"{when},{x}\n" for when, x in zip(EVEN[case], SWING)))
    whole = ["a series of 400 steps, 1 channel: x"]
    assert Series.of(path, time="when").inferred() == whole
    assert Series.of_array(SWING, EVEN[case], ["x"]).inferred() == whole
    gone = [when for place, when in enumerate(EVEN[case]) if place != 150]
    assert "1 jump in time" in " ".join(Series.of_array(np.delete(SWING, 150), gone, ["x"]).inferred())


@pytest.mark.parametrize(
    "time",
    [MONTHS, QUARTERS, pd.Series(MONTHS), pd.period_range("1999-01-01", periods=N, freq="W"), [*HOURS],
     np.array([int(f"{one.year}{one.month:02d}") for one in MONTHS]), HOURS.tz_localize("Europe/Paris")],
    ids=["months", "quarters", "column", "weeks", "timestamps", "months as integers", "zone"],
)  # fmt: skip
def test_periods_and_timestamps_are_times(time):
    assert Series.of_array(SWING, time).inferred() == ["a series of 400 steps, 1 channel: x0"]


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_a_column_of_a_frame_may_be_named(frame):
    given = frame({"x": SWING, "when": [str(one) for one in MONTHS]})
    task = Series.of_array(given, time="when")
    np.testing.assert_array_equal(task.draw(0).train.x, Series.of_array(SWING, MONTHS, ["x"]).draw(0).train.x)
    with pytest.raises(UsageError, match="Nearest: when"):
        Series.of_array(given, time="whem")
    with pytest.raises(InputRefused, match="the name 'when'"):
        Series.of_array(SWING, time="when")


def test_markets_close_at_weekends():
    days = pd.date_range("2001-01-01", periods=N, freq="B")
    told = Series.of_array(SWING, days).inferred()
    assert told[1:] == ["dates are of weekdays alone: a Monday follows its Friday at one step"]
    closed = Series.of_array(np.delete(SWING, 150), days.delete(150)).inferred()
    assert "1 jump in time" in closed[-1]
    weekly = pd.date_range("2001-01-01", periods=N, freq="W-WED")
    assert len(Series.of_array(SWING, weekly).inferred()) == 1


@pytest.mark.parametrize("cells, values", [
    (["202401", "202412", "202413"], [202401, 202412, 202413]),  # a counter
    (["1990.04", "1990.12", "1990.21"], [1990.04, 1990.12, 1990.21]),  # years with decimals
    (["20240131", "20240132"], [20240131, 20240132]),
    (["1999", None, "2001"], [1999, np.nan, 2001]),
])  # fmt: skip
def test_numbers_that_are_no_calendar_stay_numbers(cells, values):
    np.testing.assert_array_equal(read_moments(cells).values, values)


@pytest.mark.parametrize("cells", [["soon"], ["2024Q5"], ["2024-13"], ["2024W54"], ["Foo 2024"], ["2024-01", "2024Q2"]])
def test_what_is_no_time_is_refused(cells):
    assert read_moments(cells) is None
    with pytest.raises(InputRefused, match="times: dates, months, quarters"):
        Series.of_array(SWING, cells * (N // len(cells)))


def test_a_month_is_as_long_as_another_and_a_day_is_a_day():
    first = read_moments([f"2023-{month:02d}-01" for month in range(1, 13)])
    assert {int(step) for step in np.diff(first.values)} == {28, 30, 31}  # dates are days
    assert dt.date(2024, 1, 31).toordinal() == read_moments(["20240131"]).values[0]


@pytest.mark.parametrize("gaps, empty, line", [
    ((150,), (), "1 jump in time parts it into 2 stretches; no window reaches over two"),
    ((), (150,), "1 row with an empty cell parts it into 2 stretches; no window reaches over two"),
    ((90, 180), (300,), "1 row with an empty cell and 2 jumps in time part it into 4 stretches; no window reaches over two"),
    ((), (0, 399), "2 rows with an empty cell part it into 1 stretch; no window reaches over two"),
])  # fmt: skip
def test_what_parts_a_series_is_counted_and_named(gaps, empty, line):
    values = np.where(np.isin(np.arange(N), empty), np.nan, SWING)
    told = Series.of_array(np.delete(values, gaps), np.delete(np.arange(N), gaps)).inferred()
    assert told[1:] == [line]
