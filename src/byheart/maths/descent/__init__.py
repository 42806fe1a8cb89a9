"""Double descent in closed form: the risk of least squares, random features and two-speed descent; what it is over."""

from byheart.maths.descent.peaks import peak
from byheart.maths.descent.random_features import optimal_random_features_ridge, random_features_risk
from byheart.maths.descent.ridgeless import optimal_ridge, ridge_risk, ridgeless_risk
from byheart.maths.descent.smoothers import effective_parameters, ridge_smoother
from byheart.maths.descent.two_scales import two_scale_risk

__all__ = [
    "effective_parameters",
    "optimal_random_features_ridge",
    "optimal_ridge",
    "peak",
    "random_features_risk",
    "ridge_risk",
    "ridge_smoother",
    "ridgeless_risk",
    "two_scale_risk",
]
