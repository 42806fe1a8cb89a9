"""Recording: what any torch loop does is written down as a trace (recording/trace.py).

with record(model, optimizer, loss="cross-entropy", examples=(x, y)) as trace:
    for ids in batches:
        optimizer.zero_grad()
        F.cross_entropy(model(x[ids]), y[ids]).backward()
        trace.batch(ids)
        optimizer.step()
path_credit(trace, (x_test, y_test))
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from byheart.arguments import may_be, must_be
from byheart.errors import InputRefused, UsageError
from byheart.maths.recording.flat_parameters import Layout
from byheart.maths.recording.losses import resolved
from byheart.maths.recording.module_copy import copied, uncompiled
from byheart.maths.recording.optimizer_spec import Recipe
from byheart.maths.recording.trace import count, digests
from byheart.training.gradients import refuse_layers
from byheart.training.record_member import recorded
from byheart.training.recording.steps import Recording

__all__ = ["Recording", "record", "recorded", "recording"]

LIMIT_BYTES = 200_000_000


@contextmanager
def record(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    loss: Any,
    examples: tuple[Any, Any],
    every: int | None = None,
    limit_bytes: int = LIMIT_BYTES,
) -> Iterator[Recording]:
    """What did this training do, step by step? Listens to a torch loop and gives its trace.

    Inside, call `trace.batch(indices)` once a backward pass, or take batches from `trace.loader(loader)`. Learning
    rates, clip factors, random states and weights are seen. After the `with`, the trace is whole; an exception inside
    cuts it short, and `trace.note` says how many steps can be used. Where the model has been changed beside the
    recorded steps, `trace.refused` says what differs, and credit and effect are withheld.

    Args:
        model: the module that is trained; on CPU if it draws noise (dropout).
        optimizer: torch's SGD, Adam or AdamW that has not stepped yet, with one or more parameter groups.
        loss: what the loop averages: `"cross-entropy"`, `"squared-error"`, or a function of (outputs, y) that gives
            one loss an example.
        examples: (x, y), tensors or dicts of tensors with n rows; kept by reference.
        every: keep the weights at each `every`-th step; None keeps all and thins them when `limit_bytes` is reached.
        limit_bytes: most that the trace may take, the replay of one segment included.

    Raises:
        InputRefused: batch statistics, half precision, a loss that does not reproduce the gradient, indices out of
            range, gradients that are not finite, a changed constant, an optimiser that is not linear in gradients.
        UsageError: a step without `trace.batch`.

    Cost: a copy of gradient and weights a step, and a second backward pass at steps 0, 1, 2, 4, 8, ...; between these,
    `unrolled` holds each gradient against the four numbers that are kept of the recorded one.

    Fails when: noise comes from outside torch's global CPU stream.

    Example:
        >>> import torch
        >>> x, y, model = torch.eye(3), torch.tensor([0, 1, 1]), torch.nn.Linear(3, 2)
        >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        >>> with record(model, optimizer, "cross-entropy", (x, y)) as trace:
        ...     torch.nn.functional.cross_entropy(model(x), y).backward()
        ...     trace.batch([0, 1, 2])
        ...     optimizer.step()
        >>> len(trace)
        1
    """
    trace = recording(model, optimizer, loss, examples, every, limit_bytes)
    try:
        yield trace
    except BaseException as error:
        trace.end(note=f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}")
        raise
    trace.end()


def recording(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    loss: Any,
    examples: tuple[Any, Any],
    every: int | None = None,
    limit_bytes: int = LIMIT_BYTES,
    kind: type[Recording] = Recording,
) -> Recording:
    """A recording that has begun, for loops that a `with` cannot stand around; call its `end`. As `record`."""
    if not isinstance(model, nn.Module) or not isinstance(optimizer, torch.optim.Optimizer):
        raise InputRefused(
            expected="a torch module, and the torch optimiser that trains it",
            came=f"{type(model).__name__} and {type(optimizer).__name__}",
            do="Give record(model, optimizer, loss, examples).",
        )
    must_be("a whole number", limit_bytes=limit_bytes)
    may_be("a whole number", every=every)
    x, y = checked_examples(examples)
    if isinstance(model, torch.jit.ScriptModule):
        raise InputRefused(
            expected="a model of Python modules",
            came=f"a {type(model).__name__}, which takes no hooks and cannot be called at other weights",
            do="Record the module it was scripted from.",
        )
    if optimizer.state:
        raise InputRefused(
            expected="an optimiser that has not stepped yet",
            came="one with momenta from earlier steps, which would be owed to no recorded example",
            do="Start recording before the first step.",
        )
    if every is not None and every < 1:
        raise UsageError(expected="every= of at least 1", came=str(every), do="1 keeps the weights of each step.")
    moved = {id(p) for group in optimizer.param_groups for p in group["params"] if p.requires_grad}
    named = {name: p for name, p in uncompiled(model).named_parameters() if id(p) in moved}
    refuse_layers(uncompiled(model), named)
    layout = Layout(tuple(named), tuple(tuple(p.shape) for p in named.values()))
    recipe = Recipe.of(optimizer, {id(p): name for name, p in named.items()})
    if not named:
        raise InputRefused(
            expected="an optimiser of weights of the model that are trained",
            came="one without any",
            do="Unfreeze them and make the optimiser from model.parameters() before recording.",
        )
    trace = kind(copied(model), x, y, resolved(loss), layout, recipe, every or 1)
    trace.digests = digests(trace.module, layout, x, y, trace.loss)
    trace.begin(model, optimizer, limit_bytes, spaced=every != 1)
    return trace


def checked_examples(examples: Sequence[Any]) -> tuple[Any, Any]:
    """x and y, as tensors or dicts of tensors with equally many rows."""
    if not isinstance(examples, tuple | list) or len(examples) != 2:
        raise InputRefused(expected="examples=(x, y)", came=type(examples).__name__, do="Give a pair of tensors.")
    x, y = (v if isinstance(v, dict) else torch.as_tensor(v) for v in examples)
    if count(x) != count(y):
        raise InputRefused(
            "x and y with one row an example", f"{count(x)} and {count(y)} rows", "Give one target an example."
        )
    return x, y
