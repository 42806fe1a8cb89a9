"""The table of measures: name, number in Jiang et al. 2020, equation, what each needs, and the function.

A function of `Evidence` gives the natural logarithm of the measure, in which products do not overflow; where a measure
has none (`logarithm=False`: it can be negative) it gives the value.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from byheart.maths.measures import margins, norms
from byheart.maths.measures.evidence import Evidence, Input

WEIGHTS: tuple[Input, ...] = ("weights",)
BOTH: tuple[Input, ...] = ("weights", "initial weights")
DATA: tuple[Input, ...] = ("weights", "data")


class Row(NamedTuple):
    """One measure."""

    function: Callable[[Evidence], float]
    needs: tuple[Input, ...]
    number: int | None = None  # in table 1.2 of Jiang et al. 2020, appendix C; None of later ones
    equation: int | None = None
    logarithm: bool = True


ROWS: dict[str, Row] = {
    "cross-entropy": Row(margins.cross_entropy, DATA, 3, 21),
    "inverse-margin": Row(margins.inverse_margin, DATA, 4, 22),
    "prod-of-fro": Row(norms.prod_of_fro, WEIGHTS, 16, 37),
    "param-norm": Row(norms.param_norm, WEIGHTS, 21, 42),
}
NAMES = tuple(ROWS)
