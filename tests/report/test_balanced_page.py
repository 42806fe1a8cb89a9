"""The page and the lines of a balance: what each state says, and the promises of every page."""

from __future__ import annotations

import json
import re
from collections import Counter
from functools import cache

import balances
import documents
import pytest
from pages import Outline, data
from test_page import _numbers

from byheart.records.balanced import BalancedRecord
from byheart.records.formatting import NARROW
from byheart.report.balanced import render_balanced
from byheart.report.balanced_text import audit_command, lines
from byheart.report.frontier_chart import frontier_chart, unbeaten_line

NAMES = list(balances.ALL)
# words of ours, which records check or which the page chooses its words by
FIXED = documents.FIXED | {"score", "method"}


@cache
def page(name):
    return render_balanced(balances.ALL[name]())


def words(name, between=""):
    """The words of a page outside of drawings, with plain spaces."""
    text = re.sub(r"<svg.*?</svg>", "", page(name), flags=re.S)
    return " ".join(between.join(Outline(text).words).replace("\u00a0", " ").replace("\u2060", "").split())


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("beats", "max_depth 2 is the best of 3 settings: against the recipe it saves 0.14 bits per label [0.09, 0.19] "
                  "where left out and memorises 83.0 points less [81.0, 85.0]."),
        ("beats", f"max_depth 2 is the best of all tried with a probability of 87{NARROW}%. Both halves of the rows chose "
                  "max_depth 2."),
        ("beats", "dropped after rung 1 of 3"),
        ("beats", "balance.toml holds it, and the second command below audits it. In words: --lever max_depth=2."),
        ("beats", "`byheart audit data.csv --target label --learner DecisionTreeClassifier --seed 0 --lever balance.toml`"),
        ("nothing_beats", "No lever tried beats the recipe: none of 3 settings has a shorter code where left out."),
        ("nothing_beats", f"The recipe is the best of all tried with a probability above 99{NARROW}%."),
        ("nothing_beats", "Keep the recipe"),
        ("memorises_less", "No lever tried beats the recipe where left out. Of 2 settings max_depth 2 memorises 83.0 points "
                           "less [81.0, 85.0] and saves 0.00 bits per label [−0.02, 0.02]: no difference can be told."),
        ("no_difference", "Of 2 settings max_depth 2 comes nearest: it costs 0.00 bits per label [−0.02, 0.02], no "
                          "difference that can be told."),
        ("memorises_more", "and memorises 4.0 points more [2.0, 6.0]."),
        ("halves_disagree", "The halves of the rows disagree: one chose max_depth 2, the other max_depth 5."),
        ("halves_disagree", "max_depth 2 is the best of 3 settings: against the recipe what each half of the rows chose, read on "
                            "the other half, saves 0.14 bits per label [0.09, 0.19] where left out and memorises 83.0 points less"),
        ("halves_disagree", "fresh models, each half under the choice of the other; the recipe 91.0 %"),
        ("halves_apart", "Of 2 settings max_depth 2 comes first; what each half of the rows chose, read on the other half, costs"),
        ("probability_unknown", "How surely max_depth 2 is the best of all tried is not known: there are too few members."),
        ("a_gap", "not trained: ValueError: unlucky"),
        ("a_gap", "Budget 60 s: fewer members."),
        ("twins", "the same models as the recipe"),
        ("values", "it gains 0.40 of R² [0.30, 0.50] where left out"),
        ("values", "Max_depth 1 lies beyond the chart and stands at its edge."),
        ("passages", "it saves 8.7 bits per passage [6.7, 10.7] where left out"),
        ("passages", "Down is better where left out"),
        ("in_python", 'byheart.audit(..., levers=["balance.toml"])'),
    ],
)  # fmt: skip
def test_each_state_is_said(name, said):
    assert said.replace("`", "").replace(NARROW, " ") in words(name)


