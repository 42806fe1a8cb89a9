"""Progress on standard error: a bar on a terminal, a line for every tenth elsewhere, nothing when quiet."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, Any

from byheart.terminal import printable, put

if TYPE_CHECKING:
    from byheart.study.steps import Step

TITLES = {
    "draw": "reading data", "trial": "trying how to train", "train": "training", "measure": "measuring",
    "query": "reading data", "explain": "explaining", "check": "checking",
}  # fmt: skip


class Progress:
    """Called with (step, state) as steps end; `say` prints a line worth telling."""

    def __init__(self, quiet: bool) -> None:
        self.quiet = quiet
        terminal = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self.bar: Any = None
        self.task: Any = None
        self.total = self.done = self.told = 0
        self.started = time.monotonic()
        if terminal and not quiet:
            from rich.console import Console
            from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
            from rich.progress import Progress as Bar

            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.completed}/{task.total}"),
                TimeElapsedColumn(),
            )
            self.bar = Bar(*columns, console=Console(stderr=True), transient=True)

    def __enter__(self) -> Progress:
        if self.bar:
            self.bar.start()
            self.task = self.bar.add_task("starting", total=None)
        return self

    def __exit__(self, *raised: object) -> None:
        if self.bar:
            self.bar.stop()

    def say(self, line: str) -> None:
        """Print one line; control characters of data do not reach the terminal."""
        if self.quiet:
            return
        if self.bar:
            self.bar.console.print(printable(line), markup=False, emoji=False, highlight=False)
        else:
            put(line, sys.stderr)
        if " to do" in line:
            self.total = int(line.rsplit(",", 1)[-1].split()[0])
            self.done = self.told = 0

    def __call__(self, step: Step, state: str) -> None:
        """Count one step, unless it was kept from before."""
        if self.quiet or state == "kept":
            return
        self.done += 1
        title = TITLES[step.kind]
        if self.bar:
            self.bar.update(self.task, description=title, completed=self.done, total=self.total or None)
        elif self.total and (10 * self.done) // self.total > self.told:
            self.told = (10 * self.done) // self.total
            seconds = time.monotonic() - self.started
            put(f"{title}: {self.done} of {self.total} steps, {seconds:.0f} s", sys.stderr)
