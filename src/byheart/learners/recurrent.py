"""Recurrent: a small LSTM, GRU or plain recurrent network that reads a sequence step by step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from byheart.errors import InputRefused
from byheart.learners.base import Network

if TYPE_CHECKING:
    import torch
    from torch import nn

    from byheart.levers.base import Lever
    from byheart.tasks.data import Data
    from byheart.training.members import Members


NAMES = {
    "plain": "plain recurrent network",
    "rectified": "rectified recurrent network",
    "identity": "rectified recurrent network from the identity",
}


class Recurrent(Network):
    """Cells of `hidden` units in `layers` levels read x (t, d) from the first step on; a linear layer reads them.

    It reads the last step for classes and values, and every step for a series, whose next step is to be given. Tokens
    it reads one-hot, each to be given from those before it; the loss of a passage is the sum over its counted tokens.

    Args:
        cell: `lstm`, `gru`, `plain` (tanh) or `rectified` (ReLU), as torch's layers compute them; `identity`: rectified
            from a start at which the state stays as it is.
        hidden: units of a level.
        layers: levels; each reads the outputs of the one below.

    A picture (h, w) is read row by row. x is taken as the task holds it.

    Raises:
        InputRefused: examples that are no sequences (t, d).

    Example:
        >>> Recurrent(cell="gru", hidden=16).cell
        'gru'

    Reference: Hochreiter, Schmidhuber 1997, Long short-term memory (with the forget gate of Gers, Schmidhuber, Cummins
    2000); Cho et al. 2014, Learning phrase representations using RNN encoder-decoder (the GRU, whose reset acts after
    the product here, as in torch); Elman 1990, Finding structure in time; Le, Jaitly, Hinton 2015, A simple way to
    initialize recurrent networks of rectified linear units (`identity`).
    """

    name: ClassVar[str] = "recurrent"
    reads: ClassVar[tuple[str, ...]] = ("classes", "values", "series", "tokens")
    any_length: ClassVar[bool] = True
    lr: Annotated[float, Field(gt=0)] = 0.01
    cell: Literal["lstm", "gru", "plain", "rectified", "identity"] = "lstm"
    hidden: Annotated[int, Field(ge=1)] = 32
    layers: Annotated[int, Field(ge=1, le=12)] = 1

    def build(self, data: Data, generator: torch.Generator) -> nn.Module:
        """The network for these sequences, its weights drawn from `generator` alone.

        Raises:
            InputRefused: an example is not (t, d).
        """
        from byheart.learners.recurrent_network import RecurrentNetwork

        shape, k = data.train.x.shape[1:], data.output.k
        if data.output.passages:
            return RecurrentNetwork(self.cell, k, self.hidden, self.layers, k, True, generator, tokens=True)
        if len(shape) != 2:
            raise InputRefused(
                expected="sequences (t, d) for recurrent: steps, and numbers a step",
                came=f"examples of shape {shape}",
                do="Give x as (n, t, d), one number a step as (n, t, 1); or try --learner mlp.",
            )
        every = data.train.y.ndim > 2  # (n, t, k): something is to be given at every step
        return RecurrentNetwork(self.cell, shape[1], self.hidden, self.layers, k, every, generator)

    def inputs(self, data: Data, view: str) -> np.ndarray:
        """The sequences as the task holds them; tokens as numbers, which the network makes whole again."""
        return np.asarray(data.output.numbers(data.views[view].x), np.float32)

    def stepper(self, data: Data, members: Members, levers: Sequence[Lever], way: str, device: str) -> Any:
        """Members on their way; over tokens the loss is a sum."""
        if not data.output.passages:
            return super().stepper(data, members, levers, way, device)
        from byheart.learners.sequence_steps import Sequences

        return Sequences(self, data, members, levers, way, device)

    def title(self, data: Data) -> str:
        """E.g. `GRU of 1 layer, 32 units`."""
        cell = NAMES.get(self.cell, self.cell.upper())
        return f"{cell} of {self.layers} layer{'s' if self.layers > 1 else ''}, {self.hidden} units"


class Gru(Recurrent):
    """`Recurrent` with GRU cells, as a model to hold others against.

    Example:
        >>> Gru().cell
        'gru'
    """

    name: ClassVar[str] = "gru"
    cell: Literal["lstm", "gru", "plain"] = "gru"
