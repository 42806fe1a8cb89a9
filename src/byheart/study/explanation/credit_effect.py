"""Recorded trainings explain one prediction: where did it come from (credit), and what would change it (effect)?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from byheart.errors import InputRefused
from byheart.fingerprint.sources import unchanged
from byheart.ledger.base import Result
from byheart.levers.base import Lever
from byheart.study.explanation.nearest import distances
from byheart.study.explanation.target import Target, target_of
from byheart.tasks.data import Data, Examples

if TYPE_CHECKING:
    from byheart.learners.base import Network
    from byheart.maths.recording.trace import Trace

VERSION = 1
MOMENTS = 20
OWN = -1  # the id of what is the user's
LIMIT_BYTES = 1_000_000_000  # of working memory beside the trace, which stays under 200 MB
CHEAP = 2_000_000_000  # weights x examples x steps up to which a second training is recorded: a few CPU s


def queried(data: Data, query: Mapping[str, Any], own: Result | None) -> Data:
    """The training data with a view `query` of the asked example alone: one of a view, or the user's `own`."""
    if own is None:
        examples = data.views[query["view"]]
        asked = examples.take(np.flatnonzero(examples.ids == query["id"])[:1])
    else:
        asked = Examples(np.array([OWN]), own.arrays["x"], own.arrays["y"], containers=data.train.containers)
    return replace(data, views={"train": data.train, "query": asked})


@unchanged()
def credit_and_effect(learner: Network, data: Data, levers: Sequence[Lever], about: Mapping[str, Any]) -> Result:
    """What do the recorded steps of the one model trained on everything say of the view `query`?

    The trace (every k-th weights, so that it stays under 200 MB, those between replayed) is not kept: it is larger than
    all else together, and its replay is code.

    Args:
        learner: a network that our loop trains.
        data: with a view `query` of one example.
        levers: what moves the balance.
        about: description of the step: `seed`; `query`; `again`, for a training from another seed, of which the effect
            alone is asked, on the class `label` that the first was asked about.

    Returns:
        Arrays credit, effect and distance (n,), and the figures of the credit: initial, decay, remainder, missed,
        centre; of `again` effect alone.

    Raises:
        InputRefused: the memory needed is over the limit, or what `recorded` and the mathematics refuse.

    Cost: one training, recorded; credit 2 to 10 trainings, effect 2.
    """
    from byheart.training.loop import checked
    from byheart.training.members import balanced
    from byheart.training.module_inputs import called_on
    from byheart.training.record_member import recorded

    n, again = len(data.train), about["again"]
    members = balanced(n, 1, 1.0, about["seed"])
    run, trace = recorded(learner, data, members.reseeded() if again else members, levers=levers)
    _affordable(trace)
    seen = checked(learner, data, members, levers)
    asked = target_of(seen, run, "view" in about["query"], about["label"])
    pair = (called_on(learner, seen, np.arange(n))["query"], asked.y)
    arrays: dict[str, np.ndarray] = {}
    document: dict[str, Any] = {"steps": len(trace)}
    if not again:
        arrays, figures = _credit(trace, pair, asked)
        arrays["distance"] = distances(data)
        document |= {**figures, "label": asked.label, "says": asked.says, "worth_another": _cheap(trace, data)}
    arrays["effect"], how = _effect(trace, pair, asked)
    return Result(document | how, arrays)


def _credit(trace: Trace, pair: tuple[Any, Any], asked: Target) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    from byheart.maths.attribution.credit import path_credit

    credit = path_credit(trace, pair, asked.number, limit_bytes=LIMIT_BYTES)
    figures = {name: float(getattr(credit, name)[0]) for name in ("initial", "decay", "remainder")}
    told = {"missed": credit.relative, "centre": asked.centre, "notes": [note._asdict() for note in credit.notes]}
    return {"credit": credit.examples[0]}, figures | told


def _effect(trace: Trace, pair: tuple[Any, Any], asked: Target) -> tuple[np.ndarray, dict[str, Any]]:
    """The effect (n,) of one recorded training, and how it was estimated."""
    from byheart.maths.attribution.effect import unrolled

    hessian = "gauss-newton" if trace.recipe.adaptive else "exact"
    moments = min(MOMENTS, len(trace))
    made = unrolled(trace, pair, asked.number, moments=moments, hessian=hessian, limit_bytes=LIMIT_BYTES)[0]
    return made, {"hessian": hessian, "moments": moments}


def _cheap(trace: Trace, data: Data) -> bool:
    """Whether a second training is worth its time; by what there is to do, not by a clock: same key, same answer."""
    places = data.train.x.shape[1] if data.output.passages else 1
    examples = sum(len(part.ids) for parts in trace.parts for part in parts)
    return trace.layout.size * examples * places <= CHEAP


def _affordable(trace: Trace) -> None:
    """Refuses, before the work, a model whose adjoints and example gradients do not fit.

    Raises:
        InputRefused: the need is said.
    """
    batch = max(sum(len(part.ids) for part in parts) for parts in trace.parts)
    # four adjoints, two segments of replayed weights, and at worst the gradients of one batch
    need = 4 * trace.layout.size * (6 + 2 * trace.every * (trace.every > 1) + batch)
    if need > LIMIT_BYTES:
        raise InputRefused(
            expected=f"a model that is explained within {LIMIT_BYTES / 1e9:.0f} GB beside its trace",
            came=f"{trace.layout.size:,} weights and batches of {batch}, which may need {need / 1e9:.1f} GB",
            do="Audit a smaller model (--set width=..., --set batch=...).",
        )
