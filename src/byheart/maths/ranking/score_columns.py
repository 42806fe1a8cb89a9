"""The scores of many measures as the columns of a table, and where each fails."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from byheart.errors import InputRefused
from byheart.maths.ranking.scoreboard import FEWEST, RANDOM, Board


def columns_of(board: Board, names: Sequence[str]) -> dict[str, list[Any]]:
    """Which columns does the board have as a table?

    `measure`, `baseline` (bool), the scores (None for NaN), and `fails`: the hyper-parameters, joined by commas, under
    which the measure is no better than a guess (`failing`).

    Args:
        board: of some measures.
        names: (h,) what the hyper-parameters are called.

    Returns:
        Columns by name, baselines last.

    Raises:
        InputRefused: no measure has enough runs.

    Cost: none. Fails when: never.

    Reference: byheart.

    >>> from byheart.maths.ranking.scoreboard import scoreboard
    >>> board = scoreboard({"m": [1, 2, 3, 4]}, [4, 3, 2, 1], [[1], [2], [3], [4]], ("width",))
    >>> columns = columns_of(board, ("width",))
    >>> columns["measure"][0], columns["fails"][0]
    ('m', 'width')
    """
    rows = [*board.measures.items(), *board.baselines.items()]
    if not board.measures:
        came = ", ".join(f"{name} of {runs} runs" for name, runs in board.few.items())
        raise InputRefused(f"a measure of at least {FEWEST} runs", came or "none", "Name its column.")
    found: dict[str, list[Any]] = {"measure": [name for name, _ in rows]}
    found["baseline"] = [name in board.baselines for name, _ in rows]
    for score in rows[0][1]:
        found[score] = [None if np.isnan(row[score]) else row[score] for _, row in rows]
    found["runs"] = [int(runs) for runs in found["runs"]]
    found["fails"] = ["" if name == RANDOM else ", ".join(failing(row, names)) for name, row in rows]
    return found


def failing(row: Mapping[str, float | None], names: Sequence[str]) -> list[str]:
    """Under which hyper-parameters is a measure no better than a guess?

    A sign-error of at least 0.5, or where there is none a psi of at most 0.
    """
    found = []
    for name in names:
        error, psi = row.get(f"sign_error.{name}"), row.get(f"psi.{name}")
        known = error is not None and not np.isnan(error)
        if (known and error >= 0.5) or (not known and psi is not None and psi <= 0):
            found.append(name)
    return found
