"""A balance found, in words: the best setting, what it costs and buys, and all that was tried."""

from __future__ import annotations

import shlex

from byheart.records.balanced import BalancedRecord, Best, Tried
from byheart.records.formatting import DASH, amount, bits, count, interval_text, percent, value_text
from byheart.records.quantity import Quantity
from byheart.report.rich_text import Run, plain

SCORES = {"accuracy": "right where left out", "r2": "R\u00b2 where left out", "bits": "bits per token where left out"}
AFTER = {"accuracy": "right where left out", "r2": "of R\u00b2 where left out", "bits": "per token where left out"}
SHORT = {"accuracy": "right", "r2": "R\u00b2", "bits": "bits/token"}  # over a column of the terminal
NO_BREAK = "\u00a0"
SURE = 0.99  # a probability beyond it is told as no more
SHOWN = 12  # settings in the terminal; the page has them all
HOW = (
    "Every setting is trained on the same random subsets from the same seeds, so two settings differ by what they do "
    "and not by what they saw. Each rung trains more models of fewer settings: of each rung the best by either half of "
    "the {nouns} go on; on the last stands what each half found best. A change against the recipe is taken over the "
    "members that both have. A setting is always trained whole; no early epoch stands for a late one.",
    "What decides is the {criterion} of models that did not see the {noun}. The probability that the best is the best "
    "of all tried follows from the paired differences, over fresh draws of {nouns} and of training sets.",
    "The best of many looks better than it is where it was chosen. So the {nouns} are split into two halves, copies "
    "together: what the first half chooses is read on the second and the other way round, from fresh models that no "
    "choice has seen. The numbers of the best and its gain are those readings. Test {nouns} choose nothing.",
    "A setting is unbeaten where no other memorises less and is as good where left out; where the intervals overlap, "
    "that is open. Brackets are 95 % intervals: of one setting over fresh {nouns}, training sets and members, of a "
    "difference paired member by member.",
)


def per(found: BalancedRecord) -> str:
    """What the criterion is counted per: a label, or a passage whose tokens it adds up."""
    return found.subject["noun"] if found.subject["score"] == "bits" else "label"


def criterion(found: BalancedRecord) -> str:
    """What decides, in words."""
    if found.subject["unit"] == "r2":
        return "R\u00b2"
    return f"code length in calibrated bits per {per(found)}"


def headline(found: BalancedRecord) -> list[Run]:
    """The sentence of the first screen, as runs: the best setting, what it buys and what it costs."""
    best, others = found.best, [one for one in found.frontier[1:] if not one.failure]
    tried = count(len(others))
    read = f"what each half of the {found.subject['nouns']} chose, read on the other half,"
    if best.beats:
        who = f": against the recipe {'it' if best.agreed else read} "
        made: list[Run] = [("b", best.title), ("", f" is the best of {tried} settings{who}")]
        return [*made, *_gained(found), ("", " where left out and "), *_moved(best), ("", ".")]
    made = [("b", "No lever tried beats the recipe")]
    if not best.words:
        better = "higher R\u00b2" if found.subject["unit"] == "r2" else "shorter code"
        told = " that can be told" if any(one.gain and one.gain.value > 0 for one in others) else ""
        return [*made, ("", f": none of {tried} settings has a {better} where left out{told}.")]
    made += [("", f" where left out. Of {tried} settings "), ("b", best.title)]
    made += [] if best.agreed else [("", f" comes first; {read}")]
    if memorises_less(best):
        return [*made, ("", " "), *_moved(best), ("", " and "), *_gained(found), ("", ": no difference can be told.")]
    made += [("", " comes nearest: it " if best.agreed else " ")]
    return [*made, *_gained(found), ("", ", no difference that can be told.")]


def memorises_less(best: Best) -> bool:
    """Whether the interval of what it memorises more lies below 0."""
    return best.moved is not None and best.moved.interval is not None and best.moved.interval[1] < 0


