"""The card of generalization/curvature: how few directions hold the curvature, how sharp they are, how it is spread."""

from __future__ import annotations

from collections.abc import Iterator

from byheart.records.facts import Curve
from byheart.records.finding import Finding
from byheart.records.formatting import count, interval_text, number, value_text
from byheart.report.cards.base import About, Card
from byheart.report.cards.default import notes_of
from byheart.report.chart import Axis, Chart, Line, Rule, Table

ESTIMATED = (
    "Largest eigenvalues: Lanczos. Traces: XTrace from {draws} random vectors. Spectrum: stochastic Lanczos quadrature."
)
NONE = 0.01  # of one eigenvalue: below it there is none
WAYS = {
    "dense": "The matrices are formed whole: every figure is exact for this model.",
    "curvlinops": "The matrices are only multiplied with (by curvlinops). " + ESTIMATED,
    "products": "The matrices are only multiplied with. " + ESTIMATED,
}


def card(finding: Finding, about: About) -> Card:
    """Where the curvature of the training loss lies."""
    details, share = finding.details, finding.quantities["outlier_share"]
    k, p = int(details["classes"]), int(details["parameters"])
    what = f"of the curvature lies in {count(k)} of {count(p)} directions, one for each class"
    return Card(
        says=what,
        body=tuple(_body(finding)),
        charts=(_chart(finding.curves["spectrum"], finding),),
        tables={"The largest eigenvalues": _largest(finding)},
        how=(
            "Curvature: second derivatives of the mean cross-entropy on "
            f"{count(int(details['examples']))} of {count(int(details['of']))} training {about.nouns}, at the weights "
            "of the model trained on all of them, by every weight and bias, without weight decay or other additions "
            "to the loss. Gauss-Newton matrix: what is left of the Hessian when the network is taken as linear in its "
            "weights; here it equals the Fisher matrix. Share: its largest eigenvalues, one for each class, over its "
            "trace.",
            WAYS[str(details["way"])].format(draws=details["draws"]),
            "Null: the same at the random start. It fails as a comparison across architectures: weights of two layers "
            "can be rescaled so that the function stays and its curvature does not.",
        ),
        notes=notes_of(
            finding,
            {
                "outlier_share": f"{count(k)} largest eigenvalues over the trace; null: {_start(share.null)}",
                "downward_share": "sum of |eigenvalues| of the Hessian below 0 over all of them; a minimum has none",
                "sharpness": "largest eigenvalue of the Hessian; null: at the random start",
                "trace_of_ggn": "trace of the Gauss-Newton matrix; null: at the random start",
                "trace_of_hessian": "trace of the Hessian; null: at the random start",
            },
        ),
    )  # fmt: skip


def _start(null: float | None) -> str:
    return "at the random start" if null is not None else "none, there is no curvature at the random start"


def _body(finding: Finding) -> Iterator[str]:
    found, details = finding.quantities, finding.details
    sharp, trace, hessian = found["sharpness"], found["trace_of_ggn"], found["trace_of_hessian"]
    yield (
        f"The Hessian's largest eigenvalue is {_figure(sharp.value)}; at the random start it was {_figure(sharp.null)}."
    )
    yield (
        f"Trace of the Gauss-Newton matrix: {_figure(trace.value)}{_ends(finding, 'trace_of_ggn')}; of the Hessian: "
        f"{_figure(hessian.value)}{_ends(finding, 'trace_of_hessian')}."
    )
    if details.get("optimizer") == "sgd" and details.get("lr"):
        rate = float(details["lr"])  # type: ignore[arg-type]
        yield (
            f"Gradient descent with learning rate {number(rate, 4)} and without momentum is stable where that is below "
            f"{_figure(2 / rate)}."
        )
    below = found["downward_share"]
    shown = f"{value_text(below)} {interval_text(below)}".strip()
    yield f"{shown} of the Hessian's bending is downwards, by negative eigenvalues; at a minimum there is none."


def _figure(value: float | None) -> str:
    """Three figures."""
    if value is None:
        return "none"
    size = abs(value)
    return number(value, 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 1 else 3 if size >= 0.1 else 4)


def _ends(finding: Finding, name: str) -> str:
    ends = finding.quantities[name].interval
    return f" [{_figure(ends[0])}, {_figure(ends[1])}]" if ends else ""


def _chart(curve: Curve, finding: Finding) -> Chart:
    pairs = [(x, y) for x, y in zip(curve.x, curve.y) if y is not None]
    floor = tuple(NONE if y is None else max(y, NONE) for y in curve.y)  # a gap reaches down to the axis
    top, width = finding.quantities["sharpness"].value, float(finding.details["width"])  # type: ignore[arg-type]
    shown = pairs[:: max(1, len(pairs) // 12)]
    return Chart(
        title="How the eigenvalues of the Hessian are spread",
        description=f"The largest of {count(int(finding.details['parameters']))} eigenvalues is {_figure(top)}.",
        x=Axis(title="eigenvalue"),
        y=Axis(title="eigenvalues near it", log=True, domain=(NONE, 2 * max(floor))),
        lines=(Line(label="Hessian", role="ink", x=curve.x, y=floor),),
        rules=(Rule(axis="x", at=0.0, label="flat"),),
        reading=f"Height: how many eigenvalues lie within {_figure(width)} of each value, by powers of ten; none at "
        "the bottom. Left of 0 the loss bends down.",
        table=Table(
            columns=("eigenvalue", "eigenvalues near it"),
            rows=tuple((_figure(at), _figure(many)) for at, many in shown),
        ),
    )


def _largest(finding: Finding) -> Table:
    rows = finding.tables["largest"].rows()
    return Table(
        columns=("rank", "Hessian", "Gauss-Newton", "at the start"),
        rows=tuple(
            (str(row["rank"]), *(_figure(float(row[name] or 0.0)) for name in ("hessian", "ggn", "ggn_start")))
            for row in rows
        ),
    )
