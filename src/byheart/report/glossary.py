"""The few words of our own: what each means, and its tooltip at the first use in a section of a page.

The words of the chapter on time are listed, and have tooltips, on pages that have it.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from markupsafe import Markup, escape

GLOSSARY = {
    "bank": "the models trained on random subsets of the training set, from which every number is read",
    "member": "one model of the bank",
    "pole": "an end of a scale: Rote only remembers, Oracle only understands",
    "lever": "a setting of the training that moves the balance between memorised and understood",
    "credit": "what each training example contributed to a prediction in one recorded run",
    "effect": "how a prediction would change if a training example were left out and the model trained again",
    "recipe": "data, model and training settings together; any model trained this way is a draw of it",
}
OF_SERIES = {  # of pages that have the chapter on time alone: elsewhere they are ordinary words
    "window": "the last steps of a series, from which a model predicts the next",
    "needed": "how many steps back the data ask for: the shortest window that predicts the next step as well as any",
    "used": "how many steps back the model looks: where older steps are replaced, its predictions get no worse",
    "paid": "bits per step by which the whole window predicts worse than the best shorter one; below 0 it pays off",
    "free run": "a model left to itself: it is fed its own predictions, step after step",
    "novelty": "how far free runs are from the training series, relative to the test series: 0 a replay, about 1 new",
    "floor": "how far two true stretches of the same length differ; no model can be told to be closer than that",
    "valid steps": "for how many steps free runs stay within 0.4 deviations of what came: the median over starts",
    "replay": "the training series itself, used as if a model had generated it",
}
_WORD = re.compile(rf"(?<![\w/.-])({'|'.join(GLOSSARY)})s?(?![\w/-])", re.IGNORECASE)
_OF_SERIES = (
    re.compile(  # `needed`, `used` and `paid` before their numbers, or as a label; else they are ordinary words
        r"(?<![\w/.-])(?:(free run|novelty|floor|replay|valid step)s?(?![\w/=-])"
        r"|(needed|used|paid)(?=(?: a step)?:|:? [\d\u2212][\d.,]*[ \u00a0](?:steps?|bits?)\b))",
        re.IGNORECASE,
    )
)
_OURS = {"reference", "calibration"}  # sentences of ours in what is said of a subject
# tags, and what has no tooltip: code, drawings, headings, links, citations, tables and pictures of examples
_APART = re.compile(
    r"<(svg|script|style|code|pre|table|bdi|cite|h[123]|a|dfn)\b.*?</\1>|<figure class=\"pic\".*?</figure>|<[^>]*>",
    re.DOTALL,
)


def with_tooltips(section: str, left_out: Collection[str] = (), in_time: bool = False) -> Markup:
    """The HTML of a section, where the first use of each word of the glossary shows its meaning without a script.

    The words of the chapter on time are among them where the page has it (`in_time`).

    Example:
        >>> print(with_tooltips("<p>64 members, <code>member</code></p>"))
        <p>64 <dfn title="one model of the bank">members</dfn>, <code>member</code></p>
    """
    made = _explained(str(section), _WORD, {word: word for word in set(GLOSSARY).difference(left_out)}, GLOSSARY)
    if in_time:
        made = _explained(made, _OF_SERIES, {word.removesuffix("s"): word for word in OF_SERIES}, OF_SERIES)
    return Markup(made)


def _explained(section: str, pattern: re.Pattern[str], missing: dict[str, str], meanings: dict[str, str]) -> str:
    """The section, where the first match of each missing word has its meaning."""

    def explained(match: re.Match[str]) -> str:
        term = missing.pop((match[1] or match[match.lastindex or 0]).lower(), None)
        return match[0] if term is None else f'<dfn title="{escape(meanings[term])}">{match[0]}</dfn>'

    pieces, at = [], 0
    for apart in _APART.finditer(section):
        pieces += [pattern.sub(explained, section[at : apart.start()]), apart[0]]
        at = apart.end()
    return "".join([*pieces, pattern.sub(explained, section[at:])])


def used_by(*texts: Any) -> frozenset[str]:
    """The words of the glossary in texts of users, where they may mean something else: a class called "bank".

    Example:
        >>> sorted(used_by({"classes": ["Bank", "shore"]}, "two members"))
        ['bank', 'member']
    """
    found: set[str] = set()
    for text in texts:
        if isinstance(text, str):
            found.update(match[1].lower() for match in _WORD.finditer(text))
        elif isinstance(text, dict):
            found |= used_by(*(value for key, value in text.items() if key not in _OURS))
        elif isinstance(text, list | tuple):
            found |= used_by(*text)
    return frozenset(found)
