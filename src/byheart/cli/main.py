"""`byheart`: the commands, and how errors reach the shell."""

from __future__ import annotations

import sys

import typer

from byheart.cli.audits import audit, plan
from byheart.cli.reading import list_names, report, show

app = typer.Typer(
    name="byheart",
    help="Know what your model knows by heart, and what it has understood.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("audit")(audit)
app.command("plan")(plan)
app.command("list")(list_names)
app.command("show")(show)
app.command("report")(report)


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"byheart {version('byheart')}")
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
    debug: bool = typer.Option(False, "--debug", help="Show our own traceback when something of ours breaks."),
) -> None:
    """Know what your model knows by heart, and what it has understood."""


def main() -> None:
    """Run the command line; every error is one short message and the exit code of its kind."""
    debug = "--debug" in sys.argv
    if debug:
        sys.argv = [word for word in sys.argv if word != "--debug"]
    try:
        code = app(standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except KeyboardInterrupt:
        _end("Interrupted. Everything finished is kept: the same command goes on from there.", 130)
    except Exception as error:
        if debug:
            raise
        _end(*_told(error))


def _told(error: Exception) -> tuple[str, int]:
    import click

    from byheart.errors import ByheartError

    if isinstance(error, ByheartError):
        return f"byheart: {error}", error.exit_code
    if isinstance(error, click.exceptions.Abort):
        return "Interrupted. Everything finished is kept: the same command goes on from there.", 130
    if isinstance(error, click.ClickException):
        return f"byheart: {error.format_message()}\nTry: byheart --help", 2
    if isinstance(error, BrokenPipeError):
        return "", 0
    if isinstance(error, MemoryError):
        return "byheart: not enough memory. Try fewer --members, --jobs 1, or a smaller table.", 5
    kind = type(error).__name__
    return f"byheart: something of ours broke: {kind}: {error}\nRun again with --debug for the traceback.", 5


def _end(message: str, code: int) -> None:
    if message:
        # Data may hold escape sequences; they must not reach the terminal.
        shown = "".join(c for c in message if c in "\n\t" or c.isprintable())
        print(shown, file=sys.stderr)
    sys.exit(code)


if __name__ == "__main__":
    main()
