"""Credit: where does a prediction come from? The exact path decomposition of a recorded training.

Credit is not effect: it adds up to what the network says, and answers "made of what?". What would have happened without
an example is asked of maths/effect.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from byheart.errors import InputRefused, UsageError
from byheart.maths.adjoints import Adjoint
from byheart.maths.contraction import Gradients, joined
from byheart.maths.directional import few, slopes
from byheart.maths.examplewise import Examplewise
from byheart.maths.losses import per_example
from byheart.maths.quadrature import points
from byheart.maths.targets import Target, function, margin, query_tensors
from byheart.maths.trace import Step, Trace, count, take

MOST_HALVINGS = 5


@dataclass(frozen=True)
class Credit:
    """What q predictions are made of, in the units of the target: initial + examples + decay + remainder = output.

    Attributes:
        examples: (q, n) what each training example added.
        decay: (q,) what weight decay added.
        initial: (q,) the target at the initial weights.
        remainder: (q,) what the quadrature missed.
        output: (q,) the target at the final weights.
        relative: root mean square of the remainder over that of output - initial.
        bisected: how many steps were bisected to keep the remainder small.
        coverage: share of the weights by how their gradients were had; they sum to 1.
        notes: sentences for the reader: a trace cut short, a tolerance not reached, a replay not bit for bit.
        kernel: (q, n) what each credit is a multiple of, where it was asked for (`kernels.fixed_coefficients`).
    """

    examples: np.ndarray
    decay: np.ndarray
    initial: np.ndarray
    remainder: np.ndarray
    output: np.ndarray
    relative: float
    bisected: int = 0
    coverage: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    kernel: np.ndarray | None = None


def path_credit(
    trace: Trace,
    query: tuple[Any, Any],
    target: Target = "margin",
    gauss: int = 2,
    tolerance: float | None = 1e-2,
    limit_bytes: int = 200_000_000,
    kernel: bool = False,
) -> Credit:
    """Which training examples, and how much of each, is a prediction made of?

    With weights theta_0 .. theta_T of the run, f the target of a query x, fbar_t = int_0^1 grad f(x; theta_t + u
    (theta_(t+1) - theta_t)) du, w_ti the coefficient of example i in the batch loss of step t (1/b for a mean over b),
    k_t the clip factor, grad l_i the example's training gradient at theta_t, a_t the adjoint of maths/adjoints.py
    (eta_t fbar_t for plain SGD) and lam the weight decay:

        f(x; theta_T) - f(x; theta_0) = sum_i A_i + R + remainder
        A_i = - sum over t with i in the batch of k_t w_ti <a_t, grad l_i(theta_t)>
        R   = - sum_t lam <a_t, theta_t>   (coupled),   - sum_t eta_t lam <fbar_t, theta_t>   (decoupled)

    It is an identity; the remainder is what the quadrature over u misses, and rounding. In units of the target
    (margin: nats of log odds). Positive: seeing the example raised the target. A table that remembers its examples
    (`Rote`) gives all credit to the example itself; a fixed truth that learns nothing (`Oracle`) gives none.

    The query side is taken in evaluation mode, since the prediction is made so; the training side with the very dropout
    masks of the step, since those made the step. The identity needs no more: it holds for any f of the weights.

    Args:
        trace: a recorded training (SGD, momentum, Nesterov, Adam, AdamW).
        query: (x (q, ...), y (q,)); y is read by the margin alone.
        target: `"margin"`, `("logit", c)`, or a function of the outputs (q, ...) that gives (q,), row by row.
        gauss: points a step: 1, 2 or 4.
        tolerance: relative remainder above which steps are bisected and the run gone through again; None never does.
        limit_bytes: most working memory above trace and result; queries are taken in chunks that fit.
        kernel: give the kernel sums as well, in the same pass (losses of one number an example: `pushed`).

    Returns:
        Credit, numpy float64.

    Raises:
        InputRefused: examples, model or loss that differ from the recording, queries of another shape, a gradient that
            is not finite (step and example are named), not enough memory for one query.
        UsageError: another number of points, or no such target.

    Cost: at each step `gauss` forward and backward passes of the queries and one of the batch; under momentum and Adam
    also q times p numbers carried. Digits, 690 steps, 360 queries: about 1.3 CPU s.

    Fails when: kinks (ReLU) fall inside long steps: the remainder is then near 1e-3; or when examples mix in a batch in
    a way that no layer shows (losses over pairs of examples).

    Reference: Domingos 2020, Every model learned by gradient descent is approximately a kernel machine, theorem 1 (for
    steps without end small); Bell et al. 2023, An exact kernel equivalence for finite classification models, theorem 4
    (the discrete form, SGD). Momentum, Nesterov, Adam, clipping and decay are derived here: memory.md 1.

    Example:
        >>> trace = _example_trace()
        >>> x, y = trace.x, trace.y
        >>> credit = path_credit(trace, (x[:1], y[:1]))
        >>> bool(credit.examples[0, 0] > 0), abs(credit.remainder[0]) < 1e-3
        (True, np.True_)
    """
    if gauss == 0:
        raise UsageError(expected="gauss= of 1, 2 or 4", came="0", do="The left end alone is `continuous_error`.")
    points(gauss)
    value = function(target)
    x, y = query_tensors(trace, query)
    trace.verify()
    chunk = chunk_of(trace, count(x), gauss, limit_bytes)
    path = Path(trace)
    parts = [
        path.walk(take(x, rows), y[rows], value, gauss, tolerance, kernel)
        for rows in torch.arange(count(x)).split(chunk)
    ]
    examples, decay, initial, output = (np.concatenate([part[j] for part in parts]) for j in range(4))
    sums = np.concatenate([part[5] for part in parts]) if kernel else None
    remainder = output - initial - examples.sum(1) - decay
    relative = _relative(remainder, output - initial)
    notes = list(notes_of(trace))
    if tolerance is not None and relative > tolerance:
        notes.append(f"the remainder is {relative:.1e} of the change, above the tolerance {tolerance:.1e}")
    bisected = max(part[4] for part in parts)
    return Credit(examples, decay, initial, remainder, output, relative, bisected, path.at.coverage, tuple(notes), sums)


def _relative(remainder: np.ndarray, change: np.ndarray) -> float:
    return float(np.sqrt(np.mean(remainder**2)) / max(np.sqrt(np.mean(change**2)), 1e-300))


def notes_of(trace: Trace) -> Sequence[str]:
    """What a reader of anything computed from this trace must know."""
    if trace.note:
        yield f"{trace.note}; credit is for these {len(trace)} steps"
    if trace.drift:
        yield f"replayed steps depart from the recorded ones by {trace.drift:.1e} of the way gone"


def chunk_of(trace: Trace, q: int, gauss: int, limit_bytes: int) -> int:
    """How many queries at once fit into `limit_bytes` of working memory, by an estimate made first?

    Raises:
        InputRefused: not one; what would be needed is said.
    """
    item, p = trace.weights(0).element_size(), trace.layout.size
    copies = 4 if trace.recipe.carries else 0  # carried, formed, and two in passing
    if any(len(shape) > 2 for shape in trace.layout.shapes) or not copies:
        copies += 1
    each = item * p * copies + 8 * trace.n * 2
    fixed = item * p * (2 + 2 * trace.every * (trace.every > 1)) + item * p * max(
        sum(len(part.ids) for part in parts) for parts in trace.parts
    ) * trace.recipe.carries
    fit = int((limit_bytes - fixed) // each)
    if fit < 1:
        raise InputRefused(
            expected=f"limit_bytes= of at least {(fixed + each) / 1e6:.0f} MB for one query",
            came=f"{limit_bytes / 1e6:.0f} MB",
            do="Allow more; keep weights more often if the replayed segment is what is large.",
        )
    return min(q, fit)


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
        if tolerance is not None and _relative(remainder, change) > tolerance:
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

        Into `kernel` (n, q) go the sums K with credit = push times kernel, step by step (maths/kernels.py).
        """
        q = count(x)
        examples, decay = torch.zeros(self.trace.n, q, dtype=torch.float64), torch.zeros(q, dtype=torch.float64)
        for step, mean, moving in self.course(x, of_query, gauss, halvings):
            decay -= self.decayed(step, mean, moving)
            for part in step.parts:
                push = gradients = None
                if kernel is not None:
                    gradients, push = pushed(self.at, self.trace, step, part)
                elif not (self.at.rest and few(q, part)):
                    gradients = self.of_batch(step, part)
                found = self.products(step, mean, moving, gradients, part).double()
                if push is not None and kernel is not None:
                    kernel.index_add_(0, part.ids, found, alpha=part.share / len(part.ids))
                    found = found * -push[:, None]
                if careful and not torch.isfinite(found).all():
                    _refuse_bad(step, part, found)
                examples.index_add_(0, part.ids, found, alpha=-part.share / len(part.ids))
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


