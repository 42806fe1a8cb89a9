"""Kernels of a network: of infinite width, and the tangent kernel of a model as it stands.

Machines on either, how far the kernel moved in training, and the model that never leaves its first derivative.
"""

from byheart.maths.kernels.infinite_width import WidthLimit, infinite_relu
from byheart.maths.kernels.kernel_change import (
    alignment,
    effective_rank,
    kernel_distance,
    kernel_velocity,
    relative_motion,
)
from byheart.maths.kernels.kernel_machines import SupportVectors, normalised, ridge_predictions, support_vectors
from byheart.maths.kernels.linearisation import linearised
from byheart.maths.kernels.tangent_kernel import tangent, trace_of_outputs

__all__ = [
    "SupportVectors", "WidthLimit", "alignment", "effective_rank", "infinite_relu", "kernel_distance",
    "kernel_velocity", "linearised", "normalised", "relative_motion", "ridge_predictions", "support_vectors", "tangent",
    "trace_of_outputs",
]  # fmt: skip
