"""Explain: which training examples one prediction is made of, and whose removal would change it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from byheart.auditing.exhibits import exhibits
from byheart.errors import ByheartError, InputRefused, UsageError
from byheart.ledger.base import Ledger, Result
from byheart.probes.base import Subject
from byheart.records.explanation import Explanation, Share
from byheart.records.spec import key_of
from byheart.study.keeping import described, material
from byheart.study.steps import fixed_threads, load_data
from byheart.tasks.data import Data, Examples

VERSION = 1
SHOWN = 12


@dataclass(frozen=True)
class Query:
    """One example to explain: a view and an id of the data, or features of the user's own (`x`, without batch axis)."""

    view: str = "test"
    id: int = 0
    x: np.ndarray | None = None


def explain(ledger: Ledger, draw_key: str, subject: Subject, query: Query, threads: int = 1) -> Explanation:
    """The credit and the effect of every training example on one prediction, beside its nearest neighbours.

    The one model trained on everything is trained again from its key while every step is recorded (every k-th weights,
    those between replayed); nothing of the trace is kept, the explanation is.

    Raises:
        UsageError: no such example.
        InputRefused: the learner is not trained in recorded steps (say why), or x has another shape.
    """
    levers = [described(lever) for lever in subject.levers]
    asked = [query.view, query.id, _mark(query.x)]
    key = key_of(
        "explanation", VERSION, draw_key, material(described(subject.learner)), levers, subject.seed, asked, threads
    )
    found = ledger.get(key)
    if isinstance(found, Result):
        return Explanation.model_validate(found.document)
    if not subject.learner.fleet:
        raise InputRefused(
            expected="a learner that our loop trains step by step (mlp, conv, your torch module)",
            came=subject.learner.name,
            do="For your own loop use bh.record(model, optimizer, ...) and byheart.maths.credit.path_credit.",
        )
    made = _explained(load_data(draw_key, ledger), subject, query, threads)
    ledger.put(key, Result(made.model_dump(mode="json")), {"kind": "explanation", "draw": draw_key})
    return made


def _mark(x: np.ndarray | None) -> str:
    return "" if x is None else key_of([*map(int, x.shape)], np.asarray(x, np.float64).ravel().tolist())


def _explained(data: Data, subject: Subject, query: Query, threads: int) -> Explanation:
    from byheart.learners.members import balanced
    from byheart.learners.recorded import recorded
    from byheart.learners.training import called_on
    from byheart.maths.credit import path_credit
    from byheart.maths.effect import unrolled

    data, row = with_query(data, query)
    n = len(data.train)
    with fixed_threads(threads):
        run, trace = recorded(subject.learner, data, balanced(n, 1, 1.0, subject.seed), levers=subject.levers)
        logits = run.views["query"].logits[0, row]
        asked = data.views["query"]
        known = query.x is None
        y = asked.y[row] if known else _said(data, logits)
        x = called_on(subject.learner, data, np.arange(n))["query"][row : row + 1]
        pair = (x, np.asarray([y]))
        credit = path_credit(trace, pair)
        effect = np.asarray(unrolled(trace, pair))[0]
    near = _nearest(data, row)
    labels = data.output.classes
    margin = float(credit.examples[0].sum() + credit.decay[0] + credit.initial[0] + credit.remainder[0])
    shown: set[tuple[str, int]] = set()

    def top(values: np.ndarray, largest: bool) -> tuple[Share, ...]:
        order = np.argsort(-values if largest else values, kind="stable")[:SHOWN]
        rows = [int(i) for i in order if (values[i] > 0) == largest and values[i] != 0]
        shown.update(("train", int(data.train.ids[i])) for i in rows)
        return tuple(Share(id=int(data.train.ids[i]), label=_label(data, i), value=float(values[i])) for i in rows)

    sides = {
        "credit_for": top(credit.examples[0], True),
        "credit_against": top(credit.examples[0], False),
        "effect_for": top(effect, True),
        "effect_against": top(effect, False),
        "neighbours": _closest(data, near, shown),
    }
    pictures = exhibits(data, shown | {("query", int(asked.ids[row]))})
    return Explanation(
        view=query.view if known else "yours",
        id=int(asked.ids[row]),
        noun=data.output.noun[0],
        nouns=data.output.noun[1],
        n=n,
        label=str(labels[int(y)]),
        label_known=known,
        says=str(labels[int(np.argmax(logits))]),
        margin_nats=margin,
        steps=len(trace),
        initial=float(credit.initial[0]),
        decay=float(credit.decay[0]),
        remainder=float(credit.remainder[0]),
        credit_total=float(credit.examples[0].sum()),
        exhibits=pictures,
        **sides,
    )


def with_query(data: Data, query: Query) -> tuple[Data, int]:
    """The data with a view `query` of the asked example alone, and its row there (0)."""
    if data.output.kind != "classes":
        raise InputRefused(expected="classes", came=data.output.kind, do="Credit of values is not built yet.")
    if query.x is not None:
        x = np.asarray(query.x, dtype=data.train.x.dtype)
        if x.shape != data.train.x.shape[1:]:
            raise InputRefused(
                expected=f"one example of shape {data.train.x.shape[1:]}", came=f"shape {x.shape}",
                do="Give it without a batch axis, on the scale of the training data.",
            )  # fmt: skip
        asked = Examples(np.array([-1]), x[None], np.zeros(1, np.int64))
    else:
        if query.view not in data.views:
            raise UsageError(expected=f"a view among {', '.join(data.views)}", came=query.view, do="Try --test 0.")
        examples = data.views[query.view]
        rows = np.flatnonzero(examples.ids == query.id)
        if not len(rows):
            raise UsageError(
                expected=f"an id of the {query.view} view, {int(examples.ids.min())} to {int(examples.ids.max())}",
                came=str(query.id), do="Ids stand in the report and in report.json.",
            )  # fmt: skip
        asked = examples.take(rows[:1])
    return replace(data, views={"train": data.train, "query": asked}), 0


def _said(data: Data, logits: np.ndarray) -> int:
    return int(np.argmax(logits))


def _label(data: Data, i: int) -> str:
    return str(data.output.classes[int(data.train.y[i])])


def _nearest(data: Data, row: int) -> np.ndarray:
    """Distance (n,) of each training example to the query, on prepared inputs."""
    from byheart.learners.inputs import prepare

    views = prepare(data, np.arange(len(data.train)))
    train = views["train"].reshape(len(data.train), -1).astype(np.float64)
    asked = views["query"][row].reshape(-1).astype(np.float64)
    return np.sqrt(((train - asked) ** 2).sum(1))


def _closest(data: Data, distance: np.ndarray, shown: set[tuple[str, int]]) -> tuple[Share, ...]:
    order = np.argsort(distance, kind="stable")[:SHOWN]
    shown.update(("train", int(data.train.ids[i])) for i in order)
    return tuple(Share(id=int(data.train.ids[i]), label=_label(data, int(i)), value=float(distance[i])) for i in order)


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


__all__: Sequence[str] = ["Query", "explain", "subject_of"]
