"""Tangent kernel: products of the gradients of a model's outputs, as it stands."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from byheart.errors import InputRefused, unknown_name
from byheart.maths.kernels.jacobians import Jacobians
from byheart.maths.kernels.layer_factors import HELD, Factors, factors, held, keys_of
from byheart.maths.recording.module_copy import called, copied
from byheart.maths.shapes import Float

Found = dict[str, Factors]  # of each layer by its name
METHODS = ("auto", "structured", "jacobian", "sum")
Method = Literal["auto", "structured", "jacobian", "sum"]


def tangent(model: nn.Module, x: Any, x2: Any = None, method: Method = "auto") -> Float[np.ndarray, "n r ..."]:
    r"""How alike do a model's parameters move its outputs for two inputs?

        Theta(x, x')_op = < grad f_o(x), grad f_p(x') >      over all trained parameters

    of the k outputs f of the model in evaluation mode. Positive semidefinite as a matrix (n k, n k) where x2 is x.

    `structured` never forms a gradient of Linear, Conv2d, Embedding, LayerNorm, RMSNorm, GroupNorm and BatchNorm: it
    takes products of what the layers are given and of derivatives by what they give. What it collects of a layer is
    compared with the gradient of that layer; where they differ (weights that are used twice, or by a function beside
    the layer) and for every parameter of another layer it contracts Jacobians, as `jacobian` does for all. `auto` takes
    Jacobians alone where no layer is known. `sum` is the kernel of the sum of the outputs, sum_op Theta_op: of k
    outputs it costs one (Mohamadi et al. divide it by k).

    Args:
        model: a module whose outputs are (n, k), (n,) or (n, ...), k in all; it is copied and left as it is.
        x: n inputs, the examples first.
        x2: r inputs; None for x.
        method: `auto`, `structured`, `jacobian` or `sum`.

    Returns:
        (n, r, k, k) float64; of `sum` (n, r). Computed in the type of the model's weights.

    Raises:
        UnknownName: another method.
        InputRefused: a model without trained parameters, or whose output for an example depends on the batch or on
            chance.

    Cost: `structured` k backward passes of n + r examples and n r k^2 times the widths of the layers; `jacobian`
    n r k^2 times the parameters.

    Fails when: chance or the batch enters in training alone (dropout, batch statistics): this is the kernel without.

    Reference: Jacot, Gabriel, Hongler 2018, Neural tangent kernel, section 4; Novak, Sohl-Dickstein, Schoenholz 2022,
    Fast finite width neural tangent kernel, section 3; Mohamadi, Bae, Sutherland 2023, A fast, well-founded
    approximation to the empirical neural tangent kernel.

    Example:
        >>> model = nn.Linear(2, 1).double()
        >>> tangent(model, torch.eye(2).double())[:, :, 0, 0].tolist()
        [[2.0, 1.0], [1.0, 2.0]]
    """
    if method not in METHODS:
        raise unknown_name("method", method, METHODS)
    kernel = Kernel(model, summed=method == "sum")
    found = kernel(x, x2, structured=method != "jacobian")
    return found[:, :, 0, 0] if method == "sum" else found


def trace_of_outputs(model: nn.Module, x: Any, x2: Any = None) -> Float[np.ndarray, "n r"]:
    """How alike do a model's parameters move all its outputs for two inputs, in sum?

        K(x, x') = sum_o Theta(x, x')_oo, the product of the two Jacobians

    Args:
        model: as for `tangent`.
        x: as for `tangent`.
        x2: as for `tangent`.

    Returns:
        (n, r) float64.

    Raises:
        InputRefused: as `tangent`.

    Cost: as `tangent` by layers, with k in the place of k^2.

    Fails when: outputs move together: products of different outputs are left out.

    Reference: Jacot, Gabriel, Hongler 2018, Neural tangent kernel, section 4, the trace over outputs.

    Example:
        >>> trace_of_outputs(nn.Linear(2, 3).double(), torch.eye(2).double()).tolist()
        [[6.0, 3.0], [3.0, 6.0]]
    """
    return Kernel(model)(x, x2, structured=True, fold=True)[:, :, 0, 0]


class Kernel:
    """The tangent kernel of a copy of a model in evaluation mode.

    `by_jacobian` names the parameters that no layer gave.
    """

    def __init__(self, model: nn.Module, summed: bool = False) -> None:
        self.module, self.summed = copied(model).eval(), summed
        if any(p.dtype in (torch.float16, torch.bfloat16) for p in self.module.parameters()):
            self.module = self.module.float()
        self.trained = {name: p for name, p in self.module.named_parameters() if p.requires_grad}
        self.names = {id(p): name for name, p in self.trained.items()}
        if not self.trained:
            raise InputRefused("a model with trained parameters", "none", "Set requires_grad of those meant.")
        for name, part in self.module.named_modules():
            if isinstance(part, nn.modules.batchnorm._BatchNorm) and part.running_mean is None:
                raise InputRefused(
                    expected="a model whose output for an example does not depend on the batch",
                    came=f"{name}, a {type(part).__name__} without running statistics",
                    do="Keep running statistics (track_running_stats=True).",
                )
        self.layers = {name: part for name, part in self.module.named_modules() if keys_of(part)}
        self.by_jacobian: list[str] = []

    def __call__(self, x: Any, x2: Any = None, structured: bool = True, fold: bool = False) -> np.ndarray:
        """(n, r, k, k); with `fold` summed over equal outputs, (n, r, 1, 1)."""
        x = self._tensor(x)
        x2 = x if x2 is None else self._tensor(x2)
        k = self._outputs_each(x)
        layers = dict(self.layers) if structured else {}
        rows = max(1, HELD // self._held(x[:1], layers, k)) if layers else max(len(x), len(x2))
        columns, found = x2.split(rows), []
        for i, part in enumerate(x.split(rows)):
            mine = self._factors(part, layers, k)
            row = []
            for j, other in enumerate(columns):
                same = x2 is x and i == j
                row.append(
                    self._products(
                        part, part if same else other, mine, mine if same else self._factors(other, layers, k), k, fold
                    )
                )
            found.append(torch.cat(row, 1))
        return torch.cat(found).cpu().numpy().astype(np.float64)

    def _products(self, x: Tensor, x2: Tensor, mine: Found, theirs: Found, k: int, fold: bool) -> Tensor:
        """The layers whose factors were those of both, and Jacobians by all other parameters."""
        both = [(mine[name], theirs[name]) for name in mine if name in theirs]
        parts = [a.folded().products(b.folded()) if fold else a.products(b) for a, b in both]
        given = {self._full(name, key) for name in mine if name in theirs for key in mine[name].keys}
        self.by_jacobian = [name for name in self.trained if name not in given]
        if self.by_jacobian:
            parts.append(Jacobians(self.module, self.by_jacobian, self.outputs).products(x, x2, k, fold))
        return torch.stack(parts).sum(0)

    def _factors(self, x: Tensor, layers: dict[str, nn.Module], k: int) -> Found:
        """The factors of each layer that was called once, if their sum by unequal weights is the layer's gradient."""
        if not layers:
            return {}
        with torch.enable_grad(), self._watched(layers) as calls:
            y = self.outputs(called(self.module, x))
        once = {
            name: of[0] for name, of in calls.items() if len(of) == 1 and _of_examples(layers[name], *of[0], len(x))
        }
        if not once:
            return {}
        outs = [out for _, out in once.values()]
        each = [torch.autograd.grad(y[:, o].sum(), outs, retain_graph=True, allow_unused=True) for o in range(k)]
        rows, outputs = (torch.linspace(1, 2, m, dtype=y.dtype, device=y.device) for m in y.shape)
        weighted = (rows @ y * outputs).sum()
        leaves = list(self.trained.values())
        whole = dict(zip(self.trained, torch.autograd.grad(weighted, leaves, allow_unused=True), strict=True))
        found = {}
        for place, (name, (a, out)) in enumerate(once.items()):
            delta = torch.stack([torch.zeros_like(out) if one[place] is None else one[place] for one in each])
            made = factors(layers[name], keys_of(layers[name]), a, delta, len(x))
            if all(_agree(g, whole[self._full(name, key)]) for key, g in made.weighted(rows, outputs).items()):
                found[name] = made
        return found

    def _full(self, name: str, key: str) -> str:
        """The name of a layer's parameter among all; one that layers share has the name that it has in the first."""
        return self.names[id(getattr(self.layers[name], key))]

    @contextmanager
    def _watched(self, layers: dict[str, nn.Module]) -> Iterator[dict[str, list[tuple[Any, Any]]]]:
        """Name -> (input, output) of each call; outputs go on as copies, which later operations may change."""
        calls: dict[str, list[tuple[Any, Any]]] = {}

        def note(name: str, given: tuple, out: Any) -> Any:
            a = given[0].detach().clone() if given and isinstance(given[0], Tensor) else None
            calls.setdefault(name, []).append((a, out))
            return out.clone() if isinstance(out, Tensor) else None

        handles = [part.register_forward_hook(lambda _m, given, out, name=name: note(name, given, out))
                   for name, part in layers.items()]  # fmt: skip
        try:
            yield calls
        finally:
            for handle in handles:
                handle.remove()

    def _held(self, x: Tensor, layers: dict[str, nn.Module], k: int) -> int:
        """Numbers that the factors of one example hold."""
        with torch.no_grad(), self._watched(layers) as calls:
            called(self.module, x)
        return max(
            1, sum(held(layers[name], a, out, k) for name, of in calls.items() for a, out in of if a is not None)
        )

    def _tensor(self, x: Any) -> Tensor:
        like = next(iter(self.trained.values()))
        x = torch.as_tensor(x).detach().to(like.device)
        return x.to(like.dtype) if x.is_floating_point() else x

    def outputs(self, given: Any) -> Float[Tensor, "n k"]:
        """(n, k) of what the module gave; their sum (n, 1) where that is asked about."""
        given = given.reshape(len(given), -1)
        return given.sum(1, keepdim=True) if self.summed else given

    def _outputs_each(self, x: Tensor) -> int:
        """k, if an example has the same outputs alone, with others, and again.

        Raises:
            InputRefused: it has not.
        """
        with torch.no_grad():
            alone, among, again = (self.outputs(called(self.module, part)) for part in (x[:1], x[:8], x[:8]))
        near = 1e-3 if alone.dtype == torch.float32 else 1e-9
        for other, why in ((again, "differ from one call to the next"), (alone, "differ with the examples beside it")):
            if not torch.allclose(among[: len(other)], other, rtol=near, atol=near * float(among.abs().max())):
                raise InputRefused(
                    expected="a model in evaluation mode whose output depends on the example alone",
                    came=f"outputs for one example that {why}",
                    do="Leave out what draws at random or looks at the batch.",
                )
        return alone.shape[1]


def _of_examples(layer: nn.Module, a: Tensor | None, out: Tensor, n: int) -> bool:
    """Whether a call can be told apart by examples; what it was called on may hold the positions of each together."""
    rows = isinstance(layer, nn.Linear | nn.LayerNorm | nn.RMSNorm | nn.Embedding)
    return a is not None and out.requires_grad and (a.shape[0] % n == 0 if rows else a.shape[0] == n)


def _agree(given: Tensor, whole: Tensor | None) -> bool:
    """Whether what the factors of a layer give is its gradient, to the square root of the precision."""
    whole = torch.zeros_like(given) if whole is None else whole.flatten()
    largest = max(float(given.norm()), float(whole.norm()))
    return float((given - whole).norm()) <= torch.finfo(given.dtype).eps ** 0.5 * largest
