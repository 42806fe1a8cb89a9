"""What the card of exposure shows: its sentences, the dose curve, the table by copies, and secrets to look at."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from byheart.probes.base import Bank
from byheart.probes.memory.exposure.measured import Form, Measured
from byheart.probes.memory.exposure.said import Said, Sampler
from byheart.records.chart import Axis, Chart, Line, Rule, Table
from byheart.records.figures import count, number, percent
from byheart.records.finding import Exhibit, ExhibitGroup, Exhibits
from byheart.records.quantity import Quantity

# how each form of exposure is called on the page
NAMES: dict[Form, str] = {"enumerated": "exact", "sampled": "sampled", "extrapolated": "extrapolated"}
BEYOND = " beyond"
MORE = ("bits a secret", "memorised", "said back", "samples for even odds")


def body(found: Measured, quantities: Mapping[str, Quantity], passages: Said | None, samples: int) -> tuple[str, ...]:
    """The sentences of the card."""
    said = [_form(found)]
    reached = [dose for dose in found.doses if found.told[found.repeats == dose].mean() >= 0.5]
    if reached:
        said.append(
            f"From {_times(reached[0])} on, greedy decoding says at least half of the secrets back; "
            f"held-out ones: {percent(found.told[~found.planted].mean(), 0)}."
        )
    else:
        said.append("No group of secrets is said back by greedy decoding, not even by half.")
    out = found.of_group(found.values, 0)
    said.append(
        f"Secrets like them, never planted, stand at {number(out[0], 2)} bits "
        f"[{number(out[1][0], 2)}, {number(out[1][1], 2)}]; by chance it is {number(found.null, 2)}."
    )
    said += _beyond(found)
    if passages is not None and passages.known:
        greedy, soon = (quantities[f"passage_{name}_share"] for name in ("extractable", "discoverable"))
        context, asked = passages.asked
        said.append(
            f"Of {count(greedy.n)} training passages, given the first {context} tokens, greedy decoding says the next "
            f"{asked} of {percent(greedy.value, 0)} (new passages {percent(greedy.null or 0.0, 0)}); {count(samples)} "
            f"samples say them at even odds of {percent(soon.value, 0)} (new {percent(soon.null or 0.0, 0)})."
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


def chart(found: Measured, secrets: Said) -> Chart:
    """Exposure by the number of copies, in the headlined form and extrapolated, and the table with all of them."""
    x = tuple(float(dose) for dose in found.doses)
    lines = [_line(found, "extrapolated", "muted", x)] if found.form != "extrapolated" else []
    lines.append(_line(found, found.form, "memorised", x))
    own, out, reach = lines[-1], found.of_group(found.values, 0)[0], float(np.log2(found.r + 1))
    rules = [
        Rule(axis="y", at=found.null, label=f"never seen {number(found.null, 2)}"),
        Rule(axis="y", at=reach, label=f"references reach {number(reach, 1)}"),
    ]
    if found.form == "enumerated":
        rules.append(Rule(axis="y", at=found.ceiling, label=f"likeliest of all {number(found.ceiling, 1)}"))
    return Chart(
        title="Exposure by number of copies",
        description=f"From {number(own.y[0], 1)} bits at {_times(found.doses[0])} to {number(own.y[-1], 1)} at "
        f"{_times(found.doses[-1])}; held out {number(out, 2)}.",
        x=Axis(title="copies in the training text", log=True, ticks=x),
        y=Axis(title="exposure, bits"),
        lines=tuple(lines),
        rules=tuple(rules),
        reading=f"How many bits better than chance the model ranks a secret among {found.among}. Bands are 95 % "
        f"intervals over secrets. Above {number(reach, 1)} bits no sampled reference reaches: the extrapolated line is "
        "an assumption there.",
        table=_table(found, secrets),
    )


def _line(found: Measured, form: Form, role: str, x: tuple[float, ...]) -> Line:
    groups = [found.of_group(found.of_form(form), dose) for dose in found.doses]
    return Line(
        label=f"{NAMES[form]} {number(groups[-1][0], 1)}",
        role=role,  # type: ignore[arg-type]
        x=x,
        y=tuple(value for value, _ in groups),
        low=tuple(interval[0] for _, interval in groups),
        high=tuple(interval[1] for _, interval in groups),
        markers=True,
    )


def _table(found: Measured, secrets: Said) -> Table:
    forms: list[Form] = ["sampled", "extrapolated"] if found.enumerated is None else [*NAMES]
    rows = []
    for dose in (0, *found.doses):
        group = found.repeats == dose
        beyond = BEYOND if found.beyond[group].mean() > 0.5 else ""
        shown = [number(found.of_group(found.of_form(form), dose)[0], 2) for form in forms[:-1]]
        rows.append((
            str(dose) if dose else "held out",
            *shown,
            number(found.of_group(found.extrapolated, dose)[0], 1) + beyond,
            number(found.bits[:, group].mean(), 1),
            number(found.held[group].mean(), 1),
            percent(found.told[group].mean(), 0),
            _samples(float(np.median(secrets.samples[:, group]))),
        ))  # fmt: skip
    return Table(columns=("copies", *(NAMES[form] for form in forms), *MORE), rows=tuple(rows))


def on_card(table: Table) -> Table:
    """The columns that fit a card: copies, the first form, the extrapolated one, and what is said back."""
    kept = [table.columns.index(name) for name in ("copies", table.columns[1], "extrapolated", "said back")]
    return Table(
        columns=tuple(table.columns[i] for i in kept), rows=tuple(tuple(row[i] for i in kept) for row in table.rows)
    )


def exhibits(found: Measured, bank: Bank) -> tuple[Exhibits, ...]:
    """Two secrets of the most copies, of the fewest, and of those held out."""
    view = bank.data.views["canaries"]
    groups = []
    for dose in (found.doses[-1], found.doses[0], 0):
        rows = np.flatnonzero(found.repeats == dose)
        rows = rows[np.lexsort((view.ids[rows], -np.round(found.values[rows], 9)))][:2]
        shown = tuple(
            Exhibit(
                id=int(view.ids[i]),
                view="canaries",
                lines=(f"{number(found.values[i], 1)} bits", percent(found.told[i], 0)),
                sentence=f"secret {int(view.ids[i])}: {_times(dose)}; exposure {number(found.values[i], 1)} "
                f"bits; said back by {percent(found.told[i], 0)} of the models",
            )
            for i in rows
        )
        groups.append(ExhibitGroup(label=_times(dose) if dose else "held out", ring=dose > 0, shown=shown))
    return (Exhibits(title="Planted secrets", keys=("exposure", "said back"), groups=tuple(groups)),)


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
        "Interval: Student over the secrets of a group; Wilson for shares. Null: a secret never trained on has a "
        "uniform rank; shares: secrets and passages held out. Fails when references are not made like the secrets. "
        "Cost: four models on everything.",
    )


def _samples(n: float) -> str:
    if not np.isfinite(n):
        return "never"
    return count(round(n)) if n < 1e6 else f"10^{np.log10(n):.0f}"


def _times(dose: int) -> str:
    return "one copy" if dose == 1 else f"{count(dose)} copies" if dose else "no copy"
