"""The card of complexity/description-length: of labels and text in bits; of values in shares of their variance."""

from __future__ import annotations

from byheart.records.facts import FactTable
from byheart.records.finding import Finding
from byheart.records.formatting import bits, count, interval_text, number, percent, with_article
from byheart.report.cards.base import About, Card, Row, shortfall
from byheart.report.cards.default import notes_of
from byheart.report.cards.intervals import FEW, largest_source, would_bring
from byheart.report.chart import Axis, Bar, Chart, Rule, Segment, Table

# Below this many bits per label, models do not predict another label; an uninformative model scores 0.
AGAINST = 0.05
NOT_LEARNED = "noise, or structure that it did not capture: R2 cannot tell these apart"
SHUFFLED = "null: the masks of the first 16 members shuffled"
CAVEATS = {
    "labels": "The model gives only labels, so its code is an error-rate code: short if right, long if wrong.",
    "probabilities": "The model gives probabilities; they enter as logarithms floored at 1/(n + 2).",
}


def card(finding: Finding, about: About) -> Card:
    """What is understood, memorised and left: of the bits, or of the variance of values."""
    return (_of_values if finding.details["of"] == "values" else _of_bits)(finding, about)


def _of_bits(finding: Finding, about: About) -> Card:
    memorised, reference = (finding.quantities[f"{name}_bits"] for name in ("memorised", "reference"))
    rows = finding.tables["parts"].rows()
    target = "passage" if finding.details["of"] == "text" else "label"
    share = finding.quantities["memorised_bits_share"]
    return Card(
        says=f"memorised: {bits(memorised.value, memorised.interval)} of "
        f"{bits(reference.value, memorised.interval)} bits",
        body=(
            *_worse_than_blind(finding, about), *_half(finding, about), *_changed(rows), *_one_model(finding),
            *largest_source(finding.details, share.interval, about, share.n),
        ),
        charts=(_parts(rows, target),),
        how=tuple(filter(None, (
            f"For each {target}: {_reference(finding)} (the bank form: one calibration a side, cross-fitted, shared by "
            "all members). In = mean code length over the members that saw the example, out = the same over those that "
            "did not; mean of lengths, never of probabilities. understood = reference - out, memorised = out - in, "
            f"left = in: they add up exactly, {target} by {target}.",
            CAVEATS.get(str(finding.details["outputs"])),
            f"{_left_out(finding, about)} Interval: {would_bring(about)}, "
            "checked by simulated audits of fresh draws. Null: permutation of which member "
            f"saw which {about.noun}, {percent(share.null or 0.0, 1)} of the reference.",
            f"{_speaks_of(about, share.n)} Fails when near-duplicates stand in for one another. Cost: no training of "
            "its own.",
        ))),
        notes=_notes_of_bits(finding),
    )  # fmt: skip


def _worse_than_blind(finding: Finding, about: About) -> tuple[str, ...]:
    """A code may always fall back on the blind guess, so what exceeds it is what one half of the examples got wrong of
    the other."""
    if (short := shortfall(finding.quantities["understood_bits_share"])) is None:
        return ()
    made_up = " Memory makes up for that as well, so by heart exceeds 100 %."
    return (
        f"Nothing is understood: {about.words.things or about.nouns} that it has not seen cost "
        f"{percent(short.value, 1)} {interval_text(short)} more bits than a blind guess. What the answers "
        f"show of one half of the {about.nouns} does not hold for the other half; with few independent groups, chance "
        "alone does that."
        f"{made_up if finding.quantities['memorised_bits_share'].value > 1 else ''}",
    )


def _notes_of_bits(finding: Finding) -> dict[str, str]:
    parts = {
        "understood": "reference - out: what members that did not see the label save, at most the reference",
        "memorised": f"out - in: what only members that saw the label save; {SHUFFLED}",
        "left": "in: what members that saw the label still pay; null: all but what shuffling gives",
    }
    said = {"reference_bits": "sum over the training examples of the code length without a model"}
    for name, words in parts.items():
        said |= {f"{name}_bits": words, f"{name}_bits_share": f"{words}; over the reference"}
    said["memorised_bits_per_parameter"] = "memorised_bits over the parameters of one member"
    return notes_of(finding, said | _course("held_out_code", "calibrated held-out bits per example"))


