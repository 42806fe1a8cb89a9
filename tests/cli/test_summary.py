"""The lines that a finished audit prints: what was not measured is said, not left out."""

from byheart.cli.summary import summary


def document_of(bits):
    return {
        "subject": {"title": "x", "n": 400, "nouns": "rows", "members": 16, "run": "0", "kind": "classes", "n_test": 0},
        "findings": {"complexity/bits": bits}, "planted": None, "verdicts": [], "provenance": {"notes": []},
    }  # fmt: skip


def test_bits_that_were_not_measured_say_why():
    reason = "Copies count as one and stand in one half of the calibration."
    lines = summary(document_of({"status": "not applicable", "reason": reason}), "page", "data").splitlines()
    assert lines[1].split(None, 1) == ["Bits", f"not measured: {reason}"]
    assert "Understood" not in "".join(lines)
    assert "Bits" not in summary(document_of({"status": "measured", "quantities": {}}), "page", "data")


def test_values_are_said_in_variance():
    names = ("understood_share", "memorised_share_of_variance", "left_share")
    quantities = {
        name: {"value": value, "unit": "share", "interval": [value - 0.02, value + 0.02], "null": 0, "n": 400, "how": "x"}
        for name, value in zip(names, (0.42, 0.48, 0.1))
    }
    document = document_of({"status": "measured", "quantities": quantities})
    document["subject"]["kind"] = "values"
    lines = summary(document, "page", "data").splitlines()
    assert [line.split()[0] for line in lines[1:4]] == ["Understood", "By", "Not"]
    assert all("of the variance of the values" in line for line in lines[1:4])
    assert "noise, or structure not captured" in lines[3]
    held = {"status": "withheld", "quantities": {}, "withheld": {"reason": "few values", "would_do": "--transform log"}}
    document["findings"]["complexity/bits"] = held
    assert "withheld: few values; --transform log" in summary(document, "page", "data")
