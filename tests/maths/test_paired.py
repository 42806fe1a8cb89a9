"""Differences of two recipes on the same subsets: against what two single runs say, in worlds that want to fool them."""

import numpy as np
import pytest
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from byheart.maths.codes.variance import deviations, variance_share_intervals
from byheart.maths.memorisation.share import Fit, memorised_share
from byheart.maths.statistics.intervals import budget_share_intervals
from byheart.maths.statistics.new_examples import new_examples_interval, new_r2_interval
from byheart.maths.statistics.paired import (
    paired_memorised_share,
    paired_new_examples,
    paired_new_r2,
    paired_shares,
    paired_variance_shares,
    unpaired_difference,
)
from byheart.maths.statistics.ranks import wilson
from byheart.training.members import balanced

M, N, Q = 12, 120, 80


class World:
    """Examples and new ones; `groups` are seen or left out together."""

    def __init__(self, seed, *, noise=0.2, copies=1, rare=None, classes=2, together=1):
        rng = np.random.default_rng(seed)
        n = N // copies
        x = rng.normal(size=(n + Q, 3))
        y = (x[:, 0] > (0 if rare is None else np.quantile(x[:, 0], 1 - rare))).astype(int)
        flips = rng.random(n + Q) < noise
        y = np.where(flips, rng.integers(0, classes, n + Q), y)
        self.x, self.y = np.repeat(x[:n], copies, 0), np.repeat(y[:n], copies)
        self.groups = np.repeat(np.arange(n), copies) // together
        if together > 1:  # rows of a group differ and share a label, which is chance
            self.y = rng.integers(0, classes, n)[self.groups]
        self.new_x, self.new_y = x[n:], y[n:]
        self.members = balanced(len(self.x), M, 0.7, seed, self.groups)
        self.mask = self.members.seen

    def right(self, make, shift=0):
        """(m, n) and (m, q): who is right about what, of members from the seeds of the bank, or others."""
        models = [
            make(int(seed % 2**31) + shift).fit(self.x[row], self.y[row]) for seed, row in zip(self.members.seeds, self.mask)
        ]
        return (np.array([one.predict(x) == y for one in models]) for x, y in ((self.x, self.y), (self.new_x, self.new_y)))


def shallow(seed):
    return DecisionTreeClassifier(max_depth=1, random_state=seed)


def deep(seed):
    return DecisionTreeClassifier(random_state=seed)


def by_luck(seed):
    """A tree whose splits are drawn: its seed moves it."""
    return DecisionTreeClassifier(splitter="random", random_state=seed)


def everything(world, first, second):
    """Every paired estimate of outcomes on training and new examples."""
    (right, new), (other, other_new) = first, second
    ones, mask, groups = np.ones(len(world.x)), world.mask, world.groups
    shares = paired_shares(ones, 1.0 - right, 1.0 - other, mask, groups)
    left_out = (~mask).sum(1)
    return {
        **shares._asdict(),
        "new": paired_new_examples(new, other_new, len(ones), left_out),
        "memorised share": paired_memorised_share(right, other, mask, groups=groups),
    }


@pytest.fixture(scope="module")
def pair():
    world = World(0)
    return world, tuple(world.right(shallow)), tuple(world.right(deep))


def test_a_difference_is_that_of_the_two_numbers(pair):
    world, (right, new), (other, other_new) = pair
    found = everything(*pair)
    ones, left_out = np.ones(N), (~world.mask).sum(1)
    a, b = (budget_share_intervals(ones, 1.0 - one, world.mask, world.groups) for one in (right, other))
    for name in ("understood", "memorised", "left"):
        assert found[name].value == pytest.approx(getattr(b, name).value - getattr(a, name).value, abs=1e-12)
    a, b = (new_examples_interval(one, N, left_out).value for one in (new, other_new))
    assert found["new"].value == pytest.approx(b - a, abs=1e-12)
    a, b = (memorised_share(one, world.mask, groups=world.groups).value for one in (right, other))
    assert found["memorised share"].value == pytest.approx(b - a, abs=1e-12)


def test_the_other_way_round_only_the_sign_is_another(pair):
    world, first, second = pair
    there, back = everything(world, first, second), everything(world, second, first)
    for name, one in there.items():
        assert (one.value, one.low, one.high) == (-back[name].value, -back[name].high, -back[name].low), name


def test_a_recipe_differs_from_itself_by_exactly_0_and_is_not_certain_to(pair):
    world, first, _ = pair
    for name, one in everything(world, first, first).items():
        assert one.value == 0.0, name
        assert one.low == -one.high < 0, name  # another example may be one on which they differ


