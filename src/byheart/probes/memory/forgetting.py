"""How much of an earlier phase does training on later ones undo?"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from byheart.maths.statistics.effective_sample_size import Estimate, complement
from byheart.maths.statistics.intervals import budget_share_intervals
from byheart.probes.base import Bank, Probe
from byheart.probes.intervals import estimate, line
from byheart.records.facts import Axis, Curve, FactTable
from byheart.records.finding import Finding, NotApplicable, Pole
from byheart.records.quantity import Quantity
from byheart.training.run import Run


class Forgetting(Probe):
    r"""How much of an earlier phase does training on later ones undo?

    forgetting = 1/(T - 1) sum_{j < T} (a[j, j] - a[T, j]) [points], a[i, j] the accuracy on the examples of phase j
    after training phase i of T, of members that did not see them: the negative of backward transfer. In its place
    Chaudhry et al. take the best of a[1..T-1, j] for a[j, j], which is the same with two phases and drawn upwards by
    noise with more. Beside it the same of members that saw the examples. The scenario is that of the data: where
    phases hold different classes and the model is not told the phase, class-incremental learning.

    Null: what a guess at the most frequent label of the phase just trained loses: it knows nothing of x, and pure noise
    loses as much. Nothing lost (Rote and Oracle, who have no phases): 0. All lost: what had been learned. Cost: no
    training of its own. Fails when: a phase is trained so briefly that nothing of it was learned. Reference: Lopez-Paz
    and Ranzato 2017, Gradient episodic memory for continual learning, eq. 3 (there with the other sign).

    Example:
        >>> Forgetting().chapter
        'memory'
    """

    name: ClassVar[str] = "memory/forgetting"
    version: ClassVar[int] = 2
    poles: ClassVar[tuple[str, str]] = ("nothing lost", "all lost")
    outputs: ClassVar[tuple[str, ...]] = ("classes",)
    needs: ClassVar[tuple[str, ...]] = ("phases", "epochs")

    def measure(self, bank: Bank) -> tuple[Finding | NotApplicable, dict[str, np.ndarray]]:
        """What was lost of the earlier phases, and the accuracy on each phase at every checkpoint."""
        run = bank[bank.subject.bank()]
        right, phases = run.views["train"].correct, _rows(bank)
        ends = [run.checkpoints.index(epoch) for epoch in bank.subject.ends()]
        earlier = np.concatenate(phases[:-1])
        after = np.concatenate([np.full(len(rows), end) for rows, end in zip(phases[:-1], ends)])
        learned = right[after, :, earlier].T.astype(np.float64)  # (m, n_earlier): right at the end of its own phase
        lost = learned - right[-1][:, earlier]
        weights = np.concatenate([np.full(len(rows), 1 / len(rows)) for rows in phases[:-1]])  # each phase as much
        held_out, seen = _both(lost, run, earlier, bank, weights)
        had, kept = (_both(values, run, earlier, bank, weights)[0] for values in (learned, learned - lost))
        n = len(earlier)
        had_blind, kept_blind, last_blind = _blind([bank.data.train.y[rows] for rows in phases])
        blind = had_blind - kept_blind
        finding = self.finding(
            {
                "forgetting": estimate(_within(held_out, -1.0), unit="points", null=blind, n=n, better="low"),
                "forgetting_seen": estimate(_within(seen, -1.0), unit="points", null=blind, n=n, better="low"),
                "learned_accuracy": estimate(_within(had), unit="accuracy", null=had_blind, n=n, better="high"),
                "retained_accuracy": estimate(_within(kept), unit="accuracy", null=kept_blind, n=n, better="high"),
                **self._last(bank, run, phases[-1], last_blind),
            },
            headline="forgetting",
            poles=(
                Pole(name="Nothing lost", value=0.0),
                Pole(name="All lost", value=had.value, note="what had been learned of the earlier phases"),
            ),
            curves={f"phase_{j + 1}": _course(bank, run, rows) for j, rows in enumerate(phases)},
            tables={"accuracy_after_each_phase": _matrix(bank, run, phases, ends)},
            details={"phases": len(phases), "epochs": bank.subject.ends(), "members": len(run.members)},
        )
        return finding, {}

    @staticmethod
    def _last(bank: Bank, run: Run, rows: np.ndarray, chance: float) -> dict[str, Quantity]:
        """What the last phase learned: where it learned nothing, no forgetting is no merit."""
        right = run.views["train"].correct[-1][:, rows].astype(np.float64)
        last = _within(_both(right, run, rows, bank)[0])
        return {"last_phase_accuracy": estimate(last, unit="accuracy", null=chance, n=len(rows), better="high")}


def _blind(labels: list[np.ndarray]) -> tuple[float, float, float]:
    """Accuracy of a guess at the most frequent label of the phase that was trained last, whatever x is.

    On the earlier phases each at its own end, on them at the end of training, and on the last phase.

    Example:
        >>> _blind([np.array([0, 0, 0, 1]), np.array([2, 2, 1])])
        (0.75, 0.0, 0.6666666666666666)
    """
    guesses = [int(np.bincount(y).argmax()) for y in labels]
    right = [[float((y == guess).mean()) for guess in guesses] for y in labels]  # on phase i, after phase j
    earlier = range(len(labels) - 1)
    return (
        float(np.mean([right[j][j] for j in earlier])),
        float(np.mean([right[j][-1] for j in earlier])),
        right[-1][-1],
    )


def _rows(bank: Bank) -> list[np.ndarray]:
    """The counted examples of each phase, each once, in the phase that trains on it first."""
    fresh, made = bank.counted.copy(), []
    for course in bank.data.courses:
        rows = np.unique(course)
        made.append(rows[fresh[rows]])
        fresh[rows] = False
    return made


def _both(
    values: np.ndarray, run: Run, rows: np.ndarray, bank: Bank, weights: np.ndarray | None = None
) -> tuple[Estimate, Estimate]:
    """Means over the examples `rows` of values (m, n_rows): of members that did not see them, and that did."""
    each = np.ones(len(rows)) if weights is None else weights
    parts = budget_share_intervals(each, each * (1 - values), run.members.mask[:, rows], bank.groups[rows])
    return parts.understood, complement(parts.left)


def _within(of: Estimate, least: float = 0.0) -> Estimate:
    """Its interval, cut at 1 and at the `least` that an accuracy, or a difference of two, may be."""
    return of if of.interval is None else of._replace(low=max(least, of.low), high=min(1.0, of.high))


def _course(bank: Bank, run: Run, rows: np.ndarray) -> Curve:
    """Accuracy on a phase at every checkpoint, of members that did not see the examples."""
    right = run.views["train"].correct[:, :, rows].astype(np.float64)
    axes = {"x_axis": Axis(name="epoch", unit="epochs"), "y_axis": Axis(name="accuracy", unit="accuracy")}
    chance = (bank.data.most_frequent,) * len(run.checkpoints)
    points = [_within(_both(one, run, rows, bank)[0]) for one in right]
    return Curve(**axes, x=run.checkpoints, **line(points), null=chance)


def _matrix(bank: Bank, run: Run, phases: list[np.ndarray], ends: list[int]) -> FactTable:
    """a[i, j]: held-out accuracy on phase j after phase i."""
    right = run.views["train"].correct.astype(np.float64)
    values: dict[str, tuple] = {"after_phase": tuple(range(1, len(phases) + 1))}
    for j, rows in enumerate(phases):
        values[f"on_phase_{j + 1}"] = tuple(_both(right[end][:, rows], run, rows, bank)[0].value for end in ends)
    return FactTable(values=values)
