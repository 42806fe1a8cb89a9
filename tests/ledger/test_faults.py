"""What a disk can do to a ledger: fail any call, be cut off at any moment, turn any byte."""

import errno
import os
import random
import subprocess
import sys
import time

import numpy as np
import pytest

from byheart.errors import InputRefused, LedgerDamaged, OutputRefused
from byheart.ledger.base import Result
from byheart.ledger.sqlite import SqliteLedger
from byheart.testing.ledgers import key_of, sample

CALLS = ("mkdir", "open", "write", "fsync", "replace", "close")
STREAM = random.Random(7)


@pytest.fixture
def ledger(tmp_path):
    ledger = SqliteLedger(tmp_path / "run")
    yield ledger
    ledger.close()


def fail_at(patch, n, code):
    """Make the n-th of the calls that `blobs` and `index` make of the system fail; returns the count so far."""
    count = [0]

    def failing(real):
        def call(*args, **kwargs):
            count[0] += 1
            if count[0] == n:
                raise OSError(code, os.strerror(code))
            return real(*args, **kwargs)

        return call

    for name in CALLS:
        patch.setattr(os, name, failing(getattr(os, name)))
    return count


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EACCES])
def test_any_call_may_fail_and_the_same_put_then_succeeds(tmp_path, monkeypatch, code):
    outcome, n, failures = Result({"v": 1}, {"x": np.arange(3)}), 0, 0
    while True:
        n, refusal = n + 1, ""
        ledger = SqliteLedger(tmp_path / f"run{n}")
        with monkeypatch.context() as patch:
            count = fail_at(patch, n, code)
            try:
                ledger.put(key_of(1), outcome)
            except OutputRefused as error:
                refusal = str(error)
        if count[0] < n:
            break  # all calls were tried
        if refusal:
            failures += 1
            assert os.strerror(code) in refusal
            assert str(ledger.folder) in refusal
        if ledger.state(key_of(1)) == "absent":
            ledger.put(key_of(1), outcome)
        got = ledger.get(key_of(1))
        assert (got.document, list(got.arrays["x"])) == ({"v": 1}, [0, 1, 2]), n
        ledger.close()
        assert list(ledger.folder.rglob("*.tmp")) == []
    assert failures >= 20
    ledger.close()


def read_all(ledger, key):
    result = ledger.get(key)
    return result.document, {name: array.tolist() for name, array in result.arrays.items()}


def spoil(content, turn):
    """`content` with one byte changed, or cut short."""
    place = STREAM.randrange(len(content))
    if turn % 4 == 0:
        return content[:place]
    return content[:place] + bytes([content[place] ^ STREAM.randrange(1, 256)]) + content[place + 1 :]


@pytest.mark.parametrize("suffix", [".json", ".safetensors"])
def test_any_damage_to_a_blob_is_found_and_named_and_mended(ledger, suffix):
    outcome = Result({"v": [1, 2]}, {"x": np.arange(5.0), "y": np.ones(3, np.uint8)})
    ledger.put(key_of(1), outcome)
    ledger.put(key_of(2), sample(2))
    whole = read_all(ledger, key_of(1))
    # the smaller file of its kind is that of key 1
    blob = min(ledger.folder.rglob(f"*{suffix}"), key=lambda path: (path.stat().st_size, path))
    if suffix == ".json":
        blob = next(path for path in ledger.folder.rglob("*.json") if b'"v":[1,2]' in path.read_bytes())
    content = blob.read_bytes()
    for turn in range(60):
        blob.write_bytes(spoil(content, turn))
        with pytest.raises(LedgerDamaged) as caught:
            read_all(ledger, key_of(1))
        assert blob.name in str(caught.value)
        assert key_of(1) in str(caught.value)
        assert read_all(ledger, key_of(2))[0] == sample(2).document
        ledger.forget(key_of(1))
        assert ledger.state(key_of(1)) == "absent"
        ledger.put(key_of(1), outcome)
        assert read_all(ledger, key_of(1)) == whole
    blob.unlink()
    with pytest.raises(LedgerDamaged, match=f"{blob.name} of key {key_of(1)} is missing"):
        ledger.get(key_of(1))


