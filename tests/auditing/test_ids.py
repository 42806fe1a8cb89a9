"""Ids: what the user calls the examples stands wherever one is named, and it changes no number and no key of training."""

import json

import numpy as np
import pytest

import byheart as bh
from byheart.auditing.cli_request import request_from_words
from byheart.errors import InputRefused, UsageError
from byheart.records.options import Options
from byheart.report.story import story
from byheart.tasks.arrays import Arrays
from byheart.tasks.names import id_of, read_names
from byheart.tasks.table import Table

N = 60


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """data.csv: two numbers, a class, and a column that names the rows."""
    rng = np.random.default_rng(5)
    x = rng.normal(size=(N, 2)).round(3)
    rows = [f"case-{i},{a},{b},{'yes' if a + b > 0 else 'no'}" for i, (a, b) in enumerate(x)]
    folder = tmp_path_factory.mktemp("ids")
    (folder / "data.csv").write_text("\n".join(["case,a,b,hot", *rows]) + "\n")
    return folder


@pytest.fixture(scope="module")
def made(folder):
    """The audits of that table without names and then with names, in one ledger."""
    tasks = [Table.of(folder / "data.csv", target="hot", id=one) for one in (None, "case")]
    out, said = folder / "byheart-audit", []
    settings = {"epochs": 2, "hidden": [4]}
    audits = []
    for task in tasks:
        said.append([])
        audits.append(bh.audit(task, members=8, device="cpu", settings=settings, out=out, say=said[-1].append))
    audits[1].save(out / "report.json")
    return audits, said


def test_names_alone_train_nothing_anew_and_change_no_number(made):
    (plain, named), said = made
    assert any("all in the ledger" in line for line in said[1])
    assert named.findings == plain.findings
    assert [one.id for one in named.memorised(9)] == [one.id for one in plain.memorised(9)]


def test_every_list_speaks_by_name(made, folder):
    (plain, named), _ = made
    assert {one.name for one in named.memorised(99)} == {f"case-{one.id}" for one in named.memorised(99)}
    assert [one.name for one in plain.memorised(2)] == [str(one.id) for one in plain.memorised(2)]
    called = named.to_dict()["subject"]["names"]
    assert called
    assert all(name == f"case-{key.partition(':')[2]}" for key, name in called.items())
    notes = [" ".join(story(one.to_dict())["meta"]) for one in (plain, named)]
    assert notes[0].count("named by their position in the data, counted from 0") == 1
    assert "counted from 0" not in notes[1]
    page = named.save(folder / "named.html").read_text()
    assert all(f">{name}<" in page for name in called.values())
    hidden = named.to_dict(hide_examples=True)
    assert hidden["subject"]["names"] == called  # an id is no part of an example


def test_an_example_is_explained_by_name(byheart, made, folder, monkeypatch):
    monkeypatch.chdir(folder)
    one = made[0][1].memorised(1)[0]
    said = byheart("explain", "latest", "--example", one.name, "--json", "--quiet")
    assert said.code == 0, said.err
    found = json.loads(said.out)
    assert (found["id"], found["name"]) == (one.id, one.name)
    shares = found["neighbours"]
    assert shares
    assert all(share["name"] == f"case-{share['id']}" for share in shares)
    words = byheart("explain", "latest", "--example", one.name, "--quiet").out
    assert f"training row {one.name}" in words
    assert all(share["name"] in words for share in shares[:6])
    page = (folder / "byheart-audit" / f"explain-train-{one.id}.html").read_text()
    assert f"training row {one.name}" in page


def test_a_wrong_name_names_the_nearest_and_the_other_view(byheart, made, folder, monkeypatch):
    monkeypatch.chdir(folder)
    trained = {one.name for one in made[0][1].memorised(99)}
    held_out = next(f"case-{i}" for i in range(N) if f"case-{i}" not in trained)
    said = byheart("explain", "latest", "--example", held_out, "--quiet")
    assert said.code == 2
    assert f"--test {held_out}" in said.err
    assert "Nearest: case-" in byheart("explain", "latest", "--example", "cas-1", "--quiet").err
    with pytest.raises(UsageError, match="expected the id of an example"):
        made[0][1].explain(example=3)  # a number is no name of this table


def test_the_command_line_takes_the_column(byheart, folder, monkeypatch):
    monkeypatch.chdir(folder)
    request, _ = request_from_words("data.csv", Options(target="hot", id="case", jobs=1))
    assert (request.subject.task.id, request.command) == (
        "case",
        "byheart audit data.csv --target hot --id case --seed 0",
    )
    for column, word in (("cas", "Nearest: case"), ("hot", "'yes' in row 1 and in row 2")):
        refused = byheart("plan", "data.csv", "--target", "hot", "--id", column)
        assert refused.code in (2, 3), refused.err
        assert word in refused.err


def test_a_column_that_only_names_leaves_the_key_and_a_feature_does_not(folder):
    plain, named = (Table.of(folder / "data.csv", target="hot", id=one) for one in (None, "case"))
    assert named.key() == plain.key()
    assert named.drop == ()
    feature = Table.of(folder / "data.csv", target="hot", id="a")
    assert feature.key() != plain.key()
    assert feature.key() == Table.of(folder / "data.csv", target="hot", drop=("a",)).key()
    assert [column.name for column in feature.draw(0).output.columns] == ["b"]


def test_arrays_are_named_by_what_is_given():
    x, y = np.arange(120.0).reshape(60, 2) % 7, np.arange(60) % 2
    task = Arrays.of(x, y, id=[f"n{i}" for i in range(60)])
    data = task.draw(0).named(task.names())
    for view in data.views.values():
        assert view.names.tolist() == [f"n{i}" for i in view.ids]
        assert view.take(np.array([3, 1])).names.tolist() == [f"n{i}" for i in view.ids[[3, 1]]]
    assert task.key() == Arrays.of(x, y).key()
    given = Arrays.of(x, y, x[:5], y[:5], id=range(60))
    assert set(given.names()) == {"train"}  # the test was not named
    assert given.draw(0).named(given.names()).views["test"].names.tolist() == list("01234")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["a", "b", "a"], ["'a' in row 0 and in row 2", "Name each example once"]),
        ([1, "1", 2], ["'1' in row 0 and in row 1"]),
        (["a", None, "b"], ["none in row 1"]),
        (["a", float("nan"), "b"], ["none in row 1"]),
        (["a", "b"], ["3 of them", "got 2"]),
        (np.eye(3), ["several values"]),
    ],
)
def test_ids_that_name_no_one_are_refused(given, words):
    with pytest.raises(InputRefused) as error:
        read_names(given, 3)
    assert all(word in str(error.value) for word in words), error.value


def test_positions_are_found_where_nothing_is_named():
    ids = np.array([4, 9])
    assert id_of(9, ids, None, "train") == 9
    for asked in ("10", "-4", "4.0", "four"):
        with pytest.raises(UsageError, match="4 to 9"):
            id_of(asked, ids, None, "train")
