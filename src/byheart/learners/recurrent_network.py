"""Recurrent network: the torch module of the learner `recurrent`."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from byheart.learners.mlp import drawn

CELLS = {"lstm": nn.LSTM, "gru": nn.GRU, "plain": nn.RNN}


class RecurrentNetwork(nn.Module):
    """Outputs (b, k) from the hidden state after the last step of x (b, t, d), or (b, t, k) after `every` step."""

    def __init__(
        self, cell: str, d: int, hidden: int, layers: int, k: int, every: bool, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.every = every
        self.cells = drawn(CELLS[cell], generator, d, hidden, layers, fan_in=hidden, batch_first=True)
        self.head = drawn(nn.Linear, generator, hidden, k)

    def forward(self, x: Tensor) -> Tensor:
        """Logits or values (b, k), or (b, t, k)."""
        states, _ = self.cells(x)
        return self.head(states if self.every else states[:, -1])
