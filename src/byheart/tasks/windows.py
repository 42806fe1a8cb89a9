"""Windows: stretches of a series as examples, each the last steps and the one that follows them."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from byheart.errors import InputRefused
from byheart.records.formatting import counted
from byheart.tasks.data import Data, Examples, Truth
from byheart.tasks.grouping import Grouping, components
from byheart.tasks.output import NextStep
from byheart.tasks.repeated_windows import repeated

CUT = "cut "  # a view of test windows whose steps older than so many are those of another window
OF_CUT = 2**40  # what ids of such a view lie above those of the same windows whole, a step of the cut
MOST_CUT = 400  # windows that are cut
MOST_BLOCKS, WANTED_BLOCKS, FEWEST_BLOCKS = 100, 40, 8
LOST, LOST_AT_MOST = 0.1, 0.25  # of the windows, at the borders of blocks
FEWEST = 60  # windows to train on
TARGETS = {1: ("next step", "change to the next step"), 2: ("next step or change to it",) * 2}
CONSTANT = 1e-9  # deviation over size below which a channel is rounding alone


def usual_window(steps: int) -> int:
    """Steps of a window where nobody said: a two-hundredth of the series, between 4 and 20, which leaves 40 blocks.

    Example:
        >>> usual_window(10_000), usual_window(2284), usual_window(309)
        (20, 11, 4)
    """
    return int(np.clip(steps // 200, 4, 20))


def lengths_cut(window: int) -> list[int]:
    """At how many steps windows are cut: at each up to 8, then ever more apart, below the window.

    Example:
        >>> lengths_cut(5), lengths_cut(20)
        ([0, 1, 2, 3, 4], [0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 17])
    """
    found, at = [], 0
    while at < window:
        found.append(at)
        at += max(1, round(at / 5))
    return found


def windowed(
    train: Sequence[np.ndarray],
    test: Sequence[np.ndarray],
    window: int,
    channels: Sequence[str],
    about: Mapping[str, Any],
    truth: Truth | None = None,
    looks_back: int = 0,
    by: str = "",
    further: Mapping[str, Sequence[np.ndarray]] | None = None,
) -> Data:
    """The data of stretches that follow evenly in time; no window reaches over two of them.

    All numbers are in units of the deviation of the training stretches, from their mean. The training windows are cut
    into blocks, left out as wholes, `window` windows between two of them in no set: seen and unseen windows share no
    number. Blocks that hold copies of one another are left out together, and test windows that are copies of training
    ones are no test (`repeated_windows`). Test windows come once whole, and once a view `cut k` with all older than
    their last k steps taken from a window half of the test away.

    Args:
        train: stretches (t, d) to train on, in the order of time.
        test: stretches (t, d) that no model sees.
        window: steps of a window.
        channels: (d,) names.
        about: what a reader must know.
        truth: what is known.
        looks_back: how many last steps of each window models get; 0: all.
        by: the column of time.
        further: stretches of other views that no model is trained on, by name.

    Raises:
        InputRefused: stretches too short for their windows, or a channel that is constant or comes twice.
    """
    if not train or not test:
        raise _no_window([*train, *test], window)
    centre, scale = _units(np.concatenate(train), channels)
    kept = looks_back or window
    given = {"train": train, "test": test, **(further or {})}
    pools = {view: [(one - centre) / scale for one in stretches] for view, stretches in given.items()}
    carried = _carried(pools["train"])
    views, start = {}, 0
    for view, stretches in pools.items():
        views[view] = _windows(stretches, window, start, carried)
        start += sum(len(one) + 1 for one in stretches)
    enough(len(views["train"]), window)
    twice = repeated([*pools["train"], *pools["test"]], window)
    in_train, in_test = np.concatenate(twice[: len(train)]), np.concatenate(twice[len(train) :])
    train_view, block = _blocks(views["train"], [len(s) - window for s in pools["train"]], window)
    copies = in_train[np.searchsorted(views["train"].ids, train_view.ids)]
    views["test"], said = _new(views["test"], np.isin(in_test, in_train[in_train >= 0]))
    cut = _cut(views["test"], window, kept, carried)
    short = {name: _looking(one, kept) for name, one in {**views, "train": train_view, **cut}.items()}
    blocks, own = int(block.max()) + 1, np.where(copies < 0, -1 - np.arange(len(copies)), copies)
    together = Grouping(_linked(block, own), own, 0, blocks, blocks, window, by)
    output = NextStep(
        len(channels), noun=("window", "windows"), target=TARGETS[len({*carried})][int(carried[0])],
        spread=tuple(train_view.y.std(0).tolist()), carried=tuple(carried.tolist()),
    )  # fmt: skip
    told = {
        **about, "n": len(train_view), "n_test": len(views["test"]), "window": window, "channels": list(channels),
        "centre": centre.tolist(), "scale": scale.tolist(), "blocks": blocks,
        "inferred": [*about.get("inferred", ()), *said],
    }  # fmt: skip
    return Data(short, output, truth or Truth(), told, grouped=together)


def _new(test: Examples, copied: np.ndarray) -> tuple[Examples, list[str]]:
    """The test windows that no training window is a copy of, and a line for the reader where some are.

    Raises:
        InputRefused: none is left.
    """
    if copied.all():
        raise InputRefused(
            expected="steps to test on that are no copies of training steps",
            came=f"{counted(len(copied), 'window')}, all of which stand in training, number for number",
            do="Give another stretch of the series, or a longer one.",
        )
    if not copied.any():
        return test, []
    n = int(copied.sum())
    line = f"{n:,} of {len(copied):,} test windows are copies of training windows and are left out"
    return test.take(~copied), [line]


def _linked(block: np.ndarray, copies: np.ndarray) -> np.ndarray:
    """(n,) blocks that hold copies of one another, as one.

    Raises:
        InputRefused: all blocks do.
    """
    groups = components(block, copies)
    if groups.max() == 0 and block.max() > 0:
        raise InputRefused(
            expected="a series of which something can be left out",
            came="one that repeats itself throughout, number for number: what is left out stands elsewhere",
            do="Give a stretch without its copies; of an exact cycle nothing is new.",
        )
    return groups


def stretches_of(windows: Examples, output: NextStep) -> list[np.ndarray]:
    """The stretches (t, d) that the windows of a view were cut from, whole: what one block leaves out the next holds.

    Example:
        >>> data = windowed([np.arange(300.0)[:, None]], [np.arange(300.0, 350.0)[:, None]], 4, ["x"], {})
        >>> [len(one) for one in stretches_of(data.train, data.output)]
        [300]
    """
    w = windows.x.shape[1]
    places = windows.ids[:, None] + np.arange(-w, 1)
    numbers = np.concatenate([windows.x, output.levels(windows.x, windows.y)[:, None]], 1)
    at, first = np.unique(places, return_index=True)
    return np.split(numbers.reshape(-1, numbers.shape[-1])[first], np.flatnonzero(np.diff(at) > 1) + 1)


def enough(windows: int, window: int) -> None:
    """Refuses a series with too few windows to train on.

    Raises:
        InputRefused: fewer than 60.
    """
    if windows < FEWEST:
        raise InputRefused(
            expected=f"a series with {FEWEST} windows or more to train on",
            came=f"{windows:,} of {counted(window, 'step')}",
            do="Give a longer series, or a shorter --window.",
        )


def _units(series: np.ndarray, channels: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation (d,) of each channel in training."""
    size = np.maximum(abs(series).max(0), np.finfo(float).tiny)  # squares of numbers very large or small have no place
    centre, scale = size * (series / size).mean(0), size * (series / size).std(0)
    for place, name in enumerate(channels):
        if scale[place] <= CONSTANT * size[place]:
            raise InputRefused(
                "channels that vary", f"{name}, which is always {series[0, place]:g} in training",
                f"Follow the others alone{_naming(channels, place)}.",
            )  # fmt: skip
        for other in range(place):
            one, two = ((series[:, at] - centre[at]) / scale[at] for at in (place, other))
            if min(abs(one - two).max(), abs(one + two).max()) <= CONSTANT:
                raise InputRefused(
                    "channels that differ",
                    f"{name} equal to {channels[other]}, but for a unit or a sign",
                    f"Follow one of them alone{_naming(channels, place)}.",
                )
    return centre, scale


