"""The card of memory/counterfactual: of labels, which are right or wrong, and of values and passages."""

from __future__ import annotations

from bisect import bisect_left
from typing import Any, NamedTuple

from byheart.records.finding import Finding
from byheart.records.formatting import count, number, percent, with_article
from byheart.report.cards.base import About, Card, Row, apart
from byheart.report.cards.default import notes_of
from byheart.report.cards.intervals import TOO_FEW, largest_source
from byheart.report.chart import Axis, Chart, Line, Mark, Rule, Table
from byheart.report.examples import Exhibit, Exhibits

AT = (0.1, 0.25, 0.4, 0.55, 0.7, 0.85, 1.0)  # scores in the table


class Form(NamedTuple):
    """How an outcome is spoken of; `body`, `axis` and `gain` where it has no right and wrong."""

    says: str
    keys: tuple[str, str, str]
    score_is: str
    poles: str
    error: str
    body: str = ""
    axis: str = ""
    gain: str = ""
    mean: str = ""


_SPREAD = "the variance of each side, shrunk towards that of all {} by two imagined members"
_RANKED = "Scores of {} are ranked; there is no share above a threshold, since {} have no natural one."
FORMS = {
    "classes": Form(
        says="of the training {nouns} are memorised: left out, they are right at least 25 points less often",
        keys=("label", "the others say", "how many"),
        score_is="score = share of members right about it among those that saw it \u2212 the same among those that did "
        "not. Share: the distribution of both true shares over examples by nonparametric maximum likelihood, since "
        "counting measured scores counts their noise. Rank: mean of the true score given what the members answered",
        poles="Rote scores 1 wherever its guess would miss, the Oracle 0",
        error="from (x + 1)/(t + 2), x right ones of t members, on both sides, so that none claims to be exact",
    ),
    "values": Form(
        says="of the target's variance: how much more squared error where the value was left out",
        keys=("value", "the others say", "score"),
        score_is="score = (mean squared error on it of the members that did not see it \u2212 the same of those that "
        "did) / variance of the target",
        poles="Rote scores about 1 on average, the Oracle 0",
        error=_SPREAD.format("examples"),
        body=_RANKED.format("values", "errors"),
        axis="score at least, in variances of the target",
        gain="On average the error falls by {} of the variance when seen.",
        mean="mean over training examples of (squared error of members that did not see it \u2212 of those that did) "
        "over the variance of the target",
    ),
    "tokens": Form(
        says="{a_noun}: how much longer it is to models that did not see it",
        keys=("bits, seen", "left out", "score"),
        score_is="score = mean bits of the passage under the members that did not see it \u2212 the same under those "
        "that did, as each model says it, without calibration (complexity/description-length calibrates)",
        poles="Rote scores the whole reference, the Oracle 0",
        error=_SPREAD.format("passages"),
        body=_RANKED.format("passages", "bits"),
        axis="score at least, bits",
        gain="On average a passage is {} bits shorter when seen.",
        mean="mean over training passages of the bits of members that did not see it less those of members that did, "
        "as each model says them",
    ),
}  # fmt: skip


def _form(about: About) -> Form:
    return FORMS.get(about.kind, FORMS["values"])


def card(finding: Finding, about: About) -> Card:
    """How much better examples are known because they were trained on, and the most memorised ones."""
    form, labels = _form(about), about.words.labelled
    return Card(
        says=form.says.format(nouns=about.nouns, a_noun=with_article(about.noun)),
        body=_body(finding, about) if labels else (f"{form.body} {_halves(finding)}",),
        charts=(_chart(finding, about, form),),
        exhibits=_most(finding, about, form),
        how=_how(finding, about, form),
        notes=_notes(finding, about),
    )


