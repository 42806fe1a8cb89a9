"""The first screen in words: what a model trained this way understood, knows by heart, and has not learned."""

from __future__ import annotations

from byheart.records.figures import amount, count, interval_text, number, percent, value_text
from byheart.records.finding import Answer, Finding
from byheart.records.quantity import Quantity
from byheart.report.prose import Run, sentence

SHARES = ("understood_bits_share", "memorised_bits_share", "left_bits_share")
WHOM = {"recipe": "a model trained this way", "run": "this model"}


def quantity(findings: dict[str, Answer], name: str) -> Quantity | None:
    """The quantity `name` of any finding that measured and did not withhold it."""
    for finding in findings.values():
        if isinstance(finding, Finding) and name in finding.quantities and finding.status == "measured":
            return finding.quantities[name]
    return None


def headline(subject: dict, findings: dict[str, Answer]) -> list[Run]:
    """The sentence in large type, as runs; it falls back to accuracy, and then to why there is none."""
    shares = [quantity(findings, name) for name in SHARES]
    if all(shares):
        return _balance_sentence(subject, *shares)  # type: ignore[arg-type]
    fallback = _accuracy_sentence(subject, findings)
    reason = _why(findings.get("complexity/bits"))
    if fallback:
        return [*fallback, ("", f" What it knows by heart is {reason}")]
    who = WHOM["recipe"]
    return [("", f"How much {who} knows by heart is {reason}")]


def _balance_sentence(subject: dict, understood: Quantity, memorised: Quantity, left: Quantity) -> list[Run]:
    things = "values" if subject["kind"] == "values" else "labels"
    who = WHOM[understood.speaks_of]
    made: list[Run] = [("", f"Of the information in its {count(subject['n'])} training {things}, {who} ")]
    low, high = understood.interval or (understood.value, understood.value)
    if high < 0:
        made += [("", "has "), ("u", f"understood less than nothing, {_share(understood)}"), *_bracket(understood), ("", ", ")]
    elif low <= 0:
        made += [("", "has "), ("u", f"understood nothing that is clear of zero, {_share(understood)}"), *_bracket(understood), ("", ", ")]
    else:
        made += [("", "has "), ("u", f"understood\u00a0{_share(understood)}"), *_bracket(understood), ("", ", ")]
    made += [("", "knows "), ("m", f"{_share(memorised)}\u00a0by\u00a0heart"), *_bracket(memorised)]
    made += [("", " and has "), ("l", f"not\u00a0learned {_share(left)}"), *_bracket(left), ("", ".")]
    return made


def _digits(of: Quantity) -> int:
    if of.interval is None:
        return 0
    half = 50 * (of.interval[1] - of.interval[0])
    return 1 if half < 1 and abs(of.value) < 0.1 else 0


def _share(of: Quantity) -> str:
    return percent(of.value, _digits(of))


def _bracket(of: Quantity) -> list[Run]:
    if of.interval is None:
        return []
    low, high = (number(100 * end, _digits(of)) for end in of.interval)
    return [("", "\u00a0"), ("i", f"[{low}, {high}]")]


def _accuracy_sentence(subject: dict, findings: dict[str, Answer]) -> list[Run]:
    test, train, gap = (_first(findings, *names) for names in (
        ("test_accuracy", "test_r2", "held_out_accuracy", "held_out_r2"), ("train_accuracy", "train_r2"), ("gap",)))
    if test is None:
        return []
    who = WHOM[test.speaks_of]
    nouns = subject["nouns"]
    verb = "is right on" if test.unit == "accuracy" else "reaches an R\u00b2 of"
    where = f"of {nouns} it has not seen" if test.unit == "accuracy" else f"on {nouns} it has not seen"
    made: list[Run] = [("", f"{who[0].upper()}{who[1:]} {verb} "), ("u", value_text(test)), *_exact(test), ("", f" {where}")]
    if train is not None:
        made += [("", f" and {value_text(train)} "), *_exact(train)[1:], ("", " of its own" if train.unit == "accuracy" else " on its own")]
    if gap is not None:
        made += [("", f", a gap of {value_text(gap)}"), *_exact(gap)]
    return [*made, ("", ".")]


