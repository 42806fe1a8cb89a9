"""The ranking protocol against slow twins, closed forms by hand, limits and invariances."""

import itertools
import math
from importlib import import_module

import numpy as np
import pytest
from scipy.special import stdtrit

from byheart.errors import InputRefused, UnknownName
from byheart.maths import ranking
from byheart.maths.ranking.environment_pairs import certain

GRID = [(lr, width, depth) for lr in (0.1, 0.01, 0.001) for width in (8, 16) for depth in (1, 2, 3)]


@pytest.fixture(scope="module")
def slow(reference):
    return reference("ranking_slow")


def table(seed, repeats=1, lost=0, ties=False):
    """Runs of the grid with a gap that its settings move; some runs lost, some values tied."""
    rng = np.random.default_rng(seed)
    settings = [row for row in GRID for _ in range(repeats)]
    level = np.array([0.2 + 0.05 * math.log10(lr) + 0.002 * width + 0.03 * depth for lr, width, depth in settings])
    gap = level + 0.03 * rng.normal(size=len(settings))
    measure = gap + 0.05 * rng.normal(size=len(settings))
    if ties:
        gap, measure = gap.round(1), measure.round(1)
    kept = np.sort(rng.permutation(len(settings))[lost:])
    return measure[kept], gap[kept], [settings[i] for i in kept]


TABLES = [
    {"seed": 0}, {"seed": 1, "repeats": 3}, {"seed": 2, "repeats": 2, "lost": 9}, {"seed": 3, "repeats": 4, "ties": True},
    {"seed": 4, "lost": 7}, {"seed": 5, "repeats": 5},
]  # fmt: skip


@pytest.mark.parametrize("made", TABLES, ids=str)
def test_every_score_equals_its_slow_twin(slow, made):
    m, g, settings = table(**made)
    assert ranking.tau_a(m, g) == pytest.approx(slow.tau_a(m, g), abs=1e-13)
    psi, overall = ranking.granulated(m, g, settings)
    expected, whole = slow.granulated(m, g, settings)
    assert psi == pytest.approx(expected, abs=1e-13, nan_ok=True)
    assert overall == pytest.approx(whole, abs=1e-13)
    for convention in ("paper", "pgdl"):
        found = ranking.conditional_information(m, g, settings, convention)
        assert found == pytest.approx(slow.conditional_information(m, g, settings, convention), abs=1e-12), convention
    for of, pooled in (("configurations", False), ("interventions", True)):
        found, twin = ranking.sign_error(m, g, settings, 20_000, of), slow.sign_error(m, g, settings, 20_000, pooled)
        for one, other in zip(found, twin):
            assert one == pytest.approx(other, abs=1e-12, nan_ok=True), of


def test_the_twins_see_environments():
    """What was compared above is not all empty."""
    kept = [ranking.sign_error(*table(**made), 20_000, of).effective_size for made in TABLES for of in ("configurations", "interventions")]
    assert sum(one >= 12 for one in kept) >= 6


def test_tau_counts_ties_as_nothing_and_divides_by_all_pairs():
    assert ranking.tau_a([1, 2, 3], [10, 30, 20]) == pytest.approx((2 - 1) / 3)
    assert ranking.tau_a([1, 1, 2], [1, 2, 3]) == pytest.approx(2 / 3)
    assert ranking.tau_a([1, 2, 3], [3, 2, 1]) == -1.0


def test_granulated_by_hand():
    """Width 3 values, rate 2: along width one cell is in order (1) and one has one pair of three turned (1/3)."""
    settings = [(w, r) for r in (0, 1) for w in (1, 2, 3)]
    measure, gap = [1, 2, 3, 4, 5, 6], [1, 2, 3, 5, 4, 6]
    psi, overall = ranking.granulated(measure, gap, settings)
    assert psi == pytest.approx([(1 + 1 / 3) / 2, 1.0])
    assert overall == pytest.approx((2 / 3 + 1) / 2)


