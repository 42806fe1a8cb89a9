"""Surveys by truth: closed forms, a slow twin, noise that subjects share, settings that are averaged, and gaps."""

import itertools

import numpy as np
import pytest
from scipy.stats import kendalltau

from byheart.errors import InputRefused, UnknownName
from byheart.records.facts import FactTable
from byheart.report.cards import About, card_of
from byheart.surveys.dose import Dose
from byheart.surveys.frontier import Frontier
from byheart.surveys.peak import Peak
from byheart.surveys.ranking import Ranking, chance
from byheart.surveys.threshold import Threshold
from byheart.testing.surveys import OTHER, QUANTITY, line, subjects

DOSE, PEAK = Dose(quantity=QUANTITY, by="size"), Peak(quantity=QUANTITY, by="size")
RANKING = Ranking(target=QUANTITY, measures=(OTHER,))
FRONTIER = Frontier(quantities=(QUANTITY, OTHER), better=("high", "low"))


def values(found):
    return {name: one.value for name, one in found.quantities.items()}


def pairs(rows, half=0.05):
    found = subjects({name: {QUANTITY: a, OTHER: b} for name, (a, b) in rows.items()}, half)
    return found, {name: {} for name in found}


def test_a_straight_line_has_its_slope_everywhere():
    found = values(DOSE.read(*line([1.0, 3.0, 5.0, 7.0])))
    assert found == pytest.approx(
        {"trend": 1, "slope": 2, "last_slope": 2, "smallest_step": 2, "largest_step": 2, "fall": -2, "first": 1, "last": 7}
    )


def test_what_rises_and_falls_back_shows_its_fall():
    found = DOSE.read(*line([0.0, 5.0, 4.85, 4.7])).quantities
    assert values(DOSE.read(*line([0.0, 5.0, 4.85, 4.7])))["trend"] == pytest.approx((3 - 3) / 6)
    assert found["fall"].value == pytest.approx(0.3)
    assert found["smallest_step"].value == pytest.approx(-0.15)
    assert found["fall"].interval[0] > 0 > found["smallest_step"].interval[0]


def test_a_step_has_the_interval_of_two_that_do_not_meet():
    """Where it is the least from below, the plain difference; the trend is that of decided pairs."""
    found = DOSE.read(*line([0.0, 1.0, 1.05])).quantities
    assert found["smallest_step"].interval[0] == pytest.approx(0.05 - 0.1)
    assert found["last_slope"].interval == pytest.approx((0.05 - 0.1, 0.05 + 0.1))
    assert (found["trend"].value, found["trend"].interval) == (1.0, (pytest.approx(1 / 3), 1.0))


