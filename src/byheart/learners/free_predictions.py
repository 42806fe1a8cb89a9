"""Free predictions: closed forms of windows that can be fed their own predictions, and so leave free orbits."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import ClassVar

import numpy as np

from byheart.errors import InputRefused
from byheart.learners.closed_form import ClosedForm
from byheart.tasks.data import Data
from byheart.training.free_orbits import AXES
from byheart.training.keep import FreeOrbits
from byheart.training.members import Members
from byheart.training.preprocessing import checked
from byheart.training.run import Run
from byheart.training.training import Training

Model = Callable[[np.ndarray], np.ndarray]  # windows (q, w, d) to the targets (q, d) that are said of them


class FreePredictions(ClosedForm):
    """A closed form that keeps free orbits where the data are windows: give `models`."""

    keeps: ClassVar[tuple[str, ...]] = (FreeOrbits.name,)

    @abstractmethod
    def models(self, data: Data, members: Members) -> Sequence[Model]:
        """The model of each member, to be called on any windows."""

    def fit(self, data: Data, members: Members, training: Training) -> Run:
        """As every closed form; fed its own predictions where that is to be kept (`Learner.fit`)."""
        run = super().fit(data, members, training)
        asked = [keep for keep in training.keep if isinstance(keep, FreeOrbits)]
        if not asked:
            return run
        if not data.output.windows:
            raise InputRefused("a model of windows", f"one that gives {data.output.kind}", "Leave free-orbits out.")
        models = self.models(checked(data, members, training.levers, self.name, self.reads, self.any_length), members)
        for keep in asked:
            found = [keep.of(model, data.views[keep.view].x, data.output) for model in models]
            orbits = np.concatenate([one["orbits"][0] for one in found])
            run = run.with_kept(keep.label, {"orbits": orbits, "begins": found[0]["begins"][0]}, AXES)
        return run
