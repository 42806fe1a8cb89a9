"""The issues in words and as the page lists them: how many of each kind, which, or why there is no list of one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from byheart.records.columns import safe
from byheart.records.facts import Scalar
from byheart.records.formatting import count, number, percent
from byheart.records.issue import Issue, IssueKind, IssueList
from byheart.report.cards import About
from byheart.report.cards.reasons import advice, why
from byheart.report.rich_text import sentence, slug

ROWS = 1000  # of a kind on the page; a file holds them all
DECIMALS = {"points": 2, "bits": 1}

# what the issues of a kind are called: one, and several
NAMES: dict[IssueKind, tuple[str, str]] = {
    "label worth checking": ("label worth checking", "labels worth checking"),
    "contradicting copy": ("copy that contradicts another", "copies that contradict each other"),
    "duplicate": ("duplicate", "duplicates"),
    "leaked into test": ("test {noun} that is in training", "test {nouns} that are in training"),
    "memorised": ("memorised {noun}", "memorised {nouns}"),
    "exposed": ("exposed {noun}", "exposed {nouns}"),
}


def why_empty(issues: IssueList, about: About) -> str:
    """Why nothing is listed, and what would help; empty for a list that was made.

    Example:
        >>> why_empty(IssueList(kind="exposed", rule="r", suggestion="s", judged="BH109 withheld."), About())
        'BH109 withheld.'
    """
    if issues.judged:
        return sentence(issues.judged)
    if issues.reason is None:
        return ""
    return " ".join(sentence(part) for part in (why(issues.reason, about), advice(issues.reason, about)) if part)


def heading(kind: IssueKind, n: int | None, about: About) -> str:
    """How many issues of a kind there are, in words; without a number only what they are called.

    Example:
        >>> heading("memorised", 2, About(noun="row", nouns="rows")), heading("duplicate", 0, About())
        ('2 memorised rows', 'No duplicates')
    """
    one, several = (name.format(noun=about.noun, nouns=about.nouns) for name in NAMES[kind])
    if n is None:
        return several[:1].upper() + several[1:]
    return f"{count(n) if n else 'No'} {one if n == 1 else several}"


def counted(issues: IssueList, about: About, planted: bool = False) -> str:
    """A line on one kind: how many there are, or why there is no list."""
    if not issues.answered:
        return f"{heading(issues.kind, None, about)}: not listed. {why_empty(issues, about)}"
    return heading(issues.kind, issues.n(planted), about)


def issue_lists(document: Mapping[str, Any]) -> list[dict]:
    """What the page shows of each kind of issue: its rows, or why there are none; redrawn labels are left out.

    Nothing of data of which no list is ever made, such as a series in time.
    """
    about = About.of(document["subject"])
    lists = [IssueList.model_validate(one) for one in document.get("issues") or []]
    if all(one.reason is not None and one.reason.code == "another output" for one in lists):
        return []
    return [_list(one, about) for one in lists]


def _list(issues: IssueList, about: About) -> dict:
    rows, n = issues.issues(most=ROWS), issues.n()
    columns = [name for name in issues.figures if name != "copy_group"]
    labelled, copies = any(issues.labels), any(issues.others)
    made = {
        "id": f"issues-{slug(issues.kind)}",
        "title": heading(issues.kind, n if issues.answered else None, about),
        "why": why_empty(issues, about),
        "rule": issues.rule,
        "suggestion": issues.suggestion,
        "more": f"The first {count(ROWS)} of {count(n)}; a file holds them all." if n > ROWS else "",
        "columns": [
            {"left": True, "name": "id"},
            *([{"left": True, "name": about.target}] if labelled else []),
            *({"left": _is_text(issues, name), "name": _said(name)} for name in columns),
            *([{"left": True, "name": "copy of"}] if copies else []),
        ],
        "means": [(_said(name), issues.figures[name].means) for name in columns],
        "rows": [],
    }
    for issue in rows:
        label = [issue.label] if labelled else []
        figures = [_cell(issue.figures[name].value, issue.figures[name].unit) for name in columns]
        made["rows"].append(
            {
                "copied": copied(issue.id),
                "cells": [str(issue.id), *label, *figures, *([_others(issue)] if copies else [])],
            }
        )
    return made


def copied(ident: int | str) -> str:
    """An id as the page copies it, a line each: no formula of a spreadsheet (`safe`), in quotes where it has a break.

    Example:
        >>> copied(7), copied("=1+1"), copied("a\\tb")
        ('7', "'=1+1", '"a\\tb"')
    """
    text = safe(str(ident)) if isinstance(ident, str) else str(ident)
    return '"' + text.replace('"', '""') + '"' if any(sign in text for sign in '\t\r\n"') else text


def _said(name: str) -> str:
    return name.replace("held_out", "held-out").replace("_", " ")


def _is_text(issues: IssueList, name: str) -> bool:
    return any(isinstance(value, str | bool) for value in issues.figures[name].values)


def _cell(value: Scalar, unit: str) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or isinstance(value, str):
        return value or ""
    if unit == "share":
        return percent(value, 0)
    return number(value, 0 if isinstance(value, int) else DECIMALS.get(unit, 2))


def _others(issue: Issue) -> str:
    more = issue.n_others - len(issue.others)
    return ", ".join(map(str, issue.others)) + (f" and {count(more)} more" if more else "")
