"""Which examples are right only because they were trained on? Memorisation scores."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from byheart.maths.codes.bank import bank_lengths
from byheart.maths.memorisation.counterfactual import (
    memorisation,
    raw_memorised_share,
    shuffled,
    split_half_reliability,
)
from byheart.maths.memorisation.memorised_share import Share, memorised_share, shares_above
from byheart.maths.statistics.effective_sample_size import TOO_FEW
from byheart.maths.statistics.intervals import budget_share_intervals, memorised_share_interval
from byheart.maths.statistics.seen_unseen import side_means
from byheart.probes.base import Bank, Need, Probe, Subject
from byheart.probes.interval_sources import largest_source
from byheart.probes.memory.counterfactual.ranked import SHUFFLES, alike, explained, ranked, reliabilities
from byheart.records.chart import Axis, Chart, Line, Mark, Rule, Table
from byheart.records.figures import count, number, percent
from byheart.records.finding import Exhibit, ExhibitGroup, Exhibits, Finding, NotApplicable, Pole
from byheart.records.quantity import Quantity
from byheart.training.run import Run

# Feldman and Zhang 2020 publish their high-influence pairs at scores of at least 0.25.
THRESHOLD = 0.25
SURE = 0.95  # an example is named as memorised where the probability that it is exceeds this
NULLS = 5
GRID = np.round(np.arange(-0.2, 1.01, 0.05), 2)
AT = int(np.searchsorted(GRID, THRESHOLD))
SCORE_IS = (
    "score = share of members right about it among those that saw it \u2212 the same among those that did not. Share: "
    "the distribution of both true shares over examples by nonparametric maximum likelihood, since counting measured "
    "scores counts their noise. Rank: mean of the true score given what the members answered"
)
POLES = "Rote scores 1 wherever its guess would miss, the Oracle 0"
ERROR = "from (x + 1)/(t + 2), x right ones of t members, on both sides, so that none claims to be exact"


class Counterfactual(Probe):
    r"""Which examples are right only because they were trained on?

    score_i = share of members right about example i among those that saw it - the same among those that did not
    [0/1 form, -1 to 1]; the C-score is the second term alone. memorised_share = share of examples whose true score is
    0.25 or more, by `maths.memorisation.memorised_share`, which takes out the noise of the scores; memorised_share_raw
    counts the scores as they are. Examples are ranked by the posterior mean of their true score. For values the outcome
    is minus the squared error over the variance of the target, for passages minus the bits; scores are ranked and no
    share is counted.

    Rote: 1 on every example its guess would miss. Oracle: 0. Cost: no training of its own. Fails when: an example is
    left out by too few members, or near-duplicates stand in for one another. Reference: Feldman and Zhang 2020, What
    neural networks memorize and why, eq. 1 and section 3; C-score: Jiang et al. 2021, Characterizing structural
    regularities, section 2.

    Example:
        >>> Counterfactual().question
        'Which examples are right only because they were trained on?'
    """

    name: ClassVar[str] = "memory/counterfactual"
    version: ClassVar[int] = 5
    question: ClassVar[str] = "Which examples are right only because they were trained on?"
    reference: ClassVar[str] = (
        "Feldman and Zhang 2020, What neural networks memorize and why, eq. 1 and section 3; C-score: Jiang et al. "
        "2021, Characterizing structural regularities of labeled data, section 2"
    )

    def requires(self, subject: Subject) -> tuple[Need, ...] | NotApplicable:
        """The bank, and the pole that stands at the upper end."""
        if "tokens" in subject.offers:
            return (subject.bank(),)
        return (subject.bank(), subject.baseline("rote"))

    def measure(self, bank: Bank) -> tuple[Finding | NotApplicable, dict[str, np.ndarray]]:
        """Scores, their share, null and reliability, and the most memorised examples."""
        run = bank[bank.subject.bank()]
        if lacking := self.one_sided(bank, run.members.mask):
            return lacking, {}
        if bank.data.output.kind != "classes":
            return ranked(self, bank)
        mask, outcomes, counted = run.members.mask, run.views["train"], bank.counted
        right = outcomes.correct[-1]  # (m, n)
        score, error = memorisation(right, mask)
        share = memorised_share(right, mask, THRESHOLD, bank.groups, counted)
        mean, sure = share.posterior_mean.copy(), share.posterior_probability.copy()
        planted, control, redrawn = _redrawn(bank), not counted.all(), None
        if planted.any():
            redrawn = memorised_share(right[:, planted], mask[:, planted], THRESHOLD, bank.groups[planted])
        if redrawn and control:
            mean[planted], sure[planted] = redrawn.posterior_mean, redrawn.posterior_probability
        of_all = right[:, counted], mask[:, counted]
        fine = split_half_reliability(_probability(bank, run)[:, counted], of_all[1], self.rng(bank, "halves"))
        coarse = split_half_reliability(*of_all, self.rng(bank, "halves"))
        order = np.lexsort((bank.data.train.ids, -np.round(mean, 12)))
        masks = (shuffled(of_all[1], self.rng(bank, "null", s)) for s in range(NULLS))
        null = np.mean([shares_above(of_all[0], by_chance, GRID) for by_chance in masks], axis=0)
        quantities = {
            "memorised_share": self._share(bank, share, float(null[AT])),
            "memorised_share_raw": self._raw(bank, *of_all),
            **({"control_memorised_share": _control(redrawn)} if redrawn and control else {}),
            **reliabilities(fine, coarse, of_all[0].shape[1]),
            "c_score": self._c_score(bank, *of_all),
        }
        finding = Finding(
            probe=self.name,
            question=self.question.replace("examples", bank.noun()),
            headline="memorised_share",
            says=f"of the training {bank.noun()} are memorised: left out, they are right at least 25 points less often",
            quantities=quantities,
            poles=(Pole(name="Oracle", value=0.0), Pole(name="Rote", value=_rote_share(bank))),
            body=self._body(bank, quantities, redrawn, error, sure, fine) + _source(bank, share),
            charts=(self._chart(bank, right, mask, null, quantities["memorised_share"]),),
            exhibits=_most(bank, order, score, sure, outcomes.logits, mask),
            how=explained(bank, mask, SCORE_IS, POLES, ERROR),
            reference=self.reference,
        )
        return finding, {
            "score": score,
            "standard_error": error,
            "posterior_mean": mean,
            "posterior_probability": sure,
            "c_score": side_means(right.astype(np.float64), mask)[1],
            "rank": np.argsort(order, kind="stable").astype(np.int64),
        }

    def _share(self, bank: Bank, share: Share, null: float) -> Quantity:
        return Quantity(
            value=share.value, unit="share", interval=share.interval, null=null, n=int(bank.counted.sum()),
            better="low",
            how=f"share of training {bank.noun()} whose true 0/1 score is at least {THRESHOLD}, by nonparametric "
            "maximum likelihood; interval: over fresh draws of examples (copies together) and training set; null: "
            f"the masks of the members shuffled, {NULLS} times{'' if share.interval else f'; {TOO_FEW}'}",
        )  # fmt: skip

    def _raw(self, bank: Bank, right: np.ndarray, mask: np.ndarray) -> Quantity:
        counts = memorised_share_interval(right, mask, THRESHOLD, bank.groups[bank.counted])
        rng = self.rng(bank, "null")
        null = np.mean([raw_memorised_share(right, shuffled(mask, rng), THRESHOLD) for _ in range(SHUFFLES)])
        return Quantity(
            value=counts.value, unit="share", interval=counts.interval, null=float(null), n=right.shape[1],
            better="low",
            how=f"share of measured scores of at least {THRESHOLD}, which counts their noise too; interval: as of "
            f"memorised_share; null: the masks of the members shuffled, {SHUFFLES} times"
            f"{'' if counts.interval else f'; {TOO_FEW}'}",
        )  # fmt: skip

    def _c_score(self, bank: Bank, right: np.ndarray, mask: np.ndarray) -> Quantity:
        errors = 1 - right.astype(np.float64)
        held = budget_share_intervals(np.ones(right.shape[1]), errors, mask, bank.groups[bank.counted]).understood
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

    def _body(self, bank: Bank, quantities, redrawn: Share | None, error, sure, reliability) -> tuple[str, ...]:
        raw, sentences = quantities["memorised_share_raw"], []
        if redrawn:
            apart = "; no total here counts them" if "control_memorised_share" in quantities else ""
            sentences.append(f"Of the {_labels(bank)} it memorised {percent(redrawn.value, 0)}{apart}.")
        certain = int((sure > SURE)[bank.counted].sum())
        sentences.append(
            f"{count(certain)} {bank.noun(certain)} {'is' if certain == 1 else 'are'} memorised with a probability "
            f"above {SURE}; only such are listed. Counting measured scores of {THRESHOLD} or more gives "
            f"{percent(raw.value)} ({percent(raw.null)} by chance), noise included."
        )
        sentences.append(
            f"{alike(bank, reliability, ' (probability form)')} A single score is known to "
            f"\u00b1{number(1.96 * float(error.max()), 2)} at worst."
        )
        return (*sentences, *(() if quantities["memorised_share"].interval else (f"There is {TOO_FEW}.",)))

    def _chart(self, bank: Bank, right, mask, null, share: Quantity) -> Chart:
        curves = [(f"all {count(share.n)} training {bank.noun()}", "memorised", self._above(right, mask, bank.counted))]
        if (planted := _redrawn(bank)).any():
            curves.insert(0, (f"the {_labels(bank)}", "ink", self._above(right, mask, planted)))
        curves.append(("membership shuffled", "null", null))
        lines = tuple(Line(label=label, role=role, x=tuple(GRID), y=tuple(y)) for label, role, y in curves)
        at = [int(np.searchsorted(GRID, x)) for x in (0.1, THRESHOLD, 0.4, 0.55, 0.7, 0.85, 1.0)]
        return Chart(
            title=f"Share of {bank.noun()} by memorisation score",
            description=f"{percent(share.value)} of all {bank.noun()} have a true score of {THRESHOLD} or more.",
            x=Axis(title="true memorisation score at least", domain=(-0.2, 1.0), ticks=(0, 0.25, 0.5, 0.75, 1)),
            y=Axis(title=f"share of {bank.noun()}", domain=(0, 1), format="percent"),
            lines=lines,
            marks=(Mark(x=THRESHOLD, y=share.value, label=percent(share.value), role="memorised"),),
            rules=(Rule(axis="x", at=THRESHOLD),),
            reading=(
                f"The height at score x is the share of {bank.noun()} that are right at least x more often when they "
                f"were in the training set. The headline is the orange line at {THRESHOLD}. The dashed line is what "
                f"chance gives with {len(mask)} members."
            ),
            table=Table(
                columns=("score at least", *(label for label, _, _ in curves)),
                rows=tuple((number(GRID[i], 2), *(percent(y[i]) for _, _, y in curves)) for i in at),
            ),
        )

    def _above(self, right: np.ndarray, mask: np.ndarray, among: np.ndarray) -> np.ndarray:
        return shares_above(right[:, among], mask[:, among], GRID)


def _redrawn(bank: Bank) -> np.ndarray:
    """(n,) the labels that differ from those that came: by the audit's control, or where there is none at all."""
    changed = bank.data.truth.changed
    if changed is None:
        return np.zeros(len(bank.data.train), bool)
    return changed if bank.counted.all() else changed & ~bank.counted


