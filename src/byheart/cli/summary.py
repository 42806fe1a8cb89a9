"""What a finished audit prints, about ten lines with intervals or one JSON document, and what a plan of one does."""

from __future__ import annotations

import sys
from typing import Any

from byheart.terminal import as_json, put


def print_json(document: Any) -> None:
    """One JSON document on standard output; in ASCII where that cannot hold more."""
    put(as_json(document, not (sys.stdout.encoding or "").lower().startswith("utf")))


def print_lines(text: str) -> None:
    """Lines on standard output."""
    put(text)


def summary(document: dict[str, Any], page: str, data: str) -> str:
    """About ten lines: the headline, what is memorised, the gap, planted against found, verdicts, where to look."""
    from byheart.records.formatting import count, number, percent
    from byheart.records.quantity import Quantity
    from byheart.report.cards import About
    from byheart.report.cards.reasons import why
    from byheart.report.headline import OF_VARIANCE, SHARES
    from byheart.report.kinds import words
    from byheart.report.summary import doubts, together

    subject = document["subject"]
    found = {
        name: Quantity.model_validate(quantity)
        for finding in document["findings"].values()
        for name, quantity in finding.get("quantities", {}).items()
    }
    lines = [
        f"byheart audit · {subject['title']} · {count(subject['n'])} {subject['nouns']}, {subject['members']} members · run {subject['run']}"
    ]
    if line := together(subject):
        lines.append(f"  {line}")
    kind = words(subject["kind"])
    values = kind.continuous
    names = OF_VARIANCE if values else SHARES
    parts = [found.get(name) for name in names]
    bits, about = document["findings"].get("complexity/description-length", {}), About.of(subject)
    if all(parts):
        if values:
            of = "of the variance of the values"
        else:
            things = kind.things if kind.labelled else kind.bits
            of = f"of the {_bits(found['reference_bits'])} reference bits of the {things}"
        for label, part in zip(("Understood", "By heart", "Not learned"), parts):
            rest = ": noise, or structure not captured" if values and label == "Not learned" else ""
            lines.append(_line(label, part, of + rest))
    elif bits.get("status") == "not applicable":
        lines.append(f"  {'Variance' if values else 'Bits':<13} not measured: {why(_reason(bits['reason']), about)}")
    elif bits.get("status") == "withheld":
        lines.append(f"  {'Variance' if values else 'Bits':<13} withheld: {_withheld(bits['withheld'], about)}")
    if "memorised_share" in found:
        share = found["memorised_share"]
        lines.append(
            _line(
                "Memorised",
                share,
                f"of the {subject['nouns']}: at least 25 points more accurate when trained on; {percent(share.null or 0)} under permutation",
            )
        )
    unit = "accuracy" if kind.labelled else "r2"
    for label, name, said in (
        (
            "Seen",
            f"train_{unit}",
            "right on labels that were trained on" if unit == "accuracy" else "R2 on values that were trained on",
        ),
        (
            "New",
            f"test_{unit}",
            f"right on {count(subject['n_test'])} new {subject['nouns']}"
            if unit == "accuracy"
            else f"R2 on {count(subject['n_test'])} new {subject['nouns']}",
        ),
        ("Gap", "gap", "between seen and left out, on the same examples"),
    ):
        if name in found:
            lines.append(_line(label, found[name], said))
    if "forgetting" in found:
        blind = number(100 * (found["forgetting"].null or 0), 1)
        said = f"of the earlier phases of training, lost by its end; a guess by their labels alone loses {blind}"
        lines.append(_line("Forgotten", found["forgetting"], said))
    if "reliability_probability" in found:
        lines.append(
            _line(
                "Reliable",
                found["reliability_probability"],
                "Spearman of the scores of two halves of the members"
                + (" (probability form)" if kind.labelled else ""),
            )
        )
    planted = document["planted"]
    if line := doubts(subject, found, planted):
        lines.append(f"  {line}")
    if planted and "found" in planted:
        auc = found.get("planted_auc")
        lines.append(
            f"  Planted       {planted['changed']} labels really changed ({planted['redrawn']} redrawn), {planted['found']} found among the "
            f"{planted['changed']} of largest held-out loss"
            + (f"; AUC {_text(auc)}" if auc else "")
            + (f"; memorised {_text(held)}" if (held := found.get("control_memorised_share")) else "")
        )
    lines += [
        f"  {v['code']} {v['outcome']:<9} {v['title']}"
        for v in document["verdicts"]
        if v["outcome"] in {"issue", "tip", "withheld"}
    ]
    for finding in document["findings"].values():
        if finding["status"] == "failed":
            lines.append(f"  failed        {finding['probe']}: {finding['error']}")
    lines += [f"  note          {note}" for note in document["provenance"]["notes"]]
    lines.append(f"Report  {page}   Data  {data}")
    return "\n".join(lines)


def forecast_lines(found: dict[str, Any]) -> str:
    """What a plan prints: the forecast in words."""
    from byheart.records.formatting import count, number

    minutes = found["seconds"]
    narrow, broad = found["half_width_memorised_bits_share"]
    time = found["seconds_source"] if minutes is None else f"about {number(minutes, 0)} s ({found['seconds_source']})"
    said = [
        f"byheart plan · {found['subject']}",
        *[f"  {line}" for line in found["inferred"]],
        f"  steps         {found['steps']}, {found['done']} in the ledger, {found['to_do']} to do",
        f"  time          {time}",
        f"  memory        about {number(found['memory_bytes'] / 1e6, 0)} MB in all",
        "  power         memorised share of the bits to about "
        f"\u00b1{number(100 * narrow, 1)} to \u00b1{number(100 * broad, 1)} points "
        f"from {count(found['n'])} examples, by how noisy the labels are and how much the training set matters (known "
        f"after a run); a single score to "
        f"\u00b1{number(1.96 * found['largest_standard_error_of_a_score'], 2)} at worst "
        f"from {found['members']} members",
    ]
    if left_out := found["not_applicable"]:
        said.append(f"  not asked     {', '.join(left_out)} (why: --json)")
    return "\n".join([*said, "Nothing was trained or written."])


def _reason(written: dict[str, Any]) -> Any:
    from byheart.records.reason import Reason

    return Reason.model_validate(written)


def _withheld(written: dict[str, Any], about: Any) -> str:
    from byheart.report.cards.reasons import advice, why

    helps = advice(_reason(written), about)
    return f"{why(_reason(written), about).rstrip('.')}; {helps[:1].lower()}{helps[1:]}"


def _text(quantity: Any) -> str:
    from byheart.records.formatting import interval_text, value_text

    return f"{value_text(quantity)} {interval_text(quantity)}".strip()


def _line(label: str, quantity: Any, words: str) -> str:
    from byheart.records.formatting import no_interval_text

    if reason := no_interval_text(quantity):
        words += f"; {reason}"
    return f"  {label:<13} {_text(quantity):<26} {words}"


def _bits(quantity: Any) -> str:
    from byheart.records.formatting import bits

    return bits(quantity.value, quantity.interval)
