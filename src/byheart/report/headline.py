"""The sentence in large type and the bar under it."""

from __future__ import annotations

from byheart.records.finding import Answer, Finding
from byheart.records.formatting import count, interval_text, number, percent, value_text
from byheart.records.quantity import Quantity
from byheart.report import in_time
from byheart.report.cards import About
from byheart.report.cards.base import shortfall
from byheart.report.cards.reasons import why
from byheart.report.kinds import varying, words
from byheart.report.rich_text import Run, sentence

SHARES = ("understood_bits_share", "memorised_bits_share", "left_bits_share")
OF_VARIANCE = ("understood_share", "memorised_share_of_variance", "left_share")
WHOM = {
    "recipe": "a model trained this way", "run": "this model", "training": "this one training",
    "stochastic": "a network drawn anew", "data": "the data",
}  # fmt: skip


def quantity(findings: dict[str, Answer], name: str) -> Quantity | None:
    """The quantity `name` of any finding that measured and did not withhold it."""
    for finding in findings.values():
        if isinstance(finding, Finding) and name in finding.quantities and finding.status == "measured":
            return finding.quantities[name]
    return None


def first_of(findings: dict[str, Answer], *names: str) -> Quantity | None:
    """The first of `names` that was measured."""
    return next((found for name in names if (found := quantity(findings, name))), None)


def exact(of: Quantity) -> list[Run]:
    """The interval of a quantity as a run, after a space that does not break."""
    return [("", "\u00a0"), ("i", interval_text(of))] if of.interval else []


def shares_of(findings: dict[str, Answer]) -> list[Quantity]:
    """Understood, memorised and left as shares of the bits, or of the variance of values; empty where unknown."""
    for names in (SHARES, OF_VARIANCE):
        found = [one for name in names if (one := quantity(findings, name))]
        if len(found) == len(names):
            return found
    return []


def whole(subject: dict, findings: dict[str, Answer]) -> str:
    """What the three shares are shares of."""
    if quantity(findings, OF_VARIANCE[0]):
        return f"variance of the {varying(subject['kind'], subject.get('target', ''))}"
    return f"{words(subject['kind']).bits} bits"


def headline(subject: dict, findings: dict[str, Answer]) -> list[Run]:
    """The sentence in large type, as runs; it falls back to accuracy, and then to why there is none."""
    if shares := shares_of(findings):
        return [*in_time.sentence(findings), *_balance_sentence(subject, *shares)]
    in_steps = in_time.sentence(findings)
    fallback = in_steps or _accuracy_sentence(subject, findings)
    reason = _why(subject, findings.get("complexity/description-length"))
    if fallback:
        return [*fallback, ("", f"{'' if in_steps else ' '}What it knows by heart is {reason}")]
    who = WHOM["recipe"]
    return [("", f"How much {who} knows by heart is {reason}")]


def _balance_sentence(subject: dict, understood: Quantity, memorised: Quantity, left: Quantity) -> list[Run]:
    values = words(subject["kind"]).continuous
    things = words(subject["kind"]).things or subject["nouns"]
    who = WHOM[understood.speaks_of]
    n = f"its {count(understood.n)} training"
    of = f"variance of {n} {things}" if values else f"information in {n} {things}"
    what = varying(subject["kind"], subject.get("target", ""))
    if values and what != things:
        of = f"variance of the {what} of {n} {subject['nouns']}"
    made: list[Run] = [("", f"Of the {of}, {who} ")]
    low, _ = understood.interval or (understood.value, understood.value)
    if short := shortfall(understood):
        worse = f": on {things} it has not seen it does worse than {words(subject['kind']).blind}, by {_share(short)}"
        made += [("", "has "), ("u", "understood nothing"), ("", worse), *_bracket(short), ("", ", ")]
    elif low <= 0:
        made += [
            ("", "has "),
            ("u", f"understood nothing that is clear of zero, {_share(understood)}"),
            *_bracket(understood),
            ("", ", "),
        ]
    else:
        made += [("", "has "), ("u", f"understood\u00a0{_share(understood)}"), *_bracket(understood), ("", ", ")]
    made += [("", "knows "), ("m", f"{_share(memorised)}\u00a0by\u00a0heart"), *_bracket(memorised)]
    made += [("", ", which makes up for that as well,")] if short else []
    made += [("", " and has "), ("l", f"not\u00a0learned {_share(left)}"), *_bracket(left)]
    made.append(("", ": noise, or structure that it did not capture." if values else "."))
    return made


def _digits(of: Quantity) -> int:
    """Whole percents; a decimal or two for a small share that is known that well."""
    half = 50 * (of.interval[1] - of.interval[0]) if of.interval else 5.0
    if abs(of.value) >= 0.1 or half >= 2.5:
        return 0
    return 2 if abs(of.value) < 0.002 and half < 0.1 else 1


