"""Decoder: the torch module of the small transformer. No dropout, nothing in place, so that fleets can batch it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from byheart.learners.mlp import drawn

# keys and values of some places, (b, heads, t, d) each
Kept = tuple[Tensor, Tensor]


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

    def opened(self, x: Tensor) -> tuple[Tensor, list[Kept]]:
        """Logits (b, v) of what follows x (b, t), and what its blocks keep of x, so that nothing is read twice."""
        before = nn.functional.embedding(x.long(), self.tokens)
        h = torch.cat([self.start.expand(len(x), 1, -1), before], -2) + self.places[: x.shape[-1] + 1]
        kept = []
        for block in self.blocks:
            kept.append(block.kept(h))
            h = block(h)
        return self.head(self.norm(h[:, -1])), kept

    def further(self, token: Tensor, place: int, kept: Sequence[Sequence[Kept]]) -> tuple[Tensor, list[Kept]]:
        """The same after one more `token` (b,), read at `place`; kept[l] are parts that block l has kept before."""
        h = (nn.functional.embedding(token.long(), self.tokens) + self.places[place])[:, None]
        own = []
        for block, parts in zip(self.blocks, kept, strict=True):
            own.append(block.kept(h))
            h = block(h, (*parts, own[-1]))
        return self.head(self.norm(h[:, 0])), own


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

    def forward(self, h: Tensor, kept: Sequence[Kept] = ()) -> Tensor:
        """(b, t, width) to the same; where `kept` is given, one place that reads all of it (its own part included)."""
        h = h + self.write(self.attention(self.before(h), kept))
        return h + self.down(self.act(self.up(self.between(h))))

    def attention(self, h: Tensor, kept: Sequence[Kept] = ()) -> Tensor:
        """What each place reads from itself and the places before it."""
        t = h.shape[-2]
        q, k, v = self.parts(h)
        scale = math.sqrt(q.shape[-1])
        if kept:
            # parts of one row are shared by all of b: they are read as they are, never copied b times
            shares = torch.cat([q @ keys.transpose(-1, -2) for keys, _ in kept], -1) / scale
            weights = shares.softmax(-1).split([keys.shape[-2] for keys, _ in kept], -1)
            read = sum((part @ values for part, (_, values) in zip(weights, kept)), torch.zeros_like(q))
            return read.movedim(-3, -2).flatten(-2)
        weights = q @ k.transpose(-1, -2) / scale  # (b, heads, t, t)
        ahead = torch.ones(t, t, dtype=torch.bool, device=h.device).triu(1)
        weights = weights.masked_fill(ahead, float("-inf")).softmax(-1)
        return (weights @ v).movedim(-3, -2).flatten(-2)

    def kept(self, h: Tensor) -> Kept:
        """What later places read of h (b, t, width): keys and values (b, heads, t, width / heads)."""
        return self.parts(self.before(h))[1:]

    def parts(self, h: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values of the heads."""
        size = h.shape[-1] // self.heads
        return self.read(h).unflatten(-1, (3, self.heads, size)).movedim(-2, -4).unbind(-2)


def _normal(generator: torch.Generator, *shape: int) -> nn.Parameter:
    """Weights drawn normal with the deviation of GPT-2's embeddings times five: width is small here."""
    return nn.Parameter(torch.empty(shape).normal_(0, 0.1, generator=generator))
