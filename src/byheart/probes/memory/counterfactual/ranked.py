"""Memorisation scores where an outcome has no right or wrong: values and passages. Ranked, no share is counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from byheart.maths.memorisation.counterfactual import memorisation, shuffled, split_half_reliability
from byheart.maths.statistics.effective_sample_size import TOO_FEW
from byheart.maths.statistics.intervals import budget_share_intervals
from byheart.maths.statistics.seen_unseen import side_means
from byheart.probes.base import Bank, Probe
from byheart.records.chart import Axis, Chart, Line
from byheart.records.figures import count, number, with_article
from byheart.records.finding import Exhibit, ExhibitGroup, Exhibits, Finding, Pole
from byheart.records.quantity import Quantity

if TYPE_CHECKING:
    from byheart.training.run import Run

SHUFFLES = 20


class Form(NamedTuple):
    """How an outcome is spoken of: values in variances of the target, passages in bits."""

    unit: str
    form: str
    question: str
    says: str
    how: str
    axis: str
    gain: str
    body: str
    rote: float
    score_is: str
    poles: str
    error: str


def ranked(probe: Probe, bank: Bank) -> tuple[Finding, dict[str, np.ndarray]]:
    """The finding of `memory/counterfactual` for values (minus squared error) and passages (minus bits)."""
    run = bank[bank.subject.bank()]
    mask, counted = run.members.mask, bank.counted
    tokens = bank.data.output.kind == "tokens"
    unit = np.log(2) if tokens else float(bank.data.train.y.var())
    outcome = -run.views["train"].loss_nats[-1].astype(np.float64) / unit
    form = _passages(bank, run) if tokens else _values(bank)
    score, error = memorisation(outcome, mask)
    of_all = outcome[:, counted], mask[:, counted]
    null = [
        np.nanmean(memorisation(of_all[0], shuffled(of_all[1], probe.rng(bank, "null", s))).score)
        for s in range(SHUFFLES)
    ]
    n = int(counted.sum())
    gain = budget_share_intervals(np.ones(n), -of_all[0], of_all[1], bank.groups[counted]).memorised
    reliability = split_half_reliability(*of_all, probe.rng(bank, "halves"))
    mean = Quantity(
        value=float(score[counted].mean()), unit=form.unit, interval=gain.interval, null=float(np.mean(null)),
        n=n, better="low",
        how=f"{form.how}; interval: over fresh draws of examples and training set; null: masks shuffled"
        + ("" if gain.interval else f"; {TOO_FEW}"),
    )  # fmt: skip
    order = np.lexsort((bank.data.train.ids, -np.round(score, 12)))
    finding = Finding(
        probe=probe.name,
        question=form.question,
        headline="memorisation_mean",
        says=form.says,
        quantities={"memorisation_mean": mean, **reliabilities(reliability, None, n, form.form)},
        poles=(Pole(name="Oracle", value=0.0), Pole(name="Rote", value=form.rote, note="a lookup table")),
        body=(f"{form.body} {alike(bank, reliability)}",),
        charts=(_chart(probe, bank, *of_all, score[counted], form, mean.value),),
        exhibits=(_most(bank, order, score, run, mask),),
        how=explained(bank, mask, form.score_is, form.poles, form.error),
        reference=probe.reference,
    )
    ranks = np.argsort(order, kind="stable").astype(np.int64)
    return finding, {"score": score, "standard_error": error, "rank": ranks}


def _values(bank: Bank) -> Form:
    return Form(
        unit="ratio",
        form="squared error",
        question=f"Which {bank.noun()} are fitted only because they were trained on?",
        says="of the target's variance: how much more squared error where the value was left out",
        how="mean over training examples of (squared error of members that did not see it - of those that did) over "
        "the variance of the target",
        axis="score at least, in variances of the target",
        gain="On average the error falls by {} of the variance when seen.",
        body="Scores of values are ranked; there is no share above a threshold, since errors have no natural one.",
        rote=1.0,
        score_is="score = (mean squared error on it of the members that did not see it \u2212 the same of those that "
        "did) / variance of the target",
        poles="Rote scores about 1 on average, the Oracle 0",
        error="the variance of each side, shrunk towards that of all examples by two imagined members",
    )


def _passages(bank: Bank, run: Run) -> Form:
    reference = float(run.views["train"].pool[:, :, 0].mean() / np.log(2))  # type: ignore[index]
    return Form(
        unit="bits",
        form="bits",
        question=f"Which {bank.noun()} are easier only because they were trained on?",
        says=f"{with_article(bank.noun(1))}: how much longer it is to models that did not see it",
        how="mean over training passages of the bits of members that did not see it less those of members that did, as "
        "each model says them",
        axis="score at least, bits",
        gain="On average a passage is {} bits shorter when seen.",
        body="Scores of passages are ranked; there is no share above a threshold, since bits have no natural one.",
        rote=reference,
        score_is="score = mean bits of the passage under the members that did not see it \u2212 the same under those "
        "that did, as each model says it, without calibration (complexity/bits calibrates)",
        poles="Rote scores the whole reference, the Oracle 0",
        error="the variance of each side, shrunk towards that of all passages by two imagined members",
    )


def _chart(probe: Probe, bank: Bank, outcome, mask, score, form: Form, mean: float) -> Chart:
    grid = np.quantile(np.abs(score), np.linspace(0, 0.999, 60))
    by_chance = memorisation(outcome, shuffled(mask, probe.rng(bank, "chart"))).score
    lines = tuple(
        Line(label=label, role=role, x=tuple(grid), y=tuple(float((values >= x).mean()) for x in grid), step=True)
        for label, role, values in (
            (f"all {count(len(score))} training {bank.noun()}", "memorised", score),
            ("membership shuffled", "null", by_chance),
        )
    )
    return Chart(
        title=f"Share of {bank.noun()} by memorisation score",
        description=form.gain.format(number(mean, 2)),
        x=Axis(title=form.axis),
        y=Axis(title=f"share of {bank.noun()}", domain=(0, 1), format="percent"),
        lines=lines,
        reading="How many examples gain at least x from having been in the training set; dashed: by chance.",
    )


def _most(bank: Bank, order, score, run: Run, mask) -> Exhibits:
    train, outcomes, shown = bank.data.train, run.views["train"], []
    tokens = bank.data.output.kind == "tokens"
    bits = side_means(outcomes.loss_nats[-1].astype(np.float64) / np.log(2), mask) if tokens else ()
    # copies of one passage are one row: the next that differs is worth more
    rows = _first_of_each(order, bank.groups) if tokens else order
    for i in (int(i) for i in rows[:12]):
        ident, value = int(train.ids[i]), number(float(score[i]), 1 if tokens else 2)
        if tokens:
            seen, out = (number(side[i], 0) for side in bits)
            lines, words = (seen, out, value), f"{seen} bits to models that saw it, {out} to the others"
        else:
            y, others = float(train.y[i]), float(outcomes.logits[~mask[:, i], i, 0].mean())  # type: ignore[index]
            lines = (f"{y:.4g}", f"{others:.4g}", value)
            words = f"{bank.data.output.target} {y:.4g}; members without it say {others:.4g} on average"
        sentence = f"{bank.noun(1)} {ident}: {words}; score {value}"
        shown.append(Exhibit(id=ident, lines=lines, sentence=sentence))
    label = "passages as they came" if tokens else "values as they came"
    keys = ("bits, seen", "left out", "score") if tokens else ("value", "the others say", "score")
    return Exhibits(title="Most memorised", keys=keys, groups=(ExhibitGroup(label=label, shown=tuple(shown)),))


def _first_of_each(order: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Rows in `order`, the first of each group alone."""
    return order[np.sort(np.unique(groups[order], return_index=True)[1])]


