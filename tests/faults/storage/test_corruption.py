"""Whatever happened to a run folder is named, set aside and computed again: the report is the same as before."""

import contextlib
import hashlib
import json
import os
import random
import shutil
import sqlite3

import pytest

from byheart.ledger.sqlite import SqliteLedger

STREAM_SEED = 11
SAMPLE = 5


# Harms to one blob. Each takes the path and a stream of random numbers.


def truncated(path, stream):
    content = path.read_bytes()
    path.write_bytes(content[: stream.randrange(1, len(content))])


def flipped(path, stream):
    content = bytearray(path.read_bytes())
    content[stream.randrange(len(content))] ^= 1 << stream.randrange(8)
    path.write_bytes(content)


def zeroed(path, stream):
    path.write_bytes(bytes(path.stat().st_size))


def emptied(path, stream):
    path.write_bytes(b"")


def lengthened(path, stream):
    path.write_bytes(path.read_bytes() + b"\0")


def swapped(path, stream):
    others = sorted(other for other in path.parents[1].glob(f"??/*{path.suffix}") if other != path)
    shutil.copyfile(stream.choice(others), path)


def removed(path, stream):
    path.unlink()


def a_folder(path, stream):
    path.unlink()
    path.mkdir()
    (path / "mine").write_text("mine")


def a_pipe(path, stream):
    path.unlink()
    os.mkfifo(path)


def a_link_to_itself(path, stream):
    path.unlink()
    path.symlink_to(path.name)


def a_link_elsewhere(path, stream):
    elsewhere = path.parents[5] / "diary.txt"
    elsewhere.write_text("dear diary")
    path.unlink()
    path.symlink_to(elsewhere)


HARMS = (truncated, flipped, zeroed, emptied, lengthened, swapped, removed, a_folder, a_pipe, a_link_to_itself,
         a_link_elsewhere)  # fmt: skip


# Entries of odd shape under a true hash.


def _entries(folder):
    """{key: (path, entry)} of all entries, in the order of kinds and keys."""
    found = {}
    for path in (folder / "out/ledger/blobs").glob("??/*.json"):
        entry = json.loads(path.read_text())
        found[entry["key"]] = path, entry
    return dict(sorted(found.items(), key=lambda item: (item[1][1]["about"]["kind"], item[0])))


def _index(folder, *statements):
    with contextlib.closing(sqlite3.connect(folder / "out/ledger/index.db")) as index, index:
        for statement, *values in statements:
            index.execute(statement, *values)


def _reworded(folder, key, change):
    """The entry of `key` is changed, under its true hash and known to the index."""
    path, entry = _entries(folder)[key]
    state = change(entry) or entry["state"]
    content = json.dumps(entry).encode()
    digest = hashlib.blake2b(content, digest_size=32).hexdigest()
    path.unlink()
    new = path.parents[1] / digest[:2] / f"{digest}.json"
    new.parent.mkdir(exist_ok=True)
    new.write_bytes(content)
    _index(folder, ("UPDATE entry SET digest = ?, state = ? WHERE key = ?", (digest, state, key)))


def _deep(levels):
    value = []
    for _ in range(levels):
        value = [value]
    return value


ODD = {"none": None, "text": "x", "number": -1, "list": [], "mapping": {}, "deep": _deep(300), "huge": 10**400,
       "infinite": float("inf"), "text in a list": ["\ud800"]}  # fmt: skip


def _odd_entries(entries):
    """(key, name, change): each value of the document of one entry of a kind replaced by each odd one, or taken away."""
    first = {}
    for key, (_, entry) in entries.items():
        first.setdefault(entry["about"]["kind"], (key, entry))
    for kind, (key, entry) in first.items():
        for name in entry["document"]:
            for word, odd in ODD.items():
                if type(odd) is not type(entry["document"][name]):
                    yield key, f"{kind}: {name} is {word}", lambda e, n=name, o=odd: e["document"].update({n: o})
            yield key, f"{kind}: no {name}", lambda e, n=name: e["document"].__delitem__(n)
        for name, odd in {"document": [], "arrays": 7, "about": [], "key": "f" * 64, "format": 99, "failure": {}}.items():
            yield key, f"{kind}: {name} of another type", lambda e, n=name, o=odd: e.update({n: o})
        yield key, f"{kind}: a failure", _fail
        if kind not in ("draw", "train"):  # what arrays these have is not known beforehand
            continue
        others = [e["arrays"] for k, (_, e) in entries.items() if k != key and e["arrays"] not in (None, entry["arrays"])]
        yield key, f"{kind}: arrays of another", lambda e, o=others[0]: e.update(arrays=o)
        yield key, f"{kind}: no arrays", lambda e: e.update(arrays=None)


