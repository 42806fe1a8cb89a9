"""Banks in which little varies: a probe has no number for most of them, and may break in none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, replace

import numpy as np

from byheart.probes.base import Bank, Probe
from byheart.records.finding import NotApplicable
from byheart.tasks.data import Data, Examples, Truth
from byheart.testing.banks import offers_of, trained
from byheart.training.run import Outcomes, Run

ROWS, TIMES = 12, 3


def degenerate(probe: Probe, bank: Bank) -> Iterator[tuple[str, Bank]]:
    """Each such bank with its name, made of the task, learner and runs of `bank`."""
    one = np.arange(len(bank.data.train)) == 0
    yield "a single example", bank.of_rows(one)
    yield "members that say nothing", replace(bank, runs={key: _silent(run) for key, run in bank.runs.items()})
    for name, change in {"copies": _copies, "one class": _one_class}.items():
        if (made := _trained(probe, bank, change)) is not None:
            yield name, made


def _trained(probe: Probe, bank: Bank, change: Callable[[Examples], Examples]) -> Bank | None:
    """The bank of other training examples; None where the question does not apply to them."""
    data = _with(bank.data, change(bank.data.train))
    subject = replace(bank.subject, offers=offers_of(data))
    needs = probe.requires(subject)
    if isinstance(needs, NotApplicable):
        return None
    ways = {run.about.get("way") for run in bank.runs.values()}  # all at once where the members of the bank were
    way = "stacked" if "stacked" in ways else "each"
    return Bank(subject, data, {need.key(): trained(subject, data, need, way) for need in needs})


def _with(data: Data, train: Examples) -> Data:
    """The data with other training examples, of which nothing is known."""
    best = data.truth.best_loss_nats if data.truth.posterior is None else None
    truth = Truth(repeats=data.truth.repeats, best_loss_nats=best)
    views = {**data.views, "train": train}
    return replace(data, phases=(), views=views, truth=truth, grouped=None)


def _copies(train: Examples) -> Examples:
    """Few examples, each several times."""
    made = train.take(np.tile(np.arange(min(ROWS, len(train))), TIMES))
    return replace(made, ids=np.arange(len(made)))


def _one_class(train: Examples) -> Examples:
    """One label, or one value, for all; passages keep what they say."""
    few = train.take(np.arange(min(ROWS * TIMES, len(train))))
    return replace(few, y=np.full_like(few.y, few.y[0])) if few.y.ndim == 1 else few


def _silent(run: Run) -> Run:
    """The run whose outcomes are all nought: nothing varies between examples, nor between members."""

    def nought(outcomes: Outcomes) -> Outcomes:
        held = {one.name: getattr(outcomes, one.name) for one in fields(outcomes)}
        said = {name: it for name, it in held.items() if isinstance(it, np.ndarray) and it.dtype.kind in "bf"}
        return replace(outcomes, **{name: np.zeros_like(it) for name, it in said.items()})

    return replace(run, views={name: nought(outcomes) for name, outcomes in run.views.items()})
