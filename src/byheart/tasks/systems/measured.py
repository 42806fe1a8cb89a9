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
        (0.00514, 0.0, -0.03884, -0.05252, -0.06968, -0.08584, -0.10143, -0.10812, -0.11679, -0.12211,
         -0.12913, -0.13512, -0.14258, -0.14809, -0.20379, -0.25928, -0.3154, -0.4014, -1.02058, -1.46877,
         -1.46996, -1.556, -3.77654, -4.89298, -5.41818),
        (0.00021, 0.0, 0.00033, 0.00028, 0.00047, 0.00035, 0.00022, 0.0004, 0.00022, 0.00029, 0.00026,
         0.00028, 0.00034, 0.00066, 0.00097, 0.00082, 0.0013, 0.0016, 0.00079, 0.0002, 0.00021, 0.00044,
         0.00078, 0.00045, 0.00032),
        2.132, 250_000, 0.25,
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
