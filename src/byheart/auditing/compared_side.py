"""One of two audits that are compared: its findings, its data and the run of its members, read from a ledger."""

from __future__ import annotations

import ast
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from byheart.auditing.kept_names import named_data
from byheart.errors import ByheartError, InputRefused
from byheart.ledger.base import Ledger
from byheart.records.comparison import ComparedRun, Pairing
from byheart.records.finding import Answer, Finding, answer_from
from byheart.records.quantity import Quantity
from byheart.records.reason import Reason
from byheart.report.examples import key
from byheart.study.explanation.retraining_check import bank_keys
from byheart.study.steps import load_run, loaded
from byheart.tasks.data import ID, Data
from byheart.tasks.names import Names
from byheart.training.run import Run

OTHER_SHARE = 0.02  # of the examples: groups that stay together make smaller differences


@dataclass(frozen=True)
class Side:
    """One of the two: what was found, the data, and the run of its members on random subsets."""

    about: ComparedRun
    findings: Mapping[str, Answer]
    data: Data
    run: Run
    keys: tuple[str, ...]
    subject: Mapping[str, Any] = field(default_factory=dict)  # as the measure steps describe it

    @classmethod
    def read(cls, about: ComparedRun, ledger: Ledger, steps: Sequence[str], names: Names | None = None) -> Side:
        """The side whose measure steps the ledger has under `steps`; `names`: what the user calls the examples.

        Raises:
            ByheartError: its steps or its trainings are no longer in the ledger.
        """
        keys = bank_keys(ledger, steps)
        if not keys:
            raise ByheartError(f"the trainings of run {about.run} in its ledger", "none", "Run the audit again.")
        asked = ledger.about(steps[0]) or {}
        findings = [answer_from(loaded(key, ledger).document["finding"]) for key in steps]
        data, run = named_data(asked["draw"], ledger, names or {}), load_run(keys, ledger)
        if code := asked["subject"]["learner"].get("code"):  # of the user's: what differs where no setting does
            about = about.model_copy(update={"settings": {**about.settings, "code": code[:8]}})
        control = data.truth.control
        if control is not None:  # no total speaks of the labels that the audit's control redrew
            data, run = data.of_rows(~control), run.of_rows(~control)
        return cls(about, {one.probe: one for one in findings}, data, run, tuple(keys), asked["subject"])

    def names(self, ids: Collection[int]) -> dict[str, str]:
        """What the user calls these training examples, as the page finds them; nothing where they have no names."""
        train = self.data.train
        if ID not in train.meta:
            return {}
        return {key("train", int(one)): str(name) for one, name in zip(train.ids, train.names) if one in ids}

    def withheld(self, probe: str) -> Reason | None:
        """Why a probe that applies gave no numbers; None where it gave some, or does not apply."""
        answer = self.findings.get(probe)
        return answer.withheld if isinstance(answer, Finding) and answer.status == "withheld" else None

    @property
    def quantities(self) -> dict[str, Quantity]:
        """Every number that was measured."""
        answers = [answer for answer in self.findings.values() if isinstance(answer, Finding)]
        return {name: one for answer in answers for name, one in answer.quantities.items()}


def same_data(first: Side, second: Side) -> None:
    """Refuse two audits whose training examples or targets differ.

    Raises:
        InputRefused: they differ; says in what.
    """
    (a, b), (one, other) = (first.data, second.data), (first.about, second.about)
    do = (
        "Audit both on the same data and test, with the same --target, --drop, --split, --transform, --flip and --seed."
    )
    if not _equal(a.train.ids, b.train.ids) or not _equal(a.train.x, b.train.x):
        came = f"{len(a.train)} examples of {one.title} and {len(b.train)} of {other.title}"
        alike = ", which differ" if len(a.train) == len(b.train) else ""
        raise InputRefused("two audits of the same training examples", came + alike, do)
    if a.output.kind != b.output.kind or not _equal(a.train.y, b.train.y):
        apart = a.train.y.shape != b.train.y.shape or a.output.target != b.output.target
        count = "another target" if apart else f"{int((a.train.y != b.train.y).sum())} targets that differ"
        raise InputRefused("two audits of the same targets", f"the same {a.output.noun[1]} with {count}", do)


def _equal(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two arrays hold the same, missing cells included."""
    return a.shape == b.shape and np.array_equal(a, b, equal_nan=a.dtype.kind == b.dtype.kind == "f")


def pairing_of(first: Side, second: Side) -> Pairing:
    """Whether the members of the two saw the same examples from the same seeds, and if not, why."""
    losses = (one.run.views["train"].loss_nats[-1] for one in (first, second))
    if first.keys == second.keys and _equal(*losses):  # code that has no digest has the same key as other such code
        return "same models"
    a, b = first.run.members, second.run.members
    if _equal(a.seeds, b.seeds) and _equal(a.sides, b.sides):
        return "paired"
    if first.subject["seed"] != second.subject["seed"]:
        return "other seed"
    fewer = abs(a.seen.mean() - b.seen.mean()) > OTHER_SHARE  # a lever may leave out a part of what was drawn
    if first.subject["share"] != second.subject["share"] or fewer:
        return "other share"
    return "other members" if len(a) != len(b) else "other groups"


def settings_of(learner: Mapping[str, Any]) -> dict[str, str]:
    """The settings of a learner but its names; those of an estimator each on its own, by the steps they stand in.

    Example:
        >>> settings_of({"title": "Tree", "cls": "Tree", "params": "{'base': {'estimator': ['Ridge', {'alpha': 2}]}}"})
        {'base': 'Ridge', 'base.alpha': '2'}
    """
    settings = {name: str(value) for name, value in learner.items() if name not in {"title", "name", "cls", "params"}}
    try:
        params = ast.literal_eval(str(learner.get("params", "{}")))
    except (ValueError, SyntaxError):  # a value that Python does not read back
        return {**settings, "params": str(learner["params"])}
    return {**settings, **_flat(params)}


def _flat(params: Mapping[str, Any], within: str = "") -> dict[str, str]:
    """Parameters of an estimator and of those within it, by path; steps of a pipeline by their names."""
    made: dict[str, str] = {}
    for name, value in params.items():
        parts = [one["tuple"] for one in value if isinstance(one, dict) and "tuple" in one] if _is_list(value) else []
        named = {str(part[0]): part[1] for part in parts if len(part) > 1}
        if isinstance(value, dict) and "estimator" in value:
            title, own = value["estimator"]
            made |= {f"{within}{name}": str(title), **_flat(own, f"{within}{name}.")}
        elif named and len(named) == len(value):
            made |= _flat(named, within)
        else:
            made[f"{within}{name}"] = str(value)
    return made


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple)
