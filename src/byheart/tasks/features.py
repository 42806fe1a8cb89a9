"""Features as people keep them, checked and left as they are; what cannot be measured is refused by name."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from byheart.errors import InputRefused
from byheart.tasks.labels import MINIMUM

Missing = Literal["refuse", "impute", "keep"]

_ADVICE = {
    "O": (
        "objects",
        "Convert to numbers: x.astype(float). Mixed columns: save them as .csv and give the path. "
        "Ragged sequences: pad them to one length.",
    ),
    "c": ("complex numbers", "Give real and imaginary part as two features: np.stack([x.real, x.imag], -1)."),
    "U": ("text", "Give numbers; a table with words is read from a .csv file."),
    "S": ("bytes", "Give numbers; a table with words is read from a .csv file."),
    "M": ("dates", "Convert to days: x.astype('datetime64[D]').astype(float)."),
    "m": ("durations", "Convert to numbers: x / np.timedelta64(1, 's')."),
    "V": ("records with named fields", "Give one number a feature, or save them as .csv and give the path."),
}


FILL = "Fill them in, or use missing='impute' (--missing impute)."
LARGEST = np.finfo(np.float32).max  # models compute in float32


def as_array(value: Any, what: str) -> np.ndarray:
    """A copy of the user's array, list or tensor as a numpy array; tensors are told by their methods.

    Raises:
        InputRefused: sparse or masked arrays, tensors without numbers of their own, ragged lists.
    """
    if hasattr(value, "detach") and hasattr(value, "cpu"):
        return _from_tensor(value, what)
    if hasattr(value, "toarray"):
        raise InputRefused(f"a dense array for {what}", type(value).__name__, f"Give {what}.toarray().")
    if isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value):
        raise InputRefused(
            expected=f"an array without a mask for {what}",
            came=f"{int(np.ma.getmaskarray(value).sum())} masked cells",
            do="Drop those rows, or x.astype(float).filled(np.nan) with missing='impute'.",
        )
    try:
        array = np.array(value)
        return np.array(value, dtype=object) if _changed(value, array) else array
    except ValueError as error:
        raise InputRefused(
            f"rows of one length in {what}", f"a ragged sequence ({error})", "Pad or cut the rows to one length."
        ) from None


def _changed(value: Any, array: np.ndarray) -> bool:
    """Did numpy make text of numbers, floats of whole numbers too large, or cut text, to hold a list in one type?"""
    if not isinstance(value, list | tuple) or array.ndim != 1 or array.dtype.kind not in "USf":
        return False
    return any(a != b and b == b for a, b in zip(value, array.tolist()))


def _from_tensor(value: Any, what: str) -> np.ndarray:
    if value.is_sparse or value.is_quantized or value.is_meta or value.is_nested:
        raise InputRefused(
            expected=f"a dense tensor that holds its numbers for {what}",
            came="a sparse, quantised, nested or meta tensor",
            do=f"Give {what}.to_dense() or {what}.dequantize().",
        )
    on_cpu = value.detach().cpu().resolve_conj().resolve_neg()
    try:
        return np.array(on_cpu.numpy())
    except TypeError:  # bfloat16 has no numpy type
        return np.array(on_cpu.float().numpy())


def checked_features(x: np.ndarray, missing: Missing = "refuse", what: str = "x") -> np.ndarray:
    """The features (n, ...) themselves, if they are finite numbers.

    Args:
        x: (n, d) or (n, ...) numbers.
        missing: `refuse`, `impute` or `keep`; with the last two NaN stays.
        what: what the features are called in messages.

    Raises:
        InputRefused: shapes without examples or features, types that are not numbers, NaN, infinity.

    Example:
        >>> checked_features(np.array([[1, 2], [3, 4]], np.int8)).dtype
        dtype('int8')
    """
    _check_shape(x, what)
    if x.dtype.kind not in "biuf":
        came, advice = _ADVICE.get(x.dtype.kind, (f"dtype {x.dtype}", "Convert to numbers: x.astype(float)."))
        raise InputRefused(expected=f"numbers in {what}", came=f"{came} (dtype {x.dtype})", do=advice)
    _check_finite(x, missing, what)
    return x


def _check_shape(x: np.ndarray, what: str) -> None:
    if x.ndim == 1 and len(x):
        raise InputRefused(
            f"{what} of shape (n, features)", f"shape {x.shape}", f"For one feature an example: {what}.reshape(-1, 1)."
        )
    if x.ndim == 0:
        raise InputRefused(f"{what} of shape (n, features)", "a single number", "Give one row an example.")
    if len(x) == 0:
        raise InputRefused(expected=f"examples in {what}", came="none", do="Check how the data were loaded.")
    if x[0].size == 0:
        raise InputRefused(f"at least one feature in {what}", f"shape {x.shape}", "Check how the data were loaded.")


def _check_finite(x: np.ndarray, missing: Missing, what: str) -> None:
    infinite = np.abs(x) > LARGEST
    if infinite.any():
        raise InputRefused(
            expected=f"finite features in {what}, none beyond {LARGEST:.2g}",
            came=f"{int(infinite.sum())} infinite or beyond, the first in {_place(infinite)}",
            do="Replace them by numbers, or by NaN and use missing='impute'.",
        )
    gone = np.isnan(x)
    if not gone.any():
        return
    if missing == "refuse":
        raise InputRefused(
            expected=f"finite features in {what}",
            came=f"{int(gone.sum())} NaN, the first in {_place(gone)}",
            do=FILL,
        )
    empty = gone.all(axis=0).reshape(-1)
    if empty.any() and what == "x":  # a test column may be empty: it is filled in from training
        raise InputRefused(
            expected=f"at least one number in every feature of {what}",
            came=f"only NaN in column {int(empty.argmax())}",
            do="Drop that column: there is nothing to fill it in from.",
        )


def _place(cells: np.ndarray) -> str:
    place = [int(i) for i in np.unravel_index(int(cells.argmax()), cells.shape)]
    return f"row {place[0]}, column {place[1] if len(place) == 2 else tuple(place[1:])}"


def check_lengths(x: np.ndarray, y: np.ndarray, names: tuple[str, str] = ("x", "y")) -> None:
    """One label an example.

    Raises:
        InputRefused: the lengths differ.
    """
    if y.ndim == 0 or len(x) != len(y):
        came = f"{len(x)} and {len(y) if y.ndim else 'a single label'}"
        raise InputRefused(f"{names[0]} and {names[1]} of one length", came, "Give one label an example.")


def check_enough(n: int) -> None:
    """At least `MINIMUM` training examples.

    Raises:
        InputRefused: fewer.
    """
    if n < MINIMUM:
        raise InputRefused(
            expected=f"at least {MINIMUM} training examples",
            came=f"{n}",
            do="With fewer, every interval would span most of its axis, so nothing would be said.",
        )


def check_same_shape(x: np.ndarray, x_test: np.ndarray) -> None:
    """Test examples of the shape of the training examples.

    Raises:
        InputRefused: another shape; both are said.
    """
    if x.shape[1:] != x_test.shape[1:]:
        raise InputRefused(
            f"test examples of the training shape {x.shape[1:]}", f"{x_test.shape[1:]}", "Prepare both in the same way."
        )


def check_same_scale(x: np.ndarray, x_test: np.ndarray) -> None:
    """Bytes beside bytes: pictures in 0..255 are scaled, so the test must not be in another type.

    Raises:
        InputRefused: only one of them holds bytes.
    """
    if (x.dtype == np.uint8) != (x_test.dtype == np.uint8):
        raise InputRefused(
            expected="x and x_test on one scale",
            came=f"dtypes {x.dtype} and {x_test.dtype}",
            do="Give both as bytes (0..255), or both as floats on the same scale.",
        )
