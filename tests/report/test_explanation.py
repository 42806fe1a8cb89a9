"""The page and the lines of an explanation: what they say by kind, what they withhold, what they hide."""

import numpy as np
import pytest
from pages import Outline

from byheart.cli.explain import lines
from byheart.cli.summary import print_lines
from byheart.records.explanation import Explanation, Own, Share
from byheart.records.quantity import Quantity
from byheart.records.reason import Reason
from byheart.report.explanation import render_explanation
from byheart.report.pictures import png_data_uri

PICTURE = png_data_uri(np.arange(64, dtype=np.uint8).reshape(8, 8))


GONE = Reason(code="gone")


def scored(value, low, high):
    return Quantity(value=value, unit="correlation", interval=(low, high), null=0.0, n=64)


def made(kind="classes", **changes):
    label = {"classes": "shoe", "values": "210.5", "tokens": ""}[kind]
    shares = tuple(Share(id=i, label=label, value=v) for i, v in ((11, 0.5), (12, 0.25)))
    below = tuple(Share(id=i, label=label, value=-v) for i, v in ((21, 0.5), (22, 0.25)))
    shown = {"classes": {"picture": PICTURE}, "values": {"fields": [["area", "7"]]}, "tokens": {"text": "some words"}}
    exhibits = {f"train:{i}": {"label": label, **shown[kind]} for i in (11, 12, 21, 22, 31)}
    values = {
        "view": "test", "id": 5, "mark": "", "noun": "image", "nouns": "images", "n": 100, "kind": kind,
        "target": "price", "label": label, "redrawn": False, "clean": "", "label_known": True, "says": label,
        "value": 4.0, "tokens": 8, "steps": 1200, "initial": -1.0, "centre": 0.0, "decay": 0.0, "remainder": 0.001,
        "missed": 0.0002, "credit_total": 4.999, "credit_for": shares, "credit_against": below,
        "effect_for": shares, "effect_against": below, "own": None, "trainings": 1,
        "method": "unrolled, gauss-newton, mean of 20 moments", "credit_score": scored(0.2, -0.05, 0.4),
        "effect_score": scored(0.53, 0.33, 0.69), "unchecked": None, "distance": "distance", "notes": (),
        "credit_notes": (),
        "neighbours": (Share(id=31, label=label, value=0.1),), "hidden": False,
        "exhibits": {**exhibits, "query:5": {"label": label, **shown[kind]}},
    }  # fmt: skip
    return Explanation(**values | changes)


def words(found):
    return " ".join("".join(Outline(render_explanation(found)).words).split())


def test_the_check_stands_in_words_on_the_page_and_in_the_terminal():
    said = "Checked against 64 models trained on other subsets: rank correlation 0.53 [0.33, 0.69]; 0 means that the list predicts nothing"
    assert said in words(made())
    assert said in "\n".join(lines(made()))
    assert "ceiling that seeds leave is unknown" in words(made())
    assert "within those that saw it and within those that did not" in words(made(view="train"))
    assert "no forecast of retraining: rank correlation 0.20 [\u22120.05, 0.40]" in words(made())


@pytest.mark.parametrize("kind", ["classes", "values", "tokens"])
@pytest.mark.parametrize("score", [scored(0.2, -0.05, 0.4), scored(-0.5, -0.7, -0.2), scored(0.3, 0.0, 0.6)])
def test_effects_that_foretell_nothing_are_withheld(kind, score):
    found = made(kind, effect_score=score, effect_for=(Share(id=77777, label="x", value=1.0),))
    assert "withheld" in words(found)
    assert "hold it up" not in words(found)
    assert "77777" not in render_explanation(found)
    said = "\n".join(lines(found))
    assert "withheld" in said
    assert "77777" not in said
    assert found.model_dump(mode="json")["effect_for"][0]["id"] == 77777


