"""The summary of the first screen in words: three numbers, and the planted truth that was found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from byheart.records.finding import Answer, Finding, NotApplicable
from byheart.records.formatting import amount, count, counted, interval_text, null_text, number, percent, value_text
from byheart.records.quantity import Quantity
from byheart.report import in_time
from byheart.report.cards import About, card_of
from byheart.report.cards.intervals import FEW
from byheart.report.cards.reasons import why
from byheart.report.headline import exact, first_of, quantity, scores
from byheart.report.kinds import words
from byheart.report.rich_text import Run, sentence

DESCRIPTION_LENGTH = "complexity/description-length"
COPIED = 0.01  # fewer copies than this share of the examples are not worth a line of the first screen


def numbers(subject: dict, findings: dict[str, Answer], balance: dict | None) -> list[dict]:
    """The three numbers beside the balance chart; one that is withheld keeps its place and says so."""
    if of_series := in_time.numbers(findings):
        return of_series
    return [
        made
        for made in (_memorised(subject, findings), _bits(subject, findings), _accuracy(subject, findings, balance))
        if made
    ]


def _memorised(subject: dict, findings: dict[str, Answer]) -> dict | None:
    if words(subject["kind"]).continuous:
        return _of_variance(subject, findings)
    share, counterfactual = quantity(findings, "memorised_share"), findings.get("memory/counterfactual")
    if share is None:
        return (
            _absent(subject, counterfactual, f"Which {subject['nouns']} are memorised?")
            if words(subject["kind"]).labelled
            else None
        )
    says = (
        card_of(counterfactual, About.of(subject)).says
        if isinstance(counterfactual, Finding)
        else f"of the training {subject['nouns']} are memorised"
    )
    return _number(share, f"{sentence_end(says)}{_chance(share)}")


def _of_variance(subject: dict, findings: dict[str, Answer]) -> dict | None:
    """The part of the variance of values that only those who saw them know."""
    share = quantity(findings, "memorised_share_of_variance")
    if share is None:
        return _absent(subject, findings.get(DESCRIPTION_LENGTH), "How much of the variance is known by heart?")
    says = "of the variance of the values is known by heart: what R\u00b2 loses on the same values where left out."
    if share.value > 1:
        says += " It exceeds 100\u202f% because understood is below 0."
    return _number(share, f"{says}{_chance(share)}")


def _bits(subject: dict, findings: dict[str, Answer]) -> dict | None:
    held, reference = quantity(findings, "memorised_bits"), quantity(findings, "reference_bits")
    if words(subject["kind"]).continuous:
        return _bits_per_value(subject, findings)
    things = words(subject["kind"]).bits
    if held is None:
        return _absent(subject, findings.get(DESCRIPTION_LENGTH), f"How many {things} bits are held by heart?")
    of = (
        f"of {number(round(reference.value, -1 if reference.value >= 1000 else 0))} {things} bits"
        if reference
        else f"of the {things} bits"
    )
    half = quantity(findings, "half_in_share")
    rest = f", half of them in {percent(half.value, 0)} of the {subject['nouns']}" if half else ""
    return _number(held, f"{of} are held by heart{rest}.{_chance(held)}")


def _bits_per_value(subject: dict, findings: dict[str, Answer]) -> dict | None:
    """Bits that only members that saw a value save: a difference, which no rounding of the target moves."""
    each, total = (quantity(findings, f"memorised_bits{part}") for part in ("_per_value", "_of_values"))
    if each is None or total is None:
        return _absent(subject, findings.get("complexity/value-bits"), "How many bits per value are held by heart?")
    says = f"per value are held by heart, {value_text(total)} in all: what a value costs less where it was seen."
    return _number(each, f"{says}{_chance(each)}")


def _accuracy(subject: dict, findings: dict[str, Answer], balance: dict | None) -> dict | None:
    nouns = subject["nouns"]
    if (new := quantity(findings, "test_bits_a_token")) is not None:
        return _text(subject, findings, new)
    compared, where, seen, gap = scores(findings)
    test = first_of(findings, "test_accuracy", "test_r2")
    head = test or compared
    if head is None:
        return _absent(subject, findings.get("generalization/gap"), f"How well does it do on {nouns} it has not seen?")
    new = f"{count(subject['n_test'])} new {nouns}" if subject.get("n_test") else f"new {nouns}"
    on = new if test is not None else f"training {nouns} that were left out"
    made = f"right on {on}" if head.unit == "accuracy" else f"is its R\u00b2 on {on}"
    if seen is not None:
        made += f", {value_text(seen)} on those it has seen"
    if gap is not None and compared is not None:
        apart = compared is not head
        made += f" and {value_text(compared)} on the same where {where.replace('-', ' ')}" if apart else ""
        made += f": a gap of {value_text(gap)} {interval_text(gap)}".rstrip()
    by_chance = [f"Chance {amount(head.null, head.unit)}"] if head.null is not None else []
    beside = quantity(findings, f"neighbours_{'test' if test is not None else 'held_out'}_{head.unit}")
    for rival in (balance or {}).get("rivals") or []:
        score = rival.get("accuracy", beside.value if beside and "neighbour" in rival["name"] else None)
        if score is not None:
            by_chance.append(f"{rival['name']} {percent(score, 0) if head.unit == 'accuracy' else number(score, 2)}")
    return _number(head, f"{made}. {', '.join(by_chance)}".rstrip(" ") + ("." if by_chance else ""))


def _text(subject: dict, findings: dict[str, Answer], new: Quantity) -> dict:
    """What a token of new text costs, in the place of an accuracy."""
    says = f"per token on {count(new.n)} new {subject['nouns']}"
    seen, gap = quantity(findings, "train_bits_a_token"), quantity(findings, "gap_bits_a_token")
    if seen is not None and gap is not None:
        says += f", {value_text(seen)} on those it has seen and {value_text(gap)} more {interval_text(gap)} on the "
        says += "same left out"
    return _number(new, f"{sentence_end(says)}{_chance(new)}")


def sentence_end(text: str) -> str:
    """`text` closed by a full stop."""
    return text if text.endswith((".", "!", "?")) else text + "."


def _chance(of: Quantity) -> str:
    return "" if of.null is None else f" By chance {null_text(of)}."


def _number(of: Quantity, says: str) -> dict:
    return {"value": value_text(of), "interval": interval_text(of), "says": says, "withheld": False}


def _absent(subject: dict, answer: Answer | None, question: str) -> dict | None:
    if answer is None or answer.status == "measured":
        return None
    if isinstance(answer, Finding):
        held = answer.withheld
        reason = why(held, About.of(subject)) if held else "the evidence does not allow a number"
        return {"value": "withheld", "interval": "", "says": f"{question} {sentence(reason)}", "withheld": True}
    says = "The measurement failed; see below."
    if isinstance(answer, NotApplicable):
        says = sentence(why(answer.reason, About.of(subject)))
    return {"value": answer.status, "interval": "", "says": f"{question} {says}", "withheld": True}


def planted(subject: dict, document: dict, findings: dict[str, Answer]) -> list[Run] | None:
    """How much of the truth we planted was found; None when nothing was planted."""
    given = document.get("planted")
    if not given:
        return None
    changed = given["changed"]
    made: list[Run] = [("", f"We redrew {counted(given['redrawn'], 'label')}; {count(changed)} really changed.")]
    if given.get("control"):
        made += [("", " No number beside this one counts them, but training with them is part of the recipe audited.")]
        if (held := quantity(findings, "control_memorised_share")) is not None:
            made += [("", " Memorised: "), ("b", value_text(held)), *exact(held), ("", f" of the {count(changed)}.")]
    if given.get("found") is not None:
        hits = quantity(findings, "planted_found")
        share = hits.value if hits else given.get("found_share", given["found"] / changed if changed else 0.0)
        made += [
            ("", " Ranked by the loss of models that never saw them, "),
            ("b", f"{count(given['found'])} of those {count(changed)}"),
            ("", f" stand among the first {count(changed)}: {percent(share, 0)}"),
        ]
        if given.get("found_interval"):
            low, high = given["found_interval"]
            made += [("", "\u00a0"), ("i", f"[{number(100 * low)}, {number(100 * high)}]")]
        if given.get("chance") is not None:
            made.append(("", f", chance {percent(given['chance'], 1)}"))
        made.append(("", "."))
    auc = quantity(findings, "planted_auc")
    if auc is not None:
        made += [
            ("", " AUC\u00a0"),
            ("b", value_text(auc)),
            *exact(auc),
            ("", f", chance {amount(auc.null, auc.unit)}." if auc.null is not None else "."),
        ]
    return made


def together(subject: dict) -> str:
    """What is left out together, where more than 1 % of the examples are copies, or groups were named."""
    found, n, nouns = subject.get("together") or {}, subject["n"], subject["nouns"]
    said = []
    if found.get("copies", 0) > COPIED * n:
        # rows of a table may agree in a few coarse columns and be other people: that is not yet a copy
        alike = "have (nearly) the same inputs as" if nouns == "rows" else "are copies of"
        said.append(
            f"{count(found['copies'])} of {count(n)} {nouns} {alike} {counted(found['originals'], 'other')}; they are "
            "left out together."
        )
    if found.get("blocks"):
        by = f" (column {found['by']})" if found["by"] else ""
        said.append(
            f"The {nouns} follow one another in time{by}: the new ones are the last, and what a model leaves out are "
            f"whole blocks of {nouns} in a row."
        )
    elif found.get("named"):
        said.append(f"The {nouns} come in {counted(found['groups'], 'group')}; each is left out as a whole.")
    if found.get("cells"):
        said.append(
            f"The {nouns} have only {count(found['cells'])} distinct inputs, with differing targets: they are read as "
            "cells of a design, not as copies, and each is left out by itself."
        )
    return " ".join(said)


def from_few(subject: Mapping[str, Any]) -> str:
    """What an audit of fewer than eight members leaves open; empty of more."""
    members, nouns = subject.get("members") or FEW, subject["nouns"]
    if members >= FEW:
        return ""
    if members == 1:
        return (
            f"All numbers are of this one training: intervals allow for other {nouns}, not for another training, and "
            f"no verdict is given. Nothing is said of single {nouns}; that takes {FEW} members."
        )
    return (
        f"Averages from {counted(members, 'model')}. Nothing is said of single {nouns}, since some were left out by "
        f"none of them; that takes {FEW} members."
    )


def doubts(subject: dict, found: Mapping[str, Quantity], planted: dict | None) -> str:
    """What puts the new examples in doubt: copies in training, or scores that differ from those left out.

    Labels that the user redrew make training harder than new examples, and are no reason for doubt.
    """
    leaked, nouns, said, grouped = found.get("leaked_share"), subject["nouns"], [], subject.get("together") or {}
    if leaked is not None and leaked.value > COPIED and not (grouped.get("cells") or grouped.get("blocks")):
        said.append(
            f"{count(round(leaked.value * leaked.n))} of {count(leaked.n)} new {nouns} are copies of training {nouns}."
        )
    new, held = (found.get(f"{side}_accuracy") or found.get(f"{side}_r2") for side in ("test", "held_out"))
    flipped = planted and planted["changed"] and not planted.get("control")
    if said or flipped or not (new and held and new.interval and held.interval):
        return " ".join(said)
    if new.interval[0] > held.interval[1]:
        why = "they may have been trained on, or are easier"
    elif new.interval[1] < held.interval[0]:
        why = "training may use examples that it was not given, rows may share a source, or the new ones are harder"
    else:
        return ""
    unit = "R\u00b2" if new.unit == "r2" else "Accuracy"
    return (
        f"{unit} is {value_text(new)} {interval_text(new)} on new {nouns} and {value_text(held)} {interval_text(held)} "
        f"on those left out. Chance alone rarely brings such a difference: {why}."
    )


def names_of_statuses(findings: dict[str, Answer]) -> dict[str, int]:
    """How many findings have each status."""
    counts: dict[str, int] = {}
    for finding in findings.values():
        counts[finding.status] = counts.get(finding.status, 0) + 1
    return counts
