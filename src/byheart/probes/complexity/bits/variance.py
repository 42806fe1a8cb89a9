"""Which shares of the variance of the values are understood, memorised, not learned? The budget of values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from byheart.maths.clusters import TOO_FEW, Estimate
from byheart.maths.counterfactual import shuffled
from byheart.maths.variance import (
    SideErrors,
    VarianceShares,
    deviations,
    side_errors,
    variance_share_intervals,
)
from byheart.probes.base import Bank
from byheart.probes.complexity.bits.held_out_course import held_out_course
from byheart.probes.complexity.bits.standing import RIVALS, balance_of, shares, trail_sides
from byheart.probes.heavy_tail import heavy_tail, without_r2
from byheart.probes.interval_sources import largest_source
from byheart.records.balance import Share, Standing
from byheart.records.chart import Axis, Bar, Chart, Segment, Table
from byheart.records.figures import count, interval_text, percent
from byheart.records.finding import Finding, Pole
from byheart.records.quantity import Quantity
from byheart.training.run import Run

if TYPE_CHECKING:
    from byheart.probes.base import Probe

QUESTION = "Which shares of the variance of the values are understood, memorised, not learned?"
NAMES = {"understood": "understood_share", "memorised": "memorised_share_of_variance", "left": "left_share"}
LEFT = "noise, or structure that it did not capture: R2 cannot tell these apart"
_HOW = {
    "understood": "R2 of members, singly, on examples that they did not see",
    "memorised": "R2 of members on examples that they saw less that on those that they did not",
    "left": f"1 less R2 of members on examples that they saw: {LEFT}",
}


def of_values(probe: Probe, bank: Bank) -> tuple[Finding, dict[str, np.ndarray]]:
    """The finding of `complexity/bits` for values: the decomposition of their variance, or why it is withheld."""
    run = bank[bank.subject.bank()]
    if few := heavy_tail(bank):
        return without_r2(probe, bank, QUESTION, few), {}
    sides = sides_of(bank, run)
    mask = run.members.mask
    estimates = variance_share_intervals(_errors(run), deviations(bank.data.train.y, mask), mask, bank.groups)
    null = _null(probe, bank, run)
    standing = Standing(**{name: _share(getattr(estimates, name)) for name in NAMES})
    course = trail_sides(bank, run, sides_of)
    balance = balance_of(bank, run, sides, course, standing, sides_of, probe.rng(bank, "moves"))
    finding = Finding(
        probe=probe.name,
        question=QUESTION,
        headline=NAMES["memorised"],
        says=f"of the variance of the {_target(bank)} is known by heart; "
        f"{percent(estimates.understood.value)} is understood",
        quantities=_quantities(bank, estimates, null) | held_out_course(bank, run, course, probe.rng(bank, "course")),
        poles=(Pole(name="Oracle", value=0.0, note="knows the task's own truth"), Pole(name="Rote", value=1.0)),
        facts=(("not learned", f"{percent(estimates.left.value)}: {LEFT}"),),
        body=_body(bank, estimates, balance.one_model.sentence if balance.one_model else ""),
        charts=(_chart(bank, sides),),
        tables={"Shares of the variance": _table(bank, estimates)},
        how=_how(bank, null),
        reference=probe.reference,
        balance=balance,
    )
    return finding, {"held_out_error": sides.unseen, "seen_error": sides.seen}


def sides_of(
    bank: Bank, run: Run, mask: np.ndarray | None = None, members: int = 0, checkpoint: int = -1
) -> SideErrors:
    """The errors of both sides under the first `members` of a run (all of them: 0), as `mask` parts them."""
    mask = run.members.mask[: members or len(run.members)] if mask is None else mask
    spread = deviations(bank.data.train.y, run.members.mask[: len(mask)])
    return side_errors(_errors(run, checkpoint)[: len(mask)], spread, mask)


def _errors(run: Run, checkpoint: int = -1) -> np.ndarray:
    return run.views["train"].loss_nats[checkpoint].astype(np.float64)


def _target(bank: Bank) -> str:
    """What the values are called: the column's name where there is one."""
    return "values" if bank.data.output.target == "label" else bank.data.output.target


def _share(of: Estimate) -> Share:
    low, high = of.interval or (of.value, of.value)
    return Share(value=of.value, interval=(low, high))


def _null(probe: Probe, bank: Bank, run: Run) -> float:
    """Share memorised when which member saw which example is shuffled (first 16 members)."""
    mask = shuffled(run.members.mask[: min(16, len(run.members))], probe.rng(bank, "null"))
    return shares(sides_of(bank, run, mask=mask)).memorised


