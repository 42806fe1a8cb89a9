"""The card of memory/learning-order: who is learned when, the map of confidence, proxies, who came last."""

from __future__ import annotations

import math

from byheart.records.finding import Finding
from byheart.records.formatting import DASH, count, number, percent, with_article
from byheart.records.quantity import Quantity
from byheart.report.cards.base import About, Card, Row, apart, cells
from byheart.report.cards.default import notes_of
from byheart.report.chart import Axis, Bar, Chart, Line, Mark, Rule, Segment, Table
from byheart.report.examples import Exhibit, Exhibits

PROXIES = {
    "confidence": "1 \u2212 mean confidence",
    "variability": "variability",
    "first_learned": "epoch first learned",
    "forgetting_events": "forgetting events",
    "final_loss": "loss at the end",
    "held_out_loss": "held-out loss",
    "c_score": "1 \u2212 C-score",
    "memorisation": "the score itself, other half",
}
# rank correlation with the memorisation score, 0/1 or probability form, clean or with 5 % of the labels redrawn
RANGES = {
    "confidence": (0.51, 0.84), "final_loss": (0.44, 0.85), "variability": (0.47, 0.65),
    "forgetting_events": (0.49, 0.61), "first_learned": (0.21, 0.35),
}  # fmt: skip
BANDS = {
    "easy": "confidence 0.75 or more",
    "between": "between, variability below 0.25",
    "variable": "between, variability 0.25 or more",
    "hard": "confidence below 0.25",
}


def card(finding: Finding, about: About) -> Card:
    """The order of learning, and what predicts the memorisation score."""
    if "by_proxy" in finding.details:
        return _by_proxy(finding, about)
    top = percent(finding.details["top_share"], 0)
    return Card(
        says=f"rank correlation: how late {with_article(about.noun)} is learned, and how much it is memorised",
        body=_body(finding),
        charts=(_learned(finding, about), _proxies(finding), _map(finding, about)),
        tables={f"Rank correlation with the score; found: of its largest {top}": _table(finding)},
        exhibits=_last(finding, about),
        how=_how(finding, about),
        notes=_notes(finding),
    )


def _by_proxy(finding: Finding, about: About) -> Card:
    """A ranking by the mean confidence of one training, and how far such proxies were seen to agree with scores."""
    nouns, what = about.nouns, "label" if about.classes else "value"

    def exhibit(row: Row) -> Exhibit:
        if "label" not in row:  # a document that hides examples
            return Exhibit(id=row["id"])
        sure = f"mean confidence {number(row['confidence'], 2)}"
        sentence = f"{about.noun} {about.name(row['id'])}: {about.label(row['label'])}; {sure} over the checkpoints"
        return Exhibit(id=row["id"], lines=(about.label(row["label"]), number(row["confidence"], 2)), sentence=sentence)

    ranked = finding.ranked["by_proxy"]
    keys = ("label" if about.classes else "value", "confidence") if "label" in ranked.figures else ()
    title = f"{nouns[:1].upper()}{nouns[1:]} of least mean confidence: a proxy, no memorisation score"
    return Card(
        says="",
        body=(
            f"Ranked by a proxy: mean confidence in the {what} over the checkpoints of the one model trained "
            f"on everything. A proxy names {nouns} to look at and does not say that they are memorised.",
        ),
        tables={
            "Rank correlation of each proxy with the memorisation score where it was measured (digits, 600 models, as "
            "they are and with 5 % of the labels redrawn); no promise for other data": Table(
                columns=("proxy, from one training", "lowest", "highest"),
                rows=tuple((PROXIES[name], number(low, 2), number(high, 2)) for name, (low, high) in RANGES.items()),
            )
        },
        exhibits=(Exhibits(title=title, keys=keys, groups=apart(ranked.rows(), exhibit)),),
        how=(f"Checkpoints after epochs {', '.join(map(str, finding.details['epochs']))}. No training of its own.",),
        notes=notes_of(
            finding,
            {
                "never_learned": f"share of the {nouns} that the one model trained on everything has wrong at the end",
                "ever_forgotten": "share that it had right and lost by the next checkpoint, or never had",
            },
        ),
    )


def _notes(finding: Finding) -> dict[str, str]:
    top, said = percent(finding.details["top_share"], 0), {}
    for proxy, words in PROXIES.items():
        for suffix, source in (("", "half of the members"), ("_one_run", "the one model trained on everything")):
            said[f"{proxy}_spearman{suffix}"] = (
                f"rank correlation between {words}, from {source}, and the memorisation score (probability form) of "
                "members it has not used, mean over both halves"
            )
            said[f"{proxy}_recall{suffix}"] = (
                f"of the {top} largest memorisation scores, the share among the {top} largest of {words}, from {source}"
            )
        said[f"{proxy}_planted_auc"] = f"AUC of {words} for the labels we changed"
    return notes_of(
        finding,
        {
            **said,
            "first_learned": "mean epoch from which it is right to the end, never counts twice the last",
            "never_learned": "share of members that saw it and are wrong at the end",
            "ever_forgotten": "share that some member that saw it had right and lost by the next checkpoint, or never "
            "had",
        },
    )


