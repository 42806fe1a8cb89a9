"""The index: one SQLite file that says which entry a key stands for. Blobs hold the truth, this finds it.

Opening is put off until something is asked, and the file is made only when something is written, so
looking into an empty folder leaves no trace.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from byheart.errors import InputRefused, LedgerDamaged, OutputRefused
from byheart.files import make_folder, refuse_link
from byheart.ledger.blobs import set_aside

if TYPE_CHECKING:
    from byheart.ledger.entry import Entry

NAME = "index.db"
APPLICATION = 0x62796874  # "byht"
SCHEMA = 1
SYNC = "FULL"  # what is told as kept survives a power cut
_TABLES = """
CREATE TABLE entry (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL UNIQUE, digest TEXT NOT NULL,
    state TEXT NOT NULL, kind TEXT NOT NULL, about TEXT NOT NULL);
CREATE INDEX entry_by_kind ON entry (kind, seq);
CREATE TABLE claim (
    key TEXT PRIMARY KEY, token TEXT NOT NULL, pid INTEGER NOT NULL, host TEXT NOT NULL,
    started TEXT NOT NULL, since REAL NOT NULL);
CREATE TABLE event (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL, kept TEXT NOT NULL,
    refused TEXT NOT NULL, since REAL NOT NULL);
"""
_OURS = {" ".join(sql.split()) for sql in _TABLES.split(";") if sql.strip()}
_OF_SQLITE = {"CREATE TABLE sqlite_sequence(name,seq)"}
# Write-ahead logging shares memory between processes, which these cannot do; they take it all the same.
_NETWORK = ("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "lustre", "gpfs", "beegfs", "ceph", "afs",
            "fuse.sshfs", "fuse.glusterfs")  # fmt: skip
_NOT_DAMAGE = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM,
               sqlite3.SQLITE_READONLY, sqlite3.SQLITE_FULL, sqlite3.SQLITE_NOMEM)  # fmt: skip

MEND = "Run the audit again: it makes the index anew from the blobs."


@contextlib.contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Turns what goes wrong while writing under `folder` into one message that says what to do.

    Raises:
        OutputRefused: the folder is read-only, full, not a folder, or held by another process.
    """
    try:
        yield
    except (OSError, sqlite3.OperationalError) as error:
        if "locked" in str(error):
            do = "Another process has been writing for 30 seconds: wait for it or stop it, then run again."
        else:
            do = "Free space, make it writable or name another folder and run again: nothing recorded is lost."
        raise OutputRefused("a folder that can be written", f"{folder} ({error})", do) from error


@contextlib.contextmanager
def reading(folder: Path) -> Iterator[None]:
    """Turns what goes wrong while reading the index into an error that names it.

    Raises:
        InputRefused: it is held by another process or may not be read.
        LedgerDamaged: it is not what it was; the blobs can rebuild it.
    """
    what, place = "an index that can be read", folder / NAME
    try:
        yield
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in _NOT_DAMAGE:
            do = "Check the rights of the folder, or wait for who holds it."
            raise InputRefused(what, f"{place} ({error})", do) from error
        raise LedgerDamaged(what, f"{place} ({error})", MEND) from error
    except UnicodeError as error:  # damaged text, or SQLite's own message quoting it
        raise LedgerDamaged(what, f"{place} ({error})", MEND) from error
    except OSError as error:
        do = "Check the rights of the folder; in place of a link, name what it points to."
        raise InputRefused(what, f"{place} ({error})", do) from error


