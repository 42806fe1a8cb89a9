"""Ordering: do the examples follow one another, so that neighbours give each other away?"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal

import numpy as np
from scipy.stats import rankdata

from byheart.errors import InputRefused
from byheart.maths.statistics.autocorrelation import autocorrelation, residuals
from byheart.tasks.data import GROUP, Examples, copies_among, grouping_of
from byheart.tasks.grouping import Grouping, components, keeps_together
from byheart.tasks.holdout import held_out
from byheart.tasks.output import Output

Order = Literal["auto", "random", "time"]
STRONG, ERRORS = (
    0.2,
    5.0,
)  # an autocorrelation from which neighbours count as alike, and how far from chance it must lie
FORGOTTEN = float(np.exp(-1))  # where the autocorrelation has fallen to this, rows no longer stand for one another
MOST_BLOCKS, FEWEST_BLOCKS = 100, 20
LOST, LOST_AT_MOST = 0.1, 0.25  # of the rows, at the borders of blocks
WIDEST = 512  # columns beyond which rows are not looked at
DISTINCT = 0.5  # of the values of a column that numbers rows in time
_TIME = re.compile(r"(?i)(.*[ _-])?(t|time|timestamp|date|year|yr|month|week|day|hour|step|epoch)([ _-].*)?$")


@dataclass(frozen=True)
class Ordering:
    """n rows in their order.

    Attributes:
        place: (n,) from 0, by time.
        reach: rows over which one says something of the next.
        by: the column that gives the order; empty for rows as they stand.
        found: the autocorrelation of neighbours, given the other columns.
    """

    place: np.ndarray
    reach: int
    by: str
    found: float
    asked: bool = False

    @property
    def said(self) -> str:
        """By what the rows are ordered, and why."""
        why = "as you said" if self.asked else f"neighbours are alike (autocorrelation {self.found:.2f})"
        return f"in time by {f'column {self.by!r}' if self.by else 'the rows as they stand'}: {why}"


def ordering(
    examples: Examples, output: Output, times: Mapping[str, np.ndarray], asked: Order = "auto"
) -> tuple[Ordering | None, str]:
    """Whether the examples follow one another in time, and a line for the reader where that is in question.

    Looked at are each column of times and the rows as they stand, by the autocorrelation of what the other columns
    leave over of the target (values: of its ranks). Copies count once; rows sorted by the target, or by one column that
    is no time, are said and left alone.

    Args:
        examples: all that may be trained on or held out.
        output: what they hold.
        times: name -> (n,) moments of columns of dates; NaN where missing.
        asked: `auto`; `time`: they do; `random`: they do not.

    Raises:
        InputRefused: `time` of data whose rows cannot be looked at.
    """
    if asked == "random" or (asked == "auto" and keeps_together(examples.meta.get(GROUP))):
        return None, ""
    if output.passages or examples.x.ndim != 2 or not 0 < examples.x.shape[1] <= WIDEST or len(examples) < 2:
        if asked == "time":
            raise InputRefused(
                "rows of numbers to put in order", f"x of shape {examples.x.shape}", "Use --split random."
            )
        return None, ""
    names, counting = _names(examples, output), _counting(examples, output)
    clocks = {name: values for name, values in times.items() if _numbers_rows(values)}
    for place, name in enumerate(names):
        column = examples.x[:, place]
        timely = name in counting or (_TIME.match(name) and _sorted(column) and _numbers_rows(column))
        if name not in clocks and timely:
            clocks[name] = column
    tried = [_tried(examples, output, name, values) for name, values in clocks.items()]
    tried.append(_tried(examples, output, "", np.arange(len(examples))))
    strongest = max(tried, key=lambda one: (one.found, one.by != ""))
    if asked == "time":
        best = max(tried, key=lambda one: (one.by != "" and _sorted(clocks[one.by]), one.by != ""))
        return replace(best, asked=True), ""
    if strongest.found < max(STRONG, ERRORS / np.sqrt(len(examples))):
        return None, _counted(counting) or _not_in_time(clocks, tried)
    sure = strongest.by and (strongest.by in times or _TIME.match(strongest.by))
    if not sure and (why := _arranged(examples, output, strongest.by)):
        line = f"{why}; the order says nothing then, and the split is random (--split time if it is time)"
        return None, ". ".join(filter(None, [line, _counted(counting)]))
    return strongest, ""


@dataclass(frozen=True)
class Split:
    """Which of n rows train and which are held out (bool; those at the borders of blocks do neither), and the words.

    Attributes:
        train: (n,) bool.
        test: (n,) bool.
        grouped: of the rows that train.
        how: how it was held out.
        note: what a reader must know of the order; empty where nothing.
    """

    train: np.ndarray
    test: np.ndarray
    grouped: Grouping
    how: str = ""
    note: str = ""


def split(
    examples: Examples,
    output: Output,
    content: np.ndarray,
    share: float,
    times: Mapping[str, np.ndarray] = MappingProxyType({}),
    asked: Order = "auto",
) -> Split:
    """A share of the examples held out: the last ones where they follow one another in time, else by their content.

    Args:
        examples: all there are.
        output: what they hold.
        content: (n,) digests of what they hold, by which they are held out where they do not follow one another.
        share: to hold out; 0 where a test is given.
        times: as of `ordering`.
        asked: as of `ordering`.

    Raises:
        InputRefused: nothing can be held out, or a class comes in the later block alone.
    """
    found, note = ordering(examples, output, times, asked)
    whole, nouns = grouping_of(examples, output), output.noun[1]
    if found is None and not share:
        everybody = np.ones(len(examples), dtype=bool)
        return Split(everybody, ~everybody, whole, note=note)
    if found is None:
        out = held_out(content, share, examples.y if output.labelled else None, whole)
        how = f"{int(out.sum())} of {len(out)} {nouns}, chosen by their content (not their order)"
        return Split(~out, out, whole.take(~out), how, note)
    cut = in_blocks(found, whole, copies_among(examples.x, output).exact, share)
    if output.labelled and (late := set(examples.y[cut.test]) - set(examples.y[cut.train])):
        names = ", ".join(repr(output.classes[label]) for label in sorted(late))
        raise InputRefused(
            expected=f"every class before the last {share:.0%} of the {nouns}, which are held out as the later ones",
            came=f"{names} there alone",
            do="Give a test set of your own, or --split random if the rows do not follow one another.",
        )
    lost = len(cut.test) - int(cut.test.sum() + cut.train.sum())
    how = f"the last {int(cut.test.sum())} of {len(cut.test)} {nouns} {found.said}"
    later = "the test is a later block, and " if share else ""
    note = (
        f"{nouns} {found.said}: {later}models leave out blocks of {int(cut.train.sum()) // cut.grouped.blocks:,} "
        f"consecutive {nouns}; {lost:,} at the borders are in no set. If they do not follow one another: "
        "--split random, with --group for what neighbours share"
    )
    return replace(cut, how=how, note=note)


def in_blocks(found: Ordering, grouped: Grouping, exact: np.ndarray, share: float) -> Split:
    """The last `share` by time held out, the others in blocks of consecutive rows that are left out as wholes.

    There are as many blocks as leave at most a tenth of the rows in gaps of `reach` between them, at most 100; at least
    20 as long as that loses at most a quarter. Rows that copy one another exactly link their blocks, unless they are
    cells of a design.

    Raises:
        InputRefused: each row says something of too many others.
    """
    n, place, reach = len(found.place), found.place, found.reach
    last = n - (max(1, round(share * n)) if share else 0)  # the first place that is held out
    rows = last - (reach if share else 0)
    fewest = min(FEWEST_BLOCKS, int(LOST_AT_MOST * rows / reach))
    blocks = int(np.clip(LOST * rows / reach, fewest, MOST_BLOCKS))
    if blocks < 2:
        raise InputRefused(
            expected="rows that can be cut into blocks that do not give one another away",
            came=f"{n:,} rows, each of which says something of about {reach:,} after it",
            do="Give a longer series, or --split random if the rows do not follow one another.",
        )
    ends = np.linspace(0, rows, blocks + 1).round().astype(np.int64)
    block = np.searchsorted(ends, place, side="right") - 1
    border = (ends[np.minimum(block + 1, blocks)] - place <= reach) & (block < blocks - 1)
    train = (place < rows) & ~border
    linked = components(block[train], np.arange(train.sum()) if grouped.cells else exact[train])
    together = Grouping(linked, exact[train], 0, blocks, blocks, reach, found.by)
    return Split(train, place >= last, together)


def _tried(examples: Examples, output: Output, by: str, values: np.ndarray) -> Ordering:
    """The autocorrelation of the rows in one order, and over how many rows it reaches."""
    known = np.nan_to_num(np.asarray(values, np.float64), nan=np.inf)
    order = np.argsort(known, kind="stable")
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    first = np.unique(copies_among(examples.x, output).exact, return_index=True)[1]
    once = order[np.isin(order, first)]
    features = _features(examples, output, by)[once]
    left = residuals(_targets(examples, output)[once], features)
    if len(once) < 3 or not (left**2).sum():
        return Ordering(place, 1, by, 0.0)
    trend = np.arange(len(once), dtype=np.float64)[:, None] / len(once)
    most = max(1, len(once) // 4)
    flat = residuals(left, np.hstack([features, trend]))
    course = autocorrelation(flat, most) if (flat**2).sum() else np.ones(most + 1)
    reach = int(np.argmax(course < FORGOTTEN)) if (course < FORGOTTEN).any() else most
    return Ordering(place, max(1, reach), by, float(autocorrelation(left, 1)[1]))


def _targets(examples: Examples, output: Output) -> np.ndarray:
    """(n, c): a column a class, or the ranks of values."""
    if output.labelled:
        return np.eye(output.k)[examples.y]
    y = examples.y.reshape(len(examples), -1)
    return np.stack([rankdata(column) for column in y.T], axis=1)


def _features(examples: Examples, output: Output, by: str) -> np.ndarray:
    """(n, d): the columns without the one that gives the order."""
    columns = [place for place, name in enumerate(_names(examples, output)) if name != by]
    if not columns:
        return np.empty((len(examples), 0))
    from byheart.maths.memorisation.feature_scaling import comparable

    numbers = output.numbers(examples.x)
    categories = [output.columns[place].type == "category" for place in columns] if output.columns else []
    return comparable(numbers[:, columns], None, "columns", categories)[0].astype(np.float64)


def _sorted(values: np.ndarray) -> bool:
    steps = np.diff(values[np.isfinite(values)])
    return bool(len(steps)) and bool((steps >= 0).all() or (steps <= 0).all())


def _numbers_rows(values: np.ndarray) -> bool:
    """Whether nearly every row has a moment, and half of them one of their own."""
    known = values[np.isfinite(values)]
    return len(known) >= 0.9 * len(values) and len(np.unique(known)) >= DISTINCT * len(values)


def _arranged(examples: Examples, output: Output, but: str) -> str:
    """How somebody sorted the rows, by another column than `but`, so that neighbours are alike without following one
    another.
    """
    if output.labelled:
        runs = 1 + int((np.diff(examples.y) != 0).sum())
        if runs < max(FEWEST_BLOCKS, 4 * output.k):
            return "the rows are sorted by their labels"
    elif _sorted(examples.y.reshape(len(examples), -1)[:, 0]):
        return "the rows are sorted by their target"
    for place, name in enumerate(_names(examples, output)):
        column = examples.x[:, place]
        if name != but and _sorted(column) and _numbers_rows(column):
            return f"the rows are sorted by {name}"
    return ""


def _names(examples: Examples, output: Output) -> list[str]:
    return [column.name for column in output.columns] or [f"x{place}" for place in range(examples.x.shape[1])]


def _counting(examples: Examples, output: Output) -> list[str]:
    """The columns that count the rows one after another, in even steps: they give away the place of a row."""
    steps = np.diff(examples.x.astype(np.float64), axis=0)
    even = (np.abs(steps - steps[0]) <= 1e-9 * np.abs(steps[0])).all(0) & (steps[0] != 0)
    return [name for name, one in zip(_names(examples, output), even) if one]


def _counted(counting: list[str]) -> str:
    """What a column that counts the rows gives away: where each stands among the others."""
    return "" if not counting else (
        f"{counting[0]} counts the rows one after another, and the split is random: a model can read the place of a "
        "row from it. If it is time, --split time; if it names the rows, --id or leave it out"
    )


def _not_in_time(clocks: Mapping[str, np.ndarray], tried: list[Ordering]) -> str:
    if not clocks:
        return ""
    found = {one.by: one.found for one in tried}
    said = ", ".join(f"{name} ({found[name]:.2f})" for name in clocks)
    return (
        f"rows in the order of {said} do not resemble their neighbours (autocorrelation), so the split is random; "
        "--split time holds out the last"
    )
