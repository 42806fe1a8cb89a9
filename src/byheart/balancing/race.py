"""Race: all settings on the same subsets and seeds; of each rung, of more members, fewer settings go on.

Members are the rungs, never epochs: a setting is always trained whole. Who goes on is chosen twice, by each half of the
copy groups on its own, so that what one half chose can be read on the other.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from byheart.balancing.grid import Setting, set_to
from byheart.errors import StepFailed
from byheart.ledger.base import Say
from byheart.probes.base import Need, Subject
from byheart.probes.setting_scores import Held, Judge
from byheart.seeds import stream
from byheart.study.plan import Trial, draw_step, train_steps
from byheart.study.session import Session
from byheart.study.steps import Step, load_data, load_run

RUNGS = (8, 16, 64)
FRESH = 32  # members that no choice has seen, for the numbers that are printed
CHUNK = 8  # members a training step at most, so that a higher rung goes on from a lower one
FEWEST = 2  # that go on from the first rung, of each half; on the last one stands each half's best
CLOSE = 2.0  # standard errors behind a half's best that still go on


@dataclass(eq=False)
class Entrant:
    """A setting on its way: what its members say so far, how many they are, what they cost, or why there are none.

    `twin` is an earlier setting that trains the same models: a stump has no smaller leaf to forbid.
    """

    setting: Setting
    subject: Subject
    held: Held | None = None
    members: int = 0
    cpu_seconds: float = 0.0
    failure: str = ""
    twin: Entrant | None = None

    @property
    def running(self) -> bool:
        """Whether it could be trained."""
        return not self.failure

    @property
    def of_its_own(self) -> bool:
        """Whether its members say something that no earlier setting's say."""
        return self.held is not None and self.running and self.twin is None


@dataclass
class Race:
    """The settings of one subject, trained over one ledger."""

    session: Session
    trial: Trial | None
    entrants: list[Entrant]
    tell: Say = field(default=lambda line: None)

    def __post_init__(self) -> None:
        data = load_data(draw_step(self.session.subject).key, self.session.ledger)
        self.control: np.ndarray | None = data.truth.control
        self.judge = Judge.of(data, self.session.subject.seed)
        self.reference: np.ndarray | None = None
        if self.trial is not None:
            self.trial = replace(self.trial, chunk=min(self.trial.chunk, CHUNK))
        self.survivors: tuple[list[Entrant], list[Entrant]] = (list(self.entrants), list(self.entrants))  # of each half
        self.first_half = halves_of(self.judge.data.groups, self.session.subject.seed)

    @classmethod
    def of(cls, session: Session, trial: Trial | None, settings: Sequence[Setting], tell: Say) -> Race:
        """A race of these settings, the recipe first."""
        return cls(session, trial, [Entrant(one, set_to(session.subject, one)) for one in settings], tell)

    @property
    def recipe(self) -> Entrant:
        """The first, which changes nothing."""
        return self.entrants[0]

    def train(self, entrants: Sequence[Entrant], members: int) -> None:
        """Train these to so many members, and read what they say; one that cannot be trained is a gap, and says why."""
        planned = {id(one): self._steps(one, members) for one in entrants if one.running}
        steps = list({step.key: step for made in planned.values() for step in made}.values())
        failures = self.session.execute(steps).failures
        for one in (one for one in entrants if one.running):
            keys = [step.key for step in planned[id(one)]]
            failed = next((failures[key] for key in keys if key in failures), None)
            if failed is not None:
                one.failure = failed.message
                continue
            self._read(one, keys, members)

    def _steps(self, one: Entrant, members: int) -> list[Step]:
        subject, settings = replace(one.subject, members=members), self.session.settings
        return train_steps(subject, _need(subject), draw_step(subject), settings, self.trial)

    def _read(self, one: Entrant, keys: list[str], members: int) -> None:
        run = load_run(keys, self.session.ledger)
        if run.failed:
            one.failure = _why(run.failed, members)
            return
        one.cpu_seconds = float(run.about.get("cpu_seconds", 0.0))
        one.held, one.members = self.judge.held(run, 0, members, self.control), members
        if self.reference is None:
            self.reference = self.judge.reference(run, self.control)

    def fresh(self, one: Entrant, members: int, count: int) -> Held | None:
        """What `count` members beyond the first `members` say, which had no part in any choice.

        None where one of them cannot be trained; the setting is then a gap, and says why.

        Raises:
            StepFailed: it is the recipe.
        """
        steps = self._steps(one, members + count)
        beyond = [step for step in steps if step.about["start"] >= members]
        steps, start = (beyond, 0) if sum(map(_size, beyond)) == count else (steps, members)
        failures = self.session.execute(steps).failures
        run = None if failures else load_run([step.key for step in steps], self.session.ledger)
        if run is None or run.failed:
            why = next(iter(failures.values())).message if run is None else _why(run.failed, start + count)
            if one is self.recipe:
                raise StepFailed("the recipe itself to be trained", why, "Try `byheart audit` of it first.")
            one.failure = why
            return None
        one.cpu_seconds = float(run.about.get("cpu_seconds", 0.0)) + (0.0 if start else one.cpu_seconds)
        return self.judge.held(run, start, start + count, self.control)

    def standing(self, entrants: Sequence[Entrant], rows: np.ndarray) -> list[Entrant]:
        """These by their mean criterion on some examples, the best first."""
        held = [one for one in entrants if one.held is not None]
        members = min((len(one.held) for one in held), default=0)  # type: ignore[arg-type]
        means = {id(one): float(np.nanmean(self.judge.means(_first(one.held, members))[rows])) for one in held}
        return sorted(held, key=lambda one: means[id(one)])

    def contenders(self, entrants: Sequence[Entrant], rows: np.ndarray, most: int) -> list[Entrant]:
        """The best of these on some examples, and those at most `CLOSE` standard errors behind it, copies as one."""
        first, *others = self.standing([one for one in entrants if one.of_its_own], rows) or [None]
        if first is None:
            return []
        draws, kept = len(np.unique(self.judge.data.groups[rows])), [first]
        for one in others[: most - 1]:
            m = min(first.members, one.members)
            a, b = (self.judge.means(_first(each.held, m))[rows] for each in (first, one))  # type: ignore[arg-type]
            behind = (b - a)[np.isfinite(b - a)]
            if behind.mean() <= CLOSE * behind.std() / math.sqrt(draws):
                kept.append(one)
        return kept

    def _pair_twins(self) -> None:
        seen: dict[bytes, Entrant] = {}
        for one in (one for one in self.entrants if one.held is not None and one.running):
            first = seen.setdefault(one.held.code.tobytes(), one)  # type: ignore[union-attr]
            one.twin = None if first is one else first

    def halves(self) -> tuple[np.ndarray, np.ndarray]:
        """The two halves of the examples."""
        return self.first_half, ~self.first_half

    def run(self, rungs: Sequence[int], more: Callable[[int, int], int]) -> None:
        """Go through the rungs; `more(rung, settings)` says how many of each half's best go on at most."""
        going = list(self.entrants)
        for place, members in enumerate(rungs):
            self.tell(f"rung {place + 1} of {len(rungs)}: {len(going)} settings on {members} members")
            self.train(going, members)
            if not place:
                self._pair_twins()
                going = [one for one in going if one.of_its_own]
            if place + 1 < len(rungs):
                keep = more(place, len(self.entrants))
                for rows, those in zip(self.halves(), self.survivors):
                    those[:] = self.contenders(those, rows, keep)
                chosen = {id(one) for those in self.survivors for one in those}
                # the recipe stands beside all on the middle rung; its own numbers come from fresh members
                chosen |= {id(self.recipe)} if place + 2 < max(len(rungs), 3) else set()
                going = [one for one in self.entrants if id(one) in chosen]


