"""What SqliteLedger does beyond the suite: where it writes, what it refuses, how it is moved and mended."""

import json
import os
import pickle
import shutil
import sqlite3
import stat
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import numpy as np
import pytest

from byheart.errors import ByheartError, InputRefused, LedgerDamaged, OutputRefused, UsageError
from byheart.ledger import index as index_module
from byheart.ledger.base import Failure, Result
from byheart.ledger.sqlite import SqliteLedger
from byheart.testing.ledgers import key_of, sample


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "deep" / "run"


@pytest.fixture
def ledger(folder):
    ledger = SqliteLedger(folder)
    yield ledger
    ledger.close()


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_looking_leaves_no_trace(ledger, folder):
    assert ledger.get(key_of(1)) is None
    assert ledger.state(key_of(1)) == "absent"
    assert (list(ledger.keys()), ledger.disagreements(), ledger.rebuild()) == ([], [], 0)
    ledger.forget(key_of(1))
    assert not folder.parent.exists()


def test_reading_a_finished_ledger_leaves_no_trace(ledger, folder):
    ledger.put(key_of(1), sample(1))
    ledger.close()
    before = files(folder)
    reader = SqliteLedger(folder)
    assert reader.get(key_of(1)).arrays["x"][1] == 2.0
    reader.close()
    assert files(folder) == before


def test_a_worker_writes_without_the_index(ledger, folder):
    worker = pickle.loads(pickle.dumps(ledger))
    digest = worker.write(key_of(1), sample(1), {})
    assert not (folder / "index.db").exists()
    assert ledger.state(key_of(1)) == "absent"
    ledger.record(key_of(1), digest)
    assert ledger.get(key_of(1)).document == sample(1).document


