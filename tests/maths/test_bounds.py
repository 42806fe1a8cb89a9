"""Certificates: slow twins, closed forms, limits, and that they hold as often as they say."""

import math

import numpy as np
import pytest
from scipy.stats import binom

from byheart.errors import InputRefused
from byheart.maths.bounds import (
    all_evaluated,
    binary_kl,
    catoni,
    compressed,
    description_nats,
    gaussian_kl,
    hold_out,
    kl_inverse,
    kl_inverse_below,
    mcallester,
    prior_widths,
    sampled_risk,
    seeger,
    seeger_below,
    smoothed_at_most,
    smoothed_bits,
    smoothed_range,
    subsampled,
    united,
)  # fmt: skip

CASES = [
    (0.0, 0.0, 50, 0.05),
    (0.1, 10.0, 1000, 0.05),
    (0.3, 200.0, 2000, 0.01),
    (0.02, 3.0, 700, 0.1),
    (0.5, 5.0, 40, 0.05),
]


@pytest.fixture(scope="module")
def slow(reference):
    return reference("bounds_slow")


@pytest.mark.parametrize("case", CASES)
def test_the_bounds_are_their_slow_twins(slow, case):
    assert mcallester(*case) == pytest.approx(slow.mcallester(*case), abs=1e-14)
    assert 0 <= seeger(*case) - slow.seeger(*case) < 6e-6  # a step of its grid
    assert abs(catoni(*case) - slow.catoni(*case)) < 1e-6


def test_the_inverse_is_the_largest_rate_near_enough(slow):
    rng = np.random.default_rng(0)
    for q, nats in zip(rng.uniform(0.01, 0.9, 30), rng.exponential(0.1, 30)):
        p, below = kl_inverse(q, nats), kl_inverse_below(q, nats)
        assert binary_kl(q, p) == pytest.approx(nats, rel=1e-6)
        assert binary_kl(q, below) == pytest.approx(nats, rel=1e-6)
        assert below < q < p
        assert binary_kl(q, p) == pytest.approx(slow.kl(q, p), rel=1e-12)
    assert 0 <= kl_inverse(0.2, 0.05) - slow.kl_inverse(0.2, 0.05) < 6e-6


@pytest.mark.parametrize("q", [0.0, 0.3, 1.0])
def test_ends_of_the_inverse(q):
    assert kl_inverse(q, 0.0) == kl_inverse_below(q, 0.0) == q
    assert kl_inverse(q, math.inf) == 1.0
    assert kl_inverse_below(q, math.inf) == 0.0
    assert kl_inverse(q, 1e6) == 1.0


@pytest.mark.parametrize("n, nats", [(10, 0.0), (500, 3.0), (5000, 800.0)])
def test_without_an_error_seeger_is_a_closed_form(n, nats):
    c = (nats + math.log(2 * math.sqrt(n) / 0.05)) / n
    assert seeger(0.0, nats, n) == pytest.approx(-math.expm1(-c), rel=1e-12)


@pytest.mark.parametrize("bound", [mcallester, seeger, catoni])
def test_limits(bound):
    assert bound(0.2, 5.0, 10**12) == pytest.approx(0.2, abs=1e-4)  # all examples there are
    assert bound(0.2, 0.0, 200) < bound(0.2, 5.0, 200) < bound(0.3, 5.0, 200) < bound(0.3, 5.0, 200, 0.001)
    assert bound(0.2, 1e9, 200) == pytest.approx(1.0)  # says nothing, and is still a share
    assert bound(0.2, 0.0, 200, 0.999) > 0.2


def test_the_inverted_relative_entropy_is_never_above_mcallester():
    rng = np.random.default_rng(1)
    for risk, nats, n in zip(rng.random(300), rng.exponential(100, 300), rng.integers(8, 5000, 300)):
        assert seeger(risk, nats, int(n)) <= mcallester(risk, nats, int(n))
        assert seeger_below(risk, nats, int(n)) <= risk <= seeger(risk, nats, int(n))


def test_maurers_constant_holds_from_one_example_on(slow):
    assert all(math.sqrt(n) <= slow.maurer(n) <= 2 * math.sqrt(n) for n in range(1, 150))


def test_a_hold_out_bound_is_the_tail_of_a_binomial(slow):
    for errors, n in ((0, 30), (7, 60), (60, 61)):
        assert abs(hold_out(errors, n) - slow.binomial_bound(errors, n, 0.05)) < 6e-6
    assert hold_out(0, 100) == pytest.approx(1 - 0.05 ** (1 / 100))  # closed form
    assert hold_out(9, 9) == 1.0


def finite_class(rng, draws, n, truth, temperature):
    """(draws,) true and empirical risk and KL of the Gibbs posterior over hypotheses of known true risk, uniform prior."""
    seen = rng.binomial(n, truth, (draws, len(truth))) / n
    weight = np.exp(-temperature * n * (seen - seen.min(1, keepdims=True)))
    weight /= weight.sum(1, keepdims=True)
    nats = (weight * np.log(np.maximum(weight, 1e-300) * len(truth))).sum(1)
    return weight @ truth, (weight * seen).sum(1), np.maximum(nats, 0)