def _spearman(finding: Finding, proxy: str) -> tuple[Quantity | None, Quantity | None]:
    """Rank correlations of a proxy with the score: from one run, and from half of the members."""
    found = finding.quantities
    return found.get(f"{proxy}_spearman_one_run"), found.get(f"{proxy}_spearman")


def _recall(finding: Finding, proxy: str) -> Quantity | None:
    """The share of the top that a proxy finds, from one run where there is one."""
    return finding.quantities.get(f"{proxy}_recall_one_run") or finding.quantities.get(f"{proxy}_recall")


def _ceiling(finding: Finding) -> float:
    """Root of the agreement of two halves: what a proxy without noise would reach against one of them."""
    halves = finding.quantities.get("memorisation_spearman")
    return math.sqrt(max(halves.value, 0.0)) if halves else 0.0


def _body(finding: Finding) -> tuple[str, ...]:
    details, sentences = finding.details, []
    if single := [(one, proxy) for proxy in PROXIES if (one := _spearman(finding, proxy)[0])]:
        best, proxy = max(single, key=lambda pair: pair[0].value)
        sentences.append(
            f"Best proxy from one training: {PROXIES[proxy]}, rank correlation {number(best.value, 2)} with the "
            f"memorisation score, {percent(_recall(finding, proxy).value, 0)} of the most memorised found."
        )
    if (top := _ceiling(finding)) > 0:
        sentences.append(
            f"Two halves of the members agree to {number(finding.quantities['memorisation_spearman'].value, 2)}, so "
            f"that no proxy could reach more than {number(top, 2)} against one."
        )
    if details["median_epoch_redrawn"] is not None:
        late, usual = (_when(details[f"median_epoch_{side}"], details["epochs"]) for side in ("redrawn", "as_came"))
        sentences.append(f"At the median, labels we changed are {late}, labels as they came are {usual}.")
    return tuple(sentences)


def _how(finding: Finding, about: About) -> tuple[str, ...]:
    details = finding.details
    values = (
        f"A value is right where the prediction is within {number(details['right_within'] or 0, 1)} standard "
        "deviations of the target; its confidence is exp(\u2212squared error / (2 variance)).",
    )
    return (
        *(values if details["right_within"] else ()),
        f"Over the checkpoints after epochs {', '.join(map(str, details['epochs']))}, for the members that saw the "
        f"{about.noun}. First learned: the checkpoint from which it is right to the end; never counts twice the last "
        "epoch. A forgetting event: right at one checkpoint and wrong at the next; what is lost and found again in "
        "between is not seen, so this counts fewer than presentation by presentation. Never right counts all "
        "checkpoints. Confidence and variability: mean and standard deviation of p(label) over the checkpoints, which "
        "stand closer at the beginning.",
        f"Proxies: from the one model trained on everything, and from half of the {details['members']} members. The "
        "score to predict is always that of members the proxy has not used, so that they share no luck; both "
        f"halves are judged and averaged. Found: of the {percent(details['top_share'], 0)} largest scores.",
        "No order 0, by heart last 1. Fails when checkpoints are coarse, or most scores tie. Cost: no training of its "
        "own.",
    )


def _table(finding: Finding) -> Table:
    """Every proxy with its rank correlations, what it finds of the top, and its AUC for redrawn labels."""
    planted = any(f"{proxy}_planted_auc" in finding.quantities for proxy in PROXIES)
    rows = []
    for proxy, words in PROXIES.items():
        one, many = _spearman(finding, proxy)
        found = [many, _recall(finding, proxy), *([finding.quantities.get(f"{proxy}_planted_auc")] if planted else [])]
        rows.append((words, _written(one), *(number(figure.value, 2) if figure else DASH for figure in found)))
    last = ("AUC, flips",) if planted else ()
    return Table(columns=("proxy", "one run", "half the bank", "top found", *last), rows=tuple(rows))


def _written(found: Quantity | None) -> str:
    if found is None:
        return DASH
    return f"{number(found.value, 2)} [{number(found.interval[0], 2)}, {number(found.interval[1], 2)}]"


