"""The default card: what the report shows of a probe that has no card of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from byheart.records.facts import OF_EXAMPLES, Curve, FactTable, NumbersAndGaps, Ranked, Scalar
from byheart.records.facts import Axis as Along
from byheart.records.finding import Finding
from byheart.records.formatting import amount, no_interval_text, number
from byheart.records.quantity import Quantity
from byheart.report.cards.base import About, Card, Row, apart
from byheart.report.chart import Axis, Chart, Line, Role, Table
from byheart.report.examples import Exhibit, ExhibitGroup, Exhibits

FORMATS = {"share": "percent", "accuracy": "percent", "examples": "count", "epochs": "count", "members": "count"}


def card(finding: Finding, about: About) -> Card:
    """Headline, curves, tables and ranked examples as they stand."""
    return Card(
        says=f"{spaced(finding.headline)}." if finding.headline else "",
        charts=tuple(chart_of(name, curve) for name, curve in finding.curves.items()),
        exhibits=tuple(row_of(name, ranked, about) for name, ranked in finding.ranked.items()),
        tables={spaced(name): table_of(table) for name, table in finding.tables.items()},
    )


def spaced(name: str) -> str:
    """A name of code as words.

    Example:
        >>> spaced("bits_held-share")
        'bits held share'
    """
    return name.replace("_", " ").replace("-", " ")


def chart_of(name: str, curve: Curve) -> Chart:
    """A curve with its band, its null dashed, and its numbers as a table; a gap breaks the line."""
    title = spaced(name)
    known = [i for i, y in enumerate(curve.y) if y is not None]
    band = curve.low and all(curve.low[i] is not None and curve.high[i] is not None for i in known)
    bands = (curve.low, curve.high) if band else ()
    lines = [_line(part, title, "ink", curve, curve.y, *bands) for part in _unbroken(known)]
    if curve.null and all(curve.null[i] is not None for i in known):
        lines += [_line(part, "no effect", "null", curve, curve.null) for part in _unbroken(known)]
    columns = {curve.x_axis.name: curve.x, curve.y_axis.name: curve.y, "low": curve.low, "high": curve.high}
    columns |= {"no effect": curve.null, "n": curve.n}
    return Chart(
        title=title[:1].upper() + title[1:],
        description=f"{curve.y_axis.name} by {curve.x_axis.name}.",
        x=_axis(curve.x_axis),
        y=_axis(curve.y_axis),
        lines=tuple(lines),
        reading="The band is the 95\u202f% interval." if band else "",
        table=table_of(FactTable(values={key: one for key, one in columns.items() if one})),
    )


def _unbroken(places: Sequence[int]) -> list[tuple[list[int], bool]]:
    """Runs of neighbouring places, and whether each is the last."""
    runs: list[list[int]] = []
    for i in places:
        if runs and runs[-1][-1] == i - 1:
            runs[-1].append(i)
        else:
            runs.append([i])
    return [(run, run is runs[-1]) for run in runs]


def _line(
    part: tuple[list[int], bool], label: str, role: Role, curve: Curve, y: NumbersAndGaps, *band: NumbersAndGaps
) -> Line:
    """One unbroken part of a curve; the last bears its label."""
    places, last = part
    x, y, *ends = (tuple(float(values[i] or 0.0) for i in places) for values in (curve.x, y, *band))
    low, high = ends or ((), ())
    return Line(label=label if last else "", role=role, x=x, y=y, low=low, high=high, markers=role == "ink")


def table_of(table: FactTable) -> Table:
    """A table of facts, ready to read: numbers in the unit of their column; what is absent is a dash."""

    def cell(name: str, value: Scalar) -> str:
        unit = table.units.get(name)
        return written(value) if unit is None or not isinstance(value, int | float) else amount(value, unit)

    return Table(
        columns=tuple(spaced(name) for name in table.values),
        rows=tuple(tuple(cell(name, value) for name, value in row.items()) for row in table.rows()),
    )


def row_of(name: str, ranked: Ranked, about: About) -> Exhibits:
    """A row of ranked examples, each with its figures; labels that were redrawn stand apart."""
    names = [one for one in ranked.figures if one not in ("redrawn", "text")]

    def exhibit(row: Row) -> Exhibit:
        said = (about.label(row[one]) if one in OF_EXAMPLES else written(row[one]) for one in names)
        return Exhibit(id=int(row["id"] or 0), view=ranked.view, lines=tuple(said))

    title = spaced(name)
    whole = (ExhibitGroup(label="", shown=tuple(map(exhibit, ranked.rows()))),)
    groups = apart(ranked.rows(), exhibit) if "redrawn" in ranked.figures else whole
    return Exhibits(title=title[:1].upper() + title[1:], keys=tuple(map(spaced, names)), groups=groups)


def note_of(quantity: Quantity, null: str = "") -> str:
    """How interval and null were made, from the facts alone; `null` where a card says more of it than its value.

    Example:
        >>> made = Quantity(value=0.2, unit="share", interval=(0.1, 0.3), null=0.0, n=9, method="Wilson")
        >>> note_of(made), note_of(made, null="by chance")
        ('interval: Wilson; null: 0\u202f%', 'interval: Wilson; null: by chance')
    """
    interval = f"interval: {quantity.method}" if quantity.interval and quantity.method else no_interval_text(quantity)
    null = null or ("" if quantity.null is None else amount(quantity.null, quantity.unit))
    return "; ".join(part for part in (interval, f"null: {null}" if null else "") if part)


def notes_of(finding: Finding, said: Mapping[str, str], nulls: Mapping[str, str] | None = None) -> dict[str, str]:
    """Of each quantity what it is, as `said` has it, and how interval and null were made."""
    found, nulls = finding.quantities, nulls or {}
    return {
        name: f"{what}; {note_of(found[name], nulls.get(name, ''))}" for name, what in said.items() if name in found
    }


def written(value: Scalar) -> str:
    """A fact as text.

    Example:
        >>> written(True), written(1200), written(0.12345), written(None), written("a")
        ('yes', '1,200', '0.123', '\u2013', 'a')
    """
    if value is None:
        return "\u2013"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    return number(value, 0 if isinstance(value, int) or abs(value) >= 1000 else 3)


def _axis(along: Along) -> Axis:
    unit = f" [{along.unit}]" if along.unit and along.unit not in along.name and along.unit not in FORMATS else ""
    return Axis(title=f"{along.name}{unit}", format=FORMATS.get(along.unit, "number"))  # type: ignore[arg-type]
