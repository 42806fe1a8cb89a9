"""How far back must one remember to predict the next step of this series?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from byheart.errors import InputRefused
from byheart.maths.lags import Needed, cao, delay, needed
from byheart.probes.base import Assumption, Bank, Probe
from byheart.probes.training_series import shortened, training_stretches
from byheart.records.facts import Axis, Curve, FactTable, Scalar
from byheart.records.finding import Finding, NotApplicable, Pole
from byheart.records.quantity import Quantity, interval_by

MOST_STEPS = 2000  # of the series, its last ones: what is needed shows in them
MOST_CHANNELS = 8
NOISELESS = 6.0  # bits saved a step: of more noise than a sixty-fourth of the deviation Cao's dimension is too large
MOST_DIMENSION = 8
STABLE = range(1, MOST_DIMENSION)  # the largest that is asked about is what noise has, too
SAME = 1e-9  # of the deviation: what differs by less is rounding
WITHIN = "windows whose code is within two standard errors of the shortest"


class NeedOfData(Probe):
    r"""How far back must one remember to predict the next step of this series?

    Each step is coded by what the steps before it teach of its window, by linear regression, by products, and by a
    kernel machine; needed = the smallest window whose code is longer by at most 0.01 bits a step, or two standard
    errors, than the shortest (`maths.lags.needed`). Asked of the training steps, the last 2,000 at most; no window
    reaches over a gap, and no model of the audit is asked.

    White noise: 0. Memoryless, what the last step tells whole (a random walk, a system seen whole): 1. Window, the
    longest asked about: all of it tells. Cost: 1 CPU second for 2,000 steps of
    3 channels. Fails when: the past tells in a way that none of the three sees (withheld then, where a histogram sees
    it); the series drifts; more is needed than a twentieth of the steps. Reference: Dawid 1984, Statistical theory:
    the prequential approach, section 5; dimension: Cao 1997, Practical method for determining the minimum embedding
    dimension of a scalar time series, equations 2 to 5.

    Example:
        >>> NeedOfData().chapter
        'dynamics'
    """

    name: ClassVar[str] = "dynamics/need"
    version: ClassVar[int] = 3
    poles: ClassVar[tuple[str, str]] = ("memoryless", "window")
    outputs: ClassVar[tuple[str, ...]] = ("next step",)
    assumes: ClassVar[tuple[Assumption, ...]] = ()
    fewest_members: ClassVar[int] = 1

    def measure(self, bank: Bank) -> tuple[Finding | NotApplicable, dict[str, np.ndarray]]:
        """The window needed, what each further step saves, and the dimension that the series unfolds in."""
        stretches, channels = training_stretches(bank), len(bank.data.output.spread)  # type: ignore[attr-defined]
        series, begins = pooled(stretches)
        if not series.size:  # nothing varies in this stretch
            return self.withheld("undefined"), {}
        try:
            found = needed(series, self.rng(bank, "shuffles"), begins=begins)
        except InputRefused:  # too few steps for one lag: what else would be refused is left out
            return self.withheld("short series", steps=len(series)), {}
        if found.steps is None:
            return self.withheld("past unseen", steps=len(series)), {}
        curve = found.curves[found.basis]
        longest = max(np.split(series, begins[1:]), key=len)
        unfolded = self._unfolded(bank, longest, found.steps) if found.saved > NOISELESS else {}
        ends = sorted((found.steps, max(curve.shortest, found.steps)))
        n, half = curve.steps, 1.96 * found.saved_standard_error
        quantities = {
            "needed_steps": Quantity(
                value=float(found.steps), unit="steps", null=float(found.null), n=n, speaks_of="data",
                **interval_by(WITHIN, ends),
            ),
            "saved_bits": Quantity(
                value=found.saved, unit="bits", null=0.0, n=n, speaks_of="data",
                **interval_by("normal, batches of steps", (found.saved - half, found.saved + half)),
            ),
        }  # fmt: skip
        finding = self.finding(
            quantities,
            headline="needed_steps",
            poles=(
                Pole(name="Memoryless", value=1.0, note="the last step tells all"),
                Pole(name="Window", value=float(curve.windows[-1]), note="the longest asked about"),
            ),
            curves={"code": _code(found)},
            tables={"kinds": _kinds(found)},
            details={
                "steps": len(series), "basis": found.basis, "reason": found.reason, "shortest": curve.shortest,
                "longest": int(curve.windows[-1]), "increments": found.increments, "drift": found.drift,
                "window": int(bank.data.train.x.shape[1]), "shortened": shortened(bank),
                "asked": series.shape[1], "channels": channels,
                "steady": steady(longest), "stretches": len(begins), "all_steps": sum(map(len, stretches)), **unfolded,
            },
        )  # fmt: skip
        return finding, {}

    def _unfolded(self, bank: Bank, series: np.ndarray, most: int) -> dict[str, Scalar]:
        """Cao's dimension and the delay of its first channel, where each tenth of the series says the same.

        By the delay of the mutual information, else of one step, where no more can be needed than `most`.
        """
        first = series[:, :1]
        try:
            apart = delay(first, self.rng(bank, "delay")).steps
            for steps in (apart, 1) if apart and apart > 1 else (1,):
                found = cao(first, delay=steps, most=MOST_DIMENSION)
                if found.dimension in STABLE and found.low == found.high and (steps > 1 or found.dimension <= most):
                    return {"delay": steps, "dimension": found.dimension}
        except InputRefused:  # too short, or values that repeat
            pass
        return {}


def pooled(stretches: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """(t, d) the last steps of a series in stretches (t, d), one after another, and (s,) where each begins.

    The first 8 at most of the channels that vary in them, and of which none is another again up to scale.

    Example:
        >>> series, begins = pooled([np.arange(3.0)[:, None], np.arange(2000.0)[:, None], np.arange(9.0)[:, None]])
        >>> series.shape, begins.tolist()
        ((2000, 1), [0, 1991])
    """
    series = np.concatenate(stretches)
    begins = np.cumsum([0, *map(len, stretches)])[:-1] - max(0, len(series) - MOST_STEPS)
    return distinct(series[-MOST_STEPS:])[:, :MOST_CHANNELS], np.unique(np.maximum(begins, 0))


def distinct(series: np.ndarray) -> np.ndarray:
    """(t, c) the channels of a series (t, d) that vary, each once where several are the same up to scale.

    Example:
        >>> distinct(np.array([[1.0, 2.0, 5.0, 0.0], [2.0, 4.0, 5.0, 1.0], [4.0, 8.0, 5.0, 0.0]])).shape
        (3, 2)
    """
    kept: list[tuple[np.ndarray, np.ndarray]] = []
    for channel in series.T:
        spread = channel.std()
        if spread <= SAME * max(abs(channel.mean()), 1.0):
            continue
        unit = (channel - channel.mean()) / spread
        if all(abs(unit @ other) / len(unit) < 1 - SAME for other, _ in kept):
            kept.append((unit, channel))
    return np.stack([channel for _, channel in kept], 1) if kept else np.empty((len(series), 0))


def steady(series: np.ndarray) -> bool:
    """Whether all changes of a series (t, d) are the same: a straight line."""
    return bool((np.diff(series, axis=0).std(0) <= SAME * series.std(0)).all())


def _code(found: Needed) -> Curve:
    """Bits a step by window, of the prediction whose code is the shortest."""
    curve = found.curves[found.basis]
    return Curve(
        x_axis=Axis(name="window", unit="steps"), y_axis=Axis(name="bits a step, less than without", unit="bits"),
        x=curve.windows, y=curve.code[0] - curve.code,
    )  # fmt: skip


def _kinds(found: Needed) -> FactTable:
    """The shortest code of each kind of prediction."""
    kinds = [*found.curves]
    curves = [found.curves[kind] for kind in kinds]
    return FactTable(
        values={
            "prediction": tuple(kinds),
            "window": tuple(int(one.shortest) for one in curves),
            "needed": tuple(int(one.needed) for one in curves),
            "saved": tuple(float(one.code[0] - one.code.min()) for one in curves),
        },
        units={"window": "steps", "needed": "steps", "saved": "bits"},
    )
