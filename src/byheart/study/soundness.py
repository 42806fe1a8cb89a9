"""Soundness: whether what the ledger has of a step can be believed; if not it is named and set aside."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from byheart.errors import LedgerDamaged
from byheart.ledger.base import Ledger, Result, Say
from byheart.ledger.sqlite import SqliteLedger
from byheart.records.explanation import Own
from byheart.records.finding import answer_from
from byheart.records.quantity import Quantity
from byheart.records.reason import Reason
from byheart.study.steps import Step
from byheart.tasks.output import output_from
from byheart.training.run import axes_of

_LOG = logging.getLogger(__name__)


def sound(step: Step, ledger: Ledger, say: Say | None = None, arrays: bool = True, forget: bool = True) -> bool:
    """Whether a sound result is there; a damaged one is named and set aside, so that it is made anew.

    With `arrays` the hash of its arrays is checked too and their lengths are compared, else its document alone.
    """
    try:
        if ledger.state(step.key) == "absent":
            return False
        found = ledger.get(step.key)
        if not isinstance(found, Result):
            return False
        if arrays:
            for name in found.arrays:
                found.arrays[name]  # the first look-up checks the whole file
                break
        _must_have_shape(step, found, arrays)
    except LedgerDamaged as error:
        _LOG.debug("%s step %s is damaged", step.kind, step.key, exc_info=error)
        if forget:
            ledger.forget(step.key, damaged=True)
        if say:
            say(f"Damaged ledger: {error.came}. This {step.kind} step is done again.")
        return False
    return True


def mend(ledger: SqliteLedger, say: Say) -> None:
    """Sweep what dead processes left, and make the index anew where it is missing, empty or damaged.

    The blobs are the truth, so nothing finished is lost.
    """
    ledger.sweep()
    try:
        ledger.check()
        index = ledger.folder / "index.db"
        missing = (ledger.folder / "blobs").is_dir() and (not index.exists() or index.stat().st_size == 0)
    except LedgerDamaged as error:
        _LOG.debug("the index of %s is damaged", ledger.folder, exc_info=error)
        say(f"Damaged ledger: {error.came}.")
        missing = True
    if missing and (found := ledger.rebuild()):
        say(f"The index of the ledger was made anew from its blobs: {found} results found.")


def _must_have_shape(step: Step, found: Result, arrays: bool) -> None:
    """Refuse a result with a true hash that this step does not leave: its readers would trip over it.

    Raises:
        LedgerDamaged: and what is odd about it.
    """
    try:
        _LOOKS[step.kind](step, found.document, found.arrays if arrays else None)
    except LedgerDamaged:
        raise
    except Exception as error:  # whatever a reader raises on what it does not expect
        why = " ".join(f"{type(error).__name__}: {error}".split())[:120]
        came = f"the result under key {step.key} is not what a {step.kind} step leaves ({why})"
        raise LedgerDamaged(came=came) from error


def _draw(step: Step, document: Mapping[str, Any], arrays: Any) -> None:
    output_from(document["output"])
    lengths = {view: int(about["n"]) for view, about in document["views"].items()}
    n = lengths["train"]
    _must(isinstance(document["about"], dict) and isinstance(document["truth"], dict), "about or truth")
    together = document["together"]
    _must(all(isinstance(together[name], int) for name in ("cells", "named")), "together")
    for view, length in lengths.items():
        texts = document["views"][view]["texts"]
        _must(all(len(column) == length for column in texts.values()), f"texts of {view}")
        if arrays is not None:
            for name in ("ids", "x", "y"):
                _must(arrays.shape(f"{view}.{name}")[0] == length, f"{view}.{name}")
    if arrays is not None:
        for name in ("groups", "copies"):
            _must(arrays.shape(f"together.{name}") == (n,), name)


def _trial(step: Step, document: Mapping[str, Any], arrays: Any) -> None:
    seconds = document["cpu_seconds_a_member"]
    _must(isinstance(document["way"], str) and isinstance(document.get("why_each", ""), str), "way")
    _must(isinstance(document["chunk"], int) and document["chunk"] > 0, "chunk")
    _must(seconds is None or isinstance(seconds, float), "cpu_seconds_a_member")


def _train(step: Step, document: Mapping[str, Any], arrays: Any) -> None:
    asked = step.about["stop"] - step.about["start"]
    _run(document, arrays, asked - len(document["failed"]))


def _unlearn(step: Step, document: Mapping[str, Any], arrays: Any) -> None:
    members = None if arrays is None else arrays.shape("seeds")[0]
    _run(document, arrays, members)  # of the models that were trained; how many those are their own step says


def _run(document: Mapping[str, Any], arrays: Any, members: int | None) -> None:
    """What a run of so many members leaves."""
    _must(isinstance(document["failed"], list), "failed")
    for member, _why in document["failed"]:
        _must(int(member) >= 0, "failed")
    float(document["about"]["cpu_seconds"])
    checkpoints = document["checkpoints"]
    _must(bool(checkpoints) and all(isinstance(place, int | float) for place in checkpoints), "checkpoints")
    _must("train" in document["views"], "views")
    said = "axes" in document  # runs of before do not say them
    _must(said == ("kept" in document), "axes and kept")
    if said:
        kept = {f"{label}.{name}" for label, of in document["kept"].items() for name in of}
        _must(kept <= set(document["axes"]), "kept")
    if arrays is None:
        return
    _must(said == ("seen" in arrays), "axes")
    sizes = {"members": members, "checkpoints": len(checkpoints)}
    for name, axes in axes_of(document, arrays).items() if members else ():
        shape = arrays.shape(name)
        _must(len(shape) == len(axes), name)
        for axis, size in zip(axes, shape):
            if axis in sizes or axis.startswith("examples"):
                _must(size == sizes.setdefault(axis, size), name)


def _measure(step: Step, document: Mapping[str, Any], arrays: Any) -> None:
    answer_from(document["finding"])
    _must(float(document["cpu_seconds"]) >= 0, "cpu_seconds")


def _survey(step: Step, document: Mapping[str, Any], arrays: Any) -> None:
    answer_from(document["finding"])


def _query(step: Step, document: Mapping[str, Any], arrays: Any) -> None:
    _must(isinstance(document["tokens"], int), "tokens")
    if arrays is not None:
        _must(len(arrays.shape("x")) > 0 and arrays.shape("x")[0] == arrays.shape("y")[0] == 1, "x and y")


def _explain(step: Step, document: Mapping[str, Any], arrays: Any) -> None:
    first = not step.about["again"]
    figures = ("initial", "decay", "remainder", "missed", "centre") if first else ()
    _must(all(isinstance(document[name], float) for name in (*figures, "cpu_seconds")), "figures")
    _must(all(isinstance(document[name], int) for name in ("steps", "moments")), "steps or moments")
    _must(document["hessian"] in ("exact", "gauss-newton"), "hessian")
    if first:
        numbers = (document["label"], document["says"])
        _must(all(number is None or isinstance(number, int | float) for number in numbers), "label or says")
        _must(isinstance(document["worth_another"], bool), "worth_another")
        _must(all(isinstance(note, str) or Reason.model_validate(note) for note in document["notes"]), "notes")
    if arrays is not None:
        shapes = {arrays.shape(name) for name in ("effect", *(("credit", "distance") if first else ()))}
        _must(len(shapes) == 1 and len(shapes.pop()) == 1, "credit, effect and distance")


def _check(step: Step, document: Mapping[str, Any], arrays: Any) -> None:
    scores = [document[name] for name in ("credit_score", "effect_score")]
    [Quantity.model_validate(score) for score in scores if score is not None]
    _must(document["own"] is None or bool(Own.model_validate(document["own"])), "own")
    _must(document["unchecked"] is None or bool(Reason.model_validate(document["unchecked"])), "unchecked")


def _must(true: bool, what: str) -> None:
    if not true:
        raise ValueError(f"{what} of another shape")


_LOOKS: dict[str, Callable[[Step, Mapping[str, Any], Any], None]] = {
    "draw": _draw, "trial": _trial, "train": _train, "measure": _measure,
    "survey": _survey, "query": _query, "explain": _explain, "check": _check, "unlearn": _unlearn,
}  # fmt: skip
