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
