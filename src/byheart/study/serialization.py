"""How specs, data and findings enter the ledger and come back: JSON and arrays, never code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np

from byheart.errors import InputRefused
from byheart.fingerprint.code import own_code
from byheart.ledger.base import Result
from byheart.records.spec import Record, Spec
from byheart.registry import find
from byheart.tasks.containers import Container
from byheart.tasks.data import Data, Examples, Truth
from byheart.tasks.frames.kept import KeptFrame
from byheart.tasks.grouping import Grouping
from byheart.tasks.output import output_from
from byheart.tasks.parts import Parts

WHERE, OWN = "lies at", "class code"  # two words each, so no names of fields
_NO_FIELDS = {"kind", "name", "version", WHERE, OWN}


def revive(description: Mapping[str, Any], kind: str = "") -> Any:
    """The spec that `description` (made by `described` or `Spec.describe`) holds, nested specs likewise.

    Raises:
        UnknownName: of a name that neither byheart nor an installed plug-in has.
        InputRefused: of a class of the user's own, or of another `kind` than the one asked for.
    """
    if kind and description["kind"] != kind:
        raise InputRefused(expected=f"a {kind}", came=f"a {description['kind']}", do="Run the audit again.")
    if OWN in description:
        raise InputRefused(
            expected=f"a {description['kind']} of byheart or of an installed plug-in",
            came=f"{description['name']}, a class of somebody's own, which is not in the ledger",
            do="Where you have the class, use Audit.explain in Python.",
        )
    fields = {name: _revived(value) for name, value in description.items() if name not in _NO_FIELDS}
    fields |= {name: _revived(value) for name, value in description.get(WHERE, {}).items()}
    return find(description["kind"], description["name"])(**fields)


def _revived(value: Any) -> Any:
    if isinstance(value, Mapping) and {"kind", "name", "version"} <= set(value):
        return revive(value)
    return tuple(_revived(item) for item in value) if isinstance(value, list) else value


def described(spec: Spec) -> dict[str, Any]:
    """The description of a spec as JSON values alone (tuples as lists).

    Fields that only say where something lies stand under `WHERE`, which no key takes in (`material`); the digest of a
    class of the user's own stands under `OWN`.
    """
    made: dict[str, Any] = {"kind": spec.kind, "name": spec.name, "version": spec.version}
    in_key = {name: _described(value) for name, value in spec.key_fields().items()}
    whole = {name: _described(getattr(spec, name)) for name in type(spec).model_fields}
    made |= in_key
    where = {name: value for name, value in whole.items() if (in_key[name] != value if name in in_key else value)}
    if where:
        made[WHERE] = where
    if (code := own_code(spec)) is not None:
        made[OWN] = code.digest or ""
    return made


def _described(value: Any) -> Any:
    if isinstance(value, Spec):
        return described(value)
    if isinstance(value, Record):
        return _plain(value.model_dump(mode="json"))
    if isinstance(value, Mapping):
        return {key: _described(item) for key, item in value.items()}
    return [_described(item) for item in value] if isinstance(value, list | tuple) else value


def material(about: Any) -> Any:
    """What of a description makes a key: all but where things lie."""
    if isinstance(about, Mapping):
        return {key: material(value) for key, value in about.items() if key != WHERE}
    return [material(item) for item in about] if isinstance(about, list | tuple) else about


def recorded(about: Mapping[str, Any]) -> bool:
    """Whether a training step records its steps to answer questions of credit and effect."""
    return "questions" in about or any(keep["name"] == "attribution" for keep in about.get("keep", ()))


def specs_within(spec: Any) -> list[Spec]:
    """A spec and those within its fields."""
    if isinstance(spec, Spec):
        fields = (getattr(spec, name) for name in type(spec).model_fields)
        return [spec, *(found for value in fields for found in specs_within(value))]
    if isinstance(spec, list | tuple):
        return [found for item in spec for found in specs_within(item)]
    return []


def can_move(spec: Spec) -> bool:
    """Whether a worker can make it from its description; asking may cost a process (`code.comes_back`)."""
    inner = specs_within(spec)
    return all(own_code(one) is None for one in inner) and all(getattr(one, "portable", True) for one in inner)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


_TRUTH = ("clean", "changed", "control", "posterior", "repeats")


def data_result(data: Data) -> Result:
    """Data as JSON and arrays. Text of `meta` goes to the JSON, numbers to the arrays."""
    arrays: dict[str, np.ndarray] = {}
    views: dict[str, Any] = {}
    for view, examples in data.views.items():
        texts: dict[str, list[str]] = {}
        for name, values in {"ids": examples.ids, "x": examples.x, "y": examples.y}.items():
            arrays[f"{view}.{name}"] = np.ascontiguousarray(values)
        for name, values in examples.meta.items():
            if values.dtype.kind in "UO":
                texts[name] = [str(value) for value in values]
            else:
                arrays[f"{view}.meta.{name}"] = np.ascontiguousarray(values)
        containers: dict[str, Any] = {}
        for name, container in examples.containers.items():
            containers[name], parts = container.stored()
            arrays |= {f"{view}.kept.{name}.{part}": array for part, array in parts.items()}
        shape = list(examples.x.shape[1:])
        views[view] = {"n": len(examples), "shape": shape, "texts": texts, "containers": containers}
    for name in _TRUTH:
        if (values := getattr(data.truth, name)) is not None:
            arrays[f"truth.{name}"] = np.ascontiguousarray(values)
    arrays |= {f"phase.{i}": np.ascontiguousarray(rows, np.int64) for i, rows in enumerate(data.phases)}
    grouped = data.grouping
    arrays |= {"together.groups": grouped.groups, "together.copies": grouped.copies}
    document = {
        "views": views,
        "output": data.output.document(),
        "truth": {
            "redrawn": int(data.truth.redrawn),
            "best_loss_nats": data.truth.best_loss_nats,
            "sources": dict(data.truth.sources),
        },
        "about": _plain(dict(data.about)),
        "together": grouped.document(),
        **({"phases": len(data.phases)} if data.phases else {}),  # ordinary data keep the document they had
    }
    return Result(_plain(document), arrays)


def data_from(result: Result) -> Data:
    """The data that `data_result` kept."""
    document, arrays = result.document, result.arrays
    views = {}
    for view, kept in document["views"].items():
        prefix = f"{view}.meta."
        meta = {name[len(prefix) :]: arrays[name] for name in arrays if name.startswith(prefix)}
        meta |= {name: np.array(texts, dtype=object) for name, texts in kept["texts"].items()}
        containers = {
            name: _container(fields, arrays, f"{view}.kept.{name}.")
            for name, fields in kept.get("containers", {}).items()
        }
        views[view] = Examples(arrays[f"{view}.ids"], arrays[f"{view}.x"], arrays[f"{view}.y"], meta, containers)
    truth = {name: arrays[f"truth.{name}"] for name in _TRUTH if f"truth.{name}" in arrays}
    return Data(
        views=views,
        output=output_from(document["output"]),
        truth=Truth(**truth, **document["truth"]),
        about=document["about"],
        phases=tuple(arrays[f"phase.{i}"] for i in range(document.get("phases", 0))),
        grouped=Grouping(arrays["together.groups"], arrays["together.copies"], **_of_grouping(document["together"])),
    )


def _of_grouping(document: Mapping[str, Any]) -> dict[str, Any]:
    """What `Grouping.document` says that is not counted from its arrays."""
    names = [one.name for one in fields(Grouping) if one.name not in {"groups", "copies"}]
    return {name: document[name] for name in names if name in document}


def _container(fields: Mapping[str, Any], arrays: Mapping[str, np.ndarray], prefix: str) -> Container:
    if "frame" in fields:
        parts = {name.removeprefix(prefix): arrays[name] for name in arrays if name.startswith(prefix)}
        return KeptFrame.restored(fields, parts)
    lists = {name: tuple(fields[name]) for name in ("axes", "names")}
    if "parts" in fields:
        parts = tuple((name, tuple(shape), dtype) for name, shape, dtype in fields["parts"])
        return Parts(**{**fields, **lists, "words": (), "parts": parts})
    return Container(**{**fields, **lists, "words": tuple(map(tuple, fields["words"]))})
