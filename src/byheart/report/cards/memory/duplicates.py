"""The card of memory/duplicates."""

from __future__ import annotations

from bisect import bisect_right

from byheart.records.facts import Curve
from byheart.records.finding import Finding
from byheart.records.formatting import count, interval_text, number, percent, value_text, with_article
from byheart.report.cards.base import About, Card, Row
from byheart.report.cards.default import notes_of
from byheart.report.chart import Axis, Chart, Line, Rule, Table
from byheart.report.examples import Exhibit, ExhibitGroup, Exhibits

LAID = {
    "runs of tokens": "which runs of five tokens occur; distance from the cosine",
    "pixels": "pixels less their mean, over their norm, so that brightness and contrast do not count",
    "columns": "columns over their standard deviation; a category counts 1 where two differ, a missing cell too",
}
MEASURES = {"accuracy": "Accuracy", "r2": "R2", "bits_a_token": "Code length per token"}
NULLS = {
    "accuracy": "the most frequent class",
    "r2": "the mean of the targets",
    "bits_a_token": "tokens coded by their frequencies",
}
LISTED = (0.01, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0)  # distances of the chart's table


def card(finding: Finding, about: About) -> Card:
    """How many copies there are, in training and of new examples, and which."""
    return Card(
        says=f"of the training {about.nouns} have a copy among the training {about.nouns}",
        rows=(("describes", "these data"),),
        body=(*_within(finding, about), *_leaked(finding, about), *_examined(finding, about)),
        charts=(_chart(finding, about),) if finding.curves else (),
        exhibits=_exhibits(finding, about),
        how=_how(finding, about),
        notes=_notes(finding, about),
    )


def _within(finding: Finding, about: About) -> tuple[str, ...]:
    exact, near = finding.details["exact_copies"], finding.details["near_copies"]
    if not exact + near:
        return (f"No training {about.noun} is a copy of another, exactly or nearly.",)
    said = (
        f"Exact copies of another: {count(exact)}; near copies only: {count(near)}. Copies count as one in the "
        "intervals over training examples and stand in one half of the bit budget."
    )
    if "contradicting" not in finding.quantities:
        return (said,)
    n = finding.details["pairs_contradicting"]
    pairs = f"{count(n)} {'pair' if n == 1 else 'pairs'}"
    agree = f"Copies with different labels: {pairs}; no model can be right on both." if n else ""
    return said, agree or "Copies agree in their labels."


def _leaked(finding: Finding, about: About) -> tuple[str, ...]:
    if "new" not in finding.details:
        return ()
    n, leaked, nouns = finding.details["new"], finding.details["pairs_leaked"], about.nouns
    if not leaked:
        return (f"None of the {count(n)} new {nouns} has a copy in training.",)
    other = finding.details["leaked_with_another_label"]
    said = (
        f"Of the {count(n)} new {nouns}, {count(leaked)} {'has' if leaked == 1 else 'have'} a copy in training, "
        f"{count(finding.details['leaked_exactly'])} exactly."
        + (f" Of these {count(other)} with another label." if other else "")
    )
    if leaked == n:
        return said, "Nothing new is left to measure accuracy on."
    for name, words in MEASURES.items():
        whole, clean = (finding.quantities.get(f"test_{name}{part}") for part in ("_with_leaked", "_without_leaked"))
        if whole and clean:
            return said, (
                f"{words} on new {nouns} without these: {value_text(clean)} {interval_text(clean)}; with them "
                f"{value_text(whole)}."
            )
    return (said,)


def _examined(finding: Finding, about: About) -> tuple[str, ...]:
    share = finding.details["examined"]
    among = f"Near copies were looked for among {percent(share, 0)} of the {about.nouns}, against all"
    return (f"{among}; exact ones among all.",) if share < 1 else ()


def _chart(finding: Finding, about: About) -> Chart:
    nouns, share = about.nouns, finding.quantities["duplicate_share"]
    labels = {"training": f"training {nouns}", "new": f"new {nouns} to training"}
    roles = {"training": "ink", "new": "muted"}
    curves = {labels[name]: curve for name, curve in finding.curves.items()}
    lines = [_line(labels[name], roles[name], one.x, one.y, step=True) for name, one in finding.curves.items()]
    first, floor = next(iter(curves.values())), 0.5 / share.n
    if first.null:
        lines.append(_line("no copies", "null", first.x, first.null, above=floor))
    rows = tuple((number(x, 2), *(percent(_at(curve, x), 2) for curve in curves.values())) for x in LISTED)
    return Chart(
        title="Distance to the nearest neighbour",
        description=f"{percent(share.value)} of the training {nouns} have a copy.",
        x=Axis(
            title="nearest neighbour, in distances to the tenth", log=True, domain=(first.x[0], 1.0),
            ticks=(0.01, 0.03, 0.1, 0.3, 1.0),
        ),
        y=Axis(title=f"share of {nouns} at most that far", log=True, domain=(floor, 1.0), format="percent"),
        lines=tuple(lines),
        rules=(Rule(axis="x", at=finding.details["threshold"], label="near copy"),),
        reading=(
            f"Left of the dashed upright {with_article(about.noun)} is so much nearer to its neighbour than to the "
            "next ones that chance would not bring it; exact copies stand at the left end. The dashed curve is a cloud "
            "of the same dimension without copies; both scales are logarithmic."
        ),
        table=Table(columns=("at most", *curves), rows=rows),
    )  # fmt: skip


