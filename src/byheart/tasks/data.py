"""Data: examples with stable ids, the views they are looked at in, and what is known of their truth."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np

from byheart.errors import InputRefused
from byheart.tasks.containers import Container
from byheart.tasks.grouping import Grouping, grouping, keeps_together
from byheart.tasks.names import Names
from byheart.tasks.output import Output
from byheart.tasks.parts import Parts, side_by_side

if TYPE_CHECKING:
    from byheart.maths.memorisation.duplicates import Copies

GROUP = "group"  # the name in `meta` of the groups that the user named
ID = "id"  # the name in `meta` of what the user calls each example; no model sees it, and it enters no number
HELD = 2  # a table and the part of it that is trained on
_COPIES: dict[str, Copies] = {}  # of the data compared last, by content


@dataclass(frozen=True)
class Examples:
    """n examples: `ids` (n,) int64 stable names; `x` (n, ...) array; `y` (n,) labels or values.

    `y` is int64 class numbers 0..k-1 for classes, float64 for values. For tokens x (n, t) holds the numbers 0..k-1 of
    a sequence and y (n, t) int64 the same numbers, each to be given from those before it; -1 is not counted (context,
    padding). `meta` holds one array (n,) a name; where it holds `shown` (n,) text, an example is shown by that text,
    without its label; where it holds `id` (n,) text, it is called so. `x` is what the task or the user gave;
    `Output.numbers` makes of it what byheart's own learners start from. `containers` say how the user
    keeps x and y. A dictionary of arrays given as x becomes columns side by side, and a dictionary again in `given`.
    """

    ids: np.ndarray
    x: np.ndarray
    y: np.ndarray
    meta: Mapping[str, np.ndarray] = field(default_factory=dict)
    containers: Mapping[str, Container] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if isinstance(self.x, Mapping):
            kept = {**self.containers, "x": Parts.of_arrays(self.x)}
            object.__setattr__(self, "containers", kept)
            object.__setattr__(self, "x", side_by_side(self.x))
        if not len(self.ids) == len(self.x) == len(self.y):
            raise InputRefused(
                expected="ids, x and y of one length",
                came=f"{len(self.ids)}, {len(self.x)} and {len(self.y)}",
                do="Give one label and one id an example.",
            )

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: np.ndarray) -> Self:
        """The examples in `rows` (positions or a boolean mask), in that order."""
        meta = {name: values[rows] for name, values in self.meta.items()}
        containers = {what: container.take(rows) for what, container in self.containers.items()}
        return replace(self, ids=self.ids[rows], x=self.x[rows], y=self.y[rows], meta=meta, containers=containers)

    @property
    def names(self) -> np.ndarray:
        """(n,) text: what the user calls each example; where he has no name for it, its id."""
        return np.asarray(self.meta.get(ID, self.ids)).astype(str)

    def given(self, what: Literal["x", "y"], rows: np.ndarray | None = None) -> Any:
        """A copy of x or y as the user keeps it (type, dtype, order in memory, names), of `rows` alone or of all."""
        array: np.ndarray = getattr(self, what)
        container = self.containers.get(what, Container())
        return container.holding(array) if rows is None else container.take(rows).holding(array[rows])


@dataclass(frozen=True)
class Truth:
    """What is known of the data; what is not known is absent.

    Attributes:
        clean: (n,) training labels as they came, before labels were redrawn.
        changed: (n,) bool: the labels that differ from the original (a redraw may hit the true one).
        redrawn: how many labels were redrawn.
        control: (n,) bool: the rows that the audit's own control redrew, changed or not; no total speaks of them.
            None where noise is part of the data.
        posterior: (k, k) or (n, k) probability of each label given the original one / the example: the
            best possible prediction, in nats where a loss is made of it.
        best_loss_nats: mean loss of the best possible prediction on the training labels.
        signal: (d,) variance of the target that each of d independent inputs explains, where it is linear in them; what
            least squares makes of such data is known in closed form.
        variances: (d,) of these inputs.
        repeats: how often each example of the view `canaries` stands in training; 0 is held out, never trained on.
        chance_loss_nats: expected loss of the best prediction that looks at no input.
        chance_accuracy: share that it gets right, by what the task counts as right (`about["right"]`).
        exponents: (d,) Lyapunov exponents of the system that made the data, the largest first, per unit of its time.
        dimension: the dimension of its attractor by Kaplan and Yorke.
        clean_views: views beside the test, trained on by nobody, whose targets are known to be right: they may choose.
        sources: where each number comes from.
    """

    clean: np.ndarray | None = None
    changed: np.ndarray | None = None
    redrawn: int = 0
    control: np.ndarray | None = None
    posterior: np.ndarray | None = None
    best_loss_nats: float | None = None
    signal: np.ndarray | None = None
    variances: np.ndarray | None = None
    repeats: np.ndarray | None = None
    chance_loss_nats: float | None = None
    chance_accuracy: float | None = None
    exponents: np.ndarray | None = None
    dimension: float | None = None
    clean_views: tuple[str, ...] = ()
    sources: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Data:
    """What a task draws.

    Attributes:
        views: what is looked at: `train` (all training examples, of every phase), `test` (clean, unseen), ...
        output: what a model must give.
        truth: what is known.
        about: title, source, licence, sha256, n and anything a reader must know (text or numbers).
        phases: what is trained on, one phase after another: positions into the view `train`, in order; repeats count.
            Empty for ordinary training, one phase of everything.
        grouped: which training examples stay together, where that was found out already.
    """

    views: Mapping[str, Examples]
    output: Output
    truth: Truth
    about: Mapping[str, Any]
    phases: tuple[np.ndarray, ...] = ()
    grouped: Grouping | None = None

    def __post_init__(self) -> None:
        n = len(self.views["train"]) if self.phases else 0
        if any(len(rows) == 0 or rows.min() < 0 or rows.max() >= n for rows in self.phases):
            raise InputRefused(
                expected=f"phases that hold positions 0 to {n - 1} in the view train",
                came="an empty phase, or positions beyond",
                do="Give each phase the rows of the training examples it trains on.",
            )

    @property
    def train(self) -> Examples:
        """The training examples of all phases."""
        return self.views["train"]

    def named(self, names: Names) -> Data:
        """The same data whose examples bear the names that their ids have in `names`."""
        views = dict(self.views)
        for view, called in ((view, called) for view, called in names.items() if view in views):
            own = [called[one] if 0 <= one < len(called) else str(one) for one in views[view].ids.tolist()]
            views[view] = replace(views[view], meta={**views[view].meta, ID: np.array(own, dtype=object)})
        return replace(self, views=views)

    @property
    def courses(self) -> tuple[np.ndarray, ...]:
        """Positions in the view `train` that each phase trains on; of ordinary training, all of them at once."""
        return self.phases or (np.arange(len(self.train)),)

    def of_rows(self, rows: np.ndarray) -> Data:
        """The data whose training view holds the examples in `rows` (n,) bool alone."""
        train, n = self.train.take(rows), len(self.train)
        parts = {name: getattr(self.truth, name) for name in ("clean", "changed", "control", "posterior")}
        kept = {name: value[rows] for name, value in parts.items() if value is not None and len(value) == n}
        truth = replace(self.truth, **kept)
        grouped = self.grouping.take(rows)
        place = np.cumsum(rows) - 1
        phases = tuple(left for phase in self.phases if len(left := place[phase[rows[phase]]]))
        return replace(self, views={**self.views, "train": train}, truth=truth, phases=phases, grouped=grouped)

    @property
    def most_frequent(self) -> float:
        """The share of the training labels that a guess at the most frequent class gets right."""
        return float(np.bincount(self.train.y).max() / len(self.train))

    def laid_out(self, view: str = "") -> tuple[np.ndarray, ...]:
        """Training examples, and those of `view`, as rows (n, d) whose distances mean something."""
        return self.output.laid_out(self.train.x, self.views[view].x if view else None)

    @cached_property
    def copies(self) -> Copies:
        """Who copies whom among the training examples, exactly or nearly (`maths.memorisation.duplicates`)."""
        return copies_among(self.train.x, self.output)

    @cached_property
    def grouping(self) -> Grouping:
        """Which training examples are seen or left out together: copies of one another, and the user's groups."""
        return self.grouped or grouping_of(self.train, self.output, self.truth.clean)

    @property
    def groups(self) -> np.ndarray:
        """(n,) equal for training examples that are seen or left out together."""
        return self.grouping.groups

    @cached_property
    def new_copies(self) -> np.ndarray:
        """(q,) equal for exact copies among the examples of the view `test`; near ones are not looked for."""
        from byheart.maths.memorisation.duplicates import exact_groups

        return exact_groups(self.views["test"].x)


