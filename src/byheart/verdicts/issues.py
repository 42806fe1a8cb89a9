"""Which examples are worth a look, and why? Lists of issues from findings, each only where its finding supports it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any, NamedTuple

import numpy as np

from byheart.records.finding import Answer, Failed, Finding
from byheart.records.issue import FigureColumn, FigureUnit, Ident, IssueKind, IssueList
from byheart.records.reason import Reason
from byheart.verdicts.base import quantity
from byheart.verdicts.rules import LabelsToCheck, Of, certain_copies, chance_of

DUPLICATES, LABELS = "memory/duplicates", "memory/label-noise"
SCORES, MEMBERSHIP = "memory/counterfactual", "memory/membership"
ENOUGH = 8  # members, to judge a single example
NAMED = 20  # copies of one example that are named; of a larger group the others share its number

RULES: dict[IssueKind, tuple[str, str]] = {
    "label worth checking": (
        "Models trained without it, of this recipe and of a baseline of another family, predict another label.",
        "Look at it and at the label that the models predict. It may be right: a rare case looks the same.",
    ),
    "contradicting copy": (
        "A copy of it, exact or near, carries another label; both labels are as they came.",
        "Compare the labels of the copies: one is wrong, or the inputs hold too little to tell them apart.",
    ),
    "duplicate": (
        "It has an exact or near copy in training.",
        "Keep one of the copies, unless the repeats are meant.",
    ),
    "leaked into test": (
        "It is in the test set and has an exact or near copy in training.",
        "Take it out of the test set, or its copies out of training, and measure again.",
    ),
    "memorised": (
        "Models get it right at least 25 points more often when trained on it, with a probability above 0.95.",
        "Check that it is right: mislabelled, ambiguous and rare examples are memorised. If it is right, more examples "
        "like it would help.",
    ),
    "exposed": (
        "An attack at 1 % false alarms finds it in more than half of the models trained on it, and takes it for a "
        "training example in less than half of the others, both beyond their 95 % intervals.",
        "If it is confidential, take it out or train so that less is memorised (--lever), and audit again before the "
        "model is shared.",
    ),
}  # fmt: skip


class View(NamedTuple):
    """The examples of a view, one each: names, positions, targets, and which labels byheart redrew."""

    ids: tuple[Ident, ...]
    positions: np.ndarray
    y: np.ndarray
    planted: np.ndarray


@dataclass(frozen=True)
class Facts:
    """What issues are derived from.

    Attributes:
        findings: by probe.
        columns: of each probe, one number a training example.
        views: `train`, and `test` where there is one.
        label: a target in words.
        kind: of output.
    """

    findings: Mapping[str, Answer]
    columns: Mapping[str, Mapping[str, np.ndarray]]
    views: Mapping[str, View]
    label: Callable[[Any], str]
    kind: str = "classes"

    def lacking(self, probe: str) -> Reason | None:
        """Why a probe has no answer; None where it has one."""
        answer = self.findings.get(probe)
        if answer is None:
            return Reason(code="not measured")
        if isinstance(answer, Failed):
            return Reason(code="failed", figures={"error": answer.error})
        return answer.withheld if isinstance(answer, Finding) else answer.reason


def issue_lists(facts: Facts) -> tuple[IssueList, ...]:
    """The issues of every kind, or why there can be none of it."""
    return (
        _labels(facts), _contradicting(facts), _duplicates(facts), _leaked(facts), _memorised(facts), _exposed(facts),
    )  # fmt: skip


def _labels(facts: Facts) -> IssueList:
    """Where BH101 says that more labels than clean data have are worth checking."""
    kind: IssueKind = "label worth checking"
    if reason := facts.lacking(LABELS):
        return _empty(kind, reason)
    columns = facts.columns[LABELS]
    if "worth_checking" not in columns:  # values are ranked by their residuals
        return _empty(kind, Reason(code="another output", figures={"asked": "classes", "kind": facts.kind}))
    rows = _chosen(columns["worth_checking"] > 0, columns["suspicion_rank"])
    judged = LabelsToCheck().of_labels(facts.findings)
    if judged.outcome != "tip" and not facts.views["train"].planted[rows].all():
        marked = "The column memory/label-noise/worth_checking of `audit.examples()` marks them."
        return _empty(kind, judged=f"{judged.code} {judged.outcome}. {judged.sentence} {marked}")
    own = {name: columns[name][rows] for name in ("held_out_bits", "votes", "voters")}
    return _list(
        facts, kind, rows,
        predicted=_column([facts.label(code) for code in columns["predicted"][rows]], "", "label that most of the "
                          "models trained without it predict"),
        votes=_column(own["votes"], "members", "models trained without it that predict that label"),
        voters=_column(own["voters"], "members", "models trained without it"),
        held_out_bits=_column(own["held_out_bits"], "bits", "what models trained without it pay for its label"),
        memorisation_score=_score(columns["seen_right"][rows] - columns["held_out_right"][rows]),
    )  # fmt: skip


def _contradicting(facts: Facts) -> IssueList:
    """Where BH101 says that copies carry different labels."""
    kind: IssueKind = "contradicting copy"
    if reason := facts.lacking(DUPLICATES):
        return _empty(kind, reason)
    columns = facts.columns[DUPLICATES]
    if "contradicts" not in columns:
        return _empty(kind, Reason(code="another output", figures={"asked": "classes", "kind": facts.kind}))
    if reason := _by_chance(facts, "contradicting" if columns["contradicts"].any() else "training"):
        return _empty(kind, reason)
    contradicts, equal = columns["contradicts"] > 0, _equal_alone(facts, "contradicting")
    if equal:  # the near ones may be coincidences
        pairs = {*zip(columns["exact_group"][contradicts].tolist(), facts.views["train"].y[contradicts].tolist())}
        labels = Counter(group for group, _ in pairs)
        contradicts &= np.array([labels[group] > 1 for group in columns["exact_group"].tolist()])
    return _copies(facts, kind, contradicts, contradicts, facts.views["train"].y, equal)


def _duplicates(facts: Facts) -> IssueList:
    """Copies whose labels agree; of those that contradict each other there is a list of its own."""
    kind: IssueKind = "duplicate"
    if reason := facts.lacking(DUPLICATES):
        return _empty(kind, reason)
    columns = facts.columns[DUPLICATES]
    if reason := _by_chance(facts):
        return _empty(kind, reason)
    equal = _equal_alone(facts)
    group = columns["exact_group" if equal else "copy_group"]
    copied = np.bincount(group)[group] > 1
    listed = copied & (columns["contradicts"] == 0) if "contradicts" in columns else copied
    return _copies(facts, kind, listed, copied, np.arange(len(copied)), equal)


def _leaked(facts: Facts) -> IssueList:
    """New examples that are in training: each names the training example that it is a copy of."""
    kind: IssueKind = "leaked into test"
    if reason := facts.lacking(DUPLICATES):
        return _empty(kind, reason)
    if "test" not in facts.views:
        return _empty(kind, Reason(code="no test set"))
    table = facts.findings[DUPLICATES].tables.get("leaked")  # type: ignore[union-attr]
    if table is None:
        return _list(facts, kind, np.zeros(0, int), view="test")
    if reason := _by_chance(facts, "test"):
        return _empty(kind, reason)
    exact = np.array(table.values["exact"], bool)
    chosen = exact if _equal_alone(facts, "test") else np.ones(len(exact), bool)
    places = (("train", "copy_of"), ("test", "new"))
    old, new = (_place(facts.views[view], np.asarray(table.values[name])[chosen]) for view, name in places)
    train = facts.views["train"]
    of_copy = [facts.label(target) for target in train.y[old]]
    return _list(
        facts, kind, new, view="test", others=[(train.ids[row],) for row in old], n_others=[1] * len(old),
        exact=_column(exact[chosen].tolist(), "", "whether the inputs are equal byte by byte"),
        label_of_copy=_column(of_copy, "", "label of the copy in training"),
    )  # fmt: skip


def _memorised(facts: Facts) -> IssueList:
    """Where the card names an example as memorised: by the posterior probability of its true score."""
    kind: IssueKind = "memorised"
    if reason := facts.lacking(SCORES):
        return _empty(kind, reason)
    columns = facts.columns[SCORES]
    if "posterior_probability" not in columns:
        return _empty(kind, Reason(code="ranked alone", figures={"kind": facts.kind}))
    sure = float(facts.findings[SCORES].details["sure"])  # type: ignore[union-attr,arg-type]
    probability = columns["posterior_probability"]
    rows = _chosen(probability > sure, columns["rank"])
    return _list(
        facts, kind, rows,
        memorisation_score=_score(columns["score"][rows]),
        standard_error=_column(columns["standard_error"][rows], "points", "standard error of the memorisation score"),
        memorised_probability=_column(probability[rows], "probability", "that the true score is 0.25 or more"),
    )  # fmt: skip


def _exposed(facts: Facts) -> IssueList:
    """Where the attack of memory/membership is right about an example, whether a model saw it or not."""
    kind: IssueKind = "exposed"
    if reason := facts.lacking(MEMBERSHIP):
        return _empty(kind, reason)
    columns = facts.columns[MEMBERSHIP]
    if "exposed" not in columns:
        finding = facts.findings[MEMBERSHIP]
        if levels := finding.tables.get("levels"):  # type: ignore[union-attr]
            needed = levels.rows()[0]["members_needed"]
            return _empty(kind, Reason(code="few false alarms", figures={"needed": needed}))
        members = finding.details["members"]  # type: ignore[union-attr]
        return _empty(kind, Reason(code="few members", figures={"members": members, "needed": ENOUGH}))
    found, taken, risk = (columns[name] for name in ("found_at_1_percent", "taken_at_1_percent", "risk"))
    rows = _chosen(columns["exposed"] > 0, np.lexsort((-risk, -found)).argsort())
    return _list(
        facts, kind, rows,
        found_share=_column(found[rows], "share", "of the models trained on it, those where it is found"),
        taken_share=_column(taken[rows], "share", "of the other models, those where it is taken for one of theirs"),
        risk=_column(risk[rows], "share", "of examples that a model never saw, those it stands out from"),
    )  # fmt: skip


def _equal_alone(facts: Facts, of: Of = "training") -> bool:
    """Whether only copies that are equal byte by byte are certain."""
    return certain_copies(facts.findings, of) == "exact"


def _by_chance(facts: Facts, of: Of = "training") -> Reason | None:
    """Why equal inputs are no copies here: cells of a design, or coincidences of a coarse table."""
    finding = facts.findings[DUPLICATES]
    if cells := finding.details.get("cells"):  # type: ignore[union-attr]
        return Reason(code="cells", figures={"cells": cells})
    share = quantity(facts.findings, DUPLICATES, "duplicate_share")
    seen = quantity(facts.findings, DUPLICATES, "leaked_share") if of == "test" else share
    if share and seen and seen.value and certain_copies(facts.findings, of) == "none":
        return Reason(code="copies by chance", figures={"share": seen.value, "chance": chance_of(facts.findings, of)})
    return None


def _copies(
    facts: Facts, kind: IssueKind, listed: np.ndarray, among: np.ndarray, side: np.ndarray, equal: bool
) -> IssueList:
    """The listed rows group by group, each with those `among` its group that stand on another side (n,) than it."""
    columns, ids = facts.columns[DUPLICATES], facts.views["train"].ids
    group = columns["exact_group" if equal else "copy_group"].tolist()
    sides: dict[int, dict[Any, list[int]]] = {}  # group -> side -> rows
    for row in np.flatnonzero(among).tolist():
        sides.setdefault(group[row], {}).setdefault(side[row].item(), []).append(row)
    sizes = {one: sum(map(len, own.values())) for one, own in sides.items()}
    rows = [row for own in sides.values() for row in sorted(chain.from_iterable(own.values())) if listed[row]]
    others, counts = [], []
    for row in rows:
        own = sides[group[row]]
        rest = chain.from_iterable(chosen for one, chosen in own.items() if one != side[row])
        others.append(tuple(ids[one] for one in islice(rest, NAMED)))
        counts.append(sizes[group[row]] - len(own[side[row].item()]))
    return _list(
        facts, kind, np.array(rows, int), others=others, n_others=counts,
        copy_group=_column([group[row] for row in rows], "", "equal for copies of one another"),
    )  # fmt: skip


def _chosen(listed: np.ndarray, rank: np.ndarray) -> np.ndarray:
    """Rows that are listed, by rank."""
    rows = np.flatnonzero(listed)
    return rows[np.argsort(rank[rows], kind="stable")]


def _place(view: View, positions: Any) -> np.ndarray:
    """Rows of a view at these positions."""
    order = np.argsort(view.positions, kind="stable")
    return order[np.searchsorted(view.positions[order], np.asarray(positions))]


def _score(values: Any) -> FigureColumn:
    return _column(values, "points", "how much more often models get it right when trained on it")


def _column(values: Any, unit: FigureUnit, means: str) -> FigureColumn:
    return FigureColumn(values=values, unit=unit, means=means)


def _empty(kind: IssueKind, reason: Reason | None = None, judged: str | None = None) -> IssueList:
    rule, suggestion = RULES[kind]
    return IssueList(kind=kind, rule=rule, suggestion=suggestion, reason=reason, judged=judged)


def _list(
    facts: Facts, kind: IssueKind, rows: np.ndarray, view: str = "train", others: Any = None, n_others: Any = None,
    **figures: FigureColumn,
) -> IssueList:  # fmt: skip
    """The rows of a view as a list of that kind."""
    known, n = facts.views[view], len(rows)
    rule, suggestion = RULES[kind]
    by_label = kind in ("label worth checking", "memorised", "exposed")  # copies are copies, whatever their label
    return IssueList(
        kind=kind, rule=rule, suggestion=suggestion, view=view,
        ids=[known.ids[row] for row in rows], positions=known.positions[rows].tolist(),
        labels=[facts.label(target) for target in known.y[rows]],
        planted=(known.planted[rows] & by_label).tolist(),
        others=others or [()] * n, n_others=n_others or [0] * n, figures=figures,
    )  # fmt: skip
