"""Output: what a model must give. One class a kind, with its own words, loss, code and outcomes.

Nothing outside this package asks for a kind by its name: what differs is a method, or one of the capabilities

- `labelled`: an example has one label among k classes,
- `continuous`: targets are real numbers, and errors are squared,
- `passages`: an example is a passage of symbols, and its own target; `windows`: one of a series, and what follows it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import MISSING, asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from byheart.errors import InputRefused
from byheart.tasks.output.column import Column

if TYPE_CHECKING:
    from torch import Tensor

    from byheart.maths.statistics.seen_unseen import BankLengths

WIDEST_TABLE = 100  # columns; wider ones cost boosted trees more than they cost the audited recipe
PICTURES = ("image", "photograph")


@dataclass(frozen=True)
class Output(ABC):
    """What a model must give: k numbers an example, or a place of it.

    `show` says how an example is shown: `image` (grey) or `photograph` (colour), x in 0..1 in any layout
    that `pictures.picture` brings to (h, w) or (h, w, 3); `row` (columns); or `none`. `noun` is what one
    example is called on the page (singular, plural). `divided_by` is what byheart's own learners divide x by (255 for
    pictures of bytes). `missing` says what was asked for missing cells: `impute` fills them in for estimators that do
    not take them, too; with `keep` only byheart's own learners, which need it, fill them in.

    Of a class: `returned` is what byheart's own networks return, `recorded` the name of its loss in recorded trainings
    ("" where it has none), `precision` that of the outputs that are kept, `coded` the array of Outcomes that label bits
    are counted from ("" where bits are not counted), `learner` the one that is trained where none was given.
    """

    kind: ClassVar[str]
    labelled: ClassVar[bool] = False
    continuous: ClassVar[bool] = False
    passages: ClassVar[bool] = False
    windows: ClassVar[bool] = False
    returned: ClassVar[str] = "values"
    recorded: ClassVar[str] = ""
    precision: ClassVar[type[np.floating]] = np.float32
    coded: ClassVar[str] = ""
    learner: ClassVar[str] = "mlp"

    k: int
    classes: tuple[str, ...] = ()
    noun: tuple[str, str] = ("example", "examples")
    show: Literal["image", "photograph", "row", "none"] = "none"
    columns: tuple[Column, ...] = ()
    target: str = "label"
    divided_by: int = 1
    missing: Literal["impute", "keep"] = "impute"

    @abstractmethod
    def each(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Training loss (m, b) in nats, or (m, b, t) of each place, of outputs (m, b, ..., k)."""

    @abstractmethod
    def slope(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Derivative of the summed `each`, of the places that count, by the outputs."""

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Training loss (m, b) in nats of each example."""
        return self.each(outputs, targets)

    @abstractmethod
    def outcomes(self, outputs: np.ndarray, y: np.ndarray, predicted: np.ndarray | None = None) -> dict[str, Any]:
        """The arrays (c, m, n) of Outcomes from outputs (c, m, n, ..., k): `loss_nats`, and what else there is."""

    def lengths(self, outputs: np.ndarray, y: np.ndarray, mask: np.ndarray, **where: Any) -> BankLengths:
        """Bits of each target under each member; bits of a real number depend on how it is rounded.

        Raises:
            InputRefused: targets whose bits are not counted.
        """
        raise InputRefused(
            "labels or tokens, whose bits can be counted", self.kind, "Ask for the budget of their variance."
        )

    @property
    def offer(self) -> str:
        """What probes are told of it: those that do not name it are not asked."""
        return self.kind

    def in_units(self, y: np.ndarray) -> np.ndarray:
        """Targets (n,) or (n, c) in the units in which errors are taken: an error is the mean square over columns."""
        return y

    def deviations(self, y: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """(m, n) squared distance of each target from the mean of what each member saw, in these units."""
        from byheart.maths.codes.variance import deviations

        return deviations(self.in_units(y), mask)

    def units(self, y: np.ndarray) -> tuple[Any, Any]:
        """Mean and deviation by which the targets of one member's training examples are standardised."""
        return 0.0, 1.0

    def one_hot(self, y: np.ndarray) -> np.ndarray:
        """(n, k) what a linear map is fitted to."""
        return np.eye(self.k)[y]

    def read_by(self, kinds: Sequence[str]) -> bool:
        """Whether a learner that reads these kinds of output can be trained for it."""
        return self.kind in kinds

    def numbers(self, x: np.ndarray) -> np.ndarray:
        """x as floats on the scale that byheart's own learners and all distances start from.

        Whole numbers up to 16 bits and half precision become float32, others float64; then `divided_by`.

        Example:
            >>> from byheart.tasks.output import Classes
            >>> Classes(2, divided_by=255).numbers(np.array([[0, 51]], np.uint8)).tolist()
            [[0.0, 0.20000000298023224]]
        """
        short = x.dtype.itemsize <= 2 or x.dtype == np.float32
        numbers = np.asarray(x, np.float32 if short else np.float64)
        return numbers if self.divided_by == 1 else numbers / numbers.dtype.type(self.divided_by)

    def is_table(self, shape: Sequence[int]) -> bool:
        """Whether an example of this shape is a row of at most 100 columns, neither a picture nor a sequence."""
        return self.show not in PICTURES and len(shape) == 1 and shape[0] <= WIDEST_TABLE

    def laid_out(self, x: np.ndarray, other: np.ndarray | None = None) -> tuple[np.ndarray, ...]:
        """Examples x, and `other` ones, as rows (n, d) whose distances mean something.

        The month and weekday of a date follow from it: counted beside it they make days of one weekday near copies.
        """
        from byheart.maths.memorisation.feature_scaling import comparable

        form = "pictures" if self.show in PICTURES else "columns"
        own = [place for place, column in enumerate(self.columns) if not column.of]
        categories = [self.columns[place].type == "category" for place in own]
        views = [self.numbers(view) for view in (x, other) if view is not None]
        chosen = [view[:, own] for view in views] if self.columns else views
        return comparable(*chosen, form=form, categories=categories)

    @property
    def near_in(self) -> str:
        """What near copies are near in."""
        return "pixels" if self.show in PICTURES else "columns"

    def document(self) -> dict[str, Any]:
        """As JSON values: the kind and the fields; those of one kind alone where they are not the default."""
        own = {one.name: one.default for one in fields(self) if one.name not in Output.__dataclass_fields__}
        kept = {name: value for name, value in asdict(self).items() if own.get(name, MISSING) != value}
        return {"kind": self.kind, **kept}
