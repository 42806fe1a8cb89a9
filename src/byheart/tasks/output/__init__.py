"""Outputs: what a model must give, one class a kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from byheart.tasks.output.base import Output
from byheart.tasks.output.classes import Classes
from byheart.tasks.output.column import Column
from byheart.tasks.output.embedding import Embedding
from byheart.tasks.output.next_step import NextStep
from byheart.tasks.output.rewards import Rewards
from byheart.tasks.output.series import Series
from byheart.tasks.output.tokens import Tokens
from byheart.tasks.output.values import Values

__all__ = [
    "KINDS", "Classes", "Column", "Embedding", "NextStep", "Output", "Rewards", "Series", "Tokens", "Values",
    "output_from",
]  # fmt: skip

_ALL = (Classes, Values, Tokens, Series, NextStep, Embedding, Rewards)
KINDS: dict[str, type[Output]] = {one.kind: one for one in _ALL}


def output_from(document: Mapping[str, Any]) -> Output:
    """The Output that a data document holds.

    Example:
        >>> output_from(Classes(2, ("no", "yes")).document())
        Classes(k=2, classes=('no', 'yes'), noun=('example', 'examples'), show='none', columns=(), target='label', \
divided_by=1, missing='impute')
    """
    columns = tuple(Column(**{**column, "categories": tuple(column["categories"])}) for column in document["columns"])
    fields = {name: tuple(value) if isinstance(value, list) else value for name, value in document.items()}
    return KINDS[fields.pop("kind")](**{**fields, "columns": columns})
