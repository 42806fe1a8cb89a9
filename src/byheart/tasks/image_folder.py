"""Image folder: a folder of pictures with one folder per class, read into arrays."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from byheart.errors import InputRefused
from byheart.tasks.datasets import Collected, Say
from byheart.tasks.free_memory import room_for
from byheart.tasks.picturefile import opaque, picture_size, read_pixels, scaled
from byheart.terminal import followed, to_stderr

PICTURES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".pbm"}
TESTS = ("test", "val", "valid", "validation")  # the first that is there is the test
NOT_DATA = {"Thumbs.db", "desktop.ini", "__MACOSX", "byheart-audit"}  # of the system, and our own report
T = TypeVar("T")
NAMED = 4  # files that a message names


@dataclass(frozen=True)
class Found:
    """The pictures of one split: their paths, the folder of their class, and what else lies there."""

    root: Path
    files: tuple[Path, ...]
    labels: tuple[str, ...]
    others: tuple[Path, ...]

    def names(self, within: Path) -> tuple[str, ...]:
        """Where each picture lies in the folder that was given."""
        return tuple(path.relative_to(within).as_posix() for path in self.files)


def read_folder(folder: Path, size: int | None = None, say: Say | None = None) -> tuple[Collected, Collected | None]:
    """The pictures of a folder with one folder per class, and its test where it has one.

    `folder/CLASS/.../picture.png`, or those in `folder/train` and in `folder/test` (or `val`). Pictures become bytes
    (n, h, w), or (n, h, w, 3) where one of them is in colour; their labels are the names of the folders, their ids the
    paths below `folder`. Hidden files are passed over; other files that are no pictures are named. Pictures are read as
    they are stored: a note on how the camera was held (EXIF) turns nothing.

    Args:
        folder: where they lie.
        size: pixels of a side; the shorter side is scaled to it, and the middle kept. None: as they are.
        say: called with lines worth telling; without it a bar or lines on standard error.

    Raises:
        InputRefused: no folders of classes, pictures of several sizes, or that cannot be read; they are named.

    Cost: every file once.
    """
    train, test, notes = _splits(folder)
    files = (*train.files, *(test.files if test else ()))
    pixels = _pixels(files, folder, size, say)
    if size is not None:
        notes = (*notes, f"each picture scaled so that its shorter side is {size}, and its middle {size} x {size} kept")
    colour = sum(one.shape[2] == 3 for one in pixels)
    if 0 < colour < len(pixels):
        notes = (
            *notes,
            f"{len(pixels) - colour:,} grey pictures repeated in three colours, as {colour:,} are in colour",
        )
    n = len(train.files)
    title = folder.resolve().name
    first = Collected(_stacked(pixels[:n], colour > 0), list(train.labels), title, notes, train.names(folder))
    if test is None:
        return first, None
    return first, Collected(_stacked(pixels[n:], colour > 0), list(test.labels), title, (), test.names(folder))


def _splits(folder: Path) -> tuple[Found, Found | None, tuple[str, ...]]:
    """The training pictures, the test's, and lines on what was left out."""
    folders = {path.name: path for path in _entries(folder) if path.is_dir()}
    tests = [name for name in TESTS if name in folders]
    split = "train" in folders and set(folders) <= {"train", *TESTS}
    if "train" in folders and tests and not split:
        beside = ", ".join(name for name in folders if name not in {"train", *TESTS})
        raise InputRefused(
            expected=f"either train/ and {tests[0]}/, or one folder per class, in {folder.name}",
            came=f"{beside} beside them",
            do="Move it out, or give the folder of the classes.",
        )
    train = _found(folders["train"] if split else folder)
    test = _found(folders[tests[0]]) if split and tests else None
    unused = tests[1:] if split else []
    others = [*train.others, *(test.others if test else ())]
    notes = [f"left out: {', '.join(f'{name}/' for name in unused)}; {tests[0]}/ is the test"] if unused else []
    if others:
        notes.append(f"left out: {_named(others, folder)} (no pictures, or in no folder of a class)")
    return train, test, tuple(notes)


