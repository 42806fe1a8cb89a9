"""Private steps: no example moves a step by more than a bound, and noise hides what it moves."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Annotated, ClassVar, Self

from pydantic import Field, model_validator

from byheart.errors import InputRefused
from byheart.levers.base import Batch, Course, Lever, State

if TYPE_CHECKING:
    import torch

DELTA = 1e-5  # of the guarantee that is told


class PrivateSteps(Lever):
    r"""Each example's gradient is cut to length `clip`, and normal noise of deviation noise * clip is added to the sum.

    gradient = (sum_i g_i min(1, clip / |g_i|) + noise clip e) / b, e standard normal, b the examples of the batch, g_i
    the gradient of one example over all weights of a member. clip 0 changes nothing; without noise it is clipping
    alone. The share of wrong labels that is memorised falls as the noise rises, and with it what is understood. A step
    of a stack of linear layers costs about two, of any other network as many as its batch has examples. Reference:
    Abadi, Chu, Goodfellow, McMahan, Mironov, Talwar, Zhang 2016, Deep learning with differential privacy, algorithm 1.

    No privacy is claimed but what an accountant says of these steps (`epsilon`). Batches here are a shuffled pass, not
    the random draws (Poisson) by which sampling is said to amplify privacy, so nothing is amplified: an example moves
    one step of an epoch, so E epochs are E Gaussian mechanisms on everything. It holds for one example whose gradient
    is left out of the sums, without replay; not for its copies, for what inputs and values are standardised by, or for
    anything chosen by looking at the data.

    Raises:
        InputRefused: examples that have no gradients of their own (batch statistics), or that are mixed.

    Example:
        >>> PrivateSteps(clip=1, noise=0.5).idle, PrivateSteps(clip=0).idle
        (False, True)
    """

    name: ClassVar[str] = "dp-sgd"
    clip: Annotated[float, Field(ge=0)]
    noise: Annotated[float, Field(ge=0)] = 0.0

    @model_validator(mode="after")
    def _scaled(self) -> Self:
        if self.noise and not self.clip:
            raise ValueError("noise is in units of clip: give a clip above 0")
        return self

    @property
    def idle(self) -> bool:
        """Without a clip, which the noise is in units of."""
        return self.clip == 0

    def start(self, course: Course) -> dict[str, torch.Tensor]:
        """Remember nothing."""
        if course.mixes:
            raise InputRefused(
                expected="a model whose examples have gradients of their own, for dp-sgd", came=course.mixes,
                do="Use LayerNorm or GroupNorm and no noise of the module's own, or another lever.",
            )  # fmt: skip
        return {}

    def differentiate(self, course: Course, batch: Batch, state: State) -> None:
        """The sum of cut gradients, noise, and by their number."""
        import torch

        if batch.other is not None:
            raise InputRefused(
                "examples with gradients of their own, for dp-sgd", "mixtures of two", "Leave one of the levers out."
            )
        course.differentiate_cut(batch, self.clip)
        counted = batch.counted
        some, share = (counted.sum(1) > 0).float(), 1 / counted.sum(1).clamp(min=1)
        for g in course.gradients.values():
            e = torch.stack([torch.randn(g.shape[1:], generator=stream) for stream in state.streams]).to(g)
            g.add_(self.noise * self.clip * e * _along(some, g)).mul_(_along(share, g))

    def epsilon(self, epochs: int, delta: float = DELTA) -> float:
        """Which epsilon do so many epochs keep, at this delta, for the leaving out of one example?

        By the Renyi accountant of opacus (`pip install byheart[privacy]`), as many steps as epochs, each on everything.

        Raises:
            InputRefused: no noise, or no opacus.
        """
        if not self.noise:
            raise InputRefused("noise above 0: without it nothing is private", "noise=0", "Give dp-sgd a noise.")
        if importlib.util.find_spec("opacus") is None:
            raise InputRefused(
                "the accountant of opacus", "no package opacus", 'Install it: pip install "byheart[privacy]".'
            )
        from opacus.accountants import RDPAccountant  # type: ignore[import-not-found]

        accountant = RDPAccountant()
        for _ in range(epochs):
            accountant.step(noise_multiplier=self.noise, sample_rate=1.0)
        return float(accountant.get_epsilon(delta=delta))

    def caution(self, epochs: int) -> str:
        """What is private of it, if anything."""
        if not self.noise:
            return "dp-sgd without noise: gradients were cut, and nothing is private."
        if importlib.util.find_spec("opacus") is None:
            return 'dp-sgd: gradients were cut and noise added; no privacy is claimed (pip install "byheart[privacy]").'
        return (
            f"dp-sgd: the steps keep epsilon {self.epsilon(epochs):.3g} at delta {DELTA:g} for one example left out, "
            f"by opacus' Renyi accountant over {epochs} epochs, without amplification by sampling. Copies of it, what "
            "inputs are standardised by, and settings chosen by looking at the data are outside of it."
        )


def _along(by: torch.Tensor, g: torch.Tensor) -> torch.Tensor:
    """(m,) to be multiplied with (m, ...)."""
    return by.to(g.dtype).view(-1, *[1] * (g.dim() - 1))
