"""Measures of generalisation: what a network's weights, data and training say of its gap on new examples.

`compute` is the front; a file a family, and every measure a pure function of what it declares to need.
"""

from byheart.maths.measures.evidence import Evidence, Measure, Search, TrainingLog
from byheart.maths.measures.front import compute
from byheart.maths.measures.table import NAMES, ROWS

__all__ = ["NAMES", "ROWS", "Evidence", "Measure", "Search", "TrainingLog", "compute"]
