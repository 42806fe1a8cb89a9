"""Where does most of an interval come from?"""

from __future__ import annotations

from byheart.maths.statistics.effective_sample_size import Sources
from byheart.records.facts import Scalar


def source_of(sources: Sources | None) -> dict[str, Scalar]:
    """The largest source of a variance and its share of it; none where there is no variance.

    Example:
        >>> source_of(Sources(examples=1.0, training_set=0.0, members=3.0))
        {'source': 'members', 'source_share': 0.75}
    """
    if sources is None or not 0 < (total := float(sum(sources))) < float("inf"):
        return {}
    return {"source": sources.largest, "source_share": float(max(sources)) / total}
