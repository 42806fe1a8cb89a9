"""Nothing is written through a link that somebody put there, and every writer goes the one way."""

import ast
import contextlib
import os
from pathlib import Path

import pytest

import byheart
from byheart import files
from byheart.errors import InputRefused, LedgerDamaged, OutputRefused
from byheart.files import write_whole
from byheart.ledger.base import Result
from byheart.ledger.sqlite import SqliteLedger
from byheart.records.spec import key_of

SOURCE = Path(byheart.__file__).parent
WRITERS = {"write_text", "write_bytes", "symlink_to", "hardlink_to", "touch", "save_file", "mkstemp", "mktemp", "mkdtemp",
           "TemporaryFile", "NamedTemporaryFile", "to_csv", "to_parquet", "savez", "copyfile", "copytree", "move"}  # fmt: skip
STATED = {
    ("auditing/workplace.py", "mkdtemp"),  # a folder of random name in the system's place for such
    ("auditing/writing.py", "TemporaryFile"),  # the same of a file, to see whether a folder can be written; it has no name
    ("ledger/index.py", "os.open"),  # O_EXCL; what is a link is refused before
    ("ledger/index.py", "sqlite3.connect"),
    ("cli/init.py", "open"),  # "x", which is O_EXCL: what is there stays, a link too
    ("cli/shell_scripts.py", "open"),  # a line at the end of the shell's own start file, which may be the user's link
    ("integrations/pytest_plugin.py", "mktemp"),  # a folder that pytest makes, in its own
    ("processes.py", "open"),  # reads
    ("ledger/blobs.py", "open"),
    ("ledger/blobs.py", "replace"),  # `set_aside`: a rename, which follows no link
}


