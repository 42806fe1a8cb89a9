"""Orbits: what can be said of a dynamical system from its step, and of a generated orbit beside a true one."""

from byheart.maths.orbits.frequencies import spectrum_distance
from byheart.maths.orbits.lyapunov import Spectrum, kaplan_yorke, lyapunov_spectrum
from byheart.maths.orbits.mixture import Mixture, mixture_divergence
from byheart.maths.orbits.replayed import Novelty, novelty
from byheart.maths.orbits.state_space import state_divergence
from byheart.maths.orbits.surrogates import denoised, phase_surrogate, replay, time_shuffle
from byheart.maths.orbits.wasserstein import sliced_wasserstein

__all__ = [
    "Mixture",
    "Novelty",
    "Spectrum",
    "denoised",
    "kaplan_yorke",
    "lyapunov_spectrum",
    "mixture_divergence",
    "novelty",
    "phase_surrogate",
    "replay",
    "sliced_wasserstein",
    "spectrum_distance",
    "state_divergence",
    "time_shuffle",
]
