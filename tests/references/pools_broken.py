"""The three traps of reference/complexity.md 3.7, each as a broken twin of `bank_code` that the checks must reject."""

import numpy as np

from byheart.maths.codes.bank import bank_code
from byheart.maths.statistics.seen_unseen import BankCode, side_means


def log_softmax(u):
    u = u - u.max(-1, keepdims=True)
    return u - np.log(np.exp(u).sum(-1, keepdims=True))


def own(log_p, labels):
    return -np.take_along_axis(log_p, np.broadcast_to(labels[None, :, None], (*log_p.shape[:2], 1)), 2)[
        ..., 0
    ] / np.log(2)


def scale_of(logits, labels, rows):
    """The temperature that codes these rows shortest, by a fine grid over the scale of the logits."""
    z = logits[rows]
    unit = (z - z.mean(1, keepdims=True)).std()
    scales = np.concatenate([[0.0], np.geomspace(1e-3, 30, 120)]) / unit
    y = labels[np.nonzero(rows)[1]]
    return min(scales, key=lambda b: -log_softmax(b * z)[np.arange(len(z)), y].mean())


def one_scale_for_both_sides(logits, labels, mask):
    code = bank_code(logits, labels, mask)
    b = scale_of(logits, labels, ~mask)
    return BankCode(code.reference_bits, *side_means(own(log_softmax(b * logits), labels), mask))


def raw_in_side(logits, labels, mask):
    code = bank_code(logits, labels, mask)
    return BankCode(code.reference_bits, side_means(own(log_softmax(logits), labels), mask)[0], code.out_bits)


def temperature_alone(logits, labels, mask):
    code = bank_code(logits, labels, mask)
    sides = [own(log_softmax(scale_of(logits, labels, side) * logits), labels) for side in (mask, ~mask)]
    return BankCode(code.reference_bits, side_means(sides[0], mask)[0], side_means(sides[1], mask)[1])