def _fail(entry):
    entry.update(state="failed", document=None, arrays=None)
    entry["failure"] = {"kind": "ValueError", "message": "tampered", "traceback": ""}
    return "failed"


# Harms to the index and the folders. Each takes the run folder and a stream.

VIEW = "WITH RECURSIVE n(seq) AS (SELECT 1 UNION ALL SELECT seq + 1 FROM n) SELECT seq, 'k' AS key, 'd' AS digest, 'done' AS state, 'train' AS kind, '{}' AS about FROM n"


def _sql(*statements):
    def harm(folder, stream):
        _index(folder, *((statement,) for statement in statements))

    return harm


def _path(name, harm):
    return lambda folder, stream: harm(folder / name, stream)


def _dead_claims(folder, stream):
    keys = list(_entries(folder))
    rows = [(1 << 40, "elsewhere", "1", 0.0), (-1, "", "", 0.0), ("x", "y", "z", "soon"), (99999999, os.uname().nodename, "1", 1e18)]
    for key, row in zip(keys, rows * len(keys), strict=False):
        _index(folder, ("DELETE FROM entry WHERE key = ?", (key,)),
               ("INSERT INTO claim VALUES (?, 't', ?, ?, ?, ?)", (key, *row)))  # fmt: skip


def _index_byte(folder, stream):
    path = folder / "out/ledger/index.db"
    content = bytearray(path.read_bytes())
    used = [i for i, byte in enumerate(content) if byte]
    for _ in range(3):
        content[stream.choice(used)] ^= stream.randrange(1, 256)
    path.write_bytes(content)


def _a_log_of_rubbish(folder, stream):
    (folder / "out/ledger/index.db-wal").write_bytes(stream.randbytes(5000))
    (folder / "out/ledger/index.db-shm").write_bytes(stream.randbytes(32768))


def _a_file(path, stream):
    shutil.rmtree(path)
    path.write_text("mine")


def _drafts_of_the_dead(folder, stream):
    from byheart import processes

    blobs = folder / "out/ledger/blobs"
    host = processes._short(processes.host())
    for place in (*blobs.iterdir(), folder / "out"):
        (place / f".draft-{host}-4194399-1-{16 * '0'}.tmp").write_bytes(b"half")


PLACES = {
    "index: version 0": _sql("PRAGMA user_version = 0"),
    "index: an endless view": _sql("DROP TABLE entry", f"CREATE VIEW entry AS {VIEW}"),
    "index: an endless view of claims": _sql("DROP TABLE claim", f"CREATE VIEW claim AS {VIEW}"),
    "index: a trigger": _sql("CREATE TRIGGER t AFTER INSERT ON entry BEGIN DELETE FROM entry; END"),
    "index: no table of claims": _sql("DROP TABLE claim"),
    "index: another column": _sql("ALTER TABLE entry ADD COLUMN more TEXT"),
    "index: no rows": _sql("DELETE FROM entry"),
    "index: application 0": _sql("PRAGMA application_id = 0"),
    "index: a strange state": _sql("UPDATE entry SET state = 'finished' WHERE kind = 'train'"),
    "index: all failed": _sql("UPDATE entry SET state = 'failed'"),
    "index: digests turned": _sql("UPDATE entry SET digest = (SELECT digest FROM entry AS e WHERE e.seq != entry.seq AND e.kind = entry.kind) WHERE kind IN ('train', 'measure')"),
    "index: digests of dots": _sql("UPDATE entry SET digest = '../../../diary'"),
    "index: a state is bytes": _sql("UPDATE entry SET state = x'ff00' WHERE kind = 'draw'"),
    "index: about is no JSON": _sql("UPDATE entry SET about = '{' WHERE kind = 'measure'"),
    "index: about is long": _sql("UPDATE entry SET about = hex(zeroblob(5000000)) WHERE kind = 'draw'"),
    "index: another kind": _sql("UPDATE entry SET kind = 'train'"),
    "index: keys of another length": _sql("UPDATE entry SET key = key || 'a'"),
    "index: claims of the dead": _dead_claims,
    "index: emptied": _path("out/ledger/index.db", emptied),
    "index: zeroed": _path("out/ledger/index.db", zeroed),
    "index: removed": _path("out/ledger/index.db", removed),
    "index: a folder": _path("out/ledger/index.db", a_folder),
    "index: a pipe": _path("out/ledger/index.db", a_pipe),
    "index: a link to itself": _path("out/ledger/index.db", a_link_to_itself),
    "index: a log of rubbish": _a_log_of_rubbish,
    **{f"index: truncated {i}": _path("out/ledger/index.db", truncated) for i in range(6)},
    **{f"index: bytes {i}": _index_byte for i in range(12)},
    "folder: a file for the blobs": _path("out/ledger/blobs", _a_file),
    "folder: drafts of the dead": _drafts_of_the_dead,
    "folder: report.json emptied": _path("out/report.json", emptied),
    "folder: report.json a link to itself": _path("out/report.json", a_link_to_itself),
    "folder: report.html removed": _path("out/report.html", removed),
}  # fmt: skip
SILENT = {"index: no rows", "index: claims of the dead", "folder: drafts of the dead", "folder: report.json emptied",
          "folder: report.json a link to itself", "folder: report.html removed", "index: a log of rubbish"}  # fmt: skip


