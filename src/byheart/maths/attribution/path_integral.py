"""Path: one way through a recorded training from its last step to its first,, for some queries (credit.py)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from byheart.errors import InputRefused
from byheart.maths.attribution.directional_derivative import few, slopes
from byheart.maths.attribution.gradient_products import Gradients, joined
from byheart.maths.attribution.per_example_gradients import Examplewise
from byheart.maths.attribution.quadrature import points
from byheart.maths.attribution.reverse_sweep import Adjoint
from byheart.maths.attribution.targets import margin
from byheart.maths.recording.losses import per_example
from byheart.maths.recording.trace import Step, Trace, count, take
from byheart.maths.shapes import Float

MOST_HALVINGS = 5


class Path:
    """One way through a trace from its last step to its first, for some queries."""

    def __init__(self, trace: Trace) -> None:
        self.trace, self.at = trace, Examplewise(trace)
        self.owner = {name: j for j, group in enumerate(trace.recipe.groups) for name in group.names}

    def walk(
        self, x: Any, y: Tensor, value: Any, gauss: int, tolerance: float | None, kernel: bool = False
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, int, np.ndarray | None]:
        """examples (q, n), decay, initial, output (q,), how many steps were bisected, and kernel sums (q, n)."""
        of_query = lambda outputs: value(outputs, y)  # noqa: E731
        trace = self.trace
        initial, output = (self.at.values(trace.weights(t), x, of_query).double() for t in (0, len(trace)))
        first = trace.parts[0][0]
        self.at.check(trace.weights(0), take(trace.x, first.ids), self._loss(first), first)
        self.at.check(trace.weights(0), x, of_query)
        sums = torch.zeros(trace.n, count(x), dtype=torch.float64) if kernel else None
        examples, decay = self.once(x, of_query, gauss, {}, sums)
        change = (output - initial).numpy()
        remainder = change - examples.sum(0).numpy() - decay.numpy()
        halvings: dict[int, int] = {}
        if tolerance is not None and relative(remainder, change) > tolerance:
            halvings = self._halvings(x, of_query, gauss, tolerance * float(np.sqrt(np.mean(change**2))))
            examples, decay = self.once(x, of_query, gauss, halvings, None if sums is None else sums.zero_())
        found = None if sums is None else sums.T.numpy()
        return examples.T.numpy(), decay.numpy(), initial.numpy(), output.numpy(), len(halvings), found

    def once(
        self,
        x: Any,
        of_query: Any,
        gauss: int,
        halvings: Mapping[int, int],
        kernel: Tensor | None = None,
        careful: bool = False,
    ) -> tuple[Tensor, Tensor]:
        """examples (n, q) and decay (q,), float64, from one pass; `careful` names the first that is not finite.

        Into `kernel` (n, q) go the sums K with credit = push times kernel, step by step (attribution/kernels.py).
        """
        q = count(x)
        examples, decay = torch.zeros(self.trace.n, q, dtype=torch.float64), torch.zeros(q, dtype=torch.float64)
        for step, mean, moving in self.course(x, of_query, gauss, halvings):
            decay -= self.decayed(step, mean, moving)
            for part in step.parts:
                push = gradients = None
                each = float(self.trace.coefficients(part)[0])
                if kernel is not None:
                    gradients, push = pushed(self.at, self.trace, step, part)
                elif not (self.at.rest and few(q, part)):
                    gradients = self.of_batch(step, part)
                found = self.products(step, mean, moving, gradients, part).double()
                if push is not None and kernel is not None:
                    kernel.index_add_(0, part.ids, found, alpha=each)
                    found = found * -push[:, None]
                if careful and not torch.isfinite(found).all():
                    _refuse_bad(step, part, found)
                examples.index_add_(0, part.ids, found, alpha=-each)
        if not careful and not bool(torch.isfinite(examples.sum() + decay.sum())):
            return self.once(x, of_query, gauss, halvings, kernel, careful=True)
        return examples, decay

    def course(
        self, x: Any, of_query: Any, gauss: int, halvings: Mapping[int, int]
    ) -> Iterator[tuple[Step, Gradients, dict[str, Tensor] | None]]:
        """Steps from the last to the first, with the mean gradients along each, and adjoints where steps carry on."""
        adjoint = Adjoint(self.trace) if self.trace.recipe.carries else None
        for step in self.trace.backwards():
            mean = self.mean(step, x, of_query, points(gauss, halvings.get(step.index, 0)))
            yield step, mean, adjoint and adjoint.step(step, mean)

    def products(
        self, step: Step, mean: Gradients, moving: dict[str, Tensor] | None, gradients: Gradients | None, part: Any
    ) -> Tensor:
        """<a_t, g> (b, q) for gradients g of b scalars, as the optimiser took them in: clipped, dampened.

        None for gradients: of the losses of `part`, by forward derivatives.
        """
        let_in = [clip * self._damp(step, j) for j, clip in enumerate(step.clips)]
        if moving is None:
            let_in = [a * rate for a, rate in zip(let_in, step.rates, strict=True)]
        scales = self.by_name(let_in)
        if gradients is None:
            way = mean.form() if moving is None else moving
            found = slopes(self.trace, step.before, part, {name: v * scales[name] for name, v in way.items()})
            if found is not None:
                return found
            gradients = self.of_batch(step, part)
        return gradients.pair(mean, scales) if moving is None else gradients.against(moving, scales)

    def decayed(self, step: Step, mean: Gradients, moving: dict[str, Tensor] | None) -> Tensor:
        """What decay took from the target at a step, (q,) float64: coupled through a_t, decoupled at once."""
        groups = list(zip(self._groups, step.rates, strict=True))
        at_once = [group.shrinks(rate) for group, rate in groups]
        coupled = [group.coupled * self._damp(step, j) for j, (group, _) in enumerate(groups)]
        if moving is None:
            at_once = [a + c * rate for a, c, (_, rate) in zip(at_once, coupled, groups, strict=True)]
        total = torch.zeros((), dtype=torch.float64)
        before = self.trace.named(step.before)
        if any(at_once):
            factors = self.by_name(at_once)
            total = total + mean.dot({name: v * factors[name] for name, v in before.items()}).double()
        if moving is not None and any(coupled):
            factors = self.by_name(coupled)
            total = total + sum(v @ (before[n].reshape(-1) * factors[n]) for n, v in moving.items()).double()
        return total

    @property
    def _groups(self) -> Sequence[Any]:
        return self.trace.recipe.groups

    def by_name(self, values: Sequence[float]) -> dict[str, float]:
        """One value a group as one value a tensor."""
        return {name: values[j] for name, j in self.owner.items()}

    def _damp(self, step: Step, group: int) -> float:
        """SGD's dampening lets less of a gradient into the momentum, from the second step on."""
        return 1 - self._groups[group].dampening if step.index and self._groups[group].momentum else 1.0

    def _loss(self, part: Any) -> Any:
        targets = take(self.trace.y, part.ids)
        return lambda outputs: per_example(self.trace.loss, outputs, targets)

    def of_batch(self, step: Step, part: Any) -> Gradients:
        """Training gradients of the examples of one pass, as they were."""
        return self.at.at(step.before, take(self.trace.x, part.ids), self._loss(part), part)

    def mean(self, step: Step, x: Any, of_query: Any, where: Sequence[tuple[float, float]]) -> Gradients:
        """Mean gradients of the queries' target along the step."""
        way = step.after - step.before
        return joined(
            [self.at.at(torch.add(step.before, way, alpha=u) if u else step.before, x, of_query) for u, _ in where],
            [w for _, w in where],
        )

    def _halvings(self, x: Any, of_query: Any, gauss: int, allowed: float) -> dict[int, int]:
        """How often each step is bisected so that its own error stays under `allowed` / sqrt(steps)."""
        found = {}
        bound = allowed / len(self.trace) ** 0.5
        after = None
        for step in self.trace.backwards():
            after = self.at.values(step.after, x, of_query).double() if after is None else after
            before = self.at.values(step.before, x, of_query).double()
            way = self.trace.named(step.after - step.before)
            for level in range(MOST_HALVINGS + 1):
                seen = self.mean(step, x, of_query, points(gauss, level)).dot(way).double()
                if float((seen - (after - before)).square().mean().sqrt()) <= bound:
                    break
            if level:
                found[step.index] = level
            after = before
        return found


