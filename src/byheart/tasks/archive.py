"""A .npz file read without running any code in it."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import numpy as np

from byheart.errors import InputRefused

NAMES = ("x", "y", "x_test", "y_test", "groups")


def read_archive(path: Path) -> dict[str, np.ndarray]:
    """The arrays `x`, `y` and perhaps `x_test`, `y_test` of a .npz file; capitals and `x_train` are fine too.

    Raises:
        InputRefused: no such file, a damaged one, arrays missing, or objects that only pickle could read.
    """
    try:
        loaded = np.load(path, allow_pickle=False)
    except FileNotFoundError:
        raise InputRefused(expected="a .npz file", came=f"no file {path}", do="Check the path.") from None
    except (zipfile.BadZipFile, ValueError, EOFError, OSError) as error:
        raise _damaged(path, error) from None
    if not isinstance(loaded, np.lib.npyio.NpzFile):
        raise InputRefused(
            expected="a .npz file with the arrays x and y",
            came=f"a single array in {path.name}",
            do="Write it with np.savez(path, x=x, y=y).",
        )
    with loaded:
        return {wanted: _member(loaded, name, path) for wanted, name in _names(loaded.files, path).items()}


def _names(found: list[str], path: Path) -> dict[str, str]:
    plain: dict[str, str] = {}
    for name in found:
        wanted = name.lower().removesuffix("_train")
        if wanted in NAMES and wanted in plain:
            raise InputRefused(
                expected=f"one array called {wanted} in {path.name}",
                came=f"{plain[wanted]} and {name}",
                do="Leave one of them out, or give it another name.",
            )
        plain[wanted] = name
    if "x" not in plain or "y" not in plain:
        raise InputRefused(
            expected="arrays named x and y (and perhaps x_test and y_test)",
            came=f"{', '.join(found) or 'no array'} in {path.name}",
            do="Write it with np.savez(path, x=x, y=y).",
        )
    return {name: plain[name] for name in NAMES if name in plain}


def _member(archive: np.lib.npyio.NpzFile, name: str, path: Path) -> np.ndarray:
    try:
        return archive[name]
    except ValueError as error:
        if "allow_pickle" not in str(error) and "pickle" not in str(error).lower():
            raise _damaged(path, error) from None
        raise InputRefused(
            expected=f"plain numbers or text in {name} of {path.name}",
            came="objects, which only pickle can read, and pickle can run any code",
            do="Convert before saving: x.astype(float), y.astype(str).",
        ) from None
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
        raise _damaged(path, error) from None


def _damaged(path: Path, error: Exception) -> InputRefused:
    return InputRefused(
        expected="a whole .npz file",
        came=f"{path.name}, which is damaged or of another kind ({error})",
        do="Copy or write it again with np.savez(path, x=x, y=y).",
    )
