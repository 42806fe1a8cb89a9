"""Pictures of examples as small PNG data URIs, written with the standard library alone."""

from __future__ import annotations

import base64
import struct
import zlib
from typing import Any

from byheart.errors import InputRefused

_INK = 29


def png_data_uri(array: Any) -> str:
    """`array`, uint8 (h, w) or (h, w, 3), as `data:image/png;base64,...`.

    Grey becomes ink whose strength is the pixel's distance from the background (black, or white when
    the border is mostly bright), so that the page's theme can turn it; colour stays as it is.

    Raises:
        InputRefused: the array is not uint8, or has another shape.
    """
    shape = tuple(getattr(array, "shape", ()))
    if (
        str(getattr(array, "dtype", "")) != "uint8"
        or not (len(shape) == 2 or (len(shape) == 3 and shape[2] == 3))
        or 0 in shape
    ):
        raise InputRefused(
            "a uint8 picture (h, w) or (h, w, 3)", f"{getattr(array, 'dtype', type(array).__name__)} {shape}"
        )
    high, wide = shape[:2]
    data = array.tobytes()
    if len(shape) == 3:
        return _uri(wide, high, 2, data, 3)
    border = data[:wide] + data[-wide:] + data[::wide] + data[wide - 1 :: wide]
    bright = sorted(border)[len(border) // 2] > 127
    alpha = bytes(255 - value for value in data) if bright else data
    pixels = bytearray(2 * len(alpha))
    pixels[0::2] = bytes([_INK]) * len(alpha)
    pixels[1::2] = alpha
    return _uri(wide, high, 4, bytes(pixels), 2)


def _uri(wide: int, high: int, kind: int, data: bytes, size: int) -> str:
    row = wide * size
    lines = b"".join(b"\0" + data[row * y : row * (y + 1)] for y in range(high))
    head = struct.pack(">IIBBBBB", wide, high, 8, kind, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", zlib.compress(lines, 9)) + _chunk(b"IEND", b"")
    return "data:image/png;base64," + base64.b64encode(png).decode()


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
