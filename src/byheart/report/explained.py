"""Explained: the words of an explanation, the same on the page and in the terminal."""

from __future__ import annotations

import math

from byheart.records.explanation import Explanation, Share
from byheart.records.figures import count, interval_text, number, value_text
from byheart.records.quantity import Quantity
from byheart.report.prose import Run

WHOSE = {"train": "training", "test": "new", "yours": "your"}
CREDIT = (
    "Where {what} came from, in this run: every step of training moved it, and each step is owed to the examples of "
    "its batch. The credits of all examples, of weight decay and of the untrained model add up to it."
)
EFFECT = (
    "What would change if one example had been left out of such a training: an estimate for the recipe, not for this "
    "very run. The weight of the example is varied through every recorded step, {how}; this foretells other trainings "
    "better than the exact derivative of one run does. To first order, leaving the example out takes that much away."
)
NEAREST = "The training examples that look most alike; no model is asked."


def who(found: Explanation) -> str:
    """E.g. `new image 945`, `your passage`."""
    named = f"{WHOSE[found.view]} {found.noun}"
    return named if found.view == "yours" else f"{named} {found.id}"


def what(found: Explanation) -> str:
    """The number that is explained."""
    return {"classes": "the margin", "values": "the predicted value", "tokens": "the log probability"}[found.kind]


def unit(found: Explanation) -> str:
    """What it is counted in, as a word after a number; values are in the unit of their target."""
    return "" if found.kind == "values" else "nats"


def headline(found: Explanation) -> list[Run]:
    """One sentence: what the model says, of what, and by how much."""
    after = f" after {count(found.steps)} steps."
    value = " ".join(filter(None, [spoken(found, found.value), unit(found)]))
    if found.kind == "tokens":
        bits = number(-found.value / math.log(2) / found.tokens, 2)
        each = f", {bits} bits for each of its {count(found.tokens)} tokens,"
        return [("", f"The model gives {who(found)} a log probability of "), ("u", value), ("", f"{each}{after}")]
    if found.kind == "values":
        known = f", whose {found.target} is {found.label}," if found.label else ""
        named = "for" if known else f"as the {found.target} of"
        return [("", "The model predicts "), ("u", value), ("", f" {named} {who(found)}{known}{after}")]
    if found.hidden:
        whose = "its label" if found.label_known else "the class that the model says"
        return [("", f"For {who(found)} the model has a margin of "), ("u", value), ("", f" for {whose}{after}")]
    known = f", labelled {found.label}" if found.label_known else ""
    margin = f": a margin of {value} for {found.label}"
    return [("", "The model says "), ("u", found.says), ("", f" of {who(found)}{known}{margin}{after}")]


def parts(found: Explanation) -> list[tuple[str, str]]:
    """(value, name) of what adds up to the explained number; the last is the sum."""
    rows = [(found.credit_total, f"all {count(found.n)} training {found.nouns}")]
    if found.kind == "values":
        rows.append((found.centre, f"mean {found.target} in training"))
    rows += [
        (found.decay, "weight decay"),
        (found.initial, "the untrained model"),
        (found.remainder, "remainder of the quadrature"),
    ]
    total = what(found).removeprefix("the ")
    return [(spoken(found, value, 1), name) for value, name in rows] + [(spoken(found, found.value, 1), total)]


def credit_words(found: Explanation) -> str:
    """What credit is, and how far it foretells retraining, which it does not claim to."""
    words = CREDIT.format(what=what(found))
    if found.credit_score is None:
        return words
    return f"{words} It is no forecast of retraining: {score(found.credit_score)}."


def effect_words(found: Explanation) -> str:
    """What effect is."""
    exact = "exact" in found.method
    moments = next((part for part in found.method.split() if part.isdigit()), "1")
    how = f"at the mean of {moments} moments of the last two thirds of training"
    return EFFECT.format(how=how if exact else f"without the curvature of the network itself and {how}")


def check(found: Explanation) -> str:
    """One sentence: how well the effects foretell models trained on other subsets, or why that was not checked."""
    scored = found.effect_score
    if scored is None:
        return f"Not checked: {found.unchecked}."
    own = ", some without the example itself" if found.view == "train" else ""
    said = f"Checked against {count(scored.n)} models trained on other subsets{own}: {score(scored)}"
    if found.foretells:
        return (
            f"{said}; 0 means that the list foretells nothing. The ceiling that seeds leave is unknown: each subset "
            f"was trained with one seed."
        )
    return (
        f"{said}. The interval reaches 0: for this prediction the list of effects foretells nothing that can be "
        f"measured, so it is withheld; the numbers are in the JSON. More members narrow the interval."
    )


def score(quantity: Quantity) -> str:
    """E.g. `rank correlation 0.53 [0.33, 0.69]`."""
    return f"rank correlation {value_text(quantity)} {interval_text(quantity)}"


def raised(found: Explanation) -> tuple[str, str]:
    """What credits above and below 0 did."""
    return f"raised {what(found)}", "lowered it"


def signed(found: Explanation, share: Share, shares: tuple[Share, ...]) -> str:
    """A part with its sign, to two digits of the largest beside it; values to three."""
    most = max(abs(one.value) for one in shares)
    text = number(share.value, _decimals(most, 3, 0) if found.kind == "values" else _decimals(most, 2, 2))
    return f"+{text}" if share.value > 0 else text


def spoken(found: Explanation, value: float, finer: int = 0) -> str:
    """A sum with the digits that its largest part can bear: hundredths of nats, four digits of a value."""
    if found.kind != "values":
        return number(value, 2 + finer)
    most = max(abs(found.value), abs(found.credit_total), abs(found.centre), abs(found.initial))
    return number(value, _decimals(most, 5, 0))


def _decimals(most: float, digits: int, least: int) -> int:
    """Decimals that show `digits` digits of `most`, and at least so many."""
    if not most or not math.isfinite(most):
        return least
    return min(max(least, digits - 1 - math.floor(math.log10(most))), 10)


def footnotes(found: Explanation, shown: int) -> list[str]:
    """Notes of the explanation, and what the page shows of the user's examples."""
    made = list(found.notes)
    if found.hidden:
        made.append("The examples themselves are hidden; only their ids are shown.")
    elif shown:
        made.append(f"This page shows {count(shown)} of the examples themselves; `--hide-examples` leaves only ids.")
    return made


