"""The card of generalization/gap: accuracy or R2 where seen and where left out; of passages bits per token."""

from __future__ import annotations

from collections.abc import Callable

from byheart.records.facts import Curve
from byheart.records.finding import Finding
from byheart.records.formatting import count, interval_text, number, percent, value_text
from byheart.records.quantity import Quantity
from byheart.report.cards.base import About, Card
from byheart.report.cards.default import notes_of
from byheart.report.cards.intervals import largest_source, would_bring
from byheart.report.chart import Axis, Chart, Line, Role, Rule, Table

ROLES: dict[str, Role] = {"seen": "memorised", "held_out": "understood", "redrawn_seen": "ink", "new": "muted"}
BASELINES = {
    "neighbours": "1-nearest neighbour",
    "linear": "logistic regression",
    "ridge": "ridge regression",
    "ngram": "3-gram",
}
NO_EPOCHS = "This learner has no epochs: one line a side."


def card(finding: Finding, about: About) -> Card:
    """Both sides of the gap, and its course over the epochs."""
    return (_of_passages if finding.details["score"] == "bits_a_token" else _of_scores)(finding, about)


def _of_scores(finding: Finding, about: About) -> Card:
    unit = str(finding.details["score"])
    what, labels, r2 = ("Accuracy", "labels", "") if unit == "accuracy" else ("R2", "values", "R2 ")
    train, held = (finding.quantities[f"{side}_{unit}"] for side in ("train", "held_out"))
    return Card(
        says=f"{r2}{_known(train)} where seen, {_known(held)} on the same {labels} where left out",
        body=_body(finding, about, unit, r2),
        charts=(_chart_of_scores(finding, about, unit),),
        how=(
            f"{what} where seen: over all training {labels} as given, under the members that saw them; where left "
            f"out: the same {labels} under the members that did not. Gap is the difference. New {about.nouns}: mean "
            f"over members and test {labels}.",
            f"Intervals: {would_bring(about)}. Rote is right where seen and guesses elsewhere; the Oracle's gap is 0.",
            "Fails when near-duplicates stand in for one another. Cost: no training of its own.",
        ),
        notes=_notes(finding, unit, "the most frequent class" if unit == "accuracy" else "the mean of the targets"),
    )


def _known(of: Quantity) -> str:
    return f"{value_text(of)} {interval_text(of)}".rstrip()


def _body(finding: Finding, about: About, unit: str, r2: str) -> tuple[str, ...]:
    details, gap, sentences = finding.details, finding.quantities["gap"], []
    test, one = (finding.quantities.get(f"{name}_{unit}") for name in ("test", "one_model_test"))
    if test:
        sentences.append(f"On {count(test.n)} new {about.named(test.n)}: {r2}{_known(test)}.")
    if differ := finding.quantities.get("test_disagreement"):
        sentences.append(
            f"Two of the models give different answers on {_known(differ)} of them. If every answer were right as "
            "often as models like these give it (calibrated), they would be wrong that often; it takes no labels."
        )
    if details["no_new"] == "too few":
        sentences.append(f"On new {about.nouns} there is no number: {about.n_test} is too few, it takes 2 at least.")
    elif details["no_new"]:
        sentences.append(f"On new {about.nouns} there is no R2: their {about.n_test} values do not differ.")
    if details["changed"] and test:
        sentences.append(
            f"Labels changed by us: {count(details['changed'])} of training, none of the new ones, so training "
            "labels are harder than new ones; the gap compares the same labels."
        )
    if one:
        sentences.append(f"The one model trained on everything: {r2}{_known(one)} on new {about.nouns}.")
    points, words = (100.0, " points") if unit == "accuracy" else (1.0, "")
    return (*sentences, *largest_source(details, gap.interval, about, gap.n, points, words))


def _of_passages(finding: Finding, about: About) -> Card:
    found, body = finding.quantities, []
    train, left_out = (found[f"{side}_bits_a_token"] for side in ("train", "held_out"))
    if test := found.get("test_bits_a_token"):
        body.append(f"On {count(test.n)} new {about.named(test.n)}: {_known(test)} a token.")
    if baseline := found.get("ngram_held_out_bits_a_token"):
        body.append(
            f"Counts of the last two tokens (a 3-gram) need {_known(baseline)} where left out, "
            f"{value_text(found['ngram_train_bits_a_token'])} where seen."
        )
    return Card(
        says=f"a token: {_known(train)} where seen, {_known(left_out)} on the same passages where left out",
        body=tuple(body),
        charts=(_chart_of_passages(finding, about),),
        how=(
            "Bits a token = summed -log2 p of a passage over its counted tokens, as each model says it, without "
            "calibration. Where seen: under the members that saw the passage; where left out: the same passages "
            "under the others.",
            f"Intervals: {would_bring(about)}. "
            "Fails when near-duplicates stand in for one another. Cost: no training of its own.",
        ),
        notes=_notes(finding, "bits_a_token", "tokens coded by their frequencies"),
    )


