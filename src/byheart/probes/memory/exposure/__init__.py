"""Can planted secrets be read back from the model, and how often must it have seen them? Exposure and extraction."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from byheart.maths.exposure import null_mean
from byheart.maths.extraction import discoverable
from byheart.maths.statistics import spearman, wilson
from byheart.probes.base import Bank, Need, Probe, Subject
from byheart.probes.memory.exposure.measured import Measured
from byheart.records.chart import Axis, Chart, Line, Rule, Table
from byheart.records.figures import count, number, percent
from byheart.records.finding import Exhibit, ExhibitGroup, Exhibits, Finding, NotApplicable, Pole, Withheld
from byheart.records.quantity import Quantity

MODELS = 4
DRAWS = 1000
COLUMNS = ("copies", "exposure", "extrapolated", "bits a secret", "memorised", "said back", "samples for even odds")


class Exposure(Probe):
    r"""Can planted secrets be read back from the model, and how often must it have seen them?

    exposure = log2(r + 1) - log2(rank) [bits], rank of a planted secret among r like it that were never trained on, by
    the bits the model needs for it after its own context; 1/ln 2 = 1.44 where it was never seen, log2(r + 1) where it
    is likelier than all. Beyond that ceiling: extrapolated by a skew-normal, and flagged. Extractable: greedy decoding
    from its context says all of it. Measured on models trained on everything, so that the number of copies is exact.

    Rote: log2(r + 1). Oracle, who knows how secrets are made and none of them: 1/ln 2. Cost: four models trained on
    everything (the first is the one that other cards read), and a pass over the references. Fails when: the
    references are not made like the secrets; held-out secrets off their null withhold the card. Reference: Carlini et
    al. 2019, The Secret Sharer, definitions 2 and 3 and section 4; extraction: Carlini et al. 2023, definition 3.1;
    Hayes et al. 2024, arXiv 2410.19482, section 3. Departs: each secret has a name of its own in its context, and is
    ranked among secrets with other names.

    Example:
        >>> Exposure().chapter
        'memory'
    """

    name: ClassVar[str] = "memory/exposure"
    question: ClassVar[str] = "Can planted secrets be read back from the model, and how often must it have seen them?"
    reference: ClassVar[str] = (
        "Carlini, Liu, Erlingsson, Kos and Song 2019, The Secret Sharer, definitions 2 and 3, section 4; Carlini et "
        "al. 2023, Quantifying memorization across neural language models, definition 3.1; Hayes et al. 2024, "
        "Measuring memorization through probabilistic discoverable extraction, section 3"
    )

    def requires(self, subject: Subject) -> tuple[Need, ...] | NotApplicable:
        """Models trained on everything; planted secrets are needed."""
        if "canaries" not in subject.offers:
            return self.not_applicable(
                "No secrets were planted.", "For a text: byheart audit canaries plants some in Python's manual."
            )
        return (models(subject),)

    def measure(self, bank: Bank) -> tuple[Finding | NotApplicable, dict[str, np.ndarray]]:
        """Exposure by how often each secret was planted, the null, extraction, and bits memorised."""
        repeats = bank.data.truth.repeats
        if repeats is None or not (repeats > 0).any() or not (repeats == 0).any():
            return self.not_applicable("No secrets were planted, or none was held out."), {}
        found = Measured(bank, bank[models(bank.subject)])
        reason = found.off_null()
        ceiling = float(np.log2(found.r + 1))
        return Finding(
            status="withheld" if reason else "measured",
            probe=self.name,
            question=self.question,
            headline="" if reason else "exposure_mean_bits",
            says=""
            if reason
            else f"exposure of {count(int((repeats > 0).sum()))} planted secrets on average, of at most "
            f"{number(ceiling, 1)}; {number(null_mean(found.r), 2)} where a secret was never seen",
            quantities=self._quantities(found, bank),
            poles=()
            if reason
            else (
                Pole(name="Oracle", value=null_mean(found.r), note="knows how secrets are made, and none of them"),
                Pole(name="Rote", value=ceiling, note="a lookup table"),
            ),
            body=self._body(found),
            charts=(self._chart(found),),
            exhibits=self._exhibits(found, bank),
            tables={"by copies": _short(self._table(found))},
            how=self._how(found),
            reference=self.reference,
            withheld=Withheld(reason=reason, would_do="nothing: the references must be made like the secrets")
            if reason
            else None,
        ), {}

    def _quantities(self, found: Measured, bank: Bank) -> dict[str, Quantity]:
        null, rng = null_mean(found.r), self.rng(bank, "bootstrap")
        planted = found.repeats > 0
        over = f"mean over secrets of their mean over {found.models} models"
        where = "interval: Student over secrets (each group apart), not over another training"
        null_is = f"null: a secret never trained on, uniform ranks among {found.r:,} references"

        def of(value: float, interval: tuple[float, float], n: int, how: str, **more) -> Quantity:
            return Quantity(value=value, interval=interval, n=n, how=how, **{"unit": "bits", "null": null, **more})

        made = {"exposure_mean_bits": of(*found.over_groups(found.ranked), int(planted.sum()),
                                         f"{over}, rank form; {where}; {null_is}", better="low")}  # fmt: skip
        for dose in (*found.doses, 0):
            name = f"exposure_{dose}_bits" if dose else "exposure_held_out_bits"
            words = f"secrets planted {dose} times" if dose else "secrets held out"
            made[name] = of(
                *found.of_group(found.ranked, dose),
                int((found.repeats == dose).sum()),
                f"{words}: {over}; {where}; {null_is}",
            )
        # by id, so that the draws do not depend on the order of the view
        rows = np.argsort(bank.data.views["canaries"].ids)
        rows = rows[planted[rows]]
        for name, values, form in (
            ("dose_spearman", found.beyond_rank, "extrapolated form, which has no ceiling"),
            ("dose_spearman_ranked", found.ranked, "rank form, tied at its ceiling"),
        ):
            value, interval = _dose(values[rows], found.repeats[rows], rng)
            if value is not None:
                made[name] = of(
                    value, interval, len(rows), f"Spearman of exposure ({form}) against copies planted; interval: "
                    "bootstrap over secrets of each group; null: 0", unit="correlation", null=0.0,
                )  # fmt: skip
        share, out = found.told[planted].mean(), found.told[~planted].mean()
        low, high = wilson(float(found.told[planted].sum()), int(planted.sum()))
        made["extractable_share"] = of(
            float(share), (low, high), int(planted.sum()), "share of planted secrets that greedy decoding from their "
            f"context says whole, mean over {found.models} models; interval: Wilson over secrets; null: the same of "
            "those "
            "held out", unit="share", null=float(out), better="low",
        )  # fmt: skip
        value, interval = found.over_groups(found.held)
        made["memorised_bits_a_secret"] = of(
            value, interval, int(planted.sum()), f"{found.reference:.1f} bits, what a secret costs who knows how it is "
            f"drawn, less its bits under the model, and 0 where that is less; {where}; null: the same of those held "
            "out",
            null=float(found.held[~planted].mean()), better="low",
        )  # fmt: skip
        return made

    def _body(self, found: Measured) -> tuple[str, ...]:
        said = []
        reached = [dose for dose in found.doses if found.told[found.repeats == dose].mean() >= 0.5]
        if reached:
            said.append(
                f"From {_times(reached[0])} on, greedy decoding says at least half of the secrets back; "
                f"held-out ones: {percent(found.told[found.repeats == 0].mean(), 0)}."
            )
        else:
            said.append("No group of secrets is said back by greedy decoding, not even by half.")
        out = found.of_group(found.ranked, 0)
        said.append(
            f"Secrets like them, never planted, stand at {number(out[0], 2)} bits "
            f"[{number(out[1][0], 2)}, {number(out[1][1], 2)}]; by chance it is {number(null_mean(found.r), 2)}."
        )
        if (full := float(found.beyond[found.repeats > 0].mean())) > 0:
            said.append(
                f"{percent(full, 0)} of the planted secrets are likelier than all {count(found.r)} references: their "
                "exposure is a lower bound, and the extrapolated one goes on under an assumption."
            )
        return tuple(said)

    def _chart(self, found: Measured) -> Chart:
        x = tuple(float(dose) for dose in found.doses)
        lines = []
        for label, role, values in (
            ("extrapolated", "muted", found.beyond_rank),
            ("by rank", "memorised", found.ranked),
        ):
            groups = [found.of_group(values, dose) for dose in found.doses]
            lines.append(
                Line(
                    label=f"{label} {number(groups[-1][0], 1)}",
                    role=role,
                    x=x,
                    y=tuple(value for value, _ in groups),
                    low=tuple(interval[0] for _, interval in groups),
                    high=tuple(interval[1] for _, interval in groups),
                    markers=True,
                )
            )
        out, ceiling = found.of_group(found.ranked, 0)[0], float(np.log2(found.r + 1))
        return Chart(
            title="Exposure by number of copies",
            description=f"From {number(lines[1].y[0], 1)} bits at {_times(found.doses[0])} to "
            f"{number(lines[1].y[-1], 1)} at {_times(found.doses[-1])}; held out {number(out, 2)}.",
            x=Axis(title="copies in the training text", log=True, ticks=x),
            y=Axis(title="exposure, bits"),
            lines=tuple(lines),
            rules=(
                Rule(axis="y", at=null_mean(found.r), label=f"never seen {number(null_mean(found.r), 2)}"),
                Rule(axis="y", at=ceiling, label=f"likelier than all references {number(ceiling, 1)}"),
            ),
            reading="How many bits better than chance the model ranks a secret among secrets it never saw. Bands are "
            "95 % intervals over secrets; above the upper dashed line the value is extrapolated.",
            table=self._table(found),
        )

    def _table(self, found: Measured) -> Table:
        rows = []
        for dose in (0, *found.doses):
            group = found.repeats == dose
            beyond = " (beyond)" if found.beyond[group].mean() > 0.5 else ""
            samples = float(np.median(discoverable(found.nats[:, group].mean(0))))
            rows.append((
                str(dose) if dose else "held out",
                number(found.of_group(found.ranked, dose)[0], 2),
                number(found.of_group(found.beyond_rank, dose)[0], 1) + beyond,
                number(found.bits[:, group].mean(), 1),
                number(found.held[group].mean(), 1),
                percent(found.told[group].mean(), 0),
                _samples(samples),
            ))  # fmt: skip
        return Table(columns=COLUMNS, rows=tuple(rows))

    def _exhibits(self, found: Measured, bank: Bank) -> tuple[Exhibits, ...]:
        view = bank.data.views["canaries"]
        groups = []
        for dose in (found.doses[-1], found.doses[0], 0):
            rows = np.flatnonzero(found.repeats == dose)
            rows = rows[np.lexsort((view.ids[rows], -found.ranked[rows]))][:2]
            shown = tuple(
                Exhibit(
                    id=int(view.ids[i]),
                    view="canaries",
                    lines=(f"{number(found.ranked[i], 1)} bits", percent(found.told[i], 0)),
                    sentence=f"secret {int(view.ids[i])}: {_times(dose)}; exposure {number(found.ranked[i], 1)} "
                    f"bits; said back by {percent(found.told[i], 0)} of the models",
                )
                for i in rows
            )
            groups.append(ExhibitGroup(label=_times(dose) if dose else "held out", ring=dose > 0, shown=shown))
        return (Exhibits(title="Planted secrets", keys=("exposure", "said back"), groups=tuple(groups)),)

    def _how(self, found: Measured) -> tuple[str, ...]:
        fit = ", ".join(number(value, 2) for value in found.fit)
        return (
            f"exposure = log2({found.r:,} + 1) \u2212 log2(rank), rank = 1 + the references that need no more bits: "
            "the rank form, ties against the secret. Bits are those of the secret alone after its context; each of "
            f"the {found.models} models is ranked by itself, then a secret's mean is taken.",
            "Extrapolated: \u2212log2 of a skew-normal's lower tail fitted to the references' bits (first model: "
            f"shape, place, scale {fit}); beyond the smallest reference it is an assumption. Memorised = "
            f"{found.reference:.1f} bits of a secret drawn blindly \u2212 its bits, if more than 0. Samples for even "
            "odds: smallest number after which sampling has said it with probability one half, from its probability; "
            "nothing is generated.",
            "Interval: Student over the secrets of a group. Null: a secret never trained on has a uniform rank. "
            "Fails when references are not made like the secrets. Cost: four models on everything.",
        )


def _short(table: Table) -> Table:
    """The columns that fit a card: copies, both exposures, said back."""
    kept = (0, 1, 2, 5)
    rows = tuple(tuple(row[i].removesuffix(" (beyond)") for i in kept) for row in table.rows)
    return Table(columns=tuple(table.columns[i] for i in kept), rows=rows)


def models(subject: Subject) -> Need:
    """A few models trained on everything: the copies that each saw are those that were planted."""
    return Need(members=MODELS, share=1.0, checkpoints=subject.checkpoints())


def _samples(n: float) -> str:
    if not np.isfinite(n):
        return "never"
    return count(round(n)) if n < 1e6 else f"10^{np.log10(n):.0f}"


def _times(dose: int) -> str:
    return "one copy" if dose == 1 else f"{count(dose)} copies" if dose else "no copy"


def _dose(values: np.ndarray, repeats: np.ndarray, rng: np.random.Generator):
    """Spearman against copies with its bootstrap interval over the secrets of each group; None where it is none."""
    value = spearman(values, repeats.astype(float))
    if not np.isfinite(value):
        return None, None
    draws = []
    for _ in range(DRAWS):
        rows = np.concatenate([
            rng.choice(np.flatnonzero(repeats == dose), int((repeats == dose).sum())) for dose in np.unique(repeats)
        ])  # fmt: skip
        draws.append(spearman(values[rows], repeats[rows].astype(float)))
    low, high = np.nanquantile(draws, [0.025, 0.975])
    return value, (min(float(low), value), max(float(high), value))
