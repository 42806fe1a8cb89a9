"""Credit: where does a prediction come from? The exact path decomposition of a recorded training.

Credit is not effect: it adds up to what the network says, and answers "made of what?". What would have happened without
an example is asked of attribution/effect.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np
import torch

from byheart.errors import InputRefused, UsageError
from byheart.maths.attribution.path_integral import Path, relative
from byheart.maths.attribution.quadrature import points
from byheart.maths.attribution.targets import Target, function, query_tensors
from byheart.maths.attribution.unrolled import checked_labels
from byheart.maths.recording.trace import Trace, count, take


class Note(NamedTuple):
    """What a reader of anything computed from a trace must know, and its figures.

    `cut short`: `why` the trace ends early, and its `steps`; `replay departs`: by what `share` of the way gone;
    `above tolerance`: how much the remainder `missed` of the change, and the `tolerance`.
    """

    code: Literal["cut short", "replay departs", "above tolerance"]
    figures: Mapping[str, float | str]


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
        notes: a trace cut short, a tolerance not reached, a replay not bit for bit.
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
    notes: tuple[Note, ...] = ()
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
    k_t the clip factor, grad l_i the example's training gradient at theta_t, a_t the adjoint of reverse_sweep.py
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
    checked_labels(trace, trace.weights(len(trace)), x, y, target)
    chunk = chunk_of(trace, count(x), gauss, limit_bytes)
    path = Path(trace)
    parts = [
        path.walk(take(x, rows), y[rows], value, gauss, tolerance, kernel)
        for rows in torch.arange(count(x)).split(chunk)
    ]
    examples, decay, initial, output = (np.concatenate([part[j] for part in parts]) for j in range(4))
    sums = np.concatenate([part[5] for part in parts]) if kernel else None
    remainder = output - initial - examples.sum(1) - decay
    missed = relative(remainder, output - initial)
    notes = list(notes_of(trace))
    if tolerance is not None and missed > tolerance:
        notes.append(Note("above tolerance", {"missed": missed, "tolerance": tolerance}))
    bisected = max(part[4] for part in parts)
    return Credit(examples, decay, initial, remainder, output, missed, bisected, path.at.coverage, tuple(notes), sums)


def notes_of(trace: Trace) -> Iterator[Note]:
    """What a reader of anything computed from this trace must know."""
    if trace.note:
        yield Note("cut short", {"why": trace.note, "steps": len(trace)})
    if trace.drift:
        yield Note("replay departs", {"share": trace.drift})


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
    fixed = (
        item * p * (2 + 2 * trace.every * (trace.every > 1))
        + item * p * max(sum(len(part.ids) for part in parts) for parts in trace.parts) * trace.recipe.carries
    )
    fit = int((limit_bytes - fixed) // each)
    if fit < 1:
        raise InputRefused(
            expected=f"limit_bytes= of at least {fixed + each} for one query",
            came=f"{limit_bytes}",
            do="Allow more; keep weights more often if the replayed segment is what is large.",
        )
    return min(q, fit)


def _example_trace() -> Trace:
    """One step of SGD of a linear model on two examples, for the executed examples of this chapter."""
    from torch import nn

    from byheart.maths.recording.flat_parameters import Layout
    from byheart.maths.recording.optimizer_spec import Group, Recipe
    from byheart.maths.recording.trace import Part

    model = nn.Linear(2, 2)
    layout = Layout(("weight", "bias"), ((2, 2), (2,)))
    recipe = Recipe("SGD", (Group(("weight", "bias")),), {})
    trace = Trace(model, torch.eye(2), torch.tensor([0, 1]), "cross-entropy", layout, recipe)
    start = torch.zeros(6).requires_grad_()
    trace.parts, trace.rates, trace.clips = [(Part(torch.tensor([0, 1])),)], [(0.5,)], [(1.0,)]
    slope = torch.autograd.grad(trace.batch_loss(start, trace.parts[0][0]), start)[0]
    trace.kept = {0: {"weights": start.detach()}, 1: {"weights": start.detach() - 0.5 * slope}}
    return trace
