"""A disk that is full or broken ends an audit with a plain message, and the next one goes on to an equal report."""

import errno

import pytest

WRITES = ("open", "write", "fsync", "rename", "close", "mkdir", "sql BEGIN", "sql COMMIT", "sql INSERT", "sql REPLACE",
          "sql DELETE", "sql CREATE")  # fmt: skip
READS = ("read", "sql SELECT", "sql PRAGMA")
FAULTS = {  # name: kinds of calls, error, whether it stays
    "full for good": (WRITES, errno.ENOSPC, True),
    "full once": (WRITES, errno.ENOSPC, False),
    "error of the disk in writing": (WRITES, errno.EIO, False),
    "read fails once": (READS, errno.EIO, False),
    "reads fail for good": (READS, errno.EIO, True),
}
CODES = {0, 3, 5, 6}


def _ended_plainly(end):
    """Why an end is no end that a user should see; empty if it is."""
    message = end.err[end.err.rfind("byheart: ") :] if "byheart: " in end.err else ""
    if end.code not in CODES:
        return f"code {end.code}"
    if "Traceback" in end.err or "something of ours" in end.err or len(message.splitlines()) > 6:
        return "no plain message"
    return "" if end.code == 0 or message or end.code == 6 else "no message"


def _tried(lab, table, name, n, fault, source=None):
    """One trial: an audit in which the n-th call fails, and the next one."""
    kinds, code, lasting = FAULTS[name]
    with lab.folder(source) as folder:
        first = lab.audit(folder, fault(n, code, kinds if lasting else ()).meets())
        second = lab.audit(folder)
        equal = second.report == lab.report
        wrong = _ended_plainly(first)
        if first.code == 0 and first.report != lab.report:
            wrong = "a wrong report"
        if second.code or not equal:
            wrong += f"; resumed with {second.code}, equal {equal}: {second.err}"
        if left := lab.leftovers(folder):
            wrong += f"; left {left}"
        kind = f"{name}{', finished' if source else ''}"
        table.add(kind, (first, second), equal, first.code != 0, f"call {n}: {wrong} {first.err}" if wrong else "")


def _places(trace, kinds, stride, offset):
    """Numbers of the calls of these kinds: every `stride`-th, or without a stride the one at this share of all."""
    places = [n for n, kind in enumerate(trace, 1) if kind in kinds]
    return places[stride // 2 :: stride] if stride else [places[int(offset * len(places))]]


TIERS = pytest.mark.parametrize("stride", [None, pytest.param(13, marks=pytest.mark.slow)])


@TIERS
def test_an_audit_on_a_failing_disk_ends_plainly_and_resumes(stride, lab, table, fault):
    for i, (name, (kinds, _, _)) in enumerate(FAULTS.items()):
        for n in _places(lab.trace, kinds, stride, i / len(FAULTS)):
            _tried(lab, table, name, n, fault)


@TIERS
def test_a_finished_audit_on_a_failing_disk(stride, lab, table, fault):
    for i, (name, (kinds, _, _)) in enumerate(FAULTS.items()):
        for n in _places(lab.trace_again, kinds, stride, 1 - (i + 1) / len(FAULTS)):
            _tried(lab, table, name, n, fault, lab.finished)
