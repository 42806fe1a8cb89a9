"""The document: what `--json` prints, `Audit.to_dict()` returns, `report.json` holds and the page is made from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.metadata import version
from typing import Any

from byheart.auditing.example_previews import exhibits, wanted
from byheart.auditing.issues import lists_of
from byheart.auditing.kept_balance import measured_settings
from byheart.auditing.provenance import provenance
from byheart.auditing.request import Request
from byheart.ledger.base import Ledger, Result
from byheart.records.balanced import BalancedRecord
from byheart.records.comparison import ComparisonRecord
from byheart.records.facts import OF_EXAMPLES
from byheart.records.finding import Answer, Finding
from byheart.records.formatting import with_article
from byheart.records.issue import IssueList
from byheart.records.provenance import SCHEMA, Provenance
from byheart.records.spec import key_of
from byheart.registry import find
from byheart.registry import names as registered
from byheart.report.examples import key
from byheart.study.lever_baseline import moved_by
from byheart.study.plan import Trial
from byheart.study.session import Answers, Drawn, Session
from byheart.study.steps import load_data
from byheart.tasks.data import ID, Data


def document(
    request: Request, session: Session, drawn: Drawn, answers: Answers, trial: Trial | None, names: str = "",
    effect: ComparisonRecord | None = None, balanced: BalancedRecord | None = None,
) -> dict[str, Any]:  # fmt: skip
    """One plain dict of everything: subject, findings, verdicts, planted, balance, exhibits, provenance.

    `names` is the key of what the user calls the examples, empty where they have no names; `effect` compares it with
    the same recipe without its levers; `balanced` is what `byheart balance` found of this subject.
    """
    findings = answers.findings
    data = load_data(answers.plan.draw.key, session.ledger).named(session.subject.task.names())
    bits = findings.get("complexity/description-length")
    balance = bits.balance if isinstance(bits, Finding) else None
    stops = [_dumped(move) for move in (balance.moves if balance else ())]
    run = _about(session, answers)
    members = session.subject.members - len(answers.failed_members)
    return {
        "schema": SCHEMA,
        "subject": {**_subject(session, drawn, answers, data, run), **_names(data, wanted(findings), names)},
        "findings": {name: evidence(answer) for name, answer in findings.items()},
        "verdicts": [verdict.judged(findings, members).model_dump(mode="json") for verdict in _verdicts()],
        "planted": _planted(data, findings),
        "balance": None if balance is None else _balance(balance),
        "one_model": balance.one_model.model_dump(mode="json") if balance and balance.one_model else None,
        "unmeasured": _unmeasured(request, session.subject, drawn),
        "issues": lists_of(data, findings, columns_of(answers.plan.measure, session.ledger)),
        "levers": [*_measured(session, effect), *_of_balance(balanced), *stops],
        "exhibits": exhibits(data, wanted(findings)),
        "hidden": False,
        "provenance": provenance(request, session, drawn, answers, trial, data, run),
    }


def _dumped(record: Any) -> dict[str, Any]:
    return record.model_dump(mode="json")


def _measured(session: Session, effect: ComparisonRecord | None) -> list[dict[str, Any]]:
    """The row of what the levers of the audit move together, where that was measured."""
    if effect is None:
        return []
    name = ", ".join(map(" ".join, moved_by(session.subject).items()))
    return [{"lever": name, "comparison": effect.model_dump(mode="json")}]


def _of_balance(found: BalancedRecord | None) -> list[dict[str, Any]]:
    """The rows of the settings that a balance of the same subject measured."""
    return [] if found is None else [_dumped(one) for one in measured_settings(found)]


def is_document(kept: Mapping[str, Any], made: Mapping[str, Any]) -> bool:
    """Whether a kept document is the one made now from the same findings, but for times and versions of packages."""
    try:
        stated = Provenance.model_validate(kept["provenance"]).model_dump(mode="json")
    except (KeyError, ValueError):
        return False
    now = made["provenance"]
    then = {**stated, "cpu_seconds": now["cpu_seconds"], "versions": now["versions"]}
    return stated == kept["provenance"] and {**kept, "provenance": then} == made


# settings worth trying first; an audit measures one at a time
TRIED = (("weight decay", "weight-decay=0.001"), ("dropout", "dropout=0.2"), ("label smoothing", "label-smoothing=0.1"))
AGAINST_FORGETTING = ("replay", "replay=0.5")


def _unmeasured(request: Request, subject: Any, drawn: Drawn) -> list[dict[str, str]]:
    """The levers that apply to this learner and were not tried, each with the words that would try it."""
    if not subject.learner.fleet:
        return []
    tried = {lever.name for lever in subject.levers}
    shell = request.command.startswith("byheart audit")
    return [
        {"name": name, "command": f"{request.command} --lever {word}" if shell else f'levers=["{word}"]'}
        for name, word in (*((AGAINST_FORGETTING,) if subject.phases > 1 else ()), *TRIED)
        if word.split("=")[0] not in tried and not (word.startswith("label") and not drawn.output.labelled)
    ]


def without_examples(made: Mapping[str, Any]) -> dict[str, Any]:
    """The same document with ids alone in the place of examples."""
    findings = {name: unlabelled(finding) for name, finding in made["findings"].items()}
    lists = (IssueList.model_validate(one).without_examples() for one in made.get("issues", ()))
    issues = [one.model_dump(mode="json") for one in lists]
    return {**made, "findings": findings, "issues": issues, "exhibits": {}, "hidden": True}


def columns_of(steps: Iterable[Any], ledger: Ledger) -> dict[str, Mapping[str, Any]]:
    """Probe -> the columns that its step left in the ledger, one number per training example."""
    found = {step.about["probe"]["name"]: ledger.get(step.key) for step in steps}
    return {name: result.arrays for name, result in found.items() if isinstance(result, Result)}


def unlabelled(finding: Mapping[str, Any]) -> dict[str, Any]:
    """A finding whose ranked examples are ids and scores: labels and values are part of an example."""
    ranked = {name: {**one, "figures": _scores(one["figures"])} for name, one in finding.get("ranked", {}).items()}
    return {**finding, "ranked": ranked} if "ranked" in finding else dict(finding)


def _scores(figures: Mapping[str, Any]) -> dict[str, Any]:
    return {name: one for name, one in figures.items() if name not in OF_EXAMPLES}


def evidence(answer: Answer) -> dict[str, Any]:
    """An answer without the balance: quantities, curves and tables."""
    dumped = answer.model_dump(mode="json")
    dumped.pop("balance", None)
    return dumped


def _balance(balance: Any) -> dict[str, Any]:
    dumped = balance.model_dump(mode="json")
    return {name: dumped[name] for name in ("model", "trail", "end", "poles", "rivals")}


def _verdicts() -> list[Any]:
    return [find("verdict", name)() for name in registered("verdict")]


def _about(session: Session, answers: Answers) -> dict[str, Any]:
    """The `about` of the members' run: outputs, parameters, way."""
    need = session.subject.bank().key()
    for step in answers.plan.measure:
        if need in step.about["runs"]:
            found = session.ledger.get(step.about["runs"][need][0])
            return dict(found.document["about"]) if found is not None and hasattr(found, "document") else {}
    return {}


