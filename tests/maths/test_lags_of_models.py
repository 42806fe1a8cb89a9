"""How far back a model remembers: delay lines, rings, products of inputs and linear models, each in closed form."""

import numpy as np
import pytest

from byheart.errors import InputRefused
from byheart.maths.lags import (
    by_degree,
    fading_memory,
    linear_capacity,
    processing_capacity,
    truncation,
    truncation_curve,
)


def uniform(n, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, n)


def register(u, units):
    """States that hold the last inputs, and the inputs, without a transient."""
    return u[units:], np.stack([u[units - k : len(u) - k] for k in range(units)], 1)


def test_a_shift_register_of_n_steps_has_capacity_n_whatever_its_units():
    u, x = register(uniform(800), 7)
    for states in (x, x * np.logspace(-6, 6, 7) + 3, x @ np.random.default_rng(1).normal(size=(7, 7))):
        found = linear_capacity(u, states, 12, np.random.default_rng(2))
        assert found.values[:7] == pytest.approx(1)
        assert found.held.tolist() == [True] * 7 + [False] * 5
        assert (found.total, found.rank) == (pytest.approx(7), 7)
        assert found.total_standard_error < 1e-6
        assert (abs(found.values[7:]) < 4 * found.standard_errors[7:]).all()


def test_a_unit_that_is_there_twice_holds_nothing_more():
    u, x = register(uniform(500), 4)
    found = linear_capacity(u, np.hstack([x, x[:, :2] * 2, np.ones((len(x), 1))]), 8, np.random.default_rng(0))
    assert (found.total, found.rank) == (pytest.approx(4), 4)


