"""`byheart init`: a commented my_audit.py and defaults in pyproject.toml, to begin from. Nothing is overwritten."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Kind = Annotated[str, typer.Option("--kind", help="What you have: torch, sklearn, fit, table, text or series.")]
SCRIPT = "my_audit.py"


def init(kind: Kind = "") -> None:
    """Write my_audit.py for the kind of model you have, and [tool.byheart] of pyproject.toml."""
    from byheart.cli.project_file import FILE
    from byheart.cli.starters import EXAMPLES, SCRIPTS, TABLES
    from byheart.cli.summary import print_lines
    from byheart.errors import UsageError, unknown_name
    from byheart.files import write_whole

    if kind not in SCRIPTS:
        raise unknown_name("kind of model (--kind)", kind, SCRIPTS)
    new = {SCRIPT: SCRIPTS[kind], **EXAMPLES.get(kind, {})}
    if there := [name for name in new if Path(name).exists() or Path(name).is_symlink()]:
        raise UsageError(
            f"a folder without {there[0]}", "one that has it", "Nothing was written. Rename it, or go on with it."
        )
    project = _with_table(Path(FILE), TABLES[kind])
    for name, text in new.items():
        _write_new(Path(name), text)
    if project:
        write_whole(Path(FILE), project.encode())
    print_lines(
        *(f"{name} written" for name in new),
        f"{FILE}: [tool.byheart] written"
        if project
        else f"{FILE} has [tool.byheart] already, or takes none; left as it is",
        f"Next: byheart audit {SCRIPT}, then byheart view",
    )


def _with_table(path: Path, table: str) -> str:
    """The file's text with our table at its end; empty where it has one, or where the text would no longer be TOML."""
    import tomllib

    from byheart.errors import UsageError

    if not path.exists() and not path.is_symlink():
        return table
    try:
        text = path.read_text(encoding="utf-8")
        tomllib.loads(text)
    except (OSError, ValueError) as error:
        came = " ".join(str(error).split())[:200]
        raise UsageError(f"a {path} that can be read", came, "Nothing was written. Mend the file.") from None
    made = f"{text.rstrip()}\n\n{table}".lstrip()
    try:
        tomllib.loads(made)
    except ValueError:  # the table is there already, or `tool` stands there in a way that takes none below it
        return ""
    return made


def _write_new(path: Path, text: str) -> None:
    """Write a file that is not there; one that somebody else makes meanwhile stays."""
    from byheart.errors import OutputRefused

    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise OutputRefused(f"to write {path}", f"{error.strerror or error}", "Choose another folder.") from error
