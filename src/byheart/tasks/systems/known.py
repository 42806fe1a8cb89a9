"""What is known of a system before anything is measured, each number with its source."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Known:
    """What is known of a dynamical system; what is not known is None.

    Attributes:
        total: sum of all Lyapunov exponents, per unit of time: exact, the mean divergence of the flow.
        exponents: all of them, the largest first, per unit of time (per iteration of a map).
        dimension: the Kaplan-Yorke dimension of the attractor.
        fixed_points: states that do not move, exact.
        sources: field -> where it is from; identities say `exact`.
    """

    total: float | None = None
    exponents: tuple[float, ...] | None = None
    dimension: float | None = None
    fixed_points: tuple[tuple[float, ...], ...] = ()
    sources: dict[str, str] = field(default_factory=dict)
