"""Container: how the user keeps an array (type, dtype, order in memory, names), so that his code gets it so again."""

from __future__ import annotations

import copy
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

import numpy as np


class NamedColumns(np.ndarray):
    """The rows of a table file (n, d): an array that knows the names of its columns; cutting rows keeps them.

    `columns` are the names, `x["age"]` is one column; `categories` are the words that the codes of each column of
    categories stand for.

    Example:
        >>> x = NamedColumns.of(np.eye(2), ("age", "town"), {"town": ("Bonn", "Ulm")})
        >>> x[1:].columns, x["age"].tolist(), x.categories["town"][int(x["town"][1])]
        (('age', 'town'), [1.0, 0.0], 'Ulm')
    """

    columns: tuple[str, ...] = ()
    categories: dict[str, tuple[str, ...]] = {}

    @classmethod
    def of(cls, x: np.ndarray, columns: tuple[str, ...], categories: dict[str, tuple[str, ...]]) -> Self:
        """The array with its names."""
        named = x.view(cls)
        named.columns, named.categories = columns, categories
        return named

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, str):
            return np.asarray(self)[:, self.columns.index(key)]
        found = super().__getitem__(key)
        if isinstance(found, NamedColumns) and not isinstance(key, tuple) and found.shape[1:] == self.shape[1:]:
            found.columns, found.categories = self.columns, self.categories
        return found


@dataclass(frozen=True)
class Container:
    """How the user keeps an array.

    Attributes:
        kind: `array`, `tensor`, `list`, or the `table` of a file.
        dtype: numpy's name, or torch's where numpy has none (bfloat16); empty where any will do.
        axes: the axes from the slowest to the fastest in memory; empty for C order.
        depth: how many axes are lists; the rest are arrays.
        device: of a tensor.
        names: of the columns of a table.
        words: the words that the codes of each column stand for.
    """

    kind: Literal["array", "tensor", "list", "table"] = "array"
    dtype: str = ""
    axes: tuple[int, ...] = ()
    depth: int = 0
    device: str = "cpu"
    names: tuple[str, ...] = ()
    words: tuple[tuple[str, ...], ...] = ()

    @classmethod
    def of(cls, value: Any, array: np.ndarray) -> Self:
        """How `value` is kept; `array` is `as_array(value)`.

        Example:
            >>> Container.of(np.ones((3, 2), np.float16, order="F"), np.ones((3, 2))).axes
            (1, 0)
        """
        if hasattr(value, "detach"):
            dtype, strides = str(value.dtype).removeprefix("torch."), value.stride()
            return cls("tensor", dtype, _axes(tuple(value.shape), strides), device=str(value.device))
        if isinstance(value, list | tuple):
            depth, inner = 0, value
            while isinstance(inner, list | tuple) and len(inner):
                depth, inner = depth + 1, inner[0]
            return cls("list", array.dtype.str, depth=min(depth, array.ndim))
        strides = getattr(value, "strides", None)
        axes = _axes(array.shape, strides) if isinstance(value, np.ndarray) and strides else ()
        return cls("array", array.dtype.str, axes)

    def take(self, rows: np.ndarray) -> Self:
        """The same of some rows: an array is kept alike whatever its rows."""
        return self

    def filled(self, seen: Container) -> Container:
        """The same once missing cells are filled in, as the rows in `seen` say; of an array nothing changes."""
        return self

    def stored(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """As JSON, and arrays by name."""
        return asdict(self), {}

    def holding(self, x: np.ndarray) -> Any:
        """A copy of x as the user keeps it: nothing that is done to it reaches x.

        Example:
            >>> Container("list", "<i8", depth=2).holding(np.array([[1, 2]]))
            [[1, 2]]
        """
        if self.kind == "tensor":
            import torch

            tensor = torch.from_numpy(self._laid_out(np.array(x)))
            return tensor.to(self.device, vars(torch)[self.dtype] if self.dtype else tensor.dtype)
        laid = self._laid_out(x.astype(self.dtype or x.dtype))
        if self.kind == "list":
            return _nested(laid, self.depth)
        if self.kind == "table":
            codes = {name: words for name, words in zip(self.names, self.words) if words}
            return NamedColumns.of(laid, self.names, codes)
        return laid

    def _laid_out(self, x: np.ndarray) -> np.ndarray:
        if len(self.axes) != x.ndim:
            return np.ascontiguousarray(x)
        made = np.empty([x.shape[axis] for axis in self.axes], x.dtype).transpose(np.argsort(self.axes))
        made[...] = x
        return made

    def said(self, x: np.ndarray) -> str:
        """What the user's code gets, in words.

        Example:
            >>> Container("tensor", "uint8").said(np.zeros((9, 28, 28), np.uint8))
            'uint8 tensors of shape (n, 28, 28)'
        """
        shape = f"of shape (n{''.join(f', {size}' for size in x.shape[1:])}{',' if x.ndim == 1 else ''})"
        if self.kind == "list":
            return f"lists {shape}"
        dtype = self.dtype if self.kind == "tensor" else np.dtype(self.dtype or x.dtype).name
        order = ", not in C order" if self.axes else ""
        kind = {"array": "arrays", "tensor": "tensors", "table": "arrays with names of columns"}[self.kind]
        return f"{dtype or x.dtype} {kind} {shape}{order}"


def copied(x: Any) -> Any:
    """A copy of an array, tensor or list as `Container.holding` made it, laid out alike."""
    if isinstance(x, NamedColumns):
        return NamedColumns.of(np.array(x, copy=True, subok=False), x.columns, x.categories)
    if hasattr(x, "detach"):
        return x.clone()  # keeps the order of the axes, for nothing overlaps
    if hasattr(x, "schema") and hasattr(x, "combine_chunks"):
        return x  # of pyarrow, which nothing can write into
    return np.array(x, copy=True) if isinstance(x, np.ndarray) else copy.deepcopy(x)


def _axes(shape: tuple[int, ...], strides: tuple[int, ...]) -> tuple[int, ...]:
    """The axes from the slowest to the fastest; none for C order, nor where a stride decides nothing."""
    order = sorted(range(len(shape)), key=lambda axis: -abs(strides[axis]))
    matters = [axis for axis in order if shape[axis] > 1]
    return () if matters == sorted(matters) else tuple(order)


def _nested(x: np.ndarray, depth: int) -> list[Any]:
    if depth >= x.ndim:
        return x.tolist()
    return [np.array(row) for row in x] if depth <= 1 else [_nested(row, depth - 1) for row in x]