def _quantities(bank: Bank, estimates: VarianceShares, null: float) -> dict[str, Quantity]:
    nulls = {"understood": 0.0, "memorised": null, "left": 1 - null}
    better = {"understood": "high", "memorised": "low", "left": None}
    reasons = {
        "understood": "null: 0, the mean of what the member was trained on",
        "memorised": "null: measured with the masks of the first 16 members shuffled",
        "left": "null: everything but what shuffling gives",
    }
    found = {}
    for name, key in NAMES.items():
        part = getattr(estimates, name)
        where = "interval: ratio of two variances, over fresh draws of examples and training set"
        found[key] = Quantity(
            value=part.value, unit="share", interval=part.interval, null=nulls[name], n=len(bank.groups),
            better=better[name], how=f"{_HOW[name]}; {where if part.interval else TOO_FEW}; {reasons[name]}",
        )  # fmt: skip
    return found


def _table(bank: Bank, estimates: VarianceShares) -> Table:
    rows = []
    for name, title in (("understood", "understood"), ("memorised", "by heart"), ("left", "not learned")):
        part = getattr(estimates, name)
        one = Quantity(value=part.value, unit="share", interval=part.interval, null=0, n=1, how="shown")
        rows.append((title, percent(part.value, 1), interval_text(one)))
    return Table(columns=("", "share of the variance", "95 % interval"), rows=(*rows, ("sum", percent(1, 1), "exact")))


def _body(bank: Bank, estimates: VarianceShares, one_model: str) -> tuple[str, ...]:
    sentences = []
    if estimates.understood.value < 0 and estimates.memorised.value > 1:
        sentences.append(
            "By heart exceeds 100 % because understood is negative: where left out, members do worse than the mean of "
            "what they were trained on, and memory pays for that as well."
        )
    elif estimates.understood.value < 0:
        sentences.append("Where left out, members do worse than the mean of what they were trained on.")
    if one_model:
        sentences.append(one_model)
    if source := largest_source(bank, estimates.memorised.interval, estimates.memorised.sources):
        sentences.append(source)
    return tuple(sentences)


def _chart(bank: Bank, sides: SideErrors) -> Chart:
    """Left, memorised and understood on an axis of variance: the recipe, and the baselines on the same subsets."""
    rows = [("this recipe", sides)]
    for name, title in RIVALS.items():
        if (need := bank.subject.baseline(name)) in bank:
            rows.append((title, sides_of(bank, bank[need])))
    bars, lines = [], []
    for label, one in rows:
        understood, memorised, left = shares(one)
        name = "understood" if understood >= 0 else "worse than the mean"
        parts = (("left", 0.0, left, left), ("memorised", left, left + memorised, memorised),
                 ("understood", left + memorised, 1.0, understood))  # fmt: skip
        names = {"left": "not learned", "memorised": "by heart", "understood": name}
        bars.append(
            Bar(
                label=label,
                segments=tuple(
                    Segment(start=start, stop=stop, role=role, label=f"{names[role]} {percent(value, 0)}")
                    for role, start, stop, value in parts
                ),
            )
        )
        lines.append((label, *(percent(value, 1) for value in (understood, memorised, left))))
    return Chart(
        title="Shares of the variance: not learned, by heart, understood",
        description="; ".join(f"{who}: understood {u}, by heart {m}, not learned {rest}" for who, u, m, rest in lines),
        x=Axis(title=f"share of the variance of the {_target(bank)}", format="percent"),
        bars=tuple(bars),
        reading=(
            f"Grey ends at the squared error of members that saw the {bank.noun(1)}, orange at that of members that "
            "did not, blue at that of the mean. Where blue runs back to the left, members do worse than the mean."
        ),
        table=Table(columns=("", "understood", "by heart", "not learned"), rows=tuple(lines)),
    )


def _how(bank: Bank, null: float) -> tuple[str, ...]:
    run = bank[bank.subject.bank()]
    m, n = run.members.mask.shape
    out = (~run.members.mask).sum(0)
    times = f"{out.min()}" if out.min() == out.max() else f"{out.min()} to {out.max()}"
    return (
        "Squared errors are averaged for each example over the members of a side, then over examples; predictions are "
        "never averaged. Each side is divided by the squared distance from the member's own training mean over the "
        "same pairs, so a constant has exactly 0 understood, 0 by heart, 100 % not learned. understood = 1 \u2212 left "
        "out, by heart = left out \u2212 seen, not learned = seen: they add up to 1 exactly and have no unit. Not "
        f"learned is {LEFT}. By heart exceeds 100 % where understood is negative.",
        f"Each {bank.noun(1)} was left out by {times} of {m} members. Interval: ratio of two variances, both "
        f"uncertain: what other {bank.noun()} (copies together) and another draw of the training set would bring. "
        f"Null: which member saw which {bank.noun(1)} is shuffled, {percent(null, 1)} by heart.",
        f"It speaks of the recipe on {percent(bank.subject.share, 0)} of the {count(n)} {bank.noun()}: the members saw "
        "that much. Fails when near-duplicates stand in for one another, or few squared deviations carry the variance. "
        "Cost: no training of its own.",
    )
