"""Spectral norms of the layers: products, stable ranks, distances from the initial weights, and the margin bound.

Each function gives the logarithm of its measure. `squared` says which norm of a convolution is meant: `reshaped` of its
kernel as a c_out x (c_in k^2) matrix, as published, or `exact` of the operator, a circular convolution on the layer's
input size (names that end in -fft). The two differ, and neither bounds the other by a constant near 1.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import numpy as np

from byheart.maths.measures.evidence import DELTA, Evidence
from byheart.maths.measures.layers import Inapplicable, Layer
from byheart.maths.measures.norms import log, log_product, mean_form, over_margin

Squared = Callable[[Layer, Evidence], float]
SCALE = 84  # of the bound of Pitas et al. 2017


def reshaped(layer: Layer, evidence: Evidence) -> float:
    """What is ||W||_2^2 of the kernel as a matrix?"""
    return layer.squared_spectral


def exact(layer: Layer, evidence: Evidence) -> float:
    """What is ||W||_2^2 of the circular convolution?

    The code of Dziugaite et al. 2020 takes the size of the network's input for every layer, and no stride.
    """
    if not evidence.compat:
        return layer.squared_exact
    size = evidence.data[0].shape[2:] if layer.size else None
    return layer.squared_operator(size, [1] * len(layer.stride))


def of_operator(measure: Callable[..., float]) -> Callable[[Evidence], float]:
    """What is the same measure with exact norms?"""

    @functools.wraps(measure)
    def with_exact(evidence: Evidence) -> float:
        return measure(evidence, exact)

    return with_exact


def prod_of_spec(evidence: Evidence, squared: Squared = reshaped) -> float:
    """How far can the network stretch its input: log prod_i ||W_i||_2^2 (32)?"""
    return log_product(squared(layer, evidence) for layer in evidence.layers)


def prod_of_spec_over_margin(evidence: Evidence, squared: Squared = reshaped) -> float:
    """How far beside its margin: log prod_i ||W_i||_2^2 / gamma^2 (31)?"""
    return over_margin(prod_of_spec(evidence, squared), evidence)


def sum_of_spec(evidence: Evidence, squared: Squared = reshaped) -> float:
    """How far can a layer stretch: log d (prod_i ||W_i||_2^2)^(1/d) (35)?"""
    return mean_form(prod_of_spec(evidence, squared), len(evidence.layers))


def sum_of_spec_over_margin(evidence: Evidence, squared: Squared = reshaped) -> float:
    """How far beside the margin: log d (prod_i ||W_i||_2^2 / gamma^2)^(1/d) (34)?"""
    return mean_form(prod_of_spec_over_margin(evidence, squared), len(evidence.layers))


def fro_over_spec(evidence: Evidence, squared: Squared = reshaped) -> float:
    """How many directions do the layers use: log of the sum of stable ranks, sum_i ||W_i||_F^2 / ||W_i||_2^2 (33)?"""
    return _log_ratios(evidence.layers, evidence, squared)


def dist_spec_init(evidence: Evidence, squared: Squared = reshaped) -> float:
    """How far have the layers moved as operators: log sum_i ||W_i - W_i^0||_2^2 (41)?"""
    return log(sum(squared(layer, evidence) for layer in evidence.moved))


def spec_orig_main(evidence: Evidence, squared: Squared = reshaped) -> float:
    """What does the margin bound grow with: log prod_i ||W_i||_2^2 sum_j ||W_j||_F^2 / ||W_j||_2^2 / gamma^2 (30)?"""
    return prod_of_spec_over_margin(evidence, squared) + fro_over_spec(evidence, squared)


def spec_init_main(evidence: Evidence, squared: Squared = reshaped) -> float:
    """And from the initial weights: the same with ||W_j - W_j^0||_F^2 in the sum (29)?"""
    return prod_of_spec_over_margin(evidence, squared) + _log_ratios(evidence.moved, evidence, squared)


def spec_orig(evidence: Evidence, squared: Squared = reshaped) -> float:
    """How large is the margin bound of Pitas et al. 2017 around zero (26)?"""
    return _bound(spec_orig_main(evidence, squared), evidence)


def spec_init(evidence: Evidence, squared: Squared = reshaped) -> float:
    """How large is the margin bound of Pitas et al. 2017 around the initial weights (25)?"""
    return _bound(spec_init_main(evidence, squared), evidence)


def _bound(log_main: float, evidence: Evidence) -> float:
    """log[(84 B sum_i k_i sqrt(c_i) + sqrt(ln(4 n^2 d)))^2 main + ln(m/delta)]; main has 1/gamma^2 in it."""
    layers = evidence.layers
    width = sum(math.sqrt(layer.positions * layer.weight.shape[0]) for layer in layers)
    factor = SCALE * evidence.input_norm * width + math.sqrt(math.log(4 * evidence.input_side**2 * len(layers)))
    return float(np.logaddexp(2 * math.log(factor) + log_main, math.log(math.log(evidence.m / DELTA))))


def _log_ratios(parts: tuple[Layer, ...], evidence: Evidence, squared: Squared) -> float:
    """log sum_j ||part_j||_F^2 / ||W_j||_2^2."""
    total = 0.0
    for part, layer in zip(parts, evidence.layers, strict=True):
        norm = squared(layer, evidence)
        if not norm:
            raise Inapplicable(f"all weights of layer {layer.name} are 0, and its norm is divided by")
        total += part.squared_frobenius / norm
    return log(total)
