"""Who holds a key while computing it, and whether he still lives."""

from __future__ import annotations

import contextlib
import os
import platform
import secrets
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from byheart.errors import OutputRefused
from byheart.ledger.index import Index

_POLL_SECONDS = 0.05


@dataclass(frozen=True)
class Holder:
    """A process on a host; `started` tells it from a later process of the same number."""

    pid: int
    host: str
    started: str

    def is_gone(self) -> bool:
        """True only where that is certain: a process of another host is taken to live."""
        if self.host != platform.node():
            return False
        return not is_alive(self.pid) or started(self.pid) != self.started


class Claims:
    """The claims table of an index: at most one row a key."""

    def __init__(self, index: Index) -> None:
        self._index = index

    def holder(self, key: str) -> Holder | None:
        """Who holds `key`, alive or not."""
        rows = self._index.rows("SELECT pid, host, started FROM claim WHERE key = ?", (key,))
        return Holder(*rows[0]) if rows else None

    @contextlib.contextmanager
    def hold(self, key: str, patience_seconds: float) -> Iterator[bool]:
        """True while `key` is ours to compute; False if it has an outcome.

        Raises:
            OutputRefused: another held it for all of `patience_seconds`.
        """
        token = secrets.token_hex(16)  # a thread of this process must not end another's claim
        mine = self._wait(key, token, time.monotonic() + patience_seconds)
        try:
            yield mine
        finally:
            if mine:
                self._let_go(key, token)

    def _wait(self, key: str, token: str, deadline: float) -> bool:
        while True:
            holder = self.holder(key)
            if self._index.rows("SELECT 1 FROM entry WHERE key = ?", (key,)):
                return False
            if (holder is None or holder.is_gone()) and self._take(key, token, holder):
                return True
            if holder is not None and time.monotonic() > deadline:
                raise OutputRefused(
                    expected=f"key {key} to be free",
                    came=f"process {holder.pid} on {holder.host} holding it in {self._index.folder}",
                    do="Wait for it or stop it. If that host is gone, forget the key: that ends the claim.",
                )
            time.sleep(_POLL_SECONDS)

    def _take(self, key: str, token: str, seen: Holder | None) -> bool:
        """Take the claim unless it changed hands since `seen`; looked at again inside the transaction."""
        with self._index.transaction() as index:
            if index.execute("SELECT 1 FROM entry WHERE key = ?", (key,)).fetchone():
                return False
            row = index.execute("SELECT pid, host, started FROM claim WHERE key = ?", (key,)).fetchone()
            if (Holder(*row) if row else None) != seen:
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


def this_process() -> Holder:
    """The holder that this process is."""
    return Holder(os.getpid(), platform.node(), started(os.getpid()))


def is_alive(pid: int) -> bool:
    """Whether process `pid` of this host runs; one that ended and was not waited for does not.

    Where that cannot be asked without harm (Windows) the answer is True.
    """
    if sys.platform == "win32":
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it runs, as another user
        return True
    fields = _stat(pid)
    return not fields or fields[0] not in "ZX"


def started(pid: int) -> str:
    """When process `pid` began, in ticks since this boot; empty where that cannot be had."""
    fields = _stat(pid)
    return fields[19] if len(fields) > 19 else ""


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the state on: a name may hold spaces and brackets."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return []
    return text.rpartition(")")[2].split()
