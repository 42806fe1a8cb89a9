"""Decoder: the torch module of the small transformer. No dropout, nothing in place, so that fleets can batch it."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from byheart.learners.mlp import drawn


class Decoder(nn.Module):
    """Logits (b, t, v) of tokens (b, t): at place s from the tokens before s, at the first from a start vector."""

    def __init__(self, v: int, t: int, width: int, layers: int, heads: int, generator: torch.Generator) -> None:
        super().__init__()
        self.tokens = _normal(generator, v, width)
        self.places = _normal(generator, t, width)
        self.start = _normal(generator, 1, width)
        self.blocks = nn.ModuleList(Block(width, heads, generator) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.head = drawn(nn.Linear, generator, width, v)
        with torch.no_grad():
            self.head.weight.mul_(0.1)  # untrained, all tokens are about equally likely
            self.head.bias.zero_()

    def forward(self, x: Tensor) -> Tensor:
        """x (b, t) tokens, whole numbers of any type; columns from t on may be cut off, for nothing looks ahead."""
        before = nn.functional.embedding(x[..., :-1].long(), self.tokens)
        start = self.start.expand(*x.shape[:-1], 1, self.start.shape[-1])
        h = torch.cat([start, before], -2) + self.places[: x.shape[-1]]
        for block in self.blocks:
            h = block(h)
        return self.head(self.norm(h))


class Block(nn.Module):
    """h + attention(norm h), then h + network(norm h)."""

    def __init__(self, width: int, heads: int, generator: torch.Generator) -> None:
        super().__init__()
        self.heads = heads
        self.before, self.between = nn.LayerNorm(width), nn.LayerNorm(width)
        self.read = drawn(nn.Linear, generator, width, 3 * width)
        self.write = drawn(nn.Linear, generator, width, width)
        self.up = drawn(nn.Linear, generator, width, 4 * width)
        self.act = nn.GELU()
        self.down = drawn(nn.Linear, generator, 4 * width, width)

    def forward(self, h: Tensor) -> Tensor:
        """(b, t, width) to the same."""
        h = h + self.write(self.attention(self.before(h)))
        return h + self.down(self.act(self.up(self.between(h))))

    def attention(self, h: Tensor) -> Tensor:
        """What each place reads from itself and the places before it."""
        *_, t, width = h.shape
        q, k, v = self.read(h).unflatten(-1, (3, self.heads, width // self.heads)).movedim(-2, -4).unbind(-2)
        weights = q @ k.transpose(-1, -2) / math.sqrt(width // self.heads)  # (b, heads, t, t)
        ahead = torch.ones(t, t, dtype=torch.bool, device=h.device).triu(1)
        weights = weights.masked_fill(ahead, float("-inf")).softmax(-1)
        return (weights @ v).movedim(-3, -2).flatten(-2)


def _normal(generator: torch.Generator, *shape: int) -> nn.Parameter:
    """Weights drawn normal with the deviation of GPT-2's embeddings times five: width is small here."""
    return nn.Parameter(torch.empty(shape).normal_(0, 0.1, generator=generator))