def _gained(found: BalancedRecord) -> list[Run]:
    """`saves 0.136 bits per label [0.07, 0.20]`, in the hue of what is understood where that is told."""
    gain = found.best.gain
    if gain is None:
        return [("", "changes nothing")]
    told = gain.interval is not None and gain.interval[0] > 0
    if gain.unit == "r2":
        what = f"{'gains' if gain.value >= 0 else 'loses'} {_size(gain)} of R\u00b2"
    else:
        what = f"{'saves' if gain.value >= 0 else 'costs'} {_size(gain)} bits per {per(found)}"
    return [("u" if told else "", what), *_bracket(_absolute(gain))]


def _moved(best: Best) -> list[Run]:
    """`memorises 92.1 points less [87.0, 97.2]`, in the hue of what is memorised where that is told."""
    moved = best.moved
    if moved is None:
        return [("", "memorises as much")]
    low, high = moved.interval or (moved.value, moved.value)
    if low <= 0 <= high:
        return [("", f"memorises no less and no more that can be told ({signed(moved)}"), *_bracket(moved), ("", ")")]
    more = "more" if moved.value > 0 else "less"
    return [("m", f"memorises {value_text(_absolute(moved))} {more}"), *_bracket(_absolute(moved))]


def _size(of: Quantity) -> str:
    size = _absolute(of)
    return bits(size.value, size.interval) if of.unit == "bits" else value_text(size)


def _absolute(of: Quantity) -> Quantity:
    """The same turned to the side of its value, where a word says which that is."""
    if of.value >= 0:
        return of
    ends = None if of.interval is None else (-of.interval[1], -of.interval[0])
    return of.model_copy(update={"value": -of.value, "interval": ends})


def _bracket(of: Quantity) -> list[Run]:
    return [("", NO_BREAK), ("i", interval_text(of))] if of.interval else []


def signed(of: Quantity) -> str:
    """A difference with its sign, `+0.136 bits`, `\u221292.1 points`; what rounds to 0 has none."""
    text = value_text(of)
    return f"+{text}" if of.value > 0 and any(sign in "123456789" for sign in text) else text


def scored(found: BalancedRecord, of: Quantity) -> str:
    """`64.4 % right where left out`, `R\u00b2 0.43 where left out`, `4.35 bits per token where left out`."""
    if found.subject["score"] == "r2":
        return f"R\u00b2 {value_text(of)} where left out"
    return f"{value_text(of)} {AFTER[found.subject['score']]}"


def sure(found: BalancedRecord) -> str:
    """How surely it is the best of all tried."""
    best = found.best
    if all(one.failure or one.same_as for one in found.frontier[1:]):
        return "Every setting that could be trained gives the same models as the recipe: there is nothing to choose."
    who, least = best.title if best.words else "The recipe", percent(SURE, 0)
    if best.probability is None:
        return f"How surely {best.title} is the best of all tried is not known: there are too few members."
    chance = f"above {least}" if best.probability > SURE else f"of {percent(best.probability, 0)}"
    return f"{who} is the best of all tried with a probability {chance}."


def halves(found: BalancedRecord) -> str:
    """What each half of the examples chose."""
    best, nouns = found.best, found.subject["nouns"]
    if best.agreed:
        return f"Both halves of the {nouns} chose {best.by_half[0]}."
    said = f"The halves of the {nouns} disagree: one chose {best.by_half[0]}, the other {best.by_half[1]}."
    if not best.words:
        return said  # the numbers beside it are of the recipe alone
    return f"{said} The numbers of the best are read of each where the other chose it."


def dropped(found: BalancedRecord, one: Tried) -> str:
    """After which rung a setting was dropped; empty where it went through all."""
    if one.failure or one.same_as or one.members not in found.rungs[:-1]:
        return ""
    rung = found.rungs.index(one.members) + 1
    return f"dropped after rung {rung} of {len(found.rungs)}"


def status(found: BalancedRecord, one: Tried) -> str:
    """What became of a setting, in a few words."""
    if one.failure:
        return f"not trained: {one.failure}"
    if one.same_as:
        return f"the same models as {one.same_as}"
    place = "best" if one.title == found.best.title else "unbeaten" if one.unbeaten else ""
    return "; ".join(part for part in (place, dropped(found, one)) if part)


