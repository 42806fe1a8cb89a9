"""Can planted secrets be read back from the model, and how often must it have seen them? Exposure and extraction."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from byheart.probes.base import Bank, Need, Probe, Subject
from byheart.probes.memory.exposure.amounts import of_sampling, of_secrets
from byheart.probes.memory.exposure.measured import Form, Measured
from byheart.probes.memory.exposure.said import Said, Sampler
from byheart.probes.memory.exposure.shown import by_letter, chart, exhibits, on_card
from byheart.probes.memory.exposure.words import body, how
from byheart.records.figures import count, number
from byheart.records.finding import Finding, NotApplicable, Pole, Withheld

MODELS = 4


class Exposure(Probe):
    r"""Can planted secrets be read back from the model, and how often must it have seen them?

    exposure = log2 |R| - log2 rank [bits], rank of a planted secret among the |R| that there could be, by the bits the
    model needs for it after its own context. Three forms (`method`): *enumerated*, every possible secret is read after
    that context: exact, 0 to log2 |R|; *sampled*, its rank among r like it that were never trained on, 0 to
    log2(r + 1); *extrapolated*, a skew-normal fitted to those r, without a ceiling, an assumption beyond the smallest
    of them and flagged there. `auto` takes the exact one where the secrets are few enough (a million at most), else
    the sampled. 1/ln 2 = 1.44 where a secret was never seen. Measured on models trained on everything, so that the
    number of copies is exact.

    Extractable: greedy decoding from the context says all of it. Under a sampler (softmax of logits / `temperature`
    over the `top_k` likeliest): q, the probability that one sample says all of it, and the smallest n with
    1 - (1 - q)^n >= 1/2; asked of secrets and of training passages after the first half of them. Memorised: log2 |R|
    less the bits under the model. Their null is the same of secrets and passages held out.

    Args:
        method: the form of exposure in the headline and by copies.
        temperature: of the sampler.
        top_k: how many of the likeliest tokens it chooses from; all without it.
        samples: within how many samples a text must come at even odds to count as discoverable.

    Rote: log2 |R|. Oracle, who knows how secrets are made and none of them: 1/ln 2. Cost: four models trained on
    everything (the first is the one that other cards read), a pass over the references, and a reading of at most
    (|R| - 1)/(a - 1) beginnings a secret and model, a letters (0.1 CPU s of 456,976). Fails when: the references are
    not made like the secrets; held-out secrets off their null withhold the card; a group of one secret has no interval.
    Reference: Carlini et al. 2019, The Secret Sharer, definitions 2 and 3 and section 4; extraction: Carlini et al.
    2023, definition 3.1; Hayes et al. 2024, arXiv 2410.19482, section 3. Departs: each secret has a name of its own in
    its context; the sampled form ranks it among secrets with other names.

    Example:
        >>> Exposure(temperature=0.7, top_k=40).chapter
        'memory'
    """

    name: ClassVar[str] = "memory/exposure"
    version: ClassVar[int] = 3
    question: ClassVar[str] = "Can planted secrets be read back from the model, and how often must it have seen them?"
    reference: ClassVar[str] = (
        "Carlini, Liu, Erlingsson, Kos and Song 2019, The Secret Sharer, definitions 2 and 3, section 4; Carlini et "
        "al. 2023, Quantifying memorization across neural language models, definition 3.1; Hayes et al. 2024, "
        "Measuring memorization through probabilistic discoverable extraction, section 3"
    )
    method: Literal["auto"] | Form = "auto"
    temperature: Annotated[float, Field(gt=0)] = 1.0
    top_k: Annotated[int, Field(ge=1)] | None = None
    samples: Annotated[int, Field(ge=1)] = 100

    def requires(self, subject: Subject) -> tuple[Need, ...] | NotApplicable:
        """Models trained on everything; planted secrets are needed."""
        if "canaries" not in subject.offers:
            return self.not_applicable(
                "No secrets were planted.", "For a text: byheart audit canaries plants some in Python's manual."
            )
        return (models(subject),)

    def measure(self, bank: Bank) -> tuple[Finding | NotApplicable, dict[str, np.ndarray]]:
        """Exposure by how often each secret was planted, the null, extraction, and bits memorised."""
        repeats, run = bank.data.truth.repeats, bank[models(bank.subject)]
        if repeats is None or not (repeats > 0).any() or not (repeats == 0).any():
            return self.not_applicable("No secrets were planted, or none was held out."), {}
        found, sampler = Measured(bank, run, self.method), Sampler(self.temperature, self.top_k)
        secrets = Said(bank, run, "canaries", sampler)
        if lacking := self._lacking(found, secrets):
            return lacking, {}
        passages = Said(bank, run, "continued", sampler) if "continued" in run.views else None
        reason = found.off_null()
        quantities = of_secrets(found, self.rng(bank, "bootstrap"))
        quantities |= of_sampling(secrets, passages, found.planted, self.samples)
        drawn = chart(found, secrets)
        return Finding(
            status="withheld" if reason else "measured",
            probe=self.name,
            question=self.question,
            headline="" if reason else "exposure_mean_bits",
            says="" if reason else self._says(found),
            quantities=quantities,
            poles=() if reason else _poles(found),
            body=body(found, quantities, secrets, passages, self.samples),
            charts=(drawn,),
            exhibits=exhibits(found, bank),
            tables={name: table for name, table in (
                ("by copies", drawn.table and on_card(drawn.table)), ("by letter", by_letter(found, secrets)),
            ) if table},
            how=how(found, sampler),
            reference=self.reference,
            withheld=Withheld(reason=reason, would_do="nothing: the references must be made like the secrets")
            if reason
            else None,
        ), {}

    def _lacking(self, found: Measured, secrets: Said) -> NotApplicable | None:
        """Why the form or the sampler asked for cannot be had."""
        if self.method == "enumerated" and found.enumerated is None:
            return self.not_applicable(
                f"The {count(found.space)} secrets that there could be were not all read.",
                "Ask for method=auto, or plant shorter secrets (a million possible ones at most).",
            )
        if not secrets.known:
            return self.not_applicable(
                "The model kept no logits of the secrets.", "Leave the sampler at temperature 1 and all tokens."
            )
        return None

    def _says(self, found: Measured) -> str:
        most = "" if found.form == "extrapolated" else f", of at most {number(found.ceiling, 1)}"
        return (
            f"exposure of {count(int(found.planted.sum()))} planted secrets on average{most}; "
            f"{number(found.null, 2)} where a secret was never seen"
        )


def models(subject: Subject) -> Need:
    """A few models trained on everything: the copies that each saw are those that were planted."""
    return Need(members=MODELS, share=1.0, checkpoints=subject.checkpoints())


def _poles(found: Measured) -> tuple[Pole, ...]:
    return (
        Pole(name="Oracle", value=found.null, note="knows how secrets are made, and none of them"),
        Pole(name="Rote", value=found.ceiling, note="a lookup table"),
    )
