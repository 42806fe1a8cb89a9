"""Claim: what the field says, the subjects it is asked of, and what should come out; read from a TOML file."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from byheart.errors import UsageError, unknown_name
from byheart.records.spec import Spec
from byheart.registry import names, renamed

Number = Annotated[float, Field(strict=True)]  # `true` is no number
Whole = Annotated[int, Field(strict=True)]
SURVEY = "survey"  # the chapter of what surveys read
NULL = "null"  # in the place of a number: the quantity's own value where there is no effect


class Source(Spec):
    """Who said it: author, year, title."""

    kind: ClassVar[str] = "claim"
    name: ClassVar[str] = "source"
    author: str
    year: int
    title: str

    @property
    def short(self) -> str:
        """The first author, and that there are others.

        Example:
            >>> Source(author="Bell, Geyer and Moore", year=2023, title="t").short
            'Bell et al.'
        """
        first = self.author.split(",")[0].split(" and ")[0]
        return first if first == self.author else f"{first} et al."


class ClaimSubject(Spec):
    """What `byheart audit` would be asked for, and the probes that are read.

    Attributes:
        says: what it is, in a few words; its name where empty.
        task: the name of a task, with `task_settings`; or a file or folder, as `byheart audit` takes it.
        options: options of `byheart audit` on that file, by name: `{"target": "price"}`.
        flip: share of the training labels to redraw.
        learner: the name of a learner or of a scikit-learn class, with `learner_settings`; empty for the default.
        levers: words such as `weight-decay=0.001`.
        settings: others by their path: `task.n`, `learner.hidden`, `lever.weight-decay.strength`.
        members: how many models; the task's usual number where absent.
        share: part of the examples that each member sees.
        seed: the root seed.
        probes: names of probes, with settings where they are not the usual ones: `memory/credit:test=48`.
    """

    kind: ClassVar[str] = "claim"
    name: ClassVar[str] = "subject"
    says: str = ""
    task: str
    task_settings: dict[str, Any] = {}
    options: dict[str, Any] = {}
    flip: Number | None = None
    learner: str = ""
    learner_settings: dict[str, Any] = {}
    levers: tuple[str, ...] = ()
    settings: dict[str, Any] = {}
    members: Whole | None = None
    share: Number = 0.7
    seed: Whole = 0
    probes: Annotated[tuple[str, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _known(self) -> Self:
        for probe in self.asked():
            if probe not in names("probe"):
                raise unknown_name("probe", probe, names("probe"))
        return self

    def asked(self) -> tuple[str, ...]:
        """The names of its probes, without their settings."""
        return tuple(renamed("probe", word.partition(":")[0]) for word in self.probes)


class Expectation(Spec):
    """One comparison that should come out so: `above`, `below`, or `near` (with `within`).

    Attributes:
        says: what is expected, in one sentence.
        quantity: `chapter/probe/quantity`, or `survey/NAME/quantity` of a survey of the claim.
        of: the subject it is read of; may be left out where there is one, and of a survey.
        above: a number, `null` (its own), or another quantity of `than_of`.
        below: the same.
        than_of: the subject of the other quantity; that of the first where empty.
        near: a number or `null`.
        within: how far from it is near.
    """

    kind: ClassVar[str] = "claim"
    name: ClassVar[str] = "expectation"
    says: str
    quantity: str
    of: str = ""
    above: Number | str | None = None
    below: Number | str | None = None
    than_of: str = ""
    near: Number | Literal["null"] | None = None
    within: Annotated[float, Field(gt=0, strict=True)] | None = None

    @model_validator(mode="after")
    def _one_comparison(self) -> Self:
        given = [word for word in ("above", "below", "near") if getattr(self, word) is not None]
        if len(given) != 1:
            raise _wrong("one of above, below, near", ", ".join(given) or "none", self.says)
        if (given[0] == "near") != (self.within is not None):
            raise _wrong("`within` with near, and with nothing else", f"{self.within}", self.says)
        if self.than_of and not self.other:
            raise _wrong("`than_of` beside another quantity, whose subject it names", f"{self.than_of!r}", self.says)
        for path in self.paths():
            if path.count("/") < 2:
                raise _wrong("a quantity as chapter/probe/quantity", repr(path), self.says)
        return self

    def paths(self) -> list[str]:
        """The quantities that are read: the first, and the one it is compared with."""
        return [self.quantity, *([self.other] if self.other else [])]

    @property
    def other(self) -> str:
        """The other quantity, if it is compared with one."""
        given = self.above if self.above is not None else self.below
        return given if isinstance(given, str) and given != NULL else ""


class Claim(Spec):
    """A claim of the field as a study.

    Attributes:
        claim: one plain sentence.
        source: who said it.
        note: what our form of it leaves out.
        subject: name -> subject, in order.
        grid: subject -> what it varies: settings by path, or fields of the subject; empty where nothing does. Of a grid
            its points alone, which surveys read; subjects beside it are in `subject`.
        survey: name -> a survey's name and settings, read of all subjects.
        words: name of a quantity or a setting -> what it is called here.
        expect: what should come out.
    """

    kind: ClassVar[str] = "claim"
    name: ClassVar[str] = "file"
    claim: str
    source: Annotated[tuple[Source, ...], Field(min_length=1)]
    note: str = ""
    words: dict[str, str] = {}
    subject: Annotated[dict[str, ClaimSubject], Field(min_length=1)]
    grid: dict[str, dict[str, Any]] = {}
    survey: dict[str, dict[str, Any]] = {}
    expect: Annotated[tuple[Expectation, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _refers_to_what_is_there(self) -> Self:
        for expected in self.expect:
            for subject, path in self.reads(expected):
                probe = probe_of(path)
                if is_survey(path):
                    if (asked := probe.partition("/")[2]) not in self.survey:
                        raise unknown_name("survey of this claim", asked, self.survey)
                elif subject not in self.subject:
                    raise unknown_name("subject of this claim", subject, self.subject)
                elif probe not in (probes := self.subject[subject].asked()):
                    raise unknown_name(f"probe of subject {subject}", probe, probes)
        return self

    def called(self, path: str) -> str:
        """What a quantity is called: by the claim (of a survey, as `NAME.quantity` too), or by its name."""
        name = path.rpartition("/")[2]
        own = path.removeprefix(f"{SURVEY}/").replace("/", ".")
        return self.words.get(own) or self.words.get(name) or name.replace("_", " ")

    def says(self, subject: str) -> str:
        """What a subject is, in a few words; all of them where it is none."""
        return self.subject[subject].says or subject if subject else "all subjects"

    def reads(self, expected: Expectation) -> list[tuple[str, str]]:
        """(subject, quantity) of everything that an expectation reads, in order; a survey is of no one subject."""
        first = expected.of or (next(iter(self.subject)) if len(self.subject) == 1 else "")
        found = [(first, expected.quantity), *([(expected.than_of or first, expected.other)] if expected.other else [])]
        return [("" if is_survey(path) else subject, path) for subject, path in found]


def probe_of(path: str) -> str:
    """The probe of a quantity's path.

    Example:
        >>> probe_of("memory/membership/membership_auc")
        'memory/membership'
    """
    return renamed("probe", path.rpartition("/")[0])


def is_survey(path: str) -> bool:
    """Whether a path is of a survey's quantity."""
    return path.startswith(f"{SURVEY}/")


def _wrong(expected: str, came: str, says: str) -> UsageError:
    return UsageError(expected=expected, came=came, do=f"In the expectation: {says}")
