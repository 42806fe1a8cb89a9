"""Observed: a dynamical system as a task: orbits from starts of their own, seen at even times, as windows."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from typing import Annotated, Any, ClassVar, Self

import numpy as np
from pydantic import Field, field_validator, model_validator

from byheart.errors import InputRefused
from byheart.registry import find
from byheart.seeds import derive, stream
from byheart.tasks.base import Task
from byheart.tasks.data import Data, Truth
from byheart.tasks.systems.known import Known
from byheart.tasks.systems.moving import Map, Moving
from byheart.tasks.windows import usual_window, windowed

ROOM = 2**20  # ids of one draw; all of them lie below 2^40, where the views of cut windows begin
SHAKEN = 0.05  # by how much starts differ, of the usual start; the transient does the rest
SYSTEM = "system"  # the name in `about` of what it takes to make the system again


class Observed(Task):
    """What is the next state of this system, from the last `window` states that were seen?

    Args:
        n: steps to train on.
        n_test: steps of the test.
        n_validation: steps of the view `validation`, from starts of their own, too.
        starts: independent starts that the training steps are from, in equal parts; of test and validation as many
            as give stretches of about the same length.
        window: steps of a window; 0: a two-hundredth of the training steps, between 4 and 20.
        looks_back: how many of them models get; 0: all.
        dt: time between two steps that are seen; a map is seen at every iteration.
        observed: names of the coordinates that are seen; all where not given.
        noise: deviation of what is added to every number that is seen, a share of the coordinate's own in training.

    Starts are drawn near the usual one by the seed and followed for a time of one to two `settles`, so that they lie
    on the attractor, independent of one another. No window reaches over two starts. All is in units of the deviation
    of the training steps. A subclass gives the parameters of the system as fields of their names, `of`, and `settles`.
    """

    usual_members: ClassVar[int] = 8
    of: ClassVar[type[Moving]]
    called: ClassVar[str]
    settles: ClassVar[float]  # time after which an orbit is on the attractor

    n: Annotated[int, Field(ge=100, le=500_000)] = 2000
    n_test: Annotated[int, Field(ge=30, le=200_000)] = 1000
    n_validation: Annotated[int, Field(ge=0, le=200_000)] = 500
    starts: Annotated[int, Field(ge=1, le=10_000)] = 1
    window: Annotated[int, Field(ge=0, le=1000)] = 0
    looks_back: Annotated[int, Field(ge=0, le=1000)] = 0
    dt: Annotated[float, Field(gt=0, le=1000)] = 1.0
    observed: tuple[str, ...] = ()
    noise: Annotated[float, Field(ge=0, le=10)] = 0.0

    @field_validator("observed", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        return tuple(filter(None, (one.strip() for one in value.split(",")))) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if not self.window:
            object.__setattr__(self, "window", usual_window(self.n))  # what is trained is in the key
        strange = [one for one in self.observed if one not in self.coordinates]
        if strange or len(set(self.observed)) < len(self.observed):
            raise ValueError(f"observed must be different names of {', '.join(self.coordinates)}, got {self.observed}")
        if isinstance(self.system, Map) and self.dt != 1:
            raise ValueError("dt of a map is 1: it has no time between two iterations")
        if self.looks_back > (self.window or usual_window(self.n)):
            raise ValueError("looks_back must be at most the window")
        return self

    @property
    def system(self) -> Moving:
        """The system with these parameters."""
        return self.of(**{one.name: getattr(self, one.name) for one in fields(self.of)})

    @property
    def truth(self) -> Known:
        """What is known of it, each number with its source."""
        return self.system.truth

    @property
    def coordinates(self) -> tuple[str, ...]:
        """Names of all coordinates: x, y, z, or x0, x1, ... of more."""
        d = self.system.dimension
        return tuple("xyz"[:d]) if d <= 3 else tuple(f"x{place}" for place in range(d))

    @property
    def seen(self) -> list[int]:
        """Places of the coordinates that are seen."""
        return [self.coordinates.index(one) for one in self.observed or self.coordinates]

    def begin(self, rng: np.random.Generator) -> np.ndarray:
        """(d,) a state to begin at, near the usual one."""
        start = self.system.start
        return start * (1 + SHAKEN * rng.normal(size=start.shape))

    def later(self, state: np.ndarray) -> np.ndarray:
        """The states (..., d) a time of `dt` later, without noise: `substeps` steps of the system."""
        for _ in range(self.substeps):
            state = self.system.step(state, self.dt / self.substeps)
        return state

    @property
    def substeps(self) -> int:
        """Steps of integration between two that are seen, none longer than the system's usual one."""
        return max(1, math.ceil(self.dt / self.system.usual_dt - 1e-9))

    def orbit(self, rng: np.random.Generator, steps: int) -> np.ndarray:
        """(steps, d) states on the attractor, from a start of its own."""
        h = self.dt / self.substeps
        transient = round(self.settles * (1 + rng.random()) / h)
        states = self.system.orbit(self.begin(rng), transient + (steps - 1) * self.substeps, h)
        return states[transient :: self.substeps]

    def draw(self, seed: int) -> Data:
        """Orbits from the streams of this system and seed.

        Raises:
            InputRefused: too few steps for the windows, or an orbit that leaves every bound.
        """
        length = self.n // self.starts
        sizes = {"train": self.n, "test": self.n_test, "validation": self.n_validation}
        names = self.name, *dict(self._parameters()).values(), self.dt
        orbits: dict[str, list[np.ndarray]] = {}
        for view, steps in sizes.items():
            parts = self.starts if view == "train" else max(1, round(steps / length))
            drawn = (stream(seed, *names, view, part) for part in range(parts if steps else 0))
            orbits[view] = [self.orbit(rng, steps // parts)[:, self.seen] for rng in drawn]
        deviation = np.concatenate(orbits["train"]).std(0)
        noisy = {view: self._disturbed(seed, view, parts, deviation) for view, parts in orbits.items()}
        data = windowed(
            noisy["train"], noisy["test"], self.window or usual_window(self.n),
            [self.coordinates[place] for place in self.seen], self._about(), self._known(), self.looks_back, "time",
            {"validation": noisy["validation"]} if self.n_validation else None,
        )  # fmt: skip
        return self._named(data, (derive(seed, *names, self.noise, *self.seen, self.n, self.starts) >> 43) * ROOM)

    def _disturbed(self, seed: int, view: str, orbits: list[np.ndarray], deviation: np.ndarray) -> list[np.ndarray]:
        if not self.noise:
            return orbits
        rng = stream(seed, self.name, "noise", view)
        return [one + self.noise * deviation * rng.normal(size=one.shape) for one in orbits]

    def _named(self, data: Data, first: int) -> Data:
        """With ids that no other draw has, and times in the unit of the system."""
        views = {
            name: replace(view, ids=view.ids + first, meta={"time": view.meta["time"] * self.dt})
            for name, view in data.views.items()
        }
        return replace(data, views=views)

    def _parameters(self) -> list[tuple[str, Any]]:
        return [(one.name, getattr(self, one.name)) for one in fields(self.of)]

    @property
    def whole(self) -> bool:
        """Whether every coordinate is seen."""
        return len(self.seen) == self.system.dimension

    def _known(self) -> Truth:
        """What is known of data of this system: exponents, dimension, and that nothing is left over without noise."""
        known, sources = self.truth, {}
        exact = self.whole and not self.noise
        if exact:
            sources["best_loss_nats"] = "exact: the next state follows from the last"
        sources |= {
            name: known.sources[name] for name in ("exponents", "dimension") if getattr(known, name) is not None
        }
        return Truth(
            best_loss_nats=0.0 if exact else None,
            exponents=None if known.exponents is None else np.array(known.exponents),
            dimension=known.dimension,
            clean_views=() if self.noise or not self.n_validation else ("validation",),
            sources=sources,
        )

    def _about(self) -> dict[str, Any]:
        seen = ", ".join(self.coordinates[place] for place in self.seen)
        seen = "" if self.whole else f", {seen} of {len(self.coordinates)} coordinates seen"
        noise = f", {self.noise:.0%} noise" if self.noise else ""
        settings = {**dict(self._parameters()), "dt": self.dt, "observed": list(self.observed)}
        return {
            "title": f"{self.called}{seen}{noise}",
            "source": "computed",
            "licence": "none needed",
            "steps": self.n + self.n_test + self.n_validation,
            "stretches": self.starts,
            "holdout": f"{self.n_test} steps from starts of their own",
            "dt": self.dt,
            "noise": self.noise,
            "inferred": self._inferred(),
            SYSTEM: {"task": self.name, "settings": settings},
        }

    def _inferred(self) -> list[str]:
        """What is known of the system, a line each, for printing."""
        known, map_ = self.truth, isinstance(self.system, Map)
        lines = [] if map_ else [f"seen every {self.dt:g} of its time, in {self.substeps} steps of Runge-Kutta"]
        if known.exponents is not None:
            first = ", ".join(f"{one:.4g}" for one in known.exponents[:3]) + (", ..." * (len(known.exponents) > 3))
            lines.append(f"Lyapunov exponents {first} ({known.sources['exponents']})")
        if known.dimension is not None:
            lines.append(f"dimension {known.dimension:.4g} ({known.sources['dimension']})")
        return lines


def true_step(data: Data) -> Callable[[np.ndarray], np.ndarray]:
    """The step of the system that made these data: states (..., d) in their units to the states after them.

    Raises:
        InputRefused: the data are of no known system, or not all of its coordinates were seen.

    Example:
        >>> from byheart.tasks.systems.observed_maps import ObservedHenon
        >>> data = ObservedHenon(n=300, n_test=60).draw(0)
        >>> test, step = data.views["test"], true_step(data)
        >>> bool(np.allclose(step(test.x[:, -1]), data.output.levels(test.x, test.y)))
        True
    """
    told = data.about.get(SYSTEM)
    task = find("task", told["task"])(**told["settings"]) if isinstance(told, Mapping) else None
    if not isinstance(task, Observed) or not task.whole:
        raise InputRefused(
            expected="data of a system whose coordinates are all seen",
            came="coordinates that are not" if task else "data of no known system",
            do="The true flow starts from a whole state: leave task.observed out.",
        )
    centre, scale, seen = np.array(data.about["centre"]), np.array(data.about["scale"]), task.seen

    def step(state: np.ndarray) -> np.ndarray:
        whole = np.empty_like(state, dtype=np.float64)
        whole[..., seen] = state * scale + centre
        return (task.later(whole)[..., seen] - centre) / scale

    return step