def copies_among(x: np.ndarray, output: Output) -> Copies:
    """Who copies whom among the examples x, by `maths.memorisation.duplicates`; read only.

    Every step of an audit that measures reads the data anew: in one process they are compared once, for all distances
    cost a second where everything else that is asked of them costs a hundredth.
    """
    from byheart.maths.memorisation.duplicates import copies

    form = (x.dtype, x.shape, output.kind, output.show, [(column.type, column.of) for column in output.columns])
    digest = hashlib.blake2b(repr(form).encode())
    digest.update(np.ascontiguousarray(x))
    compared = digest.hexdigest()
    if compared not in _COPIES:
        while len(_COPIES) >= HELD:
            del _COPIES[next(iter(_COPIES))]
        _COPIES[compared] = copies(x, *output.laid_out(x))
    return _COPIES[compared]


def grouping_of(examples: Examples, output: Output, clean: np.ndarray | None = None) -> Grouping:
    """Which of these examples stay together; `clean` are their targets before any were redrawn."""
    found = copies_among(examples.x, output)
    table = not output.passages and examples.x.ndim == 2
    y = examples.y if clean is None else clean
    if table and y.ndim > 1:  # cells of a design differ in their targets as a whole
        y = np.unique(y, axis=0, return_inverse=True)[1].reshape(len(y))
    named = examples.meta.get(GROUP)
    return grouping(found.groups, found.exact, y, table, named if keeps_together(named) else None)