def _subject(session: Session, drawn: Drawn, answers: Answers, data: Any, run: Mapping[str, Any]) -> dict[str, Any]:
    subject = session.subject
    learner = subject.learner.title(data)
    name = str(data.about.get("title", subject.task.name))
    return {
        "title": f"{name}, {learner}",
        "task": subject.task.name,
        "data": name,
        "learner": learner,
        "learner_article": with_article(learner).split()[0],
        **spoken_of(session, drawn, answers),
        "epochs": subject.checkpoints()[-1],
        "parameters": run.get("parameters"),
        "outputs": run.get("outputs", "logits"),
        "run": run_id(answers),
        "reference": _reference(drawn, answers),
        "together": data.grouping.document(),
    }


def _names(data: Data, shown: Iterable[tuple[str, int]], kept: str) -> dict[str, Any]:
    """What the user calls the examples that are shown, and where all names are kept; nothing where there are none."""
    named = {view: examples for view, examples in data.views.items() if ID in examples.meta}
    if not named:
        return {}
    place = {view: {int(ident): row for row, ident in enumerate(one.ids)} for view, one in named.items()}
    texts = {view: examples.names for view, examples in named.items()}
    called = {key(view, ident): str(texts[view][place[view][ident]]) for view, ident in sorted(shown) if view in named}
    return {"names": called, "names_key": kept}


def spoken_of(session: Session, drawn: Drawn, answers: Answers) -> dict[str, Any]:
    """What the cards of a subject's findings know of it."""
    subject, output = session.subject, drawn.output
    return {
        "noun": output.noun[0],
        "nouns": output.noun[1],
        "kind": output.kind,
        "n": drawn.n,
        "n_test": drawn.n_test,
        "k": output.k,
        "classes": list(output.classes) if output.labelled else [],
        "target": output.target,
        "members": subject.members - len(answers.failed_members),
        "share": subject.seen_share,
    }


def _reference(drawn: Drawn, answers: Answers) -> str:
    bits = answers.findings.get("complexity/description-length")
    if drawn.output.continuous:
        return "the mean of what each member was trained on"
    if not isinstance(bits, Finding) or "reference_bits" not in bits.quantities:
        return ""
    reference = bits.quantities["reference_bits"]
    each = reference.value / reference.n
    if drawn.output.passages:
        return f"how frequent each token is, {each:.0f} bits per {drawn.output.noun[0]}"
    return f"class frequencies, {each:.2f} bits per label"


def run_id(answers: Answers) -> str:
    """The run's name: 12 digits of the key of everything it rests on."""
    return key_of(sorted(step.key for step in answers.plan.measure))[:12]


def document_key(
    request: Request, answers: Answers, failed: list[str], names: str, compared: bool = False, balanced: str = ""
) -> str:
    """The key of the document of these answers; a failure may be gone the next time, and the document with it.

    `balanced` is the key of the balance that it shows, empty where there is none.
    """
    told = [request.command, request.device, request.threads, request.jobs, version("byheart")]
    told += [*([names] if names else []), *(["baseline"] if compared else [])]
    told += [["balance", balanced]] if balanced else []
    verdicts = [find("verdict", name)() for name in registered("verdict")]
    rules = [[one.describe(), one.threshold, one.source] for one in verdicts]  # a changed one makes a new document
    return key_of("document", SCHEMA, run_id(answers), request.notes, failed, told, rules)


def _planted(data: Any, findings: Mapping[str, Answer]) -> dict[str, Any] | None:
    if data.truth.changed is None:
        return None
    control = data.truth.control
    found: dict[str, Any] = {
        "redrawn": int(data.truth.redrawn),
        "changed": int(data.truth.changed.sum()),
        "control": 0 if control is None else int(control.sum()),
    }
    quadrant = findings.get("memory/label-noise")
    if isinstance(quadrant, Finding) and (hits := quadrant.quantities.get("planted_found")):
        found |= {"found": round(hits.value * hits.n), "found_interval": list(hits.interval or ()), "chance": hits.null}
    return found
