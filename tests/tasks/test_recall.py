"""Recall: every version as published, none mixed with another, and chance lines that sequences drawn and integrals both give."""

import numpy as np
import pytest
from scipy import integrate

from byheart.errors import InputRefused, UsageError
from byheart.fingerprint.description import described, revive
from byheart.study.serialization import data_from, data_result
from byheart.tasks.digits import Digits
from byheart.tasks.recall import Addition, CopyMemory, Multiplication, SequentialDigits, solved

N = 4000
VERSIONS = ("hochreiter1997", "le2015", "schmidt2021")
CASES = {
    **{version: Addition(n=N, n_test=2, length=40, published=version) for version in VERSIONS},
    "product": Multiplication(n=N, n_test=2, length=40),
}


@pytest.fixture(scope="module")
def drawn():
    return {name: task.draw(1) for name, task in CASES.items()}


@pytest.mark.parametrize("case", CASES)
def test_targets_follow_from_the_marked_numbers_by_the_rule_of_the_version(case, drawn):
    train = drawn[case].train
    for numbers, marks, y in zip(*train.x.transpose(2, 0, 1).astype(float), train.y):
        first, second = numbers[marks == 1]
        wanted = {"product": first * second, "hochreiter1997": 0.5 + (first + second) / 4}
        assert y == pytest.approx(wanted.get(case, first + second), abs=1e-12)


@pytest.mark.parametrize("case", CASES)
def test_numbers_and_marks_stand_where_the_version_says(case, drawn):
    train = drawn[case].train
    numbers, marks = train.x.transpose(2, 0, 1)
    places = np.array([np.flatnonzero(row == 1) for row in marks])
    if case == "hochreiter1997":
        begins = np.array([np.flatnonzero(row == -1)[0] for row in marks])
        assert (marks[:, -1] == -1).all()
        assert ((marks == -1).sum(1) == 2).all()
        assert set((44 - begins).tolist()) == set(range(40, 45)) == set(train.meta["steps"].tolist())
        assert all((row[:begin] == 0).all() for row, begin in zip(train.x, begins))
        places = places - begins[:, None]
        assert (places[:, 0].min(), places[:, 0].max(), places[:, 1].max()) == (1, 9, 18)
        assert numbers.min() < -0.99
    else:
        assert set(np.unique(marks)) == {0, 1}
        assert 0 <= numbers.min() < numbers.max() <= 1
        halves = (0, 19, 20, 39) if case == "le2015" else (0, 9, 1, 19)
        assert (
            *places[:, 0][[places[:, 0].argmin(), places[:, 0].argmax()]],
            *np.sort(places[:, 1])[[0, -1]],
        ) == halves
    steps = train.x.shape[1]
    assert (train.meta["remembered"] == steps - 1 - np.array([np.flatnonzero(row == 1)[0] for row in marks])).all()


@pytest.mark.parametrize("case", CASES)
def test_chance_is_what_the_best_constant_scores(case, drawn):
    y, truth = drawn[case].train.y, drawn[case].truth
    constant = CASES[case].chance.constant
    errors = (y - constant) ** 2
    assert abs(errors.mean() - truth.chance_loss_nats) < 4 * errors.std() / N**0.5
    right = np.abs(y - constant) < 0.04
    assert abs(right.mean() - truth.chance_accuracy) < 4 * right.std() / N**0.5
    assert f"{truth.chance_loss_nats:.4f}" in drawn[case].about["chance"]


def test_chance_lines_are_the_published_ones_and_the_integrals():
    lines = {case: CASES[case].chance for case in CASES}
    assert [round(one.error, 4) for one in lines.values()] == [0.0417, 0.1667, 0.1667, 0.0486]
    assert lines["hochreiter1997"].error == pytest.approx(1 / 24)
    assert [round(one.accuracy, 4) for one in lines.values()] == [0.1536, 0.0784, 0.0784, 0.1112]
    wanted = integrate.quad(lambda x: min(0.29 / x, 1) - min(0.21 / x, 1), 0, 1, points=(0.21, 0.29))[0]
    assert lines["product"].accuracy == pytest.approx(wanted, abs=1e-9)