def _naming(channels: Sequence[str], left_out: int) -> str:
    """The option that names all channels but one; empty where there is no other."""
    others = [name for place, name in enumerate(channels) if place != left_out]
    return f": --channels {shlex.quote(','.join(others))}" if others else ""


def _carried(stretches: Sequence[np.ndarray]) -> np.ndarray:
    """(d,) 1 where the last step predicts the next better than the mean does, 0 elsewhere."""
    changes = np.concatenate([np.diff(one, axis=0) for one in stretches])
    return ((changes**2).mean(0) < np.concatenate(stretches).var(0)).astype(np.float64)


def _windows(stretches: Sequence[np.ndarray], window: int, start: int, carried: np.ndarray) -> Examples:
    """All windows of all stretches; an id is the step that follows the window, counted through all."""
    ids, x, y = [], [], []
    for one in stretches:
        if len(one) > window:
            x.append(np.lib.stride_tricks.sliding_window_view(one[:-1], window, axis=0).transpose(0, 2, 1))
            y.append(one[window:] - carried * one[window - 1 : -1])
            ids.append(start + np.arange(window, len(one)))
        start += len(one) + 1  # what a step between two stretches would be called, so that they never look like one
    if not x:
        raise _no_window(stretches, window)
    numbers = np.concatenate(ids).astype(np.int64)
    return Examples(numbers, np.concatenate(x), np.concatenate(y), meta={"time": numbers.astype(np.float64)})


