"""The card of memory/effect."""

from __future__ import annotations

from byheart.records.facts import FactTable
from byheart.records.finding import Finding
from byheart.records.formatting import count, number, percent
from byheart.report.cards.attribution import LDS, ends, rows_of, unit
from byheart.report.cards.base import About, Card
from byheart.report.cards.default import notes_of
from byheart.report.cards.reasons import CAUSES
from byheart.report.chart import Axis, Chart, Mark, Table

METHODS = {
    "unrolled": "the recorded training taken back step by step to the weight of each example",
    "curvature": "the curvature of the loss at the end of training (EK-FAC, damping 0.1 of the mean eigenvalue)",
    "projected": "randomly projected gradients of the one trained model (TRAK)",
    "checkpoints": "gradients at ten checkpoints (TracInCP)",
    "retrain": "members that saw it minus members that did not",
}
ITSELF = "|effect of the example on itself| over the sum of all |effects| on it, geometric mean over predictions"
NOTES = {
    "effect_lds": LDS.format("summed effects"),
    "lds_ceiling": "the most that any effects could reach: root of the rank correlation of members with models of the "
    "same subsets from other seeds",
    "self_effect_share": ITSELF,
    "self_effect_share_redrawn": f"{ITSELF}, of labels we redrew",
    "redrawn_harm_auc": "AUC of the mean lowering effect on new predictions for the labels we redrew",
}
NULLS = {
    "lds_ceiling": "0, seeds decide everything",
    "self_effect_share": "1/n, all alike",
    "self_effect_share_redrawn": "that of all",
}
ORDER_ALONE = ("projected", "checkpoints")  # methods whose effects have no unit


def card(finding: Finding, about: About) -> Card:
    """Whose removal would change a prediction; where nothing is predicted, no example is named."""
    details, members, ranked = finding.details, finding.tables.get("members"), finding.ranked
    return Card(
        says="rank correlation of the effects with real retrainings"
        if finding.headline == "effect_lds"
        else f"of all that would move what is said of a training {about.noun} is that {about.noun} itself",
        rows=(("method", METHODS[details["method"]]), ("checked", _checked(finding, about))),
        body=_body(finding, about),
        charts=(_chart(members, about.name(details["example"], "test"), about),) if members else (),
        exhibits=rows_of(ranked["asked"], ranked["largest"], "effect", about) if ranked else (),
        how=_how(finding, about),
        notes=notes_of(finding, NOTES, NULLS),
    )


def _unchecked(finding: Finding, about: About) -> str:
    """Why the effects were not held against retraining."""
    return CAUSES[finding.details["unchecked"]].format(members=finding.details["members"], nouns=about.nouns)


def _checked(finding: Finding, about: About) -> str:
    lds, top = finding.quantities.get("effect_lds"), finding.quantities.get("lds_ceiling")
    if lds is None:
        return f"not checked: {_unchecked(finding, about)}"
    most = "the most is not known"
    if top and top.interval and top.interval[0] > 0:
        most = f"the most that seeds leave to any method is {number(top.value, 2)} {ends(top)}"
    return (
        f"rank correlation with {finding.details['members']} real retrainings {number(lds.value, 2)} {ends(lds)}; "
        f"0 predicts nothing, {most}"
    )


def _body(finding: Finding, about: About) -> tuple[str, ...]:
    found, lds = finding.quantities, finding.quantities.get("effect_lds")
    sentences = ["Positive: having it in raises the prediction; leaving it out lowers it by about so much."]
    if finding.details["method"] in ORDER_ALONE:
        sentences = ["Positive: having the example in raises the prediction. The size has no unit: read the order."]
    if lds is None:
        sentences.append(f"Not checked: {_unchecked(finding, about)}.")
    elif lds.interval and lds.interval[0] > 0:
        sentences.append(
            "Checked: these effects rank what models trained on other subsets say with a correlation of "
            f"{number(lds.value, 2)} {ends(lds)}."
        )
    if own := found.get("self_effect_share_redrawn"):
        sentences.append(f"Labels we redrew rest on themselves by {percent(own.value)} {ends(own, 1, 100)}.")
    if harm := found.get("redrawn_harm_auc"):
        out = "stand out" if harm.interval and harm.interval[0] > 0.5 else "do not clearly stand out"
        sentences.append(
            f"Sorted by how much they lower new predictions, labels we redrew {out}: AUC {number(harm.value, 2)} "
            f"{ends(harm)}, 0.5 is a guess."
        )
    return tuple(sentences)


def _how(finding: Finding, about: About) -> tuple[str, ...]:
    details, method = finding.details, finding.details["method"]
    how = f"Method {method}: {METHODS[method]}, in {'arbitrary units' if method in ORDER_ALONE else unit(about)}."
    if method == "unrolled":
        curved = (
            "Gauss-Newton products (no exact derivative: it leaves out the curvature of the network itself)"
            if details["hessian"] == "gauss-newton"
            else "exact Hessian products"
        )
        how += (
            f" {count(details['steps'])} steps, taken back one by one with {curved}; the target is its mean over "
            f"{details['moments'] or 1} moments of the last two thirds of training. One training was recorded: "
            "another seed names others; what is checked are sums over all that a member saw."
        )
    if curvature := _curvature(finding):
        how += f" {curvature}."
    return (
        how,
        "Checked on this audit's own members, each trained on another random subset from another seed: the summed "
        "effects of what a member saw, against what it says, by rank. Where the interval holds 0 nothing is named.",
        "Effect is not credit: credit adds up to the prediction, effect says what would change it. Oracle 0, Rote "
        "1. Fails when training is rough: the correlation then falls.",
    )


def _curvature(finding: Finding) -> str:
    """What the fitted curvature covers, and its damping; one from an older ledger is a sentence already."""
    details = finding.details
    if "curvature" not in details:
        return str(details.get("said") or "")
    skipped = f"; not covered: {', '.join(details['skipped'])}" if details["skipped"] else ""
    damping = ", ".join(f"{name} {value:.2g}" for name, value in zip(details["layers"], details["damping"]))
    covered = f"{100 * details['covered']:.1f} % of the weights{skipped}"
    return f"curvature ({details['curvature']}) of {covered}; damping: {damping}"


def _chart(members: FactTable, example: str, about: About) -> Chart:
    """One new example: what the effects predict for each member, and what it says."""
    predicted, said = members.values["predicted"], members.values["retrained"]
    counted = about.words.member.format(target=about.target)
    first = sorted(range(len(predicted)), key=lambda member: -predicted[member])[:12]
    return Chart(
        title=f"New {about.noun} {example}: predicted and retrained",
        description=f"{len(said)} members: what the effects of the examples each saw add up to, against what it says.",
        x=Axis(title="predicted, against the average member"),
        y=Axis(title=f"what the member says ({counted})"),
        marks=tuple(Mark(x=float(a), y=float(b)) for a, b in zip(predicted, said)),
        reading=f"Each dot is a model trained on another subset, and what it says of new {about.noun} {example}. The "
        "higher the dots to the right, the better the effects predict retraining; a cloud without slope means they "
        "do not.",
        table=Table(
            columns=("member", "predicted", "it says"),
            rows=tuple((str(member), number(predicted[member], 3), number(said[member], 3)) for member in first),
        ),
    )
