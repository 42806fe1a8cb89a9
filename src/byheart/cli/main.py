"""`byheart`: the commands, and how errors reach the shell."""

from __future__ import annotations

import shlex
import sys

import typer

from byheart.cli.audits import audit, plan
from byheart.cli.explaining import explain
from byheart.cli.reading import list_names, list_words, report, show
from byheart.cli.studies import list_claims, study

LONGEST = 6  # lines of a message

app = typer.Typer(
    name="byheart",
    help="Know what your model knows by heart, and what it has understood.",
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
app.command("explain")(explain)
app.command("study")(study)


@app.callback(
    epilog="byheart --version prints the version; --debug anywhere shows our own traceback when something breaks."
)
def _root() -> None:
    """Know what your model knows by heart, and what it has understood."""


def main() -> None:
    """Run the command line; every error is one short message and the exit code of its kind."""
    debug = "--debug" in sys.argv
    if debug:
        sys.argv = [word for word in sys.argv if word != "--debug"]
    if not sys.argv[1:]:
        sys.argv.append("--help")
    try:
        # By hand: typer reads any word through pydantic, and these three must cost nothing.
        if sys.argv[1:] == ["--version"]:
            from importlib.metadata import version

            return print(f"byheart {version('byheart')}")
        if sys.argv[1:2] == ["list"] and "--help" not in sys.argv and "-h" not in sys.argv:
            return list_names(sys.argv[2:])
        if sys.argv[1:] in (["study"], ["study", "--json"]):
            return list_claims(sys.argv[2:] == ["--json"])
        code = app(standalone_mode=False)
        if code == 130:  # typer turns an interrupt into this number
            raise KeyboardInterrupt
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
        return f"byheart: {error.format_message()}\nGiven: {shlex.join(sys.argv[1:])}\nTry: byheart --help", 2
    if isinstance(error, BrokenPipeError):
        return "", 0
    if isinstance(error, MemoryError):
        return "byheart: not enough memory. Try fewer --members, --jobs 1, or a smaller table.", 5
    came = " ".join(f"{type(error).__name__}: {error}".split())
    return f"byheart: something of ours broke: {came}\nRun again with --debug for the traceback.", 5


def _end(message: str, code: int) -> None:
    if message:
        from byheart.cli.summary import printable

        # A message of another library may be long; what counts stands first.
        print("\n".join(printable(message).splitlines()[:LONGEST]), file=sys.stderr)
    sys.exit(code)


if __name__ == "__main__":
    main()
