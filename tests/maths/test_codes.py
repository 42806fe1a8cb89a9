import numpy as np
import pytest

from byheart.errors import InputRefused
from byheart.maths.codes.bank import (
    bank_code,
    bank_lengths,
    bit_budget,
    logits_from_labels,
    logits_from_probabilities,
)
from byheart.maths.codes.calibration import fit_pool, halves, lacking
from byheart.maths.codes.temperature import temperature
from byheart.maths.statistics.seen_unseen import side_means


def shares(code):
    budget = bit_budget(*code)
    return np.array([np.nansum(part) for part in budget]) / np.nansum(code[0])


def test_budget_adds_up_to_the_reference(bank):
    code = bank_code(*bank(np.random.default_rng(0), 10, 80, 5))
    budget = bit_budget(*code)
    np.testing.assert_allclose(sum(budget), code.reference_bits, atol=1e-9)


def test_slow_twin_agrees(bank, reference):
    slow = reference("pools_slow")
    for seed, weights in ((0, None), (1, [0.6, 0.3, 0.1])):
        # not separable: otherwise b grows without end and each optimiser stops elsewhere
        logits, labels, mask = bank(np.random.default_rng(seed), 6, 40, 3, weights, noise=2.0, memory=2.0)
        first = halves(40, seed)
        expected = slow.bank_code(logits, labels, mask, first)
        for got, wanted in zip(bank_code(logits, labels, mask, seed), expected):
            np.testing.assert_allclose(got, wanted, atol=2e-4)


def test_fit_is_the_best_of_many_starts_even_where_the_mixture_is_not_convex(reference):
    slow = reference("pools_slow")
    rng = np.random.default_rng(3)
    for weights, wrong in ((None, 0.0), (None, 0.05), ([0.7, 0.2, 0.1], 0.3), ([0.5, 0.3, 0.2], 1.0)):
        labels = rng.choice(3, 60, p=weights)
        shown = np.where(rng.random(60) < wrong, rng.integers(0, 3, 60), labels)
        z = np.eye(3)[shown] * 5 + rng.normal(size=(60, 3)) * 0.3
        q0 = (np.bincount(labels, minlength=3) + 0.5) / 61.5
        pool = fit_pool(z, labels, np.log(q0), 1 / 62)
        best = slow.fit(list(z), labels, q0, 1 / 62)
        cost = [
            np.mean([slow.length_bits(z[i], labels[i], q0, *p, 1 / 62) for i in range(60)])
            for p in (pool, best)
        ]
        assert cost[0] <= cost[1] + 1e-6


def test_closed_form_of_a_code_that_knows_nothing():
    labels = np.array([0, 0, 0, 1])
    code = bank_code(np.zeros((3, 4, 2)), labels, np.ones((3, 4), bool))
    expected = -np.log2(np.array([3.5, 3.5, 3.5, 1.5]) / 5)
    np.testing.assert_allclose(code.reference_bits, expected)
    assert np.isnan(code.out_bits).all()
    # (b = 0, a) shared by a half: whatever a is, nothing costs more than log2 (n + 2) above the reference
    assert (code.in_bits <= expected + np.log2(6) + 1e-9).all()


def test_mask_of_all_true_gives_the_in_code_alone(bank):
    logits, labels, _ = bank(np.random.default_rng(1), 2, 60, 4)
    code = bank_code(logits[:1], labels, np.ones((1, 60), bool))
    assert np.isfinite(code.in_bits).all()
    assert np.isnan(code.out_bits).all()


@pytest.mark.parametrize("weights", [None, [0.4, 0.2, 0.2, 0.1, 0.1]])
def test_random_labels_are_memorised_and_never_understood(draw_mask, weights):
    rng = np.random.default_rng(5)
    n, k = 2000, 5
    labels = rng.choice(k, n, p=weights)
    mask = draw_mask(16, n, rng)
    logits = rng.normal(size=(16, n, k)) * 4
    member, example = np.nonzero(mask)
    logits[member, example, labels[example]] += 6
    understood, memorised, left = shares(bank_code(logits, labels, mask))
    assert abs(understood) < 0.01
    assert memorised > 0.2
    assert left < 0.8


def test_rote_memorises_everything_and_a_constant_model_nothing(draw_mask):
    rng = np.random.default_rng(6)
    labels = rng.integers(0, 4, 400)
    mask = draw_mask(10, 400, rng)
    rote = np.where(mask[..., None], np.eye(4)[labels], 0.0) * 20
    understood, memorised, left = shares(bank_code(rote, labels, mask))
    assert abs(understood) < 0.01
    assert memorised > 0.98
    assert left < 0.01
    for constant in (np.zeros(4), np.array([3.0, 0.0, -1.0, 2.0])):
        understood, memorised, _ = shares(bank_code(np.broadcast_to(constant, (10, 400, 4)), labels, mask))
        assert abs(understood) < 0.01
        assert abs(memorised) < 0.01


