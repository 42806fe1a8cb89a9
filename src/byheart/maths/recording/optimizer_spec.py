"""Recipe: which optimiser made the steps of a recorded training, with its constants, group by group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import torch

from byheart.errors import InputRefused

KINDS = {made.__name__: made for made in (torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW)}


@dataclass(frozen=True)
class Group:
    """One parameter group: the names of its tensors and the constants of its steps.

    With g the batch gradient (times the clip factor), theta the weights, lam = `decay`:
    coupled decay adds lam theta to g before all else; decoupled subtracts eta lam theta from theta.
    SGD: v = mu v + (1 - dampening) g (v = g at the first step), step -eta v, or -eta (g + mu v) (Nesterov).
    Adam: m = b1 m + (1 - b1) g, v = b2 v + (1 - b2) g^2, step -eta m / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + eps);
    `momentum` is mu, or b1; `square` is b2. `outside`: a decoupled decay that the loop itself applies before the
    optimiser's step.
    """

    names: tuple[str, ...]
    momentum: float = 0.0
    nesterov: bool = False
    dampening: float = 0.0
    square: float = 0.0
    eps: float = 0.0
    decay: float = 0.0
    decoupled: bool = False
    outside: float = 0.0

    def shrinks(self, rate: float) -> float:
        """The part of theta that a step at learning rate `rate` takes away by decoupled decay."""
        return 1 - (1 - rate * self.outside) * (1 - rate * self.decay * self.decoupled)

    @property
    def coupled(self) -> float:
        """The decay that goes in with the gradient."""
        return 0.0 if self.decoupled else self.decay


@dataclass(frozen=True)
class Recipe:
    """The optimiser: `kind` (`SGD`, `Adam`, `AdamW`), its groups, and the flags that fix its rounding."""

    kind: str
    groups: tuple[Group, ...]
    flags: Mapping[str, bool | None]

    @property
    def adaptive(self) -> bool:
        """Whether steps are divided by second moments (Adam, AdamW)."""
        return self.kind != "SGD"

    @property
    def carries(self) -> bool:
        """Whether a gradient also moves later steps (momentum, Adam)."""
        return self.adaptive or any(group.momentum for group in self.groups)

    @property
    def states(self) -> tuple[str, ...]:
        """The optimiser's own tensors, by torch's names."""
        if self.adaptive:
            return ("exp_avg", "exp_avg_sq")
        return ("momentum_buffer",) if self.carries else ()

    @classmethod
    def of(cls, optimizer: torch.optim.Optimizer, names: Mapping[int, str]) -> Self:
        """The recipe of a torch optimiser; `names` gives the name of each trained parameter by its `id`.

        Raises:
            InputRefused: another optimiser, an option whose steps are not linear in the gradient, or a
                parameter that is not in the model.
        """
        kind = type(optimizer).__name__
        if type(optimizer) not in KINDS.values():
            raise InputRefused(
                expected="torch.optim.SGD, Adam or AdamW",
                came=kind,
                do="Only their steps are known to be sums of example gradients; train with one of them.",
            )
        for option in ("maximize", "amsgrad", "differentiable"):
            if any(group.get(option) for group in optimizer.param_groups):
                raise InputRefused(expected=f"{kind} without {option}", came=f"{option}=True", do="Leave it out.")
        groups = []
        for position, given in enumerate(optimizer.param_groups):
            strange = [p for p in given["params"] if id(p) not in names and p.requires_grad]
            if strange:
                raise InputRefused(
                    expected="an optimiser of the model's own parameters",
                    came=f"group {position} with a parameter {tuple(strange[0].shape)} that the model does not have",
                    do="Make the optimiser from model.parameters() of the recorded model.",
                )
            held = tuple(names[id(p)] for p in given["params"] if id(p) in names)
            groups.append(Group(held, **constants(kind, given)))
        flags = {name: optimizer.param_groups[0].get(name) for name in ("foreach", "fused")}
        return cls(kind, tuple(groups), flags)

    def optimizer(self, named: Mapping[str, torch.Tensor], rates: Sequence[float]) -> torch.optim.Optimizer:
        """A torch optimiser of the tensors in `named` that steps as the recorded one did."""
        made = []
        for group, rate in zip(self.groups, rates, strict=True):
            entry: dict[str, Any] = {"params": [named[name] for name in group.names], "lr": float(rate)}
            entry["weight_decay"] = group.decay
            if self.adaptive:
                entry |= {"betas": (group.momentum, group.square), "eps": group.eps}
                if self.kind == "Adam":
                    entry["decoupled_weight_decay"] = group.decoupled
            else:
                entry |= {name: getattr(group, name) for name in ("momentum", "nesterov", "dampening")}
            made.append(entry)
        return KINDS[self.kind](made, lr=float(rates[0]), **self.flags)

    def document(self) -> dict[str, Any]:
        """Everything, for JSON."""
        return {"kind": self.kind, "flags": dict(self.flags), "groups": [asdict(group) for group in self.groups]}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """What `document` wrote."""
        if document["kind"] not in KINDS:
            raise ValueError(f"an optimiser {document['kind']!r}")
        groups = tuple(Group(**{**group, "names": tuple(group["names"])}) for group in document["groups"])
        return cls(document["kind"], groups, document["flags"])


def constants(kind: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of `Group` from a group of a torch optimiser, names and learning rate left out."""
    if kind == "SGD":
        found = {name: given[name] for name in ("momentum", "nesterov", "dampening")}
    else:
        beta1, beta2 = given["betas"]
        found = {
            "momentum": float(beta1),
            "square": float(beta2),
            "eps": float(given["eps"]),
            "decoupled": kind == "AdamW" or bool(given.get("decoupled_weight_decay")),
        }
    return found | {"decay": float(given["weight_decay"])}


def changed(group: Group, kind: str, given: Mapping[str, Any]) -> str:
    """Which constant of the optimiser is no longer what the recipe says?

    The name of a constant that is no longer what the recipe says; empty where none is.
    """
    now = constants(kind, given)
    return next((name for name in now if getattr(group, name) != now[name]), "")
