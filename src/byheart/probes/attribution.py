"""Attribution: what credit and effect share. Who was asked, the check against retraining, the largest scores."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy.stats import t as student_t

from byheart.learners.attribution_run import Questions
from byheart.maths.statistics.ranking import DatamodelScore, datamodel_score, seed_ceiling
from byheart.maths.statistics.resampling import Interval
from byheart.probes.base import Bank, Need, Probe, Subject
from byheart.records.facts import Ranked
from byheart.records.finding import NotApplicable, Pole
from byheart.records.quantity import Quantity, Unit, interval_by
from byheart.training.run import Run

FEWEST_QUERIES = 8  # fewer predictions give no interval to speak of
FEWEST_MEMBERS = 16  # a rank correlation over fewer retrained models says nothing
AGAIN = 32
POLES = (Pole(name="Oracle", value=0.0), Pole(name="Rote", value=1.0))
# how intervals are made, beside the jackknife over members and predictions of the check
TYPICAL, MEAN = "Student's t on the logarithms", "Student's t over predictions"
JACKKNIFE = "jackknife over predictions"
SHOWN_QUERIES, SHOWN_FOR, SHOWN_AGAINST = 3, 7, 4


def need(subject: Subject, questions: Questions) -> Need:
    """The one model trained on everything, recorded and asked."""
    return Need(members=1, share=1.0, checkpoints=(subject.checkpoints()[-1],), keep=(questions,))


def again(subject: Subject) -> Need:
    """The first members once more from other seeds: how much of what members say is the noise of their training?"""
    end = (subject.checkpoints()[-1],)
    return Need(members=min(AGAIN, subject.members), share=subject.share, checkpoints=end, reseeded=True)


def not_recorded(probe: Probe, subject: Subject, instead: Literal["retrain", "record"]) -> NotApplicable | None:
    """The answer where a subject's training is not made of steps that our loop records; `instead` is what helps."""
    unlike = [lever.name for lever in subject.levers if not lever.recordable]
    unlike += [f"{subject.phases} phases"] * (subject.phases > 1) + [subject.learner.name] * (not subject.learner.fleet)
    unlike += ["clip"] * bool(getattr(subject.learner, "clip", 0))
    return probe.not_applicable("not recorded", learner=unlike[0], instead=instead) if unlike else None


@dataclass(frozen=True)
class Asked:
    """The q predictions asked about: rows of the views, and the answers as `learners.attributed` names them."""

    run: Run
    test: np.ndarray
    train: np.ndarray

    @classmethod
    def of(cls, bank: Bank, run: Run) -> Asked:
        """The rows by the ids that the run was asked about."""
        return cls(run, *(_rows(bank, view, (run.attribution or {}).get(f"{view}_ids")) for view in ("test", "train")))

    def __getitem__(self, name: str) -> np.ndarray:
        return np.asarray((self.run.attribution or {})[name], np.float64)

    def __contains__(self, name: str) -> bool:
        return name in (self.run.attribution or {})

    def of_test(self, name: str) -> np.ndarray:
        """The answers about new examples (q_test, ...)."""
        return self[name][: len(self.test)]

    def of_train(self, name: str) -> np.ndarray:
        """The answers about training examples (q_train, ...)."""
        return self[name][len(self.test) :]


def too_few(probe: Probe, asked: Asked) -> NotApplicable | None:
    """The answer where fewer new examples are there than an interval takes."""
    if len(asked.test) >= FEWEST_QUERIES:
        return None
    return probe.not_applicable("small test set", examples=len(asked.test), needed=FEWEST_QUERIES)


def _rows(bank: Bank, view: str, ids: np.ndarray | None) -> np.ndarray:
    if ids is None:
        return np.zeros(0, int)
    place = {int(ident): row for row, ident in enumerate(bank.data.views[view].ids)}
    return np.array([place[int(ident)] for ident in ids], int)


