"""Marked numbers: a sequence of random numbers, two of them marked, whose sum or product is asked for at the end."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from byheart.seeds import derive, stream
from byheart.tasks.base import Task
from byheart.tasks.data import Data, Examples, Truth
from byheart.tasks.grouping import Grouping
from byheart.tasks.output import Values
from byheart.tasks.recall.solved import SAID
from byheart.tasks.recall.versions import VERSIONS, WITHIN, Chance, of_product, of_sum

ROOM = 2**20  # ids of one draw
MOST = 2**26  # numbers of all sequences: a quarter of a gigabyte
FEWEST = 20  # steps below which the two marks have no room, and sequences below which nothing can be measured


class Marked(Task):
    """Sequences x (n, t, 2) of a number and its mark, and a value of two of them. Give `asked`, `chance`, `targets`."""

    asked: ClassVar[str]  # what is asked for
    n: int = Field(default=2000, ge=FEWEST, le=ROOM // 2)
    n_test: int = Field(default=1000, ge=2, le=ROOM // 2)
    length: int = Field(default=100, ge=FEWEST, le=20_000)
    published: str = "schmidt2021"

    @property
    @abstractmethod
    def chance(self) -> Chance:
        """What the best constant scores, exact."""

    @abstractmethod
    def targets(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """(n,) what is asked for, of the two marked numbers (n,) each."""

    @model_validator(mode="before")
    @classmethod
    def _renamed(cls, fields: Any) -> Any:
        """`version` of a spec is that of its code, so the field has another name; the word is taken all the same."""
        if not isinstance(fields, dict) or "version" not in fields:
            return fields
        return {"published": fields["version"], **{name: value for name, value in fields.items() if name != "version"}}

    @model_validator(mode="after")
    def _fits_in_memory(self) -> Self:
        numbers = 2 * (self.n + self.n_test) * self.steps
        if numbers > MOST:
            raise ValueError(
                f"2 (n + n_test) steps must be at most {MOST:,} numbers, to fit in memory, got {numbers:,}"
            )
        return self

    @property
    def steps(self) -> int:
        """Steps of the longest sequence there can be."""
        return self.length + self.length // 10 * VERSIONS[self.published].ends

    def draw(self, seed: int) -> Data:
        """Sequences from streams of their own; data of more sequences begin with those of fewer."""
        start = (derive(seed, self.name, self.published, self.length) >> 24) * ROOM
        return Data(
            views={
                "train": self._sequences(seed, "train", self.n, start),
                "test": self._sequences(seed, "test", self.n_test, start + ROOM // 2),
            },
            output=Values(1, noun=("sequence", "sequences"), target=self.asked),
            truth=self._truth(),
            about=self._about(),
            grouped=Grouping(np.arange(self.n), np.arange(self.n)),  # random numbers: no two sequences are near
        )

    def _truth(self) -> Truth:
        line = self.chance
        return Truth(
            best_loss_nats=0.0,
            chance_loss_nats=line.error,
            chance_accuracy=line.accuracy,
            sources={
                "best_loss_nats": f"exact: the {self.asked} follows from the marked numbers",
                "chance_loss_nats": line.derived,
                "chance_accuracy": f"exact: how often it is within {WITHIN:g} of the constant {line.constant:g}",
            },
        )

    def _about(self) -> dict[str, object]:
        rules, line = VERSIONS[self.published], self.chance
        chance = (
            f"the constant {line.constant:g}: mean squared error {line.error:.4f}, within {WITHIN:g} in "
            f"{line.accuracy:.1%} of sequences"
        )
        return {
            "title": f"{self.asked} of two marked numbers among {self.length} steps ({self.published})",
            "source": f"computed, as {rules.source}",
            "licence": "none needed",
            "n": self.n,
            "n_test": self.n_test,
            "holdout": f"{self.n_test} sequences of their own",
            "rules": rules.said,
            "right": f"an error below {WITHIN:g}",
            "chance": chance,
            "solved": SAID,
            "inferred": [f"{self.published}: {rules.said}", f"chance: {chance}", f"solved: {SAID}"],
        }

    def _sequences(self, seed: int, view: str, n: int, start: int) -> Examples:
        rules, names = VERSIONS[self.published], (self.name, self.published, self.length, view)
        x = np.zeros((n, self.steps, 2), np.float32)
        x[..., 0] = stream(seed, *names, "numbers").uniform(*rules.values, (n, self.steps))
        rows, begins = np.arange(n), np.zeros(n, int)
        if rules.ends:  # short sequences end with the long ones, for the last step is the one that is read
            begins = stream(seed, *names, "lengths").integers(0, self.steps - self.length + 1, n)
            x[np.arange(self.steps) < begins[:, None]] = 0
            x[rows, begins, 1] = x[:, -1, 1] = -1
        places = begins[:, None] + self._places(seed, names, n)
        x[rows[:, None], places, 1] = 1
        first, second = x[rows, places.T, 0].astype(np.float64)
        meta = {"steps": self.steps - begins, "remembered": self.steps - 1 - places.min(1)}
        return Examples(np.arange(start, start + n, dtype=np.int64), x, self.targets(first, second), meta)

    def _places(self, seed: int, names: tuple, n: int) -> np.ndarray:
        """(n, 2) the marked steps, the second uniform over those of its range that are not marked yet."""
        (least, end), (second_least, second_end) = VERSIONS[self.published].ranges(self.length)
        first = stream(seed, *names, "first mark").integers(least, end, n)
        taken = (first >= second_least) & (first < second_end)
        free = second_end - second_least - taken
        second = second_least + (stream(seed, *names, "second mark").random(n) * free).astype(int)
        return np.stack([first, second + (taken & (second >= first))], 1)


class Addition(Marked):
    r"""What is the sum of the two marked numbers? One of three published versions, which are never mixed.

    Args:
        n: training sequences.
        n_test: new sequences; the criterion `recall.solved` wants 1,000.
        length: T, steps of a sequence.
        published: the version (`version=` is understood, too).

    `hochreiter1997`: numbers in -1..1, the mark -1 at both ends, T to 1.1 T steps, target .5 + (X1 + X2) / 4, chance
    1/24. `le2015`: numbers in 0..1, one mark in each half, target X1 + X2, chance 1/6. `schmidt2021`: likewise, but one
    mark among the first 10 steps and one in the first half.

    x (n, t, 2) is a number and its mark a step, y (n,) the target. Shorter sequences are preceded by zeros. `meta`
    holds how many steps ago the older mark was (`remembered`). The best possible loss is 0.

    Example:
        >>> data = Addition(n=20, n_test=10, published="le2015").draw(0)
        >>> numbers, marks = data.train.x[0].T
        >>> bool(np.isclose(numbers @ marks, data.train.y[0])), round(data.truth.chance_loss_nats, 4)
        (True, 0.1667)

    Reference: Hochreiter, Schmidhuber 1997, Long short-term memory, section 5.4; Le, Jaitly, Hinton 2015, A simple way
    to initialize recurrent networks of rectified linear units; Schmidt et al. 2021, Identifying nonlinear dynamical
    systems with multiple time scales and long-range dependencies.
    """

    name = "addition"
    asked = "sum"
    published: Literal["hochreiter1997", "le2015", "schmidt2021"] = "schmidt2021"

    @property
    def chance(self) -> Chance:
        """1/24 or 1/6, by version."""
        return of_sum(VERSIONS[self.published])

    def targets(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """X1 + X2, or .5 + (X1 + X2) / 4."""
        total = first + second
        return 0.5 + total / 4 if self.published == "hochreiter1997" else total


class Multiplication(Marked):
    r"""What is the product of the two marked numbers? Numbers and marks as `addition` in the version `schmidt2021`.

    Args:
        n: training sequences.
        n_test: new sequences.
        length: T, steps of a sequence.
        published: `schmidt2021` alone.

    Target X1 X2, chance 7/144. Read the error and not the accuracy: the constant .04 is right in 28 % of sequences.

    Example:
        >>> round(Multiplication(n=20, n_test=10).draw(0).truth.chance_loss_nats, 4)
        0.0486

    Reference: Schmidt et al. 2021, Identifying nonlinear dynamical systems with multiple time scales and long-range
    dependencies, section 4.1; after Hochreiter, Schmidhuber 1997, Long short-term memory, section 5.5.
    """

    name = "multiplication"
    asked = "product"
    published: Literal["schmidt2021"] = "schmidt2021"

    @property
    def chance(self) -> Chance:
        """7/144."""
        return of_product()

    def targets(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """X1 X2."""
        return first * second
