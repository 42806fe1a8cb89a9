"""What a finished audit prints, about ten lines with intervals or one JSON document, and what a plan of one does."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from byheart.cli.layout import laid_out
from byheart.terminal import as_json, put


def print_json(document: Any) -> None:
    """One JSON document on standard output; in ASCII where that cannot hold more."""
    put(as_json(document, not (sys.stdout.encoding or "").lower().startswith("utf")))


def print_lines(*lines: str) -> None:
    """Lines on standard output; where a name of the user's breaks one, the break is shown, so that it forges none."""
    put("\n".join(line.replace("\n", "\\n") for line in lines), layout=laid_out)


def summary(document: dict[str, Any], page: str, data: str) -> list[str]:
    """About ten lines: the headline, what is memorised, the gap, planted against found, verdicts, where to look."""
    from byheart.records.finding import answer_from
    from byheart.records.formatting import bits as bits_text
    from byheart.records.formatting import count, counted, number, percent
    from byheart.records.quantity import Quantity
    from byheart.records.reason import Reason
    from byheart.report import in_time
    from byheart.report.cards import About
    from byheart.report.cards.base import shortfall
    from byheart.report.cards.reasons import why
    from byheart.report.headline import OF_VARIANCE, SHARES
    from byheart.report.kinds import varying, words
    from byheart.report.summary import doubts, from_few, together

    subject = document["subject"]
    found = {
        name: Quantity.model_validate(quantity)
        for finding in document["findings"].values()
        for name, quantity in finding.get("quantities", {}).items()
    }
    lines = [
        f"byheart audit · {subject['title']} · {count(subject['n'])} {subject['nouns']}, {_members(subject)} · run {subject['run']}"
    ]
    lines += [f"  {line}" for line in (together(subject), from_few(subject)) if line]
    kind = words(subject["kind"])
    values = kind.continuous
    names = OF_VARIANCE if values else SHARES
    parts = [found.get(name) for name in names]
    bits, about = document["findings"].get("complexity/description-length", {}), About.of(subject)
    if all(parts):
        of = f"of the variance of the {varying(subject['kind'], subject.get('target', ''))}"
        if not values:
            things, reference = kind.things if kind.labelled else kind.bits, found["reference_bits"]
            of = f"of the {bits_text(reference.value, reference.interval)} reference bits of the {things}"
        for label, part in zip(("Understood", "By heart", "Not learned"), parts):
            rest = ": noise, or structure not captured" if values and label == "Not learned" else ""
            if label == "Understood" and (short := shortfall(part)):
                unseen = kind.things or subject["nouns"]
                worse = f"worse than {kind.blind} on {unseen} it has not seen, by {_text(short)} {of}"
                lines.append(f"  {label:<13} {'nothing':<26} {worse}")
            else:
                lines.append(_line(label, part, of + rest))
    elif bits.get("status") in ("not applicable", "withheld"):
        reason = Reason.model_validate(bits.get("reason") or bits["withheld"])
        said = _withheld(reason, about) if bits.get("withheld") else f"not measured: {why(reason, about)}"
        lines.append(f"  {'Variance' if values else 'Bits':<13} {said}")
    dynamics = {name: one for name, one in document["findings"].items() if name.startswith("dynamics/")}
    answers = {name: answer_from(one) for name, one in dynamics.items()}
    lines += [f"  {label:<13} {value:<26} {said}" for label, value, said in in_time.lines(answers)]
    chance = percent(found["memorised_share"].null or 0) if "memorised_share" in found else ""
    more = f"of the {subject['nouns']}: at least 25 points more accurate when trained on; {chance} under permutation"
    unit, right, things = ("accuracy", "right", "labels") if kind.labelled else ("r2", "R2", "values")
    halves = "Spearman of the scores of two halves of the members" + (" (probability form)" if kind.labelled else "")
    blind = number(100 * (found["forgetting"].null or 0), 1) if "forgetting" in found else ""
    lost = f"of the earlier phases of training, lost by its end; a guess by their labels alone loses {blind}"
    rows = (
        ("Memorised", "memorised_share", more),
        ("Seen", f"train_{unit}", f"{right} on {things} that were trained on"),
        ("New", f"test_{unit}", f"{right} on {count(subject['n_test'])} new {subject['nouns']}"),
        ("Gap", "gap", "between seen and left out, on the same examples"),
        ("Forgotten", "forgetting", lost),
        ("Reliable", "reliability_probability", halves),
    )
    lines += [_line(label, found[name], said) for label, name, said in rows if name in found]
    planted = document["planted"]
    if line := doubts(subject, found, planted):
        lines.append(f"  {line}")
    if planted and "found" in planted:
        auc = found.get("planted_auc")
        lines.append(
            f"  Planted       {counted(planted['changed'], 'label')} really changed ({planted['redrawn']} redrawn), {planted['found']} found among the "
            f"{planted['changed']} of largest held-out loss"
            + (f"; AUC {_text(auc)}" if auc else "")
            + (f"; memorised {_text(held)}" if (held := found.get("control_memorised_share")) else "")
        )
    for row in document["levers"]:
        if "lever" in row:
            lines += _moved(row)
    lines += _measured([row for row in document["levers"] if "setting" in row])
    judged = [verdict for verdict in document["verdicts"] if verdict["outcome"] in {"issue", "tip", "withheld"}]
    lines += [f"  {verdict['code']} {verdict['outcome']:<9} {verdict['title']}" for verdict in judged]
    failed = [finding for finding in document["findings"].values() if finding["status"] == "failed"]
    lines += [f"  failed        {finding['probe']}: {finding['error']}" for finding in failed]
    lines += [f"  note          {note}" for note in document["provenance"]["notes"]]
    return [*lines, f"Report  {page}   Data  {data}"]


