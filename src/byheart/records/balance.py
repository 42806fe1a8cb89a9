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
    """A pole or a rival on the same scale."""

    name: str
    understood: float
    memorised: float
    note: str = ""


class OneModel(Record):
    """The one model trained on everything: a draw of the recipe, beside it."""

    memorised: Share
    left: Share
    sentence: str


class Move(Record):
    """What a lever moved, in points (shares of the bits or the variance, accuracy); None is not measured."""

    name: str
    memorised: Share | None = None
    understood: Share | None = None
    accuracy: Share | None = None
    note: str


class Balance(Record):
    """The balance chart's data and sentence."""

    model: Standing
    trail: tuple[Waypoint, ...] = ()
    poles: tuple[Landmark, ...] = ()
    rivals: tuple[Landmark, ...] = ()
    one_model: OneModel | None = None
    moves: tuple[Move, ...] = ()
    sentence: str
