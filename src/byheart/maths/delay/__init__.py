"""Delayed generalization: when is something learned for good, and by which frequencies of a cyclic table?"""

from byheart.maths.delay.cyclic_power import frequency_power, gini, gini_of_noise
from byheart.maths.delay.held_steps import first_held, gap_over_log_steps, highest_held, log_steps, typical_step
from byheart.maths.delay.sum_logits import key_frequencies, sum_means, with_frequencies, without_frequencies

__all__ = [
    "first_held",
    "frequency_power",
    "gap_over_log_steps",
    "gini",
    "gini_of_noise",
    "highest_held",
    "key_frequencies",
    "log_steps",
    "sum_means",
    "typical_step",
    "with_frequencies",
    "without_frequencies",
]
