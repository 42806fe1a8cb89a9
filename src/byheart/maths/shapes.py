"""Shapes of arrays in annotations: `Float[np.ndarray, "m n"]` is m members by n examples, checked when tests run.

One letter per axis, in all of the mathematics: n examples, q queries, d features, k classes, t steps, p parameters,
m members, v vocabulary, b a batch, r anything else that has rows. A single letter is written with a space before it
(" n"), for linters read "n" as a name. `Given[Any, "m n"]` is what a caller may hand over: an array or a tensor of
these axes, or nested lists.

Annotations are text that nothing reads but the check (jaxtyping and beartype, installed with the tests), so no
user needs either of them; without jaxtyping the names stand for what they wrap.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int, Shaped
    from jaxtyping import Shaped as Given
elif "jaxtyping" in sys.modules:
    from jaxtyping import Bool, Float, Int, Shaped

    class Given:
        """An array or a tensor with these axes, or lists, whose shape only the function can tell."""

        def __class_getitem__(cls, of: tuple[Any, str]) -> Any:
            """`Given[Any, "m n"]`."""
            return Shaped[of[0], of[1]] | list | tuple

else:

    class Float:
        """What is wrapped, its shape left out."""

        def __class_getitem__(cls, of: tuple[Any, str]) -> Any:
            """`Float[np.ndarray, "m n"]` is np.ndarray."""
            return of[0]

    Bool = Int = Shaped = Given = Float

__all__ = ["Bool", "Float", "Given", "Int", "Shaped"]
