"""The verdicts on labels and on the balance: BH101 to BH103."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from byheart.records.finding import Answer, Finding
from byheart.records.formatting import counted, number, percent
from byheart.records.quantity import Quantity
from byheart.records.verdict_result import Judgement
from byheart.verdicts.base import Verdict, quantity, shown

# Measured with this very code, in shares of the reference bits: digits 0.037, digits with a quarter of the labels
# redrawn 0.220 (64 members, MLP 64-256-10). A tenth lies between the clean and the noisy case.
MEMORISED = 0.10
# Likewise, of the variance of values: 16 members, Friedman's first function, 1,000 rows.
MEMORISED_OF_VALUES = 0.15
OF_VALUES = {
    "threshold": f"more than {percent(MEMORISED_OF_VALUES, 0)} of the variance of the values",
    "source": "between regression without noise (Friedman 1, 1,000 rows: boosting 3.9 %, network 1.5 %, forest 10.6 %) "
    "and the same with a quarter of the variance noise (20.9, 41.7 and 31.1 %), measured with this code",
}
# Five points either way is half of the tenth that BH102 judges: wider, and it could not tell 0 from its threshold.
HALF_WIDTH = 0.05
LISTED = 0.01
RARE = 0.01  # a probability of as many equal rows by chance, at which they count as copies
Of = Literal["training", "contradicting", "test"]
# counts of pairs in the details of memory/duplicates, and rows that a pair makes copies
OF: dict[Of, tuple[str, int]] = {
    "training": ("exact_pairs", 2), "contradicting": ("contradicting_pairs", 2), "test": ("leaked_pairs", 1),
}  # fmt: skip

# What the bits of a budget are of, and what one example is then called.
BITS = {"labels": "label bits", "values": "bits of the values", "text": "bits of the text"}
EXAMPLES = {"text": "passages"}


def _of(findings: Mapping[str, Answer], anchor: str) -> str:
    """What the bits are of: `labels`, `values` or `text`."""
    found = findings.get(anchor)
    return str(found.details.get("of", "labels")) if isinstance(found, Finding) else "labels"


class LabelsToCheck(Verdict):
    """Which labels are worth checking?

    Example:
        >>> LabelsToCheck().judge({}).outcome
        'not applicable'
    """

    name: ClassVar[str] = "BH101"
    version: ClassVar[int] = 6
    title: ClassVar[str] = "Labels worth checking"
    threshold: ClassVar[str] = (
        "an issue where copies, at least twice as many as chance makes, or equal rows, ten times as many, carry "
        f"different labels, beyond chance ({percent(RARE, 0)}) where they are equal; a tip where at least "
        f"{percent(LISTED, 0)} of the labels cost models trained without them, of this recipe and of a baseline of "
        "another family, half a bit more than a blind guess, and both predict another label; withheld where either of "
        "the two is not right more often than a blind guess about labels it has not seen, beyond the interval"
    )
    source: ClassVar[str] = (
        "byheart's own choice: separable data without noise stay at or below it under nearest neighbours, tree, forest "
        "and boosting; held-out predictions after Northcutt et al. 2021"
    )
    anchor: ClassVar[str] = "memory/label-noise"
    accuses: ClassVar[Literal["labels"]] = "labels"

    def judge(self, findings: Mapping[str, Answer]) -> Judgement:
        """An issue where copies contradict each other, which no model is needed to see; else at most a tip."""
        pairs = quantity(findings, "memory/duplicates", "contradicting")
        n = 0 if pairs is None else _contradicting(findings, round(pairs.value))
        if n > 0:
            carry = "1 pair of copies carries" if n == 1 else f"{number(n)} pairs of copies carry"
            return self.say(
                "issue",
                f"{carry} different labels. Either a label of each pair is wrong, or the data hold too little to tell "
                "the two apart. The card of memory/duplicates shows them.",
                "Copies carry different labels",
            )
        return self.of_labels(findings)

    def of_labels(self, findings: Mapping[str, Answer]) -> Judgement:
        """A tip where models trained without them predict other labels, of more than would be of clean data."""
        share = quantity(findings, self.anchor, "worth_checking_share")
        right = quantity(findings, self.anchor, "checking_accuracy")
        found = findings.get(self.anchor)
        if isinstance(found, Finding) and found.withheld is not None and found.withheld.code == "few members":
            return self.absent(f"at least {found.withheld.figures['needed']} members")
        if share is None and right is not None:
            line = f"About labels it has not seen, this recipe or {_baseline(findings[self.anchor])} is right in "
            line += f"{shown(right)}, a guess at the most frequent class in {percent(right.null or 0.0, 1)}: "
            return self.say("withheld", f"{line}what it predicts is no evidence against a label.")
        if share is None or share.interval is None:
            return self.absent("labels of classes and a baseline of another family to check them with")
        n = round(share.value * share.n)
        figures = f"{number(n)} of {number(share.n)} labels, {shown(share)}"
        planted = self._planted(findings)
        if share.interval[1] < LISTED:
            line = f"Worth checking: {figures}. {planted}".strip()
            return self.say("passed", line, "Few labels are worth checking")
        if share.interval[0] <= LISTED:
            line = f"Worth checking: {figures}; the interval contains {percent(LISTED, 0)}. {planted}".strip()
            return self.say("withheld", line)
        title = f"{counted(n, 'label')} {'is' if n == 1 else 'are'} worth checking"
        who = f"models of this recipe and {_baseline(findings[self.anchor])}, trained without them"
        planted = planted or "To measure how good such a list is, audit with --flip 0.05 (flip=0.05 in Python)."
        return self.say("tip", f"{figures}: {who}, predict another label. They may be right. {planted}", title)

    def _planted(self, findings: Mapping[str, Answer]) -> str:
        """How good the list is at labels known to be wrong, where some were planted."""
        precision = quantity(findings, self.anchor, "planted_precision")
        caught = quantity(findings, self.anchor, "planted_listed")
        if caught is None:
            return ""
        line = f"Test of the list: it holds {shown(caught)} of the {counted(caught.n, 'label')} that we changed"
        if precision is None:
            return f"{line}."
        return f"{line}; of all {number(precision.n)} labels listed then, {shown(precision)} are ones that we changed."


def _contradicting(findings: Mapping[str, Answer], pairs: int) -> int:
    """How many of the pairs that carry different labels are copies for certain."""
    found = findings["memory/duplicates"]
    exactly = found.details.get("contradicting_pairs", 0) if isinstance(found, Finding) else 0
    return {"all": pairs, "exact": int(exactly), "none": 0}[certain_copies(findings, "contradicting")]  # type: ignore[arg-type]


def certain_copies(findings: Mapping[str, Answer], of: Of = "training") -> Literal["all", "exact", "none"]:
    """Which copies, in training, with different labels or in the test, are more than coincidences of a coarse table?

    Not all where half of them may be coincidences: rows of different things with nearly equal values. Equal rows are
    certain then where they are beyond chance; those with different labels have to be so at any rate.
    """
    share, found = (quantity(findings, "memory/duplicates", "duplicate_share"), findings.get("memory/duplicates"))
    if share is None or not isinstance(found, Finding):
        return "all"
    name = OF[of][0]
    if of == "contradicting":
        known = certain_copies(findings)
        if not found.details.get(name):
            return "all" if known == "all" else "none"
        if not _beyond_chance(found, name):
            return "none"
        return "all" if known == "all" else "exact"
    seen = (quantity(findings, "memory/duplicates", "leaked_share") or share) if of == "test" else share
    if seen.interval is None or seen.interval[0] > 2 * chance_of(findings, of):
        return "all"
    return "exact" if _beyond_chance(found, name) else "none"


def chance_of(findings: Mapping[str, Answer], of: Of = "training") -> float:
    """The share of rows that chance makes copies: near and equal ones by shuffles, or equal ones by their columns."""
    share, found = quantity(findings, "memory/duplicates", "duplicate_share"), findings.get("memory/duplicates")
    if share is None or not isinstance(found, Finding):
        return 0.0
    seen = (quantity(findings, "memory/duplicates", "leaked_share") or share) if of == "test" else share
    name, rows = OF[of]
    return max(share.null or 0.0, rows * float(found.details.get(f"{name}_by_chance") or 0.0) / seen.n)  # type: ignore[arg-type]


def _beyond_chance(found: Answer, name: str) -> bool:
    """Whether chance makes at most a tenth of such pairs, and as many at most once in a hundred tables."""
    details = found.details if isinstance(found, Finding) else {}
    seen, expected, rare = (details.get(key) for key in (name, f"{name}_by_chance", f"{name}_probability"))
    if not seen or expected is None or rare is None:
        return False
    return 10 * float(expected) <= float(seen) and float(rare) <= RARE  # type: ignore[arg-type]


def _baseline(found: Answer) -> str:
    """The baseline that agrees, by its title."""
    return getattr(found, "details", {}).get("baseline") or "a baseline"


class MuchMemorised(Verdict):
    """Is a large share of the bits of the labels or text memorised, or of the variance of the values?

    Example:
        >>> MuchMemorised().name
        'BH102'
    """

    name: ClassVar[str] = "BH102"
    version: ClassVar[int] = 4
    title: ClassVar[str] = "How much is memorised"
    threshold: ClassVar[str] = f"more than {percent(MEMORISED, 0)} of the reference bits"
    source: ClassVar[str] = (
        "between clean digits (3.7 %) and digits with a quarter of the labels redrawn (22.0 %), measured with this code"
    )
    anchor: ClassVar[str] = "complexity/description-length"

    def judge(self, findings: Mapping[str, Answer]) -> Judgement:
        """A tip above the threshold; withheld where the interval contains it."""
        of_variance = quantity(findings, self.anchor, "memorised_share_of_variance")
        if of_variance is not None:
            judged = self._judged(of_variance, "variance of the values is", MEMORISED_OF_VALUES)
            return judged.model_copy(update=OF_VALUES)
        share = quantity(findings, self.anchor, "memorised_bits_share")
        return self._judged(share, f"{BITS[_of(findings, self.anchor)]} are", MEMORISED)

    def _judged(self, share: Quantity | None, what: str, limit: float) -> Judgement:
        if share is None or share.interval is None:
            return self.absent("an interval of the memorised share")
        figures = f"{shown(share)} of the {what} memorised"
        if share.interval[0] > limit:
            line = "To see what moves it, audit again with another setting (--lever, --set) and compare."
            if share.value > 1:
                line = f"More than all: memory also makes up for what it gets wrong where left out. {line}"
            return self.say("tip", line, figures)
        if share.interval[1] < limit:
            return self.say("passed", f"{figures}.", "Little is memorised")
        return self.say("withheld", f"{figures}; the interval contains {percent(limit, 0)}.")


class Power(Verdict):
    """Is the headline known as closely as the threshold it is judged by asks for?

    Example:
        >>> Power().name
        'BH103'
    """

    name: ClassVar[str] = "BH103"
    version: ClassVar[int] = 3
    title: ClassVar[str] = "How closely the headline is known"
    threshold: ClassVar[str] = f"half width of the headline's interval at most {100 * HALF_WIDTH:.0f} points"
    source: ClassVar[str] = "half of the tenth that BH102 judges; it withholds nothing"
    anchor: ClassVar[str] = "complexity/description-length"

    def judge(self, findings: Mapping[str, Answer]) -> Judgement:
        """A tip when the half width is above the threshold."""
        of_variance = quantity(findings, self.anchor, "memorised_share_of_variance")
        share = of_variance or quantity(findings, self.anchor, "memorised_bits_share")
        if share is None or share.interval is None:
            return self.absent("the bit budget")
        half = (share.interval[1] - share.interval[0]) / 2
        of = _of(findings, self.anchor)
        asked = "variance of the values" if of_variance else BITS[of]
        digits = 1 if abs(half - HALF_WIDTH) > 0.0005 else 2  # as many as tell the two apart
        known = (
            f"The memorised share of the {asked} is known to \u00b1{number(100 * half, digits)} points from "
            f"{number(share.n)} {EXAMPLES.get(of, 'examples')}"
        )
        if half <= HALF_WIDTH:
            return self.say("passed", f"{known}.", "The headline is known closely enough")
        return self.say(
            "tip",
            f"{known}; \u00b1{100 * HALF_WIDTH:.0f} points would be close enough. The card of "
            "complexity/description-length names the largest source of the interval and what would narrow it. No "
            "verdict is withheld for this.",
            "The headline is known only roughly",
        )
