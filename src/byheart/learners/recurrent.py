"""Recurrent: a small LSTM, GRU or plain recurrent network that reads a sequence step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from byheart.errors import InputRefused
from byheart.learners.base import Network

if TYPE_CHECKING:
    import torch
    from torch import nn

    from byheart.tasks.data import Data


class Recurrent(Network):
    """Cells of `hidden` units in `layers` levels read x (t, d) from the first step on; a linear layer reads them.

    It reads the last step for classes and values, and every step for a series, whose next step is to be given.

    Args:
        cell: `lstm`, `gru` or `plain` (tanh), as torch's layers of these names compute them.
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
    the product here, as in torch); Elman 1990, Finding structure in time.
    """

    name: ClassVar[str] = "recurrent"
    reads: ClassVar[tuple[str, ...]] = ("classes", "values", "series")
    any_length: ClassVar[bool] = True
    lr: Annotated[float, Field(gt=0)] = 0.01
    cell: Literal["lstm", "gru", "plain"] = "lstm"
    hidden: Annotated[int, Field(ge=1)] = 32
    layers: Annotated[int, Field(ge=1, le=12)] = 1

    def build(self, data: Data, generator: torch.Generator) -> nn.Module:
        """The network for these sequences, its weights drawn from `generator` alone.

        Raises:
            InputRefused: an example is not (t, d).
        """
        from byheart.learners.recurrent_network import RecurrentNetwork

        shape = data.train.x.shape[1:]
        if len(shape) != 2:
            raise InputRefused(
                expected="sequences (t, d) for recurrent: steps, and numbers a step",
                came=f"examples of shape {shape}",
                do="Give x as (n, t, d), one number a step as (n, t, 1); or try --learner mlp.",
            )
        every = data.train.y.ndim > 2  # (n, t, k): something is to be given at every step
        return RecurrentNetwork(self.cell, shape[1], self.hidden, self.layers, data.output.k, every, generator)

    def title(self, data: Data) -> str:
        """E.g. `GRU of 1 layer, 32 units`."""
        cell = "plain recurrent network" if self.cell == "plain" else self.cell.upper()
        return f"{cell} of {self.layers} layer{'s' if self.layers > 1 else ''}, {self.hidden} units"
