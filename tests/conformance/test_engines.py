"""Every engine passes the suite.

To test a new engine: subclass `WorkersSuite` here (`EngineSuite` if it has no processes of its own to lose),
say how it is made for a number of workers (`make`) and how a script makes it (`recipe`). Nothing else.
"""

import pytest

from byheart.engines.inline import Inline
from byheart.engines.pool import Pool
from byheart.testing.engines import EngineSuite, WorkersSuite


class TestInline(EngineSuite):
    recipe = "from byheart.engines.inline import Inline; engine = Inline()"

    @pytest.fixture
    def make(self):
        return lambda workers: Inline()


class TestPool(WorkersSuite):
    recipe = "from byheart.engines.pool import Pool; engine = Pool(workers=2)"

    @pytest.fixture
    def make(self):
        return Pool
