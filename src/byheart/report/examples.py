"""Examples as the page shows them: pictures, rows of fields, lines of text, or only their numbers."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping

from byheart.records.spec import Record

_FIGURE = re.compile(r"[-+\u2212]?\d[\d.,:]*(e[-+]?\d+)?(\u202f%)?|missing|")  # what stands at the right of its column
FIELDS = 5  # columns of a table of examples
FIRST = {"pictures": (5, 7), "rows": (2, 2), "text": (2, 2), "ids": (5, 7)}


class Exhibit(Record):
    """One example by id and view, the lines under its picture and the sentence that says it all."""

    id: int
    view: str = "train"
    lines: tuple[str, ...] = ()
    sentence: str = ""


class ExhibitGroup(Record):
    """A labelled group of exhibits; `ring` marks the labels we redrew ourselves."""

    label: str
    ring: bool = False
    shown: tuple[Exhibit, ...] = ()


class Exhibits(Record):
    """Examples worth looking at: a titled row of ids, each with the words to stand under it.

    `groups` splits the row (first the labels we redrew, then those that came with the data).
    """

    title: str
    keys: tuple[str, ...] = ()
    groups: tuple[ExhibitGroup, ...] = ()


def gallery(record: Exhibits, known: dict[str, dict], noun: str, names: Mapping[str, str], first: bool = False) -> dict:
    """`record` with what `known` holds of each example and what `names` calls it, by `key`.

    `first` keeps what fits the first screen.
    """
    shown = [_key(one) for group in record.groups for one in group.shown]
    contents = [known[key] for key in shown if key in known]
    kind = (
        "pictures"
        if any(one.get("picture") for one in contents)
        else "text"
        if any(one.get("text") for one in contents)
        else "rows"
        if any(one.get("fields") for one in contents)
        else "ids"
    )
    filled = [group for group in record.groups if group.shown]
    room = FIRST[kind] if len(filled) > 1 else (sum(FIRST[kind]),)
    columns = (
        next(([name for name, _ in one["fields"]][:FIELDS] for one in contents if one.get("fields")), [])
        if kind == "rows"
        else []
    )
    groups = []
    for i, group in enumerate(filled):
        most = room[min(i, len(room) - 1)] if first else (len(group.shown) if kind != "pictures" else 12)
        groups.append(
            {
                "label": group.label,
                "ring": group.ring,
                "items": [_item(one, known.get(_key(one), {}), noun, columns, names) for one in group.shown[:most]],
            }
        )
    views = {one.view for group in record.groups for one in group.shown}
    cells = [[item["fields"][place] for made in groups for item in made["items"]] for place in range(len(columns))]
    lines = [[item["lines"][place] for made in groups for item in made["items"] if place < len(item["lines"])]
             for place in range(len(record.keys))]  # fmt: skip
    figures, of_lines = (
        [bool(column) and all(_FIGURE.fullmatch(cell) for cell in column) for column in columns_of]
        for columns_of in (cells, lines)
    )
    return {
        "title": record.title,
        "keys": record.keys,
        "kind": kind,
        "columns": columns,
        "figures": figures,
        "figures_of_lines": of_lines,
        "groups": groups,
        "one_view": len(views) < 2,
        "size": sum(len(group["items"]) for group in groups),
    }


def seen(galleries: list[dict]) -> int:
    """How many different examples `galleries` show, and not only number."""
    return len(
        {item["key"] for made in galleries for group in made["groups"] for item in group["items"] if item["shown"]}
    )


def key(view: str, ident: int) -> str:
    """How an example is found among exhibits and names.

    Example:
        >>> key("train", 12)
        'train:12'
    """
    return f"{view}:{ident}"


def _key(one: Exhibit) -> str:
    return key(one.view, one.id)


def _item(one: Exhibit, content: dict, noun: str, columns: list[str], names: Mapping[str, str]) -> dict:
    name = names.get(_key(one), one.id)
    view = {"train": "training", "test": "new", "canaries": "secret"}.get(one.view, one.view)
    fields = dict(content.get("fields") or [])
    lines = one.lines or ((content["label"],) if content.get("label") else ())
    label = f", labelled {content['label']}" if content.get("label") else ""
    return {
        "key": _key(one),
        "id": name,
        "view": view,
        "lines": lines,
        "sentence": one.sentence or f"{view} {noun} {name}{label}",
        "alt": f"{view} {noun} {name}{label}",
        "picture": content.get("picture") if _safe(content.get("picture")) else None,
        "look": " ".join(
            [
                "photograph" if content.get("photograph") else "drawn",
                *(["coarse"] if _coarse(content.get("picture")) else []),
            ]
        ),
        "text": content.get("text"),
        "fields": [_cell(fields.get(name, "")) for name in columns],
        "shown": any(content.get(what) for what in ("picture", "fields", "text")),
    }


def _cell(text: str) -> str:
    """A cell as it is shown: a number with a true minus sign."""
    return text.replace("-", "\u2212", 1) if text.startswith("-") and _FIGURE.fullmatch(text) else text


def _coarse(picture: str | None) -> bool:
    """Whether a PNG is so small that its pixels should stay pixels when it is enlarged."""
    if not isinstance(picture, str) or not picture.startswith("data:image/png;base64,"):
        return False
    try:
        head = base64.b64decode(picture[22:62], validate=True)
    except ValueError:
        return False
    return len(head) >= 24 and max(int.from_bytes(head[16:20]), int.from_bytes(head[20:24])) < 28


def _safe(picture: str | None) -> bool:
    return isinstance(picture, str) and picture.startswith(
        ("data:image/png;base64,", "data:image/jpeg;base64,", "data:image/webp;base64,")
    )
