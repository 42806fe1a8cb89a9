"""`byheart.compare`: what changed between two audits of the same data, and which examples changed with it?"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from byheart.auditing.compared_side import Side, pairing_of, same_data, settings_of
from byheart.auditing.example_previews import exhibits
from byheart.auditing.explain_run import report_hides
from byheart.auditing.finished_audits import document_of
from byheart.auditing.kept_names import kept_names
from byheart.auditing.paired_differences import BITS, GAP, MEMORISED, NEW, VARIANCE, Pair
from byheart.auditing.result import Audit
from byheart.auditing.written import Written
from byheart.errors import ByheartError, InputRefused, UsageError
from byheart.ledger.base import Ledger, Say
from byheart.ledger.sqlite import SqliteLedger
from byheart.maths.memorisation.changed_sides import SWAPS, changed_sides
from byheart.maths.statistics.paired import unpaired_difference
from byheart.records.comparison import ChangedSides, ComparedRun, ComparisonRecord, Difference, Missing, Pairing
from byheart.records.provenance import SCHEMA, versions
from byheart.records.quantity import Quantity, Unit, interval_by
from byheart.report.comparison import SHOWN, render_comparison
from byheart.report.comparison_text import lines
from byheart.seeds import stream
from byheart.study.lever_baseline import PROBES, moved_by, without_levers
from byheart.study.session import Answers, Session

# what is compared beside the numbers that are paired: shares and areas of the recipe itself, none of its baselines
BESIDE = ("membership_auc", "forgetting", "memorised_bits_per_value")
PAIRED, UNPAIRED = "fresh draws of examples and training set, paired", "intervals of both, taken as independent"
_POINTS = {"share", "accuracy"}


class Comparison(Written, ComparisonRecord):
    """What `byheart.compare` found: `.differences`, those that matter first, `.changed`, `.pairing`, `.save(path)`."""

    def _page(self) -> str:
        return render_comparison(self)

    def _lines(self) -> list[str]:
        return lines(self)

    def _file(self) -> str:
        return "compare.html"


def compare(first: Audit | str | Path, second: Audit | str | Path, *, hide_examples: bool = False) -> Comparison:
    r"""What changed between two audits of the same data, and which examples changed with it?

    Where the members of both saw the same subsets from the same seeds, they are compared pair by pair, example by
    example: what the two recipes share falls out, and intervals are those of the difference
    (`maths.statistics.paired`). Else the two are compared as independent, and the comparison says why.

    Args:
        first: what is compared with: an audit, or the folder of one.
        second: what is compared; differences are of the second less the first.
        hide_examples: leave only ids of examples.

    Returns:
        The comparison: `.differences` (those whose interval excludes 0 first), `.changed`, `.save(path)`.

    Raises:
        InputRefused: the two are of other data or another target.
        UsageError: no such audit.

    Cost: seconds; nothing is trained. Fails when: recipes differ in what they are given to see (other features of the
    same table): these are other data, and refused.

    Reference: Student 1908, The probable error of a mean, section 9.

    Example:
        >>> from sklearn.datasets import load_iris
        >>> from sklearn.tree import DecisionTreeClassifier
        >>> from byheart import audit
        >>> flat, deep = (
        ...     audit(load_iris(return_X_y=True), model=DecisionTreeClassifier(max_depth=d), members=8) for d in (1, 9)
        ... )
        >>> found = compare(flat, deep)
        >>> found.pairing, found.found("train_accuracy").difference.value > 0.2
        ('paired', True)
    """
    for one in (first, second):
        if not isinstance(one, Audit | str | Path):
            raise UsageError("an audit, or the folder of one", type(one).__name__, "Give what bh.audit(...) returns.")
    sides = [
        _of_document(one.to_dict(), one.ledger) if isinstance(one, Audit) else _of_folder(str(one), Path(one))[0]
        for one in (first, second)
    ]
    return compared(*sides, command="byheart.compare(...)", hide=hide_examples)


def compare_runs(first: str, second: str, folder: Path, hide: bool | None = None) -> Comparison:
    """The comparison of two finished audits by the words of the command line: digits of runs in `folder`, or folders.

    `hide`: ids in the place of examples; None: where a report of the two does.

    Raises:
        UsageError: no such run; InputRefused: they are of other data or another target.
    """
    sides, folders = zip(*(_of_folder(run, folder) for run in (first, second)))
    command = shlex.join(["byheart", "compare", *(one.about.run for one in sides)])
    return compared(*sides, command=command, hide=any(map(report_hides, folders)) if hide is None else hide)


def _of_folder(run: str, folder: Path) -> tuple[Side, Path]:
    """The side of a finished audit, and its folder."""
    folder, document = document_of(run, folder)
    with closing(SqliteLedger(folder / "ledger")) as ledger:
        return _of_document(document, ledger), folder


def _of_document(document: Mapping[str, Any], ledger: Ledger) -> Side:
    """The side of a finished audit.

    Raises:
        InputRefused: another version of byheart made it.
    """
    if document.get("schema") != SCHEMA:
        came, do = repr(document.get("schema")), "Run that audit again: its trainings are kept."
        raise InputRefused(f"an audit of schema {SCHEMA}", came, do)
    provenance, subject = document["provenance"], document["subject"]
    of_members = {"members": subject["members"], "share": subject["share"], "seed": provenance["seed"]}
    about = ComparedRun(
        run=subject["run"], title=subject["title"], command=provenance["command"],
        settings={"learner": subject["learner"], **settings_of(provenance["learner"]), **of_members},
    )  # fmt: skip
    return Side.read(about, ledger, list(provenance["steps"].values()), kept_names(ledger, document))


def compared(first: Side, second: Side, command: str = "", hide: bool = False) -> Comparison:
    """The comparison of two sides.

    Raises:
        InputRefused: they are of other data or another target.
    """
    same_data(first, second)
    pairing = pairing_of(first, second)
    both = _compared_names(first, second)
    known = [name for name in both if first.quantities[name].interval and second.quantities[name].interval]
    differences = _differences(first, second, pairing, known)
    changed = _changed(first, second, pairing)
    ids = {ident for one in changed for ident in (*one.first[:SHOWN], *one.second[:SHOWN])}
    output = first.data.output
    return Comparison(
        first=first.about, second=second.about, pairing=pairing, hidden=hide,
        differences=tuple(sorted(differences, key=lambda one: (not one.matters, -one.widths))),
        without_interval=tuple(name for name in both if name not in known), missing=_missing(first, second),
        changed=changed, exhibits={} if hide else exhibits(first.data, {("train", ident) for ident in ids}),
        subject={
            "kind": output.kind, "noun": output.noun[0], "nouns": output.noun[1], "n": len(first.data.train),
            "title": str(first.data.about.get("title", "")),
            "members": [len(one.run.members) for one in (first, second)],
            "names": first.names(ids) or second.names(ids),
        },
        provenance={"command": command, "versions": versions()},
    )  # fmt: skip


def lever_effect(session: Session, answers: Answers, tell: Say) -> tuple[Comparison | None, tuple[str, ...]]:
    """What the levers of an audited subject move: the same recipe without them, trained on the same subsets and seeds.

    Where that cannot be trained, none, and the note that says why.
    """
    plain = without_levers(session)
    moved = moved_by(session.subject)
    named, levers = ", ".join(map(" ".join, moved.items())), {f"lever {name}": value for name, value in moved.items()}
    try:
        beside = plain.answers(plain.trial(), lambda made, todo: tell(f"Without {named}: {made.announced(todo)}"))
        sides = [
            Side.read(ComparedRun(run="", title=title, command="", settings=settings), plain.ledger, _measured(of))
            for title, settings, of in ((f"without {named}", {}, beside), (f"with {named}", levers, answers))
        ]
        return compared(*sides, hide=True), ()
    except ByheartError as error:
        line = f"What {named} moves is not known: {error}"
        tell(line)
        return None, (line,)
    finally:
        plain.ledger.close()


def _measured(answers: Answers) -> list[str]:
    """Keys of the measure steps that gave an answer; a failed one has none."""
    failed = {name for name, answer in answers.findings.items() if answer.status == "failed"}
    return [step.key for step in answers.plan.measure if step.about["probe"]["name"] not in failed]


def _differences(first: Side, second: Side, pairing: Pairing, names: Sequence[str]) -> list[Difference]:
    """The difference of every one of these numbers."""
    ours, theirs = first.quantities, second.quantities
    if pairing == "same models":
        exact = interval_by("", None, "exact")
        return [_difference(name, ours[name], theirs[name], 0.0, exact, True) for name in names]
    pair = Pair(first.data, first.run, second.run, first.subject["seed"])
    estimates = pair.estimates(names) if pairing == "paired" else {}
    found = []
    for name in names:
        if (one := estimates.get(name)) is not None:
            value, made = one.value, interval_by(PAIRED, one.interval)
        else:
            value, *ends = map(float, unpaired_difference(*(_ends(of[name]) for of in (ours, theirs))))
            made = interval_by(UNPAIRED, ends)
        found.append(_difference(name, ours[name], theirs[name], value, made, one is not None))
    return found


def _missing(first: Side, second: Side) -> tuple[Missing, ...]:
    """The probes of what is compared that gave no numbers, and why."""
    made = []
    for probe in PROBES:
        ours, theirs = first.withheld(probe), second.withheld(probe)
        if reason := ours or theirs:
            where = "both" if ours and theirs else "first" if ours else "second"
            made.append(Missing(probe=probe, where=where, reason=reason))
    return tuple(made)


def _compared_names(first: Side, second: Side) -> list[str]:
    """The numbers that both have and that are compared: those of the recipe that say something of their own."""
    ours, theirs = first.quantities, second.quantities
    both = [name for name in ours if name in theirs and ours[name].unit == theirs[name].unit]
    output = first.data.output
    score = "r2" if output.continuous else "bits" if output.passages else "accuracy"
    names = [*BITS, *VARIANCE, MEMORISED, NEW[score], *BESIDE]
    # of values the gap says what the shares of the variance say
    names += [] if output.continuous and VARIANCE[0] in both else GAP[score]
    return [name for name in both if name in names]


def _ends(of: Quantity) -> np.ndarray:
    return np.array([of.value, *(of.interval or (of.value, of.value))])


def _difference(
    name: str, first: Quantity, second: Quantity, value: float, made: Mapping[str, Any], paired: bool
) -> Difference:
    unit: Unit = "points" if first.unit in _POINTS else first.unit
    difference = Quantity(
        value=value, unit=unit, null=0.0, n=min(first.n, second.n), better=first.better, **made
    )  # fmt: skip
    return Difference(name=name, first=first, second=second, difference=difference, paired=paired)


def _changed(first: Side, second: Side, pairing: Pairing) -> tuple[ChangedSides, ...]:
    """The examples that changed sides, of classes."""
    scored = all(MEMORISED in one.quantities for one in (first, second))  # few members leave no scores
    if not scored or pairing == "same models":
        return ()
    # the swaps are the same whichever comes first
    turned = first.keys > second.keys
    sides = (second, first) if turned else (first, second)
    asked = [part for one in sides for part in (one.run.views["train"].correct[-1], one.run.members.mask)]  # type: ignore[index]
    changes = changed_sides(*asked, stream(0, "compare", *sorted((first.keys[0], second.keys[0]))))
    made = []
    for what, one in changes.items():
        in_first, in_second = (one.second, one.first) if turned else (one.first, one.second)
        ids, sizes = first.data.train.ids, (int(in_first.sum()), int(in_second.sum()))
        told = sum(sizes) > one.most
        named = [tuple(ids[rows].tolist()) if told else () for rows in (in_first, in_second)]
        made.append(
            ChangedSides(
                what=what, first=named[0], second=named[1], changed=sizes, n=len(ids), by_chance=one.by_chance,
                most=one.most, swaps=SWAPS,
            )
        )  # fmt: skip
    return tuple(made)
