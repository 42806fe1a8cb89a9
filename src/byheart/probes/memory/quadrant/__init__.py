"""Which labels are worth checking, and are they memorised? Memorisation against held-out loss."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from byheart.maths.codes.bank import bank_lengths
from byheart.maths.memorisation.counterfactual import memorisation
from byheart.maths.statistics.effective_sample_size import worth
from byheart.maths.statistics.ranks import auc, auc_interval, wilson
from byheart.maths.statistics.seen_unseen import side_means
from byheart.probes.base import Bank, Need, Probe, Subject
from byheart.probes.baselines import of_other_families
from byheart.probes.copies import uncalibrated
from byheart.probes.memory.quadrant.baseline import AGREE, BITS, Bets, baseline_of, bets
from byheart.probes.memory.quadrant.residual import of_values
from byheart.probes.memory.quadrant.shown import THRESHOLD, chart, exhibits
from byheart.records.figures import count, number, percent
from byheart.records.finding import Finding, NotApplicable, Pole
from byheart.records.quantity import Quantity


class Quadrant(Probe):
    r"""Which labels are worth checking, and are they memorised?

    Across: held-out loss of example i, the mean calibrated code length of its label over members that did not see it
    [bits] (`bank.bank_lengths`); up: its memorisation score. A label is worth checking where both the audited
    recipe and a baseline of another family, trained without it and its copies, bet against it: on average half a bit
    over a blind guess at class frequencies, and nine of ten models each, which also predict another label. One recipe
    alone bets against labels near a boundary that it draws wrong; two of different families seldom do so at the same
    label. The baseline is that with the shortest held-out code. Labels that were planted, as a control or as noise,
    are counted apart.

    Rote knows nothing of unseen labels but how frequent they are: AUC 0.5 where classes are equally
    frequent. Oracle: 1 where the truth is in the input. Cost: the baselines, 16 members each: none of their own for
    pictures, at most 5 CPU s for the tables tried. Fails when: many examples of a class are mislabelled alike, for
    then the others agree with the error; where two recipes err alike; or so many labels are random that no model can
    bet half a bit against one.
    Reference: Northcutt, Jiang and Chuang 2021, Confident learning, section 3 (held-out predictions).

    Example:
        >>> Quadrant().poles
        ('rote', 'oracle')
    """

    name: ClassVar[str] = "memory/quadrant"
    version: ClassVar[int] = 5
    question: ClassVar[str] = "Which labels are worth checking, and are they memorised?"
    reference: ClassVar[str] = (
        "Northcutt, Jiang and Chuang 2021, Confident learning, section 3, for the use of held-out predictions"
    )
    poles: ClassVar[tuple[str, str]] = ("rote", "oracle")

    def requires(self, subject: Subject) -> tuple[Need, ...] | NotApplicable:
        """The bank and the baselines of other families; a label or a value is needed."""
        if "tokens" in subject.offers:
            return self.not_applicable("A passage has no label that could be wrong.", "")
        return (subject.bank(), *(subject.baseline(name) for name in of_other_families(subject)))

    def measure(self, bank: Bank) -> tuple[Finding | NotApplicable, dict[str, np.ndarray]]:
        """Both axes for every example, which labels are worth checking, and the ranking against planted truth."""
        run = bank[bank.subject.bank()]
        if lacking := self.one_sided(bank, run.members.mask) or uncalibrated(self, bank):
            return lacking, {}
        if bank.data.output.kind == "values":
            return of_values(self, bank)
        mask, outcomes = run.members.mask, run.views["train"]
        train = bank.data.train
        lengths = bank_lengths(
            outcomes.logits, train.y, mask, bank.subject.seed, ids=train.ids, groups=bank.groups, sides=(True,)
        )
        seen = side_means(np.where(mask, lengths.member_bits, 0.0), mask)[0]
        own, baseline = bets(bank, run), baseline_of(bank)
        listed = own.against & baseline[1].against if baseline else np.zeros(len(train), bool)
        score = memorisation(outcomes.correct[-1], mask).score
        fitted, unseen_right = side_means(outcomes.correct[-1].astype(np.float64), mask)
        changed = bank.data.truth.changed
        planted = changed if changed is not None and changed.any() and not changed.all() else None
        blind = float(lengths.reference_bits.mean()) + BITS
        # against the label's own blind guess: a rare class is not worth checking for being rare
        order = np.lexsort((train.ids, -own.excess))
        quantities = self._listed(bank, listed, planted, baseline) if baseline else {}
        if planted is not None:
            quantities |= self._planted(bank, own.held_out, score, planted, order)
        headline = "planted_auc" if planted is not None else "worth_checking_share"
        if headline not in quantities:
            return self.not_applicable("There is no baseline of another family to check the labels with."), {}
        finding = Finding(
            probe=self.name,
            question=self.question,
            headline=headline,
            says=(
                "AUC of held-out loss for the redrawn labels"
                if planted is not None
                else "of the labels: models trained without them, of this recipe and of a baseline, bet against them"
            ),
            quantities=quantities,
            poles=(
                Pole(name="Rote", value=0.5, note="where classes are equally frequent"),
                Pole(name="Oracle", value=1.0),
            )
            if planted is not None
            else (),
            facts=(("baseline", baseline[0]),) if baseline else (),
            body=self._body(bank, score, listed, fitted, planted, quantities),
            charts=(chart(bank, own.held_out, score, listed, planted, blind),),
            exhibits=exhibits(bank, order, listed, score, own.held_out, outcomes.logits, mask, planted),
            how=self._how(bank, blind, planted),
            reference=self.reference,
        )
        return finding, {
            "held_out_bits": own.held_out,
            "seen_bits": seen,
            "held_out_right": unseen_right,
            "seen_right": fitted,
            "suspicion_rank": np.argsort(order, kind="stable").astype(np.int64),
            "worth_checking": listed.astype(np.int64),
        }

    def _listed(self, bank: Bank, listed, planted, baseline: tuple[str, Bets]) -> dict[str, Quantity]:
        """How many labels are worth checking, of those that came with the data; and how good a list of planted ones is.

        Labels that we changed are no news to anybody, whoever asked for them.
        """
        given = bank.counted if planted is None else bank.counted & ~planted
        rule = (
            f"models trained without them, of this recipe and of {baseline[0]} (of the baselines of another family the "
            f"one with the shortest held-out code), pay at least half a bit over a blind guess, on average and "
            f"{percent(AGREE, 0)} of the models each, which predict another label"
        )
        found = {"worth_checking_share": _share(
            listed[given], bank.groups[given], null=0.0, better="low",
            how=f"share of the labels as they came that {rule}; interval: Wilson, copies count as one; null: 0, who "
            "knows nothing is coded like the blind guess",
        )}  # fmt: skip
        if planted is not None:
            found["planted_listed"] = _share(
                listed[planted], bank.groups[planted], null=0.0, better="high",
                how=f"share of the labels we changed that are listed: {rule}; interval: Wilson, copies count as one; "
                "null: 0",
            )  # fmt: skip
            every = listed & (given | planted)
            if every.any():
                k = int(planted.sum())
                found["planted_precision"] = _share(
                    planted[every], bank.groups[every], null=k / int((given | planted).sum()), better="high",
                    how=f"of all labels listed, the share of those we changed: what the list is worth where {count(k)} "
                    "labels are wrong; it counts every label as it came as right; interval: Wilson, copies count as "
                    "one; null: their share of all labels",
                )  # fmt: skip
        return found

    def _planted(self, bank: Bank, held_out, score, planted, order) -> dict[str, Quantity]:
        k, copies = int(planted.sum()), bank.groups
        how = "interval: bootstrap within each group; null: 0.5 by definition"
        return {
            "planted_auc": Quantity(
                value=auc(held_out, planted), unit="auc",
                interval=tuple(auc_interval(held_out, planted, self.rng(bank, "auc"))), null=0.5, n=len(score),
                better="high",
                how=f"AUC of the held-out loss (calibrated code length) for the labels we changed; {how}",
            ),
            "planted_auc_score": Quantity(
                value=auc(score, planted), unit="auc",
                interval=tuple(auc_interval(score, planted, self.rng(bank, "auc2"))), null=0.5, n=len(score),
                how=f"AUC of the memorisation score for the labels we changed; {how}",
            ),
            "planted_found": _share(
                planted[order[:k]], copies[planted], null=k / len(score), better="high",
                how=f"share of the {k} labels we changed that stand among the {k} of largest held-out loss; interval: "
                "Wilson, copies count as one; null: their share of all labels",
            ),
        }  # fmt: skip

    def _body(self, bank: Bank, score, listed, fitted, planted, quantities) -> tuple[str, ...]:
        high = score >= THRESHOLD - 1e-9
        sentences = []
        if planted is not None:
            unfitted = int((planted & ~high & (fitted < 0.5)).sum())
            by_score = quantities["planted_auc_score"]
            sentences.append(
                f"The memorisation score alone finds them less well: AUC {number(by_score.value, 2)}."
                if by_score.value < quantities["planted_auc"].value
                else f"The memorisation score finds them as well: AUC {number(by_score.value, 2)}."
            )
            if unfitted:
                sentences.append(
                    f"Of the {count(int(planted.sum()))} labels we changed, {count(unfitted)} were reproduced "
                    "by fewer than half of the members that saw them: not memorised, only wrong."
                )
        given = listed & bank.counted & (True if planted is None else ~planted)
        n = int(given.sum())
        as_came = " that came with the data" if planted is not None else ""
        sentences.append(
            f"{_labels(n)}{as_came} {'is' if n == 1 else 'are'} worth checking; memorised: "
            f"{count(int((given & high).sum()))} of these. They may be right: a rare case looks the same."
            if n
            else f"No label{as_came} is worth checking."
        )
        return tuple(sentences)

    def _how(self, bank: Bank, blind: float, planted) -> tuple[str, ...]:
        parts = [
            f"Across: mean code length of the label over the members that did not see the {bank.noun(1)}, "
            "calibrated as in complexity/bits. Up: the memorisation score. A label is worth checking when it costs "
            "half a bit or more over a blind guess at its class, for the audited recipe and for a baseline of "
            f"another family: on average, and for {percent(AGREE, 0)} of the models each, which predict another label. "
            f"The dashed lines stand at half a bit over a blind guess ({number(blind, 2)} bits on average) and at a "
            f"score of {THRESHOLD}."
        ]
        if planted is not None:
            parts.append(
                "AUC is the probability that a redrawn label has the larger held-out loss of a random pair; "
                "interval by bootstrap within each group, 1,000 draws. Null 0.5. Rote 0.5, Oracle 1."
            )
        parts.append(
            f"Fails when many {bank.noun()} of a class are mislabelled alike: then the others agree with the "
            "error. Cost: the baselines, 16 members each."
        )
        return tuple(parts)


def _share(chosen: np.ndarray, groups: np.ndarray, **more) -> Quantity:
    """The share of examples that are chosen, with Wilson's interval over groups."""
    share, draws = float(chosen.mean()), worth(groups)
    return Quantity(value=share, unit="share", interval=tuple(wilson(share * draws, draws)), n=len(chosen), **more)


def _labels(n: int) -> str:
    return f"{count(n)} label{'' if n == 1 else 's'}"
