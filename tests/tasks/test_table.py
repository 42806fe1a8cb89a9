"""Tables as people export them."""

import datetime
import random
import sys
import time

import numpy as np
import pytest

from byheart.errors import ByheartError, InputRefused, UsageError
from byheart.fingerprint.description import described, revive
from byheart.tasks.columns import read_column
from byheart.tasks.output import Column
from byheart.tasks.table import Table

N = 60


def write(tmp_path, lines, name="t.csv", end="\n", encoding="utf-8"):
    path = tmp_path / name
    path.write_bytes(end.join(lines).encode(encoding))
    return path


def odd_rows():
    source = random.Random(0)
    for i in range(N):
        size = f"{source.random() * 2:.2f}".replace(".", ",")
        price = "NA" if i in (4, 9) else str(source.randint(1, 9))
        colour = source.choice(['"rot; hell"', "blau", "grün"])
        goal = "" if i == 5 else ["gut", "schlecht"][i % 2]
        day = datetime.date(2024, 1, 1) + datetime.timedelta(days=i)
        cells = [str(1000 + i * 3), f" {size} ", price, str(day), ["ja", "nein"][i % 3 == 0], colour]
        yield ";".join([*cells, "x", source.choice("ab"), "", goal])


@pytest.fixture
def odd(tmp_path):
    header = "\ufeffKunden-ID; Größe in m ;Preis;Datum;aktiv;Farbe;;Farbe;leer;Ziel"
    return Table.of(write(tmp_path, [header, *odd_rows()], end="\r\n"), "Ziel")


def test_an_odd_file_is_read(odd):
    data = odd.draw(0)
    assert data.output.columns == (
        Column("Größe in m", "number"),
        Column("Preis", "number"),
        Column("Datum", "date"),
        Column("Datum (weekday)", "category", ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"), of="Datum"),
        Column("aktiv", "category", ("ja", "nein")),
        Column("Farbe", "category", ("blau", "grün", "rot; hell")),
        Column("Farbe (2)", "category", ("a", "b")),
    )
    assert data.output.classes == ("gut", "schlecht")
    assert (data.output.target, data.output.show, data.output.noun) == ("Ziel", "row", ("row", "rows"))
    x = np.concatenate([data.train.x, data.views["test"].x])
    ids = np.concatenate([data.train.ids, data.views["test"].ids])
    x = x[np.argsort(ids)]
    assert x.dtype == np.float64
    assert sorted(ids.tolist()) == [i for i in range(N) if i != 5]
    first = next(odd_rows()).split(";")
    assert x[0, 0] == float(first[1].replace(",", "."))
    assert np.isnan(x[4, 1])
    np.testing.assert_array_equal(np.diff(x[:5, 2]), 1)
    assert x[0, 2] == (datetime.date(2024, 1, 1) - datetime.date(1970, 1, 1)).days
    assert x[:5, 3].tolist() == [0, 1, 2, 3, 4]  # 1 January 2024 was a Monday
    assert x[:2, 4].tolist() == [1.0, 0.0]
    np.testing.assert_array_equal(data.train.meta["line"], data.train.ids + 2)


def test_what_was_inferred_is_said(odd):
    assert odd.inferred() == [
        "read: 60 rows, 10 columns, separated by semicolons",
        "note: column 7 has no name and is called 'column 7'",
        "note: column 8 repeats the name 'Farbe' and is called 'Farbe (2)'",
        "target: 'Ziel', classes: the labels are text (2 classes)",
        "numbers: Größe in m (decimal comma), Preis",
        "categories: aktiv (2 words), Farbe (3 words), Farbe (2) (2 words)",
        "dates, as days since 1970: Datum (date, with its weekday)",
        "dropped: Kunden-ID (named like an id, and different in every row), column 7 (always 'x'), "
        "leer (no cell is filled)",
        "missing cells: Preis 2; byheart's own learners fill them in from their training rows",
        "rows dropped: 1 with an empty 'Ziel'",
        "held out: 12 of 59 rows, chosen by their content (not their order)",
    ]


def test_the_hold_out_does_not_see_the_order(tmp_path):
    lines = list(odd_rows())
    header = "id;a;b;c;d;e;f;g;h;y"
    shuffled = lines.copy()
    random.Random(1).shuffle(shuffled)
    chosen = []
    for name, order in (("a.csv", lines), ("b.csv", shuffled)):
        path = write(tmp_path, [header, *order], name)
        test = Table.of(path, "y").draw(0).views["test"]
        chosen.append({order[row] for row in test.ids.tolist()})
    assert chosen[0] == chosen[1]
    assert len(chosen[0]) == 12


def test_repeated_rows_fall_on_one_side(tmp_path):
    rows = [f"{i},{'ab'[i % 2]},{i % 7 / 2}" for i in range(40)] * 2
    data = Table.of(write(tmp_path, ["n,kind,y", *rows]), "kind").draw(0)
    assert {i % 40 for i in data.train.ids} & {i % 40 for i in data.views["test"].ids} == set()


SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}