def test_deep_trees_learn_noise_by_heart_and_shallow_ones_do_not(pair):
    found = everything(*pair)
    for name, sign in {"memorised": 1, "left": -1, "memorised share": 1, "understood": -1}.items():
        one = found[name]
        assert sign * one.value > 0, name
    assert found["memorised"].low > 0
    assert found["left"].high < 0


def half(of):
    return (of[2] - of[1]) / 2


def test_pairs_are_narrower_than_two_intervals():
    """The same trees, a little pruned: what moves one moves the other."""

    def pruned(seed):
        return DecisionTreeClassifier(max_leaf_nodes=12, random_state=seed)

    wide = []
    for seed in range(6):
        world = World(seed)
        (right, new), (other, other_new) = world.right(deep), world.right(pruned)
        found = everything(world, (right, new), (other, other_new))
        ones, left_out = np.ones(N), (~world.mask).sum(1)
        a, b = (budget_share_intervals(ones, 1.0 - one, world.mask) for one in (right, other))
        singles = {"understood": (a.understood, b.understood), "memorised": (a.memorised, b.memorised)}
        singles["new"] = tuple(new_examples_interval(one, N, left_out) for one in (new, other_new))
        for name, both in singles.items():
            apart = unpaired_difference(*(np.array(one[:3]) for one in both))
            wide.append(half(apart) / half(found[name]))
    assert np.mean(wide) > 1.3
    assert min(wide) > 0.9


WORLDS = {
    "noisy labels": {},
    "copies": {"copies": 3},
    "pure noise": {"noise": 1.0},
    "a class of 2 %": {"rare": 0.02, "noise": 0.0},
    "nothing to get wrong": {"noise": 0.0},
    "groups that share a label": {"together": 4},
}


@pytest.mark.parametrize("world", WORLDS)
def test_the_same_recipe_from_other_seeds_differs_by_0(world):
    """Whoever says in more than one of ten cases that a seed makes a difference fools their reader."""
    repeats, hits = 30, {}
    for seed in range(repeats):
        drawn = World(seed, **WORLDS[world])
        found = everything(drawn, tuple(drawn.right(by_luck)), tuple(drawn.right(by_luck, shift=1)))
        for name, one in found.items():
            hits.setdefault(name, []).append(one.interval is not None and one.low <= 0 <= one.high)
    for name, held in hits.items():
        assert wilson(sum(held), repeats).high > 0.95, name
        assert sum(held) >= 0.9 * repeats, name


def of_examples_alone(right, other, mask):
    """The broken twin: paired example by example, blind to the training set that all members share."""
    apart = np.where(mask, 0, other.astype(int) - right).sum(0) / (~mask).sum(0)
    reach = 1.96 * apart.std() / len(apart) ** 0.5
    return apart.mean(), apart.mean() - reach, apart.mean() + reach


def test_fresh_training_sets_are_covered_and_by_examples_alone_they_are_not():
    """The truth is the mean over fresh draws, which no estimator made."""
    audits, found = 60, {"ours": [], "broken": []}
    for seed in range(audits):
        world = World(100 + seed)
        (right, _), (other, _) = world.right(shallow), world.right(deep)
        found["ours"].append(paired_shares(np.ones(N), 1.0 - right, 1.0 - other, world.mask).understood[:3])
        found["broken"].append(of_examples_alone(right, other, world.mask))
    truth = np.mean([value for value, _, _ in found["ours"]])
    held = {name: np.mean([low <= truth <= high for _, low, high in of]) for name, of in found.items()}
    assert held["ours"] > 0.95 - 2 * (0.95 * 0.05 / audits) ** 0.5
    assert held["broken"] < held["ours"] - 0.1


def test_copies_count_as_one():
    rng = np.random.default_rng(1)
    mask = rng.random((60, 200)) < 0.7
    apart = np.repeat(rng.normal(size=20), 10)  # ten copies of each
    bits, groups = np.zeros((60, 200)), np.repeat(np.arange(20), 10)
    single, grouped = (paired_shares(np.ones(200), bits, bits + apart, mask, of).left for of in (None, groups))
    assert grouped.value == single.value
    assert grouped.standard_error == pytest.approx(10**0.5 * single.standard_error, rel=0.1)


