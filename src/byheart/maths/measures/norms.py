"""Frobenius norms of the layers: sums and products, and distances from the initial weights."""

from __future__ import annotations

import math
from collections.abc import Sequence

from byheart.maths.measures.evidence import Evidence
from byheart.maths.measures.layers import Layer


def log_squared_norms(layers: Sequence[Layer]) -> list[float]:
    """log ||W_i||_F^2 of each layer; -infinity of a layer of zeros."""
    squares = [float((layer.matrix**2).sum()) for layer in layers]
    return [math.log(square) if square else -math.inf for square in squares]


def param_norm(evidence: Evidence) -> float:
    """How large are the weights: log sum_i ||W_i||_F^2 (42)?"""
    return math.log(sum(float((layer.matrix**2).sum()) for layer in evidence.layers))


def prod_of_fro(evidence: Evidence) -> float:
    """How large is the product of the norms: log prod_i ||W_i||_F^2 (37)?"""
    return sum(log_squared_norms(evidence.layers))
