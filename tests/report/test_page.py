"""The promises of the report: same bytes, no address, its numbers in its data, nothing injected, small, light."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter

import documents
import pytest
from pages import Outline, data, page

from byheart.errors import InputRefused
from byheart.records.figures import NARROW, number
from byheart.report.page import render

NAMES = list(documents.ALL)


@pytest.mark.parametrize("name", NAMES)
def test_same_document_same_bytes_and_small(name):
    assert render(documents.ALL[name]()) == page(name)
    assert len(page(name).encode()) < 2_000_000


def test_the_data_block_makes_the_same_page():
    assert render(data(page("fashion"))) == page("fashion")


@pytest.mark.parametrize("name", NAMES)
def test_the_data_block_is_the_document(name):
    assert data(page(name)) == json.loads(json.dumps(documents.ALL[name]()))


@pytest.mark.parametrize("name", [name for name in NAMES if name != "hostile"])
def test_no_external_address(name):
    body = re.sub(r'<script type="application/json".*?</script>', "", page(name), flags=re.S)
    assert "http:" not in body and "https:" not in body and "//" not in re.sub(r"base64,[^\"]*|^\s*//.*$", "", body, flags=re.M)
    for tag, attribute, value in Outline(page(name)).attributes:
        if attribute in {"href", "src", "action", "xlink:href", "poster", "srcset"}:
            assert value.startswith(("#", "data:image/")), (tag, attribute, value)


@pytest.mark.parametrize("name", NAMES)
def test_no_inline_handler_and_one_script_under_its_hash(name):
    outline = Outline(page(name))
    assert not [one for one in outline.attributes if one[1].startswith("on")]
    assert [tag for tag, _ in outline.elements].count("script") == 2
    assert "default-src 'none'" in next(value for tag, attr, value in outline.attributes if attr == "content" and "default-src" in value)


@pytest.mark.parametrize("payload", documents.PAYLOADS, ids=range(len(documents.PAYLOADS)))
def test_hostile_words_make_no_element_and_no_attribute(payload):
    made = documents.table()
    plain = Outline(render(documents.spoiled(made, "benign")))
    spoiled = Outline(render(documents.spoiled(made, payload)))
    kinds = {"tspan", "text", "code", "i"}  # wrapping and shortening of words may differ, their kinds may not
    assert Counter(one for one in spoiled.elements if one[0] not in kinds) == Counter(one for one in plain.elements if one[0] not in kinds)
    assert {one for one in spoiled.elements if one[0] in kinds} <= {one for one in plain.elements if one[0] in kinds}
    assert not spoiled.comments


def test_hostile_words_are_shown_as_words():
    words = "".join(Outline(page("hostile")).words)
    assert "<script>alert(1)</script>" in words
    assert "{{7*7}}" in words and " 49 " not in words
    assert not re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\u202a-\u202e]", words)


def _numbers(value: object) -> set[str]:
    """Every way in which the page may write the numbers of a document."""
    if isinstance(value, dict):
        return set().union(*(_numbers(one) for one in value.values())) if value else set()
    if isinstance(value, list):
        return set().union(*(_numbers(one) for one in value)) if value else set()
    if isinstance(value, str):
        return set(re.findall(r"\d[\d,]*(?:\.\d+)?", value))
    if isinstance(value, bool) or not isinstance(value, int | float):
        return set()
    ways = {number(abs(value) * times, digits) for times in (1, 100) for digits in range(4)}
    return ways | {number(abs(round(value, -1)), 0)}


@pytest.mark.parametrize("name", ["fashion", "table", "regression", "shuffled", "text", "hidden", "nothing"])
def test_every_number_of_the_first_screen_is_in_the_data(name):
    first = re.search(r'<section class="first".*?</section>', page(name), re.S)[0]
    words = " ".join(Outline(re.sub(r"<svg.*?</svg>", "", first, flags=re.S)).words)
    words = words.replace("R\u00b2", "")
    shown = set(re.findall(r"\d[\d,]*(?:\.\d+)?", words))
    document = data(page(name))
    known = _numbers(document) | {"25", "100"}  # the score threshold, in points; the whole
    if name == "shuffled":
        shares = document["findings"]["complexity/bits"]["quantities"]
        known.add(number(100 * (shares["left_bits_share"]["value"] + shares["memorised_bits_share"]["value"])))
    assert shown and shown <= known, shown - known


def test_the_headline_speaks_of_the_recipe():
    words = "".join(Outline(page("fashion")).words).replace("\u00a0", " ")
    assert (f"Of the information in its 5,000 training labels, a model trained this way has understood 67{NARROW}% [65, 69], "
            f"knows 28{NARROW}% by heart [27, 30] and has not learned 5.0{NARROW}% [4.6, 5.4].") in words


@pytest.mark.parametrize(("name", "words"), [
    ("shuffled", "understood less than nothing"),
    ("nothing", "knows by heart is withheld. 8 members are too few"),
    ("regression", "training values, a model trained this way"),
    ("hidden", "The examples themselves are hidden"),
    ("fashion", "This page shows 26 of the examples themselves"),
    ("nothing", "Weather"),
])
def test_the_page_says(name, words):
    assert words in "".join(Outline(page(name)).words)


def test_withheld_and_inapplicable_are_never_numbers():
    text = page("nothing")
    card = re.search(r'<article class="card withheld[^"]*" id="complexity-bits">.*?<details class="how">', text, re.S)[0]
    assert "<b>withheld</b>" in card and 'class="strip"' not in card
    card = re.search(r'<article class="card na" id="generalization-gap">.*?</article>', text, re.S)[0]
    assert "Not applicable." in card and not re.search(r"\d", re.sub(r"<[^>]*>", "", card))


@pytest.mark.parametrize("status", ["withheld", "not applicable", "failed", "absent"])
@pytest.mark.parametrize("probe", ["memory/counterfactual", "memory/quadrant", "memory/pairs", "generalization/gap", "complexity/bits"])
def test_any_finding_may_be_missing(probe, status):
    made = documents.table()
    kept = made["findings"].get(probe, {"probe": probe, "question": "A question?"})
    names = {"probe": probe, "question": kept["question"]}
    given = {
        "withheld": {**kept, "status": "withheld", "headline": "", "withheld": {"reason": "too few", "would_do": "more"}, "quantities": kept.get("quantities", {}), "reference": "none"},
        "not applicable": {**names, "status": "not applicable", "reason": "no labels"},
        "failed": {**names, "status": "failed", "error": "it broke"},
    }
    given["withheld"].pop("reason", None), given["withheld"].pop("offer", None)
    made["findings"].pop(probe, None)
    if status != "absent":
        made["findings"][probe] = given[status]
    text = render(made)
    assert "<h1>" in text
    if probe == "complexity/bits":
        assert "95.6" in re.search(r"<h1>.*?</h1>", text)[0]


def test_another_schema_is_refused():
    with pytest.raises(InputRefused, match="schema 1"):
        render({**documents.table(), "schema": 2})


def test_no_heavy_import():
    code = "import sys, byheart.report.page; print([m for m in ('torch', 'numpy', 'scipy', 'sklearn', 'altair', 'pandas') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_only_commands_that_exist():
    text = "".join(Outline(page("fashion")).words)
    assert set(re.findall(r"byheart ([a-z]+) (?=--|[a-z0-9./]+ --)", text)) <= {"audit", "list", "show", "report", "plan"}
    assert "byheart audit --seed 0 --lever weight-decay=0.001" in text
