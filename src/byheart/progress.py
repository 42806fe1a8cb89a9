"""Progress on standard error: a bar on a terminal and in a notebook, a line at least every 10 s elsewhere."""

from __future__ import annotations

import os
import sys
import threading
import time
from typing import Any

from byheart.terminal import EVERY, printable, put

TITLES = {
    "draw": "reading data", "trial": "timing the training", "train": "training", "measure": "measuring",
    "query": "reading data", "explain": "explaining", "check": "checking",
}  # fmt: skip


class Progress:
    """Called with (step, state): `to do` before the steps of a wave run, `done` or `failed` as each ends.

    Says what is done, how much of it, how long it took and how long it will: of training, members at the pace so far.
    `say` prints a line worth telling. Nothing is printed when `quiet`.

    Example:
        >>> with Progress(quiet=True) as progress:
        ...     progress.say("nothing is printed")
    """

    def __init__(self, quiet: bool = False) -> None:
        self.quiet = quiet
        self.kind, self.todo, self.done = "", 0, 0
        self.started = self.wave = self.told = time.monotonic()
        self.bar: Any = None
        self.task: Any = None
        self._ended = threading.Event()
        if not quiet and (_in_notebook() or (sys.stderr.isatty() and os.environ.get("TERM") != "dumb")):
            from rich.console import Console
            from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
            from rich.progress import Progress as Bar

            columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
            self.bar = Bar(*columns, console=Console(stderr=not _in_notebook()), transient=True)

    def __enter__(self) -> Progress:
        if self.bar:
            self.bar.start()
            self.task = self.bar.add_task("starting", total=None)
        elif not self.quiet:
            threading.Thread(target=self._tick, daemon=True).start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._ended.set()
        if self.bar:
            self.bar.stop()

    def say(self, line: str) -> None:
        """Print one line; control characters of data do not reach the terminal."""
        if self.quiet:
            return
        self.told = time.monotonic()
        if self.bar:
            self.bar.console.print(printable(line), markup=False, emoji=False, highlight=False)
        else:
            put(line, sys.stderr)

    def __call__(self, step: Any, state: str) -> None:
        """Count one step, unless it was kept from before."""
        if self.quiet or state == "kept":
            return
        if state == "to do":
            if step.kind != self.kind or self.done == self.todo:
                self.kind, self.todo, self.done, self.wave = step.kind, 0, 0, time.monotonic()
            self.todo += _size(step)
        else:
            self.done += _size(step)
        if self.bar:
            self.bar.update(self.task, description=self.line, completed=self.done, total=self.todo or None)

    @property
    def line(self) -> str:
        """How far the wave is: `training: 24 of 65 models, 1 min 10 s, about 2 min left`.

        Example:
            >>> Progress(quiet=True).line
            'starting, 0 s'
        """
        now = time.monotonic()
        if not self.kind:
            return f"starting, {duration(now - self.started)}"
        noun = "models" if self.kind == "train" else "steps"
        left = (now - self.wave) / self.done * (self.todo - self.done) if self.done else None
        told = "" if left is None or self.done == self.todo else f", about {duration(left)} left"
        far = f"{TITLES[self.kind]}: {self.done} of {self.todo} {noun}" if self.todo > 1 else TITLES[self.kind]
        return f"{far}, {duration(now - self.started)}{told}"

    def _tick(self) -> None:
        """A line at least every 10 s, however long a step takes."""
        while not self._ended.wait(max(0.1, self.told + EVERY - time.monotonic())):
            if time.monotonic() - self.told >= EVERY:
                self.say(self.line)


def duration(seconds: float) -> str:
    """Seconds in words of two units at most.

    Example:
        >>> duration(8.2), duration(70), duration(245), duration(9000)
        ('8 s', '1 min 10 s', '4 min', '2 h 30 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 180:
        return f"{whole // 60} min {whole % 60} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def _size(step: Any) -> int:
    """Members that a step trains; 1 of other steps."""
    return step.about["stop"] - step.about["start"] if step.kind == "train" else 1


def _in_notebook() -> bool:
    """Whether standard output is a cell of a notebook."""
    kernel = sys.modules.get("ipykernel")
    return kernel is not None and "IPython" in sys.modules and type(sys.stdout).__module__.startswith("ipykernel")
