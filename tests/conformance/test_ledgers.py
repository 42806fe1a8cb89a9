"""Every ledger passes the suite.

To test a new ledger: subclass `LedgerSuite` here, say how it is opened (`reopen`, picklable, a fresh ledger
on the same place each time) and how its index gets lost (`lose_index`). Nothing else.
"""

import functools

import pytest

from byheart.ledger.sqlite import SqliteLedger
from byheart.testing.ledgers import LedgerSuite


class TestSqliteLedger(LedgerSuite):
    @pytest.fixture
    def reopen(self, tmp_path):
        return functools.partial(SqliteLedger, tmp_path / "run")

    @pytest.fixture
    def lose_index(self, tmp_path):
        return (tmp_path / "run" / "index.db").unlink
