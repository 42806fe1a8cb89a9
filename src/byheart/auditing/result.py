"""Audit: what an audit found."""

from __future__ import annotations

import json
import shutil
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from byheart.arguments import must_be
from byheart.auditing.document import columns_of, without_examples
from byheart.auditing.explain import explain
from byheart.auditing.gate import Gate, bounds_from, gate
from byheart.auditing.issues import Issues, examples_of, issues_of
from byheart.auditing.kept_names import kept_names, named_data
from byheart.auditing.writing import write_text
from byheart.errors import ByheartError, UsageError
from byheart.ledger.base import Ledger, Result
from byheart.probes.base import Subject
from byheart.records.columns import Columns
from byheart.records.comparison import ComparisonRecord
from byheart.records.explanation import Explanation
from byheart.records.finding import Answer, Failed, Finding
from byheart.records.formatting import interval_text, label_text, value_text
from byheart.records.quantity import Quantity
from byheart.records.verdict_result import Judgement
from byheart.report.cards import About
from byheart.report.cards.reasons import why
from byheart.study.explanation.query import query_of
from byheart.study.plan import Plan
from byheart.terminal import as_json


@dataclass(frozen=True)
class MemorisedExample:
    """One training example: its id, its name (what the user calls it, else the id), score, standard error and label.

    For classes also the posterior mean of the true score, which ranks, and the probability that it is 0.25 or more.
    """

    id: int
    name: str
    score: float
    standard_error: float
    label: str
    posterior_mean: float | None = None
    posterior_probability: float | None = None


class Bits(NamedTuple):
    """The bit budget: four quantities in bits; understood + memorised + left = reference."""

    reference: Quantity
    understood: Quantity
    memorised: Quantity
    left: Quantity


