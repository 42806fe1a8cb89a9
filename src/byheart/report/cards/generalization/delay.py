"""The card of generalization/delay: memorised at a step, understood at a later one, and what happens in between."""

from __future__ import annotations

from byheart.records.facts import Curve, Scalar
from byheart.records.finding import Finding
from byheart.records.formatting import DASH, count, interval_text, number, percent
from byheart.records.quantity import Quantity
from byheart.report.cards.base import About, Card
from byheart.report.cards.default import notes_of
from byheart.report.chart import Axis, Chart, Line, Role, Rule, Table

ALIKE = 0.005  # of a share, within which two are written alike
BUDGET: dict[str, Role] = {"understood": "understood", "memorised": "memorised", "left": "left"}


def card(finding: Finding, about: About) -> Card:
    """When it is memorised, when understood, and by what."""
    body = (
        _when(finding, about),
        _null(finding),
        _budget_text(finding),
        *_circuit(finding, about),
        _zero(finding, about),
    )
    charts = _accuracy(finding, about), _budget(finding), _losses(finding, about), _weights(finding)
    return Card(
        says=f"of the {about.nouns} held out right, the most that is held for "
        f"{count(_int(finding, 'held'))} evaluations",
        body=tuple(filter(None, body)),
        charts=tuple(filter(None, charts)),
        tables={"by member": _members(finding)},
        how=_how(finding, about),
        notes=notes_of(finding, _notes(about)),
    )


def _when(finding: Finding, about: About) -> str:
    """The two steps and their ratio; of what did not happen the bound."""
    found, members, last = finding.quantities, _int(finding, "members"), count(_int(finding, "last_step"))
    memorised, generalised = (found.get(f"{name}_step") for name in ("memorised", "generalised"))
    m, g = _int(finding, "memorised_members"), _int(finding, "generalised_members")
    first = (
        f"Memorised by step {_step(memorised)}" if memorised else _some(m, members, f"memorised within {last} steps")
    )
    if generalised is None:
        return f"{first}. {_some(g, members, f'right on new {about.nouns} within {last} steps')}."
    ratio = found.get("delay_ratio")
    later = f", {number(ratio.value, 1 if ratio.value < 10 else 0)} times later {_ends(ratio)}" if ratio else ""
    return f"{first}; right on new {about.nouns} from step {_step(generalised)}{later}."


def _some(n: int, of: int, what: str) -> str:
    """How many members are so.

    Example:
        >>> _some(0, 3, "memorised within 10 steps"), _some(2, 3, "right")
        ('No member is memorised within 10 steps', '2 of 3 members are right')
    """
    return f"No member is {what}" if n == 0 else f"{count(n)} of {count(of)} members {'is' if n == 1 else 'are'} {what}"


def _null(finding: Finding) -> str:
    if not finding.details["null_measured"]:
        return "Random labels were not measured, so that nothing is said of what chance reaches."
    chance = finding.quantities["reached_accuracy"].null or 0.0
    return f"On labels that are all redrawn, with the same training, {percent(chance)} is reached."


def _budget_text(finding: Finding) -> str:
    parts = [finding.curves.get(name) for name in ("memorised", "understood")]
    if parts[0] is None or parts[1] is None:
        return ""
    memorised, understood = ([float(y or 0.0) for y in part.y] for part in parts if part)
    top = next(i for i, value in enumerate(memorised) if value >= max(memorised) - ALIKE)
    return (
        f"Of the label bits {percent(memorised[top], 0)} are memorised at step {count(round(parts[0].x[top]))} and "
        f"{percent(memorised[-1], 0)} at the end; {percent(understood[top], 0)} are understood then and "
        f"{percent(understood[-1], 0)} at the end."
    )


def _circuit(finding: Finding, about: About) -> tuple[str, ...]:
    found = finding.quantities
    if "restricted_loss" not in found:
        return ()
    kept, left = (found[f"{name}_loss"] for name in ("restricted", "excluded"))
    said = [
        f"At the end five frequencies of a + b alone give {about.nouns} held out at a loss of {_nats(kept)}; without "
        f"them the loss of those seen is {_nats(left)} (a guess: {number(kept.null or 0.0, 1)})."
    ]
    if uneven := found.get("embedding_gini"):
        said.append(
            f"The power of the embedding is spread over its frequencies with a Gini coefficient of "
            f"{number(uneven.value, 2)} {_ends(uneven, 2)}; noise of this size has {number(uneven.null or 0.0, 2)}."
        )
    return tuple(said)


