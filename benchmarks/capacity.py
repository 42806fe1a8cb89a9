"""How many bits a parameter does our small transformer hold? Uniform random sequences, more and more of them.

    python benchmarks/capacity.py                 about 100 CPU seconds
    python benchmarks/capacity.py --steps 20000   longer training, closer to the capacity

Every size gets the same number of steps. Uniform random tokens cannot be understood, so every bit below t log2 v is
memory. A model that says its n sequences at random still pays log2 n bits for which one comes, so at most t log2 v -
log2 n of each can be held ("at most"). Morris et al. 2025 (arXiv 2505.24832) find 3.6 bits a parameter with 10^6 steps
on models of 100,000 parameters and more; what is cut here is printed.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from byheart.learners.transformer import Transformer
from byheart.maths.memorisation.capacity import PUBLISHED, Capacity, capacity, memorised_bits
from byheart.seeds import derive, stream
from byheart.tasks.data import Data, Examples, Truth
from byheart.tasks.output import Tokens
from byheart.training.members import Members
from byheart.training.training import Training

SIZES = (50, 100, 200, 400, 800)


class Measured(NamedTuple):
    """Totals (s, r), CPU seconds a size, parameters, and the capacity read from them."""

    bits: np.ndarray
    seconds: list[float]
    parameters: int
    capacity: Capacity


def random_sequences(n: int, v: int, t: int, seed: int) -> Data:
    """n sequences of t tokens, each uniform among v; there is nothing to understand in them."""
    x = stream(seed, "random sequences", n).integers(0, v, size=(n, t))
    train = Examples(np.arange(n), x.astype(np.uint8), x.astype(np.int64))
    output = Tokens(v, tuple(map(str, range(v))), noun=("sequence", "sequences"))
    return Data({"train": train}, output, Truth(), {"title": "uniform random sequences"})


def measure(
    learner: Transformer, sizes: Sequence[int] = SIZES, v: int = 32, t: int = 16, steps: int = 4000, seeds: int = 2
) -> Measured:
    """Memorised bits of every size for every seed; a run of `steps` steps each."""
    bits, seconds, parameters = np.zeros((len(sizes), seeds)), [], 0
    for s, n in enumerate(sizes):
        started = time.process_time()
        each = learner.model_copy(update={"epochs": max(1, round(steps / -(-n // learner.batch)))})
        for r in range(seeds):
            data = random_sequences(n, v, t, r)
            members = Members(np.array([derive(r, "member", n)]), np.ones((1, n), bool))
            run = each.fit(data, members, Training((each.epochs,), trail=False))
            code = run.views["train"].loss_nats[-1, 0] / np.log(2)
            bits[s, r] = memorised_bits(np.full(n, t * np.log2(v)), code)
            parameters = int(run.about["parameters"])
        seconds.append(time.process_time() - started)
    return Measured(bits, seconds, parameters, capacity(sizes, bits, parameters, t * np.log2(v)))


def main() -> None:
    """Print the table."""
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--steps", type=int, default=4000)
    words.add_argument("--seeds", type=int, default=2)
    words.add_argument("--width", type=int, default=16)
    words.add_argument("--layers", type=int, default=1)
    words.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    said = words.parse_args()
    torch.set_num_threads(1)
    learner = Transformer(width=said.width, layers=said.layers, heads=2, batch=64, lr=0.01)
    v, t = 32, 16
    found = measure(learner, said.sizes, v, t, said.steps, said.seeds)
    print(
        f"transformer width {said.width}, {said.layers} layer(s), {found.parameters:,} parameters; "
        f"{said.steps:,} steps of 64, {said.seeds} seeds; {t} uniform tokens of {v}, {t * np.log2(v):.0f} bits a "
        "sequence"
    )
    print("sequences      bits  memorised  share  at most  bits/parameter  CPU s")
    for n, totals, spent in zip(said.sizes, found.bits, found.seconds):
        offered = n * t * np.log2(v)
        mean = totals.mean()
        most = 1 - np.log2(n) / (t * np.log2(v))
        each = mean / found.parameters
        print(f"{n:9,} {offered:9,.0f} {mean:10,.0f} {mean / offered:6.2f} {most:8.2f} {each:15.2f} {spent:6.1f}")
    answer = found.capacity
    print(
        f"capacity {answer.bits_per_parameter:.2f} [{answer.low:.2f}, {answer.high:.2f}] bits a parameter at sizes "
        f"{', '.join(map(str, answer.sizes))}; plateau {'found' if answer.found else 'not found'}: {answer.reason}"
    )
    print(
        f"Morris et al. 2025: {PUBLISHED} bits a parameter, 10^6 steps on 100,000 to 20,000,000 parameters. Cut: "
        f"{said.steps:,} steps, {found.parameters:,} parameters, {said.seeds} seeds, short sequences; not "
        "comparable as a capacity."
    )


if __name__ == "__main__":
    main()
