"""Who holds a key, and when he is taken to be gone."""

import os
import subprocess
import sys
import time

import pytest

from byheart.errors import OutputRefused
from byheart.ledger import locks
from byheart.ledger.sqlite import SqliteLedger
from byheart.processes import Holder, host, is_alive, started, sweep, temporary_name, this_process
from byheart.testing.ledgers import key_of, sample


@pytest.fixture
def ledger(tmp_path):
    ledger = SqliteLedger(tmp_path / "run")
    yield ledger
    ledger.close()


def plant(ledger, holder, silent_seconds=0.0):
    with ledger._index.transaction() as index:
        index.execute(
            "INSERT INTO claim VALUES (?, 'token', ?, ?, ?, ?)",
            (key_of(1), holder.pid, holder.host, holder.started, time.time() - silent_seconds),
        )


def test_this_process_is_not_gone():
    assert not this_process().is_gone()


def test_a_later_process_with_the_same_number_is_another():
    me = this_process()
    assert Holder(me.pid, me.host, "another start").is_gone()


def test_one_that_ended_is_gone_before_it_is_waited_for():
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    holder = Holder(child.pid, this_process().host, started(child.pid))
    assert not holder.is_gone()
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # ended, and still in the process table
    assert holder.is_gone()
    child.communicate()
    assert not is_alive(child.pid)


ELSEWHERE = Holder(17, "elsewhere pid:[1]", "0")


def test_a_holder_elsewhere_is_waited_for_while_it_renews_its_claim(ledger):
    plant(ledger, ELSEWHERE, silent_seconds=locks.LEASE_SECONDS - 10)
    with pytest.raises(OutputRefused, match="process 17 on elsewhere holding it"):
        ledger.claim(key_of(1), patience_seconds=0.1).__enter__()


@pytest.mark.parametrize("harm", [
    "UPDATE claim SET since = since - 31", "UPDATE claim SET since = 'yesterday'", "UPDATE claim SET pid = 'me'",
    "UPDATE claim SET pid = -1", "UPDATE claim SET pid = 999999999999999999", "UPDATE claim SET since = 1e18",
])  # fmt: skip
def test_a_holder_elsewhere_that_fell_silent_or_never_was_is_replaced(ledger, harm):
    """A container is gone, and its name with it: no process number can be asked."""
    plant(ledger, ELSEWHERE if "since" in harm else this_process())
    with ledger._index.transaction() as index:
        index.execute(harm)
    with ledger.claim(key_of(1), patience_seconds=0.0) as mine:
        assert mine


def test_a_holder_with_a_wrong_clock_is_watched_instead(ledger, monkeypatch):
    plant(ledger, ELSEWHERE, silent_seconds=-3600)
    monkeypatch.setattr(locks, "LEASE_SECONDS", 0.3)
    with ledger.claim(key_of(1), patience_seconds=60.0) as mine:
        assert mine


def test_a_claim_renewed_while_it_was_looked_at_stays(ledger):
    plant(ledger, ELSEWHERE, silent_seconds=31)
    seen = ledger._claims._row(key_of(1))
    with ledger._index.transaction() as index:
        index.execute("UPDATE claim SET since = since + 31")
    assert not ledger._claims._take(key_of(1), "mine", seen)


def test_a_claim_is_renewed_while_it_is_held(ledger, monkeypatch):
    monkeypatch.setattr(locks, "_RENEW_SECONDS", 0.02)
    with ledger.claim(key_of(1)), ledger.claim(key_of(2)):
        before = ledger._index.rows("SELECT key, since FROM claim ORDER BY key")
        for _ in range(3000):
            after = ledger._index.rows("SELECT key, since FROM claim ORDER BY key")
            if all(late[1] > early[1] for early, late in zip(before, after)):
                break
            time.sleep(0.01)
        else:
            pytest.fail("never renewed")
    assert ledger._claims._over.is_set()


def test_who_waits_is_told_once_for_whom_and_how_to_go_on(ledger, monkeypatch):
    monkeypatch.setattr(locks, "_SILENT_SECONDS", 0.1)
    plant(ledger, ELSEWHERE)
    said = []
    for _ in range(2):
        with pytest.raises(OutputRefused):
            ledger.claim(key_of(1), patience_seconds=0.3, say=said.append).__enter__()
    (line,) = said
    assert "process 17 on elsewhere, " in line
    assert str(ledger.folder) in line
    assert "within 30 s" in line
    assert "another output folder" in line


def test_two_of_one_host_name_that_count_processes_apart_are_two_hosts():
    me = this_process()
    assert Holder(me.pid, f"{host()} of another container", me.started).is_gone() is None


def test_sweeping_takes_what_the_dead_left_and_nothing_else(tmp_path):
    child = subprocess.run(
        [sys.executable, "-c", "from byheart.processes import temporary_name; print(temporary_name())"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    dead, mine = child.stdout.strip(), temporary_name()
    elsewhere = f"00000000{dead[8:]}"
    for name in (dead, mine, elsewhere, f"folder-{dead}", f"folder-{mine}", f"folder-{elsewhere}", "somebody's", f"old-{elsewhere}"):
        (tmp_path / name).mkdir() if name.startswith("folder") else (tmp_path / name).write_text("half")
    (tmp_path / f"folder-{dead}" / "deep").write_text("half")
    (tmp_path / "link").symlink_to(tmp_path / mine)
    (tmp_path / f"old-{elsewhere}").touch()
    os.utime(tmp_path / f"old-{elsewhere}", (1, 1))
    os.utime(tmp_path / f"folder-{elsewhere}", (1, 1))
    sweep(tmp_path.iterdir())
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        [mine, elsewhere, f"folder-{mine}", f"folder-{elsewhere}", "somebody's", "link"]
    )


def test_a_dead_holder_of_this_host_is_replaced(ledger):
    plant(ledger, Holder(os.getpid(), this_process().host, "an earlier start"))
    with ledger.claim(key_of(1), patience_seconds=0.0) as mine:
        assert mine


def test_a_living_holder_is_named_and_kept(ledger, tmp_path):
    other = SqliteLedger(tmp_path / "run")
    with other.claim(key_of(1)):
        ledger.forget(key_of(1))
        with pytest.raises(OutputRefused, match=f"process {os.getpid()}"):
            ledger.claim(key_of(1), patience_seconds=0.1).__enter__()
    with ledger.claim(key_of(1), patience_seconds=0.0) as mine:
        assert mine
    other.close()


def test_an_error_inside_lets_go(ledger):
    with pytest.raises(ValueError, match="inside"), ledger.claim(key_of(1)):
        raise ValueError("inside")
    with ledger.claim(key_of(1), patience_seconds=0.0) as mine:
        assert mine
        ledger.put(key_of(1), sample(1))
    assert ledger._index.rows("SELECT count(*) FROM claim") == [(0,)]
