"""The three traps of reference/complexity.md 3.7: checks that the true code passes and each broken twin fails."""

import numpy as np
import pytest

from byheart.maths.codes.bank import bank_code, bit_budget


def shares(code):
    return np.array([part.sum() for part in bit_budget(*code)]) / code[0].sum()


def random_labels(draw_mask, weights=None):
    rng = np.random.default_rng(20)
    k = 5
    labels = rng.choice(k, 1500, p=weights)
    mask = draw_mask(12, 1500, rng)
    logits = rng.normal(size=(12, 1500, k)) * 3
    member, example = np.nonzero(mask)
    logits[member, example, labels[example]] += 5
    return logits, labels, mask


def shows_memorised_random_labels(code, draw_mask):
    return shares(code(*random_labels(draw_mask)))[1] > 0.2


def is_blind_to_scale(code, draw_mask):
    logits, labels, mask = random_labels(draw_mask)
    return np.abs(shares(code(logits * 0.3, labels, mask)) - shares(code(logits, labels, mask))).max() < 1e-3


def understands_nothing_of_unequal_random_classes(code, draw_mask):
    return abs(shares(code(*random_labels(draw_mask, [0.6, 0.2, 0.1, 0.06, 0.04])))[0]) < 0.01


CHECKS = [shows_memorised_random_labels, is_blind_to_scale, understands_nothing_of_unequal_random_classes]


@pytest.mark.parametrize("check", CHECKS)
def test_the_code_passes(check, draw_mask):
    assert check(bank_code, draw_mask)


@pytest.mark.parametrize(
    ("trap", "check"), zip(["one_scale_for_both_sides", "raw_in_side", "temperature_alone"], CHECKS)
)
def test_each_trap_is_caught(trap, check, draw_mask, reference):
    assert not check(getattr(reference("pools_broken"), trap), draw_mask)
