"""Where would the weights stand if some examples had not been trained on? One Newton step from where they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from byheart.errors import InputRefused
from byheart.maths.attribution.curvature import fit, still
from byheart.maths.attribution.kronecker_fisher import gradients_of, in_chunks, losses_at
from byheart.maths.recording.trace import Trace, take
from byheart.maths.shapes import Int


def removed(
    model: nn.Module, examples: tuple[Any, Any], gone: Int[Tensor, " k"], damping: float | str = "heuristic", *,
    loss: Any = None, decay: Any = 0.0, method: str = "auto", seed: int = 0,
) -> dict[str, Tensor]:  # fmt: skip
    r"""Which weights does one Newton step on the examples that stay lead to?

    With the training loss L(theta) = 1/n sum_i l_i + 1/2 sum_j decay_j theta_j^2 at its minimum, its gradient is 0, and
    that of the loss of the n - k examples that stay follows from the k that go. So

        theta + (H + damping)^-1 (sum_{i gone} grad l_i + k decay theta) / (n - k),

    H the curvature of the loss of those that stay (`curvature.fit`: Hessian or Kronecker factors). Exact where the loss
    is quadratic: least squares and ridge. Removing nothing moves nothing.

    Poles: no part in it, they have no weights.

    Args:
        model: the trained model.
        examples: (x (n, ...), y (n,)), all training examples.
        gone: (k,) rows of those that go.
        damping: as in `curvature.fit`.
        loss: as in `curvature.still`.
        decay: L2 coefficient, one number or a dict by the name of the tensor (others 0).
        method: `exact`, `ekfac` or `auto`, as in `curvature.fit`.
        seed: of the labels that `ekfac` draws.

    Returns:
        name -> new tensor, of the weights that the curvature covers; others stay.

    Raises:
        InputRefused: all examples go, or what `curvature.fit` refuses.

    Cost: that of `curvature.fit` on n - k examples, and k gradients. Fails when: the model is far from a minimum, or
    the step is longer than the quadratic holds: many rows, or rows that the model was bent for.

    Reference: Guo et al. 2020, "Certified data removal from machine learning models", equation 3; Koh and Liang 2017,
    "Understanding black-box predictions via influence functions", section 2.1.

    >>> line = nn.Linear(1, 1, bias=False)
    >>> _ = nn.init.constant_(line.weight, 2.0)
    >>> x, y = torch.tensor([[1.0], [1.0]]), torch.tensor([[1.0], [3.0]])
    >>> removed(line, (x, y), torch.tensor([1]), 0.0)["weight"]
    tensor([[1.]])
    """
    n, k = len(examples[1]), len(gone)
    trained = {name: p.detach() for name, p in model.named_parameters() if p.requires_grad}
    if k == 0:
        return {name: value.clone() for name, value in trained.items()}
    stay = torch.ones(n, dtype=torch.bool)
    stay[gone] = False
    if not stay.any():
        raise InputRefused("examples that stay", "none", "Remove fewer.")
    x, y = (torch.as_tensor(part) if not isinstance(part, Mapping) else part for part in examples)
    rest = stay.nonzero()[:, 0]
    fitted = fit(model, (take(x, rest), take(y, rest)), damping, loss=loss, decay=decay, method=method, seed=seed)
    summed = _summed(still(model, (take(x, gone), take(y, gone)), loss, double=fitted.method == "exact"))
    decays = {name: float(decay.get(name, 0.0) if isinstance(decay, Mapping) else decay) for name in trained}
    pull = {
        name: ((g + k * decays[name] * trained[name].to(g).flatten()) / (n - k))[None] for name, g in summed.items()
    }
    solved = fitted.solve(pull)
    return {
        name: trained[name] + step[0].reshape(trained[name].shape).to(trained[name]) for name, step in solved.items()
    }


def _summed(trace: Trace) -> dict[str, Tensor]:
    """name -> (size,) summed gradients of the losses of all examples of a trace."""
    reader, total = gradients_of(trace), {}
    for ids in in_chunks(trace.n, trace.layout.size, trace.weights(0).element_size()):
        for name, g in losses_at(reader, trace, ids).form().items():
            total[name] = total.get(name, 0) + g.detach().sum(0)
    return total
