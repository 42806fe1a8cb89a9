"""A gate as JUnit XML: one test case for each bound and code; one that is withheld is an error, never skipped."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from byheart.auditing.gate import Gate, told

# what XML 1.0 cannot hold, not even escaped (section 2.2), and what turns text around or ends a line unseen
_ODD = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]|[\u007f-\u009f\u202a-\u202e\u2066-\u2069]")


def junit(gate: Gate, strict: bool = False) -> str:
    """The XML; equal bytes for equal gates.

    A check that is not held is a `failure`; one that is withheld an `error`, and with `strict` a `failure` too.

    Example:
        >>> from byheart.records.gate import Check
        >>> from byheart.report.cards import About
        >>> print(junit(Gate("Digits", "1f", (Check(name="BH101", outcome="held"),), About())).splitlines()[3].strip())
        <testcase classname="byheart.gate" name="BH101" time="0" />
    """
    kinds = {"not held": "failure", "withheld": "failure" if strict else "error"}
    found = [(check, kinds.get(check.outcome)) for check in gate.checks]
    counts = {
        "tests": str(len(found)),
        "failures": str(sum(kind == "failure" for _, kind in found)),
        "errors": str(sum(kind == "error" for _, kind in found)),
        "time": "0",
    }
    suites = ElementTree.Element("testsuites", {"name": "byheart", **counts})
    title = _safe(f"byheart gate: {gate.title}, run {gate.run}")
    suite = ElementTree.SubElement(suites, "testsuite", {"name": title, **counts, "skipped": "0"})
    for check, kind in found:
        named = {"classname": "byheart.gate", "name": _safe(check.name), "time": "0"}
        case = ElementTree.SubElement(suite, "testcase", named)
        if kind:
            says = _safe(told(check, gate.about))
            ElementTree.SubElement(case, kind, {"message": says, "type": check.outcome}).text = says
    ElementTree.indent(suites)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(suites, encoding="unicode") + "\n"


def _safe(text: str) -> str:
    return _ODD.sub("\ufffd", text)