def _writing(path):
    """(file, call) of whatever in a module may write to disk."""
    name = path.relative_to(SOURCE).as_posix()
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        last = called.rpartition(".")[2]
        told = [ast.literal_eval(a) for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
        if last in WRITERS and called != last:  # a method; `write_text` of ours is a function
            yield name, last
        elif called in {"os.open", "sqlite3.connect"}:
            yield name, called
        elif last == "open" and (called == "open" or any(set(word) & set("wax+") and len(word) < 4 for word in told)):
            yield name, "open"
        elif last in {"rename", "link", "symlink"} or (last == "replace" and len(node.args) == 1 and "Path" not in called):
            yield name, last


def test_every_writer_goes_the_one_way():
    modules = [p for p in SOURCE.rglob("*.py") if "testing" not in p.parts]
    found = {one for path in modules for one in _writing(path)} - {("files.py", "os.open")}
    records = {(name, call) for name, call in found if call == "replace" and name != "ledger/blobs.py"}
    assert found - records - STATED == set()
    for name, _ in records:  # of a record (`dataclasses.replace`) or a text, not of a file
        assert "os.replace" not in (SOURCE / name).read_text(), name


@pytest.fixture
def victim(tmp_path):
    """A file of the reader's own that must stay as it is."""
    (tmp_path / "mine").mkdir()
    path = tmp_path / "mine" / "diary.txt"
    path.write_text("dear diary")
    yield path
    assert path.read_text() == "dear diary"
    assert os.listdir(tmp_path / "mine") == ["diary.txt"]


def test_a_link_in_the_place_of_a_page_is_replaced(victim, tmp_path):
    page = tmp_path / "report.html"
    page.symlink_to(victim)
    write_whole(page, b"page")
    assert (page.read_bytes(), page.is_symlink()) == (b"page", False)


def test_a_prepared_link_under_the_temporary_name_is_refused(victim, tmp_path, monkeypatch):
    monkeypatch.setattr(files, "temporary_name", lambda: "guessed")
    (tmp_path / ".report-guessed.tmp").symlink_to(victim)
    with pytest.raises(FileExistsError):
        write_whole(tmp_path / "report.html", b"page")
    dangling = tmp_path / "mine" / "new.txt"
    (tmp_path / ".other-guessed.tmp").symlink_to(dangling)
    with pytest.raises(FileExistsError):
        write_whole(tmp_path / "other.html", b"page")


def test_temporary_names_cannot_be_guessed(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(files.os, "replace", lambda draft, path: seen.append(Path(draft).name))
    for _ in range(3):
        write_whole(tmp_path / "a.html", b"")
    assert len(set(seen)) == 3
    assert all(len(name.removesuffix(".tmp").rpartition("-")[2]) == 16 for name in seen)  # 64 bits of it are random


def test_a_writer_that_fails_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(files.os, "fsync", lambda handle: (_ for _ in ()).throw(OSError(28, "full")))
    with pytest.raises(OSError, match="full"):
        write_whole(tmp_path / "a.html", b"page")
    assert os.listdir(tmp_path) == []


def _put(folder, i=1):
    ledger = SqliteLedger(folder)
    try:
        ledger.put(key_of(i), Result({"v": i}), {"kind": "train"})
        return ledger.get(key_of(i)).document
    finally:
        ledger.close()


@pytest.mark.parametrize("place", ["ledger", "ledger/blobs"])
@pytest.mark.parametrize("there", [True, False])
def test_a_linked_folder_of_a_ledger_is_refused(place, there, victim, tmp_path):
    run = tmp_path / "run"
    (run / place).parent.mkdir(parents=True)
    (run / place).symlink_to(victim.parent if there else tmp_path / "nowhere")
    with pytest.raises((OutputRefused, InputRefused), match="link"):
        _put(run / "ledger")
    assert not (tmp_path / "nowhere").exists()


def test_each_linked_folder_of_blobs_is_refused(victim, tmp_path):
    blobs = tmp_path / "ledger" / "blobs"
    blobs.mkdir(parents=True)
    for i in range(256):
        (blobs / f"{i:02x}").symlink_to(victim.parent)
    with pytest.raises(OutputRefused, match="link"):
        _put(tmp_path / "ledger")


@pytest.mark.parametrize("there", [True, False])
def test_a_linked_index_is_set_aside_and_made_anew(there, victim, tmp_path):
    folder = tmp_path / "ledger"
    _put(folder)
    (folder / "index.db").rename(tmp_path / "index")
    (folder / "index.db").symlink_to(tmp_path / "index" if there else tmp_path / "mine" / "new")
    before = (tmp_path / "index").read_bytes()
    ledger = SqliteLedger(folder)
    with pytest.raises(LedgerDamaged, match="something else at"):
        ledger.get(key_of(1))
    assert ledger.rebuild() == 1
    assert ledger.get(key_of(1)).document == {"v": 1}
    ledger.close()
    assert not (folder / "index.db").is_symlink()
    assert (tmp_path / "index").read_bytes() == before


@pytest.mark.parametrize("suffix", ["-wal", "-shm", "-journal"])
def test_what_sqlite_puts_beside_the_index_follows_no_link(suffix, victim, tmp_path):
    folder = tmp_path / "ledger"
    _put(folder)
    (folder / f"index.db{suffix}").unlink(missing_ok=True)
    (folder / f"index.db{suffix}").symlink_to(victim)
    with contextlib.suppress(OutputRefused, InputRefused, LedgerDamaged):  # or SQLite needs no such file
        _put(folder, 2)


def test_sweeping_follows_no_link(tmp_path):
    folder, mine = tmp_path / "ledger", tmp_path / "mine"
    mine.mkdir()
    draft = mine / f"draft-00000000-1-1-{16 * '0'}.tmp"
    for path in (draft, mine / "letter.tmp"):
        path.write_text("mine")
        os.utime(path, (1, 1))
    (folder / "blobs").mkdir(parents=True)
    (folder / "blobs" / "aa").symlink_to(mine)
    SqliteLedger(folder).sweep()
    (tmp_path / "two").mkdir()
    (tmp_path / "two" / "blobs").symlink_to(folder / "blobs")
    SqliteLedger(tmp_path / "two").sweep()
    assert sorted(os.listdir(mine)) == sorted([draft.name, "letter.tmp"])
