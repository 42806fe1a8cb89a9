"""A network whose weights are drawn anew at every call: the Gaussian found by making its certificate small.

The prior is N(centre, width^2) over all weights, its width from a grid fixed before. The posterior is
N(centre + width m, (width exp(r))^2), so that KL = 1/2 sum (exp(2 r) + m^2 - 1 - 2 r) whatever the width.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from byheart.errors import InputRefused
from byheart.maths.bounds.pac_bayes import seeger
from byheart.maths.bounds.prior_widths import gaussian_kl, united
from byheart.maths.recording.flat_parameters import Layout
from byheart.maths.recording.module_copy import at_weights
from byheart.maths.shapes import Float

BLUR = 1e-3  # part of a blind guess in every prediction: the surrogate loss is bounded
BATCH = 250
RATES = (0.075, 0.005)  # of m and of r, at the start
SHORT = 4  # times shorter is the trial of each width
LOOKS = 32  # draws that judge a trial
EXAMPLES = 2048  # judged at once

Call = Callable[[Tensor, Tensor], Tensor]  # weights (p,) and x (b, ...) -> logits (b, k)


@dataclass(frozen=True)
class StochasticNetwork:
    """A Gaussian over the weights of a network, and the prior that it is paid against.

    Attributes:
        call: weights (p,) and x (b, ...) -> logits (b, k).
        mean: (p,) float32, of the posterior.
        deviation: (p,) its standard deviations.
        centre: (p,) means of the prior.
        width: standard deviation of the prior.
        tried: posteriors that were fitted to find this one, itself included.
    """

    call: Call
    mean: Tensor
    deviation: Tensor
    centre: Tensor
    width: float
    tried: int

    @property
    def kl_nats(self) -> float:
        """KL(posterior || prior), from the very weights that are drawn, in float64."""
        return gaussian_kl(self.mean, self.deviation, self.centre, self.width)

    def weights(self, generator: torch.Generator) -> Tensor:
        """(p,) drawn anew."""
        return self.mean + self.deviation * torch.randn(self.mean.shape, generator=generator)

    @torch.no_grad()
    def risks(
        self, x: Tensor, y: Tensor, draws: int, generator: torch.Generator, batch: int = BATCH
    ) -> Float[np.ndarray, " m"]:
        """(m,) share of errors of independent draws of weights, each on examples drawn with replacement."""
        found = np.empty(draws)
        for i in range(draws):
            rows = torch.randint(len(y), (batch,), generator=generator)
            found[i] = (self.call(self.weights(generator), x[rows]).argmax(1) != y[rows]).double().mean()
        return found

    @torch.no_grad()
    def errors(self, x: Tensor, y: Tensor, draws: int, generator: torch.Generator) -> Float[np.ndarray, " n"]:
        """(n,) in which share of some draws each example is wrong."""
        wrong = torch.zeros(len(y), dtype=torch.float64)
        for _ in range(draws):
            wrong += wrong_at(self.call, self.weights(generator), x, y)
        return (wrong / draws).numpy()


@torch.no_grad()
def wrong_at(call: Call, weights: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Which examples does the network of these weights get wrong?

    (n,) bool.
    """
    parts = zip(x.split(EXAMPLES), y.split(EXAMPLES), strict=True)
    return torch.cat([call(weights, part).argmax(1) != label for part, label in parts])


def function_of(module: nn.Module) -> tuple[Call, Tensor]:
    """Which function of its weights is a module, and which weights has it?

    The call, in evaluation mode, and its parameters as one vector (p,); buffers stay as they are.
    """
    module = module.eval()
    named = dict(module.named_parameters())
    layout = Layout(tuple(named), tuple(tuple(value.shape) for value in named.values()))

    def call(weights: Tensor, x: Tensor) -> Tensor:
        return at_weights(module, layout.named(weights), (x,))

    return call, layout.flat(named)


