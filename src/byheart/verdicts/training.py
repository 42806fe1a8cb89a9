"""The verdicts on training: BH104 overfitting, BH105 underfitting, BH106 overconfident."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from byheart.records.figures import interval_text, number, percent, value_text
from byheart.records.finding import Answer
from byheart.records.judgement import Judgement
from byheart.records.quantity import Quantity
from byheart.verdicts.base import Verdict, quantity

BASELINES = (
    ("neighbours", "1-nearest neighbour"), ("linear", "logistic regression"), ("ridge", "ridge regression"),
    ("ngram", "a 3-gram"),
)  # fmt: skip
# Two per cent of the smallest held-out code, or of the held-out loss: less changes no decision.
MATTERS = 0.02
UNITS = ("accuracy", "r2", "bits_a_token")


def _shown(found: Quantity) -> str:
    return f"{value_text(found)} {interval_text(found)}".strip()


class Overfitting(Verdict):
    """Was it better on examples it has not seen before the end of training?

    Example:
        >>> Overfitting().name
        'BH104'
    """

    name: ClassVar[str] = "BH104"
    version: ClassVar[int] = 2
    title: ClassVar[str] = "Whether it was trained past its best"
    threshold: ClassVar[str] = (
        f"before the end the calibrated held-out code was at least {percent(MATTERS, 0)} shorter and the held-out "
        f"accuracy higher (for values: R2, by {percent(MATTERS, 0)} of the error), beyond their intervals"
    )
    source: ClassVar[str] = (
        "byheart's own choice: what users would lose; a raw loss that rises alone is BH106; Prechelt 1998, Early "
        "stopping, but when?"
    )
    anchor: ClassVar[str] = "complexity/bits"

    def judge(self, findings: Mapping[str, Answer]) -> Judgement:
        """A tip where code and accuracy were both better before; passed where one of them was not."""
        values = quantity(findings, self.anchor, "held_out_error_rise") is not None
        name = "held_out_error" if values else "held_out_code"
        names = (f"{name}_rise", name, "best_held_out_epoch", "held_out_accuracy_fall")
        rise, end, best, fall = (quantity(findings, self.anchor, name) for name in names)
        if rise is None or end is None or best is None or rise.interval is None:
            return self.absent("a time course over epochs")
        what = "held-out error" if values else "calibrated held-out code"
        if rise.value == 0:
            return self.say("passed", f"The {what} is smallest at the end.", "Not trained past its best")
        least = MATTERS * (end.value - rise.value)
        epoch = number(best.value, 0)
        line = f"From epoch {epoch} to the end "
        line += f"held-out R2 falls by {_shown(rise)}" if values else f"the {what} grows by {_shown(rise)}"
        if fall is not None and fall.interval is not None:
            line += f" and held-out accuracy falls by {_shown(fall)}"
        low, high = fall.interval if fall is not None and fall.interval else rise.interval
        if rise.interval[1] < least or high <= 0:
            return self.say("passed", f"{line}: stopping earlier would gain little.", "Not trained past its best")
        if rise.interval[0] <= least:
            contains = f"the first interval contains {percent(MATTERS, 0)} of the smallest {what}, {number(least, 3)}"
            return self.say("withheld", f"{line}; {contains}.")
        if low <= 0:
            return self.say("withheld", f"{line}; the second interval contains 0.")
        title = "Overfitting from the start" if best.value == 0 else f"Overfitting since epoch {epoch}"
        hint = "Stopping there is a hint: a schedule made to end there would differ."
        return self.say("tip", f"{line}. {hint}", title)


class Underfitting(Verdict):
    """Is a simpler model better, where left out or also where it has seen the label?

    Example:
        >>> Underfitting().name
        'BH105'
    """

    name: ClassVar[str] = "BH105"
    version: ClassVar[int] = 3
    title: ClassVar[str] = "Whether a simpler model does better"
    threshold: ClassVar[str] = (
        "a baseline (nearest neighbours, logistic or ridge regression, for text a 3-gram) better where left out, "
        "beyond the interval of the difference on the same examples; underfitting where it is better where seen too"
    )
    source: ClassVar[str] = "the baselines cost seconds; a dummy baseline as in scikit-learn and skore"
    anchor: ClassVar[str] = "generalization/gap"

    def judge(self, findings: Mapping[str, Answer]) -> Judgement:
        """An issue where a baseline is better on both sides, a tip where left out alone, withheld where it may be."""
        compared = []
        for unit in UNITS:
            held = quantity(findings, self.anchor, f"held_out_{unit}")
            for name, title in BASELINES:
                theirs, lead, seen = (
                    quantity(findings, self.anchor, f"{name}_{what}")
                    for what in (f"held_out_{unit}", "held_out_lead", "train_lead")
                )
                if held and theirs and lead and seen and lead.interval and seen.interval:
                    does = {"r2": "reaches R2", "bits_a_token": "needs"}.get(unit, "reaches")
                    each = " per token" if unit == "bits_a_token" else ""
                    line = f"Where left out it {does} {_shown(held)}{each}, {title} {_shown(theirs)}"
                    compared.append((lead, seen, title, line))
        if not compared:
            return self.absent("a baseline on the same data")
        compared.sort(key=lambda one: -one[0].value)
        better = [one for one in compared if one[0].interval[0] > 0]
        for lead, seen, title, line in better:
            if seen.interval[0] > 0:
                advice = "where seen it is worse too. Train longer, or with another learning rate or model."
                return self.say(
                    "issue", f"{line}, better by {_shown(lead)}; {advice}", f"Underfitting: worse than {title}"
                )
        for lead, _, title, line in better:
            return self.say(
                "tip",
                f"{line}, better by {_shown(lead)} on the same examples.",
                f"A simpler model does better: {title}",
            )
        for lead, _, _, line in compared:
            if lead.interval[1] >= 0:
                return self.say("withheld", f"{line}; the interval of the difference, {_shown(lead)}, contains 0.")
        return self.say("passed", f"{compared[0][3]}.", "No simpler model does better")


class Overconfident(Verdict):
    """Are its probabilities too sharp on examples it has not seen?

    Example:
        >>> Overconfident().name
        'BH106'
    """

    name: ClassVar[str] = "BH106"
    title: ClassVar[str] = "Whether its probabilities are too sharp"
    threshold: ClassVar[str] = (
        f"a temperature above 1 that saves at least {percent(MATTERS, 0)} of the held-out loss, beyond the interval"
    )
    source: ClassVar[str] = (
        "byheart's own choice; Guo et al. 2017, On calibration of modern neural networks, section 4.2"
    )
    anchor: ClassVar[str] = "generalization/gap"

    def judge(self, findings: Mapping[str, Answer]) -> Judgement:
        """A tip where one temperature, which changes no decision, would shorten the held-out code."""
        names = ("held_out_temperature", "held_out_temperature_gain", "held_out_raw_bits")
        temperature, gain, raw = (quantity(findings, self.anchor, name) for name in names)
        if temperature is None or gain is None or raw is None or gain.interval is None:
            return self.absent("probabilities for classes")
        least = MATTERS * raw.value
        line = (
            f"A temperature of {number(temperature.value, 2)} saves {_shown(gain)} per label of "
            f"{number(raw.value, 2)} where left out"
        )
        if temperature.value <= 1 or gain.interval[1] < least:
            return self.say("passed", f"{line}.", "Its probabilities are not too sharp")
        if gain.interval[0] <= least:
            return self.say(
                "withheld", f"{line}; the interval contains {percent(MATTERS, 0)} of it, {number(least, 3)}."
            )
        rise, best = (quantity(findings, self.anchor, name) for name in ("held_out_loss_rise", "best_epoch"))
        past = Overfitting().judge(findings).outcome == "tip"
        alone = (
            f" That is why the held-out loss rises from epoch {number(best.value, 0)} on."
            if rise and best and rise.interval and rise.interval[0] > 0 and not past
            else ""
        )
        return self.say(
            "tip", f"{line}; it changes no decision.{alone}", "Overconfident: its probabilities are too sharp"
        )
