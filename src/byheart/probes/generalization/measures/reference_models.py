"""Reference models: the same recipe on labels of which a share is redrawn, their gaps, and what orders them rightly."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from byheart.maths.measures import ROWS, Measure
from byheart.maths.statistics.effective_sample_size import worth
from byheart.maths.statistics.paired import unpaired_difference
from byheart.maths.statistics.ranks import wilson
from byheart.probes.base import Bank, Need
from byheart.records.quantity import Quantity, interval_by

OF_ARCHITECTURE = ("vc-dim", "params")  # training does not move them


def scale(one: Measure | None) -> float | None:
    """log10 of a measure, or its value where it has no logarithm; None where it has none that is finite."""
    if one is None or not one.applicable:
        return None
    value = one.value if one.log_value is None else one.log_value / math.log(10)
    return value if value is not None and math.isfinite(value) else None


def gap_of(bank: Bank, need: Need) -> Quantity | None:
    """Training accuracy of one model less that on new examples whose labels are redrawn as often."""
    views, data = bank[need].views, bank.data_of(need)
    if "test" not in views or not len(data.views["test"]):
        return None
    redrawn, k = data.truth.redrawn / len(data.train), data.output.k
    train = _accuracy(views["train"].correct[-1, 0], bank.groups)
    test = (1 - redrawn) * _accuracy(views["test"].correct[-1, 0], bank.data.new_copies) + redrawn / k
    value, low, high = map(float, unpaired_difference(test, train))
    return Quantity(
        value=value, unit="points", null=0.0, n=len(data.views["test"]), better="low", speaks_of="run",
        **interval_by("Wilson over examples", (low, high)),
    )  # fmt: skip


def _accuracy(right: np.ndarray, copies: np.ndarray) -> np.ndarray:
    """(3,) the accuracy and its interval over examples, copies as one."""
    share, draws = float(right.mean()), worth(copies)
    return np.array([share, *wilson(share * draws, draws)])


def decided(gaps: Mapping[float, Quantity]) -> list[tuple[float, float]]:
    """The pairs of models whose gaps differ beyond their intervals, the smaller gap first.

    Example:
        >>> made = {"unit": "points", "null": 0.0, "n": 9}
        >>> low = Quantity(value=0.1, interval=(0.0, 0.2), **made)
        >>> decided({0.0: low, 0.5: low.model_copy(update={"interval": (0.3, 0.5)}), 1.0: low})
        [(0.0, 0.5), (1.0, 0.5)]
    """
    ends = {share: gap.interval for share, gap in gaps.items() if gap.interval}
    return [(a, b) for a in ends for b in ends if ends[a][1] < ends[b][0]]


def ranked_right(
    name: str, found: Mapping[float, Mapping[str, Measure]], gaps: Mapping[float, Quantity],
    pairs: Sequence[tuple[float, float]],
) -> float | None:  # fmt: skip
    """The share of the decided pairs that a measure orders as their gaps; None of one that is not compared."""
    if ROWS[name].number is None or name in OF_ARCHITECTURE:
        return None
    both = [(scale(found[a].get(name)), scale(found[b].get(name))) for a, b in pairs]
    signs = [np.sign(b - a) for a, b in both if a is not None and b is not None]
    return float(np.mean([(sign + 1) / 2 for sign in signs])) if signs else None


def gap_name(share: float) -> str:
    """The quantity of the gap of a model whose labels were redrawn to this share.

    Example:
        >>> gap_name(0.25), gap_name(0.0)
        ('noise_0_25_gap', 'one_model_gap')
    """
    return f"noise_{share:g}_gap".replace(".", "_") if share else "one_model_gap"
