"""The certificate of a language model: bits per token on new passages, from those that the first member left out.

That member is fixed before they are looked at, so nothing is paid for it but the choice of a smoothing. What it says is
mixed with a blind guess, for a bound needs bits that are bounded.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from byheart.maths.bounds import all_evaluated, smoothed_at_most, subsampled
from byheart.maths.statistics.student_mean import student_mean
from byheart.probes.bank import Bank
from byheart.records.facts import FactTable
from byheart.records.finding import Finding, Pole
from byheart.records.quantity import Quantity, interval_by

if TYPE_CHECKING:
    from byheart.probes.base import Probe

SMOOTHING = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3)  # parts of a blind guess; which one is paid for
PART = 4  # one of so many passages is evaluated for the subsampled bound


class Held(NamedTuple):
    """Bits per token of passages that the first member left out, one of each group, and of new ones."""

    bits: np.ndarray
    test: np.ndarray | None
    copies: int


def held_out(bank: Bank, rng: np.random.Generator) -> Held:
    """Passages by order of their ids, drawn; of each group one."""
    run, ids, groups = bank[bank.subject.bank()], bank.data.train.ids, bank.groups
    order = np.argsort(ids, kind="stable")
    order = order[(run.members.unseen[0] & bank.counted)[order]]
    order = order[rng.permutation(len(order))]
    one = order[np.sort(np.unique(groups[order], return_index=True)[1])]
    bits = {name: _bits(bank, name) for name in run.views.keys() & {"train", "test"}}
    return Held(bits["train"][one], bits.get("test"), len(order) - len(one))


def _bits(bank: Bank, view: str) -> np.ndarray:
    """(n,) bits per token of each passage under the first member, at the end of training."""
    counted = (bank.data.views[view].y >= 0).sum(1)
    return bank[bank.subject.bank()].views[view].loss_nats[-1][0].astype(np.float64) / math.log(2) / counted


def of_passages(probe: Probe, held: Held, tokens: int, delta: float) -> Finding:
    """The smallest bound over the smoothings, each with its part of delta; beside it that of fewer passages."""
    n, paid = len(held.bits), math.log(len(SMOOTHING))

    def risk(bits: np.ndarray, smoothing: float) -> float:
        return float(smoothed_at_most(bits, tokens, smoothing).mean())

    def bounds(bits: np.ndarray) -> list[float]:
        return [all_evaluated(risk(bits, a), paid, n, tokens, a, delta) for a in SMOOTHING]

    found, blind = bounds(held.bits), math.log2(tokens)
    best, bound = SMOOTHING[int(np.argmin(found))], min(found)
    few = held.bits[: max(1, n // PART)]  # their order was drawn
    least = -math.log2(1 - best + best / tokens)
    more: dict[str, Any] = {"unit": "bits", "null": blind, "better": "low", "speaks_of": "training"}
    made = {
        "certificate_bits_a_token": Quantity(
            value=bound, n=n, **interval_by("one-sided", (min(least, bound), bound)), **more
        ),
        "smoothed_bits_a_token": _mean(smoothed_at_most(held.bits, tokens, best), more),
    }
    if held.test is not None and len(held.test) > 1:
        made["smoothed_test_bits_a_token"] = _mean(smoothed_at_most(held.test, tokens, best), more)
    rows = {
        "all": (n, risk(held.bits, best), bound),
        "subsampled": (
            len(few), risk(few, best), subsampled(risk(few, best), paid, n, len(few), tokens, best, delta)
        ),
    }
    columns = dict(zip(("evaluated", "bits", "at_most"), zip(*rows.values(), strict=True), strict=True))
    return probe.finding(
        made,
        question="How many bits per token can new passages take at most, guaranteed?",
        headline="certificate_bits_a_token",
        poles=(
            Pole(name="All right", value=min(bounds(np.zeros(n))), note="sure of each token, and right"),
            Pole(name="Blind guess", value=min(bounds(np.full(n, blind))), note="certifies nothing"),
        ),
        tables={
            "bounds": FactTable(values={"bound": tuple(rows), **columns}, units={"bits": "bits", "at_most": "bits"}),
            "tried": FactTable(values={"what": ("smoothings",), "count": (len(SMOOTHING),), "paid_by": ("union",)}),
        },
        details={
            "tokens": tokens, "smoothing": best, "delta": delta, "copies": held.copies,
            "says_nothing": bound >= blind,
        },
    )  # fmt: skip


def _mean(bits: np.ndarray, more: dict[str, Any]) -> Quantity:
    """The mean over passages, with Student's interval."""
    mean, ends = student_mean(bits)
    return Quantity(value=mean, n=len(bits), **interval_by("Student's t over passages", ends, "no spread"), **more)