def _zero(finding: Finding, about: About) -> str:
    """The flag: float32 has absorbed the gradient."""
    share = finding.quantities["zero_gradient_share"].value
    if share == 0:
        return ""
    return (
        f"For {percent(share)} of the {about.nouns} seen the gradient of their own class is exactly 0 in float32: "
        "training has all but stopped for them, however long it goes on."
    )


def _accuracy(finding: Finding, about: About) -> Chart:
    seen, held_out, random = (finding.curves.get(name) for name in ("seen", "held_out", "held_out_random"))
    if seen is None or held_out is None:
        raise KeyError("a finding of generalization/delay has the curves seen and held_out")
    end = percent(float(held_out.y[-1] or 0.0), 0)
    lines = [_line(f"seen {percent(float(seen.y[-1] or 0.0), 0)}", "memorised", seen)]
    lines += [_line("", "muted", held_out, column) for column in _columns(finding)]
    lines.append(_line(f"held out {end}", "understood", held_out))
    lines += [_line("random labels", "null", random)] if random else []
    rules = [
        Rule(axis="x", at=one.value, label=f"{words} {count(round(one.value))}")
        for name, words in (("memorised_step", "memorised"), ("generalised_step", "understood"))
        if (one := finding.quantities.get(name))
    ]
    rows = tuple(
        (count(round(x)), percent(float(a or 0.0)), percent(float(b or 0.0)))
        for x, a, b in zip(seen.x, seen.y, held_out.y, strict=True)
    )
    return Chart(
        title="Accuracy by step",
        description=f"Where seen from {percent(float(seen.y[0] or 0.0), 0)} to {percent(float(seen.y[-1] or 0.0), 0)}, "
        f"held out from {percent(float(held_out.y[0] or 0.0), 0)} to {end}.",
        x=_steps(seen),
        y=Axis(title="accuracy", format="percent", domain=(0, 1)),
        lines=tuple(lines),
        rules=tuple(rules),
        reading="What lies between the two lines is known by heart. Mean over members; grey: held-out "
        f"{about.nouns} of each of them.",
        table=Table(columns=("step", "seen", "held out"), rows=rows),
    )


def _columns(finding: Finding) -> list[tuple[float, ...]]:
    """Held-out accuracy of each member after the step 0."""
    table = finding.tables["held_out_by_member"].values
    after = [i for i, step in enumerate(table["step"]) if _number(step) > 0]
    return [tuple(_number(column[i]) for i in after) for name, column in table.items() if name != "step"]


def _budget(finding: Finding) -> Chart | None:
    curves = {name: finding.curves[name] for name in BUDGET if name in finding.curves}
    if not curves:
        return None
    lines = tuple(
        _line(f"{name} {percent(float(one.y[-1] or 0.0), 0)}", BUDGET[name], one, markers=True)
        for name, one in curves.items()
    )
    first = next(iter(curves.values()))
    rows = [
        (count(round(x)), *(percent(float(one.y[i] or 0.0)) for one in curves.values())) for i, x in enumerate(first.x)
    ]
    return Chart(
        title="Label bits by step",
        description="; ".join(line.label for line in lines) + " at the end.",
        x=_steps(first),
        y=Axis(title="share of the label bits", format="percent"),
        lines=lines,
        reading="What is memorised first turns into what is understood where the two lines cross.",
        table=Table(columns=("step", *curves), rows=tuple(rows)),
    )


def _losses(finding: Finding, about: About) -> Chart | None:
    kept, left = finding.curves.get("restricted"), finding.curves.get("excluded")
    if kept is None or left is None:
        return None
    guess = finding.quantities["restricted_loss"].null or 0.0
    high = 1.05 * max(guess, *(float(y or 0.0) for y in (*kept.y, *left.y)))
    return Chart(
        title="Loss by what the logits keep",
        description=f"With five frequencies alone {number(float(kept.y[-1] or 0.0), 2)} nats at the end, without them "
        f"{number(float(left.y[-1] or 0.0), 2)}.",
        x=_steps(kept),
        y=Axis(title="loss, nats", domain=(0, high)),
        lines=(_line("five alone", "understood", kept), _line("without them", "memorised", left)),
        rules=(Rule(axis="y", at=guess, label="a guess"),),
        reading=f"Blue: {about.nouns} held out, by the five frequencies of a + b strongest at the end. Orange: "
        f"those seen, without these five; while it is low they are known by heart.",
        table=Table(
            columns=("step", "five alone", "without them"),
            rows=tuple(
                (count(round(x)), number(float(a or 0.0), 3), number(float(b or 0.0), 3))
                for x, a, b in zip(kept.x, kept.y, left.y, strict=True)
            ),
        ),
    )


