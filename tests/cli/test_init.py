"""`byheart init`: what it writes runs as it stands, and it overwrites nothing."""

import json
import tomllib

import pytest

from byheart.cli.starters import EXAMPLES, SCRIPTS, TABLES
from byheart.probes.dynamics.use import BESIDE


@pytest.mark.usefixtures("quick_page")
@pytest.mark.parametrize("kind", SCRIPTS)
def test_what_it_writes_runs_as_it_stands(kind, byheart, tmp_path, monkeypatch):
    said = byheart("init", "--kind", kind)
    assert (said.code, said.err) == (0, "")
    new = ["my_audit.py", *EXAMPLES.get(kind, {})]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*new, "pyproject.toml"])
    assert said.out.splitlines() == [
        *(f"{name} written" for name in new),
        "pyproject.toml: [tool.byheart] written",
        "Next: byheart audit my_audit.py, then byheart view",
    ]
    monkeypatch.setattr(
        "byheart.auditing.cli_request.cpu_count", lambda: 1
    )  # workers would import everything once more
    for name in ("gru", "almost-linear-rnn"):  # recurrent networks beside the model take ten seconds
        monkeypatch.delitem(BESIDE, name)
    said = byheart("audit", "my_audit.py", "--json")
    assert said.code == 0, said.err
    document = json.loads(said.out)
    defaults = tomllib.loads(TABLES[kind])["tool"]["byheart"]
    assert document["subject"]["members"] == defaults["members"]
    assert not [one for one in document["findings"].values() if one["status"] == "failed"]
    share = "understood_share" if kind == "series" else "understood_bits_share"
    assert document["findings"]["complexity/description-length"]["quantities"][share]["value"] > 0.2
    gate = byheart("gate")
    assert gate.code in (0, 1, 4)
    (bound,) = defaults["gate"]["max"]
    assert f"Defaults from pyproject.toml: max {bound} = 0.3" in gate.out


def test_a_script_that_is_there_stays_and_nothing_is_written(byheart, tmp_path, short):
    for name in ("my_audit.py", "example.csv"):
        (tmp_path / name).write_text("mine")
        short(byheart("init", "--kind", "table"), 2, name, "Nothing was written")
        assert [path.name for path in tmp_path.iterdir()] == [name]
        assert (tmp_path / name).read_text() == "mine"
        (tmp_path / name).unlink()


def test_a_link_to_nowhere_is_not_written_through(byheart, tmp_path, short):
    (tmp_path / "my_audit.py").symlink_to(tmp_path / "elsewhere.py")
    short(byheart("init", "--kind", "fit"), 2, "my_audit.py")
    assert not (tmp_path / "elsewhere.py").exists()


def test_a_table_is_added_to_the_project_file_and_what_it_held_stays(byheart, tmp_path):
    mine = '[project]\nname = "mine"  # my comment\n\n[tool.ruff]\nline-length = 90'
    (tmp_path / "pyproject.toml").write_text(mine)
    assert byheart("init", "--kind", "sklearn").code == 0
    text = (tmp_path / "pyproject.toml").read_text()
    assert text == f"{mine}\n\n{TABLES['sklearn']}"
    assert tomllib.loads(text)["tool"]["ruff"] == {"line-length": 90}


@pytest.mark.parametrize("text", ["[tool.byheart]\nmembers = 9\n", "tool = { ruff = { line-length = 90 } }\n"])
def test_a_project_file_that_has_a_table_or_takes_none_stays_as_it_is(text, byheart, tmp_path):
    (tmp_path / "pyproject.toml").write_text(text)
    said = byheart("init", "--kind", "fit")
    assert said.code == 0
    assert "left as it is" in said.out
    assert (tmp_path / "pyproject.toml").read_text() == text
    assert (tmp_path / "my_audit.py").is_file()


def test_a_project_file_that_cannot_be_read_stops_it(byheart, tmp_path, short):
    (tmp_path / "pyproject.toml").write_text("[tool")
    short(byheart("init", "--kind", "fit"), 2, "pyproject.toml", "Nothing was written")
    assert [path.name for path in tmp_path.iterdir()] == ["pyproject.toml"]


@pytest.mark.parametrize("words, told", [
    (["--kind", "pytorch"], ["'pytorch'", "Nearest: torch"]), ([], ["kind of model (--kind)", "fit, series, sklearn, table, text, torch"]),
])  # fmt: skip
def test_an_unknown_kind_is_named_with_the_nearest(words, told, byheart, tmp_path, short):
    short(byheart("init", *words), 2, *told)
    assert list(tmp_path.iterdir()) == []
