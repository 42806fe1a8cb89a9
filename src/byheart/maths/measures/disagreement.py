"""Disagreement: how often do two runs of the same recipe predict differently on examples that neither has seen?"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from byheart.errors import InputRefused
from byheart.maths.measures.evidence import Evidence, Inapplicable, Noted
from byheart.maths.measures.layers import outputs_of
from byheart.maths.shapes import Given
from byheart.maths.statistics.ranks import wilson


class Disagreement(NamedTuple):
    """The share of examples on which two models predict different classes, and its 95 % interval."""

    share: float
    low: float
    high: float
    n: int


def disagreement(one: Given[Any, " n"], other: Given[Any, " n"]) -> Disagreement:
    r"""How often do two runs predict differently, which estimates how often each is wrong?

    P(f1(x) != f2(x)), of two runs of one recipe that differ in their seed, on examples without labels. Where the
    ensemble of such runs is calibrated its expectation is the test error. Range [0, 1]; the same run twice gives 0. The
    poles: Rote's runs agree wherever they predict alike without knowing anything, Oracle's agree.

    Args:
        one: (n,) classes that the first run predicts.
        other: (n,) classes that the second predicts for the same examples.

    Returns:
        `Disagreement`, its interval of Wilson over examples.

    Raises:
        InputRefused: none, or a different number of predictions.

    Cost: none. Fails when: runs are confident and wrong alike (under a shift of the inputs), for then they agree.

    Reference: Jiang, Nagarajan, Baek and Kolter 2022, Assessing generalization of SGD via disagreement, ICLR.

    >>> disagreement([0, 1, 1, 2], [0, 1, 2, 2]).share
    0.25
    """
    one, other = np.asarray(one), np.asarray(other)
    if one.ndim != 1 or one.shape != other.shape or not len(one):
        raise InputRefused(
            expected="a predicted class for each example from both runs", came=f"shapes {one.shape} and {other.shape}",
            do="Give the predictions of both for the same examples.",
        )  # fmt: skip
    differ = int((one != other).sum())
    low, high = wilson(differ, len(one))
    return Disagreement(differ / len(one), low, high, len(one))


def of_two_runs(evidence: Evidence) -> Noted:
    """How often do the network and another run of its recipe predict differently, as a logarithm?

    Raises:
        Inapplicable: there is no other run.
    """
    if evidence.second_run is None:
        raise Inapplicable("no second run and inputs that neither was trained on are given")
    second, x = evidence.second_run
    found = disagreement(predicted(evidence.model, x), predicted(second, x))
    note = f"95 % interval {100 * found.low:.3g} to {100 * found.high:.3g} % of {found.n} examples"
    return Noted(math.log(found.share) if found.share else -math.inf, note)


def predicted(model: nn.Module, x: Tensor) -> np.ndarray:
    """(n,) classes."""
    with torch.no_grad():
        scores = torch.cat([outputs_of(model, part) for part in x.split(512)])
    if scores.dim() != 2 or scores.shape[1] < 2:
        raise Inapplicable(f"the model gives no scores of at least two classes, but shape {tuple(scores.shape)}")
    return scores.argmax(1).numpy()
