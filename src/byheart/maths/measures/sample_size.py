"""Sample size: a measure divided by the number of examples, as a step of its own that is taken once."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

from byheart.errors import InputRefused
from byheart.maths.measures.evidence import Measure


class Adjusted(NamedTuple):
    """sqrt(mu / m) and its natural logarithm."""

    value: float | None
    log_value: float | None
    m: int
    applicable: bool = True
    reason: str = ""


def adjusted(measures: Mapping[str, Measure], m: int) -> dict[str, Adjusted]:
    r"""What are the measures on the scale of the gap, so that training sets of different sizes compare?

    The bounds have the form gap <= sqrt(mu / m), so log = (log mu - log m) / 2. Needed where the size of the training
    set is among what varies; it changes no order where it does not. It is taken once: what it returns it refuses.

    Args:
        measures: as `compute` gives them.
        m: the number of training examples.

    Returns:
        `Adjusted` by name; a negative measure (negative entropy) has no root and does not apply.

    Raises:
        InputRefused: no example; measures that are adjusted already.

    Cost: none. Fails when: mu already has m in it: cross-entropy and entropy are means over examples.

    Reference: Dziugaite et al. 2020, In search of robust measures of generalization, NeurIPS.

    >>> round(adjusted({"param-norm": Measure(8.0, math.log(8), ("weights",))}, m=2)["param-norm"].value, 12)
    2.0
    """
    if m < 1:
        raise InputRefused("at least one training example", str(m), "Give the number of training examples.")
    if any(isinstance(one, Adjusted) for one in measures.values()):
        raise InputRefused("measures as compute gives them", "adjusted ones", "Divide by the number of examples once.")
    return {name: _adjusted(one, m) for name, one in measures.items()}


def _adjusted(one: Measure, m: int) -> Adjusted:
    if not one.applicable or one.value is None:
        return Adjusted(None, None, m, False, one.reason)
    if one.log_value is not None:
        half = (one.log_value - math.log(m)) / 2
        return Adjusted(math.exp(half) if half < 709 else math.inf, half, m)
    if one.value < 0:
        return Adjusted(None, None, m, False, "it is negative, and a root is taken")
    return Adjusted(math.sqrt(one.value / m), None, m)
