"""The numbers of memory/exposure: means over secrets, shares, rank correlations; each with interval, null and n."""

from __future__ import annotations

from typing import Any

import numpy as np

from byheart.maths.statistics.bounded_mean import ALIKE, BoundedMean, bounded_mean, stratified_mean
from byheart.maths.statistics.ranks import spearman, wilson
from byheart.maths.statistics.resampling import around
from byheart.probes.memory.exposure.scores import Continuations, Form, Scores
from byheart.records.figures import count, number
from byheart.records.quantity import Quantity

DRAWS = 1000
# models are few and share their secrets: intervals speak of other secrets, not of another training
WHERE = "not over another training"
STUDENT = "interval: Student over secrets, each group apart"


def of_group(found: Scores, dose: int, form: Form) -> BoundedMean:
    """Exposure in that form of the secrets planted `dose` times."""
    return bounded_mean(found.exposure[form][found.copies == dose], found.ceiling[form])


def of_secrets(found: Scores, greedy: np.ndarray, ids: np.ndarray, rng: np.random.Generator) -> dict[str, Quantity]:
    """Exposure by copies and its rank correlation with them, greedy extraction, bits memorised."""
    planted, models = found.planted, len(found.bits)
    over = f"{found.form} exposure, mean over secrets of their mean over {models} models"
    chance = f"null: a secret never trained on, ranks uniform among {_among(found)}"

    def all_of(values: np.ndarray, ceiling: float, words: str, null_is: str, null: float) -> Quantity:
        mean = stratified_mean([values[found.copies == dose] for dose in found.doses], ceiling)
        why = f"{_full(mean, ceiling)}{STUDENT}, wider where they sit at the ceiling or are all alike"
        return _bits(mean, why, words, null_is, null, better="low")

    quantities = {"exposure_mean_bits": all_of(found.own, found.ceiling[found.form], over, chance, found.null)}
    for dose in (*found.doses, 0):
        name = f"exposure_{dose}_bits" if dose else "exposure_held_out_bits"
        words = f"secrets planted {'once' if dose == 1 else f'{dose} times'}" if dose else "secrets held out"
        mean = of_group(found, dose, found.form)
        why = STUDENT
        if mean.widened:
            why = _full(mean, found.ceiling[found.form]) or f"all {mean.n} alike; "
            why += "interval: the wider of Student and Wilson (sum/ceiling as successes)"
        quantities[name] = _bits(mean, why, f"{words}: {over}", chance, found.null)
    quantities |= _doses(found, ids, rng)
    quantities["extractable_share"] = _share(
        greedy, planted, "secrets", "that greedy decoding from their context says whole", models
    )
    quantities["memorised_bits_a_secret"] = all_of(
        found.memorised, found.reference, f"{found.reference:.1f} bits, what a secret costs who knows how it is drawn "
        "(the reference), less its bits under the model, and 0 where that is less",
        "null: the same of those held out", float(found.memorised[~planted].mean()),
    )  # fmt: skip
    return quantities


def of_sampling(
    secrets: Continuations, passages: Continuations | None, samples: int, sampler: str
) -> dict[str, Quantity]:
    """What the sampler says of secrets, and of training passages after their beginning, against those never seen."""
    quantities: dict[str, Quantity] = {}
    models = len(secrets.nats)
    for asked, name, noun in ((secrets, "secret", "planted secrets"), (passages, "passage", "training passages")):
        if asked is None or asked.nats is None:
            continue
        what = f"the {asked.asked} tokens after {asked.context} of context; sampler: {sampler}"
        quantities[f"{name}_sampled_share"] = share(
            np.exp(-asked.nats).mean(0), asked.seen, f"probability that one sample says {what}; mean over {noun} and "
            f"{models} models; interval: Wilson, the probabilities' sum as successes (never too narrow: none in [0, 1] "
            "of mean p varies more than p(1 - p)); null: the same of those held out",
        )  # fmt: skip
        words = f"that come at even odds within {samples} samples, 1 - (1 - q)^n >= 1/2, q the probability of {what}"
        soon = (asked.samples <= samples).mean(0)
        quantities[f"{name}_discoverable_share"] = _share(soon, asked.seen, noun, words, models)
    if passages is not None:
        words = f"whose {passages.asked} tokens after {passages.context} of context greedy decoding says whole"
        quantities["passage_extractable_share"] = _share(
            passages.greedy, passages.seen, "training passages", words, models
        )
    return quantities


