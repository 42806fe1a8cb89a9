"""Written: what the results of front doors have in common: a document, files, and the lines that are printed."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from byheart.auditing.writing import write_text
from byheart.errors import UsageError
from byheart.terminal import as_json


class Written:
    """A record's results as a document, as files and as lines; stands before the record among the bases."""

    @abstractmethod
    def _page(self) -> str:
        """The HTML page."""

    @abstractmethod
    def _lines(self) -> list[str]:
        """The lines of the terminal."""

    @abstractmethod
    def _file(self) -> str:
        """A file that it is usually saved as."""

    def _writers(self) -> Mapping[str, Callable[[], str]]:
        """Ending -> what makes the file."""
        return {".html": self._page, ".json": lambda: as_json(self.to_dict()) + "\n"}

    def to_dict(self) -> dict[str, Any]:
        """The document that `--json` prints."""
        return json.loads(json.dumps(self.model_dump(mode="json")))  # type: ignore[attr-defined]

    def save(self, path: str | Path) -> Path:
        """Write the page (`.html`), the document (`.json`), or another file that it has, whole or not at all.

        Raises:
            UsageError: another ending; OutputRefused: the folder cannot be written.
        """
        target, made = Path(path), self._writers()
        if target.suffix not in made:
            *most, last = made
            raise UsageError(f"a path ending in {', '.join(most)} or {last}", target.name, f"Try {self._file()}.")
        return write_text(target, made[target.suffix]())

    def __repr__(self) -> str:
        return "\n".join(self._lines())

    __str__ = __repr__