def test_cells_of_one_run_are_skipped_and_a_setting_that_never_moves_alone_has_no_psi():
    settings = [(1, 0), (2, 0), (3, 1)]
    psi, overall = ranking.granulated([1, 2, 0], [1, 2, 9], settings)
    assert psi == pytest.approx([1.0, math.nan], nan_ok=True)
    assert overall == 1.0
    assert math.isnan(ranking.granulated([1, 2], [1, 2], [(1, 1), (2, 2)]).overall)


def test_repeats_are_averaged_before_they_are_compared():
    settings = [(1,), (1,), (2,), (2,)]
    assert ranking.granulated([0, 4, 1, 5], [1, 1, 2, 2], settings).overall == 1.0  # means 2 and 3
    assert ranking.granulated([0, 8, 1, 5], [1, 1, 2, 2], settings).overall == -1.0  # means 4 and 3


def test_information_by_hand_two_settings_of_two_values():
    """Eight runs, the measure the first setting alone: all of the order between its values, none within."""
    settings = [(a, b) for a in (0, 1) for b in (0, 1) for _ in (0, 1)]
    gap = np.arange(8.0)
    first = [a for a, _ in settings]
    found = ranking.information(first, gap, settings)
    # no setting known: of 56 ordered pairs 32 lie apart in the measure, 24 do not; then the gap is one fair bit
    assert found.none == pytest.approx(32 / 56)
    # the first known: between its values the gap is fixed, within the measure is silent
    assert found.one == 0.0
    assert ranking.conditional_information(first, gap, settings) == 0.0
    assert ranking.conditional_information(gap, gap, settings) == pytest.approx(1.0)


def test_pgdl_by_hand_counts_self_pairs_and_weighs_no_cell():
    """Two values by two, two runs each: only the four cells of one combination with itself have an entropy.

    There the four pairs are (1, 2) less, (2, 1) greater and two of a run with itself, not greater: H(1/4).
    """
    settings = [(a, b) for a in (0, 1) for b in (0, 1) for _ in (0, 1)]
    gap, wrong = np.arange(8.0), np.array([0, 1, 2, 3, 4, 5, 7, 6.0])
    h = -(0.25 * math.log2(0.25) + 0.75 * math.log2(0.75))
    assert ranking.conditional_information(gap, gap, settings, "pgdl") == pytest.approx(1.0, abs=1e-10)
    # one cell of four turned: its pairs are (+,-), (-,+), (-,-) twice
    turned = 2 * h - (2 * 0.25 * 2 + 0.5)  # H + H - joint entropy of (1/4, 1/4, 1/2)
    assert ranking.conditional_information(wrong, gap, settings, "pgdl") == pytest.approx((3 * h + turned) / (4 * h), abs=1e-10)


def test_the_conventions_differ_where_cells_are_uneven():
    m, g, settings = table(2, repeats=2, lost=9)
    assert ranking.conditional_information(m, g, settings) != pytest.approx(ranking.conditional_information(m, g, settings, "pgdl"))


def test_information_is_blind_to_direction():
    """Of the competition's scorer that holds but for a run beside itself, which is never greater."""
    m, g, settings = table(1, repeats=3)
    found = [ranking.conditional_information(one, g, settings) for one in (m, -m)]
    assert found[0] == pytest.approx(found[1], abs=1e-12)
    assert ranking.conditional_information(-g, g, settings) == pytest.approx(1.0)
    assert 0.3 < ranking.conditional_information(-g, g, settings, "pgdl") < 1.0


def test_where_settings_fix_both_runs_there_is_nothing_to_tell():
    """One run per combination of two settings: known together they leave no order, which is no information of 0."""
    settings = [(a, b) for a in range(3) for b in range(3)]
    gap = np.random.default_rng(0).normal(size=9)
    assert ranking.information(gap, gap, settings) == pytest.approx((1.0, 1.0, math.nan, math.nan), nan_ok=True)
    assert math.isnan(ranking.conditional_information(gap, gap, settings, "pgdl"))
    assert math.isnan(ranking.conditional_information(gap, [1.0] * 9, settings))


