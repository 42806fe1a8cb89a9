"""The table of measures: name, number in Jiang et al. 2020, equation, what each needs, and the function.

A function of `Evidence` gives the natural logarithm of the measure, in which products do not overflow; where a measure
has none (`logarithm=False`: it can be negative) it gives the value.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from byheart.maths.measures import (
    adaptive_sharpness,
    curvature_measures,
    disagreement,
    flatness,
    gradient_measures,
    margins,
    norms,
    optimisation_log,
    path_norm,
    representation,
    size,
    spectral,
    weight_spectra,
)
from byheart.maths.measures.evidence import Evidence, Input, Noted

WEIGHTS: tuple[Input, ...] = ("weights",)
BOTH: tuple[Input, ...] = ("weights", "initial weights")
DATA: tuple[Input, ...] = ("weights", "data")
ALL: tuple[Input, ...] = ("weights", "initial weights", "data")
GRADIENTS: tuple[Input, ...] = ("weights", "data", "gradients")  # of each example: they cost what training costs
SEARCH: tuple[Input, ...] = ("weights", "data", "search")
LOG: tuple[Input, ...] = ("training log",)
START: tuple[Input, ...] = ("weights", "initial weights", "data", "search")


class Row(NamedTuple):
    """One measure."""

    function: Callable[[Evidence], float | Noted]
    needs: tuple[Input, ...]
    number: int | None = None  # in table 1.2 of Jiang et al. 2020, appendix C; None of later ones
    equation: int | None = None
    logarithm: bool = True
    unit: str = "nats"  # of one without a logarithm; log10 where its value is one already


ROWS: dict[str, Row] = {
    "vc-dim": Row(size.vc_dimension, WEIGHTS, 1, 19),
    "params": Row(size.parameters, WEIGHTS, 2, 20),
    "cross-entropy": Row(margins.cross_entropy, DATA, 3, 21),
    "inverse-margin": Row(margins.inverse_margin, DATA, 4, 22),
    "neg-entropy": Row(margins.negative_entropy, DATA, 5, 23, logarithm=False),
    "spec-init": Row(spectral.spec_init, ALL, 6, 25),
    "spec-orig": Row(spectral.spec_orig, DATA, 7, 26),
    "spec-init-main": Row(spectral.spec_init_main, ALL, 8, 29),
    "spec-orig-main": Row(spectral.spec_orig_main, DATA, 9, 30),
    "prod-of-spec-over-margin": Row(spectral.prod_of_spec_over_margin, DATA, 10, 31),
    "prod-of-spec": Row(spectral.prod_of_spec, WEIGHTS, 11, 32),
    "fro-over-spec": Row(spectral.fro_over_spec, WEIGHTS, 12, 33),
    "sum-of-spec-over-margin": Row(spectral.sum_of_spec_over_margin, DATA, 13, 34),
    "sum-of-spec": Row(spectral.sum_of_spec, WEIGHTS, 14, 35),
    "prod-of-fro-over-margin": Row(norms.prod_of_fro_over_margin, DATA, 15, 36),
    "prod-of-fro": Row(norms.prod_of_fro, WEIGHTS, 16, 37),
    "sum-of-fro-over-margin": Row(norms.sum_of_fro_over_margin, DATA, 17, 38),
    "sum-of-fro": Row(norms.sum_of_fro, WEIGHTS, 18, 39),
    "fro-distance": Row(norms.fro_distance, BOTH, 19, 40),
    "dist-spec-init": Row(spectral.dist_spec_init, BOTH, 20, 41),
    "param-norm": Row(norms.param_norm, WEIGHTS, 21, 42),
    "path-norm-over-margin": Row(path_norm.path_norm_over_margin, DATA, 22, 43),
    "path-norm": Row(path_norm.path_norm, WEIGHTS, 23, 44),
    "fisher-rao": Row(gradient_measures.fisher_rao, GRADIENTS, 24, 45),
    "pacbayes-init": Row(flatness.pacbayes_init, START, 25, 48),
    "pacbayes-orig": Row(flatness.pacbayes_orig, SEARCH, 26, 49),
    "sharpness-init": Row(flatness.sharpness_init, START, 27, 51),
    "sharpness-orig": Row(flatness.sharpness_orig, SEARCH, 28, 52),
    "pacbayes-flatness": Row(flatness.pacbayes_flatness, SEARCH, 29, 53),
    "sharpness-flatness": Row(flatness.sharpness_flatness, SEARCH, 30, 54),
    "pacbayes-mag-init": Row(flatness.pacbayes_mag_init, START, 31, 56),
    "pacbayes-mag-orig": Row(flatness.pacbayes_mag_orig, START, 32, 57, logarithm=False),
    "sharpness-mag-init": Row(flatness.sharpness_mag_init, START, 33, 59),
    "sharpness-mag-orig": Row(flatness.sharpness_mag_orig, START, 34, 60, logarithm=False),
    "pacbayes-mag-flatness": Row(flatness.pacbayes_mag_flatness, SEARCH, 35, 61),
    "sharpness-mag-flatness": Row(flatness.sharpness_mag_flatness, SEARCH, 36, 62),
    "steps-to-0.1": Row(optimisation_log.steps_to_a_tenth, LOG, 37, 63),
    "steps-0.1-to-0.01": Row(optimisation_log.steps_from_a_tenth, LOG, 38, 64),
    "grad-noise-epoch-1": Row(gradient_measures.noise_after_first_epoch, ("data", "gradients", "training log"), 39, 65),
    "grad-noise-final": Row(gradient_measures.noise_at_end, GRADIENTS, 40, 66),
    # of Dziugaite et al. 2020
    "l2": Row(norms.length, WEIGHTS),
    "l2-distance": Row(norms.length_of_move, BOTH),
    # of Andriushchenko et al. 2023
    "adaptive-sharpness-average": Row(adaptive_sharpness.average, SEARCH, logarithm=False),
    "adaptive-sharpness-worst": Row(adaptive_sharpness.worst, SEARCH, logarithm=False),
    # of Natekar and Sharma 2020
    "davies-bouldin-mixup": Row(representation.mixup_error, DATA),
    "mixup-margin": Row(representation.mixup_margin, DATA, logarithm=False, unit="ratio"),
    # of Jiang, Nagarajan, Baek and Kolter 2022
    "disagreement": Row(disagreement.of_two_runs, ("weights", "second run")),
    # of Martin and Mahoney 2021
    "alpha": Row(weight_spectra.alpha, WEIGHTS),
    "alpha-weighted": Row(weight_spectra.alpha_weighted, WEIGHTS, logarithm=False, unit="log10"),
    "log-alpha-norm": Row(weight_spectra.log_alpha_norm, WEIGHTS, logarithm=False, unit="log10"),
    "log-norm": Row(weight_spectra.log_norm, WEIGHTS, logarithm=False, unit="log10"),
    "log-spectral-norm": Row(weight_spectra.log_spectral_norm, WEIGHTS, logarithm=False, unit="log10"),
    "stable-rank": Row(weight_spectra.stable_rank, WEIGHTS),
    "mp-softrank": Row(weight_spectra.softrank, WEIGHTS),
    "spectral-entropy": Row(weight_spectra.entropy, WEIGHTS),
    "rand-distance": Row(weight_spectra.distance_to_shuffled, WEIGHTS),
    "num-spikes": Row(weight_spectra.spikes, WEIGHTS),
    # of Thomas et al. 2020
    "hessian-trace": Row(curvature_measures.hessian_trace, GRADIENTS, logarithm=False),
    "hessian-top-eigenvalue": Row(curvature_measures.hessian_top, GRADIENTS, logarithm=False),
    "ggn-trace": Row(curvature_measures.gauss_newton_trace, GRADIENTS),
    "ggn-top-eigenvalue": Row(curvature_measures.gauss_newton_top, GRADIENTS),
    "fisher-trace": Row(curvature_measures.fisher_trace, GRADIENTS),
    "fisher-top-eigenvalue": Row(curvature_measures.fisher_top, GRADIENTS),
    "gradient-covariance-trace": Row(curvature_measures.gradient_covariance_trace, GRADIENTS),
    "takeuchi": Row(curvature_measures.takeuchi_trace, GRADIENTS),
}
# and the spectral measures again, of the operator of a convolution
EXACT = {
    f"{name}-fft": row._replace(function=spectral.of_operator(row.function), number=None)
    for name, row in ROWS.items()
    if row.function.__module__ == spectral.__name__
}
ROWS |= EXACT
NAMES = tuple(ROWS)
