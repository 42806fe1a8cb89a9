"""Orbits: what can be said of a dynamical system from its step, and of a generated orbit beside a true one."""

from byheart.maths.orbits.frequencies import spectrum_distance
from byheart.maths.orbits.lyapunov import Spectrum, kaplan_yorke, lyapunov_spectrum
from byheart.maths.orbits.replayed import Novelty, novelty
from byheart.maths.orbits.state_space import state_divergence

__all__ = [
    "Novelty",
    "Spectrum",
    "kaplan_yorke",
    "lyapunov_spectrum",
    "novelty",
    "spectrum_distance",
    "state_divergence",
]
