"""A broken engine for each promise whose breach loses work or falsifies a number; the suite catches each."""

from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context

import pytest

from byheart.engines.base import Broken, Done, Engine
from byheart.engines.inline import Inline
from byheart.testing.engines import EngineSuite, WorkersSuite


class Mixed(Inline):
    """Hands out the right values under the wrong keys."""

    def run(self, work, keys):
        ends = list(super().run(work, keys))
        return (Done(key, end.value, end.error) for key, end in zip(reversed(keys), ends))


class Frail(Engine):
    """Gives up at the first exception."""

    def run(self, work, keys):
        return (Done(key, work(key)) for key in keys)


class Loud(Inline):
    """Keeps no prints: what the user's code says stands among the results."""

    def run(self, work, keys):
        for end in super().run(work, keys):
            print(end.printed, end="")
            yield replace(end, printed="", printing=0)


class Naive(Engine):
    """The standard library's pool as it comes: one dead worker takes every pending key with it."""

    def run(self, work, keys):
        with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
            waiting = {key: pool.submit(work, key) for key in keys}
            for key, future in waiting.items():
                try:
                    yield Done(key, future.result())
                except Exception as error:
                    yield Done(key, error=Broken("WorkerDied", f"twice: {error}"))


def test_1_an_engine_that_mixes_up_keys_is_caught():
    with pytest.raises(AssertionError):
        EngineSuite().test_1_results_equal_inline(lambda workers: Mixed(), 1)


@pytest.mark.parametrize("engine", [Frail(), Loud()])
def test_2_an_engine_that_stops_at_an_exception_or_lets_prints_out_is_caught(engine, capfd):
    with pytest.raises((AssertionError, ValueError)):
        EngineSuite().test_2_an_exception_is_kept_and_the_rest_goes_on(engine, capfd)


@pytest.mark.parametrize("poison", ["dies-once", "dies-always"])
def test_3_an_engine_that_loses_the_neighbours_is_caught(tmp_path, poison):
    with pytest.raises(AssertionError, match="should have survived"):
        WorkersSuite().test_3_a_killed_worker(Naive(), tmp_path, poison)