class Audit:
    """What `byheart.audit` found; made from its document, with the columns an example read late from the ledger."""

    def __init__(
        self,
        document: Mapping[str, Any],
        findings: Mapping[str, Answer],
        ledger: Ledger,
        plan: Plan,
        temporary: Path | None,
    ) -> None:
        self._document, self._findings, self._ledger, self._plan = dict(document), dict(findings), ledger, plan
        if temporary is not None:
            self._finalizer = weakref.finalize(self, shutil.rmtree, temporary, True)

    @property
    def ledger(self) -> Ledger:
        """The ledger that holds its steps."""
        return self._ledger

    @property
    def subject(self) -> Subject:
        """What was audited: task, learner, levers, seed, members."""
        return self._plan.subject

    @property
    def draw_key(self) -> str:
        """The key of its data in the ledger."""
        return self._plan.draw.key

    @property
    def findings(self) -> dict[str, Answer]:
        """Probe name -> Finding, NotApplicable or Failed; `why_no_number(name)` has the sentence of its reason."""
        return dict(self._findings)

    @property
    def verdicts(self) -> list[Judgement]:
        """The judgements, in the order of their codes."""
        return [Judgement.model_validate(verdict) for verdict in self._document["verdicts"]]

    @property
    def bits(self) -> Bits:
        """The bit budget of the recipe.

        Raises:
            ByheartError: it is withheld or does not apply (values have shares of a variance); says why.
        """
        found = self._findings["complexity/description-length"]
        if lacking := self.why_no_number("complexity/description-length"):
            raise ByheartError(expected="a bit budget", came=f"{found.status}: {lacking}", do="See Audit.findings.")
        if not isinstance(found, Finding) or "reference_bits" not in found.quantities:
            raise ByheartError(
                expected="labels or text, whose bits add up",
                came="values, which have shares of their variance",
                do="See findings['complexity/description-length'] and findings['complexity/value-bits'].",
            )
        return Bits(*(found.quantities[f"{name}_bits"] for name in Bits._fields))

    @property
    def lever_effect(self) -> ComparisonRecord | None:
        """What the levers move: `.differences` with them less without them; None without levers or `baseline`."""
        rows = [row for row in self._document["levers"] if "lever" in row]
        return ComparisonRecord.model_validate(rows[0]["comparison"]) if rows else None

    def why_no_number(self, probe: str) -> str:
        """Why a finding has no number, as a sentence; empty where it has one."""
        answer = self._findings[probe]
        if isinstance(answer, Failed):
            return answer.error
        reason = answer.withheld if isinstance(answer, Finding) else answer.reason
        return why(reason, About.of(self._document["subject"])) if reason else ""

    def memorised(self, k: int = 20) -> list[MemorisedExample]:
        """The k most memorised training examples: by the posterior mean of the score, or the score of values and text.

        Raises:
            ByheartError: the scores were not measured.
        """
        columns = self.columns("memory/counterfactual")
        if "rank" not in columns:
            do = 'See audit.findings["memory/counterfactual"] for the reason; below 8 members, train more.'
            raise ByheartError(expected="memorisation scores of single examples", came="none", do=do)
        train, called = self._train(), kept_names(self._ledger, self._document).get("train")
        must_be("a whole number", k=k)
        order = np.argsort(columns["rank"], kind="stable")[: max(0, k)]
        classes = self._document["subject"]["classes"]
        return [
            MemorisedExample(
                id=int(train["train.ids"][i]),
                name=str(train["train.ids"][i] if called is None else called[train["train.ids"][i]]),
                score=float(columns["score"][i]),
                standard_error=float(columns["standard_error"][i]),
                label=label_text(train["train.y"][i], classes),
                **{
                    name: float(columns[name][i])
                    for name in ("posterior_mean", "posterior_probability")
                    if name in columns
                },
            )
            for i in order
        ]

    def gate(
        self,
        *,
        max: Mapping[str, float] | None = None,
        min: Mapping[str, float] | None = None,
        fail_on: Sequence[str] = (),
        allow_withheld: bool = False,
    ) -> Gate:
        """Is the audit within these bounds, and do the verdicts of these codes find nothing?

        Args:
            max: quantity -> largest value; held where the whole interval lies below it.
            min: quantity -> smallest value; held where the whole interval lies above it.
            fail_on: codes of verdicts, such as `"BH101"`; an issue or a tip does not hold.
            allow_withheld: let `.check()` pass where an interval contains its bound, or nothing was judged.

        Returns:
            The gate: true where all held, `.check()` raises with the numbers, `.outcome`, `.checks`.

        Raises:
            UsageError: an unknown quantity or code, a bound that is no finite number, or nothing asked.
        """
        must_be("a word or several", fail_on=fail_on)
        must_be("True or False", allow_withheld=allow_withheld)
        codes = (fail_on,) if isinstance(fail_on, str) else tuple(fail_on)
        return gate(self._document, [*bounds_from("max", max), *bounds_from("min", min)], codes, allow_withheld)

    def explain(self, x: Any = None, *, test: int | str | None = None, example: int | str | None = None) -> Explanation:
        """Which training examples is a prediction made of, and whose removal would change it?

        Args:
            x: one example of your own: an array without a batch axis, on the scale of the training data (bytes where
                those were given as pictures of bytes); a str for a passage of text; a Path for a picture file.
            test: or the id of a new example: its name where the examples have names, else its position.
            example: or the id of a training example.

        Raises:
            UsageError: none or several of these, no such id, or an id that is neither a whole number nor a name.
            InputRefused: the learner is not trained in recorded steps, or x does not fit the training examples.
        """
        query = query_of(x, test, example)
        threads = int(self._document["provenance"]["threads"])
        steps = [step.key for step in self._plan.measure]
        names = kept_names(self._ledger, self._document)
        return explain(self._ledger, self._plan.draw.key, self._plan.subject, query, threads, steps, names=names)

    def columns(self, probe: str) -> Mapping[str, np.ndarray]:
        """The arrays of a finding, one number a training example, in the order of the training data.

        Raises:
            ByheartError: the probe has no result.
        """
        for step in self._plan.measure:
            if step.about["probe"]["name"] == probe:
                found = self._ledger.get(step.key)
                if isinstance(found, Result):
                    return found.arrays
        raise ByheartError(expected=f"columns of {probe}", came="none", do="See Audit.findings for the reason.")

    def issues(self, planted: bool = False) -> Issues:
        """The examples worth a look, a record each with its figures and what to do; `.unlisted` says what is withheld.

        A kind is listed only where its finding was measured and its verdict supports it. `planted` adds those of labels
        that byheart redrew itself, marked as such.

        Example:
            audit.issues().to_frame(), audit.issues().save("issues.csv")
        """
        return issues_of(self._document, planted)

    def examples(self) -> Columns:
        """All training examples, with every column of every probe: `.to_frame()`, `.save(path)`, `["id"]`.

        Raises:
            ByheartError: the data are not in the ledger.
        """
        names = kept_names(self._ledger, self._document)
        data = named_data(self._plan.draw.key, self._ledger, names)
        return examples_of(data, columns_of(self._plan.measure, self._ledger))

    def _train(self) -> Mapping[str, np.ndarray]:
        found = self._ledger.get(self._plan.draw.key)
        if not isinstance(found, Result):
            raise ByheartError(expected="the data in the ledger", came="none", do="Run the audit again.")
        return found.arrays

    def to_dict(self, hide_examples: bool = False) -> dict[str, Any]:
        """The document, equal to `report.json` and to what `byheart audit --json` prints."""
        made = without_examples(self._document) if hide_examples else self._document
        return json.loads(json.dumps(made))

    def save(self, path: str | Path, hide_examples: bool = False) -> Path:
        """Write the page (`.html`) or the document (`.json`), whole or not at all.

        Raises:
            OutputRefused: the folder cannot be written.
        """
        must_be("a path", path=path)
        target = Path(path)
        made = self.to_dict(hide_examples)
        if target.suffix not in {".json", ".html", ".htm"}:
            came = target.name or repr(str(path))
            raise UsageError(expected="a path ending in .html or .json", came=came, do="Try report.html.")
        if target.suffix == ".json":
            return write_text(target, as_json(made) + "\n")
        from byheart.report.page import render

        return write_text(target, render(made))

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{escape(name)}</td><td><b>{escape(value_text(q))}</b> {escape(interval_text(q))}</td></tr>"
            for name, q in self._headlines()
        )
        return f"<p><b>byheart</b> {escape(self._document['subject']['title'])}</p><table>{rows}</table>"

    def __repr__(self) -> str:
        lines = [f"Audit of {self._document['subject']['title']}"]
        lines += [f"  {name}: {value_text(q)} {interval_text(q)}" for name, q in self._headlines()]
        return "\n".join(lines)

    def _headlines(self) -> list[tuple[str, Quantity]]:
        return [
            (found.headline, found.quantities[found.headline])
            for found in self._findings.values()
            if isinstance(found, Finding) and found.headline
        ]
