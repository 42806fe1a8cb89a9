"""The card of memory/influence."""

from __future__ import annotations

from byheart.records.finding import Finding
from byheart.records.formatting import count, number
from byheart.report.cards.base import About, Card, Row
from byheart.report.cards.default import notes_of
from byheart.report.chart import Axis, Chart, Line, Mark, Table
from byheart.report.examples import Exhibit, ExhibitGroup, Exhibits


def card(finding: Finding, about: About) -> Card:
    """Pairs of a training example and a new one that it helps, or the evidence that none stands clear of chance."""
    details, at = finding.details, finding.quantities["pairs_at_threshold"]
    pairs, reach, needed = count(at.n), count(round(at.value)), count(details["members_needed"])
    bar, shuffles = number(details["largest_by_chance"], 2), details["shuffles"]
    closed, chart = details.get("closed_form", False), _chart(finding, about)
    seldom = f"at most once in {shuffles + 1} shuffles of the masks"
    return Card(
        says=f"largest influence of {pairs} pairs; clear of chance: {count(details['clear'])}"
        if details["clear"]
        else "",
        rows=(
            ("n", f"{pairs} pairs"),
            (
                "null",
                f"{bar}: the largest of all pairs exceeds it {seldom}"
                if closed
                else f"{bar}: the largest of all pairs in {shuffles} shuffles of the masks",
            ),
            (
                f"at {details['threshold']}",
                f"{reach} pair{'' if at.value == 1 else 's'} reach it, by chance {count(round(at.null))}",
            ),
            ("needed", f"about {needed} members for all pairs at {details['threshold']}"),
        ),
        body=_body(finding, about),
        charts=(chart,) if chart.lines else (),
        exhibits=_exhibits(finding, about),
        how=(
            f"influence = {_measured(about)} about new {about.noun} j among those that saw training {about.noun} i "
            f"\u2212 the same among those that did not. A pair is shown only above "
            + (
                f"what the largest of all {pairs} pairs exceeds {seldom}, "
                "by the hypergeometric distribution of how many members are right among those that saw"
                if closed
                else f"the largest of all {pairs} pairs in each of {shuffles} shuffles of the masks"
            )
            + f" (p \u2264 1/{shuffles + 1}).",
            f"To name single pairs at {details['threshold']} with one false alarm in twenty takes about {needed} "
            "members. A withheld card keeps its evidence, and says what would lift it; it shows no scale.",
        ),
        notes=notes_of(
            finding,
            {
                "largest_influence": f"largest of {pairs} influences",
                "pairs_at_threshold": f"pairs with an influence of at least {details['threshold']}"
                + (" of a standard deviation of the target" if about.words.continuous else ""),
            },
            {
                "largest_influence": f"the largest, in closed form (about the median; {seldom} above {bar})"
                if closed
                else f"the largest under {shuffles} shuffles of the masks (median, highest {bar})",
                "pairs_at_threshold": "the count under shuffled masks",
            },
        ),
    )


def _measured(about: About) -> str:
    of_values = "minus the mean absolute error, in deviations of the target,"
    return of_values if about.words.continuous else "share of members right"


def _body(finding: Finding, about: About) -> tuple[str, ...]:
    details, clear = finding.details, finding.details["clear"]
    if not clear:
        return (
            "The largest influence of all pairs is not larger than what chance gives with "
            f"{details['members']} members.",
        )
    pair = (finding.ranked[name] for name in ("clear_training", "clear_new"))
    old, new = (about.name(one.ids[0], one.view) for one in pair)
    saw, others = details["first_saw"], details["first_others"]
    outcomes = details["first_outcome_saw"], details["first_outcome_others"]
    whose = f"members that saw training {about.noun} {old}"
    if about.words.continuous:
        miss, miss_others = (number(-outcome, 2) for outcome in outcomes)
        first = f"{whose} miss new {about.noun} {new} by {miss} standard deviations of the target, the others by "
        first += f"{miss_others}."
    else:
        right, right_others = round(outcomes[0] * saw), round(outcomes[1] * others)
        first = f"{right} of the {saw} {whose} are right about new {about.noun} {new}, and {right_others} of the "
        first += f"{others} others."
    return (
        f"{clear} pair{'s' if clear > 1 else ''} stand{'' if clear > 1 else 's'} clear of chance, the first with "
        f"{number(finding.quantities['largest_influence'].value, 2)}: {first}",
        "All other pairs are not named: as many reach their influence by chance.",
    )


def _chart(finding: Finding, about: About) -> Chart:
    curve, pairs = finding.curves["pairs_by_influence"], count(finding.quantities["pairs_at_threshold"].n)
    clear = finding.ranked["clear_new"].rows() if finding.details["clear"] else []
    lines = []
    for label, role, values in (("measured", "left", curve.y), ("membership shuffled", "null", curve.null)):
        if kept := [(x, y) for x, y in zip(curve.x, values) if y]:
            x, y = zip(*kept)
            lines.append(Line(label=label, role=role, x=x, y=y))
    marks = tuple(
        Mark(x=row["influence"], y=1.0, role="memorised", label="" if place else "clear of chance")
        for place, row in enumerate(clear)
    )
    # errors have no natural scale: their grid lies around the largest by chance
    own_scale = about.words.continuous and finding.details["largest_by_chance"] > 0
    end = max(curve.x[-1], *(row["influence"] for row in clear), 0.0) if own_scale else 1.0
    return Chart(
        title="Number of pairs by influence",
        description=f"{count(round(curve.y[0]))} of {pairs} pairs reach {curve.x[0]}, "
        f"{count(round(curve.null[0]))} by chance.",
        x=Axis(title=curve.x_axis.name, domain=(curve.x[0], end)),
        y=Axis(title=curve.y_axis.name, log=True, format="count"),
        lines=tuple(lines),
        marks=marks,
        reading=(
            f"How many of the {pairs} pairs reach an influence of x. Where the measured line lies on the dashed one, "
            "single pairs mean nothing."
        ),
        table=Table(
            columns=("influence at least", "measured", "shuffled once"),
            rows=tuple(
                (number(x, 3 if own_scale else 2), count(round(y)), count(round(chance)))
                for x, y, chance in zip(curve.x, curve.y, curve.null)
            ),
        ),
    )


def _exhibits(finding: Finding, about: About) -> tuple[Exhibits, ...]:
    if not finding.details["clear"]:
        return ()
    old, new = finding.ranked["clear_training"], finding.ranked["clear_new"]
    groups = tuple(
        ExhibitGroup(
            label=f"influence {number(one['influence'], 2)}",
            shown=(_exhibit(one, old.view, "training", about), _exhibit(other, new.view, "new", about)),
        )
        for one, other in zip(old.rows(), new.rows())
    )
    return (Exhibits(title="Pairs clear of chance", groups=groups),)


def _exhibit(row: Row, view: str, which: str, about: About) -> Exhibit:
    if "label" not in row:  # hidden
        return Exhibit(id=row["id"], view=view)
    return Exhibit(
        id=row["id"],
        view=view,
        lines=(f"{which} {about.name(row['id'], view)}", about.label(row["label"])),
        sentence=f"{which} {about.noun} {about.name(row['id'], view)}, influence {number(row['influence'], 2)}",
    )
