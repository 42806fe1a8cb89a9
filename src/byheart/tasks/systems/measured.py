"""Measured: Lyapunov exponents that no identity gives, by our QR along one long orbit each, at the usual parameters.

`benchmarks/system_exponents.py` prints them. They are no truth to test that QR by: what the tests hold them against is
the mean divergence of the flow, which is their sum, and the 0 of the direction along the flow, which is exact.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from byheart.tasks.systems.known import Known


@dataclass(frozen=True)
class Measured:
    """Exponents of one orbit of `time` in steps of `dt`, the half widths of their 95 % intervals, and the dimension."""

    exponents: tuple[float, ...]
    half_widths: tuple[float, ...]
    dimension: float
    time: int
    dt: float

    @property
    def source(self) -> str:
        """What was done, and how well it is known."""
        widths = ", ".join(f"{one:g}" for one in self.half_widths[:3]) + (", ..." if len(self.half_widths) > 3 else "")
        zero = "; 0 along the flow is exact" if 0.0 in self.exponents else ""
        return (
            f"measured by byheart: QR along an orbit of {self.time:,} in steps of {self.dt:g}; "
            f"95 % intervals of plus or minus {widths}{zero}"
        )


MEASURED = {
    "VanDerPol": Measured((0.0, -1.0595), (0.0, 0.0003), 1.0, 10_000, 0.01),
    "HindmarshRose": Measured((0.0, -0.0151, -12.266), (0.0, 0.0003, 0.013), 1.0, 40_000, 0.02),
    "Ikeda": Measured((0.5074, -0.7181), (0.0007, 0.0007), 1.7066, 2_000_000, 1.0),
    "Chua": Measured((0.433, 0.0, -4.229), (0.005, 0.0, 0.015), 2.102, 20_000, 0.01),
    "Thomas": Measured((0.0062, 0.0, -0.6308), (0.0009, 0.0, 0.001), 2.01, 100_000, 0.05),
    "Lorenz96": Measured(
        (1.554, 1.229, 0.939, 0.676, 0.414, 0.157, 0.0, -0.096, -0.355, -0.593, -0.827, -1.052, -1.287, -1.554, -1.864,
         -2.233, -2.718, -3.441, -4.224, -4.726),
        (0.015, 0.022, 0.01, 0.015, 0.008, 0.009, 0.0, 0.012, 0.013, 0.01, 0.013, 0.015, 0.012, 0.018, 0.01, 0.014,
         0.026, 0.018, 0.024, 0.018),
        13.49, 10_000, 0.01,
    ),
    # of the 25 coordinates that are followed; those of the delay equation are without end, and the first of them these
    "MackeyGlass": Measured(
        (0.00491, 0.0, -0.03867, -0.05295, -0.06921, -0.08604, -0.10109, -0.10862, -0.11664, -0.12245,
         -0.12904, -0.13464, -0.14215, -0.14828, -0.20418, -0.2566, -0.3149, -0.3996, -1.0394, -1.47378,
         -1.47384, -1.61, -3.7423, -4.6851, -6.2624),
        (0.00069, 0.0, 0.00079, 0.00065, 0.00065, 0.00079, 0.00065, 0.00053, 0.00028, 0.00058, 0.00054,
         0.00063, 0.00051, 0.00074, 0.00093, 0.0012, 0.0017, 0.0015, 0.0012, 7.2e-05, 4.6e-05, 0.0016, 0.0018,
         0.0016, 0.0013),
        2.127, 60_000, 0.05,
    ),
}  # fmt: skip


def with_measured(system: object, known: Known) -> Known:
    """What is known of a system, and at its usual parameters what was measured of it beside."""
    name = type(system).__name__
    if name not in MEASURED or system != type(system)():
        return known
    one = MEASURED[name]
    sources = {"exponents": one.source} | ({"dimension": one.source} if known.dimension is None else {})
    dimension = one.dimension if known.dimension is None else known.dimension
    return replace(known, exponents=one.exponents, dimension=dimension, sources=known.sources | sources)
