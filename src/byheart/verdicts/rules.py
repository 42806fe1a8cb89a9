"""The verdicts: BH101 to BH105."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from byheart.records.figures import interval_text, number, percent, value_text
from byheart.records.finding import Answer
from byheart.records.judgement import Judgement
from byheart.records.quantity import Quantity
from byheart.verdicts.base import Verdict, quantity
from byheart.verdicts.variance import of_values

# Measured with this very code, in shares of the reference bits: digits 0.037, digits with a quarter of the labels
# redrawn 0.220 (64 members, MLP 64-256-10). A tenth lies between the clean and the noisy case.
MEMORISED = 0.10
# Five points either way is half of the tenth that BH102 judges: wider, and it could not tell 0 from its threshold.
HALF_WIDTH = 0.05
# Half of the labels that others bet against: more than even odds that a strange label was learned.
FITTED = 0.5
STRANGE = 0.01
RIVALS = (("neighbours", "1-nearest neighbour"), ("ridge", "ridge regression"), ("ngram", "a 3-gram"))
# Two per cent of the smallest held-out loss: below it a rise changes no decision.
RISE = 0.02


# What the bits are of, as the bit budget's own question names them, and what one example is then called.
LABELS = "label bits"
PASSAGES = {"bits of the text": "passages"}


def _bits_of(findings: Mapping[str, Answer], anchor: str) -> str:
    """E.g. `label bits`, `bits of the values`, `bits of the text`: what stands in "How many of the ... are"."""
    question = findings[anchor].question
    named = question.removeprefix("How many of the ").partition(" are ")[0]
    return named if "bits" in named and named != question else LABELS


def _shown(found: Quantity) -> str:
    return f"{value_text(found)} {interval_text(found)}".strip()


class WrongLabels(Verdict):
    """Has it learned labels that look wrong?

    Example:
        >>> WrongLabels().judge({}).outcome
        'not applicable'
    """

    name: ClassVar[str] = "BH101"
    title: ClassVar[str] = "Labels that look wrong"
    threshold: ClassVar[str] = (
        f"at least {percent(STRANGE, 0)} of the labels cost models without them half a bit more than a blind guess, "
        f"and at least {percent(FITTED, 0)} of the most suspicious are given back"
    )
    source: ClassVar[str] = (
        "byheart's own choice: more than even odds; held-out predictions after Northcutt et al. 2021"
    )
    anchor: ClassVar[str] = "memory/quadrant"
    accuses: ClassVar[Literal["labels"]] = "labels"

    def judge(self, findings: Mapping[str, Answer]) -> Judgement:
        """An issue when both shares are above their thresholds beyond their intervals."""
        strange = quantity(findings, self.anchor, "strange_share")
        fitted = quantity(findings, self.anchor, "strange_fitted")
        if strange is None or fitted is None or strange.interval is None or fitted.interval is None:
            return self.absent("the quadrant of memorisation against held-out loss")
        planted = quantity(findings, self.anchor, "planted_found")
        aside = f" {round(planted.value * planted.n)} of these {planted.n} we planted ourselves." if planted else ""
        figures = (
            f"Labels that models without them bet against most: {fitted.n}, of which members that saw them give back "
            f"{_shown(fitted)}.{aside}"
        )
        if strange.interval[1] < STRANGE:
            return self.say("passed", f"Only {_shown(strange)} of the labels look strange.", "Few labels look wrong")
        if fitted.interval[1] < FITTED:
            return self.say("passed", figures, "Labels that look wrong are mostly not learned")
        if strange.interval[0] < STRANGE:
            line = f"{_shown(strange)} of the labels look strange; the interval contains {percent(STRANGE, 0)}."
            return self.say("withheld", line)
        if fitted.interval[0] < FITTED:
            return self.say("withheld", f"{figures} The interval contains {percent(FITTED, 0)}.")
        line = f"{figures} Look at them first: they may be honest ambiguity."
        return self.say("issue", line, "It has learned labels that look wrong")


class MuchMemorised(Verdict):
    """Is a large share of the bits of the labels, values or text memorised?

    Example:
        >>> MuchMemorised().name
        'BH102'
    """

    name: ClassVar[str] = "BH102"
    version: ClassVar[int] = 2
    title: ClassVar[str] = "How much is memorised"
    threshold: ClassVar[str] = f"more than {percent(MEMORISED, 0)} of the reference bits"
    source: ClassVar[str] = (
        "between clean digits (3.7 %) and digits with a quarter of the labels redrawn (22.0 %), measured with this code"
    )
    anchor: ClassVar[str] = "complexity/bits"

    def judge(self, findings: Mapping[str, Answer]) -> Judgement:
        """A tip above the threshold; withheld where BH103 withholds or the interval contains it."""
        if (judged := of_values(self, findings)) is not None:
            return judged
        share = quantity(findings, self.anchor, "memorised_bits_share")
        if share is None or share.interval is None:
            return self.absent("the bit budget")
        figures = f"{_shown(share)} of the {_bits_of(findings, self.anchor)} are memorised"
        if (share.interval[1] - share.interval[0]) / 2 > HALF_WIDTH:
            return self.say("withheld", f"{figures}: the interval is too wide to say (BH103).")
        if share.interval[0] > MEMORISED:
            return self.say(
                "tip",
                "What moves it is seen by auditing again with another setting and comparing.",
                figures,
            )
        if share.interval[1] <= MEMORISED:
            return self.say("passed", f"{figures}.", "Little is memorised")
        return self.say("withheld", f"{figures}; the interval contains {percent(MEMORISED, 0)}.")


class TooWide(Verdict):
    """Is the headline known well enough to judge it?

    Example:
        >>> TooWide().name
        'BH103'
    """

    name: ClassVar[str] = "BH103"
    title: ClassVar[str] = "Enough to say"
    threshold: ClassVar[str] = f"half width of the headline's interval at most {100 * HALF_WIDTH:.0f} points"
    source: ClassVar[str] = "half of the tenth that BH102 judges; power is judged on the headline alone"
    anchor: ClassVar[str] = "complexity/bits"

    def judge(self, findings: Mapping[str, Answer]) -> Judgement:
        """Withheld when the half width is above the threshold."""
        share = quantity(findings, self.anchor, "memorised_bits_share")
        if share is None or share.interval is None:
            return self.absent("the bit budget")
        half = (share.interval[1] - share.interval[0]) / 2
        points = number(100 * half, 1)
        asked = _bits_of(findings, self.anchor)
        noun = PASSAGES.get(asked, "examples")
        known = f"The memorised share of the {asked} is known to \u00b1{points} points from {number(share.n)} {noun}"
        if half <= HALF_WIDTH:
            return self.say("passed", f"{known}.")
        times = (half / HALF_WIDTH) ** 2
        return self.say(
            "withheld",
            f"{known}; verdicts on it are withheld. About {number(times * share.n)} {noun} would do, or more members "
            "if the spread between members is the larger part.",
            "Too wide to say",
        )


class Overfitting(Verdict):
    """Is the held-out loss past its minimum?

    Example:
        >>> Overfitting().name
        'BH104'
    """

    name: ClassVar[str] = "BH104"
    title: ClassVar[str] = "Whether it was trained past its best"
    threshold: ClassVar[str] = f"held-out loss at the end at least {percent(RISE, 0)} above its smallest"
    source: ClassVar[str] = (
        "byheart's own choice: a smaller rise changes no decision; Prechelt 1998, Early stopping, but when?"
    )
    anchor: ClassVar[str] = "generalization/gap"

    def judge(self, findings: Mapping[str, Answer]) -> Judgement:
        """A tip when the rise is above the threshold beyond its interval."""
        rise = quantity(findings, self.anchor, "held_out_loss_rise")
        last = quantity(findings, self.anchor, "held_out_loss")
        best = quantity(findings, self.anchor, "best_epoch")
        if rise is None or last is None or best is None or rise.interval is None:
            return self.absent("a time course over epochs")
        smallest = last.value - rise.value
        least = RISE * abs(smallest)
        if rise.value == 0:
            return self.say("passed", "The held-out loss is smallest at the end.", "Not trained past its best")
        if rise.interval[1] < least:
            line = f"At the end the held-out loss is less than {percent(RISE, 0)} above its smallest."
            return self.say("passed", line, "Not trained past its best")
        if rise.interval[0] < least:
            line = f"The held-out loss rises by {_shown(rise)} from its smallest to the end"
            contained = f"the interval contains {percent(RISE, 0)} of the smallest, {number(least, 3)}"
            return self.say("withheld", f"{line}; {contained}.")
        there = quantity(findings, self.anchor, "best_epoch_test_accuracy")
        end = quantity(findings, self.anchor, "test_accuracy")
        stop = (
            f" Stopping there, on the trail, {value_text(there)} of new examples are right, against "
            f"{value_text(end)} at the end: a hint, since a schedule made to end there would differ."
            if there and end
            else ""
        )
        if best.value == 0:
            start = f"The held-out loss is smallest before training ({number(smallest, 3)})"
            line = f"{start} and {number(last.value, 3)} at the end."
            return self.say("tip", line, "Overfitting from the start")
        epoch = number(best.value, 0)
        return self.say(
            "tip",
            f"The held-out loss is smallest at epoch {epoch} ({number(smallest, 3)}) and rises to "
            f"{number(last.value, 3)} at the end.{stop}",
            f"Overfitting since epoch {epoch}",
        )


class Underfitting(Verdict):
    """Is it worse than the simplest rival, both where it has seen the label and where it has not?

    Example:
        >>> Underfitting().name
        'BH105'
    """

    name: ClassVar[str] = "BH105"
    version: ClassVar[int] = 2
    title: ClassVar[str] = "Whether it underfits"
    threshold: ClassVar[str] = (
        "both on what it has seen and where left out worse than the simplest rival (nearest neighbours, ridge, for "
        "text a 3-gram), beyond the intervals"
    )
    source: ClassVar[str] = "the rivals need no training; a dummy baseline as in scikit-learn and skore"
    anchor: ClassVar[str] = "generalization/gap"

    def judge(self, findings: Mapping[str, Answer]) -> Judgement:
        """An issue when a rival is better on both sides beyond the intervals; withheld when it may be."""
        compared = []
        for unit in ("accuracy", "r2", "bits_a_token"):
            train, held = (quantity(findings, self.anchor, f"{side}_{unit}") for side in ("train", "held_out"))
            for rival, title in RIVALS:
                theirs, seen = (
                    quantity(findings, self.anchor, f"{rival}_{side}_{unit}") for side in ("held_out", "train")
                )
                if train and held and theirs and seen:
                    beyond, maybe = (
                        worse(train, seen) and worse(held, theirs) for worse in (_worse, _maybe_worse)
                    )
                    does = {"r2": "reaches R2", "bits_a_token": "needs"}.get(unit, "reaches")
                    each = " a token" if unit == "bits_a_token" else ""
                    line = f"Where left out it {does} {_shown(held)}{each}, {title} {_shown(theirs)}"
                    compared.append((title, beyond, maybe, line, theirs.value))
        if not compared:
            return self.absent("a rival on the same data")
        for title, beyond, _, line, _ in compared:
            if beyond:
                advice = "where seen it is worse too. Train longer, or with another learning rate or model."
                return self.say("issue", f"{line}; {advice}", f"Underfitting: worse than {title}")
        for _, _, maybe, line, _ in compared:
            if maybe:
                return self.say("withheld", f"{line}; where seen it is worse too, but the intervals do not part them.")
        line = max(compared, key=lambda one: one[4])[3]
        return self.say("passed", f"{line}.", "Not underfitting")


def _worse(a: Quantity, b: Quantity) -> bool:
    """Is a worse than b beyond their intervals?"""
    if a.interval is None or b.interval is None:
        return False
    return a.interval[0] > b.interval[1] if a.unit == "bits" else a.interval[1] < b.interval[0]


def _maybe_worse(a: Quantity, b: Quantity) -> bool:
    return a.value > b.value if a.unit == "bits" else a.value < b.value
