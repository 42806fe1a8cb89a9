"""Which audit do the arguments of a Python call ask for? The same for all front doors that take data and a model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from byheart.arguments import may_be, must_be
from byheart.auditing.given import arrays_from, collected, draws_of, learner_from, with_batch_of
from byheart.auditing.request import Request, make_request, with_transform
from byheart.ledger.base import Say
from byheart.records.options import Options
from byheart.study import parse

DATA = ("groups", "id", "target", "group", "categorical", "drop", "task", "missing")  # that say how data are read
OF_OPTIONS = ("members", "share", "flip", "phases", "seed", "device", "jobs", "budget", "first")


def request_from_python(given: Mapping[str, Any], command: str, say: Say | None = None) -> Request:
    """The request of the arguments of `byheart.audit`, by name; those that a front door does not have are left out.

    Raises:
        UsageError: an argument of another type; InputRefused: data or a model that cannot be measured truly.
    """
    _check(given)
    options = {name: given.get(name) for name in DATA} | parse.split(given.get("split"))
    for name in ("group", "categorical", "drop"):
        options[name] = options[name] or None
    data, test = collected(given["data"], given.get("test"), given.get("clean"), say)
    model, fit = given.get("model"), given.get("fit")
    learner = learner_from(model, fit, given["returns"]) if model is not None or fit is not None else None
    learner = with_batch_of(data, learner)
    known = {name: value for name, value in options.items() if value is not None}
    chosen = with_transform(arrays_from(data, test, known, learner), given.get("transform"))
    named = {name: given[name] for name in OF_OPTIONS if name in given}
    asked = Options(
        levers=_words(given.get("levers", ())), also=_words(given.get("also", ())),
        settings=given.get("settings") or {}, no_baseline=not given.get("baseline", True), **named,
    )  # fmt: skip
    return make_request(chosen, learner, asked, command, draws=draws_of(data, chosen, learner))


def _words(given: Any) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)


def _check(given: Mapping[str, Any]) -> None:
    """Refuse arguments of another type by name."""

    def of(*names: str) -> dict[str, Any]:
        return {name: given[name] for name in names if name in given}

    must_be("a whole number", **of("seed", "jobs"))
    may_be("a whole number", **of("members", "phases"))
    must_be("a number", **of("share"))
    may_be("a number", **of("flip"))
    must_be("a word", **of("returns", "device"))
    may_be("a word", **of("task", "missing", "transform", "budget"))
    must_be("a word or several", **of("levers", "also", "group", "categorical", "drop"))
    may_be("a word or several", **of("target"))
    may_be("names with their values", **of("settings"))
    may_be("a path", **of("out"))
    may_be("a function", **of("say", "progress"))
