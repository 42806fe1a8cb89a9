"""Help: commands and options in panels, broken at words at any width; a wrong command names the nearest."""

from __future__ import annotations

import re
import sys
from typing import Any

from typer.core import TyperCommand, TyperGroup

from byheart.cli.layout import width, wrapped

USUAL, WIDEST, LEFT = 80, 100, 26  # columns where nobody says how many, of a page, and of names at most
ANYWHERE = {
    "--version": "Print the version.",
    "--install-completion": "Complete words in your shell from now on: bash, zsh or fish, the current one or the one named.",
    "--show-completion": "Print what would be installed.",
    "--debug": "Also with a command: our own traceback when something breaks.",
    "--help": "Print this page; byheart help COMMAND prints that of a command.",
}
_TYPE = re.compile(r"<(?:list\[)?(\w+)\]?>")
_KINDS = {"str": "WORD", "int": "N", "float": "NUMBER", "path": "PATH"}


def _kind(found: re.Match[str]) -> str:
    """What an option takes, as typer names it, in a word."""
    return _KINDS.get(found[1], found[1].upper())


class _Page:
    """What a command and the whole have in common."""

    def get_help(self, ctx: Any) -> str:
        """The page at the width of the terminal."""
        ctx.terminal_width = min(width(sys.stdout) or USUAL, WIDEST)
        return super().get_help(ctx)  # type: ignore[misc]

    def panels(self, ctx: Any) -> dict[str, list[tuple[str, str]]]:
        """Title -> (name, help) of each argument and option."""
        found: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):  # type: ignore[attr-defined]
            if record := param.get_help_record(ctx):
                argument = param.param_type_name == "argument"
                title = getattr(param, "rich_help_panel", None) or ("Arguments" if argument else "Options")
                name = record[0].partition(" <")[0] if argument else _TYPE.sub(_kind, record[0])
                found.setdefault(title, []).append((name, record[1]))
        return found

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the panels."""
        for title, rows in self.panels(ctx).items():
            left = min(max(len(name) for name, _ in rows), LEFT)
            lines = [f"{title}:", *(f"  {name:<{left}}  {text}" for name, text in rows)]
            broken = [part for line in lines for part in wrapped(line, ctx.terminal_width or USUAL)]
            formatter.write("\n" + "".join(f"{line}\n" for line in broken))


class CommandHelp(_Page, TyperCommand):
    """The page of a command."""


class AppHelp(_Page, TyperGroup):
    """The page of all commands, in the panels that they name."""

    def panels(self, ctx: Any) -> dict[str, list[tuple[str, str]]]:
        """Title -> (name, first line of its help) of each command, and what may stand without one."""
        found: dict[str, list[tuple[str, str]]] = {}
        for name, command in self.commands.items():
            line = (command.help or "").partition("\n")[0]
            found.setdefault(getattr(command, "rich_help_panel", "Commands"), []).append((name, line))
        return {**found, "Options": list(ANYWHERE.items())}

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that the words ask for; a wrong word is refused with the nearest right one."""
        if args and not args[0].startswith("-") and args[0] not in self.commands:
            from byheart.errors import unknown_name

            raise unknown_name("command", args[0], self.commands)
        return super().resolve_command(ctx, args)
