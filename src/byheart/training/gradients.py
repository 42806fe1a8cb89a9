"""Gradients as a recording sees them: by which factor were they clipped, and which example made them bad?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from byheart.errors import InputRefused
from byheart.maths.recording.gradient_sketch import AGREES, rounding

if TYPE_CHECKING:
    from byheart.maths.recording.trace import Part, Trace


def factor(raw: Sequence[Tensor], applied: Sequence[Tensor], where: str) -> float:
    """By which one number were the gradients `raw` multiplied to give `applied`?

    The ratio of the projections is within rounding of it; of the numbers nearby the one is taken that gives
    `applied` bit for bit, so that a replay does too.

    Raises:
        InputRefused: they are not multiples of each other (clipped entry by entry, or noise added).
    """
    if all(torch.equal(a, b) for a, b in zip(raw, applied, strict=True)):
        return 1.0
    norm = sum(float(a.double().square().sum()) for a in raw)
    inner = sum(float((a.double() * b.double()).sum()) for a, b in zip(raw, applied, strict=True))
    ratio = inner / norm if norm else 0.0
    rest = sum(float((b.double() - ratio * a.double()).square().sum()) for a, b in zip(raw, applied, strict=True))
    if rest > (AGREES**2) * sum(float(b.double().square().sum()) for b in applied):
        raise InputRefused(
            expected=f"{where}: gradients that were only scaled between backward() and step()",
            came="a change that is not one factor",
            do="Clip by norm (clip_grad_norm_), not entry by entry, and add no noise to gradients.",
        )
    kind = np.float32 if raw[0].dtype == torch.float32 else np.float64
    near = [kind(ratio)]
    for _ in range(6):
        near += [np.nextafter(near[-1], kind(2 * ratio)), np.nextafter(near[0], kind(0))]
        near = [min(near), *near[:-1]] if min(near) < near[0] else near
    for one in sorted(set(near), key=lambda value: abs(float(value) - ratio)):
        if all(torch.equal(a * float(one), b) for a, b in zip(raw, applied, strict=True)):
            return float(one)
    return ratio


def scale(trace: Trace, weights: Mapping[str, Tensor], parts: Sequence[Part], found: Tensor) -> tuple[float, float]:
    """By which number is the gradient of the given loss to be multiplied to give `found` (p,), and what is left over?

    Returns:
        The number, and the length of the difference that remains, relative to that of `found`.
    """
    leaves = {name: value.detach().clone().requires_grad_() for name, value in weights.items()}
    with torch.enable_grad():
        try:
            total = sum(trace.batch_loss(leaves, part) for part in parts)
        except (RuntimeError, ValueError, TypeError, IndexError, KeyError, AttributeError) as error:
            raise InputRefused(
                expected="a model and a loss that can be called on the examples of a batch, as recorded",
                came=f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}",
                do="Give examples=(x, y) as the model and loss= take them: loss= gets (outputs, y).",
            ) from error
        grads = torch.autograd.grad(total, list(leaves.values()), allow_unused=True)
    filled = [torch.zeros_like(leaf) if g is None else g for leaf, g in zip(leaves.values(), grads, strict=True)]
    again = torch.cat([g.reshape(-1) for g in filled])
    length = found.norm().clamp_min(1e-30)
    if float((again - found).norm()) <= max(AGREES * float(length), rounding(trace.sketches, found)):
        return 1.0, 0.0
    ratio = float(found @ again / (again @ again).clamp_min(1e-30))
    return ratio, float((ratio * again - found).norm() / length)


def compare(trace: Trace, step: int, weights: Mapping[str, Tensor], parts: Sequence[Part], found: Tensor) -> None:
    """Does the given loss reproduce the batch gradient `found` (p,)?

    Raises:
        InputRefused: it does not; how far it is off, and what would explain it, are said.
    """
    ratio, left = scale(trace, weights, parts, found)
    if ratio == 1 and left <= AGREES:
        return
    if left <= AGREES:
        came = f"{ratio:.6g} times that of the mean loss"
        advice = f"Say so with trace.batch(indices, share={ratio:.6g})."
    else:
        came = f"a gradient that is off by {left:.1e} of its length, however the loss is scaled"
        advice = (
            "Are the indices those of this batch, are loss= and examples= those of training, is a penalty added, is "
            "the model that the loop calls the one given to record, in the mode of the first step?"
        )
    raise InputRefused(f"step {step}: loss= over examples= to reproduce the gradient of the batch", came, advice)


def refuse_bad(
    trace: Trace, step: int, weights: Mapping[str, Tensor], parts: Sequence[Part], bad: Mapping[str, Tensor]
) -> None:
    """Refuses gradients that are not finite: stage, layer and first bad example are named."""
    layer = next((name for name, g in bad.items() if not torch.isfinite(g).all()), None)
    if layer is None:
        return
    example = next((int(i) for part in parts for i in part.ids if _is_bad(trace, weights, part, int(i), layer)), None)
    whose = "no single example (their sum overflows)" if example is None else f"example {example} first"
    raise InputRefused(
        expected=f"step {step}: finite gradients",
        came=f"NaN or infinity after backward() in {layer}, from {whose}",
        do="Lower the learning rate, clip, or look at that example's x and y.",
    )


def _is_bad(trace: Trace, weights: Mapping[str, Tensor], part: Part, example: int, layer: str) -> bool:
    leaf = weights[layer].detach().clone().requires_grad_()
    one = type(part)(torch.tensor([example]))
    with torch.enable_grad():
        loss = trace.losses({**weights, layer: leaf}, one).sum()
        if not torch.isfinite(loss):
            return True
        gradient = torch.autograd.grad(loss, leaf, allow_unused=True)[0]
    return gradient is not None and not bool(torch.isfinite(gradient).all())


def refuse_layers(module: nn.Module, trained: Mapping[str, Tensor]) -> None:
    """Refuses embeddings whose gradient is no sum of example gradients.

    Raises:
        InputRefused: one that scales by the counts of a batch, moves its own weights, or leaves out one of several
            uses of a weight (padding_idx of a tied weight); it is named.
    """
    for name, part in module.named_modules():
        if not isinstance(part, nn.Embedding | nn.EmbeddingBag) or f"{name}.weight".lstrip(".") not in trained:
            continue
        users = [m for m, p in module.named_parameters(remove_duplicate=False) if p is part.weight]
        owners = {m: module.get_submodule(m.rpartition(".")[0]) for m in users}
        others = [m for m, owner in owners.items() if getattr(owner, "padding_idx", None) != part.padding_idx]
        why = {
            "scale_grad_by_freq=True: its gradient of one example depends on the whole batch": part.scale_grad_by_freq,
            "max_norm: it changes its weights in every pass": part.max_norm is not None,
            f"padding_idx and a weight that is {', '.join(others)} too: the gradient of that row leaves out one of its "
            "uses": part.padding_idx is not None and bool(others),
        }
        if came := next((cause for cause, holds in why.items() if holds), ""):
            raise InputRefused(
                expected="gradients that are sums of example gradients",
                came=f"{type(part).__name__} {name} with {came}",
                do="Leave that option out (of padding: mask it in the loss or in attention).",
            )


def refuse_batch_statistics(name: str, part: nn.Module) -> None:
    """Refuses a layer whose training output for one example depends on the others."""
    if isinstance(part, nn.modules.batchnorm._BatchNorm) and part.training:
        raise InputRefused(
            expected="a model whose examples do not mix within a batch",
            came=f"{type(part).__name__} in training mode at {name or 'the top'}: its output for one example depends "
            "on the whole batch, so no gradient belongs to an example",
            do="Freeze it (put it into eval()), or use LayerNorm or GroupNorm.",
        )
