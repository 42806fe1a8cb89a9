"""Two audits compared, in words: what differs, what does not, and which examples changed sides."""

from __future__ import annotations

from collections.abc import Sequence

from byheart.records.comparison import ChangedSides, ComparisonRecord, Difference
from byheart.records.formatting import count, interval_text, number, value_text
from byheart.report.cards import About
from byheart.report.cards.reasons import why
from byheart.report.kinds import words

ARROW = "\u2192"
FIRST = 3  # differences that the headline names
NAMES = {
    "understood_bits_share": ("Understood", "of the {bits} bits"),
    "memorised_bits_share": ("By heart", "of the {bits} bits"),
    "left_bits_share": ("Not learned", "of the {bits} bits"),
    "understood_share": ("Understood", "of the variance of the values"),
    "memorised_share_of_variance": ("By heart", "of the variance of the values"),
    "left_share": ("Not learned", "of the variance of the values"),
    "memorised_share": ("Memorised", "of the {nouns}: at least 25 points more accurate when trained on"),
    "train_accuracy": ("Seen", "right on {nouns} that were trained on"),
    "held_out_accuracy": ("Left out", "right on the same {nouns} where left out"),
    "test_accuracy": ("New", "right on new {nouns}"),
    "gap": ("Gap", "between seen and left out, on the same {nouns}"),
    "train_r2": ("Seen", "R\u00b2 on {nouns} that were trained on"),
    "held_out_r2": ("Left out", "R\u00b2 on the same {nouns} where left out"),
    "test_r2": ("New", "R\u00b2 on new {nouns}"),
    "train_bits_a_token": ("Seen", "bits per token of {nouns} that were trained on"),
    "held_out_bits_a_token": ("Left out", "bits per token of the same {nouns} where left out"),
    "test_bits_a_token": ("New", "bits per token of new {nouns}"),
    "gap_bits_a_token": ("Gap", "bits per token between seen and left out, on the same {nouns}"),
    "membership_auc": ("Membership", "AUC of the strongest attack on who was trained on"),
    "forgetting": ("Forgotten", "of the earlier phases of training, lost by its end"),
    "memorised_bits_per_value": ("Bits by heart", "per value"),
}
SIDES = {
    "memorised": ("Memorised", "memorised: at least 25 points more accurate when trained on"),
    "right_unseen": ("Right unseen", "right more often than not where left out"),
}
WHY_UNPAIRED = {
    "other seed": (
        "the two drew other subsets, from seeds {a} and {b}",
        "Audit both with the same --seed to pair them.",
    ),
    "other share": ("members see other shares of the {nouns}", "Audit both with the same --share to pair them."),
    "other members": ("{a} members and {b}", "Audit both with the same --members to pair them."),
    "other groups": ("other {nouns} were kept together", "Audit both with the same --group to pair them."),
}
HOW = (
    "A difference is the number of the second run less that of the first; its null is 0. Where members are paired, the "
    "outcome of each member on each example is subtracted from that of the other run's member with the same subset and "
    "seed, and the interval has the variances of any audit: of fresh examples (copies and groups count as one), of a "
    "fresh training set, of the number of members. What both recipes share, hard examples and lucky subsets, has gone "
    "from it. Where no pairs are formed, the interval follows from the two intervals as if they were independent, "
    "which is wider than need be.",
    "An example changed sides where the probability of the side exceeds 95 % in one run and is below 5 % in the other; "
    "whoever is in between counts for nobody. How many change by chance is counted by exchanging members of the two "
    "runs at random: where both recipes are the same that changes nothing.",
)


def lines(found: ComparisonRecord) -> list[str]:
    """The comparison in about ten lines: what differs first, all else in one line."""
    made = [f"byheart compare \u00b7 {_title(found, 'first')} {ARROW} {_title(found, 'second')}", f"  {pairing(found)}"]
    made.append(f"  {'Unlike':<13} {'; '.join(unlike(found))}")
    made += [difference_line(found, one) for one in found.differences if one.matters]
    made += [f"  {line}" for line in [the_rest(found)] if line]
    made += [f"  {SIDES[one.what][0]:<13} {changed(found, one)}" for one in found.changed]
    return made


def difference_line(found: ComparisonRecord, one: Difference) -> str:
    """One difference with the two numbers it is of."""
    label, of = named(found, one.name)
    figures = f"{signed(one)} {interval_text(one.difference)}"
    apart = "" if one.paired or not found.paired else "; not paired"
    return f"  {label:<13} {figures:<28} {value_text(one.first)} {ARROW} {value_text(one.second)} {of}{apart}"


def _title(found: ComparisonRecord, which: str) -> str:
    """A run by its title, and by its digits where there are any."""
    one = getattr(found, which)
    return f"{one.title} ({one.run})" if one.run else one.title