def test_all_else_that_the_grid_varies_is_averaged():
    found, grid = line([1.0, 2.0, 3.0, 11.0, 12.0, 13.0])
    two = {name: {"size": 1 + i % 3, "seed": i // 3} for i, name in enumerate(grid)}
    curve = DOSE.read(found, two).curves["first"]
    assert (curve.x, curve.y) == ((1, 2, 3), (6, 7, 8))
    del found["size=2"]
    assert DOSE.read(found, two).curves["first"].y == (6, None, 8)


def test_an_exact_number_is_a_point_and_one_without_an_interval_a_gap():
    found, grid = line([1.0, 2.0, 3.0, 4.0])
    def without(why, name):
        one = found[name]["made/up"]
        first = one.quantities["first"].model_copy(update={"interval": None, "why_no_interval": why})
        return {**found, name: {"made/up": one.model_copy(update={"quantities": {"first": first}})}}
    assert DOSE.read(without("exact", "size=2"), grid).curves["first"].y == (1, 2, 3, 4)
    assert DOSE.read(without("too few", "size=2"), grid).curves["first"].y == (1, None, 3, 4)


@pytest.mark.parametrize("y, largest, prominence", [
    ([0.0, 1.0, 3.0, 2.0], (3, 3.0), 1.0),  # it falls by less than it rose
    ([0.0, 1.0, 2.0, 3.0], (4, 3.0), -1.0),  # it only grows
    ([3.0, 1.0, 0.0, 2.0], (1, 3.0), -2.0),  # it dips
    ([5.0, 0.0, 2.0, 0.0], (1, 5.0), 2.0),  # the most prominent place is not the largest
])  # fmt: skip
def test_a_peak_stands_above_both_sides(y, largest, prominence):
    found = values(PEAK.read(*line(y)))
    assert (found["at"], found["largest"], found["prominence"]) == (*largest, prominence)
    assert min(found["above_before"], found["above_after"]) == prominence


def test_where_the_peak_may_lie_is_said():
    assert PEAK.read(*line([0.0, 3.0, 3.01, 0.0, 1.0])).quantities["at"].interval == (2, 3)
    assert PEAK.read(*line([0.0, 3.0, 9.0, 0.0, 1.0])).quantities["at"].interval == (3, 3)


def test_the_largest_of_many_is_bounded_from_below_by_all_of_them_at_once():
    """Of twelve that are alike one stands out by chance: plain intervals would miss their common truth in a quarter."""
    rng, missed = np.random.default_rng(6), 0
    for _ in range(300):
        low, high = PEAK.read(*line(list(0.05 / 1.959964 * rng.normal(size=12)))).quantities["largest"].interval
        missed += not low <= 0 <= high
    assert missed <= 0.05 * 300 + 4 * np.sqrt(0.05 * 0.95 * 300)


def test_the_frontier_is_a_staircase():
    rows = {"a": (1, 1), "b": (2, 2), "c": (3, 3), "worse than b": (1.5, 2.5), "worse than all": (0, 9)}
    found = FRONTIER.read(*pairs(rows))
    assert (found.quantities["unbeaten"].value, found.quantities["unbeaten"].interval) == (3, (3, 3))
    assert found.curves["frontier"].x == (1, 2, 3)
    table = {row["subject"]: row["beaten by"] for row in found.tables["subjects"].rows()}
    assert table == {"a": "none", "b": "none", "c": "none", "worse than b": "some", "worse than all": "some"}


def test_of_equals_none_beats_the_other_and_of_near_ones_it_is_open():
    assert FRONTIER.read(*pairs({"a": (1, 1), "b": (1, 1)})).quantities["unbeaten"].value == 2
    found = FRONTIER.read(*pairs({"a": (1, 1), "b": (1.01, 0.99)})).quantities["unbeaten"]
    assert (found.value, found.interval) == (1, (0, 2))


def test_the_rank_correlation_is_kendalls():
    a, b = np.random.default_rng(3).normal(size=(2, 7))
    found = RANKING.read(*pairs({f"s{i}": row for i, row in enumerate(zip(a, b))}, half=1e-9)).quantities["second"]
    assert found.value == pytest.approx(kendalltau(a, b).statistic)
    assert found.interval == pytest.approx((found.value, found.value))


def test_the_ends_are_those_of_all_orders_that_the_box_allows():
    """A slow twin: every corner and some inside of the box, no tau beyond the interval."""
    a, b = np.random.default_rng(4).normal(size=(2, 5))
    half = 0.4
    found = RANKING.read(*pairs({f"s{i}": row for i, row in enumerate(zip(a, b))}, half)).quantities["second"]
    moves = np.array(list(itertools.product((-half, 0, half), repeat=5)))
    signs = [np.sign((x + moves)[:, :, None] - (x + moves)[:, None, :]) for x in (a, b)]
    taus = np.einsum("aij,bij->ab", *signs) / 20
    assert found.interval[0] <= taus.min() <= taus.max() <= found.interval[1]
    assert found.interval[0] > -1 or found.interval[1] < 1


def test_measures_stand_by_their_tau_and_a_setting_may_be_one():
    found, grid = line([1.0, 2.0, 3.0, 4.0, 5.0], (QUANTITY, OTHER))
    grid = {name: {"size": -i, "word": "x"} for i, name in enumerate(grid)}
    ranked = Ranking(target=QUANTITY, measures=("size", OTHER, "word")).read(found, grid)
    assert [(row["measure"], row["tau"]) for row in ranked.tables["measures"].rows()] == [("second", 1.0), ("size", -1.0)]
    assert ranked.headline == "second"
    assert [(row["subjects"], row["by chance"]) for row in ranked.tables["measures"].rows()] == [(5, chance(5))] * 2


def test_the_tau_of_chance_is_that_of_all_orders():
    for k in (4, 5, 6):
        taus = np.array([kendalltau(range(k), order).statistic for order in itertools.permutations(range(k))])
        assert (taus > chance(k) + 1e-9).mean() <= 0.025
        assert (taus > chance(k) - 1e-9).mean() > 0.025


@pytest.mark.parametrize("shared", [0.0, 0.9, -1.0])
def test_intervals_cover_whatever_errors_subjects_share(shared):
    """Truth 0, 1, 1.2, 0.4; errors alike, apart or opposite: at least 95 %, within 4 standard errors."""
    rng, truth, draws = np.random.default_rng(5), np.array([0.0, 1.0, 1.2, 0.4]), 400
    true = values(DOSE.read(*line(list(truth)))) | values(PEAK.read(*line(list(truth))))
    missed = dict.fromkeys(("trend", "slope", "smallest_step", "largest_step", "fall", "prominence", "largest", "at"), 0)
    for _ in range(draws):
        common, own = rng.normal(), rng.normal(size=4)
        common = common * (np.array([1, -1, 1, -1]) if shared < 0 else 1)
        errors = abs(shared) * common + np.sqrt(1 - shared**2) * own
        made = subjects({f"size={i + 1}": {QUANTITY: y} for i, y in enumerate(truth + 0.3 * errors)}, 0.3 * 1.959964)
        found = DOSE.read(made, line(list(truth))[1]).quantities | PEAK.read(made, line(list(truth))[1]).quantities
        for name in missed:
            low, high = found[name].interval
            missed[name] += not low - 1e-9 <= true[name] <= high + 1e-9
    assert max(missed.values()) <= 0.05 * draws + 4 * np.sqrt(0.05 * 0.95 * draws), missed


@pytest.mark.parametrize("survey", [DOSE, PEAK])
def test_a_setting_that_has_no_numbers_is_refused(survey):
    found, grid = line([1.0, 2.0, 3.0])
    with pytest.raises(InputRefused, match="numbers of size"):
        survey.read(found, {name: {"size": "big"} for name in grid})
    with pytest.raises(UnknownName, match="Nearest: sizes"):
        survey.read(found, {name: {"sizes": 1} for name in grid})


def by_seed(values, m=12, spread=0.01):
    """Subjects of size 1, 2, ... that keep the quantity of each of m seeds."""
    findings, grid = line(values)
    rng = np.random.default_rng(0)
    for of in findings.values():
        probe, finding = next(iter(of.items()))
        table = FactTable(values={"seed": range(m), "first": finding.quantities["first"].value + rng.normal(0, spread, m)})
        of[probe] = finding.model_copy(update={"tables": {"by_seed": table}})
    return findings, grid


def test_over_seeds_a_peak_has_its_place_and_at_an_end_none():
    survey = Peak(quantity=QUANTITY, by="size", over_seeds=True)
    found = survey.read(*by_seed([0.5, 0.2, 0.8, 0.3]))
    assert (found.quantities["at"].value, found.quantities["at"].interval) == (3.0, (3.0, 3.0))
    assert found.quantities["prominence"].value == pytest.approx(0.5, abs=0.03)  # 0.8 - max(0.2, 0.3)
    findings, grid = by_seed([0.5, 0.2, 0.8, 0.3, 0.9])
    grid = {name: {**of, "noise": of["size"] == 5} for name, of in grid.items()}
    assert survey.model_copy(update={"where": {"noise": False}}).read(findings, grid).quantities["at"].value == 3.0
    assert survey.read(*by_seed([0.9, 0.2, 0.8, 0.3])).withheld.code == "peak at the end"
    assert survey.read(*by_seed([0.5, 0.2, 0.8, 0.8])).withheld.code == "peak at the end"
    assert survey.read(*by_seed([0.5, 0.2, 0.8, 0.3], m=9)).withheld.code == "few seeds"
    assert survey.read(*line([0.5, 0.2, 0.8, 0.3])).withheld.code == "small grid"  # nothing by seed


def test_a_threshold_lies_between_the_places_that_are_surely_below_and_surely_above():
    survey = Threshold(quantity=QUANTITY, by="size", level=0.5)
    found = survey.read(*line([0.1, 0.2, 0.48, 0.52, 0.9, 1.0])).quantities["at"]
    assert (found.value, found.interval, found.unit) == (4.0, (2.0, 5.0), "setting")
    assert survey.read(*line([0.1, 0.9, 0.1, 0.9])).quantities["at"].value == 4  # from there on, not once
    for values_ in ([0.1, 0.2, 0.3], [0.48, 0.7, 0.9], [0.1, 0.9, 0.52]):
        assert survey.read(*line(values_)).withheld.code == "not crossed"
    assert survey.read(*line([0.1, 0.9])).withheld.code == "small grid"


def test_a_threshold_is_read_where_another_setting_has_a_value():
    found, grid_ = line([0.1, 0.2, 0.9, 0.1, 0.9, 0.9])
    two = {name: {"size": 1 + i % 3, "decay": i // 3} for i, name in enumerate(grid_)}
    at = [
        Threshold(quantity=QUANTITY, by="size", level=0.5, where={"decay": value}).read(found, two).quantities["at"].value
        for value in (0, 1)
    ]
    assert at == [3, 2]
    with pytest.raises(UnknownName, match="decya"):
        Threshold(quantity=QUANTITY, by="size", level=0.5, where={"decya": 1}).read(found, two)


def test_the_card_of_a_threshold_says_of_what_and_draws_the_level():
    found = Threshold(quantity=QUANTITY, by="size", level=0.5).read(*line([0.1, 0.2, 0.48, 0.52, 0.9, 1.0]))
    card = card_of(found, About())
    assert card.says == "the first size from which on first is at least 0.5"
    assert [(rule.axis, rule.at) for rule in card.charts[0].rules] == [("y", 0.5), ("x", 4.0)]
