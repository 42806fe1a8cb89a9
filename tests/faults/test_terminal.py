"""No control character of data reaches the terminal, whatever is printed, and one module prints."""

import ast
import io
import json
import logging
import sys
import warnings
from pathlib import Path

import pytest

import byheart
from byheart.cli import main as command
from byheart.errors import InputRefused
from byheart.terminal import as_json, clean_warnings, printable, put

SOURCE = Path(byheart.__file__).parent
EVIL = "a\x1b[2Jb\x1b]0;title\x07c\r\x08\x7f\x9b31m\u202egpj.exe\u2028\x00"
STATED = {
    ("progress.py", "self.bar.console.print"),  # rich, which draws; what is handed to it is `printable`
    ("cli/main.py", "os.write"),  # a constant: the cursor is shown again
    ("exits.py", "os.write"),  # a constant
    ("files.py", "os.write"),
}


def _prints(path):
    name = path.relative_to(SOURCE).as_posix()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called.rpartition(".")[2] in {"print", "echo", "secho", "print_exc", "print_exception", "pprint"} or (
                called in {"os.write", "sys.stdout.write", "sys.stderr.write", "stream.write"}
            ):
                yield name, called


def test_one_module_prints():
    found = {one for path in SOURCE.rglob("*.py") if "testing" not in path.parts for one in _prints(path)}
    assert found - {("terminal.py", "print")} == STATED
    assert "console.print(printable(line), markup=False" in (SOURCE / "progress.py").read_text()


def clean(text):
    return [sign for sign in text if not (sign == "\n" or sign.isprintable())] == []


def test_nothing_that_moves_a_cursor_is_left():
    every = "".join(map(chr, range(0x300))) + "\u200b\u202a\u202e\u2028\u2066\ufeff\ud800"
    assert clean(printable(every))
    assert printable(EVIL) == "a[2Jb]0;titlec31mgpj.exe"
    assert printable("\tab\n\n") == "  ab\n\n"


@pytest.mark.parametrize("coding", ["utf-8", "ascii", "latin-1", "cp1252"])
def test_any_coding_of_a_terminal_will_do(coding):
    stream = io.TextIOWrapper(io.BytesIO(), encoding=coding)
    put("π " + EVIL, stream)
    assert clean(stream.buffer.getvalue().decode(coding))


@pytest.mark.parametrize("ascii_only", [True, False])
def test_a_document_holds_all_and_prints_nothing_odd(ascii_only):
    document = {EVIL: [EVIL, 1, "π\ud800"]}
    text = as_json(document, ascii_only)
    assert clean(text)
    assert text.encode()
    assert json.loads(text) == document


@pytest.fixture
def said(monkeypatch, capsys):
    """Runs a command that raises; what reaches standard error."""

    def run(error, *words):
        def broken(**options):
            raise error

        monkeypatch.setattr("byheart.cli.app.app", broken)
        monkeypatch.setattr(command, "_listen", lambda: None)
        monkeypatch.setattr(command, "_stopping", False)
        monkeypatch.setattr(sys, "argv", ["byheart", *words])
        for name in ("handlers", "level"):
            monkeypatch.setattr(logging.getLogger("byheart"), name, getattr(logging.getLogger("byheart"), name))
        monkeypatch.setattr(warnings, "formatwarning", warnings.formatwarning)
        with pytest.raises(SystemExit) as end:
            command.main()
        return end.value.code, capsys.readouterr().err

    return run


@pytest.mark.parametrize("error", [ValueError(EVIL), InputRefused(EVIL, EVIL, EVIL), KeyError(EVIL)])
@pytest.mark.parametrize("words", [["audit"], ["--debug", "audit"]])
def test_messages_and_tracebacks_are_clean(said, error, words):
    code, err = said(error, *words)
    assert "[2Jb" in err
    assert clean(err)
    assert ("Traceback" in err) == ("--debug" in words)
    assert code == 1 if "--debug" in words else code in (3, 5)


def test_warnings_are_clean(monkeypatch):
    monkeypatch.setattr(warnings, "formatwarning", warnings.formatwarning)
    clean_warnings()
    text = warnings.formatwarning(UserWarning(EVIL), UserWarning, f"{EVIL}.py", 1, line=EVIL)
    assert "gpj.exe" in text
    assert clean(text)


def test_a_folder_with_an_evil_name_is_told_cleanly(monkeypatch, capsys, tmp_path):
    """`report` prints the page's path."""
    folder = tmp_path / EVIL.replace("\x00", "")
    monkeypatch.setattr("byheart.auditing.finished_audits.document_of", lambda run, out: (folder, {}))
    monkeypatch.setattr("byheart.auditing.finished_audits.write_page", lambda document, target, hide: target)
    monkeypatch.setattr(command, "_listen", lambda: None)
    monkeypatch.setattr(command, "_stopping", False)
    monkeypatch.setattr(warnings, "formatwarning", warnings.formatwarning)
    monkeypatch.setattr(sys, "argv", ["byheart", "report", "latest"])
    with pytest.raises(SystemExit):
        command.main()
    out = capsys.readouterr().out
    assert "gpj.exe" in out
    assert clean(out)
