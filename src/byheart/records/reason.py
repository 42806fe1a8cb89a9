"""Reason: why there is no number, or what to know of one, as a code with its figures; `report/cards/reasons.py` has the
words."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator

from byheart.records.facts import Scalar
from byheart.records.spec import Record

ReasonCode = Literal[
    "one-sided", "few members", "proxies alone", "few blocks",
    "few draws", "few groups", "large group", "uneven halves", "dependent groups", "rare labels",
    "heavy tail", "few deviations", "unbounded bits", "nobody left to judge", "no halves to compare",
    "no clear pair", "no baseline", "uninformed", "no test set", "small test set", "on request", "not recorded",
    "another output", "no table", "one phase", "best loss unknown", "nothing random", "no epochs", "no runs",
    "few examples", "undefined",
    "gradients need classes", "too few to check", "unchecked",
    "no prediction", "remainder", "no secrets", "no secrets held out", "too many secrets", "no logits",
    "unlike references", "failed", "not measured", "no quantity", "no interval", "several units",
    "recipe and run", "no null", "undecided", "small grid", "nothing kept", "gaps alike", "no setting",
    "too few points",
    "yours", "gone", "few models", "models agree", "few on each side", "cut short", "replay departs",
    "above tolerance", "cells", "copies by chance", "ranked alone", "few false alarms", "one training",
    "peak at the end", "not crossed", "few seeds", "may be 0", "no power law", "beyond the range",
    "no single change", "one setting", "no order", "no test size", "no shares", "few pairs", "few configurations",
    "no network", "rows in time", "short series", "past unseen", "no cuts", "short window", "leaked series",
    "large state", "no orbit", "other",
]  # fmt: skip

# every code, when it is given, and the figures that it has
FIGURES: dict[ReasonCode, tuple[str, ...]] = {
    # some of the `of` examples were seen by all members, or by none
    "one-sided": ("examples", "of"),
    # fewer members than it takes to say something of single examples,
    "few members": ("members", "needed"),
    # ... so that proxies of memorisation have no score to be judged by,
    "proxies alone": ("members", "needed"),
    # ... or, where subsets are blocks in time, of averages
    "few blocks": ("members", "needed"),
    # copies count as one, and leave fewer independent draws than an interval needs; `named`: the user named
    # groups, or "blocks", or "series"
    "few draws": ("examples", "draws", "needed", "named"),
    # bits cannot be calibrated across two halves of the groups: of too few groups,
    "few groups": ("examples", "groups", "needed", "named"),
    # ... of groups of which one holds more than `most` of the examples,
    "large group": ("examples", "share", "most", "named"),
    # ... of groups that leave the smaller half less than a third,
    "uneven halves": ("examples", "share", "named"),
    # ... or of groups that count as too few draws
    "dependent groups": ("examples", "draws", "needed", "named"),
    # the labels of few examples of rare classes carry the label bits
    "rare labels": ("labels", "effective", "needed", "rarest"),
    # the largest of the values carry their variance; in `groups` groups
    "heavy tail": ("values", "groups", "effective", "needed"),
    # there are too few values for a variance
    "few deviations": ("values", "groups", "effective", "needed"),
    # members pass through the values that they saw
    "unbounded bits": (),
    # where one member is attacked, the others leave some example without both sides
    "nobody left to judge": ("members", "needed"),
    # the scores of two halves of the members cannot be compared
    "no halves to compare": (),
    # no influence stands clear of the largest by chance
    "no clear pair": ("members", "needed", "threshold"),
    # no baseline of another family checks the labels
    "no baseline": (),
    # recipe or baseline predicts labels it has not seen no better than a blind guess
    "uninformed": (),
    # there are no new examples
    "no test set": (),
    # there are fewer new examples than an interval takes
    "small test set": ("examples", "needed"),
    # it costs much, and nobody asked for it
    "on request": ("probe",),
    # training is not made of steps that our loop records; `instead`: "retrain" or "record" helps
    "not recorded": ("learner", "instead"),
    # it is asked of other kinds of output: `asked`, by commas
    "another output": ("asked", "kind"),
    # it needs rows of a table,
    "no table": (),
    # ... training data in several phases,
    "one phase": (),
    # ... or a task that knows the best possible loss
    "best loss unknown": (),
    # ... that is not 0
    "nothing random": (),
    # none of the models that it rests on could be trained
    "no runs": ("members",),
    # there are fewer examples than anything can be told of
    "few examples": ("examples", "needed"),
    # the numbers are not finite on these data: nothing varies, or nothing is left to divide by
    "undefined": (),
    # `keep` is seen only of members that our loop trains
    "nothing kept": ("learner", "keep"),
    # no two models differ clearly in their gaps, so no measure can be said to order them
    "gaps alike": ("models",),
    # the learner has no such setting to vary
    "no setting": ("learner", "setting"),
    # of the settings that were varied too few could be trained
    "too few points": ("points", "needed"),
    # the learner has no epochs, or fewer than four checkpoints
    "no epochs": (),
    # the method projects gradients of classes
    "gradients need classes": (),
    # effects were not compared with retrained members: too few of them for any check
    "too few to check": ("members", "needed"),
    # effects were not compared with retrained members; `cause`: "too few members", "one-sided halves", "members agree"
    "unchecked": ("cause", "members"),
    # effects were compared with retrained members and do not predict them; `other`: a method to try
    "no prediction": ("other",),
    # credits miss a part of what training changed
    "remainder": ("share",),
    # no secrets were planted,
    "no secrets": (),
    # ... or none was held out
    "no secrets held out": (),
    # too many secrets are possible to rank them all
    "too many secrets": ("possible",),
    # the model kept no logits of the secrets
    "no logits": (),
    # secrets never planted are not ranked by chance, so their references are unlike them
    "unlike references": ("bits", "chance"),
    # of a study: the probe failed,
    "failed": ("error",),
    # ... was not measured,
    "not measured": (),
    # ... has no such quantity (`nearest` in name, or None),
    "no quantity": ("name", "nearest"),
    # ... or one without an interval
    "no interval": ("name", "why"),
    # of an expectation: the quantities compared differ in unit,
    "several units": ("units",),
    # ... one is of the recipe, the other of this run,
    "recipe and run": (),
    # ... the quantity has no null to compare with,
    "no null": (),
    # ... or the interval allows both outcomes
    "undecided": (),
    # of a survey: it was measured on fewer subjects than the question needs
    "small grid": ("measured", "needed"),
    # of an explanation, not checked: the models on other subsets were not asked about what was given,
    "yours": (),
    # ... are not in the ledger,
    "gone": (),
    # ... are too few,
    "few models": ("models",),
    # ... say all the same,
    "models agree": (),
    # ... or are too few with the example, and too few without it
    "few on each side": (),
    # to know of credits (`maths.attribution.credit.Note`): the trace ended early, `why`, after so many steps,
    "cut short": ("why", "steps"),
    # ... a replay is not bit for bit,
    "replay departs": ("share",),
    # ... or the remainder is above what was asked
    "above tolerance": ("missed", "tolerance"),
    # of a list of issues: equal inputs are no copies, for the data are a design of so many cells,
    "cells": ("cells",),
    # ... or a table so coarse that half of the copies may be chance,
    "copies by chance": ("share", "chance"),
    # scores of this kind of output are ranked, and none of them is a threshold,
    "ranked alone": ("kind",),
    # or too few false alarms stand behind an attack at 1 %
    "few false alarms": ("needed",),
    # of a gate: the audit has one member
    "one training": (),
    # of a curve: the interval of its largest place touches an end of the grid, and the peak may lie beyond,
    "peak at the end": ("at",),
    # ... no place of the grid is surely below a level, or none surely above it,
    "not crossed": ("level",),
    # ... or it takes more seeds to tell
    "few seeds": ("seeds", "needed"),
    # of a power law: at some sizes the quantity may be 0 or less, and has no logarithm,
    "may be 0": ("sizes", "of", "at"),
    # ... points lie off every power by more than their intervals allow,
    "no power law": ("at", "factor", "bend"),
    # ... or a size lies beyond half the smallest and twice the largest
    "beyond the range": ("at", "least", "most"),
    # of a score of measures over runs: no two configurations differ in one hyper-parameter alone,
    "no single change": (),
    # ... there is one hyper-parameter, and two are held fixed,
    "one setting": (),
    # ... gaps are all tied, or fixed by what is held fixed,
    "no order": (),
    # ... it is not known how many test examples stand behind a gap,
    "no test size": (),
    # ... gaps are no differences of shares,
    "no shares": ("largest",),
    # ... in no environment are enough differences of gaps certain,
    "few pairs": ("effective", "needed"),
    # ... or there are fewer configurations than a model of them takes
    "few configurations": ("configurations", "needed"),
    # of a certificate: the learner builds no network that could be fitted around,
    "no network": ("learner",),
    # ... or rows follow one another in time, and are no independent draws
    "rows in time": (),
    # of a series: it has too few steps for what is asked,
    "short series": ("steps",),
    # ... or its past tells of the next step in a way that no prediction tried sees
    "past unseen": ("steps",),
    # of a model of windows: there are too few test windows to cut,
    "no cuts": ("windows", "needed"),
    # ... it gets no more than one step, or cannot be given fewer,
    "short window": (),
    # of a series: steps of its test are copies of training steps
    "leaked series": ("steps", "test"),
    # of a model of windows: a window holds too many numbers for its Jacobian,
    "large state": ("numbers", "most"),
    # ... or left to itself it leaves every bound
    "no orbit": ("steps",),
    # a plug-in's own reason: `why` in words, and if something helps `advice`
    "other": ("why",),
}


class Reason(Record):
    """Why there is no number: a code, and the figures that its sentence holds.

    Example:
        >>> Reason(code="small test set", figures={"examples": 5, "needed": 8}).figures["needed"]
        8
    """

    code: ReasonCode
    figures: dict[str, Scalar] = {}

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if lacking := [name for name in FIGURES[self.code] if name not in self.figures]:
            raise ValueError(f"the reason {self.code!r} has the figures {FIGURES[self.code]}; missing: {lacking}")
        return self
