"""The verdicts on labels and on the balance: BH101 to BH103."""

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
LISTED = 0.01

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


class LabelsToCheck(Verdict):
    """Which labels are worth checking?

    Example:
        >>> LabelsToCheck().judge({}).outcome
        'not applicable'
    """

    name: ClassVar[str] = "BH101"
    version: ClassVar[int] = 2
    title: ClassVar[str] = "Labels worth checking"
    threshold: ClassVar[str] = (
        f"an issue where copies carry different labels; a tip where at least {percent(LISTED, 0)} of the labels cost "
        "models trained without them, of this recipe and of a baseline of another family, half a bit more than a blind "
        "guess"
    )
    source: ClassVar[str] = (
        "byheart's own choice: separable data without noise stay at or below it under nearest neighbours, tree, forest "
        "and boosting; held-out predictions after Northcutt et al. 2021"
    )
    anchor: ClassVar[str] = "memory/quadrant"
    accuses: ClassVar[Literal["labels"]] = "labels"

    def judge(self, findings: Mapping[str, Answer]) -> Judgement:
        """An issue where copies contradict each other, which no model is needed to see; else at most a tip."""
        pairs = quantity(findings, "memory/duplicates", "contradicting")
        share = quantity(findings, self.anchor, "worth_checking_share")
        if pairs is not None and pairs.value > 0:
            n = round(pairs.value)
            return self.say(
                "issue",
                f"{number(n)} {'pair' if n == 1 else 'pairs'} of copies carry different labels; of each pair at most "
                "one is right. See the card of memory/duplicates.",
                "Copies carry different labels",
            )
        if share is None or share.interval is None:
            return self.absent("a list of labels that a baseline agrees on")
        n = round(share.value * share.n)
        figures = f"{number(n)} of {number(share.n)} labels, {_shown(share)}"
        if share.interval[1] < LISTED:
            return self.say("passed", f"Worth checking: {figures}.", "Few labels are worth checking")
        if share.interval[0] <= LISTED:
            line = f"Worth checking: {figures}; the interval contains {percent(LISTED, 0)}."
            return self.say("withheld", line)
        title = f"{number(n)} labels are worth checking"
        who = f"models of this recipe and {_baseline(findings[self.anchor])}, trained without them"
        line = f"{figures}: {who}, predict another label. They may be right. {self._precision(findings)}"
        return self.say("tip", line, title)

    def _precision(self, findings: Mapping[str, Answer]) -> str:
        precision = quantity(findings, self.anchor, "planted_precision")
        caught = quantity(findings, self.anchor, "planted_listed")
        if precision is None or caught is None:
            return "To measure how good such a list is, audit with --flip 0.05."
        return (
            f"If {number(caught.n)} labels were wrong, as many as we planted, {_shown(precision)} of the list would be "
            f"wrong ones, and it would hold {_shown(caught)} of them."
        )


def _baseline(found: Answer) -> str:
    """The baseline that agrees, by its title."""
    return dict(getattr(found, "facts", ())).get("baseline", "a baseline")


class MuchMemorised(Verdict):
    """Is a large share of the bits of the labels, values or text memorised?

    Example:
        >>> MuchMemorised().name
        'BH102'
    """

    name: ClassVar[str] = "BH102"
    version: ClassVar[int] = 3
    title: ClassVar[str] = "How much is memorised"
    threshold: ClassVar[str] = f"more than {percent(MEMORISED, 0)} of the reference bits"
    source: ClassVar[str] = (
        "between clean digits (3.7 %) and digits with a quarter of the labels redrawn (22.0 %), measured with this code"
    )
    anchor: ClassVar[str] = "complexity/bits"

    def judge(self, findings: Mapping[str, Answer]) -> Judgement:
        """A tip above the threshold; withheld where the interval contains it."""
        if (judged := of_values(self, findings)) is not None:
            return judged
        share = quantity(findings, self.anchor, "memorised_bits_share")
        if share is None or share.interval is None:
            return self.absent("the bit budget")
        figures = f"{_shown(share)} of the {_bits_of(findings, self.anchor)} are memorised"
        if share.interval[0] > MEMORISED:
            return self.say(
                "tip",
                "To see what moves it, run byheart audit --lever ... and compare.",
                figures,
            )
        if share.interval[1] < MEMORISED:
            return self.say("passed", f"{figures}.", "Little is memorised")
        return self.say("withheld", f"{figures}; the interval contains {percent(MEMORISED, 0)}.")


class Power(Verdict):
    """Is the headline known as closely as the threshold it is judged by asks for?

    Example:
        >>> Power().name
        'BH103'
    """

    name: ClassVar[str] = "BH103"
    version: ClassVar[int] = 2
    title: ClassVar[str] = "How closely the headline is known"
    threshold: ClassVar[str] = f"half width of the headline's interval at most {100 * HALF_WIDTH:.0f} points"
    source: ClassVar[str] = "half of the tenth that BH102 judges; it withholds nothing"
    anchor: ClassVar[str] = "complexity/bits"

    def judge(self, findings: Mapping[str, Answer]) -> Judgement:
        """A tip when the half width is above the threshold."""
        of_variance = quantity(findings, self.anchor, "memorised_share_of_variance")
        share = of_variance or quantity(findings, self.anchor, "memorised_bits_share")
        if share is None or share.interval is None:
            return self.absent("the bit budget")
        half = (share.interval[1] - share.interval[0]) / 2
        asked = "variance of the values" if of_variance else _bits_of(findings, self.anchor)
        noun = PASSAGES.get(asked, "examples")
        known = (
            f"The memorised share of the {asked} is known to \u00b1{number(100 * half, 1)} points from "
            f"{number(share.n)} {noun}"
        )
        if half <= HALF_WIDTH:
            return self.say("passed", f"{known}.")
        times = (half / HALF_WIDTH) ** 2
        return self.say(
            "tip",
            f"{known}. For \u00b1{100 * HALF_WIDTH:.0f} points about {number(times * share.n)} {noun} would be needed, "
            "or more members if the spread between members is the larger part. Verdicts stand where their intervals "
            "allow them.",
            "The headline is known only roughly",
        )
