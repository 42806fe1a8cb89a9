"""How many bits per token can a language model need on new documents? Predictions are smoothed: bits are bounded."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from byheart.errors import InputRefused
from byheart.maths.bounds.binary_kl import not_negative
from byheart.maths.bounds.pac_bayes import a_delta
from byheart.maths.shapes import Float, Given


def smoothed_bits(nats: Given[Any, "*shape"], tokens: int, smoothing: float) -> Float[np.ndarray, "*shape"]:
    r"""How many bits does each token cost when every prediction is mixed with a blind guess?

    -log2((1 - a) p + a/v), p = exp(-nats). Range log2(1 / (1 - a + a/v)) to log2(v/a), bits.

    Args:
        nats: -ln p of each token under the model, any shape.
        tokens: v, the size of the vocabulary.
        smoothing: a, between 0 and 1.

    Returns:
        Bits, of the same shape.

    Raises:
        InputRefused: negative nats, fewer than two tokens, smoothing not between 0 and 1.

    Cost: none. Fails when: never. Reference: Lotfi et al. 2024, Non-vacuous generalization bounds for large language
    models, arXiv 2312.17173, section 4.1.

    >>> smoothed_bits([0.0, np.inf], 4, 0.5).round(3).tolist()
    [0.678, 3.0]
    """
    smoothed_range(tokens, smoothing)
    nats = np.asarray(nats, dtype=np.float64)
    if not (nats >= 0).all():
        raise InputRefused("nats of 0 or more", f"{nats.min()}", "Give -ln p of each token.")
    return -np.log2((1 - smoothing) * np.exp(-nats) + smoothing / tokens)


def smoothed_range(tokens: int, smoothing: float) -> float:
    r"""How many bits lie between the cheapest and the dearest token when predictions are smoothed?

    Delta = log2(1 + (1 - a) v / a).

    Args:
        tokens: v, the size of the vocabulary.
        smoothing: a, between 0 and 1.

    Returns:
        Bits.

    Raises:
        InputRefused: fewer than two tokens, smoothing not between 0 and 1.

    Cost: none. Fails when: never. Reference: Lotfi et al. 2024, arXiv 2312.17173, section 4.1.

    >>> round(smoothed_range(4, 0.5), 3)
    2.322
    """
    if tokens < 2 or not 0 < smoothing < 1:
        raise InputRefused(
            expected="two tokens or more, and smoothing between 0 and 1",
            came=f"{tokens} tokens, smoothing {smoothing}",
            do="Give the size of the vocabulary, and the weight of the blind guess, e.g. 0.1.",
        )
    return math.log2(1 + (1 - smoothing) * tokens / smoothing)


def smoothed_at_most(bits: Given[Any, "*shape"], tokens: int, smoothing: float) -> Float[np.ndarray, "*shape"]:
    r"""How many smoothed bits per token has a document at most, of which only the mean is known?

    min(b + log2(1/(1 - a)), log2(v/a)), b the mean of -log2 p over its tokens: a token costs at most either, and the
    mean of the smaller is at most the smaller of the means.

    Args:
        bits: b of each document, any shape.
        tokens: v, the size of the vocabulary.
        smoothing: a, between 0 and 1.

    Returns:
        Bits per token, of the same shape.

    Raises:
        InputRefused: negative bits, fewer than two tokens, smoothing not between 0 and 1.

    Cost: none. Fails when: never. Reference: `smoothed_bits`, and Jensen's inequality.

    >>> smoothed_at_most([1.0, 50.0], 4, 0.5).tolist()
    [2.0, 3.0]
    """
    smoothed_range(tokens, smoothing)
    bits = np.asarray(bits, dtype=np.float64)
    if not (bits >= 0).all():
        raise InputRefused("bits of 0 or more", f"{bits.min()}", "Give mean bits per token.")
    return np.minimum(bits - math.log2(1 - smoothing), math.log2(tokens / smoothing))


def all_evaluated(
    risk_bits: float, kl_nats: float, n: int, tokens: int, smoothing: float = 0.1, delta: float = 0.05
) -> float:
    r"""How many bits per token can a model need on new documents, when all n were evaluated?

    R <= risk + Delta sqrt((KL + ln(1/delta)) / (2 n)), Delta = log2(1 + (1 - a) v / a): `subsampled` without its
    second root.

    Args:
        risk_bits: mean over the documents of their smoothed bits per token.
        kl_nats: nats that the prior pays for the model; 0 for one that was fixed before they were seen.
        n: documents.
        tokens: v, the size of the vocabulary.
        smoothing: a; choosing it among c values costs ln c nats more.
        delta: the bound may fail in this share of draws.

    Returns:
        Bits per token; not cut.

    Raises:
        InputRefused: negative risk or KL, no documents, smoothing or delta not between 0 and 1.

    Cost: none. Fails when: as `subsampled`. Reference: Lotfi et al. 2024, arXiv 2312.17173, equation 2.

    >>> round(all_evaluated(3.0, 0.0, 400, 256), 3)
    3.684
    """
    if not risk_bits >= 0 or n < 1:
        raise InputRefused("bits of 0 or more, and a document", f"{risk_bits} bits, {n}", "Give mean bits per token.")
    root = math.sqrt((not_negative(kl_nats) + math.log(1 / a_delta(delta))) / (2 * n))
    return risk_bits + smoothed_range(tokens, smoothing) * root


def subsampled(
    risk_bits: float, kl_nats: float, n: int, evaluated: int, tokens: int, smoothing: float = 0.1, delta: float = 0.05
) -> float:
    r"""How many bits per token can a model need on new documents, when only some training documents were evaluated?

    R <= risk + Delta [ sqrt((KL + ln(1/(s delta))) / (2 n)) + sqrt(ln(1/((1 - s) delta)) / (2 e)) ],
    s = e / (e + n), Delta = log2(1 + (1 - a) v / a). The first root is what holding for all documents costs, the
    second that the risk is known of e of them alone. Not cut: compare it with log2 v, a blind guess.

    Args:
        risk_bits: mean over the evaluated documents of their smoothed bits per token (`smoothed_bits`).
        kl_nats: nats that the prior pays for the model (`description_nats` of its code).
        n: training documents.
        evaluated: e, how many of them were drawn at random and evaluated, 1 to n.
        tokens: v, the size of the vocabulary.
        smoothing: a, the weight of the blind guess; choosing it among c values costs ln c nats more.
        delta: the bound may fail in this share of draws.

    Returns:
        Bits per token.

    Raises:
        InputRefused: negative risk or KL, evaluated not from 1 to n, smoothing or delta not between 0 and 1.

    Cost: none. Fails when: documents are not independent draws; the tokens of one document never are.

    Reference: Lotfi et al. 2024, arXiv 2312.17173, equation 2 and section 4.2.

    >>> round(subsampled(3.0, 50.0, 10_000, 1_000, 256), 3), math.log2(256)
    (4.027, 8.0)
    """
    width = smoothed_range(tokens, smoothing)
    if not risk_bits >= 0 or not 1 <= evaluated <= n:
        raise InputRefused(
            expected="bits of 0 or more, and 1 to n documents evaluated",
            came=f"{risk_bits} bits, {evaluated} of {n}",
            do="Give the mean bits per token of documents drawn from the training set.",
        )
    s = evaluated / (evaluated + n)
    held = math.sqrt((not_negative(kl_nats) + math.log(1 / (s * a_delta(delta)))) / (2 * n))
    known = math.sqrt(math.log(1 / ((1 - s) * delta)) / (2 * evaluated))
    return risk_bits + width * (held + known)
