"""Methods: the ways to forget, by name; made again from what a step says of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from byheart.training.run import Run
from byheart.training.unlearning.ascent import Ascent
from byheart.training.unlearning.continued import Trained, unmoved
from byheart.training.unlearning.fine_tuning import FineTuning
from byheart.training.unlearning.newton import CutNewton, Newton
from byheart.training.unlearning.pruning import Pruning

Method = FineTuning | Ascent | Pruning | Newton | CutNewton
METHODS: dict[str, type[Method]] = {one.name: one for one in (FineTuning, Ascent, Pruning, Newton, CutNewton)}


def forgetting(method: Method, trained: Trained, rows: np.ndarray) -> Run:
    """The models that are to forget the training examples at these places; where there are none, as they are."""
    return method.forget(trained, rows) if len(rows) else unmoved(trained, trained.weights())


def document_of(method: Method) -> dict[str, Any]:
    """What a step says of a method: name, version, settings.

    Example:
        >>> document_of(FineTuning(part=0.5))
        {'name': 'fine-tuning', 'version': 1, 'part': 0.5}
    """
    return {"name": method.name, "version": method.version, **asdict(method)}


def method_of(document: Mapping[str, Any]) -> Method:
    """The method that a step's description names.

    Example:
        >>> method_of({"name": "fine-tuning", "version": 1, "part": 0.5})
        FineTuning(part=0.5)
    """
    settings = {name: value for name, value in document.items() if name not in ("name", "version")}
    return METHODS[document["name"]](**settings)
