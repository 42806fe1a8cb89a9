"""Spectra of weight matrices: the power law of their upper end, and what else their eigenvalues say."""

from byheart.maths.spectra.power_tail import PowerLaw, power_law
from byheart.maths.spectra.weight_spectrum import LayerSpectrum, ModelSpectrum, layer_spectrum, model_spectrum

__all__ = ["LayerSpectrum", "ModelSpectrum", "PowerLaw", "layer_spectrum", "model_spectrum", "power_law"]
