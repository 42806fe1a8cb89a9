"""The numbers of the card: exposure by copies, what is said back, bits memorised; each with interval, null and n."""

from __future__ import annotations

from typing import Any

import numpy as np

from byheart.maths.statistics import spearman, wilson
from byheart.probes.memory.exposure.means import Mean
from byheart.probes.memory.exposure.measured import Measured
from byheart.probes.memory.exposure.said import Said
from byheart.records.quantity import Quantity

DRAWS = 1000
# models are few and share their secrets: intervals speak of other secrets, not of another training
WHERE = "not over another training"
LONE = "no interval: a group of one secret cannot be resampled"
STILL = "no interval: resampling the secrets moves nothing"


def of_secrets(found: Measured, rng: np.random.Generator) -> dict[str, Quantity]:
    """Exposure by copies and its rank correlation with them, greedy extraction, bits memorised."""
    planted = found.planted
    over = f"{found.form} exposure, mean over secrets of their mean over {found.models} models"
    null_is = f"null: a secret never trained on, ranks uniform among {found.among}"
    made = {
        "exposure_mean_bits": _mean(found.over_groups(found.values, found.ceiling), int(planted.sum()), over, null_is,
                                    null=found.null, better="low")
    }  # fmt: skip
    for dose in (*found.doses, 0):
        name = f"exposure_{dose}_bits" if dose else "exposure_held_out_bits"
        words = f"secrets planted {'once' if dose == 1 else f'{dose} times'}" if dose else "secrets held out"
        n = int((found.repeats == dose).sum())
        made[name] = _mean(found.of_group(dose), n, f"{words}: {over}", null_is, null=found.null)
    made |= _doses(found, rng)
    made["extractable_share"] = _share(
        found.told, planted, "secrets", "that greedy decoding from their context says whole", found.models
    )
    made["memorised_bits_a_secret"] = _mean(
        found.over_groups(found.held, found.reference), int(planted.sum()), f"{found.reference:.1f} bits, what a "
        "secret costs who knows how it is drawn (the reference), less its bits under the model, and 0 where that is "
        "less", "null: the same of those held out", null=float(found.held[~planted].mean()), better="low",
    )  # fmt: skip
    return made


def of_sampling(secrets: Said, passages: Said | None, planted: np.ndarray, samples: int) -> dict[str, Quantity]:
    """What the sampler says of secrets, and of training passages after their beginning, against those never seen."""
    made: dict[str, Quantity] = {}
    for said, name, noun, seen in (
        (secrets, "secret", "planted secrets", planted),
        (passages, "passage", "training passages", None if passages is None else passages.seen),
    ):
        if said is None or seen is None or not said.known:
            continue
        context, asked = said.asked
        what = f"the {asked} tokens after {context} of context; sampler: {said.sampler.words}"
        models = len(said.run.members)
        made[f"{name}_sampled_share"] = _wilson(
            said.chance, seen, f"probability that one sample says {what}; mean over {noun} and {models} models; "
            "interval: Wilson, the probabilities' sum as successes (never too narrow: none in [0, 1] of mean p varies "
            "more than p(1 - p)); null: the same of those held out",
        )  # fmt: skip
        words = f"that come at even odds within {samples} samples, 1 - (1 - q)^n >= 1/2, q the probability of {what}"
        made[f"{name}_discoverable_share"] = _share(said.within(samples), seen, noun, words, models)
    if passages is not None:
        context, asked = passages.asked
        words = f"whose {asked} tokens after {context} of context greedy decoding says whole"
        made["passage_extractable_share"] = _share(
            passages.greedy, passages.seen, "training passages", words, len(passages.run.members)
        )
    return made


def _doses(found: Measured, rng: np.random.Generator) -> dict[str, Quantity]:
    """Rank correlation with the copies: of the exact form, or of the extrapolated where that is not headlined."""
    # by id, so that the draws do not depend on the order of the view
    rows = np.argsort(found.bank.data.views["canaries"].ids)
    rows = rows[found.planted[rows]]
    exact = found.form == "enumerated"
    made = {}
    for name, values, form in (
        ("dose_spearman", found.values if exact else found.extrapolated,
         "enumerated form, tied where nothing is likelier" if exact else "extrapolated form, which has no ceiling"),
        ("dose_spearman_extrapolated", found.extrapolated, "extrapolated form, which has no ceiling"),
        ("dose_spearman_ranked", found.sampled, "sampled rank form, tied at its ceiling"),
    ):  # fmt: skip
        value, interval, why = _dose(values[rows], found.repeats[rows], rng)
        if value is not None:
            made[name] = _of(
                value, interval, len(rows), f"Spearman of exposure ({form}) against copies planted; {why}; null: 0",
                unit="correlation", null=0.0,
            )  # fmt: skip
    return made


def _mean(mean: Mean, n: int, words: str, null_is: str, **more: Any) -> Quantity:
    where = f", {WHERE}" if mean.interval else ""
    return _of(mean.value, mean.interval, n, f"{words}; {mean.how}{where}; {null_is}", **more)


def _of(value: float, interval: Any, n: int, how: str, **more: Any) -> Quantity:
    return Quantity(value=value, interval=interval, n=n, how=how, **{"unit": "bits", **more})


def _share(values: np.ndarray, seen: np.ndarray, noun: str, words: str, models: int) -> Quantity:
    """Share of what was seen, mean over models, with Wilson's interval; null: of what was not."""
    how = f"share of {noun} {words}, mean over {models} models; interval: Wilson over them; null: those held out"
    return _wilson(values, seen, how)


def _wilson(values: np.ndarray, seen: np.ndarray, how: str) -> Quantity:
    n, value = int(seen.sum()), float(values[seen].mean())
    low, high = wilson(min(n, max(0.0, n * value)), n)
    interval, null = (min(low, value), max(high, value)), float(values[~seen].mean())
    return _of(value, interval, n, how, unit="share", null=null, better="low")


def _dose(
    values: np.ndarray, repeats: np.ndarray, rng: np.random.Generator
) -> tuple[float | None, tuple[float, float] | None, str]:
    """Spearman against copies (None where it is none), its bootstrap interval over secrets of each group, and why."""
    value = spearman(values, repeats.astype(float))
    if not np.isfinite(value):
        return None, None, ""
    groups = [np.flatnonzero(repeats == dose) for dose in np.unique(repeats)]
    if min(map(len, groups)) < 2:
        return value, None, LONE
    draws = []
    for _ in range(DRAWS):
        rows = np.concatenate([rng.choice(group, len(group)) for group in groups])
        draws.append(spearman(values[rows], repeats[rows].astype(float)))
    low, high = np.nanquantile(draws, [0.025, 0.975])
    if high - low < 1e-9:  # rounding
        return value, None, STILL
    return value, (min(float(low), value), max(float(high), value)), "interval: bootstrap over secrets of each group"
