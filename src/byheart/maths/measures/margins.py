"""What the outputs on the training set say: cross-entropy, entropy, margin."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F

from byheart.maths.measures.evidence import Evidence
from byheart.maths.measures.norms import log


def cross_entropy(evidence: Evidence) -> float:
    """How large is the mean cross-entropy on the training set, as a logarithm (21)?"""
    return log(float(F.cross_entropy(evidence.logits, evidence.data[1])))


def inverse_margin(evidence: Evidence) -> float:
    """How narrow is the margin: log 1/gamma^2 (22)?"""
    return -2 * math.log(evidence.margin)


def negative_entropy(evidence: Evidence) -> float:
    """How sure are the outputs: the mean of sum_k p_k log p_k [nats], at most 0, so without a logarithm (23)?"""
    return -float(torch.special.entr(evidence.logits.softmax(1)).sum(1).mean())