def _found(root: Path) -> Found:
    """The pictures below each folder of a class.

    Raises:
        InputRefused: no folders, or one without pictures.
    """
    classes = [path for path in _entries(root) if path.is_dir()]
    others = [path for path in _entries(root) if not path.is_dir()]
    files, labels = [], []
    for folder in classes:
        below = sorted(_below(folder, ()))
        pictures = [path for path in below if path.suffix.lower() in PICTURES]
        if not pictures:
            raise InputRefused(
                expected=f"pictures in each folder of {root.name}, one folder per class",
                came=f"none in {folder.name}",
                do=f"Take that folder away, or give the one that holds the classes. Pictures end in {_endings()}.",
            )
        others += [path for path in below if path.suffix.lower() not in PICTURES]
        files += pictures
        labels += [folder.name] * len(pictures)
    if not classes:
        loose = sum(path.suffix.lower() in PICTURES for path in others)
        raise InputRefused(
            expected=f"one folder per class in {root.name}, with its pictures",
            came=f"no folders, and {loose:,} pictures without a class" if loose else "no folders and no pictures",
            do="Lay them out as images/cat/1.png, images/dog/1.png, or give a table or arrays.",
        )
    return Found(root, tuple(files), tuple(labels), tuple(others))


def _entries(folder: Path) -> list[Path]:
    """What lies in a folder, by name, without what is hidden or no data.

    Raises:
        InputRefused: it cannot be listed.
    """
    try:
        names = sorted(os.listdir(folder))
    except OSError as error:
        raise InputRefused(
            f"a folder at {folder} that can be read", error.strerror or "an error", "Check it."
        ) from None
    return [folder / name for name in names if not name.startswith(".") and name not in NOT_DATA]


def _below(folder: Path, above: tuple[str, ...]) -> Iterator[Path]:
    """Every file below a folder; a link to a folder that it lies in is not followed round."""
    here = os.path.realpath(folder)
    if here in above:
        return
    for path in _entries(folder):
        if path.is_dir():
            yield from _below(path, (*above, here))
        else:
            yield path


def _pixels(files: Sequence[Path], folder: Path, size: int | None, say: Say | None) -> list[np.ndarray]:
    """(h, w, 1 or 3) bytes of every picture, of one size."""
    sizes = Counter(_each(files, folder, picture_size, "looking at pictures", say))
    if size is None and len(sizes) > 1:
        raise _several_sizes(sizes, files)
    wide, high = (size, size) if size is not None else next(iter(sizes))
    numbers = len(files) * wide * high * 3
    (say or to_stderr)(room_for(numbers, numbers, f"{len(files):,} pictures of {wide} x {high}"))

    def pixels(path: Path) -> np.ndarray:
        made = opaque(read_pixels(path), path.name)
        return made if size is None else scaled(made, size)

    return _each(files, folder, pixels, "reading pictures", say)


def _each(files: Sequence[Path], folder: Path, read: Callable[[Path], T], what: str, say: Say | None) -> list[T]:
    """What `read` gives of every file.

    Raises:
        InputRefused: of some it gives nothing; the first ones are named with what is wrong.
    """
    made, wrong = [], []
    for path in followed(files, len(files), what, say):
        try:
            made.append(read(path))
        except InputRefused as error:
            wrong.append((path.relative_to(folder).as_posix(), error))
    if wrong:
        name, first = wrong[0]
        more = f"; also {', '.join(name for name, _ in wrong[1:NAMED])}" if len(wrong) > 1 else ""
        rest = f" and {len(wrong) - NAMED:,} more" if len(wrong) > NAMED else ""
        raise InputRefused(f"{first.expected} in {name}", f"{first.came}{more}{rest}", first.do)
    return made


def _several_sizes(sizes: Counter[tuple[int, int]], files: Sequence[Path]) -> InputRefused:
    listed = [f"{count:,} of {wide} x {high}" for (wide, high), count in sizes.most_common(NAMED)]
    more = f" and {len(sizes) - NAMED:,} other sizes" if len(sizes) > NAMED else ""
    least = min(min(size) for size in sizes)
    return InputRefused(
        expected=f"pictures of one size, {len(files):,} of them",
        came=f"{', '.join(listed)}{more}",
        do=f"Try --size {least} (size={least}): the shorter side is scaled to it, and the middle kept.",
    )


def _stacked(pixels: Sequence[np.ndarray], colour: bool) -> np.ndarray:
    if not colour:
        return np.stack([one[..., 0] for one in pixels])
    return np.stack([np.broadcast_to(one, (*one.shape[:2], 3)) for one in pixels])


def _named(paths: Sequence[Path], folder: Path) -> str:
    shown = ", ".join(path.relative_to(folder).as_posix() for path in paths[:NAMED])
    return shown if len(paths) <= NAMED else f"{shown} and {len(paths) - NAMED:,} more"


def _endings() -> str:
    return ", ".join(sorted(PICTURES))
