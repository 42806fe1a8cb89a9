"""Claim: what the field says, the subjects it is asked of, and what should come out; read from a TOML file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from byheart.errors import UsageError, shown, unknown_name
from byheart.records.spec import Spec
from byheart.registry import names

Number = Annotated[float, Field(strict=True)]  # `true` is no number
Whole = Annotated[int, Field(strict=True)]
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
        dose: where it stands on the claim's dose.
        task: the name of a task, with `task_settings`.
        flip: share of the training labels to redraw.
        learner: the name of a learner or of a scikit-learn class, with `learner_settings`; empty for the default.
        levers: words such as `weight-decay=0.001`.
        members: how many models; the task's usual number where absent.
        share: part of the examples that each member sees.
        seed: the root seed.
        probes: names of probes, with settings where they are not the usual ones: `memory/credit:test=48`.
    """

    kind: ClassVar[str] = "claim"
    name: ClassVar[str] = "subject"
    says: str = ""
    dose: Number | None = None
    task: str
    task_settings: dict[str, Any] = {}
    flip: Number | None = None
    learner: str = ""
    learner_settings: dict[str, Any] = {}
    levers: tuple[str, ...] = ()
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
        return tuple(word.partition(":")[0] for word in self.probes)


class Expectation(Spec):
    """One comparison that should come out so: `above`, `below`, `near` (with `within`) or a `trend` over subjects.

    Attributes:
        says: what is expected, in one sentence.
        quantity: `chapter/probe/quantity`.
        of: the subject it is read of; may be left out where there is one.
        above: a number, `null` (its own), or another quantity of `than_of`.
        below: the same.
        than_of: the subject of the other quantity; that of the first where empty.
        near: a number or `null`.
        within: how far from it is near; with `levels off`, the slope by dose that still counts as level.
        trend: `grows` or `falls` at every step; `levels off`: level at the last step, and below no earlier dose.
        over: the subjects of the trend, by dose.
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
    trend: Literal["grows", "falls", "levels off"] | None = None
    over: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _one_comparison(self) -> Self:
        given = [word for word in ("above", "below", "near", "trend") if getattr(self, word) is not None]
        if len(given) != 1:
            raise _wrong("one of above, below, near, trend", ", ".join(given) or "none", self.says)
        if (given[0] == "near" or self.trend == "levels off") != (self.within is not None):
            raise _wrong("`within` with near or `levels off`, and with nothing else", f"{self.within}", self.says)
        if (given[0] == "trend") != (len(self.over) >= 2):
            raise _wrong("`over` with at least two subjects for a trend, and else none", f"{self.over}", self.says)
        if self.of and self.over:
            raise _wrong("`of` or `over`: a trend is read of the subjects in `over`", f"of {self.of!r}", self.says)
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
        dose: what the subjects' dose counts, as an axis would say.
        subject: name -> subject, in order.
        words: name of a quantity -> what it is called here.
        expect: what should come out.
    """

    kind: ClassVar[str] = "claim"
    name: ClassVar[str] = "file"
    claim: str
    source: Annotated[tuple[Source, ...], Field(min_length=1)]
    note: str = ""
    dose: str = ""
    words: dict[str, str] = {}
    subject: Annotated[dict[str, ClaimSubject], Field(min_length=1)]
    expect: Annotated[tuple[Expectation, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _refers_to_what_is_there(self) -> Self:
        for expected in self.expect:
            for subject, path in self.reads(expected):
                if subject not in self.subject:
                    raise unknown_name("subject of this claim", subject, self.subject)
                if (probe := probe_of(path)) not in (asked := self.subject[subject].asked()):
                    raise unknown_name(f"probe of subject {subject}", probe, asked)
            doses = [self.subject[name].dose for name in expected.over]
            known = [dose for dose in doses if dose is not None]
            if len(known) < len(doses) or known != sorted(set(known)):
                raise _wrong("subjects of ascending dose in `over`", f"{doses}", expected.says)
        return self

    def called(self, path: str) -> str:
        """What a quantity is called: by the claim, or by its name."""
        name = path.rpartition("/")[2]
        return self.words.get(name, name.replace("_", " "))

    def reads(self, expected: Expectation) -> list[tuple[str, str]]:
        """(subject, quantity) of everything that an expectation reads, in order."""
        first = expected.of or (next(iter(self.subject)) if len(self.subject) == 1 else "")
        if expected.over:
            return [(name, expected.quantity) for name in expected.over]
        return [(first, expected.quantity), *([(expected.than_of or first, expected.other)] if expected.other else [])]


def probe_of(path: str) -> str:
    """The probe of a quantity's path.

    Example:
        >>> probe_of("memory/membership/membership_auc")
        'memory/membership'
    """
    return path.rpartition("/")[0]


def claim_from(document: Mapping[str, Any]) -> Claim:
    """The claim that a parsed TOML file holds; what stands under `every` holds for every subject.

    Raises:
        UnknownName: a word that names no field, probe or subject; the nearest is said.
        UsageError: a field is missing or of the wrong kind, or a comparison is not one.
    """
    fields = dict(document)
    every = _table(fields.pop("every", {}), "every")
    subjects = _table(fields.get("subject", {}), "subject")
    made = {name: ClaimSubject(**{**every, **_table(one, name)}) for name, one in subjects.items()}
    lists = {"source": Source, "expect": Expectation}
    rows = {word: tuple(cls(**_table(one, word)) for one in _rows(fields, word)) for word, cls in lists.items()}
    return Claim(**{**fields, **rows, "subject": made})


def _rows(fields: Mapping[str, Any], word: str) -> list[Any]:
    found = fields.get(word, [])
    if not isinstance(found, list):
        raise UsageError(expected=f"tables under [[{word}]]", came=shown(found, 60), do="Two brackets make a list.")
    return found


def _table(found: Any, word: str) -> dict[str, Any]:
    if not isinstance(found, Mapping):
        raise UsageError(expected=f"a table for {word}", came=shown(found, 60), do=f"Begin it with [{word}].")
    return dict(found)


def _wrong(expected: str, came: str, says: str) -> UsageError:
    return UsageError(expected=expected, came=came, do=f"In the expectation: {says}")
