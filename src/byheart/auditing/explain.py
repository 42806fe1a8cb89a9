"""Explain: which training examples one prediction is made of, and whose removal would change it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any

import numpy as np

from byheart.auditing.example_previews import exhibits, label_of
from byheart.auditing.kept_names import named_data
from byheart.engines.inline import Inline
from byheart.errors import ByheartError, InputRefused, LedgerDamaged
from byheart.ledger.base import Ledger, Say
from byheart.ledger.sqlite import SqliteLedger
from byheart.probes.base import Subject
from byheart.records.explanation import Explanation, Own, Share
from byheart.study.explanation.query import Query, found_in, with_query
from byheart.study.explanation.retraining_check import bank_keys
from byheart.study.explanation.steps import Explained, explained
from byheart.study.plan import Settings
from byheart.study.session import Session
from byheart.tasks.data import ID, Data
from byheart.tasks.names import Names

SHOWN = 12
RUNS = "1 \u2212 share of runs of five tokens in common"  # the distance that `nearest.distances` gives of passages


def explain(
    ledger: SqliteLedger,
    draw_key: str,
    subject: Subject,
    query: Query,
    threads: int = 1,
    steps: Sequence[str] = (),
    say: Say | None = None,
    names: Names | None = None,
) -> Explanation:
    """The credit and the effect of every training example on one prediction, beside its nearest neighbours.

    Its steps are those of the study: what was given, up to two recorded trainings, and the check against the bank. What
    the ledger has of them is not done again.

    Args:
        ledger: of the audit.
        draw_key: of its data.
        subject: what was audited.
        query: what is asked.
        threads: intra-op threads, part of the keys.
        steps: keys of the audit's measure steps, which know where its models on other subsets are; none: not checked.
        say: called with a line on what is being done.
        names: what the user calls the examples.

    Raises:
        UsageError: no such example.
        InputRefused: the learner is not trained in recorded steps (said why), what is given does not fit, or the
            memory needed is over the limit.

    Cost: one training, credit (2 to 10 trainings) and effect (2 trainings); of a small one two are recorded, and the
    effect is the mean. Fashion, 5,000 images: about 30 CPU s.
    """
    if not subject.learner.fleet:
        raise InputRefused(
            expected="a learner that our loop trains step by step (mlp, conv, recurrent, transformer, your module)",
            came=subject.learner.name,
            do="For your own loop: bh.record(model, optimizer, ...) and byheart.maths.attribution.credit.path_credit.",
        )
    data = named_data(draw_key, ledger, names or {})
    query = found_in(data, query)
    asked, mark, notes = with_query(data, query)
    bank = bank_keys(ledger, steps) if query.known else []
    given = None if query.known else (mark, asked.views["query"])
    session = Session(subject, (), ledger.folder, Inline(), Settings(threads=threads), say=say)
    with closing(session.ledger):
        found = explained(session, draw_key, {"view": query.view, "id": query.id}, bank, given)
        return _explanation(asked, found, query, mark, notes)


def _explanation(data: Data, found: Explained, query: Query, mark: str, notes: tuple[str, ...]) -> Explanation:
    figures, check = found.first.document, found.check
    credit, near = (np.asarray(found.first.arrays[name]) for name in ("credit", "distance"))
    effect = np.mean([one.arrays["effect"] for one in found.trainings], 0)
    if len(credit) != len(data.train):
        raise LedgerDamaged(came=f"{len(credit)} credits of {len(data.train)} examples", do="Audit into a new folder.")
    row = _row_in_training(data, query)
    order = np.argsort(near, kind="stable")[: SHOWN + 1]
    if row is not None:  # nobody asks for itself
        order = order[order != row]
    others = effect.copy()
    if row is not None:  # its own effect is stated apart, with a check of its own
        others[row] = 0.0
    sides = {
        "credit_for": _top(data, credit, True),
        "credit_against": _top(data, credit, False),
        "effect_for": _top(data, others, True),
        "effect_against": _top(data, others, False),
        "neighbours": _shares(data, order[:SHOWN], near),
    }
    asked = data.views["query"]
    shown = {("train", share.id) for shares in sides.values() for share in shares} | {("query", int(asked.ids[0]))}
    parts = {name: figures[name] for name in ("initial", "decay", "remainder")} | {"credit_total": float(credit.sum())}
    return Explanation(
        view=query.view if query.known else "yours",
        id=int(asked.ids[0]),
        name=str(asked.names[0]) if ID in asked.meta else "",
        mark=mark,
        noun=data.output.noun[0],
        nouns=data.output.noun[1],
        n=len(data.train),
        kind=data.output.kind,
        target=data.output.target,
        label=label_of(data.output, figures["label"]),
        redrawn=bool(_clean(data, row)),
        clean=_clean(data, row),
        label_known=query.known,
        says=_predicted(data, figures["says"]),
        value=float(sum(parts.values())) + figures["centre"],
        tokens=int((asked.y >= 0).sum()) if data.output.passages else 0,
        steps=figures["steps"],
        centre=figures["centre"],
        missed=figures["missed"],
        **parts,
        **sides,
        own=_own(check, row, credit, effect),
        method=f"unrolled, {figures['hessian']}, mean of {figures['moments']} moments",
        trainings=len(found.trainings),
        credit_score=check.get("credit_score"),
        effect_score=check.get("effect_score"),
        unchecked=check["unchecked"],
        distance=RUNS if data.output.passages else "distance",
        notes=notes,
        credit_notes=figures["notes"],
        hidden=False,
        exhibits=exhibits(data, shown),
    )


def _row_in_training(data: Data, query: Query) -> int | None:
    """The row of a training example that is asked about."""
    if not (query.known and query.view == "train"):
        return None
    return int(np.flatnonzero(data.train.ids == query.id)[0])


def _own(check: Mapping[str, Any], row: int | None, credit: np.ndarray, effect: np.ndarray) -> Own | None:
    """A training example's own part; where nothing could be checked, what credit and effect say of it."""
    if row is None:
        return None
    if (measured := check.get("own")) is not None:
        return Own.model_validate(measured)
    return Own(credit=float(credit[row]), effect=float(effect[row]))


def _predicted(data: Data, says: float | None) -> str:
    """What the model says; a value with more digits than a label, for it is compared with the explained number."""
    return f"{says:.6g}" if says is not None and data.output.continuous else label_of(data.output, says)


def _top(data: Data, values: np.ndarray, largest: bool) -> tuple[Share, ...]:
    """The largest values above 0, or the smallest below it."""
    order = np.argsort(-values if largest else values, kind="stable")[:SHOWN]
    return _shares(data, order[values[order] > 0] if largest else order[values[order] < 0], values)


def _shares(data: Data, rows: np.ndarray, values: np.ndarray) -> tuple[Share, ...]:
    train, changed = data.train, data.truth.changed
    named = train.names if ID in train.meta else None
    return tuple(
        Share(
            id=int(train.ids[i]),
            name="" if named is None else str(named[i]),
            label=label_of(data.output, train.y[i]),
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
    return label_of(data.output, clean[row])


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
