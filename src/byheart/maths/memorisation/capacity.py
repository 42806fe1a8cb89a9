"""How many bits can a model of this size hold? Memorised bits of random sequences, and the plateau they reach."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy.stats import t as student

from byheart.errors import InputRefused
from byheart.maths.inputs import array, same_shape
from byheart.maths.shapes import Given

# the part of every further bit offered that may still be taken up on a plateau
SLOPE = 0.1
# a total this much below the largest is a fall, not a plateau
FALL = 0.1
# Morris et al. 2025: averages over GPT-2-style models, half and full precision
PUBLISHED = 3.6


class Capacity(NamedTuple):
    """Bits per parameter with a 95 % interval, whether a plateau was found, the data sizes on it, and why."""

    bits_per_parameter: float
    low: float
    high: float
    found: bool
    sizes: tuple[int, ...]
    reason: str


def memorised_bits(reference_bits: Given[Any, " n"], code_bits: Given[Any, " n"]) -> float:
    r"""How many bits of these sequences does the model hold, beyond what anybody knows of them?

    sum_i max(0, reference_i - code_i): for each sequence the better of the two codes may be used. On uniform
    random sequences the reference, t log2 v bits, is exact and nothing can be understood, so all of it is memory.

    Range 0 to the sum of the reference, bits. Rote: the whole reference. Oracle, who knows that they are random: 0.

    Args:
        reference_bits: (n,) code lengths without the model.
        code_bits: (n,) code lengths under it.

    Returns:
        Bits.

    Raises:
        InputRefused: other shapes, NaN or infinity.

    Cost: O(n). Fails when: the reference is not the best code of who did not see the sequences: then what was
    understood is counted as memorised. An untrained model can gain a few bits on half of them by chance.

    Reference: Morris et al. 2025, "How much do language models memorize?", arXiv 2505.24832, section 2.3.

    >>> memorised_bits([8.0, 8.0, 8.0], [1.0, 8.0, 9.0])
    7.0
    """
    reference, code = array(reference_bits, "reference_bits", "n"), array(code_bits, "code_bits", "n")
    same_shape(code, "code_bits", reference.shape)
    return float(np.maximum(0.0, reference.astype(np.float64) - code).sum())


def capacity(sizes: Given[Any, " s"], bits: Given[Any, "s r"], parameters: int, bits_a_sequence: float) -> Capacity:
    r"""At how many bits per parameter does memory stop growing with the data?

    Totals at growing data sizes rise with slope near 1 (all is held), then level off. The plateau is the last sizes
    between which less than a tenth of every further bit offered is taken up, the mean total over seeds never below
    0.9 of the largest; its mean over parameters is the capacity. Where totals fall again behind their peak, training
    was too short for the large sizes and only the peak is given, as a lower bound; where they still rise there is no
    plateau and the largest total is a lower bound.

    Range 0 to about the bits of a stored parameter, bits per parameter; published 3.6 (`PUBLISHED`). Rote has no
    plateau; Oracle: 0.

    Args:
        sizes: (s,) numbers of sequences, ascending.
        bits: (s, r) memorised bits in total at each size for r seeds.
        parameters: trained parameters of the model.
        bits_a_sequence: reference bits of one sequence.

    Returns:
        A `Capacity`; the interval is Student's over all runs on the plateau (or at the peak); it is the value
        alone where there is one run.

    Raises:
        InputRefused: other shapes, NaN, sizes that do not ascend, no parameters.

    Cost: none. Fails when: steps are too few for the larger sizes to be fitted: a lower bound, and said.

    Reference: Morris et al. 2025, arXiv 2505.24832, section 3 (plateau over dataset sizes). They take the plateau by
    eye; the rule of a tenth is ours.

    >>> found = capacity([10, 20, 40, 80], [[100.0], [190.0], [200.0], [202.0]], 50, 10.0)
    >>> found.found, found.sizes, round(found.bits_per_parameter, 2)
    (True, (20, 40, 80), 3.95)
    """
    sizes, bits = array(sizes, "sizes", "s"), array(bits, "bits", "sr").astype(np.float64)
    fits = len(sizes) == len(bits) and len(sizes) >= 2 and bits.shape[1] >= 1
    if not fits or not (np.diff(sizes) > 0).all() or parameters < 1:
        raise InputRefused(
            expected="ascending sizes (s,) with s >= 2, bits (s, r) and at least one parameter",
            came=f"sizes {sizes.tolist()}, bits of shape {bits.shape}, {parameters} parameters",
            do="Give one row of totals a size.",
        )
    means = bits.mean(1)
    slopes = np.diff(means) / (np.diff(sizes) * bits_a_sequence)  # part of each further bit that is held
    start = len(sizes) - 1
    while start > 0 and abs(slopes[start - 1]) < SLOPE:
        start -= 1
    level = means[start:]
    if len(level) > 1 and level.min() >= (1 - FALL) * means.max():
        return _capacity(bits[start:], parameters, True, sizes[start:], "under a tenth of every further bit is held")
    peak = int(means.argmax())
    if peak == len(sizes) - 1:
        reason = "memory still grows at the largest size: a lower bound"
    else:
        reason = "memory falls behind its peak, training is too short for the larger sizes: a lower bound"
    return _capacity(bits[peak : peak + 1], parameters, False, sizes[peak : peak + 1], reason)


def _capacity(bits: np.ndarray, parameters: int, found: bool, sizes: np.ndarray, reason: str) -> Capacity:
    values = bits.ravel() / parameters
    mean = float(values.mean())
    half = 0.0
    if len(values) > 1:
        half = float(student.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values)))
    return Capacity(mean, mean - half, mean + half, found, tuple(int(n) for n in sizes), reason)