def _learned(finding: Finding, about: About) -> Chart:
    kinds = {
        "all": ("all", "ink"),
        "memorised": (f"score {finding.details['memorised_from']} or more", "memorised"),
        "others": ("the others", "understood"),
        "redrawn": ("redrawn labels", "muted"),
    }
    curves = [(*kinds[name], curve) for name in kinds if (curve := finding.curves.get(f"learned_{name}"))]
    x = curves[0][2].x
    lines = tuple(
        Line(label=f"{label}, {count(curve.n[0])}", role=role, x=x, y=curve.y, markers=True)
        for label, role, curve in curves
    )
    return Chart(
        title=f"Share of training {about.nouns} learned for good, by epoch",
        description="; ".join(f"{line.label}: {percent(line.y[-1], 0)} at the end" for line in lines),
        x=Axis(title="epoch", log=True, ticks=x),
        y=Axis(title=f"share of {about.nouns} right from here to the end", domain=(0, 1), format="percent"),
        lines=lines,
        reading="Where the orange line lies right of the blue one, what is known by heart is learned last. Members "
        f"that saw the {about.noun}; dots are the recorded checkpoints, the scale of epochs is logarithmic.",
        table=Table(
            columns=("epoch", *(label for label, *_ in curves)),
            rows=tuple((number(e, 0), *(percent(line.y[c], 1) for line in lines)) for c, e in enumerate(x)),
        ),
    )


def _proxies(finding: Finding) -> Chart:
    bars = []
    for proxy, words in PROXIES.items():
        one, many = _spearman(finding, proxy)
        if best := one or many:
            source, role = ("one run", "ink") if one else ("half the bank", "left")
            segment = Segment(start=0.0, stop=best.value, role=role, label=number(best.value, 2))
            bars.append(Bar(label=f"{words}, {source}: {_written(best)}", segments=(segment,)))
    bars.sort(key=lambda bar: -bar.segments[0].stop)
    return Chart(
        title="How well each proxy predicts the memorisation score",
        description="; ".join(bar.label for bar in bars[:3]),
        x=Axis(title="rank correlation with the memorisation score"),
        bars=tuple(bars),
        rules=(Rule(axis="x", at=top, label="most that can be reached"),) if (top := _ceiling(finding)) > 0 else (),
        reading="Dark bars need one run, grey ones the bank. The score itself is noisy, so that even a perfect "
        "proxy would end at the dashed line: the root of the agreement of two halves of the members.",
    )


def _map(finding: Finding, about: About) -> Chart:
    planted = finding.details["redrawn"]
    rows = tuple(
        (BANDS[row["band"]], count(row["examples"]), *((count(row["redrawn"]),) if planted else ()))
        for row in finding.tables["difficulty"].rows()
    )
    return Chart(
        title=f"Confidence and variability of the training {about.nouns}",
        description="; ".join(f"{row[0]}: {row[1]}" for row in rows),
        x=Axis(title="variability of p(label) over checkpoints", domain=(0, 0.5), ticks=(0, 0.1, 0.2, 0.3, 0.4, 0.5)),
        y=Axis(title="mean confidence in the label", domain=(0, 1), ticks=(0, 0.25, 0.5, 0.75, 1)),
        cells=cells(finding.tables["density"], "variability", "confidence"),
        marks=tuple(
            Mark(x=row["variability"], y=row["confidence"], shape="ring") for row in finding.tables["redrawn"].rows()
        ),
        reading="Top left is easy, bottom hard to learn, right learned in the middle of training."
        + (" Rings are the labels we redrew; squares count the others." if planted else ""),
        table=Table(columns=("", about.nouns, *(("of them redrawn",) if planted else ())), rows=rows),
    )


def _when(epoch: float, epochs: tuple[int, ...]) -> str:
    """An epoch in words; never learned is none."""
    return "never learned" if epoch > epochs[-1] else f"learned by epoch {number(epoch, 0)}"


def _last(finding: Finding, about: About) -> tuple[Exhibits, ...]:
    """The examples that were learned last, or never."""
    ranked = finding.ranked.get("learned_last")
    if ranked is None:
        return ()

    def exhibit(row: Row) -> Exhibit:
        if "label" not in row:  # a document that hides examples
            return Exhibit(id=row["id"])
        name, when = about.label(row["label"]), _when(row["first_learned"], finding.details["epochs"])
        sentence = (
            f"{about.noun} {about.name(row['id'])}: {'labelled ' if about.classes else ''}{name}; on average {when}, "
            f"{percent(row['never_learned'], 0)} of the members that saw it are wrong at the end, forgotten "
            f"{number(row['forgetting_events'], 1)} times"
        )
        short = when.removeprefix("learned by ").replace("never learned", "never")
        return Exhibit(id=row["id"], lines=(name, short), sentence=sentence)

    keys = ("label" if about.classes else "value", "learned by") if "label" in ranked.figures else ()
    return (Exhibits(title="Learned last", keys=keys, groups=apart(ranked.rows(), exhibit)),)
