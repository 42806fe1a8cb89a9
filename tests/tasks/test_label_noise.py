"""Planted noise: exact counts, the share that theory says, and a test left clean."""

import numpy as np
import pytest

from byheart.tasks.base import Task
from byheart.tasks.data import Data, Examples, Truth
from byheart.tasks.digits import Digits
from byheart.tasks.label_noise import Flipped
from byheart.tasks.modular import Modular
from byheart.tasks.output import Classes


@pytest.mark.parametrize("share", [0.0, 0.05, 0.333, 1.0])
def test_exactly_the_share_is_redrawn(share):
    data, plain = Flipped(task="digits", share=share).draw(0), Digits().draw(0)
    truth, n = data.truth, 1437
    assert truth.redrawn == round(share * n)
    np.testing.assert_array_equal(truth.clean, plain.train.y)
    np.testing.assert_array_equal(truth.changed, data.train.y != plain.train.y)
    p = 0.9  # a redraw over 10 classes misses the true one
    error = (truth.redrawn * p * (1 - p)) ** 0.5
    assert abs(truth.changed.sum() - truth.redrawn * p) <= 4 * error
    assert data.views["train"] is data.train


def test_redrawn_labels_are_uniform():
    y = Flipped(task="digits", share=1.0).draw(0).train.y
    counts = np.bincount(y, minlength=10)
    expected = len(y) / 10
    assert (abs(counts - expected) <= 4 * (expected * 0.9) ** 0.5).all()


def test_the_flipped_are_spread_over_the_examples():
    changed = np.flatnonzero(Flipped(task="digits", share=0.3).draw(0).truth.changed)
    error = 1437 / (12 * len(changed)) ** 0.5
    assert abs(changed.mean() - 718) <= 4 * error


def test_the_test_stays_clean():
    data, plain = Flipped(task="digits", share=0.5).draw(0), Digits().draw(0)
    np.testing.assert_array_equal(data.views["test"].y, plain.views["test"].y)
    np.testing.assert_array_equal(data.train.x, plain.train.x)
    np.testing.assert_array_equal(data.train.ids, plain.train.ids)


def test_another_seed_flips_others():
    task = Flipped(task=Modular(p=13), share=0.3)
    first, second = task.draw(0), task.draw(1)
    flipped = [set(data.train.ids[data.truth.changed].tolist()) for data in (first, second)]
    assert flipped[0] != flipped[1]


@pytest.mark.parametrize("share", [0.05, 0.4, 1.0])
def test_the_posterior_is_the_channel(share):
    truth = Flipped(task="digits", share=share).draw(0).truth
    diagonal = np.eye(10, dtype=bool)
    np.testing.assert_allclose(truth.posterior[diagonal], 1 - share + share / 10)
    np.testing.assert_allclose(truth.posterior[~diagonal], share / 10)


def test_the_best_loss_is_near_the_entropy_of_the_channel():
    truth = Flipped(task="digits", share=0.2).draw(0).truth
    p = truth.posterior[0]
    entropy = -(p * np.log(p)).sum()
    error = ((p * np.log(p) ** 2).sum() - entropy**2) ** 0.5 / 1437**0.5
    assert abs(truth.best_loss_nats - entropy) <= 4 * error
    assert truth.sources["best_loss_nats"] == "noise we planted"


def test_the_largest_noise_leaves_nothing_to_know():
    truth = Flipped(task=Modular(p=13), share=1.0).draw(0).truth
    np.testing.assert_allclose(truth.best_loss_nats, np.log(13))


def test_flips_over_flips_compose():
    inner = Flipped(task=Modular(p=13), share=0.2)
    one, two = inner.draw(0), Flipped(task=inner, share=0.2).draw(0)
    np.testing.assert_allclose(two.truth.posterior, one.truth.posterior @ one.truth.posterior)
    np.testing.assert_array_equal(two.truth.clean, one.truth.clean)
    np.testing.assert_array_equal(two.truth.changed, two.train.y != one.truth.clean)
    assert two.truth.redrawn == 2 * one.truth.redrawn
    assert (two.train.y != one.train.y).any()


class Coins(Task):
    """A truth an example: a row of the posterior each."""

    name = "coins"

    def draw(self, seed):
        n = 30
        p = np.linspace(0.1, 0.9, n)
        x = p[:, None]
        train = Examples(np.arange(n), x, (p > 0.5).astype(np.int64))
        truth = Truth(
            posterior=np.stack([1 - p, p], axis=1),
            best_loss_nats=float(-np.log(np.maximum(p, 1 - p)).mean()),
            sources={"posterior": "the coin's own", "best_loss_nats": "the coin's own"},
        )
        return Data({"train": train, "test": train}, Classes(2, ("a", "b")), truth, {})


def test_a_posterior_by_example_is_kept_by_example():
    truth = Flipped(task=Coins(), share=0.5).draw(0).truth
    p = np.linspace(0.1, 0.9, 30)
    np.testing.assert_allclose(truth.posterior[:, 1], 0.5 * p + 0.25)
    y = Flipped(task=Coins(), share=0.5).draw(0).train.y
    chosen = np.where(y == 1, truth.posterior[:, 1], truth.posterior[:, 0])
    np.testing.assert_allclose(truth.best_loss_nats, -np.log(chosen).mean())
    assert truth.sources["posterior"] == "noise we planted, over: the coin's own"


def test_the_key_holds_the_task_within():
    keys = {Flipped(task=Digits(n=n), share=share).key() for n in (100, 200) for share in (0.1, 0.2)}
    assert len(keys) == 4
    assert Flipped(task="digits").key() == Flipped(task=Digits(), share=0.05).key()
