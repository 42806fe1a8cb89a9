"""`byheart`: the commands, and how errors reach the shell."""

from __future__ import annotations

import sys

import typer

from byheart.cli.audits import audit, plan
from byheart.cli.reading import list_names, list_words, report, show

app = typer.Typer(
    name="byheart",
    help="Know what your model knows by heart, and what it has understood.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("audit")(audit)
app.command("plan")(plan)
app.command("list", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(list_words)
app.command("show")(show)
app.command("report")(report)


@app.callback(epilog="byheart --version prints the version; --debug anywhere shows our own traceback when something breaks.")
def _root() -> None:
    """Know what your model knows by heart, and what it has understood."""


def main() -> None:
    """Run the command line; every error is one short message and the exit code of its kind."""
    debug = "--debug" in sys.argv
    if debug:
        sys.argv = [word for word in sys.argv if word != "--debug"]
    try:
        # By hand: typer reads any word through pydantic, and these two must cost nothing.
        if sys.argv[1:] == ["--version"]:
            from importlib.metadata import version

            return print(f"byheart {version('byheart')}")
        if sys.argv[1:2] == ["list"] and "--help" not in sys.argv and "-h" not in sys.argv:
            return list_names(sys.argv[2:])
        code = app(standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except KeyboardInterrupt:
        _end("Interrupted. Everything finished is kept: the same command goes on from there.", 130)
    except Exception as error:
        if debug:
            raise
        _end(*_told(error))


def _told(error: Exception) -> tuple[str, int]:
    from byheart.errors import ByheartError

    if isinstance(error, ByheartError):
        return f"byheart: {error}", error.exit_code
    if isinstance(error, typer.Abort):
        return "Interrupted. Everything finished is kept: the same command goes on from there.", 130
    if hasattr(error, "format_message"):  # typer's own usage errors, of a class it does not export
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
