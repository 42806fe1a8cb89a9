"""How far back does this model remember?"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from byheart.maths.lags import Truncation, truncation_curve
from byheart.maths.lags.truncation_curve import FEWEST_WINDOWS
from byheart.probes.base import Assumption, Bank, Cost, Need, Probe, Subject
from byheart.records.facts import Axis, Curve, FactTable
from byheart.records.finding import Finding, NotApplicable, Pole
from byheart.records.quantity import Quantity, interval_by
from byheart.tasks.windows import CONSTANT, CUT, OF_CUT
from byheart.training.run import Run

BESIDE = {
    "ridge": "a linear map", "gru": "a GRU", "almost-linear-rnn": "an almost-linear network",
    "memoryless": "the last step alone", "rote": "the nearest window of the record",
}  # fmt: skip
RESAMPLED = "bootstrap over blocks of windows and members"


class Use(Probe):
    r"""How far back does this model remember?

    Test windows are cut: all older than their last k steps are those of another time. bits(k) = mean over members of
    sum over channels of log2(squared error cut / squared error whole) / 2; used = the smallest k from which on no cut
    costs 0.01 bits a step (`maths.lags.truncation_curve`). It asks outcomes alone, so any model.

    Memoryless: 1. Window, a model that needs every step of it: all. Cost: three closed forms and eight members of
    two small recurrent networks. Fails when: a window put together of two times is unlike any other, and the model
    fails by that: bits are then an upper bound; steps that move predictions and make them no better, which cost no
    bits. Reference: Khandelwal et al. 2018, Sharp nearby, fuzzy far away, section 4.

    Example:
        >>> Use().chapter
        'dynamics'
    """

    name: ClassVar[str] = "dynamics/use"
    version: ClassVar[int] = 2
    poles: ClassVar[tuple[str, str]] = ("memoryless", "window")
    cost: ClassVar[Cost] = "few models"
    outputs: ClassVar[tuple[str, ...]] = ("next step",)
    needs: ClassVar[tuple[str, ...]] = ("test",)
    assumes: ClassVar[tuple[Assumption, ...]] = ()
    fewest_members: ClassVar[int] = 1

    def requires(self, subject: Subject) -> tuple[Need, ...] | NotApplicable:
        """The bank, and simple models that look back differently far."""
        return (subject.bank(), *(subject.baseline(name) for name in BESIDE))

    def measure(self, bank: Bank) -> tuple[Finding | NotApplicable, dict[str, np.ndarray]]:
        """The window that each member uses, and what a cut costs."""
        windows = len(bank.data.views.get(f"{CUT}0", ()))
        if windows < FEWEST_WINDOWS:
            return self.withheld("no cuts", windows=windows, needed=FEWEST_WINDOWS), {}
        found = self._curve(bank, bank[bank.subject.bank()], "this")
        window, m = int(found.lengths[-1]), len(found.by_member)
        older = found.lengths == 1
        of = "training" if m == 1 else "recipe"  # the blocks of one member know no other training
        quantities = {
            "used_steps": Quantity(
                value=float(found.used), unit="steps", null=None, n=windows, speaks_of=of,
                **interval_by(RESAMPLED, (found.used_low, found.used_high)),
            ),
        }  # fmt: skip
        if older.any():
            bits, half = float(found.bits[older][0]), 1.96 * float(found.standard_errors[older][0])
            quantities["used_bits"] = Quantity(
                value=bits,
                unit="bits",
                null=0.0,
                n=windows,
                speaks_of=of,
                **interval_by(RESAMPLED, (bits - half, bits + half)),
            )
        beside = {name: self._curve(bank, bank[need], name) for name, need in self._beside(bank).items()}
        finding = self.finding(
            quantities,
            headline="used_steps",
            poles=(
                Pole(name="Memoryless", value=1.0, note="the last step alone"),
                Pole(name="Window", value=float(window), note="all that the model is given"),
            ),
            curves={"bits": _line(found)},
            tables={"models": _models({"this": found, **beside}, self._errors(bank))},
            details={"window": window, "members": m},
        )
        return finding, {}

    def _beside(self, bank: Bank) -> dict[str, Need]:
        needs = {name: bank.subject.baseline(name) for name in BESIDE}
        return {name: need for name, need in needs.items() if need in bank and name != bank.subject.learner.name}

    def _errors(self, bank: Bank) -> dict[str, float]:
        """The share of the variance of new steps that each model leaves, of `this` and of those beside it.

        Nothing where the test does not vary, as of a sensor that is stuck: there is no share of none.
        """
        y = bank.data.views["test"].y
        if (y.std(0) <= CONSTANT).all():
            return {}
        variance = float(bank.data.output.in_units(y).var(0).mean())
        needs = {"this": bank.subject.bank(), **self._beside(bank)}
        return {name: float(bank[need].views["test"].loss_nats[-1].mean()) / variance for name, need in needs.items()}

    def _curve(self, bank: Bank, run: Run, who: str) -> Truncation:
        """Bits lost by cuts, of the members of a run."""
        lengths = sorted(int(view.removeprefix(CUT)) for view in bank.data.views if view.startswith(CUT))
        views = {name: view for name, view in bank.data.views.items() if name == "test" or name.startswith(CUT)}
        in_time = {name: np.argsort(view.ids) for name, view in views.items()}
        spread = np.array(bank.data.output.spread)  # type: ignore[attr-defined]
        errors = {  # of each channel: their mean would be that of the channel that nothing predicts
            name: ((run.views[name].logits - view.y) / spread)[:, in_time[name]].astype(float) ** 2  # type: ignore[operator]
            for name, view in views.items()
        }
        at = np.searchsorted(np.sort(views["test"].ids), np.sort(views[f"{CUT}0"].ids) % OF_CUT)
        cut = np.stack([errors[f"{CUT}{length}"] for length in lengths])
        rng, window = self.rng(bank, "blocks", who), bank.data.train.x.shape[1]
        return truncation_curve(lengths, cut, errors["test"][:, at], window, rng)


def _line(found: Truncation) -> Curve:
    half = 1.96 * found.standard_errors
    return Curve(
        x_axis=Axis(name="last steps left as they are", unit="steps"), y_axis=Axis(name="bits lost", unit="bits"),
        x=found.lengths, y=found.bits, low=found.bits - half, high=found.bits + half,
    )  # fmt: skip


def _models(found: dict[str, Truncation], errors: dict[str, float]) -> FactTable:
    """How far back each model looks, what its memory beyond the last step is worth to it, and how well it predicts."""
    one = {name: int(np.flatnonzero(curve.lengths <= 1)[-1]) for name, curve in found.items()}
    return FactTable(
        values={
            "model": tuple(BESIDE.get(name, name) for name in found),
            "used": tuple(int(curve.used) for curve in found.values()),
            "used_low": tuple(int(curve.used_low) for curve in found.values()),
            "used_high": tuple(int(curve.used_high) for curve in found.values()),
            "bits": tuple(float(curve.bits[one[name]]) for name, curve in found.items()),
            "r2": tuple(1 - errors[name] if name in errors else None for name in found),
        },
        units={"used": "steps", "used_low": "steps", "used_high": "steps", "bits": "bits", "r2": "r2"},
    )
