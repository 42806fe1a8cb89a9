"""Poles: Rote at one end, Oracle at the other."""

from dataclasses import replace

import numpy as np
import pytest

from byheart.errors import InputRefused
from byheart.learners.reference_learners import Oracle, Rote
from byheart.maths.codes.bank import bank_code, bit_budget
from byheart.tasks.data import Data, Examples, Truth
from byheart.tasks.digits import Digits
from byheart.tasks.label_noise import Flipped
from byheart.tasks.modular import Modular
from byheart.tasks.output import Values
from byheart.training.members import balanced
from byheart.training.training import Training

RECORD = Training((0,))


@pytest.fixture(scope="module")
def noisy():
    return Flipped(task=Digits(n=400), share=0.3).draw(0)


def run_of(learner, data, m=6, share=0.7):
    members = balanced(len(data.train), m, share, seed=0)
    return learner.fit(data, members, RECORD), members.mask


def test_rote_recalls_what_it_saw_and_nothing_else(noisy):
    run, mask = run_of(Rote(), noisy)
    train = run.views["train"]
    assert train.correct[0][mask].all()
    assert train.loss_nats[0][mask].max() < 1e-6
    for j, seen in enumerate(mask):
        counts = np.bincount(noisy.train.y[seen], minlength=10) + 0.5
        expected = -np.log(counts / counts.sum())
        np.testing.assert_allclose(train.loss_nats[0, j][~seen], expected[noisy.train.y[~seen]], rtol=1e-4)
        np.testing.assert_allclose(run.views["test"].loss_nats[0, j], expected[noisy.views["test"].y], rtol=1e-4)


def test_rote_needs_the_same_id_and_the_same_input(noisy):
    train = noisy.train
    x = train.x.copy()
    x[0, 0, 0] += 0.5
    moved = replace(train, x=x)  # its first example has another input
    renamed = replace(train, ids=train.ids + 10_000)
    data = replace(noisy, views={"train": train, "moved": moved, "renamed": renamed})
    run, _ = run_of(Rote(), data, m=1, share=1.0)
    loss = {view: run.views[view].loss_nats[0, 0] for view in data.views}
    assert loss["moved"][0] > 1
    assert loss["moved"][1:].max() < 1e-6
    assert loss["renamed"].min() > 1


def test_rote_stores_values():
    y = np.array([1.5, -2.0, 40.0, 7.0])
    train = Examples(np.arange(4), np.arange(4.0)[:, None], y)
    new = Examples(np.array([9]), np.array([[0.0]]), np.array([0.0]))
    data = Data({"train": train, "new": new}, Values(1), Truth(), {})
    run, mask = run_of(Rote(), data, m=4, share=0.5)
    for j, seen in enumerate(mask):
        mean = y[seen].mean()
        np.testing.assert_allclose(run.views["train"].logits[j, :, 0], np.where(seen, y, mean))
        np.testing.assert_allclose(run.views["new"].logits[j, 0, 0], mean)


def test_the_oracle_attains_the_best_loss_and_ignores_the_mask(noisy):
    run, _ = run_of(Oracle(), noisy)
    loss = run.views["train"].loss_nats[0]
    np.testing.assert_allclose(loss.mean(1), noisy.truth.best_loss_nats, rtol=1e-5)
    assert (loss == loss[0]).all()
    assert run.views["test"].correct.all()
    assert np.array_equal(run.views["train"].correct[0, 0], noisy.train.y == noisy.truth.clean)


def test_the_oracle_of_a_table_of_sums_loses_nothing():
    run, _ = run_of(Oracle(), Modular(p=11).draw(0))
    assert all(kept.loss_nats.max() < 1e-6 and kept.correct.all() for kept in run.views.values())


def test_the_oracle_reads_a_posterior_an_example(noisy):
    rows = np.random.default_rng(0).dirichlet(np.ones(10), size=400)
    truth = replace(noisy.truth, posterior=rows)
    seen_only = replace(noisy, truth=truth, views={"train": noisy.train})
    run, _ = run_of(Oracle(), seen_only)
    expected = -np.log(rows[np.arange(400), noisy.train.y])
    np.testing.assert_allclose(run.views["train"].loss_nats[0, 0], expected, rtol=1e-4, atol=1e-5)
    both = replace(noisy, truth=truth)
    assert Oracle.can(seen_only)
    assert not Oracle.can(both)
    with pytest.raises(InputRefused, match="every example of view test"):
        run_of(Oracle(), both)


def test_the_oracle_needs_a_truth(noisy):
    assert Oracle.can(noisy)
    plain = Digits(n=100).draw(0)
    assert not Oracle.can(plain)
    with pytest.raises(InputRefused, match="the truth of these data is not known"):
        run_of(Oracle(), plain)


@pytest.mark.parametrize("learner", [Rote(), Oracle()])
def test_order_does_not_matter(learner, noisy):
    order = np.random.default_rng(1).permutation(400)
    members = balanced(400, 3, 0.7, 0)
    train = noisy.train.take(order)
    truth = replace(noisy.truth, clean=noisy.truth.clean[order], changed=noisy.truth.changed[order])
    other = replace(noisy, views={**noisy.views, "train": train}, truth=truth)
    a = learner.fit(noisy, members, RECORD).views["train"].logits
    b = learner.fit(other, replace(members, seen=members.mask[:, order]), RECORD).views["train"].logits
    np.testing.assert_array_equal(a[:, order], b)


def test_the_bit_budget_puts_the_poles_at_its_ends(noisy):
    """Rote: all of the reference is memorised. Oracle: none, and left is the noise."""
    shares = {}
    for learner in (Rote(), Oracle()):
        run, mask = run_of(learner, noisy, m=24)
        code = bank_code(run.views["train"].logits, noisy.train.y, mask)
        budget = bit_budget(code.reference_bits, code.in_bits, code.out_bits)
        whole = code.reference_bits.sum()
        shares[learner.name] = {name: getattr(budget, name).sum() / whole for name in ("understood", "memorised")}
    left = noisy.truth.best_loss_nats / np.log(2) * 400 / whole
    assert shares["rote"]["memorised"] == pytest.approx(1, abs=0.02)
    assert shares["rote"]["understood"] == pytest.approx(0, abs=0.02)
    assert shares["oracle"]["memorised"] == pytest.approx(0, abs=0.02)
    assert shares["oracle"]["understood"] == pytest.approx(1 - left, abs=0.02)
