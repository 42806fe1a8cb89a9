"""Module: a user's own `nn.Module`, made afresh for every member by the user's factory."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from pydantic import PrivateAttr

from byheart.errors import InputRefused
from byheart.learners.base import Network
from byheart.learners.code import again, comes_back, contained, fingerprint

if TYPE_CHECKING:
    import torch
    from torch import nn

    from byheart.learners.run import Run
    from byheart.tasks.data import Data, Examples


class FromFactory(Network):
    """What `make_model` returns, trained by our loop on x as it is (float32, the user's shape).

    `make_model` is called once a member, without arguments or with the one it asks for by name: `seed`
    (an integer) or `generator` (a torch.Generator). Around it the global generators start at the
    member's seed and are put back, so a factory that just builds layers gives fresh weights too.

    Make one with `FromFactory.of(make_model, epochs=10)`.

    Args:
        code: digest of the factory and all it depends on; empty where it cannot be had.
        path: its file.
        qualname: its name there.

    Example:
        >>> from torch import nn
        >>> FromFactory.of(lambda: nn.Linear(4, 2), epochs=5).epochs
        5
    """

    name: ClassVar[str] = "module"
    not_in_key: ClassVar[frozenset[str]] = frozenset({"path"})
    code: str = ""
    path: str = ""
    qualname: str = ""
    _make: Callable[..., nn.Module] | None = PrivateAttr(default=None)
    _reasons: tuple[str, bool] = PrivateAttr(default=("", True))

    @classmethod
    def of(cls, make_model: Callable[..., nn.Module], code: str | None = None, **settings: Any) -> Self:
        """The learner of a factory of torch modules.

        Args:
            make_model: the factory.
            code: its digest, where it is known; else it is taken here.
            settings: epochs, batch, lr, optimizer, schedule.

        Raises:
            InputRefused: not a callable.
        """
        if not callable(make_model) or isinstance(make_model, nn_module()):
            raise InputRefused(
                expected="model= as a function that makes a new torch module",
                came=f"a {type(make_model).__name__}",
                do="Give `lambda: Net()` or the class, not one module: every member needs fresh weights.",
            )
        found = fingerprint(make_model, factory=code is None)
        digest = found.digest if code is None else code
        learner = cls(code=digest or "", path=found.path or "", qualname=found.qualname, **settings)
        learner._make = make_model
        learner._reasons = (found.reason, found.portable)
        return learner

    @property
    def keyed(self) -> bool:
        """Whether all that the factory depends on could be read."""
        return bool(self.code)

    @property
    def portable(self) -> bool:
        """Whether a worker gets the same factory from its file; asking may cost a process."""
        return self._make is None or (self._reasons[1] and comes_back(self.path, self.qualname, self.code, True))

    @property
    def unkeyed_reason(self) -> str:
        """What could not be read."""
        return "" if self.keyed else self._reasons[0] or "nothing is known of its code"

    def inputs(self, examples: Examples) -> np.ndarray:
        """x as it is, as float32.

        Raises:
            InputRefused: cells are missing; a network of one's own would turn them into losses that are not finite.
        """
        x = np.asarray(examples.x, np.float32)
        if np.isnan(x).any():
            raise InputRefused(
                expected="x without missing cells for a module of your own, which gets x as it is",
                came=f"{int(np.isnan(x).sum())} missing",
                do="Fill them in, or give fit=, a scikit-learn estimator or none of your own.",
            )
        return x

    def fit(self, *given: Any, **named: Any) -> Run:
        """Train every member (`Learner.fit`), and say that x went in as it is."""
        run = super().fit(*given, **named)
        return replace(run, about={**run.about, "inputs": "as given"})

    def build(self, data: Data, generator: torch.Generator) -> nn.Module:
        """One module from the factory, with the member's own randomness.

        Raises:
            InputRefused: the factory gives no module, the module does not take x, or its outputs are not
                logits (b, k) or values (b,) or (b, 1) for these data.
        """
        make, seed = self._factory(), generator.initial_seed()
        asked = set(inspect.signature(make).parameters) & {"seed", "generator"}
        given = {"seed": seed, "generator": generator}
        with contained(seed):
            module = make(**{name: given[name] for name in asked})
            if not isinstance(module, nn_module()):
                raise InputRefused(
                    expected="a torch.nn.Module from model=",
                    came=type(module).__name__,
                    do="Return the module.",
                )
            check_outputs(module, self.inputs(data.train.take(slice(0, 3))), data)
        return module

    def title(self, data: Data) -> str:
        """The factory's name."""
        return self.qualname or self.name

    def _factory(self) -> Callable[..., nn.Module]:
        """The factory: the one given, or the one in the file if it is still the same."""
        return again(self.path, self.qualname, self.code, True) if self._make is None else self._make


def nn_module() -> type[nn.Module]:
    """The class of torch modules; importing this file does not import torch."""
    from torch import nn

    return nn.Module


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
        advice = "One logit is not enough for two classes: give two, one a class (z alone is the pair 0, z)."
    else:
        advice = f"Give the last layer {k if kind == 'classes' else 1} outputs."
    wanted = f"logits (b, {k}), one a class" if kind == "classes" else "values (b,) or (b, 1)"
    raise InputRefused(expected=f"{wanted}, from x {x.shape}", came=f"outputs {shape}", do=advice)