def pushed(at: Examplewise, trace: Trace, step: Step, part: Any) -> tuple[Gradients, Tensor]:
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

    def of_one(outputs: Tensor) -> Tensor:
        numbers.append(margin(outputs, targets))
        return numbers[-1]

    gradients = at.at(step.before, take(trace.x, part.ids), of_one, part)
    f = numbers[0].detach().double()
    if trace.loss == "cross-entropy":
        return gradients, torch.sigmoid(-f)
    return gradients, (targets.reshape(f.shape).double() - f) * (2.0 if trace.loss == "squared-error" else 1.0)


def _refuse_bad(step: Step, part: Any, found: Tensor) -> None:
    row = int((~torch.isfinite(found)).any(1).nonzero()[0])
    raise InputRefused(
        expected=f"finite gradients at step {step.index}",
        came=f"NaN or infinity in the credit of example {int(part.ids[row])}, the first of its batch",
        do="Did the training diverge there? Record up to an earlier step.",
    )


def _example_trace() -> Trace:
    """One step of SGD of a linear model on two examples, for the executed examples of this chapter."""
    from torch import nn

    from byheart.maths.layout import Layout
    from byheart.maths.recipe import Group, Recipe
    from byheart.maths.trace import Part

    model = nn.Linear(2, 2)
    layout = Layout(("weight", "bias"), ((2, 2), (2,)))
    recipe = Recipe("SGD", (Group(("weight", "bias")),), {})
    trace = Trace(model, torch.eye(2), torch.tensor([0, 1]), "cross-entropy", layout, recipe)
    start = torch.zeros(6).requires_grad_()
    trace.parts, trace.rates, trace.clips = [(Part(torch.tensor([0, 1])),)], [(0.5,)], [(1.0,)]
    slope = torch.autograd.grad(trace.batch_loss(start, trace.parts[0][0]), start)[0]
    trace.kept = {0: {"weights": start.detach()}, 1: {"weights": start.detach() - 0.5 * slope}}
    return trace
