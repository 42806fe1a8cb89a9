"""Charts of wild floats: drawn in bounded time and memory, with every point on the page and a few plain ticks."""

from __future__ import annotations

import math
import re
from xml.etree import ElementTree

import numpy as np
import pytest

from byheart.records.formatting import number
from byheart.report.axes import scale
from byheart.report.chart import Axis, Bar, Chart, Line, Mark, Rule, Segment
from byheart.report.charts import pictures
from byheart.report.label_placement import along, shorten

BIG = 2.0**53


def wild(seed: int, n: int = 60) -> np.ndarray:
    """Floats of every size and sign; a constant, an outlier, or subnormals, in turn."""
    rng = np.random.default_rng(seed)
    kinds = (
        rng.choice([-1, 1], n) * 10.0 ** rng.uniform(-300, 300, n),
        np.full(n, 10.0 ** rng.uniform(-300, 300)),
        np.append(rng.normal(size=n - 1), 1e7),
        rng.integers(0, 9, n) * 5e-324,
        BIG + rng.integers(-3, 3, n) * 2,
        np.append(rng.normal(size=n - 2), [-1.7e308, 1.7e308]),
        10.0 ** rng.uniform(-300, 300, n),
        np.where(rng.random(n) < 0.1, np.nan, rng.normal(size=n) * 1e200),
    )
    return kinds[seed % len(kinds)]


def chart(seed: int) -> Chart:
    xs, ys = wild(seed, 60), wild(seed // 8 + 3 * seed, 60)
    axes = [
        Axis(title="a", log=bool(seed // 3 % 2), format=("number", "percent", "count")[seed % 3],
             domain=(0.0, 1.0) if seed % 5 == at else None)
        for at in (0, 1)
    ]  # fmt: skip
    line = Line(label="line", role="ink", x=tuple(xs), y=tuple(ys), low=tuple(ys), high=tuple(ys[::-1]), step=seed % 2 == 0, markers=True)
    marks = tuple(Mark(x=x, y=y, label="m", x_interval=(x, y)) for x, y in zip(xs[:9], ys[:9]))
    rules = (Rule(axis="x", at=float(xs[-1]), label="there"), Rule(axis="y", at=float(ys[-1]), label="here"))
    return Chart(title="t", description="d", x=axes[0], y=axes[1], lines=(line,), marks=marks, rules=rules)


DRAWN = [*range(24), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(24, 400))]


@pytest.mark.parametrize("seed", DRAWN)
def test_a_chart_of_wild_floats_is_drawn_on_its_page(seed, monkeypatch):
    boxes = []
    monkeypatch.setattr("byheart.report.line_labels.along", lambda *given: boxes.extend(made := along(*given)) or made)
    for svg, total in zip(pictures(chart(seed)), (620, 328)):
        ElementTree.fromstring(svg)
        assert len(svg) < 200_000
        assert not re.search(r"NaN|Infinity", svg)
        figures = [float(text) for text in re.findall(r"-?\d+(?:\.\d+)?(?:e[-+]?\d+)?", " ".join(re.findall(r' d="([^"]*)"', svg)))]
        assert max(map(abs, figures), default=0) <= total + 100
    assert len(boxes) < 50_000



@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("part", range(4))
def test_a_scale_of_wild_floats_has_few_ticks_within_its_domain(part, log):
    for seed in range(part * 100, part * 100 + 100):
        for how in ("number", "percent", "count"):
            values = wild(seed)
            made = scale(Axis(title="", log=log, format=how), values, (0, 300), 6)
            low, high = made.domain
            assert math.isfinite(low)
            assert math.isfinite(high)
            assert low < high
            assert 1 <= len(made.ticks) <= 7
            assert all(low * (1 - 1e-3) - 1e-300 <= tick or tick >= low for tick in made.ticks)
            assert len(made.texts) == len(made.ticks)
            assert max(map(len, made.texts)) <= 16
            assert all(-1e-6 <= made(value) <= 300 + 1e-6 for value in values if made.shows(value))


def test_outliers_are_counted_at_the_edge():
    values = [*np.random.default_rng(0).normal(size=199), 1e7]
    made = scale(Axis(title="value"), values, (0, 300), 6)
    assert -5 < made.domain[0] < -2 < 2 < made.domain[1] < 5
    assert made.beyond == "1 above, up to 10,000,000"
    assert made(1e7) == 300
    axes = {"x": Axis(title="value"), "y": Axis(title="count")}
    marks = tuple(Mark(x=value, y=1.0) for value in values)
    assert "1 above, up to 10,000,000" in pictures(Chart(title="t", description="d", marks=marks, **axes))[0]


@pytest.mark.parametrize("values", [range(100), [0.0] * 98 + [0.5, 1.0], [2.0**i for i in range(30)], [0, 1e7], np.random.default_rng(0).standard_cauchy(15)])
def test_what_is_no_outlier_is_shown(values):
    made = scale(Axis(title=""), values, (0, 300), 6)
    assert made.domain[0] <= min(values)
    assert max(values) <= made.domain[1]
    assert made.beyond == ""


def test_a_domain_that_the_record_gives_holds_and_what_is_outside_stands_at_its_edge():
    made = scale(Axis(title="", domain=(0.0, 1.0)), [0.5, 1e9], (0, 300), 6)
    assert made.domain == (0.0, 1.0)
    assert made(1e9) == 300


@pytest.mark.parametrize("stops", [(0.0, 0.0), (1e308, -1e308), (5e-324, 0.0), (1e300, 1e-300), (-1.0, -2.0)])
def test_bars_of_wild_floats_are_drawn(stops):
    bars = tuple(Bar(label="b", segments=(Segment(start=0, stop=stop, role="ink", label=f"{stop}"),)) for stop in stops)
    svg, _ = pictures(Chart(title="t", description="d", x=Axis(title="bits"), bars=bars))
    ElementTree.fromstring(svg)
    assert not re.search(r"NaN|Infinity", svg)


def test_a_long_line_is_thinned_and_keeps_its_ends():
    n = 40_000
    line = Line(label="l", role="ink", x=tuple(map(float, range(n))), y=tuple(float(i % 7) for i in range(n)))
    svg, _ = pictures(Chart(title="t", description="d", x=Axis(title="x"), y=Axis(title="y"), lines=(line,)))
    assert len(svg) < 100_000


def test_a_long_word_is_cut_and_a_large_number_is_short():
    assert len(shorten("w" * 1_000_000, 300)) < 60
    assert len(number(1.7e308, 3)) < 12
