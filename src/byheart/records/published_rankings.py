"""What papers report of each measure of generalisation: the scores that stand beside ours, with their sources.

Figures marked `recalled` were written down from memory and not read again at the source: they are shown as such, and
nothing is judged by them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

from byheart.records.facts import Column, FactTable
from byheart.records.spec import Record

Study = Literal["jiang2020", "dziugaite2020"]
SOURCES: dict[Study, str] = {
    "jiang2020": "Jiang et al. 2020, Fantastic generalization measures and where to find them: more than 10,000 "
    "networks on CIFAR-10, seven hyper-parameters (recalled, not re-read)",
    "dziugaite2020": "Dziugaite et al. 2020, In search of robust measures of generalization: 9,700 networks on "
    "CIFAR-10 and SVHN, 9,242 environments (figure 1, reproduced from the public table by marginal-baseline-eval; "
    "spectral norms are those of the convolution, not of its kernel as a matrix)",
}  # fmt: skip
INTERVENTIONS = ("learning rate", "depth", "width", "training set size", "data set")

# tau, Psi; recalled
_JIANG: dict[str, tuple[float, float]] = {
    "vc-dim": (-0.251, -0.154),
    "params": (-0.175, -0.154),
    "inverse-margin": (0.124, 0.121),
    "neg-entropy": (0.148, 0.124),
    "cross-entropy": (0.149, 0.147),
    "fro-distance": (-0.263, -0.341),
    "spec-orig": (-0.537, -0.434),
    "param-norm": (0.073, 0.052),
    "path-norm": (0.373, 0.311),
    "fisher-rao": (0.078, 0.160),
    "sharpness-orig": (0.400, 0.398),
    "pacbayes-orig": (0.293, 0.360),
    "sharpness-mag-flatness": (0.484, 0.516),
    "pacbayes-mag-flatness": (0.365, 0.315),
    "steps-to-0.1": (-0.264, -0.136),
    "steps-0.1-to-0.01": (-0.088, -0.016),
    "grad-noise-epoch-1": (0.070, 0.098),
    "grad-noise-final": (0.311, 0.292),
    "canonical-ordering": (0.005, 0.588),
    "oracle-0.02": (0.714, 0.487),
    "oracle-0.05": (0.438, 0.256),
}

# mean sign-error, its 90th percentile over environments, then the mean under each of INTERVENTIONS; the largest over
# environments is 1.0 for every one of them
_DZIUGAITE: dict[str, tuple[float, float, float, float, float, float, float]] = {
    "pacbayes-orig": (0.0972, 0.360, 0.012, 0.177, 0.844, 0.000, 0.146),
    "pacbayes-flatness": (0.1024, 0.507, 0.009, 0.197, 0.895, 0.000, 0.134),
    "pacbayes-init": (0.1062, 0.819, 0.026, 0.191, 0.805, 0.000, 0.174),
    "path-norm-over-margin": (0.1217, 0.990, 0.000, 0.208, 0.110, 0.027, 0.487),
    "pacbayes-mag-flatness": (0.1261, 0.520, 0.140, 0.230, 0.155, 0.003, 0.185),
    "path-norm": (0.1274, 1.000, 0.000, 0.208, 0.129, 0.019, 0.557),
    "fro-distance": (0.1404, 1.000, 0.111, 0.199, 0.721, 0.000, 0.293),
    "sum-of-fro": (0.1616, 1.000, 0.000, 0.302, 0.901, 0.000, 0.436),
    "param-norm": (0.1788, 1.000, 0.065, 0.298, 0.796, 0.000, 0.485),
    "sum-of-fro-over-margin": (0.1857, 1.000, 0.000, 0.406, 0.901, 0.000, 0.395),
    "prod-of-fro-over-margin": (0.2986, 1.000, 0.000, 0.791, 0.901, 0.022, 0.395),
    "prod-of-fro": (0.3013, 1.000, 0.000, 0.791, 0.901, 0.017, 0.436),
    "sum-of-spec": (0.3034, 1.000, 0.519, 0.314, 0.644, 0.000, 0.548),
    "fro-over-spec": (0.3115, 1.000, 0.001, 0.803, 0.901, 0.000, 0.552),
    "inverse-margin": (0.3296, 1.000, 0.907, 0.231, 0.183, 0.000, 0.210),
    "sum-of-spec-over-margin": (0.3349, 1.000, 0.568, 0.397, 0.644, 0.000, 0.515),
    "dist-spec-init": (0.3746, 1.000, 0.892, 0.247, 0.817, 0.000, 0.417),
    "pacbayes-mag-orig": (0.4071, 1.000, 0.401, 0.791, 0.901, 0.000, 0.496),
    "pacbayes-mag-init": (0.4173, 1.000, 0.472, 0.791, 0.901, 0.000, 0.418),
    "params": (0.4334, 1.000, 0.500, 0.791, 0.901, 0.000, 0.500),
    "spec-orig-main": (0.5506, 1.000, 0.384, 0.791, 0.760, 0.470, 0.515),
    "spec-init-main": (0.5614, 1.000, 0.413, 0.791, 0.670, 0.500, 0.483),
    "prod-of-spec": (0.5965, 1.000, 0.519, 0.791, 0.644, 0.504, 0.548),
    "prod-of-spec-over-margin": (0.6185, 1.000, 0.568, 0.791, 0.630, 0.546, 0.515),
}

# 100 x conditional information of the competition, by task: Natekar and Sharma 2020, Representation based complexity
# measures, README of the code
_TASKS = (1, 2, 4, 5, 6, 7, 8, 9)
_PGDL: dict[str, tuple[float, ...]] = {
    "davies-bouldin-mixup": (25.22, 22.19, 31.79, 15.92, 43.99, 12.59, 9.24, 25.86),
    "mixup-margin": (1.11, 47.33, 43.22, 34.57, 11.46, 21.98, 1.48, 20.78),
    "augment-margin": (15.66, 48.34, 47.22, 22.82, 8.67, 11.97, 1.28, 15.25),
}

# what the papers and their code call a measure, where it is not the name above but for signs
_ALIASES = {
    "num-params": "params", "number-of-parameters": "params", "1-margin": "inverse-margin", "1-gamma": "inverse-margin",
    "spectral-orig": "spec-orig", "grad-noise-1-epoch": "grad-noise-epoch-1", "fro-dist": "fro-distance",
    "fro-spec": "fro-over-spec", "steps-to-0-1": "steps-to-0.1", "steps-0-1-to-0-01": "steps-0.1-to-0.01",
    "sharpness-mag": "sharpness-mag-flatness", "pacbayes-mag": "pacbayes-mag-flatness",
}  # fmt: skip


class PublishedRecord(Record):
    """What papers report of one measure; None and empty where they do not.

    Attributes:
        tau: Kendall's over all networks, of Jiang et al. 2020; recalled.
        psi: the granulated mean; recalled.
        sign_error: the mean over environments, of Dziugaite et al. 2020.
        sign_error_p90: the 90th percentile.
        sign_error_worst: the largest.
        sign_errors: the mean under each intervention.
        information_pgdl: 100 times the conditional information by task of the competition, of Natekar and Sharma 2020.
    """

    measure: str
    tau: float | None = None
    psi: float | None = None
    sign_error: float | None = None
    sign_error_p90: float | None = None
    sign_error_worst: float | None = None
    sign_errors: dict[str, float] = {}
    information_pgdl: dict[int, float] = {}

    @property
    def fails(self) -> tuple[str, ...]:
        """The interventions under which it was no better than a guess: a mean sign-error of at least 0.5."""
        return tuple(name for name, error in self.sign_errors.items() if error >= 0.5)


def published(measure: str) -> PublishedRecord | None:
    """What papers report of a measure, by our name for it or by that of a paper's table; None where nothing.

    Example:
        >>> published("complexity.log_prod_of_spec_fft").fails
        ('learning rate', 'depth', 'width', 'training set size', 'data set')
        >>> published("path-norm").psi, published("my measure")
        (0.311, None)
    """
    name = plain_name(measure)
    if not any(name in table for table in (_JIANG, _DZIUGAITE, _PGDL)):
        return None
    tau, psi = _JIANG.get(name, (None, None))
    mean, p90, *errors = _DZIUGAITE.get(name, (None, None))
    return PublishedRecord(
        measure=name, tau=tau, psi=psi, sign_error=mean, sign_error_p90=p90, sign_error_worst=1.0 if errors else None,
        sign_errors=dict(zip(INTERVENTIONS, errors)), information_pgdl=dict(zip(_TASKS, _PGDL.get(name, ()))),
    )  # fmt: skip


def published_table(measures: Iterable[str]) -> FactTable:
    """What papers report of these measures, a row for each of which they report something.

    Example:
        >>> published_table(["path-norm", "my measure"]).rows()[0]["fails"]
        'data set'
    """
    found = {one: known for one in measures if (known := published(one)) is not None}
    rows = list(found.values())
    columns: dict[str, Column] = {"measure": tuple(found)}
    for score in ("tau", "psi", "sign_error", "sign_error_p90", "sign_error_worst"):
        columns[score] = tuple(getattr(row, score) for row in rows)
    for name in INTERVENTIONS:
        columns[f"sign_error.{name}"] = tuple(row.sign_errors.get(name) for row in rows)
    tasks = [tuple(row.information_pgdl.values()) for row in rows]
    columns["pgdl_least"] = tuple(min(of, default=None) for of in tasks)
    columns["pgdl_most"] = tuple(max(of, default=None) for of in tasks)
    columns["fails"] = tuple(", ".join(row.fails) if row.sign_errors else None for row in rows)
    return FactTable(values=columns)


def published_measures() -> tuple[str, ...]:
    """The names of all measures that a paper reports.

    Example:
        >>> len(published_measures())
        41
    """
    return tuple(dict.fromkeys([*_JIANG, *_DZIUGAITE, *_PGDL]))


def plain_name(measure: str) -> str:
    """The name of a measure without what only tables of runs write: `complexity.`, `log_`, `_fft`, other signs.

    Example:
        >>> plain_name("complexity.log_sum_of_spec_fft"), plain_name("prod-of-fro/margin"), plain_name("oracle 0.02")
        ('sum-of-spec', 'prod-of-fro-over-margin', 'oracle-0.02')
    """
    name = measure.lower().removeprefix("complexity.").replace("/margin", "-over-margin")
    name = re.sub(r"[^a-z0-9.]+", "-", name).strip("-").removeprefix("log-").removesuffix("-fft")
    return _ALIASES.get(name, name)
