"""Orbits: what can be said of a dynamical system from its step, and of a generated orbit beside a true one."""

from byheart.maths.orbits.floors import Floor, Score, floor_band, replay_null, score
from byheart.maths.orbits.free_runs import PredictionError, free_runs, prediction_error
from byheart.maths.orbits.frequencies import spectrum_distance
from byheart.maths.orbits.kinds import Orbit, classify
from byheart.maths.orbits.leak import Leak, leaked
from byheart.maths.orbits.lyapunov import Spectrum, kaplan_yorke, lyapunov_spectrum
from byheart.maths.orbits.mixture import Mixture, mixture_divergence
from byheart.maths.orbits.replayed import Novelty, novelty
from byheart.maths.orbits.state_space import state_divergence
from byheart.maths.orbits.surrogates import denoised, phase_surrogate, replay, time_shuffle
from byheart.maths.orbits.valid_time import ValidTime, valid_prediction_time
from byheart.maths.orbits.wasserstein import sliced_wasserstein

__all__ = [
    "Floor",
    "Leak",
    "Mixture",
    "Novelty",
    "Orbit",
    "PredictionError",
    "Score",
    "Spectrum",
    "ValidTime",
    "classify",
    "denoised",
    "floor_band",
    "free_runs",
    "kaplan_yorke",
    "leaked",
    "lyapunov_spectrum",
    "mixture_divergence",
    "novelty",
    "phase_surrogate",
    "prediction_error",
    "replay",
    "replay_null",
    "score",
    "sliced_wasserstein",
    "spectrum_distance",
    "state_divergence",
    "time_shuffle",
    "valid_prediction_time",
]