def test_only_digests_and_relative_names_and_only_for_the_user(ledger, folder):
    old = os.umask(0)
    try:
        ledger.put(key_of(1), sample(1))
    finally:
        os.umask(old)
    ledger.close()
    assert b"deep" not in (folder / "index.db").read_bytes()
    for path in [folder, *folder.rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
    shutil.move(folder, folder.with_name("elsewhere"))
    moved = SqliteLedger(folder.with_name("elsewhere"))
    assert moved.get(key_of(1)).arrays["x"].shape == (20_000,)
    moved.close()


def test_a_change_of_directory_does_not_split_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ledger = SqliteLedger(Path("run"))
    monkeypatch.chdir("/")
    ledger.put(key_of(1), Result({}))
    assert (tmp_path / "run" / "index.db").exists()
    ledger.close()


@pytest.mark.parametrize("word", ["", "1" * 63, "A" * 64, "../" + "1" * 61, "1" * 63 + "\n", "١" * 64, None])
def test_only_digests_are_keys(ledger, word):
    for call in (ledger.get, ledger.state, ledger.about, ledger.forget):
        with pytest.raises(UsageError, match="64 hexadecimal"):
            call(word)
    with pytest.raises(UsageError, match="64 hexadecimal"):
        ledger.write(word, Result({}), {})


def test_an_index_that_names_a_path_is_refused(ledger, folder):
    ledger.put(key_of(1), sample(1))
    ledger.close()
    with sqlite3.connect(folder / "index.db") as index:
        index.execute("UPDATE entry SET digest = '../../../etc/passwd'")
    index.close()
    with pytest.raises(LedgerDamaged, match="etc/passwd"):
        ledger.get(key_of(1))


def test_an_entry_is_recorded_under_its_own_key_only(ledger):
    digest = ledger.write(key_of(1), sample(1), {})
    with pytest.raises(UsageError, match=key_of(1)):
        ledger.record(key_of(2), digest)
    with pytest.raises(LedgerDamaged, match=f"{key_of(9)}.json of key {key_of(2)} is missing"):
        ledger.record(key_of(2), key_of(9))
    assert list(ledger.keys()) == []


def test_keys_come_in_the_order_of_recording(ledger):
    for i in (3, 1, 2):
        ledger.put(key_of(i), Result({"i": i}))
    ledger.forget(key_of(1))
    ledger.put(key_of(1), Result({}))
    assert list(ledger.keys()) == [key_of(3), key_of(2), key_of(1)]


def test_a_disagreement_is_kept_once_and_only_if_it_is_one(ledger):
    first = ledger.write(key_of(1), Result({"a": 1, "b": 2}, {"x": np.arange(2)}), {"kind": "k"})
    other = ledger.write(key_of(1), Result({"a": 1, "b": 2}, {"x": np.arange(3)}), {"kind": "k"})
    turned = ledger.write(key_of(1), Result({"b": 2, "a": 1}, {"x": np.arange(2)}), {"kind": "new words"})
    for digest in (first, turned, other, other):
        ledger.record(key_of(1), digest)
    (event,) = ledger.disagreements()
    assert (event.key, event.kept, event.refused) == (key_of(1), first, other)
    assert ledger.get(key_of(1)).arrays["x"].shape == (2,)


def test_failures_that_differ_by_their_traceback_agree(ledger):
    ledger.put(key_of(1), Failure("E", "m", "at 0x1"))
    ledger.put(key_of(1), Failure("E", "m", "at 0x2"))
    assert ledger.disagreements() == []
    ledger.put(key_of(1), Failure("E", "other"))
    assert len(ledger.disagreements()) == 1


def test_names_and_lengths_of_arrays_cost_no_array(ledger, folder):
    ledger.put(key_of(1), Result({}, {"b": np.zeros(1000), "a": np.ones(2, np.uint8)}))
    (blob,) = folder.rglob("*.safetensors")
    content = bytearray(blob.read_bytes())
    content[-1] ^= 1  # damage that only reading an array can find
    blob.write_bytes(content)
    arrays = ledger.get(key_of(1)).arrays
    assert (list(arrays), len(arrays), "a" in arrays, "c" in arrays) == (["a", "b"], 2, True, False)
    with pytest.raises(KeyError):
        arrays["c"]
    with pytest.raises(LedgerDamaged, match=f"{blob.name} of key {key_of(1)} is not what its name says"):
        arrays["a"]


DROP = "DROP TABLE entry; DROP TABLE claim; DROP TABLE event;"


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("PRAGMA user_version = 2", "format 2"),
        (f"PRAGMA application_id = 7; {DROP} CREATE TABLE mine (i)", "another program's"),
        (f"PRAGMA application_id = 0; {DROP} CREATE TABLE mine (i)", "another program's"),
    ],
)
def test_a_later_or_foreign_index_is_refused_and_left_alone(ledger, folder, statement, message):
    ledger.put(key_of(1), sample(1))
    ledger.close()
    with sqlite3.connect(folder / "index.db") as index:
        index.executescript(statement)
    index.close()
    before = (folder / "index.db").read_bytes()
    for call in (lambda: ledger.state(key_of(1)), lambda: ledger.put(key_of(2), sample(2)), ledger.rebuild):
        with pytest.raises(InputRefused, match=message):
            call()
    assert (folder / "index.db").read_bytes() == before


@pytest.mark.usefixtures("waiting_for_the_disk")
def test_journals_by_what_the_file_system_can_do(tmp_path, monkeypatch):
    modes = {}
    for kind in ("ext4", "nfs4"):
        monkeypatch.setattr(index_module, "filesystem", lambda path, kind=kind: kind)
        ledger = SqliteLedger(tmp_path / kind)
        ledger.put(key_of(1), sample(1))
        modes[kind] = ledger._index.rows("PRAGMA journal_mode")[0][0]
        assert ledger._index.rows("PRAGMA synchronous") == [(2,)]
        assert ledger._index.rows("PRAGMA busy_timeout") == [(30000,)]
        ledger.close()
        assert SqliteLedger(tmp_path / kind).state(key_of(1)) == "done"
    assert modes == {"ext4": "wal", "nfs4": "delete"}


def test_the_file_system_is_that_of_the_nearest_mount():
    assert index_module.filesystem(Path("/proc/self/status")) == "proc"


