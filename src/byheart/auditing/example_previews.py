"""What can be shown of the examples that the findings point to?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from byheart.records.finding import Answer, Finding
from byheart.records.formatting import label_text
from byheart.report.pictures import png_data_uri
from byheart.tasks.data import Data
from byheart.tasks.output import Column, Output
from byheart.tasks.pictures import picture

FIELDS = 8  # of a row, so that it fits beside the others


def wanted(findings: Mapping[str, Answer]) -> set[tuple[str, int]]:
    """(view, id) of every example that a finding shows."""
    measured = [finding for finding in findings.values() if isinstance(finding, Finding)]
    return {(ranked.view, ident) for finding in measured for ranked in finding.ranked.values() for ident in ranked.ids}


def exhibits(data: Data, shown: Iterable[tuple[str, int]]) -> dict[str, dict[str, Any]]:
    """`view:id` -> what the page shows of that example: a picture, the fields of a row, or a text."""
    made = {}
    for view, ident in sorted(shown):
        examples = data.views[view]
        row = int(np.flatnonzero(examples.ids == ident)[0])
        label = label_of(data.output, examples.y[row])
        made[f"{view}:{ident}"] = {"label": label, **_shown(data, examples, row)}
    return made


def label_of(output: Output, y: Any) -> str:
    """What stands beside an example of this output (`label_text`)."""
    return label_text(y, output.classes if output.labelled else ())


def _shown(data: Data, examples: Any, row: int) -> dict[str, Any]:
    found: dict[str, Any] = {"picture": None, "photograph": False, "fields": None, "text": None}
    kind, x = data.output.show, examples.x[row]
    if kind in {"image", "photograph"}:
        found["picture"] = png_data_uri(_bytes(data.output.numbers(x)))
        found["photograph"] = kind == "photograph"
    elif kind == "row" and data.output.columns:
        cells = [[column.name, _cell(column, value)] for column, value in zip(data.output.columns, x) if not column.of]
        found["fields"] = cells[:FIELDS]
    elif "shown" in examples.meta:
        found["text"] = str(examples.meta["shown"][row])
    return found


def _bytes(x: np.ndarray) -> np.ndarray:
    x = picture(np.asarray(x))
    top = 1.0 if float(np.nanmax(x, initial=0.0)) <= 1.0 else 255.0
    return np.clip(np.nan_to_num(x) / top * 255 + 0.5, 0, 255).astype(np.uint8)


def _cell(column: Column, value: float) -> str:
    if not np.isfinite(value):
        return "missing"
    if column.type == "date":
        moment = str(np.datetime64(round(value * 1440), "m"))
        return moment.removesuffix("T00:00").replace("T", " ")
    if column.type in ("time", "duration"):
        seconds = round(abs(value) * 3600)
        past = f":{seconds % 60:02d}" if seconds % 60 else ""
        return f"{'-' if value < 0 else ''}{seconds // 3600}:{seconds % 3600 // 60:02d}{past}"
    if column.type == "category":
        return column.categories[int(value)]
    return label_text(value)