def _notes(finding: Finding, unit: str, blind: str) -> dict[str, str]:
    """What each number is; `blind` is who knows nothing."""
    sides = {
        "train": f"members that saw the example; chance: {blind}",
        "held_out": f"members that did not, on the same examples; chance: {blind}",
        "test": f"mean over members on new examples; chance: {blind}",
    }
    said = {f"{side}_{unit}": words for side, words in sides.items()}
    where = f"on the first {finding.details['baseline_members']} of the same subsets"
    for name, title in BASELINES.items():
        said |= {f"{name}_{side}_{unit}": f"{title} {where}; {words}" for side, words in sides.items()}
        said[f"{name}_gap_{unit}"] = f"{title} {where}; left out less seen"
        for side, words in (("held_out", "left out"), ("train", "seen")):
            said[f"{name}_{side}_lead"] = f"error of the recipe less that of the {title} where {words}, {where}"
    one = "the one model trained on everything, on {} examples; its interval knows no other training"
    gap = "left out less seen" if unit == "bits_a_token" else "seen less left out"
    said |= {
        f"one_model_train_{unit}": one.format("training"),
        f"one_model_test_{unit}": one.format("new"),
        "test_disagreement": "share of new examples on which two members answer differently; chance: blind guesses",
        "gap_bits_a_token": f"{gap}, on the same passages",
        "gap": f"{gap}, on the same examples",
        "held_out_temperature": "temperature of the shortest held-out code; what it saves has an interval",
        "held_out_temperature_gain": "held-out bits per label that one temperature saves, fitted on the other half",
        "held_out_raw_bits": "held-out bits per label, without calibration; chance: all classes equally likely",
        "held_out_loss": "mean held-out loss at the end, without calibration, against that before training",
        "best_epoch": "checkpoint of the smallest held-out loss, against the last",
        "held_out_loss_rise": "held-out loss at the end less its smallest over the checkpoints",
    }
    return notes_of(finding, said)


def _chart_of_scores(finding: Finding, about: About, unit: str) -> Chart:
    """Both sides and the test view over the epochs, beside chance and the nearest neighbour."""
    right, epochs = unit == "accuracy", finding.curves["seen"].x
    course = len(epochs) > 1
    lines = _lines(finding, about, percent if right else lambda value: number(value, 2), 1 if course else None)
    write = percent if right else lambda value: number(value, 3)
    chance, rules = finding.quantities[f"train_{unit}"].null or 0.0, []
    baseline = finding.quantities.get(f"neighbours_held_out_{unit}")
    if baseline and (right or baseline.value > -1):
        rules.append(Rule(axis="y", at=baseline.value, label=f"1-nearest neighbour, left out {write(baseline.value)}"))
    if right:
        rules.append(Rule(axis="y", at=chance, label=f"chance {percent(chance, 0)}"))
    floor = 0.0 if right else max(-1.0, min(0.0, *(min(line.y) for line in lines)))
    return Chart(
        title=f"{'Accuracy' if right else 'R2'}{' over epochs' if course else ''}",
        description="; ".join(line.label for line in lines),
        x=Axis(title="epoch" if course else "", log=course, ticks=epochs[1:]),
        y=Axis(
            title="share of labels it gets right" if right else "R2", domain=(floor, 1.0),
            format="percent" if right else "number",
        ),
        lines=lines,
        rules=tuple(rules),
        reading=_reading("rise", "rises", "examples") if course else NO_EPOCHS,
        table=_table(finding, about, write),
    )  # fmt: skip


def _chart_of_passages(finding: Finding, about: About) -> Chart:
    blind, epochs = finding.quantities["train_bits_a_token"].null or 0.0, finding.curves["seen"].x
    first = next((i for i, epoch in enumerate(epochs) if epoch > 0), len(epochs))
    lines = _lines(finding, about, lambda value: number(value, 2), first)
    return Chart(
        title="Bits a token over epochs",
        description="; ".join(line.label for line in lines),
        x=Axis(title="epoch", log=True, ticks=epochs[first:]),
        y=Axis(title="bits per token"),
        lines=lines,
        rules=(Rule(axis="y", at=blind, label=f"tokens by their frequency {number(blind, 2)}"),),
        reading=_reading("fall", "falls", "passages"),
        table=_table(finding, about, lambda value: number(value, 3)),
    )


def _lines(finding: Finding, about: About, write: Callable[[float], str], first: int | None) -> tuple[Line, ...]:
    """A line a side from position `first` on, for epoch 0 has no place on a logarithmic scale; level where None."""
    return tuple(
        Line(label=f"{label} {write(curve.y[-1])}", role=ROLES[name], **_drawn(curve, first))
        for (name, curve), label in zip(finding.curves.items(), _labels(finding, about), strict=True)
    )


def _drawn(curve: Curve, first: int | None) -> dict[str, tuple[float, ...]]:
    """The positions of a line that are drawn, and its band where draws are enough to know it."""
    ends = {"y": curve.y, "low": curve.low, "high": curve.high}
    if first is None:
        cut = {"x": (0.0, 1.0), **{name: 2 * values for name, values in ends.items()}}
    else:
        cut = {name: values[first:] for name, values in {"x": curve.x, **ends}.items()}
    return {name: () if None in values else values for name, values in cut.items()}


def _labels(finding: Finding, about: About) -> tuple[str, ...]:
    words = {"held_out": "left out", "new": f"new {about.nouns}", "redrawn_seen": "redrawn, seen"}
    return tuple(words.get(name, name) for name in finding.curves)


def _table(finding: Finding, about: About, write: Callable[[float], str]) -> Table:
    columns = [[write(value) for value in curve.y] for curve in finding.curves.values()]
    rows = zip((f"{epoch:.0f}" for epoch in finding.curves["seen"].x), *columns)
    return Table(columns=("epoch", *_labels(finding, about)), rows=tuple(rows))


def _reading(together: str, alone: str, things: str) -> str:
    return (
        f"Where the lines {together} together it learns what holds for all; where only the line of what it saw {alone} "
        f"it learns by heart. Bands are 95 % intervals over {things}; the scale of epochs is logarithmic."
    )
