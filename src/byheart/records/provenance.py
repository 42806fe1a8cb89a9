"""Provenance: what a number was made with, so that it can be made again."""

from __future__ import annotations

from functools import cache
from importlib import metadata
from platform import machine, python_version, system

from byheart.records.spec import Record

SCHEMA = 5  # of the document of an audit; another one is not read
YOURS = "given by you"  # the source of data that came from the user
PACKAGES = ("byheart", "torch", "numpy", "scipy", "scikit-learn", "safetensors", "pydantic")


def versions() -> dict[str, str]:
    """Version of Python and of each package that numbers depend on; nothing is imported."""
    found = {"python": python_version(), "system": f"{system()} {machine()}"}
    return found | {package: installed(package) for package in PACKAGES}


@cache
def installed(package: str) -> str:
    """The version of a package, read once a process; nothing is imported.

    Example:
        >>> installed("no such package")
        'not installed'
    """
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


class Provenance(Record):
    """Where the numbers of an audit come from.

    Attributes:
        command: the command that makes the same document.
        seed: the root seed.
        versions: Python and packages.
        device: `cpu`, `cuda` or `mps`.
        threads: intra-op threads a worker, part of every key.
        jobs: workers; it changes no number.
        data: name, source, licence, sha256, n of the data, and what was planted.
        learner: the settings of the learner, in words and fields.
        members: how many, on what share, at which checkpoints outcomes were kept.
        way: how fleets were trained (`stacked`, `functional`, `each`), and why not at once.
        cpu_seconds: spent on training and on measuring, when they ran.
        level: `bitwise`, `statistical` or `re-derivable`, and what that means here.
        steps: keys of the steps behind the findings.
        notes: what a reader must know (uncached user code, failed members, cut budget).
    """

    command: str
    seed: int
    versions: dict[str, str]
    device: str
    threads: int
    jobs: int
    data: dict[str, str | int | float]
    learner: dict[str, str | int | float]
    members: dict[str, str | int | float | list[float]]
    way: str
    cpu_seconds: dict[str, float]
    level: str
    steps: dict[str, str] = {}
    notes: tuple[str, ...] = ()