@pytest.mark.parametrize("separator", SEPARATORS)
def test_separators_are_told(separator, tmp_path):
    rows = [separator.join([f"{i * 7 % 31}.5", '"said ""no"",\nthen left"', "ab"[i % 2]]) for i in range(N)]
    rows[3] = separator.join(["1.5", "stayed", "a"])
    table = Table.of(write(tmp_path, [separator.join(["n", "words", "y"]), *rows]), "y")
    assert f"separated by {SEPARATORS[separator]}" in table.inferred()[0]
    assert table.draw(0).output.columns[1].categories == ('said "no",\nthen left', "stayed")


def test_lines_are_counted_through_quoted_line_ends(tmp_path):
    rows = [f'{i * 7 % 61},"two\nlines {i % 2}",{"ab"[i % 2]}' for i in range(N)]
    train = Table.of(write(tmp_path, ["n,words,y", *rows]), "y").draw(0).train
    np.testing.assert_array_equal(train.meta["line"], 2 + 2 * train.ids)


COLUMNS = {
    "numbers": (["1", "2.5", "-3e2"], ",", "number", [1, 2.5, -300]),
    "gaps": (["1", None, "2"], ",", "number", [1, np.nan, 2]),
    "decimal comma": (["1,5", "1.234,5", "7"], ";", "number", [1.5, 1234.5, 7]),
    "thousands": (["1,500", "12", "1,234,567.5"], ",", "number", [1500, 12, 1234567.5]),
    "underscores are words": (["1_0", "2_0", "1_0"], ",", "category", [0, 1, 0]),
    "truth": (["true", "false", "true"], ",", "category", [1, 0, 1]),
    "words with gaps": (["b", None, "a", "b"], ",", "category", [1, np.nan, 0, 1]),
    "time of day": (["1970-01-02T12:00", "1970-01-03"], ",", "date", [1.5, 2]),
    "time zone": (["1970-01-02T02:00:00+02:00", "1970-01-03"], ",", "date", [1, 2]),
    "dots": (["02.01.1970", "31.01.1970"], ",", "date", [1, 30]),
    "slashes": (["1970/01/02", "1970/01/03"], ",", "date", [1, 2]),
    "day first": (["02/01/1970", "31/01/1970"], ",", "date", [1, 30]),
    "month first": (["01/02/1970", "01/31/1970"], ",", "date", [1, 30]),
    "no such day": (["2024-02-30", "2024-02-30", "2024-01-01"], ",", "category", [1, 1, 0]),
}


@pytest.mark.parametrize("case", COLUMNS)
def test_columns(case):
    cells, separator, role, values = COLUMNS[case]
    read = read_column("a", cells, separator)
    assert read.role == role
    np.testing.assert_allclose(read.values, values, rtol=1e-15)
    assert read.missing == cells.count(None)


def test_dates_do_not_depend_on_where_the_machine_stands(monkeypatch):
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        assert read_column("a", ["1970-01-02", "1970-01-03"], ",").values.tolist() == [1, 2]
    finally:
        monkeypatch.undo()
        time.tzset()


DROPPED = {
    "constant": (["1"] * 5, "a", "always '1'"),
    "empty": ([None] * 5, "a", "no cell is filled"),
    "id by name": (["7", "3", "12", "5"], "user_id", "named like an id"),
    "camel id": (["7", "3", "12", "5"], "userId", "named like an id"),
    "row numbers, shuffled": (["3", "1", "4", "2"], "a", "numbers the rows"),
    "all different words": (["p", "q", "r", "s"], "a", "a different word in every row"),
    "free text": ([f"w{i // 2}" for i in range(102)] + ["v", "u", None], "a", "53 different words in 105"),
}


@pytest.mark.parametrize("case", DROPPED)
def test_useless_columns_are_dropped_unless_kept(case):
    cells, name, why = DROPPED[case]
    read = read_column(name, cells, ",")
    assert read.role == "dropped"
    assert why in read.why
    kept = read_column(name, cells, ",", keep=True).role
    assert (kept == "dropped") == (case == "empty")  # from nothing nothing comes


