"""The card of memory/label-noise: the map of all labels, and the list of those worth checking."""

from __future__ import annotations

from byheart.records.finding import Finding
from byheart.records.formatting import DASH, count, number, percent
from byheart.records.reason import Reason
from byheart.report.cards.base import About, Card, Row, apart, cells
from byheart.report.cards.default import notes_of
from byheart.report.cards.memory import label_noise_values
from byheart.report.cards.reasons import why
from byheart.report.chart import Axis, Chart, Mark, Rule, Table
from byheart.report.examples import Exhibit, ExhibitGroup, Exhibits

TITLES = {"worth_checking": "Labels worth checking", "worth_checking_not_memorised": "Worth checking, not memorised"}
AUC = (
    "AUC is the probability that a redrawn label has the larger held-out loss of a random pair; interval by bootstrap "
    "within each group, 1,000 draws. Null 0.5. Rote 0.5, Oracle 1."
)
KEYS = ("label", "the others say", "how many")


def card(finding: Finding, about: About) -> Card:
    """Labels where models trained without them predict others; of values, those that they miss by most."""
    if finding.headline == "large_residual_share":
        return label_noise_values.card(finding, about)
    baseline = finding.details["baseline"]
    return Card(
        says=(
            "AUC of held-out loss for the redrawn labels"
            if finding.headline == "planted_auc"
            else "of the labels: models trained without them, of this recipe and of a baseline, predict another label"
        ),
        rows=(("baseline", baseline),) if baseline else (),
        body=_body(finding, about),
        charts=(_chart(finding, about),),
        exhibits=tuple(_ranked(finding, about, name) for name in TITLES if name in finding.ranked),
        how=_how(finding, about),
        notes=_notes(finding),
    )


def _notes(finding: Finding) -> dict[str, str]:
    details = finding.details
    rule = (
        f"models trained without them, of this recipe and of {details['baseline']} (of the baselines of another family "
        "the one with the shortest held-out code), pay at least half a bit over a blind guess, on average and "
        f"{percent(details['agreeing_from'], 0)} of the models each, which predict another label"
    )
    k, all_labels = count(details["planted"]), "their share of all labels"
    return notes_of(
        finding,
        {
            "checking_accuracy": f"how often members of this recipe, or of {details['baseline']}, are right about "
            "labels they have not seen, the lower of the two; labels are listed only where its interval is above the "
            "null",
            "worth_checking_share": f"share of the labels as they came that {rule}",
            "planted_listed": f"share of the labels we changed that are listed: {rule}",
            "planted_precision": "of all labels listed, the share of those we changed: what the list is worth where "
            f"{k} labels are wrong; it counts every label as it came as right",
            "planted_auc": "AUC of the held-out loss (calibrated code length) for the labels we changed",
            "planted_auc_score": "AUC of the memorisation score for the labels we changed",
            "planted_found": f"share of the {k} labels we changed that stand among the {k} of largest held-out loss",
        },
        {
            "checking_accuracy": "a guess at the most frequent class",
            "worth_checking_share": "0: an uninformative model is coded like the blind guess",
            "planted_precision": all_labels,
            "planted_found": all_labels,
        },
    )


def _body(finding: Finding, about: About) -> tuple[str, ...]:
    quantities, details, sentences = finding.quantities, finding.details, []
    n, planted = details["worth_checking"], details["planted"]
    if planted:
        by_score = quantities["planted_auc_score"].value
        as_well = by_score >= quantities["planted_auc"].value
        found = "finds them as well" if as_well else "alone finds them less well"
        sentences.append(f"The memorisation score {found}: AUC {number(by_score, 2)}.")
    if details["planted_not_reproduced"]:
        sentences.append(
            f"Of the {count(planted)} labels we changed, {count(details['planted_not_reproduced'])} were reproduced "
            "by fewer than half of the members that saw them: not memorised, only wrong."
        )
    as_came = " that came with the data" if planted else ""
    if "worth_checking_share" not in quantities:
        # where nothing was planted, the withheld card says it already
        lacking = (why(Reason(code="uninformed"), about),) if details["baseline"] and planted else ()
        return (*sentences, *lacking)
    sentences.append(
        f"{count(n)} label{'' if n == 1 else 's'}{as_came} {'is' if n == 1 else 'are'} worth checking; memorised: "
        f"{count(details['worth_checking_memorised'])} of these. They may be right: a rare case looks the same."
        if n
        else f"No label{as_came} is worth checking."
    )
    return tuple(sentences)


