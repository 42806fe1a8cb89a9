"""The surveys of a claim: checked before anything runs, and read from the ledger of its subjects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

from byheart.engines.inline import Inline
from byheart.errors import unknown_name
from byheart.ledger.base import Say
from byheart.ledger.sqlite import SqliteLedger
from byheart.records.claim import SURVEY, Claim, probe_of
from byheart.records.claim_result import StudiedSubject
from byheart.records.finding import Answer, Failed, Finding, answer_from
from byheart.records.quantity_names import PROBE_OF
from byheart.registry import find
from byheart.study import parse
from byheart.study.execute import execute
from byheart.study.plan import survey_step
from byheart.study.steps import loaded
from byheart.surveys.base import Survey


def check_surveys(claim: Claim) -> None:
    """Refuse surveys that cannot be read of the claim's subjects, whatever is measured of them.

    Raises:
        UsageError: no such survey, setting or probe, or it reads along what the grid does not vary.
        InputRefused: what it reads along has no numbers.
    """
    probes = set().union(*(subject.asked() for subject in claim.subject.values()))
    for survey in surveys_of(claim).values():
        survey.read({}, claim.grid)
        if lacking := [probe for path in survey.paths() if (probe := probe_of(path)) not in probes]:
            raise unknown_name("probe of this claim's subjects", lacking[0], probes)


def surveys_of(claim: Claim) -> dict[str, Survey]:
    """The surveys of a claim, by its names for them.

    Raises:
        UsageError: no such survey or setting.
    """
    return {
        name: parse.spec("survey", str(words.get("name", name)), {k: v for k, v in words.items() if k != "name"})
        for name, words in claim.survey.items()
    }


def surveyed(
    claim: Claim, subjects: Sequence[StudiedSubject], ledger: Path, tell: Say | None = None
) -> dict[str, Answer]:
    """What the surveys of a claim read of subjects as they stand in the ledger; nothing is trained or measured.

    Args:
        claim: its grid and its surveys.
        subjects: those that were studied, with the keys of what was measured of them.
        ledger: the folder.
        tell: called with what is odd about the ledger.

    Returns:
        Finding by `survey/NAME`.

    Raises:
        UnknownName: an expectation asks for a quantity that its survey does not have.
    """
    kept, found = SqliteLedger(ledger), {}
    with closing(kept):
        done = {
            one.name: {probe: key for probe, key in one.steps.items() if kept.state(key) == "done"} for one in subjects
        }
        steps = {f"{SURVEY}/{name}": survey_step(one, claim.grid, done) for name, one in surveys_of(claim).items()}
        failures = execute(list(steps.values()), kept, ledger, Inline(), say=tell).failures
        for name, step in steps.items():
            failure = failures.get(step.key)
            if failure is not None:
                error = f"{failure.kind}: {failure.message}"
                found[name] = Failed(probe=name, question=step.live["survey"].question, error=error)
            else:
                found[name] = answer_from(loaded(step.key, kept).document["finding"])
    check_quantities(claim, "", found)
    return found


def check_quantities(claim: Claim, key: str, answers: Mapping[str, Answer]) -> None:
    """Whether the first subject that a quantity is read of has one of that name; all of them together under no key.

    A survey's quantity that not all subjects allow is withheld where it is missing, and so is one that the probe is
    known to have. Later subjects are not asked: what the data of one do not give is a reason to withhold, not a wrong
    word.

    Raises:
        UnknownName: it has none.
    """
    for expected in claim.expect:
        for path in expected.paths():
            first = next(subject for subject, read in claim.reads(expected) if read == path)
            answer, name = answers.get(probe_of(path)), path.rpartition("/")[2]
            if first != key or not isinstance(answer, Finding) or answer.withheld is not None:
                continue
            known = name in answer.quantities or PROBE_OF.get(name) == answer.probe
            if not known and not (key == "" and _optional(answer, name)):
                raise unknown_name(f"quantity of {answer.probe}", name, answer.quantities)


def _optional(answer: Finding, name: str) -> bool:
    """Whether a survey has this quantity of some subjects and of others not: then it is withheld, and no wrong word."""
    known, (of, _, last) = find(SURVEY, answer.probe.partition("/")[2]).optional, name.rpartition(".")
    return last in known and (not of or of in answer.quantities)
