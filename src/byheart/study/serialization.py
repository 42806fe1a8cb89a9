"""How data enter the ledger and come back: JSON and arrays, never code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np

from byheart.ledger.base import Result
from byheart.tasks.containers import Container
from byheart.tasks.data import Data, Examples, Truth
from byheart.tasks.frames.kept import KeptFrame
from byheart.tasks.grouping import Grouping
from byheart.tasks.output import output_from
from byheart.tasks.parts import Parts


def recorded(about: Mapping[str, Any]) -> bool:
    """Whether a training step records its steps to answer questions of credit and effect."""
    return "questions" in about or any(keep["name"] == "attribution" for keep in about.get("keep", ()))


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


_TRUTH = ("clean", "changed", "control", "posterior", "repeats", "signal", "variances", "exponents")
_KNOWN = ("chance_loss_nats", "chance_accuracy", "dimension")  # where they are: other data keep the document they had


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
            **({"clean_views": list(data.truth.clean_views)} if data.truth.clean_views else {}),
            **{name: float(value) for name in _KNOWN if (value := getattr(data.truth, name)) is not None},
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
        truth=Truth(**truth, **{**document["truth"], "clean_views": tuple(document["truth"].get("clean_views", ()))}),
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
