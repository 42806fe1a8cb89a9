"""The card of memory/exposure."""

from __future__ import annotations

import math
from collections.abc import Mapping

from byheart.records.facts import Curve, FactTable
from byheart.records.finding import Finding
from byheart.records.formatting import count, number, percent
from byheart.report.cards.base import About, Card, Row
from byheart.report.cards.default import notes_of
from byheart.report.chart import Axis, Chart, Line, Role, Rule, Table
from byheart.report.examples import Exhibit, ExhibitGroup, Exhibits

# how each form of exposure is called on the page
NAMES = {"enumerated": "exact", "sampled": "sampled", "extrapolated": "extrapolated"}
LETTERS = 8  # columns that fit a card


def card(finding: Finding, about: About) -> Card:
    """Exposure of planted secrets by copies, and what is said back of them."""
    table, letters = _by_copies(finding), finding.tables.get("by_letter")
    tables = {"by copies": _columns(table, "copies", table.columns[1], "extrapolated", "said back")}
    if letters is not None and len(letters.values) <= LETTERS + 1:
        tables["by letter"] = _by_letter(letters)
    return Card(
        says=_says(finding) if finding.headline else "",
        body=_body(finding),
        charts=(_chart(finding, table),),
        exhibits=(_secrets(finding),),
        tables=tables,
        how=_how(finding),
        notes=_notes(finding),
    )


def _notes(finding: Finding) -> dict[str, str]:
    details = finding.details
    over, models = f"{details['form']} exposure, mean over secrets and models", f"mean over {details['models']} models"
    ceiling = f"at the ceiling of {number(details['ceiling_bits'], 1)} bits: at least"

    def full(at: int, n: int) -> str:
        return f"; {at} of {n} {ceiling}" if at else ""

    mean, sampler = finding.quantities["exposure_mean_bits"], _sampler(details)
    said = {
        "exposure_mean_bits": over + full(details["at_ceiling"], mean.n),
        "memorised_bits_a_secret": f"{details['reference_bits']:.1f} bits, what a secret costs who knows how it is "
        "drawn, less its bits under the model, and 0 where that is less",
        "extractable_share": f"planted secrets that greedy decoding from their context says whole, {models}",
        "passage_extractable_share": f"training passages whose end greedy decoding says whole, {models}",
        "dose_spearman": "Spearman of exposure and copies planted; of the exact form, or else the extrapolated",
        "dose_spearman_extrapolated": "the same of the extrapolated form, which has no ceiling",
        "dose_spearman_ranked": "the same of the sampled form, tied at its ceiling",
    }
    for name in ("secret", "passage"):
        said[f"{name}_sampled_share"] = f"probability that one sample says it whole, {models}; sampler: {sampler}"
        said[f"{name}_discoverable_share"] = (
            f"come at even odds within {count(details['samples'])} samples, 1 - (1 - q)^n >= 1/2, q the probability "
            f"that one sample says it whole, {models}; sampler: {sampler}"
        )
    for row in finding.tables["by_copies"].rows():
        name = f"exposure_{row['copies']}_bits" if row["copies"] else "exposure_held_out_bits"
        at = full(row["at_ceiling"], finding.quantities[name].n)
        said[name] = f"secrets {'planted ' if row['copies'] else ''}{times(row['copies'])}: {over}{at}"
    unseen = "those held out"
    nulls = {name: unseen for name in said if name.endswith("share") or name.startswith("memorised")}
    chance = "a secret never trained on, whose rank is uniform"
    return notes_of(finding, said, nulls | {name: chance for name in said if name.startswith("exposure")})


def _columns(table: Table, *names: str) -> Table:
    """The columns that fit a card."""
    places = [table.columns.index(name) for name in names]
    return Table(columns=names, rows=tuple(tuple(row[i] for i in places) for row in table.rows))


def times(copies: int) -> str:
    """E.g. `one copy`, `16 copies`, `held out`."""
    return "one copy" if copies == 1 else f"{count(copies)} copies" if copies else "held out"


def _says(finding: Finding) -> str:
    mean, details = finding.quantities["exposure_mean_bits"], finding.details
    most = "" if details["form"] == "extrapolated" else f", of at most {number(details['ceiling_bits'], 1)}"
    return (
        f"exposure of {count(mean.n)} planted secrets on average{most}; {number(mean.null, 2)} where a secret was "
        "never seen"
    )


