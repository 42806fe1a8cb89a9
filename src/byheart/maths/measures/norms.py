"""Frobenius norms of the layers: sums, products, and distances from the initial weights.

Each function gives the logarithm of its measure; products of norms are sums of logarithms, which do not overflow.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from byheart.maths.measures.evidence import Evidence


def log(value: float) -> float:
    """What is the natural logarithm, -infinity of 0?"""
    return math.log(value) if value else -math.inf


def log_product(squares: Iterable[float]) -> float:
    """What is the logarithm of a product of squared norms?"""
    return sum(log(square) for square in squares)


def mean_form(log_of_product: float, d: int) -> float:
    """What is log d (prod)^(1/d): a product over layers as a sum over layers?"""
    return math.log(d) + log_of_product / d


def over_margin(log_value: float, evidence: Evidence) -> float:
    """What is log mu / gamma^2?"""
    return log_value - 2 * math.log(evidence.margin)


def param_norm(evidence: Evidence) -> float:
    """How large are the weights: log sum_i ||W_i||_F^2 (42)?"""
    return log(sum(layer.squared_frobenius for layer in evidence.layers))


def fro_distance(evidence: Evidence) -> float:
    """How far are the weights from the initial ones: log sum_i ||W_i - W_i^0||_F^2 (40)?"""
    return log(sum(layer.squared_frobenius for layer in evidence.moved))


def prod_of_fro(evidence: Evidence) -> float:
    """How large is the product of the norms: log prod_i ||W_i||_F^2 (37)?"""
    return log_product(layer.squared_frobenius for layer in evidence.layers)


def prod_of_fro_over_margin(evidence: Evidence) -> float:
    """How large is it beside the margin: log prod_i ||W_i||_F^2 / gamma^2 (36)?"""
    return over_margin(prod_of_fro(evidence), evidence)


def sum_of_fro(evidence: Evidence) -> float:
    """How large is a layer's norm: log d (prod_i ||W_i||_F^2)^(1/d) (39)?"""
    return mean_form(prod_of_fro(evidence), len(evidence.layers))


def sum_of_fro_over_margin(evidence: Evidence) -> float:
    """How large is it beside the margin: log d (prod_i ||W_i||_F^2 / gamma^2)^(1/d) (38)?"""
    return mean_form(prod_of_fro_over_margin(evidence), len(evidence.layers))


def length(evidence: Evidence) -> float:
    """How long is the vector of weights: log ||w|| (Dziugaite et al. 2020)?"""
    return param_norm(evidence) / 2


def length_of_move(evidence: Evidence) -> float:
    """How far is it from the initial weights: log ||w - w^0|| (Dziugaite et al. 2020)?"""
    return fro_distance(evidence) / 2
