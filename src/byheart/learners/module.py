"""Module: a user's own `nn.Module`, made afresh for every member by the user's factory."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import PrivateAttr

from byheart.errors import InputRefused
from byheart.learners.base import Network

if TYPE_CHECKING:
    import torch
    from torch import nn

    from byheart.learners.members import Members
    from byheart.learners.run import Record, Run
    from byheart.levers.base import Lever
    from byheart.tasks.data import Data, Examples


class FromFactory(Network):
    """What `make_model` returns, trained by our loop on x as it is (float32, the user's shape).

    `make_model` is called once a member, without arguments or with the one it asks for by name: `seed`
    (an integer) or `generator` (a torch.Generator). Around it torch's global stream starts at the
    member's seed and is put back, so a factory that just builds layers gives fresh weights too.

    `code` is the digest of the factory's source; without it the learner is not kept in the ledger.

    Example:
        >>> from torch import nn
        >>> FromFactory(lambda: nn.Linear(4, 2), code="abc", epochs=5).epochs
        5
    """

    name: ClassVar[str] = "module"
    code: str = ""
    _make: Callable[..., nn.Module] = PrivateAttr()

    def __init__(self, make_model: Callable[..., nn.Module], **fields: Any) -> None:
        super().__init__(**fields)
        self._make = make_model

    @property
    def keyed(self) -> bool:  # type: ignore[override]
        """Can it be kept in the ledger?"""
        return bool(self.code)

    def fit(
        self,
        data: Data,
        members: Members,
        record: Record,
        levers: Sequence[Lever] = (),
        way: str = "each",
        device: str = "cpu",
        progress: Callable[[int], None] | None = None,
    ) -> Run:
        """Train every member (`Learner.fit`)."""
        from byheart.learners.loop import train

        return train(self, data, members, record, levers, way, device, progress)

    def inputs(self, examples: Examples) -> np.ndarray:
        """x as it is, as float32."""
        return np.asarray(examples.x, np.float32)

    def build(self, data: Data, generator: torch.Generator) -> nn.Module:
        """One module from the factory, with the member's own randomness.

        Raises:
            InputRefused: the factory gives no module, fails, or its outputs are not logits (b, k) or
                values (b,) or (b, 1) for these data.
        """
        import torch
        from torch import nn

        seed = generator.initial_seed()
        asked = set(inspect.signature(self._make).parameters) & {"seed", "generator"}
        given = {"seed": seed, "generator": generator}
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            module = self._make(**{name: given[name] for name in asked})
            if not isinstance(module, nn.Module):
                raise InputRefused(
                    expected="a torch.nn.Module from model=", came=type(module).__name__, do="Return the module."
                )
            check_outputs(module, self.inputs(data.train.take(slice(0, 3))), data)
        return module

    def title(self, data: Data) -> str:
        """The factory's name."""
        return getattr(self._make, "__name__", type(self._make).__name__)


def check_outputs(module: nn.Module, x: np.ndarray, data: Data) -> None:
    """Does the module give what the data need for a batch x (b, ...)?

    Raises:
        InputRefused: it fails on x, or gives another shape; what was expected and what came are said.
    """
    import torch

    k, kind = data.output.k, data.output.kind
    was = module.training
    try:
        with torch.no_grad():
            given = module.eval()(torch.from_numpy(x))
    except (RuntimeError, ValueError, TypeError, IndexError) as error:
        raise InputRefused(
            expected=f"a module that takes float32 x of shape {(len(x), *x.shape[1:])}",
            came=f"{type(error).__name__}: {str(error).splitlines()[0]}",
            do="Give x the shape that the module takes.",
        ) from error
    finally:
        module.train(was)
    shape = tuple(given.shape) if isinstance(given, torch.Tensor) else type(given).__name__
    fits = [(len(x), k)] if kind == "classes" else [(len(x),), (len(x), 1)]
    if shape in fits:
        return
    if kind == "classes" and shape in [(len(x),), (len(x), 1)]:
        advice = "One logit for two classes is not enough: give two, one a class (a logit z is the pair 0, z)."
    else:
        advice = f"Give the last layer {k if kind == 'classes' else 1} outputs."
    wanted = f"logits (b, {k}), one a class" if kind == "classes" else "values (b,) or (b, 1)"
    raise InputRefused(expected=f"{wanted}, from x {x.shape}", came=f"outputs {shape}", do=advice)
