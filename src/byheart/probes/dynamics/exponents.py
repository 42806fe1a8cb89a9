"""How fast do neighbouring states of this model part, left to itself?"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from byheart.errors import InputRefused
from byheart.maths.orbits import Spectrum, kaplan_yorke, lyapunov_spectrum
from byheart.probes.base import Assumption, Bank, Cost, Need, Probe, Subject
from byheart.records.facts import FactTable
from byheart.records.finding import Finding, NotApplicable
from byheart.records.quantity import Quantity, interval_by
from byheart.training.free_orbits import AWAY
from byheart.training.keep import Weights

if TYPE_CHECKING:
    from torch import Tensor

    from byheart.training.kept_module import KeptModule

BLOCKS = "normal, blocks of the orbit"
MOST_STATE = 64  # numbers of a state: a QR step of more costs more than it tells


class Exponents(Probe):
    r"""How fast do neighbouring states of this model part, left to itself?

    The state is the window: s = (x_{t-w+1}, ..., x_t), and a step of the model makes the next window of it. Its
    Lyapunov exponents are lambda_i = mean of ln |R_ii| per step, by QR of the Jacobians of that step (float64, by
    `torch.func`) along an orbit of the model trained on everything, with standard errors by blocks
    (`maths.orbits.lyapunov_spectrum`). The largest says the kind: below 0 a fixed point, 0 a cycle or a torus, above 0
    chaos. The dimension is that of Kaplan and Yorke.

    Memoryless, a model of the last step alone: exponents of the other steps of the window are minus infinity. Window:
    as many as it has numbers. Cost: one Jacobian and one QR step of (w d, w d) for each of 2,000 steps; it is asked for
    with `--also`. Fails when: the orbit leaves every bound; a model of kinks, whose Jacobian jumps. Reference: Benettin
    et al. 1980, Lyapunov characteristic exponents for smooth dynamical systems, part 2; Kaplan and Yorke 1979, Chaotic
    behavior of multidimensional difference equations.

    Example:
        >>> Exponents().chapter
        'dynamics'
    """

    name: ClassVar[str] = "dynamics/exponents"
    poles: ClassVar[tuple[str, str]] = ("memoryless", "window")
    cost: ClassVar[Cost] = "on request"
    outputs: ClassVar[tuple[str, ...]] = ("next step",)
    assumes: ClassVar[tuple[Assumption, ...]] = ()
    fewest_members: ClassVar[int] = 1
    steps: int = 2000

    def requires(self, subject: Subject) -> tuple[Need, ...] | NotApplicable:
        """The model trained on everything, with its weights."""
        if not subject.learner.fleet:
            return self.not_applicable("nothing kept", learner=subject.learner.name, keep="weights")
        return (subject.whole().model_copy(update={"keep": (Weights(),)}),)

    def measure(self, bank: Bank) -> tuple[Finding | NotApplicable, dict[str, np.ndarray]]:
        """The spectrum of the one model, beside what is known of the system."""
        from byheart.training.kept_module import module_at

        subject, train = bank.subject, bank.data.train
        size = int(np.prod(train.x.shape[1:]))
        if size > MOST_STATE:
            return self.withheld("large state", numbers=size, most=MOST_STATE), {}
        (need,) = self.requires(subject)  # type: ignore[misc]
        model = module_at(subject.learner, bank.data, bank[need], Weights().label, levers=subject.levers)  # type: ignore[arg-type]
        dt = float(bank.data.about.get("dt", 1.0))
        try:
            found = lyapunov_spectrum(*_started(model, bank), self.steps, dt, transient=self.steps // 4)
        except InputRefused:
            return self.withheld("no orbit", steps=self.steps), {}
        finding = self.finding(
            _quantities(found, self.steps),
            headline="largest_exponent",
            tables={"exponents": _beside(found, bank)},
            details={"steps": self.steps, "dt": dt, "numbers": size, "known": bank.data.truth.exponents is not None},
        )
        return finding, {}


def _started(model: KeptModule, bank: Bank) -> tuple[Callable[[Tensor], Tensor], Tensor]:
    """The step from one window to the next as a function of (w d,) numbers, and the last training window."""
    import torch

    shape = bank.data.train.x.shape[1:]
    module = model.module.double()
    centre, scale = (
        torch.as_tensor(np.asarray(one).reshape(-1), dtype=torch.float64) for one in (model.centre, model.scale)
    )
    carried = torch.tensor(bank.data.output.carried, dtype=torch.float64)  # type: ignore[attr-defined]

    def step(state: Tensor) -> Tensor:
        window = state.reshape(shape)
        after = module(window[None])[0].reshape(-1) * scale + centre + carried * window[-1]
        after = torch.where(after.abs() < AWAY, after, torch.nan)  # what leaves has no exponents
        return torch.cat([window[1:], after[None]]).reshape(-1)

    return step, torch.from_numpy(np.array(bank.data.train.x[-1], dtype=np.float64).reshape(-1))


def _quantities(found: Spectrum, steps: int) -> dict[str, Quantity]:
    value, half = float(found.values[0]), 1.96 * float(found.standard_errors[0])
    made = {
        "largest_exponent": Quantity(
            value=value, unit="nats", null=0.0, n=steps, speaks_of="run",
            **interval_by(BLOCKS, (value - half, value + half)),
        )
    }  # fmt: skip
    if np.isfinite(found.values).any():
        finite = np.where(np.isfinite(found.values), found.values, -1e3)
        made["attractor_dimension"] = Quantity(
            value=float(kaplan_yorke(finite, zero=2 * float(found.standard_errors[0]))), unit="ratio", null=None,
            n=steps, speaks_of="run", **interval_by("", None, "not made"),
        )  # fmt: skip
    return made


def _beside(found: Spectrum, bank: Bank) -> FactTable:
    """The exponents per unit of time, and those of the system where they are known."""
    known: Any = bank.data.truth.exponents
    n = max(1, min(len(found.values), 8))
    own = [float(one) if np.isfinite(one) else None for one in found.values[:n]]
    errors = [float(one) if np.isfinite(one) else None for one in found.standard_errors[:n]]
    true = [float(known[i]) if known is not None and i < len(known) else None for i in range(n)]
    return FactTable(values={"exponent": tuple(own), "standard_error": tuple(errors), "system": tuple(true)})
