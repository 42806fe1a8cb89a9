"""Charts, scales, labels and pictures, each against what can be said of it beforehand."""

from __future__ import annotations

import base64
import re
import struct
import zlib
from xml.etree import ElementTree

import documents
import numpy as np
import pytest
from by_hand import card_in

from byheart.errors import InputRefused
from byheart.report import drawing
from byheart.report.axes import scale
from byheart.report.balance import balances
from byheart.report.bars import bars
from byheart.report.chart import Axis, Bar, Chart, Line, Mark, Segment
from byheart.report.charts import pictures
from byheart.report.label_placement import Label, dodge, place, width
from byheart.report.pictures import png_data_uri


def _charts():
    made = documents.fashion()
    return [chart for probe in made["cards"] for chart in card_in(made, probe).charts]


@pytest.mark.parametrize("i", range(5))
def test_every_drawing_is_named_and_has_no_colour_of_its_own(i):
    chart = _charts()[i]
    for svg, total in zip(pictures(chart), (620, 328), strict=True):
        root = ElementTree.fromstring(svg)
        assert root.get("role") == "img"
        assert root.get("viewBox").split()[2] == str(total)
        assert [child.tag for child in root][:2] == ["title", "desc"]
        assert root[0].text == chart.title
        assert root[1].text == chart.description
        assert not re.search(r"#[0-9a-f]{3,6}|font-family|<image|href", svg)
        assert "NaN" not in svg
        assert "null" not in re.sub(r">[^<]*<", "><", svg)


def test_specs_are_what_altair_would_write(monkeypatch):
    import altair

    specs = []
    monkeypatch.setattr(
        drawing.vl_convert, "vegalite_to_svg", lambda spec: specs.append(spec) or '<svg viewBox="0 0 1 1"/>'
    )
    for chart in _charts():
        pictures(chart)
    balances(documents.fashion()["balance"], "this recipe")
    for spec in specs:
        altair.LayerChart.from_dict(spec, validate=True)
    assert len(specs) == 12


def test_many_marks_are_binned_and_rings_stay():
    marks = tuple(Mark(x=i % 53, y=i % 31, shape="ring" if i % 100 == 0 else "dot") for i in range(3000))
    wide, _ = pictures(Chart(title="t", description="d", x=Axis(title="x"), y=Axis(title="y"), marks=marks))
    assert wide.count("<path") < 48 * 26 + 60
    assert wide.count("s-ink") == 30


def test_a_step_back_is_drawn_below_and_says_so():
    bar = Bar(
        label="redrawn",
        segments=(
            Segment(start=0, stop=7.8, role="memorised"),
            Segment(start=7.8, stop=3.3, role="understood", label="understood \u22124.5"),
        ),
    )
    wide, _ = pictures(Chart(title="t", description="d", x=Axis(title="bits"), bars=(bar,)))
    assert "understood \u22124.5" in wide


def test_zero_on_a_log_axis_is_left_out():
    line = Line(label="count", role="ink", x=(1.0, 2.0, 3.0), y=(100.0, 10.0, 0.0))
    wide, _ = pictures(
        Chart(
            title="t",
            description="d",
            x=Axis(title="x"),
            y=Axis(title="n", log=True, format="count"),
            lines=(line,),
        )
    )
    assert "NaN" not in wide
    assert "Infinity" not in wide


@pytest.mark.parametrize(
    ("axis", "values", "texts"),
    [
        (
            Axis(title="", format="percent"),
            (0.0, 0.97),
            ("0\u202f%", "25\u202f%", "50\u202f%", "75\u202f%", "100\u202f%"),
        ),
        (Axis(title="", log=True), (1, 50), ("1", "2", "5", "10", "20", "50")),
        (
            Axis(title="", log=True, format="count"),
            (1, 1_000_000),
            ("1", "10", "100", "1,000", "10,000", "100,000", "1,000,000"),
        ),
        (Axis(title=""), (-4.4, 7.7), ("\u22122.5", "0", "2.5", "5", "7.5")),
        (Axis(title=""), (3.0, 3.0), None),
    ],
)
def test_ticks(axis, values, texts):
    made = scale(axis, values, (0, 100), 6)
    assert made.domain[0] < made.domain[1]
    if texts:
        assert made.texts == texts


