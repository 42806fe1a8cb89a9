"""The lines that a finished audit prints: what was not measured is said, not left out."""

import pytest

from byheart.cli.summary import print_lines, summary
from byheart.records.quantity import Quantity
from byheart.report.headline import OF_VARIANCE, SHARES
from byheart.report.summary import doubts, together


def document_of(bits):
    return {
        "subject": {"title": "x", "n": 400, "nouns": "rows", "members": 16, "run": "0", "kind": "classes", "n_test": 0},
        "findings": {"complexity/description-length": bits}, "planted": None, "verdicts": [], "levers": [],
        "provenance": {"notes": []},
    }  # fmt: skip


def test_bits_that_were_not_measured_say_why():
    reason = {"code": "one-sided", "figures": {"examples": 2, "of": 400}}
    lines = summary(document_of({"status": "not applicable", "reason": reason}), "page", "data")
    assert lines[1].split(None, 1) == ["Bits", "not measured: Seen by all members or by none: 2 of 400 rows."]
    assert "Understood" not in "".join(lines)
    assert "Bits" not in "".join(summary(document_of({"status": "measured", "quantities": {}}), "page", "data"))


def test_values_are_said_in_variance():
    names = ("understood_share", "memorised_share_of_variance", "left_share")
    quantities = {
        name: {"value": value, "unit": "share", "interval": [value - 0.02, value + 0.02], "null": 0, "n": 400}
        for name, value in zip(names, (0.42, 0.48, 0.1))
    }
    document = document_of({"status": "measured", "quantities": quantities})
    document["subject"]["kind"] = "values"
    lines = summary(document, "page", "data")
    assert [line.split()[0] for line in lines[1:4]] == ["Understood", "By", "Not"]
    assert all("of the variance of the values" in line for line in lines[1:4])
    assert "noise, or structure not captured" in lines[3]
    held = {"status": "withheld", "quantities": {}, "withheld": None}
    held["withheld"] = {"code": "other", "figures": {"why": "few values.", "advice": "Try --transform log"}}
    document["findings"]["complexity/description-length"] = held
    assert "withheld: few values; try --transform log" in "".join(summary(document, "page", "data"))


@pytest.mark.parametrize("kind, ends, said", [
    ("classes", (-0.4, -0.05), "nothing worse than a blind guess on labels it has not seen, by 22.0\u202f% [5.0, 40.0] of the"),
    ("values", (-0.4, -0.05), "nothing worse than the mean of the training values on values it has not seen, by 22.0\u202f%"),
    ("classes", (-0.4, 0.0), "\u221222.0\u202f% [\u221240.0, 0.0] of the"),
    ("classes", None, "\u221222.0\u202f% of the"),
])  # fmt: skip
def test_what_is_worse_than_a_blind_guess_is_no_share(kind, ends, said):
    names = SHARES if kind == "classes" else OF_VARIANCE
    share = {"value": -0.22, "unit": "share", "interval": ends, "null": 0, "n": 400}
    share |= {} if ends else {"why_no_interval": "too few"}
    rest = {"value": 0.6, "unit": "share", "interval": [0.5, 0.7], "null": 0, "n": 400}
    reference = {"value": 400, "unit": "bits", "interval": [390, 410], "null": 0, "n": 400}
    quantities = {names[0]: share, names[1]: rest, names[2]: rest, "reference_bits": reference}
    document = document_of({"status": "measured", "quantities": quantities})
    document["subject"]["kind"] = kind
    line = summary(document, "page", "data")[1]
    assert said in " ".join(line.replace("\u202f", "~").split()).replace("~", "\u202f")


def test_a_break_in_a_name_makes_no_line(capsys):
    document = document_of({"status": "measured", "quantities": {}})
    forged = {"title": "a\nReport  /forged", "nouns": "rows\n  BH101 pass"}
    document["subject"] |= forged
    document["provenance"]["notes"] = ["Prepared: a class 'cat\n  BH102 pass'."]
    print_lines(*summary(document, "page", "data"))
    printed = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in printed] == ["byheart", "note", "Report"]
    assert "a\\nReport  /forged" in printed[0]


def told(**found):
    """What is said of new examples, by the names of quantities and (value, low, high)."""
    made = {
        name: Quantity(value=v, unit="accuracy", interval=(low, high), null=0, n=80)
        for name, (v, low, high) in found.items()
    }
    return doubts({"nouns": "rows"}, made, None)


def test_new_examples_that_are_copies_or_differ_from_those_left_out_are_said():
    assert told(leaked_share=(0.5, 0.4, 0.6)) == "40 of 80 new rows are copies of training rows."
    assert told(test_accuracy=(0.5, 0.4, 0.6), held_out_accuracy=(0.55, 0.5, 0.6)) == ""
    assert "not given" in told(test_accuracy=(0.5, 0.4, 0.6), held_out_accuracy=(1.0, 0.98, 1.0))
    assert "trained on" in told(test_accuracy=(1.0, 0.98, 1.0), held_out_accuracy=(0.5, 0.4, 0.6))
    flipped = {"changed": 9, "control": 0}
    held = Quantity(value=0.5, unit="accuracy", interval=(0.4, 0.6), null=0, n=80)
    new = held.model_copy(update={"value": 0.9, "interval": (0.8, 1.0)})
    assert doubts({"nouns": "rows"}, {"test_accuracy": new, "held_out_accuracy": held}, flipped) == ""


def test_what_is_left_out_together_is_said_above_one_per_cent():
    def said(nouns, copies, **more):
        return together(
            {"n": 2880, "nouns": nouns, "together": {"copies": copies, "originals": 960, "groups": 960} | more}
        )

    rows = said("rows", 1920)
    assert rows == "1,920 of 2,880 rows have (nearly) the same inputs as 960 others; they are left out together."
    assert said("images", 1920).startswith("1,920 of 2,880 images are copies of 960 others")
    assert said("rows", 28) == ""
    assert said("rows", 28, named=960) == "The rows come in 960 groups; each is left out as a whole."
    assert "cells of a design" in said("rows", 0, cells=12)