@pytest.mark.parametrize("bound", [mcallester, seeger, catoni])
@pytest.mark.parametrize("temperature", [0.1, 20.0])
def test_a_bound_holds_at_least_as_often_as_it_says(bound, temperature):
    """300 draws of 60 examples; of 3,000 coins those that seem best are taken: what was seen is far too good."""
    rng, delta = np.random.default_rng(2), 0.1
    true, seen, nats = finite_class(rng, 300, 60, np.full(3_000, 0.5), temperature)
    missed = sum(bound(*one, 60, delta) < risk for risk, *one in zip(true, seen, nats))
    assert missed <= binom.isf(1e-4, 300, delta)
    if temperature > 1 and bound is not catoni:  # which pays more for its parameter than for these coins
        unpaid = sum(bound(risk_seen, 0.0, 60, delta) < risk for risk, risk_seen in zip(true, seen))
        assert unpaid > 100  # without its price the same bound is wrong


def test_the_lower_end_holds_with_the_upper():
    rng = np.random.default_rng(3)
    true, seen, nats = finite_class(rng, 300, 60, rng.uniform(0.1, 0.6, 50), 1.0)
    inside = [seeger_below(r, k, 60, 0.1) <= t <= seeger(r, k, 60, 0.1) for t, r, k in zip(true, seen, nats)]
    assert sum(inside) >= 300 - binom.isf(1e-4, 300, 0.1)


@pytest.mark.parametrize("draw", [
    lambda rng, m: rng.random(m) < 0.02,  # judged on one example each
    lambda rng, m: rng.binomial(250, 0.3, m) / 250,  # on many
    lambda rng, m: np.zeros(m),
])  # fmt: skip
def test_the_mean_of_all_draws_lies_between_the_ends(draw):
    rng, m = np.random.default_rng(4), 400
    mean = draw(rng, 10**6).mean()
    ends = [sampled_risk(draw(rng, m), delta=0.1) for _ in range(200)]
    assert sum(not one.low <= mean <= one.high for one in ends) <= binom.isf(1e-4, 200, 0.1)


def test_many_examples_per_draw_make_the_ends_narrow():
    rng = np.random.default_rng(5)
    rough, fine = sampled_risk(rng.random(1000) < 0.3), sampled_risk(rng.binomial(250, 0.3, 1000) / 250)
    assert fine.high - fine.value < 0.4 * (rough.high - rough.value)
    log = math.log(8 / 0.01)
    risks = rng.binomial(250, 0.3, 1000) / 250
    bernstein = math.sqrt(2 * risks.var(ddof=1) * log / 1000) + 7 * log / (3 * 999)
    assert sampled_risk(risks).high == pytest.approx(risks.mean() + bernstein)
    assert sampled_risk([0.0]).high == pytest.approx(1 - 0.01 / 4)  # one draw: 1 - exp(-ln(4/delta))


def test_a_union_bound_pays_for_the_choice():
    """The best of 50 prior guesses about a coin: each with its part of delta all hold, with all of it each many do not."""
    rng, n, choices = np.random.default_rng(6), 100, 50
    seen = rng.binomial(n, 0.5, (400, choices)).min(1) / n
    paid = sum(seeger(r, 0.0, n, united(0.1, choices)) < 0.5 for r in seen)
    assert paid <= binom.isf(1e-4, 400, 0.1)
    assert sum(kl_inverse(r, math.log(1 / 0.1) / n) < 0.5 for r in seen) > 200
    assert united(0.04, 8) * 8 == pytest.approx(0.04)


def test_a_grid_of_widths_is_fixed():
    assert prior_widths(0.01, 4, 3.0) == pytest.approx((0.01, 0.03, 0.09, 0.27))
    assert len(prior_widths()) == 8


def test_the_divergence_of_gaussians(slow):
    rng = np.random.default_rng(7)
    mean, centre, s = rng.normal(size=40), rng.normal(size=40), rng.uniform(0.1, 2, 40)
    assert gaussian_kl(mean, s, centre, 0.7) == pytest.approx(slow.gaussian_kl(mean, s, centre, 0.7), rel=1e-12)
    assert gaussian_kl(mean, np.full(40, 0.3), mean, 0.3) == 0.0
    draws = mean[0] + s[0] * rng.normal(size=200_000)  # by its definition, E_Q ln Q/P
    log_ratio = np.log(0.7 / s[0]) + ((draws - centre[0]) / 0.7) ** 2 / 2 - ((draws - mean[0]) / s[0]) ** 2 / 2
    within = 4 * log_ratio.std() / math.sqrt(len(draws))
    assert abs(log_ratio.mean() - gaussian_kl(mean[:1], s[:1], centre[:1], 0.7)) < within


def test_a_description_is_paid_in_nats():
    assert description_nats(1000) == pytest.approx(1000 * math.log(2) + 2 * math.log(1000))
    assert sum(1 / bits**2 for bits in range(2, 10**6)) < 1  # codes of all lengths together weigh less than 1
    assert compressed(0.1, 500, 3000) == seeger(0.1, description_nats(500), 3000)
    assert compressed(0.1, 400, 3000) < compressed(0.1, 500, 3000)


