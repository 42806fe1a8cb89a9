"""Words that complete a command line in bash, zsh and fish; nothing heavy is imported for them.

The shell calls `_BYHEART_COMPLETE=SHELL byheart WORD ... LAST`: the words up to the cursor, the last one unfinished or empty.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

TAB = "\u2409"  # stands for the sign that does not get past the terminal; in its place at the end
NO_WORDS = ("arrays", "table", "frame", "flipped", "transformed")  # tasks that a file or an option stands for
OF_RUNS = ("show", "view", "report", "export", "explain", "compare", "unlearn", "gate")

Words = dict[str, str]  # a word -> what it means, or nothing


def answer(shell: str, words: list[str]) -> str:
    """What the shell reads: a word per line, in zsh and fish with its meaning."""
    found = complete(words)
    if shell == "zsh":
        return "\n".join(f"{_escaped(word)}:{_escaped(line)}" for word, line in found.items())
    if shell == "fish":
        return "\n".join(f"{word}{TAB}{line}" for word, line in found.items())
    last = words[-1] if words else ""  # bash takes --option=WORD for three words, and completes the third
    option, equals, _ = last.partition("=")
    return "\n".join(word.removeprefix(option + equals) if equals and option[:2] == "--" else word for word in found)


def tabs(text: str, stream: object = None) -> str:
    """The answer with its tabs."""
    return text.replace(TAB, "\t")


def complete(words: list[str]) -> Words:
    """Word -> its meaning, of those that may stand in the place of the last of the words.

    Example:
        >>> list(complete(["au"])), list(complete(["audit", "--lever", "drop"]))
        (['audit'], ['dropout='])
    """
    *before, last = words or [""]
    before = [word for word in before if word != "="]
    last = "" if last == "=" else last
    if not before or before == ["help"]:
        return _beginning(last, _commands(last if not before else ""))
    command = _command(before[0])
    option, equals, _ = last.partition("=")
    if equals and option.startswith("--"):
        return {
            f"{option}={word}": line
            for word, line in _beginning(last[len(option) + 1 :], _values(option, before)).items()
        }
    if before[-1] in _taking_values(command):
        return _beginning(last, _values(before[-1], before))
    if last.startswith("-"):
        return _beginning(last, _options(command, before))
    return _beginning(last, _subjects(before))


def _beginning(last: str, found: Words) -> Words:
    return {word: " ".join(line.split()) for word, line in found.items() if word.startswith(last)}


def _commands(last: str) -> Words:
    from byheart.cli.help import ANYWHERE

    if last.startswith("-"):
        return ANYWHERE
    found = {name: (command.help or "").partition("\n")[0] for name, command in _all().items()}
    return {**found, "help": "Print the page of a command."}


def _all() -> dict[str, Any]:
    from typer.main import get_command

    from byheart.cli.app import app

    return get_command(app).commands  # type: ignore[attr-defined]


def _command(name: str) -> Any:
    return _all().get(name)


def _params(command: Any) -> Iterable[Any]:
    return [param for param in command.params if param.param_type_name == "option"] if command else []


def _taking_values(command: Any) -> set[str]:
    named = {word for param in _params(command) if not param.is_flag for word in param.opts}
    return named | {"--out"}  # `list` reads its words itself


def _options(command: Any, before: list[str]) -> Words:
    """The options that are not there yet, or may be repeated."""
    free = (param for param in _params(command) if param.multiple or not {*param.opts} & {*before})
    found = {word: param.help or "" for param in free for word in (*param.opts, *param.secondary_opts)}
    return {**found, "--help": "Print the page of this command."}


def _values(option: str, before: list[str]) -> Words:
    """What may follow an option; nothing is offered where it takes a word of the user's own."""
    made: dict[str, Callable[[], Words]] = {
        "--learner": lambda: _names("learner"),
        "--lever": lambda: {f"{name}=": line for name, line in _names("lever").items()},
        "--try": lambda: {f"{name}=": line for name, line in _names("lever").items()},
        "--also": lambda: {name: line for name, line in _names("probe").items() if line.endswith("(on request)")},
        "--fail-on": lambda: _names("verdict"),
        "--max": _quantities,
        "--min": _quantities,
        "--kind": _kinds_of_model,
        "--train": _tasks,
        "--device": lambda: dict.fromkeys(("auto", "cpu", "cuda", "mps"), ""),
        "--returns": lambda: dict.fromkeys(("auto", "logits", "probabilities", "labels", "values"), ""),
        "--task": lambda: dict.fromkeys(("classes", "values"), ""),
        "--missing": lambda: dict.fromkeys(("refuse", "impute"), ""),
        "--transform": lambda: dict.fromkeys(("log", "rank"), ""),
        "--split": lambda: dict.fromkeys(("random", "time"), ""),
    }
    return made[option]() if option in made else {}


def _subjects(before: list[str]) -> Words:
    """What a command is about: a task, a run, a kind, a claim."""
    from byheart.auditing.claims import listed
    from byheart.cli.list_show import kinds

    command = before[0]
    if command in OF_RUNS:
        return _runs(_folder(before))
    if command in ("audit", "plan", "balance"):
        return _tasks()
    if command == "list":
        return dict.fromkeys(kinds(), "")
    return listed() if command == "study" else {}


def _tasks() -> Words:
    return {name: line for name, line in _names("task").items() if name not in NO_WORDS}


def _names(kind: str) -> Words:
    from byheart.registry import names

    return names(kind)


def _quantities() -> Words:
    from byheart.records.quantity_names import NAMES

    return {f"{name}=": probe for probe, words in NAMES.items() for name in words.split()}


def _kinds_of_model() -> Words:
    from byheart.cli.starters import SCRIPTS as starters

    return dict.fromkeys(starters, "")


def _folder(before: list[str]) -> Path:
    """The folder of the runs that the words name."""
    option = "--in" if before[0] == "compare" else "--out"
    given = [after for word, after in pairwise(before) if word == option]
    return Path(given[-1] if given else "byheart-audit")


def _runs(folder: Path) -> Words:
    """Digits -> title of the finished audits, the newest first, then the word for it."""
    import json

    from byheart.ledger.index import Index

    if not (folder / "ledger" / "index.db").is_file():
        return {"latest": "the newest audit"}
    index = Index(folder / "ledger")
    rows = index.rows("SELECT about FROM entry WHERE kind = ? ORDER BY seq DESC", ("document",))
    index.close()
    told = [json.loads(about) for (about,) in rows]
    return {**{str(one["run"]): str(one["title"]) for one in told}, "latest": "the newest audit"}


def _escaped(text: str) -> str:
    """A word as zsh's `_describe` takes it."""
    return text.replace("\\", "\\\\").replace(":", "\\:")
