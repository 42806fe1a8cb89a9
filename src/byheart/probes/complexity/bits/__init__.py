"""How many of the label bits are understood, memorised, left? The bit budget in its bank form."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from byheart.maths.codes import BankCode, BankLengths, bank_lengths
from byheart.maths.counterfactual import shuffled
from byheart.maths.passages import GRID, passage_lengths
from byheart.maths.sides import side_means
from byheart.probes.base import Bank, Need, Probe, Subject
from byheart.probes.complexity.bits.budget import Budgets, measured_budget
from byheart.probes.complexity.bits.held_out_course import held_out_course
from byheart.probes.complexity.bits.standing import balance_of, budget_chart, shares, trail_sides
from byheart.probes.complexity.bits.variance import of_values
from byheart.probes.copies import rare_labels, uncalibrated
from byheart.probes.interval_sources import largest_source
from byheart.records.figures import bits, count, number, percent
from byheart.records.finding import Finding, NotApplicable, Pole
from byheart.records.quantity import Quantity
from byheart.training.run import Run

# Below this many bits a label, changed labels are not bet against: who knows nothing is at 0.
AGAINST = 0.05
_ASKED = {"tokens": "bits of the text"}
_TARGET = {"tokens": "passage"}
BANK_FORM = "the bank form: one calibration a side, cross-fitted, shared by all members"


class Bits(Probe):
    r"""How many of the label bits are understood, memorised, left?

    For each training example i, under one printed reference code,

        reference_i = understood_i + memorised_i + left_i   [bits, exactly]
        understood_i = reference_i - out_i,  memorised_i = out_i - in_i,  left_i = in_i

    with reference_i = -log2 q0(y_i), q0 the class frequencies; in_i and out_i the mean code lengths of the label
    over the members that saw the example and over those that did not, each side calibrated by its own
    cross-fitted pool (`maths.codes.bank_code`). Totals are sums over the training examples. Understood is negative
    where the others bet against a label. Rote: memorised 1 of the reference. Oracle: memorised 0.

    Values have no code length that does not depend on their rounding: there the budget is that of their variance,
    understood = R2 where left out, memorised = R2 where seen less that, left = the rest (`maths.variance`).

    Cost: no training of its own; about 3 CPU seconds at 64 members and 5,000 examples, a quarter of that for each
    checkpoint of the trail (first 16 members). Fails when: near-duplicates stand in for one another, or the two
    halves of the calibration are tiny; it does not apply where copies leave no two halves (`maths.pools.lacking`).
    Reference: Morris et al. 2025, How much do language models memorize?, section 2, with left-out members as the
    reference model; Grünwald 2007, The minimum description length principle.

    Example:
        >>> Bits().chapter
        'complexity'
    """

    name: ClassVar[str] = "complexity/bits"
    version: ClassVar[int] = 5
    question: ClassVar[str] = "How many of the label bits are understood, memorised, left?"
    reference: ClassVar[str] = (
        "Morris et al. 2025, How much do language models memorize?, section 2, with left-out members in the place "
        "of the reference model; Grünwald 2007, The Minimum Description Length Principle"
    )

    def requires(self, subject: Subject) -> tuple[Need, ...] | NotApplicable:
        """The bank, the one model on everything, the poles and the simplest baselines."""
        simplest = "ngram" if "tokens" in subject.offers else "neighbours"
        known = "oracle" in subject.offers and "tokens" not in subject.offers  # the oracle speaks of labels alone
        beside = ["rote", simplest] + (["oracle"] if known else [])
        beside += ["ridge"] if "values" in subject.offers else []
        return (subject.bank(), subject.whole(), *(subject.baseline(name) for name in beside))

    def measure(self, bank: Bank) -> tuple[Finding | NotApplicable, dict[str, np.ndarray]]:
        """The budget of the recipe, its trail, its poles, and the one model beside it."""
        everything, bank = bank, bank.of_rows(bank.counted)
        subject = bank.subject
        run = bank[subject.bank()]
        if lacking := self.one_sided(bank, run.members.mask) or uncalibrated(self, bank) or rare_labels(self, bank):
            return lacking, {}
        if bank.data.output.kind == "values":
            return of_values(self, bank)
        lengths = lengths_of(bank, run, run.members.mask)
        code = BankCode(lengths.reference_bits, *side_means(lengths.member_bits, run.members.mask))
        budget = measured_budget(bank, code, lengths.member_bits, run.members.mask, self.rng(bank, "bootstrap"))
        null = self._null(bank, run)
        course = trail_sides(bank, run, code_of)
        balance = balance_of(bank, run, code, course, budget.standing, code_of, self.rng(bank, "moves"))
        finding = Finding(
            probe=self.name,
            question=self.question.replace("label bits", _ASKED.get(bank.data.output.kind, "label bits")),
            headline="memorised_bits_share",
            says=f"memorised: {bits(budget.memorised.value, budget.memorised.interval)} of "
            f"{bits(budget.reference.value, budget.memorised.interval)} bits",
            quantities=self._quantities(bank, run, budget, null)
            | held_out_course(bank, run, course, self.rng(bank, "course")),
            poles=tuple(Pole(name=p.name, value=p.memorised, note=p.note) for p in balance.poles),
            body=self._body(bank, budget, code, balance.one_model.sentence if balance.one_model else ""),
            charts=(budget_chart(bank, code),),
            tables={"budget": budget.table()},
            how=self._how(bank, run, null),
            reference=self.reference,
            balance=balance,
        )
        return finding, everything.on_all(code._asdict())

    def _null(self, bank: Bank, run: Run) -> float:
        """Share memorised when which member saw which example is shuffled (first 16 members)."""
        few = min(16, len(run.members))
        mask = shuffled(run.members.mask[:few], self.rng(bank, "null"))
        code = code_of(bank, run, mask=mask, members=few)
        return shares(code).memorised

    def _quantities(self, bank: Bank, run: Run, budget: Budgets, null: float) -> dict[str, Quantity]:
        found = budget.quantities(null)
        parameters = run.about.get("parameters")
        if parameters:
            whole = found["memorised_bits"]
            low, high = whole.interval or (whole.value, whole.value)
            found["memorised_bits_per_parameter"] = Quantity(
                value=whole.value / parameters,
                unit="bits/parameter",
                interval=(low / parameters, high / parameters),
                null=(whole.null or 0.0) / parameters,
                n=whole.n,
                how=f"memorised_bits over the {count(int(parameters))} parameters of one member",
            )
        return found

    def _body(self, bank: Bank, budget: Budgets, code: BankCode, one_model: str) -> tuple[str, ...]:
        each = np.sort(code.out_bits - code.in_bits)[::-1]
        total = each.sum()
        sentences = []
        if total > 0 and budget.share_clear:
            few = (np.searchsorted(np.cumsum(each), total / 2) + 1) / len(each)
            sentences.append(f"Half of the memorised bits lie in {percent(few, 0)} of the {bank.noun()}.")
        if (planted := bank.data.truth.changed) is not None and planted.any():
            wrong = (code.reference_bits - code.out_bits)[planted].mean()
            against = (
                ": models that did not see them bet against them, as anybody who knows the task must"
                if wrong < -AGAINST
                else ""
            )
            sentences.append(
                f"Over the labels we changed ({count(int(planted.sum()))}), understood is {number(wrong, 2)} "
                f"bits a label{against}."
            )
        if one_model:
            sentences.append(one_model)
        if source := largest_source(bank, budget.memorised.share_interval, budget.memorised.sources):
            sentences.append(source)
        return tuple(sentences)

    def _how(self, bank: Bank, run: Run, null: float) -> tuple[str, ...]:
        outputs = str(run.about.get("outputs", "logits"))
        m, n = run.members.mask.shape
        out = (~run.members.mask).sum(0)
        times = f"{out.min()}" if out.min() == out.max() else f"{out.min()} to {out.max()}"
        target = _TARGET.get(bank.data.output.kind, "label")
        if bank.data.output.kind == "tokens":
            reference = (
                "reference = the code of its tokens by their frequencies in training, one by one; a side's model is "
                f"softmax(b z + (1 - b) log q0) token by token, b one of {', '.join(f'{b:g}' for b in GRID)}, fitted"
            )
        else:
            reference = (
                "reference = -log2 of the frequency of the label's class; a side's model is softmax(b z + a log q0), "
                "z the logits and q0 the class frequencies, b and a fitted"
            )
        caveat = {
            "labels": "The model gives only labels, so its code is an error-rate code: short if right, long if wrong.",
            "probabilities": "The model gives probabilities; they enter as logarithms floored at 1/(n + 2).",
        }.get(outputs, "")
        return tuple(
            part
            for part in (
                f"For each {target}: {reference} ({BANK_FORM}). In = mean code length over the members that saw the "
                "example, out = the same over those that did not; mean of lengths, never of probabilities. understood "
                f"= reference - out, memorised = out - in, left = in: they add up exactly, {target} by {target}.",
                caveat,
                f"Each {bank.noun(1)} was left out by {times} of {m} members. "
                f"{budget_interval_words(bank)} Null: which member saw which {bank.noun(1)} is shuffled, "
                f"{percent(null, 1)} of the reference.",
                f"It speaks of the recipe on {percent(bank.subject.share, 0)} of the {count(n)} {bank.noun()}: the "
                "members saw that much. Fails when near-duplicates stand in for one another. Cost: no training of its "
                "own.",
            )
            if part
        )


def budget_interval_words(bank: Bank) -> str:
    """How the intervals of the budget are made, in words."""
    return (
        f"Interval: what other {bank.noun()} (copies together) and another draw of the training set would "
        "bring, checked by simulated audits of fresh draws."
    )


def code_of(
    bank: Bank, run: Run, mask: np.ndarray | None = None, members: int = 0, checkpoint: int | None = None
) -> BankCode:
    """The code of the training labels under a run: at its end, or from its trail at `checkpoint`."""
    mask = run.members.mask[: members or len(run.members)] if mask is None else mask
    lengths = lengths_of(bank, run, mask, checkpoint)
    return BankCode(lengths.reference_bits, *side_means(lengths.member_bits, mask))


def lengths_of(bank: Bank, run: Run, mask: np.ndarray, checkpoint: int | None = None) -> BankLengths:
    """Bits of each training label under each of the first members, as many as `mask` has rows."""
    outcomes, train = run.views["train"], bank.data.train
    where = {"ids": train.ids, "groups": bank.groups, "seed": bank.subject.seed}
    last = outcomes.pool if bank.data.output.kind == "tokens" else outcomes.logits
    z = last if checkpoint is None else outcomes.trail[checkpoint]  # type: ignore[index]
    z = z[: len(mask)]  # type: ignore[index]
    if bank.data.output.kind == "tokens":
        return passage_lengths(z, mask, **where)
    return bank_lengths(z.astype(np.float32), train.y, mask, **where)
