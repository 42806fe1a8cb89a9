"""The linear datamodeling score: closed forms, a twin by scipy, its interval and its ceiling; what must fail."""

import numpy as np
import pytest
from scipy.stats import spearmanr, t

from byheart.errors import InputRefused
from byheart.maths.statistics import ranking
from byheart.maths.statistics.ranking import datamodel_score


def planted(rng, m=60, q=12, n=40, noise=0.0, seeds=None):
    masks = rng.random((m, n)) < 0.5
    effects = rng.normal(size=(q, n))
    clean = masks @ effects.T
    if seeds is None:
        return effects, masks, clean + noise * rng.normal(size=clean.shape)
    return effects, masks, clean[:, None] + noise * rng.normal(size=(m, seeds, q))


def test_the_truth_scores_one_its_negative_minus_one_and_chance_zero(rng):
    effects, masks, outputs = planted(rng)
    score = datamodel_score(effects, masks, outputs)
    assert score.value == pytest.approx(1)
    assert np.isnan(score.ceiling)
    assert score.interval.low == pytest.approx(1)
    assert datamodel_score(-effects, masks, outputs).value == pytest.approx(-1)
    chance = datamodel_score(rng.normal(size=effects.shape), masks, outputs)
    assert abs(chance.value) < 4 / np.sqrt(60 * 12)
    assert chance.interval.low < 0 < chance.interval.high


def test_equals_a_loop_over_queries_with_scipy(rng):
    effects, masks, outputs = planted(rng, noise=5.0, seeds=3)
    outputs = outputs.round()  # ties
    guess = effects + rng.normal(size=effects.shape)
    expected = np.mean([spearmanr(masks @ g, f).statistic for g, f in zip(guess, outputs.mean(1).T)])
    assert datamodel_score(guess, masks, outputs).value == pytest.approx(expected, abs=1e-6)
    pairs = [spearmanr(outputs[:, s, j], outputs[:, t, j]).statistic for j in range(12) for s in range(3) for t in range(s)]
    rho = np.mean(pairs)
    assert datamodel_score(guess, masks, outputs).ceiling == pytest.approx(np.sqrt(3 * rho / (1 + 2 * rho)), abs=1e-6)


def unbiased(a, b):
    """3 E sign(a1 - a2) sign(b1 - b3) over three distinct members, by loops; 0 where one is constant."""

    def mean(x, y):
        m = range(len(x))
        return np.mean([np.sign(x[k] - x[l]) * np.sign(y[k] - y[h]) for k in m for l in m for h in m if len({k, l, h}) == 3])

    norm = np.sqrt(mean(a, a) * mean(b, b))
    return float(np.clip(mean(a, b) / norm, -1, 1)) if norm > 0 else 0.0


@pytest.mark.parametrize("digits", [0, 6])  # with many ties, and none
def test_correlations_without_a_member_equal_the_loops(rng, digits):
    a = rng.normal(size=(3, 8)).round(digits)
    b = (a + rng.normal(size=(3, 8))).round(digits)
    whole, left = ranking._left_out(a, b)
    for j in range(3):
        assert whole[j] == pytest.approx(unbiased(a[j], b[j]), abs=1e-12)
        for k in range(8):
            assert left[j, k] == pytest.approx(unbiased(np.delete(a[j], k), np.delete(b[j], k)), abs=1e-12)


def test_spearman_is_biased_towards_zero_and_the_interval_is_not(rng):
    """Normal pairs with correlation 0.96: Spearman's truth is 6/pi arcsin(0.48)."""
    truth, m = 6 / np.pi * np.arcsin(0.48), 16
    a, e = rng.normal(size=(2, 4000, m))
    b = 0.96 * a + np.sqrt(1 - 0.96**2) * e
    plain, free = ranking._spearman(a, b), ranking._left_out(a, b)[0]
    assert plain.mean() < truth - 0.015
    assert abs(free.mean() - truth) < 4 * free.std() / np.sqrt(4000)


def test_the_ceiling_is_what_the_truth_reaches(rng):
    effects, masks, outputs = planted(rng, m=300, q=20, noise=4.0, seeds=4)
    score = datamodel_score(effects, masks, outputs)
    assert 0.5 < score.ceiling < 0.95
    assert abs(score.value - score.ceiling) < 0.02
    one = datamodel_score(effects, masks, outputs[:, :1])
    assert np.isnan(one.ceiling)
    assert one.value < score.value
    flat = datamodel_score(effects, masks, rng.normal(size=outputs.shape))
    assert flat.ceiling < 0.35


