"""Per-example losses of a recorded training, by name or as the user's function, and what they are told apart by."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from types import CodeType
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from byheart.errors import InputRefused, unknown_name
from byheart.maths.shapes import Float

Loss = str | Callable[[Any, Any], Tensor]

IGNORED = -100  # as a target, by torch's default

NAMED: dict[str, Callable[..., Tensor]] = {
    "cross-entropy": F.cross_entropy,
    "squared-error": F.mse_loss,
    "half-squared-error": lambda z, y, reduction: 0.5 * F.mse_loss(z, y, reduction=reduction),
}


def per_example(loss: Loss, outputs: Any, y: Any) -> Float[Tensor, " b"]:
    """What is the loss of each example of a batch?

    Losses (b,) of `outputs` (b, ...) and targets y (b, ...).

    `cross-entropy` -log softmax(z)_y in nats (further axes of y averaged; 0 where y is -100); `squared-error`
    (z - y)^2 averaged over the outputs of an example, as `nn.MSELoss` does; `half-squared-error` half of it; or a
    function of (outputs, y) that gives (b,).

    Raises:
        InputRefused: the function gives another shape.
    """
    if callable(loss):
        given = loss(outputs, y)
        b = len(next(iter(y.values())) if isinstance(y, Mapping) else y)
        if not isinstance(given, Tensor) or given.shape != (b,):
            came = tuple(given.shape) if isinstance(given, Tensor) else type(given).__name__
            raise InputRefused(
                expected=f"loss= to give one loss an example, shape ({b},)",
                came=str(came),
                do="Use reduction='none' and average over the other axes.",
            )
        return given
    z, y = aligned(loss, outputs, y)
    given = NAMED[loss](z, y, reduction="none")
    return given.flatten(1).mean(1) if given.dim() > 1 else given


def batch_mean(loss: Loss, outputs: Any, y: Any) -> Float[Tensor, ""]:
    """What is the mean loss of a batch, as torch rounds it?

    With the rounding of torch's own mean where the loss has a name.
    """
    if callable(loss):
        return per_example(loss, outputs, y).mean()
    z, y = aligned(loss, outputs, y)
    return NAMED[loss](z, y, reduction="mean")


def coefficient(loss: Loss, y: Any) -> float:
    """By what is the loss of each example multiplied in `batch_mean`?

    1/b, for a mean over b examples.

    Of cross-entropy with targets -100, which count in no mean, the entries of an example over those that count.
    """
    if loss != "cross-entropy" or y.is_floating_point():
        return 1 / (len(next(iter(y.values()))) if isinstance(y, Mapping) else len(y))
    return y[0].numel() / max(int((y != IGNORED).sum()), 1)


def aligned(loss: str, outputs: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Outputs and targets of one shape where the loss compares them entry by entry."""
    if loss not in NAMED:
        raise unknown_name("loss", loss, NAMED)
    if loss == "cross-entropy":
        return outputs, y
    y = y.to(outputs.dtype)
    return outputs, y.reshape(outputs.shape) if y.numel() == outputs.numel() else y


def resolved(loss: Any) -> Loss:
    """Which loss is meant: by name, or a function that gives one number an example?

    `loss` as a name or a per-example function: torch's own loss modules and functions are recognised.

    Raises:
        InputRefused: a loss module that already averages in a way that cannot be undone.
    """
    plain = isinstance(loss, nn.CrossEntropyLoss) and not loss.label_smoothing and loss.weight is None
    if loss is F.cross_entropy or (plain and loss.ignore_index == IGNORED and loss.reduction != "sum"):
        return "cross-entropy"
    if loss is F.mse_loss or (isinstance(loss, nn.MSELoss) and loss.reduction != "sum"):
        return "squared-error"
    if isinstance(loss, nn.modules.loss._Loss) and loss.reduction != "none":
        raise InputRefused(
            expected="a loss that gives one number an example",
            came=f"{type(loss).__name__} with reduction={loss.reduction!r}",
            do="Make it with reduction='none'.",
        )
    if isinstance(loss, str):
        if loss not in NAMED:
            raise unknown_name("loss", loss, NAMED)
        return loss
    if not callable(loss):
        raise InputRefused(
            "loss= as a name or a function of (outputs, y)", type(loss).__name__, f"Names: {', '.join(NAMED)}."
        )
    return loss


def loss_digest(loss: Loss) -> str:
    """What tells losses apart?

    The name, or the code, constants and closure of the function.
    """
    if isinstance(loss, str):
        return loss
    digest = hashlib.sha256()
    function = getattr(loss, "func", loss)
    function = getattr(function, "__func__", function)
    code = getattr(function, "__code__", None)
    for piece in _code(code) if code else (repr(loss) if isinstance(loss, nn.Module) else type(loss).__qualname__,):
        digest.update(piece.encode())
    for cell in getattr(function, "__closure__", None) or ():
        value = cell.cell_contents
        digest.update(repr(value).encode() if isinstance(value, int | float | str | tuple) else b"?")
    for value in (getattr(loss, "args", ()), sorted(getattr(loss, "keywords", {}).items())):
        digest.update(repr(value).encode())
    return f"{getattr(function, '__qualname__', type(loss).__qualname__)}:{digest.hexdigest()[:32]}"


def _code(code: CodeType) -> list[str]:
    """Names, bytes and constants of compiled code, without file and line."""
    pieces = [code.co_code.hex(), repr(code.co_names)]
    for constant in code.co_consts:
        pieces += _code(constant) if isinstance(constant, CodeType) else [repr(constant)]
    return pieces


def digest_of(*values: Any) -> str:
    """What tells tensors, mappings of them and texts apart?

    SHA-256 over tensors, mappings of tensors and texts, bytes and shapes.
    """
    digest = hashlib.sha256()

    def add(value: Any) -> None:
        if isinstance(value, Mapping):
            for name in sorted(value):
                digest.update(str(name).encode())
                add(value[name])
        elif isinstance(value, Tensor):
            flat = value.detach().cpu().contiguous()
            digest.update(f"{flat.dtype}{tuple(flat.shape)}".encode())
            digest.update(flat.reshape(-1).view(torch.uint8).numpy() if flat.numel() else b"")
        else:
            digest.update(str(value).encode())

    for value in values:
        add(value)
    return digest.hexdigest()
