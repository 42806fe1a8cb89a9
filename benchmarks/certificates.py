"""Certificates: how far below chance, how far above the measured error, in how many CPU seconds?

    PYTHONPATH=src python benchmarks/certificates.py [--seeds 1] [--tasks digits fashion] [--priors trained initial]

A line a seed: the certificate, the measured error on new images and the gap, the plain hold-out bound beside it, KL,
the CPU seconds of everything. With more seeds also how often the certificate lay below the interval of the measured
error: with 95 % confidence at most one time in 20.
"""

from __future__ import annotations

import argparse
import time

import torch

from byheart.learners.mlp import Mlp
from byheart.probes.generalization.certificate import Certificate
from byheart.registry import find
from byheart.testing.banks import bank_of


def main() -> None:
    """The table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--tasks", nargs="+", default=["digits", "fashion"])
    parser.add_argument("--priors", nargs="+", default=["trained", "initial"])
    asked = parser.parse_args()
    torch.set_num_threads(1)
    print(
        f"{'task':9}{'prior':9}{'seed':>5}{'certificate':>13}{'measured':>10}{'gap':>8}{'hold-out':>10}{'KL':>9}{'s':>7}"
    )
    for task in asked.tasks:
        for prior in asked.priors:
            below = 0
            for seed in range(asked.seeds):
                probe = Certificate(prior=prior)
                bank = bank_of(probe, find("task", task)(), Mlp(), members=1, seed=seed)
                started = time.process_time()
                found = probe.measure(bank)[0]
                spent = time.process_time() - started
                q = found.quantities
                bound, test = q["certificate"].value, q["stochastic_test_error"]
                plain = {row["bound"]: row["at_most"] for row in found.tables["bounds"].rows()}["hold_out"]
                below += bound < test.interval[0]
                print(
                    f"{task:9}{prior:9}{seed:5}{bound:13.4f}{test.value:10.4f}{bound - test.value:8.4f}{plain:10.4f}"
                    f"{q['posterior_kl'].value:9.2f}{spent:7.1f}",
                    flush=True,
                )
            if asked.seeds > 1:
                print(f"{task:9}{prior:9}below what was measured: {below} of {asked.seeds}")


if __name__ == "__main__":
    main()