def _course(name: str, what: str) -> dict[str, str]:
    """Of the members that kept their checkpoints, example by example."""
    return {
        "best_held_out_epoch": f"checkpoint of the smallest {what}, against the last",
        name: f"{what} at the end, of the members that kept their checkpoints",
        f"{name}_rise": f"{what} at the end less its smallest over the checkpoints",
        "held_out_accuracy_fall": "held-out accuracy at the epoch of the shortest code less that at the end",
    }


def _half(finding: Finding, about: About) -> tuple[str, ...]:
    half = finding.details["half_in_share"]
    return () if half is None else (f"Half of the memorised bits lie in {percent(half, 0)} of the {about.nouns}.",)


def _changed(rows: list[Row]) -> tuple[str, ...]:
    """What is understood of labels that were changed; those who know the task predict others."""
    row = next((row for row in rows if row["group"] == "redrawn"), None)
    if row is None:
        return ()
    wrong = row["reference_bits"] - row["out_bits"]
    against = ": models trained without them predict other labels, as anybody who knows the task must"
    return (
        f"Over the labels we changed ({count(row['n'])}), understood is {number(wrong, 2)} bits per label"
        f"{against if wrong < -AGAINST else ''}.",
    )


def _one_model(finding: Finding) -> tuple[str, ...]:
    if (one := finding.tables.get("one_model")) is None:
        return ()
    value, low, high = one.values["memorised"]
    return (
        f"The one model trained on everything has memorised {percent(value)} [{number(100 * low, 1)}, "
        f"{number(100 * high, 1)}] and left {percent(one.values['left'][0])}: one draw of the recipe, whose interval "
        "knows the examples and not another training.",
    )


def _reference(finding: Finding) -> str:
    if finding.details["of"] == "text":
        return (
            "reference = the code of its tokens by their frequencies in training, one by one; a side's model is "
            "softmax(b z + (1 - b) log q0) token by token, b one of "
            f"{', '.join(f'{slope:g}' for slope in finding.details['slopes'])}, fitted"
        )
    return (
        "reference = -log2 of the frequency of the label's class; a side's model is softmax(b z + a log q0), "
        "z the logits and q0 the class frequencies, b and a fitted"
    )


def _left_out(finding: Finding, about: About) -> str:
    fewest, most = finding.details["left_out"]
    times = f"{fewest}" if fewest == most else f"{fewest} to {most}"
    said = f"Each {about.noun} was left out by {times} of {finding.details['members']} members."
    if not 0 < about.members < FEW:
        return said
    return f"{said} Sums run over the pairs of a member and {with_article(about.noun)}, the reference over the same."


def _speaks_of(about: About, n: int) -> str:
    return (
        f"It describes the recipe on {percent(about.share, 0)} of the {count(n)} {about.nouns}: the members saw that "
        "much."
    )


def _parts(rows: list[Row], target: str) -> Chart:
    """Positions on an axis of code length: in, out and reference, for all examples and apart for the redrawn."""
    if len(rows) == 2:  # all were redrawn: one bar says it
        rows = rows[:1]
    labels = {
        "all": f"all {{}} {target}s", "given": "the {} that came with the data", "redrawn": "the {} redrawn at random",
    }  # fmt: skip
    bars, lines = [], []
    for row in rows:
        label = labels[row["group"]].format(count(row["n"]))
        left, out, reference = (row[f"{side}_bits"] for side in ("in", "out", "reference"))
        understood, memorised, rest = number(reference - out, 2), number(out - left, 2), number(left, 2)
        name = "understood" if reference >= out else "worse than a blind guess"
        ends = (
            Segment(start=0.0, stop=left, role="left", label=f"left {rest}"),
            Segment(start=left, stop=out, role="memorised", label=f"memorised {memorised}"),
            Segment(start=out, stop=reference, role="understood", label=f"{name} {understood}"),
        )
        bars.append(Bar(label=label, segments=ends))
        lines.append((label, understood, memorised, rest))
    blind = rows[0]["reference_bits"]
    return Chart(
        title=f"Bits a {target}: left, memorised, understood",
        description="; ".join(f"{who}: understood {u}, memorised {m}, left {rest} bits" for who, u, m, rest in lines),
        x=Axis(title=f"bits to write down one {target}"),
        rules=(Rule(axis="x", at=blind, label=f"a blind guess needs {number(blind, 2)}"),),
        bars=tuple(bars),
        reading=f"Grey ends where models stand that saw the {target}, orange where those stand that did not, blue "
        f"where a blind guess stands. Where blue runs back to the left, models without the {target} do worse than a "
        "blind guess: they predict another one, and only memory can pay the difference.",
        table=Table(columns=(f"bits per {target}", "understood", "memorised", "left"), rows=tuple(lines)),
    )


