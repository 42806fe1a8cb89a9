"""How many of the label bits are understood, memorised, left? The bit budget in its bank form."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from byheart.maths.codes.passages import GRID
from byheart.maths.statistics.intervals import budget_share_intervals, with_calibration_cost
from byheart.maths.statistics.seen_unseen import FEWEST_MEMBERS, BankCode, BankLengths, side_columns
from byheart.probes.base import Assumption, Bank, Need, Probe, Subject
from byheart.probes.complexity.description_length.baselines import (
    balance_of,
    left_out_facts,
    one_model_facts,
    shuffled_share,
    standing_of,
    trail_sides,
)
from byheart.probes.complexity.description_length.budget import budget_quantities
from byheart.probes.complexity.description_length.held_out_course import held_out_course
from byheart.probes.complexity.description_length.variance import of_values
from byheart.probes.interval_sources import source_of
from byheart.records.balance import Landmark
from byheart.records.facts import FactTable
from byheart.records.finding import Finding, NotApplicable, Pole
from byheart.records.quantity import Quantity, interval_by
from byheart.training.run import Run

SHARES = {part: f"{part}_bits_share" for part in ("understood", "memorised", "left")}


class Bits(Probe):
    r"""How many of the label bits are understood, memorised, left?

    For each training example i, under one printed reference code,

        reference_i = understood_i + memorised_i + left_i   [bits, exactly]
        understood_i = reference_i - out_i,  memorised_i = out_i - in_i,  left_i = in_i

    with reference_i = -log2 q0(y_i), q0 the class frequencies; in_i and out_i the mean code lengths of the label
    over the members that saw the example and over those that did not, each side calibrated by its own
    cross-fitted pool (`maths.codes.bank.bank_code`). Totals are sums over the training examples. Understood is negative
    where the others bet against a label. Of fewer than eight members sums run over the pairs of member and example that
    there are, nothing is said of single examples, and intervals reach as far as codes would be shorter if calibrated on
    their own labels: so few labels do not tell the price of a calibration from ignorance. Rote: memorised 1 of the
    reference. Oracle: memorised 0.

    Values have no code length that does not depend on their rounding: there the budget is that of their variance,
    understood = R2 where left out, memorised = R2 where seen less that, left = the rest (`maths.codes.variance`).

    Cost: no training of its own; about 3 CPU seconds at 64 members and 5,000 examples, a quarter of that for each
    checkpoint of the trail (first 16 members). Fails when: near-duplicates stand in for one another, or the two halves
    of the calibration are tiny; it does not apply where copies leave no two halves (`calibration.lacking`). Reference:
    Morris et al. 2025, How much do language models memorize?, section 2, with left-out members in the place of the
    reference model; Grünwald 2007, The Minimum Description Length Principle.

    Example:
        >>> Bits().chapter
        'complexity'
    """

    name: ClassVar[str] = "complexity/description-length"
    version: ClassVar[int] = 11
    drawn_as: ClassVar[str] = "complexity/bits"
    assumes: ClassVar[tuple[Assumption, ...]] = ("both sides", "halves", "frequent labels")
    fewest_members: ClassVar[int] = 1

    outputs: ClassVar[tuple[str, ...]] = (*Probe.outputs, "columns", "next step")

    def requires(self, subject: Subject) -> tuple[Need, ...] | NotApplicable:
        """The bank, the one model on everything, the poles and the simplest baselines."""
        simplest = "ngram" if "tokens" in subject.offers else "neighbours"
        known = "oracle" in subject.offers and {"classes", "next step"} & subject.offers  # of these there is an oracle
        beside = ["rote", simplest] + (["oracle"] if known else [])
        beside += ["ridge"] if {"values", "columns", "next step"} & subject.offers else []
        return (subject.bank(), subject.whole(), *(subject.baseline(name) for name in beside))

    def measure(self, bank: Bank) -> tuple[Finding | NotApplicable, dict[str, np.ndarray]]:
        """The budget of the recipe, its trail, its poles, and the one model beside it."""
        everything, bank = bank, bank.of_rows(bank.counted)
        subject = bank.subject
        run = bank[subject.bank()]
        if bank.data.output.continuous:
            return of_values(self, bank)
        mask, moves = run.members.mask, self.rng(bank, "moves")
        lengths = lengths_of(bank, run, mask)
        code, few = of_lengths(lengths, mask), len(mask) < FEWEST_MEMBERS
        estimates = budget_share_intervals(code.reference_bits, lengths.member_bits, mask, bank.groups)
        if few and bank.data.output.labelled:
            own = lengths_of(bank, run, mask, crossed=False).member_bits
            estimates = with_calibration_cost(estimates, code.reference_bits, lengths.member_bits, own, mask)
        null = shuffled_share(self, bank, run, code_of)
        budget = budget_quantities(code.reference_bits, estimates, bank.groups, null, self.rng(bank, "bootstrap"))
        course = trail_sides(bank, run, code_of)
        balance = balance_of(bank, run, code, course, standing_of(budget, SHARES), code_of, moves)
        text = bank.data.output.passages
        finding = self.finding(
            budget | _per_parameter(run, budget) | held_out_course(bank, run, course, self.rng(bank, "course")),
            question=self.question.replace("label bits", "bits of the text" if text else "label bits"),
            headline="memorised_bits_share",
            poles=tuple(Pole(name=p.name, value=p.memorised, note=_note(p)) for p in balance.poles),
            tables={"parts": _parts(bank, lengths, mask)} | one_model_facts(balance),
            details={
                "of": "text" if text else "labels",
                "outputs": str(run.about.get("outputs", "logits")),
                "half_in_share": None if few or budget[SHARES["memorised"]].interval[0] <= 0 else _half_in_share(code),
                "slopes": GRID if text else (),
                **left_out_facts(run),
                **source_of(estimates.memorised.sources),
            },
            balance=balance,
        )
        return finding, {} if few else everything.on_all(code._asdict())


def _per_parameter(run: Run, budget: dict[str, Quantity]) -> dict[str, Quantity]:
    if not (parameters := run.about.get("parameters")):
        return {}
    whole = budget["memorised_bits"]
    low, high = whole.interval or (whole.value, whole.value)
    each = Quantity(
        value=whole.value / parameters, unit="bits/parameter", null=(whole.null or 0.0) / parameters, n=whole.n,
        **interval_by(whole.method, (low / parameters, high / parameters)),
    )  # fmt: skip
    return {"memorised_bits_per_parameter": each}


def _note(pole: Landmark) -> str:
    if pole.name == "Oracle":
        return "knows the task's own truth"
    return "a lookup table" if pole.measured else "a lookup table, by definition"


def _half_in_share(code: BankCode) -> float | None:
    """The smallest share of the examples that holds half of the memorised bits; None where nothing is memorised."""
    each = np.sort(code.out_bits - code.in_bits)[::-1]
    total = each.sum()
    return float((np.searchsorted(np.cumsum(each), total / 2) + 1) / len(each)) if total > 0 else None


def _parts(bank: Bank, lengths: BankLengths, mask: np.ndarray) -> FactTable:
    """Mean bits of an example: of all, and where some labels were redrawn of those and of the others."""
    changed = bank.changed
    groups = {"all": np.ones(mask.shape[1], bool)}
    if changed.any():
        groups |= {"redrawn": changed} if changed.all() else {"given": ~changed, "redrawn": changed}
    codes = {
        name: of_lengths(BankLengths(lengths.reference_bits[rows], lengths.member_bits[:, rows]), mask[:, rows])
        for name, rows in groups.items()
    }
    groups = {name: rows for name, rows in groups.items() if np.isfinite(np.stack(codes[name])).all()}
    means = {part: tuple(float(getattr(codes[name], part).mean()) for name in groups) for part in BankCode._fields}
    return FactTable(values={"group": tuple(groups), "n": tuple(int(rows.sum()) for rows in groups.values()), **means})


def code_of(
    bank: Bank, run: Run, mask: np.ndarray | None = None, members: int = 0, checkpoint: int | None = None
) -> BankCode:
    """The code of the training labels under a run: at its end, or from its trail at `checkpoint`."""
    mask = run.members.mask[: members or len(run.members)] if mask is None else mask
    return of_lengths(lengths_of(bank, run, mask, checkpoint), mask)


def of_lengths(lengths: BankLengths, mask: np.ndarray) -> BankCode:
    """The code of both sides; of few members one whose sums are those of the pairs (`side_columns`)."""
    return BankCode(lengths.reference_bits, *side_columns(lengths.member_bits, mask, lengths.reference_bits))


def lengths_of(
    bank: Bank, run: Run, mask: np.ndarray, checkpoint: int | None = None, **calibration: bool
) -> BankLengths:
    """Bits of each training label under each of the first members, as many as `mask` has rows."""
    outcomes, train = run.views["train"], bank.data.train
    where = {"ids": train.ids, "groups": bank.groups, "seed": bank.subject.seed}
    last = getattr(outcomes, bank.data.output.coded)
    z = last if checkpoint is None else outcomes.trail[checkpoint]  # type: ignore[index]
    z = z[: len(mask)]  # type: ignore[index]
    return bank.data.output.lengths(z, train.y, mask, **where, **calibration)
