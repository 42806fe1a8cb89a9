"""A balance found, in words: the best setting, what it costs and buys, and all that was tried."""

from __future__ import annotations

from byheart.records.balanced import BalancedRecord, Best, Tried
from byheart.records.formatting import DASH, count, interval_text, number, percent, value_text
from byheart.records.quantity import Quantity

SCORES = {"accuracy": "right where left out", "r2": "R\u00b2 where left out", "bits": "bits a token where left out"}
HOW = (
    "Every setting is trained on the same random subsets from the same seeds, so that two settings differ by what they "
    "do and not by what they saw. Each rung trains more models; of each, the best by either half of the {nouns} go on, "
    "and the recipe always does. A setting is always trained whole: no early epoch stands for a late one.",
    "What decides is the {criterion}, of models that did not see the {noun}. The probability that the best is the best "
    "of all tried follows from the paired differences over fresh draws of {nouns} and training sets.",
    "The best of many looks better than it is where it was chosen. So the {nouns} are parted in two halves, copies "
    "together; what the first half chooses is read on the second and the other way round, from fresh models that no "
    "choice has seen. The numbers of the best, and its gain, are those readings. A test set chooses nothing.",
)


def criterion(found: BalancedRecord) -> str:
    """What decides, in words."""
    if found.subject["unit"] == "r2":
        return "R\u00b2"
    return f"code length of a {'token' if found.subject['score'] == 'bits' else 'label'} in calibrated bits"


def headline(found: BalancedRecord) -> str:
    """The sentence of the first screen."""
    best, tried = found.best, count(len(found.frontier) - 1)
    if not best.beats:
        return f"No lever tried beats the recipe: {_of_the_best(found)}."
    gain, moved = best.gain, best.moved
    bought = f"{signed(gain, found)} {interval_text(gain)}" if gain else ""
    cost = f" and memorises {_points(moved)} {interval_text(moved)}" if moved else ""
    return f"**{best.title}** is the best of {tried} settings: {bought} against the recipe{cost}."


def _of_the_best(found: BalancedRecord) -> str:
    best, tried = found.best, count(len(found.frontier) - 1)
    if not best.words:
        return f"of {tried} settings beside it none has a better {criterion(found)}"
    gain = best.gain
    figures = f"{signed(gain, found)} {interval_text(gain)}" if gain else "no difference"
    moved = best.moved
    less = moved is not None and moved.interval is not None and moved.interval[1] < 0
    also = f"; it memorises {_points(moved)} {interval_text(moved)}" if moved and less else ""
    return f"the best of {tried} settings, {best.title}, gains {figures}, no difference that can be told{also}"


def signed(of: Quantity, found: BalancedRecord) -> str:
    """A gain with its sign and what it is counted in."""
    value = number(abs(of.value), 3)
    sign = "+" if of.value > 0 else "\u2212" if of.value < 0 else ""
    unit = "R\u00b2" if of.unit == "r2" else f"bits a {'token' if found.subject['score'] == 'bits' else 'label'}"
    saved = " saved" if of.unit == "bits" and of.value > 0 else ""
    return f"{value if of.unit == 'bits' and of.value > 0 else sign + value} {unit}{saved}"


def _points(of: Quantity) -> str:
    """By how many points more or less is memorised."""
    value = number(100 * abs(of.value), 1)
    return f"{value} points {'more' if of.value > 0 else 'less'}"


def sure(best: Best) -> str:
    """How surely it is the best of all tried."""
    if best.probability is None:
        return "How surely it is the best of those tried is not known: draws are too few."
    if best.probability > 0.995:
        return "It is the best of those tried with a probability above 99 %."
    return f"It is the best of those tried with a probability of {percent(best.probability, 0)}."


def halves(found: BalancedRecord) -> str:
    """What each half of the examples chose."""
    best = found.best
    if best.agreed:
        return f"Both halves of the {found.subject['nouns']} chose {best.by_half[0]}."
    return (
        f"One half of the {found.subject['nouns']} chose {best.by_half[0]}, the other {best.by_half[1]}: the numbers "
        "are read of each where the other chose it."
    )


def lines(found: BalancedRecord) -> list[str]:
    """The balance in lines for a terminal."""
    subject = found.subject
    made = [
        f"byheart balance \u00b7 {subject['title']} \u00b7 {subject['learner']} \u00b7 "
        f"{count(len(found.frontier))} settings, {count(found.provenance['trainings'])} trainings"
    ]
    made += [f"  {headline(found).replace('**', '')}", f"  {sure(found.best)} {halves(found)}"]
    made += _table(found)
    made += [f"  Note          {note}" for note in found.notes]
    return made


def _table(found: BalancedRecord) -> list[str]:
    wide = max(len(one.title) for one in found.frontier)
    score = SCORES[found.subject["score"]]
    head = f"  {'':<{wide}}  {'memorised':>10}  {score:>22}  {'gain':>8}  {'members':>7}  {'CPU s':>7}"
    return [head, *(f"  {one.title:<{wide}}  {_cells(one)}{_mark(one, found)}" for one in ordered(found))]


def ordered(found: BalancedRecord) -> list[Tried]:
    """The recipe, then the others by their gain, the failed last."""
    first, *rest = found.frontier
    return [first, *sorted(rest, key=lambda one: -one.gain.value if one.gain else float("inf"))]


def _cells(one: Tried) -> str:
    if one.failure:
        return f"not trained: {one.failure}"
    gain = DASH if one.gain is None else f"{one.gain.value:+.3f}".replace("-", "\u2212")
    memorised, score = (DASH if of is None else value_text(of) for of in (one.memorised, one.held_out))
    return f"{memorised:>10}  {score:>22}  {gain:>8}  {one.members:>7}  {one.cost:>7.1f}"


def _mark(one: Tried, found: BalancedRecord) -> str:
    if one.title == found.best.title:
        return "  best"
    if one.same_as:
        return f"  the same models as {one.same_as}"
    return "  unbeaten" if one.unbeaten else ""


def how(found: BalancedRecord) -> list[str]:
    """How it was found."""
    subject = found.subject
    return [part.format(nouns=subject["nouns"], noun=subject["noun"], criterion=criterion(found)) for part in HOW]