def issue_lines(document: dict[str, Any], path: Path) -> list[str]:
    """Write the issues of a document to a file; how many of each kind there are, and of which kinds there is no list."""
    from byheart.auditing.issues import issues_of

    found = issues_of(document)
    return [f"Issues  {found.save(path)}", *(f"  {line}" for line in found.lines)]


def _moved(row: dict[str, Any]) -> list[str]:
    """What the levers of the audit move: the differences told, all others in one line."""
    from byheart.records.comparison import ComparisonRecord
    from byheart.report.comparison_text import difference_line, the_rest

    found = ComparisonRecord.model_validate(row["comparison"])
    told = [f"  {difference_line(found, one)}" for one in found.differences if one.matters]
    head = f"  What moves    {row['lever']} against the same recipe without it, on the same subsets and seeds:"
    return [head, *told, f"    {the_rest(found)}"]


def _measured(rows: list[dict[str, Any]]) -> list[str]:
    """What a balance of the same subject found, in a line: the best setting, or that no lever beats the recipe."""
    from byheart.records.balanced import MeasuredSetting
    from byheart.report.moves import moved_line

    return [f"  {moved_line(MeasuredSetting.model_validate(rows[0]))}"] if rows else []


def forecast_lines(found: dict[str, Any]) -> list[str]:
    """What a plan prints: the forecast in words."""
    from byheart.records.formatting import number

    minutes = found["seconds"]
    time = found["seconds_source"] if minutes is None else f"about {number(minutes, 0)} s ({found['seconds_source']})"
    said = [
        f"byheart plan · {found['subject']}",
        *[f"  {line}" for line in found["inferred"]],
        f"  steps         {found['steps']}, {found['done']} in the ledger, {found['to_do']} to do",
        f"  time          {time}",
        f"  memory        about {number(found['memory_bytes'] / 1e6, 0)} MB in all",
        f"  power         {'; '.join(filter(None, [_of_shares(found), _of_scores(found)]))}",
    ]
    if left_out := found["not_applicable"]:
        said.append(f"  not asked     {', '.join(left_out)} (why: --json)")
    return [*said, "Nothing was trained or written."]


def _of_shares(found: dict[str, Any]) -> str:
    """How precisely a plan will know the memorised share, as far as that can be said before a run."""
    from byheart.records.formatting import count, counted, number

    n, blocks = f"{count(found['n'])} {found['nouns']}", found["blocks"]
    if found["half_width_memorised_bits_share"] is None:
        of = f" in {counted(blocks, 'block')} of time, by which they count" if blocks else ""
        return f"shares of the variance from {n}{of}; how precisely, is known after a run"
    narrow, broad = found["half_width_memorised_bits_share"]
    return (
        f"memorised share of the bits to about \u00b1{number(100 * narrow, 1)} to \u00b1{number(100 * broad, 1)} points "
        f"from {n}, by how noisy the labels are and how much the training set matters (known after a run)"
    )


def _members(subject: dict[str, Any]) -> str:
    from byheart.records.formatting import counted

    return counted(subject["members"], "member")


def _of_scores(found: dict[str, Any]) -> str:
    """How precisely a plan will know single scores; nothing where none are asked for, as of a series."""
    from byheart.records.formatting import number
    from byheart.report.cards.intervals import FEW

    if "memory/counterfactual" in found["not_applicable"]:
        return ""
    if found["members"] < FEW:
        return f"no single scores, which take {FEW} members"
    worst = number(1.96 * found["largest_standard_error_of_a_score"], 2)
    return f"a single score to \u00b1{worst} at worst from {found['members']} members"


def _withheld(reason: Any, about: Any) -> str:
    from byheart.report.cards.reasons import advice, why

    helps = advice(reason, about)
    return f"withheld: {why(reason, about).rstrip('.')}; {helps[:1].lower()}{helps[1:]}"


def _text(quantity: Any) -> str:
    from byheart.records.formatting import interval_text, value_text

    return f"{value_text(quantity)} {interval_text(quantity)}".strip()


def _line(label: str, quantity: Any, words: str) -> str:
    from byheart.records.formatting import no_interval_text

    if reason := no_interval_text(quantity):
        words += f"; {reason}"
    return f"  {label:<13} {_text(quantity):<26} {words}"
