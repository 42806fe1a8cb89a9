"""Engine: where work runs. It knows nothing of what the work is. Six promises.

1. Results equal inline, bit for bit, at any number of workers.
2. An exception is a kept failure and the rest goes on.
3. A killed worker's step is retried once, alone; then it is failed.
4. An interrupt leaves everything finished finished.
5. Threads a worker are fixed, independent of the number of workers.
6. No orphan processes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class Done:
    """One key's end: `value` is what the work returned, or `error` says why there is none.

    `printed` is the beginning of what it printed, of the first of the `printing` parts of it that did.
    """

    key: str
    value: str | None = None
    error: Broken | None = None
    printed: str = ""
    printing: int = 0


@dataclass(frozen=True)
class Broken:
    """Why a key has no value: the exception's kind and message, and its traceback where one was had."""

    kind: str
    message: str
    traceback: str = ""


class Engine(ABC):
    """Runs `work(key)` for each key and yields each end as it comes."""

    kind: ClassVar[str] = "engine"
    name: ClassVar[str]
    workers: int = 1

    @abstractmethod
    def run(self, work: Callable[[str], str], keys: Sequence[str]) -> Iterator[Done]:
        """Yield one Done a key, in the order of completion. `work` must be picklable for `pool`.

        KeyboardInterrupt ends the run: workers are stopped before it is raised again.
        """

    def close(self) -> None:  # noqa: B027 (an engine without workers has nothing to stop)
        """Stop the workers, if any."""
