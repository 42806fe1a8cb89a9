"""Weight spectrum: what the eigenvalues of W'W of a layer say of it, and the mean of that over the layers of a model.

W (N, M), N >= M, lambda_1 .. lambda_M the eigenvalues of W'W without 1/N. Elements that are independent with variance
s^2 give a bulk that ends at lambda_plus = s^2 (sqrt N + sqrt M)^2 (Marchenko, Pastur 1967), and a largest eigenvalue of
s^2 (mu + tw sigma), mu = (sqrt(N - 1) + sqrt M)^2, sigma = (sqrt(N - 1) + sqrt M)(1/sqrt(N - 1) + 1/sqrt M)^(1/3), tw
from the Tracy-Widom law of order 1 (Johnstone 2001).

Reference: Martin, Mahoney 2021, "Implicit self-regularization in deep neural networks", JMLR 22; Martin, Peng, Mahoney
2021, "Predicting trends in the quality of state-of-the-art neural networks without access to training or testing data",
Nature Communications 12; Johnstone 2001, "On the distribution of the largest eigenvalue in principal components
analysis", Annals of Statistics 29, theorem 1.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from byheart.errors import InputRefused
from byheart.maths.inputs import array
from byheart.maths.shapes import Float, Given
from byheart.maths.spectra.power_tail import LEAST, ZERO, PowerLaw, power_law
from byheart.seeds import stream

TRACY_WIDOM_99 = 2.0234  # the 99 % quantile of the Tracy-Widom law of order 1 (Bejan 2005, table)


@dataclass(frozen=True)
class LayerSpectrum:
    """What the eigenvalues lambda of W'W of one layer say.

    Attributes:
        power: the power law of their upper end.
        alpha: its exponent.
        alpha_weighted: alpha log10 lambda_max.
        log_alpha_norm: log10 sum lambda^alpha.
        log_norm: log10 sum lambda, the squared Frobenius norm.
        log_spectral_norm: log10 lambda_max.
        stable_rank: sum lambda / lambda_max.
        mp_softrank: lambda_plus / lambda_max, the edge of the random bulk over the largest.
        entropy: -sum p log p / log rank, p = lambda / sum lambda; 1 where all are equal.
        rand_distance: Jensen-Shannon distance [sqrt nats] between p and the same of the elements shuffled.
        num_spikes: eigenvalues beyond what 99 % of random matrices have as their largest.
        size: (N, M).
    """

    power: PowerLaw
    alpha: float
    alpha_weighted: float
    log_alpha_norm: float
    log_norm: float
    log_spectral_norm: float
    stable_rank: float
    mp_softrank: float
    entropy: float
    rand_distance: float
    num_spikes: int
    size: tuple[int, int]


METRICS = tuple(field.name for field in fields(LayerSpectrum) if field.name not in ("power", "size"))


@dataclass(frozen=True)
class ModelSpectrum:
    """The layers that have a spectrum, their plain means, and why the others have none.

    Attributes:
        layers: by name.
        mean: metric -> its mean over the layers.
        skipped: layer -> why.
    """

    layers: dict[str, LayerSpectrum]
    mean: dict[str, float]
    skipped: dict[str, str]


def layer_spectrum(weight: Given[Any, "r d"], least: int = LEAST, seed: int = 0) -> LayerSpectrum:
    r"""What does the spectrum of this weight matrix say?

    The attributes of `LayerSpectrum` are the formulas. A kernel of a convolution is one matrix, (channels out, channels
    in x its area). The poles have no part in it: they have no weights.

    Args:
        weight: (r, d) the matrix.
        least: eigenvalues without which nothing is said.
        seed: of the shuffle for `rand_distance`.

    Returns:
        `LayerSpectrum`.

    Raises:
        InputRefused: NaN or infinity, fewer than `least` positive eigenvalues, all of them equal.

    Cost: two singular value decompositions and M^2 operations. Fails when: the matrix is small (`power.few`).
    Reference: Martin, Mahoney 2021; Johnstone 2001, theorem 1.1 (titles at the head of the file).

    >>> found = layer_spectrum(np.diag(np.arange(1.0, 13.0)))
    >>> round(found.stable_rank, 3), found.size
    (4.514, (12, 12))
    """
    w = array(weight, "the weight matrix", "rd").astype(np.float64)
    w = w if len(w) >= w.shape[1] else w.T
    values = eigenvalues_of(w)
    power = power_law(values, least)
    # sorted first, so that the order of rows and columns, which says nothing, changes nothing
    shuffled = stream(seed, "spectra", "shuffle").permutation(np.sort(w, None)).reshape(w.shape)
    top, total = float(values[-1]), float(values.sum())
    spread, spikes = _bulk(values, len(w))
    with_rank = values[values > ZERO * top]
    p = with_rank / total
    logs = power.alpha * np.log10(with_rank)
    return LayerSpectrum(
        power=power,
        alpha=power.alpha,
        alpha_weighted=power.alpha * float(np.log10(top)),
        log_alpha_norm=float(logs.max() + np.log10((10 ** (logs - logs.max())).sum())),
        log_norm=float(np.log10(total)),
        log_spectral_norm=float(np.log10(top)),
        stable_rank=total / top,
        mp_softrank=spread * (len(w) ** 0.5 + w.shape[1] ** 0.5) ** 2 / top,
        entropy=float(-(p * np.log(p)).sum() / np.log(len(p))),
        rand_distance=_jensen_shannon(values, eigenvalues_of(shuffled)),
        num_spikes=spikes,
        size=(len(w), w.shape[1]),
    )


def model_spectrum(weights: Mapping[str, Any], least: int = LEAST, seed: int = 0) -> ModelSpectrum:
    r"""What do the spectra of the weight matrices of a model say, on average?

    The plain mean of each metric over the layers. The poles have no part in it: they have no weights.

    Args:
        weights: layer -> its matrix (r, d), or the kernel of a convolution (channels out, channels in, ...).
        least: positive eigenvalues without which a layer is left out.
        seed: of the shuffles.

    Returns:
        `ModelSpectrum`: also the layers one by one, and why others were left out.

    Raises:
        InputRefused: no layer has a spectrum; NaN or infinity, the layer named.

    Cost: as `layer_spectrum`, for each layer. Fails when: layers of very different sizes are averaged.
    Reference: Martin, Peng, Mahoney 2021 (title at the head of the file).

    >>> rng = np.random.default_rng(0)
    >>> found = model_spectrum({"in": rng.normal(size=(60, 60)), "out": rng.normal(size=(4, 60))})
    >>> sorted(found.layers), found.skipped
    (['in'], {'out': 'expected at least 10 positive eigenvalues, got 4. Leave this layer out, or lower least=.'})
    """
    layers, skipped = {}, {}
    for name, weight in weights.items():
        matrix = array(weight, f"the weights {name}", "rd" if np.ndim(weight) < 3 else "rdhwt"[: np.ndim(weight)])
        try:
            layers[name] = layer_spectrum(matrix.reshape(len(matrix), -1), least, seed)
        except InputRefused as refused:  # NaN and shapes were refused above: too few eigenvalues, or equal ones
            skipped[name] = str(refused)
    if not layers:
        raise InputRefused(
            expected=f"a layer with at least {least} positive eigenvalues", came=", ".join(map(str, skipped)) or "none",
            do="A power law of fewer says nothing.",
        )  # fmt: skip
    mean = {metric: float(np.mean([getattr(one, metric) for one in layers.values()])) for metric in METRICS}
    return ModelSpectrum(layers, mean, skipped)


def eigenvalues_of(weight: Float[np.ndarray, "r d"]) -> Float[np.ndarray, " m"]:
    """What are the eigenvalues of W'W (or WW', the smaller), ascending?"""
    return np.sort(np.linalg.svd(weight, compute_uv=False) ** 2)


def _bulk(values: np.ndarray, n: int) -> tuple[float, int]:
    """Variance s^2 of the random part of the elements, and how many eigenvalues lie beyond it.

    From the sum of the eigenvalues that are no spikes, over the degrees of freedom that the spikes leave; spikes are
    taken out until none is added.
    """
    m, spikes = len(values), 0
    root = (n - 1) ** 0.5 + m**0.5
    edge = root**2 + TRACY_WIDOM_99 * root * (1 / (n - 1) ** 0.5 + 1 / m**0.5) ** (1 / 3)
    while True:
        spread = float(values[: m - spikes].sum()) / (n * (m - spikes))
        beyond = int((values > spread * edge).sum())
        if beyond <= spikes or beyond == m:
            return spread, spikes
        spikes = beyond


def _jensen_shannon(a: np.ndarray, b: np.ndarray) -> float:
    """sqrt of the mean of KL(p || m) and KL(q || m), m their mean, of two spectra as shares of their sums."""
    p, q = a / a.sum(), b / b.sum()
    middle = (p + q) / 2
    apart = [np.where(one > 0, one * np.log(np.where(one > 0, one, 1) / middle), 0).sum() for one in (p, q)]
    return float(max(np.mean(apart), 0) ** 0.5)
