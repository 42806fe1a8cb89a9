"""The numbers of memory/exposure: means over secrets, shares, rank correlations; each with interval, null and n."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import t as student

from byheart.maths.statistics.ranks import spearman, wilson
from byheart.probes.memory.exposure.scores import Continuations, Form, Scores
from byheart.records.figures import count, number
from byheart.records.quantity import Quantity

DRAWS = 1000
NEAR = 0.05  # bits below the ceiling that still count as at it: the model is all but certain of the secret
ALIKE = 1e-9  # bits within which values differ by rounding alone
# models are few and share their secrets: intervals speak of other secrets, not of another training
WHERE = "not over another training"
LONE = "no interval: one secret a group"
STUDENT = "interval: Student over secrets, each group apart"


class Mean(NamedTuple):
    """A mean over secrets, its 95 % interval where there is one, and how that was made or why there is none."""

    value: float
    interval: tuple[float, float] | None
    how: str


def mean_of(own: np.ndarray, ceiling: float) -> Mean:
    r"""The mean of one group of secrets whose values lie from 0 to the ceiling.

    Student's interval. Where all values are alike or some sit at the ceiling, their spread says too little of what
    other secrets would show (eight of eight at the ceiling are no certainty): there the ends are the wider of
    Student's and Wilson's with the sum of value/ceiling as successes, for no variable in [0, 1] of mean p varies
    more than p(1 - p). One secret has no interval.

    Example:
        >>> np.round(mean_of(np.full(8, 10.0), 10.0).interval, 2).tolist()
        [6.76, 10.0]
    """
    n, value = len(own), float(own.mean())
    if n < 2:
        return Mean(value, None, LONE)
    half = float(student.ppf(0.975, n - 1) * own.std(ddof=1) / np.sqrt(n))
    full = at_ceiling(own, ceiling)
    if not full and np.ptp(own) > ALIKE:
        return Mean(value, (value - half, value + half), STUDENT)
    successes = float(own.sum()) / ceiling if ceiling > 0 else n
    reached = wilson(min(n, max(0.0, successes)), n)
    low = min(max(value - half, 0.0), reached.low * ceiling, value)
    high = max(min(value + half, ceiling), reached.high * ceiling, value)
    why = f"{full} of {n} at the ceiling of {number(ceiling, 1)} bits: at least" if full else f"all {n} alike"
    return Mean(value, (low, high), f"{why}; interval: the wider of Student and Wilson (sum/ceiling as successes)")


def at_ceiling(values: np.ndarray, ceiling: float) -> int:
    """How many values can go no higher: how far above it the model would put them cannot be seen."""
    return int((values >= ceiling - NEAR).sum())


def over_groups(groups: Sequence[np.ndarray], ceiling: float) -> Mean:
    r"""The mean of all secrets of groups that are there by design: only what varies within them counts.

    Ends mean -+ sqrt(sum_g (w_g d_g)^2), w_g the share of group g and d_g how far its own end lies from its mean
    (Zou and Donner 2008, Construction of confidence limits about effect measures, Statistics in Medicine 27).
    """
    means, shares = [mean_of(own, ceiling) for own in groups], np.array([len(own) for own in groups], float)
    shares /= shares.sum()
    value = float(shares @ [mean.value for mean in means])
    gaps = [(mean.value - mean.interval[0], mean.interval[1] - mean.value) for mean in means if mean.interval]
    if len(gaps) < len(means):
        return Mean(value, None, LONE)
    below, above = np.sqrt((shares**2) @ np.array(gaps) ** 2)
    full, n = sum(at_ceiling(own, ceiling) for own in groups), sum(map(len, groups))
    why = f"{full} of {n} at the ceiling of {number(ceiling, 1)} bits: at least; " if full else ""
    interval = value - float(below), min(value + float(above), max(ceiling, value))
    return Mean(value, interval, f"{why}{STUDENT}, wider where they sit at the ceiling or are all alike")


def of_group(found: Scores, dose: int, form: Form) -> Mean:
    """Exposure in that form of the secrets planted `dose` times."""
    return mean_of(found.exposure[form][found.copies == dose], found.ceiling[form])


def of_secrets(found: Scores, greedy: np.ndarray, ids: np.ndarray, rng: np.random.Generator) -> dict[str, Quantity]:
    """Exposure by copies and its rank correlation with them, greedy extraction, bits memorised."""
    planted, models = found.planted, len(found.bits)
    over = f"{found.form} exposure, mean over secrets of their mean over {models} models"
    chance = f"null: a secret never trained on, ranks uniform among {_among(found)}"

    def all_of(values: np.ndarray, ceiling: float) -> Mean:
        return over_groups([values[found.copies == dose] for dose in found.doses], ceiling)

    def made(mean: Mean, n: int, words: str, null_is: str, null: float, **more: Any) -> Quantity:
        how = f"{words}; {mean.how}{f', {WHERE}' if mean.interval else ''}; {null_is}"
        return Quantity(value=mean.value, unit="bits", interval=mean.interval, null=null, n=n, how=how, **more)

    whole, n = all_of(found.own, found.ceiling[found.form]), int(planted.sum())
    quantities = {"exposure_mean_bits": made(whole, n, over, chance, found.null, better="low")}
    for dose in (*found.doses, 0):
        name = f"exposure_{dose}_bits" if dose else "exposure_held_out_bits"
        words = f"secrets planted {'once' if dose == 1 else f'{dose} times'}" if dose else "secrets held out"
        size = int((found.copies == dose).sum())
        quantities[name] = made(of_group(found, dose, found.form), size, f"{words}: {over}", chance, found.null)
    quantities |= _doses(found, ids, rng)
    quantities["extractable_share"] = _share(
        greedy, planted, "secrets", "that greedy decoding from their context says whole", models
    )
    quantities["memorised_bits_a_secret"] = made(
        all_of(found.memorised, found.reference), n, f"{found.reference:.1f} bits, what a secret costs who knows how "
        "it is drawn (the reference), less its bits under the model, and 0 where that is less",
        "null: the same of those held out", float(found.memorised[~planted].mean()), better="low",
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
    low, high = np.nanquantile([spearman(values[rows], copies[rows].astype(float)) for rows in draws], [0.025, 0.975])
    if high - low < ALIKE:
        return value, None, "no interval: resampling the secrets moves nothing"
    return value, (min(float(low), value), max(float(high), value)), "interval: bootstrap over secrets of each group"
