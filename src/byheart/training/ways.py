"""Ways to train a fleet: which of them a module allows, and the fleet of a way."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from byheart.errors import InputRefused, unknown_name
from byheart.training.fleet import Each, Fleet
from byheart.training.functional import Functional
from byheart.training.recurrence import reason_against
from byheart.training.stacked import Stacked, stackable

WAYS = ("stacked", "functional", "each")


def ways_for(module: nn.Module) -> tuple[str, ...]:
    """The ways that can train `module`, best guess first.

    Batch statistics updated in place, and noise that a module draws by itself, need `each`: a batch over
    members would mix them up or draw alike for all.

    Example:
        >>> ways_for(nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)))
        ('stacked', 'functional', 'each')
        >>> ways_for(nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8)))
        ('each',)
    """
    if reason_against_functional(module):
        return ("each",)
    return WAYS if stackable(module) else WAYS[1:]


def reason_against_functional(module: nn.Module) -> str:
    """Why members of `module` cannot be batched; empty where they can."""
    for part in module.modules():
        if isinstance(part, nn.modules.batchnorm._NormBase) and (
            part.track_running_stats or not isinstance(part, nn.modules.instancenorm._InstanceNorm)
        ):
            return f"{type(part).__name__} updates batch statistics in place"
        if isinstance(part, nn.modules.dropout._DropoutNd) and part.p > 0:
            return f"{type(part).__name__} draws its own noise"
        if reason := reason_against(part):
            return f"{type(part).__name__} {reason}"
    return ""


def make(way: str, modules: Sequence[nn.Module], device: str = "cpu") -> Fleet:
    """A fleet of `modules` trained in `way`.

    `each` takes one module; where its layers are standard ones, the gradient by hand serves it too. A module that names
    a `fleet` of its own is trained by that in every way that it allows.

    Raises:
        InputRefused: the way cannot train this module; the reason is said.
        UsageError: no such way.
    """
    possible = ways_for(modules[0])
    if way not in WAYS:
        raise unknown_name("way", way, WAYS)
    if way not in possible:
        reason = reason_against_functional(modules[0]) or "it is not a plain stack of standard layers"
        raise InputRefused(f"a module that can be trained {way}", reason, f"Possible: {', '.join(possible)}.")
    own = getattr(type(modules[0]), "fleet", None)
    if isinstance(own, type) and issubclass(own, Fleet):
        return own(modules, device)
    if way == "each":
        return (Stacked if "stacked" in possible else Each)(modules, device)
    return (Stacked if way == "stacked" else Functional)(modules, device)
