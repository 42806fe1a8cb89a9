"""Processes: whose a lock or a temporary file is, and whether that process still runs."""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import re
import secrets
import shutil
import stat
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_OWNER = re.compile(r"([0-9a-f]{8})-(\d{1,10})-(\d{0,20})-[0-9a-f]{16}")
_STALE_SECONDS = 3600.0


@dataclass(frozen=True)
class Holder:
    """A process on a host; `started` tells it from a later process of the same number."""

    pid: int
    host: str
    started: str

    def is_gone(self) -> bool | None:
        """Whether it ended; None where that cannot be seen from here (another host, Windows)."""
        if self.host != host() or sys.platform == "win32":
            return None
        return not is_alive(self.pid) or started(self.pid) != self.started


def this_process() -> Holder:
    """The holder that this process is."""
    return Holder(os.getpid(), host(), started(os.getpid()))


def host() -> str:
    """This host's name and the space that process numbers are counted in: two containers may share a name."""
    try:
        space = os.readlink("/proc/self/ns/pid")
    except OSError:
        return platform.node()
    return f"{platform.node()} {space}"


def is_alive(pid: int) -> bool:
    """Whether process `pid` of this host runs; one that ended and was not waited for does not."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
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


def temporary_name() -> str:
    """A random part for the name of a temporary file or folder, from which `sweep` reads whose it is."""
    me = this_process()
    return f"{_short(me.host)}-{me.pid}-{me.started}-{secrets.token_hex(8)}"


def sweep(paths: Iterable[Path]) -> None:
    """Remove what dead processes left behind of `paths`, files or folders of this user.

    Whose a path is stands in its name (`temporary_name`); what has no such name is not ours. Where the owner cannot be
    seen from here, a file goes when nobody has written to it for an hour, and a folder stays.
    """
    for path in paths:
        owner = _OWNER.search(path.name)
        with contextlib.suppress(OSError):
            status = path.lstat()
            if owner is None or (hasattr(os, "getuid") and status.st_uid != os.getuid()):
                continue
            here = Holder(int(owner[2]), host(), owner[3])
            gone = here.is_gone() if owner[1] == _short(here.host) else None
            if stat.S_ISDIR(status.st_mode):
                if gone:
                    shutil.rmtree(path, ignore_errors=True)
            elif gone or (gone is None and time.time() - status.st_mtime > _STALE_SECONDS):
                path.unlink()


def _short(name: str) -> str:
    return hashlib.blake2b(name.encode(errors="replace"), digest_size=4).hexdigest()
