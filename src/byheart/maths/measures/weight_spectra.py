"""What the spectra of the weights say: the power law of their tail, and what else of Martin and Mahoney (2021).

Each is the plain mean over the linear and convolutional layers, BatchNorm folded in, that have ten eigenvalues; kernels
are matrices. Those whose name begins with `log`, and `alpha-weighted`, are powers of ten already.
"""

from __future__ import annotations

import math

from byheart.errors import InputRefused
from byheart.maths.measures.evidence import Evidence, Inapplicable, Noted
from byheart.maths.spectra import ModelSpectrum, model_spectrum


def alpha(evidence: Evidence) -> Noted:
    """With which power does the spectrum fall off: log alpha?"""
    return _logarithm(evidence, "alpha")


def alpha_weighted(evidence: Evidence) -> Noted:
    """What is alpha log10 lambda_max?"""
    return _mean(evidence, "alpha_weighted")


def log_alpha_norm(evidence: Evidence) -> Noted:
    """What is log10 of the sum of the eigenvalues to the power alpha?"""
    return _mean(evidence, "log_alpha_norm")


def log_norm(evidence: Evidence) -> Noted:
    """What is log10 of the squared Frobenius norm?"""
    return _mean(evidence, "log_norm")


def log_spectral_norm(evidence: Evidence) -> Noted:
    """What is log10 of the largest eigenvalue?"""
    return _mean(evidence, "log_spectral_norm")


def stable_rank(evidence: Evidence) -> Noted:
    """How many directions are as strong as the strongest: log of the stable rank?"""
    return _logarithm(evidence, "stable_rank")


def softrank(evidence: Evidence) -> Noted:
    """Where does the random bulk end, beside the largest eigenvalue: log of the soft rank?"""
    return _logarithm(evidence, "mp_softrank")


def entropy(evidence: Evidence) -> Noted:
    """How evenly are the eigenvalues spread: log of their entropy, 1 at its largest?"""
    return _logarithm(evidence, "entropy")


def distance_to_shuffled(evidence: Evidence) -> Noted:
    """How far is the spectrum from that of the shuffled elements: log of the Jensen-Shannon distance?"""
    return _logarithm(evidence, "rand_distance")


def spikes(evidence: Evidence) -> Noted:
    """How many eigenvalues lie beyond what is random: log of their number?"""
    return _logarithm(evidence, "num_spikes")


def _logarithm(evidence: Evidence, metric: str) -> Noted:
    value, note = _mean(evidence, metric)
    return Noted(math.log(value) if value else -math.inf, note)


def _mean(evidence: Evidence, metric: str) -> Noted:
    found = _spectrum(evidence)
    few = [name for name, layer in found.layers.items() if layer.power.few]
    notes = [f"no spectrum of {', '.join(found.skipped)}: fewer than ten eigenvalues"] if found.skipped else []
    notes += [f"fewer than 50 eigenvalues in {', '.join(few)}"] if few else []
    return Noted(found.mean[metric], "; ".join(notes))


def _spectrum(evidence: Evidence) -> ModelSpectrum:
    if "spectrum" not in evidence.shared:
        try:
            found = model_spectrum(
                {layer.name or "the layer": layer.matrix.detach().numpy() for layer in evidence.layers}
            )
        except InputRefused as refused:
            raise Inapplicable(str(refused)) from refused
        evidence.shared["spectrum"] = found
    return evidence.shared["spectrum"]
