"""Neighbours: against brute force, its own example first, ties by id."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

from byheart.learners.neighbours import Neighbours, first_present, nearest
from byheart.maths.memorisation import bounded_search
from byheart.tasks.data import Data, Examples, Truth
from byheart.tasks.digits import Digits
from byheart.tasks.modular import Modular
from byheart.tasks.output import Classes, Values
from byheart.training.members import Members, balanced
from byheart.training.training import Training

RECORD = Training((0,))


@pytest.fixture(scope="module")
def digits():
    return Digits(n=300).draw(0)


@pytest.fixture(scope="module")
def apart(digits):
    """Digits with noise of a thousandth, so that no two distances are equal."""
    rng = np.random.default_rng(5)
    views = {
        view: replace(e, x=(e.x + 1e-3 * rng.random(e.x.shape)).astype(np.float32))
        for view, e in digits.views.items()
    }
    return replace(digits, views=views)


def brute(x, base, own):
    """Positions of `base` by distance, itself first, then by position."""
    distance = ((x[:, None].astype(np.float64) - base[None]) ** 2).sum(-1)
    distance[np.flatnonzero(own >= 0), own[own >= 0]] = -1
    return np.argsort(distance, axis=1, kind="stable")


@pytest.mark.parametrize("count", [1, 5, 40])
def test_nearest_is_brute_force(count, rng):
    base = rng.integers(0, 4, size=(40, 3)).astype(np.float32)  # many ties
    x = np.concatenate([base, rng.integers(0, 4, size=(600, 3)).astype(np.float32)])
    own = np.concatenate([np.arange(40), np.full(600, -1)])
    np.testing.assert_array_equal(nearest(x, base, own, count), brute(x, base, own)[:, :count])


@pytest.mark.parametrize("share", [0.7, 0.05])
def test_one_neighbour_is_brute_force(apart, share):
    """At share 0.05 most lists hold no example of the subset, so distances are computed anew."""
    members = balanced(300, 5, share, seed=1)
    run = Neighbours().fit(apart, members, RECORD)
    flat = {view: e.x.reshape(len(e), -1) for view, e in apart.views.items()}
    for j, seen in enumerate(members.mask):
        model = KNeighborsClassifier(1, algorithm="brute").fit(flat["train"][seen], apart.train.y[seen])
        for view, x in flat.items():
            np.testing.assert_array_equal(run.views[view].logits[j].argmax(1), model.predict(x))
            assert set(np.unique(run.views[view].logits[j])) == {0.0, 1.0}


@pytest.mark.parametrize("k, share", [(3, 0.7), (20, 0.7), (9, 0.02)])
def test_several_neighbours_are_shares(apart, k, share):
    members = balanced(300, 3, share, seed=2)
    run = Neighbours(k=k).fit(apart, members, RECORD)
    x, n_seen = apart.train.x.reshape(300, -1), int(members.mask[0].sum())
    for j, seen in enumerate(members.mask):
        model = KNeighborsClassifier(min(k, n_seen), algorithm="brute").fit(x[seen], apart.train.y[seen])
        p = np.zeros((360, 10))
        p[:, model.classes_] = model.predict_proba(apart.views["test"].x.reshape(360, -1))
        np.testing.assert_allclose(
            run.views["test"].logits[j], np.log(np.maximum(p, 1 / 302)), rtol=1e-5, atol=1e-6
        )


def test_what_was_seen_is_remembered(digits):
    members = balanced(300, 5, 0.7, seed=0)
    run = Neighbours().fit(digits, members, RECORD)
    assert run.views["train"].correct[0][members.mask].all()
    assert not run.views["train"].correct[0][~members.mask].all()


def test_itself_comes_before_an_exact_double():
    x = np.repeat(np.array([[0.1, 0.5], [0.9, 0.7]]), 50, axis=0)
    y = np.arange(100) % 10
    train = Examples(np.arange(100), x[:, None], y)
    data = Data({"train": train}, Classes(10), Truth(), {})
    run = Neighbours().fit(data, balanced(100, 2, 1.0, 0), RECORD)
    assert run.views["train"].correct.all()


def test_values_are_means():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(50, 1, 3)), rng.normal(size=50)
    train = Examples(np.arange(50), x, y)
    new = Examples(np.arange(50, 60), rng.normal(size=(10, 1, 3)), np.zeros(10))
    data = Data({"train": train, "new": new}, Values(1), Truth(), {})
    members = balanced(50, 3, 0.7, 0)
    run = Neighbours(k=4).fit(data, members, RECORD)
    for j, seen in enumerate(members.mask):
        model = KNeighborsRegressor(4).fit(x[seen, 0], y[seen])
        np.testing.assert_allclose(run.views["new"].logits[j, :, 0], model.predict(new.x[:, 0]), rtol=1e-5)


@pytest.mark.parametrize("make", [lambda: Digits(n=300).draw(0), lambda: Modular(p=11).draw(0)])
@pytest.mark.parametrize("k", [1, 3])
def test_order_does_not_matter(make, k):
    """Sums have ties everywhere: they go to the least id."""
    data = make()
    n = len(data.train)
    order = np.random.default_rng(3).permutation(n)
    members = balanced(n, 3, 0.6, 0)
    train = data.train.take(order)
    other = replace(data, views={**data.views, "train": train})
    a = Neighbours(k=k).fit(data, members, RECORD)
    b = Neighbours(k=k).fit(other, replace(members, seen=members.mask[:, order]), RECORD)
    np.testing.assert_array_equal(a.views["test"].logits, b.views["test"].logits)
    np.testing.assert_array_equal(a.views["train"].logits[:, order], b.views["train"].logits)


def test_one_example_says_its_label_to_all(digits):
    mask = np.zeros((1, 300), bool)
    mask[0, 17] = True
    run = Neighbours(k=5).fit(digits, Members(np.zeros(1, int), mask), RECORD)
    assert (run.views["test"].logits[0].argmax(1) == digits.train.y[17]).all()


def test_too_few_present_are_named():
    near = np.array([[0, 1, 2], [2, 1, 0]])
    rows, short = first_present(near, np.array([True, False, True]), 2)
    assert rows.tolist() == [[0, 2], [2, 0]]
    assert short.tolist() == []
    assert first_present(near, np.array([True, False, False]), 2)[1].tolist() == [0, 1]


@pytest.mark.parametrize("steps", [0, 3])
def test_many_rows_have_the_same_neighbours_by_a_bound(monkeypatch, steps):
    rng = np.random.default_rng(3)
    monkeypatch.setattr(bounded_search, "SAMPLE", 256)
    base = rng.normal(size=(3_000, 5)).astype(np.float32)
    base = np.round(base * steps) if steps else base
    x, own = base[:300], np.where(np.arange(300) % 2, np.arange(300), -1)
    found = nearest(x, base, own, 40)
    monkeypatch.setattr(bounded_search, "PAYS", 10**9)
    np.testing.assert_array_equal(found, nearest(x, base, own, 40))
