"""Which examples are right only because they were trained on? Memorisation scores."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from byheart.learners.run import Run
from byheart.maths.clusters import TOO_FEW
from byheart.maths.codes import bank_lengths
from byheart.maths.counterfactual import (
    memorisation,
    memorised_share,
    memorised_share_null,
    shuffled,
    split_half_reliability,
)
from byheart.maths.intervals import budget_share_intervals, memorised_share_interval
from byheart.maths.sides import side_means
from byheart.probes.base import Bank, Need, Probe, Subject
from byheart.probes.memory.counterfactual.ranked import SHUFFLES, alike, ranked, reliabilities
from byheart.records.chart import Axis, Chart, Line, Mark, Rule, Table
from byheart.records.figures import count, number, percent
from byheart.records.finding import Exhibit, ExhibitGroup, Exhibits, Finding, NotApplicable, Pole
from byheart.records.quantity import Quantity

# Feldman and Zhang 2020 publish their high-influence pairs at scores of at least 0.25.
THRESHOLD = 0.25


class Counterfactual(Probe):
    r"""Which examples are right only because they were trained on?

    score_i = share of members right about example i among those that saw it - the same among those that did not
    [0/1 form, -1 to 1]; the probability form puts p(label) in the place of right or wrong. The C-score is the second
    term alone. memorised_share = share of examples with score_i >= 0.25. For values the outcome is minus the squared
    error over the variance of the target, for passages minus the bits; scores are ranked and no share is counted.

    Rote: 1 on every example its guess would miss. Oracle: 0. Cost: no training of its own. Fails when: an example is
    left out by too few members, or near-duplicates stand in for one another. Reference: Feldman and Zhang 2020, What
    neural networks memorize and why, eq. 1 and section 3; C-score: Jiang et al. 2021, Characterizing structural
    regularities, section 2.

    Example:
        >>> Counterfactual().question
        'Which examples are right only because they were trained on?'
    """

    name: ClassVar[str] = "memory/counterfactual"
    version: ClassVar[int] = 3
    question: ClassVar[str] = "Which examples are right only because they were trained on?"
    reference: ClassVar[str] = (
        "Feldman and Zhang 2020, What neural networks memorize and why, eq. 1 and section 3; C-score: Jiang et al. "
        "2021, Characterizing structural regularities of labeled data, section 2"
    )

    def requires(self, subject: Subject) -> tuple[Need, ...] | NotApplicable:
        """The bank, and the pole that stands at the upper end."""
        if "tokens" in subject.offers:
            return (subject.bank(),)
        return (subject.bank(), subject.rival("rote"))

    def measure(self, bank: Bank) -> tuple[Finding | NotApplicable, dict[str, np.ndarray]]:
        """Scores, their share, null and reliability, and the most memorised examples."""
        run = bank[bank.subject.bank()]
        if lacking := self.one_sided(bank, run.members.mask):
            return lacking, {}
        if bank.data.output.kind != "classes":
            return ranked(self, bank, self._how)
        mask, outcomes = run.members.mask, run.views["train"]
        right = outcomes.correct[-1]  # (m, n)
        probability = _probability(bank, run)
        score, error = memorisation(right, mask)
        fine, fine_error = memorisation(probability, mask)
        above = score >= THRESHOLD - 1e-9
        share = self._share(bank, right, mask, above)
        reliability = split_half_reliability(probability, mask, self.rng(bank, "halves"))
        coarse = split_half_reliability(right, mask, self.rng(bank, "halves"))
        c_score = side_means(right.astype(np.float64), mask)[1]
        # tied but for rounding: by id
        order = np.lexsort((bank.data.train.ids, -np.round(fine, 12), -np.round(score, 12)))
        finding = Finding(
            probe=self.name,
            question=self.question.replace("examples", bank.noun()),
            headline="memorised_share",
            says=f"of the training {bank.noun()} score {THRESHOLD} or more",
            quantities={
                "memorised_share": share,
                **reliabilities(reliability, coarse, len(score)),
                "c_score": self._c_score(bank, right, mask),
            },
            poles=(Pole(name="Oracle", value=0.0), Pole(name="Rote", value=_rote_share(bank))),
            body=self._body(bank, score, error, above, share, reliability),
            charts=(self._chart(bank, score, right, mask, share),),
            exhibits=_most(bank, order, score, outcomes.logits, mask),
            how=self._how(bank, mask, score, share),
            reference=self.reference,
        )
        return finding, {
            "score": score,
            "standard_error": error,
            "score_probability": fine,
            "standard_error_probability": fine_error,
            "c_score": c_score,
            "rank": np.argsort(order, kind="stable").astype(np.int64),
        }

    def _share(self, bank: Bank, right: np.ndarray, mask: np.ndarray, above: np.ndarray) -> Quantity:
        value = memorised_share(right, mask, THRESHOLD)
        null = memorised_share_null(right, mask, THRESHOLD, self.rng(bank, "null"), SHUFFLES)
        interval = memorised_share_interval(right, mask, THRESHOLD, bank.groups)
        return Quantity(
            value=value,
            unit="share", interval=interval.interval, null=float(null.mean()), n=len(above), better="low",
            how=f"share of training {bank.noun()} with a 0/1 score of at least {THRESHOLD}; interval: over "
            f"fresh draws of examples (copies together) and training set; null: the masks of the members shuffled, "
            f"{SHUFFLES} times{'' if interval.interval else f'; {TOO_FEW}'}",
        )  # fmt: skip

    def _c_score(self, bank: Bank, right: np.ndarray, mask: np.ndarray) -> Quantity:
        errors = 1 - right.astype(np.float64)
        held = budget_share_intervals(np.ones(right.shape[1]), errors, mask, bank.groups).understood
        return Quantity(
            value=held.value,
            unit="accuracy",
            interval=held.interval and (max(0.0, held.low), min(1.0, held.high)),
            null=bank.data.most_frequent,
            n=right.shape[1],
            better="high",
            how="mean over examples of the share of members right that did not see it; interval: over fresh draws of "
            f"examples and training set; null: the most frequent class{'' if held.interval else f'; {TOO_FEW}'}",
        )

    def _body(self, bank: Bank, score, error, above, share: Quantity, reliability) -> tuple[str, ...]:
        sentences = []
        changed = bank.data.truth.changed
        if changed is not None and changed.any() and not changed.all():
            sentences.append(
                f"Of the labels we changed {percent(above[changed].mean(), 0)} score that high, of the labels as they "
                f"came {percent(above[~changed].mean(), 0)}."
            )
        sentences.append(
            f"{alike(bank, reliability, ' (probability form)')} A single score is known to "
            f"\u00b1{number(1.96 * float(error.max()), 2)} at worst."
        )
        ties = int((score >= 1 - 1e-9).sum())
        if ties > 1:
            sentences.append(f"{count(ties)} {bank.noun()} tie at 1.00; the probability form orders them.")
        sentences.append(_halving(bank, share, above, error))
        return tuple(sentences)

    def _chart(self, bank: Bank, score, right, mask, share: Quantity) -> Chart:
        grid = np.round(np.arange(-0.2, 1.0001, 0.03), 2)
        null = memorisation(right, shuffled(mask, self.rng(bank, "chart"))).score
        curves = [(f"all {count(len(score))} training {bank.noun()}", "memorised", score)]
        changed = bank.data.truth.changed
        if changed is not None and changed.any():
            redrawn = (
                f"the {count(int(changed.sum()))} redrawn labels" if changed.sum() > 1 else "the one redrawn label"
            )
            curves.insert(0, (redrawn, "ink", score[changed]))
        curves.append(("membership shuffled", "null", null))
        at = [0.1, THRESHOLD, 0.4, 0.55, 0.7, 0.85, 1.0]
        lines = tuple(
            Line(
                label=label,
                role=role,
                x=tuple(grid),
                y=tuple(float((values >= x - 1e-9).mean()) for x in grid),
                step=True,
            )
            for label, role, values in curves
        )
        rows = tuple((number(x, 2), *(percent((values >= x - 1e-9).mean()) for _, _, values in curves)) for x in at)
        return Chart(
            title=f"Share of {bank.noun()} by memorisation score",
            description=f"{percent(share.value)} of all {bank.noun()} score {THRESHOLD} or more.",
            x=Axis(title="memorisation score at least", domain=(-0.2, 1.0), ticks=(0, 0.25, 0.5, 0.75, 1)),
            y=Axis(title=f"share of {bank.noun()}", domain=(0, 1), format="percent"),
            lines=lines,
            marks=(Mark(x=THRESHOLD, y=share.value, label=percent(share.value), role="memorised"),),
            rules=(Rule(axis="x", at=THRESHOLD),),
            reading=(
                f"The height at score x is the share of {bank.noun()} that are right at least x more often when they "
                f"were in the training set. The headline is the orange line at {THRESHOLD}. The dashed line is what "
                f"chance gives with {len(mask)} members."
            ),
            table=Table(columns=("score at least", *(label for label, _, _ in curves)), rows=rows),
        )

    def _how(self, bank: Bank, mask: np.ndarray, score: np.ndarray, share: Quantity) -> tuple[str, ...]:
        out = (~mask).sum(0)
        if bank.data.output.kind == "tokens":
            score_is = (
                "score = mean bits of the passage under the members that did not see it \u2212 the same under those "
                "that did, as each model says it, without calibration (complexity/bits calibrates)"
            )
            poles = "Rote scores the whole reference, the Oracle 0"
            error = "the variance of each side, shrunk towards that of all passages by two imagined members"
        elif bank.data.output.kind == "values":
            score_is = (
                f"score = (mean squared error on the {bank.noun(1)} of the members that did not see it \u2212 the "
                "same of those that did) / variance of the target"
            )
            poles = "Rote scores about 1 on average, the Oracle 0"
            error = "the variance of each side, shrunk towards that of all examples by two imagined members"
        else:
            score_is = (
                f"score = share of members right about the {bank.noun(1)} among those that saw it \u2212 the same "
                "among those that did not"
            )
            poles = "Rote scores 1 wherever its guess would miss, the Oracle 0"
            error = "from (x + 1)/(t + 2), x right ones of t members, on both sides, so that none claims to be exact"
        times = f"{out.min()}" if out.min() == out.max() else f"{out.min()} to {out.max()}"
        return (
            f"{score_is}. Every {bank.noun(1)} was left out by {times} of the {len(mask)} members. {poles}.",
            f"Interval: what other {bank.noun()} (copies together) and another draw of the training set "
            f"would bring. Null: which member saw which {bank.noun(1)} is shuffled, {SHUFFLES} times. Standard error "
            f"of one score: {error}.",
            f"Fails when too few members left out the {bank.noun(1)}, or near-duplicates stand in for one another. "
            "Cost: no training of its own.",
        )


def _probability(bank: Bank, run: Run) -> np.ndarray:
    """(m, n) probability of the label: as the model says it, or calibrated where it gives only labels or scores."""
    outcomes, train, mask = run.views["train"], bank.data.train, run.members.mask
    if run.about.get("outputs") not in {"labels", "scores"}:
        return np.exp(-outcomes.loss_nats[-1].astype(np.float64))
    where = {"ids": train.ids, "groups": bank.groups}
    return 2.0 ** -bank_lengths(outcomes.logits, train.y, mask, bank.subject.seed, **where).member_bits


def _rote_share(bank: Bank) -> float:
    """What a lookup table scores: measured where it was run, else what a guess at the likeliest class misses."""
    need = bank.subject.rival("rote")
    if need in bank:
        rote = bank[need]
        return memorised_share(rote.views["train"].correct[-1], rote.members.mask, THRESHOLD)
    return 1 - bank.data.most_frequent


def _halving(bank: Bank, share: Quantity, above: np.ndarray, error: np.ndarray) -> str:
    """How many members would halve the headline's interval, or that examples would."""
    if share.interval is None:
        return f"There is {TOO_FEW}."
    low, high = share.interval
    total, examples = ((high - low) / 3.92) ** 2, float(above.mean() * (1 - above.mean()) / len(above))
    m = bank.subject.members
    if total <= 0 or examples >= total / 4:
        return (
            f"More members would not halve this interval, {4 * len(above):,} {bank.noun()} would; {4 * m} members "
            "would halve the error of a single score."
        )
    needed = int(np.ceil(m * (total - examples) / (total / 4 - examples)))
    return f"About {needed:,} members would halve this interval, {4 * m} the error of a single score."


