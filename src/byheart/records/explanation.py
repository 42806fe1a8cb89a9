"""Explanation: what one prediction is made of, and what would change it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from byheart.records.quantity import Quantity
from byheart.records.reason import Reason
from byheart.records.spec import Record

MOST_MISSED = 0.05  # of the change: five times the tolerance of credit; above it single credits are not to be believed

SIDES = ("credit_for", "credit_against", "effect_for", "effect_against", "neighbours")


class Share(Record):
    """A training example's part: credit or effect in the unit of the explained number, or a distance."""

    id: int
    name: str = ""  # what the user calls it
    label: str
    value: float
    changed: bool = False  # we redrew its label, and it differs from the one that came with the data

    @property
    def called(self) -> str:
        """Its name, else its id."""
        return self.name or str(self.id)


class Own(Record):
    """What a training example does to its own prediction, in the unit of the explained number; null 0.

    Attributes:
        credit: its own credit, of this run.
        effect: its own effect, estimated.
        measured: what models on subsets with it say more than those without it, in the mean; None: not measured.
        interval: 95 %, Welch's t; members are the draws.
        seen: models that saw it.
        unseen: models that did not.
    """

    credit: float
    effect: float
    measured: float | None = None
    interval: tuple[float, float] | None = None
    seen: int = 0
    unseen: int = 0


class Explanation(Record):
    """One prediction explained.

    The explained number is, by `kind`: for classes the margin log p - log(1 - p) of `label` (nats), for values the
    predicted value (in the unit of the target), for tokens the log probability of the passage (nats).

    Credit adds up: credit_total + decay + initial + centre + remainder = value, where the remainder is small
    (`adds_up`); else the credits are not shown as an answer. It speaks of this run, the one model trained on
    everything. Effect speaks of the recipe: what leaving the example out of such a training would take away from the
    number, to first order.

    Attributes:
        view: `train`, `test`, or `yours`.
        id: the example's id there; -1 for yours.
        name: what the user calls it; empty where examples have ids alone.
        mark: digest of what you gave; empty for the audit's own examples.
        noun: what an example is called.
        nouns: the same in plural.
        n: training examples.
        kind: `classes`, `values` or `tokens`.
        target: what is predicted, by its name in the data.
        label: the class whose margin is explained, or the known value; empty where there is none.
        redrawn: we redrew its label, and it differs from the one that came with the data.
        clean: the one that came with the data, where it was redrawn; else empty.
        label_known: whether that is its label; else what the model says.
        says: what the model says; empty for passages.
        value: the explained number under the one model trained on everything.
        tokens: counted tokens of a passage; 0 for other examples.
        steps: steps of its training.
        initial: the number before training, above `centre`.
        centre: mean of the training values, which every output stands on; 0 for other outputs.
        decay: credit of weight decay.
        remainder: what quadrature leaves over.
        missed: size of the remainder over that of what training changed.
        credit_total: credit of all training examples together.
        credit_for: largest credits, with sign.
        credit_against: most negative credits.
        effect_for: largest effects: leaving one out would lower the number by about this; of other examples than the
            explained one.
        effect_against: most negative effects: leaving one out would raise it; likewise.
        own: what a training example does to its own prediction; None for others.
        method: how the effect was estimated.
        trainings: recorded trainings over which the effect is a mean.
        credit_score: how well the credits of other examples foretell models trained on other subsets; None where not
            checked.
        effect_score: how well the effects do.
        unchecked: why they were not checked; None where they were.
        neighbours: nearest training examples, by distance.
        distance: what that distance is.
        notes: what a reader must know of what was given.
        credit_notes: what a reader must know of the credits; of older ledgers as sentences.
        hidden: whether examples are shown by their ids alone.
        exhibits: what can be shown of them.
    """

    view: Literal["train", "test", "yours"]  # this and `mark` name a file
    id: int
    name: str = ""
    mark: str = Field(pattern="^[0-9a-f]*$")
    noun: str
    nouns: str
    n: int
    kind: Literal["classes", "values", "tokens"]
    target: str
    label: str
    redrawn: bool
    clean: str
    label_known: bool
    says: str
    value: float
    tokens: int
    steps: int
    initial: float
    centre: float
    decay: float
    remainder: float
    missed: float
    credit_total: float
    credit_for: tuple[Share, ...]
    credit_against: tuple[Share, ...]
    effect_for: tuple[Share, ...]
    effect_against: tuple[Share, ...]
    own: Own | None
    method: str
    trainings: int
    credit_score: Quantity | None
    effect_score: Quantity | None
    unchecked: Reason | None
    neighbours: tuple[Share, ...]
    distance: str
    notes: tuple[str, ...]
    credit_notes: tuple[Reason | str, ...]
    hidden: bool
    exhibits: dict[str, Any]

    @property
    def called(self) -> str:
        """Its name, else its id."""
        return self.name or str(self.id)

    @property
    def adds_up(self) -> bool:
        """Whether the credits account for the change: the remainder is at most 5 % of it."""
        return self.missed <= MOST_MISSED

    @property
    def foretells(self) -> bool | None:
        """Whether the effects foretell other trainings: their score is above 0 with its interval; None: not checked."""
        if self.effect_score is None or self.effect_score.interval is None:
            return None
        return self.effect_score.interval[0] > 0

    @property
    def shares(self) -> tuple[Share, ...]:
        """The parts of all training examples that are listed."""
        return tuple(share for side in SIDES for share in getattr(self, side))

    def only_ids(self) -> Explanation:
        """The same with ids alone in the place of examples: labels and values are part of an example."""
        bare = {side: tuple(share.model_copy(update={"label": ""}) for share in getattr(self, side)) for side in SIDES}
        return self.model_copy(update={**bare, "label": "", "clean": "", "says": "", "exhibits": {}, "hidden": True})
