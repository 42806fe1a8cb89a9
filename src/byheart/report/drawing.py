"""Vega-Lite to an SVG that belongs to its page: sentinel colours become classes, text stays text."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree

import vl_convert

# One drawing serves light and dark: each colour of the spec is a name that page.css gives a value.
COLOURS = {
    "ink": "#010101",
    "muted": "#020202",
    "rule": "#030303",
    "understood": "#040404",
    "memorised": "#050505",
    "left": "#060606",
    "paper": "#070707",
    "null": "#080808",
}
_NAMES = {colour: name for name, colour in COLOURS.items()}
_KEPT = {"d", "transform", "x2", "y2", "text-anchor", "font-size", "font-weight", "opacity"}
_KEPT |= {"stroke-width", "stroke-dasharray", "fill-opacity", "stroke-opacity"}
SEPARATOR = "\u2063"  # between a name and the muted words after it, within one text
_FIGURE = re.compile(r"-?\d+\.\d+(?:e-?\d+)?|-?\d+e-?\d+")

CONFIG: dict[str, Any] = {
    "background": "transparent",
    "font": "sans-serif",
    "view": {"stroke": None},
    "point": {"opacity": 1},
    "axis": {
        "grid": False,
        "title": None,
        "domainColor": COLOURS["rule"],
        "tickColor": COLOURS["rule"],
        "labelColor": COLOURS["muted"],
        "labelFontSize": 12.5,
        "labelPadding": 5,
        "tickSize": 4,
    },
}


def layer(mark: str, rows: list[dict], encoding: dict, **look: Any) -> dict:
    """One layer of a Vega-Lite spec over its own rows; roles among `look` become sentinel colours.

    A row's `say` is the accessible label of its mark; layers whose rows have none are silent.
    """
    colours = {key: COLOURS[look[key]] for key in ("fill", "stroke", "color") if look.get(key)}
    silent = not any("say" in row for row in rows)
    channels = dict(encoding) if silent else {**encoding, "description": {"field": "say"}}
    return {
        "data": {"values": rows},
        "mark": {"type": mark, "aria": not silent, **look, **colours},
        "encoding": channels,
    }


def pixels(field: str) -> dict:
    """The channel of a field that holds pixels."""
    return {"field": field, "type": "quantitative", "scale": None, "axis": None}


def draw(layers: list[dict], size: tuple[float, float], padding: dict, title: str, description: str) -> str:
    """The SVG of `layers` over a plot of `size` pixels inside `padding`, named by title and description."""
    spec = {
        "width": size[0],
        "height": size[1],
        "padding": padding,
        "autosize": {"type": "none"},
        "config": CONFIG,
        "layer": layers,
    }
    return finish(vl_convert.vegalite_to_svg(spec), title, description)


def finish(svg: str, title: str, description: str) -> str:
    """`svg` made small and named: colours as classes, no size of its own, no element without use."""
    source = ElementTree.fromstring(svg)
    box = source.get("viewBox", "0 0 1 1")
    root = ElementTree.Element("svg", {"role": "img", "viewBox": box, "style": f"max-width:{box.split()[2]}px"})
    for tag, text in (("title", title), ("desc", description)):
        ElementTree.SubElement(root, tag).text = text
    for child in source:
        _copy(child, root)
    return ElementTree.tostring(root, encoding="unicode", short_empty_elements=True)


def _copy(source: ElementTree.Element, parent: ElementTree.Element) -> None:
    tag = source.tag.rpartition("}")[2]
    if "background" in source.get("class", "") or (tag == "rect" and parent.tag == "svg"):
        return
    kept = {
        key: _FIGURE.sub(_short, value) if key in {"d", "transform", "x2", "y2"} else value
        for key, value in source.attrib.items()
        if key in _KEPT
    }
    kept = {
        key: value
        for key, value in kept.items()
        if (key, value) not in {("opacity", "1"), ("transform", "translate(0,0)")}
    }
    classes = [f"{kind[0]}-{_NAMES[source.get(kind)]}" for kind in ("fill", "stroke") if source.get(kind) in _NAMES]
    if tag == "text" and source.get("stroke") == COLOURS["paper"]:
        classes.append("halo")
    if source.get("aria-label") and tag != "g":
        kept["data-say"] = source.attrib["aria-label"]  # readers of the page hear the drawing as one, with its table
    if classes:
        kept["class"] = " ".join(classes)
    if tag == "g" and not kept:
        for child in source:
            _copy(child, parent)
        return
    made = ElementTree.SubElement(parent, tag, kept)
    if SEPARATOR in (source.text or ""):
        _tell(made, source.text or "", kept)
    else:
        made.text = source.text
    for child in source:
        _copy(child, made)


def _tell(made: ElementTree.Element, text: str, kept: dict) -> None:
    """A bold name and the muted words beside it; where the text ends at its place the name stands last."""
    parts = [
        ({"class": "f-ink s-paper halo", "font-weight": "600"}, text.partition(SEPARATOR)[0]),
        ({"class": "f-muted s-paper halo", "font-weight": "400"}, text.partition(SEPARATOR)[2]),
    ]
    if kept.get("text-anchor") == "end":
        parts.reverse()
    for i, (look, part) in enumerate(parts):
        ElementTree.SubElement(made, "tspan", {**look, **({"dx": "7"} if i else {})}).text = part


def _short(match: re.Match[str]) -> str:
    text = f"{float(match[0]):.1f}"
    return text.removesuffix(".0") if text not in {"-0.0", "0.0"} else "0"
