"""Picture files: every filter of PNG undone, damage told, and one picture laid out as the training pictures are."""

import io
import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from PIL import Image

import byheart as bh
from byheart.tasks.data import Data, Examples, Truth
from byheart.tasks.output import Classes
from byheart.tasks.picturefile import picture_like, read_pixels
from byheart.tasks.png import SIGNATURE, Damaged, Unusual, read_png


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(pixels, kind=None, way=0, depth=8, interlaced=0, extra=b"", rows=None):
    """A PNG of pixels (h, w, c), every row under the filter `way` (or way + row number where that is None)."""
    high, wide, size = pixels.shape
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[size] if kind is None else kind
    made = b""
    above = np.zeros((wide, size), int)
    for y, row in enumerate(pixels.astype(int)):
        each = y % 5 if way is None else way
        left, corner = (np.vstack([np.zeros((1, size), int), one[:-1]]) for one in (row, above))
        told = [0 * row, left, above, (left + above) // 2, _paeth(left, above, corner)][each]
        made += bytes([each]) + ((row - told) % 256).astype(np.uint8).tobytes()
        above = row
    head = struct.pack(">IIBBBBB", wide, high, depth, kind, 0, 0, interlaced)
    body = chunk(b"IHDR", head) + extra + chunk(b"IDAT", zlib.compress(made if rows is None else rows))
    return SIGNATURE + body + chunk(b"IEND", b"")


def _paeth(a, b, c):
    p = a + b - c
    pa, pb, pc = abs(p - a), abs(p - b), abs(p - c)
    return np.where((pa <= pb) & (pa <= pc), a, np.where(pb <= pc, b, c))


@pytest.mark.parametrize("way", [0, 1, 2, 3, 4, None])
@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_what_is_written_under_any_filter_is_read(way, size, rng):
    pixels = rng.integers(0, 256, (11, 7, size)).astype(np.uint8)
    assert np.array_equal(read_png(png(pixels, way=way)), pixels)


def test_a_palette_is_looked_up_with_its_transparency(rng):
    colours = rng.integers(0, 256, (4, 3)).astype(np.uint8)
    codes = rng.integers(0, 4, (5, 6, 1)).astype(np.uint8)
    plte, trns = chunk(b"PLTE", colours.tobytes()), chunk(b"tRNS", bytes([0, 9]))
    assert np.array_equal(read_png(png(codes, 3, extra=plte)), colours[codes[..., 0]])
    alpha = read_png(png(codes, 3, extra=plte + trns))[..., 3]
    assert np.array_equal(alpha, np.array([0, 9, 255, 255])[codes[..., 0]])
    with pytest.raises(Damaged, match="palette"):
        read_png(png(codes, 3, extra=chunk(b"PLTE", colours[:1].tobytes())))


def test_it_reads_what_pillow_writes(rng):
    for pixels in (rng.integers(0, 256, (40, 30)), rng.integers(0, 256, (20, 50, 3)), np.tile(np.arange(64), (64, 1))):
        held = io.BytesIO()
        Image.fromarray(pixels.astype(np.uint8)).save(held, "PNG")
        assert np.array_equal(read_png(held.getvalue()).squeeze(), pixels)


GREY = np.arange(36, dtype=np.uint8).reshape(6, 6, 1) * 7


def changed_header(at):
    """A PNG whose header names another way of packing (10) or of filtering (11), which do not exist."""
    whole = png(GREY)
    head = bytearray(whole[16:29])
    head[at] = 1
    return whole[:8] + chunk(b"IHDR", bytes(head)) + whole[33:]


@pytest.mark.parametrize("content, error", [
    (b"", Damaged), (b"GIF89a", Damaged), (SIGNATURE, Damaged), (png(GREY)[:-20], Damaged),
    (png(GREY).replace(b"IDAT", b"IDAX"), Damaged), (png(GREY)[:60] + b"\xff" + png(GREY)[61:], Damaged),
    (png(GREY, rows=b"\0" * 20), Damaged), (png(GREY, rows=b"\x07" * 42), Damaged), (png(GREY, kind=5), Damaged),
    (png(GREY, kind=0, extra=chunk(b"tRNS", b"\0\0")), Unusual),
    (png(np.repeat(GREY, 3, 2), extra=chunk(b"tRNS", b"\0" * 6)), Unusual),
    (changed_header(10), Damaged), (changed_header(11), Damaged),
    (png(GREY[:, :0]), Damaged), (png(GREY, depth=16), Unusual), (png(GREY, interlaced=1), Unusual),
])  # fmt: skip
def test_a_damaged_or_unusual_file_is_told(content, error):
    with pytest.raises(error):
        read_png(content)


def test_a_header_that_promises_a_huge_picture_is_not_unpacked():
    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    content = SIGNATURE + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 10)) + chunk(b"IEND", b"")
    with pytest.raises(Unusual, match="60000 x 60000"):
        read_png(content)


