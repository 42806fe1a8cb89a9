"""Functional: m members of any module at once, by `torch.func.vmap` over their stacked parameters."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from byheart.training.fleet import Fleet, Hidden, hooked, store, two_axes
from byheart.training.recurrence import batched


class Functional(Fleet):
    """m modules by `vmap`; the module must not update anything in place nor draw noise."""

    def __init__(self, modules: Sequence[nn.Module], device: str = "cpu") -> None:
        super().__init__(modules, device)
        self.module = modules[0].to(device)

    def _call(self, parameters: dict[str, Tensor], buffers: dict[str, Tensor], x: Tensor) -> Tensor:
        with batched(self.module):
            logits = torch.func.functional_call(self.module, parameters | buffers, (x,))
        return two_axes(logits, 2)

    def forward(self, x: Tensor, hidden: Hidden | None = None) -> Tensor:
        """Logits (m, b, k) of x (m, b, ...)."""
        self.module.train()
        self.leaves = {name: p.detach().requires_grad_() for name, p in self.parameters.items()}
        # What is drawn must be an argument of vmap: a tensor from outside would be taken as shared.
        draws = [hidden.draw((*x.shape[:2], *shape)) for shape in self._sites(x)] if hidden else []

        def call(parameters: dict, buffers: dict, x: Tensor, draws: list) -> Tensor:
            left = iter(draws)
            act = hidden and (lambda a: hidden.apply(a[None], [u[None] for u in next(left)])[0])
            with hooked(self.module, act):
                return self._call(parameters, buffers, x)

        self.logits = torch.func.vmap(call)(self.leaves, self.buffers, x, draws)
        return self.logits.detach()

    @torch.no_grad()
    def _sites(self, x: Tensor) -> list[tuple[int, ...]]:
        """Shapes of one example's hidden activations, in the order of the forward pass."""
        if not hasattr(self, "sites"):
            self.sites: list[tuple[int, ...]] = []
            with hooked(self.module, lambda a: self.sites.append(tuple(a.shape[1:])) or a):
                self._call(*({n: v[0] for n, v in d.items()} for d in (self.parameters, self.buffers)), x[0, :2])
        return self.sites

    def backward(self, g: Tensor) -> None:
        """Autograd through the batched forward pass."""
        found = torch.autograd.grad(self.logits, list(self.leaves.values()), g, allow_unused=True)
        store(found, self.gradients)
        del self.logits, self.leaves

    @torch.no_grad()
    def predict(self, x: Tensor, shared: bool) -> Tensor:
        """Logits (m, b, k) in evaluation mode; x (b, ...) when `shared`."""
        self.module.eval()
        call = torch.func.vmap(self._call, in_dims=(0, 0, None if shared else 0))
        return call(self.parameters, self.buffers, x.clone())  # it may write into what it gets
