"""How much better or worse are simpler models on the same examples, where seen and where left out?"""

from __future__ import annotations

import numpy as np

from byheart.maths.statistics.effective_sample_size import complement
from byheart.maths.statistics.intervals import budget_share_intervals
from byheart.probes.base import Bank
from byheart.probes.intervals import estimate
from byheart.records.quantity import Quantity, Unit
from byheart.training.run import Run


def members_of_baselines(bank: Bank, *names: str) -> int | None:
    """On how many subsets the baselines were trained; None without one."""
    needs = [bank.subject.baseline(name) for name in names]
    return max((len(bank[need].members) for need in needs if need in bank), default=None)


def leads(bank: Bank, own: np.ndarray, run: Run, theirs: np.ndarray, name: str, unit: Unit) -> dict[str, Quantity]:
    """`NAME_held_out_lead` and `NAME_train_lead`: error of the recipe less that of a baseline, on the same subsets.

    Args:
        bank: the subject's.
        own: (m, n) error of each member of the recipe, 0 where right.
        run: the baseline's.
        theirs: (m', n) the same of the baseline.
        name: of the baseline.
        unit: of the difference.
    """
    members = bank[bank.subject.bank()].members
    _, mine, other = np.intersect1d(members.seeds, run.members.seeds, return_indices=True)
    difference = own[mine] - theirs[other]
    if not difference.any():  # the audited recipe itself
        return {}
    rows = bank.counted
    parts = budget_share_intervals(
        np.ones(int(rows.sum())), difference[:, rows], members.mask[mine][:, rows], bank.groups[rows]
    )
    sides = {"held_out": complement(parts.understood), "train": parts.left}
    more = {"unit": unit, "null": 0.0, "n": int(rows.sum()), "better": "low"}
    return {f"{name}_{side}_lead": estimate(of, **more) for side, of in sides.items()}