def explained(bank: Bank, mask: np.ndarray, score_is: str, poles: str, error: str) -> tuple[str, ...]:
    """How a score was computed, of any kind of outcome."""
    out, noun = (~mask).sum(0), bank.noun(1)
    times = f"{out.min()}" if out.min() == out.max() else f"{out.min()} to {out.max()}"
    grouped = len(np.unique(bank.groups)) < len(bank.groups)
    speaks = " A score says what changes if this example and its copies were left out." if grouped else ""
    return (
        f"{score_is}. Every {noun} was left out by {times} of the {len(mask)} members. {poles}.{speaks}",
        f"Interval: what other {bank.noun()} (copies together) and another draw of the training set would bring. Null: "
        f"which member saw which {noun} is shuffled. Standard error of one score: {error}.",
        f"Fails when too few members left out the {noun}, or near-duplicates stand in for one another. "
        "Cost: no training of its own.",
    )


def alike(bank: Bank, reliability, form: str = "") -> str:
    """Whether two halves of the members rank the examples alike, as a sentence."""
    if not np.isfinite(reliability.mean):
        return "All scores are tied: there is no ranking to repeat."
    return f"Rank correlation between the scores of two halves of the members: {number(reliability.mean, 2)}{form}."


def reliabilities(fine, coarse, n: int, form_of_fine: str = "probability") -> dict[str, Quantity]:
    """Rank correlations of two halves of the members, as quantities; what is NaN is left out."""
    found = {}
    for name, kept, form in (("reliability_probability", fine, form_of_fine), ("reliability_correct", coarse, "0/1")):
        if kept is not None and np.isfinite(kept.mean):
            spread = (kept.mean - 1.96 * kept.sd, min(1.0, kept.mean + 1.96 * kept.sd))
            several = bool(np.isfinite(kept.sd))
            found[name] = Quantity(
                value=kept.mean,
                unit="correlation",
                interval=spread if several else None,
                null=0.0,
                n=n,
                better="high",
                how=f"Spearman between scores ({form} form) of two random halves of the members, mean of {kept.splits} "
                f"splits; {'interval: spread over splits; ' if several else ''}null: 0"
                f"{'' if several else '; no interval: one split alone'}",
            )
    return found
