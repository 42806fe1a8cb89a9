"""A folder of pictures with one folder per class: what is read, what is said, and what is refused by name."""

import io
import os

import numpy as np
import pytest
from PIL import Image

from byheart.auditing.given import arrays_from, collected
from byheart.errors import InputRefused
from byheart.study.parse import folder as folder_task
from byheart.tasks.image_folder import read_folder

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (16, 8, 8), dtype=np.uint8)
COLOUR = RNG.integers(0, 256, (16, 8, 8, 3), dtype=np.uint8)


def save(path, pixels, mode=None, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(pixels)
    (picture.convert(mode) if mode else picture).save(path, **options)


@pytest.fixture
def folder(tmp_path):
    """images/ with cat/ and dog/, four grey pictures each, one of them deeper."""
    root = tmp_path / "images"
    for i in range(8):
        save(root / ("cat" if i < 4 else "dog") / ("deep" if i == 5 else "") / f"{i}.png", GREY[i])
    return root


def read(folder, size=None):
    said = []
    train, test = read_folder(folder, size, said.append)
    return train, test, said


def test_pictures_labels_and_ids(folder):
    train, test, said = read(folder)
    assert test is None
    order = [0, 1, 2, 3, 4, 6, 7, 5]
    assert np.array_equal(train.x, GREY[order])
    assert train.y == ["cat"] * 4 + ["dog"] * 4
    assert train.names[0] == "cat/0.png"
    assert train.names[-1] == "dog/deep/5.png"
    assert said == ["reading 8 pictures of 8 x 8"]
    assert train.title == "images"


@pytest.mark.parametrize("name", ["test", "val", "validation"])
def test_folders_of_a_split(folder, name):
    for i in range(8, 12):
        save(folder.parent / "data" / name / ("dog" if i % 2 else "cat") / f"{i}.png", GREY[i])
    folder.rename(folder.parent / "data" / "train")
    train, test, _ = read(folder.parent / "data")
    assert len(train.x) == 8
    assert test.names == tuple(f"{name}/{one}.png" for one in ("cat/10", "cat/8", "dog/11", "dog/9"))
    assert np.array_equal(test.x, GREY[[10, 8, 11, 9]])
    assert test.y == ["cat", "cat", "dog", "dog"]


def test_the_test_of_the_folder_and_its_ids_are_audited(tmp_path):
    for i in range(120):
        split = "test" if i % 5 == 0 else "train"
        save(tmp_path / split / "ab"[i % 2] / f"{i}.png", RNG.integers(0, 256, (8, 8), dtype=np.uint8))
    data, test = collected(tmp_path, None, say=lambda line: None)
    task = arrays_from(data, test, {})
    drawn = task.draw(0)
    assert len(drawn.views["test"]) == 24
    assert task.names()["test"][0] == "test/a/0.png"
    assert drawn.output.show == "image"
    assert drawn.output.classes == ("a", "b")
    assert "reading" not in drawn.about
    assert folder_task(tmp_path, {"order": "random", "split": 0.3}, lambda line: None).split == 0.3
    assert (
        folder_task(tmp_path, {"size": 6}, lambda line: None).draw(0).about["reading"].startswith("each picture scaled")
    )
    assert task.key() == folder_task(tmp_path, {}, lambda line: None).key()


def test_a_validation_folder_beside_a_test_is_left_out_and_that_is_said(folder):
    folder.rename(folder.parent / "train")
    folder.mkdir()
    (folder.parent / "train").rename(folder / "train")
    for name in ("test", "val"):
        save(folder / name / "cat" / "9.png", GREY[9])
    train, test, _ = read(folder)
    assert len(test.x) == 1
    assert train.notes == ("left out: val/; test/ is the test",)


def test_what_is_hidden_is_passed_over_and_other_files_are_named(folder):
    for name in (".hidden.png", "Thumbs.db", "cat/.DS_Store", "cat/._0.png", "cat/notes.txt", "README.md", "loose.png"):
        (folder / name).write_bytes(b"nothing")
    train, _, _ = read(folder)
    assert len(train.x) == 8
    assert train.notes == ("left out: README.md, loose.png, cat/notes.txt (no pictures, or in no folder of a class)",)


def test_a_link_that_leads_back_ends(folder):
    os.symlink(folder, folder / "cat" / "back", target_is_directory=True)
    os.symlink(folder / "cat" / "0.png", folder / "dog" / "8.png")
    train, _, _ = read(folder)
    assert train.names.count("cat/0.png") == 1
    assert "dog/8.png" in train.names
    assert len(train.x) < 30


def test_grey_among_colour_is_repeated_and_that_is_said(folder):
    save(folder / "cat" / "9.png", COLOUR[0])
    train, _, _ = read(folder)
    assert train.x.shape == (9, 8, 8, 3)
    assert np.array_equal(train.x[0], np.repeat(GREY[0][..., None], 3, 2))
    assert np.array_equal(train.x[4], COLOUR[0])
    assert train.notes == ("8 grey pictures repeated in three colours, as 1 are in colour",)


def test_palettes_and_an_alpha_that_says_nothing_are_read(folder):
    opaque = np.dstack([COLOUR[0], np.full((8, 8), 255, np.uint8)])
    save(folder / "cat" / "a.png", opaque)
    few = COLOUR[1] // 200 * 200
    save(folder / "cat" / "b.png", few, "P")
    save(folder / "cat" / "c.gif", few, "P")
    train, _, _ = read(folder)
    at = dict(zip(train.names, train.x))
    assert np.array_equal(at["cat/a.png"], COLOUR[0])
    assert at["cat/b.png"].shape == at["cat/c.gif"].shape == (8, 8, 3)


def deep(path):
    Image.fromarray(GREY[0].astype(np.uint16) * 256).save(path)


def deep_colour(path):
    """A PNG of 16 bits a colour, which Pillow would cut to 8 without a word."""
    import struct
    import zlib

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    rows = b"".join(b"\0" + bytes(48) for _ in range(8))
    head = struct.pack(">IIBBBBB", 8, 8, 16, 2, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    )


def animated(path):
    frames = [Image.fromarray(one) for one in GREY[:3]]
    frames[0].save(path, save_all=True, append_images=frames[1:])


def transparent(path):
    save(path, np.dstack([COLOUR[0], np.zeros((8, 8), np.uint8)]))


def damaged(path):
    whole = io.BytesIO()
    Image.fromarray(COLOUR[0]).save(whole, "PNG")
    path.write_bytes(whole.getvalue()[:-40])


WRONG = {
    "16 bits": ("a.png", deep, ["8 bits", "cat/a.png"]),
    "16 bits of colour": ("a.png", deep_colour, ["8 bits", "cat/a.png"]),
    "frames": ("a.gif", animated, ["one frame", "3 in a.gif"]),
    "CMYK": ("a.jpg", lambda path: save(path, COLOUR[0], "CMYK"), ["grey or RGB", "CMYK in a.jpg", "cat/a.jpg"]),
    "transparent": ("a.png", transparent, ["without transparent parts", "cat/a.png"]),
    "cut short": ("a.png", damaged, ["a whole PNG file", "cat/a.png", "cut or changed"]),
    "a text": ("a.jpg", lambda path: path.write_text("hello"), ["a picture file in cat/a.jpg", "cannot identify"]),
    "nothing": ("a.png", lambda path: path.write_bytes(b""), ["a picture file in cat/a.png"]),
    "a broken link": ("a.png", lambda path: path.symlink_to("nowhere"), ["No such file", "cat/a.png"]),
    "another size": ("a.png", lambda path: save(path, GREY[0, :6]), ["8 of 8 x 8, 1 of 8 x 6", "--size 6"]),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_pictures_that_cannot_be_read_truly_are_refused_by_name(case, folder):
    name, make, words = WRONG[case]
    make(folder / "cat" / name)
    with pytest.raises(InputRefused) as caught:
        read(folder)
    for word in words:
        assert word in str(caught.value), str(caught.value)


def test_several_that_cannot_be_read_are_counted(folder):
    for i in range(7):
        (folder / "dog" / f"x{i}.png").write_text("no")
    with pytest.raises(InputRefused, match=r"also dog/x1.png, dog/x2.png, dog/x3.png and 3 more"):
        read(folder)


def test_a_size_scales_the_shorter_side_and_keeps_the_middle(folder):
    wide = np.zeros((4, 12), np.uint8)
    wide[:, 4:8] = 200
    save(folder / "cat" / "wide.png", wide)
    train, _, _ = read(folder, 4)
    at = dict(zip(train.names, train.x))
    assert (at["cat/wide.png"] == 200).all()  # the middle of what needs no scaling
    halved = GREY[0].reshape(4, 2, 4, 2).mean((1, 3))
    assert np.abs(at["cat/0.png"][1:3, 1:3].astype(float) - halved[1:3, 1:3]).mean() < 40
    assert train.notes == ("each picture scaled so that its shorter side is 4, and its middle 4 x 4 kept",)


@pytest.mark.parametrize("made, words", [
    ((), ["no folders and no pictures", "images/cat/1.png"]),
    (("1.png", "2.png"), ["2 pictures without a class"]),
    (("cat/1.png", "dog/notes.txt"), ["none in dog"]),
    (("train/cat/1.png", "test/cat/1.png", "extra/1.png"), ["extra beside them"]),
    (("train/1.png", "test/1.png"), ["one folder per class in train", "1 pictures without a class"]),
])  # fmt: skip
def test_folders_without_classes_are_refused(made, words, tmp_path):
    for name in made:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        if name.endswith(".png"):
            save(tmp_path / name, GREY[0])
        else:
            (tmp_path / name).write_text("text")
    with pytest.raises(InputRefused) as caught:
        read(tmp_path)
    for word in words:
        assert word in str(caught.value), str(caught.value)


def test_a_path_that_is_no_folder_is_refused(tmp_path):
    with pytest.raises(InputRefused, match=r"expected a folder of pictures, got .*nowhere, which is none"):
        collected(tmp_path / "nowhere", None)


def test_only_pngs_are_read_without_pillow(folder, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "PIL", None)
    assert len(read(folder)[0].x) == 8
    (folder / "cat" / "a.jpg").write_bytes(b"\xff\xd8\xff")
    with pytest.raises(InputRefused, match=r'cat/a.jpg.*pip install "byheart\[images\]"'):
        read(folder)
