"""What cards say of intervals: where most of one comes from, what would narrow it, why there is none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from byheart.records.formatting import count, number, percent
from byheart.report.cards.base import About

TOO_FEW = "There is no interval: copies of one another count as one, and fewer than 5 draws are left."

# names of the sources, as `probes.interval_sources` gives them
FEW = 8  # members, below which nothing is said of single examples (`Probe.fewest_members`)
_FROM = {
    "examples": "which {nouns} were measured",
    "training_set": "which training set all members share",
    "members": "the number of members, each with a subset and a seed of its own",
}


def largest_source(
    details: Mapping[str, Any], interval: tuple[float, float] | None, about: About, n: int = 0,
    points: float = 100.0, unit: str = " points",
) -> tuple[str, ...]:  # fmt: skip
    """Names the largest source of an interval, and what twice as much of its remedy, and of no other, would bring.

    Args:
        details: of the finding: `source` and `source_share` of the variance; no sentence without them.
        interval: as the card prints it; no sentence without one.
        about: the subject.
        n: training examples that were measured, if not all.
        points: factor from the interval's unit to the one that is printed.
        unit: the printed unit.

    Example:
        >>> facts = {"source": "members", "source_share": 0.5}
        >>> largest_source(facts, (0.1, 0.2), About(members=8))[0].partition(". ")[2]
        'With 16 members it would be about ±4.3 instead of ±5.0 points.'
    """
    if interval is None or details.get("source") is None:
        return ()
    if 0 < about.members < FEW:
        more = f"More members would narrow the interval; from {FEW} on scores say which {about.nouns} are memorised."
        return (more,)
    name, share = details["source"], details["source_share"]
    remedy = f"{count(2 * about.members)} members" if name == "members" else f"{count(2 * (n or about.n))} training "
    remedy += "" if name == "members" else about.nouns
    now, which = points * (interval[1] - interval[0]) / 2, _FROM[name].format(nouns=about.nouns)
    return (
        f"Largest source of the interval ({percent(share, 0)} of its variance): {which}. With {remedy} it "
        f"would be about \u00b1{number(now * (1 - share / 2) ** 0.5, 1)} instead of "
        f"\u00b1{number(now, 1)}{unit}.",
    )


def would_bring(about: About) -> str:
    """What the interval of an average knows of.

    Example:
        >>> would_bring(About(nouns="images", members=1))
        'what other images (copies together) would bring, for this one training alone'
    """
    others = f"what other {about.nouns} (copies together)"
    if not 0 < about.members < FEW:
        return f"{others} and another draw of the training set would bring"
    if about.members == 1:
        return f"{others} would bring, for this one training alone"
    degrees = "1 degree" if about.members == 2 else f"{about.members - 1} degrees"
    return f"{others} would bring, and other subsets and seeds (Student's t on {degrees} of freedom)"
