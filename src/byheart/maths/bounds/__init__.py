"""Certificates: bounds on the true risk that hold with a stated confidence. They bound; they do not rank."""

from byheart.maths.bounds.binary_kl import binary_kl, kl_inverse, kl_inverse_below
from byheart.maths.bounds.compressed_size import compressed, description_nats
from byheart.maths.bounds.hold_out import hold_out
from byheart.maths.bounds.monte_carlo import Estimate, sampled_risk
from byheart.maths.bounds.pac_bayes import catoni, mcallester, seeger, seeger_below
from byheart.maths.bounds.prior_widths import gaussian_kl, prior_widths, united
from byheart.maths.bounds.subsampled_tokens import (
    all_evaluated,
    smoothed_at_most,
    smoothed_bits,
    smoothed_range,
    subsampled,
)

__all__ = [
    "Estimate", "all_evaluated", "binary_kl", "catoni", "compressed", "description_nats", "gaussian_kl", "hold_out",
    "kl_inverse", "kl_inverse_below", "mcallester", "prior_widths", "sampled_risk", "seeger", "seeger_below",
    "smoothed_at_most", "smoothed_bits", "smoothed_range", "subsampled", "united",
]  # fmt: skip