def named(found: ComparisonRecord, name: str) -> tuple[str, str]:
    """What a quantity is called, and what it is a share or a score of."""
    label, of = NAMES[name]
    return label, of.format(nouns=found.subject["nouns"], bits=words(found.subject["kind"]).bits)


def signed(one: Difference) -> str:
    """The difference with its sign.

    Example: `+3.1 points`.
    """
    text = value_text(one.difference)
    return f"+{text}" if one.difference.value > 0 else text


def also(found: ComparisonRecord, shown: Sequence[str]) -> str:
    """How many numbers differ, and those that do beside the ones that are shown already."""
    matter = [one for one in found.differences if one.matters]
    rest = [f"{_short(found, one)} {interval_text(one.difference)}" for one in matter if one.name not in shown]
    of = f"{count(len(matter))} of {count(len(found.differences))} numbers differ"
    return f"{of}, also {', '.join(rest)}" if rest else of


def _short(found: ComparisonRecord, one: Difference) -> str:
    return f"{named(found, one.name)[0].lower()} {signed(one)}"


def pairing(found: ComparisonRecord) -> str:
    """Whether members are compared one by one; if not, why, and what to do."""
    if found.pairing == "same models":
        return "Both runs read the same trained models: every difference is exactly 0."
    members, nouns = found.subject["members"], found.subject["nouns"]
    if found.pairing == "paired":
        return (
            f"Paired: {count(members[0])} members of each saw the same subsets of the same {count(found.subject['n'])} "
            f"{nouns}, from the same seeds. Differences are of the second less the first."
        )
    seeds = [one.settings.get("seed", "") for one in (found.first, found.second)]
    a, b = members if found.pairing == "other members" else seeds
    why, do = (part.format(a=a, b=b, nouns=nouns) for part in WHY_UNPAIRED[found.pairing])
    return f"Not paired: {why}, so intervals are wider. {do} Differences are of the second less the first."


def unlike(found: ComparisonRecord) -> list[str]:
    """The recorded settings that differ, one line each."""
    made = [f"{name} {a} {ARROW} {b}" for name, (a, b) in found.unlike().items()]
    return made or ["no recorded setting"]


def the_rest(found: ComparisonRecord) -> str:
    """Everything whose interval holds 0, in one sentence; what is not compared; how many exclude 0 by chance."""
    rest = [one for one in found.differences if not one.matters]
    n, left = len(found.differences), ", ".join(named(found, name)[0].lower() for name in found.without_interval)
    left = f"Without an interval in both, not compared: {left}." if left else ""
    left = " ".join([*([left] if left else []), *_missing(found)])
    if not n:
        return left or "No number was measured in both."
    if found.pairing == "same models":
        return f"No difference in {count(len(rest))} numbers."
    said = ", ".join(f"{_short(found, one)} {interval_text(one.difference)}".strip() for one in rest)
    said = f"No difference told in {count(len(rest))}: {said}." if rest else "Every number that was compared differs."
    chance = f"If nothing differed, {number(0.05 * n, 1)} of {n} intervals would exclude 0."
    return " ".join(part for part in (said, left, chance) if part)


def _missing(found: ComparisonRecord) -> list[str]:
    """A sentence for each reason why probes gave no numbers."""
    probes: dict[str, list[str]] = {}
    for one in found.missing:
        where = "both" if one.where == "both" else f"the {one.where}"
        reason = why(one.reason, About.of(found.subject)).rstrip(".")
        probes.setdefault(f"in {where}: {reason}.", []).append(one.probe)
    return [f"Withheld {' and '.join(names)} {rest}" for rest, names in probes.items()]


def changed(found: ComparisonRecord, one: ChangedSides) -> str:
    """How many examples changed sides, and how many would by chance."""
    nouns, (first, second) = found.subject["nouns"], one.changed
    chance = f"by chance {number(one.by_chance, 1)} in all, at most {one.most} in {one.swaps} exchanges of members"
    said = f"{count(second)} {nouns} in the second alone, {count(first)} in the first alone; {chance}"
    return said if one.told or not first + second else f"{said}: no more than by chance, none is named"


def headline(found: ComparisonRecord) -> str:
    """What differs most, in one sentence."""
    matter = [one for one in found.differences if one.matters]
    if not matter:
        return "No difference between the two is told." if found.differences else "Nothing was measured in both."
    said = [f"{_short(found, one)} {interval_text(one.difference)}" for one in matter[:FIRST]]
    of = f"{count(len(matter))} of {count(len(found.differences))} numbers differ"
    return f"{of}: {', '.join(said)}{' ...' if len(matter) > FIRST else ''}"
