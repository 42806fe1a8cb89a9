"""Can planted secrets be read back from the model, and how often must it have seen them? Exposure and extraction."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from byheart.maths.memorisation.exposure import null_deviation
from byheart.probes.base import Assumption, Bank, Cost, Need, Probe, Subject, reason
from byheart.probes.intervals import line
from byheart.probes.memory.exposure.quantities import of_group, of_sampling, of_secrets
from byheart.probes.memory.exposure.scores import Continuations, Form, Scores, bits_by_letter, continuations, scores_of
from byheart.records.facts import Axis, Curve, FactTable, Ranked, Scalar
from byheart.records.finding import Finding, NotApplicable, Pole
from byheart.records.reason import Reason
from byheart.training.preprocessing import known
from byheart.training.run import Run

MODELS = 4
BELIEVED = 4.0  # standard errors by which held-out secrets may miss the null before nothing is believed
SHOWN = 2  # secrets to look at, of each group


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
    everything (the first is the one that other cards read), a pass over the references, and a reading of at most (|R| -
    1)/(a - 1) beginnings a secret and model, a letters (0.1 CPU s of 456,976). Fails when: the references are not made
    like the secrets; held-out secrets off their null withhold the card; a group of one secret has no interval. Departs:
    each secret has a name of its own in its context; the sampled form ranks it among secrets with other names.
    Reference: Carlini, Liu, Erlingsson, Kos and Song 2019, The Secret Sharer, definitions 2 and 3, section 4; Carlini
    et al. 2023, Quantifying memorization across neural language models, definition 3.1; Hayes et al. 2024, Measuring
    memorization through probabilistic discoverable extraction, section 3.

    Example:
        >>> Exposure(temperature=0.7, top_k=40).chapter
        'memory'
    """

    name: ClassVar[str] = "memory/exposure"
    version: ClassVar[int] = 6
    cost: ClassVar[Cost] = "few models"
    needs: ClassVar[tuple[str, ...]] = ("canaries",)
    assumes: ClassVar[tuple[Assumption, ...]] = ()
    method: Literal["auto"] | Form = "auto"
    temperature: Annotated[float, Field(gt=0)] = 1.0
    top_k: Annotated[int, Field(ge=1)] | None = None
    samples: Annotated[int, Field(ge=1)] = 100

    def requires(self, subject: Subject) -> tuple[Need, ...] | NotApplicable:
        """Models trained on everything."""
        return (models(subject),)

    def measure(self, bank: Bank) -> tuple[Finding | NotApplicable, dict[str, np.ndarray]]:
        """Exposure by how often each secret was planted, the null, extraction, and bits memorised."""
        copies, run = bank.data.truth.repeats, bank[models(bank.subject)]
        if copies is None or not (copies > 0).any() or not (copies == 0).any():
            return self.not_applicable("no secrets held out"), {}
        if self.method == "enumerated" and run.views["canaries"].ranks is None:
            return self.not_applicable("too many secrets", possible=int(scores_of(bank, run, "auto").space)), {}
        secrets = continuations(bank, run, "canaries", copies > 0, self.temperature, self.top_k)
        if secrets.nats is None:
            return self.not_applicable("no logits"), {}
        return self._finding(bank, run, scores_of(bank, run, self.method), secrets), {}

    def _finding(self, bank: Bank, run: Run, found: Scores, secrets: Continuations) -> Finding:
        passages, letters, ids = None, bits_by_letter(bank, run), bank.data.views["canaries"].ids
        seen = known(bank.data, "continued") >= 0 if "continued" in run.views else np.zeros(1, bool)
        if seen.any() and not seen.all():
            passages = continuations(bank, run, "continued", seen, self.temperature, self.top_k)
        quantities = of_secrets(found, secrets.greedy, ids, self.rng(bank, "bootstrap"))
        unlike = _off_null(found)
        ceiling = found.ceiling[found.form]
        poles = (
            Pole(name="Oracle", value=found.null, note="knows how secrets are made, and none of them"),
            Pole(name="Rote", value=ceiling, note="a lookup table"),
        )
        return self.finding(
            quantities | of_sampling(secrets, passages, self.samples),
            status="withheld" if unlike else "measured",
            headline="" if unlike else "exposure_mean_bits",
            poles=() if unlike else poles,
            curves={form: _curve(found, form) for form in dict.fromkeys((found.form, "extrapolated"))},
            tables={"by_copies": _by_copies(found, secrets)}
            | ({} if letters is None else {"by_letter": _by_letter(found, letters)}),
            ranked={"planted_secrets": _ranked(found, secrets.greedy, ids)},
            details={
                **_details(found), "ceiling_bits": ceiling, "temperature": self.temperature, "top_k": self.top_k,
                "samples": self.samples, "context_tokens": passages and passages.context,
                "continued_tokens": passages and passages.asked,
            },
            withheld=unlike,
        )  # fmt: skip


