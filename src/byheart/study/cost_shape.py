"""Cost shape: what of a training decides how its fleet is trained best, and what does not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from byheart.fingerprint.description import described, material
from byheart.levers.base import Lever
from byheart.records.spec import Spec, key_of


def cost_shape(
    learner: Spec, levers: Sequence[Lever], share: float, data: Mapping[str, Any], device: str, threads: int
) -> str:
    """A key that two trainings share if a step of theirs costs the same: one trial serves all of them.

    It holds the settings of the learner and the levers but those that they call `costless`, the shape of an example,
    how many examples a step reads, and how many a member sees to the next power of two (whether they fit the cache).
    `data` is the document of a drawn task.
    """
    train = data["views"]["train"]
    seen = round(share * train["n"])
    settings = _costly(learner)
    settings["batch"] = min(settings.get("batch", seen), seen)
    acting = [_costly(lever) for lever in levers if not lever.idle]
    return key_of(
        "cost shape", settings, acting, train["shape"], _sizes(data["output"]),
        (seen - 1).bit_length(), device, threads,
    )  # fmt: skip


def _costly(spec: Spec) -> dict[str, Any]:
    return {name: value for name, value in material(described(spec)).items() if name not in spec.costless}


def _sizes(value: Any) -> Any:
    """Numbers as they are, lists of words by their length: what a class is called costs nothing."""
    if isinstance(value, Mapping):
        return {name: _sizes(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_sizes(one) for one in value] if any(isinstance(one, Mapping) for one in value) else len(value)
    return value
