"""The check of an explanation: other examples are not let through by what an example does to itself."""

import tracemalloc

import numpy as np
import pytest
from scipy.stats import ttest_ind

from byheart.fingerprint.description import described
from byheart.probes.base import Subject
from byheart.registry import find
from byheart.study.explanation.nearest import distances
from byheart.study.explanation.retraining_check import Retrained, bank_keys
from byheart.tasks.data import Data, Examples, Truth
from byheart.tasks.output import Classes
from byheart.training.members import balanced

N, M, ROW = 50, 64, 9


@pytest.fixture
def members():
    return balanced(N, M, 0.7, 0).mask


def test_an_example_that_foretells_only_itself_releases_no_list_of_others(members, rng):
    outputs = 5.0 * members[:, ROW] + rng.normal(size=M)
    scores = rng.normal(size=N)
    scores[ROW] = 20.0
    naive = Retrained(members, outputs).score(scores, "recipe")
    assert naive.interval[0] > 0  # what a reader was told before
    found = Retrained(members, outputs, own=ROW).score(scores, "recipe")
    assert found.interval[0] < 0 < found.interval[1]
    assert found.n == M


def test_others_that_foretell_are_found_whatever_the_example_does_itself(members, rng):
    scores = rng.normal(size=N)
    scores[ROW] = 0.0
    outputs = members @ scores - 100.0 * members[:, ROW]
    wrong = scores.copy()
    wrong[ROW] = 100.0
    assert Retrained(members, outputs, own=ROW).score(wrong, "recipe").value == pytest.approx(1.0)


def test_the_interval_covers_no_correlation_as_often_as_it_says(members, rng):
    covered, draws = 0, 400
    for _ in range(draws):
        found = Retrained(members, 5.0 * members[:, ROW] + rng.normal(size=M), own=ROW).score(rng.normal(size=N), "run")
        covered += found.interval[0] <= 0 <= found.interval[1]
    assert covered / draws > 0.95 - 4 * np.sqrt(0.95 * 0.05 / draws)


def test_the_own_part_is_the_difference_of_two_means(members, rng):
    outputs = 3.0 * members[:, ROW] + rng.normal(size=M)
    saw = members[:, ROW]
    found = Retrained(members, outputs, own=ROW).own_part(np.arange(N), -np.arange(N))
    assert (found.credit, found.effect) == (ROW, -ROW)
    assert found.measured == pytest.approx(outputs[saw].mean() - outputs[~saw].mean())
    ends = ttest_ind(outputs[saw], outputs[~saw], equal_var=False).confidence_interval()
    assert found.interval == pytest.approx((ends.low, ends.high))
    assert (found.seen, found.unseen) == (saw.sum(), M - saw.sum())


def test_nothing_is_measured_of_an_example_that_all_saw(rng):
    masks = np.ones((M, N), bool)
    found = Retrained(masks, rng.normal(size=M), own=ROW).own_part(np.arange(N), np.arange(N))
    assert (found.measured, found.interval) == (None, None)
    assert Retrained(masks, rng.normal(size=M)).own_part(np.arange(N), np.arange(N)) is None


class _Ledger:
    def __init__(self, abouts):
        self.abouts = abouts

    def about(self, key):
        return self.abouts.get(key)


@pytest.mark.parametrize("other", [
    {"reseeded": True}, {"questions": {"a": 1}}, {"keep": [{"name": "attribution"}]}, {"draw": "other"}, {"subsets": "blocks"},
])
def test_models_that_were_trained_for_something_else_are_no_bank(other):
    subject = Subject(task=find("task", "digits")(), learner=find("learner", "mlp")(), seed=0, members=8, share=0.7)
    train = {"share": 0.7, "learner": described(subject.learner), "levers": []}
    known = {"learner": train["learner"], "levers": [], "share": subject.share}
    asked = {"runs": {"plain": ["a"], "other": ["b", "c"]}, "subject": known}
    abouts = {"m": asked, "a": train, "b": train | other, "c": train | other}
    assert bank_keys(_Ledger(abouts), ["m"]) == ["a"]


def test_distances_are_taken_in_blocks(monkeypatch, rng):
    x = rng.random((4000, 28, 28), np.float32)
    train = Examples(np.arange(4000), x, np.arange(4000) % 2)
    views = {"train": train, "query": train.take(np.array([11]))}
    data = Data(views, Classes(2, ("0", "1"), show="image"), Truth(), {})
    whole = distances(data)
    monkeypatch.setattr("byheart.study.explanation.nearest.BLOCK_BYTES", 100_000)
    tracemalloc.start()
    found = distances(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert np.array_equal(found, whole)
    assert found[11] == 0
    assert peak < x.nbytes / 4
