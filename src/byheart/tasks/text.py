"""Text: a file cut into passages of equal length, to be predicted byte by byte."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Self

import numpy as np
from pydantic import Field, model_validator

from byheart.errors import InputRefused
from byheart.seeds import stream
from byheart.tasks.base import Task
from byheart.tasks.data import Data, Examples, Truth
from byheart.tasks.output import Tokens

CHUNK = 16  # neighbouring passages that stay together when the test is held out
HELD_OUT = 0.2
FEWEST = 60  # passages below which nothing can be measured
TESTED = 10  # test passages below which nothing is said of new text


class Text(Task):
    """What comes next? Passages of `window` bytes of a text; without a path, the Python manual of this interpreter.

    Args:
        path: the file; empty for the embedded text.
        sha256: of the content, so that a changed file (or another Python) is another task; read where it is not given.
        window: bytes of a passage.
        n: training passages at most.
        n_test: test passages at most.

    The text is cut into passages end to end (a rest shorter than one is left out), passages into chunks of 16
    neighbours; a fifth of the chunks is held out as a whole, drawn from the seed, and training takes whole chunks of
    the rest. A test passage that equals a training passage is left out, and counted in `about`. Ids are positions in
    the text, in passages. Tokens are the different bytes of the whole text in order.

    Raises:
        InputRefused: the file is missing, changed, too short, or so much a copy of itself that nothing is left to test.

    Example:
        >>> data = Text(n=200).draw(0)
        >>> data.output.kind, data.train.x.shape, bool((data.train.x == data.train.y).all())
        ('tokens', (200, 64), True)

    Reference: the embedded text is Python's own reference manual, `pydoc_data.topics` of the running interpreter.
    """

    name = "text"
    usual_members = 24  # a member takes seconds
    path: str = ""
    sha256: str = ""
    window: int = Field(default=64, ge=8, le=1024)
    n: int = Field(default=1000, ge=20)
    n_test: int = Field(default=250, ge=10)

    @model_validator(mode="before")
    @classmethod
    def _digested(cls, fields: Any) -> Any:
        """A path alone is a task too (a claim file gives no digest): it is the text that stands there now."""
        if not isinstance(fields, dict) or fields.get("sha256"):
            return fields
        path = fields.get("path", "")
        return {**fields, "sha256": hashlib.sha256(_read(path)).hexdigest()} if isinstance(path, str) else fields

    @classmethod
    def of(cls, path: str | Path, **options: Any) -> Self:
        """The task of a text file; what cannot be measured is refused now."""
        task = cls(path=str(path), **options)
        task.draw(0)
        return task

    def draw(self, seed: int) -> Data:
        """The passages in the split of `seed`.

        Raises:
            InputRefused: the text has changed since the task was made, is too short, or repeats itself: fewer than 10
                test passages are not in training.
        """
        content = _read(self.path)
        name = Path(self.path).name if self.path else "the embedded text"
        if hashlib.sha256(content).hexdigest() != self.sha256:
            raise InputRefused(f"{name} as it was when the audit began", "a changed text", "Run the command again.")
        passages = len(content) // self.window
        if passages < FEWEST:
            raise InputRefused(
                expected=f"at least {FEWEST} passages of {self.window} bytes, {FEWEST * self.window:,} bytes",
                came=f"{len(content):,} bytes in {name}",
                do="Give a longer text, or join several files.",
            )
        vocabulary, codes = np.unique(np.frombuffer(content, np.uint8), return_inverse=True)
        x = codes[: passages * self.window].astype(np.uint8).reshape(passages, self.window)
        train, test = self._split(passages, seed)
        same = set(map(bytes, x[train]))
        overlap = np.array([bytes(row) in same for row in x[test]])
        self._refuse_repeated(name, int(overlap.sum()), len(test))
        test = test[~overlap]
        views = {"train": _examples(content, x, train), "test": _examples(content, x, test)}
        return Data(
            views=views,
            output=Tokens(
                k=len(vocabulary),
                classes=tuple(chr(byte) for byte in vocabulary),
                noun=("passage", "passages"),
                target="text",
            ),
            truth=Truth(),
            about=self._about(passages, len(train), len(test), int(overlap.sum())),
        )

    def _refuse_repeated(self, name: str, copies: int, drawn: int) -> None:
        if drawn - copies < TESTED:
            raise InputRefused(
                expected=f"at least {TESTED} test passages that do not stand in training",
                came=f"{drawn - copies}: {copies} of {drawn} in {name} equal a training passage and were left out",
                do="Give a text that repeats itself less, or a longer window.",
            )

    def _split(self, passages: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Positions of training and test passages, whole chunks on either side, in the order of the text."""
        size = min(CHUNK, max(1, passages // 20))
        chunks = np.arange(passages) // size
        order = stream(seed, "text", "split").permutation(chunks[-1] + 1)
        place = np.argsort(order)[chunks]  # of each passage's chunk in the drawn order
        held = max(1, round(HELD_OUT * len(order)))
        drawn = np.argsort(place, kind="stable")
        test, train = drawn[place[drawn] < held], drawn[place[drawn] >= held]
        return np.sort(train[: self.n]), np.sort(test[: self.n_test])

    def _about(self, passages: int, n: int, n_test: int, overlap: int) -> dict[str, Any]:
        import platform

        named = {
            "title": Path(self.path).name if self.path else f"Python's own manual ({platform.python_version()})",
            "source": "given by you" if self.path else "pydoc_data.topics of the running interpreter",
            "licence": "yours" if self.path else "PSF-2.0",
        }
        how = f"whole chunks of {CHUNK} neighbouring passages held out, from the seed"
        return {
            **named,
            "sha256": self.sha256,
            "n": n,
            "n_test": n_test,
            "window_bytes": self.window,
            "overlap": overlap,
            "holdout": how,
            "inferred": [
                f"text: {n:,} of {passages:,} passages of {self.window} bytes to train on, {n_test:,} to test; {how}"
                + (f"; {overlap} test passages equal to a training passage were left out" if overlap else "")
            ],
        }


def embedded() -> bytes:
    """The reference manual that comes with the running Python, topic after topic; the same interpreter, the same bytes.

    Raises:
        InputRefused: this Python was installed without it.
    """
    try:
        from pydoc_data.topics import topics
    except ImportError:
        raise InputRefused(
            expected="Python's own manual (pydoc_data.topics)", came="a Python without it", do="Give a text file."
        ) from None
    return "\n\n".join(topics[name] for name in sorted(topics)).encode()


def shown(content: bytes) -> str:
    """Bytes as a reader sees them on one line: ends of lines as a pilcrow, what is no text as a mark."""
    text = content.decode("utf-8", errors="replace").replace("\r", "").replace("\n", "\u00b6").replace("\t", " ")
    return "".join(sign if sign.isprintable() else "\ufffd" for sign in text)


def _examples(content: bytes, x: np.ndarray, rows: np.ndarray) -> Examples:
    window = x.shape[1]
    texts = [shown(content[row * window : (row + 1) * window]) for row in rows]
    tokens = x[rows]
    return Examples(rows.astype(np.int64), tokens, tokens.astype(np.int64), {"shown": np.array(texts)})


def _read(path: str) -> bytes:
    return _content(Path(path)) if path else embedded()


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputRefused(f"a text file at {path}", error.strerror or "an error", "Check the path.") from None
