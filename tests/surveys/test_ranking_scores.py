"""The ranking of a grid of several settings: the protocols' scores, their intervals, lists taken apart, the card, the words."""

import itertools

import numpy as np
import pytest

from byheart.maths import ranking
from byheart.records.finding import Finding
from byheart.records.quantity import Quantity
from byheart.report.cards import About, card_of
from byheart.report.ranked_measures import study_lines
from byheart.surveys.ranking import Ranking

PROBE = "made/up"


@pytest.fixture(autouse=True, scope="module")
def few_draws():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("byheart.maths.ranking.scoreboard.MOST_DRAWS", 6)
        yield


def studied(n=5000, by_rate=0.0):
    """A grid of rate, layers (width and depth) and a decay; measures of one model, without intervals."""
    rng, found, grid = np.random.default_rng(0), {}, {}
    points = itertools.product((0.1, 0.01, 0.001), (8, 16, 32), (1, 2), (0.0, 1.0))
    for place, (rate, width, depth, decay) in enumerate(points):
        gap = 0.3 - 0.1 * (width == 32) + 0.08 * depth - 0.1 * decay + by_rate * (rate == 0.1) + 0.01 * rng.normal()
        values = {"path_norm": gap + 0.05 * rng.normal(), "prod_of_spec": depth - gap, "same": 1.0}
        made = {
            name: Quantity(value=value, unit="log10", interval=None, why_no_interval="one model", null=None, n=1000, speaks_of="run")
            for name, value in values.items()
        }
        made["one_model_gap"] = Quantity(
            value=gap, unit="points", interval=(gap - 0.02, gap + 0.02), method="m", null=0.0, n=n, speaks_of="run"
        )
        found[f"s{place:03}"] = {PROBE: Finding(probe=PROBE, question="?", quantities=made, reference="r")}
        grid[f"s{place:03}"] = {"learner.lr": rate, "learner.hidden": [width] * depth, "lever.weight-decay.strength": decay, "says": f"number {place}"}
    return found, grid


SURVEY = Ranking(target=f"{PROBE}/one_model_gap", measures=(f"{PROBE}/*",))


@pytest.fixture(scope="module")
def found(few_draws):
    return SURVEY.read(*studied())


def arrays():
    findings, grid = studied()
    rows = [findings[name][PROBE].quantities for name in sorted(grid)]
    settings = [(grid[name]["learner.lr"], len(grid[name]["learner.hidden"]), grid[name]["learner.hidden"][0], grid[name]["lever.weight-decay.strength"]) for name in sorted(grid)]
    return [{name: one.value for name, one in row.items()} for row in rows], settings


def column(name):
    return [row[name] for row in arrays()[0]]


def test_the_quantities_are_the_protocols_with_their_intervals(found):
    gap, settings = column("one_model_gap"), arrays()[1]
    for name in ("path_norm", "prod_of_spec"):
        psi, error = found.quantities[f"{name}.psi"], found.quantities[f"{name}.sign_error"]
        assert psi.value == pytest.approx(ranking.granulated(column(name), gap, settings).overall)
        assert psi.interval == pytest.approx(ranking.ranking_intervals(column(name), gap, settings)[1])
        assert error.value == pytest.approx(ranking.sign_error(column(name), gap, settings, 5000).mean)
        assert error.interval == pytest.approx(ranking.sign_error_interval(column(name), gap, settings, 5000))
        assert found.quantities[f"{name}.worst"].value == pytest.approx(ranking.sign_error(column(name), gap, settings, 5000).worst)
        told = found.quantities[f"{name}.information"]
        assert told.value == pytest.approx(ranking.conditional_information(column(name), gap, settings))
        assert (told.null, told.why_no_interval) == (pytest.approx(found.tables["scores"].rows()[-1]["information"]), "beside its null")
    assert found.headline == "path_norm"


def test_the_least_worst_is_that_of_the_best_measure_and_its_interval_holds_for_all_at_once(found):
    worst = {name: one for name, one in found.quantities.items() if name.endswith(".worst")}
    assert len(worst) == 3
    least = found.quantities["least_worst"]
    assert least.value == min(one.value for one in worst.values())
    assert least.interval == (min(one.interval[0] for one in worst.values()), min(one.interval[1] for one in worst.values()))
    assert least.interval[1] == 1.0  # no change of the rate moves the gap for certain
    alone = ranking.environment_intervals(column("path_norm"), column("one_model_gap"), arrays()[1], 5000)
    assert worst["path_norm.worst"].interval[1] >= alone.high.max()