def test_weights_by_hand():
    v = (1 - 2 * math.exp(-2)) ** 2
    assert certain(np.array([0.02, 0.0166, 0.0, -0.02]), 10_000) == pytest.approx([v - 0.5, 0, 0, v - 0.5])
    assert certain(np.array([1.0]), 10_000) == pytest.approx([0.5])


def test_an_environment_by_hand():
    """Sixteen pairs of equal weight, four of them turned; a tie is half wrong."""
    settings = [(w,) for w in (1, 2) for _ in range(4)]
    gap = [0.1] * 4 + [0.3] * 4
    found = ranking.sign_error([1, 1, 1, 1, 2, 2, 2, 0], gap, settings, 10_000)
    assert (found.mean, found.worst, found.effective_size) == (0.25, 0.25, 16)
    assert ranking.sign_error([1, 1, 1, 1, 2, 2, 2, 1], gap, settings, 10_000).mean == pytest.approx(4 * 0.5 / 16)


def test_environments_of_fewer_than_12_effective_pairs_are_left_out():
    """Of 3 by 4 repeats exactly 12 pairs are kept, of 3 by 3 none; an uncertain difference counts for nothing."""
    def found(first, second, low=0.1):
        settings = [(1,)] * first + [(2,)] * second
        return ranking.sign_error(np.arange(first + second), [low] * first + [0.3] * second, settings, 10_000)
    assert found(3, 4).effective_size == pytest.approx(12)
    assert math.isnan(found(3, 3).mean)
    assert found(3, 3).effective_size == 0.0
    assert math.isnan(found(4, 4, low=0.299).mean)


def test_the_worst_environment_and_those_of_each_setting():
    """Two settings: along one the measure is right everywhere, along the other wrong in one environment of two."""
    settings = [(a, b) for a in (0, 1) for b in (0, 1) for _ in range(4)]
    level = {(0, 0): 0.1, (0, 1): 0.2, (1, 0): 0.5, (1, 1): 0.6}
    measure = {(0, 0): 1, (0, 1): 2, (1, 0): 4, (1, 1): 3}
    found = ranking.sign_error([measure[row] for row in settings], [level[row] for row in settings], settings, 10_000)
    assert found.worst == 1.0
    assert found.per_setting == pytest.approx([0.0, 0.5])
    assert found.mean == pytest.approx(0.25)
    assert len(ranking.environments(np.arange(16), [level[row] for row in settings], settings, 10_000).loss) == 8


def test_without_repeats_an_environment_is_the_intervention():
    settings = [(a, b) for a in (0, 1) for b in range(15)]
    gap = [0.1 + 0.4 * a + 0.001 * b for a, b in settings]
    found = ranking.sign_error(gap, gap, settings, 10_000)
    assert found.effective_size == pytest.approx(15)
    assert found.per_setting == pytest.approx([0.0, math.nan], nan_ok=True)
    assert math.isnan(ranking.sign_error(gap, gap, settings, 10_000, "configurations").mean)


CALLS = {
    "tau_a": lambda m, g, s: [ranking.tau_a(m, g)],
    "granulated": lambda m, g, s: [*ranking.granulated(m, g, s).per_setting, ranking.granulated(m, g, s).overall],
    "paper": lambda m, g, s: [ranking.conditional_information(m, g, s), *ranking.information(m, g, s)[:3]],
    "pgdl": lambda m, g, s: [ranking.conditional_information(m, g, s, "pgdl")],
    "sign_error": lambda m, g, s: [ranking.sign_error(m, g, s, 20_000).mean, *ranking.sign_error(m, g, s, 20_000).per_setting],
    "increment": lambda m, g, s: [*ranking.predictive_increment(m, g, s)[2:], *ranking.predictive_increment(m, g, s).interval],
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(CALLS))
def test_a_monotone_transform_and_the_order_of_runs_change_nothing(name):
    m, g, settings = table(0)
    before = CALLS[name](m, g, settings)
    assert CALLS[name](np.exp(7 * m), g, settings) == pytest.approx(before, abs=1e-12, nan_ok=True)
    order = np.random.default_rng(1).permutation(len(m))
    assert CALLS[name](m[order], g[order], [settings[i] for i in order]) == pytest.approx(before, abs=1e-9, nan_ok=True)
    words = [tuple(f"v{value}" for value in row) for row in settings]
    assert CALLS[name](m, g, words) == pytest.approx(before, abs=1e-9, nan_ok=True) or name == "increment"


