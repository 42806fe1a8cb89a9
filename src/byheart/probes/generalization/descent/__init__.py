"""Does a larger model, more data or more training do better throughout, or is there a peak on the way?"""

from __future__ import annotations

from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from byheart.maths.descent.peaks import FEWEST_POINTS, FEWEST_SEEDS, Statistic, peak
from byheart.probes.base import Assumption, Bank, Cost, Need, Probe, Subject
from byheart.probes.generalization.descent.quantities import (
    at_one_place,
    curve,
    prominence,
    quantities,
    stacked,
    table,
)
from byheart.probes.generalization.descent.sweep import (
    EPOCHS,
    HERE,
    SHARE,
    needs_along,
    own_setting,
    places,
    theory_line,
)
from byheart.records.facts import Axis, Curve
from byheart.records.finding import Finding, NotApplicable, Pole
from byheart.records.quantity import plain
from byheart.records.reason import Reason

POLES = (
    Pole(name="Flat", value=0.0, note="the same error throughout"),
    Pole(name="Peak alone", value=1.0, note="right everywhere but at the peak, and always wrong there"),
)
NAMED = {
    EPOCHS: "epochs", SHARE: "training examples", "hidden": "hidden units", "width": "random features", "d": "inputs",
}  # fmt: skip


class Descent(Probe):
    r"""Does a larger model do better throughout, or is there a peak on the way?

    The same recipe along one setting: a size of the model, a setting of the data, the `share` of the examples, or the
    `epochs`; or `here` alone, where a study lays subjects along a grid and a survey reads them.
    error(v, seed) is the mean error on new examples (the test, else those left out): share wrong, or squared error;
    error(v) its median over seeds (its mean where a closed form is drawn over it, which is of the mean), from at least
    10 seeds, each with one subset and one start along all values. peak_at, peak_error: place and height of its largest
    value, bootstrap over seeds; absent where the interval of the place touches an end of the grid. prominence = max
    over inner v of min(error(v) - least before, error(v) - least after). largest_gain = error(smallest value) -
    error(largest); beyond_gain = least before the largest error - least behind it.

    A linear smoother says f(x) = sum_i s_i(x) y_i and uses n mean |s|^2 parameters on new examples;
    folded_prominence is the prominence over these in the place of the model's size: where a peak over the size comes of
    two axes glued together, it is gone. theory_gap: mean of error / closed form - 1 away from the peak.

    Poles: the same error throughout, prominence 0 (Rote and Oracle are, whatever their size); right everywhere but at
    the peak, 1. Cost: `seeds` models per value. Fails when: the peak lies between two values, or models are not
    trained to their end; a value that cannot be trained is a gap in the curves.
    Reference: Belkin, Hsu, Ma, Mandal 2019, Reconciling modern machine-learning practice and the classical
    bias-variance trade-off, PNAS 116; effective parameters: Curth, Jeffares, van der Schaar 2023, A U-turn on double
    descent; closed forms: `maths.descent`.

    Example:
        >>> Descent().chapter, Descent(vary="epochs").vary
        ('generalization', 'epochs')
    """

    name: ClassVar[str] = "generalization/descent"
    cost: ClassVar[Cost] = "on request"
    outputs: ClassVar[tuple[str, ...]] = ("classes", "values")
    poles: ClassVar[tuple[str, str]] = ("flat", "peak alone")
    assumes: ClassVar[tuple[Assumption, ...]] = ("varying values",)
    vary: str = ""
    values: tuple[Annotated[float, Field(gt=0)], ...] = ()
    seeds: Annotated[int, Field(ge=2)] = 11

    def requires(self, subject: Subject) -> tuple[Need, ...] | NotApplicable:
        """Members at each value."""
        vary = self.vary or own_setting(subject)
        if vary == EPOCHS and not subject.epochs():
            return self.not_applicable("no epochs")
        if not self._has(subject, vary):
            return self.not_applicable("no setting", learner=subject.learner.name, setting=vary or "hidden")
        needs = needs_along(subject, vary, self.values, self.seeds).values()
        return tuple({need.key(): need for need in needs}.values())

    def _has(self, subject: Subject, vary: str) -> bool:
        return "." in vary or vary in (EPOCHS, HERE, SHARE) or vary in type(subject.learner).model_fields

    def measure(self, bank: Bank) -> tuple[Finding | NotApplicable, dict[str, np.ndarray]]:
        """Errors along the setting, where they peak, and the same over effective parameters."""
        vary = self.vary or own_setting(bank.subject)
        needs = needs_along(bank.subject, vary, self.values, self.seeds)
        found = places(bank, vary, needs)
        n = len(bank.data.views["test"]) if "test" in bank.data.views else int(bank.counted.sum())
        if vary == HERE:
            facts, by_seed = at_one_place(found[0], bank.data.output.labelled, n, self.rng(bank, "seeds"))
            details = {"vary": vary, "seeds": len(found[0].seeds)}
            return self.finding(facts, headline="error", tables={"by_seed": by_seed}, details=details), {}
        if len(found) < FEWEST_POINTS:
            return self.withheld("too few points", points=len(found), needed=FEWEST_POINTS), {}
        if (m := min(len(place.new) for place in found)) < FEWEST_SEEDS:
            return self.withheld("few seeds", seeds=m, needed=FEWEST_SEEDS), {}
        statistic: Statistic = "median" if found[0].theory is None else "mean"
        labelled = bank.data.output.labelled
        x, new, seen = np.array([place.value for place in found]), stacked(found, "new"), stacked(found, "seen")
        top, trained = (peak(x, y, self.rng(bank, "seeds"), statistic) for y in (new, seen))
        along = Axis(name=NAMED.get(vary.rpartition(".")[2], vary.rpartition(".")[2].replace("_", " ")))
        facts = quantities(found, top, new, labelled, n, self.rng(bank, "seeds"), statistic)
        curves = {"new": curve(along, top, labelled), "seen": curve(along, trained, labelled)}
        # with other data, or fewer, the effective parameters are of another problem
        if found[0].effective is not None and "." not in vary.removeprefix("learner.") and vary != SHARE:
            folded = peak(stacked(found, "effective"), new, self.rng(bank, "seeds"), statistic)
            facts["folded_prominence"] = prominence(folded, labelled, n)
            curves["folded"] = curve(Axis(name="effective parameters on new examples"), folded, labelled)
        if line := theory_line(bank, vary, needs):
            values, risks = zip(*line)
            curves["theory"] = Curve(x_axis=along, y_axis=curves["new"].y_axis, x=values, y=risks)
        first = bank[next(need for need in needs.values() if need in bank)]
        finding = self.finding(
            facts,
            headline="prominence",
            poles=POLES if labelled else (),
            curves=curves,
            tables={"places": table(along.name, found, top, trained)},
            details={
                "vary": vary, "seeds": m, "statistic": statistic, "labelled": labelled,
                "examples": int(np.median(first.members.seen.sum(1))),
                "best": float(top.positions[top.curve.argmin()]),
                "no_peak": (Reason(code="peak at the end", figures={"at": plain(top.at.value)}),) if top.at_end else (),
            },
        )  # fmt: skip
        return finding, {}
