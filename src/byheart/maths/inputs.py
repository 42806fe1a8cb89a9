"""What the mathematics accepts: numpy arrays, torch tensors, lists; and how it refuses the rest by name."""

from __future__ import annotations

from typing import Any

import numpy as np

from byheart.errors import InputRefused


def array(value: Any, name: str, axes: str, *, finite: bool = True) -> np.ndarray:
    """Is `value` an array of numbers with these axes?

    Given back as numpy, one axis per letter of `axes` ("mn" is m members by n examples); refused by name where not.

    Half precision is widened to float32, for which products are fast and sums do not overflow; torch
    tensors are detached.

    Raises:
        InputRefused: another number of axes, no numbers, or (`finite`) NaN or infinity.
    """
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        # numpy has no bfloat16
        value = (value.float() if "bfloat16" in str(value.dtype) else value).numpy()
    result = np.asarray(value)
    shape = "(" + ", ".join(axes) + ("," if len(axes) == 1 else "") + ")"
    if result.ndim != len(axes):
        raise InputRefused(f"{name} of shape {shape}", f"shape {result.shape}", f"Give {name} with {len(axes)} axes.")
    if result.dtype.kind not in "biuf":
        raise InputRefused(f"{name} of numbers, shape {shape}", f"dtype {result.dtype}", f"Convert {name} to numbers.")
    if result.dtype == np.float16:
        result = result.astype(np.float32)
    if finite and result.dtype.kind == "f" and not np.isfinite(result).all():
        bad = int((~np.isfinite(result)).sum())
        raise InputRefused(
            expected=f"{name} without NaN or infinity",
            came=f"{bad} such values in shape {result.shape}",
            do="Leave these examples or members out, or repair what produced them.",
        )
    return result


def members_mask(value: Any, shape: tuple[int, int], gaps: bool = False) -> np.ndarray:
    """Which member saw which example?

    A boolean mask (m, n), True where member m saw example n; with `gaps` also int8, -1 where it counts for neither.

    Raises:
        InputRefused: another shape, or values beside 0 and 1.
    """
    result = array(value, "mask", "mn")
    same_shape(result, "mask", shape)
    if gaps and result.dtype != bool and (result == -1).any() and np.isin(result, (-1, 0, 1)).all():
        return result.astype(np.int8)
    if result.dtype != bool and not np.isin(result, (0, 1)).all():
        raise InputRefused("mask of True and False", f"dtype {result.dtype} with other values", "Pass mask != 0.")
    return result.astype(bool)


def same_shape(value: np.ndarray, name: str, shape: tuple[int, ...]) -> None:
    """Has `value` this shape?

    Raises:
        InputRefused: it has another.
    """
    if value.shape != tuple(shape):
        raise InputRefused(
            expected=f"{name} of shape {tuple(shape)}",
            came=f"shape {value.shape}",
            do="Check the order of the axes: members, examples, classes.",
        )


def class_labels(value: Any, n: int, k: int) -> np.ndarray:
    """Are these whole numbers from 0 to k - 1, one an example?

    Given back as integers (n,).

    Raises:
        InputRefused: another shape, fractions, or labels out of range.
    """
    result = array(value, "labels", "n")
    same_shape(result, "labels", (n,))
    whole = result.astype(np.int64)
    if (whole != result).any() or (n and (whole.min() < 0 or whole.max() >= k)):
        raise InputRefused(
            expected=f"labels that are whole numbers from 0 to {k - 1}",
            came=f"values from {result.min()} to {result.max()}",
            do="Number the classes from 0, in the order of the logits.",
        )
    return whole


def is_binary(value: np.ndarray) -> bool:
    """Is every value 0 or 1, so that a mean is a share of successes?"""
    return value.dtype == bool or bool(((value == 0) | (value == 1)).all())