def models(subject: Subject) -> Need:
    """A few models trained on everything: the copies that each saw are those that were planted."""
    return Need(members=MODELS, share=1.0, checkpoints=subject.checkpoints())


def _off_null(found: Scores) -> Reason | None:
    """Why nothing is to be believed: held-out secrets off the null; None where they stand at it."""
    out = found.own[~found.planted]
    # models share their secrets' difficulty, so they are not counted as draws of their own
    if abs(float(out.mean()) - found.null) <= BELIEVED * null_deviation(found.ranked_among) / np.sqrt(len(out)):
        return None
    return reason("unlike references", bits=float(out.mean()), chance=float(found.null))


def _details(found: Scores) -> dict[str, Scalar | tuple[Scalar, ...]]:
    """The form, what it ranks among, how many are at its ceiling, and how far beyond the references they lie."""
    exact, far = found.exposure.get("enumerated"), found.planted & (found.beyond > 0.5)
    off = None if exact is None or not far.any() else float((found.exposure["extrapolated"] - exact)[far].mean())
    return {
        "form": found.form,
        "models": len(found.bits),
        "possible_secrets": None if exact is None else found.space,
        "references": found.references,
        "reference_bits": found.reference,
        "at_ceiling": sum(of_group(found, dose, found.form).at_ceiling for dose in found.doses),
        "beyond_references_share": float(found.beyond[found.planted].mean()),
        "extrapolated_less_exact_bits": off,
        "tail_shape_place_scale": found.fit,
    }


def _curve(found: Scores, form: Form) -> Curve:
    """Exposure in that form by copies; a band where every group has an interval."""
    means = [of_group(found, dose, form) for dose in found.doses]
    return Curve(
        x_axis=Axis(name="copies planted"), y_axis=Axis(name="exposure", unit="bits"),
        x=found.doses, **line(means),
        n=tuple(int((found.copies == dose).sum()) for dose in found.doses),
    )  # fmt: skip


def _by_copies(found: Scores, secrets: Continuations) -> FactTable:
    """Means by copies, none first; samples are the median over secrets and models, None where it never comes."""
    samples = secrets.samples

    def row(dose: int) -> dict[str, Scalar]:
        group = found.copies == dose
        median = float(np.median(samples[:, group]))
        return {
            "copies": dose,
            **{form: of_group(found, dose, form).value for form in found.exposure},
            "at_ceiling": of_group(found, dose, found.form).at_ceiling,
            "beyond_references_share": float(found.beyond[group].mean()),
            "bits": float(found.bits[:, group].mean()),
            "memorised_bits": float(found.memorised[group].mean()),
            "reproduced_share": float(secrets.greedy[group].mean()),
            "samples_at_even_odds": median if np.isfinite(median) else None,
        }

    rows = [row(dose) for dose in (0, *found.doses)]
    return FactTable(values={name: tuple(one[name] for one in rows) for name in rows[0]})


def _by_letter(found: Scores, letters: np.ndarray) -> FactTable:
    """Bits of each letter: means over secrets held out, of the fewest copies and of the most."""
    doses = tuple(dict.fromkeys((0, found.doses[0], found.doses[-1])))
    means = np.array([letters[found.copies == dose].mean(0) for dose in doses])
    return FactTable(values={"copies": doses, **{str(i): tuple(each.tolist()) for i, each in enumerate(means.T, 1)}})


def _ranked(found: Scores, greedy: np.ndarray, ids: np.ndarray) -> Ranked:
    """The most exposed secrets of the most copies, of the fewest, and of those held out."""
    order = np.lexsort((ids, -np.round(found.own, 9)))
    groups = dict.fromkeys((found.doses[-1], found.doses[0], 0))
    rows = np.concatenate([order[found.copies[order] == dose][:SHOWN] for dose in groups])
    figures = {"copies": found.copies, "exposure_bits": found.own, "reproduced_share": greedy}
    return Ranked(
        view="canaries",
        ids=tuple(ids[rows].tolist()),
        figures={name: tuple(column[rows].tolist()) for name, column in figures.items()},
    )