@pytest.mark.parametrize("kind", ["classes", "values", "tokens"])
@pytest.mark.parametrize("missed, said", [(0.2, "20\u202f% of what"), (9e7, "90,000,000 times of what")])
def test_credits_that_do_not_add_up_are_withheld(kind, missed, said):
    found = made(kind, missed=missed, remainder=4e8, credit_for=(Share(id=77777, label="x", value=4e8),))
    terminal = "\n".join(lines(found))
    for text in (words(found), terminal):
        assert "Withheld: the remainder is" in text
        assert " ".join(said.split()) in " ".join(text.split())
        assert not [one for one in ("adds up", "add up", "77777") if one in text]
    assert "77777" not in render_explanation(found)
    assert "hold it up" in words(found)
    assert found.model_dump(mode="json")["credit_for"][0]["id"] == 77777
    assert "it adds up" in "\n".join(lines(made(kind, missed=0.05)))


def test_the_own_part_of_a_training_example_stands_apart():
    own = Own(credit=3.0, effect=2.1, measured=3.2, interval=(2.0, 4.4), seen=45, unseen=19)
    said = "take 2.10 nats away, estimated; measured, the 45 models on other subsets that saw it say 3.20 nats [2.00, 4.40]"
    found = made(view="train", own=own)
    assert said in words(found)
    assert said in "\n".join(lines(found))
    bare = made(view="train", own=Own(credit=3.0, effect=2.1), effect_score=None, unchecked=GONE)
    assert "not measured: the models trained on other subsets are not in the ledger; run the audit again." in words(
        bare
    )
    nobody = bare.model_copy(update={"unchecked": None})
    assert "not measured: all or none of the models saw it." in words(nobody)
    one = made(view="train", own=own, effect_score=scored(0.53, 0.33, 0.69).model_copy(update={"n": 45}))
    assert "Checked against 45 models trained on other subsets that saw it" in words(one)


@pytest.mark.parametrize("trainings, said", [
    (1, "from one recorded training; another seed names others"), (2, "from the mean of 2 recorded trainings"),
])  # fmt: skip
def test_how_many_trainings_stand_behind_the_effects_is_said(trainings, said):
    found = made(trainings=trainings)
    assert said in words(found)
    assert said in "\n".join(lines(found))
    assert "better than the exact derivative" not in words(found)


def test_a_label_that_we_redrew_is_said_and_ringed():
    shares = tuple(Share(id=i, label="shoe", value=v, changed=i == 12) for i, v in ((11, 0.5), (12, 0.25)))
    found = made(view="train", redrawn=True, clean="boot", credit_for=shares)
    assert "labelled shoe (redrawn by byheart; boot came with the data)" in words(found)
    assert "labelled shoe (redrawn by byheart; boot came with the data)" in lines(found)[0]
    assert "12 shoe (redrawn) +0.25" in "\n".join(lines(found))
    assert "raised the margin, label redrawn by us" in words(found)
    page = render_explanation(found)
    assert page.count('class="dot"') == render_explanation(made(view="train")).count('class="dot"') + 1
    hidden = found.only_ids()
    assert "boot" not in render_explanation(hidden)
    assert "its label (redrawn by byheart)" in words(hidden)


def test_unchecked_says_why_and_shows_the_list():
    few = Reason(code="few models", figures={"models": 3})
    found = made(effect_score=None, credit_score=None, unchecked=few)
    assert "Not checked: only 3 models were trained on other subsets." in words(found)
    assert "hold it up" in words(found)
    assert "  Not checked: only 3 models were trained on other subsets." in lines(found)


def test_notes_on_credits_are_said_and_one_of_an_older_ledger_stands_as_it_is():
    drift = {"code": "replay departs", "figures": {"share": 2e-7}}
    found = made(notes=("It equals training image 7 exactly.",), credit_notes=[drift, "an old sentence"])
    said = [
        "It equals training image 7 exactly.",
        "Credit: replayed steps depart from the recorded ones by 2.0e-07 of the way gone.",
        "Credit: an old sentence.",
    ]
    assert " ".join(said) in words(found)
    assert lines(found)[-3:] == [f"  note     {note}" for note in said]


