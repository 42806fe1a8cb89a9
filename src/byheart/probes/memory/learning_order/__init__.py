"""In what order are examples learned, and which cheap proxy predicts memorisation?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from byheart.maths.memorisation.counterfactual import memorisation
from byheart.maths.memorisation.learning_order import Course, course, learned_by
from byheart.maths.statistics.resampling import bootstrap
from byheart.maths.statistics.seen_unseen import FEWEST_MEMBERS
from byheart.probes.applicability import few
from byheart.probes.base import Assumption, Bank, Need, Probe, Subject
from byheart.probes.density import density
from byheart.probes.intervals import BOOTSTRAP, share
from byheart.probes.memory.learning_order.one_training import of_one_training
from byheart.probes.memory.learning_order.proxies import TOP, Row, half_of, rows_of
from byheart.probes.memory.learning_order.values import WITHIN, graded
from byheart.probes.ranking import first_of
from byheart.records.facts import Axis, Curve, FactTable, Ranked
from byheart.records.finding import Finding, NotApplicable, Pole
from byheart.records.quantity import Quantity, interval_by
from byheart.training.run import Run

MEMORISED = 0.25  # memorisation score from which an example counts as memorised, as in memory/counterfactual
EASY, HARD, VARIABLE = 0.75, 0.25, 0.25  # confidence of easy and of hard examples, variability of those between
RINGS = 300  # redrawn labels on the map


class Order(Probe):
    r"""In what order are examples learned, and which cheap proxy predicts memorisation?

    Per example, over the recorded checkpoints of the members that saw it: the epoch from which it is right to the end,
    forgetting events (right, then wrong at the next checkpoint), confidence and variability (mean and standard
    deviation of the probability of its label). Each sign, from the one model trained on everything and from half of the
    members, is compared with the memorisation score of members it has not used: rank correlation, and the share of the
    top 5 % found. first_learned_spearman: how far what is learned late is what is memorised. A value counts as right
    within half a standard deviation of the target, and its confidence is exp(-squared error / (2 variance)). Fewer than
    eight members give no score to judge proxies by: examples are ranked by one of them, named as such.

    Its ends are an order that has nothing to do with memory (0) and one in which what is learned by heart comes last
    (1); Rote and Oracle learn at once and have no order: not applicable. Cost: no training of its own. Fails when:
    checkpoints are coarse: transitions between them are not seen. Reference: Toneva et al. 2019, An empirical study of
    example forgetting during deep neural network learning, section 2; Swayamdipta et al. 2020, Dataset cartography,
    eqs. 1 and 2; cheap signs: Jiang et al. 2021, section 5.

    Example:
        >>> Order().chapter
        'memory'
    """

    name: ClassVar[str] = "memory/learning-order"
    version: ClassVar[int] = 7
    drawn_as: ClassVar[str] = "memory/order"
    assumes: ClassVar[tuple[Assumption, ...]] = ("both sides", "varying values")
    fewest_members: ClassVar[int] = 1
    outputs: ClassVar[tuple[str, ...]] = ("classes", "values")
    needs: ClassVar[tuple[str, ...]] = ("epochs",)
    poles: ClassVar[tuple[str, str]] = ("no order", "by heart last")

    def requires(self, subject: Subject) -> tuple[Need, ...] | NotApplicable:
        """The bank and the one model on everything, both with a course of epochs."""
        return (subject.bank(), subject.whole())

    def measure(self, bank: Bank) -> tuple[Finding | NotApplicable, dict[str, np.ndarray]]:
        """The course of every example, and the table of stand-ins."""
        bank = graded(bank)
        run = bank[bank.subject.bank()]
        if len(run.members) < FEWEST_MEMBERS:
            return of_one_training(self, bank)
        mask, outcomes = run.members.mask, run.views["train"]
        halves = [half_of(run, slice(start, None, 2)) for start in (0, 1)]
        there = ~(np.isnan(halves[0].score) | np.isnan(halves[1].score))
        if there.sum() < 20 or any(np.ptp(half.score[there]) < 1e-12 for half in halves):
            return self.not_applicable("no halves to compare"), {}
        if why := few(bank, there):
            return self.refusal(why), {}
        path = course(outcomes.correct, outcomes.loss_nats, mask, run.checkpoints)
        rows = rows_of(bank, halves, there, self.rng)
        quantities = self._quantities(bank, path, rows, int(there.sum()))
        score = memorisation(np.exp(-outcomes.loss_nats[-1].astype(np.float64)), mask).score
        planted = bank.changed
        finding = self.finding(
            quantities,
            headline="first_learned_spearman",
            poles=(Pole(name="No order", value=0.0), Pole(name="By heart last", value=1.0)),
            curves=_curves(run, score >= MEMORISED, planted),
            tables=_map(bank, path, planted),
            ranked=learned_last(bank, path, planted, run.checkpoints),
            details={
                "top_share": TOP, "members": len(mask), "epochs": tuple(c for c in run.checkpoints if c > 0),
                "right_within": WITHIN if bank.data.output.continuous else None,
                "memorised_from": MEMORISED, "redrawn": int(planted.sum()),
                "median_epoch_redrawn": _median(path, planted, ~planted),
                "median_epoch_as_came": _median(path, ~planted, planted),
            },
        )  # fmt: skip
        return finding, {name: getattr(path, name) for name in Course._fields}

    def _quantities(self, bank: Bank, path: Course, rows: list[Row], n: int) -> dict[str, Quantity]:
        found, k = {}, max(1, round(TOP * n))
        alone = {"interval": None, "why_no_interval": "not made"}
        for row in rows:
            for kept, suffix in ((row.many, ""), (row.one, "_one_run")):
                if kept is None:
                    continue
                found[f"{row.name}_spearman{suffix}"] = Quantity(
                    value=kept.spearman, unit="correlation", null=0.0, n=n, **interval_by(BOOTSTRAP, kept.interval)
                )
                found[f"{row.name}_recall{suffix}"] = Quantity(
                    value=kept.recall, unit="share", null=k / n, n=k, **alone
                )
            if row.flips is not None:
                found[f"{row.name}_planted_auc"] = Quantity(value=row.flips, unit="auc", null=0.5, n=n, **alone)
        by_id = np.argsort(bank.data.train.ids, kind="stable")
        together, mean = bank.groups[by_id], float(path.first_learned.mean())
        drawn = bootstrap(path.first_learned[by_id], groups=together, rng=self.rng(bank, "first learned")).mean(0)
        found["first_learned"] = Quantity(
            value=mean, unit="epochs", null=None, n=len(by_id),
            **interval_by(BOOTSTRAP, (min(drawn.low, mean), max(drawn.high, mean))),
        )  # fmt: skip
        draws = len(np.unique(together))
        found["never_learned"] = share(path.never_learned, together, None, draws)
        found["ever_forgotten"] = share(path.forgetting_events > 0, together, None, draws)
        return found


def _median(path: Course, chosen: np.ndarray, others: np.ndarray) -> float | None:
    """The median epoch of first learning on one side, where there are two."""
    return float(np.median(path.first_learned[chosen])) if chosen.any() and others.any() else None


def _curves(run: Run, memorised: np.ndarray, planted: np.ndarray) -> dict[str, Curve]:
    """The share of examples that are learned for good by each epoch: of all, by memorisation, of redrawn labels."""
    by = learned_by(run.views["train"].correct, run.members.mask, run.checkpoints)
    points = np.flatnonzero(np.asarray(run.checkpoints) > 0)
    kinds = {"all": np.ones_like(memorised), "memorised": memorised, "others": ~memorised, "redrawn": planted}
    if memorised.all() or not memorised.any():
        del kinds["memorised"], kinds["others"]
    return {
        f"learned_{name}": Curve(
            x_axis=Axis(name="epoch", unit="epochs"), y_axis=Axis(name="learned for good", unit="share"),
            x=np.asarray(run.checkpoints)[points], y=by[points][:, chosen].mean(1),
            n=(int(chosen.sum()),) * len(points),
        )
        for name, chosen in kinds.items() if chosen.any()
    }  # fmt: skip


def _map(bank: Bank, path: Course, planted: np.ndarray) -> dict[str, FactTable]:
    """Confidence by variability: counts in cells, redrawn labels one by one, and counts from easy to hard."""
    easy, hard, variable = path.confidence >= EASY, path.confidence < HARD, path.variability >= VARIABLE
    between = ~easy & ~hard
    bands = np.stack([easy, between & ~variable, between & variable, hard])
    by_id = np.argsort(bank.data.train.ids, kind="stable")
    rings = by_id[planted[by_id]][:RINGS]
    return {
        "density": density(
            variability=(path.variability[~planted], np.linspace(0, 0.5, 41)),
            confidence=(path.confidence[~planted], np.linspace(0, 1.0001, 31)),
        ),
        "redrawn": FactTable(values={"variability": path.variability[rings], "confidence": path.confidence[rings]}),
        "difficulty": FactTable(values={
            "band": ("easy", "between", "variable", "hard"),
            "examples": np.sum(bands, 1), "redrawn": np.sum(bands & planted, 1),
        }),
    }  # fmt: skip


def learned_last(bank: Bank, path: Course, planted: np.ndarray, checkpoints: Sequence[int]) -> dict[str, Ranked]:
    """The examples that were learned last, or never; redrawn labels apart."""
    train = bank.data.train
    order = np.lexsort((train.ids, -np.round(path.final_loss, 6), -np.round(path.first_learned, 9)))
    order = order[path.first_learned[order] > min(epoch for epoch in checkpoints if epoch > 0)]
    rows = first_of(order, planted)
    figures = {
        "label": train.y, "redrawn": planted, "first_learned": path.first_learned, "never_learned": path.never_learned,
        "forgetting_events": path.forgetting_events,
    }  # fmt: skip
    ranked = Ranked(ids=train.ids[rows], figures={name: column[rows] for name, column in figures.items()})
    return {"learned_last": ranked} if len(rows) else {}