def test_oracle_understands_everything_but_the_noise(draw_mask):
    rng = np.random.default_rng(7)
    truth = rng.integers(0, 4, 3000)
    labels = np.where(rng.random(3000) < 0.2, rng.integers(0, 4, 3000), truth)
    mask = draw_mask(6, 3000, rng)
    understood, memorised, _ = shares(
        bank_code(np.broadcast_to(np.eye(4)[truth] * 7, (6, 3000, 4)), labels, mask)
    )
    p = np.array([0.85, 0.05, 0.05, 0.05])
    wrong = np.mean(labels != truth)
    bits = -np.log2(p[np.where(labels == truth, 0, 1)])
    tolerance = 4 * bits.std() / np.sqrt(3000) / 2
    assert abs(understood - (1 + (p * np.log2(p)).sum() / 2)) < tolerance
    assert abs(memorised) < 0.01
    assert 0.1 < wrong < 0.2


@pytest.mark.parametrize("scale", [0.3, 100.0])
def test_scale_of_the_logits_moves_nothing(bank, scale):
    logits, labels, mask = bank(np.random.default_rng(8), 12, 300, 6, [0.3, 0.3, 0.1, 0.1, 0.1, 0.1])
    np.testing.assert_allclose(
        shares(bank_code(logits * scale, labels, mask)), shares(bank_code(logits, labels, mask)), atol=1e-6
    )
    single = logits.astype(np.float32)
    np.testing.assert_allclose(
        shares(bank_code(single * np.float32(scale), labels, mask)),
        shares(bank_code(logits, labels, mask)),
        atol=1e-3,
    )


def test_constants_renaming_and_order_change_nothing(bank):
    rng = np.random.default_rng(9)
    logits, labels, mask = bank(rng, 8, 120, 4, [0.4, 0.3, 0.2, 0.1])
    ids = np.array([f"example {i}" for i in range(120)])
    plain = bank_code(logits, labels, mask, ids=ids)
    shifted = bank_code(logits + rng.normal(size=(8, 120, 1)) * 50, labels, mask, ids=ids)
    np.testing.assert_allclose(shifted, plain, atol=1e-6)
    names = rng.permutation(4)
    renamed = bank_code(logits[:, :, np.argsort(names)], names[labels], mask, ids=ids)
    np.testing.assert_allclose(renamed, plain, atol=1e-6)
    order = rng.permutation(120)
    again = bank_code(logits[:, order], labels[order], mask[:, order], ids=ids[order])
    np.testing.assert_allclose(again, np.array(plain)[:, order], atol=1e-6)
    members = rng.permutation(8)
    np.testing.assert_allclose(bank_code(logits[members], labels, mask[members], ids=ids), plain, atol=1e-6)


def test_halves_are_halves_keep_groups_and_change_with_the_seed():
    groups = np.arange(101) // 3
    first = halves(101, 0, groups=groups)
    assert all(len(set(first[groups == g])) == 1 for g in range(34))
    assert abs(first.sum() - 50.5) <= 3
    assert (halves(101, 0) != halves(101, 1)).any()
    assert (halves(4, 0, ids=["a", "b", "c", "d"])[::-1] == halves(4, 0, ids=["d", "c", "b", "a"])).all()


def test_duplicates_in_one_half_cannot_help_their_own_calibration():
    # with a single group one half is empty, so everything is coded like the reference
    logits = np.eye(2)[[0, 1, 0, 1]][None] * 9
    code = bank_code(logits, [0, 1, 0, 1], np.ones((1, 4), bool), groups=[7, 7, 7, 7])
    np.testing.assert_allclose(code.in_bits, code.reference_bits)


def test_lengths_of_members_average_to_the_code(bank):
    logits, labels, mask = bank(np.random.default_rng(10), 6, 50, 3)
    reference, lengths = bank_lengths(logits, labels, mask)
    code = bank_code(logits, labels, mask)
    np.testing.assert_allclose(side_means(lengths, mask), code[1:])
    np.testing.assert_allclose(reference, code.reference_bits)


def test_an_outlier_costs_at_most_the_mixture(draw_mask):
    rng = np.random.default_rng(11)
    labels = rng.integers(0, 3, 200)
    logits = np.broadcast_to(np.eye(3)[labels] * 50, (4, 200, 3)).copy()
    logits[:, 0] = np.eye(3)[(labels[0] + 1) % 3] * 1e6
    code = bank_code(logits, labels, draw_mask(4, 200, rng))
    worst = np.nanmax([code.in_bits, code.out_bits])
    assert worst <= np.log2(202) + code.reference_bits.max() + 1e-9
    assert worst > 5


