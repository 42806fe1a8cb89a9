"""Workplace: where an audit's ledger lies where nothing is kept, and why it is not."""

from __future__ import annotations

import tempfile
from pathlib import Path

from byheart.fingerprint.code import why_unkeyed
from byheart.probes.base import Subject
from byheart.processes import sweep, temporary_name


def temporary_folder() -> Path:
    """A folder of random name in the system's place for such; those that killed processes left are swept away."""
    sweep(Path(tempfile.gettempdir()).glob("byheart-*"))
    return Path(tempfile.mkdtemp(prefix=f"byheart-{temporary_name()}-"))


def unkeyed_reasons(subject: Subject) -> list[str]:
    """Why what is trained of a subject is not kept: parts of it whose code has no digest."""
    parts = [part for part in (subject.task, subject.learner, *subject.levers) if part is not None]
    return [why for part in parts if (why := getattr(part, "unkeyed_reason", "") or why_unkeyed(part))]


def not_kept(reasons: list[str]) -> str:
    """The line that says so.

    Example:
        >>> not_kept(["fit has no source"])
        'Not kept: fit has no source; it runs in this process and nothing is resumed.'
    """
    return f"Not kept: {'; '.join(reasons)}; it runs in this process and nothing is resumed."