@pytest.mark.parametrize("name", NAMES)
def test_the_lines_say_the_same_in_short(name):
    text = "\n".join(lines(balances.ALL[name]()))
    first = re.search(r"<h1>(.*?)</h1>", page(name), re.S)[1]
    assert " ".join("".join(Outline(first).words).replace("\u00a0", " ").split()) in text
    assert max(map(len, [line for line in text.splitlines() if "  " in line.strip()])) <= 110
    assert "bits bits" not in words(name) + text
    if name == "a_gap":
        assert "not trained   max_depth 13: ValueError: unlucky" in text
    if name == "twins":
        assert "1 trained the same models as another setting" in text


def test_many_settings_are_counted_where_the_lines_end():
    found = balances.beats()
    more = [balances.tried("C", float(place), 0.5, 0.6, 0.001 * place, members=8) for place in range(1, 20)]
    text = lines(found.model_copy(update={"frontier": (*found.frontier, *more)}))
    assert "10 more, none better; the page has them all." in text[-1]
    assert sum("max_depth 2" in line for line in text[3:]) == 1


@pytest.mark.parametrize("name", NAMES)
def test_same_balance_same_bytes_and_its_data_make_it_again(name):
    assert render_balanced(balances.ALL[name]()) == page(name)
    again = BalancedRecord.model_validate(data(page(name)))
    assert render_balanced(again) == page(name)
    assert data(page(name)) == json.loads(json.dumps(balances.ALL[name]().model_dump(mode="json")))


@pytest.mark.parametrize("name", NAMES)
def test_no_external_address_and_one_script_under_its_hash(name):
    body = re.sub(r'<script type="application/json".*?</script>', "", page(name), flags=re.S)
    assert not re.search(r"https?:", body)
    outline = Outline(page(name))
    for tag, attribute, value in outline.attributes:
        if attribute in {"href", "src", "action", "xlink:href", "poster", "srcset"}:
            assert value.startswith(("#", "data:")), (tag, attribute, value)
    assert not [one for one in outline.attributes if one[1].startswith("on")]
    assert [tag for tag, _ in outline.elements].count("script") == 2
    assert "default-src 'none'" in page(name)
    assert len(page(name).encode()) < 2_000_000


@pytest.mark.parametrize("name", NAMES)
def test_every_number_is_in_its_data(name):
    text = words(name, " ").replace("R\u00b2", "").partition("sha256")[0]
    document = data(page(name))
    known = _numbers(document) | {"95", "99", "100"} | {str(n) for n in range(len(document["frontier"]) + 1)}
    known |= {
        f"{end:.1f}"
        for one in [document["best"]["moved"]]
        if one
        for end in (100 * abs(value) for value in one["interval"])
    }
    shown = set(re.findall(r"\d(?:[\d,]*\d)?(?:\.\d+)?", text))
    assert shown <= known, shown - known


@pytest.mark.parametrize("name", NAMES)
def test_all_is_there_without_a_script(name):
    """Nothing is hidden until a script runs: the only script adds tools, and each figure stands in the page."""
    text = words(name)
    for one in balances.ALL[name]().frontier[1:]:
        assert one.title in page(name)
        assert one.title.rpartition(" ")[2] in text
    assert page(name).count("<svg") == 2
    assert "hidden" not in [attribute for _, attribute, _ in Outline(page(name)).attributes]


def spoiled(payload):
    """A balance whose title, levers, failures, notes and command a user filled with `payload`."""

    def spoil(value, key=""):
        if isinstance(value, str):
            return value if not value or key in FIXED else f"{value[:40]} {payload}"
        if isinstance(value, dict):
            return {f"{name} {payload}" if key == "setting" else name: spoil(one, name) for name, one in value.items()}
        return [spoil(one, key) for one in value] if isinstance(value, list) else value

    made = spoil(balances.a_gap().model_dump(mode="json"))
    return render_balanced(BalancedRecord.model_validate(json.loads(json.dumps(made))))


@pytest.mark.parametrize("payload", documents.PAYLOADS, ids=range(len(documents.PAYLOADS)))
def test_hostile_words_make_no_element_and_no_attribute(payload):
    kinds = {"tspan", "text", "code", "i"}  # wrapping and shortening of words may differ, their kinds may not
    plain, made = _benign(), Outline(spoiled(payload))
    parts = [Counter(one for one in page.elements if one[0] not in kinds) for page in (plain, made)]
    assert parts[0] == parts[1]
    assert {one for one in made.elements if one[0] in kinds} <= {one for one in plain.elements if one[0] in kinds}
    assert not made.comments


