"""Kinds: what is said of each kind of output; a kind that is not listed is spoken of as of real numbers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Words:
    """The words for one kind of output; `{target}` is what the values are called.

    Attributes:
        labelled: an example has one label among classes.
        continuous: the targets are real numbers.
        passages: an example is a passage of symbols, and its own target.
        things: what the totals are of; empty where that is what an example is called.
        bits: of what the bits are.
        blind: what a model that knows nothing of the input would do.
        number: the number that is explained, and `unit`, as a word after it.
        credit: in what credit is counted.
        member: what a member says of an example.
        score: by what the strongest attack tells examples.
        form: in what a member's knowledge of an example is counted.
        varies: what the variance is of.
    """

    labelled: bool = False
    continuous: bool = False
    passages: bool = False
    things: str = "values"
    bits: str = "label"
    blind: str = "the mean of the training values"
    number: str = "the predicted value"
    unit: str = ""
    credit: str = "units of {target}"
    member: str = "{target}"
    score: str = "minus the absolute error"
    form: str = "squared error"
    varies: str = "values"


_OF_NUMBERS = Words(continuous=True)
_KINDS = {
    "classes": Words(
        labelled=True,
        things="labels",
        blind="a blind guess",
        number="the margin",
        unit="nats",
        credit="nats of log odds of the label",
        member="margin, nats",
        score="the margin of the label, log p \u2212 log (1 \u2212 p)",
        form="probability",
    ),
    "next step": Words(continuous=True, things="steps", varies="{target}"),
    "tokens": Words(
        passages=True,
        things="",
        bits="text",
        blind="a blind guess",
        number="the log probability",
        unit="nats",
        credit="nats of log p of the passage",
        member="log p, nats",
        score="log p of the whole passage",
        form="bits",
    ),
}


def varying(kind: str, target: str) -> str:
    """What the variance is of, of a kind of output.

    Example:
        >>> varying("next step", "change to the next step"), varying("values", "price")
        ('change to the next step', 'values')
    """
    return words(kind).varies.format(target=target)


def words(kind: str) -> Words:
    """The words for a kind of output.

    Example:
        >>> words("classes").number, words("series").number
        ('the margin', 'the predicted value')
    """
    return _KINDS.get(kind, _OF_NUMBERS)
