"""In what order is it learned, and which cheap sign of it stands in for memorisation?"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from byheart.maths.memorisation.counterfactual import memorisation
from byheart.maths.memorisation.learning_order import Course, course
from byheart.maths.statistics.ranks import bootstrap, wilson
from byheart.probes.base import Bank, Need, Probe, Subject
from byheart.probes.copies import few
from byheart.probes.memory.order.shown import ceiling_of, charts, epoch_words, last, table
from byheart.probes.memory.order.signs import TOP, Row, half_of, rows_of
from byheart.probes.memory.order.values import WITHIN, graded
from byheart.records.figures import number, percent, with_article
from byheart.records.finding import Finding, NotApplicable, Pole
from byheart.records.quantity import Quantity


class Order(Probe):
    r"""In what order is it learned, and which cheap sign of it stands in for memorisation?

    Per example, over the recorded checkpoints of the members that saw it: the epoch from which it is right to the end,
    forgetting events (right, then wrong at the next checkpoint), confidence and variability (mean and standard
    deviation of the probability of its label). Each sign, from the one model trained on everything and from half of the
    members, is compared with the memorisation score of members it has not used: rank correlation, and the share of the
    top 5 % found. first_learned_spearman: how far what is learned late is what is memorised. A value counts as right
    within half a standard deviation of the target, and its confidence is exp(-squared error / (2 variance)).

    Its ends are an order that has nothing to do with memory (0) and one in which what is learned by heart comes last
    (1); Rote and Oracle learn at once and have no order: not applicable. Cost: no training of its own. Fails when:
    checkpoints are coarse: transitions between them are not seen. Reference: Toneva et al. 2019, An empirical study of
    example forgetting, section 2; Swayamdipta et al. 2020, Dataset cartography, eqs. 1 and 2.

    Example:
        >>> Order().chapter
        'memory'
    """

    name: ClassVar[str] = "memory/order"
    version: ClassVar[int] = 4
    question: ClassVar[str] = "In what order is it learned, and which cheap sign of it stands in for memorisation?"
    reference: ClassVar[str] = (
        "Toneva et al. 2019, An empirical study of example forgetting during deep neural network learning, section 2; "
        "Swayamdipta et al. 2020, Dataset cartography, eqs. 1 and 2; cheap signs: Jiang et al. 2021, section 5"
    )
    poles: ClassVar[tuple[str, str]] = ("no order", "by heart last")

    def requires(self, subject: Subject) -> tuple[Need, ...] | NotApplicable:
        """The bank and the one model on everything, both with a course of epochs; labels or values are needed."""
        if "tokens" in subject.offers:
            return self.not_applicable("Order counts right answers; a passage has none.")
        if len(subject.checkpoints()) < 4:
            return self.not_applicable("It does not learn in epochs, or in too few: there is no order to see.")
        return (subject.bank(), subject.whole())

    def measure(self, bank: Bank) -> tuple[Finding | NotApplicable, dict[str, np.ndarray]]:
        """The course of every example, and the table of stand-ins."""
        bank = graded(bank)
        run = bank[bank.subject.bank()]
        if lacking := self.one_sided(bank, run.members.mask):
            return lacking, {}
        mask, outcomes = run.members.mask, run.views["train"]
        halves = [half_of(run, slice(start, None, 2)) for start in (0, 1)]
        there = ~(np.isnan(halves[0].score) | np.isnan(halves[1].score))
        if there.sum() < 20 or any(np.ptp(half.score[there]) < 1e-12 for half in halves):
            reason = "No two halves of the members have scores to compare"
            reason += ": too few members, or nothing is memorised."
            return self.not_applicable(reason, "Try more --members."), {}
        if lacking := few(self, bank, there):
            return lacking, {}
        path = course(outcomes.correct, outcomes.loss_nats, mask, run.checkpoints)
        rows = rows_of(bank, halves, there, self.rng)
        quantities = self._quantities(bank, path, rows, int(there.sum()))
        score = memorisation(np.exp(-outcomes.loss_nats[-1].astype(np.float64)), mask).score
        finding = Finding(
            probe=self.name,
            question=self.question,
            headline="first_learned_spearman",
            says=f"rank correlation: how late {with_article(bank.noun(1))} is learned, and how much it is memorised",
            quantities=quantities,
            poles=(Pole(name="No order", value=0.0), Pole(name="By heart last", value=1.0)),
            body=self._body(bank, path, rows, run.checkpoints),
            charts=charts(bank, run, path, rows, score),
            tables={f"Rank correlation with the score; found: of its largest {percent(TOP, 0)}": table(rows)},
            exhibits=last(bank, path, run.checkpoints),
            how=self._how(bank, run.checkpoints, len(mask)),
            reference=self.reference,
        )
        return finding, {name: getattr(path, name) for name in Course._fields}

    def _quantities(self, bank: Bank, path: Course, rows: list[Row], n: int) -> dict[str, Quantity]:
        found = {}
        k = max(1, round(TOP * n))
        for row in rows:
            for kept, suffix, source in (
                (row.many, "", "half of the members"), (row.one, "_one_run", "the one model trained on everything"),
            ):  # fmt: skip
                if kept is None:
                    continue
                found[f"{row.name}_spearman{suffix}"] = Quantity(
                    value=kept.spearman, unit="correlation", interval=tuple(kept.interval), null=0.0, n=n,
                    how=f"Spearman between {row.words}, from {source}, and the memorisation score (probability form) "
                    "of members it has not used, mean over both halves; interval: bootstrap over examples; null: 0",
                )  # fmt: skip
                found[f"{row.name}_recall{suffix}"] = Quantity(
                    value=kept.recall, unit="share", interval=None, null=k / n, n=k,
                    how=f"of the {k} largest memorisation scores, the share among the {k} largest of {row.words}, from "
                    f"{source}; no interval: a ranking near its cut; null: chance",
                )  # fmt: skip
            if row.flips is not None:
                found[f"{row.name}_planted_auc"] = Quantity(
                    value=row.flips, unit="auc", interval=None, null=0.5, n=n,
                    how=f"AUC of {row.words} for the labels we changed; no interval: beside its rivals on the same "
                    "labels; null: 0.5",
                )  # fmt: skip
        by_id = np.argsort(bank.data.train.ids, kind="stable")
        together = bank.groups[by_id]
        groups = len(np.unique(together))
        drawn = bootstrap(path.first_learned[by_id], groups=together, rng=self.rng(bank, "first learned")).mean(0)
        mean = float(path.first_learned.mean())
        without = "no null: it has no value without effect"
        found["first_learned"] = Quantity(
            value=mean, unit="epochs", interval=(min(drawn.low, mean), max(drawn.high, mean)), null=None,
            n=len(by_id),
            how="mean epoch from which an example is right to the end, never counts twice the last; interval: "
            f"bootstrap over examples (copies together); {without}",
        )  # fmt: skip
        for name, values, how in (
            ("never_learned", path.never_learned, "share of members that saw an example and are wrong at the end"),
            (
                "ever_forgotten", path.forgetting_events > 0,
                "share of examples that some member that saw them had right and lost by the next checkpoint, or never "
                "had",
            ),
        ):  # fmt: skip
            share = float(values.mean())
            found[name] = Quantity(
                value=share, unit="share", interval=tuple(wilson(share * groups, groups)), null=None,
                n=len(by_id), how=f"{how}; interval: Wilson, copies count as one; {without}",
            )  # fmt: skip
        return found

    def _body(self, bank: Bank, path: Course, rows: list[Row], checkpoints) -> tuple[str, ...]:
        sentences = []
        single = [row for row in rows if row.one is not None]
        if single:
            best = max(single, key=lambda row: row.one.spearman)
            sentences.append(
                f"Best sign from one training: {best.words}, rank correlation {number(best.one.spearman, 2)} with the "
                f"memorisation score, {percent(best.one.recall, 0)} of the most memorised found."
            )
        ceiling = next((row.many for row in rows if row.name == "memorisation"), None)
        if ceiling is not None and ceiling.spearman > 0:
            sentences.append(
                f"Two halves of the members agree to {number(ceiling.spearman, 2)}, so that no sign could reach more "
                f"than {number(ceiling_of(rows), 2)} against one."
            )
        changed = bank.data.truth.changed
        if changed is not None and changed.any() and not changed.all():
            medians = (float(np.median(path.first_learned[side])) for side in (changed, ~changed))
            late, usual = (epoch_words(median, checkpoints) for median in medians)
            sentences.append(f"At the median, labels we changed are {late}, labels as they came are {usual}.")
        return tuple(sentences)

    def _how(self, bank: Bank, checkpoints, members: int) -> tuple[str, ...]:
        grid = ", ".join(str(point) for point in checkpoints if point > 0)
        values = (
            f"A value is right where the prediction is within {number(WITHIN, 1)} standard deviations of the target; "
            "its confidence is exp(\u2212squared error / (2 variance)).",
        )
        return (
            *(values if bank.data.output.kind == "values" else ()),
            f"Over the checkpoints after epochs {grid}, for the members that saw the {bank.noun(1)}. First learned: "
            "the checkpoint from which it is right to the end; never counts twice the last epoch. A forgetting "
            "event: right at one checkpoint and wrong at the next; what is lost and found again in between is not "
            "seen, so this counts fewer than presentation by presentation. Never right counts all checkpoints. "
            "Confidence and variability: mean and standard deviation of p(label) over the checkpoints, which stand "
            "closer at the beginning.",
            f"Signs: from the one model trained on everything, and from half of the {members} members. The score to "
            "stand in for is always that of members the sign has not used, so that they share no luck; both halves "
            f"are judged and averaged. Found: of the {percent(TOP, 0)} largest scores.",
            "No order 0, by heart last 1. Fails when checkpoints are coarse, or most scores tie. Cost: no training "
            "of its own.",
        )