def _body(finding: Finding) -> tuple[str, ...]:
    quantities, details, rows = finding.quantities, finding.details, finding.tables["by_copies"].rows()
    once, soon = (quantities[f"secret_{name}_share"] for name in ("sampled", "discoverable"))
    mean, out = (quantities[f"exposure_{name}_bits"] for name in ("mean", "held_out"))
    lone, samples = "(no interval: one secret a group)", count(details["samples"])
    ends = f"[{number(out.interval[0], 2)}, {number(out.interval[1], 2)}]" if out.interval else lone
    sentences = (
        _form(details),
        _reproduced(rows),
        f"One sample ({_sampler(details)}) says a planted secret with probability {percent(once.value, 0)} on "
        f"average; {samples} samples are enough, at even odds, for {percent(soon.value, 0)} of them (held out: "
        f"{percent(soon.null, 0)}).",
        f"{count(details['at_ceiling'])} of {count(mean.n)} planted secrets are at the ceiling of "
        f"{number(details['ceiling_bits'], 1)} bits: at least. Intervals there reach down to what as few secrets leave "
        "open." if details["at_ceiling"] else "",
        f"Secrets like them, never planted, stand at {number(out.value, 2)} bits {ends}; by chance it is "
        f"{number(mean.null, 2)}.",
        _beyond(details),
        _passages(finding, samples) if "passage_discoverable_share" in quantities else "",
    )  # fmt: skip
    return tuple(filter(None, sentences))


def _form(details: Mapping) -> str:
    most, references = number(details["ceiling_bits"], 1), count(details["references"])
    match details["form"]:
        case "enumerated":
            return (
                f"Exposure is exact: each secret is ranked among all {count(details['possible_secrets'])} that there "
                f"could be, after its own context. At {most} bits none is likelier."
            )
        case "sampled":
            return f"Exposure is by rank among {references} sampled references: up to {most} bits."
    return f"Exposure is extrapolated from the bits of {references} sampled references."


def _reproduced(rows: list[Row]) -> str:
    held_out, *planted = rows
    if reached := [row["copies"] for row in planted if row["reproduced_share"] >= 0.5]:
        return (
            f"From {times(reached[0])} on, greedy decoding says at least half of the secrets back; held-out ones: "
            f"{percent(held_out['reproduced_share'], 0)}."
        )
    return "No group of secrets is said back by greedy decoding, not even by half."


def _beyond(details: Mapping) -> str:
    """That the extrapolated form is an assumption beyond the sample; how far off it is where the exact one is known."""
    if details["beyond_references_share"] == 0:
        return ""
    share, references = percent(details["beyond_references_share"], 0), details["references"]
    reach = f"{share} of the planted secrets are likelier than all {count(references)} sampled references"
    if details["possible_secrets"] is None:
        bound = "their exposure by rank is a lower bound, and the " if details["form"] == "sampled" else "their "
        return f"{reach}: {bound}extrapolated one rests on an assumption."
    line = f"{reach}: there the sampled form stops at {number(math.log2(references + 1), 1)} bits"
    off = details["extrapolated_less_exact_bits"]
    if off is None:
        return f"{line}."
    far = f"{number(abs(off), 1)} bits {'above' if off > 0 else 'below'} the exact one on average"
    return f"{line}, and the extrapolated one, an assumption, lies {far}."


def _passages(finding: Finding, samples: str) -> str:
    greedy, soon = (finding.quantities[f"passage_{name}_share"] for name in ("extractable", "discoverable"))
    return (
        f"Given the first {finding.details['context_tokens']} tokens of {count(greedy.n)} training passages, greedy "
        f"decoding says the next {finding.details['continued_tokens']} back for {percent(greedy.value, 0)} (new "
        f"passages: {percent(greedy.null, 0)}); {samples} samples are enough for {percent(soon.value, 0)} (new: "
        f"{percent(soon.null, 0)})."
    )


def _sampler(details: Mapping) -> str:
    which = "all tokens" if details["top_k"] is None else f"the {details['top_k']} likeliest tokens"
    return f"temperature {details['temperature']:g}, {which}"


def _chart(finding: Finding, table: Table) -> Chart:
    """Exposure by the number of copies, in the headlined form and extrapolated, and the table with all of them."""
    details, null = finding.details, finding.quantities["exposure_mean_bits"].null
    form, reach, top = details["form"], math.log2(details["references"] + 1), details["ceiling_bits"]
    own = finding.curves[form]
    lines = [_line(form, own, "memorised")]
    if form != "extrapolated":
        lines.insert(0, _line("extrapolated", finding.curves["extrapolated"], "muted"))
    rules = [
        Rule(axis="y", at=null, label=f"never seen {number(null, 2)}"),
        Rule(axis="y", at=reach, label=f"references reach {number(reach, 1)}"),
    ]
    among = f"{count(details['references'])} sampled references"
    if form == "enumerated":
        among = f"all {count(details['possible_secrets'])} secrets there could be"
        rules.append(Rule(axis="y", at=top, label=f"likeliest of all {number(top, 1)}"))
    elif form == "extrapolated":
        among += ", extrapolated from them"
    return Chart(
        title="Exposure by number of copies",
        description=f"From {number(own.y[0], 1)} bits at {times(int(own.x[0]))} to {number(own.y[-1], 1)} at "
        f"{times(int(own.x[-1]))}; held out {number(finding.quantities['exposure_held_out_bits'].value, 2)}.",
        x=Axis(title="copies in the training text", log=True, ticks=own.x),
        y=Axis(title="exposure, bits"),
        lines=tuple(lines),
        rules=tuple(rules),
        reading=f"How many bits better than chance the model ranks a secret among {among}. Bands are 95 % "
        f"intervals over secrets. Above {number(reach, 1)} bits no sampled reference reaches: the extrapolated line is "
        "an assumption there.",
        table=table,
    )


