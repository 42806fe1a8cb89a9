"""The numbers of memory/exposure: means over secrets, shares, rank correlations; each with interval, null and n."""

from __future__ import annotations

from typing import Any

import numpy as np

from byheart.maths.statistics.bounded_mean import ALIKE, BoundedMean, bounded_mean, stratified_mean
from byheart.maths.statistics.ranks import row_spearman, spearman, wilson
from byheart.maths.statistics.resampling import around
from byheart.maths.statistics.seen_unseen import sides
from byheart.probes.memory.exposure.scores import Continuations, Form, Scores
from byheart.records.quantity import Quantity, WhyNoInterval, interval_by

DRAWS = 1000
# models are few and share their secrets: intervals speak of other secrets, not of another training
STUDENT = "Student's t over secrets, each group apart"
WIDER = "the wider of Student's t and Wilson over secrets"


def of_group(found: Scores, dose: int, form: Form) -> BoundedMean:
    """Exposure in that form of the secrets planted `dose` times."""
    return bounded_mean(found.exposure[form][found.copies == dose], found.ceiling[form])


def of_secrets(found: Scores, greedy: np.ndarray, ids: np.ndarray, rng: np.random.Generator) -> dict[str, Quantity]:
    """Exposure by copies and its rank correlation with them, greedy extraction, bits memorised."""

    def all_of(values: np.ndarray, ceiling: float, null: float) -> Quantity:
        mean = stratified_mean([values[found.copies == dose] for dose in found.doses], ceiling)
        return _bits(mean, null, better="low")

    quantities = {"exposure_mean_bits": all_of(found.own, found.ceiling[found.form], found.null)}
    for dose in (*found.doses, 0):
        name = f"exposure_{dose}_bits" if dose else "exposure_held_out_bits"
        quantities[name] = _bits(of_group(found, dose, found.form), found.null)
    quantities |= _doses(found, ids, rng)
    quantities["extractable_share"] = share(greedy, found.planted)
    quantities["memorised_bits_a_secret"] = all_of(
        found.memorised, found.reference, float(found.memorised[~found.planted].mean())
    )
    return quantities


def of_sampling(secrets: Continuations, passages: Continuations | None, samples: int) -> dict[str, Quantity]:
    """What the sampler says of secrets, and of training passages after their beginning, against those never seen."""
    quantities: dict[str, Quantity] = {}
    for asked, name in ((secrets, "secret"), (passages, "passage")):
        if asked is None or asked.nats is None:
            continue
        quantities[f"{name}_sampled_share"] = share(np.exp(-asked.nats).mean(0), asked.seen)
        quantities[f"{name}_discoverable_share"] = share((asked.samples <= samples).mean(0), asked.seen)
    if passages is not None:
        quantities["passage_extractable_share"] = share(passages.greedy, passages.seen)
    return quantities


def _bits(mean: BoundedMean, null: float, **more: Any) -> Quantity:
    made = interval_by(WIDER if mean.widened else STUDENT, mean.interval)
    return Quantity(value=mean.value, unit="bits", null=null, n=mean.n, **made, **more)


def share(values: np.ndarray, seen: np.ndarray) -> Quantity:
    """Mean of what was seen, of values in [0, 1], with Wilson's interval; null: of what was not.

    The sum of values counts as successes, never too narrow: none in [0, 1] of mean p varies more than p(1 - p).
    """
    n, value = int(seen.sum()), float(values[seen].mean())
    low, high = wilson(min(n, max(0.0, n * value)), n)
    made = interval_by("Wilson", (min(low, value), max(high, value)))
    return Quantity(value=value, unit="share", null=float(values[sides(seen)[1]].mean()), n=n, better="low", **made)


def _doses(found: Scores, ids: np.ndarray, rng: np.random.Generator) -> dict[str, Quantity]:
    """Rank correlation with the copies: of the exact form, or of the extrapolated where that is not headlined."""
    rows = np.argsort(ids)  # so that the draws do not depend on the order of the view
    rows = rows[found.planted[rows]]
    forms: dict[str, Form] = {
        "dose_spearman": "enumerated" if found.form == "enumerated" else "extrapolated",
        "dose_spearman_extrapolated": "extrapolated",
        "dose_spearman_ranked": "sampled",
    }
    quantities = {}
    for name, form in forms.items():
        value, interval, why = dose_spearman(found.exposure[form][rows], found.copies[rows], rng)
        if value is not None:
            made = interval_by("bootstrap over secrets of each group", interval, why)
            quantities[name] = Quantity(value=value, unit="correlation", null=0.0, n=len(rows), **made)
    return quantities


def dose_spearman(
    values: np.ndarray, copies: np.ndarray, rng: np.random.Generator
) -> tuple[float | None, tuple[float, float] | None, WhyNoInterval]:
    """Spearman against copies (None where it is none), its bootstrap interval over secrets of each group, else why."""
    value = spearman(values, copies.astype(float))
    if not np.isfinite(value):
        return None, None, "no spread"
    groups = [np.flatnonzero(copies == dose) for dose in np.unique(copies)]
    if min(map(len, groups)) < 2:
        return value, None, "too few"
    draws = np.array([np.concatenate([rng.choice(group, len(group)) for group in groups]) for _ in range(DRAWS)])
    low, high = around(value, row_spearman(values[draws], copies[draws].astype(float)))
    if high - low < ALIKE:
        return value, None, "no spread"
    return value, (low, high), "not made"