def pushed(at: Examplewise, trace: Trace, step: Step, part: Any) -> tuple[Gradients, Float[Tensor, " b"]]:
    """Gradients of the one number f of each example of a pass, and how hard the loss pushes it up: -dl/df (b,).

    f is the margin m under cross-entropy, whose loss is log(1 + exp(-m)), or the value under squared errors.

    Raises:
        InputRefused: the loss is not a function of one number an example.
    """
    if callable(trace.loss):
        raise InputRefused(
            expected="a loss that is a function of one number an example",
            came="a function of the user's",
            do="Record with loss='cross-entropy', or 'squared-error' and one output.",
        )
    numbers: list[Tensor] = []
    targets = take(trace.y, part.ids)

    counts = targets >= 0 if trace.loss == "cross-entropy" else torch.ones(len(targets), dtype=torch.bool)

    def of_one(outputs: Tensor) -> Tensor:
        if outputs.dim() > 2:
            raise InputRefused(
                expected="a loss that is a function of one number an example",
                came=f"outputs {tuple(outputs.shape)}, several labels an example",
                do="Ask for credit without kernels.",
            )
        numbers.append(margin(outputs, targets.where(counts, 0)))
        return numbers[-1]

    gradients = at.at(step.before, take(trace.x, part.ids), of_one, part)
    f = numbers[0].detach().double()
    if trace.loss == "cross-entropy":
        return gradients, torch.sigmoid(-f) * counts
    return gradients, (targets.reshape(f.shape).double() - f) * (2.0 if trace.loss == "squared-error" else 1.0)


def _refuse_bad(step: Step, part: Any, found: Tensor) -> None:
    row = int((~torch.isfinite(found)).any(1).nonzero()[0])
    raise InputRefused(
        expected=f"finite gradients at step {step.index}",
        came=f"NaN or infinity in the credit of example {int(part.ids[row])}, the first of its batch",
        do="Did the training diverge there? Record up to an earlier step.",
    )


def relative(remainder: Float[np.ndarray, " q"], change: Float[np.ndarray, " q"]) -> float:
    """How large is a remainder beside the change it belongs to?

    Their root mean squares, one over the other.
    """
    return float(np.sqrt(np.mean(remainder**2)) / max(np.sqrt(np.mean(change**2)), 1e-300))
