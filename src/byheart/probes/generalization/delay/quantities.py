"""The numbers and curves of a delay: steps, levels, areas, and what weights and logits say on the way."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.stats import t as student

from byheart.maths.delay import first_held, gap_over_log_steps, highest_held, typical_step
from byheart.maths.statistics.bounded_mean import bounded_mean
from byheart.maths.statistics.ranks import wilson
from byheart.probes.generalization.delay.circuit import Circuit
from byheart.probes.generalization.delay.course import Course
from byheart.records.facts import Axis, Curve, FactTable
from byheart.records.quantity import Quantity, Unit, interval_by

MEMORISED, GENERALISED = 0.99, 0.95  # accuracy on what was seen, and on what was held out
GEOMETRIC = "Student's t over the logarithms of members, widened to the evaluation before"
STUDENT = "Student's t over members"
BOUNDED = "Student's t over members, Wilson where at the ceiling"
DRAWN = 8  # members whose own course is kept
ONE = 2.0**-24  # of this relative size and less, what is added to 1 in float32 is lost


def steps_of(own: Course) -> dict[str, Quantity]:
    """When all members have memorised, when all have generalised, and how many times later."""
    (mem, before_mem), (gen, before_gen) = (
        first_held(own.seen, own.steps, MEMORISED),
        first_held(own.held_out, own.steps, GENERALISED),
    )
    made = {}
    if (mem > 0).all():  # NaN, never, is not
        made["memorised_step"] = _geometric(mem, before_mem, mem, "steps", None, own.n_seen)
    if (gen > 0).all():
        made["generalised_step"] = _geometric(gen, before_gen, gen, "steps", None, own.n_held_out)
    if len(made) == 2:
        low, high = before_gen / mem, gen / np.maximum(before_mem, 0.5)
        made["delay_ratio"] = _geometric(gen / mem, low, high, "ratio", 1.0, own.n_held_out)
    return made


def levels_of(own: Course, null: Course | None) -> dict[str, Quantity]:
    """How many members generalise, the level that they hold, and the gap over the course; beside random labels."""
    levels, m = highest_held(own.held_out), len(own.held_out)
    ends = bounded_mean(levels, 1.0).interval
    generalised = int((levels >= GENERALISED).sum())
    chance, by_chance = None, None
    if null is not None:
        chance = float(highest_held(null.held_out).mean())
        by_chance = float(gap_over_log_steps(null.seen, null.held_out, null.steps).mean())
    area = gap_over_log_steps(own.seen, own.held_out, own.steps)
    return {
        "reached_accuracy": Quantity(
            value=float(levels.mean()), unit="accuracy", null=chance, n=own.n_held_out, better="high",
            **interval_by(BOUNDED, ends and (max(0.0, ends[0]), min(1.0, ends[1]))),
        ),
        "generalised_share": Quantity(
            value=generalised / m, unit="share", null=None if null is None else float(chance >= GENERALISED),
            n=own.n_held_out, better="high", **interval_by("Wilson over members", wilson(generalised, m)),
        ),
        "gap_over_log_steps": _mean(area, "points", own.n_held_out, null=by_chance, low=-1.0, high=1.0),
    }  # fmt: skip


def weights_of(norm: np.ndarray, n: int) -> dict[str, Quantity]:
    """The norm of all weights (m, c) at the end over its largest value: below 1 where they shrank again."""
    fall = norm[:, -1] / norm.max(1)
    return {"weight_norm_kept": _geometric(fall, fall, fall, "ratio", 1.0, n)}


def absorbed_of(margin: np.ndarray, seen: np.ndarray, n: int) -> dict[str, Quantity]:
    """The share of examples seen whose own gradient is exactly zero in float32, of margins (m, n) of the labels.

    p = 1 / (1 + exp(-margin)) is 1 there: the loss is 0, and nothing pulls the label's logit any more.
    """
    zero = np.exp(-margin.astype(np.float64)) <= ONE
    share = (zero & seen).sum(1) / seen.sum(1)
    ends = bounded_mean(share, 1.0).interval
    interval = interval_by(BOUNDED, ends and (max(0.0, ends[0]), min(1.0, ends[1])))
    return {
        "zero_gradient_share": Quantity(
            value=float(share.mean()), unit="share", null=0.0, n=n, better="low", **interval
        )
    }


def circuit_quantities(of: Circuit, classes: int, n: int) -> dict[str, Quantity]:
    """Where they stand at the end."""
    guess = float(np.log(classes))
    made = {
        "restricted_loss": _mean(of.restricted[:, -1], "nats", n, null=guess),
        "excluded_loss": _mean(of.excluded[:, -1], "nats", n, null=guess),
        "five_frequencies_share": _mean(of.in_five[:, -1], "share", n, null=None, high=1.0),
    }
    if of.gini is not None:
        made["embedding_gini"] = _mean(of.gini[:, -1], "ratio", n, null=of.noise, high=1.0)
    return made


def curves_of(own: Course, null: Course | None, **more: tuple[np.ndarray, str, Unit | str]) -> dict[str, Curve]:
    """Accuracy where seen and held out, and all `more` (m, c), over the steps after the first evaluation."""
    found = {"seen": (own.seen, "accuracy", "accuracy"), "held_out": (own.held_out, "accuracy", "accuracy"), **more}
    if null is not None and len(null.steps) == len(own.steps):
        found["held_out_random"] = (null.held_out, "accuracy", "accuracy")
    return {name: _curve(own.steps, *one) for name, one in found.items()}


def members_table(own: Course) -> FactTable:
    """A row per member."""
    mem, gen = first_held(own.seen, own.steps, MEMORISED).step, first_held(own.held_out, own.steps, GENERALISED).step
    return FactTable(
        values={
            "member": tuple(range(len(mem))), "memorised_step": _gaps(mem), "generalised_step": _gaps(gen),
            "reached_accuracy": highest_held(own.held_out), "last_accuracy": own.held_out[:, -1],
        },
        units={
            "memorised_step": "steps", "generalised_step": "steps", "reached_accuracy": "accuracy",
            "last_accuracy": "accuracy",
        },
    )  # fmt: skip


def _gaps(steps: np.ndarray) -> tuple[float | None, ...]:
    return tuple(float(step) if np.isfinite(step) else None for step in steps)


def by_member(own: Course) -> FactTable:
    """Held-out accuracy of the first members, a column each, at every step."""
    columns = {f"member_{j}": row for j, row in enumerate(own.held_out[:DRAWN])}
    return FactTable(values={"step": own.steps, **columns}, units=dict.fromkeys(columns, "accuracy"))


def _curve(steps: np.ndarray, values: np.ndarray, name: str, unit: Any) -> Curve:
    """The mean over members; each member's own accuracy stands in a table."""
    there = steps > 0
    y = values[:, there].mean(0)
    n = (len(values),) * len(y)
    return Curve(x_axis=Axis(name="step", unit="steps"), y_axis=Axis(name=name, unit=unit), x=steps[there], y=y, n=n)


def _geometric(
    values: np.ndarray, low: np.ndarray, high: np.ndarray, unit: Unit, null: float | None, n: int
) -> Quantity:
    found = typical_step(values, low, high)
    return Quantity(
        value=found.value, unit=unit, null=null, n=n, better="low", **interval_by(GEOMETRIC, found.interval)
    )


def _mean(
    values: np.ndarray, unit: Unit, n: int, null: float | None, low: float = 0.0, high: float = np.inf
) -> Quantity:
    """The mean over members, its interval cut at the least and the most that there can be."""
    value, m = float(values.mean()), len(values)
    half = float(student.ppf(0.975, m - 1) * values.std(ddof=1) / np.sqrt(m)) if m > 1 else 0.0
    interval = (max(low, value - half), min(high, value + half)) if half > 0 else None
    return Quantity(
        value=value, unit=unit, null=null, n=n, **interval_by(STUDENT, interval, "no spread" if m > 1 else "too few")
    )
