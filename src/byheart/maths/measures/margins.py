"""What the outputs on the training set say: cross-entropy, entropy, margin."""

from __future__ import annotations

import math

import torch.nn.functional as F

from byheart.maths.measures.evidence import Evidence


def cross_entropy(evidence: Evidence) -> float:
    """How large is the mean cross-entropy on the training set, as a logarithm (21)?"""
    value = float(F.cross_entropy(evidence.logits, evidence.data[1]))
    return math.log(value) if value else -math.inf


def inverse_margin(evidence: Evidence) -> float:
    """How narrow is the margin: log 1/gamma^2 (22)?"""
    return -2 * math.log(evidence.margin)
