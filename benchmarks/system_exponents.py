"""What are the Lyapunov exponents of the systems that no identity gives? By QR along one long orbit each.

    python benchmarks/system_exponents.py [--only Chua] [--share 0.1]

Prints, for each system, the exponents with half the width of their 95 % interval (t of 9 degrees of freedom, from the
means of ten blocks), the dimension of Kaplan and Yorke with the exponent that must be 0 taken as 0, and their sum
beside the mean divergence where that is exact. `tasks/systems/measured.py` holds what it printed, and says so.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from scipy import stats

from byheart.maths.orbits import kaplan_yorke, lyapunov_spectrum
from byheart.tasks.systems import Chua, HindmarshRose, Ikeda, Lorenz96, MackeyGlass, Moving, Thomas, VanDerPol

# system -> step, steps after the transient
RUNS: dict[str, tuple[Moving, float, int]] = {
    "VanDerPol": (VanDerPol(), 0.01, 1_000_000),
    "HindmarshRose": (HindmarshRose(), 0.02, 2_000_000),
    "Ikeda": (Ikeda(), 1.0, 2_000_000),
    "Chua": (Chua(), 0.01, 2_000_000),
    "Thomas": (Thomas(), 0.05, 2_000_000),
    "Lorenz96": (Lorenz96(), 0.01, 1_000_000),
    "MackeyGlass": (MackeyGlass(), 0.05, 1_200_000),
}
TRANSIENT = 50_000


def measured(name: str, share: float) -> None:
    """Prints the spectrum of one system."""
    system, dt, steps = RUNS[name]
    begun = time.process_time()
    found = lyapunov_spectrum(
        lambda x: system.step(x, dt), system.start, round(share * steps), dt,
        jacobian=lambda x: system.step_jacobian(x, dt), transient=round(share * TRANSIENT),
    )  # fmt: skip
    half = stats.t.ppf(0.975, 9) * found.standard_errors
    zero = 0.0 if name in ("Ikeda",) else float(np.abs(found.values).min()) * 1.0001
    print(f"{name}: time {found.time:,.0f}, dt {dt:g}, {time.process_time() - begun:.0f} CPU s")
    print("  exponents", np.array2string(found.values, precision=5, max_line_width=120, floatmode="fixed"))
    print("  half widths", np.array2string(half, precision=5, max_line_width=120, floatmode="fixed"))
    dimension = kaplan_yorke(found.values, zero)
    print(f"  dimension {dimension:.4f}, sum {found.values.sum():.6f}, exact {system.truth.total}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=RUNS)
    parser.add_argument("--share", type=float, default=1.0, help="of the steps")
    asked = parser.parse_args()
    for one in [asked.only] if asked.only else RUNS:
        measured(one, asked.share)
