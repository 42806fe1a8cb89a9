"""Bits and exposures of planted secrets, and what greedy decoding and a sampler would say; nothing is generated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import log_softmax

from byheart.maths.memorisation.exposure import NULL_BITS, exposure, extrapolated, from_ranks, null_mean
from byheart.maths.memorisation.extraction import continuation_nats, discoverable
from byheart.probes.base import Bank
from byheart.training.run import Run

Form = Literal["enumerated", "sampled", "extrapolated"]
EVEN = 0.5  # the chance that a text has come: even odds


@dataclass(frozen=True)
class Scores:
    """Secrets (c,) of the view `canaries`, planted and held out; means over models unless said otherwise.

    Attributes:
        form: the form of exposure in the headline.
        copies: how often each was planted.
        exposure: by each form that can be had, (c,).
        ceiling: by form, the exposure of a secret that costs nothing.
        null: the mean exposure of a secret never trained on, in the headlined form.
        ranked_among: how many a secret is ranked among there; the sample where it is extrapolated from it.
        reference: bits of a secret to who knows how it was drawn; where the task does not say, of the held-out ones.
        bits: (m, c) -log2 probability of each after its context.
        memorised: `reference` less those bits, at least 0.
        beyond: share of models under which it is likelier than all references.
        references: how many there are.
        fit: shape, place and scale of the first model's tail; None where its references are all alike.
    """

    form: Form
    copies: np.ndarray
    exposure: Mapping[Form, np.ndarray]
    ceiling: Mapping[Form, float]
    null: float
    ranked_among: int
    reference: float
    bits: np.ndarray
    memorised: np.ndarray
    beyond: np.ndarray
    references: int
    fit: tuple[float, float, float] | None

    @property
    def planted(self) -> np.ndarray:
        """(c,) planted at all?"""
        return self.copies > 0

    @property
    def doses(self) -> tuple[int, ...]:
        """Numbers of copies above 0, ascending."""
        return tuple(int(dose) for dose in np.unique(self.copies) if dose)

    @property
    def space(self) -> int:
        """How many secrets there could be."""
        return round(2**self.reference)

    @property
    def own(self) -> np.ndarray:
        """(c,) exposure in the headlined form."""
        return self.exposure[self.form]


def scores_of(bank: Bank, run: Run, method: Literal["auto"] | Form) -> Scores:
    """Every form that can be had; `auto` headlines the exact one where all possible secrets were read."""
    copies, ranks, told = bank.data.truth.repeats, run.views["canaries"].ranks, bank.data.about.get("secret_bits")
    nats = (run.views[view].loss_nats[-1].astype(np.float64) for view in ("canaries", "references"))
    bits, references = (own / np.log(2) for own in nats)
    reference, r = float(bits[:, copies == 0].mean() if told is None else told), references.shape[1]
    ranked = [exposure(own, others) for own, others in zip(bits, references)]
    # the last one costs nothing: the ceiling. References that are all alike have no tail, and leave the rank
    tails = [
        extrapolated(np.append(own, 0.0), others) if np.ptp(others) > 0 else None
        for own, others in zip(bits, references)
    ]
    reach = float(np.log2(r + 1))
    values: dict[Form, np.ndarray] = {
        "sampled": np.mean(ranked, 0),
        "extrapolated": np.mean([tail.bits[:-1] if tail else own for tail, own in zip(tails, ranked)], 0),
    }
    ceilings: dict[Form, float] = {"sampled": reach, "extrapolated": reach}
    if all(tails):
        ceilings["extrapolated"] = float(np.mean([tail.bits[-1] for tail in tails if tail]))
    if ranks is not None:
        values["enumerated"] = from_ranks(ranks, round(2**reference)).mean(0)
        ceilings["enumerated"] = float(np.log2(round(2**reference)))
    form = method if method != "auto" else "sampled" if ranks is None else "enumerated"
    among = round(2**reference) if form == "enumerated" else r
    return Scores(
        form=form, copies=copies, exposure=values, ceiling=ceilings, reference=reference, bits=bits, references=r,
        null=NULL_BITS if form == "extrapolated" else null_mean(among - 1 if form == "enumerated" else r),
        ranked_among=among, memorised=np.maximum(0.0, reference - bits).mean(0),
        beyond=(bits < references.min(1)[:, None]).mean(0),
        fit=(tails[0].shape, tails[0].location, tails[0].scale) if tails[0] else None,
    )  # fmt: skip


@dataclass(frozen=True)
class Continuations:
    """Texts (n,) each asked for after its own context: what the models would say of them.

    Attributes:
        seen: was it trained on?
        greedy: share of models whose greedy decoding says all of it.
        nats: (m, n) -log of the probability that one sample says all of it; None without the logits that takes.
        context: tokens of context.
        asked: tokens to be said.
    """

    seen: np.ndarray
    greedy: np.ndarray
    nats: np.ndarray | None
    context: int
    asked: int

    @property
    def samples(self) -> np.ndarray:
        """(m, n) samples until it has come at even odds; infinite where it never comes."""
        return np.stack([discoverable(own, EVEN) for own in self.nats])


def continuations(
    bank: Bank, run: Run, view: str, seen: np.ndarray, temperature: float, top_k: int | None
) -> Continuations:
    """The texts of a view under a sampler (softmax of logits / `temperature` over the `top_k` likeliest)."""
    y, kept = bank.data.views[view].y, run.views[view]
    counted, nats = (y >= 0).any(0), None
    if temperature == 1.0 and top_k is None:
        nats = np.maximum(kept.loss_nats[-1].astype(np.float64), 0.0)
    elif kept.logits is not None:
        nats = np.stack([continuation_nats(z, y[:, counted], temperature, top_k) for z in kept.logits])
    return Continuations(seen, kept.correct[-1].mean(0), nats, int(counted.argmax()), int(counted.sum()))


def bits_by_letter(bank: Bank, run: Run) -> np.ndarray | None:
    """(c, s) bits of each letter of the secrets in its place, mean over models; None without logits."""
    y, logits = bank.data.views["canaries"].y, run.views["canaries"].logits
    if logits is None:
        return None
    own = y[:, (y >= 0).any(0)][None, ..., None]
    said = np.take_along_axis(log_softmax(logits.astype(np.float64), -1), own, -1)[..., 0]
    return -said.mean(0) / np.log(2)
