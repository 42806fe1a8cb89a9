"""A picture file read as the training pictures are laid out: same shape, same scale, nothing scaled or guessed."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from byheart.errors import InputRefused
from byheart.tasks.data import Data
from byheart.tasks.pictures import picture
from byheart.tasks.png import SIGNATURE, Damaged, Unusual, read_png

LUMA = np.array([0.299, 0.587, 0.114])
BRIGHT = 0.5  # of white: a border above it is a bright background
T = TypeVar("T")
BILINEAR = 2  # Pillow's number for it
HEADER = 26  # bytes of a PNG up to its depth and kind of colour
DEPTH = 24  # the byte of a PNG that says how many bits a value has
FEW = 0.01  # of the training pictures that are like it; below that the reader is told


def picture_like(path: Path, data: Data) -> tuple[np.ndarray, tuple[str, ...]]:
    """The picture in a file as one training example would hold it, and what a reader must know of it.

    Grey goes to colour by repeating it; colour to grey by 0.299 R + 0.587 G + 0.114 B, which is said. 0 to 255
    becomes the scale of the training data (0 to 1, unless those are bytes). A picture of another size is refused: how
    the training pictures were cut and scaled is not known here.

    Args:
        path: a PNG; JPEG and others where Pillow is installed.
        data: of pictures.

    Returns:
        x in the shape and type of `data.train.x[0]`, and notes.

    Raises:
        InputRefused: data that are not pictures; no such file, damaged, of a kind that is not read, transparent, or
            of another size.

    Cost: reading the file, one pass over the training pictures.

    Fails when: training pictures were made by other steps than scaling (contrast, cropping): do the same to the file.

    Reference: ITU-R BT.601 for the weights of grey.

    Example:
        >>> picture_like(Path("no.png"), _two_pictures())
        Traceback (most recent call last):
        byheart.errors.InputRefused: expected a picture file at no.png, got No such file or directory. Check the path.
    """
    if data.output.show not in ("image", "photograph"):
        what = data.about.get("title", "these data")
        raise InputRefused(
            expected="data of pictures for an image file",
            came=f"{what}, which is not pictures",
            do="Ask with --test, --example or --text.",
        )
    pixels = opaque(read_pixels(path), path.name)
    train = data.train.x
    like = picture(train[0])
    if pixels.shape[:2] != like.shape[:2]:
        raise InputRefused(
            expected=f"a picture of {like.shape[1]} x {like.shape[0]} pixels, as in training",
            came=f"{pixels.shape[1]} x {pixels.shape[0]} in {path.name}",
            do="Cut and scale it as the training pictures were.",
        )
    made, notes = _channels(pixels, 1 if like.ndim == 2 else 3)
    top = 255.0 if float(train.max()) <= 1 else 1.0
    values = made / top
    if train.dtype.kind in "ui":
        values = np.rint(values)
    x = _laid_out(values, train.shape[1:]).astype(train.dtype)
    return x, (*notes, *_unlike(values * top / 255, data))


def read_pixels(path: Path) -> np.ndarray:
    """The pixels of a picture file, uint8 (h, w, c); PNG by ourselves, others by Pillow where it is installed.

    Raises:
        InputRefused: no such file, damaged, or of a kind that cannot be read here.
    """
    content = _content(path)
    if content.startswith(SIGNATURE):
        try:
            return read_png(content)
        except Damaged as error:
            raise InputRefused("a whole PNG file", f"{error} in {path.name}", "Save it again.") from None
        except Unusual as error:
            if content[DEPTH] > 8:  # of which Pillow keeps 8 for colour, unsaid
                raise _deeper(path.name) from None
            what = f"a PNG of {error}"
    else:
        what = f"{path.name}, which is no PNG"
    return _by_pillow(content, path, what, lambda opened: pillow_pixels(opened, path.name))


def picture_size(path: Path) -> tuple[int, int]:
    """Width and height of a picture file, from its header.

    Raises:
        InputRefused: as `read_pixels`; not where only the pixels are damaged.
    """
    content = _content(path, HEADER)
    if content.startswith(SIGNATURE) and len(content) == HEADER:
        wide, high = struct.unpack(">II", content[16:24])
        return wide, high
    return _by_pillow(_content(path), path, f"{path.name}, which is no PNG", lambda opened: opened.size)


def scaled(pixels: np.ndarray, size: int) -> np.ndarray:
    """The middle (size, size, c) of pixels (h, w, c) whose shorter side was scaled to `size`, by averaging pixels.

    Raises:
        InputRefused: Pillow, which scales, is not installed.
    """
    try:
        from PIL import Image
    except ImportError:
        raise InputRefused(
            "Pillow, which scales pictures", "none installed", 'Install it: pip install "byheart[images]".'
        ) from None
    high, wide = pixels.shape[:2]
    by = size / min(high, wide)
    sides = max(size, round(wide * by)), max(size, round(high * by))
    made = np.asarray(Image.fromarray(pixels.squeeze(2) if pixels.shape[2] == 1 else pixels).resize(sides, BILINEAR))
    left, top = (sides[0] - size) // 2, (sides[1] - size) // 2
    return made[top : top + size, left : left + size].reshape(size, size, -1)


def _content(path: Path, most: int = -1) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(most)
    except OSError as error:
        raise InputRefused(f"a picture file at {path}", error.strerror or "an error", "Check the path.") from None


def _by_pillow(content: bytes, path: Path, what: str, read: Callable[[Any], T]) -> T:
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError:
        raise InputRefused(
            expected="a PNG of 8 bits, not interlaced, without a transparent colour", came=what,
            do='Save it as one, or install Pillow: pip install "byheart[images]".',
        ) from None  # fmt: skip
    try:
        with Image.open(io.BytesIO(content)) as opened:
            return read(opened)
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise InputRefused(
            expected="a picture file", came=f"{path.name}: {str(error).splitlines()[0]}", do="Save it again as PNG."
        ) from None


def pillow_pixels(opened: Any, where: str) -> np.ndarray:
    """The pixels of a picture of Pillow's, uint8 (h, w, c): 1 grey, 2 grey and alpha, 3 colour, 4 colour and alpha.

    Raises:
        InputRefused: more than 8 bits, several frames, or colours that need a profile to be known (CMYK, Lab).
    """
    mode = opened.mode
    if mode[:1] in {"I", "F"}:  # how more than 8 bits map to bytes is not known
        raise _deeper(where)
    if getattr(opened, "n_frames", 1) > 1:
        raise InputRefused("a picture of one frame", f"{opened.n_frames} in {where}", "Save one frame, or each.")
    if mode not in {"1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX"}:
        raise InputRefused("a picture in grey or RGB", f"{mode} in {where}", "Save it as RGB.")
    alpha = mode[-1] in "Aa" or "transparency" in opened.info
    grey = mode in {"1", "L", "LA", "La"}
    pixels = np.asarray(opened.convert(("LA" if alpha else "L") if grey else ("RGBA" if alpha else "RGB")), np.uint8)
    return pixels if pixels.ndim == 3 else pixels[..., None]


def _deeper(where: str) -> InputRefused:
    return InputRefused("a picture of 8 bits", f"more of them in {where}", "Save it with 8 bits.")


def opaque(pixels: np.ndarray, where: str) -> np.ndarray:
    """The pixels (h, w, 1 or 3), without an alpha that says nothing.

    Raises:
        InputRefused: some are transparent.
    """
    if pixels.shape[2] in (1, 3):
        return pixels
    if (pixels[..., -1] != 255).any():
        raise InputRefused(
            expected="a picture without transparent parts",
            came=f"some in {where}",
            do="Lay it on the background that the training pictures have, and save it without transparency.",
        )
    return pixels[..., :-1]


def _channels(pixels: np.ndarray, wanted: int) -> tuple[np.ndarray, tuple[str, ...]]:
    """(h, w) or (h, w, 3) float64, 0 to 255."""
    values = pixels.astype(np.float64)
    if wanted == 3:
        return np.broadcast_to(values, (*values.shape[:2], 3)), ()
    if values.shape[2] == 1 or (pixels == pixels[..., :1]).all():
        return values[..., 0], ()
    return values @ LUMA, ("The picture is in colour and was made grey by 0.299 R + 0.587 G + 0.114 B.",)


def _laid_out(values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """(h, w) or (h, w, 3) as the training pictures lie, channels first or last."""
    if values.ndim == 3 and shape[2] != 3:
        values = np.moveaxis(values, -1, 0)
    return np.ascontiguousarray(values).reshape(shape)


def _unlike(values: np.ndarray, data: Data) -> tuple[str, ...]:
    """What is said of a picture (0 to 1) whose brightness or background hardly any training picture has."""
    nouns, n = data.output.noun[1], len(data.train)
    borders, means = _known(data)
    bright, borders = _border(values) > BRIGHT, borders > BRIGHT
    alike = float((borders == bright).mean())
    if alike < FEW:
        return (
            f"Its border is {'bright' if bright else 'dark'}; that of {100 * (1 - alike):.0f} % of the {n:,} training "
            f"{nouns} is {'dark' if bright else 'bright'}. Is the background inverted?",
        )
    if not means.min() <= values.mean() <= means.max():
        return (
            f"Its mean brightness, {values.mean():.2f} of white, is outside that of all {n:,} training {nouns}, "
            f"{means.min():.2f} to {means.max():.2f}.",
        )
    return ()


def _known(data: Data) -> tuple[np.ndarray, np.ndarray]:
    """Brightness (n,) of the border and of the whole of each training picture, one at a time: they may be many."""
    top = 1.0 if float(data.train.x.max()) <= 1 else 255.0
    each = (picture(x).astype(np.float64) / top for x in data.train.x)
    found = np.array([(_border(one), one.mean()) for one in each])
    return found[:, 0], found[:, 1]


def _border(values: np.ndarray) -> float:
    """Median brightness of the outermost pixels."""
    grey = values if values.ndim == 2 else values.mean(2)
    return float(np.median(np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])))


def _two_pictures() -> Data:
    """Two pictures of 6 x 6 pixels, for the example above."""
    from byheart.tasks.data import Examples, Truth
    from byheart.tasks.output import Classes

    train = Examples(np.arange(2), np.zeros((2, 6, 6), np.float32), np.array([0, 1]))
    return Data({"train": train}, Classes(2, ("0", "1"), show="image"), Truth(), {})
