"""The words of the card: what was found, and how it was computed."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from byheart.probes.memory.exposure.measured import Measured
from byheart.probes.memory.exposure.said import Said, Sampler
from byheart.records.figures import count, number, percent
from byheart.records.quantity import Quantity


def body(
    found: Measured, quantities: Mapping[str, Quantity], secrets: Said, passages: Said | None, samples: int
) -> tuple[str, ...]:
    """The sentences of the card."""
    said = [_form(found)]
    reached = [dose for dose in found.doses if found.told[found.repeats == dose].mean() >= 0.5]
    if reached:
        said.append(
            f"From {times(reached[0])} on, greedy decoding says at least half of the secrets back; "
            f"held-out ones: {percent(found.told[~found.planted].mean(), 0)}."
        )
    else:
        said.append("No group of secrets is said back by greedy decoding, not even by half.")
    once, soon = (quantities[f"secret_{name}_share"] for name in ("sampled", "discoverable"))
    said.append(
        f"One sample ({secrets.sampler.words}) says a planted secret with probability {percent(once.value, 0)} on "
        f"average; {count(samples)} samples are enough, at even odds, for {percent(soon.value, 0)} of them (held out: "
        f"{percent(soon.null or 0.0, 0)})."
    )
    if found.full:
        said.append(
            f"{count(found.full)} of {count(int(found.planted.sum()))} planted secrets are at the ceiling of "
            f"{number(found.ceiling, 1)} bits: at least. Intervals there reach down to what as few secrets leave open."
        )
    out = found.of_group(0)
    ends = f"[{number(out.interval[0], 2)}, {number(out.interval[1], 2)}]" if out.interval else f"({out.how})"
    said.append(
        f"Secrets like them, never planted, stand at {number(out.value, 2)} bits {ends}; by chance it is "
        f"{number(found.null, 2)}."
    )
    said += _beyond(found)
    if passages is not None and passages.known:
        greedy, soon = (quantities[f"passage_{name}_share"] for name in ("extractable", "discoverable"))
        context, asked = passages.asked
        said.append(
            f"Given the first {context} tokens of {count(greedy.n)} training passages, greedy decoding says the next "
            f"{asked} back for {percent(greedy.value, 0)} (new passages: {percent(greedy.null or 0.0, 0)}); "
            f"{count(samples)} samples are enough for {percent(soon.value, 0)} (new: {percent(soon.null or 0.0, 0)})."
        )
    return tuple(said)


def _form(found: Measured) -> str:
    match found.form:
        case "enumerated":
            return (
                f"Exposure is exact: each secret is ranked among all {count(found.space)} that there could be, after "
                f"its own context. At {number(found.ceiling, 1)} bits none is likelier."
            )
        case "sampled":
            most = number(found.ceiling, 1)
            return f"Exposure is by rank among {count(found.r)} sampled references: up to {most} bits."
    return f"Exposure is extrapolated from the bits of {count(found.r)} sampled references."


def _beyond(found: Measured) -> list[str]:
    """That the extrapolated form is an assumption beyond the sample; how far off it is where the exact one is known."""
    full = float(found.beyond[found.planted].mean())
    if full == 0:
        return []
    reach = f"{percent(full, 0)} of the planted secrets are likelier than all {count(found.r)} sampled references"
    if found.enumerated is None:
        bound = "their exposure by rank is a lower bound, and the " if found.form == "sampled" else "their "
        return [f"{reach}: {bound}extrapolated one rests on an assumption."]
    off = (found.extrapolated - found.enumerated)[found.planted & (found.beyond > 0.5)]
    line = f"{reach}: there the sampled form stops at {number(np.log2(found.r + 1), 1)} bits"
    if not len(off):
        return [f"{line}."]
    way = "above" if off.mean() > 0 else "below"
    far = f"{number(abs(off.mean()), 1)} bits {way} the exact one on average"
    return [f"{line}, and the extrapolated one, an assumption, lies {far}."]


def how(found: Measured, sampler: Sampler) -> tuple[str, ...]:
    """How the numbers were made."""
    tail = found.tails[0]
    fit = ", ".join(number(value, 2) for value in tail[2:]) if tail else "none: the references are all alike"
    exact = (
        f"Exact: log2({count(found.space)}) \u2212 log2(rank), rank = 1 + the possible secrets that need no more bits "
        "after the same context; beginnings that already need more are left out with all that begins with them. "
        if found.enumerated is not None
        else ""
    )
    return (
        f"{exact}Sampled: log2({found.r:,} + 1) \u2212 log2(rank) among references with other names. Ties count "
        f"against the secret. Bits are those of the secret alone after its context; each of the {found.models} models "
        "is ranked by itself, then a secret's mean is taken.",
        "Extrapolated: \u2212log2 of a skew-normal's lower tail fitted to the references' bits (first model: "
        f"shape, place, scale {fit}); beyond the smallest reference it is an assumption. Memorised = "
        f"{found.reference:.1f} bits of a secret drawn blindly \u2212 its bits, if more than 0. Samples for even "
        "odds: smallest number after which sampling has said it with probability one half, from its probability "
        f"({sampler.words}); nothing is generated. Of a group: the median over secrets and models.",
        "Interval: Student over the secrets of a group (with 8 as skewed as chance it covers about 90 %); where some "
        "sit at the ceiling or all are alike, the wider of it and Wilson's, sum/ceiling as successes; Wilson for "
        "shares, the sum of probabilities as successes. Null: a secret never trained on has a "
        "uniform rank; shares: secrets and passages held out. Fails when references are not made like the secrets. "
        "Cost: four models on everything.",
    )


def times(dose: int) -> str:
    """E.g. `one copy`, `16 copies`."""
    return "one copy" if dose == 1 else f"{count(dose)} copies" if dose else "no copy"
