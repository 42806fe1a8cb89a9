"""Which data follow one another in time, and that nothing is asked of a row whose neighbour was seen."""

from itertools import pairwise

import numpy as np
import pytest
from sklearn import datasets

from byheart.errors import InputRefused, UsageError
from byheart.study.serialization import data_from, data_result
from byheart.tasks.arrays import Arrays
from byheart.tasks.table import Table

N = 1000


def persistent(n, weight=0.9, seed=1):
    rng, e = np.random.default_rng(seed), np.zeros(n)
    for i in range(1, n):
        e[i] = weight * e[i - 1] + rng.normal()
    return e


def features(n=N, d=3, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d))


def target(x, seed=2):
    return x[:, 0] + np.random.default_rng(seed).normal(size=len(x))


def drawn(x, y, **options):
    return Arrays.of(x, y, **options).draw(0)


def by(x, key):
    return np.argsort(key, kind="stable")


def worlds():
    x = features()
    y, label = target(x), (target(x) > 0).astype(int)
    order = by(x, x[:, 0])
    return {
        "independent": ((x, y), False),
        "heavy tails": ((x, np.exp(3 * y)), False),
        "sixty rows": ((x[:60], y[:60]), False),
        "copies beside one another": ((np.repeat(x[:500], 2, 0), np.repeat(y[:500], 2)), False),
        "sorted by the target": ((x[by(x, y)], y[by(x, y)]), False),
        "sorted by label": ((x[by(x, label)], label[by(x, label)]), False),
        "sorted by a feature, curved": ((x[order], np.sin(3 * x[order, 0])), False),
        "noise that persists": ((x, y + 2 * persistent(N)), True),
        "labels that persist": ((x, (persistent(N) > 0).astype(int)), True),
        "sources in a row that nobody names": ((x, y + 3 * np.repeat(features(100)[:, 0], 10)), True),
    }


@pytest.mark.parametrize("world", worlds())
def test_rows_that_follow_one_another_are_told_from_those_that_do_not(world):
    (x, y), follows = worlds()[world]
    task = {"task": "values"} if y.dtype == float else {}
    data = drawn(x, y, **task)
    assert bool(data.grouping.blocks) is follows
    assert ("in time" in data.about["holdout"]) is follows
    if "sorted" in world:
        assert "sorted by" in data.about["order"]


@pytest.mark.parametrize("load", ["load_iris", "load_wine", "load_breast_cancer", "load_diabetes", "load_digits"])
def test_no_real_table_of_separate_cases_is_read_as_a_series(load):
    assert not drawn(*getattr(datasets, load)(return_X_y=True)).grouping.blocks


def test_a_quarter_of_a_hundred_shuffles_are_not_read_as_a_series():
    x, y = features(200), persistent(200)
    shuffles = [np.random.default_rng(seed).permutation(200) for seed in range(100)]
    assert sum(bool(drawn(x[s], y[s]).grouping.blocks) for s in shuffles) <= 1


def series(**options):
    return drawn(features(), target(features()) + 2 * persistent(N), **options)


def test_the_last_are_held_out_and_no_block_touches_another():
    data = series()
    grouped, ids, test = data.grouping, data.train.ids, data.views["test"].ids
    assert test.tolist() == list(range(N - 200, N))
    assert test.min() - ids.max() > grouped.reach
    ends = [(ids[grouped.groups == g].min(), ids[grouped.groups == g].max()) for g in np.unique(grouped.groups)]
    ends.sort()
    assert all(later - earlier > grouped.reach for (_, earlier), (later, _) in pairwise(ends))
    assert len(ends) == grouped.blocks
    lost = N - 200 - len(ids)
    assert lost <= 0.25 * N


def test_the_reach_is_where_the_persistence_has_fallen_to_a_third():
    for weight in (0.5, 0.8, 0.9):
        data = drawn(features(20_000), persistent(20_000, weight))
        expected = -1 / np.log(weight)
        assert expected - 1 <= data.grouping.reach <= 1.3 * expected + 1


