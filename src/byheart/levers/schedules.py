"""Schedules: when to stop."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from byheart.levers.base import Lever


class EarlyStop(Lever):
    """Stop after `epoch`; the learning rate follows the schedule of the full training until there.

    An epoch past the last changes nothing. Reference: Prechelt 1998, Early stopping, but when?

    Example:
        >>> EarlyStop(epoch=5).last_epoch(20), EarlyStop(epoch=50).last_epoch(20)
        (5, 20)
    """

    name: ClassVar[str] = "early-stop"
    costless: ClassVar[frozenset[str]] = frozenset({"epoch"})
    epoch: Annotated[int, Field(ge=1)]

    def last_epoch(self, epochs: int) -> int:
        """The earlier of the two."""
        return min(self.epoch, epochs)
