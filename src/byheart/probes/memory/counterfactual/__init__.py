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
from byheart.maths.memorisation.share import Share, memorised_share, shares_above
from byheart.maths.statistics.intervals import budget_share_intervals, memorised_share_interval
from byheart.maths.statistics.seen_unseen import side_means
from byheart.probes.base import Assumption, Bank, Need, Probe, Subject
from byheart.probes.interval_sources import source_of
from byheart.probes.intervals import estimate
from byheart.probes.memory.counterfactual.continuous_outcomes import SHUFFLES, continuous, left_out, reliability
from byheart.probes.ranking import first_of, held_out_votes
from byheart.records.facts import Axis, Curve, Ranked
from byheart.records.finding import Finding, NotApplicable, Pole
from byheart.records.quantity import Quantity
from byheart.training.run import Run

# Feldman and Zhang 2020 publish their high-influence pairs at scores of at least 0.25.
THRESHOLD = 0.25
SURE = 0.95  # an example is named as memorised where the probability that it is exceeds this
NULLS = 5
GRID = np.round(np.arange(-0.2, 1.01, 0.05), 2)
AT = int(np.searchsorted(GRID, THRESHOLD))


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
    regularities of labeled data, section 2.

    Example:
        >>> Counterfactual().question
        'Which examples are right only because they were trained on?'
    """

    name: ClassVar[str] = "memory/counterfactual"
    version: ClassVar[int] = 8
    assumes: ClassVar[tuple[Assumption, ...]] = ("both sides", "varying values")

    outputs: ClassVar[tuple[str, ...]] = (*Probe.outputs, "columns", "series")

    def requires(self, subject: Subject) -> tuple[Need, ...] | NotApplicable:
        """The bank, and the pole that stands at the upper end."""
        if subject.offers & {"tokens", "series"}:
            return (subject.bank(),)
        return (subject.bank(), subject.baseline("rote"))

    def measure(self, bank: Bank) -> tuple[Finding | NotApplicable, dict[str, np.ndarray]]:
        """Scores, their share, null and reliability, and the most memorised examples."""
        run = bank[bank.subject.bank()]
        if not bank.data.output.labelled:
            return continuous(self, bank, run)
        mask, right, counted = run.members.mask, run.views["train"].correct[-1], bank.counted  # right: (m, n)
        score, error = memorisation(right, mask)
        share = memorised_share(right, mask, THRESHOLD, bank.groups, counted)
        mean, sure = share.posterior_mean.copy(), share.posterior_probability.copy()
        planted, control, redrawn = _redrawn(bank), not counted.all(), None
        if planted.any():
            redrawn = memorised_share(right[:, planted], mask[:, planted], THRESHOLD, bank.groups[planted])
        if redrawn and control:
            mean[planted], sure[planted] = redrawn.posterior_mean, redrawn.posterior_probability
        of_all = right[:, counted], mask[:, counted]
        masks = (shuffled(of_all[1], self.rng(bank, "null", s)) for s in range(NULLS))
        null = np.mean([shares_above(of_all[0], by_chance, GRID) for by_chance in masks], axis=0)
        curves = {"share_by_score": _curve(*of_all, null)}
        if redrawn:
            curves["share_by_score_redrawn"] = _curve(right[:, planted], mask[:, planted])
        order, certain = np.lexsort((bank.data.train.ids, -np.round(mean, 12))), sure > SURE
        finding = self.finding(
            self._quantities(bank, run, share, float(null[AT]), redrawn if control else None),
            question=self.question.replace("examples", bank.noun()),
            headline="memorised_share",
            poles=(Pole(name="Oracle", value=0.0), Pole(name="Rote", value=_rote_share(bank))),
            curves=curves,
            ranked={"most_memorised": _most(bank, run, order, score, sure)},
            details={
                "threshold": THRESHOLD, "sure": SURE, "certain": int(certain[counted].sum()),
                "certain_redrawn": int((certain & planted).sum()),
                "certain_as_they_came": int((certain & ~planted).sum()),
                "redrawn": int(planted.sum()), "redrawn_share": float(redrawn.value) if redrawn else None,
                "largest_standard_error": float(error.max()), **left_out(bank, mask), **source_of(share.sources),
            },
        )  # fmt: skip
        return finding, {
            "score": score, "standard_error": error, "posterior_mean": mean, "posterior_probability": sure,
            "c_score": side_means(right.astype(np.float64), mask)[1],
            "rank": np.argsort(order, kind="stable").astype(np.int64),
        }  # fmt: skip

    def _quantities(
        self, bank: Bank, run: Run, share: Share, null: float, control: Share | None
    ) -> dict[str, Quantity]:
        counted, groups = bank.counted, bank.groups[bank.counted]
        right, mask = run.views["train"].correct[-1][:, counted], run.members.mask[:, counted]
        n, rng = len(groups), self.rng(bank, "null")
        by_chance = [raw_memorised_share(right, shuffled(mask, rng), THRESHOLD) for _ in range(SHUFFLES)]
        raw = memorised_share_interval(right, mask, THRESHOLD, groups)
        facts = {"unit": "share", "better": "low", "n": n}
        found = {
            "memorised_share": estimate(share, null=null, **facts),
            "memorised_share_raw": estimate(raw, null=float(np.mean(by_chance)), **facts),
        }
        if control:
            found["control_memorised_share"] = estimate(control, unit="share", null=0.0, n=len(control.posterior_mean))
        fine = split_half_reliability(_probability(bank, run)[:, counted], mask, self.rng(bank, "halves"))
        coarse = split_half_reliability(right, mask, self.rng(bank, "halves"))
        found |= reliability("probability", fine, n) | reliability("correct", coarse, n)
        held = budget_share_intervals(np.ones(n), 1 - right.astype(np.float64), mask, groups).understood
        held = held._replace(low=np.clip(held.low, 0, 1), high=np.clip(held.high, 0, 1))
        found["c_score"] = estimate(held, unit="accuracy", null=bank.data.most_frequent, n=n, better="high")
        return found


def _redrawn(bank: Bank) -> np.ndarray:
    """(n,) the labels that differ from those that came: by the audit's control, or where there is none at all."""
    return bank.changed if bank.counted.all() else bank.changed & ~bank.counted


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


def _curve(right: np.ndarray, mask: np.ndarray, null: np.ndarray | None = None) -> Curve:
    """Share of examples by true score."""
    return Curve(
        x_axis=Axis(name="true memorisation score at least"), y_axis=Axis(name="share of examples", unit="share"),
        x=GRID, y=shares_above(right, mask, GRID), null=() if null is None else null,
    )  # fmt: skip


def _most(bank: Bank, run: Run, order: np.ndarray, score: np.ndarray, sure: np.ndarray) -> Ranked:
    """Those that are surely memorised, redrawn labels first, and what the members that did not see them say of them."""
    train, clean, planted, certain = bank.data.train, bank.data.truth.clean, _redrawn(bank), (sure > SURE)[order]
    rows = first_of(order[certain], planted)
    came = [None if clean is None or not planted[i] else int(clean[i]) for i in rows]
    return Ranked(ids=train.ids[rows], figures={
        "label": train.y[rows], **held_out_votes(run, rows), "clean": came, "redrawn": planted[rows],
        "score": score[rows], "probability": sure[rows],
    })  # fmt: skip
