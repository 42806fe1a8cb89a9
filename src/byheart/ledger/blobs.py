"""Files named by their content: written whole or not at all, and checked when read.

A blob is written under a name of its own in the folder where it will live, synced, renamed, and the
folder synced: a reader sees all of it or nothing, and a power cut after `put` has returned loses
nothing. Names are hexadecimal digests, never text from outside, so no name can leave the folder.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from byheart.errors import LedgerDamaged

Suffix = Literal[".json", ".safetensors"]
_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)
_STALE_SECONDS = 3600.0


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
        if not self._holds(path, digest):
            make_folder(path.parent)
            _write_whole(path, content)
        _sync_folder(path.parent)  # also when another process renamed it and has not synced yet
        return digest

    def read(self, digest: str, suffix: Suffix, whose: str) -> bytes:
        """The content, its hash checked; `whose` is named when it is not there or not true.

        Raises:
            LedgerDamaged: missing, unreadable or not what its name says.
        """
        try:
            content = self.path(digest, suffix).read_bytes()
        except OSError as error:
            raise damaged(digest, suffix, whose, _reason(error)) from error
        if digest_of(content) != digest:
            raise damaged(digest, suffix, whose, "is not what its name says")
        return content

    def check(self, digest: str, suffix: Suffix, whose: str) -> None:
        """Check the hash of a blob too large to hold; raises as `read` does."""
        hasher = hashlib.blake2b(digest_size=32)
        try:
            with self.path(digest, suffix).open("rb") as file:
                while piece := file.read(1 << 20):
                    hasher.update(piece)
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

    def remove(self, digest: str, suffix: Suffix) -> None:
        """Remove one blob; that it is gone already is no error."""
        self.path(digest, suffix).unlink(missing_ok=True)

    def sweep(self) -> None:
        """Remove what killed writers left behind; what is younger than an hour may still be written."""
        for path in self.folder.glob("??/*.tmp"):
            with contextlib.suppress(OSError):
                if time.time() - path.stat().st_mtime > _STALE_SECONDS:
                    path.unlink()

    def _holds(self, path: Path, digest: str) -> bool:
        """A damaged blob counts as absent, so that putting again mends it."""
        try:
            self.check(digest, ".json" if path.suffix == ".json" else ".safetensors", "")
        except LedgerDamaged:
            return False
        return True


def damaged(digest: str, suffix: str, whose: str, why: str) -> LedgerDamaged:
    """The error for a blob that cannot be believed."""
    return LedgerDamaged(
        came=f"blob {digest}{suffix} of key {whose} {why}",
        do="Forget the key and compute it again; running the same command does.",
    )


def _reason(error: OSError) -> str:
    missing = isinstance(error, FileNotFoundError)
    return "is missing" if missing else f"cannot be read ({error.strerror or error})"


def make_folder(folder: Path) -> None:
    """Make `folder` and its parents for this user only, each durable in its parent."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    with contextlib.suppress(FileExistsError):  # another worker was faster
        os.mkdir(folder, 0o700)
    _sync_folder(folder.parent)


def _write_whole(path: Path, content: bytes) -> None:
    draft = path.with_name(f"{path.stem[:16]}-{os.getpid()}-{secrets.token_hex(8)}.tmp")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
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


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":  # Windows has no handle on a folder; its renames are journalled
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