def test_the_interval_covers_and_narrows_with_members(rng):
    covered, widths = 0, {20: [], 60: []}
    effects, masks, outputs = planted(rng, m=1000, q=10, n=30, noise=6.0)
    guess = effects + rng.normal(size=effects.shape)
    truth = datamodel_score(guess, masks, outputs).value
    for _trial in range(20):
        for m in widths:
            rows = rng.choice(1000, m, replace=False)
            score = datamodel_score(guess, masks[rows], outputs[rows])
            widths[m].append(score.interval.high - score.interval.low)
            covered += m == 60 and score.interval.low <= truth <= score.interval.high
    assert covered >= 15  # of 20; binomial(20, 0.95) is below 15 once in 3,000
    assert np.mean(widths[60]) < 0.75 * np.mean(widths[20])


@pytest.mark.parametrize("m, noise, wrong, own", [(64, 0.15, 0.3, 0), (64, 0.3, 0.7, 1), (16, 0.3, 0.7, 0), (64, 1, 1e3, 0)])
def test_the_interval_covers_the_score_of_infinitely_many_members_and_queries(m, noise, wrong, own):
    """The truth: 1,500 members and 1,000 queries. A bootstrap of members covers the first two in 0 and 13 % of cases."""
    rng, q, n = np.random.default_rng(3), 100, 60

    def audit(m):
        effects = rng.normal(size=(q, n))
        guess = effects + wrong * rng.normal(size=(q, n))
        for scores in (effects, guess):
            scores[:, 0] += own * np.sqrt(n)  # an example that decides nearly as much as all others
        masks = rng.random((m, n)) < 0.5
        return guess, masks, masks @ effects.T + noise * np.sqrt(n) / 2 * rng.normal(size=(m, q))

    truth = np.mean([ranking._spearman(g @ masks.T, f.T).mean() for g, masks, f in (audit(1500) for _ in range(10))])
    found = [datamodel_score(*audit(m)).interval for _ in range(60)]
    assert sum(low <= truth <= high for low, high in found) >= 50  # binomial(60, 0.95) is below once in 5,000
    assert np.mean([high - low for low, high in found]) < (0.015 if truth > 0.9 else 0.2)


def test_the_smallest_numbers_of_members_and_queries(rng):
    effects, masks, outputs = planted(rng, noise=4.0)
    assert datamodel_score(effects, masks[:3], outputs[:3]).interval == (-1.0, 1.0)
    four = datamodel_score(effects, masks[:4], outputs[:4]).interval
    assert -1 <= four.low < four.high <= 1
    one = datamodel_score(effects[:1], masks, outputs[:, :1])
    assert -1 < one.interval.low < one.value < one.interval.high < 1


def test_order_and_scale_change_nothing(rng):
    effects, masks, outputs = planted(rng, noise=3.0, seeds=2)
    base = datamodel_score(effects, masks, outputs)
    members, examples, queries = rng.permutation(60), rng.permutation(40), rng.permutation(12)
    moved = datamodel_score(effects[queries][:, examples], masks[members][:, examples], outputs[members][:, :, queries])
    assert moved.value == pytest.approx(base.value)
    assert moved.ceiling == pytest.approx(base.ceiling)
    assert datamodel_score(3 * effects, masks, np.exp(outputs[:, :1] / 30)).value == pytest.approx(datamodel_score(effects, masks, outputs[:, :1]).value)
    assert datamodel_score(effects, masks, outputs) == base  # no state between calls


def test_a_score_that_ranks_nothing_counts_zero(rng):
    effects, masks, outputs = planted(rng, q=2)
    effects[0] = 0
    assert datamodel_score(effects, masks, outputs).value == pytest.approx(0.5)
    outputs[:, 1] = 3.0
    assert datamodel_score(effects, masks, outputs).value == pytest.approx(0.0)


def test_without_the_masks_it_is_not_the_score(rng):
    effects, masks, outputs = planted(rng, noise=2.0)
    assert datamodel_score(effects, ~masks, outputs).value < 0 < datamodel_score(effects, masks, outputs).value


