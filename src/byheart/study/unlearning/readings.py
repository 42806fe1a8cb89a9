"""What models say of the forgotten rows, of those that stay and of new ones, beside exact retraining."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import softmax
from scipy.stats import t as student

from byheart.maths.memorisation.retraining_auc import either_way_auc, retraining_auc
from byheart.records.quantity import Quantity, Unit, interval_by
from byheart.records.unlearning import Judged, MethodName, MethodResult
from byheart.seeds import stream
from byheart.tasks.data import Data
from byheart.training.run import Run

FEWEST_ROWS = 10  # forgotten rows of which membership is judged: with fewer one odd row decides
OVER_MODELS = "Student's t over models"
SURE = 0.01  # p below which an attacker who learned which way each row moved tells models apart
PLACEMENTS = "Student's t over models, of placements"


class Reader:
    """Reads runs of models beside exact retraining from other seeds.

    Attributes:
        data: what they were trained on.
        rows: (k,) places of the forgotten among the training examples.
        again: exact retrainings from other seeds, which everything is compared with.
        draws: forgotten rows, copies counted as one.
    """

    def __init__(self, data: Data, rows: np.ndarray, again: Run) -> None:
        self.data, self.rows, self.again = data, rows, again
        self.stay = np.setdiff1d(np.arange(len(data.train)), rows)
        self.draws = len(np.unique(data.grouping.copies[rows]))

    def membership(self, run: Run) -> Quantity | None:
        """How often these models are surer of a forgotten example than exactly retrained ones; None of too few rows."""
        if self.draws < FEWEST_ROWS:
            return None
        auc, interval, _ = retraining_auc(self._surety(run), self._surety(self.again))
        return Quantity(value=auc, unit="auc", null=0.5, n=self.draws, better=None, **interval_by(PLACEMENTS, interval))

    def _either_way(self, run: Run) -> tuple[Quantity | None, float | None]:
        """The same by an attacker who learns which way each row moved, and its p-value."""
        if self.draws < FEWEST_ROWS:
            return None, None
        found = either_way_auc(
            self._surety(run), self._surety(self.again), stream(0, "unlearning", *self.rows.tolist())
        )
        made = interval_by("", None, "beside its null")
        return Quantity(value=found.auc, unit="auc", null=0.5, n=self.draws, **made), found.p

    def result(self, name: MethodName, run: Run, untouched: Quantity | None, floors: dict[str, float]) -> MethodResult:
        """All that is said of the models of one method.

        Args:
            name: which.
            run: its models.
            untouched: membership of the untouched models, which says what could be told.
            floors: view -> distance between two exact retrainings; empty of themselves.
        """
        membership, has_test = self.membership(run), "test" in self.data.views
        either_way, p = self._either_way(run)
        return MethodResult(
            name=name,
            judged=judged(membership, untouched, p),
            membership=membership,
            either_way=either_way,
            either_way_p=p,
            distance=self._distance(run, "train", self.rows, floors.get("train")),
            distance_test=self._distance(run, "test", None, floors.get("test")) if has_test else None,
            rest=self._score(run, "train", self.stay),
            test=self._score(run, "test", None) if has_test else None,
            seconds=float(run.about.get("cpu_seconds", 0.0)) / len(run.members),
            models=len(run.members),
        )

    def floors(self, exact: Run) -> dict[str, float]:
        """View -> mean distance between two exact retrainings, of the forgotten (`train`) and of new examples."""
        found = {"train": float(self.distances(exact, "train", self.rows).mean())}
        if "test" in self.data.views:
            found["test"] = float(self.distances(exact, "test", None).mean())
        return found

    def _surety(self, run: Run) -> np.ndarray:
        """(m, k) how well each model knows the forgotten: the margin of the label, minus the error, or log p."""
        train = run.views["train"]
        if train.margin is not None:
            return train.margin[-1][:, self.rows].astype(np.float64)
        loss = train.loss_nats[-1][:, self.rows].astype(np.float64)
        return -np.sqrt(loss) if self.data.output.continuous else -loss

    def distances(self, run: Run, view: str, rows: np.ndarray | None) -> np.ndarray:
        """(pairs,) mean distance of a model's predictions from those of the exact retraining in its place.

        Classes: total variation, half the sum over classes of |p - q|, in [0, 1]. Values: |difference| in standard
        deviations of the training targets. Passages, whose logits no run keeps: |difference of log p| in nats.
        """
        ours, theirs = self._said(run, view, rows), self._said(self.again, view, rows)
        return np.array([float(np.abs(p - q).mean()) for p, q in zip(ours, theirs, strict=False)]) * (
            self.data.output.k / 2 if self.data.output.labelled else 1.0
        )

    def _said(self, run: Run, view: str, rows: np.ndarray | None) -> np.ndarray:
        """(m, n, ...) what is compared of these models' predictions."""
        found, output = run.views[view], self.data.output
        rows = np.arange(len(self.data.views[view])) if rows is None else rows
        if output.passages:
            return found.loss_nats[-1][:, rows].astype(np.float64)
        said = np.asarray(found.logits, np.float64)[:, rows]
        if output.labelled:
            return softmax(said, -1)
        return said / np.maximum(np.std(self.data.train.y.astype(np.float64), 0), np.finfo(float).tiny)

    def _distance(self, run: Run, view: str, rows: np.ndarray | None, floor: float | None) -> Quantity:
        values = self.distances(run, view, rows)
        output = self.data.output
        unit: Unit = "nats" if output.passages else "share" if output.labelled else "ratio"
        return over_models(values, unit, floor, len(self.data.views[view]) if rows is None else len(rows), "low", 0.0)

    def _score(self, run: Run, view: str, rows: np.ndarray | None) -> Quantity:
        """Right on these examples: accuracy, R2, or nats per passage."""
        found, y = run.views[view], self.data.views[view].y
        rows = np.arange(len(y)) if rows is None else rows
        if self.data.output.labelled and found.correct is not None:
            return over_models(found.correct[-1][:, rows].mean(1), "accuracy", None, len(rows), "high", 0.0, 1.0)
        loss = found.loss_nats[-1][:, rows].astype(np.float64).mean(1)
        if not self.data.output.continuous:
            return over_models(loss, "nats", None, len(rows), "low", 0.0)
        spread = float(np.var(y[rows].astype(np.float64), 0).mean())
        return over_models(1 - loss / max(spread, np.finfo(float).tiny), "r2", None, len(rows), "high", high=1.0)


