"""Would it predict better if it looked back less far?"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from byheart.maths.lags import window_price
from byheart.maths.lags.window_price import FEWEST_BLOCKS, WindowPrice
from byheart.maths.statistics.seen_unseen import side_means
from byheart.probes.base import Bank, Cost, Need, Probe, Subject
from byheart.records.facts import Axis, Curve
from byheart.records.finding import Finding, NotApplicable, Pole
from byheart.records.quantity import Quantity, interval_by

RESAMPLED = "bootstrap over blocks; chosen on one half of them, read on the other"
MOST_WINDOWS = 6


class Window(Probe):
    r"""Would it predict better if it looked back less far?

    The recipe is trained again on the same steps, members and seeds, seeing the last k steps of each window alone:
    bits(k) = c/2 log2(E_k / E_w) with E_k the mean squared error of members on steps that they were not trained on, c
    channels. Paid = the same between the whole window and the best of them, chosen on other blocks than it is read on
    (`maths.lags.window_price`). One step: bits(1), negative where the last step alone does better than the window.

    Memoryless, where the last step is all there is to know: paid > 0, memory hurts. Window, where every step tells:
    shorter ones cost bits. Cost: the members again for at most six
    windows. Fails when: the recipe is tuned to one window (a learning rate, a width). Reference: byheart; the effect:
    Takens 1981, Detecting strange attractors in turbulence (what suffices); Stone 1974 (choosing and reading apart).

    Example:
        >>> Window().chapter
        'dynamics'
    """

    name: ClassVar[str] = "dynamics/window"
    version: ClassVar[int] = 2
    poles: ClassVar[tuple[str, str]] = ("memoryless", "window")
    cost: ClassVar[Cost] = "the members again"
    outputs: ClassVar[tuple[str, ...]] = ("next step",)

    def requires(self, subject: Subject) -> tuple[Need, ...] | NotApplicable:
        """The bank, and its members once a shorter window."""
        if not (shorter := _shorter(subject)):
            return self.not_applicable("short window")
        return (subject.bank(), *shorter.values())

    def measure(self, bank: Bank) -> tuple[Finding | NotApplicable, dict[str, np.ndarray]]:
        """Bits a step by window, and what the whole one costs above the best."""
        if len(np.unique(bank.groups)) < FEWEST_BLOCKS:
            return self.withheld("few blocks", members=len(np.unique(bank.groups)), needed=FEWEST_BLOCKS), {}
        own = bank.subject.bank()
        runs = {k: need for k, need in _shorter(bank.subject).items() if need in bank}
        if not runs:  # a model of one length of window alone
            return self.withheld("too few points", points=1, needed=2), {}
        window, d = bank.data.train.x.shape[1:]
        needs = {**runs, window: own}
        errors = np.stack([self._unseen(bank, need) for need in needs.values()])
        known = np.isfinite(errors).all(0)
        if not errors[:, known].any(1).all():  # no error at all: no ratio of two
            return self.withheld("undefined"), {}
        found = window_price([*needs], errors[:, known], bank.groups[known], self.rng(bank, "blocks"), channels=d)
        n = int(known.sum())
        quantities = {
            "paid_bits": Quantity(
                value=found.paid, unit="bits", null=0.0, n=n, better="low",
                **interval_by(RESAMPLED, (found.paid_low, found.paid_high)),
            ),
            "best_window": Quantity(
                value=float(found.best), unit="steps", null=None, n=n,
                **interval_by("bootstrap over blocks", (found.best_low, found.best_high)),
            ),
            "one_step_bits": Quantity(
                value=float(found.bits[0]), unit="bits", null=0.0, n=n,
                **interval_by("bootstrap over blocks", _first(found)),
            ),
        }  # fmt: skip
        finding = self.finding(
            quantities,
            headline="paid_bits",
            poles=(
                Pole(name="Memoryless", value=-float(found.bits[0]), note="what the last step alone would save"),
                Pole(name="Window", value=0.0, note="no shorter window is better"),
            ),
            curves={"bits": _curve(found)},
            details={"window": window, "members": len(bank[own].members), "windows": len(needs)},
        )
        return finding, {}

    def _unseen(self, bank: Bank, need: Need) -> np.ndarray:
        """(n,) mean squared error of each step over the members that were not trained on it."""
        run = bank[need]
        return side_means(run.views["train"].loss_nats[-1].astype(np.float64), run.members.seen)[1]


def _first(found: WindowPrice) -> tuple[float, float]:
    """The ends of what one step costs; percentiles of resamples may leave out what was measured."""
    bits = float(found.bits[0])
    return min(bits, float(found.low[0])), max(bits, float(found.high[0]))


def _shorter(subject: Subject) -> dict[int, Need]:
    """The members again, by the number of steps that they see: doubled from 1 to below the window.

    None where the task is none of windows, or of one step.
    """
    window = int(getattr(subject.task, "looks_back", 0) or getattr(subject.task, "window", 1))
    same = {"members": subject.members, "share": subject.share, "checkpoints": subject.checkpoints()[-1:]}
    halves = [2**i for i in range((window - 1).bit_length())][:MOST_WINDOWS]
    return {k: Need(vary={"task.looks_back": k}, **same) for k in halves}


def _curve(found: WindowPrice) -> Curve:
    return Curve(
        x_axis=Axis(name="steps that it sees", unit="steps"), y_axis=Axis(name="bits a step more", unit="bits"),
        x=found.windows, y=found.bits, low=found.low, high=found.high,
    )  # fmt: skip
