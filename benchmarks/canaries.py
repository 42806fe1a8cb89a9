"""Does exposure grow with the copies planted, and do held-out secrets stand at the null? Several seeds, end to end.

    python benchmarks/canaries.py [--seeds 3] [--epochs 10]      about 60 CPU seconds a seed

The goal of the issue: Spearman of exposure against copies above 0.9, held-out secrets at 1/ln 2 = 1.44 bits. Exposure
is exact: every secret is ranked among all 456,976 that there could be; the sampled and extrapolated forms stand beside.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import torch

from byheart.learners.transformer import Transformer
from byheart.maths.memorisation.exposure import null_deviation, null_mean
from byheart.probes.memory.exposure import Exposure
from byheart.report.cards import About, card_of
from byheart.tasks.canaries import Canaries
from byheart.testing.probes import bank_of

NAMES = (
    "dose_spearman", "dose_spearman_extrapolated", "dose_spearman_ranked", "exposure_held_out_bits",
    "extractable_share", "secret_sampled_share", "secret_discoverable_share", "memorised_bits_a_secret",
    "passage_extractable_share", "passage_discoverable_share",
)  # fmt: skip


def main() -> None:
    """Print a table a seed and the summary."""
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--seeds", type=int, default=3)
    words.add_argument("--epochs", type=int, default=10)
    words.add_argument("--width", type=int, default=32)
    said = words.parse_args()
    torch.set_num_threads(1)
    task, learner = Canaries(), Transformer(epochs=said.epochs, width=said.width)
    summary = []
    for seed in range(said.seeds):
        started = time.process_time()
        finding, _ = Exposure().measure(bank_of(Exposure(), task, learner, seed=seed))
        table = card_of(finding, About(kind="tokens")).charts[0].table
        print(f"seed {seed}, {time.process_time() - started:.0f} CPU s")
        widths = [max(len(row[i]) for row in (table.columns, *table.rows)) for i in range(len(table.columns))]
        for row in (table.columns, *table.rows):
            print("  " + "  ".join(cell.rjust(width) for cell, width in zip(row, widths)))
        for name in NAMES:
            found = finding.quantities[name]
            low, high = found.interval
            print(f"  {name:28} {found.value:6.3f} [{low:.3f}, {high:.3f}]  null {found.null:.3f}  n {found.n}")
        summary.append([finding.quantities[name].value for name in NAMES])
    exact, further, ranked, out = np.mean(summary, 0)[:4]
    others = 26**task.length - 1
    error = null_deviation(others) / np.sqrt(task.held_out * said.seeds)
    print(
        f"mean of {said.seeds} seeds: Spearman {exact:.3f} exact (goal above 0.9), {further:.3f} extrapolated, "
        f"{ranked:.3f} sampled; held out {out:.2f} bits, null {null_mean(others):.2f}, "
        f"{abs(out - null_mean(others)) / error:.1f} standard errors away"
    )


if __name__ == "__main__":
    main()
