"""Manifold attractor: some units of a recurrent network are held near staying as they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, NamedTuple, Self

from pydantic import Field, model_validator

from byheart.errors import InputRefused
from byheart.levers.base import Course, Lever, State

if TYPE_CHECKING:
    import torch

# of torch's recurrent layers, by how many blocks of rows the weights by the state have: which holds the new content
CONTENT = {1: 0, 3: 2, 4: 2}  # plain; GRU (reset, update, new); LSTM (input, forget, new, output)
MIXED, SHIFTED = ("W", "W1"), ("h", "h1")  # of a piecewise-linear network, whose diagonal is A


class Drawn(NamedTuple):
    """Rows of a weight that are drawn to `wanted`, and what each of their squares weighs: numbers or (rows, ...).

    `read_by` names the weights by the input of the same units, beside those by the state.
    """

    name: str
    rows: slice
    wanted: Any
    weighs: Any
    read_by: str = ""


class ManifoldAttractor(Lever):
    r"""The last `share` of the units are drawn to z' = z: their own weight to 1, the rest of their row and bias to 0.

    loss + strength (mean_i (A_ii - 1)^2 + mean_{i, j != i} W_ij^2 + mean_i h_i^2), i over those units and the means
    over the entries of each block: near it there is a manifold of states that stay, along which gradients neither
    vanish nor explode. With `begin` training also begins there; without a strength that is the initialisation alone.
    Strength 0 without `begin` changes nothing. What stays also sums up all that it reads: `inputs` is by how much the
    weights by the input of those units are multiplied at the beginning, so that long sequences begin with small states.

    Which weights: of a piecewise-linear network A, the rows of W (or W1) and h (or h1). Of torch's plain recurrent
    layers the diagonal of the weights by the state is A, the rest of its rows W, both biases h. Of LSTM and GRU the
    same in the block of the new content alone; gates are left free. Weights by the input are never drawn. Each layer
    has means of its own.

    Raises:
        InputRefused: a model without recurrent weights.

    Example:
        >>> ManifoldAttractor(strength=5).share, ManifoldAttractor(strength=0).idle
        (0.5, True)
        >>> ManifoldAttractor(strength=0, begin=True).idle
        False

    Reference: Schmidt, Koppe, Monfared, Beutelspacher, Durstewitz 2021, Identifying nonlinear dynamical systems with
    multiple time scales and long-range dependencies (sums there; means and both strengths 5 in the authors' settings).
    """

    name: ClassVar[str] = "manifold-attractor"
    costless: ClassVar[frozenset[str]] = frozenset({"strength"})
    strength: Annotated[float, Field(ge=0)]
    share: Annotated[float, Field(gt=0, le=1)] = 0.5
    begin: bool = False
    inputs: Annotated[float, Field(ge=0)] = 1.0

    @model_validator(mode="after")
    def _of_a_beginning(self) -> Self:
        if self.inputs != 1 and not self.begin:
            raise ValueError("inputs say where training begins: give begin=true")
        return self

    def key_fields(self) -> dict[str, Any]:
        """Without `inputs` where they stay as they are: what was trained before they could be changed stays known."""
        fields = super().key_fields()
        return fields if self.inputs != 1 else {name: value for name, value in fields.items() if name != "inputs"}

    @property
    def idle(self) -> bool:
        """At strength 0, unless training is to begin there."""
        return self.strength == 0 and not self.begin

    def start(self, course: Course) -> dict[str, torch.Tensor]:
        """Remember nothing; with `begin` the units stay as they are at first.

        Raises:
            InputRefused: no recurrent weights.
        """
        drawn = list(self._drawn(course.weights))
        if not drawn:
            raise InputRefused(
                expected="a model with recurrent weights for manifold-attractor",
                came=f"one of {', '.join(list(course.weights)[:6])}",
                do="Leave the lever out, or take --learner recurrent or plrnn.",
            )
        if self.begin:
            for one in drawn:
                rows = course.weights[one.name][:, one.rows]
                rows.copy_(rows.new_zeros(rows.shape) + one.wanted)
                if one.read_by:
                    course.weights[one.read_by][:, one.rows].mul_(self.inputs)
        return {}

    def gradient(self, course: Course, state: State) -> None:
        """Add the derivative of strength times the means."""
        if not self.strength:
            return
        for one in self._drawn(course.weights):
            away = course.weights[one.name][:, one.rows] - one.wanted
            course.gradients[one.name][:, one.rows].add_(away * one.weighs, alpha=2 * self.strength)

    def _drawn(self, weights: Mapping[str, torch.Tensor]) -> Iterator[Drawn]:
        """All that is drawn, of the weights name -> (m, ...)."""
        for name, weight in weights.items():
            stem, _, last = name.rpartition(".")
            stem += "." * bool(stem)
            if last.startswith("weight_hh"):
                yield from self._of_torch(weights, stem, last.removeprefix("weight_hh"))
            elif last == "A" and weight.dim() == 2:
                yield from self._of_piecewise(weights, stem, weight.shape[1])

    def _of_torch(self, weights: Mapping[str, torch.Tensor], stem: str, level: str) -> Iterator[Drawn]:
        import torch

        by_state = weights[f"{stem}weight_hh{level}"]
        units = by_state.shape[2]
        block = CONTENT.get(by_state.shape[1] // units)
        if block is None or by_state.shape[1] % units:
            return
        n = self._count(units)
        rows = slice((block + 1) * units - n, (block + 1) * units)
        one = torch.eye(units, dtype=by_state.dtype, device=by_state.device)[-n:]
        weighs = one / n + (1 - one) / max(n * (units - 1), 1)
        yield Drawn(f"{stem}weight_hh{level}", rows, one, weighs, f"{stem}weight_ih{level}")
        biases = [name for which in ("ih", "hh") if (name := f"{stem}bias_{which}{level}") in weights]
        for name in biases:
            yield Drawn(name, rows, 0.0, 1 / (n * len(biases)))

    def _of_piecewise(self, weights: Mapping[str, torch.Tensor], stem: str, units: int) -> Iterator[Drawn]:
        n = self._count(units)
        rows = slice(units - n, units)
        mixed = [stem + name for name in MIXED if stem + name in weights and weights[stem + name].shape[1] == units]
        if not mixed:
            return
        yield Drawn(f"{stem}A", rows, 1.0, 1 / n, f"{stem}C" if f"{stem}C" in weights else "")
        for name in mixed:
            yield Drawn(name, rows, 0.0, 1 / weights[name][0, rows].numel())
        for name in SHIFTED:
            if stem + name in weights:
                yield Drawn(stem + name, rows, 0.0, 1 / n)

    def _count(self, units: int) -> int:
        return max(round(self.share * units), 1)