def test_what_few_members_bias_counts_as_theirs(pair, monkeypatch):
    world, (right, _), (other, _) = pair
    biases, plain = iter((0.3, 0.1)), Fit.share

    def biased(fit, threshold):
        return (*plain(fit, threshold)[:2], next(biases))

    monkeypatch.setattr(Fit, "share", biased)
    with_bias = paired_memorised_share(right, other, world.mask)
    biases = iter((0.2, 0.2))
    without = paired_memorised_share(right, other, world.mask)
    assert with_bias.sources.members - without.sources.members == pytest.approx(0.04)


@pytest.fixture(scope="module")
def values():
    rng = np.random.default_rng(3)
    x = rng.normal(size=(N + 200, 3))
    y = x[:, 0] + 0.5 * rng.normal(size=N + 200)
    members = balanced(N, M, 0.7, 0)

    def errors(depth):
        models = [DecisionTreeRegressor(max_depth=depth, random_state=0).fit(x[:N][row], y[:N][row]) for row in members.seen]
        said = np.array([one.predict(x) for one in models])
        return (said[:, :N] - y[:N]) ** 2, (said[:, N:] - y[N:]) ** 2

    return members.seen, y, errors(2), errors(None)


def test_values_have_differences_of_variance_and_r2(values):
    mask, y, (errors, new), (other, other_new) = values
    spread, left_out = deviations(y[:N], mask), (~mask).sum(1)
    found = paired_variance_shares(errors, other, spread, mask)
    a, b = (variance_share_intervals(one, spread, mask) for one in (errors, other))
    for one, first, second in zip(found, a, b):
        assert one.value == pytest.approx(second.value - first.value, abs=1e-9)
        assert one.low < one.value < one.high
    assert found.memorised.low > 0 > found.left.high
    back = paired_variance_shares(other, errors, spread, mask)
    assert [(-one.value, -one.high, -one.low) for one in back] == [(one.value, one.low, one.high) for one in found]
    r2 = paired_new_r2(new, other_new, y[N:], N, left_out)
    a, b = (new_r2_interval(one, y[N:], N, left_out) for one in (new, other_new))
    assert r2.value == pytest.approx(b.value - a.value, abs=1e-12)
    assert half((r2.value, r2.low, r2.high)) < half(unpaired_difference(*(np.array(one[:3]) for one in (a, b))))


def test_heavy_tails_withhold_a_difference_of_r2(values):
    mask, y, (_, new), (_, other) = values
    assert paired_new_r2(new, other, np.exp(6 * y[N:]), N, (~mask).sum(1)).interval is None


def test_two_intervals_taken_as_independent_hold_the_difference():
    rng = np.random.default_rng(4)
    first, second = (rng.normal(size=(4000, 25)) * scale for scale in (1.0, 2.0))
    ends = [np.stack([of.mean(1), of.mean(1) - 1.96 * s / 5, of.mean(1) + 1.96 * s / 5], 1) for of, s in ((first, 1), (second, 2))]
    found = np.array([unpaired_difference(a, b) for a, b in zip(*ends)])
    held = ((found[:, 1] <= 0) & (found[:, 2] >= 0)).mean()
    assert held == pytest.approx(0.95, abs=4 * (0.95 * 0.05 / 4000) ** 0.5)
    back = np.array([unpaired_difference(b, a) for a, b in zip(*ends)])
    np.testing.assert_array_equal(back, -found[:, [0, 2, 1]])


def test_two_shares_differ_as_newcombe_has_it():
    """Newcombe 1998, table II, method 10: 56 of 70 less 48 of 80."""
    more, less = (np.array([k / n, *wilson(k, n)]) for k, n in ((56, 70), (48, 80)))
    assert unpaired_difference(less, more).round(4).tolist() == [0.2, 0.0524, 0.3339]


@pytest.mark.parametrize("members", [1, 2, 5])
def test_few_members_are_paired_too(pair, members):
    world, (right, new), (other, other_new) = pair
    few = slice(0, members)
    ones, mask = np.ones(N), world.mask[few]
    found = paired_shares(ones, 1.0 - right[few], 1.0 - other[few], mask)
    a, b = (budget_share_intervals(ones, 1.0 - one[few], mask) for one in (right, other))
    back = paired_shares(ones, 1.0 - other[few], 1.0 - right[few], mask)
    for one, first, second, turned in zip(found, a, b, back):
        assert one.value == pytest.approx(second.value - first.value, abs=1e-12)
        assert (one.value, one.low, one.high) == (-turned.value, -turned.high, -turned.low)
    assert paired_new_examples(new[few], other_new[few], N, (~mask).sum(1)).interval is not None