def test_tables_made_while_one_looks_are_seen_whole_or_not_at_all(folder):
    """A writer comes between any two reads of who asks whether there is an index."""
    statements = 0
    for turn in range(4):
        place = folder / str(turn)
        maker = index_module.Index(place)
        place.mkdir(parents=True)
        (place / index_module.NAME).touch()
        connection = index_module._connect(place / index_module.NAME)
        index_module._set_journal(connection, place / index_module.NAME)
        seen = []

        def make(statement, turn=turn, maker=maker, seen=seen):
            if len(seen) == turn:
                with maker.transaction():
                    pass
            seen.append(statement)

        connection.set_trace_callback(make)
        assert index_module._check(connection, place / index_module.NAME) in (False, True)
        statements = max(statements, len(seen))
        connection.close()
        maker.close()
    assert statements >= 4


def test_threads_share_one_ledger(ledger):
    errors = []

    def write(i):
        try:
            with ledger.claim(key_of(i % 4)) as mine:
                if mine:
                    ledger.put(key_of(i % 4), sample(i % 4))
            assert ledger.get(key_of(i % 4)).document == sample(i % 4).document
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=write, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert sorted(ledger.keys()) == [key_of(i) for i in range(4)]


def test_rebuilding_prefers_results_and_what_the_index_said(ledger, folder):
    ledger.write(key_of(1), Failure("E", "never recorded"), {})
    ledger.put(key_of(1), Result({"v": 1}))
    ledger.write(key_of(1), Result({"v": 2}), {})
    ledger.put(key_of(2), Result({"v": 3}, {"x": np.zeros(3)}))
    ledger.write(key_of(3), Result({"v": 4}), {"kind": "orphan"})  # its driver died before recording
    os.utime(next(folder.rglob("*.safetensors")), (1, 1))
    assert ledger.rebuild() == 3
    assert ledger.get(key_of(1)).document == {"v": 1}
    assert list(ledger.keys()) == [key_of(1), key_of(2), key_of(3)]
    next(folder.rglob("*.safetensors")).unlink()
    assert ledger.rebuild() == 2  # a result without its arrays is to be made anew
    ledger.close()
    (folder / "index.db").unlink()
    assert ledger.rebuild() == 2
    assert ledger.get(key_of(1)).document == {"v": 1}


def test_rebuilding_sweeps_old_drafts_only(ledger, folder):
    ledger.put(key_of(1), sample(1))
    elsewhere = f"-00000000-1-1-{16 * '0'}.tmp"  # of a host that this one cannot see
    old, young, other = (folder / "blobs" / "aa" / name for name in (f"old{elsewhere}", f"young{elsewhere}", "mine.tmp"))
    old.parent.mkdir(exist_ok=True)
    for path in (old, young, other):
        path.write_text("half")
    for path in (old, other):
        os.utime(path, (1, 1))
    ledger.rebuild()
    assert (old.exists(), young.exists(), other.exists()) == (False, True, True)  # the last has no name of ours


def test_a_damaged_index_is_named_and_rebuilt(ledger, folder):
    ledger.put(key_of(1), sample(1))
    ledger.close()
    (folder / "index.db").write_bytes(b"not a database, but long enough to be one" * 100)
    with pytest.raises(LedgerDamaged, match=r"index\.db"):
        ledger.state(key_of(1))
    assert ledger.rebuild() == 1
    assert ledger.state(key_of(1)) == "done"
    assert (folder / "index.db.damaged").exists()


ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT "


