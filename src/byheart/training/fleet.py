"""Fleet: m models of one architecture that are trained together. One interface, three ways.

- `stacked`: the layers batched by hand (training/stacked.py); for stacks of standard layers.
- `functional`: `torch.func.vmap` (training/functional.py); for modules without batch statistics.
- `each`: one member after another; for every module.

The ways round differently, so the plan chooses one, once (training/trial.py), and stores it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from byheart.errors import InputRefused
from byheart.levers.base import Lever

# A hidden lever acts on what comes out of these.
ACTIVATIONS = (nn.ReLU, nn.GELU, nn.Tanh, nn.Sigmoid, nn.SiLU, nn.ELU, nn.LeakyReLU, nn.Mish, nn.Softplus, nn.Hardswish)


class Hidden:
    """What the levers do to hidden activations while training.

    `draw` gives each lever that asks for it uniforms of the activation's shape, drawn from every member's
    own generator, so a member does not depend on its neighbours; the others get an empty tensor.
    """

    def __init__(self, levers: Sequence[Lever], generators: Sequence[torch.Generator], device: str) -> None:
        self.levers, self.generators, self.device = levers, generators, device

    def draw(self, shape: tuple[int, ...]) -> list[Tensor]:
        """One tensor a lever: (m, b, ...) uniforms, or (m, 0)."""
        sizes = [shape[1:] if lever.draws_hidden else (0,) for lever in self.levers]
        draws = [torch.stack([torch.rand(size, generator=g) for g in self.generators]) for size in sizes]
        return [u.to(self.device) for u in draws]

    def apply(self, activation: Tensor, draws: list[Tensor]) -> Tensor:
        """The activations (m, b, ...) that go on."""
        for lever, u in zip(self.levers, draws, strict=True):
            activation = lever.hidden(activation, u if lever.draws_hidden else None)
        return activation


class Fleet(ABC):
    """m models: all parameters of all members in one flat tensor, their gradients in another.

    Parameter after parameter, each (m, *shape) and contiguous, so that a batched product sees its
    members side by side and an optimiser sees one vector.

    Attributes:
        flat: (m p,) all parameters; `gradient` (m p,) their gradients.
        parameters: name -> (m, *shape) view of `flat`; `gradients` likewise.
        buffers: name -> (m, *shape): what the modules keep beside their parameters.
        unit: how far what `before` gives moves where its x moves by 1.
        tells_lengths: whether `lengths` may be asked.
    """

    unit, tells_lengths = 1.0, False

    def __init__(self, modules: Sequence[nn.Module], device: str = "cpu") -> None:
        self.m = len(modules)
        named = [dict(module.named_parameters()) for module in modules]
        trained = {name: p for name, p in named[0].items() if p.requires_grad}
        if not trained:
            raise InputRefused("a module with parameters to train", "none", "Add a layer with weights.")
        size = sum(p.numel() for p in trained.values())
        self.flat = torch.empty(self.m * size, dtype=next(iter(trained.values())).dtype, device=device)
        self.gradient = torch.zeros_like(self.flat)
        self.parameters, self.gradients = {}, {}
        start = 0
        for name, p in trained.items():
            stop = start + self.m * p.numel()
            self.parameters[name] = self.flat[start:stop].view(self.m, *p.shape)
            self.gradients[name] = self.gradient[start:stop].view(self.m, *p.shape)
            for j, member in enumerate(named):
                self.parameters[name][j].copy_(member[name].detach())
            start = stop
        self.buffers = {
            name: torch.stack([_state(module, name) for module in modules]).to(device)
            for name in _state_names(modules[0])
            if name not in trained
        }

    @property
    def size(self) -> int:
        """Trained parameters of one member."""
        return self.flat.numel() // self.m

    def before(self, x: Tensor, shared: bool) -> Tensor:
        """x as `forward` and `predict` want it; called once on all examples."""
        return x

    @abstractmethod
    def forward(self, x: Tensor, hidden: Hidden | None = None) -> Tensor:
        """Logits (m, b, k) of x (m, b, ...) in training; what `backward` needs is kept."""

    @abstractmethod
    def backward(self, g: Tensor) -> None:
        """Fill `gradient` from g (m, b, k), the derivative of the summed loss by the logits."""

    def lengths(self, g: Tensor) -> Tensor | None:
        """(m, b) length of each example's own gradient, of g (m, b, k) as `backward` gets it; that may follow."""
        return None

    @abstractmethod
    def predict(self, x: Tensor, shared: bool) -> Tensor:
        """Logits (m, b, k) of x (m, b, ...), or of x (b, ...) that all members share; nothing is kept."""

    def weights(self) -> dict[str, Tensor]:
        """Copies of all parameters and buffers, (m, *shape) each."""
        return {name: value.detach().clone() for name, value in (self.parameters | self.buffers).items()}

    def restore(self, weights: Mapping[str, Tensor]) -> None:
        """Take the parameters and buffers that `weights` gave."""
        for name, value in (self.parameters | self.buffers).items():
            value.copy_(weights[name])


