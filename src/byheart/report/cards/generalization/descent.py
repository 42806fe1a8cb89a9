"""The card of generalization/descent: errors along a setting, theory over them, and over effective parameters."""

from __future__ import annotations

from collections.abc import Callable

from byheart.records.facts import Curve, NumbersAndGaps
from byheart.records.finding import Finding
from byheart.records.formatting import interval_text, number, percent, value_text
from byheart.records.quantity import Quantity
from byheart.records.reason import Reason
from byheart.report.cards.base import About, Card
from byheart.report.cards.default import notes_of, spaced
from byheart.report.cards.reasons import why
from byheart.report.chart import Axis, Chart, Line, Role, Rule, Table

WIDE = 20.0  # largest over smallest error, beyond which its axis is logarithmic
LONG = 8.0  # the same of the setting


def card(finding: Finding, about: About) -> Card:
    """The peak, what is behind it, and whether effective parameters fold it back."""
    if "error" in finding.quantities:
        return _of_one_place(finding, about)
    details = finding.details
    along = finding.curves["new"].x_axis.name
    return Card(
        says=f"by which a peak over {along} stands above the least error on either side; 0 or less: there is none",
        body=_body(finding, about),
        charts=tuple(chart for chart in (_chart(finding, about), _folded(finding)) if chart),
        how=(
            f"Error: {details['statistic']} over {details['seeds']} seeds, each trained on "
            f"{number(details['examples'])} {about.named(2)} of its own draw, the same at all values. Peak: the "
            "largest error; place and height by bootstrap over seeds, withheld where the interval of the place touches "
            "an end of the grid. Prominence: how far the curve rises to its most prominent place and falls again.",
            *_how_theory(finding),
            *_how_folded(finding),
            f"Fails when the peak lies between two values, or models are not trained to their end. Cost: "
            f"{details['seeds']} models per value.",
        ),
        notes=notes_of(finding, _notes(along)),
    )


def _of_one_place(finding: Finding, about: About) -> Card:
    return Card(
        says=f"error on new {about.nouns}, the median over seeds",
        how=("The same of every subject along the grid, by seed: a survey reads where it peaks.",),
        notes=notes_of(finding, {"error": "median over the members of the mean error on new examples"}),
    )


def _notes(along: str) -> dict[str, str]:
    return {
        "prominence": "most prominent inner place: error less the least error before it, or behind it, the larger",
        "peak_at": f"{along} at the largest error; the largest of noisy values is drawn a little too high",
        "peak_error": "the largest error along the grid",
        "largest_gain": "error at the smallest value less error at the largest",
        "beyond_gain": "least error before the peak less least error behind it: above 0 the second descent is deeper",
        "folded_prominence": "prominence over effective parameters, in the place of the setting",
        "theory_gap": "mean of measured / expected - 1 over places more than 20 % from the peak",
    }


def _body(finding: Finding, about: About) -> tuple[str, ...]:
    found, along = finding.quantities, finding.curves["new"].x_axis.name
    said = []
    if peak := found.get("peak_error"):
        at = found["peak_at"]
        said.append(
            f"The largest error, {value_text(peak)} {interval_text(peak)}, is at {_amount(at.value)} {along} "
            f"[{', '.join(map(_amount, at.interval or ()))}]."
        )
    for reason in finding.details["no_peak"]:
        if isinstance(reason, Reason):
            said.append(f"Place and height of the peak are withheld: {why(reason, about)}.")
    if beyond := found.get("beyond_gain"):
        way, much = _either_way(beyond, "lower", "higher")
        said.append(f"Behind the peak the least error is {much} {way} than before it.")
    way, much = _either_way(found["largest_gain"], "falls", "rises")
    said.append(
        f"From the smallest value to the largest the error {way} by {much}; it is least at "
        f"{_amount(finding.details['best'])} {along}."
    )
    if folded := found.get("folded_prominence"):
        said.append(
            f"Over effective parameters a peak stands out by {value_text(folded)} {interval_text(folded)} in the place "
            f"of {value_text(found['prominence'])}."
        )
    if gap := found.get("theory_gap"):
        said.append(f"Away from the peak, measured over expected less 1 is {value_text(gap)} {interval_text(gap)}.")
    return tuple(said)


def _either_way(of: Quantity, above: str, below: str) -> tuple[str, str]:
    """Which of two words, and the number without its sign."""
    if of.value >= 0:
        return above, f"{value_text(of)} {interval_text(of)}"
    low, high = of.interval or (of.value, of.value)
    turned = of.model_copy(update={"value": -of.value, "interval": (-high, -low)})
    return below, f"{value_text(turned)} {interval_text(turned)}"


def _how_theory(finding: Finding) -> tuple[str, ...]:
    if "theory" not in finding.curves:
        return ()
    return (
        "The closed form is the expected excess error, test values without noise: of finite size for least squares "
        "without a penalty (Hastie et al. 2022), in the limit with one; of random features in the limit (Mei and "
        "Montanari 2022); of gradient descent on independent inputs (Heckel and Yilmaz 2021). It is infinite where the "
        "line is broken.",
    )


def _how_folded(finding: Finding) -> tuple[str, ...]:
    if "folded" not in finding.curves:
        return ("Effective parameters are known of models that weigh their training labels (linear smoothers) alone.",)
    return (
        "Effective parameters: what the model says of a new example is a weighted sum of the n training labels; n "
        "times the mean of the summed squared weights (Curth et al. 2023).",
    )


