"""Exposure: closed forms, a slow twin, the null, the extrapolated tail."""

import numpy as np
import pytest
from scipy.stats import skewnorm

from byheart.errors import InputRefused
from byheart.maths.memorisation.exposure import (
    NULL_BITS,
    enumerated,
    exposure,
    extrapolated,
    from_ranks,
    null_deviation,
    null_mean,
)


def slow(canary, references):
    """By the definition, one candidate after another."""
    rank = 1 + sum(1 for other in references if other <= canary)
    return np.log2((len(references) + 1) / rank)


def test_the_first_of_all_has_the_ceiling_and_the_last_none():
    references = np.arange(1.0, 1024.0)
    np.testing.assert_allclose(exposure([0.5, 2000.0], references), [10.0, 0.0])
    np.testing.assert_allclose(exposure([1.5, 3.5], references), [9.0, 8.0])  # ranks 2 and 4


def test_slow_twin_agrees_with_ties(rng):
    references, canaries = rng.integers(0, 30, 200).astype(float), rng.integers(-3, 33, 50).astype(float)
    np.testing.assert_allclose(exposure(canaries, references), [slow(c, references) for c in canaries], atol=1e-12)


def test_a_tie_counts_against_the_canary():
    assert exposure([5.0], np.full(7, 5.0)).tolist() == [0.0]
    assert exposure([5.0], [6.0, 6.0, 6.0]).tolist() == [2.0]


def test_never_trained_on_stands_at_the_null(rng):
    draws = np.concatenate([exposure(rng.normal(size=20), rng.normal(size=255)) for _ in range(400)])
    # the 20 canaries of a draw share its references, so the draws of references are the sample
    means = draws.reshape(400, 20).mean(1)
    assert abs(means.mean() - null_mean(255)) < 4 * means.std(ddof=1) / np.sqrt(400)
    assert abs(draws.std() - null_deviation(255)) < 0.1


def test_the_null_is_that_of_uniform_ranks():
    for r in (1, 5, 1023):
        ranks = np.arange(1, r + 2)
        assert null_mean(r) == pytest.approx(np.mean(np.log2(r + 1) - np.log2(ranks)))
        assert null_deviation(r) == pytest.approx(np.std(np.log2(ranks)))
    assert null_mean(10**7) == pytest.approx(NULL_BITS, abs=1e-5)
    assert pytest.approx(1 / np.log(2)) == NULL_BITS


def test_enumeration_is_the_brute_force_rank(rng):
    space = rng.normal(size=500)
    found = enumerated(space, np.arange(500))
    order = np.argsort(np.argsort(space)) + 1
    np.testing.assert_allclose(found, np.log2(500) - np.log2(order), atol=1e-12)
    assert found.mean() == pytest.approx(null_mean(499))


def test_kept_ranks_give_what_all_code_lengths_give(rng):
    space = rng.integers(0, 40, 300).astype(float)  # with ties
    ranks = np.array([[(space <= own).sum() for own in space]])
    np.testing.assert_allclose(from_ranks(ranks, 300), [enumerated(space, np.arange(300))], atol=1e-12)
    assert from_ranks([1, 300], 300).tolist() == [np.log2(300), 0.0]


def test_sampling_approaches_enumeration(rng):
    space = rng.normal(size=20_000)
    place = int(np.argsort(space)[200])  # one per cent down
    sampled = [exposure(space[[place]], rng.choice(space, 2000))[0] for _ in range(50)]
    exact = enumerated(space, [place])[0]
    # counts of about 20 have a relative error of 1 / sqrt(20), and the canary itself shifts the rank by one of 21
    assert abs(np.mean(sampled) - exact) < 4 * 1.44 / np.sqrt(20 * 50) + 1.44 / 20


def test_extrapolated_finds_the_tail_of_the_law_it_assumes(rng):
    law = skewnorm(3.0, 40.0, 8.0)
    found = extrapolated([38.0, 42.0, 60.0], law.rvs(4000, random_state=rng))
    expected = -np.log2(law.cdf([38.0, 42.0, 60.0]))
    # the fit's error grows into the tail: a tenth of the depth is 4 standard errors at 4,000 draws (checked over seeds)
    np.testing.assert_allclose(found.bits, expected, rtol=0.1, atol=0.1)
    assert found.beyond.tolist() == [True, False, False] or found.beyond.tolist() == [False, False, False]


def test_extrapolated_goes_on_where_ranks_stop_and_says_so(rng):
    references = rng.normal(50, 5, 1000)
    found, ranked = extrapolated([0.0, 10.0, 50.0], references), exposure([0.0, 10.0, 50.0], references)
    assert found.beyond.tolist() == [True, True, False]
    assert found.bits[0] > found.bits[1] > ranked[1] == ranked[0]
    assert abs(found.bits[2] - ranked[2]) < 0.15


def test_the_log_of_the_tail_is_exact_far_down():
    from byheart.maths.memorisation.exposure import _log_cdf

    for u, a in ((-30.0, 0.0), (-8.0, 2.0), (0.5, -3.0), (4.0, 1.0)):
        exact = skewnorm.logcdf(u, a) if u > -20 else -454.3212440  # log ndtr(-30)
        assert _log_cdf(u, a) == pytest.approx(exact, rel=2e-4, abs=1e-6)


@pytest.mark.parametrize("call", [
    lambda: exposure([1.0], []),
    lambda: exposure([[1.0]], [1.0]),
    lambda: exposure([np.nan], [1.0]),
    lambda: from_ranks([0], 10),
    lambda: from_ranks([11], 10),
    lambda: from_ranks([np.nan], 10),
    lambda: enumerated([1.0, 2.0], [2]),
    lambda: enumerated([1.0, 2.0], [0.5]),
    lambda: extrapolated([1.0], np.arange(19.0)),
    lambda: extrapolated([1.0], np.ones(100)),
    lambda: null_mean(0),
])  # fmt: skip
def test_bad_input_is_refused(call):
    with pytest.raises(InputRefused):
        call()


def test_references_that_lie_close_together_are_references(rng):
    """In other units of code length they lie as far apart as any: all within half a bit is no reason to refuse."""
    far, reference = np.array([38.0, 60.0]), rng.normal(40, 3, 500)
    found, near = extrapolated(far, reference), extrapolated(far / 100, reference / 100)
    np.testing.assert_allclose(near.bits, found.bits, rtol=1e-3)
    with pytest.raises(InputRefused, match="not all alike"):
        extrapolated(far, np.full(500, 40.0))
