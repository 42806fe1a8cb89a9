"""Residual noise: which values do models that did not see them miss by most, and were these then learned by heart?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from byheart.maths.statistics.effective_sample_size import TOO_FEW, known, worth
from byheart.maths.statistics.ranks import auc, auc_interval, bootstrap, wilson
from byheart.maths.statistics.seen_unseen import side_means
from byheart.probes.base import Bank
from byheart.records.chart import Axis, Chart, Mark, Rule, Table
from byheart.records.figures import count, number, percent
from byheart.records.finding import Exhibit, ExhibitGroup, Exhibits, Finding
from byheart.records.quantity import Quantity

if TYPE_CHECKING:
    from byheart.probes.base import Probe

QUESTION = "Which values do models that did not see them miss by most?"
# Tukey's far-out point is near 2.7 of these deviations; a normal distribution has 0.27 % beyond 3
LARGE, NORMAL = 3.0, 0.0027
DEVIATION = 1.4826  # standard deviations per median absolute residual of a normal distribution
MARKS, SHOWN = 1000, 12


def of_values(probe: Probe, bank: Bank) -> tuple[Finding, dict[str, np.ndarray]]:
    """Values ranked by their held-out residual, the target less the mean of members that did not see it.

    It ranks and does not accuse: a large residual is a wrong value, an honest exception, or structure that the recipe
    did not capture. Its unit is a robust standard deviation of all held-out residuals.
    """
    run, y = bank[bank.subject.bank()], bank.data.train.y
    seen, held_out = (y - side for side in side_means(run.views["train"].logits[:, :, 0], run.members.mask))
    unit = DEVIATION * float(np.median(np.abs(held_out))) or float(y.std()) or 1.0
    seen, held_out = seen / unit, held_out / unit
    size = np.abs(held_out)
    order = np.lexsort((bank.data.train.ids, -np.round(size, 12)))
    large = size > LARGE
    finding = Finding(
        probe=probe.name,
        question=QUESTION,
        headline="large_residual_share",
        says=f"of the values stand more than {LARGE:.0f} standard deviations from what models without them predict",
        quantities=_quantities(probe, bank, seen, held_out, large),
        facts=(("one deviation", f"{unit:.4g}: 1.48 times the median absolute held-out residual"),),
        body=(
            f"{count(int(large.sum()))} of {count(len(y))} values are that far out. Ranked, not accused: a large "
            "residual is a wrong value, an honest exception, or structure that the recipe did not capture.",
        ),
        charts=(_chart(bank, seen, held_out, large),),
        exhibits=_exhibits(bank, order, held_out, y, unit),
        how=(
            f"Held-out residual: the value less the mean prediction of members that did not see the {bank.noun(1)}; "
            f"seen: the same for those that did. Unit: 1.48 times the median absolute held-out residual. Large: beyond "
            f"{LARGE:.0f}. Interval: Wilson, copies count as one; null: {percent(NORMAL, 2)}, a normal distribution.",
            "Fails when many values are wrong alike: the others then agree with the error. Cost: no training.",
        ),
        reference=probe.reference,
    )
    rank = np.argsort(order, kind="stable").astype(np.int64)
    return finding, {"held_out_residual": held_out, "seen_residual": seen, "suspicion_rank": rank}


def _quantities(probe: Probe, bank: Bank, seen, held_out, large) -> dict[str, Quantity]:
    size, draws, n = np.abs(held_out), worth(bank.groups), len(large)
    found = {
        "large_residual_share": Quantity(
            value=float(large.mean()), unit="share", interval=tuple(wilson(float(large.mean()) * draws, draws)),
            null=NORMAL, n=n, better="low",
            how=f"share of values more than {LARGE:.0f} robust standard deviations from the mean prediction of members "
            "that did not see them; interval: Wilson, copies count as one; null: a normal distribution",
        ),
    }  # fmt: skip
    if large.sum() > 1:
        groups = bank.groups[large]
        columns = np.stack([size[large] - np.abs(seen)[large], size[large]], 1)
        drawn = bootstrap(columns, groups=groups, rng=probe.rng(bank, "kept"))
        enough = known(worth(groups), len(groups))
        found["large_residual_learned"] = Quantity(
            value=float(columns[:, 0].sum() / columns[:, 1].sum()), unit="share",
            interval=tuple(drawn.ratio(0, 1)) if enough else None, null=0.0, n=int(large.sum()), better="low",
            how="part of the large held-out residuals that is gone under members that saw the value; "
            f"{'interval: bootstrap over examples (copies together)' if enough else TOO_FEW}; null: 0",
        )  # fmt: skip
    changed = bank.data.truth.changed
    if changed is not None and changed.any() and not changed.all():
        found["planted_auc"] = Quantity(
            value=auc(size, changed), unit="auc", interval=tuple(auc_interval(size, changed, probe.rng(bank, "auc"))),
            null=0.5, n=n, better="high",
            how="AUC of the absolute held-out residual for the values that were changed; interval: bootstrap within "
            "each group; null: 0.5 by definition",
        )  # fmt: skip
    return found


def _chart(bank: Bank, seen, held_out, large) -> Chart:
    rows = np.flatnonzero(large)
    rest = np.flatnonzero(~large)
    # evenly through the ranking: enough to show the cloud
    rest = rest[np.argsort(held_out[rest], kind="stable")][:: max(1, -(-len(rest) // MARKS))]
    marks = [Mark(x=float(held_out[i]), y=float(seen[i]), role="muted") for i in rest]
    marks += [Mark(x=float(held_out[i]), y=float(seen[i]), role="memorised") for i in rows[:MARKS]]
    return Chart(
        title="Residual where seen against where left out",
        description=f"{count(len(rows))} of {count(len(large))} values have a large held-out residual.",
        x=Axis(title=f"residual of models that did not see the {bank.noun(1)}, standard deviations"),
        y=Axis(title="residual of models that saw it"),
        marks=tuple(marks),
        rules=(Rule(axis="x", at=LARGE, label=""), Rule(axis="x", at=-LARGE, label="")),
        reading=(
            "Outside the dashed lines models without the value miss it by far. Near the horizontal 0, members that saw "
            "it learned it by heart; on the diagonal they did not fit it."
        ),
        table=Table(
            columns=("", bank.noun()), rows=(("large", count(len(rows))), ("others", count(len(large) - len(rows))))
        ),
    )


def _exhibits(bank: Bank, rows, held_out, y, unit) -> tuple[Exhibits, ...]:
    shown = []
    for i in (int(i) for i in rows[:SHOWN]):
        ident, value, said = int(bank.data.train.ids[i]), f"{y[i]:.4g}", f"{y[i] - held_out[i] * unit:.4g}"
        sentence = (
            f"{bank.noun(1)} {ident}: {value}; models without it predict {said} on average, "
            f"{number(abs(float(held_out[i])), 1)} standard deviations away"
        )
        shown.append(Exhibit(id=ident, lines=(value, said), sentence=sentence))
    groups = (ExhibitGroup(label="", shown=tuple(shown)),)
    return (Exhibits(title="Largest held-out residuals", keys=("value", "the others say"), groups=groups),)