@pytest.fixture(scope="session")
def unmeasured(made_lab):
    """The finished folder without its answers, so that what was trained is read again."""
    folder = made_lab.place / "unmeasured"
    shutil.copytree(made_lab.finished, folder)
    ledger = SqliteLedger(folder / "out/ledger")
    for key, (_, entry) in _entries(folder).items():
        if entry["about"]["kind"] in ("measure", "document"):
            ledger.forget(key)
    ledger.close()
    return folder


@pytest.fixture
def tried(lab, table):
    """Runs one trial: a copy of a folder is harmed, audited, and audited again."""

    def run(kind, what, source, harm, silent=False):
        with lab.folder(source) as folder:
            names = harm(folder)
            first, second = lab.audit(folder), lab.audit(folder)
            named = ("Damaged ledger" in first.err or "made anew" in first.err) and all(name in first.err for name in names or ())
            wrong = []
            if first.code or first.report != lab.report:
                wrong.append(f"ended with {first.code}, equal {first.report == lab.report}: {first.err[-600:]}")
            if second.code or second.report != first.report or "Damaged" in second.err:
                wrong.append(f"then with {second.code}, equal {second.report == first.report}: {second.err[-600:]}")
            if not named and not silent:
                wrong.append(f"was not named: {first.err[:300]}")
            if left := lab.leftovers(folder):
                wrong.append(f"left {left}")
            diary = folder.parent / "diary.txt"
            if diary.exists() and diary.read_text() != "dear diary":
                wrong.append("followed a link")
            table.add(kind, (first, second), second.report == lab.report, named, f"{what}: {'; '.join(wrong)}" if wrong else "")

    return run


def _chosen(cases, count):
    """`count` cases spread evenly over all; all of them without a count."""
    return cases if count is None else [cases[round(i * (len(cases) - 1) / (count - 1))] for i in range(count)]


TIERS = pytest.mark.parametrize("count", [SAMPLE, pytest.param(None, marks=pytest.mark.slow)])


@TIERS
def test_a_harmed_blob(count, lab, tried, unmeasured):
    stream = random.Random(STREAM_SEED)
    cases = []
    for place, (path, entry) in enumerate(_entries(lab.finished).values()):
        source = unmeasured if entry["about"]["kind"] in ("draw", "train") else lab.finished
        blobs = [path.name] + ([f"{entry['arrays']}.safetensors"] if entry["arrays"] else [])
        for i, name in enumerate(blobs):
            cases += [(source, name, harm) for harm in HARMS[(place + i) % 2 :: 2]]
    for source, name, harm in _chosen(cases, count):
        blob = f"out/ledger/blobs/{name[:2]}/{name}"
        tried(f"blob {harm.__name__}", name, source, lambda folder, h=harm, b=blob: h(folder / b, stream))


@TIERS
def test_a_well_hashed_entry_of_odd_shape(count, lab, tried, unmeasured):
    entries = _entries(lab.finished)
    for key, name, change in _chosen(list(_odd_entries(entries)), count):
        kind = name.partition(":")[0]
        source = unmeasured if kind in ("draw", "train") else lab.finished
        tried(f"odd {kind}", name, source, lambda folder, k=key, c=change: _reworded(folder, k, c), name.endswith("a failure"))


@TIERS
def test_a_harmed_index_or_folder(count, lab, tried):
    stream = random.Random(STREAM_SEED)
    for name in _chosen(list(PLACES), count):
        tried(name.partition(":")[0], name, lab.finished, lambda folder, n=name: PLACES[n](folder, stream), name in SILENT or "bytes" in name)