def _notes(finding: Finding, about: About) -> dict[str, str]:
    nouns, threshold = about.nouns, finding.details.get("threshold")
    halves = "rank correlation between scores ({} form) of two random halves of the members"
    shuffled = f"permutation of which member saw which {about.noun}"
    return notes_of(
        finding,
        {
            "memorised_share": f"share of training {nouns} whose true 0/1 score is at least {threshold}, by "
            "nonparametric maximum likelihood",
            "memorised_share_raw": f"share of measured scores of at least {threshold}, which counts their noise too",
            "control_memorised_share": "memorised_share of the labels that the audit's control redrew and changed",
            "c_score": f"mean over {nouns} of the share of members right that did not see it",
            "memorisation_mean": _form(about).mean,
            "reliability_probability": halves.format(about.words.form),
            "reliability_correct": halves.format("0/1"),
        },
        {
            "memorised_share": shuffled,
            "memorised_share_raw": shuffled,
            "c_score": "the most frequent class",
            "memorisation_mean": shuffled,
        },
    )


def _how(finding: Finding, about: About, form: Form) -> tuple[str, ...]:
    details, noun = finding.details, about.noun
    least, most = details["left_out_least"], details["left_out_most"]
    times = f"{least}" if least == most else f"{least} to {most}"
    copies = " A score says what changes if this example and its copies were left out."
    return (
        f"{form.score_is}. Every {noun} was left out by {times} of the {details['members']} members. {form.poles}."
        f"{copies if details['copies_together'] else ''}",
        f"Interval: what other {about.nouns} (copies together) and another draw of the training set would bring. Null: "
        f"permutation of which member saw which {noun}. Standard error of one score: {form.error}.",
        f"Fails when too few members left out the {noun}, or near-duplicates stand in for one another. "
        "Cost: no training of its own.",
    )


def _halves(finding: Finding, form: str = "") -> str:
    """Whether two halves of the members rank the examples alike."""
    if (reliability := finding.quantities.get("reliability_probability")) is None:
        return "All scores are tied: there is no ranking to repeat."
    return f"Rank correlation between the scores of two halves of the members: {number(reliability.value, 2)}{form}."


def _labels(finding: Finding) -> str:
    redrawn = finding.details["redrawn"]
    return f"{count(redrawn)} redrawn labels" if redrawn > 1 else "one redrawn label"


def _body(finding: Finding, about: About) -> tuple[str, ...]:
    details, quantities, redrawn = finding.details, finding.quantities, ()
    share, raw, certain = quantities["memorised_share"], quantities["memorised_share_raw"], details["certain"]
    if details["redrawn"]:
        total = "; no total here counts them" if "control_memorised_share" in quantities else ""
        redrawn = (f"Of the {_labels(finding)} it memorised {percent(details['redrawn_share'], 0)}{total}.",)
    return (
        *redrawn,
        f"{count(certain)} {about.named(certain)} {'is' if certain == 1 else 'are'} memorised with a probability "
        f"above {details['sure']}; only such are listed. Counting measured scores of {details['threshold']} or more "
        f"gives {percent(raw.value)} ({percent(raw.null)} by chance), noise included.",
        f"{_halves(finding, ' (probability form)')} A single score is known to "
        f"\u00b1{number(1.96 * details['largest_standard_error'], 2)} at worst.",
        *(() if share.interval else (TOO_FEW,)),
        *largest_source(details, share.interval, about),
    )


def _chart(finding: Finding, about: About, form: Form) -> Chart:
    curve, redrawn = finding.curves["share_by_score"], finding.curves.get("share_by_score_redrawn")
    head, labels = finding.quantities[finding.headline], about.words.labelled
    drawn = [(f"the {_labels(finding)}", "ink", redrawn.y)] if redrawn else []
    drawn.append((f"all {count(head.n)} training {about.nouns}", "memorised", curve.y))
    drawn.append(("membership shuffled", "null", curve.null))
    lines = tuple(Line(label=label, role=role, x=curve.x, y=y, step=not labels) for label, role, y in drawn)
    own = {
        "description": form.gain.format(number(head.value, 2)),
        "x": Axis(title=form.axis),
        "reading": "How many examples gain at least x from having been in the training set; dashed: by chance.",
    }
    return Chart(
        title=f"Share of {about.nouns} by memorisation score",
        y=Axis(title=f"share of {about.nouns}", domain=(0, 1), format="percent"),
        lines=lines,
        **(_of_labels(finding, about, lines) if labels else own),
    )


