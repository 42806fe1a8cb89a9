"""How far back a series must be remembered, and how far back a model remembers: lags, delays, dimensions, windows."""

from byheart.maths.lags.delayed_information import Delay, delay
from byheart.maths.lags.embedding import Embedding, cao
from byheart.maths.lags.fading_memory import Fading, fading_memory
from byheart.maths.lags.given_series import given_series
from byheart.maths.lags.gradient_by_lag import GradientSlope, TimeConstants, gradient_by_lag, time_constants
from byheart.maths.lags.markov_order import MarkovOrder, markov_order
from byheart.maths.lags.memory_capacity import Capacity, by_degree, linear_capacity, processing_capacity
from byheart.maths.lags.needed_window import Needed, WindowCode, needed
from byheart.maths.lags.predictive_gain import GainCurve, gain, gain_curve
from byheart.maths.lags.truncated_window import truncation
from byheart.maths.lags.truncation_curve import Truncation, truncation_curve
from byheart.maths.lags.window_price import WindowPrice, window_price

__all__ = [
    "Capacity", "Delay", "Embedding", "Fading", "GainCurve", "GradientSlope", "MarkovOrder", "Needed", "TimeConstants",
    "Truncation", "WindowCode", "WindowPrice", "by_degree", "cao", "delay", "fading_memory", "gain", "gain_curve",
    "given_series", "gradient_by_lag", "linear_capacity", "markov_order", "needed", "processing_capacity",
    "time_constants", "truncation", "truncation_curve", "window_price",
]  # fmt: skip
