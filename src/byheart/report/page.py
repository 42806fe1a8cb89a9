"""The page: one self-contained HTML file from one document; same document, same bytes."""

from __future__ import annotations

import base64
import hashlib
import json
from functools import cache
from importlib.resources import files

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from byheart.report.glossary import GLOSSARY, OF_SERIES, with_tooltips
from byheart.report.rich_text import runs
from byheart.report.story import story

_ESCAPES = {ord(sign): f"\\u{ord(sign):04x}" for sign in "<>&\u2028\u2029"}


def render(document: dict) -> str:
    """The HTML page of `document`, the dict that `byheart audit --json` prints.

    Raises:
        InputRefused: the document is of another schema.
    """
    data = embedded(document)
    digest = hashlib.sha256(data.encode()).hexdigest()
    return styled("page.html", story=story(document), data=Markup(data), digest=digest)


def styled(template: str, **parts: object) -> str:
    """A template of ours with the one style and the one script of every page."""
    script, style = _read("page.js").strip(), f"{_fonts()}{_read('page.css').strip()}"
    mark = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    made = _templates().get_template(template)
    return made.render(style=Markup(style), script=Markup(script), script_hash=mark, **parts)


def embedded(document: dict) -> str:
    """`document` as JSON that no HTML parser can leave: `<`, `>` and `&` are escaped."""
    return json.dumps(document, separators=(",", ":"), allow_nan=False).translate(_ESCAPES)


@cache
def _templates() -> Environment:
    made = Environment(
        loader=FunctionLoader(_read), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    made.filters["runs"] = runs
    made.filters["drawing"] = Markup
    made.filters["with_tooltips"] = with_tooltips
    made.globals |= {"glossary": GLOSSARY, "glossary_of_series": OF_SERIES}
    return made


@cache
def _fonts() -> str:
    """The subsets of two open fonts that every page holds, as rules of its style; without them the system serves."""
    rules = []
    for name in ("text-400", "text-600", "head-400"):
        family, weight = name.split("-")
        coded = base64.b64encode((files("byheart.report") / "fonts" / f"{name}.woff2").read_bytes()).decode()
        source = f'url(data:font/woff2;base64,{coded}) format("woff2")'
        # the minus sign of the serif stands as far apart as a dash
        signs = ";unicode-range:U+0-2211,U+2213-FFFF" if family == "head" else ""
        rules.append(f'@font-face{{font-family:"byheart {family}";font-weight:{weight};src:{source}{signs}}}\n')
    return "".join(rules)


def _read(name: str) -> str:
    return (files("byheart.report") / "templates" / name).read_text(encoding="utf-8")
