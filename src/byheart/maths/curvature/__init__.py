"""Curvature of the loss around the weights of a model: its largest eigenvalues, its trace, how its spectrum is spread.

A file a quantity. `byheart.maths.attribution.curvature` solves with the same matrices; here they are described.
"""

from byheart.maths.curvature.extreme_eigenvalues import top_eigenvalues
from byheart.maths.curvature.marginal_likelihood import LaplaceEvidence, log_evidence
from byheart.maths.curvature.spectral_density import Density, density
from byheart.maths.curvature.takeuchi import takeuchi
from byheart.maths.curvature.trace_estimate import Estimate, trace

__all__ = ["Density", "Estimate", "LaplaceEvidence", "density", "log_evidence", "takeuchi", "top_eigenvalues", "trace"]
