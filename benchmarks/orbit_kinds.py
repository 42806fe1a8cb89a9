"""Kinds of orbits: how often does `classify` say what is true, how often `unclear`, how often something wrong?

    PYTHONPATH=src python benchmarks/orbit_kinds.py [--starts 5] [--only WORD ...]

Each row is a system whose kind is known, from several starts (or seeds): right / unclear / wrong, and the CPU seconds
of the slowest. `unclear` is right where the evidence is noise. Exit code 1 if one is wrong.
Measured over 5 starts: 676 right, 29 unclear, 0 wrong of 705, at most 0.4 CPU seconds each.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator

import numpy as np
from scipy.integrate import solve_ivp

from byheart.maths.orbits.kinds import classify
from byheart.seeds import stream
from byheart.tasks.systems import (
    Chua,
    Duffing,
    Henon,
    HindmarshRose,
    Ikeda,
    Logistic,
    Lorenz63,
    Lorenz96,
    MackeyGlass,
    Moving,
    Roessler,
    Thomas,
    VanDerPol,
)

POINT, CYCLE, TORUS, CHAOS, GONE, NONE = "fixed point", "cycle", "quasiperiodic", "chaos", "divergence", "unclear"
Row = tuple[str, str, Callable[[int], list[np.ndarray]]]  # name, what is true, its orbits


def of(
    system: Moving, steps: int = 5000, dt: float | None = None, skip: float = 50.0, spread: float = 0.1
) -> Callable[[int], list[np.ndarray]]:
    """Orbits from starts near the usual one, after `skip` units of time, in deviations of the first."""

    def orbits(starts: int) -> list[np.ndarray]:
        away = stream(0, "starts", type(system).__name__).uniform(-spread, spread, (starts, system.dimension))
        step = system.usual_dt if dt is None else dt
        inner = max(
            round(step / system.usual_dt), 1
        )  # the integration is as fine as usual, what is seen may be coarser
        left_out = round(skip / step) * inner
        whole = system.orbit(system.start * (1 + away), left_out + steps * inner, step / inner)[left_out::inner]
        scale = np.maximum(whole[:, 0].std(0), 1e-3)
        return [(whole[:, i] - whole[:, 0].mean(0)) / scale for i in range(starts)]

    return orbits


def seen(orbits: Callable[[int], list[np.ndarray]], *channels: int) -> Callable[[int], list[np.ndarray]]:
    """Some of the channels."""
    return lambda starts: [x[:, list(channels)] for x in orbits(starts)]


def noisy(orbits: Callable[[int], list[np.ndarray]], share: float) -> Callable[[int], list[np.ndarray]]:
    """With white noise on what is seen."""
    return lambda starts: [
        x + share * x.std(0) * stream(i, "noise").normal(size=x.shape) for i, x in enumerate(orbits(starts))
    ]


def cut(orbits: Callable[[int], list[np.ndarray]], steps: int) -> Callable[[int], list[np.ndarray]]:
    """The first steps."""
    return lambda starts: [x[:steps] for x in orbits(starts)]


def moved(orbits: Callable[[int], list[np.ndarray]]) -> Callable[[int], list[np.ndarray]]:
    """In other units, channel by channel, and mixed."""

    def orbits_(starts: int) -> list[np.ndarray]:
        made = []
        for i, x in enumerate(orbits(starts)):
            rng = stream(i, "units")
            mix = np.linalg.qr(rng.normal(size=(x.shape[1], x.shape[1])))[0] * rng.uniform(0.2, 5, x.shape[1])
            made.append(x @ mix + 3)
        return made

    return orbits_


def drawn(make: Callable[[np.random.Generator], np.ndarray]) -> Callable[[int], list[np.ndarray]]:
    """One orbit a seed."""
    return lambda starts: [make(stream(i, "drawn")) for i in range(starts)]


def turning(*rates: float, steps: int = 5000, shape: str = "each") -> Callable[[int], list[np.ndarray]]:
    """Sines of these angles a step, from random phases: each its own channels, their sum, or their product."""

    def make(rng: np.random.Generator) -> np.ndarray:
        angle = np.arange(steps)[:, None] * np.array(rates) + rng.uniform(0, 2 * np.pi, len(rates))
        if shape == "sum":
            return np.sin(angle).sum(1) / 0.7
        if shape == "product":
            return np.sin(angle).prod(1) / 0.5
        if shape == "solid":
            a, b = angle.T
            return np.stack([(2 + np.cos(b)) * np.cos(a), (2 + np.cos(b)) * np.sin(a), np.sin(b)], 1)
        return np.concatenate([np.cos(angle), np.sin(angle)], 1) / 0.7

    return drawn(make)


def autoregressive(*weights: float, steps: int = 5000) -> Callable[[int], list[np.ndarray]]:
    """x_t = sum_k weights_k x_{t-k} + noise, in deviations."""

    def make(rng: np.random.Generator) -> np.ndarray:
        x = rng.normal(size=steps + 500)
        for t in range(len(weights), len(x)):
            x[t] += sum(w * x[t - k - 1] for k, w in enumerate(weights))
        return x[500:] / x[500:].std()

    return drawn(make)


def smoothed(width: float, channels: int = 1, steps: int = 5000) -> Callable[[int], list[np.ndarray]]:
    """White noise through a Gaussian window: as smooth as a flow, and no flow."""

    def make(rng: np.random.Generator) -> np.ndarray:
        t = np.arange(-int(5 * width), int(5 * width) + 1)
        kernel = np.exp(-0.5 * (t / width) ** 2)
        white = rng.normal(size=(steps + len(t) - 1, channels))
        made = np.stack([np.convolve(one, kernel, "valid") for one in white.T], 1)
        return made / made.std(0)

    return drawn(make)


def kicked(share: float, steps: int = 5000) -> Callable[[int], list[np.ndarray]]:
    """Van der Pol with noise on its rates: a cycle whose phase wanders."""

    def make(rng: np.random.Generator) -> np.ndarray:
        system, x = VanDerPol(), [np.array([2.0, 0.0])]
        for _ in range(steps):
            x.append(system.step(x[-1], 0.1) + share * 0.1**0.5 * rng.normal(size=2))
        return np.array(x) / 1.4

    return drawn(make)


def swaying(rate: float, amplitude: float, steps: int = 5000) -> Callable[[int], list[np.ndarray]]:
    """A sine and a little of one of another frequency."""

    def make(rng: np.random.Generator) -> np.ndarray:
        t, at = np.arange(steps), rng.uniform(0, 6, 2)
        return np.sin(rate * t + at[0]) + amplitude * np.sin(0.5**0.5 * rate * t + at[1])

    return drawn(make)


def driven(steps: int = 5000) -> Callable[[int], list[np.ndarray]]:
    """Van der Pol driven weakly at another frequency, seen with its drive."""

    def make(rng: np.random.Generator) -> np.ndarray:
        at = rng.uniform(0, 6)

        def rates(t: float, x: np.ndarray) -> np.ndarray:
            return np.array([x[1], (1 - x[0] ** 2) * x[1] - x[0] + 0.4 * np.cos(1.7 * t + at)])

        done = solve_ivp(
            rates, (0, 100 + 0.1 * steps), [2, 0], "DOP853", 100 + 0.1 * np.arange(steps), rtol=1e-9, atol=1e-9
        )
        drive = 1.7 * done.t + at
        return np.concatenate([done.y.T, np.stack([np.cos(drive), np.sin(drive)], 1)], 1) / 1.4

    return drawn(make)


def surrogate(orbits: Callable[[int], list[np.ndarray]]) -> Callable[[int], list[np.ndarray]]:
    """The spectrum kept, the phases shuffled."""

    def orbits_(starts: int) -> list[np.ndarray]:
        made = []
        for i, x in enumerate(orbits(starts)):
            bins = np.fft.rfft(x, axis=0)
            turned = np.exp(2j * np.pi * stream(i, "phases").uniform(size=(len(bins), 1)))
            made.append(np.fft.irfft(bins * turned, len(x), axis=0))
        return made

    return orbits_


def rows() -> Iterator[Row]:
    """The truth table."""
    lorenz, roessler, glass, vdp = (
        of(Lorenz63(), dt=0.02),
        of(Roessler(), dt=0.1),
        of(MackeyGlass(), dt=1.0, skip=500),
        of(VanDerPol(), dt=0.1),
    )
    yield (
        "damped oscillator",
        POINT,
        drawn(lambda r: np.exp(-0.01 * np.arange(3000)) * np.sin(0.2 * np.arange(3000) + r.uniform(0, 6))),
    )
    yield (
        "damped, not yet at rest",
        POINT,
        drawn(lambda r: np.exp(-0.002 * np.arange(3000)) * np.sin(0.2 * np.arange(3000) + r.uniform(0, 6))),
    )
    yield "relaxing, not yet at rest", POINT, drawn(lambda r: r.uniform(1, 3) * np.exp(-0.002 * np.arange(3000)))
    yield "Duffing in its wells", POINT, of(Duffing(), 3000, skip=0, spread=1.0)
    yield "Lorenz rho 10", POINT, of(Lorenz63(rho=10.0), 3000, skip=0)
    yield "Lorenz rho 20, short", POINT, of(Lorenz63(rho=20.0), 2000, skip=0)
    yield "logistic 2.8", POINT, of(Logistic(2.8), 1000, skip=0)
    yield "a constant", POINT, drawn(lambda r: np.full((1000, 2), r.normal()))
    yield (
        "a constant in single precision",
        POINT,
        drawn(lambda r: np.full((1000, 2), r.normal()) + 1e-7 * r.normal(size=(1000, 2))),
    )
    for mu, dt in ((0.5, 0.1), (1.0, 0.1), (5.0, 0.1), (5.0, 0.05), (5.0, 0.2), (1.0, 0.02), (1.0, 0.4)):
        yield f"van der Pol mu {mu:g}, dt {dt:g}", CYCLE, of(VanDerPol(mu), dt=dt, skip=100)
    yield "van der Pol mu 5, one channel", CYCLE, seen(of(VanDerPol(5.0), dt=0.1, skip=100), 0)
    yield "van der Pol from its start", CYCLE, of(VanDerPol(), dt=0.1, skip=0)
    yield "van der Pol, other units", CYCLE, moved(vdp)
    for c in (2.5, 3.5, 4.0, 5.3):
        yield f"Roessler c {c:g}", CYCLE, of(Roessler(c=c), dt=0.1, skip=1000)
    yield "Roessler c 3.5, one channel", CYCLE, seen(of(Roessler(c=3.5), dt=0.1, skip=1000), 0)
    for r in (3.2, 3.5, 3.55, 3.83):
        yield f"logistic {r:g}", CYCLE, of(Logistic(r), 1000, skip=2000)
    for tau in (7.0, 10.0):
        yield f"Mackey-Glass {tau:g}", CYCLE, of(MackeyGlass(tau, points=16), dt=0.5, skip=500)
    yield "Mackey-Glass 7, one channel", CYCLE, seen(of(MackeyGlass(7.0, points=16), dt=0.5, skip=500), 0)
    yield "Hindmarsh-Rose bursts", CYCLE, of(HindmarshRose(), 12000, dt=0.1, skip=2000)
    yield "a sine", CYCLE, turning(0.1, shape="sum")
    yield "a sine of 11 steps", CYCLE, turning(0.57, shape="sum")
    yield "five turns of a sine", CYCLE, turning(0.1, shape="sum", steps=400)
    yield "Lorenz rho 160", CYCLE, of(Lorenz63(rho=160.0), dt=0.01, skip=100)
    gold = (5**0.5 - 1) / 2
    yield "two circles", TORUS, turning(0.1, 0.1 * gold)
    yield "two sines summed", TORUS, turning(0.1, 0.1 * gold, shape="sum")
    yield "two sines multiplied", TORUS, turning(0.1, 0.1 * gold, shape="product")
    yield "sines of ratio root 2", TORUS, turning(0.1, 0.1 * 2**0.5, shape="sum")
    yield "sines of ratio pi", TORUS, turning(0.05, 0.05 * np.pi, shape="sum")
    yield "a torus in space", TORUS, turning(0.1, 0.1 * 2**0.5, shape="solid")
    yield "a torus in space, dt x2", TORUS, turning(0.2, 0.2 * 2**0.5, shape="solid")
    yield "a torus in space, dt x0.5", TORUS, turning(0.05, 0.05 * 2**0.5, shape="solid")
    yield "a torus in other units", TORUS, moved(turning(0.1, 0.1 * 2**0.5, shape="solid"))
    yield "van der Pol driven", TORUS, driven()
    yield "van der Pol driven, one channel", TORUS, seen(driven(), 0)
    yield "five sines summed", TORUS, turning(*(0.1 * n**0.5 for n in (1, 2, 3, 5, 7)), shape="sum")
    yield "rotations of two angles", TORUS, turning(2.4, 2**0.5)
    yield "three circles", TORUS, turning(0.1, 0.1 * 2**0.5, 0.1 * 3**0.5)
    yield "three sines summed", TORUS, turning(0.1, 0.1 * 2**0.5, 0.1 * 3**0.5, shape="sum")
    yield "rotation of one angle", f"{TORUS}|{CYCLE}|{NONE}", turning(2.4)
    yield "Lorenz", CHAOS, lorenz
    for dt in (0.01, 0.04, 0.1):
        yield f"Lorenz, dt {dt:g}", CHAOS, of(Lorenz63(), dt=dt)
    yield "Lorenz, 2,000 steps", CHAOS, cut(lorenz, 2000)
    yield "Lorenz, other units", CHAOS, moved(lorenz)
    for i, name in enumerate("xyz"):
        yield f"Lorenz, {name} alone", CHAOS, seen(lorenz, i)
    yield "Lorenz, x and y", CHAOS, seen(lorenz, 0, 1)
    yield "Roessler", CHAOS, roessler
    yield "Roessler, dt x2", CHAOS, of(Roessler(), dt=0.2)
    yield "Roessler, dt x0.5", CHAOS, of(Roessler(), dt=0.05)
    yield "Roessler, x alone", CHAOS, seen(roessler, 0)
    yield "Henon", CHAOS, of(Henon(), 2000)
    yield "Henon, x alone", CHAOS, seen(of(Henon(), 2000), 0)
    yield "logistic 4", CHAOS, of(Logistic(), 2000)
    yield "logistic 3.9", CHAOS, of(Logistic(3.9), 2000)
    yield "logistic 3.6, two bands", CHAOS, of(Logistic(3.6), 2000)
    yield "Ikeda", CHAOS, of(Ikeda(), 5000)
    thomas = of(Thomas(0.18), dt=0.2, skip=200)
    yield "Thomas b 0.18", CHAOS, thomas
    yield "Thomas b 0.18, dt x2", CHAOS, of(Thomas(0.18), dt=0.4, skip=200)
    yield "Thomas b 0.18, x alone", CHAOS, seen(thomas, 0)
    yield (
        "Thomas",
        f"{CHAOS}|{CYCLE}",
        of(Thomas(), dt=0.2, skip=200),
    )  # one of five ends on a cycle, exponent below 0.002
    yield "Thomas, dt x2", f"{CHAOS}|{CYCLE}", of(Thomas(), dt=0.4, skip=200)
    yield "Chua", CHAOS, of(Chua(), dt=0.04)
    yield "Chua, dt x2", CHAOS, of(Chua(), dt=0.08)
    yield "Chua, x alone", CHAOS, seen(of(Chua(), dt=0.04), 0)
    yield "Mackey-Glass 17", CHAOS, glass
    yield "Mackey-Glass 17, dt x2", CHAOS, of(MackeyGlass(), dt=2.0, skip=500)
    yield "Mackey-Glass 17, one channel", CHAOS, seen(glass, 0)
    yield "Lorenz 1996, 5 sites", CHAOS, of(Lorenz96(5), dt=0.05)
    yield "Lorenz 1996, 20 sites", CHAOS, of(Lorenz96(), dt=0.05)
    yield "Lorenz 1996, 20 sites, dt x0.5", CHAOS, of(Lorenz96(), dt=0.025)
    yield "Hindmarsh-Rose, current 3.25", CHAOS, of(HindmarshRose(3.25), 12000, dt=0.2, skip=2000)
    yield "growing", GONE, drawn(lambda r: np.exp(0.01 * np.arange(2000)) * r.uniform(0.5, 2))
    yield "NaN on the way", GONE, drawn(lambda r: np.where(np.arange(500) < 300, r.normal(size=500), np.nan))
    yield "infinity at the end", GONE, drawn(lambda r: np.append(r.normal(size=500), np.inf))
    for name, channels in (("white noise", 1), ("white noise, 3 channels", 3), ("white noise, 20 channels", 20)):
        yield name, NONE, drawn(lambda r, d=channels: r.normal(size=(5000, d)))
    yield "noise of heavy tails", NONE, drawn(lambda r: r.standard_t(2, size=3000) / 3)
    for weight in (0.5, 0.9, 0.99):
        yield f"AR(1) {weight:g}", NONE, autoregressive(weight)
    yield "AR(2), a swing", NONE, autoregressive(1.9, -0.95)
    yield "AR(2), a lasting swing", NONE, autoregressive(1.97, -0.99)
    yield "random walk", NONE, drawn(lambda r: r.normal(size=3000).cumsum() / 30)
    yield "random walk, 3 channels", NONE, drawn(lambda r: r.normal(size=(3000, 3)).cumsum(0) / 30)
    yield "smooth noise", NONE, smoothed(5)
    yield "smooth noise, 3 channels", NONE, smoothed(5, 3)
    yield "smoother noise, 3 channels", NONE, smoothed(15, 3)
    yield "smooth noise, 20 channels", NONE, smoothed(5, 20)
    yield "phases of Lorenz shuffled", NONE, surrogate(lorenz)
    yield "phases of Roessler shuffled", NONE, surrogate(roessler)
    for share in (0.001, 0.01, 0.05, 0.2):
        yield f"van der Pol, noise {share:g}", f"{CYCLE}|{NONE}", noisy(vdp, share)
    for share in (0.05, 0.2):
        yield f"van der Pol, one channel, noise {share:g}", f"{CYCLE}|{NONE}", seen(noisy(vdp, share), 0)
    for share in (0.01, 0.05, 0.2):
        yield f"van der Pol kicked by {share:g}", f"{CYCLE}|{NONE}", kicked(share)
    yield "two sines, noise 0.05", f"{TORUS}|{NONE}", noisy(turning(0.1, 0.1 * gold, shape="sum"), 0.05)
    yield "a torus, noise 0.01", f"{TORUS}|{NONE}", noisy(turning(0.1, 0.1 * 2**0.5, shape="solid"), 0.01)
    yield "a fixed point, noise 0.05", f"{POINT}|{NONE}", drawn(lambda r: 0.05 * r.normal(size=(2000, 2)))
    yield "Lorenz, noise 0.01", f"{CHAOS}|{NONE}", noisy(lorenz, 0.01)
    yield "Lorenz, noise 0.05", f"{CHAOS}|{NONE}", noisy(lorenz, 0.05)
    yield "Lorenz, rounded", f"{CHAOS}|{NONE}", lambda n: [x.round(2) for x in lorenz(n)]
    yield "van der Pol, rounded", f"{CYCLE}|{NONE}", lambda n: [x.round(2) for x in vdp(n)]
    yield "Lorenz, 200 steps", f"{CHAOS}|{NONE}", cut(lorenz, 200)
    yield "Roessler, 300 steps", f"{CHAOS}|{NONE}", cut(roessler, 300)
    yield "van der Pol, one turn", f"{CYCLE}|{NONE}", cut(vdp, 80)
    yield "van der Pol, three turns", f"{CYCLE}|{NONE}", cut(vdp, 200)
    yield "two circles, 300 steps", f"{TORUS}|{NONE}", cut(turning(0.1, 0.1 * gold), 300)
    yield "logistic 4, 100 steps", f"{CHAOS}|{NONE}", cut(of(Logistic(), 2000), 100)
    yield "a line", NONE, drawn(lambda r: r.uniform(0.5, 2) * np.linspace(-2, 2, 1000))
    for amplitude in (0.02, 0.05, 0.2):
        both = f"{TORUS}|{NONE}"
        yield f"a sine of 12 steps and a little of another, {amplitude:g}", both, swaying(0.52, amplitude)
        yield f"a sine of 60 steps and a little of another, {amplitude:g}", both, swaying(0.105, amplitude)
    yield "logistic 3.57, many bands", f"{CHAOS}|{NONE}", of(Logistic(3.57), 2000, skip=2000)
    yield "logistic 3.828, nearly a cycle", f"{CHAOS}|{NONE}", of(Logistic(3.828), 2000, skip=2000)
    yield "logistic 3, slowly to a point", f"{POINT}|{NONE}", of(Logistic(3.0), 2000, skip=0)
    yield "Lorenz rho 24, near its points", f"{CHAOS}|{POINT}|{NONE}", of(Lorenz63(rho=24.0), dt=0.02, skip=0)
    yield (
        "a sine on a line",
        NONE,
        drawn(lambda r: np.sin(0.1 * np.arange(2000) + r.uniform(0, 6)) + np.linspace(-1, 1, 2000)),
    )


def main() -> None:
    """The table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--starts", type=int, default=5)
    parser.add_argument("--only", nargs="*", default=[])
    asked = parser.parse_args()
    totals: Counter[str] = Counter()
    print(f"{'':40}{'true':>14} {'right':>6}{'unclear':>8}{'wrong':>6}{'CPU s':>7}")
    for name, true, orbits in rows():
        if asked.only and not any(word in name for word in asked.only):
            continue
        found, slowest = [], 0.0
        for x in orbits(asked.starts):
            begun = time.process_time()
            found.append(classify(x))
            slowest = max(slowest, time.process_time() - begun)
        kinds = Counter(one.kind for one in found)
        right = sum(kinds[kind] for kind in true.split("|"))
        unclear = kinds[NONE] if NONE not in true.split("|") else 0
        wrong = len(found) - right - unclear
        totals.update(right=right, unclear=unclear, wrong=wrong)
        said = "" if right == len(found) else f"  {dict(kinds)} {next((o.reason for o in found if o.reason), '')}"
        print(f"{name:40}{true.split('|')[0]:>14} {right:6}{unclear:8}{wrong:6}{slowest:7.2f}{said}")
    print(f"{'all':55}{totals['right']:6}{totals['unclear']:8}{totals['wrong']:6}")
    sys.exit(totals["wrong"] > 0)


if __name__ == "__main__":
    main()
