"""Does a wider network do better on new examples, and how large do its weights become?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar, NamedTuple

import numpy as np
from pydantic import Field
from scipy.stats import t as student

from byheart.maths.statistics.effective_sample_size import complement
from byheart.maths.statistics.intervals import BudgetShares, budget_share_intervals
from byheart.probes.base import Assumption, Bank, Cost, Need, Probe, Subject
from byheart.probes.intervals import Measured, estimate
from byheart.records.facts import Axis, Curve
from byheart.records.finding import Finding, NotApplicable
from byheart.training.keep import Weights
from byheart.training.run import Run

FACTORS = (1 / 16, 1 / 4, 1, 2, 4)
WEIGHTS = Weights()


class Width(Probe):
    r"""Does a wider network do better on new examples?

    The same recipe with hidden layers of other widths w, on the same subsets. held_out(w) = mean over examples of
    the accuracy of members that did not see it, train(w) of those that did [accuracy; of values 1 - squared error /
    variance, r2]. widest_held_out_gain = held_out(widest) - held_out(narrowest) [points; r2], of the same members;
    widest_train_gain likewise. norm(w) = Euclidean norm of all weight matrices at the end, mean over members.

    Rote, whatever its width: 0. Oracle: 0. Cost: `members` models a width. Fails when: the widest is not trained to its
    end in as many epochs; a width that cannot be trained is a gap in the curves. Reference: Belkin et al. 2019,
    Reconciling modern machine-learning practice and the classical bias-variance trade-off, PNAS 116, figure 4.

    Example:
        >>> Width().chapter, Width().all_widths(128)
        ('generalization', (8, 32, 128, 256, 512))
    """

    name: ClassVar[str] = "generalization/width"
    cost: ClassVar[Cost] = "on request"
    outputs: ClassVar[tuple[str, ...]] = ("classes", "values")
    assumes: ClassVar[tuple[Assumption, ...]] = ("both sides", "varying values", "draws")
    members: Annotated[int, Field(ge=4)] = 8
    widths: tuple[Annotated[int, Field(ge=1)], ...] = ()

    def all_widths(self, own: int) -> tuple[int, ...]:
        """The widths that are trained, ascending: those asked for, or five around the subject's own."""
        return tuple(sorted(set(self.widths or (max(1, round(own * factor)) for factor in FACTORS))))

    def at_widths(self, subject: Subject) -> dict[int, Need]:
        """The runs of each width."""
        hidden: Any = getattr(subject.learner, "hidden", None)
        if not hidden:
            return {}
        layers = tuple(hidden) if isinstance(hidden, tuple) else (hidden,)
        several = len(layers) > 1
        return {
            width: Need(
                members=self.members, share=subject.share, checkpoints=subject.checkpoints()[-1:], keep=(WEIGHTS,),
                vary={"learner.hidden": [width] * len(layers) if several else width},
            )
            for width in self.all_widths(layers[0])
        }  # fmt: skip

    def requires(self, subject: Subject) -> tuple[Need, ...] | NotApplicable:
        """Members of five widths."""
        needs = self.at_widths(subject)
        return tuple(needs.values()) or self.not_applicable(
            "no setting", learner=subject.learner.name, setting="hidden"
        )

    def measure(self, bank: Bank) -> tuple[Finding | NotApplicable, dict[str, np.ndarray]]:
        """Scores and norms by width, and what the widest gains over the narrowest."""
        needs = self.at_widths(bank.subject)
        runs = {width: bank[need] for width, need in needs.items() if need in bank}
        if len(runs) < 2:
            return self.withheld("too few points", points=len(runs), needed=2), {}
        errors = {width: _errors(bank, run) for width, run in runs.items()}
        scores = {width: _parts(bank, runs[width], of) for width, of in errors.items()}
        narrow, wide = min(runs), max(runs)
        gain = _parts(bank, runs[wide], errors[narrow] - errors[wide])
        classes = bool(bank.data.output.classes)
        more: dict[str, Any] = {"unit": "points" if classes else "r2", "null": 0.0, "n": int(bank.counted.sum())}
        y = Axis(name="accuracy", unit="accuracy") if classes else Axis(name="R2", unit="r2")
        sides = {
            "seen": {width: complement(parts.left) for width, parts in scores.items()},
            "held_out": {width: parts.understood for width, parts in scores.items()},
        }
        norms = {width: _norms(run) for width, run in runs.items()}
        finding = self.finding(
            {
                "widest_held_out_gain": estimate(complement(gain.understood), better="high", **more),
                "widest_train_gain": estimate(gain.left, **more),
            },
            headline="widest_held_out_gain",
            curves={
                **{name: _curve(needs, of, y) for name, of in sides.items()},
                "weight_norm": _curve(needs, norms, Axis(name="norm of all weights")),
            },
            details={"widths": list(needs), "trained": list(runs), "members": self.members},
        )
        return finding, {}


def _errors(bank: Bank, run: Run) -> np.ndarray:
    """(m, n) at the end: 1 where wrong, or the squared error over the variance of the target."""
    train = run.views["train"]
    if train.correct is not None:
        return 1.0 - train.correct[-1]
    return train.loss_nats[-1].astype(np.float64) / bank.data.train.y.var()


def _parts(bank: Bank, run: Run, errors: np.ndarray) -> BudgetShares:
    """Understood: 1 less the mean error where not seen; left: the mean error where seen."""
    rows = bank.counted
    mask = run.members.mask[:, rows]
    return budget_share_intervals(np.ones(int(rows.sum())), errors[:, rows], mask, bank.groups[rows])


class _Mean(NamedTuple):
    """A mean over members with Student's 95 % interval."""

    value: float
    interval: tuple[float, float] | None


def _norms(run: Run) -> _Mean:
    """The Euclidean norm of all weight matrices of a member."""
    matrices = [w.reshape(len(w), -1) for w in run.kept[WEIGHTS.label].values() if w.ndim > 2]
    norms = np.sqrt(sum((w.astype(np.float64) ** 2).sum(1) for w in matrices))
    half = float(student.ppf(0.975, len(norms) - 1) * norms.std(ddof=1) / np.sqrt(len(norms)))
    return _Mean(float(norms.mean()), (float(norms.mean()) - half, float(norms.mean()) + half))


def _curve(widths: Iterable[int], of: Mapping[int, Measured], y: Axis) -> Curve:
    """A value a width; a width that could not be trained is a gap."""
    found = {width: of.get(width) for width in widths}
    ends = [(None, None) if one is None or one.interval is None else one.interval for one in found.values()]
    return Curve(
        x_axis=Axis(name="hidden units"), y_axis=y, x=tuple(map(float, found)),
        y=tuple(None if one is None else one.value for one in found.values()),
        low=tuple(low for low, _ in ends), high=tuple(high for _, high in ends),
    )  # fmt: skip