def _chart(finding: Finding, about: About) -> Chart:
    new, seen, theory = (finding.curves.get(name) for name in ("new", "seen", "theory"))
    if new is None or seen is None:
        raise KeyError("a finding of generalization/descent has the curves new and seen")
    write, y = _writer(finding), _error_axis(finding, new)
    lines = [_line(f"new {about.nouns} {write(_last(new))}", "understood", new, y)]
    trained = _line(f"seen {write(_last(seen))}", "memorised", seen, y)
    lines += [trained] if len(trained.x) > 1 else []
    if theory is not None:
        parts = _unbroken(theory)
        lines += [
            Line(label="closed form" if i == len(parts) - 1 else "", role="null", x=x, y=y)
            for i, (x, y) in enumerate(parts)
        ]
    peak = finding.quantities.get("peak_at")
    return Chart(
        title=f"Error by {new.x_axis.name}",
        description=f"From {write(float(new.y[0] or 0))} to {write(_last(new))} on new {about.nouns}.",
        x=Axis(title=new.x_axis.name, log=_wide(new.x, LONG), format="count"),
        y=y,
        lines=tuple(lines),
        rules=(Rule(axis="x", at=peak.value, label=f"peak at {_amount(peak.value)}"),) if peak else (),
        reading="Bands are 95 % intervals over seeds. Where the line of what it was trained on reaches 0, the model "
        "can fit every label; the peak of the error on new ones, if there is one, is there.",
        table=_table(finding, write),
    )


def _folded(finding: Finding) -> Chart | None:
    folded = finding.curves.get("folded")
    if folded is None:
        return None
    write, y = _writer(finding), _error_axis(finding, folded)
    return Chart(
        title="Error by effective parameters",
        description=f"From {write(float(folded.y[0] or 0))} to {write(_last(folded))}.",
        x=Axis(title=folded.x_axis.name, log=_wide(folded.x, LONG), format="count"),
        y=y,
        lines=(_line(f"new {write(_last(folded))}", "understood", folded, y),),
        reading="The same models in order of the parameters that they use on new examples: small and very large models "
        "stand side by side, and what was a peak in the middle is the right end.",
        table=Table(
            columns=("effective parameters", "error"),
            rows=tuple((number(x), write(float(y or 0.0))) for x, y in zip(folded.x, folded.y)),
        ),
    )


def _line(label: str, role: Role, curve: Curve, y: Axis) -> Line:
    """A curve as far as its axis can show it: where seen it may be rounding, or hold noise."""
    low, high = y.domain or (0.0, 1.0)
    shown = [i for i, value in enumerate(curve.y) if value is not None and low <= value <= high]
    columns = {name: tuple(float(values[i] or 0.0) for i in shown) for name, values in _drawn(curve).items()}
    return Line(label=label, role=role, markers=True, **columns)


def _drawn(curve: Curve) -> dict[str, NumbersAndGaps]:
    return {"x": curve.x, "y": curve.y, "low": curve.low, "high": curve.high}


def _error_axis(finding: Finding, curve: Curve) -> Axis:
    """Per cent up from 0, or squared errors on a logarithmic scale where those on new examples are far apart."""
    known = [value for value in (*curve.y, *curve.low, *curve.high) if value is not None]
    if finding.details["labelled"]:
        return Axis(title="share wrong", format="percent", domain=(0.0, min(1.0, 1.1 * max(known) + 0.02)))
    if not _wide(known):
        return Axis(title="squared error", domain=(0.0, 1.1 * max(known)))
    return Axis(title="squared error", log=True, domain=(0.5 * min(v for v in known if v > 0), 2 * max(known)))


def _wide(values: tuple[float, ...] | list[float], most: float = WIDE) -> bool:
    above = [value for value in values if value > 0]
    return bool(above) and max(above) > most * min(above)


def _unbroken(curve: Curve) -> list[tuple[tuple[float, ...], tuple[float, ...]]]:
    """The runs of a line between its gaps."""
    runs: list[list[tuple[float, float]]] = [[]]
    for x, y in zip(curve.x, curve.y):
        if y is None:
            runs.append([])
        else:
            runs[-1].append((x, y))
    return [(tuple(x for x, _ in run), tuple(y for _, y in run)) for run in runs if run]


def _writer(finding: Finding) -> Callable[[float], str]:
    return percent if finding.details["labelled"] else lambda value: number(value, 2 if value < 100 else 0)


def _last(curve: Curve) -> float:
    return float(next(value for value in reversed(curve.y) if value is not None))


def _amount(value: float) -> str:
    return number(value, 0 if value >= 10 or value == round(value) else 2)


def _table(finding: Finding, write: Callable[[float], str]) -> Table:
    """A row per value: errors, the closed form, effective parameters and norm as far as they are known."""
    values = finding.tables["places"].values
    along, *others = values
    texts = {along: map(_amount, values[along])}
    for name in others:
        of_errors = name in ("error", "error_where_seen", "closed_form")
        texts[name] = (
            "\u2013" if one is None else (write if of_errors else _amount)(float(one)) for one in values[name]
        )
    return Table(columns=tuple(map(spaced, texts)), rows=tuple(zip(*texts.values(), strict=True)))
