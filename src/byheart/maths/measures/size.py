"""Size of an architecture: a bound on its VC dimension, and its number of parameters."""

from __future__ import annotations

import math

from byheart.maths.measures.evidence import Evidence


def vc_dimension(evidence: Evidence) -> float:
    """How rich is the architecture: log sqrt(d (log2(6 d n))^3 sum_i k_i^2 c_i c_{i-1}), its constant left out (19)?"""
    layers = evidence.layers
    d, n, weights = len(layers), evidence.input_side, sum(layer.weight.numel() for layer in layers)
    return 0.5 * (math.log(d) + 3 * math.log(math.log2(6 * d * n)) + math.log(weights))


def parameters(evidence: Evidence) -> float:
    """How many parameters has it, as the paper counts them: log sum_i k_i^2 c_{i-1} (c_i + 1) (20)?

    The code of Dziugaite et al. 2020 counts the weights alone.
    """
    total = 0
    for layer in evidence.layers:
        c_out = layer.weight.shape[0]
        inputs = layer.weight.numel() // c_out  # k_i^2 c_{i-1}
        total += inputs * (c_out if evidence.compat else c_out + 1)
    return math.log(total)
