"""The issues in words: how many of each kind, and why there is no list of one."""

from __future__ import annotations

from byheart.records.formatting import count
from byheart.records.issue import IssueKind, IssueList
from byheart.report.cards import About
from byheart.report.cards.reasons import advice, why
from byheart.report.rich_text import sentence

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
    return heading(issues.kind, len(issues.issues(planted)), about)