def _bits(mean: BoundedMean, why: str, words: str, null_is: str, null: float, **more: Any) -> Quantity:
    why = f"{why}, {WHERE}" if mean.interval else "no interval: one secret a group"
    how = f"{words}; {why}; {null_is}"
    return Quantity(value=mean.value, unit="bits", interval=mean.interval, null=null, n=mean.n, how=how, **more)


def _full(mean: BoundedMean, ceiling: float) -> str:
    at = f"{mean.at_ceiling} of {mean.n} at the ceiling of {number(ceiling, 1)} bits"
    return f"{at}: at least; " if mean.at_ceiling else ""


def _among(found: Scores) -> str:
    if found.form == "enumerated":
        return f"all {count(found.ranked_among)} secrets there could be"
    more = ", extrapolated from them" if found.form == "extrapolated" else ""
    return f"{count(found.ranked_among)} sampled references{more}"


def _share(values: np.ndarray, seen: np.ndarray, noun: str, words: str, models: int) -> Quantity:
    how = f"share of {noun} {words}, mean over {models} models; interval: Wilson over them; null: those held out"
    return share(values, seen, how)


def share(values: np.ndarray, seen: np.ndarray, how: str) -> Quantity:
    """Mean of what was seen, of values in [0, 1], with Wilson's interval; null: of what was not."""
    n, value = int(seen.sum()), float(values[seen].mean())
    low, high = wilson(min(n, max(0.0, n * value)), n)
    interval, null = (min(low, value), max(high, value)), float(values[~seen].mean())
    return Quantity(value=value, unit="share", interval=interval, null=null, n=n, better="low", how=how)


def _doses(found: Scores, ids: np.ndarray, rng: np.random.Generator) -> dict[str, Quantity]:
    """Rank correlation with the copies: of the exact form, or of the extrapolated where that is not headlined."""
    rows = np.argsort(ids)  # so that the draws do not depend on the order of the view
    rows = rows[found.planted[rows]]
    exact, free = found.form == "enumerated", "extrapolated form, which has no ceiling"
    forms: dict[str, tuple[Form, str]] = {
        "dose_spearman": ("enumerated", "enumerated form, tied where nothing is likelier") if exact
        else ("extrapolated", free),
        "dose_spearman_extrapolated": ("extrapolated", free),
        "dose_spearman_ranked": ("sampled", "sampled rank form, tied at its ceiling"),
    }  # fmt: skip
    quantities = {}
    for name, (form, words) in forms.items():
        value, interval, why = dose_spearman(found.exposure[form][rows], found.copies[rows], rng)
        if value is not None:
            how = f"Spearman of exposure ({words}) against copies planted; {why}; null: 0"
            quantities[name] = Quantity(
                value=value, unit="correlation", interval=interval, null=0.0, n=len(rows), how=how
            )
    return quantities


def dose_spearman(
    values: np.ndarray, copies: np.ndarray, rng: np.random.Generator
) -> tuple[float | None, tuple[float, float] | None, str]:
    """Spearman against copies (None where it is none), its bootstrap interval over secrets of each group, and why."""
    value = spearman(values, copies.astype(float))
    if not np.isfinite(value):
        return None, None, ""
    groups = [np.flatnonzero(copies == dose) for dose in np.unique(copies)]
    if min(map(len, groups)) < 2:
        return value, None, "no interval: a group of one secret cannot be resampled"
    draws = [np.concatenate([rng.choice(group, len(group)) for group in groups]) for _ in range(DRAWS)]
    low, high = around(value, np.array([spearman(values[rows], copies[rows].astype(float)) for rows in draws]))
    if high - low < ALIKE:
        return value, None, "no interval: resampling the secrets moves nothing"
    return value, (low, high), "interval: bootstrap over secrets of each group"
