"""Pictures among arrays: told by their shape and range, and laid out for drawing."""

from __future__ import annotations

from typing import Literal

import numpy as np

SMALLEST = 6  # a side shorter than this is more likely a short series than a picture


def is_picture(x: np.ndarray) -> Literal["image", "photograph"] | None:
    """Are these examples pictures?

    Args:
        x: (n, h, w), (n, 1, h, w), (n, h, w, 1) grey or (n, h, w, 3), (n, 3, h, w) colour; uint8 or
            floats in 0..1.

    Returns:
        `image` for grey, `photograph` for colour, None for anything else.

    Example:
        >>> is_picture(np.zeros((2, 3, 32, 32))), is_picture(np.zeros((2, 28, 28)))
        ('photograph', 'image')
    """
    shape, channels = x.shape[1:], 1
    if len(shape) == 3:
        shape, channels = _sides(shape)
    if x.size == 0 or len(shape) != 2 or min(shape) < SMALLEST or not _in_range(x):
        return None
    return "image" if channels == 1 else "photograph"


def _sides(shape: tuple[int, ...]) -> tuple[tuple[int, ...], int]:
    if shape[2] in (1, 3):
        return shape[:2], shape[2]
    if shape[0] in (1, 3):
        return shape[1:], shape[0]
    return (), 0


def _in_range(x: np.ndarray) -> bool:
    if x.dtype == np.uint8:
        return True
    return x.dtype.kind == "f" and bool(x.min() >= 0 and x.max() <= 1)


def picture(x: np.ndarray) -> np.ndarray:
    """One example as (h, w) or (h, w, 3), for drawing; channels first or last, one or three.

    Example:
        >>> picture(np.zeros((3, 32, 32))).shape, picture(np.zeros((1, 28, 28))).shape
        ((32, 32, 3), (28, 28))
    """
    if x.ndim == 2:
        return x
    if x.shape[2] not in (1, 3):
        x = np.moveaxis(x, 0, -1)
    return x[:, :, 0] if x.shape[2] == 1 else x
