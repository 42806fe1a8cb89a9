"""Unlearning in words: a row for each way to forget, and what may be said of it."""

from __future__ import annotations

from byheart.records.formatting import count, interval_text, number, percent, value_text
from byheart.records.quantity import Quantity
from byheart.records.unlearning import MethodResult, UnlearningRecord
from byheart.report.cards import About
from byheart.report.cards.reasons import why

CALLED = {
    "untouched": "Untouched", "exact": "Exact retraining", "fine-tuning": "Fine-tuning", "ascent": "Gradient ascent",
    "pruning": "Pruning", "newton": "Newton step", "newton-cut": "Cut Newton step",
}  # fmt: skip
STILL, AVOIDED, BOTH = "told apart: still known", "told apart: avoided too much", "told apart: some known, some avoided"
SAID = { "not told apart": "not told apart", "undecided": "undecided: too few models or rows",
    "nothing to forget": "nothing to forget", "withheld": "withheld",
}  # fmt: skip
HOW = (
    "Exact retraining is the truth: the same recipe from the same seeds, trained without the forgotten {nouns} and "
    "their copies. All models are compared with exact retrainings from other seeds, so that no two share their chance.",
    "Membership is the share of pairs, a model that was to forget and a retrained one, in which the first is surer of "
    "the label of a forgotten example, averaged over the forgotten; 0.5 is chance. Above it the {nouns} are still "
    "known, below it they are avoided more than by models that never saw them, which gives them away as well. "
    "Intervals are over models (Student's t), for these {nouns} are the ones that had to go.",
    "A loss that the audit's models show where they left the {nouns} out is not quite that of retraining: each of them "
    "left out others with them, and saw some of these.",
    "A second attacker learns from the other models which way each of the {nouns} moved, so that some that are still "
    "known and others that are avoided do not cancel. It tells models apart where fewer than 1 % of the ways to deal "
    "the kinds anew look as different.",
    "A way to forget is called not told apart only where its interval holds 0.5 and does not reach half way to the "
    "untouched models. That is no proof: a stronger attack may tell more.",
    "Distance is how far predictions for the forgotten {nouns} are from those of exact retraining: {distance}. Its "
    "floor is the distance between two exact retrainings from other seeds, which no way to forget can beat; its "
    "ceiling that of the untouched models.",
)
DISTANCE = {
    "ratio": "the absolute difference in standard deviations of the training values",
    "share": "total variation, half the sum of |p \u2212 q| over classes, 0 to 1",
    "nats": "the absolute difference of log p of the passage, in nats",
}


def lines(found: UnlearningRecord) -> list[str]:
    """What was forgotten and how well, as lines for a terminal."""
    made = [f"byheart unlearn \u00b7 {found.subject['title']} ({found.run}) \u00b7 {forgotten(found)}"]
    made.append(f"  {headline(found)}")
    rows = [columns(found), *(row(found, one) for one in found.methods)]
    widths = [max(len(cells[place]) for cells in rows) for place in range(len(rows[0]))]
    made += ["  " + "  ".join(cell.ljust(width) for cell, width in zip(cells, widths)).rstrip() for cells in rows]
    made += [f"  Not tried     {names}: {reason}" for names, reason in not_tried(found)]
    if found.copies:
        made.append(f"  Copies        {count(len(found.copies))} that nobody named went too: {_some(found)}")
    return made


def not_tried(found: UnlearningRecord) -> list[tuple[str, str]]:
    """The methods that were not tried, those of one reason together, and why."""
    about, names = About.of(found.subject), {}
    for one in found.not_tried:
        names.setdefault(why(one.reason, about), []).append(CALLED[one.name])
    return [(", ".join(called), reason) for reason, called in names.items()]


def scales(found: UnlearningRecord) -> str:
    """What the numbers of the table lie between."""
    untouched, exact = found.methods[:2]
    if exact.distance.value < untouched.distance.value:
        between = f"from {distance_text(exact.distance)} (two exact retrainings) to {distance_text(untouched.distance)}"
    else:
        between = (
            f"no less than {distance_text(exact.distance)}, that of two exact retrainings, for untouched models too"
        )
    return f"Untouched models were trained on everything. Membership: 0.5 is chance. Distance: {between}."


def _some(found: UnlearningRecord, most: int = 6) -> str:
    about = About.of(found.subject)
    named = ", ".join(about.name(ident) for ident in found.copies[:most])
    return named + (" ..." if len(found.copies) > most else "")


