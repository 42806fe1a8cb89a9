"""Which shares of the variance of the values are understood, memorised, not learned? The budget of values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from byheart.maths.codes.variance import SideErrors, deviations, side_errors, variance_share_intervals
from byheart.maths.statistics.intervals import BudgetShares
from byheart.maths.statistics.seen_unseen import FEWEST_MEMBERS
from byheart.probes.base import Bank
from byheart.probes.complexity.description_length.baselines import (
    RIVALS,
    balance_of,
    left_out_facts,
    one_model_facts,
    shares,
    shuffled_share,
    standing_of,
    trail_sides,
)
from byheart.probes.complexity.description_length.budget import BETTER
from byheart.probes.complexity.description_length.held_out_course import held_out_course
from byheart.probes.heavy_tail import heavy_tail, targets_in_units, without_r2
from byheart.probes.interval_sources import source_of
from byheart.probes.intervals import estimate
from byheart.records.facts import FactTable
from byheart.records.finding import Finding, Pole
from byheart.records.quantity import Quantity
from byheart.training.run import Run

if TYPE_CHECKING:
    from byheart.probes.base import Probe

QUESTION = "Which shares of the variance of the values are understood, memorised, not learned?"
NAMES = {"understood": "understood_share", "memorised": "memorised_share_of_variance", "left": "left_share"}


def of_values(probe: Probe, bank: Bank) -> tuple[Finding, dict[str, np.ndarray]]:
    """The finding of `complexity/description-length` for values: shares of their variance, or why not."""
    run = bank[bank.subject.bank()]
    if few := heavy_tail(bank):
        return without_r2(probe, bank, QUESTION, few), {}
    sides = sides_of(bank, run)
    mask = run.members.mask
    estimates = variance_share_intervals(_errors(run), deviations(targets_in_units(bank), mask), mask, bank.groups)
    quantities = _quantities(bank, estimates, shuffled_share(probe, bank, run, sides_of))
    course = trail_sides(bank, run, sides_of)
    balance = balance_of(bank, run, sides, course, standing_of(quantities, NAMES), sides_of, probe.rng(bank, "moves"))
    finding = probe.finding(
        quantities | held_out_course(bank, run, course, probe.rng(bank, "course")),
        question=QUESTION,
        headline=NAMES["memorised"],
        poles=(Pole(name="Oracle", value=0.0, note="knows the task's own truth"), Pole(name="Rote", value=1.0)),
        tables={"recipes": _recipes(bank, sides)} | one_model_facts(balance),
        details={"of": "values", **left_out_facts(run), **source_of(estimates.memorised.sources)},
        balance=balance,
    )
    few = len(mask) < FEWEST_MEMBERS
    return finding, {} if few else {"held_out_error": sides.unseen, "seen_error": sides.seen}


def sides_of(
    bank: Bank, run: Run, mask: np.ndarray | None = None, members: int = 0, checkpoint: int = -1
) -> SideErrors:
    """The errors of both sides under the first `members` of a run (all of them: 0), as `mask` parts them."""
    mask = run.members.mask[: members or len(run.members)] if mask is None else mask
    spread = deviations(targets_in_units(bank), run.members.mask[: len(mask)])
    return side_errors(_errors(run, checkpoint)[: len(mask)], spread, mask)


def _errors(run: Run, checkpoint: int = -1) -> np.ndarray:
    return run.views["train"].loss_nats[checkpoint].astype(np.float64)


def _quantities(bank: Bank, estimates: BudgetShares, null: float) -> dict[str, Quantity]:
    nulls = {"understood": 0.0, "memorised": null, "left": 1 - null}
    n = len(bank.groups)
    return {
        key: estimate(getattr(estimates, name), unit="share", null=nulls[name], n=n, better=BETTER[name])
        for name, key in NAMES.items()
    }


def _recipes(bank: Bank, sides: SideErrors) -> FactTable:
    """The three shares of this recipe, and of the baselines on the same subsets."""
    found = {"this": shares(sides)}
    for name, title in RIVALS.items():
        if (need := bank.subject.baseline(name)) in bank:
            found[title] = shares(sides_of(bank, bank[need]))
    parts = {part: tuple(getattr(one, part) for one in found.values()) for part in NAMES}
    return FactTable(values={"recipe": tuple(found), **parts})
