"""Left to itself, does it do what the system does, or replay the record?"""

from __future__ import annotations

from collections import Counter
from typing import ClassVar

import numpy as np

from byheart.maths.orbits import classify, leaked
from byheart.maths.statistics.ranks import wilson
from byheart.probes.base import Assumption, Bank, Need, Probe, Subject
from byheart.probes.dynamics.orbit.distances import measures, new, over_members, scored
from byheart.probes.dynamics.orbit.pictures import courses, maxima, portrait, spectra
from byheart.probes.training_series import training_stretches
from byheart.records.facts import FactTable
from byheart.records.finding import Finding, NotApplicable, Pole
from byheart.records.quantity import Quantity, interval_by
from byheart.tasks.windows import CONSTANT, stretches_of
from byheart.training.keep import FreeOrbits

SHORTEST = 100  # steps of an orbit, below which nothing is said of it
PIECES = 4  # true stretches, whose pairs make the floor
VALID = 0.4  # deviations
DRIFTS = 0.5  # share of the variance between tenths of a series, beyond which its stretches are not alike
POLES = Pole(name="a replay", value=0.0), Pole(name="the system", value=1.0)
LASTING = ("cycle", "quasiperiodic", "chaos", "unclear")


class Orbit(Probe):
    r"""Left to itself, does it do what the system does, or replay the record?

    Members are fed their own predictions from test windows on. Each run is classified first (`maths.orbits.classify`);
    of those that neither leave nor come to rest, state divergence D = sum p ln(p/q) over boxes (of more than three
    channels of mixtures of Gaussians) and spectrum distance H are taken from the test series, in training units, at one
    length T; beside them the floor (pairs of true stretches of length T) and the replay null (the training series used
    as if generated). Novelty: median distance of generated windows to training windows over that to test windows.

    Beside them the error of one step from each test window, as a share of the variance of what is asked: it does not
    show whether free runs are those of the system.

    Memoryless: by its window alone. Window: what replays the record has novelty 0, the true system 1. Cost: 1,000 steps
    of four runs of each member. Fails when: the test is short, so that two true stretches differ as much. Reference:
    Hess et al. 2023, Generalized teacher forcing for learning chaotic dynamics, section 4; Kantz and Schreiber 2004,
    Nonlinear time series analysis.

    Example:
        >>> Orbit().chapter
        'dynamics'
    """

    name: ClassVar[str] = "dynamics/orbit"
    version: ClassVar[int] = 2
    poles: ClassVar[tuple[str, str]] = ("memoryless", "window")
    outputs: ClassVar[tuple[str, ...]] = ("next step",)
    needs: ClassVar[tuple[str, ...]] = ("test",)
    assumes: ClassVar[tuple[Assumption, ...]] = ()
    fewest_members: ClassVar[int] = 1
    steps: int = 1000

    def requires(self, subject: Subject) -> tuple[Need, ...] | NotApplicable:
        """The bank, which keeps free runs."""
        return (subject.bank().model_copy(update={"keep": (self._keep(),)}),)

    def _keep(self) -> FreeOrbits:
        return FreeOrbits(steps=self.steps)

    def measure(self, bank: Bank) -> tuple[Finding | NotApplicable, dict[str, np.ndarray]]:
        """What the runs are, how far from the test series, and whether they are new."""
        orbits = _kept(bank, self._keep().label)
        train = max(training_stretches(bank), key=len)
        test = max(stretches_of(bank.data.views["test"], bank.data.output), key=len)  # type: ignore[arg-type]
        steps = min(orbits.shape[2], len(test), len(train) // PIECES)
        if steps < SHORTEST:
            return self.withheld("short series", steps=steps), {}
        if (leak := leaked(train, test)).copied:
            return self.withheld("leaked series", steps=leak.steps, test=len(test)), {}
        kinds = [[_kind(run, steps) for run in member] for member in orbits]
        lasting = np.array([[kind in LASTING for kind in member] for member in kinds])
        n, m = lasting.size, len(lasting)
        quantities = {
            "lasting_share": Quantity(
                value=float(lasting.mean()), unit="share", null=None, n=n, better="high",
                **interval_by("Wilson over members", wilson(lasting.mean(1).sum(), m)),
            )
        }  # fmt: skip
        tenths = np.stack([one.mean(0) for one in np.array_split(train, 10)])
        drift = float(tenths.var(0).mean() / train.var(0).mean())
        true = [train[i * len(train) // PIECES :][:steps] for i in range(PIECES)]
        details = {"steps": steps, "members": m, "runs": n, "kind": classify(test[:steps]).kind, "drift": drift}
        if drift < DRIFTS:
            for name, measure in measures(train.shape[1], steps).items():
                quantities |= scored(name, measure, orbits[:, :, :steps], lasting, test[:steps], train, true, details)
            quantities |= new(orbits, lasting, train, test, details)
        quantities |= self._valid(bank, orbits) | self._one_step(bank)
        headline = "novelty" if "novelty" in quantities else "lasting_share"
        finding = self.finding(
            quantities,
            headline=headline,
            poles=POLES if headline == "novelty" else (),
            curves=courses(orbits, lasting, test) | spectra(orbits, lasting, test, steps),
            tables={
                "kinds": _kinds(kinds),
                "portrait": portrait(orbits, lasting, test),
                "maxima": maxima(orbits, lasting, test),
            },
            details=details,
        )  # fmt: skip
        return finding, {}

    def _valid(self, bank: Bank, orbits: np.ndarray) -> dict[str, Quantity]:
        """For how many steps the runs stay within 0.4 deviations of what came: the median over starts, by member."""
        test, kept = bank.data.views["test"], bank[self.requires(bank.subject)[0]].kept[self._keep().label]
        came = bank.data.output.levels(test.x, test.y)  # type: ignore[attr-defined]
        times = np.full(orbits.shape[:2], np.nan)
        for place, row in enumerate(kept.arrays["begins"]):
            ids = test.ids[row] + np.arange(orbits.shape[2])
            after = np.searchsorted(test.ids, ids)
            known = (after < len(test)) & (test.ids[np.minimum(after, len(test) - 1)] == ids)
            length = int(known.argmin()) if not known.all() else len(known)
            far = np.sqrt(((orbits[:, place, :length] - came[after[:length]]) ** 2).mean(-1)) > VALID
            beyond = far | ~np.isfinite(orbits[:, place, :length]).all(-1)
            times[:, place] = np.where(beyond.any(1), beyond.argmax(1), length)
        return over_members("valid_steps", "steps", np.median(times, 1), None, times.size)

    def _one_step(self, bank: Bank) -> dict[str, Quantity]:
        """Which share of the variance of the next step, or of the change to it, members leave on the test windows."""
        run = bank[self.requires(bank.subject)[0]]
        asked = bank.data.output.in_units(bank.data.views["test"].y)
        if (asked.std(0) <= CONSTANT).all():
            return {}
        errors = run.views["test"].loss_nats[-1].mean(1, dtype=np.float64) / asked.var(0).mean()
        return over_members("one_step_error", "share", errors, 1.0, len(asked))


def _kind(run: np.ndarray, steps: int) -> str:
    """What a run does; one that leaves after the steps that are scored leaves, too."""
    return classify(run[:steps]).kind if np.isfinite(run).all() else "divergence"


def _kept(bank: Bank, label: str) -> np.ndarray:
    """(m, runs, steps, d) what members did when left to themselves."""
    need = next(one for one in bank.runs if label in bank.runs[one].kept)
    return bank.runs[need].kept[label].arrays["orbits"]


def _kinds(kinds: list[list[str]]) -> FactTable:
    counts = Counter(kind for member in kinds for kind in member)
    return FactTable(values={"kind": tuple(counts), "runs": tuple(counts.values())})