@pytest.mark.parametrize(
    "cells, name",
    [
        (["1950", "1951", "1952", "1953"], "year"),
        (["7", "3", "12", "7"], "user_id"),
        (["7.5", "3", "12", "1"], "id"),
        (["7", "3", "12", "5"], "paid"),
        ([f"w{i // 3}" for i in range(153)], "a"),
    ],
)
def test_useful_columns_are_kept(cells, name):
    assert read_column(name, cells, ",").role != "dropped"


def test_nearly_numbers_are_pointed_out():
    cells = [str(i) for i in range(40)] + ["unknown"] + ["3"] * 40
    assert "1 cell that is no number, such as 'unknown'" in read_column("a", cells, ",").why


def test_what_the_user_says_wins(tmp_path):
    lines = ["id,code,junk,y", *(f"{i * 7 % 61},{i % 3},{i % 5},{i % 4}" for i in range(N))]
    path = write(tmp_path, lines)
    plain = Table.of(path, "y").draw(0).output
    assert [column.name for column in plain.columns] == ["code", "junk"]
    told = Table.of(path, "y", categorical=("code",), drop=("junk",), keep=("id",), task="values").draw(0)
    assert told.output.columns == (Column("id", "number"), Column("code", "category", ("0", "1", "2")))
    assert (told.output.kind, told.train.y.dtype) == ("values", np.float64)


def test_a_target_with_decimal_commas_is_values(tmp_path):
    path = write(tmp_path, ["a;y", *(f"{i * 7 % 61};{i},5" for i in range(N))])
    data = Table.of(path, "y").draw(0)
    assert data.output.kind == "values"
    np.testing.assert_array_equal(data.train.y, data.train.ids + 0.5)


def test_another_encoding(tmp_path):
    path = write(tmp_path, ["é,y", *(f"{i * 7 % 61},{['café', 'thé'][i % 2]}" for i in range(N))], encoding="cp1252")
    with pytest.raises(InputRefused, match="line 1"):
        Table.of(path, "y")
    assert Table.of(path, "y", encoding="cp1252").draw(0).output.classes == ("café", "thé")


def test_the_key_follows_the_content(tmp_path):
    lines = ["a,y", *(f"{i * 7 % 61},{'ab'[i % 2]}" for i in range(N))]
    path = write(tmp_path, lines)
    first = Table.of(path, "y").key()
    assert Table.of(path, "y").key() == first
    write(tmp_path, [*lines, "3,a"])
    assert Table.of(path, "y").key() != first


def test_parquet_and_csv_say_the_same(tmp_path):
    import pyarrow as arrow
    from pyarrow import parquet

    days = [datetime.date(2024, 1, 1) + datetime.timedelta(days=i % 9) for i in range(N)]
    columns = {
        "n": [None if i == 3 else i * 7 % 61 / 4 for i in range(N)],
        "colour": [["red", "blue", None][i % 3] for i in range(N)],
        "on": [i % 4 == 0 for i in range(N)],
        "day": days,
        "y": ["ab"[i % 2] for i in range(N)],
    }
    parquet.write_table(arrow.table(columns), tmp_path / "t.parquet")
    rows = [",".join("" if cell is None else str(cell) for cell in row) for row in zip(*columns.values())]
    one = Table.of(tmp_path / "t.parquet", "y").draw(0)
    two = Table.of(write(tmp_path, [",".join(columns), *rows]), "y").draw(0)
    np.testing.assert_array_equal(one.train.x, two.train.x)
    assert one.output.columns == two.output.columns
    (tmp_path / "t.parquet").write_bytes(b"PAR1 nothing")
    with pytest.raises(InputRefused, match=r"a whole .parquet file"):
        Table.of(tmp_path / "t.parquet", "y")


def test_without_pyarrow_the_message_says_what_to_install(tmp_path, monkeypatch):
    (tmp_path / "t.parquet").write_bytes(b"PAR1")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(InputRefused, match=r"pip install 'byheart\[parquet\]'"):
        Table.of(tmp_path / "t.parquet", "y")


def test_many_rows_are_read(tmp_path):
    numbers = np.random.default_rng(0).normal(size=(6_000, 6)).round(4).astype(str)
    lines = ["a,b,c,d,e,f,k,y", *(",".join([*row, "pqr"[i % 3], str(i % 2)]) for i, row in enumerate(numbers.tolist()))]
    path = write(tmp_path, lines)
    assert len(Table.of(path, "y").draw(0).train) == 4_800


def of_rows(tmp_path, cells, **options):
    rows = [f"{cell};{'ab'[i % 2]}" for i, cell in enumerate(cells)]
    return Table.of(write(tmp_path, ["n;y", *rows]), "y", keep=("n",), **options).draw(0)