def _state_names(module: nn.Module) -> list[str]:
    return [name for name, _ in module.named_parameters()] + [name for name, _ in module.named_buffers()]


def _state(module: nn.Module, name: str) -> Tensor:
    owner, _, last = name.rpartition(".")
    return getattr(module.get_submodule(owner), last).detach()


def two_axes(logits: Tensor, axes: int) -> Tensor:
    """Logits with their last axis: values that came as (b,) become (b, 1)."""
    return logits.unsqueeze(-1) if logits.dim() == axes - 1 else logits


@contextmanager
def hooked(module: nn.Module, change: Callable[[Tensor], Tensor] | None) -> Iterator[None]:
    """Let `change` replace what comes out of every activation module."""
    if change is None:
        yield
        return
    handles = [
        part.register_forward_hook(lambda _module, _given, out: change(out))
        for part in module.modules()
        if isinstance(part, ACTIVATIONS)
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


class Each(Fleet):
    """One member: the module itself, with its own forward pass and autograd."""

    def __init__(self, modules: Sequence[nn.Module], device: str = "cpu") -> None:
        super().__init__(modules, device)
        self.module = modules[0].to(device)
        for name, p in self.module.named_parameters():
            if name in self.parameters:
                p.data = self.parameters[name][0]
        self.leaves = [p for p in self.module.parameters() if p.requires_grad]

    def forward(self, x: Tensor, hidden: Hidden | None = None) -> Tensor:
        """Logits (1, b, k); batch statistics are those of the batch."""
        self.module.train()
        change = hidden and (lambda a: hidden.apply(a[None], hidden.draw((1, *a.shape)))[0])
        with hooked(self.module, change):
            self.logits = two_axes(self.module(x[0]), 2)
        return self.logits.detach()[None]

    def backward(self, g: Tensor) -> None:
        """Autograd of the module's own forward pass."""
        found = torch.autograd.grad(self.logits, self.leaves, g[0], allow_unused=True)
        store(found, self.gradients, lambda gradient: gradient[0])
        del self.logits

    @torch.no_grad()
    def predict(self, x: Tensor, shared: bool) -> Tensor:
        """Logits (1, b, k) in evaluation mode."""
        self.module.eval()
        return two_axes(self.module((x if shared else x[0]).clone()), 2)[None]  # it may write into what it gets

    def weights(self) -> dict[str, Tensor]:
        """Copies of parameters and buffers, (1, *shape) each; the buffers are the module's own."""
        names = _state_names(self.module)
        return {name: _state(self.module, name).clone()[None] for name in names}

    def restore(self, weights: Mapping[str, Tensor]) -> None:
        """Take the parameters and buffers that `weights` gave."""
        for name, value in weights.items():
            _state(self.module, name).copy_(value[0])


def store(
    found: Sequence[Tensor | None], gradients: dict[str, Tensor], place: Callable[[Tensor], Tensor] = lambda g: g
) -> None:
    """Copy what autograd found into the flat gradient; a parameter that was not used gets 0."""
    for gradient, value in zip(gradients.values(), found, strict=True):
        if value is None:
            gradient.zero_()
        else:
            place(gradient).copy_(value)
