"""Who holds a key, and when he is taken to be gone."""

import os
import subprocess
import sys

import pytest

from byheart.errors import OutputRefused
from byheart.ledger.claims import Holder, is_alive, started, this_process
from byheart.ledger.sqlite import SqliteLedger
from byheart.testing.ledgers import key_of, sample


@pytest.fixture
def ledger(tmp_path):
    ledger = SqliteLedger(tmp_path / "run")
    yield ledger
    ledger.close()


def plant(ledger, holder):
    with ledger._index.transaction() as index:
        index.execute(
            "INSERT INTO claim VALUES (?, 'token', ?, ?, ?, 0)",
            (key_of(1), holder.pid, holder.host, holder.started),
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


def test_a_process_of_another_host_is_taken_to_live_until_forgotten(ledger):
    plant(ledger, Holder(2**22 + 1, "elsewhere", "0"))
    with pytest.raises(OutputRefused, match=r"process 4194305 on elsewhere holding it .* forget the key"):
        ledger.claim(key_of(1), patience_seconds=0.1).__enter__()
    ledger.forget(key_of(1))
    with ledger.claim(key_of(1), patience_seconds=0.1) as mine:
        assert mine


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