def test_what_the_user_says_goes():
    assert not series(order="random").grouping.blocks
    x = features()
    assert drawn(x, target(x), order="time").views["test"].ids.tolist() == list(range(N - 200, N))
    assert not series(groups=np.arange(N) // 4).grouping.blocks


def test_a_given_test_stays_and_models_leave_out_blocks():
    x = features()
    data = drawn(x, target(x) + 2 * persistent(N), x_test=features(50, seed=5), y_test=target(features(50, seed=5)))
    assert data.grouping.blocks
    assert len(data.views["test"]) == 50
    assert data.train.ids.max() == N - 1


def test_a_file_appended_to_itself_links_its_blocks():
    x, y = features(500), persistent(500)
    grouped = drawn(np.r_[x, x], np.r_[y, y]).grouping
    assert grouped.blocks
    assert len(np.unique(grouped.groups)) < grouped.blocks


def test_a_class_that_comes_late_alone_is_refused_with_the_way_out():
    y = np.where(np.arange(N) > 900, 2, persistent(N) > 0).astype(int)
    with pytest.raises(InputRefused, match="--split random"):
        drawn(features(), y)


def test_a_series_too_short_for_its_memory_is_refused():
    with pytest.raises(InputRefused, match="longer series"):
        drawn(features(80), np.sin(np.arange(80) / 12))


def test_it_survives_the_ledger():
    data = series()
    again = data_from(data_result(data))
    assert again.grouping.document() == data.grouping.document()
    np.testing.assert_array_equal(again.grouping.groups, data.grouping.groups)


def table(tmp_path, order, **options):
    rng = np.random.default_rng(4)
    days = np.datetime64("2001-01-01") + np.arange(len(order))
    y = persistent(len(order), 0.8)
    rows = [f"{day},{rng.normal():.3f},{value:.3f}" for day, value in zip(days, y)]
    rows = [rows[i] for i in order]
    (tmp_path / "t.csv").write_text("\n".join(["when,size,y", *rows]))
    return Table.of(tmp_path / "t.csv", "y", **options).draw(0)


def test_a_date_gives_the_order_of_shuffled_rows(tmp_path):
    shuffled = np.random.default_rng(3).permutation(N)
    data = table(tmp_path, shuffled)
    assert data.grouping.by == "when"
    assert data.views["test"].x[:, 0].min() > data.train.x[:, 0].max() + data.grouping.reach


def test_dates_that_say_nothing_are_said_and_left_alone(tmp_path):
    rng = np.random.default_rng(4)
    days = np.datetime64("2001-01-01") + rng.permutation(N)
    rows = [f"{day},{rng.normal():.3f},{rng.normal():.3f}" for day in days]
    (tmp_path / "t.csv").write_text("\n".join(["born,size,y", *rows]))
    data = Table.of(tmp_path / "t.csv", "y").draw(0)
    assert not data.grouping.blocks
    assert "born" in data.about["order"]
    assert Table.of(tmp_path / "t.csv", "y", order="time").draw(0).grouping.by == "born"


def test_interpolating_a_series_does_not_pass_for_understanding(tmp_path, byheart, quick_page, monkeypatch):
    import json

    monkeypatch.chdir(tmp_path)
    table(tmp_path, np.arange(3 * N))
    words = ["t.csv", "--target", "y", "--learner", "KNeighborsRegressor", "--set", "n_neighbors=2", "--members", "8"]

    def understood(*more):
        said = byheart("audit", *words, "--jobs", "1", "--device", "cpu", "--json", *more)
        assert said.code == 0, said.err
        found = json.loads(said.out)
        gap = found["findings"]["generalization/gap"]["quantities"]
        return gap["held_out_r2"]["value"], found["provenance"]["notes"], said.err

    random, _, _ = understood("--split", "random", "--out", "random", "--drop", "size")
    later, notes, told = understood("--out", "later", "--drop", "size")
    assert random > 0.5
    assert later < 0.2
    assert any("in time by column 'when'" in note for note in notes)
    assert "in time" in told


def test_a_wrong_split_names_the_nearest(byheart, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table(tmp_path, np.arange(N))
    said = byheart("audit", "t.csv", "--target", "y", "--split", "tim")
    assert said.code == 2
    assert "time" in said.err
    assert byheart("audit", "t.csv", "--target", "y", "--split", "1.5").code == 2


def test_a_wrong_split_in_python():
    import byheart as bh

    with pytest.raises(UsageError, match="time"):
        bh.audit((features(), target(features())), split="tme")


def test_a_column_that_counts_the_rows_is_time_where_neighbours_are_alike_and_said_elsewhere():
    """A trend along it is flat once it is known, and a tree reads it off the neighbours."""
    rng = np.random.default_rng(4)
    row, other = np.arange(300.0), rng.normal(size=300)
    y = 0.05 * row + rng.normal(size=300)
    told = [inferred(np.c_[column, other], y) for column in (row, 7 - 0.1 * row, np.sort(rng.normal(size=300)), row[::-1] ** 2)]
    assert ["in time by column 'x0'" in line for line in told] == [True, True, False, False]
    apart = inferred(np.c_[row, other], rng.normal(size=300))  # nothing follows from it
    halves = inferred(np.c_[row, other], (row >= 150).astype(int))  # sorted by label, and the row number tells it
    assert all("x0 counts the rows" in line and "--split time" in line for line in (apart, halves))


def inferred(x, y):
    return str(drawn(x, y).about)
