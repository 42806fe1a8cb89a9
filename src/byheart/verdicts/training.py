"""The verdicts on training: BH104 overfitting, BH105 underfitting, BH106 overconfident."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from byheart.records.finding import Answer
from byheart.records.formatting import number, percent, value_text
from byheart.records.quantity import Quantity
from byheart.records.verdict_result import Judgement
from byheart.verdicts.base import Verdict, quantity, shown

BASELINES = (
    ("neighbours", "1-nearest neighbour"), ("linear", "logistic regression"), ("ridge", "ridge regression"),
    ("ngram", "a 3-gram"),
)  # fmt: skip
# Two per cent of what was understood at best, or of the held-out loss: less is not worth another training.
MATTERS = 0.02
HELD_OUT = {"accuracy": "Held-out accuracy", "r2": "Held-out R2", "bits_a_token": "Per held-out token"}
SAME = "on the subsets that both were trained on"


def _positive(fall: Quantity) -> Quantity:
    """A fall, or the rise that a negative one is."""
    if fall.value >= 0 or fall.interval is None:
        return fall
    low, high = fall.interval
    return fall.model_copy(update={"value": -fall.value, "interval": (-high, -low)})


def forgotten(findings: Mapping[str, Answer]) -> Quantity | None:
    """What was lost of earlier phases of training, where there were phases and its interval is above 0."""
    lost = quantity(findings, "memory/forgetting", "forgetting")
    return lost if lost is not None and lost.interval is not None and lost.interval[0] > 0 else None


class Overfitting(Verdict):
    """Was it better on examples it has not seen before the end of training?

    Example:
        >>> Overfitting().name
        'BH104'
    """

    name: ClassVar[str] = "BH104"
    version: ClassVar[int] = 5
    title: ClassVar[str] = "Whether it was trained past its best"
    threshold: ClassVar[str] = (
        f"before the end the recipe understood at least {percent(MATTERS, 0)} more (calibrated held-out code; for "
        "values R2) and held-out accuracy was higher, both beyond their intervals"
    )
    source: ClassVar[str] = (
        "byheart's own choice: what users would lose; a raw loss that rises alone is BH106; Prechelt 1998, Early "
        "stopping, but when?"
    )
    anchor: ClassVar[str] = "complexity/description-length"

    def judge(self, findings: Mapping[str, Answer]) -> Judgement:
        """A tip where code and accuracy were both better before; passed where one of them was not."""
        values = quantity(findings, self.anchor, "held_out_error_rise") is not None
        name = "held_out_error" if values else "held_out_code"
        names = (f"{name}_rise", name, "best_held_out_epoch", "held_out_accuracy_fall")
        rise, end, best, fall = (quantity(findings, self.anchor, name) for name in names)
        if rise is None or end is None or best is None or rise.interval is None:
            return self.absent("a time course over epochs")
        what = "held-out R2" if values else "calibrated held-out code"
        if rise.value == 0:
            best_of = "largest" if values else "shortest"
            return self.say("passed", f"The {what} is {best_of} at the end of training.", "Not trained past its best")
        # the null is the code, or the squared error, of who knows nothing
        understood = (end.null or 0.0) - (end.value - rise.value)
        least = MATTERS * max(0.0, understood)
        epoch = number(best.value, 0)
        each = "" if values else " per label" if fall else " per passage"
        line = f"From epoch {epoch} to the end the {what} {'falls' if values else 'grows'} by {shown(rise)}{each}"
        if fall is not None and fall.interval is not None:
            line += f" and held-out accuracy {'rises' if fall.value < 0 else 'falls'} by {shown(_positive(fall))}"
        low, high = fall.interval if fall is not None and fall.interval else rise.interval
        if lost := forgotten(findings):
            why = f"{shown(lost)} of the earlier phases of training were forgotten (memory/forgetting)"
            return self.say(
                "not applicable", f"{line}, but {why}: whether it was trained for too long is hidden by that."
            )
        if rise.interval[1] < least:
            line += f": less than {percent(MATTERS, 0)} of what it had understood."
            return self.say("passed", line, "Not trained past its best")
        if high <= 0:
            return self.say("passed", f"{line}: it predicts no worse for it.", "Not trained past its best")
        if rise.interval[0] <= least:
            part = f"{percent(MATTERS, 0)} of what it had understood, {number(least, 3)}{'' if values else ' bits'}"
            return self.say("withheld", f"{line}; the first interval contains {part}.")
        if low <= 0:
            return self.say("withheld", f"{line}; the second interval contains 0.")
        if best.value == 0:
            return self.say("tip", f"{line}. It was best before it was trained.", "Overfitting from the start")
        advice = f"End training near epoch {epoch} and audit again: a schedule made for that can do better or worse."
        return self.say("tip", f"{line}. {advice}", f"Overfitting since epoch {epoch}")


class Underfitting(Verdict):
    """Is a simpler model better, where left out or also where it has seen the label?

    Example:
        >>> Underfitting().name
        'BH105'
    """

    name: ClassVar[str] = "BH105"
    version: ClassVar[int] = 4
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
        for unit in HELD_OUT:
            held = quantity(findings, self.anchor, f"held_out_{unit}")
            for name, title in BASELINES:
                theirs, lead, seen = (
                    quantity(findings, self.anchor, f"{name}_{what}")
                    for what in (f"held_out_{unit}", "held_out_lead", "train_lead")
                )
                if held and theirs and lead and seen and lead.interval and seen.interval:
                    line = f"{HELD_OUT[unit]} {shown(held)}; {title}: {shown(theirs)}"
                    compared.append((lead, seen, title, line))
        if not compared:
            return self.absent("a baseline on the same data")
        compared.sort(key=lambda one: -one[0].value)
        better = [one for one in compared if one[0].interval[0] > 0]
        if better and (lost := forgotten(findings)):
            lead, _, title, line = better[0]
            why = f"{shown(lost)} of the earlier phases were forgotten. Try --lever replay=0.5 or --lever ewc=10."
            line = f"{line}, better by {shown(lead)} {SAME}, all phases at once. {why}"
            return self.say("issue", line, f"Forgotten: worse than {title} trained on all phases at once")
        for lead, seen, title, line in better:
            if seen.interval[0] > 0:
                advice = "It is better where seen too. Try longer training, another learning rate or another model."
                return self.say(
                    "issue", f"{line}, better by {shown(lead)} {SAME}. {advice}", f"Underfitting: worse than {title}"
                )
        for lead, _, title, line in better:
            return self.say("tip", f"{line}, better by {shown(lead)} {SAME}.", f"A simpler model does better: {title}")
        for lead, _, _, line in compared:
            if lead.interval[1] >= 0:
                return self.say(
                    "withheld", f"{line}; the interval of the difference {SAME}, {shown(lead)}, contains 0."
                )
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
        """A tip where one temperature, which changes no predicted class, would shorten the held-out code."""
        names = ("held_out_temperature", "held_out_temperature_gain", "held_out_raw_bits")
        temperature, gain, raw = (quantity(findings, self.anchor, name) for name in names)
        if temperature is None or gain is None or raw is None or gain.interval is None:
            return self.absent("probabilities for classes")
        least = MATTERS * raw.value
        would = f"A temperature of {number(temperature.value, 2)} would save"
        line = f"{would} {shown(gain)} of {value_text(raw)} per held-out label"
        if temperature.value <= 1 or gain.interval[1] < least:
            return self.say("passed", f"{line}.", "Its probabilities are not too sharp")
        if gain.interval[0] <= least:
            contains = f"the interval contains {percent(MATTERS, 0)} of the bits, {number(least, 3)}"
            return self.say("withheld", f"{line}; {contains}.")
        rise, best = (quantity(findings, self.anchor, name) for name in ("held_out_loss_rise", "best_epoch"))
        fall = quantity(findings, Overfitting.anchor, "held_out_accuracy_fall")
        rises, falls = (one is not None and one.interval is not None and one.interval[0] > 0 for one in (rise, fall))
        alone = ""
        if rises and best is not None and not falls and Overfitting().judge(findings).outcome == "passed":
            alone = (
                f" The held-out loss rises from epoch {number(best.value, 0)} on and accuracy does not fall beyond its "
                "interval: no decision suffers."
            )
        how = "divide its logits (or log probabilities) by it. Predicted classes stay the same."
        return self.say("tip", f"{line}: {how}{alone}", "Overconfident: its probabilities are too sharp")
