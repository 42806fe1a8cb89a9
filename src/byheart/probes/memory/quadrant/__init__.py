"""Is a strange label memorised, or was it never fitted? Memorisation against held-out loss."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from byheart.maths.clusters import worth
from byheart.maths.codes import bank_lengths
from byheart.maths.counterfactual import memorisation
from byheart.maths.sides import side_means
from byheart.maths.statistics import auc, auc_interval, wilson
from byheart.probes.base import Bank, Need, Probe, Subject
from byheart.probes.copies import uncalibrated
from byheart.probes.memory.quadrant.residual import of_values
from byheart.probes.memory.quadrant.shown import THRESHOLD, chart, exhibits
from byheart.records.figures import count, number
from byheart.records.finding import Finding, NotApplicable, Pole
from byheart.records.quantity import Quantity

# Half a bit over a blind guess is clear of the noise of the calibration.
STRANGE_BITS = 0.5


class Quadrant(Probe):
    r"""Is a strange label memorised, or was it never fitted?

    Across: held-out loss of example i, the mean calibrated code length of its label over members that did not see it
    [bits] (`maths.codes.bank_lengths`); strange: half a bit or more over a blind guess at class frequencies; up: its
    memorisation score. Top right: models without it bet against the label, and seeing it made the difference: learned
    by heart. Bottom right: they bet against it and it was not fitted either: strange, not memorised. The held-out
    loss ranks labels likely to be wrong; with planted truth its AUC says how well. It ranks and does not accuse: much
    of what stands high is honest ambiguity.

    Rote knows nothing of unseen labels but how frequent they are: AUC 0.5 where classes are equally
    frequent. Oracle: 1 where the truth is in the input. Cost: no training of its own. Fails when: many examples of a
    class are mislabelled alike, for then the others agree with the error; or so many
    labels are random that no model can bet half a bit against one.
    Reference: Northcutt, Jiang and Chuang 2021, Confident learning, section 3 (held-out predictions).

    Example:
        >>> Quadrant().poles
        ('rote', 'oracle')
    """

    name: ClassVar[str] = "memory/quadrant"
    version: ClassVar[int] = 3
    question: ClassVar[str] = "Is a strange label memorised, or was it never fitted?"
    reference: ClassVar[str] = (
        "Northcutt, Jiang and Chuang 2021, Confident learning, section 3, for the use of held-out predictions"
    )
    poles: ClassVar[tuple[str, str]] = ("rote", "oracle")

    def requires(self, subject: Subject) -> tuple[Need, ...] | NotApplicable:
        """The bank; a label or a value is needed."""
        if "tokens" in subject.offers:
            return self.not_applicable("A passage has no label that could be wrong.", "")
        return (subject.bank(),)

    def measure(self, bank: Bank) -> tuple[Finding | NotApplicable, dict[str, np.ndarray]]:
        """Both axes for every example, the ranking by held-out loss, and its AUC against planted truth."""
        run = bank[bank.subject.bank()]
        if lacking := self.one_sided(bank, run.members.mask) or uncalibrated(self, bank):
            return lacking, {}
        if bank.data.output.kind == "values":
            return of_values(self, bank)
        mask, outcomes = run.members.mask, run.views["train"]
        train = bank.data.train
        lengths = bank_lengths(outcomes.logits, train.y, mask, bank.subject.seed, ids=train.ids, groups=bank.groups)
        seen, held_out = side_means(lengths.member_bits, mask)
        score = memorisation(outcomes.correct[-1], mask).score
        fitted, unseen_right = side_means(outcomes.correct[-1].astype(np.float64), mask)
        changed = bank.data.truth.changed
        planted = changed if changed is not None and changed.any() and not changed.all() else None
        # against the label's own blind guess: a rare class is not strange for being rare
        excess = held_out - lengths.reference_bits
        strange = excess > STRANGE_BITS
        blind = float(lengths.reference_bits.mean()) + STRANGE_BITS
        order = np.lexsort((train.ids, -excess))
        quantities = self._quantities(bank, held_out, score, strange, fitted, planted, order)
        headline = "planted_auc" if planted is not None else "strange_share"
        finding = Finding(
            probe=self.name,
            question=self.question,
            headline=headline,
            says=(
                "AUC of held-out loss for the redrawn labels"
                if planted is not None
                else "of the labels cost models that did not see them half a bit or more over a blind guess"
            ),
            quantities=quantities,
            poles=(
                Pole(name="Rote", value=0.5, note="where classes are equally frequent"),
                Pole(name="Oracle", value=1.0),
            )
            if planted is not None
            else (),
            body=self._body(bank, score, strange, fitted, planted, quantities),
            charts=(chart(bank, held_out, score, strange, planted, blind),),
            exhibits=exhibits(bank, order, strange, score, held_out, outcomes.logits, mask, planted),
            how=self._how(bank, blind, planted),
            reference=self.reference,
        )
        return finding, {
            "held_out_bits": held_out,
            "seen_bits": seen,
            "held_out_right": unseen_right,
            "seen_right": fitted,
            "suspicion_rank": np.argsort(order, kind="stable").astype(np.int64),
        }

    def _quantities(self, bank: Bank, held_out, score, strange, fitted, planted, order) -> dict[str, Quantity]:
        n, copies = len(score), bank.groups
        suspicious = int(planted.sum()) if planted is not None else max(1, int(strange.sum()))
        fit = float(fitted[order[:suspicious]].mean())
        # copies count as one
        draws, few = worth(copies), worth(copies[order[:suspicious]])
        found = {
            "strange_share": Quantity(
                value=float(strange.mean()), unit="share", null=0.0,
                interval=tuple(wilson(float(strange.mean()) * draws, draws)),
                n=n, better="low",
                how="share of labels that models without them code at least half a bit longer than a blind guess at "
                "class frequencies, both sides calibrated; interval: Wilson, copies count as one; null: 0, who knows "
                "nothing is coded like the blind guess",
            ),
            "strange_fitted": Quantity(
                value=fit, unit="share", interval=tuple(wilson(fit * few, few)),
                null=1 / bank.data.output.k, n=suspicious, better="low",
                how=f"of the {_labels(suspicious)} that stand furthest over a blind guess where left out, the share "
                "that members that saw them give back; interval: Wilson, copies count as one; null: a guess, 1/k",
            ),
        }  # fmt: skip
        if planted is not None:
            k = int(planted.sum())
            hits = int(planted[order[:k]].sum())
            value, draws = auc(held_out, planted), worth(copies[planted])
            how = "interval: bootstrap within each group; null: 0.5 by definition"
            found["planted_auc"] = Quantity(
                value=value,
                unit="auc",
                interval=tuple(auc_interval(held_out, planted, self.rng(bank, "auc"))),
                null=0.5,
                n=n,
                better="high",
                how=f"AUC of the held-out loss (calibrated code length) for the labels we changed; {how}",
            )
            found["planted_auc_score"] = Quantity(
                value=auc(score, planted),
                unit="auc",
                interval=tuple(auc_interval(score, planted, self.rng(bank, "auc2"))),
                null=0.5,
                n=n,
                how=f"AUC of the memorisation score for the labels we changed; {how}",
            )
            found["planted_found"] = Quantity(
                value=hits / k,
                unit="share",
                interval=tuple(wilson(hits / k * draws, draws)),
                null=k / n,
                n=k,
                better="high",
                how=f"share of the {k} labels we changed that stand among the {k} of largest held-out loss; interval: "
                "Wilson, copies count as one; null: their share of all labels",
            )
        return found  # fmt: skip

    def _body(self, bank: Bank, score, strange, fitted, planted, quantities) -> tuple[str, ...]:
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
                    f"Of the {count(int(planted.sum()))} labels we changed, {count(unfitted)} were given back "
                    "by fewer than half of the members that saw them: not memorised, only wrong."
                )
        both = int((strange & high).sum())
        sentences.append(
            f"Models without them bet against {_labels(int(strange.sum()))}; learned by heart: {count(both)} of these. "
            "Ranked, not accused: a strange label may be honestly ambiguous."
            if strange.any()
            else "There is no label that models without it bet against."
        )
        return tuple(sentences)

    def _how(self, bank: Bank, blind: float, planted) -> tuple[str, ...]:
        parts = [
            f"Across: mean code length of the label over the members that did not see the {bank.noun(1)}, "
            "calibrated as in complexity/bits. Up: the memorisation score. A label is strange when it costs half a "
            f"bit or more over a blind guess at its class ({number(blind, 2)} bits on average), so a rare class is not "
            f"strange for being rare. The dashed lines stand there and at {THRESHOLD}."
        ]
        if planted is not None:
            parts.append(
                "AUC is the probability that a redrawn label has the larger held-out loss of a random pair; "
                "interval by bootstrap within each group, 1,000 draws. Null 0.5. Rote 0.5, Oracle 1."
            )
        parts.append(
            f"Fails when many {bank.noun()} of a class are mislabelled alike: then the others agree with the "
            "error. Cost: no training of its own."
        )
        return tuple(parts)


def _labels(n: int) -> str:
    return f"{count(n)} label{'' if n == 1 else 's'}"
