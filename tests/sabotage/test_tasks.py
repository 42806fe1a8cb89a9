"""Tasks that break a promise; the suite must catch each of them."""

import os
import random

import numpy as np
import pytest

from byheart.seeds import stream
from byheart.tasks.base import Task
from byheart.tasks.data import Data, Examples, Truth
from byheart.tasks.output import Classes
from byheart.testing.tasks import TaskSuite


class Sound(Task):
    """Keeps every promise; each broken task below differs from it in one thing."""

    name = "sound"

    def ids(self, seed, n):
        return np.arange(n)

    def noise(self, seed):
        return stream(seed, "x").normal()

    def test_rows(self, n):
        return np.arange(n // 2, n)

    def truth(self, y):
        return Truth()

    def draw(self, seed):
        n = 60
        order = stream(seed, "labels").permutation(n)
        x = np.arange(float(n))[:, None].copy()
        everything = Examples(ids=self.ids(seed, n), x=x, y=(order % 2).astype(np.int64))
        train, test = everything.take(np.arange(n // 2)), everything.take(self.test_rows(n))
        about = {
            "title": "t", "source": "s", "licence": "l", "n": 30, "n_test": len(test), "e": self.noise(seed)
        }  # fmt: skip
        output = Classes(k=2, classes=("a", "b"))
        return Data({"train": train, "test": test}, output, self.truth(train.y), about)


class ByProcess(Sound):
    """Promise 1: the draw depends on the process."""

    name = "by-process"

    def noise(self, seed):
        return os.getpid() / 2


class ByHash(Sound):
    """Promise 1: the order of a set of words depends on the process's hash seed."""

    name = "by-hash"

    def noise(self, seed):
        return "".join({"alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta"})


class ByCall(Sound):
    """Promise 1: the draw depends on a generator that nobody seeds."""

    name = "by-call"

    def noise(self, seed):
        return np.random.default_rng().normal()


class Deaf(Sound):
    """Promise 2: it says that it draws, and hears no seed."""

    name = "deaf"

    def draw(self, seed):
        return super().draw(0)


class TwiceNamed(Sound):
    """Promise 3: an id is given twice."""

    name = "twice-named"

    def ids(self, seed, n):
        return np.arange(n) // 2


class Renamed(Sound):
    """Promise 3: ids are positions after a shuffle, so they name another example in another draw."""

    name = "renamed"

    def ids(self, seed, n):
        return stream(seed, "ids").permutation(n)


class Leaky(Sound):
    """Promise 3: two training examples stand in the test."""

    name = "leaky"

    def test_rows(self, n):
        return np.arange(n // 2 - 2, n)


class Unsourced(Sound):
    """Promise 4: a truth from nowhere."""

    name = "unsourced"

    def truth(self, y):
        return Truth(clean=y.copy())


class Boastful(Sound):
    """Promise 5: a best loss that its own oracle does not attain."""

    name = "boastful"

    def truth(self, y):
        names = ("clean", "posterior", "best_loss_nats")
        return Truth(
            clean=y.copy(),
            posterior=np.full((2, 2), 0.5),
            best_loss_nats=0.1,
            sources=dict.fromkeys(names, "ours"),
        )


class Careless(Sound):
    """Promise 6: it draws from the global generator, which it seeds."""

    name = "careless"

    def noise(self, seed):
        random.seed(seed)
        return random.random()


class Online(Sound):
    """Promise 7: it asks the network, and hides the failure of every other kind."""

    name = "online"

    def noise(self, seed):
        import socket

        socket.socket().close()
        return float(seed)


ONE = "test_1_same_seed_same_bits_in_another_process"
BROKEN = [
    (ByProcess, ONE, "differs in another process"),
    (ByHash, ONE, "differs in another process"),
    (ByCall, ONE, "differ in this process"),
    (Deaf, "test_2_another_seed_gives_other_data", "other data, or the same where nothing is drawn"),
    (TwiceNamed, "test_3_ids_are_unique_and_stable", "an id is given twice"),
    (Renamed, "test_3_ids_are_unique_and_stable", "is another example in another draw"),
    (Leaky, "test_3_splits_are_disjoint", "2 examples stand in training and test"),
    (Unsourced, "test_4_what_is_known_has_a_source", "without a source: .'clean'"),
    (Boastful, "test_5_the_oracle_attains_the_best_loss", "Not equal to tolerance"),
    (Careless, "test_6_global_random_state_is_untouched", "global random state"),
]


class TestSound(TaskSuite):
    """What all the broken ones differ from passes."""

    @pytest.fixture
    def task(self):
        return Sound()


@pytest.mark.parametrize("broken, promise, why", BROKEN)
def test_the_suite_catches(broken, promise, why):
    with pytest.raises(AssertionError, match=why):
        getattr(TaskSuite(), promise)(broken())


def test_the_suite_catches_the_network(monkeypatch):
    with pytest.raises(OSError, match="opened a socket"):
        TaskSuite().test_7_no_network(Online(), monkeypatch)
