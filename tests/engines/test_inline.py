"""Inline runs here and now, and lets an interrupt through."""

import pytest

from byheart.engines.inline import Inline
from byheart.testing.engines import compute


def test_it_runs_a_key_when_it_is_asked_for():
    seen = []
    run = Inline().run(lambda key: seen.append(key) or key, ["a", "b"])
    next(run)
    assert seen == ["a"]


def test_an_interrupt_goes_through():
    def work(key):
        if key == "b":
            raise KeyboardInterrupt
        return key

    run = Inline().run(work, ["a", "b", "c"])
    assert next(run).value == "a"
    with pytest.raises(KeyboardInterrupt):
        next(run)


def test_the_traceback_begins_in_the_work():
    (done,) = Inline().run(compute, ["raise"])
    assert "inline.py" not in done.error.traceback
    assert done.error.traceback.endswith("ValueError: no value for raise\n")
