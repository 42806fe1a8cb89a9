"""Dates, times and durations: what models get of them, and whether that is what is said."""

import datetime

import numpy as np
import pytest

from byheart.auditing.example_previews import exhibits
from byheart.tasks.columns import read_column
from byheart.tasks.inference_notes import TITLES
from byheart.tasks.moments import calendar
from byheart.tasks.table import Table
from byheart.training.preprocessing import prepare, width

N = 800
START = datetime.datetime(2022, 1, 1)

# name -> the type of the column that models get, its calendar parts, and the cell of row i
FILE = {
    "size": ("number", (), lambda i: i * 7 % 31 / 4),
    "colour": ("category", (), lambda i: ["red", "blue", "green"][i % 3]),
    "active": ("category", (), lambda i: i % 5 == 0),
    "day": ("date", ("month", "weekday"), lambda i: (START + datetime.timedelta(days=i)).date()),
    "seen": ("date", ("hour",), lambda i: datetime.datetime(2024, 3, 4 + i % 3, i % 5 * 3, 30)),
    "opens": ("time", (), lambda i: f"{i % 11 + 6}:{i % 4 * 15:02d}"),
    "took": ("duration", (), lambda i: datetime.timedelta(hours=i % 40, minutes=7)),
    "waited": ("duration", (), lambda i: f"{i % 90} min"),
    "customer_id": (None, (), lambda i: 7000 + 3 * i),
    "country": (None, (), lambda i: "FR"),
    "comment": (None, (), lambda i: f"remark {i}"),
}


def table(tmp_path, names=tuple(FILE), **options):
    cells = [[f'"{FILE[name][2](i)}"' for name in names] + ["ab"[i // 3 % 2]] for i in range(N)]
    path = tmp_path / "t.csv"
    path.write_text("\n".join(",".join(row) for row in [[*names, "y"], *cells]))
    return Table.of(path, "y", **options)


def said_of(lines):
    """Column -> the title of the line that names it."""
    return {
        word.split(" (")[0]: title
        for title in (*TITLES.values(), "dropped")
        for line in lines
        if line.startswith(f"{title}: ")
        for word in line.removeprefix(f"{title}: ").replace(", with", " with").split(", ")
        if word.split(" (")[0] in FILE
    }


@pytest.mark.parametrize("name", FILE)
def test_a_column_that_is_said_to_be_used_reaches_the_model_and_no_other(name, tmp_path):
    data = table(tmp_path).draw(0)
    kind, parts, _ = FILE[name]
    assert said_of(data.about["inferred"])[name] == TITLES.get(kind, "dropped")
    places = [i for i, column in enumerate(data.output.columns) if name in (column.name, column.of)]
    assert [data.output.columns[i].name for i in places] == (
        [name, *(f"{name} ({part})" for part in parts)] if kind else []
    )
    rows = np.arange(0, len(data.train), 2)
    before = prepare(data, rows)["train"]
    assert before.shape[1] == width(data)
    for i in places:
        x = data.train.x.copy()
        x[:, i] = x[::-1, i]
        after = prepare(other(data, x), rows)["train"]
        assert not np.array_equal(before, after), f"{data.output.columns[i].name} is said and not used"


def other(data, x):
    from dataclasses import replace

    train = replace(data.train, x=x)
    return replace(data, views={**data.views, "train": train})


def test_every_number_that_a_model_gets_is_of_a_column_that_is_said(tmp_path):
    data = table(tmp_path).draw(0)
    said = said_of(data.about["inferred"])
    assert {column.of or column.name for column in data.output.columns} == {n for n, t in said.items() if t != "dropped"}
    assert set(said) == set(FILE)


def test_dates_alone_are_the_same_input_as_their_days(tmp_path):
    data = table(tmp_path, ("day",), categorical=()).draw(0)
    rows = np.arange(len(data.train))
    got = prepare(data, rows)["train"]
    days = data.train.x[:, 0]
    np.testing.assert_allclose(got[:, 0], (days - days.mean()) / days.std(), rtol=1e-5, atol=1e-6)
    assert got.shape[1] == 1 + 12 + 7


TIMES = {
    "clock": (["14:30", "09:05", None], "time", [14.5, 9 + 5 / 60, np.nan]),
    "clock with seconds": (["14:30:36", "09:00:00.5"], "time", [14.51, 9 + 0.5 / 3600]),
    "noon and midnight": (["12:15 AM", "12:15 pm", "1:00 p.m."], "time", [0.25, 12.25, 13]),
    "longer than a day": (["30:00", "01:30"], "duration", [30, 1.5]),
    "with days, as pandas and Python write it": (["1 days 02:00:00", "0 days 00:30:00", "-1 day, 22:00:00"], "duration", [26, 0.5, -2]),
    "negative": (["-1:30", "2:00"], "duration", [-1.5, 2]),
    "ISO": (["PT1H30M", "P1DT6H", "PT36S"], "duration", [1.5, 30, 0.01]),
    "units": (["90 min", "1 hour", "2 days"], "duration", [1.5, 1, 48]),
    "letters": (["1h30m", "45m", "36s"], "duration", [1.5, 0.75, 0.01]),
}  # fmt: skip


@pytest.mark.parametrize("case", TIMES)
def test_times_and_durations_are_hours(case):
    cells, role, values = TIMES[case]
    read = read_column("a", cells, ",")
    assert read.role == role
    np.testing.assert_allclose(read.values, values, rtol=1e-12)


@pytest.mark.parametrize("cells", [["2d", "3d", "2d"], ["16:9", "4:3", "4:3"], ["25:00 pm", "x", "x"], ["12:75", "12:75", "1:00"]])
def test_what_is_no_time_stays_a_word(cells):
    assert read_column("a", cells, ",").role == "category"


def test_calendar_parts_are_taken_where_they_repeat():
    days = [START + datetime.timedelta(days=i) for i in range(20)]
    names = lambda moments: [name for name, _, _ in calendar(moments)]  # noqa: E731
    assert names(days[:7]) == []
    assert names(days) == ["weekday"]
    assert names([day.replace(year=2022 + i % 2) for i, day in enumerate(days)]) == ["weekday"]  # one month
    assert names([START.replace(month=1 + i % 3, year=2020 + i // 3) for i in range(9)])[:1] == ["month"]
    assert names([START.replace(hour=i % 2, day=1 + i // 2) for i in range(4)]) == ["hour"]
    assert names([None, START, START]) == []


def test_an_example_shows_moments_as_a_reader_writes_them(tmp_path):
    data = table(tmp_path, ("day", "seen", "opens", "took")).draw(0)
    i = int(data.train.ids[0])
    fields = dict(exhibits(data, [("train", i)])[f"train:{i}"]["fields"])
    assert fields == {
        "day": str(FILE["day"][2](i)),
        "seen": str(FILE["seen"][2](i))[:16],
        "opens": FILE["opens"][2](i),
        "took": f"{i % 40}:07",
    }