@pytest.mark.parametrize("harm", [
    "PRAGMA user_version = 0", "PRAGMA application_id = 7", "PRAGMA application_id = 0", "DROP TABLE claim",
    f"DROP TABLE entry; CREATE VIEW entry AS {ENDLESS} 'a' AS key, 'b' AS digest, 'done' AS state, 'k' AS kind, '' AS about, i AS seq FROM n WHERE i < 0",
    f"DROP TABLE claim; CREATE VIEW claim AS {ENDLESS} i AS key FROM n WHERE i < 0",
    "CREATE TRIGGER later AFTER INSERT ON entry BEGIN DELETE FROM entry; END",
    "UPDATE entry SET state = 'lost'", "UPDATE entry SET kind = 'k2'", "UPDATE entry SET about = '[['",
    "UPDATE entry SET digest = x'00'", "UPDATE entry SET key = 'a'", "a folder",
])  # fmt: skip
def test_an_index_that_is_not_as_recording_makes_it_is_named_and_made_anew(ledger, folder, harm):
    """All of these were refused or believed for ever, or never ended."""
    ledger.put(key_of(1), sample(1), {"kind": "k"})
    ledger.close()
    if harm == "a folder":
        (folder / "index.db").unlink()
        (folder / "index.db").mkdir()
    else:
        with sqlite3.connect(folder / "index.db") as index:
            index.executescript(harm)
        index.close()
    with pytest.raises(LedgerDamaged, match=r"index\.db"):
        ledger.check()
    assert ledger.rebuild() == 1
    ledger.check()
    assert list(ledger.keys("k")) == [key_of(1)]
    ledger.put(key_of(2), sample(2))
    assert ledger.get(key_of(2)).document == sample(2).document


@pytest.mark.parametrize("place", ["blob", "entry", "folder", "blobs", "pipe"])
def test_something_else_in_the_place_of_a_blob_is_set_aside_and_written_anew(ledger, folder, place):
    outcome = Result({"v": 1}, {"x": np.arange(3)})
    ledger.put(key_of(1), outcome)
    (arrays,) = folder.rglob("*.safetensors")
    (entry,) = folder.rglob("*.json")
    spoilt = {"blob": arrays, "entry": entry, "folder": arrays.parent, "blobs": folder / "blobs", "pipe": entry}[place]
    shutil.rmtree(spoilt) if spoilt.is_dir() else spoilt.unlink()
    if place == "pipe":
        os.mkfifo(spoilt)
    elif place in ("folder", "blobs"):
        spoilt.write_text("a file")
    else:
        spoilt.mkdir()
        (spoilt / "mine").write_text("somebody's")
    with pytest.raises(LedgerDamaged):
        dict(ledger.get(key_of(1)).arrays)
    ledger.forget(key_of(1), damaged=True)
    ledger.put(key_of(1), outcome)
    assert list(ledger.get(key_of(1)).arrays["x"]) == [0, 1, 2]
    assert place == "pipe" or list(folder.rglob("*.damaged"))
    assert place not in ("blob", "entry") or [p.read_text() for p in folder.rglob("mine")] == ["somebody's"]


GOOD = {"format": 1, "key": key_of(1), "state": "done", "about": {}, "document": {"v": 1}, "arrays": None, "failure": None}  # fmt: skip
WORDS = {"kind": "E", "message": "m", "traceback": ""}


@pytest.mark.parametrize("odd", [
    {"document": None}, {"document": [1]}, {"document": "v"}, {"about": []}, {"about": None}, {"key": 1}, {"key": "x"},
    {"arrays": 5}, {"arrays": "../.."}, {"state": "failed"}, {"state": None}, {"failure": WORDS}, {"failure": "E"},
    {"state": "failed", "document": None, "failure": {**WORDS, "message": 5}},
    {"state": "failed", "document": None, "failure": {**WORDS, "more": 5}}, {"format": "1"}, {"format": None},
])  # fmt: skip
def test_an_entry_with_a_true_hash_and_an_odd_shape_is_damage(ledger, folder, odd):
    ledger.put(key_of(1), Result({"v": 1}))
    digest = ledger._blobs.put(json.dumps(GOOD | odd).encode(), ".json")
    with ledger._index.transaction() as index:
        index.execute("UPDATE entry SET digest = ?", (digest,))
    with pytest.raises(LedgerDamaged, match=r"Remove that file|Upgrade|another key"):
        ledger.get(key_of(1))
    ledger.forget(key_of(1), damaged=True)
    assert ledger.state(key_of(1)) == "absent"
    assert [path for path in folder.rglob(f"{digest}*") if path.name.endswith(".damaged")]


def test_an_entry_that_the_index_calls_otherwise_is_damage(ledger):
    ledger.put(key_of(1), Result({"v": 1}), {"kind": "k"})
    with ledger._index.transaction() as index:
        index.execute("UPDATE entry SET state = 'failed'")
    with pytest.raises(LedgerDamaged, match="says done, and the index 'failed'"):
        ledger.get(key_of(1))