def _how(finding: Finding, about: About) -> tuple[str, ...]:
    details = finding.details
    return (
        f"Across: mean code length of the label over the members that did not see the {about.noun}, calibrated as in "
        "complexity/description-length. Up: the memorisation score. A label is worth checking when it costs half a "
        "bit or more over a blind guess at its class, for the audited recipe and for a baseline of another "
        "family: on average, and for "
        f"{percent(details['agreeing_from'], 0)} of the models each, which predict another label; and only where both "
        "are right about labels they have not seen more often than a guess at the most frequent class. The dashed "
        f"lines stand at half a bit over a blind guess ({number(details['bits_from'], 2)} bits on average) and at a "
        f"score of {details['score_from']}.",
        *((AUC,) if details["planted"] else ()),
        f"Fails when many {about.nouns} of a class are mislabelled alike: then the others agree with the error. Cost: "
        "the baselines, 16 members each.",
    )


def _chart(finding: Finding, about: About) -> Chart:
    details, counts = finding.details, finding.tables["counts"].rows()
    density = finding.tables.get("density")
    rows = tuple(
        (
            f"{'worth checking' if row['worth_checking'] else 'the others'}, "
            f"{'memorised' if row['memorised'] else 'not memorised'}",
            count(row["examples"]),
            count(row["redrawn"]) if details["planted"] else DASH,
        )
        for row in counts
    )
    return Chart(
        title="Memorisation score against held-out code length",
        description=f"Worth checking and memorised: {rows[0][1]}; worth checking and not memorised: {rows[1][1]}.",
        x=Axis(
            title=f"bits that models without the {about.noun} need for its label", log=True,
            domain=(details["least_bits"], details["most_bits"]),
        ),
        y=Axis(title="memorisation score", domain=(details["least_score"], 1.0), ticks=(0, 0.25, 0.5, 0.75, 1)),
        cells=cells(density, "bits", "score") if density else (),
        marks=tuple(
            Mark(x=row["bits"], y=row["score"], **({"shape": "ring"} if row["redrawn"] else {"role": "muted"}))
            for row in finding.tables["labels"].rows()
        ),
        rules=(
            Rule(axis="x", at=details["bits_from"], label="half a bit over a blind guess"),
            Rule(axis="y", at=details["score_from"]),
        ),
        reading=(
            f"Right of the dashed line, models trained without the {about.noun} predict another label; above the "
            "other, seeing it made the difference. A baseline has to agree before a label is worth checking."
            + (" Rings are the labels we redrew." if details["planted"] else "")
            + (" Squares count the others (stronger is more, on a log scale)." if density else "")
        ),
        table=Table(columns=("", about.nouns, "of them redrawn"), rows=rows),
    )  # fmt: skip


def _ranked(finding: Finding, about: About, name: str) -> Exhibits:
    """A list of labels, redrawn ones apart, each group with how many there are of its kind."""
    ranked, counts = finding.ranked[name], finding.tables["counts"].rows()
    counts = [row for row in counts if row["worth_checking"] and not (row["memorised"] and name != "worth_checking")]
    redrawn, everything = (sum(row[column] for row in counts) for column in ("redrawn", "examples"))

    def exhibit(row: Row) -> Exhibit:
        if "label" not in row:  # a document that hides examples
            return Exhibit(id=row["id"])
        label, said = about.label(row["label"]), about.label(row["predicted"])
        votes = f"{row['votes']} of {row['voters']}"
        sentence = (
            f"{about.noun} {about.name(row['id'])}: labelled {label}; {votes} members without it say {said}; held-out "
            f"{number(row['bits'], 1)} bits; score {number(row['score'], 2)}"
        )
        return Exhibit(id=row["id"], lines=(label, said, votes), sentence=sentence)

    def counted(group: ExhibitGroup) -> ExhibitGroup:
        of = redrawn if group.ring else everything - redrawn
        return group.model_copy(update={"label": f"{group.label}, {len(group.shown)} of {count(of)}"})

    groups = tuple(map(counted, apart(ranked.rows(), exhibit)))
    return Exhibits(title=TITLES[name], keys=KEYS if "label" in ranked.figures else (), groups=groups)