def _line(label: str, role, x, y, above: float = 0.0, step: bool = False) -> Line:
    """Where a curve stands above a share: the axis is logarithmic."""
    there = [i for i, value in enumerate(y) if value > above]
    return Line(label=label, role=role, x=tuple(x[i] for i in there), y=tuple(y[i] for i in there), step=step)


def _at(curve: Curve, x: float) -> float:
    """The curve between two of its positions."""
    i = min(max(bisect_right(curve.x, x), 1), len(curve.x) - 1)
    part = (x - curve.x[i - 1]) / (curve.x[i] - curve.x[i - 1])
    return curve.y[i - 1] + part * (curve.y[i] - curve.y[i - 1])


def _exhibits(finding: Finding, about: About) -> tuple[Exhibits, ...]:
    """Pairs side by side: contradicting ones, leaked ones, the others."""
    made = []
    for name, title in (
        ("contradicting", "Copies with different labels"),
        ("leaked", f"New {about.nouns} that are in training"),
        ("within", "Copies within training"),
    ):
        if (ranked := finding.ranked.get(name)) is None:
            continue
        n = finding.details[f"pairs_{name}"]
        more = f", {len(ranked.ids)} of {count(n)}" if n > len(ranked.ids) else ""
        sides = zip(ranked.rows(), finding.ranked[f"{name}_copy_of"].rows())
        groups = tuple(_pair(about, ranked.view, *pair) for pair in sides)
        keys = ("which", about.target)[: 1 + ("label" in ranked.figures)]
        made.append(Exhibits(title=f"{title}{more}", keys=keys, groups=groups))
    return tuple(made)


def _pair(about: About, view: str, copy: Row, of: Row) -> ExhibitGroup:
    kind, shown = "exact copy" if copy["exact"] else "near copy", []
    for name, row in ((view, copy), ("train", of)):
        word, label = "new" if name == "test" else "training", about.label(row.get("label"))
        sentence = f"{word} {about.noun} {about.name(row['id'], name)}{f': {label}' if label else ''}; {kind}"
        lines = (f"{word} {about.name(row['id'], name)}", *((label,) if label else ()))
        shown.append(Exhibit(id=row["id"], view=name, lines=lines, sentence=sentence))
    return ExhibitGroup(label=kind, shown=tuple(shown))


def _how(finding: Finding, about: About) -> tuple[str, ...]:
    details = finding.details
    dimension = details["dimension"]
    return (
        f"Exact: equal bytes. Near: {LAID[details['distance']]}; i copies j if their distance is below "
        f"{number(details['threshold'], 2)} of the distance from i to its tenth neighbour. Neighbours spread here as "
        f"in {'no dimension (ties)' if dimension is None else f'{number(dimension, 1)} dimensions'}, where chance "
        f"brings 0.05 such pairs among all {count(finding.quantities['duplicate_share'].n)} {about.nouns}; the ratio "
        "is at most 0.5. And the gap behind them must be as rare by how the neighbours farther out spread around this "
        "very place.",
        "The question is about the data: no model is asked but for the accuracy without what leaked. All different 0, "
        "all copies 1.",
        f"Fails when copies are shifted or turned, or more than {details['neighbours'] - 1} near copies stand "
        "together. Cost: all distances once, no training.",
    )


def _notes(finding: Finding, about: About) -> dict[str, str]:
    nouns, columns = about.nouns, finding.details["distance"] == "columns"
    on = {"_with_leaked": f"all new {nouns}", "_without_leaked": f"new {nouns} without a copy in training"}
    measured = {f"test_{name}{part}": (what, NULLS[name]) for name in MEASURES for part, what in on.items()}
    said = {
        "duplicate_share": f"training {nouns} with an exact or near copy in training",
        "contradicting": "pairs of different labels on copies, of the labels as they came",
        "leaked_share": f"new {nouns} with an exact or near copy in training",
    }
    nulls = {
        "duplicate_share": "the same when each column is shuffled within its class" if columns else "no copies",
        "contradicting": "copies agree",
        "leaked_share": "the two are disjoint",
    }
    return notes_of(
        finding,
        said | {name: f"mean over members on {what}" for name, (what, _) in measured.items()},
        nulls | {name: null for name, (_, null) in measured.items()},
    )
