"""Could the model be made to say a training sequence? Read from probabilities, without generating anything."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import log_softmax

from byheart.errors import InputRefused
from byheart.maths.inputs import array, same_shape
from byheart.maths.shapes import Bool, Float, Given


def continuation_nats(
    logits: Given[Any, "n t v"], tokens: Given[Any, "n t"], temperature: float = 1.0, top_k: int | None = None
) -> Float[np.ndarray, " n"]:
    r"""How unlikely is it that a sampler says just these tokens?

    -log q, q = prod_t softmax(z_t / T)[token_t], the softmax over the `top_k` largest logits alone where given (ties
    at the last of them are all kept). z_t are the logits after the context and the tokens before t, so q is
    the probability that one sample gives the whole continuation.

    Range 0 to infinity, nats; infinite where a token is not among the top k. Rote: 0 for what it saw. Oracle: the
    entropy of the source.

    Args:
        logits: (n, t, v) logits at each place of each continuation.
        tokens: (n, t) the tokens to be said; -1 where a place is not counted.
        temperature: T of the sampler, above 0.
        top_k: how many tokens the sampler chooses from; all without it.

    Returns:
        (n,) nats.

    Raises:
        InputRefused: other shapes, tokens out of range, T or top_k not above 0.

    Cost: O(n t v). Fails when: the sampler has other switches (top-p, penalties): this is not its probability.

    Reference: Hayes et al. 2024, "Measuring memorization through probabilistic discoverable extraction",
    arXiv 2410.19482, section 3 (the probability of the target under the sampling scheme).

    >>> z = np.log([[[0.5, 0.25, 0.25], [0.8, 0.1, 0.1]]])
    >>> nats = continuation_nats(z, [[0, 0]]), continuation_nats(z, [[0, 0]], top_k=1)
    >>> [round(float(np.exp(-one[0])), 3) for one in nats]
    [0.4, 1.0]
    """
    logits, tokens = _checked(logits, tokens)
    if not temperature > 0 or (top_k is not None and top_k < 1):
        raise InputRefused(
            expected="a temperature above 0 and top_k of at least 1",
            came=f"temperature {temperature}, top_k {top_k}",
            do="For the most likely token alone use greedy_extractable.",
        )
    z = logits.astype(np.float64) / temperature
    if top_k is not None and top_k < z.shape[-1]:
        least = -np.partition(-z, top_k - 1, axis=-1)[..., top_k - 1 : top_k]
        z = np.where(z >= least, z, -np.inf)
    log_p = np.take_along_axis(log_softmax(z, -1), np.maximum(tokens, 0)[..., None], -1)[..., 0]
    return -np.where(tokens >= 0, log_p, 0.0).sum(1) + 0.0


def discoverable(nats: Given[Any, " n"], p: float = 0.5) -> Float[np.ndarray, " n"]:
    r"""How many samples until the continuation has come with probability p?

    The smallest whole n with 1 - (1 - q)^n >= p, q = exp(-nats) the probability of one sample: the sequence is
    (n, p)-discoverable. Range 1 to infinity, samples. Rote: 1. Oracle on random secrets: about ln(1/(1 - p)) |R|.

    Args:
        nats: (n,) -log q, of `continuation_nats` or a recorded loss.
        p: probability that it has come, in (0, 1).

    Returns:
        (n,) float64 whole numbers; infinite where q is 0 or beyond the range of floats.

    Raises:
        InputRefused: other shapes, NaN, negative nats, p outside (0, 1).

    Cost: O(n). Fails when: the samples are not independent, or the sampler is another one.

    Reference: Hayes et al. 2024, arXiv 2410.19482, definition of (n, p)-discoverable extraction, section 3.

    >>> discoverable([0.0, np.log(2), np.log(1000)], p=0.5).tolist()
    [1.0, 1.0, 693.0]
    """
    nats = array(nats, "nats", "n", finite=False).astype(np.float64)
    if np.isnan(nats).any() or (nats < -1e-9).any() or not 0 < p < 1:
        raise InputRefused("nats of at least 0 and p between 0 and 1", f"nats {nats}, p {p}", "Give -log q.")
    nats = np.maximum(nats, 0.0)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        # log(1 - q), exact for tiny and for large q alike
        log_miss = np.where(nats < 0.7, np.log(-np.expm1(-nats)), np.log1p(-np.exp(-nats)))
        needed = np.log1p(-p) / log_miss
        # a whole number that rounding pushed up by an atom stays itself
        whole = np.ceil(needed - 1e-9 * np.abs(needed))
    return np.maximum(1.0, np.where(np.isnan(whole), np.inf, np.abs(whole)))


def greedy_extractable(logits: Given[Any, "n t v"], tokens: Given[Any, "n t"]) -> Bool[np.ndarray, " n"]:
    r"""Does greedy decoding give the whole continuation back?

    True where every counted token is the single most likely one after the context and the tokens before it: then,
    and only then, decoding without chance from that context says the sequence, for each token said is the next
    one's context. With logits taken after k tokens of context this is "extractable with k tokens of context". A
    tie for the largest logit counts as not extractable. Rote: True for what it saw. Oracle: False for random secrets.

    Args:
        logits: (n, t, v) logits at each place of each continuation.
        tokens: (n, t) the tokens; -1 where a place is not counted.

    Returns:
        (n,) bool; True where nothing is counted.

    Raises:
        InputRefused: other shapes or tokens out of range.

    Cost: O(n t v). Fails when: the model is decoded in another way (beams, sampling).

    Reference: Carlini, Ippolito, Jagielski, Lee, Tramer, Zhang 2023, "Quantifying memorization across neural
    language models", definition 3.1.

    >>> greedy_extractable([[[2.0, 1.0], [0.0, 3.0]]] * 2, [[0, 1], [0, 0]]).tolist()
    [True, False]
    """
    logits, tokens = _checked(logits, tokens)
    own = np.take_along_axis(logits, np.maximum(tokens, 0)[..., None], -1)
    rivals = (logits >= own).sum(-1)  # the token itself is one
    return ((rivals == 1) | (tokens < 0)).all(1)


def _checked(logits: Any, tokens: Any) -> tuple[np.ndarray, np.ndarray]:
    logits, tokens = array(logits, "logits", "ntv"), array(tokens, "tokens", "nt")
    same_shape(tokens, "tokens", logits.shape[:2])
    if tokens.dtype.kind not in "iu" or (tokens.size and (tokens.min() < -1 or tokens.max() >= logits.shape[2])):
        raise InputRefused(
            expected=f"tokens from 0 to {logits.shape[2] - 1}, or -1 where not counted",
            came=f"{tokens.dtype}, from {tokens.min()} to {tokens.max()}",
            do="Number the tokens as the logits do.",
        )
    return logits, tokens.astype(np.int64)
