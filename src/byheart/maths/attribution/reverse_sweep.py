"""Adjoints: what would move a prediction if it were added to the gradient of step t, through all later steps?

With g_t the gradient that the optimiser sees at step t (clipped, decay added) and f the prediction, the change of f
over the run is -sum_t <a_t, g_t>. Backwards over the steps, with fbar_t the mean of grad f along step t, eta_t the
learning rates, c_t what later steps owe to earlier gradients (zero after the last):

    x_t = eta_t fbar_t                                      SGD, momentum mu, Nesterov
    x_t = (1 - b1) eta_t fbar_t / ((1 - b1^(t+1)) (sqrt(v_(t+1) / (1 - b2^(t+1))) + eps))    Adam, AdamW (mu is b1)
    y_t = x_t + c_t,   c_(t-1) = mu y_t,   a_t = y_t,  or  a_t = x_t + mu y_t (Nesterov)

Second moments v are taken as the metric of the step; they are not attributed. `momentum` and `adam` are the exact
adjoints of a step, v included, on which `unrolled` builds.
"""

from __future__ import annotations

import torch
from torch import Tensor

from byheart.maths.attribution.gradient_products import Gradients
from byheart.maths.recording.optimizer_spec import Group
from byheart.maths.recording.trace import Step, Trace
from byheart.maths.shapes import Float


def metric(trace: Trace, step: Step, group: Group, rate: float, second: Float[Tensor, " p"] | None) -> float | Tensor:
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


def momentum(
    group: Group, rate: float, index: int, theta: Float[Tensor, "q ..."], velocity: Float[Tensor, "q ..."]
) -> Float[Tensor, "q ..."]:
    """What does a step with momentum owe to its gradient?

    The adjoint of the gradient; that of the velocity is taken back in place.

    v' = mu v + (1 - tau) g (g alone at the first step); theta' = theta - eta v', or - eta (g + mu v') (Nesterov).
    """
    raw = theta * -rate
    if group.nesterov:
        velocity.add_(raw, alpha=group.momentum)
    else:
        velocity.add_(raw)
        raw = torch.zeros_like(raw)
    raw.add_(velocity, alpha=1.0 if index == 0 else 1 - group.dampening)
    velocity.mul_(0.0 if index == 0 else group.momentum)
    return raw


def adam(
    group: Group,
    rate: float,
    count: int,
    v: Tensor,
    moved: Tensor,
    theta: Float[Tensor, "q ..."],
    first: Float[Tensor, "q ..."],
    second: Float[Tensor, "q ..."],
) -> None:
    """What does the step at `count` (from 1) add to the adjoints of m' and v' of Adam?

    theta' = (1 - s) theta - u, u = eta / (1 - b1^t) m' D, D = 1 / (sqrt(v' / (1 - b2^t)) + eps);
    du/dm' = eta D / (1 - b1^t), du/dv' = -u D / (2 sqrt(v' (1 - b2^t))); u is `moved`, what the step really took.
    """
    correction = 1 - group.square**count
    d = 1 / ((v / correction).sqrt() + group.eps)
    first.sub_(theta * (d * (rate / (1 - group.momentum**count))))
    # where v' is 0 the weight never had a gradient, and u is 0 whatever v' is
    slope = torch.where(v > 0, moved * d / (2 * (v * correction).sqrt()), torch.zeros_like(v))
    second.add_(theta * slope)