def _weights(finding: Finding) -> Chart | None:
    norm = finding.curves.get("weight_norm")
    if norm is None:
        return None
    values = [float(y or 0.0) for y in norm.y]
    return Chart(
        title="Norm of the weights by step",
        description=f"From {number(values[0], 1)} to at most {number(max(values), 1)}; {number(values[-1], 1)} at the "
        "end.",
        x=_steps(norm),
        y=Axis(title="norm of all weights", domain=(0, 1.1 * max(values))),
        lines=(_line(number(values[-1], 1), "ink", norm),),
        reading="It grows while labels are memorised; where decay makes it fall again, a rule is cheaper than a list.",
        table=Table(
            columns=("step", "norm"), rows=tuple((count(round(x)), number(y, 2)) for x, y in zip(norm.x, values))
        ),
    )


def _members(finding: Finding) -> Table:
    rows = [
        (
            count(round(_number(row["member"])) + 1), _at(row["memorised_step"]), _at(row["generalised_step"]),
            percent(_number(row["reached_accuracy"])), percent(_number(row["last_accuracy"])),
        )
        for row in finding.tables["members"].rows()
    ]  # fmt: skip
    return Table(
        columns=("member", "memorised", "generalised", "held-out accuracy held", "at the end"), rows=tuple(rows)
    )


def _how(finding: Finding, about: About) -> tuple[str, ...]:
    details = finding.details
    members, seen, held_out, last, held = (
        count(_int(finding, name)) for name in ("members", "seen", "held_out", "last_step", "held")
    )
    memorised, generalised = (percent(_number(details[f"{name}_from"]), 0) for name in ("memorised", "generalised"))
    return (
        f"{members} members, each trained on {seen} {about.nouns} of its own draw, asked {held_out} others, at steps "
        f"of a log grid up to {last}. Memorised: at least {memorised} right where seen; generalised: at least "
        f"{generalised} where held out; each from the first of {held} evaluations in a row. Steps are geometric means "
        "over members, their intervals reach back to the evaluation before; where a member never gets there, there is "
        "no number.",
        "Null: one member, trained in the same way on labels that are all redrawn.",
        "Fails when training ends before held-out accuracy rises. Cost: the members once more, and one on random "
        "labels.",
    )


def _notes(about: About) -> dict[str, str]:
    return {
        "reached_accuracy": "highest held-out accuracy that is held, mean over members; null of random labels",
        "generalised_share": "share of the members that generalise within the training",
        "memorised_step": f"first step from which {about.nouns} seen are right",
        "generalised_step": f"first step from which {about.nouns} held out are right",
        "delay_ratio": "step of generalising over step of memorising, by member",
        "gap_over_log_steps": "accuracy seen less held out, mean over the logarithm of the step; null of random labels",
        "weight_norm_kept": "norm of all weights at the end over its largest",
        "zero_gradient_share": "examples seen whose probability is 1 in float32: exp(-margin) at most 2^-24",
        "embedding_gini": "Gini coefficient of the Fourier power of the first weights; null of normal numbers",
        "restricted_loss": "loss of each sum by the constant and five frequencies of a + b alone, on pairs held out",
        "excluded_loss": "loss of the pairs seen, without these five",
        "five_frequencies_share": "share of what follows from a + b that the five carry",
    }


def _line(label: str, role: Role, curve: Curve, y: tuple[float, ...] | None = None, markers: bool = False) -> Line:
    return Line(
        label=label, role=role, x=curve.x, y=tuple(float(one or 0.0) for one in curve.y) if y is None else y,
        markers=markers,
    )  # fmt: skip


def _steps(curve: Curve) -> Axis:
    top = max(curve.x)
    ticks = tuple(10.0**i for i in range(7) if min(curve.x) <= 10**i <= top)
    return Axis(title="step", log=True, format="count", ticks=ticks)


def _step(of: Quantity) -> str:
    return f"{count(round(of.value))} {_ends(of)}".strip()


def _ends(of: Quantity, decimals: int | None = None) -> str:
    if of.interval is None:
        return ""
    digits = (1 if of.interval[1] < 10 else 0) if decimals is None else decimals
    return f"[{', '.join(number(end, digits) for end in of.interval)}]"


def _nats(of: Quantity) -> str:
    return f"{number(of.value, 3 if of.value < 0.1 else 2)} nats {interval_text(of)}".strip()


def _at(step: Scalar) -> str:
    return DASH if step is None else count(round(_number(step)))


def _number(value: object) -> float:
    return float(value)  # type: ignore[arg-type]


def _int(finding: Finding, name: str) -> int:
    return round(_number(finding.details[name]))
