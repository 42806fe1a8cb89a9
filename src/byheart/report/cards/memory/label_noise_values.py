"""The card of memory/label-noise where the target is a value: residuals, ranked and not accused."""

from __future__ import annotations

from byheart.records.finding import Finding
from byheart.records.formatting import count, number, percent
from byheart.report.cards.base import About, Card, Row
from byheart.report.cards.default import notes_of
from byheart.report.chart import Axis, Chart, Mark, Rule, Table
from byheart.report.examples import Exhibit, ExhibitGroup, Exhibits


def card(finding: Finding, about: About) -> Card:
    """Values that models without them miss by most."""
    share, details = finding.quantities["large_residual_share"], finding.details
    beyond = f"{details['large_deviations']:.0f}"
    return Card(
        says=f"of the values stand more than {beyond} standard deviations from what models without them predict",
        rows=(("one deviation", f"{details['deviation']:.4g}: 1.48 times the median absolute held-out residual"),),
        body=(
            f"{count(details['large'])} of {count(share.n)} values are that far out. Ranked, not accused: a large "
            "residual is a wrong value, an honest exception, or structure that the recipe did not capture.",
        ),
        charts=(_chart(finding, about),),
        exhibits=(_largest(finding, about),),
        how=(
            f"Held-out residual: the value less the mean prediction of members that did not see the {about.noun}; "
            "seen: the same for those that did. Unit: 1.48 times the median absolute held-out residual. Large: beyond "
            f"{beyond}. Interval: Wilson, copies count as one; null: {percent(share.null, 2)}, a normal distribution.",
            "Fails when many values are wrong alike: the others then agree with the error. Cost: no training.",
        ),
        notes=notes_of(
            finding,
            {
                "large_residual_share": f"share of values more than {beyond} robust standard deviations from the mean "
                "prediction of members that did not see them",
                "large_residual_learned": "part of the large held-out residuals that is gone under members that saw "
                "the value",
                "planted_auc": "AUC of the absolute held-out residual for the values that were changed",
            },
            {"large_residual_share": "a normal distribution"},
        ),
    )


def _chart(finding: Finding, about: About) -> Chart:
    n, details = finding.quantities["large_residual_share"].n, finding.details
    large, beyond = details["large"], details["large_deviations"]
    return Chart(
        title="Residual where seen against where left out",
        description=f"{count(large)} of {count(n)} values have a large held-out residual.",
        x=Axis(title=f"residual of models that did not see the {about.noun}, standard deviations"),
        y=Axis(title="residual of models that saw it"),
        marks=tuple(
            Mark(x=row["held_out"], y=row["seen"], role="memorised" if row["large"] else "muted")
            for row in finding.tables["residuals"].rows()
        ),
        rules=(Rule(axis="x", at=beyond, label=""), Rule(axis="x", at=-beyond, label="")),
        reading=(
            "Outside the dashed lines models without the value miss it by far. Near the horizontal 0, members that saw "
            "it learned it by heart; on the diagonal they did not fit it."
        ),
        table=Table(columns=("", about.nouns), rows=(("large", count(large)), ("others", count(n - large)))),
    )


def _largest(finding: Finding, about: About) -> Exhibits:
    def exhibit(row: Row) -> Exhibit:
        if "label" not in row:  # a document that hides examples
            return Exhibit(id=row["id"])
        value, predicted = about.label(row["label"]), about.label(row["predicted"])
        sentence = (
            f"{about.noun} {about.name(row['id'])}: {value}; models without it predict {predicted} on average, "
            f"{number(row['deviations'], 1)} standard deviations away"
        )
        return Exhibit(id=row["id"], lines=(value, predicted), sentence=sentence)

    ranked = finding.ranked["largest_residuals"]
    groups = (ExhibitGroup(label="", shown=tuple(map(exhibit, ranked.rows()))),)
    keys = ("value", "the others say") if "label" in ranked.figures else ()
    return Exhibits(title="Largest held-out residuals", keys=keys, groups=groups)
