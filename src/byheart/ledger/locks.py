"""Who holds a key while computing it: a lease that its holder renews, and that ends with him."""

from __future__ import annotations

import contextlib
import secrets
import threading
import time
from collections.abc import Iterator
from typing import Any

from byheart.errors import ByheartError, OutputRefused
from byheart.ledger.base import Say
from byheart.ledger.index import Index
from byheart.processes import Holder, this_process

LEASE_SECONDS = 30.0
_AHEAD_SECONDS = 24 * 3600.0  # no clock in use is that far ahead of another
_RENEW_SECONDS = 5.0
_SILENT_SECONDS = 2.0
_POLL_SECONDS = 0.05
_COLUMNS = "pid, host, started, since"


class Claims:
    """The claims table of an index: at most one row a key. `since` is when its holder last renewed it."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._held = 0
        self._over = threading.Event()
        self._named: set[Holder] = set()

    @contextlib.contextmanager
    def hold(self, key: str, patience_seconds: float, say: Say | None = None) -> Iterator[bool]:
        """True while `key` is ours to compute; False if it has an outcome.

        After two seconds of waiting `say` is told for whom, once a holder.

        Raises:
            OutputRefused: another held it for all of `patience_seconds`.
        """
        token = secrets.token_hex(16)  # a thread of this process must not end another's claim
        if not self._wait(key, token, patience_seconds, say):
            yield False
            return
        try:
            with self._renewed():
                yield True
        finally:
            self._let_go(key, token)

    def _wait(self, key: str, token: str, patience_seconds: float, say: Say | None) -> bool:
        started = changed = time.monotonic()
        seen: tuple | None = None
        while True:
            row = self._row(key)
            if self._index.rows("SELECT 1 FROM entry WHERE key = ?", (key,)):
                return False
            now = time.monotonic()
            if row != seen:
                seen, changed = row, now
            if (row is None or _is_over(row, now - changed)) and self._take(key, token, row):
                return True
            if row is not None and now - started > patience_seconds:
                raise OutputRefused(
                    expected=f"key {key} to be free",
                    came=f"process {row[0]} on {_host(row)} holding it in {self._index.folder}",
                    do="Wait for it or stop it.",
                )
            if row is not None and say and now - started > _SILENT_SECONDS:
                self._tell(row, say)
            time.sleep(_POLL_SECONDS)

    def _row(self, key: str) -> tuple | None:
        rows = self._index.rows(f"SELECT {_COLUMNS} FROM claim WHERE key = ?", (key,))
        return rows[0] if rows else None

    def _take(self, key: str, token: str, seen: tuple | None) -> bool:
        """Take the claim unless it was renewed or changed hands since `seen`: looked at again in the transaction."""
        with self._index.transaction() as index:
            if index.execute("SELECT 1 FROM entry WHERE key = ?", (key,)).fetchone():
                return False
            if index.execute(f"SELECT {_COLUMNS} FROM claim WHERE key = ?", (key,)).fetchone() != seen:
                return False
            me = this_process()
            index.execute(
                "REPLACE INTO claim (key, token, pid, host, started, since) VALUES (?, ?, ?, ?, ?, ?)",
                (key, token, me.pid, me.host, me.started, time.time()),
            )
            return True

    def _let_go(self, key: str, token: str) -> None:
        if self._index.rows("SELECT 1 FROM claim WHERE key = ? AND token = ?", (key, token)):
            with self._index.transaction() as index:
                index.execute("DELETE FROM claim WHERE key = ? AND token = ?", (key, token))

    def _tell(self, row: tuple, say: Say) -> None:
        holder = Holder(*row[:3])
        if holder not in self._named:
            self._named.add(holder)
            say(
                f"Waiting for process {holder.pid} on {_host(row)}, which computes a step needed here, in "
                f"{self._index.folder}. This goes on by itself when that is done, or within {LEASE_SECONDS:.0f} s "
                "if that process has ended. To go on at once, stop it or use another output folder."
            )

    @contextlib.contextmanager
    def _renewed(self) -> Iterator[None]:
        """While anything is held, a thread renews all that this process holds."""
        with self._index.lock:
            self._held += 1
            if self._held == 1:
                self._over = threading.Event()
                threading.Thread(target=self._renew, args=(self._over,), name="byheart-lease", daemon=True).start()
        try:
            yield
        finally:
            with self._index.lock:
                self._held -= 1
                if self._held == 0:
                    self._over.set()

    def _renew(self, over: threading.Event) -> None:
        me = this_process()
        while not over.wait(_RENEW_SECONDS):
            with contextlib.suppress(ByheartError), self._index.lock:  # a full disk now may be free the next time
                if over.is_set():
                    return
                with self._index.transaction() as index:
                    index.execute(
                        "UPDATE claim SET since = ? WHERE pid = ? AND host = ? AND started = ?",
                        (time.time(), me.pid, me.host, me.started),
                    )


def _is_over(row: tuple[Any, ...], unchanged_seconds: float) -> bool:
    """Whether a claim's holder is gone: seen to be, or silent for a lease by the clock or while we watched.

    A clock that is wrong by more than the lease makes a step be computed twice, never wrongly: the first outcome stays.
    """
    pid, _, _, since = row
    if not isinstance(pid, int) or pid < 1 or not isinstance(since, float):  # no process wrote this
        return True
    if since - time.time() > _AHEAD_SECONDS:
        return True
    gone = Holder(*row[:3]).is_gone()
    return max(time.time() - since, unchanged_seconds) > LEASE_SECONDS if gone is None else gone


def _host(row: tuple) -> str:
    return str(row[1]).partition(" ")[0]
