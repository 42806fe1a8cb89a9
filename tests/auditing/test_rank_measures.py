"""A table of runs ranked: any input gives the same scores, the public columns are recognised, bad tables are refused."""

import csv
import importlib
import itertools
import json

import numpy as np
import pytest

import byheart as bh
from byheart.errors import InputRefused, UnknownName, UsageError
from byheart.maths import ranking
from byheart.records.published_rankings import published

SETTINGS = ["width", "rate", "kind"]


def columns(repeats=1):
    """18 configurations; the gap falls with the width; one measure follows it, one runs against it, one is constant."""
    rows = [row for row in itertools.product((8, 16, 32), (0.1, 0.01), ("relu", "tanh", "elu")) for _ in range(repeats)]
    rng = np.random.default_rng(0)
    gap = np.array([0.5 - 0.01 * w + 0.2 * (r == 0.1) + 0.02 * (k == "relu") for w, r, k in rows]) + 0.02 * rng.normal(size=len(rows))
    width, rate, kind = (list(column) for column in zip(*rows))
    near = gap + 0.03 * rng.normal(size=len(gap))
    return {"run": list(range(len(rows))), "width": width, "rate": rate, "kind": kind, "near": near, "against": -gap, "same": [1.0] * len(rows), "gap": gap}


def ranked(table, **more):
    return bh.rank_measures(table, gap="gap", settings=SETTINGS, **more)


