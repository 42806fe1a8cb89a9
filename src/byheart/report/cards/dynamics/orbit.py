"""The card of dynamics/orbit."""

from __future__ import annotations

from byheart.records.finding import Finding
from byheart.records.formatting import count, counted, number, percent, value_text
from byheart.report.cards.base import About, Card
from byheart.report.cards.default import notes_of
from byheart.report.chart import Axis, Chart, Line, Mark, Table

NAMES = {"state_divergence": "state divergence", "spectrum_distance": "spectrum distance"}
DRIFTS = 0.5  # share of the variance between tenths of a series, beyond which no two stretches are alike
FEWEST_TURNS = 5
REPLAYED = 0.5  # novelty below which a run is nearer to the record than to the system
NOTES = {
    "lasting_share": "share of the free runs that neither leave nor come to rest",
    "state_divergence": "sum of p ln(p / q) over boxes, from the test series; null: the middle of true stretches",
    "spectrum_distance": "Hellinger distance of smoothed spectra over channels; null: the middle of true stretches",
    "novelty": "median distance of generated windows to training windows over that to test windows; a replay 0",
    "valid_steps": "steps within 0.4 deviations of what came, median over starts",
    "one_step_error": "share of the variance of the next step, or of the change to it, that one step leaves",
}


def card(finding: Finding, about: About) -> Card:
    """What the model does when it is fed its own predictions."""
    quantities, details = finding.quantities, finding.details
    says = "times as far from the training series as from the test: 0 a replay of the record, 1 as new as the system"
    return Card(
        says=says if finding.headline == "novelty" else "of its free runs neither leave nor come to rest",
        rows=(("n", f"{counted(details['runs'], 'run')}"),),
        body=tuple(
            filter(None, (_class(finding), _replay(finding), _valid(finding), _one_step(finding), _drifts(finding)))
        ),
        charts=tuple(filter(None, (_portrait(finding), _course(finding), _returns(finding), _spectra(finding)))),
        tables={"beside true stretches and a replay": _scores(finding)} if _scores(finding).rows else {},
        how=(
            f"Fed their own predictions from test windows on: {counted(details['runs'], 'run')} of "
            f"{counted(details['members'], 'member')}. Scores are taken at T = {count(details['steps'])} steps, in "
            "training units, from the test series; the floor is the 95\u202f% point of pairs of true stretches of that "
            "length, the replay the training series used as if it had been generated.",
            "Fails when the test is short: two true stretches then differ as much as a wrong model.",
        ),
        notes=notes_of(finding, {name: note for name, note in NOTES.items() if name in quantities}),
    )


def _class(finding: Finding) -> str:
    rows = finding.tables["kinds"].rows()
    said = ", ".join(f"{row['kind']} {count(row['runs'])}" for row in rows)
    return f"The test series: {finding.details['kind']}. The runs: {said}."


def _replay(finding: Finding) -> str:
    found = finding.quantities.get("novelty")
    if found is None or (found.interval is None and int(finding.details["members"]) < 2):
        return ""
    low, high = found.interval or (found.value, found.value)  # none where members are all alike, as of a pure replay
    if high < REPLAYED:
        return "It replays the record: what it says is nearer to the training series than to the system."
    return "It is no replay of the record." if low > REPLAYED else "Whether it replays the record is not clear."


def _valid(finding: Finding) -> str:
    found = finding.quantities.get("valid_steps")
    return "" if found is None else f"It stays with what came for {value_text(found)}, within 0.4 deviations."


def _one_step(finding: Finding) -> str:
    found = finding.quantities.get("one_step_error")
    if found is None:
        return ""
    return f"One step ahead it leaves {value_text(found)} of the variance, which says nothing of its free runs."


def _drifts(finding: Finding) -> str:
    if any(name in finding.quantities for name in NAMES):
        return ""
    drift = float(finding.details["drift"] or 0)
    if drift < DRIFTS:
        return "No distance is said of runs that leave or come to rest." if "novelty" not in finding.quantities else ""
    return f"No distance is said: {percent(drift, 0)} of the variance lies between tenths of the series, which drifts."


def _scores(finding: Finding) -> Table:
    rows = []
    for name, title in NAMES.items():
        if (found := finding.quantities.get(name)) is not None:
            floor, again = (float(finding.details[f"{name}_{what}"]) for what in ("floor", "replay"))  # type: ignore[arg-type]
            rows.append((title, value_text(found), f"up to {number(floor, 2)}", number(again, 2)))
    return Table(columns=("measure", "this model", "true stretches", "a replay"), rows=tuple(rows))


def _marks(finding: Finding, table: str) -> tuple[Mark, ...]:
    """Points of the test grey, those of free runs coloured."""
    return tuple(
        Mark(x=float(row["x"]), y=float(row["y"]), role="muted" if row["of"] == "test" else "memorised")  # type: ignore[arg-type]
        for row in finding.tables[table].rows()
    )


def _returns(finding: Finding) -> Chart | None:
    """The return map, where both have turned often enough to draw one."""
    found = [row["of"] for row in finding.tables["maxima"].rows()]
    if min(found.count("test"), found.count("run")) < FEWEST_TURNS:
        return None
    return Chart(
        title="Return map",
        description="Each maximum of the first channel and the one after it, of the test series and of free runs.",
        x=Axis(title="a maximum"),
        y=Axis(title="the next"),
        marks=_marks(finding, "maxima"),
        reading="Grey: the test series. Coloured: free runs. A law shows as a curve, and both should lie on the same.",
    )


def _spectra(finding: Finding) -> Chart | None:
    if "spectrum_run" not in finding.curves:
        return None
    lines = []
    for name, role, label in (("spectrum_test", "muted", "test"), ("spectrum_run", "memorised", "free run")):
        curve = finding.curves[name]
        y = tuple(float(one or 0.0) for one in curve.y)
        lines.append(Line(label=label, role=role, x=curve.x, y=y))  # type: ignore[arg-type]
    return Chart(
        title="Spectrum",
        description="Power of the first channel by frequency, of the test series and of a free run.",
        x=Axis(title="turns a step", log=True),
        y=Axis(title="log\u2081\u2080 of power"),
        lines=tuple(lines),
        reading="Where the lines part, the run moves at another pace, or by another amount, than the series.",
    )


def _portrait(finding: Finding) -> Chart:
    return Chart(
        title="Orbits",
        description="States of the test series and of a free run.",
        x=Axis(title="deviations"),
        y=Axis(title="deviations"),
        marks=_marks(finding, "portrait"),
        reading="Grey: the test series. Coloured: a free run. Two channels, or one against itself some steps before.",
    )


def _course(finding: Finding) -> Chart:
    lines = []
    for name, role in (("test", "muted"), ("run", "memorised")):
        curve = finding.curves[name]
        known = [i for i, y in enumerate(curve.y) if y is not None]
        x, y = tuple(curve.x[i] for i in known), tuple(float(curve.y[i] or 0.0) for i in known)
        lines.append(Line(label={"test": "test", "run": "free run"}[name], role=role, x=x, y=y))  # type: ignore[arg-type]
    return Chart(
        title="Course",
        description="The first channel of the test series and of a free run, step by step.",
        x=Axis(title="steps", format="count"),
        y=Axis(title="first channel, deviations"),
        lines=tuple(lines),
        reading="Each from a start of its own: what they do is to be compared, not where they are.",
    )
