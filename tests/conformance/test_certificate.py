"""The certificate keeps the promises of a probe: its poles and dose are data, for it trains a network of its own."""

from dataclasses import replace

import numpy as np
import pytest

from byheart.learners.mlp import Mlp
from byheart.learners.ngram import Ngram
from byheart.probes.generalization.certificate import Certificate
from byheart.seeds import stream
from byheart.tasks.arrays import Arrays
from byheart.tasks.digits import Digits
from byheart.tasks.label_noise import Flipped
from byheart.tasks.randomness import Randomness
from byheart.testing.probes import Merged, ProbeSuite, bank_of
from byheart.testing.worlds import Bounds, Draw, World, near
from byheart.testing.worlds.lookup import cells, labels

NET = Mlp(hidden=(8,), epochs=15, lr=0.03)


def two_classes(seed, noise, n=400, name="certificate"):
    """Two classes by cell, the share `noise` of the labels on either side wrong; new ones are drawn alike."""
    rng = stream(seed, name, noise)
    eta = np.array([[1 - noise, noise], [noise, 1 - noise]])[np.arange(8) % 2]
    (x, cell), (new, other) = cells(rng, n), cells(rng, 400)
    return Arrays.of(x, labels(rng, eta, cell), new, labels(rng, eta, other), task="classes")


def world(noise):
    """No network errs less often than labels are wrong; where they are all noise, each errs half of the time."""

    def draw(seed):
        bounds = near(0.5) if noise == 0.5 else Bounds(noise, 1.0)
        named = dict.fromkeys(("certificate", "stochastic_test_error"), bounds)
        return Draw(two_classes(seed, noise), NET, named, wrong_labels=noise > 0, members=2)

    return World(f"{noise:.0%} of the labels wrong", draw)


class TestCertificate(ProbeSuite):
    worlds = tuple(world(noise) for noise in (0.0, 0.15, 0.5))
    doses = (0.0, 0.2, 0.5)
    pole_tolerance = 0.1  # 4 standard errors of the error of 400 guesses
    test_8_one_sided_examples_are_not_applicable = None  # no member is asked

    @pytest.fixture(scope="class")
    def probe(self):
        return Certificate(steps=40, draws=300)

    @pytest.fixture(scope="class")
    def bank(self, probe):
        return bank_of(probe, Flipped(task=Digits(n=200), share=0.2), Mlp(hidden=(16,), epochs=5, lr=0.02), members=2)

    def pole(self, probe, name):
        return bank_of(probe, two_classes(0, 0.5 if name == "blind guess" else 0.0, 1000), NET, members=2)

    def dosed(self, probe, dose):
        return bank_of(probe, Flipped(task=Merged(n=400), share=dose), Mlp(hidden=(16,), epochs=10, lr=0.02), members=2)


class TestCertificateOfPassages(ProbeSuite):
    """Poles and dose are code lengths: of who is sure and right, of a blind guess, and of all between."""

    worlds = ()
    test_8_one_sided_examples_are_not_applicable = None  # what all saw is not asked about

    @pytest.fixture(scope="class")
    def probe(self):
        return Certificate()

    @pytest.fixture(scope="class")
    def bank(self, probe):
        return bank_of(probe, Randomness(n=120), Ngram(), members=8)

    def dosed(self, probe, dose):
        bank = bank_of(probe, Randomness(n=120), Ngram(), members=2)
        need = bank.subject.bank()
        run, train = bank[need], bank[need].views["train"]
        nats = np.full_like(train.loss_nats, dose * np.log(bank.data.output.k)) * (bank.data.train.y >= 0).sum(1)
        views = {**run.views, "train": replace(train, loss_nats=nats)}
        return replace(bank, runs={need.key(): replace(run, views=views)})

    def pole(self, probe, name):
        return self.dosed(probe, float(name == "blind guess"))
