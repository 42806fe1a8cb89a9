"""What was not measured of a network, and why: measures by what they lack, probes by what they train."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from byheart.maths.measures import Measure
from byheart.registry import names

OPTIONS = {
    "initial weights": "the weights before training (--initial)",
    "data": "the training examples (--train)",
    "search": "a search for the perturbation that weights bear (--search)",
    "training log": "a recorded training (--trace)",
    "second run": "another run and new examples (--second, --test)",
}


def unmeasured(found: Mapping[str, Measure], evidence: Collection[str], lacking: str) -> list[dict[str, Any]]:
    """Why -> the measures that have no value for that reason, in their order.

    Args:
        found: every measure that was asked for.
        evidence: what is known.
        lacking: why examples that were given could not be used; empty where they were, or where there are none.
    """
    groups: dict[str, list[str]] = {}
    for name, one in found.items():
        if not one.applicable:
            absent = [need for need in one.needs if need not in evidence and need in OPTIONS]
            why = f"needs {' and '.join(OPTIONS[need] for need in absent)}" if absent else one.reason
            if lacking and "data" in absent:
                why = f"needs an architecture to call on the examples: {lacking}"
            groups.setdefault(why, []).append(name)
    return [{"why": why, "names": listed} for why, listed in groups.items()]


def probes_left_out() -> list[dict[str, Any]]:
    """Why -> the probes of an audit: they read models that byheart trains, and one finished network is none of them."""
    listed = names("probe")
    asked = [name for name, line in listed.items() if line.endswith("(on request)")]
    usual = [name for name in listed if name not in asked]
    groups = {"they compare models trained on parts of the data: byheart audit": usual,
              "they train more, or record a training: byheart audit --also NAME": asked}  # fmt: skip
    return [{"why": why, "names": found} for why, found in groups.items()]
