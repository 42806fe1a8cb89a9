"""Effect: how would a prediction change if a training example had been left out?

Not *credit* (where did this output come from, credit.py), which adds up but does not answer this. `unrolled`
speaks of one recorded run, or of a recipe when several runs are averaged; `curvature` of any trained model;
`projected` and `checkpoints` (gradient_similarity.py) are baselines, to be ranked by and not to be read in units.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from byheart.errors import InputRefused, unknown_name
from byheart.maths.attribution.curvature import fit
from byheart.maths.attribution.targets import Target, query_tensors
from byheart.maths.attribution.unrolled import Sweep, moments_of, queries_at_once
from byheart.maths.recording.trace import Trace, count, take
from byheart.maths.shapes import Float

LIMIT_BYTES = 1_000_000_000


def unrolled(
    trace: Trace | Sequence[Trace],
    query: tuple[Any, Any],
    target: Target = "margin",
    *,
    moments: int | Sequence[int] | None = None,
    hessian: str = "exact",
    limit_bytes: int = LIMIT_BYTES,
) -> Float[np.ndarray, "q n"]:
    r"""How does the weight of each training example move what the trained model says, exactly and through its training?

    tau_ji = d f(x_j; theta_T) / d w_i at w = 1, where step t of the recorded training used the gradient of
    (1/|B_t|) sum_{i in B_t} w_i l_i(theta): ids, order, initial weights and noise stay as they were, and |B_t| is
    not reduced. theta_T are the last weights, f the target. The recursion, here for SGD (eta_t learning rate, H_t
    Hessian of the batch loss): a_T = grad f; tau_i -= (eta_t / |B_t|) <a_{t+1}, grad l_i(theta_t)> for i in B_t;
    a_t = (I - eta_t H_t) a_{t+1}. Momentum, Nesterov, Adam and AdamW (second moments included), both kinds of
    decay, parameter groups, and the clip factor's own derivative likewise (attribution/unrolled.py).

    Sign and units: *positive = having the example in raises the target*. Leaving example i out (w_i from 1 to 0)
    lowers the target of query j by about tau_ji, in units of the target (margin: nats of log odds); leaving out a
    set, by about the sum. Range (-inf, inf). Rote, which learns each label by itself, has tau only from an example
    to itself; Oracle, which learns nothing, 0.

    Args:
        trace: a recorded training, or several of one recipe with other seeds, whose effects are averaged: one run
            speaks of itself, the mean of the recipe.
        query: (x (q, ...), y (q,)) in the shape of the training examples.
        target: `"margin"` (values: the output itself), `("logit", c)`, or a function of the outputs that gives (q,).
        moments: steps of the trace; the target is its mean over the weights before them (len(trace): the end), in
            the same pass. None is the end alone, this very model; a number m, that many over the last two
            thirds of training. Averaging takes out what the last batches did, which no other run repeats: it speaks
            less of this model and more of the recipe (digits, SGD at a constant rate, one run, new seeds: LDS 0.59
            with None, 0.76 with 20; where the rate falls to 0, 0.82 and 0.85).
        hessian: `exact` is the derivative. `gauss-newton` drops the curvature of the network itself from each H_t, so
            that no direction grows through negative curvature: no derivative any more, but where training is rough
            it foretells retraining better (LDS with 20 moments, Adam at 0.004: digits 0.74 against 0.55, the default
            Fashion audit 0.58 against 0.45), and elsewhere about as well.
        limit_bytes: adjoints held at once; queries beyond it wait for another pass over the trace. One query needs
            p weights for each of 1 (SGD), 2 (momentum) or 3 (Adam) adjoints.

    Returns:
        tau (q, n), float64.

    Raises:
        UnknownName: another `hessian`.
        InputRefused: examples, model or loss are not those recorded; a step whose gradient is not the recorded one
            (the first is named), or a model that was changed beside the steps; queries of another shape or labels out
            of range; traces of other data; not one query fits into limit_bytes; losses or derivatives not finite; an
            operation without second derivatives.

    Cost: a step costs 4 to 8 q b p operations, about q times its training step, as products of large matrices where
    the model is a stack of Linear layers (other models about 6 times as much). Digits, MLP 64-128-10, 690 steps, 360
    queries: 13 CPU s. Memory: (states + 1) q p numbers, at most limit_bytes.

    Fails when: training is rough (large steps on kinks, Adam late in training, long runs): the derivative is still
    exact, but leaving a whole example out is not small against it. Print `ranking.datamodel_score` beside it. A clip
    factor is taken for one by norm over the groups that share it, as torch does; factors made otherwise are not.

    Reference: Hara, Nitanda and Maehara 2019, "Data cleansing for models trained with SGD", NeurIPS, section 3.2;
    Ilyas and Engstrom 2025, "MAGIC", arXiv 2504.16430, section 3. Adam's and the clip factor's terms are ours.

    >>> import torch
    >>> from byheart.training.recording import record
    >>> x, y, model = torch.eye(3), torch.tensor([0, 1, 1]), torch.nn.Linear(3, 2)
    >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    >>> with record(model, optimizer, "cross-entropy", (x, y)) as trace:
    ...     torch.nn.functional.cross_entropy(model(x), y).backward()
    ...     trace.batch([0, 1, 2])
    ...     optimizer.step()
    >>> effects = unrolled(trace, (x[:1], y[:1]))  # whom does the margin of example 0 owe?
    >>> [bool(e > 0) for e in effects[0]]  # itself; the two of the other class pull it down, through the bias
    [True, False, False]
    """
    if hessian not in ("exact", "gauss-newton"):
        raise unknown_name("hessian", hessian, ("exact", "gauss-newton"))
    traces = _traces(trace)
    total: Any = 0.0
    for one in traces:
        one.verify()
        x, y = query_tensors(one, query)
        recipe, q, looks = one.recipe, count(x), moments_of(one, moments)
        states = int(recipe.carries) + int(recipe.adaptive)
        item = one.weights(0).element_size()
        rows = queries_at_once(one.layout.size, q, one.n, states, item, limit_bytes)
        chunks = torch.arange(q).split(rows)
        found = [Sweep(one, take(x, ids), y[ids], target, looks, hessian == "exact").run() for ids in chunks]
        total = total + np.concatenate(found) / len(traces)
    return total


def _traces(trace: Any) -> list[Any]:
    traces = list(trace) if isinstance(trace, list | tuple) else [trace]
    for one in traces:
        if not hasattr(one, "backwards"):
            raise InputRefused("a Trace, or a list of them", type(one).__name__, "Record training with byheart.record.")
        if not len(one):
            raise InputRefused("a trace of at least one step", "none", one.note or "Record a training first.")
        if one.note:
            warnings.warn(
                f"byheart: this trace ends early ({one.note}); the effect is on the model after {len(one)} steps",
                stacklevel=3,
            )
    if not traces:
        raise InputRefused(expected="at least one trace", came="none", do="Record a training first.")
    if len({one.digests.get("data") for one in traces}) > 1 or len({one.n for one in traces}) > 1:
        raise InputRefused(
            expected="traces of the same examples in the same order",
            came=f"{len(traces)} traces of different data",
            do="Average only over runs of one recipe on one set of examples.",
        )
    return traces


def curvature(
    model: nn.Module,
    examples: tuple[Any, Any],
    query: tuple[Any, Any],
    damping: float | str = "heuristic",
    *,
    target: Target = "margin",
    loss: Any = None,
    decay: Any = 0.0,
    method: str = "auto",
    samples: int = 4,
    seed: int = 0,
) -> Float[np.ndarray, "q n"]:
    r"""How would the trained model change if an example had less weight, judged by the curvature of its loss alone?

    tau_ji = -(1/n) grad f_j' (H + lambda I)^-1 grad l_i: the derivative of the target by the weight of example i at
    a minimum of (1/n) sum_i w_i l_i + decay |theta|^2 / 2. f_j is the target of query j, l_i the loss of example i,
    lambda the damping, H the exact Hessian with its decay (`method="exact"`) or, for networks, the Fisher matrix in
    blocks a layer, Kronecker-factored with corrected eigenvalues, labels drawn from the model (`"ekfac"`). `"auto"`
    takes exact for at most 3,000 weights where damping is a number, else ekfac. `heuristic`: lambda = 0.1 times the
    mean eigenvalue, layer by layer.

    Sign and units as `unrolled`: positive = having the example in raises the target; leaving it out lowers the
    target by about tau, in its units. Where the minimum is not reached, or there are many, read ranks only. Range
    (-inf, inf). Rote: from an example to itself alone; Oracle, which nothing moves, 0.

    Args:
        model: the trained module; evaluation mode is used, its state is not changed.
        examples: (x (n, ...), y (n,)) it was trained on.
        query: (x (q, ...), y (q,)).
        damping: lambda >= 0, or `"heuristic"`.
        target: as in `unrolled`.
        loss: as in `record`; None is cross-entropy for whole labels, half the squared error for others.
        decay: L2 coefficient, one number or a dict by the name of the tensor (others 0).
        method: `auto`, `exact` or `ekfac`.
        samples: draws of labels an example, for ekfac (digits: LDS 0.535 with 1, 0.573 with 4).
        seed: of those draws; the global random state is not touched.

    Returns:
        tau (q, n), float64. `curvature.fit` gives the same with damping, coverage and skipped layers; layers
        that are not covered warn.

    Raises:
        InputRefused: shapes, losses not finite, a curvature that cannot be inverted (damping 0 and flat directions),
            exact for too many weights.
        UsageError: another word.

    Cost: ekfac 1 + 2 samples passes over the examples, and q n p operations. Exact p^2 numbers and p Hessian products.
    Fails when: training stopped early or used a large step: the run, not the curvature, then decides (LDS on digits
    0.57 against 0.59 to 0.76 unrolled). Without damping, flat directions dominate.

    Reference: Koh and Liang 2017, "Understanding black-box predictions via influence functions", ICML, equation 2;
    George et al. 2018, "Fast approximate natural gradient descent in a Kronecker-factored eigenbasis", NeurIPS,
    equation 12; Grosse et al. 2023, arXiv 2308.03296, equations 16 to 21 (damping there is a tuned constant).

    >>> import torch
    >>> x, y = torch.tensor([[1.0], [2.0], [3.0]]).double(), torch.tensor([1.0, 2.0, 4.0]).double()
    >>> model = torch.nn.Linear(1, 1, bias=False).double()
    >>> _ = model.weight.data.fill_(float((x[:, 0] @ y) / (x[:, 0] @ x[:, 0])))
    >>> effects = curvature(model, (x, y), (x[2:], y[2:]), damping=0.0)
    >>> leverage = 9 / 14  # of the last example; leaving it out moves its own fit by effect / (1 - leverage)
    >>> round(float(effects[0, 2] / (1 - leverage)), 6)  # fit 17 / 14 * 3 with it, 3 without
    0.642857
    """
    fitted = fit(model, examples, damping, loss=loss, decay=decay, method=method, samples=samples, seed=seed)
    if fitted.skipped:
        covered = f"curvature ({fitted.method}) of {100 * fitted.coverage:.1f} % of the weights"
        warnings.warn(f"byheart: {covered}; not covered: {', '.join(fitted.skipped)}", stacklevel=2)
    return fitted.effect(query, target)
