"""Cards: facts to words. A changed card over an old ledger runs no step; a probe without a card gets the default one."""

import json

import numpy as np
import pytest

from byheart.records.facts import Axis, Curve, FactTable, Ranked
from byheart.records.finding import Finding, Pole
from byheart.records.quantity import Quantity
from byheart.report.cards import About, Card, card_of
from byheart.report.chapters import card
from byheart.study import steps

FINDING = Finding(
    probe="elsewhere/recall", question="How far back?", headline="reach_steps", reference="here",
    quantities={"reach_steps": Quantity(value=3.0, unit="ratio", interval=(2.0, 4.0), null=0.0, n=40, method="counted")},
    poles=(Pole(name="Memoryless", value=0.0), Pole(name="Rote", value=9.0)),
    curves={"recall": Curve(
        x_axis=Axis(name="delay", unit="steps"), y_axis=Axis(name="recalled", unit="share"), x=(1, 2, 3),
        y=(0.9, None, 0.4), low=(0.8, None, 0.3), high=(0.95, None, 0.5), null=(0.1, 0.1, 0.1),
    )},
    tables={"delays": FactTable(values={"delay": (1, 3), "kept": (True, None)})},
    ranked={"best_kept": Ranked(ids=(7, 3), figures={"label": (1, 0), "recall_share": (0.9, 0.25)})},
)  # fmt: skip


def test_a_probe_without_a_card_of_its_own_gets_headline_scale_curves_table_and_examples():
    said = card_of(FINDING, About(classes=("cat", "dog")))
    assert said.says == "reach steps."
    (chart,) = said.charts
    broken = [(one.x, one.y, one.high, one.label) for one in chart.lines if one.role == "ink"]
    assert broken == [((1,), (0.9,), (0.95,), ""), ((3,), (0.4,), (0.5,), "recall")]
    assert chart.lines[-1].role == "null"
    assert chart.table.rows[1] == ("2.000", "\u2013", "\u2013", "\u2013", "0.100")
    assert said.tables["delays"].rows == (("1", "yes"), ("3", "\u2013"))
    assert [(one.id, one.lines) for one in said.exhibits[0].groups[0].shown] == [(7, ("dog", "0.900")), (3, ("cat", "0.250"))]
    drawn = card({"noun": "row", "nouns": "rows"}, FINDING, {})
    assert drawn["strip"]
    assert drawn["charts"][0]["wide"].startswith("<svg")


@pytest.mark.parametrize("wrong", [{"y": (1.0,)}, {"low": (0.0, 0.0)}, {"y": (1.0, float("nan"))}])
def test_a_curve_that_does_not_fit_its_axis_is_refused(wrong):
    fields = {"x_axis": Axis(name="a"), "y_axis": Axis(name="b"), "x": (1, 2), "y": (1.0, 2.0), **wrong}
    with pytest.raises(ValueError, match=r"curve|band|finite"):
        Curve(**fields)


def test_columns_take_arrays_and_hold_python_numbers():
    columns = FactTable(values={"n": np.arange(2), "share": np.array([0.5, 1.0], np.float32), "seen": np.array([True, False])})
    assert [type(one) for one in columns.rows()[0].values()] == [int, float, bool]
    with pytest.raises(ValueError, match="finite"):
        FactTable(values={"share": np.array([0.5, np.nan])})


def test_a_changed_card_over_an_old_ledger_shows_the_new_words_and_no_step_runs(byheart, monkeypatch, tmp_path):
    words = ("audit", "randomness", "--learner", "ngram", "--members", "8", "--jobs", "1", "--device", "cpu")
    first = byheart(*words)
    assert first.code == 0, first.err
    before = json.loads((tmp_path / "byheart-audit" / "report.json").read_text())
    monkeypatch.setattr(steps, "perform", lambda step, ledger: pytest.fail(f"{step.kind} ran"))
    monkeypatch.setattr("byheart.report.cards.memory.capacity.card", lambda finding, about: Card(body=("Other words.",)))
    for command in (words, ("report", "latest")):
        assert byheart(*command).code == 0
        page = (tmp_path / "byheart-audit" / "report.html").read_text()
        assert "Other words." in page
        assert "Morris et al. find" not in page
    after = json.loads((tmp_path / "byheart-audit" / "report.json").read_text())
    assert after["findings"] == before["findings"]


def test_hidden_examples_keep_ids_and_scores_alone():
    from byheart.auditing.document import without_examples

    made = {"findings": {"elsewhere/recall": FINDING.model_dump(mode="json")}}
    figures = without_examples(made)["findings"]["elsewhere/recall"]["ranked"]["best_kept"]["figures"]
    assert list(figures) == ["recall_share"]
    assert np.isclose(figures["recall_share"], [0.9, 0.25]).all()
