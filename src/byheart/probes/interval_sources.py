"""Where does most of an interval come from, and what would narrow it? One sentence, for every card that has one."""

from __future__ import annotations

from byheart.maths.statistics.effective_sample_size import Sources
from byheart.probes.base import Bank
from byheart.records.facts import Scalar
from byheart.records.figures import count, number, percent

# names of the sources, and what brings half of the variance of each
_FROM = {
    "examples": "which {noun} were measured",
    "training_set": "which training set all members share",
    "members": "the number of members, each with a subset and a seed of its own",
}


def source_of(sources: Sources | None) -> dict[str, Scalar]:
    """The largest source of a variance and its share of it, as details of a finding; none where there is no variance.

    Example:
        >>> source_of(Sources(examples=1.0, training_set=0.0, members=3.0))
        {'source': 'members', 'source_share': 0.75}
    """
    if sources is None or not 0 < (total := float(sum(sources))) < float("inf"):
        return {}
    return {"source": sources.largest, "source_share": float(max(sources)) / total}


def largest_source(
    bank: Bank, interval: tuple[float, float] | None, sources: Sources | None, points: float = 100.0,
    unit: str = " points",
) -> str:  # fmt: skip
    """Names the largest source of an interval, and what twice as much of its remedy, and of no other, would bring.

    Args:
        bank: what was measured.
        interval: as the card prints it; empty text without one.
        sources: of its variance; empty text where they are all 0.
        points: factor from the sources' unit to the one that is printed.
        unit: the printed unit.
    """
    if interval is None or sources is None or not (total := sum(sources)) > 0:
        return ""
    name, variance = sources.largest, max(sources)
    n, m = len(bank.groups), bank.subject.members
    remedy = f"{count(2 * m)} members" if name == "members" else f"{count(2 * n)} training {bank.noun()}"
    now = points * (interval[1] - interval[0]) / 2
    then = now * (1 - variance / total / 2) ** 0.5
    return (
        f"Largest source of the interval ({percent(variance / total, 0)} of its variance): "
        f"{_FROM[name].format(noun=bank.noun())}. With {remedy} it would be about \u00b1{number(then, 1)} instead of "
        f"\u00b1{number(now, 1)}{unit}."
    )