@pytest.mark.parametrize("name", sorted(CALLS))
def test_a_constant_measure_has_nothing_to_tell(name):
    _, g, settings = table(0, repeats=4)
    found = np.array(CALLS[name](np.ones(len(g)), g, settings))
    if name == "sign_error":
        assert set(found[~np.isnan(found)]) == {0.5}
    elif name == "increment":
        assert found[0] == pytest.approx(found[1], abs=1e-12)
    else:
        assert set(found) == {0.0}


@pytest.mark.parametrize("name", sorted(CALLS))
def test_bad_tables_are_refused_by_name(name):
    m, g, settings = table(0)
    with pytest.raises(InputRefused, match=r"at least 2 runs.*single run has no order"):
        CALLS[name](m[:1], g[:1], settings[:1])
    with pytest.raises(InputRefused, match="measure without NaN"):
        CALLS[name](np.r_[np.nan, m[1:]], g, settings)
    if name != "tau_a":
        gone = [(*row[:2], None if i in (4, 6) else row[2]) for i, row in enumerate(settings)]
        with pytest.raises(InputRefused, match="hyper-parameter 2 for every run, got none in row 4 and 1 others"):
            CALLS[name](m, g, np.array(gone, dtype=object))
        with pytest.raises(InputRefused, match="at least one hyper-parameter"):
            CALLS[name](m, g, np.empty((len(m), 0)))


def test_words_that_name_nothing_and_gaps_that_are_no_shares_are_refused():
    m, g, settings = table(0)
    with pytest.raises(UnknownName, match="paper"):
        ranking.conditional_information(m, g, settings, "papers")
    with pytest.raises(UnknownName, match="interventions"):
        ranking.sign_error(m, g, settings, 100, "intervention")
    with pytest.raises(InputRefused, match="differences of shares"):
        ranking.sign_error(m, 100 * g, settings, 100)
    with pytest.raises(InputRefused, match="test examples"):
        ranking.sign_error(m, g, settings, 0)
    with pytest.raises(InputRefused, match="at least 2 hyper-parameters"):
        ranking.conditional_information(m, g, [[row[0]] for row in settings], "pgdl")
    with pytest.raises(InputRefused, match="at least 10 configurations"):
        ranking.predictive_increment(m[:9], g[:9], settings[:9])


def test_values_that_agree_to_nine_digits_are_one_value():
    settings = [(0.1 + 1e-13 * i,) for i in range(4)] + [(0.2,)] * 4
    assert ranking.sign_error(list(range(8)), [0.1] * 4 + [0.3] * 4, settings, 10_000).effective_size == 16


def test_an_increment_with_one_fold_per_configuration_is_the_hat_matrix_form():
    """Left-out residuals of least squares are e_i / (1 - h_i)."""
    m, g, settings = table(0)
    found = ranking.predictive_increment(m, g, settings, folds=len(g))
    def press(x):
        hat = x @ np.linalg.pinv(x)
        return float((((g - hat @ g) / (1 - np.diag(hat))) ** 2).sum())
    ones = np.ones((len(g), 1))
    columns = [np.array([[float(row[h] == v) for v in sorted({r[h] for r in settings})] for row in settings]) for h in range(3)]
    base = np.hstack([ones, *columns])
    rank = (np.argsort(np.argsort(m)) + 1.0)[:, None]
    total = press(ones)
    assert found.without_measure == pytest.approx(1 - press(base) / total)
    assert found.with_measure == pytest.approx(1 - press(np.hstack([base, rank])) / total)
    assert found.increment == found.with_measure - found.without_measure