@pytest.fixture(autouse=True, scope="module")
def few_draws():
    """Fewer draws of the baselines than users get; what they are is tested with the mathematics."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("byheart.maths.ranking.scoreboard.MOST_DRAWS", 8)
        yield


@pytest.fixture(scope="module")
def found(few_draws):
    return ranked(columns(4), test_size=5000)


def row(found, name):
    return next(one for one in found.table.rows() if one["measure"] == name)


def test_every_column_is_the_score_of_that_name(found):
    made = columns(4)
    gap, settings = made["gap"], np.array([made[name] for name in SETTINGS], dtype=object).T
    for name in ("near", "against", "same"):
        one, m = row(found, name), made[name]
        psi, overall = ranking.granulated(m, gap, settings)
        error = ranking.sign_error(m, gap, settings, 5000)
        told, more = ranking.information(m, gap, settings), ranking.predictive_increment(m, gap, settings)
        assert one["tau"] == pytest.approx(ranking.tau_a(m, gap))
        assert [one[f"psi.{setting}"] for setting in SETTINGS] == pytest.approx(psi)
        assert one["psi"] == pytest.approx(overall)
        assert (one["information"], one["information_none"], one["information_pgdl"]) == pytest.approx((told.least, told.none, told.pgdl))
        assert (one["sign_error"], one["sign_error_worst"], one["effective_size"]) == pytest.approx((error.mean, error.worst, error.effective_size))
        assert one["sign_error.width"] == pytest.approx(error.per_setting[0])
        assert (one["increment"], one["increment_low"]) == pytest.approx((more.increment, more.interval.low))
        (tau_low, _), (_, psi_high) = ranking.ranking_intervals(m, gap, settings)
        assert (one["tau_low"], one["psi_high"]) == pytest.approx((tau_low, psi_high))
    assert found.environments == len(ranking.environments(gap, gap, settings, 5000).loss) > 0


def test_measures_stand_by_their_tau_and_baselines_after_them(found):
    names, baselines = found.table.values["measure"], found.table.values["baseline"]
    assert names == ("near", "same", "against", "oracle 0.02", "oracle 0.05", "canonical ordering", "random")
    assert baselines == (False,) * 3 + (True,) * 4
    assert row(found, "oracle 0.02")["tau"] > row(found, "oracle 0.05")["tau"] > 0.3
    assert abs(row(found, "random")["tau"]) < 0.1
    assert row(found, "canonical ordering")["psi.width"] == 1.0  # a larger width is expected to narrow the gap, and does
    assert row(found, "canonical ordering")["psi.rate"] == -1.0  # here a larger rate widens it


def test_where_a_measure_fails_is_said(found):
    assert row(found, "near")["fails"] == ""
    assert row(found, "same")["fails"].split(", ")[:2] == ["width", "rate"]  # a tie is a guess
    assert row(found, "against")["sign_error.width"] == 1.0
    assert row(found, "against")["fails"].startswith("width, rate")


def test_what_chance_attains_is_below_a_measure_and_above_nothing(found):
    assert 0 < found.by_chance["tau"] < row(found, "near")["tau"]
    assert row(found, "same")["information"] == 0.0 < found.by_chance["information"] < row(found, "near")["information"]
    assert row(found, "near")["sign_error"] < found.by_chance["sign_error"] < 0.5


def frame_of(library):
    made = columns(4)
    if library == "pyarrow":
        import pyarrow

        return pyarrow.table(made)
    return importlib.import_module(library).DataFrame(made)


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_a_frame_gives_what_arrays_give(library, found):
    assert ranked(frame_of(library), test_size=5000).table == found.table


def test_a_file_gives_what_arrays_give(tmp_path, found):
    import pyarrow
    from pyarrow import parquet

    made = {name: list(column) for name, column in columns(4).items()}
    with open(tmp_path / "runs.csv", "w", newline="") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(made)
        writer.writerows(zip(*made.values()))
    parquet.write_table(pyarrow.table(made), tmp_path / "runs.parquet")
    for name in ("runs.csv", "runs.parquet"):
        assert ranked(tmp_path / name, test_size=5000).table == found.table, name


def test_tensors_and_lists_are_columns_too(found):
    import torch

    made = columns(4)
    made["gap"], made["near"] = torch.tensor(made["gap"]), list(made["near"])
    assert ranked(made, test_size=5000).table == found.table


def public(tmp_path, **changes):
    """A small table with the columns of the public one."""
    made = []
    for place, (rate, depth, data) in enumerate(itertools.product((0.00158489, 0.01), (2, 3), ("cifar10", "svhn"))):
        for repeat in range(4):
            gap = 0.1 * depth + (data == "svhn") * 0.2 + 0.001 * repeat
            made.append({
                "experiment_id": place, "repeat_id": repeat, "hp.lr": rate * (1 + 1e-12 * repeat), "hp.model_depth": depth, "hp.dataset": data,
                "hp.batch": 32, "is.converged": "True", "is.high_train_accuracy": "True", "gen.gap": gap, "train.acc": 1.0,
                "complexity.path_norm": gap, "complexity.log_prod_of_spec_fft": -depth,
            })  # fmt: skip
    for (at, name), value in changes.get("cells", {}).items():
        made[at][name] = value
    with open(tmp_path / "public.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, made[0])
        writer.writeheader()
        writer.writerows(made)
    return tmp_path / "public.csv"


def test_the_columns_of_the_public_table_are_recognised(tmp_path):
    found = bh.rank_measures(public(tmp_path))
    assert (found.gap, found.test_size, found.runs, found.configurations) == ("gen.gap", 10_000, 32, 8)
    assert found.settings == {"lr": 2, "model_depth": 2, "dataset": 2}  # the batch never moves
    assert found.notes == ("hp.batch is the same for all runs",)
    assert {name for name, base in zip(found.table.values["measure"], found.table.values["baseline"]) if not base} == {"path_norm", "log_prod_of_spec_fft"}
    assert row(found, "path_norm")["sign_error"] == 0.0
    assert row(found, "log_prod_of_spec_fft")["sign_error.model_depth"] == 1.0
    assert {one["measure"]: one["sign_error"] for one in found.published.rows()}["path_norm"] == 0.1274


def test_runs_are_left_out_as_its_authors_left_them_out(tmp_path):
    cells = {
        (0, "is.converged"): "False", (1, "is.high_train_accuracy"): "False", (2, "complexity.path_norm"): "inf",
        (3, "complexity.path_norm"): "", (5, "is.converged"): "False", (5, "complexity.path_norm"): "nan",
    }  # fmt: skip
    found = bh.rank_measures(public(tmp_path, cells=cells))
    assert found.left_out == {"not converged": 2, "low training accuracy": 1, "a measure without a finite value": 2}
    assert found.runs == 27
    assert set(found.table.values["runs"]) == {27}


def test_a_run_without_a_measure_is_left_out_for_that_measure_alone():
    made = columns()
    made["near"] = [None, float("inf"), *made["near"][2:]]
    found = ranked(made)
    assert (row(found, "near")["runs"], row(found, "against")["runs"]) == (16, 18)
    made["near"] = [0.1, 0.2, 0.3] + [None] * 15
    found = ranked(made)
    assert found.few == {"near": 3}
    assert "near" not in found.table.values["measure"]


def test_what_these_runs_cannot_have_is_said_with_what_would_help():
    made = columns()
    assert set(ranked(made).lacking) == {"sign_error"}
    assert "no test size" in ranked(made).lacking["sign_error"].code
    small = ranked(made, test_size=20).lacking["sign_error"]
    assert (small.code, small.figures["needed"]) == ("few pairs", 12)
    made["gap"] = 100 * made["gap"]
    assert ranked(made, test_size=5000).lacking["sign_error"].code == "no shares"
    one = bh.rank_measures({name: columns()[name][:9] for name in ("width", "kind", "gap", "near")}, gap="gap", settings=["kind"])
    assert {name: lack.code for name, lack in one.lacking.items()} == {
        "information_pgdl": "one setting", "sign_error": "no test size", "increment": "few configurations"
    }  # fmt: skip
    text = str(one)
    assert "Sign-errors: It is not known on how many test examples" in text
    assert "--test-size N" in text


def test_it_prints_a_line_each_and_saves_what_it_holds(found, tmp_path):
    text = str(found)
    lines = text.splitlines()
    assert lines[0] == "byheart rank · the table · 72 runs, 18 configurations of width (3), rate (2), kind (3) · gap: gap"
    near = next(line for line in lines if line.startswith("  near "))
    assert f"{row(found, 'near')['tau']:.2f}" in near
    assert "K" in lines[1]
    assert "oracle 0.02: tau 0.71, Psi 0.49 (recalled)" in text
    document = json.loads(found.save(tmp_path / "found.json").read_text())
    assert document == json.loads(json.dumps(found.to_dict()))
    assert document["table"]["values"]["measure"][0] == "near"
    saved = list(csv.DictReader(found.save(tmp_path / "found.csv").read_text().splitlines()))
    assert float(saved[0]["tau"]) == row(found, "near")["tau"]
    assert found.to_frame("pandas")["psi.width"][0] == row(found, "near")["psi.width"]


@pytest.mark.parametrize("change, error, words", [
    (lambda made: made.pop("rate"), UnknownName, "column of the table, got 'rate'"),
    (lambda made: made.update(rate=[None, *made["rate"][1:]]), InputRefused, "a value of 'rate' for every run of the table, got none in row 0"),
    (lambda made: made.update({name: column[:1] for name, column in made.items()}), InputRefused, "at least 2 runs in the table, got 1"),
    (lambda made: made.update(gap=["much"] * 18), InputRefused, "numbers in column 'gap' of the table, got 'much'"),
    (lambda made: made.update(gap=[None] * 18), InputRefused, "numbers in column 'gap' of the table, got empty cells"),
    (lambda made: made.update(near=made["near"][:5]), InputRefused, "columns of one length"),
    (lambda made: made.update({name: [made[name][0]] * 18 for name in SETTINGS}), InputRefused, "a hyper-parameter that differs"),
    (lambda made: [made.pop(name) for name in ("near", "against", "same")], UsageError, "columns of measures"),
])  # fmt: skip
def test_bad_tables_are_refused_by_name(change, error, words):
    made = columns()
    change(made)
    with pytest.raises(error) as refused:
        ranked(made)
    assert words in str(refused.value)


def test_a_gap_in_two_roles_and_no_test_examples_are_refused():
    with pytest.raises(UsageError, match="no hyper-parameter and no measure, got gap"):
        bh.rank_measures(columns(), gap="gap", settings=["width", "gap"])
    with pytest.raises(UsageError, match="no hyper-parameter and no measure, got gap"):
        ranked(columns(), measures=["gap"])
    for none in (0, -5):
        with pytest.raises(UsageError, match=f"at least 1 test example behind each gap, got {none}"):
            ranked(columns(), test_size=none)


def test_runs_that_a_measure_lacks_and_runs_that_stand_there_twice_are_said():
    made = columns(2)
    made["near"] = [None if i % 3 == 0 else value for i, value in enumerate(made["near"])]
    told = str(ranked(made))
    assert "Of fewer runs near: 24 of 36; chance brings more than the above" in told
    assert "repeat another" not in told
    assert "against: " not in told
    twice = {name: [*column, *column] for name, column in columns().items()}
    assert "18 of 36 runs repeat another in every column" in str(ranked(twice))


def test_what_cannot_be_told_is_asked_for(tmp_path):
    with pytest.raises(UsageError, match=r"the column of the generalisation gap, got none. Columns: run, width"):
        bh.rank_measures(columns())
    with pytest.raises(UsageError, match="the columns of the hyper-parameters"):
        bh.rank_measures(columns(), gap="gap")
    with pytest.raises(UnknownName, match=r"'nera'. Nearest: near"):
        ranked(columns(), measures=["nera"])
    with pytest.raises(UsageError, match="directions of hyper-parameters of the table, got depth"):
        ranked(columns(), directions={"depth": 1})
    with pytest.raises(InputRefused, match="a path, a data frame, or a dict of columns, got a int"):
        ranked(7)
    with pytest.raises(InputRefused, match="no file"):
        ranked(tmp_path / "none.csv")


def test_how_far_it_is_is_said(monkeypatch):
    monkeypatch.setattr("byheart.auditing.rank_measures.EVERY", 0)
    said = []
    ranked(columns(), say=said.append)
    last = 3 + 2 * 2 + 1 + 8  # measures, draws of two oracles, the canonical ordering, random orders
    assert (said[0], said[-1]) == (f"ranking: 1 of {last} orders, baselines included", f"ranking: {last} of {last} orders, baselines included")
    monkeypatch.setattr("byheart.auditing.rank_measures.EVERY", 1000)
    said.clear()
    ranked(columns(), say=said.append)
    assert said == []


def test_directions_of_ones_own_replace_the_usual_ones():
    found = ranked(columns(), directions={"rate": 1, "width": -1, "kind": 0})
    assert row(found, "canonical ordering")["psi.rate"] == 1.0
    assert row(found, "canonical ordering")["psi.kind"] == 0.0


def test_published_scores_by_any_name():
    assert published("complexity.log_sum_of_fro_over_margin").sign_error == published("sum-of-fro-over-margin").sign_error == 0.1857
    assert published("path-norm").fails == ("data set",)
    assert published("pacbayes_orig").fails == ("width",)
    assert published("l2-distance") is None


def test_scores_of_the_competition_are_said_of_its_tasks():
    made = columns()
    made["mixup-margin"] = made.pop("near")
    assert "mixup-margin: 100 K of the competition's tasks from 1.1 to 47.3" in str(ranked(made))


def test_published_names_are_those_of_our_measures():
    from byheart.maths.measures import ROWS
    from byheart.records.published_rankings import published_measures

    baselines = {"canonical-ordering", "oracle-0.02", "oracle-0.05"}
    others = {"davies-bouldin-mixup", "mixup-margin", "augment-margin"}
    assert set(published_measures()) - baselines - others <= set(ROWS)
    for name in published_measures():
        one = published(name)
        numbers = [one.tau, one.psi, one.sign_error, *one.sign_errors.values()]
        assert all(-1 <= number <= 1 for number in numbers if number is not None), name
        assert (one.sign_error is None) is (one.sign_error_worst is None) is (not one.sign_errors)
