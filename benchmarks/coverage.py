"""Do the intervals cover? Thousands of simulated banks, without training.

    python benchmarks/coverage.py [--banks 2000] [--world NAME ...]

Members are simulated: each is right with a probability that depends on the example, on whether the member saw it, on
which others it saw (traits of examples, acting one by one) and on its seed; values are fitted by least squares in
closed form. The truth is the mean of these probabilities over other banks (for R2, the ratio of the mean squared error
and the variance of the targets), never an estimate under test. The table says how often the 95 % interval covers it,
with Wilson's interval of that share, and how often the interval was withheld.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit

from byheart.maths.codes.variance import FEWEST_DEVIATIONS, deviations, effective_number, variance_share_intervals
from byheart.maths.statistics.effective_sample_size import Estimate, complement
from byheart.maths.statistics.intervals import budget_share_intervals
from byheart.maths.statistics.new_examples import new_examples_interval, new_r2_interval
from byheart.maths.statistics.ranks import wilson
from byheart.maths.statistics.seen_unseen import side_means

SHARE = 0.7


def subsets(rng: np.random.Generator, m: int, n: int) -> np.ndarray:
    """(m, n) mask in balanced decks."""
    out = n - round(SHARE * n)
    order = np.concatenate([rng.permutation(n) for _ in range(-(-m * out // n))])[: m * out].reshape(m, out)
    mask = np.ones((m, n), bool)
    np.put_along_axis(mask, order, False, axis=1)
    return mask


@dataclass(frozen=True)
class Classes:
    """Right or wrong: logit = ease + lift if seen + skill of the member; `wrong` labels are hard and do harm.

    The skill has a part from the traits of what was seen (`moves`, of order 1 whatever n) and one from the `seed`.
    """

    n: int = 300
    m: int = 64
    q: int = 300
    ease: float = 1.5
    spread: float = 1.5
    lift: float = 2.0
    moves: float = 0.2
    seed: float = 0.14
    wrong: float = 0.1

    def draw(self, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """One bank: mask, probabilities of being right, and outcomes, on training and new examples."""
        wrong = rng.random(self.n) < self.wrong
        ease = np.where(wrong, -2 + 0.5 * rng.normal(size=self.n), self.ease + self.spread * rng.normal(size=self.n))
        trait, mask = rng.normal(size=self.n) - 2 * wrong, subsets(rng, self.m, self.n)
        taught = mask @ trait / mask.sum(1) + 2 * self.wrong
        skill = self.moves * self.n**0.5 * taught + self.seed * rng.normal(size=self.m)
        chance = expit(ease + self.lift * mask + skill[:, None])
        new = expit(self.ease + self.spread * rng.normal(size=self.q) + skill[:, None])
        right, right_new = (rng.random(p.shape) < p for p in (chance, new))
        return {"mask": mask, "chance": chance, "new": new, "right": right, "right_new": right_new}

    def truth(self, bank: dict[str, np.ndarray]) -> dict[str, tuple[float, float]]:
        """Numerator and denominator of each quantity, whose ratio of means over banks is the truth."""
        inside, outside = (side.mean() for side in side_means(bank["chance"], bank["mask"]))
        means = {"gap": inside - outside, "held-out accuracy": outside, "seen accuracy": inside}
        return {name: (float(value), 1.0) for name, value in (means | {"test accuracy": bank["new"].mean()}).items()}

    def estimates(self, bank: dict[str, np.ndarray]) -> dict[str, Estimate]:
        """What byheart would print."""
        parts = budget_share_intervals(np.ones(self.n), 1.0 - bank["right"], bank["mask"])
        return {
            "gap": parts.memorised,
            "held-out accuracy": parts.understood,
            "seen accuracy": complement(parts.left),
            "test accuracy": new_examples_interval(bank["right_new"], self.n, (~bank["mask"]).sum(1)),
        }


@dataclass(frozen=True)
class RareClass:
    """The nearest neighbour that a member saw, in the plane; a class of 2 % beside a common one, in bits.

    A right answer costs what the class costs given such an answer, a wrong one as much as a rare label.
    """

    n: int = 500
    m: int = 64
    rare: float = 0.02
    apart: float = 2.2
    near: int = 12

    def draw(self, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """One bank of code lengths."""
        rare, mask = rng.random(self.n) < self.rare, subsets(rng, self.m, self.n)
        x = rng.normal(size=(self.n, 2)) * np.where(rare, 0.5, 1.0)[:, None]
        x[:, 0] += self.apart * rare
        distance = ((x[:, None] - x) ** 2).sum(-1)
        nearest = np.argpartition(distance, self.near, 1)[:, : self.near]
        nearest = np.take_along_axis(nearest, np.take_along_axis(distance, nearest, 1).argsort(1), 1)
        first = mask[:, nearest].argmax(2)  # (m, n), among the nearest that the member saw
        answer = rare[nearest[np.arange(self.n), first]]
        bits = np.where(answer == rare, np.where(rare, 0.5, 0.02), -np.log2(self.rare))
        reference = np.where(rare, -np.log2(self.rare), -np.log2(1 - self.rare))
        return {"mask": mask, "bits": bits, "reference": reference}

    def truth(self, bank: dict[str, np.ndarray]) -> dict[str, tuple[float, float]]:
        """Sums of bits."""
        inside, outside = (float(side.sum()) for side in side_means(bank["bits"], bank["mask"]))
        whole = float(bank["reference"].sum())
        return {"memorised bits": (outside - inside, whole), "understood bits": (whole - outside, whole)}

    def estimates(self, bank: dict[str, np.ndarray]) -> dict[str, Estimate]:
        """What byheart would print."""
        parts = budget_share_intervals(bank["reference"], bank["bits"], bank["mask"])
        return {"memorised bits": parts.memorised, "understood bits": parts.understood}


@dataclass(frozen=True)
class Values:
    """Least squares on d features in closed form, with `noise`; `heavy`: the targets are exponentials."""

    n: int = 150
    m: int = 64
    q: int = 150
    d: int = 5
    noise: float = 1.0
    heavy: bool = False

    def draw(self, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """One bank of squared errors, on training and new examples."""
        x = rng.normal(size=(self.n + self.q, self.d))
        y = x.sum(1) / self.d**0.5 + self.noise * rng.normal(size=len(x))
        y, x = np.exp(y) if self.heavy else y, np.column_stack([np.ones(len(x)), x])
        mask = subsets(rng, self.m, self.n)
        pairs = (x[: self.n, :, None] * x[: self.n, None, :]).reshape(self.n, -1)
        gram = (mask @ pairs).reshape(self.m, self.d + 1, self.d + 1)
        weights = np.linalg.solve(gram, (mask @ (x[: self.n] * y[: self.n, None]))[..., None])[..., 0]
        squared = (y - weights @ x.T) ** 2
        return {"mask": mask, "y": y[: self.n], "new_y": y[self.n :],
                "squared": squared[:, : self.n], "new": squared[:, self.n :]}  # fmt: skip

    def truth(self, bank: dict[str, np.ndarray]) -> dict[str, tuple[float, float]]:
        """Squared errors and squared distances from the members' own means, by side; `finish` makes shares of them."""
        spread = deviations(bank["y"], bank["mask"])
        errors, spreads = (side_means(values, bank["mask"]) for values in (bank["squared"], spread))
        seen, unseen = ((float(e.mean()), float(v.mean())) for e, v in zip(errors, spreads, strict=True))
        return {"seen R2": seen, "held-out R2": unseen,
                "test R2": (float(bank["new"].mean()), float(bank["new_y"].var(ddof=1)))}  # fmt: skip

    def finish(self, ratios: dict[str, float]) -> dict[str, float]:
        """R2 of each ratio, and the gap."""
        gap = ratios["held-out R2"] - ratios["seen R2"]
        return {"gap": gap} | {name: 1 - ratio for name, ratio in ratios.items()}

    def estimates(self, bank: dict[str, np.ndarray]) -> dict[str, Estimate]:
        """What byheart would print."""
        parts = variance_share_intervals(bank["squared"], deviations(bank["y"], bank["mask"]), bank["mask"])
        bank_parts = {
            "gap": parts.memorised, "held-out R2": parts.understood, "seen R2": complement(parts.left),
        }  # fmt: skip
        if effective_number(bank["y"]) < FEWEST_DEVIATIONS:  # as the probes do
            bank_parts = {name: of._replace(low=np.nan, high=np.nan) for name, of in bank_parts.items()}
        return bank_parts | {
            "test R2": new_r2_interval(bank["new"], bank["new_y"], self.n, (~bank["mask"]).sum(1)),
        }


