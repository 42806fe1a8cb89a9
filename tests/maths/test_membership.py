"""Likelihood ratios against a slow twin and closed forms; operating points and the coverage of their intervals."""

import math

import numpy as np
import pytest
from scipy.stats import norm, t

from byheart.errors import InputRefused
from byheart.maths.memorisation.membership import likelihood_ratio, prior_of_variances
from byheart.maths.statistics import detection
from byheart.maths.statistics.detection import (
    _curve,
    _Redrawn,
    _sorted,
    detection_curve,
    example_risk,
    operating_points,
)
from byheart.training.members import balanced


def area(score, mask):
    false, true = detection_curve(score, mask)
    return float(((true[1:] + true[:-1]) / 2 * np.diff(false)).sum())


def others(mask, j, i, matched):
    """Members on each side of example i without target j, and without the next one of the other side."""
    m = len(mask)
    out = {j}
    if matched:
        out |= {next(l % m for l in range(j + 1, j + m) if mask[l % m, i] != mask[j, i])}
    return [[l for l in range(m) if l not in out and mask[l, i] == side] for side in (True, False)]


@pytest.mark.parametrize("matched", [True, False])
@pytest.mark.parametrize("online", [True, False])
@pytest.mark.parametrize("variance", ["bayes", "each", "fixed"])
def test_ratios_equal_the_slow_twin(rng, draw_mask, matched, online, variance):
    mask = draw_mask(12, 30, rng, share=0.4)
    score = rng.normal(size=mask.shape) * rng.gamma(2, 1, 30) + 2 * mask + 1e3
    found = likelihood_ratio(score, mask, online, variance, matched)
    priors = {}
    for side in (True, False):
        kept = [score[mask[:, i] == side, i] for i in range(30)]
        kept = [x for x in kept if len(x) > 1]
        priors[side] = prior_of_variances(np.array([x.var(ddof=1) for x in kept]), np.array([len(x) - 1.0 for x in kept]))

    def density(side, j, i):
        x = score[others(mask, j, i, matched)[0 if side else 1], i]
        if variance == "each":
            return norm(x.mean(), x.std(ddof=1))
        if variance == "fixed":
            rest = [[score[l, e] for l in range(12) if l != j and mask[l, e] == side] for e in range(30)]
            squares = sum(((np.array(v) - np.mean(v)) ** 2).sum() for v in rest if v)
            return norm(x.mean(), math.sqrt(squares / sum(len(v) - 1 for v in rest if v)))
        d0, s0 = priors[side]
        nu = d0 + len(x) - 1
        squared = (d0 * s0 + ((x - x.mean()) ** 2).sum()) / nu * (1 + 1 / len(x))
        return t(nu, x.mean(), math.sqrt(squared))

    for j, i in [(0, 0), (3, 7), (11, 29), (5, 5), (8, 20), (2, 13)]:
        if online:
            wanted = density(True, j, i).logpdf(score[j, i]) - density(False, j, i).logpdf(score[j, i])
        else:
            wanted = -density(False, j, i).logsf(score[j, i])
        assert found[j, i] == pytest.approx(wanted, rel=1e-6, abs=1e-7), (j, i)


