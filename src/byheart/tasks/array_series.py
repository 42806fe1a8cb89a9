"""A series as arrays, in memory or in an .npz: times, values and names of channels, keyed by content."""

from __future__ import annotations

import hashlib
import io
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from byheart.errors import InputRefused
from byheart.tasks.features import as_array
from byheart.tasks.tabular import no_column
from byheart.tasks.time_column import Moments, counted, read_moments, weekdays

MISSING = ("NaT", "nan", "<NA>", "None")
DO = "Give values (t,) or (t, d), one time a step and one name a channel."


@dataclass(frozen=True)
class Columns:
    """The times (t,), the values (t, d) and the names (d,) of a series; what a reader must know of the times."""

    moments: np.ndarray
    values: np.ndarray
    names: tuple[str, ...]
    told: str = field(default="", repr=False)

    def digest(self) -> str:
        """SHA-256 of all three; the same numbers in another type are the same series."""
        made = hashlib.sha256(repr((self.values.shape, self.names)).encode())
        for numbers in (self.moments, self.values):
            made.update(np.ascontiguousarray(numbers).tobytes())
        return made.hexdigest()


def columns_of(values: Any, time: Any, channels: Sequence[str]) -> Columns:
    """What was given, in float64.

    Raises:
        InputRefused: no numbers, times that are none, or lengths that differ.

    Example:
        >>> columns_of([3, 4], ["2024-01-01", "2024-01-03"], ["level"])
        Columns(moments=array([19723., 19725.]), values=array([[3.],
               [4.]]), names=('level',))
    """
    values, time = _apart(values, time)
    given = as_array(values, "the series")
    if given.ndim not in (1, 2) or given.dtype.kind not in "iuf" or not given.size:
        raise InputRefused("a series of numbers (t,) or (t, d)", f"{given.dtype} {given.shape}", DO)
    numbers = given.astype(np.float64).reshape(len(given), -1)
    names = _names(values, channels, numbers.shape[1])
    times = Moments(np.arange(len(numbers), dtype=np.float64)) if time is None else _moments(time)
    if len(names) != numbers.shape[1] or times.values.shape != (len(numbers),):
        came = f"time {times.values.shape}, channels ({len(names)},), series {given.shape}"
        raise InputRefused("one time a step, and one name a channel", came, DO)
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InputRefused("channels of different names", f"{twice!r} twice", "Rename one of them.")
    return Columns(times.values, numbers, names, times.told)


def _apart(values: Any, time: Any) -> tuple[Any, Any]:
    """The channels and the times of a frame whose column of times is named."""
    if not isinstance(time, str):
        return values, time
    names = [str(one) for one in getattr(values, "columns", ())]
    if time not in names:
        if names:
            raise no_column(time, tuple(names), "the frame")
        raise InputRefused("one time for each step", f"the name {time!r}", "Give the times themselves, or a frame.")
    return values.drop(columns=[time]) if hasattr(values, "iloc") else values.drop(time), values[time]


def columns_of_npz(content: bytes, file: str, time: str, channels: Sequence[str]) -> Columns:
    """What an .npz of the arrays `series`, `time` and `channels` holds; `time` may name another array.

    Raises:
        InputRefused: no such arrays, or none that are numbers.
        UsageError: a time or a channel that it does not hold.
    """
    held = _arrays_in(content, file)
    if "series" not in held:
        came = ", ".join(f"{name} {array.shape}" for name, array in held.items()) or "nothing"
        raise InputRefused(
            "an array `series` of numbers (t,) or (t, d) in the .npz", came, "numpy.savez(file, series=x)."
        )
    if time and time not in held:
        raise no_column(time, tuple(held), file)
    found = columns_of(held["series"], held.get(time or "time"), np.atleast_1d(held.get("channels", [])).tolist())
    for name in channels:
        if name not in found.names:
            raise no_column(name, found.names, file)
    chosen = [found.names.index(name) for name in channels] or [*range(len(found.names))]
    return Columns(found.moments, found.values[:, chosen], tuple(found.names[place] for place in chosen), found.told)


def _arrays_in(content: bytes, file: str) -> dict[str, np.ndarray]:
    """The arrays of an .npz by name."""
    try:
        if zipfile.is_zipfile(io.BytesIO(content)):
            with np.load(io.BytesIO(content), allow_pickle=False) as archive:
                return {name: archive[name] for name in archive.files}
    except (OSError, ValueError, zipfile.BadZipFile, zlib.error):  # of Python's own objects, or with damaged bytes
        pass
    raise InputRefused(
        "an .npz of arrays of numbers and text",
        f"{file}, which holds others or is damaged",
        "numpy.savez(file, series=x).",
    )


def _names(values: Any, channels: Sequence[str], wide: int) -> tuple[str, ...]:
    if isinstance(channels, str):
        channels = [channels]
    of_frame = getattr(values, "columns", ())
    return tuple(str(one) for one in channels) or tuple(map(str, of_frame)) or tuple(f"x{i}" for i in range(wide))


def _moments(time: Any) -> Moments:
    """Times as numbers: as they stand, months and quarters counted, dates as days, times and durations as hours."""
    given = as_array(time, "time")
    if given.dtype.kind in "iuf":
        return Moments(counted(given))
    if given.dtype.kind == "m":
        return Moments(given / np.timedelta64(1, "h"))
    if given.dtype.kind == "M":
        days = (given - np.datetime64(0, "D")) / np.timedelta64(1, "D")
        return weekdays(days)
    cells = [None if one is None else str(one) for one in given.ravel().tolist()]
    if (read := read_moments([None if text in MISSING else text for text in cells])) is None:
        raise InputRefused(
            "times: dates, months, quarters, times of day or numbers", f"{cells[0]!r}", "Give numbers that grow evenly."
        )
    return read._replace(values=read.values.reshape(given.shape))
