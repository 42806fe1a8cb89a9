"""Ranked measures: how measures of generalisation order a table of runs, beside what papers report of them."""

from __future__ import annotations

from typing import Any

from byheart.records.facts import FactTable
from byheart.records.reason import Reason
from byheart.records.spec import Record


class RankedMeasuresRecord(Record):
    """A table of runs ranked; the lines, `--json` and the files are made from it alone.

    Attributes:
        source: the table's name.
        gap: the column of the generalisation gap.
        settings: hyper-parameter -> how many values it takes.
        test_size: test examples behind each gap, if known.
        runs: how many were ranked.
        configurations: how many different settings they have.
        left_out: why runs were left out -> how many.
        notes: what a reader should know of how the table was read.
        table: a row per measure, baselines last; `fails` names the hyper-parameters under which it is no better than a
            guess.
        published: what papers report of those measures, a row each.
        by_chance: score -> what 39 of 40 random orders stay within.
        draws: how many random orders say so.
        environments: how many the sign-errors rest on.
        lacking: score -> why no measure has it.
        few: measures that too few runs have -> how many.
    """

    schema_version: int = 1
    source: str
    gap: str
    settings: dict[str, int]
    test_size: int | None
    runs: int
    configurations: int
    left_out: dict[str, int] = {}
    notes: tuple[str, ...] = ()
    table: FactTable
    published: FactTable
    by_chance: dict[str, float | None]
    draws: int
    environments: int
    lacking: dict[str, Reason] = {}
    few: dict[str, int] = {}
    provenance: dict[str, Any] = {}
