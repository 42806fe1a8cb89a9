"""Parts: x as a dictionary of arrays, kept side by side as columns, and given back to the user's code as it came."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from byheart.errors import InputRefused
from byheart.tasks.containers import Container

EXACT = 2**24  # whole numbers up to here are the same in single precision, in which modules may be called


@dataclass(frozen=True)
class Parts(Container):
    """How a dictionary of arrays is kept: `parts` says name, shape of an example and type of each, in order.

    `tensors` says that they were tensors, all of them.
    """

    kind: str = "parts"  # type: ignore[assignment]
    parts: tuple[tuple[str, tuple[int, ...], str], ...] = ()
    tensors: bool = False

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, np.ndarray], given: Mapping[str, Any] | None = None) -> Self:
        """The layout of arrays (n, ...) by name; `given` is what they were made of."""
        parts = tuple((name, array.shape[1:], array.dtype.str) for name, array in arrays.items())
        return cls(parts=parts, tensors=bool(given) and all(hasattr(one, "detach") for one in given.values()))

    def split(self, x: Any) -> dict[str, Any]:
        """The columns x (n, d), an array or a tensor, as parts of their shapes.

        Example:
            >>> layout = Parts.of_arrays({"a": np.zeros((2, 2, 2)), "b": np.zeros(2)})
            >>> {name: part.shape for name, part in layout.split(np.zeros((2, 5))).items()}
            {'a': (2, 2, 2), 'b': (2,)}
        """
        start, made = 0, {}
        for name, shape, _ in self.parts:
            stop = start + math.prod(shape)
            made[name] = x[:, start:stop].reshape(len(x), *shape)
            start = stop
        return made

    def holding(self, x: np.ndarray) -> Any:
        """A copy of x as the dictionary that the user gave."""
        kinds = {name: dtype for name, _, dtype in self.parts}
        arrays = {name: part.astype(kinds[name]) for name, part in self.split(x).items()}
        if not self.tensors:
            return arrays
        import torch

        return {name: torch.from_numpy(array) for name, array in arrays.items()}

    def said(self, x: np.ndarray) -> str:
        """What the user's code gets, in words."""
        shown = [f"{name} {np.dtype(dtype).name} (n{''.join(f', {size}' for size in shape)})"
                 for name, shape, dtype in self.parts]  # fmt: skip
        return f"a dictionary of {'tensors' if self.tensors else 'arrays'}: {', '.join(shown)}"


def side_by_side(arrays: Mapping[str, np.ndarray], what: str = "x") -> np.ndarray:
    """Arrays (n, ...) by name as columns (n, d) of one type.

    Raises:
        InputRefused: none at all, of several lengths, no numbers, or whole numbers beyond 2^24.

    Example:
        >>> side_by_side({"a": np.ones((2, 1, 2)), "b": np.array([3, 4])}).tolist()
        [[1.0, 1.0, 3.0], [1.0, 1.0, 4.0]]
    """
    lengths = {name: len(array) if array.ndim else 0 for name, array in arrays.items()}
    if len(set(lengths.values())) != 1 or not all(array.ndim for array in arrays.values()):
        raise InputRefused(
            expected=f"arrays of one length in {what}",
            came=", ".join(f"{name}: {n}" for name, n in lengths.items()) or "none",
            do="Give every part one row an example.",
        )
    for name, array in arrays.items():
        whole = array.dtype.kind in "iu"
        if array.dtype.kind not in "biuf" or (whole and array.size and np.abs(array.astype(np.float64)).max() > EXACT):
            raise InputRefused(
                expected=f"numbers in {what}[{name!r}], whole ones up to {EXACT:,}",
                came=f"{array.dtype}{' beyond that' if whole else ''}",
                do="Convert or number them.",
            )
    dtype = np.result_type(np.float32, *(array.dtype for array in arrays.values() if array.dtype.kind == "f"))
    return np.concatenate([array.reshape(len(array), -1).astype(dtype) for array in arrays.values()], 1)