def test_labels_keep_clear_of_one_another():
    labels = [Label(f"label {i}", ((50.0, 50.0 + i),)) for i in range(4)]
    spots = place(labels, [], (0, 0, 300, 200))
    boxes = [
        ({"left": 0, "center": -0.5, "right": -1}[spot.align] * width(spot.text) + spot.x, spot.y)
        for spot in spots
    ]
    for i, (x, y) in enumerate(boxes):
        for other_x, other_y in boxes[i + 1 :]:
            assert abs(y - other_y) >= 12 or abs(x - other_x) >= width("label 0") - 1


def test_dodge_moves_as_little_as_it_must():
    assert dodge([10, 50, 52], [16, 16, 16], 0, 100) == [10, 43, 59]


def test_grey_pictures_are_ink_and_photographs_stay():
    grey = np.array([[0, 0, 0], [0, 255, 0], [0, 0, 0]], dtype=np.uint8)
    kind, raw = _decode(png_data_uri(grey))
    assert kind == 4
    assert raw[4 * 2 + 1] == 255
    assert raw[1] == 0
    assert _decode(png_data_uri(255 - grey)) == (kind, raw)
    photograph = np.arange(27, dtype=np.uint8).reshape(3, 3, 3)
    kind, raw = _decode(png_data_uri(photograph))
    assert kind == 2
    assert raw == photograph.tobytes()


@pytest.mark.parametrize(
    "array", [np.zeros((3, 3)), np.zeros((3, 3, 4), np.uint8), np.zeros((0, 3), np.uint8), "text"]
)
def test_other_pictures_are_refused(array):
    with pytest.raises(InputRefused):
        png_data_uri(array)


def _decode(uri: str) -> tuple[int, bytes]:
    png = base64.b64decode(uri.partition(",")[2])
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    wide, high, _, kind = struct.unpack(">IIBB", png[16:26])
    at, data = 8, b""
    while at < len(png):
        size, name = struct.unpack(">I4s", png[at : at + 8])
        chunk = png[at + 8 : at + 8 + size]
        assert struct.unpack(">I", png[at + 8 + size : at + 12 + size])[0] == zlib.crc32(name + chunk)
        data += chunk if name == b"IDAT" else b""
        at += 12 + size
    raw, step = zlib.decompress(data), {2: 3, 4: 2}[kind] * wide
    return kind, b"".join(raw[(step + 1) * y + 1 : (step + 1) * (y + 1)] for y in range(high))


def test_a_bar_chart_has_no_tick_beyond_its_bars():
    bar = Bar(label="a", segments=(Segment(start=0.0, stop=0.49, role="ink"),))
    chart = Chart(title="t", description="d", x=Axis(title="share", format="percent"), bars=(bar, bar))
    said = {text.text for text in ElementTree.fromstring(bars(chart, 600)).iter() if text.tag.endswith("text")}
    assert {"0\u202f%", "40\u202f%"} <= said
    assert not {"75\u202f%", "100\u202f%"} & said


def test_a_pole_far_off_is_named_with_its_number_and_leaves_the_scale_to_the_models_own_points():
    given = documents.fashion()["balance"]
    near = {"name": "Rote", "understood": -1.0, "memorised": 2.0}  # where nothing can be predicted
    far = {"name": "Rote", "understood": -8.34, "memorised": 9.34}
    for pole, told in ((near, False), (far, True)):
        for svg, numbers in zip(balances({**given, "poles": [pole]}, "this recipe"), (2, 1), strict=True):
            words = re.findall(r">([^<>]+)</text>", svg)
            corner = [one for one in words if one.startswith("Rote \u2198")]
            assert bool(corner) == told
            assert ("\u2212100\u202f%" in words) != told  # a tick: the scale reaches as far as Rote
            assert "Rote: understood" in svg  # the description has it in full
            for one in corner:
                assert ["\u2212834\u202f%" in one, "934\u202f%" in one] == [True, numbers == 2]
