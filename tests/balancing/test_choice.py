"""The winner of many: how surely it is the best, and its numbers where it was not chosen."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.stats import norm

from byheart.balancing.choice import choose, probability_best
from byheart.balancing.grid import Setting
from byheart.balancing.race import Entrant, Race, cost_in_members, kept
from byheart.balancing.tables import best_record
from byheart.probes.setting_scores import Held, Judge
from byheart.tasks.data import Data, Examples, Truth
from byheart.tasks.output import Classes
from byheart.training.members import balanced

N, M = 400, 16


def judge(n=N, groups=None):
    y = np.arange(n) % 2
    meta = {} if groups is None else {"group": groups}
    return Judge(
        Data({"train": Examples(np.arange(n), np.arange(n)[:, None] * 1.0, y, meta)}, Classes(2), Truth(), {}), 0
    )


def entrant(name, code, mask):
    made = Entrant(Setting(((name, 1),) if name else ()), None)
    made.held, made.members = Held(code, (code > 0.5).astype(float), mask), len(mask)
    return made


def race_of(entrants, fresh=None, groups=None):
    """A race that has been run, by hand: `fresh` gives the fresh members of each."""
    one = judge(groups=groups)
    half = np.random.default_rng(1).permutation(N) % 2 == 0
    made = SimpleNamespace(
        entrants=entrants, judge=one, first_half=half, reference=np.ones(N), recipe=entrants[0],
        session=SimpleNamespace(subject=SimpleNamespace(seed=0)),
        fresh=lambda entrant, members, count: (fresh or {})[entrant.setting.title],
    )  # fmt: skip
    made.survivors = (entrants, entrants)
    made.halves = lambda: (half, ~half)
    made.standing = lambda who, rows: Race.standing(made, who, rows)
    return made


MASK = balanced(N, M, 0.7, seed=0).seen


def codes(mean, rng, spread=0.3):
    """(m, n) bits that differ between examples alone."""
    return np.broadcast_to(mean + spread * rng.standard_normal(N), (M, N)).copy()


def test_the_probability_is_that_of_the_normal_difference():
    rng = np.random.default_rng(3)
    a = codes(0.5, rng)
    b = a + codes(0.01, rng)
    one, other = entrant("", a, MASK), entrant("b", b, MASK)
    race = race_of([one, other])
    gain = race.judge.gain(one.held, other.held)
    assert probability_best(race, one) == pytest.approx(norm.cdf(-gain.value / gain.standard_error), abs=0.02)
    assert probability_best(race, one) + probability_best(race, other) == pytest.approx(1, abs=0.03)


def test_alike_settings_share_the_probability():
    rng = np.random.default_rng(4)
    base = codes(0.5, rng)
    entrants = [entrant(str(i) if i else "", base + codes(0.0, rng), MASK) for i in range(5)]
    race = race_of(entrants)
    total = sum(probability_best(race, one) for one in entrants)
    assert total == pytest.approx(1, abs=0.1)


def test_a_setting_far_behind_takes_nothing():
    rng = np.random.default_rng(5)
    base = codes(0.5, rng)
    race = race_of([entrant("", base, MASK), entrant("bad", base + 0.2 + 0.01 * codes(0, rng), MASK)])
    assert probability_best(race, race.entrants[0]) == 1.0


def test_what_one_half_chose_is_read_on_the_other():
    """Setting a is better on the first half by luck, b on the second: read crosswise neither luck is left."""
    rng = np.random.default_rng(6)
    half = np.random.default_rng(1).permutation(N) % 2 == 0
    plain = codes(0.5, rng, 0.01)
    a, b = (np.where(rows, plain - 0.2, plain + 0.2) for rows in (half, ~half))
    entrants = [entrant("", plain + 0.1, MASK), entrant("a", a, MASK), entrant("b", b, MASK)]
    fresh = {one.setting.title: one.held for one in entrants}
    chosen = choose(race_of(entrants, fresh), 8)
    assert [one.setting.title for one in chosen.by_half] == ["a 1", "b 1"]
    # everyone is read where it did not win
    assert np.allclose(chosen.held.code, plain + 0.2)
    assert race_of(entrants).judge.gain(chosen.recipe, chosen.held).value == pytest.approx(-0.1, abs=0.01)


def test_the_numbers_are_those_of_fresh_members():
    rng = np.random.default_rng(7)
    plain = codes(0.5, rng, 0.01)
    lucky = entrant("a", plain - 0.2, MASK)
    entrants = [entrant("", plain, MASK), lucky]
    sober = Held(plain, lucky.held.wrong, MASK)
    chosen = choose(race_of(entrants, {"the recipe": sober, "a 1": sober}), 8)
    assert chosen.best is lucky
    assert race_of(entrants).judge.gain(chosen.recipe, chosen.held).value == pytest.approx(0)


def test_the_best_is_one_that_a_half_chose():
    """A setting that its own half dropped is shortest over all; the numbers printed would not be read of it."""
    rng = np.random.default_rng(8)
    half = np.random.default_rng(1).permutation(N) % 2 == 0
    plain = codes(0.5, rng, 0.01)
    recipe = entrant("", plain, MASK)
    a = entrant("a", plain - 0.001, MASK)
    b = entrant("b", np.where(half, plain - 0.2, plain + 0.1), MASK)
    race = race_of([recipe, a, b], {one.setting.title: one.held for one in (recipe, a, b)})
    race.survivors = ([recipe, a], [recipe, a, b])
    chosen = choose(race, 8)
    assert race.standing(race.entrants, np.ones(N, bool))[0] is b
    assert chosen.by_half == (a, a)
    assert chosen.best is a


def test_the_recipe_as_best_has_its_own_numbers():
    rng = np.random.default_rng(9)
    half = np.random.default_rng(1).permutation(N) % 2 == 0
    plain = codes(0.5, rng, 0.01)
    recipe = entrant("", plain, MASK)
    a = entrant("a", np.where(half, plain - 0.1, plain + 0.2), MASK)
    race = race_of([recipe, a], {one.setting.title: one.held for one in (recipe, a)})
    chosen = choose(race, 8)
    assert chosen.by_half == (a, recipe)
    best = best_record(race, chosen)
    assert (best.title, best.agreed, best.beats, best.gain, best.moved) == ("the recipe", False, False, None, None)
    assert best.code == best.recipe["code"]
    assert best.memorised == best.recipe["memorised"]


def test_of_copies_alone_nothing_is_sure():
    one, other = entrant("", np.full((M, N), 0.5), MASK), entrant("b", np.full((M, N), 0.6), MASK)
    assert np.isnan(probability_best(race_of([one, other], groups=np.arange(N) // 200), one))


def test_copies_stand_in_one_half():
    from byheart.balancing.race import halves_of

    groups = np.repeat(np.arange(50), 4)
    half = halves_of(groups, seed=3)
    assert all(len(set(half[groups == one])) == 1 for one in range(50))
    assert 0.4 < half.mean() < 0.6


def test_who_is_far_behind_on_a_half_does_not_go_on():
    rng = np.random.default_rng(8)
    base = codes(0.5, rng)
    near, far = base + codes(0.0, rng) * 0.01, base + 0.1 + codes(0.0, rng) * 0.01
    entrants = [entrant("", base, MASK), entrant("near", near, MASK), entrant("far", far, MASK)]
    race = race_of(entrants)
    rows = race.halves()[0]
    kept_names = {one.setting.title for one in Race.contenders(race, entrants, rows, 3)}
    assert "far 1" not in kept_names
    assert len(kept_names) == 2
    assert len(Race.contenders(race, entrants, rows, 1)) == 1


def test_a_race_costs_at_most_what_it_says():
    assert kept(0, 20) == 4
    assert cost_in_members(3, (8,), 8) == 3 * 8 + 24
    assert cost_in_members(20, (8, 16, 64), 32) <= 20 * 64 / 2
