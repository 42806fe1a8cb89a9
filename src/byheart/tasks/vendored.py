"""The data files that travel with the package: found, checked against their SHA-256, and read."""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from byheart.errors import ByheartError

FOLDER = Path(__file__).with_name("data")


@dataclass(frozen=True)
class Vendored:
    """One line of `data/manifest.json`: the file, its SHA-256, where it is from, its licence, its size."""

    file: str
    sha256: str
    source: str
    licence: str
    n: int


@cache
def manifest() -> dict[str, Vendored]:
    """Every vendored file by name.

    Example:
        >>> manifest()["sunspots.csv"].licence
        'public domain'
    """
    rows = json.loads((FOLDER / "manifest.json").read_text(encoding="utf-8"))
    return {row["file"]: Vendored(**row) for row in rows}


def read_bytes(file: str) -> bytes:
    """The bytes of a vendored file, or an error where they are not the ones that were shipped.

    Example:
        >>> read_bytes("sunspots.csv")[:6]
        b'"YEAR"'
    """
    content = (FOLDER / file).read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != manifest()[file].sha256:
        raise ByheartError(
            expected=f"{file} with sha256 {manifest()[file].sha256[:12]}",
            came=found[:12],
            do="The file was changed after installation: reinstall byheart.",
        )
    return content


def read_npz(file: str) -> dict[str, np.ndarray]:
    """The arrays of a vendored .npz file; pickled objects are never loaded."""
    with np.load(io.BytesIO(read_bytes(file)), allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}
