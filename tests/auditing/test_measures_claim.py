"""The claim `measures`: 162 recipes, and a small grid of it studied, with our scores beside the published ones."""

import pytest

from byheart.auditing.claims import claim_named
from byheart.auditing.studies import page_of, study
from byheart.auditing.surveys import check_quantities
from byheart.cli.studies import lines
from byheart.errors import UnknownName
from byheart.records.finding import answer_from

SMALL = {
    "learner.hidden": [[8], [8, 8]], "learner.lr": [0.003, 0.03], "learner.batch": 50, "lever.weight-decay.strength": 0,
    "learner.epochs": 3, "task.n": 120,
}  # fmt: skip


def test_it_is_the_grid_of_162_recipes_on_1000_digits():
    _, claim = claim_named("measures")
    assert len(claim.subject) == 3 * 3 * 3 * 3 * 2
    varied = {name: {str(point[name]) for point in claim.grid.values()} for name in next(iter(claim.grid.values()))}
    assert {name: len(values) for name, values in varied.items()} == {
        "learner.hidden": 9, "learner.lr": 3, "learner.batch": 3, "lever.weight-decay.strength": 2
    }  # fmt: skip
    first = next(iter(claim.subject.values()))
    assert (first.task, first.task_settings, first.members) == ("digits", {"n": 1000}, 1)
    assert claim.survey["measures"]["name"] == "ranking"


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("byheart.maths.ranking.scoreboard.MOST_DRAWS", 4)
        name, claim = claim_named("measures", SMALL)
        folder = tmp_path_factory.mktemp("measures")
        return study(name, claim, folder, device="cpu"), folder


def test_every_measure_is_scored_beside_what_papers_report(small):
    found, _ = small
    assert not found.partial
    outcomes = {one.readings[0].path.rpartition("/")[2]: one for one in found.outcomes}
    assert outcomes["least_worst"].outcome == "withheld"  # of four networks no change is certain enough
    assert outcomes["least_worst"].readings[0].reason.code == "no quantity"
    finding = found.surveys["survey/measures"]
    rows = {row["measure"]: row for row in _rows(finding["tables"]["scores"])}
    assert outcomes["path_norm.psi"].readings[0].quantity.value == rows["path_norm"]["psi"]
    assert {"path_norm", "param_norm", "prod_of_spec", "fro_distance", "oracle 0.02", "canonical ordering", "random"} <= set(rows)
    assert finding["details"]["settings"] == ["depth", "lr"]
    assert rows["path_norm"]["runs"] == 4
    published = {row["measure"]: row for row in _rows(finding["tables"]["published"])}
    assert published["path_norm"]["psi"] == 0.311


def test_a_measure_that_there_is_not_is_a_wrong_word(small):
    found, _ = small
    answers = {name: answer_from(one) for name, one in found.surveys.items()}
    _, claim = claim_named("measures", SMALL)
    wrong = claim.model_copy(update={"expect": (claim.expect[0].model_copy(update={"quantity": "survey/measures/pth_norm.psi"}),)})
    with pytest.raises(UnknownName, match=r"path_norm\.psi"):
        check_quantities(wrong, "", answers)


def test_the_terminal_and_the_page_show_both(small):
    found, folder = small
    text = "\n".join(lines(found))
    assert "no better than a guess under" in text
    assert "Published     path_norm: tau 0.37, Psi 0.31 (recalled); wrong 12.7" in text
    page = page_of(found, folder).read_text()
    assert "beside the published scores" in page
    assert "no better than a guess under" in page


def _rows(table):
    return [dict(zip(table["values"], row)) for row in zip(*table["values"].values())]