def _no_window(stretches: Sequence[np.ndarray], window: int) -> InputRefused:
    """Why there is no window to train on, or none to test on."""
    return InputRefused(
        expected=f"a stretch longer than a window of {counted(window, 'step')}, to train on and to test on",
        came=f"the longest of {counted(max((len(one) for one in stretches), default=0), 'step')}",
        do="Give a longer series without gaps, or a shorter --window.",
    )


def _blocks(windows: Examples, lengths: Sequence[int], window: int) -> tuple[Examples, np.ndarray]:
    """The windows that train, and the block of each: within a stretch `window` of them lie between two blocks."""
    n = sum(length for length in lengths if length > 0)
    fewest = min(WANTED_BLOCKS, int(LOST_AT_MOST * n / window))
    wanted = int(np.clip(LOST * n / window, max(fewest, FEWEST_BLOCKS), MOST_BLOCKS))
    kept, block, start, at = np.ones(n, dtype=bool), np.empty(n, dtype=np.int64), 0, 0
    for length in (length for length in lengths if length > 0):
        here = max(1, min(round(wanted * length / n), length // (2 * window)))
        ends = np.linspace(0, length, here + 1).round().astype(np.int64)
        place = np.arange(length)
        own = np.searchsorted(ends, place, side="right") - 1
        kept[start : start + length] = (own == here - 1) | (ends[own + 1] - place > window)
        block[start : start + length] = at + own
        start, at = start + length, at + here
    if at < FEWEST_BLOCKS:
        raise InputRefused(
            expected=f"a series of {FEWEST_BLOCKS} blocks or more, each longer than two windows",
            came=f"{counted(n, 'window')} of {counted(window, 'step')}: {counted(at, 'block')}",
            do="Give a longer series, or a shorter --window.",
        )
    return windows.take(kept), block[kept]


def _cut(test: Examples, window: int, kept: int, carried: np.ndarray) -> dict[str, Examples]:
    """The views `cut k` of at most 400 test windows, evenly over the test.

    A channel whose last step is carried goes on from its own steps without a jump: its older changes are those of
    another time. A target is what is to be added to the last step as it then is: with no step of its own, to that of
    another time.
    """
    n = len(test)
    if n < 8:
        return {}
    some = np.unique(np.linspace(0, n - 1, min(n, MOST_CUT)).round().astype(np.int64))
    own, lent = test.x[some], test.x[(some + n // 2) % n]
    views = {}
    for length in (one for one in lengths_cut(window) if one < kept):
        older, joint = lent[:, : window - length], window - length
        if length:
            older = older + (carried * (own[:, joint] - lent[:, joint]))[:, None]
        x = np.concatenate([older, own[:, joint:]], 1)
        ids = test.ids[some] + OF_CUT * (length + 1)
        y = test.y[some] + carried * (own[:, -1] - x[:, -1])
        views[f"{CUT}{length}"] = Examples(ids, x, y, meta={"time": test.meta["time"][some]})
    return views


def _looking(windows: Examples, kept: int) -> Examples:
    """The windows' last `kept` steps."""
    return Examples(windows.ids, np.ascontiguousarray(windows.x[:, -kept:]), windows.y, meta=windows.meta)
