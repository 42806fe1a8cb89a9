"""Module: a user's own `nn.Module`, made afresh for every member by the user's factory."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from pydantic import PrivateAttr

from byheart.errors import InputRefused
from byheart.fingerprint.code import contained
from byheart.learners.base import Network
from byheart.learners.fresh import must_be_fresh
from byheart.learners.module_inputs import called_with, evaluating, of_parts, refused_inputs, taken_dtype
from byheart.learners.userfit import as_given, has_missing
from byheart.learners.users_code import UsersCode
from byheart.tasks.frames.kept import KeptFrame

if TYPE_CHECKING:
    import torch
    from torch import nn

    from byheart.tasks.data import Data
    from byheart.training.run import Run


class FromFactory(UsersCode, Network):
    """What `make_model` returns, trained by our loop on tensors of x as it was given: its shape and type.

    Floats that the module fails on take the type of its weights (float64, which is what numpy gives, becomes
    float32); whole numbers are never converted. Missing cells reach a module that gives finite outputs for them.

    `make_model` is called once a member, without arguments or with the one it asks for by name: `seed`
    (an integer) or `generator` (a torch.Generator). Around it the global generators start at the
    member's seed and are put back, so a factory that just builds layers gives fresh weights too. A factory that
    returns what another member was trained with is refused (`fresh.must_be_fresh`).

    Make one with `FromFactory.of(make_model, epochs=10)`.

    Example:
        >>> from torch import nn
        >>> FromFactory.of(lambda: nn.Linear(4, 2), epochs=5).epochs
        5
    """

    name: ClassVar[str] = "module"
    version: ClassVar[int] = 3
    factory: ClassVar[bool] = True
    _dtypes: dict[Any, torch.dtype] = PrivateAttr(default_factory=dict)

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
        return cls.known(make_model, code, **settings)

    def inputs(self, data: Data, view: str) -> torch.Tensor:
        """x as it was given, as a tensor.

        Raises:
            InputRefused: the module fails on it, or turns missing cells into outputs that are not finite.
        """
        return called_with(data.views[view]).to(self.dtype(data))

    def dtype(self, data: Data) -> torch.dtype:
        """The type in which the factory's modules are called on x; a module is made and tried once.

        Raises:
            InputRefused: as `inputs`.
        """
        x, missing = data.train.x, has_missing(data)
        asked = x.dtype.str, x.shape[1:], missing, data.train.containers.get("x")
        if asked not in self._dtypes:
            gone = np.isnan(x).reshape(len(x), -1).any(1) if missing else np.zeros(len(x), bool)
            few = called_with(data.train, np.argsort(~gone, kind="stable")[:3])
            module = of_parts(self._made(0), data)
            self._dtypes[asked] = taken_dtype(module, few)
            outputs = check_outputs(module, few.to(self._dtypes[asked]), data)
            if missing and not bool(outputs.isfinite().all()):
                raise InputRefused(
                    expected="x without missing cells for a module of your own, which gets x as it was given",
                    came=f"{int(np.isnan(x).sum())} missing, on which its outputs are not finite",
                    do="Fill them in, or give fit=, a scikit-learn estimator or none of your own.",
                )
        return self._dtypes[asked]

    def fit(self, data: Data, *given: Any, **named: Any) -> Run:
        """Train every member (`Learner.fit`), and say what went in."""
        run = super().fit(data, *given, **named)
        numbers = "columns as numbers, dates as days, categories as codes; "  # of a frame, which is no tensor
        said = (numbers if isinstance(data.train.containers.get("x"), KeptFrame) else "") + as_given(data)
        got = str(self.dtype(data)).removeprefix("torch.")
        cast = "" if f" {got} " in said.replace(",", "") else f", as {got} tensors"
        return replace(run, about={**run.about, "inputs": f"{said}{cast}"})

    def build(self, data: Data, generator: torch.Generator) -> nn.Module:
        """One module from the factory, with the member's own randomness.

        Raises:
            InputRefused: the factory gives no module or one that was trained before, the module does not take x, or
                its outputs are not logits (b, k) or values (b,) or (b, 1) for these data.
        """
        dtype, seed = self.dtype(data), generator.initial_seed()
        module = of_parts(self._made(seed, generator), data)
        with contained(seed):
            check_outputs(module, called_with(data.train, np.arange(min(3, len(data.train)))).to(dtype), data)
        return module

    def _made(self, seed: int, generator: torch.Generator | None = None) -> nn.Module:
        """What the factory returns at a seed."""
        import torch

        make = self.function()
        asked = set(inspect.signature(make).parameters) & {"seed", "generator"}
        given = {"seed": seed, "generator": generator or torch.Generator().manual_seed(seed)}
        with contained(seed):
            module = make(**{name: given[name] for name in asked})
        if not isinstance(module, nn_module()):
            raise InputRefused("a torch.nn.Module from model=", type(module).__name__, "Return the module.")
        must_be_fresh(make, module)
        return module


def nn_module() -> type[nn.Module]:
    """The class of torch modules; importing this file does not import torch."""
    from torch import nn

    return nn.Module


def check_outputs(module: nn.Module, x: torch.Tensor, data: Data) -> torch.Tensor:
    """Its outputs for a batch x (b, ...), if the module gives what the data need.

    Raises:
        InputRefused: it fails on x, or gives another shape; what was expected and what came are said.
    """
    import torch

    output, k = data.output, data.output.k
    try:
        with evaluating(module):
            given = module(x.clone())
    except Exception as error:  # whatever a user's module raises
        raise refused_inputs(x, error) from error
    shape = tuple(given.shape) if isinstance(given, torch.Tensor) else type(given).__name__
    fits = [(len(x),), (len(x), 1)] if output.continuous and k == 1 else [(len(x), k)]
    if shape in fits:
        return given
    if output.labelled and shape in [(len(x),), (len(x), 1)]:
        advice = "One logit is not enough for two classes: give two, one a class (z alone is the pair 0, z)."
    else:
        advice = f"Give the last layer {k} outputs."
    values = "values (b,) or (b, 1)" if k == 1 else f"values (b, {k})"
    wanted = f"logits (b, {k}), one a class" if output.labelled else values
    raise InputRefused(expected=f"{wanted}, from x {tuple(x.shape)}", came=f"outputs {shape}", do=advice)
