"""Task: data with a known structure. Seven promises.

1. Same seed, same bits in another process.
2. Another seed, other data (where anything is drawn).
3. Ids are stable, and the views' splits are disjoint.
4. What is known of `truth` is filled, each number with its source; what is not known is absent.
5. Where there is an oracle it attains the best loss.
6. Global random state is untouched.
7. No network.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from pydantic import InstanceOf, field_validator

from byheart.records.spec import Spec
from byheart.registry import find
from byheart.tasks.data import Data
from byheart.tasks.names import Names


class Task(Spec):
    """A thing that draws Data from a seed. Subclass, give fields and `draw`; list it in the registry."""

    kind: ClassVar[str] = "task"
    name: ClassVar[str]
    usual_members: ClassVar[int] = 64  # how many models an audit trains unless told otherwise
    portable: ClassVar[bool] = True  # False: draws from arrays in this process, so the driver must draw

    @abstractmethod
    def draw(self, seed: int) -> Data:
        """The data of `seed`.

        Raises:
            InputRefused: the data cannot be measured truly; says why.
        """

    def names(self) -> Names:
        """What the user calls the examples, by view and id: kept beside the data, whose key does not hold them."""
        return {}


class Within(Task):
    """A task made of another, `task`: itself, or the name of one of the registry."""

    task: InstanceOf[Task]

    @field_validator("task", mode="before")
    @classmethod
    def _named(cls, value: object) -> object:
        return find("task", value)() if isinstance(value, str) else value

    @property
    def portable(self) -> bool:
        """As the task within."""
        return self.task.portable

    def names(self) -> Names:
        """As the task within."""
        return self.task.names()