@cache
def _benign():
    return Outline(spoiled("benign"))


def test_the_stair_goes_over_what_no_other_beats_on_both():
    found = balances.beats()
    beaten = balances.tried("C", 1.0, 0.3, 0.65, 0.0)
    far = balances.tried("C", 2.0, 0.95, 0.9, 0.0)
    assert [one.title for one in unbeaten_line(found, [*found.frontier, beaten, far])] == ["max_depth 2", "C 2.0"]
    passages = balances.passages()  # of bits less is better
    worse = balances.tried("dropout", 0.1, 0.01, 4.9, 0.0, score="bits")
    assert [one.title for one in unbeaten_line(passages, [*passages.frontier, worse])] == ["dropout 0.1", "dropout 0.5"]


def test_the_best_is_strong_the_recipe_a_diamond_and_the_beaten_are_faint():
    chart = frontier_chart(balances.beats())
    marks = {mark.label or mark.note.partition(":")[0]: mark for mark in chart.marks}
    assert marks["best: max_depth 2"].weight == "strong"
    assert (marks["the recipe"].shape, marks["the recipe"].weight) == ("diamond", "plain")
    assert marks["max_depth 5"].weight == "faint"
    assert all(mark.x_interval and mark.y_interval for mark in chart.marks)
    assert chart.lines[0].x[-1] == chart.x.domain[1]


def test_a_setting_far_off_does_not_stretch_the_chart_and_twins_are_one_point():
    low, high = frontier_chart(balances.values()).y.domain
    assert -1 < low < high < 1
    assert len(frontier_chart(balances.twins()).marks) == len(balances.beats().frontier)
    assert len(frontier_chart(balances.a_gap()).table.rows) == len(balances.a_gap().frontier)


def test_the_audit_of_the_best_has_neither_what_was_tried_nor_what_the_file_fixes():
    said = audit_command(balances.beats(), "out/balance.toml")
    assert "--try" not in said
    assert "max_features" not in said
    assert said.endswith("--seed 0 --lever out/balance.toml")


def test_where_all_train_the_same_models_no_probability_is_told():
    found = balances.nothing_beats()
    twin = balances.tried("ccp_alpha", 0.0001, 0.9, 0.6, 0.0, members=8, same_as="the recipe")
    lost = balances.a_gap().frontier[-1]
    alike = "\n".join(lines(found.model_copy(update={"frontier": (found.frontier[0], twin, lost)})))
    assert "Every setting that could be trained gives the same models as the recipe" in alike
    assert "probability" not in alike
    assert "same models as the recipe" not in "\n".join(lines(balances.twins()))


def test_the_recipe_as_the_best_has_numbers_of_its_own_whatever_a_half_chose():
    found = balances.nothing_beats()
    apart = found.best.model_copy(update={"agreed": False, "by_half": ("max_depth 2", "the recipe")})
    text = "\n".join(lines(found.model_copy(update={"best": apart})))
    assert "one chose max_depth 2, the other the recipe." in text
    assert "where the other chose it" not in text
    assert "where the other chose it" in "\n".join(lines(balances.halves_disagree()))
    assert "under the choice of the other" not in render_balanced(found.model_copy(update={"best": apart}))
    assert "under the choice of the other" in page("halves_disagree")


def test_settings_that_were_not_trained_are_not_counted_as_beaten():
    assert "max_depth 2 is the best of 3 settings" in "\n".join(lines(balances.a_gap()))
    assert "4 settings beside the recipe" in "\n".join(lines(balances.a_gap()))


def test_a_setting_dropped_ahead_of_the_recipe_is_told_as_not_told_from_it():
    found = balances.nothing_beats()
    ahead = found.frontier[2].model_copy(update={"gain": balances.of(0.001, "bits"), "members": 8})
    said = "\n".join(lines(found.model_copy(update={"frontier": (*found.frontier[:2], ahead, found.frontier[3])})))
    assert "none of 3 settings has a shorter code where left out that can be told." in said
