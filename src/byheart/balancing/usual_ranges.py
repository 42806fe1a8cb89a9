"""Usual ranges: which values of which lever are worth trying of a learner, where nobody said."""

from __future__ import annotations

import math
from typing import Any

from byheart.auditing.turned import dials
from byheart.learners.base import Learner
from byheart.learners.users_code import UsersCode
from byheart.probes.base import Subject

# of our loop: each alone; a decay of 1 takes off about the weights' own size over a usual training
OF_TRAINING: dict[str, tuple[float, ...]] = {
    "weight-decay": (0.01, 0.1, 0.3, 1.0, 3.0),
    "dropout": (0.1, 0.3, 0.5, 0.7),
    "label-smoothing": (0.1, 0.3),
    "input-noise": (0.1, 0.2, 0.4),
    "mixup": (0.2, 1.0, 4.0),
}
STOPS = (0.1, 0.2, 0.4, 0.7)  # of the epochs
SHARES = (0.1, 0.3, 0.5, 0.8)
# settings that are known to trade memory for understanding, by the names that scikit-learn and the usual boosting
# libraries give them; numbers, or factors of the recipe's own value
BY_NAME: dict[str, tuple[float, ...]] = {
    "max_depth": (2, 3, 5, 8, 12),
    "min_samples_leaf": (2, 5, 10, 20, 50),
    "max_leaf_nodes": (4, 8, 16, 32, 64),
    "min_child_samples": (5, 20, 50, 100),
    "min_child_weight": (1, 5, 20, 50),
    "num_leaves": (4, 8, 16, 31, 63),
    "max_features": SHARES,
    "ccp_alpha": (0.0001, 0.001, 0.003, 0.01, 0.03),
    "n_neighbors": (1, 3, 10, 30, 100),
    "C": (0.001, 0.01, 0.1, 1.0, 10.0, 100.0),
    "alpha": (0.0001, 0.001, 0.01, 0.1, 1.0, 10.0, 100.0),
    "l2_regularization": (0.1, 1.0, 10.0, 100.0),
    "reg_lambda": (0.1, 1.0, 10.0, 100.0),
    "learning_rate": (0.01, 0.03, 0.1, 0.3),
    "subsample": SHARES,
    "n_components": (1, 2, 5, 10, 20),
    "var_smoothing": (1e-9, 1e-6, 1e-3, 0.1),
    "reg_param": SHARES,
}
FACTORS = (0.1, 0.3, 3.0, 10.0)
OF_THE_LOOP = ("epochs", "batch", "lr")
MOST = 24  # settings in all: more values of fewer levers say more in the same time


def usual_ranges(subject: Subject) -> dict[str, list[Any]]:
    """Lever or setting -> values to try, each alone.

    Networks of our loop: weight decay, dropout, label smoothing, noise on inputs, mixup, an earlier stop. Estimators:
    the settings that are known by their names to regularise. A function of the user's: a tenth to ten times its own
    numbers.

    Example:
        >>> from byheart.learners.estimator import Estimator
        >>> from byheart.tasks.digits import Digits
        >>> usual_ranges(Subject(Digits(), Estimator(cls="KNeighborsClassifier")))
        {'n_neighbors': [1, 3, 10, 30, 100]}
    """
    learner = subject.learner
    fixed = {lever.name for lever in subject.levers} | {name for name, _ in subject.turned}
    found = _of_loop(subject) if learner.fleet else _by_name(learner)
    if isinstance(learner, UsersCode):
        found |= _by_factors(learner)
    kept = {name: values for name, values in found.items() if name not in fixed}
    return _thinned(kept)


def _of_loop(subject: Subject) -> dict[str, list[Any]]:
    labelled = not {"values", "columns", "tokens", "series", "next step"} & subject.offers
    found: dict[str, list[Any]] = {name: list(values) for name, values in OF_TRAINING.items()}
    if not labelled:
        del found["label-smoothing"]
    if "tokens" in subject.offers:
        del found["input-noise"], found["mixup"]
    epochs = subject.learner.steps()
    stops = dict.fromkeys(max(1, round(share * epochs)) for share in STOPS)
    found["early-stop"] = [stop for stop in stops if stop < epochs]
    return found


def _by_name(learner: Learner) -> dict[str, list[Any]]:
    """Of the last step of a pipeline first: what prepares the data comes after what learns."""
    known = dials(learner)
    named = {path: path.rpartition("__")[2] for path in known}
    ordered = [path for name in BY_NAME for path, last in named.items() if last == name]
    return {path: list(BY_NAME[named[path]]) for path in ordered}


def _by_factors(learner: Learner) -> dict[str, list[Any]]:
    """A keyword of the user's function, around its own value; what is 0 or no number there has no scale to go by."""
    found: dict[str, list[Any]] = {}
    for name, own in dials(learner).items():
        if name in OF_THE_LOOP or isinstance(own, list | tuple):
            continue
        if name in BY_NAME:
            found[name] = list(BY_NAME[name])
        elif own is not None and own > 0:
            found[name] = _around(own)
    return found


def _around(own: float) -> list[Any]:
    """
    Example:
        >>> _around(32), _around(0.1), _around(0.9)
        ([3, 10, 96, 320], [0.01, 0.03, 0.3, 1.0], [0.09, 0.27, 2.7, 9.0])
    """
    values = [own * factor for factor in FACTORS]
    if isinstance(own, int):
        return list(dict.fromkeys(max(1, math.floor(value + 0.5)) for value in values))
    return [float(f"{value:.3g}") for value in values]


def _thinned(ranges: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """At most `MOST` values in all: the first levers keep theirs."""
    kept: dict[str, list[Any]] = {}
    left = MOST
    for name, values in ranges.items():
        if left < 2:
            break
        kept[name] = values[:left]
        left -= len(kept[name])
    return kept
