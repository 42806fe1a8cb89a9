"""The command that asks for the same balance."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace

from byheart.auditing.request import Request


def command(request: Request, tries: Sequence[str]) -> Request:
    """The request whose command is that of the balance: the words of the audit, and what is tried."""
    words = request.command.replace("byheart audit", "byheart balance", 1).replace(" --no-control", "", 1)
    tried = shlex.join(part for word in tries for part in ("--try", word))
    return replace(request, command=f"{words} {tried}".strip())
