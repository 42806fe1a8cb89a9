"""Explain: which training examples one prediction is made of, and whose removal would change it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import ValidationError

from byheart.auditing.aim import Aim, aim, label_of
from byheart.auditing.exhibits import exhibits
from byheart.auditing.foretold import OWN, Retrained, bank_keys, retrained
from byheart.auditing.given import Query, with_query
from byheart.auditing.nearest import distances
from byheart.errors import ByheartError, InputRefused, LedgerDamaged
from byheart.fingerprint.sources import unchanged
from byheart.ledger.base import Ledger, Result
from byheart.probes.base import Subject
from byheart.records.explanation import Explanation, Share
from byheart.records.spec import key_of
from byheart.study.keeping import described, material
from byheart.study.steps import fixed_threads, load_data
from byheart.tasks.data import Data

if TYPE_CHECKING:
    from byheart.maths.attribution.credit import Credit
    from byheart.maths.recording.trace import Trace
    from byheart.training.run import Run

VERSION = 4
SHOWN = 12
MOMENTS = 20
LIMIT_BYTES = 1_000_000_000  # of working memory beside the trace, which stays under 200 MB
CHEAP = 2_000_000_000  # weights x examples x steps up to which a second training is recorded: a few CPU s
CREDIT_COSTS = 10  # times the training, about: credit with its bisections, and effect


@dataclass(frozen=True)
class Recorded:
    """The one model trained on everything, with its trace, and what was found by it."""

    run: Run
    trace: Trace
    aim: Aim
    credit: Credit
    effect: np.ndarray
    method: str
    trainings: int


def explain(
    ledger: Ledger,
    draw_key: str,
    subject: Subject,
    query: Query,
    threads: int = 1,
    steps: Sequence[str] = (),
    say: Callable[[str], None] | None = None,
) -> Explanation:
    """The credit and the effect of every training example on one prediction, beside its nearest neighbours.

    The one model trained on everything is trained again from its key while every step is recorded (every k-th weights,
    so that the trace stays under 200 MB, those between replayed); nothing of the trace is kept, the explanation is.

    Args:
        ledger: of the audit.
        draw_key: of its data.
        subject: what was audited.
        query: what is asked.
        threads: intra-op threads, part of the key.
        steps: keys of the audit's measure steps, which know where its models on other subsets are; none: not checked.
        say: called with a line on what is being done.

    Raises:
        UsageError: no such example.
        InputRefused: the learner is not trained in recorded steps (said why), what is given does not fit, or the
            memory needed is over the limit.

    Cost: one training, credit (2 to 10 trainings) and effect (2 trainings); of a small one two are recorded, and the
    effect is the mean. Fashion, 5,000 images: about 30 CPU s.
    """
    tell = say or (lambda line: None)
    if not subject.learner.fleet:
        raise InputRefused(
            expected="a learner that our loop trains step by step (mlp, conv, transformer, your torch module)",
            came=subject.learner.name,
            do="For your own loop: bh.record(model, optimizer, ...) and byheart.maths.attribution.credit.path_credit.",
        )
    data = load_data(draw_key, ledger)
    asked, mark, notes = with_query(data, query)
    bank = bank_keys(ledger, subject, steps) if query.known else []
    truth = retrained(ledger, bank, data, query.view, query.id) if query.known else Retrained(why=OWN)
    levers = [described(lever) for lever in subject.levers]
    key = key_of(
        "explanation", VERSION, draw_key, material(described(subject.learner)), levers, subject.seed, threads,
        [query.view, query.id] if query.known else mark, bank, truth.why, notes,
        ".".join(metadata.version("torch").split(".")[:2]),  # as the training steps have it
    )  # fmt: skip
    found = ledger.get(key)
    if isinstance(found, Result):
        try:
            return Explanation.model_validate(found.document)
        except ValidationError as error:
            came = f"the result under key {key} is not an explanation ({error.errors()[0]['msg']})"
            raise LedgerDamaged(came=came, do="Explain another example, or audit into a new folder.") from None
    with fixed_threads(threads):
        recorded = _recorded(asked, subject, query.known, tell)
    made = _explanation(asked, recorded, query, mark, truth, notes)
    ledger.put(key, Result(made.model_dump(mode="json")), {"kind": "explanation", "draw": draw_key})
    return made


@unchanged()
def _recorded(data: Data, subject: Subject, known: bool, tell: Callable[[str], None]) -> Recorded:
    from byheart.maths.attribution.credit import path_credit
    from byheart.training.loop import checked
    from byheart.training.members import balanced
    from byheart.training.record_member import recorded
    from byheart.training.stepper import called_on

    n = len(data.train)
    members = balanced(n, 1, 1.0, subject.seed)
    started = time.process_time()
    run, trace = recorded(subject.learner, data, members, levers=subject.levers)
    spent = time.process_time() - started
    _affordable(trace)
    tell(
        f"trained again, {len(trace):,} steps recorded: {spent:.1f} CPU s; "
        f"credit and effect take up to about {CREDIT_COSTS * spent:.0f} CPU s"
    )
    seen = checked(subject.learner, data, members, subject.levers)
    asked = aim(seen, run, known)
    pair = (called_on(subject.learner, seen, np.arange(n))["query"], asked.y)
    credit = path_credit(trace, pair, asked.target, limit_bytes=LIMIT_BYTES)
    effect, method = _effect(trace, pair, asked)
    trainings = 1
    if _cheap(trace, data):  # half of one seed's largest effects are its own; two speak more of the recipe
        with contextlib.suppress(InputRefused):  # a second training that cannot be followed is no reason to refuse
            _, again = recorded(subject.learner, data, members.reseeded(), levers=subject.levers)
            effect, trainings = (effect + _effect(again, pair, asked)[0]) / 2, 2
    tell(f"explained: {time.process_time() - started:.1f} CPU s in all")
    return Recorded(run, trace, asked, credit, effect, method, trainings)


def _effect(trace: Trace, pair: tuple[Any, np.ndarray], asked: Aim) -> tuple[np.ndarray, str]:
    """The effect (n,) of one recorded training, and how it was estimated."""
    from byheart.maths.attribution.effect import unrolled

    hessian = "gauss-newton" if trace.recipe.adaptive else "exact"
    moments = min(MOMENTS, len(trace))
    made = unrolled(trace, pair, asked.target, moments=moments, hessian=hessian, limit_bytes=LIMIT_BYTES)[0]
    return made, f"unrolled, {hessian}, mean of {moments} moments"


def _cheap(trace: Trace, data: Data) -> bool:
    """Whether a second training is worth its time; by what there is to do, not by a clock: same key, same answer."""
    places = data.train.x.shape[1] if data.output.kind == "tokens" else 1
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


def _explanation(
    data: Data, found: Recorded, query: Query, mark: str, truth: Retrained, notes: tuple[str, ...]
) -> Explanation:
    credit, asked = found.credit, found.aim
    query_row, values = data.views["query"], credit.examples[0]
    near, distance = distances(data)
    order = np.argsort(near, kind="stable")[: SHOWN + 1]
    if query.known and query.view == "train":  # nobody asks for itself
        order = order[data.train.ids[order] != query.id]
    others = np.ones(len(data.train), bool)
    if truth.own is not None:  # its own effect is stated apart, with a check of its own
        others[truth.own] = False
    sides = {
        "credit_for": _top(data, values, True),
        "credit_against": _top(data, values, False),
        "effect_for": _top(data, np.where(others, found.effect, 0.0), True),
        "effect_against": _top(data, np.where(others, found.effect, 0.0), False),
        "neighbours": _shares(data, order[:SHOWN], near),
    }
    shown = {("train", share.id) for shares in sides.values() for share in shares}
    parts = {
        "initial": float(credit.initial[0]),
        "decay": float(credit.decay[0]),
        "remainder": float(credit.remainder[0]),
        "credit_total": float(values.sum()),
    }
    return Explanation(
        view=query.view if query.known else "yours",
        id=int(query_row.ids[0]),
        mark=mark,
        noun=data.output.noun[0],
        nouns=data.output.noun[1],
        n=len(data.train),
        kind=data.output.kind,
        target=data.output.target,
        label=asked.label,
        redrawn=bool(_clean(data, truth.own)),
        clean=_clean(data, truth.own),
        label_known=query.known,
        says=asked.says,
        value=float(sum(parts.values())) + asked.centre,
        tokens=int((query_row.y >= 0).sum()) if data.output.kind == "tokens" else 0,
        steps=len(found.trace),
        centre=asked.centre,
        missed=credit.relative,
        **parts,
        **sides,
        own=truth.own_part(values, found.effect),
        method=found.method,
        trainings=found.trainings,
        credit_score=truth.score(values, "run"),
        effect_score=truth.score(found.effect, "recipe"),
        unchecked=truth.why,
        distance=distance,
        notes=(*notes, *(f"Credit: {note}." for note in credit.notes)),
        hidden=False,
        exhibits=exhibits(data, shown | {("query", int(query_row.ids[0]))}),
    )


def _top(data: Data, values: np.ndarray, largest: bool) -> tuple[Share, ...]:
    """The largest values above 0, or the smallest below it."""
    order = np.argsort(-values if largest else values, kind="stable")[:SHOWN]
    return _shares(data, order[values[order] > 0] if largest else order[values[order] < 0], values)


def _shares(data: Data, rows: np.ndarray, values: np.ndarray) -> tuple[Share, ...]:
    train, changed = data.train, data.truth.changed
    return tuple(
        Share(
            id=int(train.ids[i]),
            label=label_of(data, train, i),
            value=float(values[i]),
            changed=changed is not None and bool(changed[i]),
        )
        for i in rows
    )


def _clean(data: Data, row: int | None) -> str:
    """The label of a training example before we redrew it; empty where it is the one that came with the data."""
    clean, changed = data.truth.clean, data.truth.changed
    if row is None or clean is None or changed is None or not changed[row]:
        return ""
    return str(data.output.classes[int(clean[row])])


def subject_of(ledger: Ledger, document: Mapping[str, Any]) -> tuple[str, Subject]:
    """The draw key and the subject of a finished audit.

    Raises:
        ByheartError: its steps are no longer in the ledger.
    """
    from byheart.study.steps import revive_subject

    for key in dict(document["provenance"]["steps"]).values():
        about = ledger.about(key)
        if about:
            return str(about["draw"]), revive_subject(about["subject"])
    raise ByheartError(expected="the steps of that run in the ledger", came="none", do="Run the audit again.")


__all__: Sequence[str] = ["Explanation", "Query", "explain", "subject_of"]
