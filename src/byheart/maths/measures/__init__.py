"""Measures of generalisation: what a network's weights, data and training say of its gap on new examples.

`compute` is the front; a file a family, and every measure a pure function of what it declares to need.
"""

from byheart.maths.measures.evidence import Evidence, Measure, TrainingLog
from byheart.maths.measures.front import compute, measures_of
from byheart.maths.measures.layers import Coverage
from byheart.maths.measures.sample_size import Adjusted, adjusted
from byheart.maths.measures.search_settings import Search
from byheart.maths.measures.stored_weights import compute_from_weights, stored_weights
from byheart.maths.measures.table import NAMES, ROWS

__all__ = [
    "NAMES",
    "ROWS",
    "Adjusted",
    "Coverage",
    "Evidence",
    "Measure",
    "Search",
    "TrainingLog",
    "adjusted",
    "compute",
    "compute_from_weights",
    "measures_of",
    "stored_weights",
]