def _data(shape=(6, 6), dtype=np.float32, show="image", bright=False):
    """20 pictures: dark with a bright middle, or the other way round."""
    x = np.zeros((20, 6, 6))
    x[:, 2:4, 2:4] = np.linspace(0.4, 1, 20)[:, None, None]
    x = 1 - x if bright else x
    x = x if dtype != np.uint8 else np.rint(255 * x)
    if 3 in shape:
        x = np.repeat(x[:, None] if shape[0] == 3 else x[..., None], 3, 1 if shape[0] == 3 else 3)
    train = Examples(np.arange(20), x.reshape(20, *shape).astype(dtype), np.arange(20) % 2)
    return Data({"train": train}, Classes(2, ("0", "1"), show=show), Truth(), {})


def _written(tmp_path, pixels, name="a.png"):
    (tmp_path / name).write_bytes(png(pixels) if isinstance(pixels, np.ndarray) else pixels)
    return tmp_path / name


@pytest.mark.parametrize("shape, dtype, show", [
    ((6, 6), np.float32, "image"), ((6, 6), np.uint8, "image"), ((1, 6, 6), np.float32, "image"),
    ((6, 6, 1), np.uint8, "image"), ((3, 6, 6), np.float32, "photograph"), ((6, 6, 3), np.uint8, "photograph"),
])  # fmt: skip
def test_a_training_picture_written_to_a_file_comes_back_as_it_was(tmp_path, shape, dtype, show):
    data = _data(shape, dtype, show)
    pixels = np.rint(_data().train.x[19] * 255).astype(np.uint8)[..., None]
    x, notes = picture_like(_written(tmp_path, pixels), data)
    assert (x.shape, x.dtype) == (data.train.x.shape[1:], data.train.x.dtype)
    assert np.allclose(x, data.train.x[19], atol=0)
    assert notes == ()


def test_colours_lie_where_the_training_pictures_have_them(tmp_path, rng):
    pixels = rng.integers(0, 100, (6, 6, 3)).astype(np.uint8)
    last, _ = picture_like(_written(tmp_path, pixels), _data((6, 6, 3), np.uint8, "photograph"))
    first, _ = picture_like(_written(tmp_path, pixels), _data((3, 6, 6), np.uint8, "photograph"))
    assert np.array_equal(last, pixels)
    assert np.array_equal(first, np.moveaxis(pixels, 2, 0))


def test_colour_made_grey_is_said(tmp_path, rng):
    pixels = np.zeros((6, 6, 3), np.uint8)
    pixels[2:4, 2:4] = [200, 100, 50]
    x, notes = picture_like(_written(tmp_path, pixels), _data())
    assert x[2, 2] == pytest.approx((0.299 * 200 + 0.587 * 100 + 0.114 * 50) / 255, abs=1e-6)
    assert "made grey" in notes[0]


