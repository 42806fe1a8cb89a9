"""Can a question be asked? What a subject must offer for it, and what its data and runs must allow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from byheart.errors import InputRefused
from byheart.maths.codes.calibration import GROUPS, lacking
from byheart.maths.statistics.effective_sample_size import FEWEST, effective_size, known, worth
from byheart.maths.statistics.seen_unseen import FEWEST_MEMBERS
from byheart.probes.bank import Bank, Need, Subject
from byheart.records.facts import Scalar
from byheart.records.reason import FIGURES, Reason, ReasonCode
from byheart.training.members import Members

# what an answer may rest on: every example was seen by some members and left out by others; values differ; groups leave
# two halves to calibrate across; rare classes do not carry the bits; copies leave enough draws for an interval
Assumption = Literal["both sides", "varying values", "halves", "frequent labels", "draws"]
CHECKPOINTS = 4  # fewer show no order of learning
FEWEST_EXAMPLES = 2
KINDS = frozenset({"classes", "values", "columns", "tokens", "series", "next step", "embedding", "rewards"})
_LACKING: dict[str, ReasonCode] = {
    "test": "no test set", "canaries": "no secrets", "oracle": "best loss unknown", "epochs": "no epochs",
    "phases": "one phase", "table": "no table",
}  # fmt: skip


def unasked(subject: Subject, outputs: Sequence[str], needs: Sequence[str]) -> Reason | None:
    """Why a question for these kinds of output, with these needs, cannot be asked of a subject; None where it can."""
    kinds = subject.offers & KINDS
    if outputs and kinds and not kinds & {*outputs}:
        return reason("another output", asked=", ".join(outputs), kind=min(kinds))
    missing = next((need for need in needs if not _offers(subject, need)), None)
    return None if missing is None else reason(_LACKING[missing])


def _offers(subject: Subject, need: str) -> bool:
    return len(subject.checkpoints()) >= CHECKPOINTS if need == "epochs" else need in subject.offers


def unsound(bank: Bank, need: Need, assumptions: Sequence[Assumption], fewest: int = FEWEST_MEMBERS) -> Reason | None:
    """Why no number can be told of these data and of the runs of `need`, on which the answer rests; else None."""
    if need not in bank:
        return reason("no runs", members=need.members)
    if (n := int(bank.counted.sum())) < FEWEST_EXAMPLES:
        return reason("few examples", examples=n, needed=FEWEST_EXAMPLES)
    if "both sides" in assumptions and (why := too_few(bank, need, fewest)):
        return why
    checks = {"varying values": constant, "halves": uncalibrated, "frequent labels": rare_labels, "draws": few}
    return next((why for name, check in checks.items() if name in assumptions and (why := check(bank))), None)


def too_few(bank: Bank, need: Need, fewest: int) -> Reason | None:
    """Why not, where members are too few, or leave some examples without one of the sides; else None.

    Of fewer than eight members of the audit averages over the pairs of each side remain, which take pairs alone. Blocks
    in time are not exchangeable with what is around them, so that few of them say nothing of the rest. How many members
    a probe asks for itself is its own choice.
    """
    members = bank[need].members
    if (m := len(members)) >= FEWEST_MEMBERS or need != bank.subject.bank():
        return one_sided(members)
    if m < fewest:
        return reason("few members", members=m, needed=FEWEST_MEMBERS)
    if need.subsets == "blocks" or bank.data.grouping.blocks:
        return reason("few blocks", members=m, needed=FEWEST_MEMBERS)
    return None if members.seen.any() and members.unseen.any() else one_sided(members)


def one_sided(members: Members) -> Reason | None:
    """Why not, where some examples have no member that saw them, or none that did not; else None."""
    both = members.seen.any(0) & members.unseen.any(0)
    return None if both.all() else reason("one-sided", examples=int((~both).sum()), of=len(both))


def constant(bank: Bank) -> Reason | None:
    """Why not, where all values are the same; else None."""
    values = bank.data.output.continuous
    # equal values may have a variance by rounding
    return reason("undefined") if values and not np.ptp(bank.data.output.in_units(bank.data.train.y), 0).any() else None


def uncalibrated(bank: Bank) -> Reason | None:
    """Why not, where groups leave no two halves to calibrate the bits across; else None."""
    ids, groups = bank.data.train.ids[bank.counted], bank.groups[bank.counted]
    if not (why := lacking(len(ids), bank.subject.seed, ids, groups)):
        return None
    return reason(why.code, examples=len(ids), named=_named(bank), **why.figures)


def rare_labels(bank: Bank) -> Reason | None:
    """Why not, where the labels of rare classes carry the bits, and are too few to know them by; else None."""
    if not bank.data.output.labelled:
        return None
    y, groups = bank.data.train.y[bank.counted], bank.groups[bank.counted]
    frequencies = np.bincount(y, minlength=bank.data.output.k)
    bits = -np.log2(frequencies[y] / len(y))
    if not bits.any() or (effective := effective_size(bits, groups)) >= GROUPS:
        return None
    rarest = int(frequencies[frequencies > 0].min())
    return reason("rare labels", labels=len(y), effective=float(effective), needed=GROUPS, rarest=rarest)


def few(bank: Bank, rows: np.ndarray | slice = slice(None)) -> Reason | None:
    """Why not, where copies leave fewer draws (of `rows`) than an interval needs; else None."""
    groups = bank.groups[rows]
    if known(draws := worth(groups), len(groups)):
        return None
    return reason("few draws", examples=len(groups), draws=float(draws), needed=FEWEST, named=_named(bank))


def _named(bank: Bank) -> bool | str:
    """Whether the user named groups, so that fewer copies alone would not help.

    `blocks` where rows come in those, `series` where they are windows of one, which have no other split.
    """
    if bank.data.grouping.blocks:
        return "series" if bank.data.output.windows else "blocks"
    return bool(bank.data.grouping.named)


def reason(code: ReasonCode, **figures: Scalar) -> Reason:
    """A reason with its figures.

    Raises:
        InputRefused: no such code, or a figure is missing.

    Example:
        >>> reason("other", why="Tides are not asked of lakes.").code
        'other'
    """
    takes = FIGURES.get(code)
    if takes is None or not set(takes) <= set(figures):
        raise InputRefused(
            expected=f"a code of records.reason with its figures{'' if takes is None else ': ' + ', '.join(takes)}",
            came=f"{code!r} with {', '.join(figures) or 'none'}",
            do='Give "other" with why="..." and advice="..." for a reason that has no code.',
        )
    return Reason(code=code, figures=figures)
