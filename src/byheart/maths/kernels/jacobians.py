"""Jacobians: the derivatives of each output of each example by some of a model's parameters, formed in blocks."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from byheart.maths.kernels.layer_factors import HELD, inner
from byheart.maths.recording.module_copy import at_weights
from byheart.maths.shapes import Float

Output = Callable[[Tensor], Tensor]  # outputs (n, k) of a batch


class Jacobians:
    """Derivatives of `outputs(module(x))` (n, k) by the parameters `names`, one example at a time by `vmap`.

    A module with an operation that cannot be batched is gone through output by output, example by example. `most`
    numbers are held at once; where that is less than all, blocks of x2 are made again for every block of x.
    """

    def __init__(self, module: nn.Module, names: Sequence[str], outputs: Output, most: int = 2 * HELD) -> None:
        self.module, self.outputs, self.most = module, outputs, most
        own = dict(module.named_parameters())
        self.leaves = {name: own[name] for name in names}
        self.size = sum(p.numel() for p in self.leaves.values())
        self.batched = True

    def __call__(self, x: Tensor) -> Float[Tensor, "n k p"]:
        """(n, k, p) of a batch x (n, ...)."""
        if self.batched:
            try:
                return self._at_once(x)
            except RuntimeError:  # torch has no batching rule for an operation of this module
                self.batched = False
        return torch.stack([self._alone(row) for row in x.split(1)])

    def _at_once(self, x: Tensor) -> Tensor:
        whole = {name: p.detach() for name, p in self.module.named_parameters()}
        given = {name: whole[name] for name in self.leaves}

        def of_one(parameters: dict[str, Tensor], row: Tensor) -> Tensor:
            return self.outputs(at_weights(self.module, whole | parameters, (row[None],)))[0]

        with warnings.catch_warnings():  # torch says of some operations that they go through one by one
            warnings.filterwarnings("ignore", message="There is a performance drop")
            found = torch.func.vmap(torch.func.jacrev(of_one), in_dims=(None, 0))(given, x)
        return torch.cat([value.flatten(2) for value in found.values()], 2)

    def _alone(self, row: Tensor) -> Tensor:
        y = self.outputs(self.module(row.clone()))[0]
        leaves, rows = list(self.leaves.values()), []
        for one in y:
            found = torch.autograd.grad(one, leaves, retain_graph=True, allow_unused=True)
            parts = [torch.zeros_like(p) if g is None else g for p, g in zip(leaves, found, strict=True)]
            rows.append(torch.cat([part.flatten() for part in parts]))
        return torch.stack(rows).detach()

    def products(self, x: Tensor, x2: Tensor, k: int, fold: bool) -> Float[Tensor, "n r k k2"]:
        """Products of all gradients, a block at a time; with `fold` summed over equal outputs, (n, r, 1, 1)."""
        step = max(1, self.most // max(1, k * self.size))
        one, two, alike = x.split(step), x2.split(step), x2 is x
        blocks: dict[tuple[int, int], Tensor] = {}
        for i, part in enumerate(one):
            mine = self._folded(self(part), fold)
            for j in range(i if alike else 0, len(two)):
                theirs = mine if alike and i == j else self._folded(self(two[j]), fold)
                blocks[i, j] = inner(mine, theirs)
                if alike:
                    blocks[j, i] = blocks[i, j].permute(1, 0, 3, 2)
        return torch.cat([torch.cat([blocks[i, j] for j in range(len(two))], 1) for i in range(len(one))])

    @staticmethod
    def _folded(jacobian: Tensor, fold: bool) -> Tensor:
        return jacobian.flatten(1)[:, None] if fold else jacobian