def forgotten(found: UnlearningRecord) -> str:
    """E.g. `40 of 1,437 digits to forget`."""
    return f"{count(len(found.forgotten))} of {count(found.subject['n'])} {found.subject['nouns']} to forget"


def headline(found: UnlearningRecord) -> str:
    """What the untouched models give away, and which way to forget is not told from exact retraining."""
    untouched, exact = found.method("untouched"), found.method("exact")
    if untouched is None or exact is None or untouched.membership is None or exact.membership is None:
        few = found.withheld.figures if found.withheld else {}
        return (
            f"Membership is withheld: {few.get('examples')} {found.subject['nouns']} are too few to judge it by, "
            f"at least {few.get('needed')} are needed."
        )
    nouns, known = found.subject["nouns"], _auc(untouched.membership)
    if untouched.judged != "told apart":
        return (
            f"Models trained on the {nouns} are not told from models that never saw them ({known}): there is nothing "
            "to forget that this would show."
        )
    said = f"Untouched models give the {nouns} away ({known}), exact retraining does not ({_auc(exact.membership)})"
    methods = [one for one in found.methods if one.name not in ("untouched", "exact")]
    if not methods:
        return f"{said}."
    if all(one.judged == "told apart" for one in methods):
        return f"{said}. Every approximate method can be told from it."
    good = ", ".join(CALLED[one.name] for one in methods if one.judged == "not told apart")
    return f"{said}. Not told from it: {good}." if good else f"{said}. No approximate method is shown to be like it."


def _auc(quantity: Quantity) -> str:
    return f"AUC {value_text(quantity)} {interval_text(quantity)}".strip()


def columns(found: UnlearningRecord) -> list[str]:
    """What heads the table."""
    score = {"accuracy": "right", "r2": "R\u00b2", "nats": "nats"}[found.methods[0].rest.unit]
    test = ["new"] if found.methods[0].test else []
    return ["", "membership", "distance", f"{score}: stay", *test, "CPU per model", ""]


def row(found: UnlearningRecord, one: MethodResult) -> list[str]:
    """One way to forget, by the columns."""
    membership = (
        "withheld" if one.membership is None else f"{value_text(one.membership)} {interval_text(one.membership)}"
    )
    test = [score_text(one.test)] if one.test else []
    said = "" if one.judged == "withheld" else judged_text(one)
    return [
        CALLED[one.name], membership.strip(), distance_text(one.distance), score_text(one.rest), *test,
        seconds_text(one.seconds), said,
    ]  # fmt: skip


def settings_text(one: MethodResult, unit: str) -> str:
    """How a method was set, in words.

    Example: `20% of the epochs more`.
    """
    told, epochs = one.settings, f"{percent(float(one.settings.get('part', 0)), 0)} of the epochs"
    if one.name == "fine-tuning":
        return f"{epochs} more"
    if one.name == "pruning":
        return f"{percent(float(told['share']), 0)} of the weights cut, then {epochs} more"
    if "until" in told:
        whose = "the audit's models that left them out" if told.get("of") == "left out" else "new examples"
        return f"until their loss is {number(float(told['until']), 2)}{unit}, that of {whose}"
    return "curvature in Kronecker factors" if one.name == "newton" else ""


def judged_text(one: MethodResult) -> str:
    """What may be said of a way to forget; where it is told apart, which way."""
    if one.name == "exact":
        return "the truth"
    if one.judged != "told apart" or one.membership is None:
        return SAID[one.judged]
    low, high = one.membership.interval or (0.0, 1.0)
    return STILL if low > 0.5 else AVOIDED if high < 0.5 else BOTH


def distance_text(quantity: Quantity) -> str:
    """A distance in its unit; a share of probability as per cent."""
    if quantity.unit == "share":
        return percent(quantity.value)
    return f"{number(quantity.value, 3)} {'nats' if quantity.unit == 'nats' else 'sd'}"


def score_text(quantity: Quantity) -> str:
    """How often models are right, to one decimal of a per cent; R2 and nats as they are."""
    return percent(quantity.value) if quantity.unit == "accuracy" else value_text(quantity)


def seconds_text(seconds: float) -> str:
    """CPU time, in milliseconds where it is less than a tenth of a second.

    Example:
        >>> seconds_text(0.0123), seconds_text(2.345)
        ('12 ms', '2.35 s')
    """
    return f"{number(1000 * seconds)} ms" if seconds < 0.1 else f"{number(seconds, 2)} s"
