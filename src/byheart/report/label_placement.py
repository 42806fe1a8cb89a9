"""Where words go in a chart: beside what they name, over nothing else."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, replace
from itertools import pairwise

from byheart.report.drawing import SEPARATOR, layer, pixels

Box = tuple[float, float, float, float]  # left, top, right, bottom, in pixels
_SIDES = {
    "right": (1, 0, "left"),
    "left": (-1, 0, "right"),
    "above": (0, -1, "center"),
    "below": (0, 1, "center"),
    "above right": (0.7, -0.8, "left"),
    "above left": (-0.7, -0.8, "right"),
    "below right": (0.7, 0.8, "left"),
    "below left": (-0.7, 0.8, "right"),
}
SIDES = tuple(_SIDES)
LINE = 15.5  # height of a line of 12.5 px text


@dataclass(frozen=True)
class Label:
    """Words for one or more places in a chart, best place first."""

    text: str
    points: tuple[tuple[float, float], ...]
    role: str = "muted"
    bold: bool = False
    size: float = 12.5
    gap: float = 9
    sides: tuple[str, ...] = SIDES
    note: str = ""  # a second line, muted
    tail: str = ""  # muted words on the same line


@dataclass(frozen=True)
class Placed:
    """Words at their place; `align` says which end of the text stands at `x`."""

    text: str
    x: float
    y: float
    align: str
    role: str
    bold: bool
    size: float


def width(text: str, size: float = 12.5, bold: bool = False) -> float:
    """About how wide `text` is in a sans serif, in pixels; rather too wide than too narrow.

    Example:
        >>> 60 < width("1-nearest neighbour") < 130
        True
    """
    units = 0.0
    for sign in text:
        if unicodedata.east_asian_width(sign) in "WF":
            units += 1.05
        else:
            units += 0.33 if sign in "iljtfrI.,:;'|![]() \u202f\u2019" else 0.9 if sign in "mwMW%@" else 0.58
    return units * size * (1.06 if bold else 1.0)


def shorten(text: str, room: float, size: float = 12.5, bold: bool = False) -> str:
    """`text`, or as much of its beginning as fits into `room` pixels, with an ellipsis."""
    text = text if len(text) <= room else text[: int(max(room, 1))] + "\u2026"  # no sign is less than a pixel wide
    if width(text, size, bold) <= room:
        return text
    while text and width(text + "\u2026", size, bold) > room:
        text = text[:-1]
    return text.rstrip() + "\u2026"


def wrap(text: str, room: float, size: float = 12.5, bold: bool = False) -> list[str]:
    """`text` in at most two lines of `room` pixels, broken between words."""
    words, first = text[: int(max(4 * room, 4))].split(" "), ""
    while words and width(f"{first} {words[0]}".strip(), size, bold) <= room:
        first = f"{first} {words.pop(0)}".strip()
    if not first:
        return [shorten(text, room, size, bold)]
    return [first, shorten(" ".join(words), room, size, bold)] if words else [first]


def place(labels: list[Label], obstacles: list[Box], frame: Box) -> list[Placed]:
    """A place for each label, in order: the first is placed best, later ones keep clear of it."""
    taken: list[Box] = []
    placed = []
    for label in labels:
        text = shorten(label.text, frame[2] - frame[0], label.size, label.bold)
        if label.tail and width(text + label.tail, label.size, label.bold) + 8 < 0.7 * (frame[2] - frame[0]):
            text += SEPARATOR + label.tail
        best: tuple[float, Box, Placed] | None = None
        for near, point in enumerate(label.points):
            for stretch in (1.0, 2.1, 3.4):
                for rank, side in enumerate(label.sides):
                    cost = 30 * near + 4 * rank + 25 * (stretch - 1)
                    if best is not None and cost >= best[0]:
                        continue  # what follows only adds to it
                    box, spot = _stand(label, text, point, side, stretch)
                    cost += 40 * _outside(box, frame) + sum(12 * _overlap(box, other) for other in taken)
                    cost += sum(3 * _overlap(box, other) for other in obstacles)
                    if best is None or cost < best[0]:
                        best = (cost, box, spot)
        if best is not None:
            taken.append(best[1])
            name = best[2]
            lift = LINE / 2 if label.note else 0
            placed.append(replace(name, y=name.y - lift))
            if label.note:
                placed.append(Placed(label.note, name.x, name.y + lift, name.align, "muted", False, 12.5))
    return placed


def dodge(wanted: list[float], heights: list[float], low: float, high: float) -> list[float]:
    """Middles as near to `wanted` as can be, in the same order, none over another, all from low to high.

    Example:
        >>> dodge([10, 12], [16, 16], 0, 100)
        [8.0, 24.0]
    """
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    blocks: list[tuple[float, float, list[int]]] = []  # top, height, members
    for i in order:
        top, height, members = wanted[i] - heights[i] / 2, heights[i], [i]
        while blocks and blocks[-1][0] + blocks[-1][1] > top:
            above = blocks.pop()
            middle = (above[0] + above[1] / 2) * len(above[2]) + (top + height / 2) * len(members)
            members, height = above[2] + members, above[1] + height
            top = middle / len(members) - height / 2
        top = max(low, min(top, high - height))
        blocks.append((top, height, members))
    middles = [0.0] * len(wanted)
    for top, _, members in blocks:
        for i in members:
            middles[i] = top + heights[i] / 2
            top += heights[i]
    return middles


def along(points: list[tuple[float, float]], every: float = 7) -> list[Box]:
    """Small boxes along a line through `points`: what words must not cover."""
    boxes = []
    for (x0, y0), (x1, y1) in pairwise(points):
        steps = max(1, int(max(abs(x1 - x0), abs(y1 - y0)) / every))
        for step in range(steps + 1):
            x, y = x0 + (x1 - x0) * step / steps, y0 + (y1 - y0) * step / steps
            boxes.append((x - 2, y - 2, x + 2, y + 2))
    return boxes


def words(spots: list[Placed]) -> list[dict]:
    """Layers for words at their places, each on a halo of paper."""
    made = []
    for role in dict.fromkeys((spot.role, spot.bold, spot.align, spot.size) for spot in spots):
        rows = [
            {"x": spot.x, "y": spot.y, "text": spot.text}
            for spot in spots
            if (spot.role, spot.bold, spot.align, spot.size) == role
        ]
        encoding = {"x": pixels("x"), "y": pixels("y"), "text": {"field": "text", "type": "nominal"}}
        look = {"fontWeight": 600} if role[1] else {}
        made.append(
            layer(
                "text",
                rows,
                encoding,
                fill=role[0],
                stroke="paper",
                strokeWidth=4,
                align=role[2],
                baseline="middle",
                fontSize=role[3],
                limit=0,
                **look,
            )
        )
    return made


def _stand(label: Label, text: str, point: tuple[float, float], side: str, stretch: float) -> tuple[Box, Placed]:
    across, down, align = _SIDES[side]
    wide = max(width(text, label.size, label.bold), width(label.note))
    high = label.size * 1.15 + (LINE if label.note else 0)
    x = point[0] + across * label.gap * stretch
    y = point[1] + down * (label.gap * stretch + (high / 2 if across == 0 else 3))
    left = {"left": x, "center": x - wide / 2, "right": x - wide}[align]
    return (left, y - high / 2, left + wide, y + high / 2), Placed(
        text, x, y, align, label.role, label.bold, label.size
    )


def _overlap(one: Box, other: Box) -> float:
    wide = min(one[2], other[2]) - max(one[0], other[0])
    high = min(one[3], other[3]) - max(one[1], other[1])
    return wide * high if wide > 0 and high > 0 else 0.0


def _outside(box: Box, frame: Box) -> float:
    return (
        max(0.0, frame[0] - box[0])
        + max(0.0, frame[1] - box[1])
        + max(0.0, box[2] - frame[2])
        + max(0.0, box[3] - frame[3])
    )
