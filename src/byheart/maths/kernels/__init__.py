"""Kernels of a network: of infinite width, and the tangent kernel of a model as it stands; machines on either."""

from byheart.maths.kernels.infinite_width import WidthLimit, infinite_relu
from byheart.maths.kernels.kernel_machines import SupportVectors, normalised, ridge_predictions, support_vectors
from byheart.maths.kernels.tangent_kernel import tangent, trace_of_outputs

__all__ = [
    "SupportVectors", "WidthLimit", "infinite_relu", "normalised", "ridge_predictions", "support_vectors", "tangent",
    "trace_of_outputs",
]  # fmt: skip
