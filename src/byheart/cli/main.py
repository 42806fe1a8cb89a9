"""`byheart`: how the command line starts, stops, and says what went wrong.

Whatever is imported here is imported before Ctrl-C can be answered, so nothing is that costs anything.
"""

from __future__ import annotations

import errno
import os
import sys
from os import _exit  # while users' code runs, that of os raises

LONGEST = 6  # lines of a message
INTERRUPTED = "Interrupted. Everything finished is kept: the same command goes on from there."
STOPS = ("SIGINT", "SIGTERM", "SIGHUP")
_SHOW_CURSOR = b"\x1b[?25h"  # a progress bar hides it

_stopping = False


def main() -> None:
    """Run the command line; every error is one short message and the exit code of its kind."""
    global _stopping
    debug = "--debug" in sys.argv
    if debug:
        sys.argv = [word for word in sys.argv if word != "--debug"]
    shell = os.environ.get("_BYHEART_COMPLETE", "")
    if not shell and sys.argv[1:2] in ([], ["help"]):
        sys.argv[1:] = [*sys.argv[2:], "--help"]
    try:
        _listen()
        from byheart.terminal import clean_warnings, put

        clean_warnings()
        _check_words(sys.argv[1:])
        # By hand: typer reads any word through pydantic, and these must cost nothing.
        if shell:
            from byheart.cli.completion import answer, tabs

            return put(answer(shell, sys.argv[1:]), layout=tabs)
        if sys.argv[1:2] in (["--install-completion"], ["--show-completion"]):
            from byheart.cli.shell_scripts import script

            return put(script(sys.argv[2:], sys.argv[1] == "--install-completion"))
        if sys.argv[1:] == ["--version"]:
            from importlib.metadata import version

            return put(f"byheart {version('byheart')}")
        if sys.argv[1:2] == ["list"] and "--help" not in sys.argv and "-h" not in sys.argv:
            from byheart.cli.list_show import list_names

            return list_names(sys.argv[2:])
        if sys.argv[1:] in (["study"], ["study", "--json"]):
            from byheart.cli.studies import list_claims

            return list_claims(sys.argv[2:] == ["--json"])
        if debug:
            _log_everything()
        from byheart.cli.app import app

        code = app(prog_name="byheart", standalone_mode=False)
        if code == 130:  # typer turns an interrupt into this number
            raise KeyboardInterrupt
        sys.exit(code if isinstance(code, int) else 0)
    except KeyboardInterrupt:
        _end(INTERRUPTED, 130)
    except Exception as error:
        if _stopping:  # an interrupt that a library turned into an error of its own
            _end(INTERRUPTED, 130)
        if debug:
            import traceback

            _end(traceback.format_exc(), 1, None)
        _end(*_told(error))
    finally:
        _stopping = True  # nothing is left to clean: a signal while Python ends is the end


def _check_words(words: list[str]) -> None:
    """Refuse words that no page or ledger can hold: a file name that is not UTF-8."""
    for word in words:
        try:
            word.encode()
        except UnicodeEncodeError:
            shown = word.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        else:
            if "\0" not in word:
                continue
            shown = word.replace("\0", "?")
        from byheart.errors import UsageError

        raise UsageError("words and file names in UTF-8", repr(shown), "Rename the file, or give it another way.")


def _listen() -> None:
    """SIGTERM and SIGHUP stop us as Ctrl-C does; what whoever started us told us to ignore stays ignored."""
    import signal

    global _stopping
    _stopping = False
    for number in (getattr(signal, name) for name in STOPS if hasattr(signal, name)):
        if signal.getsignal(number) != signal.SIG_IGN:
            try:
                signal.signal(number, _stop)
            except ValueError:  # called in a thread, where Python lets nobody listen
                return
    sys.unraisablehook = _unraisable


def _stop(number: int, frame: object) -> None:
    """The first signal is an interrupt, after which everything is cleaned up; the second ends us at once.

    Workers then die with this process, and what is left on disk is swept at the next start.
    """
    global _stopping
    if _stopping:
        if sys.stderr is not None and sys.stderr.isatty():
            os.write(2, _SHOW_CURSOR)
        _exit(130)
    _stopping = True
    raise KeyboardInterrupt


def _unraisable(lost: sys.UnraisableHookArgs) -> None:
    """An interrupt in a callback, where Python drops what is raised, comes once more a moment later."""
    global _stopping
    if not issubclass(lost.exc_type, KeyboardInterrupt):
        return sys.__unraisablehook__(lost)
    import signal
    import threading

    _stopping = False
    threading.Timer(0.01, os.kill, (os.getpid(), signal.SIGINT)).start()


def _log_everything() -> None:
    """With --debug: what was damaged, why, and what was set aside."""
    import logging

    from byheart.terminal import printable

    class Plain(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            return printable(super().format(record))

    handler = logging.StreamHandler()
    handler.setFormatter(Plain("debug: %(message)s"))
    logger = logging.getLogger("byheart")
    logger.handlers = [handler]
    logger.setLevel(logging.DEBUG)


def _told(error: Exception) -> tuple[str, int]:
    import shlex

    import typer

    from byheart.errors import ByheartError

    if isinstance(error, ByheartError):
        return f"byheart: {error}", error.exit_code
    if isinstance(error, typer.Abort):
        return INTERRUPTED, 130
    if hasattr(error, "format_message"):  # typer's own usage errors, of a class it does not export
        page = getattr(getattr(error, "ctx", None), "command_path", "byheart")
        return f"byheart: {error.format_message()}\nGiven: {shlex.join(sys.argv[1:])}\nTry: {page} --help", 2
    if isinstance(error, BrokenPipeError):
        return "", 0
    if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:
        came = f"{error.filename!r}" if error.filename else "a longer one"
        return f"byheart: expected a name that the file system can hold, got {came}. Give a shorter one.", 2
    if isinstance(error, MemoryError):
        return "byheart: not enough memory. Try fewer --members, --jobs 1, or a smaller table.", 5
    came = " ".join(f"{type(error).__name__}: {error}".split())
    return f"byheart: something of ours broke: {came}\nRun again with --debug for the traceback.", 5


def _end(message: str, code: int, lines: int | None = LONGEST) -> None:
    if message:
        from byheart.cli.layout import laid_out
        from byheart.terminal import put

        try:  # A message of another library may be long; what counts stands first.
            put("\n".join(map(_shortened, message.splitlines()[:lines])), sys.stderr, laid_out)
        except OSError:  # the terminal hung up
            sys.stderr = None
    sys.exit(code)


def _shortened(line: str) -> str:
    """The line with words of more than 200 characters cut in their middle."""
    import re

    return re.sub(r"\S{200,}", lambda word: f"{word[0][:60]}...{word[0][-20:]}", line)


if __name__ == "__main__":
    main()
