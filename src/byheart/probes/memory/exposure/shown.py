"""What the card of exposure shows: the dose curve, tables by copies and by letter, and secrets to look at."""

from __future__ import annotations

import numpy as np

from byheart.probes.base import Bank
from byheart.probes.memory.exposure.measured import Form, Measured
from byheart.probes.memory.exposure.said import Said
from byheart.probes.memory.exposure.words import times
from byheart.records.chart import Axis, Chart, Line, Rule, Table
from byheart.records.figures import count, number, percent
from byheart.records.finding import Exhibit, ExhibitGroup, Exhibits

# how each form of exposure is called on the page
NAMES: dict[Form, str] = {"enumerated": "exact", "sampled": "sampled", "extrapolated": "extrapolated"}
BEYOND = " beyond"
LETTERS = 8  # columns that fit a card
MORE = ("bits a secret", "memorised", "said back", "samples for even odds")


def chart(found: Measured, secrets: Said) -> Chart:
    """Exposure by the number of copies, in the headlined form and extrapolated, and the table with all of them."""
    x = tuple(float(dose) for dose in found.doses)
    lines = [_line(found, "extrapolated", "muted", x)] if found.form != "extrapolated" else []
    lines.append(_line(found, found.form, "memorised", x))
    own, out, reach = lines[-1], found.of_group(0).value, float(np.log2(found.r + 1))
    rules = [
        Rule(axis="y", at=found.null, label=f"never seen {number(found.null, 2)}"),
        Rule(axis="y", at=reach, label=f"references reach {number(reach, 1)}"),
    ]
    if found.form == "enumerated":
        rules.append(Rule(axis="y", at=found.ceiling, label=f"likeliest of all {number(found.ceiling, 1)}"))
    return Chart(
        title="Exposure by number of copies",
        description=f"From {number(own.y[0], 1)} bits at {times(found.doses[0])} to {number(own.y[-1], 1)} at "
        f"{times(found.doses[-1])}; held out {number(out, 2)}.",
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
    groups = [found.of_group(dose, form) for dose in found.doses]
    # a band only where every group has an interval
    ends = [group.interval for group in groups if group.interval is not None]
    low, high = zip(*ends, strict=True) if len(ends) == len(groups) else ((), ())
    return Line(
        label=f"{NAMES[form]} {number(groups[-1].value, 1)}",
        role=role,  # type: ignore[arg-type]
        x=x,
        y=tuple(group.value for group in groups),
        low=low,
        high=high,
        markers=True,
    )


def _table(found: Measured, secrets: Said) -> Table:
    forms: list[Form] = ["sampled", "extrapolated"] if found.enumerated is None else [*NAMES]
    rows = []
    for dose in (0, *found.doses):
        group = found.repeats == dose
        beyond = BEYOND if found.beyond[group].mean() > 0.5 else ""
        shown = [number(found.of_group(dose, form).value, 2) for form in forms[:-1]]
        rows.append((
            str(dose) if dose else "held out",
            *shown,
            number(found.of_group(dose, "extrapolated").value, 1) + beyond,
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


def by_letter(found: Measured, secrets: Said) -> Table | None:
    """Where in a secret the bits are: means by place for no copy, the fewest and the most; None without logits."""
    bits = secrets.by_place
    if bits is None or bits.shape[1] > LETTERS:
        return None
    rows = [
        (times(dose) if dose else "held out", *(number(one, 1) for one in bits[found.repeats == dose].mean(0)))
        for dose in (0, found.doses[0], found.doses[-1])
    ]
    return Table(columns=("bits of letter", *map(str, range(1, bits.shape[1] + 1))), rows=tuple(rows))


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
                sentence=f"secret {int(view.ids[i])}: {times(dose)}; exposure {number(found.values[i], 1)} "
                f"bits; said back by {percent(found.told[i], 0)} of the models",
            )
            for i in rows
        )
        groups.append(ExhibitGroup(label=times(dose) if dose else "held out", ring=dose > 0, shown=shown))
    return (Exhibits(title="Planted secrets", keys=("exposure", "said back"), groups=tuple(groups)),)


def _samples(n: float) -> str:
    if not np.isfinite(n):
        return "never"
    return count(round(n)) if n < 1e6 else f"10^{np.log10(n):.0f}"
