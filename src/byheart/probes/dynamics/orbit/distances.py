"""Distances of free runs from the test series, each with its floor and its replay null, and whether runs are new."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

import numpy as np

from byheart.errors import InputRefused
from byheart.maths.orbits import (
    Floor,
    floor_band,
    mixture_divergence,
    novelty,
    replay_null,
    spectrum_distance,
    state_divergence,
)
from byheart.maths.statistics.student_mean import student_mean
from byheart.records.quantity import Quantity, interval_by

SPREAD_BINS = {5000: 30, 0: 10}  # bins a side, from so many steps on
MOST_BINNED = 3  # channels; of more a mixture of Gaussians is asked


class Measure(NamedTuple):
    """What two orbits are held against each other by, and in which unit."""

    of: Callable[[np.ndarray, np.ndarray], float]
    unit: str


def measures(d: int, steps: int) -> dict[str, Measure]:
    """By name, for orbits of d channels and so many steps."""
    bins = next(count for least, count in SPREAD_BINS.items() if steps >= least)

    def states(a: np.ndarray, b: np.ndarray) -> float:
        return float(state_divergence(a, b, bins=bins) if d <= MOST_BINNED else mixture_divergence(a, b).value)

    return {
        "state_divergence": Measure(states, "nats"),
        "spectrum_distance": Measure(lambda a, b: float(spectrum_distance(a, b)), "ratio"),
    }


def scored(
    name: str, measure: Measure, orbits: np.ndarray, lasting: np.ndarray, test: np.ndarray, train: np.ndarray,
    true: list[np.ndarray], details: dict,
) -> dict[str, Quantity]:  # fmt: skip
    """A measure of the runs that last from the test series, with its floor and its replay null among the details."""
    try:
        floor: Floor = floor_band([*true, test], measure.of)
        again = replay_null(train, test, measure.of)
        found = [
            float(np.mean([measure.of(test, run) for run, stays in zip(member, here) if stays]))
            for member, here in zip(orbits, lasting)
            if here.any()
        ]
    except InputRefused:
        return {}
    details |= {f"{name}_floor": floor.high, f"{name}_middle": floor.middle, f"{name}_replay": again}
    return over_members(name, measure.unit, np.array(found), floor.middle, int(lasting.sum()))


def new(
    orbits: np.ndarray, lasting: np.ndarray, train: np.ndarray, test: np.ndarray, details: dict
) -> dict[str, Quantity]:
    """Are the runs that last new? Their first quarter, which follows the test that they began in, is left out."""
    found, counted = [], 0
    for member, here in zip(orbits, lasting):
        each = []
        for run in member[here]:
            with suppress(InputRefused):  # the same cycle as both series, or too short for its window
                each.append(novelty(train, test, run[len(run) // 4 :]))
        if each:
            found.append(float(np.median([one.value for one in each])))
            details["novelty_window"] = each[0].window_steps
            counted += len(each)
    if 2 * len(found) < len(orbits):
        return {}
    return over_members("novelty", "ratio", np.array(found), 1.0, counted)


def over_members(name: str, unit: str, values: np.ndarray, null: float | None, n: int) -> dict[str, Quantity]:
    """The mean over members, with Student's interval; nothing where it is not finite."""
    if not len(values) or not np.isfinite(values).all():
        return {}
    mean, interval = student_mean(values, low=0.0)
    made = interval_by("Student's t over members", interval)
    return {name: Quantity(value=mean, unit=unit, null=null, n=n, **made)}  # type: ignore[arg-type]
