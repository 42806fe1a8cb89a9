"""Residual noise: which values do models that did not see them miss by most, and were these then learned by heart?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from byheart.maths.statistics.effective_sample_size import known, worth
from byheart.maths.statistics.resampling import bootstrap
from byheart.maths.statistics.seen_unseen import side_means
from byheart.probes.base import Bank
from byheart.probes.intervals import BOOTSTRAP, area, share
from byheart.records.facts import FactTable, Ranked
from byheart.records.finding import Finding
from byheart.records.quantity import Quantity, interval_by

if TYPE_CHECKING:
    from byheart.probes.base import Probe

QUESTION = "Which values do models that did not see them miss by most?"
# Tukey's far-out point is near 2.7 of these deviations; a normal distribution has 0.27 % beyond 3
LARGE, NORMAL = 3.0, 0.0027
DEVIATION = 1.4826  # standard deviations per median absolute residual of a normal distribution
MARKS, RANKED = 1000, 12


def of_values(probe: Probe, bank: Bank) -> tuple[Finding, dict[str, np.ndarray]]:
    """Values ranked by their held-out residual, the target less the mean of members that did not see it.

    It ranks and does not accuse: a large residual is a wrong value, an honest exception, or structure that the recipe
    did not capture. Its unit is a robust standard deviation of all held-out residuals.
    """
    run, y = bank[bank.subject.bank()], bank.data.train.y
    seen, held_out = (y - side for side in side_means(run.views["train"].logits[:, :, 0], run.members.mask))
    unit = DEVIATION * float(np.median(np.abs(held_out))) or float(y.std()) or 1.0
    seen, held_out = seen / unit, held_out / unit
    size = np.abs(held_out)
    order = np.lexsort((bank.data.train.ids, -np.round(size, 12)))
    large = size > LARGE
    first = order[:RANKED]
    figures = {"label": y[first], "predicted": (y - held_out * unit)[first], "deviations": size[first]}
    finding = probe.finding(
        _quantities(probe, bank, seen, held_out, large),
        question=QUESTION,
        headline="large_residual_share",
        tables={"residuals": _marks(seen, held_out, large)},
        ranked={"largest_residuals": Ranked(ids=bank.data.train.ids[first], figures=figures)},
        details={"deviation": unit, "large_deviations": LARGE, "large": int(large.sum())},
    )
    rank = np.argsort(order, kind="stable").astype(np.int64)
    return finding, {"held_out_residual": held_out, "seen_residual": seen, "suspicion_rank": rank}


def _marks(seen: np.ndarray, held_out: np.ndarray, large: np.ndarray) -> FactTable:
    """Both residuals, in deviations: of large ones the first, of the others some evenly through their ranking."""
    rest = np.flatnonzero(~large)
    rest = rest[np.argsort(held_out[rest], kind="stable")][:: max(1, -(-len(rest) // MARKS))]
    rows = np.concatenate([rest, np.flatnonzero(large)[:MARKS]])
    return FactTable(values={"held_out": held_out[rows], "seen": seen[rows], "large": large[rows]})


def _quantities(probe: Probe, bank: Bank, seen, held_out, large) -> dict[str, Quantity]:
    size = np.abs(held_out)
    found = {"large_residual_share": share(large, bank.groups, NORMAL, better="low")}
    if large.sum() > 1:
        groups, columns = bank.groups[large], np.stack([size[large] - np.abs(seen)[large], size[large]], 1)
        drawn = bootstrap(columns, groups=groups, rng=probe.rng(bank, "kept")).ratio(0, 1)
        learned, beyond = columns.sum(0)
        found["large_residual_learned"] = Quantity(
            value=float(learned / beyond), unit="share", null=0.0, n=len(groups), better="low",
            **interval_by(BOOTSTRAP, drawn if known(worth(groups), len(groups)) else None),
        )  # fmt: skip
    if 0 < bank.changed.sum() < len(size):
        found["planted_auc"] = area(size, bank.changed, probe.rng(bank, "auc"), better="high")
    return found
