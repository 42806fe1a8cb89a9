"""The front of the measures: which of them can be computed here, and what they are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from torch import nn

from byheart.errors import InputRefused, unknown_name
from byheart.maths.measures.evidence import Evidence, Inapplicable, Measure, Noted, TrainingLog
from byheart.maths.measures.search_settings import Search
from byheart.maths.measures.table import ROWS, Row

COMPAT = ("", "dziugaite2020")


def compute(
    model: nn.Module,
    initial: Any = None,
    examples: Any = None,
    log: TrainingLog | None = None,
    search: Search | None = None,
    names: Sequence[str] | None = None,
    *,
    compat: str = "",
    second_run: Any = None,
) -> dict[str, Measure]:
    r"""What do the published measures of generalisation say of this network?

    Each measure mu(w, w0, S, log) of appendix C of Jiang et al., as a value in float64 with its natural logarithm; a
    larger mu should come with a larger gap between training and test. None of them is divided by the number of
    examples: that is `adjusted`. Weights are the kernels and matrices of the linear and convolutional layers, without
    biases, BatchNorm folded in. The poles have no part in it: they have no weights.

    Args:
        model: the final network.
        initial: its state dict before training, or a module at it.
        examples: (x (n, ...), y (n,)) the training examples, class numbers in y.
        log: what is left of the training.
        search: how perturbations are searched; without it, measures of flatness do not apply.
        names: which measures; None is all.
        compat: "dziugaite2020" reproduces the variants of that published code: noise whose standard deviation is the
            variance, in biases too, log(m / sigma) in the place of log(m / delta), the absolute value of the (m //
            10)-th smallest margin, no biases among the parameters, and 1 / sqrt(1 + eps) left of each folded norm.
        second_run: (another network of the same recipe, x (n, ...) on which neither was trained), for disagreement.

    Returns:
        A `Measure` by name; where one does not apply, `applicable` is False and `reason` says why.

    Raises:
        InputRefused: NaN in weights (the layer is named), initial weights of other shapes, no layer with weights.
        UnknownName: a measure or a compat of another name.

    Cost: a pass over the examples and singular values of each layer; with a search, a few thousand passes. Fails when:
    the network has layers that are no matrices (said), or is not fitted, so that margins are not positive (said).

    Reference: Jiang et al. 2020, Fantastic generalization measures and where to find them, ICLR, appendix C; Dziugaite
    et al. 2020, In search of robust measures of generalization, NeurIPS.

    >>> from torch import nn, ones_like
    >>> layer = nn.Linear(3, 2, bias=False)
    >>> _ = layer.requires_grad_(False).weight.copy_(ones_like(layer.weight))
    >>> round(compute(layer, names=["param-norm"])["param-norm"].value, 12)
    6.0
    """
    if compat not in COMPAT:
        raise unknown_name("compat", compat, COMPAT[1:])
    wanted = _known(names)
    evidence = Evidence.of(model, initial, examples, log, search, compat, second_run)
    if not evidence.layers:
        raise InputRefused(
            expected="a network with linear or convolutional layers", came=type(model).__name__,
            do="Give the network itself, not a wrapper around something else.",
        )  # fmt: skip
    return measures_of(evidence, wanted)


def measures_of(evidence: Evidence, names: Sequence[str] | None = None) -> dict[str, Measure]:
    """What are the measures of evidence that is read already (its notes and its coverage say how)?

    Raises:
        UnknownName: a measure of another name.
    """
    return {name: measure(ROWS[name], evidence) for name in _known(names)}


def measure(row: Row, evidence: Evidence) -> Measure:
    """What is one measure of this evidence?"""
    try:
        found = row.function(evidence)
    except Inapplicable as why:
        return Measure(None, None, row.needs, False, str(why))
    found, note = found if isinstance(found, Noted) else (found, "")
    if not row.logarithm:
        return Measure(found, None, row.needs, True, note)
    value = math.exp(found) if found < 709 else math.inf  # beyond the largest float64 the logarithm is what counts
    return Measure(value, found, row.needs, True, note)


def _known(names: Sequence[str] | None) -> list[str]:
    """All of them for None; each by its name.

    Raises:
        UnknownName: a measure of another name.
    """
    wanted = list(ROWS if names is None else names)
    for name in wanted:
        if name not in ROWS:
            raise unknown_name("measure", name, ROWS)
    return wanted