def test_versions_share_no_sequence_and_more_begin_with_fewer():
    ids = [set(CASES[version].draw(1).train.ids.tolist()) for version in VERSIONS]
    assert not ids[0] & ids[1] | ids[1] & ids[2] | ids[0] & ids[2]
    few, many = (Addition(n=n, n_test=5, published="hochreiter1997").draw(3) for n in (20, 50))
    assert (few.train.x == many.train.x[:20]).all()
    assert (few.train.ids == many.train.ids[:20]).all()


def test_a_version_comes_back_from_its_description_and_by_either_word():
    """`version` of a spec is that of its code, and is dropped when it is made again."""
    task = Addition(version="le2015")
    assert task == Addition(published="le2015")
    assert revive(described(task)) == task
    assert len({Addition(published=version).key() for version in VERSIONS}) == 3
    with pytest.raises(UsageError, match="le2015"):
        Addition(version="le2016")


def test_solved_is_said_of_enough_fresh_sequences_alone():
    near, one_wrong = np.full(2000, 0.009), np.r_[np.full(1999, 0.005), 0.05]
    assert solved(near)
    assert solved(10 * near)  # .09: its square is .0081
    assert solved(near, "hochreiter1997")
    assert solved(one_wrong)
    assert not solved(one_wrong, "hochreiter1997")
    assert not solved(np.full(1000, 0.11))
    assert not solved(np.full(2000, -0.02), "hochreiter1997")
    for errors, criterion in ((near[:999], "fresh"), (near[:1999], "hochreiter1997"), (near * np.nan, "fresh")):
        with pytest.raises(InputRefused, match="finite errors"):
            solved(errors, criterion)


def test_the_copy_is_the_beginning_and_chance_is_its_entropy():
    data = CopyMemory(n=3000, n_test=2, length=7).draw(0)
    x, y = data.train.x, data.train.y
    assert x.shape == (3000, 27)
    assert (x[:, :10] == x[:, -10:]).all()
    assert (x[:, 10:16] == 8).all()
    assert (x[:, 16] == 9).all()
    assert (y[:, :10] == -1).all()
    assert (y[:, 10:] == x[:, 10:]).all()
    counts = np.bincount(x[:, :10].ravel(), minlength=8)
    assert np.abs(counts - 3750).max() < 4.5 * (3750 * 7 / 8) ** 0.5
    assert data.truth.chance_loss_nats == pytest.approx(10 * np.log(8))
    assert f"{10 * np.log(8) / 27:.4f} a step" in data.about["chance"]
    assert data.train.meta["shown"][0].endswith(">" + data.train.meta["shown"][0][:10])


def test_sequential_digits_are_the_digits_in_reading_order_or_in_one_order_for_all():
    data, images = SequentialDigits(n=1000).draw(2), Digits(n=1000).draw(2)
    assert (data.train.x[:, :, 0] == images.train.x.reshape(1000, 64)).all()
    assert (data.views["test"].y == images.views["test"].y).all()
    permuted, other = (SequentialDigits(n=1000, permuted=True).draw(seed) for seed in (2, 3))
    assert (np.sort(permuted.train.x, 1) == np.sort(data.train.x, 1)).all()
    assert (permuted.train.x != data.train.x).any(1).mean() > 0.99
    both, mine, others = np.intersect1d(permuted.train.ids, other.views["test"].ids, return_indices=True)
    assert len(both) > 100
    assert (permuted.train.x[mine] == other.views["test"].x[others]).all()
    assert data.truth.chance_accuracy == np.bincount(images.train.y).max() / 1000


def test_what_fits_in_no_memory_is_refused():
    with pytest.raises(UsageError, match="67,108,864 numbers"):
        Addition(n=100_000, length=10_000)
    with pytest.raises(UsageError, match="67,108,864 tokens"):
        CopyMemory(n=100_000, length=10_000)


def test_the_ledger_gives_chance_back():
    data = Addition(n=20, n_test=2, length=20).draw(0)
    kept = data_from(data_result(data))
    assert kept.truth.chance_loss_nats == data.truth.chance_loss_nats
    assert kept.truth.chance_accuracy == data.truth.chance_accuracy
    assert kept.truth.sources == data.truth.sources