def _votes(bank: Bank, logits: np.ndarray, mask: np.ndarray, i: int) -> tuple[str, int, int]:
    """What the members that did not see example i say of it: the most frequent class, how many, of how many."""
    out = ~mask[:, i]
    votes = np.bincount(logits[out, i].argmax(1), minlength=bank.data.output.k)
    return class_name(bank, int(votes.argmax())), int(votes.max()), int(out.sum())


def class_name(bank: Bank, label: int) -> str:
    """The name of a class."""
    classes = bank.data.output.classes
    return classes[label] if label < len(classes) else str(label)


def _most(bank: Bank, order, score, logits, mask) -> tuple[Exhibits, ...]:
    changed = bank.data.truth.changed
    planted = changed if changed is not None else np.zeros(len(score), bool)
    groups = []
    for label, ring, chosen, room in (
        ("labels we redrew", True, planted, 5),
        ("labels as they came", False, ~planted, 7 if planted.any() else 12),
    ):
        rows = [int(i) for i in order if chosen[i] and score[i] > 0][:room]
        if rows:
            shown = tuple(_exhibit(bank, i, score, logits, mask, ring) for i in rows)
            groups.append(ExhibitGroup(label=label, ring=ring, shown=shown))
    shown = Exhibits(title="Most memorised", keys=("label", "the others say", "how many"), groups=tuple(groups))
    return (shown,) if groups else ()


def _exhibit(bank: Bank, i: int, score, logits, mask, ring: bool) -> Exhibit:
    said, votes, members = _votes(bank, logits, mask, i)
    label = class_name(bank, int(bank.data.train.y[i]))
    came = class_name(bank, int(bank.data.truth.clean[i])) if ring and bank.data.truth.clean is not None else ""
    ident = int(bank.data.train.ids[i])
    sentence = (
        f"{bank.noun(1)} {ident}: labelled {label}{f' (redrawn; it came as {came})' if came else ''}; {votes} of "
        f"{members} members without it say {said}; score {number(float(score[i]), 2)}"
    )
    return Exhibit(id=ident, lines=(label, said, f"{votes} of {members}"), sentence=sentence)