def _of_labels(finding: Finding, about: About, lines: tuple[Line, ...]) -> dict[str, Any]:
    """What the chart has where there is a threshold."""
    threshold, share = finding.details["threshold"], finding.quantities["memorised_share"]
    x, said = lines[0].x, percent(share.value)
    places = [bisect_left(x, at) for at in AT]
    rows = tuple((number(x[i], 2), *(percent(line.y[i]) for line in lines)) for i in places)
    return {
        "description": f"{said} of all {about.nouns} have a true score of {threshold} or more.",
        "x": Axis(title="true memorisation score at least", domain=(-0.2, 1.0), ticks=(0, 0.25, 0.5, 0.75, 1)),
        "marks": (Mark(x=threshold, y=share.value, label=said, role="memorised"),),
        "rules": (Rule(axis="x", at=threshold),),
        "reading": f"The height at score x is the share of {about.nouns} that are right at least x more often when "
        f"they were in the training set. The headline is the orange line at {threshold}. The dashed line is what "
        f"chance gives with {finding.details['members']} members.",
        "table": Table(columns=("score at least", *(line.label for line in lines)), rows=rows),
    }


def _most(finding: Finding, about: About, form: Form) -> tuple[Exhibits, ...]:
    ranked, details, groups = finding.ranked["most_memorised"], finding.details, []
    things, exhibit = _SHOWN.get(about.kind, _SHOWN["values"])
    hidden = not about.words.passages and "label" not in ranked.figures
    shown = (lambda row: Exhibit(id=row["id"])) if hidden else (lambda row: exhibit(row, about))
    for group in apart(ranked.rows(), shown, f"{things} as they came"):
        certain = details.get("certain_redrawn" if group.ring else "certain_as_they_came")
        sure = "" if certain is None else f" ({count(certain)} with a probability above {details['sure']})"
        groups.append(group.model_copy(update={"label": group.label + sure}))
    row = Exhibits(title="Most memorised", keys=() if hidden else form.keys, groups=tuple(groups))
    return (row,) if groups else ()


def _label(row: Row, about: About) -> Exhibit:
    label, said, votes = about.label(row["label"]), about.label(row["predicted"]), f"{row['votes']} of {row['voters']}"
    came = f" (redrawn; it came as {about.label(row['clean'])})" if row["clean"] is not None else ""
    words = f"labelled {label}{came}; {votes} members without it say {said}; score {number(row['score'], 2)}, "
    words += f"memorised with probability {number(row['probability'], 2)}"
    return Exhibit(id=row["id"], lines=(label, said, votes), sentence=f"{about.noun} {about.name(row['id'])}: {words}")


def _value(row: Row, about: About) -> Exhibit:
    y, others, score = about.label(row["label"]), about.label(row["predicted"]), number(row["score"], 2)
    words = f"{about.target} {y}; members without it say {others} on average; score {score}"
    return Exhibit(id=row["id"], lines=(y, others, score), sentence=f"{about.noun} {about.name(row['id'])}: {words}")


def _passage(row: Row, about: About) -> Exhibit:
    seen, out, score = number(row["seen_bits"], 0), number(row["left_out_bits"], 0), number(row["score"], 1)
    words = f"{seen} bits to models that saw it, {out} to the others; score {score}"
    return Exhibit(id=row["id"], lines=(seen, out, score), sentence=f"{about.noun} {about.name(row['id'])}: {words}")


_SHOWN = {"classes": ("labels", _label), "values": ("values", _value), "tokens": ("passages", _passage)}
