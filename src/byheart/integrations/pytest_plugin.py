"""The pytest plug-in: the fixture `byheart_audit`, whose audits are kept from one test run to the next.

pytest imports this file in every run of everybody who has byheart installed, so nothing is imported here that costs
anything: byheart itself is, where a test asks for the fixture.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from byheart.auditing.result import Audit


@pytest.fixture(scope="session")
def byheart_audit(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Audit]:
    """`byheart.audit`, with its ledger in pytest's cache: what was trained in an earlier run is not trained again.

    byheart_audit((x, y), model=make_model).gate(max={"memorised_bits_share": 0.3}).check()

    The arguments are those of `byheart.audit`; `out=` takes another folder. `pytest --cache-clear` forgets; without a
    cache (`-p no:cacheprovider`) the ledger lasts as long as the run. Workers of pytest-xdist share it.
    """
    cache = getattr(request.config, "cache", None)
    ledger: Path = cache.mkdir("byheart") if cache else tmp_path_factory.mktemp("byheart")

    def byheart_audit(data: Any, **options: Any) -> Audit:
        import byheart

        return byheart.audit(data, **{"out": ledger, **options})

    return byheart_audit
