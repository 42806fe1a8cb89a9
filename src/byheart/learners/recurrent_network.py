"""Recurrent network: the torch module of the learner `recurrent`."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from byheart.learners.mlp import drawn

CELLS = {"lstm": nn.LSTM, "gru": nn.GRU, "plain": nn.RNN, "rectified": nn.RNN, "identity": nn.RNN}
INPUTS = 0.001  # deviation of the weights by the inputs, where those by the state begin as the identity


class RecurrentNetwork(nn.Module):
    """Outputs (b, k) from the hidden state after the last step of x (b, t, d), or (b, t, k) after `every` step.

    Of `tokens` x is (b, t), and what comes out at a place has been read before it: d is then their number.
    """

    def __init__(
        self,
        cell: str,
        d: int,
        hidden: int,
        layers: int,
        k: int,
        every: bool,
        generator: torch.Generator,
        tokens: bool = False,
    ) -> None:
        super().__init__()
        self.every, self.tokens = every, tokens
        more = {"nonlinearity": "relu"} if cell in ("rectified", "identity") else {}
        self.cells = drawn(CELLS[cell], generator, d, hidden, layers, fan_in=hidden, batch_first=True, **more)
        if cell == "identity":
            self._remembers(generator)
        self.head = drawn(nn.Linear, generator, hidden, k)

    def forward(self, x: Tensor) -> Tensor:
        """Logits or values (b, k), or (b, t, k)."""
        states, _ = self.cells(self._before(x) if self.tokens else x)
        return self.head(states if self.every else states[:, -1])

    def _before(self, x: Tensor) -> Tensor:
        """(b, t, d) the token before each place, one-hot; before the first there is none."""
        hot = torch.eye(self.cells.input_size, device=x.device)
        read = nn.functional.embedding(x[..., :-1].long(), hot)
        return torch.cat([torch.zeros_like(hot[:1]).expand(*x.shape[:-1], 1, -1), read], -2)

    def _remembers(self, generator: torch.Generator) -> None:
        """The state stays as it is but for what is read: by the state the identity, biases 0 (Le et al. 2015)."""
        with torch.no_grad():
            for name, weight in self.cells.named_parameters():
                if "weight_hh" in name:
                    nn.init.eye_(weight)
                elif "weight_ih" in name:
                    weight.normal_(0, INPUTS, generator=generator)
                else:
                    weight.zero_()