def _share(of: Quantity) -> str:
    return percent(of.value, _digits(of))


def _bracket(of: Quantity) -> list[Run]:
    if of.interval is None:
        return []
    low, high = (number(100 * end, _digits(of)) for end in of.interval)
    return [("", "\u00a0"), ("i", f"[{low}, {high}]")]


def _accuracy_sentence(subject: dict, findings: dict[str, Answer]) -> list[Run]:
    new, where, seen, gap = scores(findings)
    if new is None:
        return []
    who, right = WHOM[new.speaks_of], new.unit == "accuracy"
    verb = "is right on" if right else "reaches an R\u00b2 of"
    made: list[Run] = [
        ("", f"{who[0].upper()}{who[1:]} {verb} "),
        ("u", value_text(new)),
        *exact(new),
        ("", f" {'of' if right else 'on'} {where} {subject['nouns']}"),
    ]
    if seen is not None:
        made += [("", f" and {value_text(seen)}"), *exact(seen), ("", f" {'of' if right else 'on'} those it has seen")]
    if gap is not None:
        made += [("", f", a gap of {value_text(gap)}"), *exact(gap)]
    return [*made, ("", ".")]


def quantities(findings: dict[str, Answer]) -> dict[str, Quantity]:
    """Every quantity that was measured, by name."""
    measured = (finding for finding in findings.values() if isinstance(finding, Finding))
    return {name: value for finding in measured for name, value in finding.quantities.items()}


def scores(findings: dict[str, Answer]) -> tuple[Quantity | None, str, Quantity | None, Quantity | None]:
    """The score on examples not seen, which those are, the score on examples seen, and the gap of the two.

    The gap is given only where it is the difference of just these two scores.
    """
    seen = first_of(findings, "train_accuracy", "train_r2")
    gap = quantity(findings, "gap")
    pairs = [("new", ("test_accuracy", "test_r2")), ("left-out", ("held_out_accuracy", "held_out_r2"))]
    found = [(where, one) for where, names in pairs if (one := first_of(findings, *names)) is not None]
    for where, one in found:
        if seen is not None and gap is not None and abs(seen.value - one.value - gap.value) < 1e-6:
            return one, where, seen, gap
    return (found[0][1], found[0][0], seen, None) if found else (None, "", seen, None)


def _why(subject: dict, answer: Answer | None) -> str:
    if answer is None:
        return "not measured, because the audit did not ask for it."
    if isinstance(answer, Finding):
        held = answer.withheld
        return f"withheld. {sentence(why(held, About.of(subject)))}" if held else "not measured."
    if answer.status == "failed":
        return "missing, because the measurement failed; see Complexity below."
    return f"not measured. {sentence(why(answer.reason, About.of(subject)))}"


def bar(subject: dict, findings: dict[str, Answer]) -> dict | None:
    """The bar under the sentence: three parts, or positions on an axis where a part is below nothing."""
    if not (shares := shares_of(findings)):
        return None
    understood, memorised, left = (share.value for share in shares)
    label = f"understood {percent(understood, 0)}, memorised {percent(memorised, 0)}, left {percent(left, 0)}"
    if min(understood, memorised, left) > -0.005 and understood <= 1:
        parts = [
            {"hue": hue, "grow": round(max(0.0, value) * 100, 2)}
            for hue, value in zip("uml", (understood, memorised, left), strict=True)
        ]
        return {"label": label, "parts": parts, "positions": None}
    without = left + memorised
    blind, unseen = "the reference code", "what models that never saw it need"
    if words(subject["kind"]).continuous:
        blind, unseen = "the mean of the training values", "the error of models that never saw it"
    ends = (0.0, left, without, 1.0)
    low, high = min(ends), max(ends)

    def span(begin: float, end: float, hue: str, row: int) -> dict:
        begin, end = sorted((begin, end))
        return {
            "hue": hue,
            "row": row,
            "left": round(100 * (begin - low) / (high - low), 2),
            "width": round(100 * (end - begin) / (high - low), 2),
        }

    positions = [
        span(0, left, "l", 0),
        span(left, without, "m", 1 if memorised < 0 else 0),
        span(without, 1, "u", 1 if understood < 0 else 0),
    ]
    marks = [
        {"at": span(low, at, "", 0)["width"], "text": text}
        for at, text in ((0.0, "0"), (1.0, f"{blind}, {percent(1, 0)}"), (without, f"{unseen}, {percent(without, 0)}"))
    ]
    return {"label": label, "parts": None, "positions": positions, "marks": marks}