def test_a_ring_holds_what_its_closed_form_says():
    """x' = r x turned by one unit, + u in the first: delay k = j m + i has r^(2 j m) (1 - r^(2 m)), in all m."""
    units, r, u = 5, 0.9, uniform(6000)
    x, states = np.zeros(units), []
    for value in u:
        x = r * np.roll(x, 1)
        x[0] += value
        states.append(x)
    found = linear_capacity(u[100:], np.array(states)[100:], 60, np.random.default_rng(0))
    truth = (1 - r ** (2 * units)) * r ** (2 * units * (np.arange(60) // units))
    z = (found.values - truth) / found.standard_errors
    assert (abs(z) < 2.5).mean() > 0.85  # of ten blocks
    assert abs(found.values - truth).max() < 0.04
    assert found.total == pytest.approx(units, abs=0.15)


def test_capacity_of_a_noisy_delay_lies_in_its_interval_and_noise_holds_nothing():
    z, nothing, held = [], [], []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        u, x = register(uniform(400, seed), 2)
        noisy = x + rng.normal(0, np.sqrt(1 / 3), x.shape)  # half of the variance
        found = linear_capacity(u, np.hstack([noisy, rng.normal(size=(len(u), 20))]), 4, rng)
        z += list((found.values[:2] - 0.5) / found.standard_errors[:2])
        nothing += list(found.values[2:])
        held += list(found.held[2:])
    assert np.mean(np.abs(z) < 2.26) > 0.85  # Student, 9 degrees of freedom
    assert abs(np.mean(nothing)) < 3 * np.std(nothing) / np.sqrt(len(nothing))  # uncorrected: 22 / 400
    assert np.mean(held) <= 0.05


def test_a_delay_line_has_its_capacity_in_degree_one():
    u, x = register(uniform(1000), 4)
    found = processing_capacity(u, x, 6, np.random.default_rng(0))
    assert len(found.targets) == 83  # binomial(9, 3) - 1
    assert by_degree(found) == {1: pytest.approx(4), 2: 0, 3: 0}


def test_products_and_powers_of_inputs_are_found_in_their_degrees():
    u = uniform(2000)
    late = u[1:]
    product = processing_capacity(late, (late * u[:-1])[:, None], 3, np.random.default_rng(0), degree=2)
    assert product.targets[int(product.values.argmax())] == ((0, 1), (1, 1))
    assert by_degree(product) == {1: 0, 2: pytest.approx(1)}
    cube = processing_capacity(u, u[:, None] ** 3, 1, np.random.default_rng(0))
    # u^3 = 3/5 P1 + 2/5 P3, of variance 1/7
    truth = np.array([0.84, 0, 0.16])
    assert (abs(cube.values - truth) < 3 * cube.standard_errors + 0.002).all()
    moved = processing_capacity(5 + 2 * u, u[:, None] ** 3, 1, np.random.default_rng(0), low=3, high=7)
    assert moved.values == pytest.approx(cube.values)


def test_inputs_that_foretell_one_another_and_too_many_targets_are_refused():
    u, x = register(uniform(500), 3)
    rng = np.random.default_rng(0)
    with pytest.raises(InputRefused, match="independent"):
        linear_capacity(np.cumsum(u), x, 5, rng)
    with pytest.raises(InputRefused, match="steps beside"):
        linear_capacity(u[:50], x[:50], 5, rng)
    with pytest.raises(InputRefused, match="constant"):
        linear_capacity(u, np.full((len(u), 2), 0.1), 5, rng)
    with pytest.raises(InputRefused, match="NaN"):
        linear_capacity(u, np.where(x == x[7, 0], np.nan, x), 5, rng)
    with pytest.raises(InputRefused, match="inputs from"):
        processing_capacity(3 * u, x, 5, rng)
    with pytest.raises(InputRefused, match="at most 20000 targets"):
        processing_capacity(u, x, 100, rng, degree=4)


def linear(weights, n, seed):
    """Windows of independent steps, newest last, what a linear model says of them, and targets with noise of variance 1/2."""
    rng = np.random.default_rng(seed)
    windows = rng.normal(size=(n, len(weights)))
    newest_first = np.array(weights)[::-1]
    return windows, lambda x: x @ newest_first, windows @ newest_first + rng.normal(0, np.sqrt(0.5), n)


def test_a_linear_model_loses_the_bits_of_its_closed_form():
    weights = [0.7, 0.0, 0.5, 0.2, 0.0]  # of the newest step, of that before, ...
    older = np.array([sum(a * a for a in weights[own:]) for own in range(6)])
    truth = np.log2(1 + 2 * older / 0.5) / 2
    z, used = [], []
    for seed in range(25):
        windows, model, y = linear(weights, 600, seed)
        found = truncation(model, windows, y, np.random.default_rng(seed))
        z.append((found.bits - truth)[:4] / found.standard_errors[:4])
        used.append((found.used, found.used_low, found.used_high))
        assert found.bits[4:] == pytest.approx(0, abs=1e-12)
    assert (abs(np.array(z)) < 2.1).mean() > 0.85
    assert 0.75 < np.std(z) < 1.4
    assert abs(np.mean(z)) < 0.6
    assert np.mean([one[0] == 4 for one in used]) > 0.9


def test_a_model_that_looks_at_one_step_uses_one_and_a_constant_none():
    windows, _, y = linear([1.0, 0.0, 0.0], 200, 0)
    assert truncation(lambda x: x[:, -1], windows, y, np.random.default_rng(0)).used == 1
    assert truncation(lambda x: np.zeros(len(x)), windows, y, np.random.default_rng(0)).used == 0
    only = truncation(lambda x: x[:, 0], windows, windows[:, 0] + 0.1 * y, np.random.default_rng(0), lengths=[0, 2])
    assert only.used == 3  # more than two, and the whole window is three


def test_of_a_step_that_barely_helps_both_ends_are_said():
    windows, model, y = linear([1.0, 0.1, 0.0], 300, 0)
    found = truncation(model, windows, y, np.random.default_rng(0))
    assert (found.used_low, found.used_high) == (1, 2)


def test_bits_of_several_channels_add_up():
    windows, _, y = linear([1.0, 0.0], 400, 0)
    x, both = np.stack([windows, windows], 2), np.stack([y, 10 * y], 1)
    one = truncation(lambda x: x[:, -1], windows, y, np.random.default_rng(0))
    two = truncation(lambda x: x[:, -1] * [1, 10], x, both, np.random.default_rng(0))
    assert two.bits == pytest.approx(2 * one.bits)


def test_windows_and_predictions_that_do_not_fit_are_refused():
    windows, model, y = linear([1.0, 0.5], 100, 0)
    rng = np.random.default_rng(0)
    for predict, x, of, lengths, says in (
        (model, windows[:30], y[:30], None, "40 windows or more"),
        (model, windows, y, [3], "lengths that are ascending whole numbers of steps from 0 to 1"),
        (model, windows, y, [0.5], "whole numbers"),
        (model, windows, np.full(100, 0.1), None, "constant"),
        (lambda x: x, windows, y, None, "predictions"),
        (lambda x: x[:, 0] / 0 * 0, windows, y, None, "NaN"),
        (lambda x: x[:-1, 0], windows, y, None, "predictions"),
    ):
        with pytest.raises(InputRefused, match=says), np.errstate(all="ignore"):
            truncation(predict, x, of, rng, lengths)


def outcomes(older, members, windows, seed, k=None):
    """Squared errors of variance 1 with whole windows; of cuts at 0, 1, ... steps with what is lent on top.

    Members meet the same noise, and are equal where no variance in `older` is given for each.
    """
    rng = np.random.default_rng(seed)
    shape = (windows,) if k is None else (windows, k)
    error = rng.normal(size=shape)
    weights = [np.sqrt(np.broadcast_to(v, members)).reshape(-1, *[1] * len(shape)) for v in older]
    cut = np.stack([(error + weight * rng.normal(size=shape)) ** 2 for weight in weights])
    return cut, np.broadcast_to(error**2, (members, *shape))


def test_outcomes_lose_the_bits_of_their_variances_in_every_member_and_target():
    older = [3.0, 1.0, 0.0]
    z = []
    for seed in range(20):
        found = truncation_curve([0, 1, 2], *outcomes(older, 3, 400, seed, k=2), 5, np.random.default_rng(seed))
        z.append((found.bits - np.append(np.log2(1 + np.array(older)), 0))[:2] / found.standard_errors[:2])
        assert found.by_member.mean(0) == pytest.approx(found.bits)
        assert (found.used, found.used_low, found.used_high) == (2, 2, 2)
        assert found.lengths.tolist() == [0, 1, 2, 5]
        assert (found.bits[2:] == 0).all()
    assert (abs(np.array(z)) < 2).mean() > 0.85
    assert 0.7 < np.std(z) < 1.3


def test_members_that_look_back_unalike_widen_the_interval():
    found = truncation_curve([0, 1], *outcomes([np.linspace(0, 9, 6), 0.0], 6, 2000, 0), 5, np.random.default_rng(0))
    among = np.log2(1 + np.linspace(0, 9, 6)).std() / 2 / np.sqrt(6)
    assert found.standard_errors[0] == pytest.approx(among, rel=0.25)


def test_squared_errors_of_one_series_of_losses_give_the_curve_of_its_predictions():
    """`channels`: the mean over equal targets counts for each of them; blocks make errors that hang together wider."""
    cut, whole = outcomes([2.0, 0.0], 1, 600, 0)
    rng = np.random.default_rng
    one, three = (truncation_curve([0, 2], cut, whole, 4, rng(0), channels=c) for c in (1, 3))
    assert three.bits == pytest.approx(3 * one.bits)
    slow = truncation_curve([0, 2], *(np.repeat(e[..., :30], 20, axis=-1) for e in (cut, whole)), 4, rng(0))
    assert slow.standard_errors[0] > 2.5 * one.standard_errors[0]  # sqrt(20)


def test_whether_a_small_use_stands_out_is_said_by_both_ends():
    low, high = [], []
    for seed in range(20):
        found = truncation_curve([0, 3], *outcomes([1.0, 0.02], 4, 200, seed), 8, np.random.default_rng(seed))
        low.append(found.used_low)
        high.append(found.used_high)
    assert np.mean(np.array(high) == 8) > 0.8  # log2(1.02) / 2 = 0.014 bits, of an error as large
    assert np.mean(np.array(low) == 3) > 0.8


def test_outcomes_that_are_no_squared_errors_are_refused():
    cut, whole = outcomes([1.0, 0.0], 2, 100, 0)
    rng = np.random.default_rng(0)
    for bad, of, at, says in (
        (cut, whole[:, :50], [0, 1], "cut of shape"),
        (cut[..., :30], whole[:, :30], [0, 1], "40 windows or more"),
        (-cut, whole, [0, 1], "squared errors"),
        (np.where(cut == cut.max(), np.inf, cut), whole, [0, 1], "cut without NaN or infinity"),
        (cut, whole, [1, 0], "ascending"),
        (cut, whole, [0, 4], "from 0 to 3"),
        (cut, whole, [0, 1.5], "whole numbers"),
    ):
        with pytest.raises(InputRefused, match=says):
            truncation_curve(at, bad, of, 4, rng)
    assert truncation_curve([0, 1], 0 * cut, 0 * whole, 4, rng).used == 0  # exact, and exact when cut


def pairs(step, steps=200, r=20, seed=0, apart=1.0):
    rng = np.random.default_rng(seed)
    first = rng.uniform(-1, 1, (r, 2))
    return fading_memory(step, first, first + apart * rng.normal(size=(r, 2)), rng.normal(size=(steps, r, 2)))


def test_a_linear_unit_forgets_at_the_logarithm_of_its_weight():
    found = pairs(lambda x, u: 0.8 * x + u)
    assert found.rate == pytest.approx(np.log(0.8), abs=1e-6)
    assert (found.steps, found.forgets) == (np.ceil(np.log(1e-6) / np.log(0.8)), True)
    assert pairs(lambda x, u: u).forgets
    assert pairs(lambda x, u: u).steps == 1


def test_what_turns_or_grows_does_not_forget():
    assert pairs(lambda x, u: x[:, ::-1] * [1, -1] + u)[2:4] == (None, None)
    assert pairs(lambda x, u: (1 - 1e-13) * x).forgets is None  # rounding
    assert pairs(lambda x, u: 1.1 * x + u).forgets is False
    assert pairs(lambda x, u: 1.1 * x + u).rate == pytest.approx(np.log(1.1), abs=1e-6)


def test_near_states_part_at_the_exponent_of_the_map():
    rng = np.random.default_rng(0)
    first = np.sin(np.pi / 2 * rng.uniform(size=(2000, 1))) ** 2  # the invariant density of 4 x (1 - x)
    found = fading_memory(lambda x, u: 4 * x * (1 - x), first, first + 1e-9 * (0.5 - first), np.zeros((10, 2000, 1)))
    assert abs(found.rate - np.log(2)) < 3 * found.standard_error
    assert found.standard_error < 0.02
    assert found.forgets is False


def test_pairs_that_are_few_equal_or_overflow_are_refused():
    with pytest.raises(InputRefused, match="5 pairs"):
        pairs(lambda x, u: x, r=3)
    with pytest.raises(InputRefused, match="different states"):
        pairs(lambda x, u: x, apart=0.0)
    with pytest.raises(InputRefused, match="NaN or infinity"), np.errstate(over="ignore"):
        pairs(lambda x, u: 1e10 * x)


def test_of_noise_no_step_is_used_though_one_of_many_cuts_always_seems_to_cost():
    used = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=308)
        windows, y = np.lib.stride_tricks.sliding_window_view(x[:-1], 8), x[8:]
        weights = rng.normal(size=8) / 6
        used.append(truncation(lambda w, weights=weights: w @ weights, windows, y, rng, draws=1).used)
    assert sum(one > 0 for one in used) <= 2