WORLDS: dict[str, Any] = {
    "balanced": Classes(),
    "24 members": Classes(m=24, n=200),
    "60 rows": Classes(n=60, q=60),
    "small test set": Classes(q=40),
    "small test set, easy": Classes(q=40, ease=3.0),
    "test set nearly all right": Classes(q=40, ease=5.0, spread=3.0),
    "seeds alone move": Classes(moves=0.0, seed=0.2),
    "training set alone moves": Classes(seed=0.0),
    "nothing moves": Classes(moves=0.0, seed=0.0),
    "shallow tree": Classes(ease=0.5, spread=0.4, lift=0.6, wrong=0.0),
    "rare class": RareClass(),
    "values": Values(),
    "values, test set of 40": Values(q=40),
    "values, hardly any noise": Values(noise=0.3),
    "values, 60 rows": Values(n=60, q=60),
    "log-normal values": Values(heavy=True),
    "log-normal values, 1000 rows": Values(heavy=True, n=1000, q=1000, m=16),
}


def covered(world: Any, banks: int, seed: int = 0) -> dict[str, tuple]:
    """Per quantity: truth, hits, intervals given, mean half width over 1.96 standard deviations of the value."""
    rng = np.random.default_rng([seed, 1])
    sums = [world.truth(world.draw(rng)) for _ in range(2 * banks)]
    truth = {name: float(np.divide(*np.mean([one[name] for one in sums], axis=0))) for name in sums[0]}
    truth = world.finish(truth) if isinstance(world, Values) else truth
    rng = np.random.default_rng([seed, 2])
    drawn = [world.estimates(world.draw(rng)) for _ in range(banks)]
    table = {}
    for name, true in truth.items():
        low, high, value = np.array([(one[name].low, one[name].high, one[name].value) for one in drawn]).T
        given = np.isfinite(low)
        hits = int(((low <= true) & (true <= high))[given].sum())
        wide = float((high - low)[given].mean() / 3.92 / value.std(ddof=1)) if given.any() else float("nan")
        table[name] = (true, hits, int(given.sum()), wide)
    return table


def main() -> None:
    """Simulate and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--banks", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--world", nargs="*", default=list(WORLDS))
    options = parser.parse_args()
    print(f"{options.banks} banks of each world; 95 % intervals\n")
    print(f"{'world':<30}{'quantity':<20}{'truth':>8}{'covered':>9}  {'95 % of it':<16}{'withheld':>9}{'width/sd':>10}")
    for name in options.world:
        for quantity, (truth, hits, given, wide) in covered(WORLDS[name], options.banks, options.seed).items():
            share, sure = "", ""
            if given:
                low, high = wilson(hits, given)
                share, sure = f"{hits / given:.1%}", f"[{low:.1%}, {high:.1%}]"
            lost = 1 - given / options.banks
            print(f"{name:<30}{quantity:<20}{truth:>8.3f}{share:>9}  {sure:<16}{lost:>9.0%}{wide:>10.2f}", flush=True)


if __name__ == "__main__":
    main()
