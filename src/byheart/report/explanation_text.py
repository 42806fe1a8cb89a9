"""Explained: the words of an explanation, the same on the page and in the terminal."""

from __future__ import annotations

import math

from byheart.records.explanation import MOST_MISSED, Explanation, Share
from byheart.records.formatting import count, interval_text, number, percent, value_text
from byheart.records.quantity import Quantity
from byheart.report.cards.base import About
from byheart.report.cards.reasons import told
from byheart.report.kinds import words
from byheart.report.rich_text import Run

WHOSE = {"train": "training", "test": "new", "yours": "your"}
CREDIT = (
    "Where {what} came from, in this run: every step of training moved it, and each step is owed to the examples of "
    "its batch."
)
ADDS_UP = "The credits of all examples, of weight decay and of the untrained model add up to it."
EFFECT = (
    "What would change if one example had been left out of such a training: an estimate for the recipe, not for this "
    "very run. The weight of the example is varied through every recorded step, {how}. To first order, leaving the "
    "example out takes that much away."
)
SEEDS = "another seed names others (measured on digits: about {same} of the 12 largest are the same)"
# by trainings: two measurements of one, seeds 0 to 7 and 25 digits: 4.3 (0 to 9), 5.8 (0 to 11); of two, 6.5 (0 to 12)
SAME = {1: "4 to 6", 2: "6 to 7"}
NEAREST = "The training examples that look most alike; no model is asked."


def who(found: Explanation) -> str:
    """E.g. `new image 945`, `your passage`."""
    named = f"{WHOSE[found.view]} {found.noun}"
    return named if found.view == "yours" else f"{named} {found.called}"


def what(found: Explanation) -> str:
    """The number that is explained."""
    return words(found.kind).number


def unit(found: Explanation) -> str:
    """What it is counted in, as a word after a number; values are in the unit of their target."""
    return words(found.kind).unit


def headline(found: Explanation) -> list[Run]:
    """One sentence: what the model says, of what, and by how much."""
    after = f" after {count(found.steps)} steps."
    value = " ".join(filter(None, [spoken(found, found.value), unit(found)]))
    if words(found.kind).passages:
        bits = number(-found.value / math.log(2) / found.tokens, 2)
        each = f", {bits} bits for each of its {count(found.tokens)} tokens,"
        return [("", f"The model gives {who(found)} a log probability of "), ("u", value), ("", f"{each}{after}")]
    if words(found.kind).continuous:
        known = f", whose {found.target} is {found.label}," if found.label else ""
        named = "for" if known else f"as the {found.target} of"
        return [("", "The model predicts "), ("u", value), ("", f" {named} {who(found)}{known}{after}")]
    if found.hidden:
        whose = "its label" if found.label_known else "the class that the model says"
        rest = f" for {whose}{_redrawn(found)}{after}"
        return [("", f"For {who(found)} the model has a margin of "), ("u", value), ("", rest)]
    known = f", labelled {found.label}{_redrawn(found)}" if found.label_known else ""
    margin = f": a margin of {value} for {found.label}"
    return [("", "The model says "), ("u", found.says), ("", f" of {who(found)}{known}{margin}{after}")]


def _redrawn(found: Explanation) -> str:
    came = f"; {found.clean} came with the data" if found.clean else ""
    return f" (redrawn by byheart{came})" if found.redrawn else ""


def parts(found: Explanation) -> list[tuple[str, str]]:
    """(value, name) of what adds up to the explained number; the last is the sum."""
    rows = [(found.credit_total, f"all {count(found.n)} training {found.nouns}")]
    if words(found.kind).continuous:
        rows.append((found.centre, f"mean {found.target} in training"))
    rows += [
        (found.decay, "weight decay"),
        (found.initial, "the untrained model"),
        (found.remainder, "remainder of the quadrature"),
    ]
    total = what(found).removeprefix("the ")
    return [(spoken(found, value, 1), name) for value, name in rows] + [(spoken(found, found.value, 1), total)]


def credit_words(found: Explanation) -> str:
    """What credit is, and how far it predicts retraining, which it does not claim to."""
    words = CREDIT.format(what=what(found))
    if not found.adds_up:
        return words
    words = f"{words} {ADDS_UP}"
    if found.credit_score is None:
        return words
    return f"{words} It is no forecast of retraining: {score(found.credit_score)}."


def effect_words(found: Explanation) -> str:
    """What effect is."""
    exact = "exact" in found.method
    moments = next((part for part in found.method.split() if part.isdigit()), "1")
    how = f"at the mean of {moments} moments of the last two thirds of training"
    text = EFFECT.format(how=how if exact else f"without the curvature of the network itself and {how}")
    return f"{text} It comes {seeds(found)}."


