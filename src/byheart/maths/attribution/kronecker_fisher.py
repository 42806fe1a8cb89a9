"""Blocks: the Fisher matrix of a model a layer at a time, in Kronecker factors with corrected eigenvalues (EK-FAC).

Reference: George et al. 2018, "Fast approximate natural gradient descent in a Kronecker-factored eigenbasis", NeurIPS,
equations 8 to 12; labels are drawn from the model, so that it is the Fisher matrix and not that of the labels seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from byheart.errors import InputRefused
from byheart.maths.attribution.gradient_products import Gradients, Outer
from byheart.maths.attribution.per_example_gradients import Examplewise
from byheart.maths.recording.losses import IGNORED, Loss, per_example
from byheart.maths.recording.trace import Trace, take
from byheart.maths.shapes import Float, Int, Shaped

HEURISTIC = 0.1  # damping in mean eigenvalues; found best on digits (LDS 0.56 against 0.40 without)
LARGEST = 2_048  # numbers in a tensor that is neither Linear nor Conv2d and still gets a block of its own
CHUNK_BYTES = 32_000_000  # of example gradients formed at once

Solve = Callable[[dict[str, Tensor]], dict[str, Tensor]]
Fitted = tuple[Solve, dict[str, float], float, tuple[str, ...]]


def in_chunks(n: int, p: int, item: int) -> Iterator[Int[Tensor, " _"]]:
    """In which runs are ids 0..n - 1 taken, so that their formed gradients fit into CHUNK_BYTES?"""
    return iter(torch.arange(n).split(max(1, min(1024, CHUNK_BYTES // (p * item)))))


def gradients_of(trace: Trace) -> Examplewise:
    """What reads the example gradients of a trace's model?

    Held against autograd on a few examples first.
    """
    found, ids = Examplewise(trace), torch.arange(min(8, trace.n))
    y = take(trace.y, ids)
    found.check(trace.weights(len(trace)), take(trace.x, ids), lambda out: per_example(trace.loss, out, y))
    return found


def losses_at(
    examplewise: Examplewise, trace: Trace, ids: Int[Tensor, " b"], weights: Float[Tensor, " p"] | None = None
) -> Gradients:
    """What are the gradients of the training losses of the examples `ids`?

    At the last weights or others, in evaluation mode.

    Raises:
        InputRefused: a loss is not finite; the example is named.
    """
    y = take(trace.y, ids)
    seen: list[Tensor] = []

    def value(out: Any) -> Tensor:
        seen[:] = [per_example(trace.loss, out, y)]
        return seen[0]

    weights = trace.weights(len(trace)) if weights is None else weights
    found = examplewise.at(weights, take(trace.x, ids), value)
    if not seen[0].isfinite().all():
        bad = int(ids[(~seen[0].isfinite()).nonzero()[0, 0]])
        raise InputRefused("finite losses of all examples", f"one that is not, of example {bad}", "Leave it out.")
    return found


def drawn_labels(
    loss: Loss, out: Float[Tensor, "b ..."], y: Any, generator: torch.Generator
) -> Shaped[Tensor, "b ..."]:
    """Labels drawn from the model that `out` states, so that E[grad grad'] is the Fisher matrix.

    Classes (axis 1 of the logits): from the softmax. Values: normal, of the variance for which the loss is the
    negative log likelihood: 1 (half-squared-error), k / 2 for the mean over k outputs (squared-error).

    Raises:
        InputRefused: a function of values, whose distribution is not known.
    """
    if not y.is_floating_point():
        share = out.detach().movedim(1, -1).softmax(-1)
        drawn = torch.multinomial(share.reshape(-1, share.shape[-1]), 1, generator=generator).view(y.shape)
        return drawn.where(y != IGNORED, IGNORED)
    if callable(loss):
        raise InputRefused(
            expected="a loss with a name, so that labels can be drawn from the model",
            came="a function of values",
            do='Use loss="half-squared-error" or "squared-error", or method="exact".',
        )
    k = out[0].numel()
    width = (1.0 if loss == "half-squared-error" else 0.5) * k
    return out.detach() + torch.randn(out.shape, generator=generator, dtype=out.dtype) * width**0.5


class Blocks:
    """Eigenvalue-corrected Kronecker factors of the Fisher matrix, a block a layer.

    Linear and Conv2d (in unfolded patches): A = E[a a'], S = E[s s'] over examples and positions, a with a 1 for
    the bias; U_A, U_S their eigenvectors; Lambda = E[(U_S' (sum_t s a') U_A)^2]. Other tensors of at most 2,048
    numbers: the whole block E[g g']. The rest is skipped and named.
    """

    def __init__(self, trace: Trace, samples: int, seed: int) -> None:
        self.trace, self.samples, self.seed = trace, samples, seed
        self.examplewise = gradients_of(trace)
        self.bases: dict[str, tuple[Tensor, Tensor]] = {}
        self.lambdas: dict[str, Tensor] = {}
        self.biases: dict[str, str | None] = {}
        self.wholes: dict[str, Tensor] = {}

    def _passes(self) -> Iterator[Gradients]:
        trace, generator = self.trace, torch.Generator().manual_seed(self.seed)
        for _ in range(self.samples):
            for ids in in_chunks(trace.n, trace.layout.size, 4):
                y = take(trace.y, ids)
                value = lambda out, y=y: per_example(trace.loss, out, drawn_labels(trace.loss, out, y, generator))  # noqa: E731
                yield self.examplewise.at(trace.weights(0), take(trace.x, ids), value)

    def fitted(self, damping: float | str, decays: Mapping[str, float]) -> Fitted:
        """The damped inverse, the damping by block, the share of the weights covered, the tensors that are not."""
        trace, count_ = self.trace, self.samples * self.trace.n
        for ids in in_chunks(trace.n, trace.layout.size, 4):  # refuses losses that are not finite, by example
            losses_at(self.examplewise, trace, ids)
        sums: dict[str, list[Tensor]] = {}
        for gradients in self._passes():
            for part in gradients.parts:
                if isinstance(part, Outer):
                    a, s = _factors(part)
                    a, s = a.flatten(0, 1), s.flatten(0, 1)
                    self.biases[part.weight] = part.bias
                    _add(sums, part.weight, [a.T @ a, s.T @ s])
                else:
                    for name, g in part.form().items():
                        if g.shape[1] <= LARGEST:
                            _add(sums, name, [g.T @ g])
        for name, found in sums.items():
            if name in self.biases:
                self.bases[name] = tuple(torch.linalg.eigh(factor.double())[1].to(factor.dtype) for factor in found)
            else:
                self.wholes[name] = found[0] / count_
        for gradients in self._passes():
            for part in gradients.parts:
                if isinstance(part, Outer):
                    _add(self.lambdas, part.weight, self._squares(part) / count_)
        return self._inverted(damping, decays)

    def _squares(self, part: Outer) -> Tensor:
        """Sum over examples of the squared gradient in the eigenbasis (o, i)."""
        a, s = _factors(part)
        base_a, base_s = self.bases[part.weight]
        a, s = a @ base_a, s @ base_s
        if a.shape[1] == 1:
            return s[:, 0].square().T @ a[:, 0].square()
        return torch.bmm(s.transpose(1, 2), a).square().sum(0)

    def _inverted(self, damping: float | str, decays: Mapping[str, float]) -> Fitted:
        chosen: dict[str, float] = {}
        inverse: dict[str, Tensor] = {}
        for name, values in self.lambdas.items():
            values = values + decays[name]
            chosen[name] = HEURISTIC * float(values.mean()) if damping == "heuristic" else float(damping)
            inverse[name] = 1 / _positive(values + chosen[name], name)
        for name, block in self.wholes.items():
            block = block.double() + decays[name] * torch.eye(len(block))
            chosen[name] = HEURISTIC * float(block.diagonal().mean()) if damping == "heuristic" else float(damping)
            values, base = torch.linalg.eigh(block)
            inverse[name] = ((base / _positive(values.clamp_min(0) + chosen[name], name)) @ base.T).to(
                self.trace.weights(0).dtype
            )
        layout = self.trace.layout
        held = set(self.wholes) | set(self.biases) | {bias for bias in self.biases.values() if bias}
        skipped = tuple(name for name in layout.names if name not in held)
        lost = sum(layout.slices[name].stop - layout.slices[name].start for name in skipped)

        def solve(found: dict[str, Tensor]) -> dict[str, Tensor]:
            solved = {name: found[name] @ inverse[name] for name in self.wholes}
            for name, (base_a, base_s) in self.bases.items():
                o, bias = len(base_s), self.biases[name]
                g = found[name].view(-1, o, found[name].shape[1] // o)
                g = torch.cat([g, found[bias][:, :, None]], 2) if bias else g
                g = base_s @ ((base_s.T @ g @ base_a) * inverse[name]) @ base_a.T
                solved[name] = (g[:, :, :-1] if bias else g).flatten(1)
                if bias:
                    solved[bias] = g[:, :, -1]
            return solved

        return solve, chosen, 1 - lost / layout.size, skipped


def _factors(part: Outer) -> tuple[Tensor, Tensor]:
    a = part.a.detach()
    return (torch.cat([a, torch.ones_like(a[..., :1])], -1) if part.bias else a), part.s.detach()


def _add(sums: dict, name: str, found: Any) -> None:
    if name not in sums:
        sums[name] = found
    elif isinstance(found, list):
        sums[name] = [old + new for old, new in zip(sums[name], found, strict=True)]
    else:
        sums[name] = sums[name] + found


def _positive(values: Tensor, name: str) -> Tensor:
    if not (values > 0).all():
        raise InputRefused(
            expected="a curvature above 0 in every direction",
            came=f"{int((values <= 0).sum())} flat directions in {name} without damping",
            do='Use damping="heuristic", or a small number.',
        )
    return values