def test_what_a_dot_means_is_what_the_user_says(tmp_path):
    cells = [f"{1 + i % 9}.{100 + i}" for i in range(40)]
    for decimal, size in {"": 1, ".": 1, ",": 1000}.items():
        x = np.sort(np.concatenate([view.x[:, 0] for view in of_rows(tmp_path, cells, decimal=decimal).views.values()]))
        np.testing.assert_allclose(x, np.sort([size * float(cell) for cell in cells]), rtol=1e-12)


def test_a_decimal_comma_in_quotation_marks_between_commas(tmp_path):
    rows = [f'"{i},5",{"ab"[i % 2]}' for i in range(40)]
    path = write(tmp_path, ["n,y", *rows])
    read = [Table.of(path, "y", decimal=decimal, keep=("n",)).draw(0).output.columns for decimal in ("", ",")]
    assert [columns[0].type for columns in read] == ["category", "number"]


def test_a_separator_of_the_users_is_used(tmp_path):
    rows = [f"{i * 7 % 31}~{i % 3}~{'ab'[i % 2]}" for i in range(40)]
    path = write(tmp_path, ["n~m~y", *rows])
    with pytest.raises(ByheartError):
        Table.of(path, "y")
    assert len(Table.of(path, "y", separator="~").draw(0).output.columns) == 2
    with pytest.raises(UsageError, match="one character"):
        Table.of(path, "y", separator="~~")
    with pytest.raises(UsageError, match="decimal"):
        Table.of(path, "y", separator="~", decimal=";")


def targets(tmp_path, second=None, header="width,height,a,b"):
    """60 rows: width = a + noise, height = 10 b, or as `second` says."""
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, N))
    height = 10 * b if second is None else second
    rows = [f"{x + 0.1:.3f},{y},{x:.3f},{z:.3f}" for x, y, z in zip(a, height, b)]
    return write(tmp_path, [header, *rows]), np.stack([a + 0.1, 10 * b], 1)


@pytest.mark.parametrize("target", ["width,height", "width, height", ["width", "height"], ("width", "height", "width")])
def test_several_targets_of_numbers_are_values_of_one_row(tmp_path, target):
    path, y = targets(tmp_path)
    task = Table.of(path, target)
    data = task.draw(0)
    assert task.targets == ("width", "height")
    assert (data.output.kind, data.output.k, data.output.target) == ("values", 2, "width and height")
    np.testing.assert_allclose(data.output.spread, y.std(0), rtol=1e-2)
    np.testing.assert_allclose(data.train.y, y[data.train.ids], atol=1e-3)
    assert [column.name for column in data.output.columns] == ["a", "b"]
    assert "target: 'width and height', values: 2 columns of numbers" in task.inferred()
    assert revive(described(task)).draw(0).train.y.shape == data.train.y.shape


def test_one_target_is_the_task_it_was(tmp_path):
    """Written with a comma or as a list it has the key of the plain word, and a name may hold a comma."""
    path, _ = targets(tmp_path)
    assert Table.of(path, ["width"]).key() == Table.of(path, "width").key()
    assert described(Table.of(path, "width"))["target"] == "width"
    path, _ = targets(tmp_path, header='"w,h",height,a,b')
    assert Table.of(path, "w,h").targets == ("w,h",)


def test_a_row_that_lacks_one_of_the_targets_is_left_out(tmp_path):
    height = ["" if i == 3 else i / 7 for i in range(N)]
    task = Table.of(targets(tmp_path, height)[0], "width,height")
    assert 3 not in {*task.draw(0).train.ids, *task.draw(0).views["test"].ids}
    assert "rows dropped: 1 with an empty 'width and height'" in task.inferred()


WORDS = ["low" if i % 2 else "high" for i in range(N)]


@pytest.mark.parametrize("second, options, came", [
    (WORDS, {}, "2 targets; column 'height' holds text"),
    ([i % 3 for i in range(N)], {"categorical": ("height",)}, "2 targets; column 'height' holds text"),
    (None, {"task": "classes"}, "2 targets; the task is classes"),
    ([1.5] * N, {}, "1.5 in every example"),
])  # fmt: skip
def test_several_targets_that_are_not_numbers_are_refused_by_name(tmp_path, second, options, came):
    with pytest.raises(InputRefused) as error:
        Table.of(targets(tmp_path, second)[0], "width,height", **options)
    assert came in str(error.value)


def test_a_target_among_several_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UsageError) as error:
        Table.of(targets(tmp_path)[0], "width,hight")
    assert "'hight'" in str(error.value)
    assert "Nearest: height" in str(error.value)