def seeds(found: Explanation) -> str:
    """How many trainings stand behind the single effects, and that another would name other examples."""
    of = "one recorded training" if found.trainings == 1 else f"the mean of {count(found.trainings)} recorded trainings"
    return f"from {of}; {SEEDS.format(same=SAME[min(found.trainings, 2)])}"


def missed(found: Explanation) -> str:
    """Why credits are withheld; empty where they add up."""
    if found.adds_up:
        return ""
    share = percent(found.missed, 0) if found.missed < 10 else f"{number(found.missed)} times"
    return (
        f"Withheld: the remainder is {share} of what training changed, above {percent(MOST_MISSED, 0)}, so the credits "
        f"do not account for it; the numbers are in the JSON. Steps are too long to be followed, as where a training "
        f"diverges; a smaller learning rate shortens them."
    )


def own_words(found: Explanation) -> str:
    """What a training example does to its own prediction, estimated and measured; empty for others."""
    own = found.own
    if own is None:
        return ""
    each = [own.effect, *([] if own.measured is None else [own.measured])]
    digits = _digits(found, max(map(abs, each)))
    estimated = f"Its own part: left out, it would take {_amount(found, own.effect, digits)} away, estimated"
    if own.measured is None or own.interval is None:
        return f"{estimated}; not measured: {told(found.unchecked, About()) or 'all or none of the models saw it'}."
    low, high = (number(end, digits) for end in own.interval)
    return (
        f"{estimated}; measured, the {count(own.seen)} models on other subsets that saw it say "
        f"{_amount(found, own.measured, digits)} [{low}, {high}] more than the {count(own.unseen)} that did not."
    )


def _amount(found: Explanation, value: float, digits: int) -> str:
    return " ".join(filter(None, [number(value, digits), unit(found)]))


def check(found: Explanation) -> str:
    """One sentence: how well the effects predict models trained on other subsets, or why that was not checked."""
    scored = found.effect_score
    if scored is None:
        return f"Not checked: {told(found.unchecked, About())}."
    models = f"{count(scored.n)} models trained on other subsets{_within(found, scored.n)}"
    said = f"Checked against {models}: {score(scored)}"
    if found.foretells:
        return (
            f"{said}; 0 means that the list predicts nothing. The ceiling that seeds leave is unknown: each subset "
            f"was trained with one seed."
        )
    return (
        f"{said}. The interval reaches 0: for this prediction the list of effects predicts nothing that can be "
        f"measured, so it is withheld; the numbers are in the JSON. More members narrow the interval."
    )


def _within(found: Explanation, n: int) -> str:
    """Of a training example: models that saw it are not compared with models that did not."""
    if found.view != "train":
        return ""
    if found.own is None or n == found.own.seen + found.own.unseen:
        return ", within those that saw it and within those that did not (mean of both)"
    return f" that {'saw it' if n == found.own.seen else 'did not see it'}"


def score(quantity: Quantity) -> str:
    """E.g. `rank correlation 0.53 [0.33, 0.69]`."""
    return f"rank correlation {value_text(quantity)} {interval_text(quantity)}"


def raised(found: Explanation) -> tuple[str, str]:
    """What credits above and below 0 did."""
    return f"raised {what(found)}", "lowered it"


def signed(found: Explanation, share: Share, shares: tuple[Share, ...]) -> str:
    """A part with its sign, to two digits of the largest beside it; values to three."""
    most = max(abs(one.value) for one in shares)
    text = number(share.value, _digits(found, most))
    return f"+{text}" if share.value > 0 else text


def _digits(found: Explanation, most: float) -> int:
    return _decimals(most, 3, 0) if words(found.kind).continuous else _decimals(most, 2, 2)


def spoken(found: Explanation, value: float, finer: int = 0) -> str:
    """A sum with the digits that its largest part can bear: hundredths of nats, four digits of a value."""
    if not words(found.kind).continuous:
        return number(value, 2 + finer)
    most = max(abs(found.value), abs(found.credit_total), abs(found.centre), abs(found.initial))
    return number(value, _decimals(most, 5, 0))


def _decimals(most: float, digits: int, least: int) -> int:
    """Decimals that show `digits` digits of `most`, and at least so many."""
    if not most or not math.isfinite(most):
        return least
    return min(max(least, digits - 1 - math.floor(math.log10(most))), 10)


def notes(found: Explanation) -> list[str]:
    """What a reader must know: of what was given, and of the credits."""
    return [*found.notes, *(f"Credit: {told(note, About())}." for note in found.credit_notes)]


def footnotes(found: Explanation, shown: int) -> list[str]:
    """Notes of the explanation, and what the page shows of the user's examples."""
    made = notes(found)
    if found.hidden:
        made.append("The examples themselves are hidden; only their ids are shown.")
    elif shown:
        made.append(f"This page shows {count(shown)} of the examples themselves; `--hide-examples` leaves only ids.")
    return made
