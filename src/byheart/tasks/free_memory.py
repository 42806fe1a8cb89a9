"""Free memory: how much there is for data that are read whole, and a refusal before it runs out."""

from __future__ import annotations

from pathlib import Path

from byheart.errors import InputRefused

SMALL = 10_000_000  # bytes below which nobody asks
COPIES = 2  # of the inputs in their own type at the most, while they are read, checked and split
COMPARED = 18  # bytes per number beside them while copies are looked for (3.4 to 4.2 times single precision, measured)
LIMITS = (("memory.max", "memory.current"), ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"))


def free_bytes(system: Path = Path("/")) -> int | None:
    """Bytes that this process may still take: of the machine, or of its container where that allows less.

    None where neither can be read (Windows, macOS).
    """
    known = [_available(system / "proc/meminfo")]
    for limit, used in LIMITS:
        most, taken = (_number(system / "sys/fs/cgroup" / name) for name in (limit, used))
        known.append(None if most is None or taken is None else max(most - taken, 0))
    return min((free for free in known if free is not None), default=None)


def room_for(size: int, numbers: int, what: str, free: int | None = None) -> str:
    """What reading inputs takes, in words.

    Args:
        size: their bytes.
        numbers: how many numbers they are.
        what: what is read.
        free: bytes that are free; asked for here where not given.

    Raises:
        InputRefused: more than is free.

    Example:
        >>> room_for(180_000_000, 180_000_000, "60,000 items", 8_000_000_000)
        'reading 60,000 items: 180 MB, up to 3,600 MB while they are checked (8,000 MB are free)'
    """
    free = free_bytes() if free is None else free
    most = COPIES * size + COMPARED * numbers
    if free is not None and most > free:
        raise InputRefused(
            expected=f"{what} that fit into the {_megabytes(free)} free here",
            came=f"{_megabytes(size)}, which take up to {_megabytes(most)} while they are checked",
            do="Give a part of them (torch.utils.data.Subset), smaller pictures, or use a machine with more memory.",
        )
    if size < SMALL:
        return f"reading {what}"
    known = "" if free is None else f" ({_megabytes(free)} are free)"
    return f"reading {what}: {_megabytes(size)}, up to {_megabytes(most)} while they are checked{known}"


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.0f} MB"


def _available(path: Path) -> int | None:
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return None
    kilobytes = [line.split()[1] for line in lines if line.startswith("MemAvailable:")]
    return int(kilobytes[0]) * 1024 if kilobytes else None


def _number(path: Path) -> int | None:
    try:
        text = path.read_text().strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None  # "max" is no limit
