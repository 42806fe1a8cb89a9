"""The suite every ledger must pass.

Subclass it in a test module and say how the ledger is opened:

```python
class TestMyLedger(LedgerSuite):
    @pytest.fixture
    def reopen(self, tmp_path):
        return functools.partial(MyLedger, tmp_path / "run")

    @pytest.fixture
    def lose_index(self, tmp_path):
        return lambda: (tmp_path / "run" / "my.index").unlink()
```

`reopen` gives a new ledger on the same place, as another process would open it; it must be picklable.
`lose_index` destroys whatever finds the entries, leaving their blobs. Promises 6 (keys) and 7 (old formats)
belong to what is stored: pin them with a folder of the past kept among your tests.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from byheart.errors import ByheartError
from byheart.ledger.base import Failure, Ledger, Result

Reopen = Callable[[], Ledger]
_DTYPES = "bool float16 float32 float64 int8 int16 int32 int64 uint8 uint16 uint32 uint64"
_SPAWN = multiprocessing.get_context("spawn")


class LedgerSuite:
    """One or more tests for each promise; see the head of this module."""

    @pytest.fixture
    def reopen(self) -> Reopen:
        """Override: a picklable callable that opens the ledger under test."""
        raise NotImplementedError("a LedgerSuite needs a fixture `reopen`")

    @pytest.fixture
    def lose_index(self) -> Callable[[], object]:
        """Override: a callable that destroys the index and leaves the blobs."""
        raise NotImplementedError("a LedgerSuite needs a fixture `lose_index`")

    @pytest.fixture
    def ledger(self, reopen: Reopen):
        """The ledger under test, closed afterwards."""
        ledger = reopen()
        yield ledger
        ledger.close()

    def test_1_what_is_put_is_what_is_got(self, ledger: Ledger, reopen: Reopen) -> None:
        """Documents, arrays of every dtype and shape, bit for bit, here and in a ledger opened anew."""
        document = {"z": [1, -2.5, None, True, "é\n\x00 \u2028"], "a": {"deep": [[], {}]}, "big": 2**70,
                    "tiny": 5e-324, "minus": -0.0}  # fmt: skip
        arrays = _arrays()
        ledger.put(key_of(1), Result(document, arrays), {"kind": "train", "seed": 3})
        for reader in (ledger, reopen()):
            outcome = reader.get(key_of(1))
            assert isinstance(outcome, Result)
            assert outcome.document == document
            assert list(outcome.document) == list(document)
            assert reader.about(key_of(1)) == {"kind": "train", "seed": 3}
            assert set(outcome.arrays) == set(arrays)
            for name, array in arrays.items():
                _same_bits(name, outcome.arrays[name], array)
            reader.close()

    def test_1_what_was_got_belongs_to_the_caller(self, ledger: Ledger) -> None:
        """Changing what was put or got changes nothing in the ledger."""
        document, array = {"list": [1]}, np.arange(3.0)
        ledger.put(key_of(1), Result(document, {"x": array}))
        got = _result(ledger, key_of(1))
        for altered in (document, got.document):
            altered["list"].append(2)
        loaded = np.array(got.arrays["x"])
        array[0] = 9.0
        assert _result(ledger, key_of(1)).document == {"list": [1]}
        assert list(_result(ledger, key_of(1)).arrays["x"]) == list(loaded) == [0.0, 1.0, 2.0]

    @pytest.mark.parametrize(
        ("document", "named"),
        [
            ({"a": [{"b": float("nan")}]}, "document.a[0].b"),
            ({"a": float("-inf")}, "document.a"),
            ({"a": np.float32(1)}, "document.a"),
            ({"a": {1: 2}}, "document.a"),
            ({"a": {1, 2}}, "document.a"),
        ],
    )
    def test_1_what_cannot_be_kept_truly_is_refused(self, ledger: Ledger, document: dict[str, Any], named: str) -> None:
        """The refusal names the place, and nothing is left under the key."""
        assert named in _refusal(ledger, Result(document))
        assert ledger.state(key_of(1)) == "absent"

    @pytest.mark.parametrize("array", [np.array(["text"]), np.array([b"bytes"]), np.array([None]), [1.0]])
    def test_1_arrays_that_cannot_be_kept_truly_are_refused(self, ledger: Ledger, array: Any) -> None:
        """Text, objects and lists are no arrays; the refusal names the array."""
        assert "'words'" in _refusal(ledger, Result({}, {"words": array}))
        assert ledger.state(key_of(1)) == "absent"

    def test_2_putting_twice_is_putting_once(self, ledger: Ledger) -> None:
        """One key, and the first outcome stays, whatever comes later."""
        for value in (1, 1, 2):
            ledger.put(key_of(1), Result({"value": value}, {"x": np.full(3, value)}))
        ledger.put(key_of(1), Failure("ValueError", "too late"))
        assert list(ledger.keys()) == [key_of(1)]
        kept = _result(ledger, key_of(1))
        assert kept.document == {"value": 1}
        assert list(kept.arrays["x"]) == [1, 1, 1]

    def test_3_a_killed_writer_leaves_nothing_half_visible(self, reopen: Reopen) -> None:
        """A writer is killed at a random moment, several times; every key that shows is whole."""
        for turn in range(3):
            known = len(list(reopen().keys()))
            writer = _SPAWN.Process(target=_write_for_ever, args=(reopen, 1000 * turn))
            writer.start()
            watcher = reopen()
            while len(list(watcher.keys())) < known + 2:
                assert writer.is_alive(), "the writer ended before its time"
                time.sleep(0.005)
            watcher.close()
            time.sleep(random.uniform(0.0, 0.1))
            writer.kill()
            writer.join()
            ledger = reopen()
            for key in list(ledger.keys()):
                i = int(key, 16)
                try:
                    outcome = _result(ledger, key)
                    _same_bits("x", outcome.arrays["x"], sample(i).arrays["x"])
                except ByheartError as error:
                    raise AssertionError(f"key {i} shows and cannot be read") from error
                assert outcome.document == sample(i).document
            ledger.put(key_of(1000 * turn + 999), sample(1000 * turn + 999))  # and it still takes more
            ledger.close()

    def test_4_two_processes_compute_one_key_once(self, reopen: Reopen, tmp_path: Path) -> None:
        """Both end with the result; one computed it, the other waited."""
        barrier, folder = _SPAWN.Barrier(2), tmp_path / "said"
        folder.mkdir()
        pair = [_SPAWN.Process(target=_compute_or_wait, args=(reopen, barrier, folder)) for _ in range(2)]
        for process in pair:
            process.start()
        for process in pair:
            process.join()
        assert [process.exitcode for process in pair] == [0, 0], "one of the two failed"
        assert len(list(folder.glob("* read"))) == 2
        assert len(list(folder.glob("* computed"))) == 1, "computed by both"

    def test_4_the_claim_of_a_dead_process_is_taken_over(self, ledger: Ledger, reopen: Reopen) -> None:
        """A process that died holding a key does not hold it for ever."""
        process = _SPAWN.Process(target=_die_holding, args=(reopen,))
        process.start()
        process.join()
        assert process.exitcode == 9
        with ledger.claim(key_of(4), patience_seconds=20.0) as mine:
            assert mine is True

    def test_4_a_claim_ends_with_its_block(self, ledger: Ledger, reopen: Reopen) -> None:
        """Let go without an outcome, the key is free; with one, there is nothing left to compute."""
        with ledger.claim(key_of(4)) as mine:
            assert mine is True
        with reopen().claim(key_of(4), patience_seconds=5.0) as mine:
            assert mine is True
        ledger.put(key_of(4), sample(4))
        with ledger.claim(key_of(4)) as mine:
            assert mine is False

    def test_5_result_failure_and_absence_are_three_things(self, ledger: Ledger, reopen: Reopen) -> None:
        """Each is told from the others by `state` and by `get`; forgetting makes absent."""
        failure = Failure("ValueError", "lone \ud800 surrogate", "Traceback ...")
        ledger.put(key_of(1), Result({}), {"kind": "train"})
        ledger.put(key_of(2), failure, {"kind": "measure"})
        other = reopen()
        assert [other.state(key_of(i)) for i in (1, 2, 3)] == ["done", "failed", "absent"]
        assert other.get(key_of(1)) == Result({})
        assert other.get(key_of(2)) == failure
        assert other.get(key_of(3)) is None
        assert other.about(key_of(3)) is None
        assert list(other.keys()) == [key_of(1), key_of(2)]
        assert list(other.keys("measure")) == [key_of(2)]
        other.forget(key_of(2))
        other.forget(key_of(3))
        assert ledger.state(key_of(2)) == "absent"
        ledger.put(key_of(2), Result({"second": "try"}))
        assert _result(other, key_of(2)).document == {"second": "try"}
        other.close()

    def test_8_reading_runs_no_code(self, ledger: Ledger, tmp_path: Path, monkeypatch) -> None:
        """An object that runs code when unpickled is refused or comes back dead."""
        canary = tmp_path / "canary"
        for outcome in (Result({"trap": _Trap(canary)}), Result({}, {"trap": np.array([_Trap(canary)])})):
            assert "trap" in _refusal(ledger, outcome)
        ledger.put(key_of(2), sample(2))
        for name in ("load", "loads", "Unpickler"):
            monkeypatch.setattr(pickle, name, None)  # whoever calls it fails
        assert _result(ledger, key_of(2)).arrays["x"].shape == sample(2).arrays["x"].shape
        assert not canary.exists()

    def test_9_the_index_is_rebuilt_from_the_blobs(
        self, ledger: Ledger, reopen: Reopen, lose_index: Callable[[], object]
    ) -> None:
        """Rebuilt from the blobs alone, and rebuilt again, everything is as before."""
        for i in range(5):
            ledger.put(key_of(i), sample(i) if i % 2 else Failure("E", str(i)), {"kind": f"k{i % 3}"})
        ledger.forget(key_of(3))
        before = {key: (ledger.state(key), ledger.about(key)) for key in list(ledger.keys())}
        ledger.close()
        lose_index()
        again = reopen()
        assert again.rebuild() == 4
        assert {key: (again.state(key), again.about(key)) for key in list(again.keys())} == before
        assert list(again.keys("k1")) == [key_of(1), key_of(4)]
        assert _result(again, key_of(1)).document == sample(1).document
        assert again.rebuild() == 4
        again.close()


def key_of(i: int) -> str:
    """The key that stands for number `i` in these tests."""
    return f"{i:064x}"


def sample(i: int) -> Result:
    """An outcome that depends on `i` alone, large enough to be caught half written."""
    return Result({"i": i, "text": "x" * (i % 50)}, {"x": np.arange(20_000.0) * (i + 1)})


def _arrays() -> dict[str, np.ndarray]:
    arrays = {name: np.arange(-3, 9).reshape(3, 4).astype(name) for name in _DTYPES.split()}
    special = np.array([np.nan, -np.inf, np.inf, -0.0, 1e-310])
    arrays |= {"special": special, "scalar": np.array(2.5), "none": np.zeros((0, 3), np.float32)}
    grid = np.arange(24.0).reshape(2, 3, 4)
    return arrays | {"turned": grid.T, "strided": grid[:, ::2, 1:], "swapped": np.arange(3, dtype=">i4")}


def _same_bits(name: str, got: np.ndarray, put: np.ndarray) -> None:
    assert got.shape == put.shape, name
    assert got.dtype == put.dtype.newbyteorder("="), name
    assert got.tobytes() == put.astype(put.dtype.newbyteorder("=")).tobytes(), name


def _result(ledger: Ledger, key: str) -> Result:
    outcome = ledger.get(key)
    assert isinstance(outcome, Result), f"expected a result, got {outcome}"
    return outcome


def _refusal(ledger: Ledger, outcome: Result) -> str:
    with pytest.raises(ByheartError) as caught:
        ledger.put(key_of(1), outcome)
    return str(caught.value)


def _write_for_ever(reopen: Reopen, first: int) -> None:
    ledger = reopen()
    for i in range(first, first + 10**6):
        ledger.put(key_of(i), sample(i))


def _compute_or_wait(reopen: Reopen, barrier: Any, folder: Path) -> None:
    ledger = reopen()
    barrier.wait(60.0)
    with ledger.claim(key_of(4)) as mine:
        if mine:
            (folder / f"{os.getpid()} computed").touch()
            time.sleep(0.3)  # long enough for the other to come while this one is at it
            ledger.put(key_of(4), sample(4))
    if _result(ledger, key_of(4)).document == sample(4).document:
        (folder / f"{os.getpid()} read").touch()


def _die_holding(reopen: Reopen) -> None:
    with reopen().claim(key_of(4)):
        os._exit(9)


class _Trap:
    """Writes a file when it is unpickled."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple:
        return Path.touch, (self.canary,)