def test_the_increment_grows_with_what_the_measure_knows_and_chance_is_not_found_to_add():
    rng = np.random.default_rng(5)
    settings = list(itertools.product(range(3), repeat=4))
    level = np.array(settings) @ [0.1, 0.05, 0.2, 0.01]
    own = rng.normal(size=81)  # what no setting knows
    gap = level + 0.1 * own
    found = [ranking.predictive_increment(own + noise * rng.normal(size=81), gap, settings).increment for noise in (0.01, 1, 3)]
    assert found[0] > found[1] > found[2]
    lows = [ranking.predictive_increment(rng.normal(size=81), gap, settings).interval.low for _ in range(60)]
    assert sum(low > 0 for low in lows) <= 60 * 0.025 + 4 * math.sqrt(60 * 0.025 * 0.975)


def test_repeats_of_a_configuration_never_stand_in_two_folds():
    """A measure that is each configuration's own luck would otherwise foretell its repeats."""
    settings = [row for row in itertools.product(range(4), range(4)) for _ in range(5)]
    luck = np.random.default_rng(0).permutation(16).repeat(5).astype(float)
    assert ranking.predictive_increment(luck, luck, settings).without_measure < 0.2


def test_baselines():
    rng = np.random.default_rng(0)
    gap = rng.normal(size=20_000)
    made = ranking.oracle(gap, 0.02, rng) - gap
    assert abs(made.std() - 0.02) < 4 * 0.02 / math.sqrt(2 * 20_000)
    assert ranking.oracle(gap, 0.0, rng) == pytest.approx(gap)
    settings = [(lr, batch) for lr in (0.1, 0.01) for batch in (16, 32, 64)]
    canonical = ranking.canonical_ordering(settings, [-1, 1])
    assert canonical == pytest.approx([-1, -0.5, 0, 0, 0.5, 1])
    assert ranking.granulated(canonical, [batch - lr for lr, batch in settings], settings).overall == 1.0
    with pytest.raises(InputRefused, match="2 directions"):
        ranking.canonical_ordering(settings, [1])
    with pytest.raises(InputRefused, match="deviation"):
        ranking.oracle(gap, -1.0, rng)
    orders = [ranking.tau_a(ranking.random_ordering(20, rng), np.arange(20)) for _ in range(300)]
    assert abs(np.mean(orders)) < 4 * math.sqrt(2 * (2 * 20 + 5) / (9 * 20 * 19)) / math.sqrt(300)


def test_blocks_of_runs_change_nothing(monkeypatch):
    m, g, settings = table(1, repeats=3)
    before = ranking.tau_a(m, g), *ranking.information(m, g, settings)
    for module in ("conditional_information", "kendall"):
        monkeypatch.setattr(import_module(f"byheart.maths.ranking.{module}"), "BLOCK", 7)
    assert (ranking.tau_a(m, g), *ranking.information(m, g, settings)) == pytest.approx(before, abs=1e-14)


def test_intervals_are_the_jackknifes_of_configurations():
    """Of a mean over all pairs the jackknife is n (n - 1) / (n - 2)^2 times the variance of the projection."""
    rng = np.random.default_rng(0)
    m, g = rng.normal(size=(2, 30))
    settings = [(i,) for i in range(30)]
    left = np.array([ranking.tau_a(np.delete(m, i), np.delete(g, i)) for i in range(30)])
    variance = 29 / 30 * ((left - left.mean()) ** 2).sum()
    tau, psi = ranking.ranking_intervals(m, g, settings)
    half = stdtrit(29, 0.975) * math.sqrt(variance * 28**2 / (30 * 29))
    assert tau == pytest.approx((ranking.tau_a(m, g) - half, ranking.tau_a(m, g) + half))
    assert psi == pytest.approx(tau)  # along the only setting all runs are one cell