def ordered(found: BalancedRecord) -> list[Tried]:
    """The recipe, then the others by their gain, the failed last."""
    first, *rest = found.frontier
    return [first, *sorted(rest, key=lambda one: -one.gain.value if one.gain else float("inf"))]


def lines(found: BalancedRecord) -> list[str]:
    """The balance in lines for a terminal: the sentence, how sure, the best settings, and what was left out."""
    subject, made = found.subject, found.provenance
    said = [
        f"byheart balance \u00b7 {subject['title']} \u00b7 {subject['learner']} \u00b7 {_tried(found)}, "
        f"{count(made['trainings'])} trainings, {count(round(made['cpu_seconds']))} CPU s"
    ]
    said += [f"  {plain(headline(found)).replace(NO_BREAK, ' ')}", f"  {sure(found)} {halves(found)}", ""]
    said += _table(found)
    said += [f"  not trained   {one.title}: {one.failure}" for one in found.frontier if one.failure]
    said += [f"  note          {note}" for note in found.notes]
    return said


def _tried(found: BalancedRecord) -> str:
    n = len(found.frontier) - 1
    return f"{count(n)} setting{'s' if n != 1 else ''} beside the recipe"


def _table(found: BalancedRecord) -> list[str]:
    """The recipe and the best of the others, each with what it is and what it gains; how many are left out."""
    known = [one for one in ordered(found) if not one.failure]
    others = [one for one in known if not one.same_as]
    shown = [one for place, one in enumerate(others) if place <= SHOWN or one.title == found.best.title]
    wide = max(len(one.title) for one in shown)
    gain = "R\u00b2 gained" if found.subject["unit"] == "r2" else f"bits saved per {per(found)}"
    score = f"{SHORT[found.subject['score']]}, left out"
    figures = [_gain(one) for one in shown]
    room = max(len(gain), *map(len, figures))
    made = [f"  {'':<{wide}}  {'memorised':>9}  {score:>16}  {gain:>{room}}  members"]
    for one, figure in zip(shown, figures):
        memorised, right = (DASH if of is None else value_text(of) for of in (one.memorised, one.held_out))
        row = f"  {one.title:<{wide}}  {memorised:>9}  {right:>16}  {figure:>{room}}  {one.members:>7}"
        made.append(f"{row}  {_mark(found, one)}".rstrip())
    rest, same = len(others) - len(shown), len(known) - len(others)
    left = [f"{count(rest)} more, none better"] if rest else []
    left += [f"{count(same)} trained the same models as another setting"] if same else []
    return [*made, *([f"  {'; '.join(left)}; the page has them all."] if left else [])]


def _gain(one: Tried) -> str:
    if one.gain is None:
        return DASH
    return f"{signed(one.gain).removesuffix(' bits')} {interval_text(one.gain)}".strip()


def _mark(found: BalancedRecord, one: Tried) -> str:
    return "best" if one.title == found.best.title else "unbeaten" if one.unbeaten else ""


def how(found: BalancedRecord) -> list[str]:
    """How it was found."""
    subject = found.subject
    return [part.format(nouns=subject["nouns"], noun=subject["noun"], criterion=criterion(found)) for part in HOW]


def audit_command(found: BalancedRecord, file: str = "balance.toml") -> str:
    """The command or the call that audits the best setting of this subject, which stands in `file`.

    The file holds the fixed levers too, so the words of both go.
    """
    asked = found.provenance["command"]
    if not asked.startswith("byheart balance"):
        return f'byheart.audit(..., levers=["{file}"])'
    try:
        words = iter(shlex.split(asked)[2:])
    except ValueError:  # of a document that was changed by hand
        return f"byheart audit ... --lever {shlex.quote(file)}"
    kept = [word for word in words if word not in ("--try", "--lever") or not next(words, "")]
    return shlex.join(["byheart", "audit", *kept, "--lever", file])


def chance(of: Quantity) -> str:
    """What chance brings, as a sentence; empty where no effect has no value."""
    return "" if of.null is None else f" By chance {amount(of.null, of.unit)}."
