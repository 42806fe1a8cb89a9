"""Let trained models forget, by one method: what a step of it does."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from byheart.ledger.base import Result
from byheart.study.process import fixed_threads
from byheart.tasks.data import Data

if TYPE_CHECKING:
    from byheart.training.run import Run


def forget(about: Mapping[str, Any], data: Data, run: Run, learner: Any, levers: Sequence[Any]) -> Result:
    """Carry out one step: the untouched models of `run`, changed as the method says."""
    from byheart.training.training import Training
    from byheart.training.unlearning.continued import Trained
    from byheart.training.unlearning.methods import forgetting, method_of

    rows = np.flatnonzero(np.isin(data.train.ids, about["gone"]))
    training = Training(run.checkpoints, trail=False, levers=tuple(levers), way=about["way"], device=about["device"])
    with fixed_threads(about["threads"]):
        _load(learner)
        started = time.process_time()
        made = forgetting(method_of(about["method"]), Trained(learner, data, run, training), rows)
        seconds = time.process_time() - started
    gone = np.isin(np.arange(len(data.train)), rows)
    made = replace(made, members=made.members.without(gone), about={**made.about, "cpu_seconds": seconds})
    return Result(made.document(), made.arrays())


def _load(learner: Any) -> None:
    """Load the packages that an optimiser loads at its first step, seconds that are no cost of a method."""
    import torch

    from byheart.training.schedule import optimiser

    weights = torch.zeros(1)
    weights.grad = torch.zeros(1)
    optimiser(learner.optimizer, weights, learner.lr).step()
