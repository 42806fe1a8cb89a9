"""Counts of tokens and a lookup table of passages: a slow twin, closed forms, both ends of the scale."""

import functools
from dataclasses import replace

import numpy as np
import pytest

from byheart.errors import InputRefused
from byheart.learners.ngram import Ngram
from byheart.learners.reference_learners import FLOOR, Rote
from byheart.maths.codes.passages import GRID, passage_lengths, token_frequencies
from byheart.maths.memorisation.extraction import continuation_nats, greedy_extractable
from byheart.maths.statistics.seen_unseen import side_means
from byheart.tasks.canaries import Canaries
from byheart.tasks.data import Data, Examples, Truth
from byheart.tasks.digits import Digits
from byheart.tasks.output import Tokens
from byheart.tasks.text import Text
from byheart.training.members import balanced
from byheart.training.run import Run
from byheart.training.training import Training


@functools.cache
def text():
    task = Text(n=60, n_test=20, window=32)
    return Canaries(task=task, repeats=(2,), each=2, held_out=4, references=20).draw(0)


def small(n=12, t=9, v=4, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.integers(0, v, (n, t))
    y = np.where(np.arange(t) < t - 2, x, -1)  # padding is not counted
    everything = Examples(np.arange(n), x.astype(np.uint8), y)
    train, test = everything.take(np.arange(n - 4)), everything.take(np.arange(n - 4, n))
    return Data({"train": train, "test": test}, Tokens(v), Truth(), {})


def fit(learner, data, m=3, share=0.7):
    members = balanced(len(data.train), m, share, 0)
    return members, learner.fit(data, members, Training((0,)))


def by_hand(rows, context, v, order):
    """Distribution after a context (oldest first), one count after another."""
    if order == 1:
        counts = [0.5] * v
        for row in rows:
            for token in row:
                if token >= 0:
                    counts[token] += 1
        return np.array(counts) / sum(counts)
    lower = by_hand(rows, context[1:], v, order - 1)
    counts = np.zeros(v)
    for row in rows:
        padded = [v] * (order - 1) + list(row)
        for place, token in enumerate(row):
            if token >= 0 and tuple(padded[place : place + order - 1]) == context:
                counts[token] += 1
    kinds, total = (counts > 0).sum(), counts.sum()
    return (counts + kinds * lower) / (total + kinds) if total else lower


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_the_slow_twin_counts_one_after_another(order):
    data = small()
    members, run = fit(Ngram(order=order), data)
    for j, mask in enumerate(members.mask):
        rows = [list(row) for row in data.train.y[mask]]
        for view, examples in data.views.items():
            logits = np.zeros((*examples.y.shape, 4))
            for i, row in enumerate(examples.x.tolist()):
                padded = [4] * (order - 1) + row
                for place in range(len(row)):
                    logits[i, place] = np.log(by_hand(rows, tuple(padded[place : place + order - 1]), 4, order))
            kept = run.views[view]
            np.testing.assert_allclose(kept.loss_nats[0, j], continuation_nats(logits, examples.y), rtol=1e-5)
            np.testing.assert_array_equal(kept.correct[0, j], greedy_extractable(logits, examples.y))
            if view == "train":
                log_q = np.log(token_frequencies(data.train.y, 4))
                for g, b in enumerate(GRID):
                    expected = continuation_nats(b * logits + (1 - b) * log_q, examples.y)
                    np.testing.assert_allclose(kept.pool[j, :, g], expected, rtol=1e-5)


def test_its_probabilities_sum_to_one_wherever_it_stands():
    from byheart.learners.ngram import _followed

    rng = np.random.default_rng(0)
    seen, tokens = rng.integers(0, 125, 200), rng.integers(0, 4, 200)
    p = _followed(np.arange(125), seen, tokens, 4, 4)
    np.testing.assert_allclose(p.sum(1), 1, atol=1e-12)
    assert (p > 0).all()


def test_more_context_tells_more_of_what_was_seen_and_some_of_what_was_not():
    data = Text(n=300, n_test=60).draw(0)
    seen, new = {}, {}
    for order in (1, 2, 3):
        members, run = fit(Ngram(order=order), data, m=4)
        inside, outside = side_means(run.views["train"].loss_nats[0], members.mask)
        seen[order], new[order] = inside.mean(), outside.mean()
    assert seen[1] > seen[2] > seen[3]
    assert new[1] > new[2] > new[3] > seen[3]


@pytest.mark.parametrize("learner", [Ngram(), Rote()])
def test_a_member_knows_its_own_subset_alone_and_comes_back(learner):
    data = text()
    members, run = fit(learner, data, m=2)
    out = ~members.mask[0]
    x, y = data.train.x.copy(), data.train.y.copy()
    x[out], y[out] = 0, 0
    train = replace(data.train, x=x, y=y)
    changed = replace(data, views={**data.views, "train": train})
    other = learner.fit(changed, members, Training((0,)))
    np.testing.assert_array_equal(run.views["test"].loss_nats[0, 0], other.views["test"].loss_nats[0, 0])
    again = Run.from_parts(run.document(), run.arrays())
    np.testing.assert_array_equal(again.views["train"].pool, run.views["train"].pool)
    alone = learner.fit(data, members.take(1, 2), Training((0,)))
    np.testing.assert_array_equal(alone.views["test"].loss_nats[0, 0], run.views["test"].loss_nats[0, 1])


def test_what_is_no_text_is_refused():
    data = Digits(n=30).draw(0)
    with pytest.raises(InputRefused, match="classes"):
        fit(Ngram(), data)


def test_rote_says_what_it_saw_and_else_how_often_tokens_come():
    data = text()
    members, run = fit(Rote(), data, m=4)
    kept, counted = run.views["train"], (data.train.y >= 0).sum(1)
    for j, mask in enumerate(members.mask):
        np.testing.assert_allclose(kept.loss_nats[0, j, mask], -counted[mask] * np.log1p(-FLOOR), rtol=1e-5)
        assert kept.correct[0, j, mask].all()
        q = token_frequencies(data.train.y[mask], data.output.k)
        rest = ~mask
        cost = np.where(data.train.y >= 0, -np.log(q)[np.maximum(data.train.y, 0)], 0).sum(1)
        np.testing.assert_allclose(kept.loss_nats[0, j, rest], cost[rest], rtol=1e-5)
        assert not kept.correct[0, j, rest].any()
    # the bank's code: all of the reference is memorised where seen, and nothing understood
    lengths = passage_lengths(kept.pool, members.mask)
    inside, outside = side_means(lengths.member_bits, members.mask)
    assert inside.sum() / lengths.reference_bits.sum() < 1e-3
    assert outside.sum() / lengths.reference_bits.sum() == pytest.approx(1, abs=0.01)


def test_a_token_outside_the_vocabulary_is_refused_and_the_last_one_is_not():
    assert token_frequencies([[2, 2]], 3)[2] == pytest.approx(2.5 / 3.5)
    with pytest.raises(InputRefused, match="from 0 to 2, or -1, got from 0 to 3"):
        token_frequencies([[0, 3]], 3)
