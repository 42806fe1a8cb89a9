"""Adjoints: what would move a prediction if it were added to the gradient of step t, through all later steps?

With g_t the gradient that the optimiser sees at step t (clipped, decay added) and f the prediction, the change of f
over the run is -sum_t <a_t, g_t>. Backwards over the steps, with fbar_t the mean of grad f along step t, eta_t the
learning rates, c_t what later steps owe to earlier gradients (zero after the last):

    x_t = eta_t fbar_t                                      SGD, momentum mu, Nesterov
    x_t = (1 - b1) eta_t fbar_t / ((1 - b1^(t+1)) (sqrt(v_(t+1) / (1 - b2^(t+1))) + eps))    Adam, AdamW (mu is b1)
    y_t = x_t + c_t,   c_(t-1) = mu y_t,   a_t = y_t,  or  a_t = x_t + mu y_t (Nesterov)

Second moments v are taken as the metric of the step; they are not attributed.
"""

from __future__ import annotations

import torch
from torch import Tensor

from byheart.maths.attribution.gradient_products import Gradients
from byheart.maths.recording.optimizer_spec import Group
from byheart.maths.recording.trace import Step, Trace
from byheart.maths.shapes import Float


def metric(
    trace: Trace, step: Step, group: Group, rate: float, second: Float[Tensor, " p"] | None
) -> float | Tensor:
    """By what does a step of the optimiser multiply a gradient?

    x_t / fbar_t: the learning rate, under Adam times (1 - b1) and over the root of the second moments (size,).
    """
    if second is None:
        return rate
    t = step.index + 1
    root = (second / (1 - group.square**t)).sqrt_().add_(group.eps)
    return root.reciprocal_().mul_(rate * (1 - group.momentum) / (1 - group.momentum**t))


class Adjoint:
    """The adjoints a_t of q predictions, tensor by tensor (q, size), carried from the last step to the first."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self.group = {name: j for j, group in enumerate(trace.recipe.groups) for name in group.names}
        self.carried: dict[str, Tensor] = {}

    def step(self, step: Step, mean: Gradients) -> dict[str, Tensor]:
        """a_t by name (q, size), from the mean gradients along the step; may be overwritten by the next call."""
        second = None if step.second is None else self.trace.named(step.second)
        found = {}
        for name, x in mean.form().items():
            j = self.group[name]
            group = self.trace.recipe.groups[j]
            scale = metric(self.trace, step, group, step.rates[j], second and second[name].reshape(-1))
            x = x.mul_(scale)  # formed anew, so ours
            y = self.carried[name].mul_(group.momentum).add_(x) if name in self.carried else x.clone()
            self.carried[name] = y
            found[name] = torch.add(x, y, alpha=group.momentum) if group.nesterov else y
        return found

