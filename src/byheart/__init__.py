"""byheart: know what your model knows by heart, and what it has understood.

import byheart as bh
audit = bh.audit((x, y), test=(x_test, y_test), model=make_model)
audit.bits, audit.memorised(20)
audit.save("report.html")
"""

from __future__ import annotations

TYPE_CHECKING = False  # not typing's: a Ctrl-C while the command line starts finds us, not an import, at work
if TYPE_CHECKING:
    from typing import Any

    from byheart.auditing.audit import audit
    from byheart.auditing.compare import Comparison, compare
    from byheart.auditing.measure import Measurement, measure
    from byheart.auditing.rank_measures import RankedMeasures, rank_measures
    from byheart.auditing.result import Audit
    from byheart.auditing.unlearn import Unlearned, unlearn
    from byheart.balancing.balance import Balanced, balance
    from byheart.errors import ByheartError, InputRefused, UsageError
    from byheart.records.finding import Finding
    from byheart.records.quantity import Quantity
    from byheart.training.recording import record

# Late (PEP 562): `import byheart` costs milliseconds and imports nothing heavy.
_PUBLIC = {
    # the front door
    "audit": "byheart.auditing.audit",
    "Audit": "byheart.auditing.result",
    # which setting of levers serves a model best
    "balance": "byheart.balancing.balance",
    "Balanced": "byheart.balancing.balance",
    # what changed between two audits
    "compare": "byheart.auditing.compare",
    "Comparison": "byheart.auditing.compare",
    # these rows must go
    "unlearn": "byheart.auditing.unlearn",
    "Unlearned": "byheart.auditing.unlearn",
    # a network as it is
    "measure": "byheart.auditing.measure",
    "Measurement": "byheart.auditing.measure",
    # measures of generalisation over a table of runs of your own
    "rank_measures": "byheart.auditing.rank_measures",
    "RankedMeasures": "byheart.auditing.rank_measures",
    # your own loop, recorded step by step
    "record": "byheart.training.recording",
    # what it finds
    "Finding": "byheart.records.finding",
    "Quantity": "byheart.records.quantity",
    # what it refuses
    "ByheartError": "byheart.errors",
    "InputRefused": "byheart.errors",
    "UsageError": "byheart.errors",
}

__all__ = [
    "Audit", "Balanced", "ByheartError", "Comparison", "Finding", "InputRefused", "Measurement", "Quantity",
    "RankedMeasures", "Unlearned", "UsageError", "audit", "balance", "compare", "measure", "rank_measures", "record",
    "unlearn",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("byheart")
    if name in _PUBLIC:
        from importlib import import_module

        return getattr(import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'byheart' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
