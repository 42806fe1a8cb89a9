"""Whose removal would change a prediction? Effect, held against models that were really trained without."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from byheart.learners.attribution_run import Questions
from byheart.maths.memorisation.counterfactual import influence
from byheart.maths.statistics.ranking import DatamodelScore, auc, auc_interval
from byheart.maths.statistics.resampling import Interval
from byheart.maths.statistics.seen_unseen import both_sides
from byheart.probes import attribution
from byheart.probes.applicability import one_sided
from byheart.probes.attribution import FEWEST_MEMBERS, FEWEST_QUERIES, Asked
from byheart.probes.base import Assumption, Bank, Cost, Need, Probe, Subject, reason
from byheart.records.facts import FactTable
from byheart.records.finding import Finding, NotApplicable
from byheart.records.quantity import Quantity, interval_by
from byheart.records.reason import Reason
from byheart.training.run import ATTRIBUTION

# what the recorded training tells of its effects; `said` is of older ledgers
TOLD = ("steps", "hessian", "moments", "curvature", "covered", "skipped", "layers", "damping", "said")


class Effect(Probe):
    r"""Whose removal would change a prediction?

    effect_i(x) is by how much the target of x (margin of the label; the value; log p of the passage) is higher for
    having training example i. *Positive = having it in raises the target; leaving it out lowers it by about so much.*
    `method`: unrolled, through the recorded training, averaged over moments of it (as a rule the best by far); retrain,
    mean difference over the bank's members; curvature; projected and checkpoints, baselines in arbitrary units.

    Every card is held against real retrainings: effect_lds, the rank correlation, over the bank's members, between the
    summed effects of what each saw and what it says [-1 to 1]; where its interval holds 0 the card is withheld. Of a
    training example self_effect_share = |effect_i(x_i)| / sum_j |effect_j(x_i)| [0 to 1].

    Rote: 1, an example moves itself alone. Oracle: 0, nothing moves. Cost: one training, and about twice as much again
    a prediction (unrolled). Fails when: training is rough (large steps, Adam late in training): the printed correlation
    then falls. Reference: Hara, Nitanda and Maehara 2019, Data cleansing for models trained with SGD, section 3.2;
    Ilyas and Engstrom 2025, MAGIC, arXiv 2504.16430; linear datamodeling score: Park et al. 2023, TRAK: attributing
    model behavior at scale, definition 2.3.

    Example:
        >>> Effect(method="retrain").question
        'Whose removal would change a prediction?'
    """

    name: ClassVar[str] = "memory/effect"
    version: ClassVar[int] = 6
    cost: ClassVar[Cost] = "on request"
    needs: ClassVar[tuple[str, ...]] = ("test",)
    assumes: ClassVar[tuple[Assumption, ...]] = ()
    method: Literal["unrolled", "retrain", "curvature", "projected", "checkpoints"] = "unrolled"
    test: int = Field(16, ge=FEWEST_QUERIES)
    train: int = Field(32, ge=FEWEST_QUERIES)

    def requires(self, subject: Subject) -> tuple[Need, ...] | NotApplicable:
        """The bank, and but for `retrain` the recorded model."""
        if self.method != "retrain" and (lacking := attribution.not_recorded(self, subject, "retrain")):
            return lacking
        if self.method == "projected" and "classes" not in subject.offers:
            return self.not_applicable("gradients need classes")
        needs = (subject.bank(), attribution.again(subject))
        return needs if self.method == "retrain" else (self._recorded(subject), *needs)

    def _recorded(self, subject: Subject) -> Need:
        asked = Questions(effect="" if self.method == "retrain" else self.method, test=self.test, train=self.train)
        return attribution.need(subject, asked)

    def measure(self, bank: Bank) -> tuple[Finding | NotApplicable, dict[str, np.ndarray]]:
        """The effects, what they are worth, and whom they name; withheld where they foretell nothing."""
        run = bank[bank.subject.bank()]
        if self.method == "retrain":
            if why := one_sided(run.members):
                return self.refusal(why), {}
            asked, lds = by_halves(bank, self.rows(bank))
        else:
            asked = Asked.of(bank, bank[self._recorded(bank.subject)])
            lds = attribution.checked(bank, asked.of_test("effect"), asked.test)
        if lacking := attribution.too_few(self, asked):
            return lacking, {}
        quantities = self._quantities(bank, asked, lds)
        if not quantities:
            return self.not_applicable("too few to check", members=len(run.members), needed=2 * FEWEST_MEMBERS), {}
        # if all effects are zero, none is reported
        foretells = not asked.of_test("effect").any() or (lds is not None and lds.interval.low > 0)
        unchecked = self._unchecked(run.members.mask) if lds is None else None
        recorded = asked.run.about.get("attribution", {})
        details: dict[str, Any] = {"method": self.method, "members": len(run.members), "unchecked": unchecked}
        details |= {name: recorded[name] for name in TOLD if name in recorded}
        facts: dict[str, Any] = {"details": details}
        # differences of means over the members themselves would foretell these very members, noise and all
        if lds is not None and self.method != "retrain":
            details["example"], facts["tables"] = _against_retraining(bank, asked)
        if foretells:
            of_itself = "self_effect_share" in quantities
            facts["headline"] = "self_effect_share" if of_itself else "effect_lds"
            facts["poles"] = attribution.POLES if of_itself else ()
            facts["ranked"] = attribution.largest(bank, asked, asked["effect"])
        else:
            facts |= {"status": "withheld", "withheld": self._withheld(unchecked, len(run.members))}
        return self.finding(quantities, **facts), {}

    def _withheld(self, unchecked: str | None, members: int) -> Reason:
        if unchecked:
            return reason("unchecked", cause=unchecked, members=members)
        return reason("no prediction", other="retrain" if self.method == "unrolled" else "unrolled")

    def _unchecked(self, mask: np.ndarray) -> str:
        if len(mask) < FEWEST_MEMBERS * (1 + (self.method == "retrain")):
            return "too few members"
        if self.method == "retrain" and any(_one_sided(mask[half]) for half in _halves(len(mask))):
            return "one-sided halves"
        return "members agree"

    def rows(self, bank: Bank) -> np.ndarray:
        """The new examples that retraining is asked about, drawn by id."""
        by_id = np.argsort(bank.data.views["test"].ids, kind="stable")
        return by_id[self.rng(bank, "rows").permutation(len(by_id))][: self.test]

    def _quantities(self, bank: Bank, asked: Asked, lds: DatamodelScore | None) -> dict[str, Quantity]:
        n, q, changed = len(bank.data.train), len(asked.test), bank.data.truth.changed
        found: dict[str, Quantity] = {}
        if lds is not None:
            found["effect_lds"] = attribution.correlation(lds.value, lds.interval, q, better="high")
            if top := attribution.ceiling(bank, asked.test):
                found["lds_ceiling"] = attribution.correlation(*top, q)
        if len(asked.train):
            found |= attribution.self_share(bank, asked, "effect")
        if changed is not None and changed.any() and not changed.all():
            harm, rng = -asked.of_test("effect").mean(0), self.rng(bank, "queries")
            found["redrawn_harm_auc"] = Quantity(
                value=auc(harm, changed), unit="auc", null=0.5, n=n, better="high", speaks_of="run",
                **interval_by("examples of both kinds drawn with replacement", auc_interval(harm, changed, rng)),
            )  # fmt: skip
        return found


def _against_retraining(bank: Bank, asked: Asked) -> tuple[int, dict[str, FactTable]]:
    """One new example, by id: what its effects foretell for each member, and what the member says of it."""
    mask = bank[bank.subject.bank()].members.mask
    outputs, scores = attribution.retrained(bank, asked.test), asked.of_test("effect")
    query = int(np.argmax(np.ptp(outputs, axis=0) > 0))
    foretold = mask @ scores[query] - mask.mean(0) @ scores[query]
    columns = {"predicted": tuple(foretold.tolist()), "retrained": tuple(outputs[:, query].tolist())}
    return int(bank.data.views["test"].ids[asked.test[query]]), {"members": FactTable(values=columns)}


def by_halves(bank: Bank, rows: np.ndarray) -> tuple[Asked, DatamodelScore | None]:
    """Effects by retraining, and how well those of one half of the members foretell the other half, both ways.

    Effects are differences over all members. Judged by the members that made them, they would foretell noise perfectly.
    None for the score where a half has fewer than 16 members, or leaves an example without one of its sides. Value and
    ends are means over both ways.
    """
    run = bank[bank.subject.bank()]
    outputs, mask = attribution.retrained(bank, rows), run.members.mask
    answers = {"effect": influence(outputs, mask)[0].T}
    asked, scores = Asked(run.with_kept("attribution", answers, ATTRIBUTION), rows, np.zeros(0, int)), []
    for half in _halves(len(mask)):
        if len(mask) < 2 * FEWEST_MEMBERS or _one_sided(mask[half]):
            return asked, None
        effects = influence(outputs[half], mask[half])[0].T
        scores.append(attribution.checked(bank, effects, rows, ~half))
    if None in scores:
        return asked, None
    value, low, high = np.mean([(score.value, *score.interval) for score in scores], 0).tolist()
    return asked, DatamodelScore(value, Interval(low, high), float("nan"))


def _halves(m: int) -> tuple[np.ndarray, np.ndarray]:
    first = np.arange(m) < m // 2
    return first, ~first


def _one_sided(mask: np.ndarray) -> bool:
    """Whether an example was seen by all of these members, or by none."""
    return not both_sides(mask).all()
