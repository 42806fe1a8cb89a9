"""Piecewise-linear recurrent networks: of a dynamical system, trained on windows by forcing; or driven by sequences."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from byheart.errors import InputRefused
from byheart.learners.base import Network
from byheart.levers.base import Lever
from byheart.levers.manifold_attractor import ManifoldAttractor
from byheart.training.members import Members

if TYPE_CHECKING:
    import torch
    from torch import nn

    from byheart.learners.piecewise_network import Started
    from byheart.tasks.data import Data


class PiecewiseLinear(Network):
    """A cell z_t = A z_{t-1} + V c(z_{t-1}) + h, A diagonal, c piecewise linear; its first d units are the d channels.

    Of a series an example is a window x (w, d) and the step after it. Training goes through the whole window under
    teacher forcing (`training.forcing`); asked what follows a window, the model reads every step of it. A model without
    units of its own (`units` = d) then says it from the last step alone. Channels whose last step foretells the next
    begin at no change.

    Where something else is to be given (classes, values), x (t, d) drives the cell, z_t = F(z_{t-1}) + C x_t from 0,
    and a linear layer reads the last state; nothing is forced.

    Args:
        units: M, of the state; 0: as many as channels.
        forcing: `adaptive`, `constant` (generalised teacher forcing by `alpha`), or `sparse` (every `every` steps).
        alpha: the strength of constant forcing; 1 is plain teacher forcing.
        every: steps from one forcing to the next where it is sparse.
        estimate: of the strength where it is adaptive: `product` (upper bound) or `mean`.
        pull: strength of the pull of A to 1 and of all other weights to 0, squares summed.
        attractor: strength of the lever `manifold-attractor` on `attractor_share` of the units, the last, as a part of
            the model; `attractor_begin`: training begins there, the inputs of those units times `attractor_inputs`.

    Raises:
        InputRefused: examples that are no windows or sequences (t, d), or fewer units than channels of a series.
    """

    any_length: ClassVar[bool] = True
    costless: ClassVar[frozenset[str]] = Network.costless | {"alpha", "every", "pull", "attractor"}
    later: ClassVar[frozenset[str]] = Network.later | {"attractor_inputs"}
    batch: Annotated[int, Field(ge=1)] = 16
    lr: Annotated[float, Field(gt=0)] = 0.01
    schedule: str = "exponential"
    units: Annotated[int, Field(ge=0)] = 0
    forcing: Literal["constant", "sparse", "adaptive"] = "adaptive"
    alpha: Annotated[float, Field(ge=0, le=1)] = 0.1
    every: Annotated[int, Field(ge=1)] = 16
    estimate: Literal["product", "mean"] = "product"
    pull: Annotated[float, Field(ge=0)] = 0.0
    attractor: Annotated[float, Field(ge=0)] = 0.0
    attractor_share: Annotated[float, Field(gt=0, le=1)] = 0.5
    attractor_begin: bool = False
    attractor_inputs: Annotated[float, Field(ge=0)] = 1.0

    @model_validator(mode="after")
    def _of_a_beginning(self) -> Self:
        if self.attractor_inputs != 1 and not self.attractor_begin:
            raise ValueError("attractor_inputs say where training begins: give attractor_begin=true")
        return self

    def build(self, data: Data, generator: torch.Generator) -> nn.Module:
        """The network for these windows or sequences, its weights drawn from `generator` alone.

        Raises:
            InputRefused: no sequences, or fewer units than channels of a series.
        """
        import torch

        from byheart.learners.piecewise_network import DrivenNetwork, PiecewiseNetwork

        shape = data.train.x.shape[1:]
        if len(shape) != 2:
            raise InputRefused(
                expected=f"windows or sequences (t, d) for {self.name}: steps, and numbers a step",
                came=f"examples of shape {shape}", do="Give x as (n, t, d); or try --learner mlp.",
            )  # fmt: skip
        channels = shape[1]
        units = self.units or channels
        if not _of_a_series(data):
            return DrivenNetwork(self.started(units, generator), channels, data.output.k, generator)
        if units < channels:
            raise InputRefused(
                expected=f"at least {channels} units: the first are the channels", came=f"units={units}",
                do="Raise units, or 0 for as many as channels.",
            )  # fmt: skip
        network = PiecewiseNetwork(self.started(units, generator), channels, generator)
        network.carry(torch.tensor(data.output.carried or [0.0] * channels))
        return network

    @abstractmethod
    def started(self, units: int, generator: torch.Generator) -> Started:
        """The cell of so many units, and its weights at the start."""

    def kinks(self, units: int) -> int:
        """How many of its units are rectified; all, where it is not said otherwise."""
        return units

    def stepper(self, data: Data, members: Members, levers: Sequence[Lever], way: str, device: str) -> Any:
        """Members of equal size on their way."""
        from byheart.training.forced_training import ForcedStepper
        from byheart.training.forcing import Forcing

        own = ManifoldAttractor(
            strength=self.attractor,
            share=self.attractor_share,
            begin=self.attractor_begin,
            inputs=self.attractor_inputs,
        )
        levers = [*levers, own]
        if not _of_a_series(data):
            return super().stepper(data, members, levers, way, device)
        forcing = Forcing(self.forcing, self.alpha, self.every, self.estimate, len(members), device)
        return ForcedStepper(self, data, members, levers, way, device, forcing, self.pull)


def _of_a_series(data: Data) -> bool:
    """Whether what is to be given is the next step of a window."""
    return hasattr(data.output, "carried")


class ShallowPlrnn(PiecewiseLinear):
    """Clipped shallow network: z_t = A z + W1 [max(W2 z + h2, 0) - max(W2 z, 0)] + h1.

    Its orbits are bounded where every |A| < 1.

    Args:
        hidden: H, kinks.

    Example:
        >>> ShallowPlrnn(hidden=20).title(None)
        'shallow piecewise-linear network, 20 hidden units'

    Reference: Hess, Monfared, Brenner, Durstewitz 2023, Generalized teacher forcing for learning chaotic dynamics.
    """

    name: ClassVar[str] = "shallow-plrnn"
    hidden: Annotated[int, Field(ge=1)] = 50

    def started(self, units: int, generator: torch.Generator) -> Started:
        """As `PiecewiseLinear`."""
        from byheart.learners.piecewise_network import shallow

        return shallow(units, self.hidden, generator)

    def title(self, data: Data | None) -> str:
        """E.g. `shallow piecewise-linear network, 50 hidden units`."""
        return f"shallow piecewise-linear network, {self.hidden} hidden units"


class AlmostLinearRnn(PiecewiseLinear):
    """z_t = A z + W c(z) + h, c the identity but for the last `rectified` units, where it is max(z, 0).

    The signs of those units name the linear region that the state is in.

    Example:
        >>> AlmostLinearRnn(rectified=2).title(None)
        'almost-linear network, 20 units, 2 of them rectified'

    Reference: Brenner, Hemmer, Monfared, Durstewitz 2024, Almost-linear RNNs yield highly interpretable symbolic codes
    in dynamical systems reconstruction.
    """

    name: ClassVar[str] = "almost-linear-rnn"
    units: Annotated[int, Field(ge=0)] = 20
    rectified: Annotated[int, Field(ge=1)] = 2

    def started(self, units: int, generator: torch.Generator) -> Started:
        """As `PiecewiseLinear`.

        Raises:
            InputRefused: more rectified units than units.
        """
        from byheart.learners.piecewise_network import almost_linear

        if self.rectified > units:
            raise InputRefused(f"at most {units} rectified units", str(self.rectified), "Lower rectified.")
        return almost_linear(units, self.rectified, generator)

    def kinks(self, units: int) -> int:
        """As `PiecewiseLinear`."""
        return self.rectified

    def title(self, data: Data | None) -> str:
        """E.g. `almost-linear network, 20 units, 2 of them rectified`."""
        return f"almost-linear network, {self.units or 'as many as channels'} units, {self.rectified} of them rectified"


class Plrnn(PiecewiseLinear):
    """z_t = A z + W max(z, 0) + h, A diagonal, W without a diagonal.

    Example:
        >>> Plrnn(units=12).title(None)
        'piecewise-linear network, 12 units'

    Reference: Schmidt, Koppe, Monfared, Beutelspacher, Durstewitz 2021, Identifying nonlinear dynamical systems with
    multiple time scales and long-range dependencies.
    """

    name: ClassVar[str] = "plrnn"
    units: Annotated[int, Field(ge=0)] = 20

    def started(self, units: int, generator: torch.Generator) -> Started:
        """As `PiecewiseLinear`."""
        from byheart.learners.piecewise_network import plain

        return plain(units, generator)

    def title(self, data: Data | None) -> str:
        """E.g. `piecewise-linear network, 20 units`."""
        return f"piecewise-linear network, {self.units or 'as many as channels'} units"
