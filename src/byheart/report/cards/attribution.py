"""What the cards of credit and effect share: new examples beside those that count for and against them."""

from __future__ import annotations

from byheart.records.facts import Ranked
from byheart.records.formatting import DASH, number
from byheart.records.quantity import Quantity
from byheart.report.cards.base import About, Row
from byheart.report.examples import Exhibit, ExhibitGroup, Exhibits

LDS = (
    "linear datamodeling score: Spearman over members, trained on other subsets from other seeds, of the {} of what "
    "each saw and what it says, mean over new predictions"
)


def rows_of(asked: Ranked, largest: Ranked, word: str, about: About) -> tuple[Exhibits, ...]:
    """A row for each new example: itself, then those with the largest scores for and against it."""
    keys = (about.target, word) if "label" in asked.figures else (word,)
    made = []
    for query in asked.rows():
        scored = [row for row in largest.rows() if row["query"] == query["id"]]
        sides = (
            ("asked", [_example(query, "test", word, about)]),
            ("for it", [_example(row, "train", word, about) for row in scored if row["score"] > 0]),
            ("against it", [_example(row, "train", word, about) for row in scored if row["score"] < 0]),
        )
        groups = tuple(ExhibitGroup(label=label, shown=tuple(shown)) for label, shown in sides if shown)
        new = f"{about.noun} {about.name(query['id'], 'test')}"
        made.append(Exhibits(title=f"{word.capitalize()} for new {new}", keys=keys, groups=groups))
    return tuple(made)


def _example(row: Row, view: str, word: str, about: About) -> Exhibit:
    """An example with its label and its score; in place of a score a dash stands under the new one."""
    label, score, said = about.label(row.get("label")), row.get("score"), DASH
    sentence = f"{'new' if view == 'test' else 'training'} {about.noun} {about.name(row['id'], view)}"
    sentence += f": {about.target} {label}" if label else ""
    if score is not None:
        said = ("+" if score > 0 else "") + number(score, 2 if abs(score) >= 0.1 else 3)
        sentence += f"; {word} {said}"
    return Exhibit(id=row["id"], view=view, lines=(label, said)[not label :], sentence=sentence)


def ends(one: Quantity, decimals: int = 2, scale: float = 1.0) -> str:
    """The interval of a quantity in brackets; empty where there is none."""
    if one.interval is None:
        return ""
    low, high = (number(scale * end, decimals) for end in one.interval)
    return f"[{low}, {high}]"


def unit(about: About) -> str:
    """In what credit and effect are counted."""
    return about.words.credit.format(target=about.target)
