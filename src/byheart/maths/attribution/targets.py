"""Targets: which one number of a model's output is explained?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from byheart.errors import InputRefused, UsageError
from byheart.maths.recording.trace import Trace, count
from byheart.maths.shapes import Float, Shaped

Target = str | tuple[str, int] | Callable[[Any], Tensor]


def margin(logits: Float[Tensor, "q ..."], y: Shaped[Tensor, "q ..."]) -> Float[Tensor, " q"]:
    """By how much is the label likelier than all the rest, in the model's own log odds?

    Log odds (q,) of the label: z_y - logsumexp of the other logits; of values (q, 1), the value itself; of sequences
    (q, t, v) with targets (q, t), log p of the tokens that count (those of target 0 or more), in nats.

    Slope, of classes: 1 at the label, minus the softmax over the others elsewhere. Range (-inf, inf).

    Args:
        logits: (q, k), (q, t, v), or values (q, 1) or (q,).
        y: (q,) labels, or (q, t) tokens; not looked at for values.

    Returns:
        (q,) one number a query.

    Raises:
        nothing of its own.

    Cost: one pass over the logits. Fails when: a label is no class: `checked_labels` refuses it first.

    Reference: the log odds log(p / (1 - p)) of the softmax, by its definition.

    Example:
        >>> margin(torch.tensor([[2.0, 0.0]]), torch.tensor([0]))
        tensor([2.])
    """
    if logits.shape[-1] == 1 or logits.dim() == 1:
        return logits.reshape(len(logits))
    if logits.dim() == 3:
        said = logits.log_softmax(-1).gather(-1, y.clamp(min=0)[..., None])[..., 0]
        return (said * (y >= 0)).sum(-1)
    z = logits.T.contiguous()  # classes first: sums over a short last axis are several times slower
    label = torch.zeros_like(z, dtype=torch.bool).scatter(0, y[None], True)
    return z.gather(0, y[None])[0] - z.masked_fill(label, -torch.inf).logsumexp(0)


def function(target: Target) -> Callable[[Any, Tensor], Tensor]:
    """Which function of outputs and labels is meant by this target?

    Of (outputs (q, ...), y (q,)); it gives (q,).

    Raises:
        UsageError: not `"margin"`, `("logit", c)` or a function of the outputs.
    """
    if target == "margin":
        return margin
    if callable(target):
        return lambda outputs, y: _checked(target(outputs), len(y))
    if isinstance(target, tuple) and len(target) == 2 and target[0] == "logit":
        return lambda outputs, y: outputs[:, int(target[1])]
    raise UsageError(
        expected='target= as "margin", ("logit", class) or a function of the outputs',
        came=repr(target),
        do="A function gets the outputs (q, ...) and gives one number a query, (q,).",
    )


def _checked(values: Tensor, q: int) -> Tensor:
    if values.shape != (q,):
        raise InputRefused(
            expected=f"target= to give one number a query, shape ({q},)",
            came=f"shape {tuple(values.shape)}",
            do="Pick or sum over the other axes.",
        )
    return values


def query_tensors(trace: Trace, query: tuple[Any, Any]) -> tuple[Any, Shaped[Tensor, "q ..."]]:
    """What is the query (x, y) as tensors of the trace's types?

    Raises:
        InputRefused: not a pair, x of another shape than the examples have, or y of another length.
    """
    if not isinstance(query, tuple | list) or len(query) != 2:
        raise InputRefused(expected="query as a pair (x, y)", came=type(query).__name__, do="Give (x, y).")
    x, y = query
    if isinstance(trace.x, dict):
        if not isinstance(x, dict) or set(x) != set(trace.x):
            came = f"inputs {sorted(x)}" if isinstance(x, dict) else type(x).__name__
            raise InputRefused(expected=f"query inputs {sorted(trace.x)}", came=came, do="Name them as in training.")
        x = {name: _like(x[name], trace.x[name], name) for name in trace.x}
    else:
        x = _like(x, trace.x, "x")
    y = torch.as_tensor(np.asarray(y) if not isinstance(y, Tensor) else y)
    if y.dim() == 0 or len(y) != count(x):
        raise InputRefused(f"one target a query, ({count(x)},)", f"shape {tuple(y.shape)}", "Give y as (q,).")
    return x, y.to(torch.int64) if not y.dtype.is_floating_point else y


def _like(given: Any, example: Tensor, name: str) -> Tensor:
    value = given if isinstance(given, Tensor) else torch.from_numpy(np.ascontiguousarray(given))
    if value.dim() != example.dim() or value.shape[1:] != example.shape[1:] or not len(value):
        raise InputRefused(
            expected=f"query {name} of shape (q, {', '.join(map(str, example.shape[1:]))})",
            came=f"shape {tuple(value.shape)}",
            do="Give queries as the training examples were given, one row each.",
        )
    value = value.to(example.dtype)
    if value.dtype.is_floating_point and not torch.isfinite(value).all():
        raise InputRefused(expected=f"query {name} without NaN or infinity", came="such values", do="Leave them out.")
    return value
