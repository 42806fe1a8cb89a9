"""What of a model's logits follows from a + b (mod p) alone, and by which frequencies?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from byheart.errors import InputRefused
from byheart.maths.inputs import array, class_labels
from byheart.maths.shapes import Float, Given


def sum_means(logits: Given[Any, "n k"], sums: Given[Any, " n"], p: int) -> Float[np.ndarray, "p k"]:
    r"""Which function of the sum a + b (mod p) alone is nearest to the logits?

    M_s = mean over the rows with a + b = s of z - mean_c z_c: the least squares fit of a function of the sum, and, over
    the whole table, the terms cos(w_k (a + b)) and sin(w_k (a + b)) of its two-dimensional Fourier transform with the
    constant one. A sum that no row has gets the mean of the others. Unit of the logits.

    Args:
        logits: (n, k) of n pairs (a, b).
        sums: (n,) a + b mod p.
        p: the modulus.

    Returns:
        (p, k) means; each row sums to 0.

    Raises:
        InputRefused: shapes that do not fit, or sums outside 0..p - 1.

    Cost: n k. Fails when: few rows have a sum, and the mean is that of what the model says of single pairs.

    Reference: Nanda et al. 2023, Progress measures for grokking via mechanistic interpretability, section 5.1.

    >>> sum_means([[1.0, 3.0], [3.0, 5.0], [0.0, 0.0]], [0, 0, 1], 2)
    array([[-1.,  1.],
           [ 0.,  0.]])
    """
    z = array(logits, "logits", "nk").astype(np.float64)
    s = class_labels(sums, len(z), p)
    z = z - z.mean(1, keepdims=True)
    count = np.bincount(s, minlength=p)
    total = np.eye(p)[s].T @ z
    means = total / np.maximum(count, 1)[:, None]
    means[count == 0] = means[count > 0].mean(0)
    return means


def key_frequencies(means: Given[Any, "p k"], most: int = 5) -> tuple[int, ...]:
    r"""Which few frequencies of the sum carry most of the logits?

    The `most` frequencies k = 1..p // 2 of largest sum_c |sum_s M_(s c) exp(-2 pi i k s / p)|^2, the largest first.

    Args:
        means: (p, k) of `sum_means`.
        most: how many.

    Returns:
        Frequencies; as many as there are where these are fewer.

    Raises:
        InputRefused: fewer than 4 sums.

    Cost: p k ln p. Fails when: power is spread evenly: any five are then the first.

    Reference: Nanda et al. 2023, section 4.1 (five key frequencies).

    >>> key_frequencies(np.cos(2 * np.pi * np.outer(np.arange(11), [3, 3]) / 11), 1)
    (3,)
    """
    m = array(means, "means", "pk").astype(np.float64)
    if len(m) < 4:
        raise InputRefused("means of at least 4 sums", f"{len(m)}", "Fewer have one frequency.")
    power = np.square(np.abs(np.fft.rfft(m, axis=0))).sum(1)[1:]
    return tuple(int(k) + 1 for k in np.argsort(-power, kind="stable")[:most])


def with_frequencies(means: Given[Any, "p k"], frequencies: Sequence[int]) -> Float[np.ndarray, "p k"]:
    r"""What do logits say of each sum when the constant and these frequencies of it are all that is kept?

    The inverse transform of the terms 0 and +-k for k in `frequencies`. The loss of this is the restricted loss: where
    the frequencies are how a model computes sums, it is low on all pairs, seen or not.

    Args:
        means: (p, k) of `sum_means`.
        frequencies: those kept, from 1 to p // 2.

    Returns:
        (p, k) logits of each sum.

    Raises:
        InputRefused: a frequency outside 1..p // 2.

    Cost: p k ln p. Fails when: the frequencies were chosen on a model that has learned none: its loss is that of a
    guess.

    Reference: Nanda et al. 2023, section 5.1 (restricted loss).

    >>> wave = np.cos(2 * np.pi * np.outer(np.arange(11), [3, 3]) / 11)
    >>> bool(np.allclose(with_frequencies(wave, [3]), wave)), bool(np.allclose(with_frequencies(wave, [2]), 0))
    (True, True)
    """
    m = array(means, "means", "pk").astype(np.float64)
    terms = np.fft.rfft(m, axis=0)
    wrong = [k for k in frequencies if not 1 <= k < len(terms)]
    if wrong:
        raise InputRefused(f"frequencies from 1 to {len(terms) - 1}", f"{wrong}", "Take those of `key_frequencies`.")
    kept = np.zeros((len(terms), 1))
    kept[[0, *frequencies]] = 1
    return np.fft.irfft(terms * kept, n=len(m), axis=0)


def without_frequencies(
    logits: Given[Any, "n k"], sums: Given[Any, " n"], means: Given[Any, "p k"], frequencies: Sequence[int]
) -> Float[np.ndarray, "n k"]:
    r"""What do logits say of pairs when these frequencies of their sum are taken away?

    z - sum over k in `frequencies` of the terms +-k of M at a + b. The loss of this on the training pairs is the
    excluded loss: it stays low as long as they are known by heart, and rises when the sum is computed instead.

    Args:
        logits: (n, k) of n pairs.
        sums: (n,) a + b mod p of each.
        means: (p, k) of `sum_means`, of the same model.
        frequencies: those taken away.

    Returns:
        (n, k) logits.

    Raises:
        InputRefused: as `with_frequencies`.

    Cost: p k ln p + n k. Fails when: the frequencies were chosen on a model that has learned none.

    Reference: Nanda et al. 2023, section 5.1 (excluded loss).

    >>> wave = np.cos(2 * np.pi * np.outer(np.arange(11), [3, 3]) / 11)
    >>> bool(np.allclose(without_frequencies(wave, np.arange(11), wave, [3]), 0))
    True
    """
    m = array(means, "means", "pk").astype(np.float64)
    taken = with_frequencies(m, frequencies) - m.mean(0)
    z = array(logits, "logits", "nk").astype(np.float64)
    return z - taken[class_labels(sums, len(z), len(m))]
