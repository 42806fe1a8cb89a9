"""Which runs have the same settings, and which differ in one setting alone?"""

from __future__ import annotations

from typing import Any

import numpy as np

from byheart.errors import InputRefused, shown
from byheart.maths.inputs import array, same_shape
from byheart.maths.shapes import Float, Given, Int

FEWEST = 2


def order_of(values: Any, name: str) -> Int[np.ndarray, " r"]:
    """Which place does each run take among the different values, the least first?

    Ties share a place, so differences of places have exactly the signs of differences of values.

    Raises:
        InputRefused: NaN, infinity, fewer than two runs.
    """
    values = array(values, name, "r")
    if len(values) < FEWEST:
        raise InputRefused(f"at least {FEWEST} runs", f"{len(values)}", "A single run has no order: train others.")
    return np.unique(values, return_inverse=True)[1].reshape(-1).astype(np.int64)


def setting_codes(settings: Given[Any, "r h"], runs: int) -> Int[np.ndarray, "r h"]:
    """Which value of each hyper-parameter does each run have, as a number from 0?

    Numbers that agree to nine digits are one value (a learning rate computed on two devices); words are compared as
    they stand. Values are numbered in ascending order.

    Raises:
        InputRefused: no hyper-parameters, another number of rows, or a cell that is missing, by its column.
    """
    table = np.asarray(settings)
    if table.ndim != 2 or len(table) != runs:
        raise InputRefused(
            expected=f"settings of shape ({runs}, h), a row per run and a column per hyper-parameter",
            came=f"shape {table.shape}",
            do="Give one row for each run.",
        )
    if not table.shape[1]:
        raise InputRefused(
            "at least one hyper-parameter", "none", "Name the columns that hold the settings of the runs."
        )
    return np.stack([_codes(table[:, column], column) for column in range(table.shape[1])], 1)


def _codes(column: np.ndarray, place: int) -> np.ndarray:
    values = [value.item() if hasattr(value, "item") else value for value in column]
    gone = [row for row, value in enumerate(values) if value is None or value != value or value == ""]
    if gone:
        raise InputRefused(
            expected=f"a value of hyper-parameter {place} for every run",
            came=f"none in row {gone[0]}" + (f" and {len(gone) - 1} others" if len(gone) > 1 else ""),
            do="Fill it in, or leave these runs out.",
        )
    if all(isinstance(value, int | float) for value in values):
        return np.unique([float(f"{value:.9g}") for value in values], return_inverse=True)[1].reshape(-1)
    return np.unique([str(value) for value in values], return_inverse=True)[1].reshape(-1)


def groups(codes: Int[np.ndarray, "r columns"]) -> Int[np.ndarray, " r"]:
    """Which rows are equal?

    The number of its group for each row; without columns all rows are one group.
    """
    if not codes.shape[1]:
        return np.zeros(len(codes), np.int64)
    return np.unique(codes, axis=0, return_inverse=True)[1].reshape(-1)


def averaged(
    codes: Int[np.ndarray, "r h"], *columns: Float[np.ndarray, " r"]
) -> tuple[Int[np.ndarray, "c h"], tuple[Float[np.ndarray, " c"], ...]]:
    """What are the means over the repeats of each configuration?

    The settings of each configuration, and the means.
    """
    of = groups(codes)
    counts = np.bincount(of)
    first = np.unique(of, return_index=True)[1]
    return codes[first], tuple(np.bincount(of, column) / counts for column in columns)


def without(codes: Int[np.ndarray, "r h"], place: int) -> Int[np.ndarray, "r others"]:
    """What are the settings but one?"""
    return np.delete(codes, place, axis=1)


def checked(measure: Any, gap: Any) -> tuple[Float[np.ndarray, " r"], Float[np.ndarray, " r"]]:
    """Are these a measure and a gap of the same runs?

    Raises:
        InputRefused: NaN, infinity, other lengths, fewer than two runs.
    """
    measure, gap = array(measure, "measure", "r").astype(float), array(gap, "gap", "r").astype(float)
    same_shape(gap, "gap", measure.shape)
    if len(measure) < FEWEST:
        came = shown(measure.tolist())
        raise InputRefused(
            f"at least {FEWEST} runs", f"{len(measure)}: {came}", "A single run has no order: train others."
        )
    return measure, gap