def _first(findings: dict[str, Answer], *names: str) -> Quantity | None:
    return next((found for name in names if (found := quantity(findings, name))), None)


def _exact(of: Quantity) -> list[Run]:
    return [("", "\u00a0"), ("i", interval_text(of))] if of.interval else []


def _why(answer: Answer | None) -> str:
    if answer is None:
        return "not measured, because the audit did not ask how many bits are held."
    if isinstance(answer, Finding):
        return f"withheld. {sentence(answer.withheld.reason)}" if answer.withheld else "not measured."
    if answer.status == "failed":
        return "missing, because the measurement failed; see Complexity below."
    return f"not measured. {sentence(answer.reason)}"


def bar(subject: dict, findings: dict[str, Answer]) -> dict | None:
    """The bar under the sentence: three parts, or positions on an axis where a part is below nothing."""
    shares = [quantity(findings, name) for name in SHARES]
    if not all(shares):
        return None
    understood, memorised, left = (share.value for share in shares)  # type: ignore[union-attr]
    label = f"understood {percent(understood, 0)}, memorised {percent(memorised, 0)}, left {percent(left, 0)}"
    if min(understood, memorised, left) > -0.005 and understood <= 1:
        parts = [{"hue": hue, "grow": round(max(0.0, value) * 100, 2)} for hue, value in zip("uml", (understood, memorised, left), strict=True)]
        return {"label": label, "parts": parts, "positions": None}
    without = left + memorised
    ends = (0.0, left, without, 1.0)
    low, high = min(ends), max(ends)

    def span(begin: float, end: float, hue: str, row: int) -> dict:
        begin, end = sorted((begin, end))
        return {"hue": hue, "row": row, "left": round(100 * (begin - low) / (high - low), 2), "width": round(100 * (end - begin) / (high - low), 2)}

    positions = [span(0, left, "l", 0), span(left, without, "m", 1 if memorised < 0 else 0), span(without, 1, "u", 1 if understood < 0 else 0)]
    marks = [{"at": span(low, at, "", 0)["width"], "text": text} for at, text in
             ((0.0, "0"), (1.0, f"the reference code, {percent(1, 0)}"), (without, f"what models that never saw it need, {percent(without, 0)}"))]
    return {"label": label, "parts": None, "positions": positions, "marks": marks}


def numbers(subject: dict, findings: dict[str, Answer], balance: dict | None) -> list[dict]:
    """The three numbers beside the balance chart; one that is withheld keeps its place and says so."""
    return [made for made in (_memorised(subject, findings), _bits(subject, findings), _accuracy(subject, findings, balance)) if made]


def _memorised(subject: dict, findings: dict[str, Answer]) -> dict | None:
    share, counterfactual = quantity(findings, "memorised_share"), findings.get("memory/counterfactual")
    if share is None:
        return _absent(counterfactual, f"Which {subject['nouns']} depend on having been seen?") if subject["kind"] != "values" else None
    says = counterfactual.says if isinstance(counterfactual, Finding) else f"of the training {subject['nouns']} are known by heart"
    threshold = subject.get("threshold")
    if threshold:
        says = f"of the training {subject['nouns']} depend on having been seen: left out, they are right at least {number(100 * threshold)} points less often"
    return _number(share, f"{sentence_end(says)}{_chance(share)}")


def _bits(subject: dict, findings: dict[str, Answer]) -> dict | None:
    held, reference = quantity(findings, "memorised_bits"), quantity(findings, "reference_bits")
    things = "value" if subject["kind"] == "values" else "label"
    if held is None:
        return _absent(findings.get("complexity/bits"), f"How many {things} bits are held by heart?")
    of = f"of {number(round(reference.value, -1 if reference.value >= 1000 else 0))} {things} bits" if reference else f"of the {things} bits"
    half = quantity(findings, "half_in_share")
    rest = f", half of them in {percent(half.value, 0)} of the {subject['nouns']}" if half else ""
    return _number(held, f"{of} are held by heart{rest}.{_chance(held)}")