def test_damage_to_the_index_never_gives_a_wrong_result_and_is_rebuilt(ledger):
    truth = {}
    for i in range(4):
        ledger.put(key_of(i), Result({"i": i}, {"x": np.full(3, i)}), {"kind": "k"})
        truth[key_of(i)] = read_all(ledger, key_of(i))
    ledger.close()
    index = ledger.folder / "index.db"
    content = index.read_bytes()
    used = [i for i, byte in enumerate(content) if byte]  # most of an empty page is zero
    found = 0
    for turn in range(100):
        place = STREAM.choice(used)
        spoilt = content[:place] + bytes([content[place] ^ STREAM.randrange(1, 256)]) + content[place + 1 :]
        index.write_bytes(content[: STREAM.randrange(len(content))] if turn % 4 == 0 else spoilt)
        for key, whole in truth.items():
            try:
                ledger.state(key), ledger.about(key), list(ledger.keys("k"))
                outcome = ledger.get(key)
            except (LedgerDamaged, InputRefused):  # and nothing else
                found += 1
            else:
                found += outcome is None
                assert outcome is None or read_all(ledger, key) == whole
        ledger.close()
        for path in ledger.folder.glob("index.db*"):
            path.unlink()
        if turn % 20 == 0:  # sparing the disk
            assert ledger.rebuild() == 4
            assert {key: read_all(ledger, key) for key in list(ledger.keys())} == truth
            ledger.close()
    assert found > 20


def test_a_spoilt_index_is_rebuilt_in_place(ledger):
    for i in range(4):
        ledger.put(key_of(i), Result({"i": i}))
    ledger.close()
    index = ledger.folder / "index.db"
    content = index.read_bytes()
    for page in range(1, len(content) // 4096):
        index.write_bytes(content[: 4096 * page] + os.urandom(4096) + content[4096 * (page + 1) :])
        assert ledger.rebuild() == 4
        assert sorted(ledger.get(key).document["i"] for key in list(ledger.keys())) == [0, 1, 2, 3]
        ledger.close()


WRITER = """
import sys
from pathlib import Path
import numpy as np
from byheart.ledger.base import Result
from byheart.ledger.sqlite import SqliteLedger
ledger, first = SqliteLedger(Path(sys.argv[1])), int(sys.argv[2])
print("up", flush=True)
for i in range(first, first + int(sys.argv[3])):
    ledger.put(f"{i:064x}", Result({"i": i}, {"x": np.arange(1000.0) * (i + 1)}))
    print(i, flush=True)
"""


def start_writer(ledger, first, count):
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(ledger.folder), str(first), str(count)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_killed_writers_lose_nothing_they_were_told_was_kept(ledger):
    told = set()
    for turn in range(10):
        first = 10_000 * turn
        pair = [start_writer(ledger, first + 1000 * side, 1000) for side in range(2)]
        for writer in pair:
            assert writer.stdout.readline() == "up\n"
        time.sleep(random.uniform(0.0, 0.15))
        for writer in pair:
            writer.kill()
        for writer in pair:
            said, complaint = writer.communicate()
            assert complaint == ""
            told |= {int(line) for line in said.splitlines(keepends=True) if line.endswith("\n")}
        seen = {int(key, 16) for key in list(ledger.keys())}
        assert told <= seen
        for i in seen:
            document, arrays = read_all(ledger, key_of(i))
            assert document == {"i": i}
            assert arrays["x"][-1] == 999.0 * (i + 1)
    assert told
    assert ledger.rebuild() >= len(seen)
    assert told <= {int(key, 16) for key in list(ledger.keys())}


def test_several_may_make_one_ledger_at_once(ledger):
    writers = [start_writer(ledger, 100 * side, 15) for side in range(4)]
    for writer in writers:
        _, complaint = writer.communicate()
        assert (writer.returncode, complaint) == (0, "")
    assert sorted(int(key, 16) for key in list(ledger.keys())) == [
        100 * s + i for s in range(4) for i in range(15)
    ]