@pytest.fixture
def unprivileged():
    """A folder owned by a user whom rights bind (root passes through all of them)."""
    folder = Path(tempfile.mkdtemp())
    if os.geteuid() == 0:
        os.chown(folder, 65534, 65534)
        os.seteuid(65534)
        yield folder
        os.seteuid(0)
    else:
        yield folder
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o700)
    shutil.rmtree(folder)


def test_a_read_only_folder_can_be_read_and_refuses_writes(unprivileged):
    folder = unprivileged / "run"
    ledger = SqliteLedger(folder)
    ledger.put(key_of(1), sample(1))
    ledger.close()
    for path in sorted(folder.rglob("*"), reverse=True):
        path.chmod(0o500 if path.is_dir() else 0o400)
    folder.chmod(0o500)
    ledger = SqliteLedger(folder)
    assert ledger.get(key_of(1)).arrays["x"][1] == 2.0
    for call in (
        lambda: ledger.put(key_of(2), sample(2)),
        lambda: ledger.forget(key_of(1)),
        lambda: ledger.claim(key_of(2)).__enter__(),
    ):
        with pytest.raises(OutputRefused, match=r"run .* run again: nothing recorded is lost"):
            call()
    assert list(ledger.keys()) == [key_of(1)]
    ledger.close()


def test_a_file_in_the_way_is_refused(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(OutputRefused, match="file/run"):
        SqliteLedger(tmp_path / "file" / "run").put(key_of(1), sample(1))
    assert (tmp_path / "file").read_text() == "mine"


FULL = """
import resource, sys
from pathlib import Path
from byheart.errors import OutputRefused
from byheart.ledger.base import Result
from byheart.ledger.sqlite import SqliteLedger
ledger = SqliteLedger(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, resource.RLIM_INFINITY))
refused = put = 0
for i in range(40):
    try:
        ledger.put(f"{i:064x}", Result({"i": i}), {"long": "x" * 20000})
        put += 1
    except OutputRefused as error:
        refused += 1
        assert sys.argv[1] in str(error) and "Free space" in str(error), error
assert put and refused, (put, refused)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
assert len(list(ledger.keys())) == put
for i in range(40):
    ledger.put(f"{i:064x}", Result({"i": i}), {"long": "x" * 20000})
assert [ledger.get(key).document["i"] for key in sorted(ledger.keys())] == list(range(40))
assert not any(name in sys.modules for name in ("torch", "pytest", "pydantic"))
"""


def test_a_full_folder_is_refused_and_loses_nothing(folder):
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(folder)], env=ours(), capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")


def ours():
    return os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


def test_a_name_of_an_array_that_safetensors_keeps_for_itself_is_refused(ledger):
    for name in ("__metadata__", "two\nlines", 3):
        with pytest.raises(InputRefused, match="name of an array"):
            ledger.put(key_of(1), Result({}, {name: np.zeros(1)}))


def test_a_document_too_deep_is_refused(ledger):
    deep = []
    for _ in range(5000):
        deep = [deep]
    with pytest.raises(ByheartError, match="levels"):
        ledger.put(key_of(1), Result({"deep": deep}))


def test_a_tuple_comes_back_as_a_list(ledger):
    ledger.put(key_of(1), Result({"pair": (1, (2, 3))}))
    assert ledger.get(key_of(1)).document == {"pair": [1, [2, 3]]}


def test_a_renewed_key_is_the_last_and_the_same(ledger, folder):
    for i in (1, 2, 3):
        ledger.put(key_of(i), Result({"i": i}), {"kind": "document"})
    ledger.renew(key_of(1))
    ledger.renew(key_of(9))  # that is not there
    ledger.put(key_of(4), Result({"i": 4}), {"kind": "document"})
    expected = [key_of(i) for i in (2, 3, 1, 4)]
    assert list(ledger.keys("document")) == list(SqliteLedger(folder).keys()) == expected
    assert (ledger.get(key_of(1)).document, ledger.state(key_of(9))) == ({"i": 1}, "absent")
    with pytest.raises(UsageError):
        ledger.renew("x")
