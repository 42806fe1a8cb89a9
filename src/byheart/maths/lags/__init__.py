"""How far back a series must be remembered, and how far back a model remembers: lags, delays, dimensions, windows."""

from byheart.maths.lags.delayed_information import Delay, delay
from byheart.maths.lags.embedding import Embedding, cao
from byheart.maths.lags.given_series import given_series
from byheart.maths.lags.predictive_gain import GainCurve, gain, gain_curve

__all__ = ["Delay", "Embedding", "GainCurve", "cao", "delay", "gain", "gain_curve", "given_series"]
