"""Files named by their content: written whole or not at all, and checked when read.

A blob is written under a name of its own in the folder where it will live, synced, renamed, and the
folder synced: a reader sees all of it or nothing, and a power cut after `put` has returned loses
nothing. Names are hexadecimal digests, never text from outside, so no name can leave the folder.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import re
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from byheart.errors import LedgerDamaged
from byheart.files import make_folder, refuse_link, sync_folder, write_whole
from byheart.processes import sweep

Suffix = Literal[".json", ".safetensors"]
_LOG = logging.getLogger(__name__)
_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)


def digest_of(content: bytes) -> str:
    """BLAKE2b-256 of `content`, 64 hexadecimal digits.

    Example:
        >>> digest_of(b"")[:16]
        '0e5751c026e543b2'
    """
    return hashlib.blake2b(content, digest_size=32).hexdigest()


def is_digest(word: object) -> bool:
    """Whether `word` is 64 lower-case hexadecimal digits and nothing else."""
    return isinstance(word, str) and _DIGEST.fullmatch(word) is not None


class Blobs:
    """The folder `blobs/ab/abcdef....json|.safetensors`; opening it creates nothing."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, digest: str, suffix: Suffix) -> Path:
        """Where the blob lives.

        Raises:
            LedgerDamaged: `digest` is not a digest (an index that was tampered with).
        """
        if not is_digest(digest):
            raise LedgerDamaged("a blob name of 64 hexadecimal digits", repr(digest), "Rebuild the ledger.")
        return self.folder / digest[:2] / f"{digest}{suffix}"

    def put(self, content: bytes, suffix: Suffix) -> str:
        """Write `content` durably and return its digest; what is already there and sound is left.

        Raises:
            OSError: the folder cannot be written; no half-written blob is left under its name.
        """
        digest = digest_of(content)
        path = self.path(digest, suffix)
        if not self.holds(digest, suffix):
            self._refuse_links(path)
            for folder in (self.folder, path.parent):
                if os.path.lexists(folder) and not folder.is_dir():
                    set_aside(folder)
            make_folder(path.parent)
            if path.is_dir() and not path.is_symlink():  # else the rename replaces it, never leaving nothing
                set_aside(path)
            write_whole(path, content, 0o600)
        sync_folder(path.parent)  # also when another process renamed it and has not synced yet
        return digest

    def read(self, digest: str, suffix: Suffix, whose: str) -> bytes:
        """The content, its hash checked; `whose` is named when it is not there or not true.

        Raises:
            LedgerDamaged: missing, unreadable or not what its name says.
        """
        return b"".join(self._pieces(digest, suffix, whose))

    def check(self, digest: str, suffix: Suffix, whose: str) -> None:
        """Check the hash of a blob too large to hold; raises as `read` does."""
        for _ in self._pieces(digest, suffix, whose):
            pass

    def _pieces(self, digest: str, suffix: Suffix, whose: str) -> Iterator[bytes]:
        hasher = hashlib.blake2b(digest_size=32)
        path = self.path(digest, suffix)
        try:
            _must_be_file(path)
            with path.open("rb") as file:
                while piece := file.read(1 << 20):
                    hasher.update(piece)
                    yield piece
        except OSError as error:
            raise damaged(digest, suffix, whose, _reason(error)) from error
        if hasher.hexdigest() != digest:
            raise damaged(digest, suffix, whose, "is not what its name says")

    def names(self, suffix: Suffix) -> Iterator[tuple[int, str]]:
        """(modification time in ns, digest) of every blob of this kind, in no order."""
        for path in self.folder.glob(f"??/*{suffix}"):
            if is_digest(path.stem):
                with contextlib.suppress(FileNotFoundError):  # forgotten meanwhile by another process
                    yield path.stat().st_mtime_ns, path.stem

    def remove(self, digest: str, suffix: Suffix, damaged: bool = False) -> None:
        """Remove one blob, or set a damaged one aside; that it is gone already is no error."""
        path = self.path(digest, suffix)
        self._refuse_links(path)
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            if damaged or not path.is_file():
                set_aside(path)
            else:
                path.unlink()

    def sweep(self) -> None:
        """Remove what killed writers left behind."""
        if not self.folder.is_symlink():
            sweep(path for path in self.folder.glob("??/*.tmp") if not path.parent.is_symlink())

    def _refuse_links(self, path: Path) -> None:
        """Refuse to write or remove `path` where it, or the ledger, would lie elsewhere (`OSError`)."""
        for folder in (self.folder.parent, self.folder, path.parent):
            refuse_link(folder)

    def holds(self, digest: str, suffix: Suffix) -> bool:
        """Whether the blob is there and sound; a damaged one counts as absent, so that putting again mends it."""
        try:
            self.check(digest, suffix, "")
        except LedgerDamaged:
            return False
        return True


def damaged(digest: str, suffix: str, whose: str, why: str) -> LedgerDamaged:
    """The error for a blob that cannot be believed."""
    return LedgerDamaged(
        came=f"blob {digest}{suffix} of key {whose} {why}",
        do="Forget the key and compute it again; running the same command does.",
    )


def _must_be_file(path: Path) -> None:
    if not stat.S_ISREG(path.stat().st_mode):  # reading a pipe has no end
        raise OSError("no file")


def _reason(error: OSError) -> str:
    missing = isinstance(error, FileNotFoundError)
    return "is missing" if missing else f"cannot be read ({error.strerror or error})"


def set_aside(path: Path) -> None:
    """Give what is damaged (a file, or a folder in its place) another name beside it, and keep it."""
    aside = path.with_name(f"{path.name}.damaged")
    if os.path.lexists(aside):
        aside = path.with_name(f"{path.name}.{secrets.token_hex(4)}.damaged")
    path.replace(aside)
    _LOG.debug("set aside %s as %s", path, aside.name)