def _accuracy(subject: dict, findings: dict[str, Answer], balance: dict | None) -> dict | None:
    test, train, gap = (_first(findings, *names) for names in (("test_accuracy", "test_r2"), ("train_accuracy", "train_r2"), ("gap",)))
    if test is None:
        return _absent(findings.get("generalization/gap"), f"How well does it do on {subject['nouns']} it has not seen?")
    new = f"{count(subject['n_test'])} new {subject['nouns']}" if subject.get("n_test") else f"new {subject['nouns']}"
    made = f"right on {new}" if test.unit == "accuracy" else f"is its R\u00b2 on {new}"
    if train is not None:
        made += f", {value_text(train)} on its own"
    if gap is not None:
        made += f": a gap of {value_text(gap)} {interval_text(gap)}".rstrip()
    by_chance = [f"Chance {amount(test.null, test.unit)}"] if test.null is not None else []
    for rival in (balance or {}).get("rivals") or []:
        if rival.get("accuracy") is not None:
            score = percent(rival["accuracy"], 0) if test.unit == "accuracy" else number(rival["accuracy"], 2)
            by_chance.append(f"{rival['name']} {score}")
    return _number(test, f"{made}. {', '.join(by_chance)}".rstrip(" ") + ("." if by_chance else ""))


def sentence_end(text: str) -> str:
    """`text` closed by a full stop."""
    return text if text.endswith((".", "!", "?")) else text + "."


def _chance(of: Quantity) -> str:
    return "" if of.null is None else f" By chance {amount(of.null, of.unit).removesuffix(' bits')}."


def _number(of: Quantity, says: str) -> dict:
    return {"value": value_text(of), "interval": interval_text(of), "says": says, "withheld": False}


def _absent(answer: Answer | None, question: str) -> dict | None:
    if answer is None or answer.status == "measured":
        return None
    if isinstance(answer, Finding):
        reason = answer.withheld.reason if answer.withheld else "the evidence does not allow a number"
        return {"value": "withheld", "interval": "", "says": f"{question} {sentence(reason)}", "withheld": True}
    says = "The measurement failed; see below." if answer.status == "failed" else sentence(answer.reason)
    return {"value": answer.status, "interval": "", "says": f"{question} {says}", "withheld": True}


def planted(subject: dict, document: dict, findings: dict[str, Answer]) -> list[Run] | None:
    """How much of the truth we planted was found; None when nothing was planted."""
    given = document.get("planted")
    if not given:
        return None
    found, changed = given["found"], given["changed"]
    share = given.get("found_share", found / changed if changed else 0.0)
    made: list[Run] = [("", f"We redrew {count(given['redrawn'])} labels; {count(changed)} really changed. Ranked by the loss of models that never saw them, "),
                       ("b", f"{count(found)} of those {count(changed)}"), ("", f" stand among the first {count(changed)}: {percent(share, 0)}")]
    if given.get("found_interval"):
        low, high = given["found_interval"]
        made += [("", "\u00a0"), ("i", f"[{number(100 * low)}, {number(100 * high)}]")]
    if given.get("chance") is not None:
        made.append(("", f", chance {percent(given['chance'], 1)}"))
    made.append(("", "."))
    auc = quantity(findings, "planted_auc")
    if auc is not None:
        made += [("", " AUC\u00a0"), ("b", value_text(auc)), *_exact(auc), ("", f", chance {amount(auc.null, auc.unit)}." if auc.null is not None else ".")]
    return made


def names_of_statuses(findings: dict[str, Answer]) -> dict[str, int]:
    """How many findings have each status."""
    counts: dict[str, int] = {}
    for finding in findings.values():
        counts[finding.status] = counts.get(finding.status, 0) + 1
    return counts
