"""Balance: where a recipe stands between memory and understanding, and what stands around it."""

from __future__ import annotations

from byheart.records.spec import Record


class Share(Record):
    """A share of the reference bits, or of the variance of values, with its 95 % interval."""

    value: float
    interval: tuple[float, float]


class Standing(Record):
    """Understood, memorised and left, as shares of the reference bits or of the variance; they add up to 1."""

    understood: Share
    memorised: Share
    left: Share


class Waypoint(Record):
    """Where the recipe stood after `epoch`."""

    epoch: int
    understood: float
    memorised: float
    left: float


class Landmark(Record):
    """A pole or a baseline on the same scale; `measured` on these data, or where it stands by definition."""

    name: str
    understood: float
    memorised: float
    measured: bool = True


class OneModel(Record):
    """The one model trained on everything: a draw of the recipe, beside it."""

    memorised: Share
    left: Share


class Move(Record):
    """What stopping at `epoch` moved against epoch `last`, in shares of the bits or the variance and in accuracy.

    It is read off the trail of members that went on to the last epoch; an accuracy of None is not measured.
    """

    epoch: int
    last: int
    memorised: Share
    understood: Share
    accuracy: Share | None = None


class Balance(Record):
    """The balance chart's data.

    Attributes:
        model: where the recipe stands.
        trail: where its first members stood after each checkpoint; the last is the recipe, of all members.
        end: where those first members stood at the end.
        poles: Oracle and Rote.
        rivals: the simplest baselines, and chance.
        one_model: the one model trained on everything.
        moves: what stopping earlier would move.
    """

    model: Standing
    trail: tuple[Waypoint, ...] = ()
    end: Waypoint | None = None
    poles: tuple[Landmark, ...] = ()
    rivals: tuple[Landmark, ...] = ()
    one_model: OneModel | None = None
    moves: tuple[Move, ...] = ()
