"""An audit that is killed at any call of the disk goes on to an equal report, and nothing is left behind."""

import pytest

COUNT = 200


def _spread(trace):
    """(n, what) of calls spread evenly over the audit; every second write is torn."""
    places = [1 + round(i * len(trace) / COUNT) for i in range(COUNT)]
    return [(n, "tear" if trace[n - 1] == "write" and i % 2 else "kill") for i, n in enumerate(places)]


def _ends(trace, *kinds):
    """(n, what) of the first and the last call of each kind; writes are torn."""
    places = [(kind, [n for n, name in enumerate(trace, 1) if name == kind]) for kind in kinds]
    return [(n, "tear" if kind == "write" else "kill") for kind, found in places for n in (found[0], found[-1])]


def _killed(lab, table, fault, *points):
    """One trial: killed at each of the points in turn, then left alone."""
    with lab.folder() as folder:
        ends = [lab.audit(folder, fault(n, what).meets()) for n, what in points]
        ends.append(lab.audit(folder))
        equal = ends[-1].report == lab.report
        wrong = []
        if ends[0].code != -9:
            wrong.append(f"was not killed: {ends[0].code} {ends[0].err}")
        if ends[-1].code or not equal or "Damaged" in ends[-1].err:
            wrong.append(f"resumed with {ends[-1].code}, equal {equal}: {ends[-1].err}")
        if left := lab.leftovers(folder):
            wrong.append(f"left {left}")
        kind = "killed twice" if len(points) > 1 else f"{points[0][1]} at {lab.trace[points[0][0] - 1].split()[0]}"
        table.add(kind, ends, equal, 0, f"{points} {'; '.join(wrong)}" if wrong else "")


def test_an_audit_killed_at_a_change_of_the_disk(lab, table, fault):
    """The first blob, the first commit, the page."""
    points = _ends(lab.trace, "write", "rename", "sql COMMIT")
    for point in points:
        _killed(lab, table, fault, point)
    _killed(lab, table, fault, points[2], points[4])


@pytest.mark.slow
def test_an_audit_killed_at_200_points(lab, table, fault):
    points = _spread(lab.trace)
    for point in [*points, *_ends(lab.trace, *sorted(set(lab.trace)))]:
        _killed(lab, table, fault, point)
    for first, (n, _) in zip(points[5::20], points[15::20], strict=False):
        _killed(lab, table, fault, first, (1 + n // 2, "kill"))
