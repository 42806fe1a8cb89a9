"""Attributed: the one model trained on everything, its steps recorded, and what they say of some predictions.

The trace of a large model is larger than all else together: it is not kept, the answers are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from byheart.fingerprint.sources import unchanged
from byheart.seeds import stream
from byheart.training.keep import Keep
from byheart.training.run import ATTRIBUTION

if TYPE_CHECKING:
    import torch
    from torch import nn

    from byheart.learners.base import Network
    from byheart.levers.base import Lever
    from byheart.maths.recording.trace import Trace
    from byheart.tasks.data import Data
    from byheart.training.members import Members
    from byheart.training.run import Run

Method = Literal["unrolled", "curvature", "checkpoints", "projected"]
DIMENSION = 512  # of the random projection; a third of the examples where that is less


class Questions(Keep):
    """What is asked of a recorded training.

    Attributes:
        credit: what the predictions are made of (`attribution/credit.py`).
        effect: whose removal would change them, by this method (`effect.py`, `gradient_similarity.py`); or empty.
        moments: the target of `unrolled` is its mean over so many moments of training; 0 is the end alone.
        hessian: of `unrolled`; auto is gauss-newton under Adam, where exact foretells less, and exact under SGD.
        test: how many predictions of new examples.
        train: how many of training examples, half of them with labels we redrew where there are such.
        tolerance: remainder of the credit, as a share of the change, above which steps are bisected.
        continuous: with credit, also what the statement for infinitely small steps misses (`attribution/kernels.py`).
    """

    name: ClassVar[str] = "attribution"
    credit: bool = False
    effect: Method | Literal[""] = ""
    moments: int = Field(20, ge=0)
    hessian: Literal["auto", "exact", "gauss-newton"] = "auto"
    test: int = Field(16, ge=0)
    train: int = Field(32, ge=0)
    tolerance: float = Field(0.05, gt=0)
    continuous: bool = False


@unchanged()
def attributed(learner: Network, data: Data, members: Members, asked: Questions, levers: Sequence[Lever] = ()) -> Run:
    """What do the recorded steps of one member say of some of its predictions?

    The predictions are drawn by id: `test` of the view `test`, `train` of the training examples. Answers in
    `run.attribution`, q queries (those of `test` first), n training examples, in units of the target (margin in nats;
    log p of a passage in nats; values in their own units):

        test_ids, train_ids              who was asked
        credit, kernel (q, n); initial, decay, remainder, output (q,)      attribution/credit.py
        continuous (q,), the remainder for infinitely small steps          attribution/kernels.py
        effect (q, n)                    attribution/effect.py

    Args:
        learner: a network that our loop trains.
        data: what to train on.
        members: seeds (1,), mask (1, n).
        asked: the questions.
        levers: what moves the balance.

    Raises:
        InputRefused: batch statistics, or what `recorded` and the mathematics refuse.

    Cost: one training, recorded; credit about as much again for every query, effect about twice.

    Example:
        >>> from byheart.training.members import balanced
        >>> from byheart.learners.mlp import Mlp
        >>> from byheart.tasks.digits import Digits
        >>> data = Digits(n=60).draw(0)
        >>> run = attributed(Mlp(epochs=1), data, balanced(60, 1, 1.0, 0), Questions(credit=True, test=2, train=2))
        >>> run.attribution["credit"].shape
        (4, 60)
    """
    from byheart.training.record_member import recorded

    run, trace = recorded(learner, data, members, levers=levers)
    seed = int(members.seeds[0])
    rows = {view: rows_asked(data, view, count, seed) for view, count in _views(data, asked).items()}
    query, (centre, scale) = queries(learner, data, rows, members.seen[0]), units(data, members.seen[0])
    found: dict[str, np.ndarray] = {f"{view}_ids": data.views[view].ids[at] for view, at in rows.items()}
    told: dict[str, Any] = {"steps": len(trace), "kept_every": trace.every, "seed": seed}
    if asked.credit:
        arrays, about = _credit(trace, query, asked, scale)
        arrays["initial"], arrays["output"] = arrays["initial"] + centre, arrays["output"] + centre
        found, told = found | arrays, told | about
    if asked.effect:
        effect, about = _effect(trace, query, asked)
        found, told = found | {"effect": (scale * effect).astype(np.float32)}, told | about
    axes = {name: ATTRIBUTION[name] for name in found}
    return replace(run, about={**run.about, "attribution": told}).with_kept("attribution", found, axes)


def _views(data: Data, asked: Questions) -> dict[str, int]:
    return {view: count for view, count in (("test", asked.test), ("train", asked.train)) if view in data.views}


def rows_asked(data: Data, view: str, count: int, seed: int) -> np.ndarray:
    """Rows of the examples asked about, drawn by id; of training examples half have labels we redrew."""
    ids, rng = data.views[view].ids, stream(seed, "attribution", view)
    order = np.argsort(ids, kind="stable")[rng.permutation(len(ids))]
    changed = data.truth.changed if view == "train" else None
    if changed is None or not changed.any() or changed.all():
        return order[:count]
    redrawn = order[changed[order]][: count // 2]
    return np.concatenate([redrawn, order[~changed[order]][: count - len(redrawn)]])


def queries(
    learner: Network, data: Data, rows: dict[str, np.ndarray], seen: np.ndarray
) -> tuple[torch.Tensor, np.ndarray]:
    """(x (q, ...), y (q, ...)) of some rows of some views, as a module that trained on `seen` is called."""
    import torch

    from byheart.training.module_inputs import called_on

    given = called_on(learner, data, np.flatnonzero(seen))
    x = torch.cat([torch.as_tensor(given[view])[at] for view, at in rows.items()])
    return x, np.concatenate([data.views[view].y[at] for view, at in rows.items()])


def units(data: Data, seen: np.ndarray) -> tuple[float, float]:
    """Mean and deviation by which a member's own values were standardised; 0 and 1 but for values."""
    centre, scale = data.output.units(data.train.y[seen])
    return float(centre), float(scale)