class Index:
    """One lazily opened connection, for any thread of the one process that opened it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.path = folder, folder / NAME
        self._connection: sqlite3.Connection | None = None
        self._owner = 0
        self.lock = threading.RLock()

    def rows(self, query: str, values: tuple = ()) -> list[tuple]:
        """All rows of a query; none where there is no index yet."""
        with self.lock, reading(self.folder):
            connection = self._open()
            return [] if connection is None else connection.execute(query, values).fetchall()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """One all-or-nothing change, durable when it returns; makes the index if there is none."""
        with self.lock, reading(self.folder), writing(self.folder):
            connection = self._open() or self._create()
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """Let go of the file; the next use opens it again."""
        with self.lock:
            if self._connection is not None and self._owner == os.getpid():
                self._connection.close()
            self._connection = None

    def set_aside(self) -> None:
        """Move a damaged index out of the way, keeping it for whoever wants to look."""
        self.close()
        with writing(self.folder):
            for suffix in ("", "-wal", "-shm"):
                file = self.path.with_name(NAME + suffix)
                if os.path.lexists(file):
                    set_aside(file)

    def _open(self) -> sqlite3.Connection | None:
        """The connection, or None where there is no index file (nothing is made)."""
        if self._connection is not None and self._owner == os.getpid():
            return self._connection
        refuse_link(self.folder)
        if not os.path.lexists(self.path):
            return None
        if self.path.is_symlink() or not self.path.is_file():
            raise LedgerDamaged("an index that is a file", f"something else at {self.path}", MEND)
        connection = _connect(self.path)
        try:
            usable = _check(connection, self.path)
        except BaseException:
            connection.close()
            raise
        if not usable:  # a file without tables: its maker was stopped; making it goes on from there
            connection.close()
            return None
        return self._keep(connection)

    def _create(self) -> sqlite3.Connection:
        refuse_link(self.folder)
        make_folder(self.folder)
        with contextlib.suppress(FileExistsError):  # made by hand, so that only its user may read it
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        connection = _connect(self.path)
        try:
            _set_journal(connection, self.path)
            connection.execute("BEGIN IMMEDIATE")
            if not _check(connection, self.path):  # else another process was faster
                for statement in _TABLES.split(";"):
                    connection.execute(statement)
                connection.execute(f"PRAGMA application_id = {APPLICATION}")
                connection.execute(f"PRAGMA user_version = {SCHEMA}")
            connection.execute("COMMIT")
        except BaseException:
            connection.close()
            raise
        return self._keep(connection)

    def _keep(self, connection: sqlite3.Connection) -> sqlite3.Connection:
        self._connection, self._owner = connection, os.getpid()
        return connection


def _connect(path: Path) -> sqlite3.Connection:
    """Open an existing file: for writing, else only for reading, else as a file that nobody changes."""
    address = path.absolute().as_uri()
    modes = ["mode=rw", "mode=ro"]
    log = path.with_name(NAME + "-wal")
    if not log.exists() or log.stat().st_size == 0:  # else the log holds rows that must be seen
        modes.append("mode=ro&immutable=1")
    for mode in modes[:-1]:
        with contextlib.suppress(sqlite3.OperationalError):
            return _tried(f"{address}?{mode}")
    return _tried(f"{address}?{modes[-1]}")


def _tried(address: str) -> sqlite3.Connection:
    connection = sqlite3.connect(address, uri=True, timeout=30.0, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA busy_timeout = 30000")
        connection.execute(f"PRAGMA synchronous = {SYNC}")
        connection.execute("PRAGMA user_version").fetchone()  # the first real look at the file
    except BaseException:
        connection.close()
        raise
    return connection


def _check(connection: sqlite3.Connection, path: Path) -> bool:
    """Whether the tables are there, and no others: a view in the place of one may be endless.

    Raises:
        InputRefused: the file of another program or of a later version.
        LedgerDamaged: neither, and not what `_create` makes.
    """
    with _one_view(connection):
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        made = connection.execute("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL").fetchall()
    tables = {" ".join(str(sql).split()) for (sql,) in made}
    if not application and not tables and not version:
        return False
    if application != APPLICATION and not tables & _OURS:
        raise InputRefused("a ledger of byheart", f"another program's {path}", "Name another folder.")
    if application == APPLICATION and version > SCHEMA:
        raise InputRefused(f"a ledger of format {SCHEMA} or older", f"format {version} in {path}",
                           "Upgrade byheart, or name another folder.")  # fmt: skip
    if application != APPLICATION or version != SCHEMA or tables != _OURS | _OF_SQLITE:
        came = f"application {application:#x}, format {version} and {len(tables)} tables in {path}"
        raise LedgerDamaged(f"an index of format {SCHEMA} with its own tables", came, MEND)
    return True


@contextlib.contextmanager
def _one_view(connection: sqlite3.Connection) -> Iterator[None]:
    """All reads see one state of the file: else another process makes the tables between two of them."""
    if connection.in_transaction:
        yield
        return
    connection.execute("BEGIN")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")


def _set_journal(connection: sqlite3.Connection, path: Path) -> None:
    """Write-ahead logging where it can be had; it lets readers read while the driver writes."""
    if filesystem(path) not in _NETWORK:
        deadline = time.monotonic() + 30.0
        while True:
            try:
                (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
                if mode == "wal":
                    return
                break
            except sqlite3.OperationalError as error:
                # A second maker: this change of mode does not heed busy_timeout.
                if "locked" not in str(error) or time.monotonic() > deadline:
                    break
                time.sleep(0.02)
    connection.execute("PRAGMA journal_mode = DELETE")


def insert_entry(index: sqlite3.Connection, entry: Entry, digest: str) -> None:
    """Let the key of an entry stand for its blob."""
    kind = entry.about.get("kind", "")
    index.execute(
        "INSERT INTO entry (key, digest, state, kind, about) VALUES (?, ?, ?, ?, ?)",
        (entry.key, digest, entry.state, kind if isinstance(kind, str) else "", json.dumps(entry.about)),
    )


def note_disagreement(index: sqlite3.Connection, key: str, kept: str, refused: str) -> None:
    """Keep the evidence once, however often the same outcome comes."""
    same = "SELECT 1 FROM event WHERE key = ? AND kept = ? AND refused = ?"
    if index.execute(same, (key, kept, refused)).fetchone() is None:
        index.execute(
            "INSERT INTO event (key, kept, refused, since) VALUES (?, ?, ?, ?)", (key, kept, refused, time.time())
        )


def filesystem(path: Path) -> str:
    """The type of file system that holds `path`, as Linux names it; empty where it cannot be had."""
    try:
        mounts = Path("/proc/self/mounts").read_text(errors="replace").splitlines()
    except OSError:
        return ""
    place = os.path.realpath(path)
    best, kind = -1, ""
    for fields in (line.split() for line in mounts):
        root = fields[1].replace("\\040", " ").rstrip("/")
        if len(root) >= best and (place == root or place.startswith(root + "/")):
            best, kind = len(root), fields[2]
    return kind
