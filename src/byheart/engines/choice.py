"""Which engine does the work of so many jobs?"""

from __future__ import annotations

from byheart.engines.base import Engine
from byheart.engines.inline import Inline


def engine_for(jobs: int, threads: int) -> Engine:
    """This process for one job, else a pool of workers; to be closed at the end."""
    if jobs == 1:
        return Inline()
    from byheart.engines.pool import Pool

    return Pool(jobs, threads)
