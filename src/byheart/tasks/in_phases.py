"""In phases: any task trained on a part after another, as continual learning asks it."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
from pydantic import Field, InstanceOf

from byheart.errors import InputRefused
from byheart.tasks.base import Task, Within
from byheart.tasks.data import Data, Examples

PHASE = "phase"  # the name in `meta` of the number of an example's phase, from 0


class InPhases(Within):
    """What is left of the first classes once others have been learned?

    Args:
        task: a task, or the name of one.
        phases: how many, trained one after another.
        by: `classes`: each phase holds the next classes, as many as any other (class-incremental learning); `order`:
            each holds the next examples in the order of the training view; `auto`: by classes where there are any.

    Examples, labels and views stay as they are. `meta["phase"]` numbers the phase of each example from 0, in every view
    where it is known: by classes in all of them, by order in the training view. Labels that were redrawn go with the
    phase of the label that they came with.

    Example:
        >>> data = InPhases(task="digits", phases=2).draw(0)
        >>> [sorted(set(data.train.y[rows].tolist())) for rows in data.phases]
        [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]]

    Reference: van de Ven, Tuytelaars and Tolias 2022, Three types of incremental learning (split protocol).
    """

    name = "in-phases"
    task: InstanceOf[Task] = Field(default="digits", validate_default=True)  # type: ignore[assignment]
    phases: int = Field(default=2, ge=2)
    by: Literal["auto", "classes", "order"] = "auto"

    def draw(self, seed: int) -> Data:
        """The data of the task within, its training view cut into phases.

        Raises:
            InputRefused: fewer classes or examples than phases, values or text where phases are made of classes, or
                data in phases already.
        """
        data = self.task.draw(seed)
        if data.phases:
            raise InputRefused("data in one phase", f"{len(data.phases)} phases", "Cut them into phases once.")
        found = self._by_classes(data) if self._classes(data) else self._by_order(data)
        views = {
            name: replace(view, meta={**view.meta, PHASE: found[name]}) if name in found else view
            for name, view in data.views.items()
        }
        phases = tuple(np.flatnonzero(found["train"] == phase) for phase in range(self.phases))
        if not all(map(len, phases)):
            raise self._too_many(data, len(data.train))
        title, said = data.about.get("title", self.task.name), self._said(data)
        about = {**data.about, "title": f"{title} in {self.phases} phases", "phases": said}
        about["inferred"] = [*data.about.get("inferred", ()), f"trained one after another: {said}"]
        return replace(data, views=views, about=about, phases=phases)

    def _classes(self, data: Data) -> bool:
        return self.by == "classes" or (self.by == "auto" and data.output.labelled)

    def _by_classes(self, data: Data) -> dict[str, np.ndarray]:
        """The phase of each example by its class."""
        k = data.output.k
        if not data.output.labelled:
            raise InputRefused("classes to make phases of", f"{data.output.kind}", "Make phases by order: by=order.")
        if k < self.phases:
            raise self._too_many(data, k)
        of_class = np.concatenate([np.full(len(part), i) for i, part in enumerate(self._parts(k))])

        def of(view: Examples) -> np.ndarray:
            clean = data.truth.clean if view is data.train and data.truth.clean is not None else view.y
            return of_class[clean]

        return {name: of(view) for name, view in data.views.items()}

    def _by_order(self, data: Data) -> dict[str, np.ndarray]:
        parts = self._parts(len(data.train))
        return {"train": np.concatenate([np.full(len(part), i) for i, part in enumerate(parts)])}

    def _parts(self, n: int) -> list[np.ndarray]:
        return np.array_split(np.arange(n), self.phases)

    def _too_many(self, data: Data, n: int) -> InputRefused:
        return InputRefused(
            expected=f"at least one of the {'classes' if self._classes(data) else 'examples'} for each phase",
            came=f"{n} for {self.phases} phases",
            do="Ask for fewer phases.",
        )

    def _said(self, data: Data) -> str:
        if not self._classes(data):
            return f"{self.phases} parts of the training {data.output.noun[1]} in their order"
        return "; then ".join(", ".join(data.output.classes[c] for c in part) for part in self._parts(data.output.k))