def _labels(bank: Bank) -> str:
    changed = int(_redrawn(bank).sum())
    return f"{count(changed)} redrawn labels" if changed > 1 else "one redrawn label"


def _control(redrawn: Share) -> Quantity:
    return Quantity(
        value=redrawn.value, unit="share", interval=redrawn.interval, null=0.0, n=len(redrawn.posterior_mean),
        how="memorised_share of the labels that the audit's control redrew and changed; interval as there; null: 0 by "
        f"definition{'' if redrawn.interval else f'; {TOO_FEW}'}",
    )  # fmt: skip


def _source(bank: Bank, share: Share) -> tuple[str, ...]:
    return (source,) if (source := largest_source(bank, share.interval, share.sources)) else ()


def _probability(bank: Bank, run: Run) -> np.ndarray:
    """(m, n) probability of the label: as the model says it, calibrated where it gives only scores, 0 or 1 where it
    gives only labels: calibrated those would rank examples by their class and half, which every bank repeats."""
    outcomes, train, mask = run.views["train"], bank.data.train, run.members.mask
    if run.about.get("outputs") == "labels":
        return outcomes.correct[-1].astype(np.float64)
    if run.about.get("outputs") != "scores":
        return np.exp(-outcomes.loss_nats[-1].astype(np.float64))
    where = {"ids": train.ids, "groups": bank.groups}
    return 2.0 ** -bank_lengths(outcomes.logits, train.y, mask, bank.subject.seed, **where).member_bits