def halves_of(groups: np.ndarray, seed: int) -> np.ndarray:
    """(n,) bool: a random half of the groups of copies, so that copies stand on one side."""
    names, place = np.unique(groups, return_inverse=True)
    return stream(seed, "balance", "halves").permutation(len(names))[place.ravel()] % 2 == 0


def kept(rung: int, settings: int) -> int:
    """How many of each half's best go on from a rung at most: a sixth at first, then one.

    Example:
        >>> kept(0, 24), kept(1, 24), kept(0, 4)
        (4, 1, 2)
    """
    return 1 if rung else max(FEWEST, math.ceil(settings / 6))


def _size(step: Step) -> int:
    """How many members a training step has."""
    return int(step.about["stop"]) - int(step.about["start"])


def cost_in_members(settings: int, rungs: Sequence[int], fresh: int) -> int:
    """How many trainings a race takes at most: of each rung those that go on, the two halves never quite agreeing.

    Example:
        >>> cost_in_members(24, (8, 16, 64), 32)
        456
    """
    total, going, before = 0, settings, 0
    for place, members in enumerate(rungs):
        total += going * (members - before)
        before = members
        going = min(going, 2 * kept(place, settings) + (place + 2 < len(rungs)))
    return total + 3 * fresh


def _need(subject: Subject) -> Need:
    """Members at the end of training, without a course."""
    last = subject.ends()[-1]
    return Need(members=subject.members, share=subject.share, checkpoints=(last,))


def _first(held: Held, members: int) -> Held:
    return held if len(held) == members else Held(held.code[:members], held.wrong[:members], held.mask[:members])


def _why(failed: Sequence[tuple[int, str]], members: int) -> str:
    return f"{len(failed)} of {members} members failed; member {failed[0][0]}: {failed[0][1]}"