def _of_values(finding: Finding, about: About) -> Card:
    parts = {
        "understood": finding.quantities["understood_share"], "by heart": finding.quantities[finding.headline],
        "not learned": finding.quantities["left_share"],
    }  # fmt: skip
    understood, memorised, left = parts.values()
    of = "values" if about.target == "label" else about.target
    rows = tuple((name, percent(part.value, 1), interval_text(part)) for name, part in parts.items())
    columns = ("", "share of the variance", "95 % interval")
    return Card(
        says=f"of the variance of the {of} is known by heart; {percent(understood.value)} is understood",
        rows=(("not learned", f"{percent(left.value)}: {NOT_LEARNED}"),),
        body=(
            *_below_nothing(understood.value, memorised.value), *_one_model(finding),
            *largest_source(finding.details, memorised.interval, about, memorised.n),
        ),
        charts=(_recipes(finding.tables["recipes"], of, about),),
        tables={"Shares of the variance": Table(columns=columns, rows=(*rows, ("sum", percent(1, 1), "exact")))},
        how=(
            "Squared errors are averaged for each example over the members of a side, then over examples; predictions "
            "are never averaged. Each side is divided by the squared distance from the member's own training mean over "
            "the same pairs, so a constant has exactly 0 understood, 0 by heart, 100 % not learned. understood = 1 "
            "\u2212 left out, by heart = left out \u2212 seen, not learned = seen: they add up to 1 exactly and have "
            f"no unit. Not learned is {NOT_LEARNED}. By heart exceeds 100 % where understood is negative.",
            f"{_left_out(finding, about)} Interval: ratio of two variances, both uncertain: "
            f"{would_bring(about)}. Null: permutation of which member "
            f"saw which {about.noun}, {percent(memorised.null or 0.0, 1)} by heart.",
            f"{_speaks_of(about, memorised.n)} Fails when near-duplicates stand in for one another, or few squared "
            "deviations carry the variance. Cost: no training of its own.",
        ),
        notes=notes_of(
            finding,
            {
                "understood_share": "R2 of members, singly, on examples that they did not see",
                "memorised_share_of_variance": f"R2 where seen less R2 where left out; {SHUFFLED}",
                "left_share": f"1 less R2 of members on examples that they saw: {NOT_LEARNED}",
            }
            | _course("held_out_error", "held-out squared error in units of the variance"),
        ),
    )  # fmt: skip


def _below_nothing(understood: float, memorised: float) -> tuple[str, ...]:
    if understood >= 0:
        return ()
    if memorised > 1:
        return (
            "By heart exceeds 100 % because understood is negative: where left out, members do worse than the mean of "
            "what they were trained on, and memory pays for that as well.",
        )
    return ("Where left out, members do worse than the mean of what they were trained on.",)


def _recipes(recipes: FactTable, of: str, about: About) -> Chart:
    """Left, memorised and understood on an axis of variance: this recipe, and the baselines on the same subsets."""
    bars, lines = [], []
    for row in recipes.rows():
        label = "this recipe" if row["recipe"] == "this" else str(row["recipe"])
        understood, memorised, left = (row[part] for part in ("understood", "memorised", "left"))
        name = "understood" if understood >= 0 else "worse than the mean"
        out = left + memorised
        ends = (
            Segment(start=0.0, stop=left, role="left", label=f"not learned {percent(left, 0)}"),
            Segment(start=left, stop=out, role="memorised", label=f"by heart {percent(memorised, 0)}"),
            Segment(start=out, stop=1.0, role="understood", label=f"{name} {percent(understood, 0)}"),
        )
        bars.append(Bar(label=label, segments=ends))
        lines.append((label, *(percent(value, 1) for value in (understood, memorised, left))))
    return Chart(
        title="Shares of the variance: not learned, by heart, understood",
        description="; ".join(f"{who}: understood {u}, by heart {m}, not learned {rest}" for who, u, m, rest in lines),
        x=Axis(title=f"share of the variance of the {of}", format="percent"),
        bars=tuple(bars),
        reading=f"Grey ends at the squared error of members that saw the {about.noun}, orange at that of members that "
        "did not, blue at that of the mean. Where blue runs back to the left, members do worse than the mean.",
        table=Table(columns=("", "understood", "by heart", "not learned"), rows=tuple(lines)),
    )
