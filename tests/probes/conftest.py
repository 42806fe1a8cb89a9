"""Banks for the probes: synthetic ones from chosen logits, and two that are trained."""

from dataclasses import replace

import numpy as np
import pytest

from byheart.learners.mlp import Mlp
from byheart.learners.neighbours import Neighbours
from byheart.probes.base import Bank, Subject
from byheart.probes.complexity.description_length import Bits
from byheart.probes.generalization.gap import Gap
from byheart.report.cards import About, card_of
from byheart.tasks.arrays import Arrays
from byheart.tasks.data import Data, Examples, Truth
from byheart.tasks.digits import Digits
from byheart.tasks.label_noise import Flipped
from byheart.tasks.output import KINDS
from byheart.testing.probes import bank_of
from byheart.training.members import Members, balanced
from byheart.training.run import Run, outcomes


def synthetic(y, logits, mask, *, test_y=None, test_logits=None, changed=None, ids=None, x=None, kind="classes", k=None):
    """A bank of one run whose outcomes are given: logits (c, m, n, k) or (m, n, k), mask (m, n)."""
    y = np.asarray(y)
    logits = np.asarray(logits, dtype=float)
    logits = logits[None] if logits.ndim == 3 else logits
    n, k = len(y), logits.shape[-1] if k is None else k
    ids = np.arange(100, 100 + n) if ids is None else np.asarray(ids)
    x = np.arange(n, dtype=np.float32)[:, None] if x is None else x
    views = {"train": Examples(ids, x, y)}
    runs = {"train": outcomes(logits, y, KINDS[kind](k), trail=len(logits) > 1)}
    if test_y is not None:
        test_y, test_logits = np.asarray(test_y), np.asarray(test_logits, dtype=float)
        test_logits = test_logits[None] if test_logits.ndim == 3 else test_logits
        views["test"] = Examples(np.arange(9000, 9000 + len(test_y)), -1 - np.arange(len(test_y), dtype=np.float32)[:, None], test_y)
        runs["test"] = outcomes(test_logits, test_y, KINDS[kind](k), trail=False)
    truth = Truth() if changed is None else Truth(clean=np.where(changed, (y + 1) % k, y), changed=np.asarray(changed))
    names = tuple(f"c{c}" for c in range(k)) if kind == "classes" else ()
    data = Data(views, KINDS[kind](k, names), truth, {})
    epochs = len(logits) - 1
    subject = Subject(
        Digits(), Mlp(epochs=epochs) if epochs else Neighbours(), (), 0, len(mask), 0.7, frozenset({kind, *(set(views) & {"test"})})
    )
    run = Run(Members(np.arange(len(mask)), np.asarray(mask)), tuple(range(epochs + 1)), runs, {"outputs": "logits"})
    return Bank(subject, data, {subject.bank().key(): run})


def answering(y, right, k, strength=6.0):
    """(m, n, k) logits that give the label of example i in member j where right[j, i], else the next class."""
    said = np.where(right, y, (y + 1) % k)
    return strength * np.eye(k)[said]


def about(bank):
    """What cards know of the subject of a bank."""
    output, views, members = bank.data.output, bank.data.views, len(bank[bank.subject.bank()].members)
    return About(
        kind=output.kind, noun=output.noun[0], nouns=output.noun[1], target=output.target, n=len(views["train"]),
        n_test=len(views["test"]) if "test" in views else 0, k=output.k, classes=tuple(output.classes), members=members,
        share=bank.subject.share,
    )  # fmt: skip


@pytest.fixture
def card():
    """The card of a finding on a bank: `card(bank, finding)`."""
    return lambda bank, finding: card_of(finding, about(bank))


@pytest.fixture
def make_bank():
    return synthetic


@pytest.fixture
def answers():
    return answering


@pytest.fixture
def mask():
    """16 members on 70 % of 120 examples."""
    return balanced(120, 16, 0.7, seed=0).mask


@pytest.fixture(scope="session")
def noisy():
    """Digits with a fifth of the labels redrawn, 300 images, a small network, 16 members: the runs of all probes."""
    return bank_of(Bits(), Flipped(task=Digits(n=300), share=0.2), Mlp(hidden=(64,), epochs=20, lr=0.01), way="stacked")


@pytest.fixture(scope="session")
def values():
    """Values from four numbers, a small network; the runs of the gap and of the bits."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 4))
    y = x[:, 0] - x[:, 1] + 0.3 * rng.normal(size=200)
    task = Arrays.of(x[:150], y[:150], x[150:], y[150:], task="values")
    learner = Mlp(hidden=(16,), epochs=20, lr=0.02)
    banks = [bank_of(probe, task, learner, way="stacked") for probe in (Bits(), Gap())]
    return replace(banks[0], runs={**banks[0].runs, **banks[1].runs})
