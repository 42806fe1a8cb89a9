"""The ledger of one folder: an index in SQLite and blobs named by their content.

```
folder/index.db                         which entry a key stands for, who holds a key, disagreements
folder/blobs/ab/abcdef....json          entries (entry.py says what is in one)
folder/blobs/ab/abcdef....safetensors   their arrays
```

Everything inside is relative, so the folder can be moved or copied. Workers write blobs; only the one
driver touches the index. A killed process leaves at most an unfinished `.tmp` file or a blob that no key
stands for.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from byheart.errors import LedgerDamaged, UsageError
from byheart.ledger.arrays import LateArrays
from byheart.ledger.base import Failure, Ledger, Result, Say, State
from byheart.ledger.blobs import Blobs, damaged, is_digest
from byheart.ledger.entry import Entry, arrays_bytes, entry_bytes, read_entry
from byheart.ledger.index import MEND, Index, insert_entry, note_disagreement, writing
from byheart.ledger.locks import Claims
from byheart.ledger.recovery import sound_entries


@dataclass(frozen=True)
class Disagreement:
    """Two outcomes came for one key, so its step is not deterministic; the first was kept."""

    key: str
    kept: str
    refused: str
    since: float


class SqliteLedger(Ledger):
    """A ledger in `folder`, made when something is first written.

    It can be pickled to workers (the folder travels, no connection does) and used by several threads and
    processes at once.

    Args:
        folder: where everything lives; the rest of the path is made when needed.

    Example:
        >>> import tempfile
        >>> ledger = SqliteLedger(Path(tempfile.mkdtemp()) / "run")
        >>> ledger.state("0" * 64)
        'absent'
        >>> ledger.put("0" * 64, Result({"answer": 42}))
        >>> ledger.get("0" * 64).document
        {'answer': 42}
        >>> ledger.close()
    """

    name = "sqlite"

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder).absolute()  # a later change of directory must not split it
        self._blobs = Blobs(self.folder / "blobs")
        self._index = Index(self.folder)
        self._claims = Claims(self._index)

    def __reduce__(self) -> tuple:
        return type(self), (self.folder,)

    def __repr__(self) -> str:
        return f"SqliteLedger({str(self.folder)!r})"

    def write(self, key: str, outcome: Result | Failure, about: Mapping[str, Any]) -> str:
        """Write the blobs of one outcome durably and return the digest of its entry, to `record`.

        Args:
            key: 64 hexadecimal digits.
            outcome: a result (its document holds only what JSON can say) or a failure.
            about: what the step was; `about["kind"]` is what `keys(kind)` asks for.

        Raises:
            InputRefused: a value that cannot be kept truly; its path is named.
            OutputRefused: the folder cannot be written.
        """
        _check_key(key)
        if isinstance(outcome, Failure):
            entry = Entry(key, "failed", dict(about), failure=outcome)
            content = entry_bytes(entry)
        else:
            entry = Entry(key, "done", dict(about), document=dict(outcome.document))
            content = entry_bytes(entry)  # refuse a bad document before gigabytes are written
            if outcome.arrays:
                array_content = arrays_bytes(outcome.arrays)
                with writing(self.folder):
                    arrays = self._blobs.put(array_content, ".safetensors")
                content = entry_bytes(Entry(key, "done", entry.about, entry.document, arrays))
        with writing(self.folder):
            return self._blobs.put(content, ".json")

    def record(self, key: str, digest: str) -> None:
        """Make the entry `digest` what `key` stands for; the first recorded outcome wins.

        A different outcome for a recorded key is kept as a disagreement. Claims on the key end here.

        Raises:
            LedgerDamaged: there is no such entry.
            UsageError: the entry belongs to another key.
            OutputRefused: the folder cannot be written.
        """
        _check_key(key)
        entry = self._entry(digest, key)
        if entry.key != key:
            raise UsageError(f"an entry of key {key}", f"one of key {entry.key}", "Use that key.")
        with self._index.transaction() as index:
            index.execute("DELETE FROM claim WHERE key = ?", (key,))
            old = index.execute("SELECT digest FROM entry WHERE key = ?", (key,)).fetchone()
            if old is None:
                insert_entry(index, entry, digest)
            elif old[0] != digest and self._differ(old[0], entry):
                note_disagreement(index, key, old[0], digest)

    def renew(self, key: str) -> None:
        """Make `key` the one recorded last, in the order of `keys`; nothing else of it changes.

        Raises:
            OutputRefused: the folder cannot be written.
        """
        _check_key(key)
        with self._index.transaction() as index:
            index.execute("UPDATE entry SET seq = (SELECT MAX(seq) FROM entry) + 1 WHERE key = ?", (key,))

    def get(self, key: str) -> Result | Failure | None:
        """The outcome under `key`, or None; arrays are read when they are asked for.

        Raises:
            LedgerDamaged: a blob is missing or not what its name says. `forget(key)` then makes room for
                computing it again. Damage inside an array file is raised when an array is first read.
        """
        digest, state, _ = self._row(key)
        if digest is None:
            return None
        entry = self._entry(digest, key)
        if entry.key != key:
            raise damaged(digest, ".json", key, f"is an entry of key {entry.key}")
        if entry.state != state:
            raise damaged(digest, ".json", key, f"says {entry.state}, and the index {state!r}")
        if entry.failure is not None:
            return entry.failure
        if entry.arrays is None:
            return Result(entry.document or {})
        if not self._blobs.path(entry.arrays, ".safetensors").is_file():
            raise damaged(entry.arrays, ".safetensors", key, "is missing")
        return Result(entry.document or {}, LateArrays(self._blobs, entry.arrays, key))

    def state(self, key: str) -> State:
        """`done`, `failed` or `absent`, without reading any blob."""
        state = self._row(key)[1] or "absent"
        if state not in ("done", "failed", "absent"):
            raise LedgerDamaged("done or failed", f"{state!r} in the index for key {key}", "Rebuild it.")
        return state

    def about(self, key: str) -> dict[str, Any] | None:
        """What the step was, or None."""
        about = self._row(key)[2]
        try:
            return None if about is None else json.loads(about)
        except ValueError as error:
            raise LedgerDamaged("JSON", f"{error} in the index for key {key}", "Rebuild it.") from error

    def check(self) -> None:
        """Look at every row of the index, without reading any blob.

        Raises:
            LedgerDamaged: a row that no recording makes; it is named.
        """
        for key, digest, state, kind, about in self._index.rows("SELECT key, digest, state, kind, about FROM entry"):
            try:
                sound = json.loads(about).get("kind", "") == kind
            except (ValueError, TypeError, AttributeError, RecursionError):
                sound = False
            if not sound or not is_digest(key) or not is_digest(digest) or state not in ("done", "failed"):
                came = f"key {str(key)[:64]!r} in state {str(state)[:64]!r} of kind {str(kind)[:64]!r}"
                raise LedgerDamaged("rows that recording makes", f"{came} in {self._index.path}", MEND)

    def sweep(self) -> None:
        """Remove the unfinished files of processes that died."""
        self._blobs.sweep()

    def keys(self, kind: str = "") -> Iterator[str]:
        """Recorded keys in the order of recording; with `kind`, those whose `about["kind"]` is it."""
        where, values = (" WHERE kind = ?", (kind,)) if kind else ("", ())
        rows = self._index.rows(f"SELECT key FROM entry{where} ORDER BY seq", values)
        return (key for (key,) in rows)

    def forget(self, key: str, damaged: bool = False) -> None:
        """Remove what `key` stands for; of a damaged entry the blobs are set aside, for whoever wants to look."""
        digest = self._row(key)[0]
        if digest is None:
            return
        if damaged:
            with contextlib.suppress(LedgerDamaged), writing(self.folder):
                arrays = self._entry(digest, key).arrays
                if arrays is not None and not self._blobs.holds(arrays, ".safetensors"):
                    self._blobs.remove(arrays, ".safetensors", damaged)
        with self._index.transaction() as index:
            row = index.execute("SELECT digest FROM entry WHERE key = ?", (key,)).fetchone()
            index.execute("DELETE FROM entry WHERE key = ?", (key,))
            if row is not None and is_digest(row[0]):  # else rebuilding would bring it back
                self._blobs.remove(row[0], ".json", damaged)

    @contextlib.contextmanager
    def claim(self, key: str, patience_seconds: float = 600.0, say: Say | None = None) -> Iterator[bool]:
        """Hold `key` while computing it: yields True to the holder, False if there is an outcome to read.

        Waits while another process holds it. A holder that died is replaced: at once where its end can be seen, else
        (another host) when it has not renewed its claim for 30 seconds.

        Args:
            key: 64 hexadecimal digits.
            patience_seconds: how long to wait.
            say: told after two seconds who is waited for and how to go on.

        Raises:
            OutputRefused: patience ended; the holder is named.
        """
        _check_key(key)
        with self._claims.hold(key, patience_seconds, say) as mine:
            yield mine

    def disagreements(self) -> list[Disagreement]:
        """Every time a different outcome came for a recorded key, oldest first."""
        rows = self._index.rows("SELECT key, kept, refused, since FROM event ORDER BY seq")
        return [Disagreement(*row) for row in rows]

    def rebuild(self) -> int:
        """Make the index anew from the blobs; the number of entries found.

        What the index says is kept where its blobs are sound. Else, of several entries of a key, a result
        goes before a failure, and then the one written first. A damaged index is moved aside.

        Raises:
            OutputRefused: the folder cannot be written.
        """
        try:
            known = dict(self._index.rows("SELECT key, digest FROM entry ORDER BY seq"))
        except LedgerDamaged:
            known = {}
            self._index.set_aside()
        found = sound_entries(self._blobs, known)
        if not found and not self._index.path.exists():
            return 0
        try:
            self._fill(found)
        except LedgerDamaged:  # damaged where the first look did not reach
            self._index.set_aside()
            self._fill(found)
        with writing(self.folder):
            self._blobs.sweep()
        return len(found)

    def close(self) -> None:
        """Let go of the files; the next use opens them again."""
        self._index.close()

    def _row(self, key: str) -> tuple[Any, Any, Any]:
        """Digest, state and `about` as the index has them; three None where it has no such key."""
        rows = self._index.rows("SELECT digest, state, about FROM entry WHERE key = ?", (_check_key(key),))
        return rows[0] if rows else (None, None, None)

    def _entry(self, digest: str, key: str) -> Entry:
        return read_entry(self._blobs.read(digest, ".json", key), f"{digest}.json")

    def _differ(self, old: str, new: Entry) -> bool:
        try:
            return self._entry(old, new.key).says() != new.says()
        except LedgerDamaged:  # what cannot be read cannot be shown to agree
            return True

    def _fill(self, found: list[tuple[str, Entry]]) -> None:
        with self._index.transaction() as index:
            index.execute("DELETE FROM entry")
            for digest, entry in found:
                insert_entry(index, entry, digest)


def _check_key(key: str) -> str:
    if not is_digest(key):
        raise UsageError("a key of 64 hexadecimal digits", repr(key), "Use Spec.key().")
    return key