def smallest_certificate(
    call: Call, centre: Tensor, x: Tensor, y: Tensor, widths: Sequence[float], delta: float, steps: int,
    generator: torch.Generator,
) -> StochasticNetwork:  # fmt: skip
    r"""Which Gaussian over the weights has the smallest certificate on these examples?

    Minimised by Adam with reparametrised draws: (sqrt(l + c) + sqrt(c))^2, c = (KL + ln(2 sqrt(n)/delta_j)) / (2 n),
    delta_j = delta / number of widths, l the mean of -ln((1 - b) p_y + b/k) / ln k, b = 0.001: a bounded log loss, 1
    for a blind guess. Each width is tried in a fit four times shorter, and the one with the smallest `seeger` of 32
    draws is fitted. All that is chosen here is paid for: posteriors by KL, widths by delta_j.

    Args:
        call: the network as a function of its weights.
        centre: (p,) means of the prior, from anything but these examples.
        x: (n, ...) examples that no choice of the prior has seen.
        y: (n,) their classes.
        widths: standard deviations that the prior may have, fixed before.
        delta: for all of the widths together.
        steps: of the fit.
        generator: of all draws.

    Returns:
        A `StochasticNetwork`.

    Raises:
        InputRefused: the fit left the finite numbers.

    Cost: 3 fits of `steps` gradients of 250 examples and as many normal numbers as there are weights, each.

    Fails when: steps are too few: a looser certificate, never a wrong one.

    Reference: Dziugaite and Roy 2017, Computing nonvacuous generalization bounds for deep (stochastic) neural networks
    with many more parameters than training data, UAI, section 4; the objective of Perez-Ortiz et al. 2021, Tighter
    risk certificates for neural networks, JMLR 22, equation 13.

    >>> x = torch.randn(400, 2, generator=torch.Generator().manual_seed(0))
    >>> call, start = function_of(nn.Linear(2, 2))
    >>> found = smallest_certificate(
    ...     call, torch.zeros(6), x, (x[:, 0] > 0).long(), (0.5, 1.0), 0.04, 100, torch.Generator().manual_seed(0)
    ... )
    >>> found.tried, found.width in (0.5, 1.0), 0 < found.kl_nats < 100
    (3, True, True)
    """
    own = united(delta, len(widths))

    def bound(one: StochasticNetwork) -> float:
        return seeger(float(one.risks(x, y, LOOKS, generator).mean()), one.kl_nats, len(y), own)

    trials = [_fitted(call, centre, x, y, width, own, max(1, steps // SHORT), generator) for width in widths]
    width = min(trials, key=bound).width if len(trials) > 1 else trials[0].width
    made = _fitted(call, centre, x, y, width, own, steps, generator)
    best = min((one for one in (*trials, made) if one.width == width), key=bound)
    return StochasticNetwork(call, best.mean, best.deviation, centre, width, len(trials) + 1)


def _fitted(
    call: Call, centre: Tensor, x: Tensor, y: Tensor, width: float, delta: float, steps: int, generator: torch.Generator
) -> StochasticNetwork:
    """The posterior of one prior."""
    m = torch.zeros_like(centre).requires_grad_()
    r = torch.zeros_like(centre).requires_grad_()
    optimiser = torch.optim.Adam([{"params": [m]}, {"params": [r]}])
    n, price = len(y), math.log(2 * math.sqrt(len(y)) / delta)
    for step in range(steps):
        for group, rate in zip(optimiser.param_groups, RATES, strict=True):
            group["lr"] = rate * (1 - step / steps)
        rows = torch.randint(n, (min(BATCH, n),), generator=generator)
        weights = centre + width * (m + r.exp() * torch.randn(centre.shape, generator=generator))
        kl = ((2 * r).exp() + m**2 - 1 - 2 * r).sum() / 2
        c = (kl.clamp(min=0) + price) / (2 * n)
        loss = _log_loss(call(weights, x[rows]), y[rows])
        optimiser.zero_grad()
        (((loss + c).sqrt() + c.sqrt()) ** 2).backward()
        optimiser.step()
    mean, deviation = (centre + width * m).detach(), (width * r.exp()).detach()
    if not (torch.isfinite(mean).all() and torch.isfinite(deviation).all()):
        raise InputRefused(
            expected="a network whose gradients are finite where its weights are drawn at random",
            came=f"NaN or infinity after {steps} steps at width {width}",
            do="Scale the inputs, or leave the certificate out.",
        )
    return StochasticNetwork(call, mean, deviation, centre, width, 1)


def _log_loss(logits: Tensor, y: Tensor) -> Tensor:
    """Mean of -ln((1 - b) p_y + b/k) / ln k."""
    k = logits.shape[1]
    p = logits.softmax(1).gather(1, y[:, None])
    return -((1 - BLUR) * p + BLUR / k).log().mean() / math.log(k)