def judged(membership: Quantity | None, untouched: Quantity | None, p: float | None = None) -> Judged:
    """What may be said: nothing is called forgotten that the test could not have told from half of what was there.

    Example:
        >>> one = lambda v, low, high: Quantity(value=v, unit="auc", interval=(low, high), null=0.5, n=40)
        >>> judged(one(0.55, 0.45, 0.65), one(0.98, 0.9, 1.0)), judged(one(0.6, 0.4, 0.8), one(0.98, 0.9, 1.0))
        ('not told apart', 'undecided')
    """
    if membership is None or untouched is None or membership.interval is None or untouched.interval is None:
        return "withheld"
    low, high = membership.interval
    if not low <= 0.5 <= high or (p is not None and p < SURE):
        return "told apart"
    if untouched.interval[0] <= 0.5:
        return "nothing to forget"
    half = (untouched.value - 0.5) / 2
    return "not told apart" if high < 0.5 + half and low > 0.5 - half else "undecided"


def over_models(
    values: np.ndarray, unit: Unit, null: float | None, n: int, better: Any,
    low: float = -np.inf, high: float = np.inf,
) -> Quantity:  # fmt: skip
    """The mean of one number per model, and how far it would move with others.

    Example:
        >>> found = over_models(np.array([0.8, 0.9]), "accuracy", None, 40, "high", 0.0, 1.0)
        >>> round(found.value, 2), found.interval[1]
        (0.85, 1.0)
    """
    m, value = len(values), float(values.mean())
    if m < 2:
        made = interval_by(OVER_MODELS, None, "one model")
    elif np.ptp(values) == 0:
        made = interval_by(OVER_MODELS, None, "no spread")
    else:
        half = float(student.ppf(0.975, m - 1) * values.std(ddof=1) / np.sqrt(m))
        made = interval_by(OVER_MODELS, (max(low, value - half), min(high, value + half)))
    return Quantity(value=value, unit=unit, null=null, n=n, better=better, **made)
