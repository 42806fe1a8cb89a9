"""Sequences: members on their way over passages; the loss of a passage is the sum over its tokens."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from byheart.errors import InputRefused
from byheart.learners.base import Network
from byheart.learners.decoder import Decoder
from byheart.learners.enumeration_rank import ranks
from byheart.levers.base import Batch, Lever
from byheart.maths.codes.passages import GRID, token_frequencies
from byheart.tasks.data import Data, Examples
from byheart.tasks.output.classes import cross_entropy
from byheart.training.active_levers import AS_DRAWN
from byheart.training.members import Members
from byheart.training.run import Outcomes
from byheart.training.stepper import Stepper

PASSAGES = 256  # member-passages evaluated at once
PAIRS = 1 << 24  # pairs of places in them, at most: attention keeps a number for each and head
CONTINUATIONS = ("canaries", "continued")  # views whose logits are kept: the same few places of each passage count
ENUMERATED = 1_000_000  # secrets that there could be, at most: all are read for every secret and member


class Sequences(Stepper):
    """`Stepper` whose examples are sequences: y (n, t), -1 where a token is not counted.

    Logits of all tokens are never kept: a view's outcomes are made from them passage by passage.
    """

    continues = True

    def __init__(
        self, learner: Network, data: Data, members: Members, levers: Sequence[Lever], way: str, device: str
    ) -> None:
        frequencies = token_frequencies(data.train.y, data.output.k)
        self.log_q = torch.from_numpy(np.log(frequencies).astype(np.float32)).to(device)
        spelled = data.about.get("secret_signs", "")
        self.alphabet = torch.tensor([data.output.classes.index(sign) for sign in spelled], dtype=torch.long).to(device)
        for name, view in data.views.items():
            if not (view.y >= 0).any():
                raise InputRefused(
                    expected=f"at least one token to be given in the view {name!r}",
                    came=f"{len(view)} sequences in which none counts",
                    do="Leave the view out, or count some of its tokens.",
                )
        self.asked = {name: torch.from_numpy(view.y).to(device) for name, view in data.views.items()}
        super().__init__(learner, data, members, levers, way, device)

    def _targets(self, data: Data) -> None:
        self.centre, self.scale = np.zeros(self.m), np.ones(self.m)
        self.y = self.asked["train"]  # (n, t), the same for all members
        self.asked["train"] = self.asked.pop(AS_DRAWN, self.y)

    def targets(self, rows: Tensor) -> Tensor:
        """The tokens to be given (m, b, t)."""
        return self.y[rows]

    def slope(self, logits: Tensor, batch: Batch, plain: bool = False) -> Tensor:
        """Derivative of the summed training loss by the logits (m, b, t, v); 0 where a token is not counted."""
        counted, own = batch.targets >= 0, batch.targets.clamp(min=0)
        if plain or not self.levers.weighing:
            return self.output.slope(logits, batch.targets)
        with torch.enable_grad():
            z = logits.detach().requires_grad_()
            loss = self.levers.loss(cross_entropy(z, own), z, replace(batch, targets=own))
        return torch.autograd.grad((loss * counted).sum(), z)[0]

    @torch.no_grad()
    def outcomes(self, view: str, examples: Examples, trail: bool, last: bool) -> tuple[Outcomes, np.ndarray]:
        """Outcomes of the view now, and whether each member's losses are finite.

        With `trail`, and on the training view at the `last` checkpoint, lengths on the grid of pools are kept too; at
        the last checkpoint also the logits of views that ask for a continuation alone, and the ranks of secrets.
        """
        x, y = self.views[view], self.asked[view]
        stop = int((y >= 0).any(0).nonzero().max()) + 1  # nothing looks ahead: what is not asked for is cut off
        x, y = x[:, :stop], y[:, :stop]
        losses, told, pools, logits = [], [], [], []
        for part in torch.arange(len(x), device=x.device).split(self._at_once(stop)):
            z = self.fleet.predict(x[part], True)  # (m, b, t, v)
            own = y[part].clamp(min=0).expand(self.m, -1, -1)
            counted = y[part] >= 0
            log_p = z.log_softmax(-1)
            said = log_p.gather(-1, own[..., None])
            losses.append(-(said[..., 0].double() * counted).sum(-1))
            # the single most likely token, as `maths.memorisation.extraction.greedy_extractable` says
            told.append((((log_p >= said).sum(-1) == 1) | ~counted).all(-1))
            if trail or (last and view == "train"):
                pools.append(self._pooled(log_p, own, counted))
            if last and view in CONTINUATIONS:
                logits.append(z[:, :, counted[0]])
        loss = torch.cat(losses, 1).cpu().numpy()
        pool = torch.cat(pools, 1).cpu().numpy() if pools else None  # (m, n, g)
        kept = Outcomes(
            loss_nats=loss.astype(np.float32)[None],
            correct=torch.cat(told, 1).cpu().numpy()[None],
            margin=None,
            logits=torch.cat(logits, 1).cpu().numpy() if logits else None,  # (m, n, s, v)
            trail=pool[None] if trail and pool is not None else None,
            pool=pool if last else None,
            ranks=self._ranks(x, y) if last and view == "canaries" else None,
        )
        return kept, np.isfinite(loss).all(1)

    def _at_once(self, places: int) -> int:
        """Passages read together, fewer where they are long: what attention keeps grows with the square."""
        return max(min(PASSAGES, PAIRS // places**2) // self.m, 1)

    def _ranks(self, x: Tensor, y: Tensor) -> np.ndarray | None:
        """(m, n) ranks of the secrets, where all that there could be can be read and every member saw every copy."""
        counted = (y[0] >= 0).nonzero()[:, 0]
        start, stop = int(counted[0]), int(counted[-1]) + 1
        alphabet, everything = self.alphabet, len(self.rows[0]) == len(self.y)
        few = 1 < len(alphabet) ** (stop - start) <= ENUMERATED
        if not (few and everything and isinstance(self.template, Decoder)):
            return None
        found, decoder = [], copy.deepcopy(self.template).to(self.device).eval()
        for j in range(self.m):
            decoder.load_state_dict({name: value[j] for name, value in self.fleet.weights().items()})
            found.append(ranks(decoder, x, start, stop, alphabet))
        return torch.stack(found).cpu().numpy()

    def _pooled(self, log_p: Tensor, own: Tensor, counted: Tensor) -> Tensor:
        """(m, b, g) summed lengths of the pools softmax(b log p + (1 - b) log q0), b on the grid."""
        made = []
        for b in GRID:
            z = b * log_p + (1 - b) * self.log_q
            made.append((cross_entropy(z, own).double() * counted).sum(-1).float())
        return torch.stack(made, -1)