def _credit(
    trace: Trace, query: tuple[Any, Any], asked: Questions, scale: float
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    from byheart.maths.attribution.credit import path_credit

    made = path_credit(trace, query, tolerance=asked.tolerance, kernel=not callable(trace.loss))
    arrays = {name: scale * getattr(made, name) for name in ("initial", "decay", "remainder", "output")}
    arrays["credit"] = (scale * made.examples).astype(np.float32)
    if asked.continuous:
        from byheart.maths.attribution.kernels import continuous_remainder

        arrays["continuous"] = scale * continuous_remainder(trace, query)[0]
    if made.kernel is not None:
        arrays["kernel"] = made.kernel.astype(np.float32)
    about = {
        "relative_remainder": made.relative,
        "bisected": made.bisected,
        "coverage": dict(made.coverage),
        "notes": [note._asdict() for note in made.notes],
    }
    return arrays, about


def _effect(trace: Trace, query: tuple[Any, Any], asked: Questions) -> tuple[np.ndarray, dict[str, Any]]:
    from byheart.maths.attribution import gradient_similarity
    from byheart.maths.attribution.curvature import fit
    from byheart.maths.attribution.effect import unrolled

    hessian = asked.hessian
    if hessian == "auto":
        hessian = "gauss-newton" if trace.recipe.adaptive else "exact"
    match asked.effect:
        case "unrolled":
            moments = min(asked.moments, len(trace)) or None
            return unrolled(trace, query, moments=moments, hessian=hessian), {"hessian": hessian, "moments": moments}
        case "checkpoints":
            return gradient_similarity.checkpoints(trace, query), {}
        case "projected":
            dimension = max(1, min(DIMENSION, trace.n // 3))
            return gradient_similarity.projected(ended(trace), (trace.x, trace.y), query, dimension=dimension), {}
    # at rest the gradient of the loss and the pull of the decay cancel, coupled or not
    decay = sum(group.decay + group.outside for group in trace.recipe.groups[:1])
    fitted = fit(ended(trace), (trace.x, trace.y), "heuristic", loss=trace.loss, decay=decay)
    damping = {"layers": list(fitted.damping), "damping": list(fitted.damping.values())}
    about = {"curvature": fitted.method, "covered": fitted.coverage, "skipped": list(fitted.skipped)}
    return fitted.effect(query, "margin"), about | damping


def ended(trace: Trace) -> nn.Module:
    """The module with the weights that the recorded training ended with."""
    from byheart.maths.recording.module_copy import copied

    module = copied(trace.module)
    module.load_state_dict(trace.named(trace.weights(len(trace))), strict=False)
    return module
