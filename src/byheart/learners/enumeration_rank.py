"""Spelled: how many strings of an alphabet does a decoder find at least as likely as the one in question?"""

from __future__ import annotations

import torch
from torch import Tensor

from byheart.learners.decoder import Decoder, Kept

# nats within which two strings count as equally likely: float32 rounds sums of a few tokens by less
TIE = 1e-4
NODES = 8192  # beginnings read at once: what they keep stays in the cache


@torch.no_grad()
def ranks(decoder: Decoder, x: Tensor, start: int, stop: int, alphabet: Tensor) -> Tensor:
    r"""The rank of each x[start:stop] among all strings of the alphabet of that length, after the same x[:start].

    rank = #{s in A^L : -log p(s | x[:start]) <= -log p(x[start:stop] | x[:start])}, L = stop - start, the string itself
    among them: 1 where it is the likeliest; ties (to 1e-4 nats) count against it. Strings are read as a tree, each
    beginning once after a context that is read once; a beginning that costs more than the string in question is left
    with all that begins with it, for -log p only grows along a string: the count stays exact.

    Args:
        decoder: one model, in evaluation mode.
        x: (n, t) tokens.
        start: where the string in question begins.
        stop: where it ends, start < stop <= t.
        alphabet: (a,) different tokens that x[start:stop] is made of.

    Returns:
        (n,) int64, at least 1.

    Cost: at most (a^L - 1)/(a - 1) token readings a row, fewer the likelier the string. Fails when: the string is not
    of the alphabet; its rank then leaves itself out, and may be 0.

    Reference: Carlini et al. 2019, The Secret Sharer, definition 2 and section 4.2 (by enumeration); leaving beginnings
    that already cost too much is the idea of their section 6.2 (shortest path).
    """
    own = _nats(decoder, x[:, :stop], start)
    length = stop - start
    return torch.stack([_rank(decoder, row[None, :start], float(nats), length, alphabet) for row, nats in zip(x, own)])


def _nats(decoder: Decoder, x: Tensor, start: int) -> Tensor:
    """(n,) -log p of x[start:] after x[:start]."""
    log_p = decoder(x)[:, start:].log_softmax(-1)
    return -log_p.gather(-1, x[:, start:, None].long())[..., 0].double().sum(-1)


def _rank(decoder: Decoder, context: Tensor, own: float, length: int, alphabet: Tensor) -> Tensor:
    """Strings of `length` that cost at most `own` nats after the context (1, start)."""
    place = context.shape[1] + 1
    logits, shared = decoder.opened(context)
    found = torch.zeros((), dtype=torch.int64, device=context.device)
    # beginnings: how long, nats (b, a) of each with one more token, and what the blocks have kept of them
    waiting: list[tuple[int, Tensor, list[Kept]]] = [(1, _further(logits, alphabet, 0.0), [])]
    while waiting:
        size, nats, kept = waiting.pop()
        cheap = nats <= own + TIE
        if size == length:
            found += cheap.sum()
            continue
        for rows, tokens in zip(*(part.split(NODES) for part in cheap.nonzero(as_tuple=True))):
            before = [(keys[rows], values[rows]) for keys, values in kept]
            parts = [(one, before[l]) if before else (one,) for l, one in enumerate(shared)]
            logits, own_parts = decoder.further(alphabet[tokens], place + size - 1, parts)
            longer = _joined(before, own_parts) if size + 1 < length else []
            waiting.append((size + 1, _further(logits, alphabet, nats[rows, tokens][:, None]), longer))
    return found


def _further(logits: Tensor, alphabet: Tensor, before: Tensor | float) -> Tensor:
    """Nats (b, a) of each beginning with one more token of the alphabet."""
    return before + (logits.logsumexp(-1, keepdim=True) - logits[:, alphabet]).double()


def _joined(before: list[Kept], own: list[Kept]) -> list[Kept]:
    if not before:
        return own
    return [(torch.cat([a, c], -2), torch.cat([b, d], -2)) for (a, b), (c, d) in zip(before, own, strict=True)]
