"""Unlearning: what models that were to forget some examples still give away of them, beside exact retraining."""

from __future__ import annotations

from typing import Any, Literal, Self

from byheart.records.quantity import Quantity
from byheart.records.reason import Reason
from byheart.records.spec import Record, key_of

# the models before anything was forgotten; the truth; what stands in for it
MethodName = Literal["untouched", "exact", "fine-tuning", "ascent", "pruning", "newton", "newton-cut"]
# membership tells the models from exactly retrained ones; it does not, where it would have told half of what the
# untouched models give away; it would not have; the untouched models give nothing away; there are too few rows
Judged = Literal["told apart", "not told apart", "undecided", "nothing to forget", "withheld"]


class MethodResult(Record):
    """One way to forget, by the models it left.

    Attributes:
        name: which.
        judged: whether membership tells its models from exactly retrained ones.
        membership: how often they are surer of a forgotten example than exactly retrained models of other seeds; its
            null is 0.5. None where it is withheld.
        either_way: the same by an attacker who learns from the other models which way each row moved; its p-value, over
            permutations of kinds, is `either_way_p`.
        distance: of their predictions for the forgotten examples from those of exactly retrained models of other seeds;
            its null is that distance between two exact retrainings.
        distance_test: the same for new examples; None without any.
        rest: right on the training examples that stay (R2 of values, nats of passages).
        test: right on new examples, likewise.
        seconds: CPU seconds per model.
        models: how many.
        settings: of the method, in words and numbers.
    """

    name: MethodName
    judged: Judged
    membership: Quantity | None = None
    either_way: Quantity | None = None
    either_way_p: float | None = None
    distance: Quantity
    distance_test: Quantity | None = None
    rest: Quantity
    test: Quantity | None = None
    seconds: float
    models: int
    settings: dict[str, str | int | float] = {}


class NotTried(Record):
    """A method that this learner does not allow, and why."""

    name: MethodName
    reason: Reason


class UnlearningRecord(Record):
    """What was forgotten, and how well; the page, the lines and `--json` are made from it alone.

    Attributes:
        run: digits of the audit.
        subject: what the words of the page need to know of the data (`noun`, `kind`, `n` ...).
        forgotten: ids of the training examples that went, in order.
        copies: those among them that nobody named: they are copies of ones that were named.
        methods: the untouched models first, exact retraining next, then the methods.
        withheld: why membership is not judged; None where it is.
        not_tried: methods that do not apply.
        notes: what else to know, as reasons.
        exhibits: what can be shown of the forgotten.
        hidden: whether only ids are shown.
        provenance: versions, the command, seed and threads.
    """

    schema_version: int = 1
    run: str
    subject: dict[str, Any]
    forgotten: tuple[int, ...]
    copies: tuple[int, ...] = ()
    methods: tuple[MethodResult, ...]
    withheld: Reason | None = None
    not_tried: tuple[NotTried, ...] = ()
    exhibits: dict[str, dict[str, Any]] = {}
    hidden: bool = False
    provenance: dict[str, Any]

    def method(self, name: str) -> MethodResult | None:
        """What one method left, by its name."""
        return next((one for one in self.methods if one.name == name), None)

    @property
    def mark(self) -> str:
        """Eight digits of what was forgotten, for the name of its page."""
        return key_of(list(self.forgotten))[:8]

    def only_ids(self) -> Self:
        """The same with ids alone in the place of examples."""
        return self.model_copy(update={"exhibits": {}, "hidden": True})