def test_where_every_setting_moves_the_target_the_least_worst_has_an_upper_end():
    found = SURVEY.read(*studied(by_rate=0.15))
    assert found.quantities["least_worst"].interval[1] < 1.0
    assert found.quantities["least_worst"].value == found.quantities["path_norm.worst"].value


def test_settings_by_their_last_word_and_lists_as_width_and_depth(found):
    assert found.details["settings"] == ("width", "depth", "lr", "weight-decay")
    assert found.details["test_size"] == 5000
    names = found.tables["scores"].values
    assert {"psi.width", "sign_error.depth", "psi.weight-decay"} <= set(names)
    chosen = SURVEY.model_copy(update={"settings": ("learner.lr", "lever.weight-decay.strength"), "test_size": 40})
    made = chosen.read(*studied())
    assert (made.details["settings"], made.details["test_size"]) == (("lr", "weight-decay"), 40)
    assert "least_worst" not in made.quantities
    assert made.details["lacking"][0].code == "few pairs"


def test_layers_of_unlike_widths_are_words():
    findings, grid = studied()
    unlike = {name: {**of, "learner.hidden": [8, 16] if of["learner.hidden"] == [8, 8] else of["learner.hidden"]} for name, of in grid.items()}
    assert SURVEY.read(findings, unlike).details["settings"] == ("width", "depth", "lr", "weight-decay")


def test_one_setting_leaves_the_ranking_as_it_was():
    findings, grid = studied()
    one = {name: {"learner.lr": settings["learner.lr"]} for name, settings in grid.items()}
    found = SURVEY.read(findings, one)
    assert set(found.quantities) == {"path_norm", "prod_of_spec", "same"}
    assert (found.details, set(found.tables)) == ({}, {"measures"})


def test_where_each_fails_stands_beside_what_papers_report(found):
    rows = {row["measure"]: row for row in found.tables["scores"].rows()}
    assert rows["same"]["fails"] == "width, depth, lr, weight-decay"
    assert rows["path_norm"]["fails"].replace("lr", "").strip(", ") == ""
    published = {row["measure"]: row for row in found.tables["published"].rows()}
    assert (published["path_norm"]["sign_error"], published["prod_of_spec"]["fails"].count(",")) == (0.1274, 4)
    assert "oracle 0.02" in published


def test_the_card_says_it_in_words_and_the_terminal_in_lines(found):
    made = card_of(found, About(noun="subject", nouns="subjects"))
    beside, fails = (made.tables[name] for name in ("beside the published scores", "no better than a guess under"))
    path = next(row for row in beside.rows if row[0] == "path-norm")
    assert path == ("path-norm", f"{found.quantities['path_norm.psi'].value:.2f}", "0.31", path[3], "13\u202f%")
    assert path[3] == f"{100 * found.quantities['path_norm.sign_error'].value:.0f}\u202f%"
    assert next(row for row in fails.rows if row[0] == "path-norm")[2] == "data set"
    assert next(row for row in fails.rows if row[0] == "same")[1] == "width, depth, lr, weight-decay"
    whole = made.charts[0].table
    assert next(row for row in whole.rows if row[0] == "path-norm")[1] == f"{found.quantities['path_norm'].value:.2f}"
    assert "2 of 3 measures are no better than a guess" in made.body[0] or "3 of 3" in made.body[0]
    assert set(made.notes) == set(found.quantities)
    assert len(made.tables["sign-errors"].columns) == 5
    lines = study_lines(found.tables["scores"], found.tables["published"])
    assert any(line.startswith("  path_norm ") for line in lines)
    assert any("Published     prod_of_spec: wrong 59.7" in line for line in lines)


def test_a_measure_that_few_have_is_ranked_among_those(few_draws):
    findings, grid = studied()
    for place, name in enumerate(sorted(findings)):
        if place % 2:
            one = findings[name][PROBE]
            findings[name] = {PROBE: one.model_copy(update={"quantities": {key: of for key, of in one.quantities.items() if key != "same"}})}
    rows = {row["measure"]: row for row in SURVEY.read(findings, grid).tables["scores"].rows()}
    assert (rows["same"]["runs"], rows["path_norm"]["runs"]) == (18, 36)
