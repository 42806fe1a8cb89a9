"""Tables of measures: what each is here and beside it, and those without a value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from byheart.probes.generalization.measures.reference_models import scale
from byheart.records.facts import FactTable

if TYPE_CHECKING:
    from byheart.maths.measures import Measure


def table_of(known: Mapping[str, Measure], noise: Mapping[str, Measure], right: Mapping[str, float]) -> FactTable:
    """A row per measure: its number in the paper, what it is here and beside it, which pairs of models it orders."""
    from byheart.maths.measures import ROWS

    columns = {
        "measure": tuple(known),
        "number": tuple(ROWS[name].number for name in known),
        "logarithm": tuple(ROWS[name].logarithm for name in known),
        "here": tuple(scale(one) for one in known.values()),
        "reference": tuple(scale(noise.get(name)) for name in known),
        "ranked right": tuple(right.get(name) for name in known),
    }
    return FactTable(values=columns)


def skipped(own: Mapping[str, Measure]) -> FactTable:
    """The measures without a value, and why."""
    without = {name: one for name, one in own.items() if scale(one) is None}
    why = tuple(one.reason or "no finite value" for one in without.values())
    return FactTable(values={"measure": tuple(without), "why": why})