def _rote_share(bank: Bank) -> float:
    """What a lookup table scores: measured where it was run, else what a guess at the likeliest class misses."""
    need = bank.subject.baseline("rote")
    if need in bank:
        rote = bank[need]
        return float(shares_above(rote.views["train"].correct[-1], rote.members.mask, [THRESHOLD])[0])
    return 1 - bank.data.most_frequent


def _votes(bank: Bank, logits: np.ndarray, mask: np.ndarray, i: int) -> tuple[str, int, int]:
    """What the members that did not see example i say of it: the most frequent class, how many, of how many."""
    out = ~mask[:, i]
    votes = np.bincount(logits[out, i].argmax(1), minlength=bank.data.output.k)
    return class_name(bank, int(votes.argmax())), int(votes.max()), int(out.sum())


def class_name(bank: Bank, label: int) -> str:
    """The name of a class."""
    classes = bank.data.output.classes
    return classes[label] if label < len(classes) else str(label)


def _most(bank: Bank, order, score, sure, logits, mask) -> tuple[Exhibits, ...]:
    planted, groups = _redrawn(bank), []
    for label, ring, chosen, room in (
        ("labels we redrew", True, planted, 5),
        ("labels as they came", False, ~planted, 7 if planted.any() else 12),
    ):
        certain = chosen & (sure > SURE)
        if certain.any():
            rows = [int(i) for i in order if certain[i]][:room]
            shown = tuple(_exhibit(bank, i, score, sure, logits, mask, ring) for i in rows)
            label = f"{label} ({count(int(certain.sum()))} with a probability above {SURE})"
            groups.append(ExhibitGroup(label=label, ring=ring, shown=shown))
    shown = Exhibits(title="Most memorised", keys=("label", "the others say", "how many"), groups=tuple(groups))
    return (shown,) if groups else ()


def _exhibit(bank: Bank, i: int, score, sure, logits, mask, ring: bool) -> Exhibit:
    said, votes, members = _votes(bank, logits, mask, i)
    label = class_name(bank, int(bank.data.train.y[i]))
    came = class_name(bank, int(bank.data.truth.clean[i])) if ring and bank.data.truth.clean is not None else ""
    ident = int(bank.data.train.ids[i])
    sentence = (
        f"{bank.noun(1)} {ident}: labelled {label}{f' (redrawn; it came as {came})' if came else ''}; {votes} of "
        f"{members} members without it say {said}; score {number(float(score[i]), 2)}, "
        f"memorised with probability {number(float(sure[i]), 2)}"
    )
    return Exhibit(id=ident, lines=(label, said, f"{votes} of {members}"), sentence=sentence)
