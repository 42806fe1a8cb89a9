"""Learner: a model and its training. Eight promises.

1. Same seed, same weights on CPU at a fixed thread count.
2. Resumed equals uninterrupted (steps are chunks of members; a chunk is done or not done).
3. Trains on any subset of ids.
4. Predicting changes nothing.
5. Recorded per-example losses equal recomputed ones.
6. Refuses wrong shapes by name.
7. Leaves a complete run or none.
8. A member of a fleet equals the same member trained alone (to stated rounding).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

from pydantic import Field, model_validator

from byheart.levers.base import Lever
from byheart.records.spec import Spec
from byheart.tasks.data import Data
from byheart.training.model import Trainable

if TYPE_CHECKING:
    from byheart.training.members import Members
    from byheart.training.run import Run
    from byheart.training.training import Training

Beta = Annotated[float, Field(ge=0, lt=1)]
BETAS = (0.9, 0.999)  # torch's default
ADAPTIVE = ("adam", "adamw", "radam")


class Learner(Spec):
    """A thing that trains m members on data and leaves a run.

    Properties a plan reads: `keyed` False means not kept in the ledger (user code that cannot be keyed, with
    the reason); `portable` False means a worker cannot make it from its fields, so it runs in the driver;
    `fleet` True means the plan chooses a way and a number of members at once. `prepares` False means that it is code
    of the user's and gets x as it was given; all others start from `preprocessing.prepare`.
    """

    kind: ClassVar[str] = "learner"
    name: ClassVar[str]
    fleet: ClassVar[bool] = False
    prepares: ClassVar[bool] = True
    members_a_step: ClassVar[int] = 0  # 0: all members in one step
    reads: ClassVar[tuple[str, ...]] = ("classes", "values")  # kinds of output it can be trained for
    keeps: ClassVar[tuple[str, ...]] = ()  # what it can keep (`training.keep`) without our loop, by name
    any_length: ClassVar[bool] = False  # reads sequences of other lengths in other views, too

    @property
    def keyed(self) -> bool:
        """Whether equal fields mean equal results, so that results may be kept."""
        return not self.unkeyed_reason

    @property
    def portable(self) -> bool:
        """Whether a worker process can make this learner from its fields alone."""
        return True

    @property
    def unkeyed_reason(self) -> str:
        """Why it is not keyed; empty when it is."""
        from byheart.fingerprint.code import why_unkeyed

        return why_unkeyed(self)

    @property
    def family(self) -> str:
        """`neighbours`, `linear` or `trees` where it is known to be of one; else empty."""
        return ""

    @abstractmethod
    def fit(self, data: Data, members: Members, training: Training) -> Run:
        """Train every member on its subset of `data.train` and record outcomes on every view.

        Args:
            data: what to train and look at.
            members: seeds and masks.
            training: checkpoints, what to keep, levers, way and device (learners without fleets ignore the last two).

        Raises:
            InputRefused: the data do not fit the learner; the shape is named.
        """

    def steps(self) -> int:
        """Epochs of training; 0 where there is no time course."""
        return 0

    def title(self, data: Data) -> str:
        """What the model is called on the page, for these data."""
        return self.name

    def settings(self) -> dict[str, Any]:
        """The fields, for the page's list of settings."""
        return {key: value for key, value in self.describe().items() if key not in {"kind", "version"}}


class Network(Trainable, Learner):
    """A learner made of a torch module: give `build`; the loop is not yours (training/loop.py).

    `betas`: how slowly Adam's two averages of the gradient and of its square follow it. `clip`: a member's gradient is
    scaled down to this length where it is longer (`training.clipping`); 0 leaves it as it is. What `later` names enters
    a key, and the list of settings, only where it is not the default, so that older ledgers stay.
    """

    fleet: ClassVar[bool] = True
    costless: ClassVar[frozenset[str]] = frozenset({"epochs", "lr", "schedule", "betas", "clip"})
    later: ClassVar[frozenset[str]] = frozenset({"betas", "clip"})
    epochs: Annotated[int, Field(ge=1)] = 20
    batch: Annotated[int, Field(ge=1)] = 64
    lr: Annotated[float, Field(gt=0)] = 0.005
    optimizer: str = "adam"
    schedule: str = "linear"
    betas: tuple[Beta, Beta] = BETAS
    clip: Annotated[float, Field(ge=0)] = 0.0

    @model_validator(mode="after")
    def _betas_of_adam(self) -> Self:
        if self.betas != BETAS and self.optimizer not in ADAPTIVE:
            raise ValueError(f"betas are of {', '.join(ADAPTIVE)}; {self.optimizer} has none")
        return self

    def key_fields(self) -> dict[str, Any]:
        """The fields; those that came later only where they are not the default."""
        fields, known = super().key_fields(), type(self).model_fields
        return {k: value for k, value in fields.items() if k not in self.later or value != known[k].default}

    def settings(self) -> dict[str, Any]:
        """The fields, those that came later only where they are not the default."""
        hidden = self.later - set(self.key_fields())
        return {name: value for name, value in super().settings().items() if name not in hidden}

    def steps(self) -> int:
        """Epochs of training."""
        return self.epochs

    def fit(self, data: Data, members: Members, training: Training) -> Run:
        """Train every member (`Learner.fit`)."""
        from byheart.training.loop import train

        return train(self, data, members, training)

    def stepper(self, data: Data, members: Members, levers: Sequence[Lever], way: str, device: str) -> Any:
        """Members of equal size on their way."""
        from byheart.training.stepper import Stepper

        return Stepper(self, data, members, levers, way, device)
