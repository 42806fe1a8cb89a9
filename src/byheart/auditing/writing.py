"""Writing a result, whole or not at all, where the user may write."""

from __future__ import annotations

import tempfile
from pathlib import Path

from byheart.errors import OutputRefused
from byheart.files import write_whole
from byheart.processes import sweep


def write_text(target: Path, text: str) -> Path:
    """Write a text file whole or not at all (`byheart.files.write_whole`).

    Raises:
        OutputRefused: the folder cannot be written or is full.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        sweep(target.parent.glob(".*.tmp"))
        write_whole(target, text.encode("utf-8"))
    except OSError as error:
        raise OutputRefused(
            expected=f"to write {target}", came=f"{error.strerror or error}", do="Choose another folder with --out."
        ) from error
    return target


def must_be_writable(folder: Path, option: str = "--out") -> None:
    """Refuse a folder that cannot be written before anything is computed.

    Raises:
        OutputRefused: the folder is read-only, full or a file.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder, prefix=".byheart-") as probe:
            probe.write(b"1" * 4096)
            probe.flush()
    except OSError as error:
        raise OutputRefused(
            expected=f"a folder that can be written, {folder}",
            came=f"{error.strerror or error}",
            do=f"Nothing was lost. Choose another with {option}.",
        ) from None
