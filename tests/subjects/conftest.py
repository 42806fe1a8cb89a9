"""Ten subjects that nobody tuned for: what must agree of every one of them, in Python and on the command line."""

import json
import math

import pytest

import byheart as bh

BUDGET = "complexity/description-length"
PARTS = {
    "reference_bits": ("understood_bits", "memorised_bits", "left_bits"),
    "understood_share": ("memorised_share_of_variance", "left_share"),  # the three add up to 1
}
EXIT = {"held": 0, "not held": 1, "withheld": 4}


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    """The folder of the audit."""
    return tmp_path_factory.mktemp("subject") / "byheart-audit"


@pytest.fixture(scope="module")
def audited(out):
    """An audit kept in that folder, 8 members, nothing said."""

    def run(data, **options):
        return bh.audit(data, **{"members": 8, "device": "cpu", "out": out, "say": lambda line: None} | options)

    return run


def adds_up(audit):
    """Understood + memorised + left = reference, exactly; or a sentence that says why there is none."""
    if why := audit.why_no_number(BUDGET):
        assert len(why.split()) > 5
        return False
    q = audit.findings[BUDGET].quantities
    if "reference_bits" in q:
        whole, parts = q["reference_bits"].value, PARTS["reference_bits"]
        assert math.isclose(sum(one.value for one in audit.bits[1:]), audit.bits.reference.value, rel_tol=1e-9)
    else:
        whole, parts = 1.0, ("understood_share", *PARTS["understood_share"])
    assert math.isclose(sum(q[name].value for name in parts), whole, rel_tol=1e-9)
    return True


def speaks_by_name(audit, ids):
    """Every training example is in the table, once, and whatever is named carries a name of the user's."""
    frame, subject = audit.examples().to_frame(), audit.to_dict()["subject"]
    named = frame["id"].to_list()
    assert len(frame) == len({*named}) == subject["n"]
    assert {*named} <= {*ids}
    for issue in audit.issues():
        assert {issue.id, *issue.others} <= {*ids}
    assert len(audit.issues().to_frame()) == len(audit.issues())


def is_gated(audit, byheart, out):
    """A bound on either side of an interval, and one inside it; the command line says the same line and exit code."""
    found = {name: q for one in audit.findings.values() for name, q in getattr(one, "quantities", {}).items()}
    name, q = next(
        (name, q) for name, q in found.items() if q.interval and q.unit in ("share", "accuracy", "r2", "auc")
    )
    low, high = q.interval
    asked = {"held": ("max", high + 0.01), "not held": ("min", high + 0.01), "withheld": ("max", (low + high) / 2)}
    for outcome, (side, bound) in asked.items():
        if bound > 1 or (outcome == "withheld" and low == high):
            side, bound = ("min" if side == "max" else "max"), low - 0.01
        made = audit.gate(**{side: {name: bound}})
        assert made.outcome == outcome, (made, low, high)
        assert bool(made) == (outcome == "held")
        said = byheart("gate", out, f"--{side}", f"{name}={bound!r}")
        assert (said.code, said.err) == (EXIT[outcome], "")
        *_, last = lines = [" ".join(line.split()) for line in said.out.splitlines()]
        assert last == f"Gate {outcome}"
        told = " ".join(" ".join(made.lines()).replace("\u202f", "").split())
        assert told in " ".join(lines)


def is_shown(audit, byheart, out):
    """The page is whole, and `show` prints the document that Python holds."""
    said = byheart("show", out, "--json")
    assert (said.code, said.err) == (0, "")
    assert json.loads(said.out) == audit.to_dict()
    page = audit.save(out / "report.html").read_text(encoding="utf-8")
    assert page.rstrip().endswith("</html>")
    words = byheart("show", out).out
    for text in (page, words):
        assert audit.to_dict()["subject"]["run"] in text
        assert not [word for word in ("nan", "inf", "None") if f" {word} " in text or f">{word}<" in text]
    return page, words


def is_itself(audit, out):
    """Compared with itself, from memory and from its folder: the same models, and 0 exactly."""
    found = bh.compare(audit, out)
    assert found.pairing == "same models"
    assert found.differences or not adds_up(audit)
    assert {(one.difference.value, *(one.difference.interval or (0.0, 0.0))) for one in found.differences} <= {
        (0.0, 0.0, 0.0)
    }


@pytest.fixture
def agrees(byheart, out):
    """All of it, of an audit whose examples the user calls `ids`; what the command line printed."""

    def check(audit, ids):
        adds_up(audit)
        speaks_by_name(audit, ids)
        is_gated(audit, byheart, out)
        is_itself(audit, out)
        return is_shown(audit, byheart, out)

    return check


@pytest.fixture
def listed():
    """The ids of the issues of a kind, all of them among those that were planted; empty where there is a reason instead."""

    def of_kind(audit, kind, planted):
        issues = audit.issues()
        found = {issue.id for issue in issues if issue.kind == kind}
        assert found <= {*planted}, (kind, found)
        if kind in issues.unlisted:
            assert not found
            assert len(issues.unlisted[kind].split()) > 5
        return found

    return of_kind