def test_refusals_name_what_is_wrong(rng):
    effects, masks, outputs = planted(rng)
    for call, words in [
        (lambda: datamodel_score(effects[:, :-1], masks, outputs), "mask of shape"),
        (lambda: datamodel_score(effects, masks, outputs.T), "outputs of shape"),
        (lambda: datamodel_score(effects, masks * 2, outputs), "True and False"),
        (lambda: datamodel_score(effects[0], masks, outputs), r"scores of shape \(q, n\)"),
        (lambda: datamodel_score(effects, masks[:2], outputs[:2]), "at least 3 members"),
        (lambda: datamodel_score(effects, masks, outputs * 0), "constant"),
        (lambda: datamodel_score(effects * np.nan, masks, outputs), "scores without NaN"),
        (lambda: datamodel_score(effects, masks, outputs + np.inf), "outputs without NaN"),
    ]:
        with pytest.raises(InputRefused, match=words):
            call()


@pytest.mark.parametrize("truth, m", [(0.0, 16), (0.0, 64), (0.5, 64), (0.85, 24)])
def test_the_interval_of_one_query_covers_as_often_as_it_says(truth, m, rng):
    from scipy.stats import spearmanr

    from byheart.maths.statistics.ranks import one_query_interval

    pearson = 2 * np.sin(np.pi * truth / 6)  # of normal pairs with this Spearman
    draws, hits = 1500, 0
    for _ in range(draws):
        a, e = rng.normal(size=(2, m))
        low, high = one_query_interval(spearmanr(a, pearson * a + np.sqrt(1 - pearson**2) * e).statistic, m)
        hits += low <= truth <= high
    assert abs(hits / draws - 0.95) < 4 * np.sqrt(0.95 * 0.05 / draws) + 0.005  # the formula is good to half a point


def test_the_interval_of_one_query_narrows_and_closes():
    from byheart.maths.statistics.ranks import one_query_interval

    widths = [high - low for low, high in (one_query_interval(0.4, m) for m in (8, 32, 128))]
    assert widths[0] > widths[1] > widths[2]
    low, high = np.arctanh(one_query_interval(0.4, 32))
    assert high - low == pytest.approx(2 * 1.959964 * np.sqrt(1.08 / 29))
    assert one_query_interval(1.0, 10) == (1.0, 1.0)
    assert one_query_interval(-0.4, 32) == pytest.approx([-b for b in one_query_interval(0.4, 32)[::-1]])
    for correlation, m in ((0.5, 3), (float("nan"), 30), (1.2, 30)):
        with pytest.raises(InputRefused, match="a correlation from -1 to 1 over at least 4 members"):
            one_query_interval(correlation, m)


def test_the_ceiling_from_seeds_alone_is_spearman_browns(rng):
    from scipy.stats import spearmanr

    from byheart.maths.statistics.ranking import seed_ceiling

    truth = rng.normal(size=(30, 1, 4))
    each = truth + 0.7 * rng.normal(size=(30, 3, 4))
    rho = np.mean([
        spearmanr(each[:, s, j], each[:, t, j]).statistic for j in range(4) for s in range(3) for t in range(s + 1, 3)
    ])
    assert seed_ceiling(each)[0] == pytest.approx(np.sqrt(rho))
    assert seed_ceiling(each, 3)[0] == pytest.approx(np.sqrt(3 * rho / (1 + 2 * rho)))
    low, high = seed_ceiling(each)[1]
    assert low < np.sqrt(rho) < high
    true = np.sqrt(6 / np.pi * np.arcsin((1 / 1.49) / 2))  # Spearman of two seeds, many members
    many = rng.normal(size=(600, 1, 4)) + 0.7 * rng.normal(size=(600, 2, 4))
    assert seed_ceiling(many)[0] == pytest.approx(true, abs=4 * 0.02)
    assert seed_ceiling(rng.normal(size=(40, 2, 30)))[0] < 0.35  # seeds decide everything
    with pytest.raises(InputRefused, match="2 seeds"):
        seed_ceiling(each[:, :1])
    with pytest.raises(InputRefused, match="differ"):
        seed_ceiling(np.ones((5, 2, 2)))


def test_where_members_add_nothing_the_interval_is_students_over_queries():
    """All correlations stay as they are without any member: t of q - 1 degrees over the queries, by Fisher's scale."""
    whole = np.array([0.2, 0.5, 0.3, 0.6, 0.4])
    low, high = ranking._mean_interval(whole, np.repeat(whole[:, None], 12, 1))
    error = whole.std(ddof=1) / np.sqrt(5) / (1 - 0.4**2)
    assert (low, high) == pytest.approx(np.tanh(np.arctanh(0.4) + np.array([-1, 1]) * t(4).ppf(0.975) * error))