def test_torch_tensors_of_every_precision(bank):
    import torch

    logits, labels, mask = bank(np.random.default_rng(12), 5, 60, 3)
    plain = bank_code(logits, labels, mask)
    for dtype, tolerance in (
        (torch.float64, 1e-12),
        (torch.float32, 1e-5),
        (torch.float16, 0.05),
        (torch.bfloat16, 0.2),
    ):
        got = bank_code(
            torch.tensor(logits, requires_grad=True).to(dtype), torch.tensor(labels), torch.tensor(mask)
        )
        np.testing.assert_allclose(got, plain, atol=tolerance)
        assert got.in_bits.dtype == np.float64


def test_probabilities_and_labels_enter_as_logits():
    z = logits_from_probabilities([[0.5, 0.5], [1.0, 0.0]], n=98)
    np.testing.assert_allclose(z, np.log([[0.5, 0.5], [1.0, 0.01]]))
    # one-hot predictions: an error-rate code, whose length is the entropy of the errors
    rng = np.random.default_rng(13)
    labels = rng.integers(0, 2, 4000)
    wrong = rng.random(4000) < 0.1
    predicted = np.where(wrong, 1 - labels, labels)[None]
    code = bank_code(logits_from_labels(predicted, 2), labels, np.ones((1, 4000), bool))
    rate = wrong.mean()
    entropy = -rate * np.log2(rate) - (1 - rate) * np.log2(1 - rate)
    assert abs(code.in_bits.mean() - entropy) < 0.005


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda z, y, m: (z[0], y, m), "logits"),
        (lambda z, y, m: (z, y[:-1], m), "labels"),
        (lambda z, y, m: (z, y, m[:, :-1]), "mask"),
        (lambda z, y, m: (z * np.nan, y, m), "logits"),
        (lambda z, y, m: (z, y + 3, m), "labels"),
        (lambda z, y, m: (z, y + 0.5, m), "labels"),
        (lambda z, y, m: (z, y, m * 2), "mask"),
        (lambda z, y, m: (z[..., :1], y * 0, m), "logits"),
    ],
)
def test_bad_input_is_refused_by_name(bank, change, named):
    with pytest.raises(InputRefused, match=named):
        bank_code(*change(*bank(np.random.default_rng(14), 4, 20, 3)))


def test_budget_refuses_what_cannot_add_up():
    with pytest.raises(InputRefused, match="out_bits"):
        bit_budget([1.0, 1.0], [1.0, 1.0], [1.0])
    with pytest.raises(InputRefused, match="in_bits"):
        bit_budget([1.0], [np.inf], [1.0])


@pytest.mark.parametrize("groups, why", [
    (np.zeros(400, int), ("few groups", {"groups": 1, "needed": 20})),
    ([0, 1] * 60, ("few groups", {"groups": 2, "needed": 20})),
    ([0] * 388 + list(range(1, 31)), ("large group", {"share": 388 / 418, "most": 0.3})),
    ([0, 1, 2] * 30 + list(range(3, 21)), ("uneven halves", {"share": 35 / 108})),
    (None, None), (np.arange(80) // 4, None), (np.arange(76) // 4, ("few groups", {"groups": 19, "needed": 20})),
])  # fmt: skip
def test_where_copies_leave_no_two_halves_the_codes_say_so(groups, why):
    found = lacking(60 if groups is None else len(groups), 0, None, groups)
    assert (found and tuple(found)) == why


def test_the_temperature_undoes_a_known_sharpening(rng):
    """Labels drawn from softmax(z), logits 3 z: T is 3, to four standard errors of a fit to as many labels."""
    n, m, k = 4000, 8, 4
    z = rng.normal(size=(n, k))
    labels = np.array([rng.choice(k, p=np.exp(row) / np.exp(row).sum()) for row in z])
    mask = np.array([rng.permutation(n) < n // 2 for _ in range(m)])
    logits = np.broadcast_to(3 * z, (m, n, k))
    found = temperature(logits, labels, mask)
    p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
    information = ((p * z**2).sum(1) - (p * z).sum(1) ** 2).sum()  # of 1/T' at T' = 1, from each label once
    assert abs(found.temperature / 3 - 1) < 4 / np.sqrt(information)
    assert np.nanmean(found.tempered_bits) < np.nanmean(found.raw_bits)
    np.testing.assert_array_equal(temperature(logits, labels, mask, 0).tempered_bits, found.tempered_bits)
    assert np.nanmax(np.abs(temperature(logits, labels, mask, 1).tempered_bits - found.tempered_bits)) > 0