def test_smoothed_bits_stay_within_their_range():
    rng = np.random.default_rng(8)
    bits = smoothed_bits(rng.exponential(3, (20, 30)), 256, 0.1)
    assert bits.shape == (20, 30)
    ends = smoothed_bits([0.0, np.inf], 256, 0.1)
    assert ends[1] - ends[0] == pytest.approx(smoothed_range(256, 0.1), rel=1e-12)
    assert ends[0] < bits.min() <= bits.max() < ends[1]
    assert smoothed_bits([math.log(256)], 256, 0.1)[0] == pytest.approx(8)  # a blind guess stays one


def test_of_a_document_the_mean_is_enough():
    rng = np.random.default_rng(11)
    nats = rng.exponential(3, (200, 40)) * (rng.random((200, 1)) * 4)
    exact = smoothed_bits(nats, 256, 0.05).mean(1)
    most = smoothed_at_most(nats.mean(1) / math.log(2), 256, 0.05)
    assert (exact <= most + 1e-12).all()
    alike = np.full(3, 2.0)  # all tokens cost 2 bits: it is off by what a/v adds to 1/4
    assert smoothed_at_most(alike, 2**20, 0.05) == pytest.approx(
        smoothed_bits(alike * math.log(2), 2**20, 0.05), abs=1e-5
    )


def test_all_documents_evaluated_is_the_first_root_alone():
    width = math.log2(1 + 0.9 * 256 / 0.1)
    by_hand = 3.0 + width * math.sqrt((5.0 - math.log(0.05)) / (2 * 400))
    assert all_evaluated(3.0, 5.0, 400, 256) == pytest.approx(by_hand, rel=1e-14)
    assert all_evaluated(3.0, 5.0, 400, 256) < subsampled(3.0, 5.0, 400, 400, 256)


def test_the_subsampled_bound_by_hand():
    n, e, nats, delta = 8824, 500, 300.0, 0.05
    s, width = e / (e + n), math.log2(1 + 0.9 * 256 / 0.1)
    roots = math.sqrt((nats - math.log(s * delta)) / (2 * n)) + math.sqrt(-math.log((1 - s) * delta) / (2 * e))
    assert subsampled(3.5, nats, n, e, 256, 0.1, delta) == pytest.approx(3.5 + width * roots, rel=1e-14)
    assert subsampled(3.5, nats, n, n, 256) < subsampled(3.5, nats, n, e, 256)


def test_the_subsampled_bound_holds():
    """300 models of documents whose bits lie anywhere in the range; the best on the training documents is taken."""
    rng, n, e, models, delta = np.random.default_rng(9), 80, 40, 300, 0.2
    low, width = float(smoothed_bits([0.0], 16, 0.2)[0]), smoothed_range(16, 0.2)
    missed = unpaid = 0
    for _ in range(200):
        bits = low + width * (rng.random((models, n)) < 0.5)  # mean of each: the middle of the range
        best = bits[bits.mean(1).argmin()]
        seen = rng.permutation(best)[:e].mean()
        missed += subsampled(seen, math.log(models), n, e, 16, 0.2, delta) < low + width / 2
        unpaid += seen + width * math.sqrt(math.log(1 / delta) / (2 * n)) < low + width / 2
    assert missed <= binom.isf(1e-4, 200, delta)
    assert unpaid > 100


@pytest.mark.parametrize("call", [
    lambda: seeger(1.2, 0.0, 10),
    lambda: mcallester(-0.1, 0.0, 10),
    lambda: catoni(0.1, -1.0, 10),
    lambda: seeger(0.1, math.nan, 10),
    lambda: seeger(0.1, 1.0, 0),
    lambda: mcallester(0.1, 1.0, 10, 0.0),
    lambda: catoni(0.1, 1.0, 10, 1.0),
    lambda: binary_kl(0.1, 2.0),
    lambda: hold_out(5, 4),
    lambda: sampled_risk([]),
    lambda: sampled_risk([0.2, 1.1]),
    lambda: united(0.05, 0),
    lambda: prior_widths(0.0),
    lambda: prior_widths(0.1, 3, 1.0),
    lambda: gaussian_kl([0.0], [0.0], [0.0], 1.0),
    lambda: gaussian_kl([0.0], [1.0], [0.0, 1.0], 1.0),
    lambda: gaussian_kl([0.0], [1.0], [1e300], 1e-9),
    lambda: description_nats(1),
    lambda: smoothed_bits([-0.1], 4, 0.5),
    lambda: smoothed_range(1, 0.5),
    lambda: smoothed_range(4, 1.0),
    lambda: smoothed_at_most([-1.0], 4, 0.5),
    lambda: all_evaluated(1.0, 0.0, 0, 4),
    lambda: subsampled(1.0, 1.0, 10, 11, 4),
    lambda: subsampled(1.0, -1.0, 10, 5, 4),
])  # fmt: skip
def test_bad_input_is_refused(call):
    with pytest.raises(InputRefused):
        call()