def published(score, mask, j, online):
    """The authors' steps in loops, for target j: truncate, median, one global deviation, normal log densities."""
    seen, unseen = [], []
    for i in range(score.shape[1]):
        others = [l for l in range(len(score)) if l != j]
        seen.append([score[l, i] for l in others if mask[l, i]])
        unseen.append([score[l, i] for l in others if not mask[l, i]])
    seen, unseen = ([x[: min(map(len, side))] for x in side] for side in (seen, unseen))

    def deviation(side):
        flat = [v for x in side for v in x]
        return math.sqrt(sum((v - sum(flat) / len(flat)) ** 2 for v in flat) / len(flat))

    middle = [sorted(x)[len(x) // 2] / 2 + sorted(x)[(len(x) - 1) // 2] / 2 for side in (seen, unseen) for x in side]
    out = norm(middle[len(seen) :], deviation(seen if online else unseen)).logpdf(score[j])
    return norm(middle[: len(seen)], deviation(seen)).logpdf(score[j]) - out if online else -out


@pytest.mark.parametrize("online", [True, False])
@pytest.mark.parametrize("size", [9, 12])
def test_the_authors_attack_equals_a_twin_of_their_code(rng, online, size):
    mask = rng.random((size, 20)) < 0.5  # how many saw an example varies
    mask[:4] = np.array([[True], [True], [False], [False]])
    score = rng.normal(size=mask.shape) * rng.gamma(2, 1, 20) + 2 * mask + 5 * rng.normal(size=20)
    found = likelihood_ratio(score, mask, online, "authors")
    for j in range(size):
        np.testing.assert_allclose(found[j], published(score, mask, j, online), rtol=1e-9, atol=1e-9)
    assert (likelihood_ratio(score, mask, online, "authors", matched=False) == found).all()
    # each departure matters here: none of our own choices gives the same
    for ours in ("bayes", "fixed", "each"):
        assert not np.allclose(likelihood_ratio(score, mask, online, ours)[0], found[0])


def test_the_authors_offline_density_has_two_sides(rng):
    mask = np.tile([[True], [False]], (8, 40))
    score = rng.normal(size=mask.shape)
    score[0] = np.where(np.arange(40) % 2, 9.0, -9.0)
    theirs, ours = (likelihood_ratio(score, mask, False, v)[0] for v in ("authors", "fixed"))
    assert (theirs > 3).all()
    assert (ours[::2] < 1e-3).all()
    assert (ours[1::2] > 5).all()


def test_the_authors_attack_without_effect_is_one_half_and_lacks_a_member_without_others(rng, draw_mask):
    found = []
    for _ in range(10):
        mask = draw_mask(10, 300, rng, share=0.3)
        score = rng.normal(size=mask.shape) + rng.normal(size=300)
        found.append(area(likelihood_ratio(score, mask, variance="authors"), mask))
    assert abs(np.mean(found) - 0.5) < 4 * np.std(found, ddof=1) / math.sqrt(10)
    mask = np.array([[True, True], [False, True], [False, False], [True, False]])
    assert np.isnan(likelihood_ratio(np.arange(8.0).reshape(4, 2), mask, variance="authors")).sum() == 0
    assert np.isnan(likelihood_ratio(np.arange(6.0).reshape(3, 2), mask[:3], variance="authors")[0]).all()  # no other saw example 0


def test_auc_of_normal_scores_is_the_closed_form(rng, draw_mask):
    """Two normals a unit apart, many shadow models: AUC = Phi(1/sqrt 2)."""
    mask = draw_mask(100, 200, rng, share=0.5)
    found = [area(likelihood_ratio(rng.normal(size=mask.shape) + mask, mask, variance=v), mask) for v in ("bayes", "fixed")]
    # finitely many others cost a little power: (1 - AUC) moves by about 1/100
    assert np.abs(np.array(found) - norm.cdf(1 / math.sqrt(2))).max() < 0.012


def test_no_effect_is_one_half_when_matched_and_not_otherwise(rng, draw_mask):
    """The sabotage: without a partner the numbers of the others betray the answer at few members."""
    found = {True: [], False: []}
    for _ in range(10):
        mask = draw_mask(10, 300, rng, share=0.3)  # 10 members, each example left out by exactly 3
        score = rng.normal(size=mask.shape) + 3 * rng.normal(size=300)
        for matched in found:
            found[matched].append(area(likelihood_ratio(score, mask, matched=matched), mask))
    for matched, values in found.items():
        off = abs(np.mean(values) - 0.5) / (np.std(values, ddof=1) / math.sqrt(10))
        assert (off < 4) == matched


def test_poles(rng, draw_mask):
    mask = draw_mask(16, 100, rng)
    same = np.broadcast_to(rng.normal(size=100), mask.shape)
    assert (likelihood_ratio(same, mask) == 0).all()
    assert area(likelihood_ratio(same, mask), mask) == 0.5
    rote = np.where(mask, 20.0, -3.0 + 0.01 * rng.normal(size=mask.shape))
    for online in (True, False):
        assert area(likelihood_ratio(rote, mask, online), mask) == pytest.approx(1.0, abs=1e-12)


def test_tails_stay_finite(draw_mask, rng):
    mask = draw_mask(16, 50, rng)
    score = rng.normal(size=mask.shape) + 1e6 * mask
    for online in (True, False):
        assert np.isfinite(likelihood_ratio(score, mask, online)).all()


def test_too_few_others_are_nan():
    mask = np.array([[True, False], [True, True], [False, True], [True, True]])
    score = np.arange(8.0).reshape(4, 2) ** 2
    assert np.isnan(likelihood_ratio(score, mask, variance="each")).all()
    assert np.isnan(likelihood_ratio(score, mask)).all()  # nobody tells the variance of the unseen side
    mask = np.concatenate([mask, [[True, False], [True, False]]])
    score = np.arange(12.0).reshape(6, 2) ** 2
    found = likelihood_ratio(score, mask, matched=False)
    assert np.flatnonzero(np.isnan(found)).tolist() == [4]  # the only one without the first example


def test_order_of_examples_and_scale_change_nothing(rng, draw_mask):
    mask = draw_mask(12, 60, rng)
    score = rng.normal(size=mask.shape) + mask
    order = rng.permutation(60)
    found = likelihood_ratio(score, mask)
    np.testing.assert_allclose(likelihood_ratio(score[:, order], mask[:, order]), found[:, order], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(likelihood_ratio(5 * score + 7, mask), found, rtol=1e-7, atol=1e-7)


def test_few_shadow_models_gain_from_all_examples(rng, draw_mask):
    """The variance of each example alone is worse than the shared one at 12 members."""
    mask = draw_mask(12, 800, rng, share=0.5)
    score = rng.normal(size=mask.shape) + 1.5 * mask
    found = {v: area(likelihood_ratio(score, mask, variance=v), mask) for v in ("bayes", "each")}
    assert found["bayes"] > found["each"] + 0.02


def test_smyth_moments_find_the_prior(rng):
    """s^2 ~ s0^2 F(d, d0): d0 = 8 and s0^2 = 3 come back."""
    d0, s0 = 8.0, 3.0
    variance = s0 * d0 / rng.chisquare(d0, 20_000)
    found = prior_of_variances(variance * rng.chisquare(5, 20_000) / 5, np.full(20_000, 5.0))
    assert found.freedom == pytest.approx(d0, rel=0.1)
    assert found.variance == pytest.approx(s0, rel=0.03)


def test_bad_input_is_refused():
    with pytest.raises(InputRefused, match="variance"):
        likelihood_ratio([[1.0]], [[True]], variance="pooled")
    with pytest.raises(InputRefused, match="mask"):
        likelihood_ratio([[1.0, 2.0]], [[True]])
    with pytest.raises(InputRefused, match="NaN"):
        likelihood_ratio([[np.nan]], [[True]])
    with pytest.raises(InputRefused, match="both kinds"):
        operating_points([[1.0, 2.0]], [[True, True]], np.random.default_rng(0))


@pytest.mark.parametrize("ties", [False, True])
def test_redrawn_points_equal_the_weighted_curve(rng, draw_mask, ties):
    mask = draw_mask(10, 60, rng)
    score = rng.normal(size=mask.shape) + mask
    score = np.round(score) if ties else score
    score[3, 4] = np.nan
    kept, places, levels = _sorted(score, mask), np.arange(60) // 3, (0.05, 0.2, 0.5)
    redrawn = _Redrawn(kept, places, levels)
    for _ in range(5):
        models, groups = rng.multinomial(10, np.ones(10) / 10) * 1.0, rng.multinomial(20, np.ones(20) / 20) * 1.0
        false, true = _curve(kept, models[kept.member] * groups[places[kept.example]])
        wanted = [((true[1:] + true[:-1]) / 2 * np.diff(false)).sum(), *np.interp(levels, false, true)]
        np.testing.assert_allclose(redrawn(models, groups), wanted, rtol=1e-9)


@pytest.mark.parametrize("kind", ["smooth", "ties", "heavy", "apart", "constant"])
def test_redraws_in_bins_are_those_of_every_judgement(monkeypatch, draw_mask, kind):
    rng = np.random.default_rng(4)
    mask = draw_mask(24, 3000, rng)
    noise = rng.standard_cauchy(mask.shape) if kind == "heavy" else rng.normal(size=mask.shape)
    score = {
        "smooth": noise + mask * rng.normal(1, 0.5, 3000), "heavy": noise + 5 * mask,
        "ties": np.round(noise + mask), "apart": 100.0 * mask + noise, "constant": 0.0 * noise,
    }[kind]  # fmt: skip
    score[rng.random(mask.shape) < 0.01] = np.nan
    levels, groups = (0.01, 0.3), np.arange(3000) // 2
    drawn = []
    for many in (detection.MANY, 0):
        monkeypatch.setattr(detection, "MANY", many)
        points = operating_points(score, mask, np.random.default_rng(5), levels, groups, draws=60)
        drawn.append([points.auc_interval, *(point.interval for point in points.points)])
    each, binned = np.array(drawn)
    width = np.diff(each, axis=1)
    assert (np.abs(each - binned) <= 0.05 * width + 1e-9).all(), (each, binned)


def test_risks_average_to_the_auc(rng, draw_mask):
    mask = draw_mask(12, 80, rng)
    score = np.round(rng.normal(size=mask.shape) + mask, 1)  # with ties
    risk = example_risk(score, mask)
    assert (risk * mask.sum(0)).sum() / mask.sum() == pytest.approx(area(score, mask), rel=1e-12)
    below = (score[~mask] < score[mask[:, 5], 5][:, None]).mean() + 0.5 * (score[~mask] == score[mask[:, 5], 5][:, None]).mean()
    assert risk[5] == pytest.approx(below, rel=1e-12)


def test_levels_with_few_false_alarms_are_withheld(rng, draw_mask):
    mask = balanced(500, 20, 0.7, seed=0).mask  # 3,000 judgements of non-members
    found = operating_points(rng.normal(size=mask.shape) + mask, mask, rng, draws=50)
    assert found.negatives == 3000
    assert [point.false_alarms for point in found.points] == [30, 3]
    assert found.points[0].value is not None
    assert (found.points[1].value, found.points[1].interval) == (None, None)
    assert "3 false alarms" in found.points[1].reason


def hanging_together(rng, m=20, n=80):
    """Scores of fresh examples and fresh models, both of which differ in how much they give away."""
    mask = np.array([rng.permutation(n) < n // 2 for _ in range(m)])
    effect = 0.5 + 0.7 * rng.normal(size=n) + 0.4 * rng.normal(size=(m, 1))
    return rng.normal(size=mask.shape) + effect * mask, mask


def test_two_way_intervals_cover_fresh_examples_and_models_and_pooled_ones_do_not():
    rng = np.random.default_rng(1)
    audits = 120
    found = []
    for _ in range(audits):
        points = operating_points(*hanging_together(rng), rng, levels=(0.1,), draws=150)
        found.append((points.auc, *points.auc_interval, points.points[0].value, *points.points[0].interval))
    found = np.array(found)
    for at in (0, 3):
        truth = found[:, at].mean()
        covered = ((found[:, at + 1] <= truth) & (found[:, at + 2] >= truth)).mean()
        assert covered > 0.95 - 4 * math.sqrt(0.95 * 0.05 / audits), covered
    # the broken twin: judgements as if independent
    half = 1.96 * np.sqrt(found[:, 3] * (1 - found[:, 3]) / (20 * 40))
    assert (np.abs(found[:, 3] - found[:, 3].mean()) < half).mean() < 0.8
