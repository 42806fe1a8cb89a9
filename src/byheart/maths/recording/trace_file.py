"""A trace on disk: `trace.safetensors` and `trace.json` in a folder; reading runs no code, nothing is pickled.

The model, the examples and the loss are not in it: they are given again and held against their digests.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from safetensors.torch import save as serialised
from torch import nn

from byheart.errors import InputRefused
from byheart.files import write_whole
from byheart.maths.recording.flat_parameters import Layout
from byheart.maths.recording.losses import resolved
from byheart.maths.recording.module_copy import copied
from byheart.maths.recording.optimizer_spec import Recipe
from byheart.maths.recording.steps import Part

FORMAT = 2


def write(trace: Any, path: str | os.PathLike[str]) -> None:
    """How is a trace written, so that it is whole or nothing?

    Into the folder `path`; a killed writer leaves no trace.json, so nothing that looks whole.
    """
    folder = Path(path)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "trace.json").unlink(missing_ok=True)
    arrays = {f"kept.{t}.{name}": v.cpu().contiguous() for t, kept in trace.kept.items() for name, v in kept.items()}
    flat = [part for parts in trace.parts for part in parts]
    arrays["ids"] = torch.cat([part.ids for part in flat]) if flat else torch.zeros(0, dtype=torch.int64)
    arrays["lengths"] = torch.tensor([len(part.ids) for part in flat], dtype=torch.int64)
    arrays["shares"] = torch.tensor([part.share for part in flat], dtype=torch.float64)
    arrays["passes"] = torch.tensor([len(parts) for parts in trace.parts], dtype=torch.int64)
    arrays["rates"] = torch.tensor(trace.rates, dtype=torch.float64)
    arrays["clips"] = torch.tensor(trace.clips, dtype=torch.float64)
    arrays["sketches"] = torch.stack(trace.sketches) if trace.sketches else torch.zeros(0, 0)
    arrays |= {f"state.{j}": part.state for j, part in enumerate(flat) if part.state is not None}
    write_whole(folder / "trace.safetensors", serialised(arrays))
    document = {
        "format": FORMAT,
        "names": list(trace.layout.names),
        "shapes": [list(shape) for shape in trace.layout.shapes],
        "recipe": trace.recipe.document(),
        "every": trace.every,
        "modes": trace.modes,
        "note": trace.note,
        "refused": trace.refused,
        "digests": trace.digests,
    }
    write_whole(folder / "trace.json", json.dumps(document, indent=1, sort_keys=True).encode())


def read(
    path: str | os.PathLike[str], module: nn.Module, examples: tuple[Any, Any], loss: Any, kind: Callable[..., Any]
) -> Any:
    """Which trace lies in the folder `path`?

    The trace in the folder `path`, made by `kind`, with the model (its weights are not read), examples and loss.

    Raises:
        InputRefused: no whole trace there, or model, examples or loss are not those of the recording.
    """
    folder = Path(path)
    try:
        document = json.loads((folder / "trace.json").read_text())
        arrays = load_file(folder / "trace.safetensors")
        if document["format"] != FORMAT:
            raise KeyError(f"format {document['format']}")
        return _trace(document, arrays, module, examples, loss, kind)
    except (OSError, ValueError, KeyError, SafetensorError, IndexError, RuntimeError) as error:
        raise InputRefused(
            expected=f"trace.json and trace.safetensors of a trace in {folder}",
            came=f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}",
            do="Save the trace again; a writer that was stopped leaves none.",
        ) from error


def _trace(
    document: dict, arrays: dict[str, torch.Tensor], module: nn.Module, examples: tuple, loss: Any,
    kind: Callable[..., Any],
) -> Any:  # fmt: skip
    ids = arrays["ids"].split(arrays["lengths"].tolist())
    made = [
        Part(one, share, arrays.get(f"state.{j}"))
        for j, (one, share) in enumerate(zip(ids, arrays["shares"].tolist(), strict=True))
    ]
    parts, start = [], 0
    for passes in arrays["passes"].tolist():
        parts.append(tuple(made[start : start + passes]))
        start += passes
    kept: dict[int, dict[str, torch.Tensor]] = {}
    for name, value in arrays.items():
        if name.startswith("kept."):
            _, step, state = name.split(".", 2)
            kept.setdefault(int(step), {})[state] = value
    trace = kind(
        copied(module),
        *examples,
        resolved(loss),
        Layout(tuple(document["names"]), tuple(map(tuple, document["shapes"]))),
        Recipe.from_document(document["recipe"]),
        document["every"],
        document["modes"],
        parts,
        [tuple(row) for row in arrays["rates"].tolist()],
        [tuple(row) for row in arrays["clips"].tolist()],
        dict(sorted(kept.items())),
        list(arrays["sketches"]),
        document["note"],
        document["refused"],
        digests=document["digests"],
    )
    missing = set(trace.layout.names) - {name for name, _ in trace.module.named_parameters()}
    if missing:
        raise InputRefused(
            expected=f"the model that this trace was recorded with, which has a weight {min(missing)}",
            came=f"a {type(module).__name__} without it",
            do="Give the model exactly as at recording; its weights may differ.",
        )
    return trace
