"""An audit shows what the balance of its subject measured, where that stands in the ledger of its folder."""

from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest
from sklearn.tree import DecisionTreeClassifier

import byheart as bh
from byheart.auditing.kept_balance import balance_of, keep_balance, measured_settings
from byheart.auditing.lever_file import data_key
from byheart.cli.summary import summary
from byheart.learners.estimator import Estimator
from byheart.ledger.sqlite import SqliteLedger
from byheart.levers.penalties import Dropout
from byheart.probes.base import Subject
from byheart.records.balanced import MeasuredSetting
from byheart.report.moves import balance_command
from byheart.tasks.digits import Digits
from byheart.tasks.label_noise import Flipped

SILENT = {"say": lambda line: None, "device": "cpu", "members": 8}
TREE = DecisionTreeClassifier()


def table(seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(400, 3))
    return x, np.where(rng.random(400) < 0.25, 1 - (x[:, 0] > 0), x[:, 0] > 0).astype(int)


@pytest.fixture(scope="module")
def plain_folder(tmp_path_factory):
    return tmp_path_factory.mktemp("plain")


@pytest.fixture(scope="module")
def plain(plain_folder):
    return bh.audit(table(), model=TREE, out=plain_folder, **SILENT)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("both")


@pytest.fixture(scope="module")
def found(folder):
    levers = ["min_samples_leaf=2,30"], ["max_depth=1,9"]
    return [bh.balance(table(), model=TREE, levers=words, out=folder, **SILENT) for words in levers]


@pytest.fixture(scope="module")
def audit(folder, found):
    return bh.audit(table(), model=TREE, out=folder, **SILENT)


def rows(audit):
    return [MeasuredSetting.model_validate(row) for row in audit.to_dict()["levers"] if "setting" in row]


def test_the_audit_has_the_settings_of_the_balance_that_was_found_last(audit, found):
    last = found[1]
    shown = rows(audit)
    assert shown == measured_settings(last)
    assert {one.setting for one in shown} <= {one.title for one in last.frontier}
    assert shown[0].best
    assert shown[0].tried.gain == last.best.gain  # as fresh members read it, not as it was chosen
    assert shown[0].tried.moved == last.best.moved
    assert shown[0].of == len(last.frontier) - 1


def test_only_its_rows_differ_from_the_plain_audit(audit, plain):
    with_rows, without = audit.to_dict(), plain.to_dict()
    assert with_rows["subject"]["run"] == without["subject"]["run"]
    times = {"cpu_seconds"}
    for one in (with_rows, without):
        one["provenance"] = {name: value for name, value in one["provenance"].items() if name not in times}
    assert without["levers"] == []
    assert {name for name in with_rows if with_rows[name] != without[name]} == {"levers"}


def test_the_page_and_the_lines_say_it(audit, plain, found, tmp_path):
    page = audit.save(tmp_path / "report.html").read_text(encoding="utf-8")
    best = found[1].best
    assert f'<th scope="row">{best.title}</th>' in page
    assert f"measured: the best, on {best.members} fresh members" in page
    assert "</dfn> was tried." not in page
    assert audit.lever_effect is None
    text = "\n".join(summary(audit.to_dict(), "page", "data"))
    assert f"What moves    {best.title}, the best of {len(found[1].frontier) - 1} settings: memorised " in text
    page = plain.save(tmp_path / "plain.html").read_text(encoding="utf-8")
    assert "lever</dfn> was tried." in page
    assert "byheart.balance(...)" in page


def test_the_same_audit_again_is_the_same_document(audit, folder):
    told = []
    again = bh.audit(table(), model=TREE, out=folder, **{**SILENT, "say": told.append})
    assert again.to_dict() == audit.to_dict()
    assert not any("Damaged" in line for line in told)


def test_a_balance_found_after_the_audit_makes_another_document_and_no_damage(plain, plain_folder, folder, audit):
    before = plain.to_dict()
    with closing(SqliteLedger(folder / "ledger")) as theirs, closing(SqliteLedger(plain_folder / "ledger")) as ours:
        key = list(theirs.keys("balance"))[-1]
        ours.put(key, theirs.get(key), theirs.about(key))
    told = []
    after = bh.audit(table(), model=TREE, out=plain_folder, **{**SILENT, "say": told.append})
    assert rows(after) == rows(audit)
    assert not any("Damaged" in line for line in told)
    assert plain.to_dict() == before


