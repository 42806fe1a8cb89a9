"""The promises of the report: same bytes, no address, its numbers in its data, nothing injected, small, light."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from functools import cache

import documents
import pytest
from pages import Outline, data, page

from byheart.errors import InputRefused
from byheart.records.formatting import NARROW, number
from byheart.report.page import render

NAMES = list(documents.ALL)


@pytest.mark.parametrize("name", NAMES)
def test_every_page_is_small(name):
    assert len(page(name).encode()) < 2_000_000


@pytest.mark.parametrize("name", ["table", "text", "shuffled"])
def test_same_document_same_bytes(name):
    assert render(documents.ALL[name]()) == page(name)


def test_the_data_block_makes_the_same_page():
    assert render(data(page("fashion"))) == page("fashion")


@pytest.mark.parametrize("name", NAMES)
def test_the_data_block_is_the_document(name):
    assert data(page(name)) == json.loads(json.dumps(documents.ALL[name]()))


@pytest.mark.parametrize("name", [name for name in NAMES if name != "hostile"])
def test_no_external_address(name):
    body = re.sub(r'<script type="application/json".*?</script>', "", page(name), flags=re.S)
    assert "http:" not in body
    assert "https:" not in body
    assert "//" not in re.sub(r"base64,[^\"]*|^\s*//.*$", "", body, flags=re.M)
    for tag, attribute, value in Outline(page(name)).attributes:
        if attribute in {"href", "src", "action", "xlink:href", "poster", "srcset"}:
            assert value.startswith(("#", "data:image/")), (tag, attribute, value)


@pytest.mark.parametrize("name", NAMES)
def test_no_inline_handler_and_one_script_under_its_hash(name):
    outline = Outline(page(name))
    assert not [one for one in outline.attributes if one[1].startswith("on")]
    assert [tag for tag, _ in outline.elements].count("script") == 2
    assert "default-src 'none'" in next(
        value for tag, attr, value in outline.attributes if attr == "content" and "default-src" in value
    )


@cache
def _benign():
    return Outline(render(documents.spoiled(documents.table(), "benign")))


@pytest.mark.parametrize("payload", documents.PAYLOADS, ids=range(len(documents.PAYLOADS)))
def test_hostile_words_make_no_element_and_no_attribute(payload):
    made = documents.table()
    plain = _benign()
    spoiled = Outline(render(documents.spoiled(made, payload)))
    kinds = {"tspan", "text", "code", "i"}  # wrapping and shortening of words may differ, their kinds may not
    assert Counter(one for one in spoiled.elements if one[0] not in kinds) == Counter(
        one for one in plain.elements if one[0] not in kinds
    )
    assert {one for one in spoiled.elements if one[0] in kinds} <= {
        one for one in plain.elements if one[0] in kinds
    }
    assert not spoiled.comments


def test_hostile_words_are_shown_as_words():
    words = "".join(Outline(page("hostile")).words)
    assert "<script>alert(1)</script>" in words
    assert "{{7*7}}" in words
    assert " 49 " not in words
    assert not re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\u202a-\u202e]", words)


def _numbers(value: object) -> set[str]:
    """Every way in which the page may write the numbers of a document."""
    if isinstance(value, dict):
        return set().union(*(_numbers(one) for one in value.values())) if value else set()
    if isinstance(value, list):
        return set().union(*(_numbers(one) for one in value)) if value else set()
    if isinstance(value, str):
        return set(re.findall(r"\d(?:[\d,]*\d)?(?:\.\d+)?", value))
    if isinstance(value, bool) or not isinstance(value, int | float):
        return set()
    ways = {number(abs(value) * times, digits) for times in (1, 100) for digits in range(4)}
    return ways | {number(abs(round(value, -1)), 0)}


@pytest.mark.parametrize("name", ["fashion", "table", "regression", "shuffled", "text", "hidden", "nothing"])
def test_every_number_of_the_first_screen_is_in_the_data(name):
    first = re.search(r'<section class="first".*?</section>', page(name), re.S)[0]
    words = " ".join(Outline(re.sub(r"<svg.*?</svg>", "", first, flags=re.S)).words)
    words = words.replace("R\u00b2", "")
    shown = set(re.findall(r"\d(?:[\d,]*\d)?(?:\.\d+)?", words))
    document = data(page(name))
    known = _numbers(document) | {"25", "100"}  # the score threshold, in points; the whole
    if name == "shuffled":
        shares = document["findings"]["complexity/description-length"]["quantities"]
        known.add(
            number(100 * (shares["left_bits_share"]["value"] + shares["memorised_bits_share"]["value"]))
        )
    assert shown <= known, shown - known
    assert bool(shown) or name == "nothing"


def test_the_headline_speaks_of_the_recipe():
    words = "".join(Outline(page("fashion")).words).replace("\u00a0", " ")
    assert (
        f"Of the information in its 5,000 training labels, a model trained this way has understood 67{NARROW}% [65, 69], "
        f"knows 28{NARROW}% by heart [27, 30] and has not learned 5.0{NARROW}% [4.6, 5.4]."
    ) in words


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("shuffled", "understood nothing: on labels it has not seen it does worse than a blind guess, by 14"),
        ("nothing", "knows by heart is withheld. 8 members are too few"),
        ("regression", "Of the variance of its 354 training values, a model trained this way has understood"),
        ("regression", "noise, or structure that it did not capture"),
        ("regression", "Shares of the variance of the values"),
        ("hidden", "The examples themselves are hidden"),
        ("fashion", "This page shows 26 of the examples themselves"),
        ("nothing", "Weather"),
    ],
)
def test_the_page_says(name, words):
    assert words in "".join(Outline(page(name)).words)


def test_withheld_and_inapplicable_are_never_numbers():
    text = page("nothing")
    card = re.search(
        r'<article class="card withheld[^"]*" id="complexity-description-length">.*?<details class="how">', text, re.S
    )[0]
    assert "<b>withheld</b>" in card
    assert 'class="strip"' not in card
    line = re.search(r'<details class="unasked">.*?</details>', text, re.S)[0]
    assert not re.search(r"\d", re.sub(r"<[^>]*>", "", line))


def test_what_is_not_asked_shares_one_line_with_its_reasons():
    """One line of names, open or closed without a script; no card and no chapter of its own."""
    text = page("nothing")
    line = re.search(r'<details class="unasked">.*?</details>', text, re.S)[0]
    names = re.findall(r"<span>(.*?)</span>", re.search(r"<summary>.*?</summary>", line, re.S)[0])
    assert names == ["memory/label-noise", "generalization/gap"]
    for reason in ("No label was redrawn.", "There is no test set. Give some examples that it was not trained on."):
        assert reason in re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", line))
    assert text.count('id="generalization-gap"') == 1
    assert 'id="chapter-generalization"' not in text
    assert "Not asked here: <span>memory/credit</span></summary>" in page("fashion")


@pytest.mark.parametrize("status", ["withheld", "not applicable", "failed", "absent"])
@pytest.mark.parametrize(
    "probe",
    ["memory/counterfactual", "memory/label-noise", "memory/influence", "generalization/gap", "complexity/description-length"],
)
def test_any_finding_may_be_missing(probe, status):
    made = documents.table()
    kept = made["findings"].get(probe, {"probe": probe, "question": "A question?"})
    names = {"probe": probe, "question": kept["question"]}
    given = {
        "withheld": {
            **kept,
            "status": "withheld",
            "headline": "",
            "withheld": {"code": "other", "figures": {"why": "too few", "advice": "more"}},
            "quantities": kept.get("quantities", {}),
            "reference": "none",
        },
        "not applicable": {**names, "status": "not applicable", "reason": {"code": "no epochs"}},
        "failed": {**names, "status": "failed", "error": "it broke"},
    }
    given["withheld"].pop("reason", None), given["withheld"].pop("offer", None)
    made["findings"].pop(probe, None)
    if status != "absent":
        made["findings"][probe] = given[status]
    text = render(made)
    assert "<h1>" in text
    if probe == "complexity/description-length":
        assert "95.6" in re.search(r"<h1>.*?</h1>", text)[0]


def test_another_schema_is_refused():
    with pytest.raises(InputRefused, match="schema 5"):
        render({**documents.table(), "schema": 1})


def test_no_heavy_import():
    code = "import sys, byheart.report.page; print([m for m in ('torch', 'numpy', 'scipy', 'sklearn', 'altair', 'pandas') if m in sys.modules])"
    assert (
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout.strip()
        == "[]"
    )


def test_only_commands_that_exist():
    text = "".join(Outline(page("fashion")).words)
    assert set(re.findall(r"byheart ([a-z]+) (?=--|[a-z0-9./]+ --)", text)) <= {
        "audit",
        "list",
        "show",
        "report",
        "plan",
        "balance",
    }
    assert "byheart audit --seed 0 --lever weight-decay=0.001" in text


def _light(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_all_words_stand_out_from_the_paper():
    roots = re.findall(r":root\{(--paper:#.*?)\}", page("table"), re.S)[:2]
    assert len(roots) == 2
    for root in roots:
        colours = dict(re.findall(r"--(\w+):(#[0-9a-f]{6})", root))
        for name in ("ink", "muted", "understood", "memorised", "lefttext"):
            for ground in ("paper", "wash") if name in {"ink", "muted"} else ("paper",):
                high, low = sorted((_light(colours[name]), _light(colours[ground])), reverse=True)
                assert (high + 0.05) / (low + 0.05) >= 4.5, (name, ground)


def test_levers_not_tried_are_offered():
    assert "weight-decay" in page("fashion")
    assert "weight-decay" not in page("table")


def test_a_gap_is_only_said_between_the_scores_it_is_made_of():
    made = documents.table()
    scores = made["findings"]["generalization/gap"]["quantities"]
    scores["held_out_accuracy"] = {**scores["test_accuracy"], "value": 0.9}
    scores["gap"] |= {"value": scores["train_accuracy"]["value"] - 0.9, "interval": [0.08, 0.12]}
    words = "".join(Outline(render(made)).words)
    assert (
        f"99.8{NARROW}% on those it has seen and 90.0{NARROW}% on the same where left out: a gap of 9.8 points"
        in words
    )
    scores["gap"] |= {"value": 0.05, "interval": [0.04, 0.06]}
    assert (
        "a gap of"
        not in "".join(Outline(render(made)).words).partition("Memory")[2].partition("Most memorised")[0]
    )


def test_planted_truth_without_a_ranking():
    made = documents.table()
    made["planted"] = {"redrawn": 46, "changed": 23}
    words = "".join(Outline(render(made)).words)
    assert "We redrew 46 labels; 23 really changed." in words
    assert "stand among" not in words


def test_the_fonts_are_in_the_page_small_and_under_their_licence():
    from importlib.resources import files

    folder = files("byheart.report") / "fonts"
    fonts = [one for one in folder.iterdir() if one.name.endswith(".woff2")]
    assert len(fonts) == 3
    assert sum(len(one.read_bytes()) for one in fonts) < 60_000
    licence = (folder / "OFL.txt").read_text()
    assert "SIL OPEN FONT LICENSE Version 1.1" in licence
    made = page("fashion")
    assert made.count("@font-face") == 3
    assert "font-src data:" in made