@pytest.mark.parametrize("bright", [False, True])
def test_an_inverted_picture_is_told_by_its_border(tmp_path, bright):
    pixels = np.rint(_data(bright=not bright).train.x[9] * 255).astype(np.uint8)[..., None]
    _, notes = picture_like(_written(tmp_path, pixels), _data(bright=bright))
    assert "inverted" in notes[0]
    assert f"Its border is {'dark' if bright else 'bright'}" in notes[0]


def test_a_picture_much_brighter_than_any_is_told(tmp_path):
    pixels = np.zeros((6, 6, 1), np.uint8)
    pixels[1:5, 1:5] = 255
    assert "mean brightness" in picture_like(_written(tmp_path, pixels), _data())[1][0]


@pytest.mark.parametrize("pixels, words", [
    (np.zeros((8, 6, 1), np.uint8), ("6 x 6 pixels", "6 x 8 in a.png")),
    (np.zeros((6, 6, 2), np.uint8), ("transparent",)),
    (b"no picture", ("a.png",)),
    (png(GREY)[:50], ("a whole PNG file", "a.png")),
])  # fmt: skip
def test_a_file_that_does_not_fit_is_refused(tmp_path, pixels, words):
    with pytest.raises(bh.InputRefused) as told:
        picture_like(_written(tmp_path, pixels), _data())
    for word in words:
        assert word in str(told.value)


def test_an_opaque_alpha_says_nothing(tmp_path):
    pixels = np.concatenate([GREY, np.full_like(GREY, 255)], 2)
    assert np.array_equal(read_pixels(_written(tmp_path, pixels)), pixels)
    assert np.allclose(picture_like(tmp_path / "a.png", _data())[0] * 255, GREY[..., 0])


def test_other_files_go_through_pillow_where_it_is_installed(tmp_path, monkeypatch, rng):
    pixels = rng.integers(0, 256, (6, 6)).astype(np.uint8)
    for name, written in (("a.bmp", {}), ("a.gif", {}), ("a.jpg", {"quality": 100})):
        Image.fromarray(pixels).save(tmp_path / name, **written)
        assert np.abs(read_pixels(tmp_path / name)[..., 0].astype(int) - pixels).max() <= (8 if name == "a.jpg" else 0)
    Image.fromarray(pixels.astype(np.uint16) * 99).save(tmp_path / "deep.png")
    with pytest.raises(bh.InputRefused, match="8 bits"):
        read_pixels(tmp_path / "deep.png")
    monkeypatch.setitem(__import__("sys").modules, "PIL", None)
    with pytest.raises(bh.InputRefused, match=r"byheart\[images\]"):
        read_pixels(tmp_path / "a.jpg")


def test_a_transparent_colour_is_no_opaque_picture(tmp_path, monkeypatch):
    path = _written(tmp_path, png(GREY, extra=chunk(b"tRNS", b"\0\x07")))
    if "PIL" in __import__("sys").modules or __import__("importlib").util.find_spec("PIL"):
        with pytest.raises(bh.InputRefused, match="transparent parts"):
            picture_like(path, _data())
    monkeypatch.setitem(__import__("sys").modules, "PIL", None)
    with pytest.raises(bh.InputRefused, match="without a transparent colour"):
        picture_like(path, _data())


def test_a_picture_is_held_against_those_in_training_one_at_a_time(tmp_path):
    x = np.zeros((4000, 28, 28), np.float32)
    x[:, 4:24, 4:24] = np.linspace(1, 0.4, 4000)[:, None, None]
    train = Examples(np.arange(4000), x, np.arange(4000) % 2)
    data = Data({"train": train}, Classes(2, ("0", "1"), show="image"), Truth(), {})
    path = _written(tmp_path, np.rint(x[9] * 255).astype(np.uint8)[..., None])
    tracemalloc.start()
    _, notes = picture_like(path, data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert notes == ()
    assert peak < x.nbytes / 4


def test_no_file_is_told(tmp_path):
    with pytest.raises(bh.InputRefused, match=r"a picture file at .*no.png, got No such file"):
        read_pixels(tmp_path / "no.png")
    with pytest.raises(bh.InputRefused, match="directory"):
        read_pixels(tmp_path)