def own_share(scores: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """(q,) |score| of a training example for itself over the sum of all, 0 where nothing was learned."""
    total = np.abs(scores).sum(1)
    own = np.abs(scores[np.arange(len(rows)), rows])
    return np.divide(own, total, out=np.zeros_like(own), where=total > 0)


def typical(values: np.ndarray, weights: np.ndarray | None = None) -> tuple[float, Interval]:
    """Geometric mean of q positive numbers, and its 95 % interval by Student's t on their logarithms.

    Shares of credit spread over decades: the mean of 32 of them hangs on the largest, and a bootstrap of it held the
    truth in 85 of 100 where it promised 95. Zeros alone give 0. `weights` (q,) count a query more or less often.
    """
    if not values.any():
        return 0.0, Interval(0.0, 0.0)
    logs = np.log(np.maximum(values, 1e-6 * values.max()))
    weights = np.full(len(logs), 1.0) if weights is None else weights
    parts = weights / weights.sum()
    mean, reach = float(parts @ logs), _reach(logs, parts)
    return float(np.exp(mean)), Interval(float(np.exp(mean - reach)), float(np.exp(mean + reach)))


def mean_interval(values: np.ndarray) -> tuple[float, Interval]:
    """Mean of (q,) shares, and its 95 % interval by Student's t, within 0 and 1."""
    mean, reach = float(values.mean()), _reach(values, np.full(len(values), 1 / len(values)))
    return mean, Interval(max(0.0, mean - reach), min(1.0, mean + reach))


def jackknife(value: Callable[[np.ndarray], float], q: int, most: float) -> tuple[float, Interval]:
    """A number of q queries, and its interval by leaving out one at a time (Student's t, within 0 and `most`)."""
    everybody = np.arange(q)
    whole, left = value(everybody), np.array([value(np.delete(everybody, j)) for j in everybody])
    error = float(np.sqrt((q - 1) / q * ((left - left.mean()) ** 2).sum()))
    reach = float(student_t.ppf(0.975, q - 1)) * error
    return whole, Interval(max(0.0, whole - reach), min(most, whole + reach))


def _reach(values: np.ndarray, parts: np.ndarray) -> float:
    """How far the 95 % interval of sum(parts * values) reaches to either side; queries of one weight vary alike.

    Two strata of other weights: variances add, degrees of freedom after Welch and Satterthwaite.
    """
    terms = []
    for part in np.unique(parts):
        kept = values[parts == part]
        if len(kept) > 1:
            terms.append(((part * len(kept)) ** 2 * kept.var(ddof=1) / len(kept), len(kept) - 1))
    variance = sum(term for term, _ in terms)
    if variance <= 0:
        return 0.0
    freedom = variance**2 / sum(term**2 / freedom for term, freedom in terms)
    return float(student_t.ppf(0.975, freedom) * np.sqrt(variance))


def weighed(planted: np.ndarray, part: float) -> np.ndarray:
    """(q,) weights by which queries, of which planted ones were taken more often, count as often as they are there."""
    counts = np.where(planted, planted.sum(), (~planted).sum())
    share = np.where(planted, part, 1 - part) if planted.any() and not planted.all() else np.ones(len(planted))
    return share / counts


def retrained(bank: Bank, rows: np.ndarray, of: Need | None = None) -> np.ndarray:
    """(m, q) what the bank's members (or those `of` a need) say of new examples: margin, value, or log p of a passage
    in nats."""
    kept = bank[of or bank.subject.bank()].views["test"]
    if kept.margin is not None:
        return kept.margin[-1][:, rows].astype(np.float64)
    if bank.data.output.passages:
        return -kept.loss_nats[-1][:, rows].astype(np.float64)
    return np.asarray(kept.logits)[:, rows, 0].astype(np.float64)


def checked(
    bank: Bank, scores: np.ndarray, rows: np.ndarray, by: np.ndarray | slice = slice(None)
) -> DatamodelScore | None:
    """How well do scores (q, n) foretell the bank's members, or some of them? None: too few, or they all agree."""
    mask, outputs = bank[bank.subject.bank()].members.mask[by], retrained(bank, rows)[by]
    if len(mask) < FEWEST_MEMBERS or not (np.ptp(outputs, axis=0) > 0).any():
        return None
    order = np.argsort(bank.data.train.ids, kind="stable")  # sums in one order, whatever that of the examples
    return datamodel_score(scores[:, order], mask[:, order], outputs)


def ceiling(bank: Bank, rows: np.ndarray) -> tuple[float, Interval] | None:
    """The most that any scores could foretell, one seed a subset; None where members are too few to say."""
    other = again(bank.subject)
    first, second = retrained(bank, rows), retrained(bank, rows, other)
    m = min(len(first), len(second))
    both = np.stack([first[:m], second[:m]], 1)
    # a member that failed is missing in one of the two: the subsets would not be the same
    same = len(first) == bank.subject.members and len(second) == other.members
    if m < FEWEST_MEMBERS or not same or not (np.ptp(both, axis=0) > 0).all(0).any():
        return None
    return seed_ceiling(both)


def estimated(estimate: tuple[float, Interval], null: float, n: int, method: str, unit: Unit = "share") -> Quantity:
    """A number of the one recorded run; rounding leaves its value within its interval."""
    value, (low, high) = estimate
    made = interval_by(method, (min(low, value), max(high, value)))
    return Quantity(value=value, unit=unit, null=null, n=n, speaks_of="run", **made)


def self_share(bank: Bank, asked: Asked, answer: str) -> dict[str, Quantity]:
    """How much of what is behind a training example is the example itself: all of them, and labels we redrew."""
    changed = bank.data.truth.changed
    planted = np.zeros(len(asked.train), bool) if changed is None else changed[asked.train]
    part = 0.0 if changed is None else float(changed.mean())
    own = own_share(asked.of_train(answer), asked.train)
    name, of_all = f"self_{answer}_share", typical(own, weighed(planted, part))
    found = {name: estimated(of_all, 1 / len(bank.data.train), len(own), TYPICAL)}
    if planted.sum() >= FEWEST_QUERIES:
        found[f"{name}_redrawn"] = estimated(typical(own[planted]), of_all[0], int(planted.sum()), TYPICAL)
    return found


def correlation(value: float, interval: Interval, q: int, **more: Any) -> Quantity:
    """A rank correlation over members, mean over q predictions: the score against retraining, or its ceiling."""
    made = interval_by("jackknife over members and predictions", interval)
    return Quantity(value=value, unit="correlation", null=0.0, n=q, **made, **more)


def largest(bank: Bank, asked: Asked, scores: np.ndarray) -> dict[str, Ranked]:
    """The first few new examples, and for each (`query`, its id) the largest scores for it, then those against it."""
    by_id = np.argsort(bank.data.train.ids, kind="stable")
    first, rows, kept, queries = asked.test[:SHOWN_QUERIES], [], [], []
    for values, query in zip(scores, bank.data.views["test"].ids[first]):
        order = by_id[np.argsort(-values[by_id], kind="stable")]
        raising, lowering = order[:SHOWN_FOR], order[::-1][:SHOWN_AGAINST]
        named = np.concatenate([raising[values[raising] > 0], lowering[values[lowering] < 0]])
        rows.extend(named.tolist())
        kept.extend(values[named].tolist())
        queries.extend([int(query)] * len(named))
    return {
        "asked": _ranked(bank, "test", first.tolist()),
        "largest": _ranked(bank, "train", rows, query=tuple(queries), score=tuple(kept)),
    }


def _ranked(bank: Bank, view: str, rows: list[int], **figures: tuple) -> Ranked:
    examples, output = bank.data.views[view], bank.data.output
    if not output.passages:  # a passage is its own label
        code = int if output.classes else float
        figures["label"] = tuple(code(examples.y[row]) for row in rows)
    return Ranked(view=view, ids=tuple(int(examples.ids[row]) for row in rows), figures=figures)
