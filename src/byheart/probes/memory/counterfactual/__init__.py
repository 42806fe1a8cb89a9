"""Which examples are right only because they were trained on? Memorisation scores."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from byheart.maths.codes.bank import bank_lengths
from byheart.maths.memorisation.counterfactual import (
    memorisation,
    raw_memorised_share,
    shuffled,
    split_half_reliability,
)
from byheart.maths.memorisation.share import Share, memorised_share, shares_above
from byheart.maths.statistics.effective_sample_size import TOO_FEW, Estimate
from byheart.maths.statistics.intervals import budget_share_intervals, memorised_share_interval
from byheart.maths.statistics.seen_unseen import side_means
from byheart.probes.base import Bank, Need, Probe, Subject
from byheart.probes.interval_sources import source_of
from byheart.probes.memory.counterfactual.continuous_outcomes import SHUFFLES, continuous, left_out, reliabilities
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
    regularities, section 2.

    Example:
        >>> Counterfactual().question
        'Which examples are right only because they were trained on?'
    """

    name: ClassVar[str] = "memory/counterfactual"
    version: ClassVar[int] = 6
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
        fine = split_half_reliability(_probability(bank, run)[:, counted], of_all[1], self.rng(bank, "halves"))
        coarse = split_half_reliability(*of_all, self.rng(bank, "halves"))
        masks = (shuffled(of_all[1], self.rng(bank, "null", s)) for s in range(NULLS))
        null = np.mean([shares_above(of_all[0], by_chance, GRID) for by_chance in masks], axis=0)
        curves = {"share_by_score": _curve(*of_all, null)}
        if redrawn:
            curves["share_by_score_redrawn"] = _curve(right[:, planted], mask[:, planted])
        order, certain = np.lexsort((bank.data.train.ids, -np.round(mean, 12))), sure > SURE
        finding = self.finding(
            {
                "memorised_share": _share(bank, share, float(null[AT])),
                "memorised_share_raw": self._raw(bank, *of_all),
                **({"control_memorised_share": _control(redrawn)} if redrawn and control else {}),
                **reliabilities(fine, coarse, of_all[0].shape[1]),
                "c_score": _c_score(bank, *of_all),
            },
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

    def _raw(self, bank: Bank, right: np.ndarray, mask: np.ndarray) -> Quantity:
        counts = memorised_share_interval(right, mask, THRESHOLD, bank.groups[bank.counted])
        rng = self.rng(bank, "null")
        null = np.mean([raw_memorised_share(right, shuffled(mask, rng), THRESHOLD) for _ in range(SHUFFLES)])
        return _quantity(
            counts, right.shape[1], float(null),
            f"share of measured scores of at least {THRESHOLD}, which counts their noise too; interval: as of "
            f"memorised_share; null: the masks of the members shuffled, {SHUFFLES} times",
        )  # fmt: skip


def _quantity(of: Share | Estimate, n: int, null: float, how: str, **fields: Any) -> Quantity:
    """A share with its interval, or why there is none."""
    how += "" if of.interval else f"; {TOO_FEW}"
    made = {"value": of.value, "unit": "share", "interval": of.interval, "better": "low", **fields}
    return Quantity(n=n, null=null, how=how, **made)


def _share(bank: Bank, share: Share, null: float) -> Quantity:
    return _quantity(
        share, int(bank.counted.sum()), null,
        f"share of training {bank.noun()} whose true 0/1 score is at least {THRESHOLD}, by nonparametric maximum "
        "likelihood; interval: over fresh draws of examples (copies together) and training set; null: the masks of "
        f"the members shuffled, {NULLS} times",
    )  # fmt: skip


def _control(redrawn: Share) -> Quantity:
    return _quantity(
        redrawn, len(redrawn.posterior_mean), 0.0,
        "memorised_share of the labels that the audit's control redrew and changed; interval as there; null: 0 by "
        "definition", better=None,
    )  # fmt: skip


def _c_score(bank: Bank, right: np.ndarray, mask: np.ndarray) -> Quantity:
    n, errors = right.shape[1], 1 - right.astype(np.float64)
    held = budget_share_intervals(np.ones(n), errors, mask, bank.groups[bank.counted]).understood
    interval = held.interval and (max(0.0, held.low), min(1.0, held.high))
    return _quantity(
        held, n, bank.data.most_frequent,
        "mean over examples of the share of members right that did not see it; interval: over fresh draws of examples "
        "and training set; null: the most frequent class", unit="accuracy", interval=interval, better="high",
    )  # fmt: skip


def _redrawn(bank: Bank) -> np.ndarray:
    """(n,) the labels that differ from those that came: by the audit's control, or where there is none at all."""
    changed = bank.data.truth.changed
    if changed is None:
        return np.zeros(len(bank.data.train), bool)
    return changed if bank.counted.all() else changed & ~bank.counted


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
    votes = held_out_votes(run, rows)
    came = [None if clean is None or not planted[i] else int(clean[i]) for i in rows]
    return Ranked(ids=train.ids[rows], figures={
        "label": train.y[rows], "predicted": votes.argmax(1), "votes": votes.max(1), "voters": votes.sum(1),
        "clean": came, "redrawn": planted[rows], "score": score[rows], "probability": sure[rows],
    })  # fmt: skip
