"""Pictures of free runs beside the test series, as facts: courses, spectra, the return map, the portrait."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from byheart.records.facts import Axis, Curve, FactTable

SHOWN = 300
BANDS = 40  # of frequencies, evenly on a logarithmic scale
SMALLEST = 1e-12  # of power, so that its logarithm is a number


def _first(orbits: np.ndarray, lasting: np.ndarray) -> np.ndarray:
    """(steps, d) the first run that lasts, else the first."""
    place = np.argwhere(lasting)
    return orbits[tuple(place[0])] if len(place) else orbits[0, 0]


def courses(orbits: np.ndarray, lasting: np.ndarray, test: np.ndarray) -> dict[str, Curve]:
    """The first channel of the test and of a run from its first window on."""
    axes = {"x_axis": Axis(name="step", unit="steps"), "y_axis": Axis(name="first channel, deviations")}
    run = _first(orbits, lasting)[:SHOWN, 0]
    made = {"test": test[-orbits.shape[2] :][:SHOWN, 0], "run": run}
    return {
        name: Curve(**axes, x=np.arange(len(y)), y=[float(one) if np.isfinite(one) else None for one in y])
        for name, y in made.items()
    }


def spectra(orbits: np.ndarray, lasting: np.ndarray, test: np.ndarray, steps: int) -> dict[str, Curve]:
    """Power of the first channel by frequency, in bands, of the test and of a run; none where a run has left."""
    run = _first(orbits, lasting)[:steps, 0]
    if not np.isfinite(run).all():
        return {}
    axes = {"x_axis": Axis(name="turns a step"), "y_axis": Axis(name="log10 of power", unit="log10")}
    ends = np.unique(np.geomspace(1, steps // 2, BANDS + 1).round().astype(int))
    made = {}
    for name, one in (("spectrum_test", test[:steps, 0]), ("spectrum_run", run)):
        power = np.abs(np.fft.rfft(one - one.mean())) ** 2 / steps + SMALLEST
        bands = [power[low:high].mean() for low, high in pairwise(ends)]
        made[name] = Curve(**axes, x=np.sqrt(ends[1:] * ends[:-1]) / steps, y=np.log10(bands))
    return made


def maxima(orbits: np.ndarray, lasting: np.ndarray, test: np.ndarray) -> FactTable:
    """Each maximum of the first channel and the one after it, of the test and of the runs that last: the return map."""
    columns: dict[str, list] = {"of": [], "x": [], "y": []}
    for name, several in (("test", [test[:, 0]]), ("run", [run[:, 0] for run in orbits[lasting]])):
        pairs = [
            pair for one in several for pair in pairwise(one[1:-1][(one[1:-1] > one[:-2]) & (one[1:-1] >= one[2:])])
        ]
        for x, y in pairs[:SHOWN]:
            columns["of"].append(name)
            columns["x"].append(float(x))
            columns["y"].append(float(y))
    return FactTable(values={name: tuple(values) for name, values in columns.items()})


def portrait(orbits: np.ndarray, lasting: np.ndarray, test: np.ndarray) -> FactTable:
    """Two coordinates of both: the first two channels, or one against itself some steps before."""
    run, lag = _first(orbits, lasting), max(1, min(len(test) // 100, 10))
    points = {"test": test, "run": run[np.isfinite(run).all(1)]}
    columns: dict[str, list] = {"of": [], "x": [], "y": []}
    for name, one in points.items():
        x, y = (one[:, 0], one[:, 1]) if one.shape[1] > 1 else (one[lag:, 0], one[:-lag, 0])
        x, y = x[:SHOWN], y[:SHOWN]
        columns["of"] += [name] * len(x)
        columns["x"] += x.tolist()
        columns["y"] += y.tolist()
    return FactTable(values={name: tuple(values) for name, values in columns.items()})