def _line(form: str, curve: Curve, role: Role) -> Line:
    label = f"{NAMES[form]} {number(curve.y[-1], 1)}"
    return Line(label=label, role=role, x=curve.x, y=curve.y, low=curve.low, high=curve.high, markers=True)


def _by_copies(finding: Finding) -> Table:
    columns = finding.tables["by_copies"]
    forms = [form for form in NAMES if form in columns.values]
    return Table(
        columns=(
            "copies", *(NAMES[form] for form in forms), "bits per secret", "memorised", "said back",
            "samples for even odds",
        ),
        rows=tuple(
            (
                str(row["copies"] or "held out"),
                *(number(row[form], 2) for form in forms[:-1]),
                number(row["extrapolated"], 1) + (" beyond" if row["beyond_references_share"] > 0.5 else ""),
                number(row["bits"], 1),
                number(row["memorised_bits"], 1),
                percent(row["reproduced_share"], 0),
                _samples(row["samples_at_even_odds"]),
            )
            for row in columns.rows()
        ),
    )  # fmt: skip


def _samples(n: float | None) -> str:
    if n is None:
        return "never"
    return count(round(n)) if n < 1e6 else f"10^{math.log10(n):.0f}"


def _by_letter(columns: FactTable) -> Table:
    """Where in a secret the bits are."""
    copies, *letters = columns.values
    return Table(
        columns=("bits of letter", *letters),
        rows=tuple((times(row[copies]), *(number(row[one], 1) for one in letters)) for row in columns.rows()),
    )


def _secrets(finding: Finding) -> Exhibits:
    """Secrets of the most copies, of the fewest, and of those held out."""
    ranked, groups = finding.ranked["planted_secrets"], {}
    for row in ranked.rows():
        bits, share = number(row["exposure_bits"], 1), percent(row["reproduced_share"], 0)
        copies = times(row["copies"]) if row["copies"] else "no copy"
        sentence = f"secret {row['id']}: {copies}; exposure {bits} bits; said back by {share} of the models"
        one = Exhibit(id=row["id"], view=ranked.view, lines=(f"{bits} bits", share), sentence=sentence)
        groups.setdefault(row["copies"], []).append(one)
    shown = tuple(ExhibitGroup(label=times(one), ring=one > 0, shown=tuple(row)) for one, row in groups.items())
    return Exhibits(title="Planted secrets", keys=("exposure", "said back"), groups=shown)


def _how(finding: Finding) -> tuple[str, ...]:
    details, space = finding.details, finding.details["possible_secrets"]
    references, fit = count(details["references"]), details["tail_shape_place_scale"]
    tail = ", ".join(number(value, 2) for value in fit) if fit else "none: the references are all alike"
    exact = (
        f"Exact: log2({count(space)}) \u2212 log2(rank), rank = 1 + the possible secrets that need no more bits "
        "after the same context; beginnings that already need more are left out with all that begins with them. "
        if space is not None
        else ""
    )
    return (
        f"{exact}Sampled: log2({references} + 1) \u2212 log2(rank) among references with other names. Ties count "
        f"against the secret. Bits are those of the secret alone after its context; each of the {details['models']} "
        "models is ranked by itself, then a secret's mean is taken.",
        "Extrapolated: \u2212log2 of a skew-normal's lower tail fitted to the references' bits (first model: "
        f"shape, place, scale {tail}); beyond the smallest reference it is an assumption. Memorised = "
        f"{details['reference_bits']:.1f} bits of a secret drawn blindly \u2212 its bits, if more than 0. Samples for "
        "even odds: smallest number after which sampling has said it with probability one half, from its probability "
        f"({_sampler(details)}); nothing is generated. Of a group: the median over secrets and models.",
        "Interval: Student over the secrets of a group (with 8 as skewed as chance it covers about 90 %); where some "
        "sit at the ceiling or all are alike, the wider of it and Wilson's, sum/ceiling as successes; Wilson for "
        "shares, the sum of probabilities as successes. Null: a secret never trained on has a "
        "uniform rank; shares: secrets and passages held out. Fails when references are not made like the secrets. "
        "Cost: four models on everything.",
    )