@pytest.mark.parametrize(
    ("asked", "data"),
    [({"model": DecisionTreeClassifier(max_depth=2)}, 0), ({"model": TREE}, 1), ({"model": TREE, "share": 0.6}, 0)],
    ids=["learner", "data", "share"],
)
def test_another_subject_does_not_show_it(folder, found, asked, data):
    assert rows(bh.audit(table(data), out=folder, **SILENT, **asked)) == []


def kept(ledger, subject):
    return balance_of(ledger, subject)[1].model_dump(mode="json")


def test_levers_of_the_recipe_and_the_control_of_an_audit(tmp_path, found):
    base = Subject(Digits(n=60), Estimator(cls="DecisionTreeClassifier"))
    ledger = SqliteLedger(tmp_path)
    key = keep_balance(ledger, base, found[0])
    assert kept(ledger, base) == found[0].to_dict()
    assert balance_of(ledger, base)[0] == key
    assert balance_of(ledger, replace(base, levers=(Dropout(share=0.5),))) is None
    control, noise = (replace(base, task=Flipped(task=base.task, share=0.1, control=of)) for of in (True, False))
    assert data_key(control) == data_key(base) != data_key(noise)
    assert balance_of(ledger, control) is not None  # labels redrawn by the audit are no other data
    assert balance_of(ledger, noise) is None
    assert keep_balance(ledger, base, found[1]) != key
    assert kept(ledger, base) == found[1].to_dict()
    assert keep_balance(ledger, base, found[0]) == key  # asked for again, it is the newest, and stands there once
    assert kept(ledger, base) == found[0].to_dict()
    assert len([*ledger.keys("balance")]) == 2
    ledger.close()


def test_of_many_levers_each_shows_its_best_value_and_lost_ones_none(found):
    whole = found[0]
    recipe, first = whole.frontier[:2]
    gain = first.gain

    def one(lever, value, gained, **more):
        figures = {"gain": gain.model_copy(update={"value": gained, "interval": (gained, gained)}), **more}
        return first.model_copy(update={"setting": {lever: value}, "title": f"{lever} {value}", **figures})

    frontier = [
        recipe, one("a", 1, 0.5), one("a", 2, 0.4), one("b", 1, 0.1), one("b", 2, 0.3), one("c", 1, 0.2, same_as="b 1"),
        one("d", 1, 0.0, failure="no", gain=None),
    ]  # fmt: skip
    best = whole.best.model_copy(update={"title": "a 1", "setting": {"a": 1}, "words": ("a=1",), "gain": gain})
    shown = measured_settings(whole.model_copy(update={"frontier": tuple(frontier), "best": best}))
    assert [one.setting for one in shown] == ["a 1", "b 2"]
    recipe_best = best.model_copy(update={"title": recipe.title, "setting": {}, "words": ()})
    shown = measured_settings(whole.model_copy(update={"frontier": tuple(frontier), "best": recipe_best}))
    assert [one.setting for one in shown] == ["a 1", "b 2"]
    assert not any(one.best for one in shown)


def test_the_two_commands_meet_without_a_folder_named(byheart, tmp_path):
    x, y = table()
    np.savez(tmp_path / "table.npz", x=x, y=y)
    words = ["table.npz", "--learner", "DecisionTreeClassifier", "--members", "8", "--jobs", "1"]
    said = byheart("balance", *words, "--try", "max_depth=1,9")
    assert said.code == 0, said.err
    assert "byheart audit table.npz" in said.out
    assert "--lever byheart-audit/balance.toml" in said.out
    said = byheart("audit", *words)
    assert said.code == 0, said.err
    assert "What moves    " in said.out
    assert "measured: " in (tmp_path / "byheart-audit" / "report.html").read_text(encoding="utf-8")


def test_the_command_of_a_balance_has_no_option_of_an_audit_alone():
    asked = "byheart audit data.csv --no-control --also memory/effect --no-baseline --members 16 --lever dropout=0.5"
    assert balance_command(asked) == "byheart balance data.csv --members 16 --lever dropout=0.5"