@pytest.mark.parametrize("kind, where", [("classes", {"says", "label"}), ("values", {"label", "target"})])
def test_a_break_in_a_name_makes_no_line_in_the_terminal(kind, where, capsys):
    forged = "shoe\nPage  /forged"
    plain, share = made(kind), (Share(id=11, label=forged, value=1.0),)
    found = made(kind, **dict.fromkeys(where, forged), credit_for=share, neighbours=share)
    print_lines(*lines(plain))
    expected = capsys.readouterr().out
    print_lines(*lines(found))
    printed = capsys.readouterr().out
    assert printed.count("\n") == expected.count("\n")
    assert "shoe\\nPage  /forged" in printed


@pytest.mark.parametrize("kind, said", [
    ("classes", "The model says shoe of new image 5, labelled shoe: a margin of 4.00 nats for shoe after 1,200 steps."),
    ("values", "The model predicts 4.0000 for new image 5, whose price is 210.5, after 1,200 steps."),
    ("tokens", "The model gives new image 5 a log probability of 4.00 nats, \u22120.72 bits for each of its 8 tokens, after 1,200 steps."),
])  # fmt: skip
def test_each_kind_has_its_sentence(kind, said):
    assert said in words(made(kind))
    assert said in lines(made(kind))[0]


def test_yours_has_no_id_and_no_label():
    found = made(view="yours", id=-1, label_known=False, mark="abc", exhibits={})
    assert "of your image: a margin of 4.00 nats for shoe" in words(found)
    value = made("values", view="yours", id=-1, label_known=False, label="", mark="abc")
    assert "The model predicts 4.0000 as the price of your image after 1,200 steps." in words(value)
    assert "-1" not in words(value)


def test_values_count_in_their_own_unit_and_their_mean_stands_apart():
    found = made("values", value=210_000.0, centre=200_000.0, credit_total=10_500.0, initial=-500.0, remainder=0.0)
    text = words(found)
    assert "mean price in training" in text
    assert "210,000" in text
    assert "nats" not in text


@pytest.mark.parametrize("kind", ["classes", "values", "tokens"])
def test_hidden_examples_are_ids_alone(kind):
    found = made(kind, label="" if kind == "tokens" else "secret", says="" if kind == "tokens" else "secret").only_ids()
    for text in (render_explanation(found), "\n".join(lines(found)), str(found.model_dump())):
        assert not [one for one in ("secret", "shoe", "210.5", "some words", "base64,iVBOR") if one in text]
    assert "only their ids are shown" in words(found)
    assert "11" in words(found)
    assert "This page shows" not in words(found)


def test_the_page_says_how_many_examples_it_shows():
    assert "This page shows 6 of the examples themselves; --hide-examples leaves only ids." in words(made())


def test_same_explanation_same_bytes_and_no_address():
    page = render_explanation(made(credit_notes=("a note",)))
    assert page == render_explanation(made(credit_notes=("a note",)))
    assert "http" not in page.replace("http-equiv", "")
    assert "Credit: a note." in page


@pytest.mark.parametrize("kind", ["classes", "tokens"])
def test_hostile_words_make_no_element(kind):
    bad = '"><script>x</script><img src=x>'
    exhibits = {"query:5": {"label": bad, "text": bad}, "train:11": {"label": bad, "text": bad}}
    share = (Share(id=11, label=bad if kind == "classes" else "", value=1.0),)
    found = made(
        kind,
        label=bad,
        says=bad,
        credit_for=share,
        exhibits=exhibits,
        notes=(bad,),
        credit_notes=(bad,),
        effect_score=None,
        unchecked=Reason(code="other", figures={"why": bad}),
    )
    outline = Outline(render_explanation(found))
    assert [tag for tag, _ in outline.elements].count("script") == 1
    assert "img" not in [tag for tag, _ in outline.elements]
