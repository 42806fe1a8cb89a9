"""Files: the one way in which something is written, whole or not at all, and never through a link that stands there.

A run folder may be somebody else's, and hold links to files of the reader's. What is written first gets a random name
that nobody can prepare, in the folder where it will live; the rename then replaces a link and does not follow it.
"""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path

from byheart.processes import temporary_name


def write_whole(path: Path, content: bytes, mode: int = 0o666) -> None:
    """Write and sync `content` under `path`: a reader sees all of it or what was there before.

    Args:
        path: replaced, if it is a link as well.
        content: all of it.
        mode: rights of the file, less the process's mask.

    Raises:
        OSError: it cannot be written; nothing is left under a name of ours.
    """
    draft = path.with_name(f".{path.stem[:16]}-{temporary_name()}.tmp")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
    handle = os.open(draft, flags, mode)
    try:
        try:
            view = memoryview(content)
            while view:
                view = view[os.write(handle, view) :]
            os.fsync(handle)
        finally:
            os.close(handle)
        os.replace(draft, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(draft)
        raise


def refuse_link(path: Path) -> None:
    """Refuse a link in the place of a folder or file of ours: what is written there would land elsewhere.

    Raises:
        OSError: it is one.
    """
    if path.is_symlink():
        raise OSError(errno.ELOOP, "a link, through which nothing is written", str(path))


def make_folder(folder: Path) -> None:
    """Make `folder` and its parents for this user only, each durable in its parent."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    with contextlib.suppress(FileExistsError):  # another worker was faster
        os.mkdir(folder, 0o700)
    sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Make what was renamed into `folder` outlive a power cut."""
    if os.name == "nt":  # Windows has no handle on a folder; its renames are journalled
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
