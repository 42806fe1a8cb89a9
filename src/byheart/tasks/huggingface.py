"""Hugging Face `datasets`: which column is the label, and a table of numbers and words as a frame."""

from __future__ import annotations

from typing import Any

from byheart.tasks.dataset_items import LABELS, NAMES
from byheart.tasks.datasets import Say
from byheart.tasks.free_memory import room_for
from byheart.terminal import to_stderr

OF_FRAMES = {None: "pandas", "pandas": "pandas", "polars": "polars", "arrow": "arrow"}  # format -> that of the frame


def label_of(dataset: Any) -> tuple[str, tuple[str, ...]]:
    """The column of a ClassLabel and the names of its classes; empty without one, or with several."""
    named = {name: feature for name, feature in dataset.features.items() if _is(feature, "ClassLabel")}
    if len(named) != 1:
        return "", ()
    name, feature = next(iter(named.items()))
    return name, tuple(feature.names)


def frame_of(dataset: Any, say: Say | None = None) -> tuple[Any, str] | None:
    """A dataset whose inputs are columns of numbers or words, as a frame, and its label; None for any other.

    A column called `id` or `idx` is the index of a pandas frame, by which rows are named. One column of text alone,
    pictures, lists, and datasets in the format of torch or with a transform are read item by item.

    Raises:
        InputRefused: more of it than memory holds.
    """
    form = OF_FRAMES.get(dataset.format["type"], "")
    label = label_of(dataset)[0] or next((name for name in LABELS if name in dataset.column_names), "")
    inputs = [name for name in dataset.column_names if name not in (label, *NAMES)]
    plain = all(_is(feature, "Value", "ClassLabel") for feature in dataset.features.values())
    words = [name for name in inputs if getattr(dataset.features[name], "dtype", "") in ("string", "large_string")]
    if not (form and label and inputs and plain) or (words and len(inputs) == 1):
        return None
    n = len(dataset)
    (say or to_stderr)(room_for(dataset.data.nbytes, n * len(inputs), f"{n:,} rows of {type(dataset).__name__}"))
    frame = dataset.with_format(form)[:]
    name = next((name for name in NAMES if name in dataset.column_names), None)
    return frame.set_index(name) if form == "pandas" and name else frame, label


def _is(feature: Any, *names: str) -> bool:
    return type(feature).__name__ in names and type(feature).__module__.partition(".")[0] == "datasets"
