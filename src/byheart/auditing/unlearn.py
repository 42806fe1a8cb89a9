"""`byheart.unlearn`: these rows must go. What do models that were to forget them still give away?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from byheart.arguments import must_be
from byheart.auditing.example_previews import exhibits
from byheart.auditing.explain import subject_of
from byheart.auditing.explain_run import report_hides
from byheart.auditing.finished_audits import document_of
from byheart.auditing.kept_names import kept_names, named_data
from byheart.auditing.result import Audit
from byheart.auditing.written import Written
from byheart.engines.inline import Inline
from byheart.errors import ByheartError, InputRefused, UsageError
from byheart.fingerprint.trust import reading
from byheart.ledger.base import Say
from byheart.ledger.sqlite import SqliteLedger
from byheart.probes.base import Subject
from byheart.records.provenance import versions
from byheart.records.reason import Reason
from byheart.records.unlearning import NotTried, UnlearningRecord
from byheart.report.unlearning import SHOWN, render_unlearning
from byheart.report.unlearning_text import CALLED, lines
from byheart.study.explanation.retraining_check import bank_keys
from byheart.study.plan import Settings
from byheart.study.session import Session
from byheart.study.unlearning.approximations import bank_of, settings_of, settled, steps_of, target_of
from byheart.study.unlearning.forgotten import Forgotten, forgotten_of
from byheart.study.unlearning.readings import FEWEST_ROWS, Reader
from byheart.study.unlearning.steps import Trainings, done
from byheart.tasks.data import ID, Data

MODELS = 8
FEWEST_MODELS = 3  # of fewer an interval over models says nothing


class Unlearned(Written, UnlearningRecord):
    """What `byheart.unlearn` found: `.methods`, `.method(name)`, `.forgotten`, `.save(path)`."""

    def _page(self) -> str:
        return render_unlearning(self)

    def _lines(self) -> list[str]:
        return lines(self)

    def _file(self) -> str:
        return "unlearn.html"


def unlearn(
    audit: Audit | str | Path, forget: Sequence[Any], *, with_copies: bool = False, models: int = MODELS,
    hide_examples: bool = False, say: Say | None = None,
) -> Unlearned:  # fmt: skip
    r"""These training examples must go: what do models that were to forget them still give away?

    Exact retraining without them, from the same seeds, is the truth. Every way to forget starts from models trained on
    everything and is judged by three numbers beside it: membership (`maths.memorisation.retraining_auc`: how often its
    models are surer of a forgotten example than exactly retrained models of other seeds; chance 0.5), the distance of
    its predictions from theirs, and how often it is right on the examples that stay and on new ones.

    Args:
        audit: an audit, or the folder of one.
        forget: ids of training examples: names where the data have names, else positions.
        with_copies: let copies of them go too; without, a copy that would stay is refused by name.
        models: how many of each kind, each from a seed of its own.
        hide_examples: leave only ids of examples.
        say: called with a line on what is being done.

    Returns:
        What was found: `.methods`, `.save(path)`.

    Raises:
        UsageError: no such audit or example, or too few models.
        InputRefused: a copy of a forgotten example would stay.

    Cost: three trainings per model, and the methods. Fails when: fewer than 10 rows are forgotten: membership is then
    withheld.

    Reference: Carlini et al. 2022, "Membership inference attacks from first principles".

    Example:
        >>> from sklearn.datasets import load_iris
        >>> from sklearn.tree import DecisionTreeClassifier
        >>> from byheart import audit
        >>> made = audit(load_iris(return_X_y=True), model=DecisionTreeClassifier(), members=8)
        >>> found = unlearn(made, [one.id for one in made.memorised(10)], models=3, with_copies=True)
        >>> [one.name for one in found.methods]
        ['untouched', 'exact']
    """
    must_be("a whole number", models=models)
    must_be("True or False", with_copies=with_copies, hide_examples=hide_examples)
    if isinstance(forget, str):
        raise UsageError("forget= as a list of ids", repr(forget), "Give [id, ...], or list(open(path)).")
    if isinstance(audit, Audit):
        asked = Asked(tuple(forget), with_copies, models)
        ledger: Any = audit.ledger  # on disk, as all that an audit fills
        made = _of_ledger(ledger, audit.to_dict(), audit.draw_key, audit.subject, asked, say)
    elif isinstance(audit, str | Path):
        made = unlearned(str(audit), Path(audit), forget, with_copies, models, hide_examples, say)[1]
    else:
        raise UsageError("an audit, or the folder of one", type(audit).__name__, "Give what bh.audit(...) returns.")
    return made.only_ids() if hide_examples else made


def unlearned(
    run: str, out: Path, forget: Sequence[Any], with_copies: bool = False, models: int = MODELS,
    hide: bool | None = None, say: Say | None = None, trust: bool = False,
) -> tuple[Path, Unlearned]:  # fmt: skip
    """The folder of a finished audit and what models of its subject still say of what was to be forgotten.

    Args:
        run: digits of a run, `latest`, or an audit's folder.
        out: the folder of the ledger.
        forget: ids of training examples.
        with_copies: let copies go too.
        models: how many of each kind.
        hide: ids in the place of examples; None: as the report in that folder does.
        say: called with a line on what is being done.
        trust: run code that the run names and that is not byheart's, after showing it.

    Raises:
        UsageError: no such run or example. InputRefused: a copy would stay.
    """
    folder, document = document_of(run, out)
    ledger = SqliteLedger(folder / "ledger")
    with closing(ledger), reading(trust):
        asked = Asked(tuple(forget), with_copies, models)
        made = _of_ledger(ledger, document, *subject_of(ledger, document), asked, say)
    hidden = report_hides(folder) if hide is None else hide
    return folder, made.only_ids() if hidden else made


@dataclass(frozen=True)
class Asked:
    """What is to be forgotten: ids, whether copies go too; and by how many models of each kind it is judged."""

    forget: tuple[Any, ...]
    with_copies: bool = False
    models: int = MODELS


def _of_ledger(
    ledger: SqliteLedger, document: Mapping[str, Any], draw_key: str, subject: Subject, asked: Asked, say: Say | None
) -> Unlearned:
    if asked.models < FEWEST_MODELS:
        raise UsageError(f"at least {FEWEST_MODELS} models of each kind", str(asked.models), f"Try {MODELS}.")
    if not subject.learner.keyed:
        came = f"code that cannot be keyed: {subject.learner.unkeyed_reason}"
        raise InputRefused("a learner whose trainings can be kept", came, "Give the code as a file or a module.")
    data = named_data(draw_key, ledger, kept_names(ledger, document))
    gone = forgotten_of(data, asked.forget, asked.with_copies)
    settings = Settings(threads=int(document["provenance"]["threads"]))
    session = Session(subject, (), ledger.folder, Inline(), settings, say=say)
    with closing(session.ledger):
        return _judged(session, draw_key, data, gone, asked.models, document)


def _judged(
    session: Session, draw_key: str, data: Data, gone: Forgotten, models: int, document: Mapping[str, Any]
) -> Unlearned:
    """Train, compare, and put down what was found."""
    tell = session.say or (lambda line: None)
    trainings = Trainings.of(session, draw_key, models, gone.ids)
    forgotten = f"{len(gone.ids)} {data.output.noun[len(gone.ids) != 1]}"
    tell(f"{models} models of everything, and twice {models} without {forgotten}{trainings.cost}")
    # first what is in no column of the table: who trains first pays for the packages of training
    reader = Reader(data, gone.rows, done(session, trainings.again(), "without what is forgotten, from other seeds"))
    exact = done(session, trainings.exact(), "without what is forgotten")
    everything = done(session, trainings.untouched(), "on everything")
    untouched, floors = reader.membership(everything), reader.floors(exact)
    methods = [
        reader.result("untouched", everything, untouched, floors),
        reader.result("exact", exact, untouched, floors),
    ]
    bank = bank_of(session.ledger, bank_keys(session.ledger, list(dict(document["provenance"]["steps"]).values())))
    until = target_of(bank, everything, gone.rows)
    approximate, not_tried = settled(session.subject, data.output, until)
    for name, method in approximate.items():
        tell(f"{CALLED[name]}: {models} models")
        try:
            run = done(session, steps_of(trainings, method), f"by {name}")
        except ByheartError as error:  # one way that cannot be tried is no reason to leave out the others
            not_tried += (NotTried(name=name, reason=Reason(code="failed", figures={"error": str(error)})),)
            continue
        made = reader.result(name, run, untouched, floors)
        methods.append(made.model_copy(update={"settings": settings_of(method, until)}))
    few = Reason(code="few examples", figures={"examples": reader.draws, "needed": FEWEST_ROWS})
    shown = {("train", one) for one in gone.ids[:SHOWN]}
    return Unlearned(
        run=document["subject"]["run"], subject=_subject(document, data, gone), forgotten=gone.ids, copies=gone.copies,
        methods=tuple(methods), withheld=few if untouched is None else None, not_tried=not_tried,
        exhibits=exhibits(data, shown),
        provenance={
            "command": f"byheart unlearn {document['subject']['run']} --forget FILE", "versions": versions(),
            "seed": session.subject.seed, "threads": session.settings.threads,
        },
    )  # fmt: skip


def _subject(document: Mapping[str, Any], data: Data, gone: Forgotten) -> dict[str, Any]:
    """What the words of the page need to know of the data."""
    output, own = data.output, data.train.meta.get(ID)
    shown = {int(ident): row for ident, row in zip(gone.ids, gone.rows)}
    return {
        "kind": output.kind, "noun": output.noun[0], "nouns": output.noun[1], "n": len(data.train),
        "n_test": len(data.views.get("test", ())), "target": output.target,
        "title": document["subject"]["title"], "learner": document["subject"]["learner"],
        "names": {} if own is None else {f"train:{ident}": str(own[row]) for ident, row in shown.items()},
    }  # fmt: skip
