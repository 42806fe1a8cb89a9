"""What a measured model scores on its examples: the class each score stands for, the share that is right, the gap."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from byheart.errors import InputRefused
from byheart.learners.module_inputs import evaluating, refused_inputs, taken_dtype
from byheart.maths.memorisation.duplicates import exact_groups
from byheart.maths.recording.module_copy import called
from byheart.maths.statistics.effective_sample_size import worth
from byheart.maths.statistics.paired import unpaired_difference
from byheart.maths.statistics.ranks import wilson
from byheart.records.quantity import Quantity, interval_by

BATCH = 512


def called_on(module: nn.Module, x: Tensor) -> Tensor:
    """x in the type that the module takes.

    Raises:
        InputRefused: it takes none of them.
    """
    x = x.to(taken_dtype(module, x[:2]))
    try:
        with evaluating(module):
            called(module, x[:2])
    except Exception as error:  # whatever a user's module raises
        raise refused_inputs(x, error) from error
    return x


def scores(module: nn.Module, x: Tensor) -> Tensor:
    """(n, k) what the module gives for x, in evaluation mode.

    Raises:
        InputRefused: no scores of at least two classes, or NaN among them.
    """
    with evaluating(module):
        found = [called(module, part) for part in x.split(BATCH)]
    if not all(isinstance(part, Tensor) and part.dim() == 2 and part.shape[1] > 1 for part in found):
        came = tuple(found[0].shape) if isinstance(found[0], Tensor) else type(found[0]).__name__
        raise InputRefused(
            expected=f"scores (n, k) of at least two classes, from x {tuple(x.shape)}", came=f"{came}",
            do="Measures that read data are defined for classifiers; leave --train and --test out.",
        )  # fmt: skip
    if not all(bool(part.isfinite().all()) for part in found):
        lost = next((name for name, weight in module.named_parameters() if not weight.isfinite().all()), None)
        came = "NaN or infinity" + (f", which {lost} holds too" if lost else "")
        raise InputRefused("finite scores on the examples", came, "Check the weights and the inputs.")
    made = torch.cat(found)
    if _probabilities(made):
        raise InputRefused(
            "scores as they are before a softmax", "probabilities: each row sums to 1",
            "Return the scores themselves: margins and cross-entropy are of them; or leave --train and --test out.",
        )  # fmt: skip
    return made


def _probabilities(scores: Tensor) -> bool:
    """Whether rows (n, k) are what a softmax gives."""
    sums = scores.double().sum(1)
    return bool((scores >= 0).all() and torch.allclose(sums, torch.ones_like(sums), atol=1e-2 * scores.shape[1] ** 0.5))


def score_of_class(classes: Sequence[str], k: int, named: Mapping[str, int] | None = None) -> np.ndarray:
    """Class -> which of the k scores is its own.

    Its name in `named`, which a model brings along; else its number; else, where there are as many classes as scores,
    its place among the numbers or names in order.

    Raises:
        InputRefused: none of these.

    Example:
        >>> score_of_class(("0", "2", "7"), 10).tolist(), score_of_class(("cat", "dog"), 2).tolist()
        ([0, 2, 7], [0, 1])
        >>> score_of_class(("1", "10", "2"), 3).tolist(), score_of_class(("a", "b"), 2, {"b": 0, "a": 1}).tolist()
        ([0, 2, 1], [1, 0])
    """
    if named and all(name in named for name in classes):
        return np.array([named[name] for name in classes])
    numbers = [int(name) for name in classes if name.isascii() and name.removeprefix("-").isdigit()]
    whole = len(numbers) == len(classes)
    if whole and min(numbers) >= 0 and max(numbers) < k:
        return np.array(numbers)
    if len(classes) == k:
        return np.argsort(np.argsort(numbers)) if whole else np.arange(k)
    raise InputRefused(
        expected=f"labels 0 to {k - 1}, or {k} names, for the model gives {k} scores",
        came=f"{len(classes)} classes, {', '.join(classes[:5])}",
        do="Give the labels as the numbers of the scores.",
    )


def names_of_scores(module: nn.Module, k: int) -> dict[str, int]:
    """Name of a class -> its score, where a model of transformers says so in its configuration."""
    labels = getattr(getattr(module, "config", None), "id2label", None)
    return {str(labels[score]): score for score in range(k)} if labels and set(range(k)) <= set(labels) else {}


def order_told(classes: Sequence[str], places: np.ndarray) -> str:
    """Which class each score was taken for; empty where classes are the numbers of their scores."""
    if all(name == str(place) for name, place in zip(classes, places)):
        return ""
    first = sorted(zip(places.tolist(), classes))[:6]
    more = f" and {len(classes) - 6} more" if len(classes) > 6 else ""
    return f"scores are taken for classes: {', '.join(f'{place} {name}' for place, name in first)}{more}"


def accuracy(right: np.ndarray, x: Any) -> Quantity:
    """The share that is right with Wilson's interval; exact copies count as one draw."""
    draws, share = worth(exact_groups(np.asarray(x))), float(right.mean())
    interval = interval_by("Wilson", wilson(share * draws, draws))
    return Quantity(
        value=share, unit="accuracy", null=None, n=len(right), better="high", speaks_of="run", **interval
    )  # fmt: skip


def gap(train: Quantity, test: Quantity) -> Quantity:
    """How much less often test examples are right than training examples; of Wilson's intervals, Newcombe's."""
    ends = (np.array([of.value, *(of.interval or (np.nan, np.nan))]) for of in (test, train))
    value, low, high = map(float, unpaired_difference(*ends))
    return Quantity(
        value=value, unit="points", null=0.0, n=test.n, better="low", speaks_of="run",
        **interval_by("Newcombe", (low, high)),
    )  # fmt: skip
