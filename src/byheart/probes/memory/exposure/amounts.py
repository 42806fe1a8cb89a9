"""The numbers of the card: exposure by copies, what is said back, bits memorised; each with interval, null and n."""

from __future__ import annotations

from typing import Any

import numpy as np

from byheart.maths.statistics import spearman, wilson
from byheart.probes.memory.exposure.measured import Measured, mean_of
from byheart.probes.memory.exposure.said import Said
from byheart.records.quantity import Quantity

DRAWS = 1000
WHERE = "interval: Student over secrets (each group apart), not over another training"


def of_secrets(found: Measured, rng: np.random.Generator) -> dict[str, Quantity]:
    """Exposure by copies and its rank correlation with them, greedy extraction, bits memorised."""
    planted = found.planted
    over = f"{found.form} exposure, mean over secrets of their mean over {found.models} models"
    null_is = f"null: a secret never trained on, ranks uniform among {found.among}"
    made = {
        "exposure_mean_bits": _of(*found.over_groups(found.values), int(planted.sum()), f"{over}; {WHERE}; {null_is}",
                                  null=found.null, better="low")
    }  # fmt: skip
    for dose in (*found.doses, 0):
        name = f"exposure_{dose}_bits" if dose else "exposure_held_out_bits"
        words = f"secrets planted {'once' if dose == 1 else f'{dose} times'}" if dose else "secrets held out"
        value, interval = found.of_group(found.values, dose)
        n = int((found.repeats == dose).sum())
        made[name] = _of(value, interval, n, f"{words}: {over}; {WHERE}; {null_is}", null=found.null)
    made |= _doses(found, rng)
    made["extractable_share"] = _share(
        found.told, planted, "secrets", "that greedy decoding from their context says whole", found.models
    )
    value, interval = found.over_groups(found.held)
    made["memorised_bits_a_secret"] = _of(
        value, interval, int(planted.sum()), f"{found.reference:.1f} bits, what a secret costs who knows how it is "
        f"drawn (the reference), less its bits under the model, and 0 where that is less; {WHERE}; null: the same of "
        "those held out", null=float(found.held[~planted].mean()), better="low",
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
        value, interval = mean_of(said.chance[seen])
        made[f"{name}_sampled_share"] = _of(
            value, (max(0.0, interval[0]), min(1.0, interval[1])), int(seen.sum()), f"probability that one sample says "
            f"{what}; mean over {noun} and {models} models; interval: Student over them; null: the same of those held "
            "out", unit="share", null=float(said.chance[~seen].mean()), better="low",
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
        value, interval = _dose(values[rows], found.repeats[rows], rng)
        if value is not None:
            made[name] = _of(
                value, interval, len(rows), f"Spearman of exposure ({form}) against copies planted; interval: "
                "bootstrap over secrets of each group; null: 0", unit="correlation", null=0.0,
            )  # fmt: skip
    return made


def _of(value: float, interval: Any, n: int, how: str, **more: Any) -> Quantity:
    return Quantity(value=value, interval=interval, n=n, how=how, **{"unit": "bits", **more})


def _share(values: np.ndarray, seen: np.ndarray, noun: str, words: str, models: int) -> Quantity:
    """Share of what was seen, mean over models, with Wilson's interval; null: of what was not."""
    n = int(seen.sum())
    interval = tuple(wilson(float(values[seen].sum()), n))
    how = f"share of {noun} {words}, mean over {models} models; interval: Wilson over them; null: those held out"
    null = float(values[~seen].mean())
    return _of(float(values[seen].mean()), interval, n, how, unit="share", null=null, better="low")


def _dose(values: np.ndarray, repeats: np.ndarray, rng: np.random.Generator):
    """Spearman against copies with its bootstrap interval over the secrets of each group; None where it is none."""
    value = spearman(values, repeats.astype(float))
    if not np.isfinite(value):
        return None, None
    groups = [np.flatnonzero(repeats == dose) for dose in np.unique(repeats)]
    draws = []
    for _ in range(DRAWS):
        rows = np.concatenate([rng.choice(group, len(group)) for group in groups])
        draws.append(spearman(values[rows], repeats[rows].astype(float)))
    low, high = np.nanquantile(draws, [0.025, 0.975])
    return value, (min(float(low), value), max(float(high), value))