def test_intervals_cover_the_truth_of_fresh_runs():
    """Normal pairs of correlation 0.5: tau is 2/pi arcsin 0.5 = 1/3; signs right with probability (1 + tau)/2."""
    rng, settings = np.random.default_rng(1), [(a, b) for a in range(20) for b in (0, 1)]
    held, draws = np.zeros(3), 200
    for _ in range(draws):
        g = rng.normal(size=40)
        m = 0.5 * g + math.sqrt(0.75) * rng.normal(size=40)
        tau, psi = ranking.ranking_intervals(m, g, settings)
        held += [one[0] <= 1 / 3 <= one[1] for one in (tau, psi, psi)]
    assert (held >= 0.95 * draws - 4 * math.sqrt(0.95 * 0.05 * draws)).all()
    assert held[0] < draws  # not so wide that it always holds it


def test_the_interval_of_the_sign_error_holds_its_truth_and_shrinks_with_runs():
    """The measure points the wrong way for one configuration of four, along the only setting that moves the gap."""
    def found(many, rng):
        settings = [(a, b) for a in (0, 1) for b in range(many)]
        turned = rng.random(2 * many) < 0.25
        gap = np.array([0.1 + 0.4 * a for a, _ in settings])
        measure = np.where(turned, -1.0, 1.0) * gap
        return ranking.sign_error(measure, gap, settings, 10_000).mean, ranking.sign_error_interval(measure, gap, settings, 10_000)
    rng, held, draws = np.random.default_rng(2), 0, 100
    for _ in range(draws):
        _, (low, high) = found(30, rng)
        held += low <= 0.25 <= high  # wrong where the larger gap was turned, whichever way the smaller one is
    assert held >= 0.95 * draws - 4 * math.sqrt(0.95 * 0.05 * draws)
    widths = [np.mean([np.ptp(found(many, rng)[1]) for _ in range(20)]) for many in (20, 80)]
    assert widths[0] > 1.5 * widths[1]


def test_where_all_pairs_agree_the_interval_is_that_of_so_many_independent_ones():
    """Thirty pairs that share no configuration, all right: the exact bound of the binomial, one-sided 97.5 %."""
    from scipy.stats import beta

    settings = [(a, b) for a in (0, 1) for b in range(30)]
    gap = np.array([0.1 + 0.4 * a for a, _ in settings])
    exact = beta.ppf(0.975, 1, 30)
    assert ranking.sign_error_interval(gap, gap, settings, 10_000) == pytest.approx((0, exact))
    assert ranking.sign_error_interval(-gap, gap, settings, 10_000) == pytest.approx((1 - exact, 1))
    assert ranking.environment_intervals(gap, gap, settings, 10_000).high == pytest.approx([exact])
    assert ranking.environment_intervals(gap, gap, settings, 10_000, among=10).high == pytest.approx([beta.ppf(1 - 0.0025, 1, 30)])
    assert ranking.sign_error_interval(np.ones(60), gap, settings, 10_000) == (0.5, 0.5)  # ties say nothing, surely
    tau, _ = ranking.ranking_intervals(np.arange(60), np.arange(60), [(i,) for i in range(60)])
    assert tau == pytest.approx((1 - 2 * exact, 1))


def test_an_environment_of_repeats_has_its_runs_as_units():
    """Ten runs by ten, all differences certain: the projection onto the twenty runs by hand."""
    rng = np.random.default_rng(0)
    settings, gap = [(0,)] * 10 + [(1,)] * 10, [0.1] * 10 + [0.3] * 10
    measure = np.array(gap) + 0.2 * rng.normal(size=20)
    found = ranking.environment_intervals(measure, gap, settings, 10_000)
    wrong = (measure[:10, None] > measure[10:]).astype(float)
    added = np.concatenate([(wrong - wrong.mean()).sum(1), (wrong - wrong.mean()).sum(0)]) / 100
    half = stdtrit(19, 0.975) * math.sqrt((added**2).sum())
    assert found.loss == pytest.approx([wrong.mean()])
    assert (found.low[0], found.high[0]) == pytest.approx((wrong.mean() - half, wrong.mean() + half))
