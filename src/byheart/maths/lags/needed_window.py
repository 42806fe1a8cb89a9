"""How many steps back does a series need to be predicted? Three kinds of prediction, and the shortest code of each."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np

from byheart.errors import InputRefused
from byheart.maths.lags.delayed_information import information_beyond_chance
from byheart.maths.lags.given_series import given_series
from byheart.maths.lags.kernel_code import kernel_code
from byheart.maths.lags.predictive_gain import Degree, code_lengths, fewest_steps, whole_lags
from byheart.maths.lags.student_code import batch_errors, smallest_window
from byheart.maths.shapes import Float, Int

A_CAP = 20  # steps of the series for each lag, at least
A_COLUMN = 10  # steps of the series for each column of a regression, at least
MOST_COLUMNS = 150  # of a regression
MOST_STEPS = 10_000  # of the series, its last
KERNEL_STEPS = 600  # the kernel predicts at most so many, spread evenly
KERNEL_WINDOWS = (0, 1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 40, 48, 64, 80, 96, 128)
FIRST_LAGS = 4
RESOLUTION = 1e-3  # of the standard deviation
SHUFFLES, FAST = 9, 2000  # at most so many, and so many steps of them all together
CONSTANT = 1e-9  # of the standard deviation of the series
PARTS = 10  # of the series, for its drift
Basis = Literal["linear", "products", "kernel"]


class WindowCode(NamedTuple):
    """Bits a step with windows of these lengths, by one kind of prediction.

    `windows`, `code` (r,): lengths in steps, from 0 on, and bits a step. `bits`, `standard_errors` (r - 1,): what each
    further step saves, in bits a step, between one window and the next. `shortest`: the window of the shortest code.
    `needed`: the smallest window whose code is longer by at most 0.01 bits or two standard errors. `steps`: coded.
    """

    windows: np.ndarray
    code: np.ndarray
    bits: np.ndarray
    standard_errors: np.ndarray
    shortest: int
    needed: int
    steps: int


class Needed(NamedTuple):
    """How many steps back a series needs, and by which prediction.

    `steps`: the window needed. `reason`: `found`; `most`, it is the longest that was asked about, so more may be
    needed; `nothing`, no prediction gains anything and values do not depend on those before (`steps` is 0); `unseen`,
    values depend on those before in a way none of the predictions sees (`steps` is None).
    `basis`: whose code is the shortest, the simplest where they tie. `shortest`: the window of its shortest code.
    `saved`, `saved_standard_error`: bits a step that this code is shorter than that without a window, and how sure that
    is, by batches of steps. `curves`: by basis.
    `null`: the most steps the same basis needs when the steps of the series are shuffled (9 times, less often where the
    series is longer than 220 steps, once from 1,000 on); 0 is right. `increments`: steps that the differences of the
    series need, linearly: 0 where it is a random walk. `drift`: share of the variance that lies between the means of
    tenths of the series; about 10 / t for noise, near 1 for a trend or a random walk.
    """

    steps: int | None
    reason: Literal["found", "most", "nothing", "unseen"]
    basis: Basis
    shortest: int
    saved: float
    curves: dict[str, WindowCode]
    null: int
    increments: int
    drift: float
    saved_standard_error: float


def needed(series: Any, rng: np.random.Generator, most: int | None = None, begins: Any = ()) -> Needed:
    r"""How many steps back does a series need to be predicted?

    Each step is coded by what the steps before it teach of its window (prequential code), in three ways: regression on
    the window (`linear`), on its values and their products (`products`), and a kernel machine (`kernel`). The window of
    the shortest code is the one to take; needed is the smallest that costs at most 0.01 bits, or two standard errors,
    more, and none where shuffled series save as much. Errors below a thousandth of the standard deviation count as that
    large. Linear windows reach `most` at once; the others grow, from 4 on, until their code does.

    Args:
        series: (t,) or (t, c), in time order; of more than 10,000 steps the last are read.
        rng: of the shuffles.
        most: longest window asked about, in steps; None: t // 20, or less where gaps leave half of the steps no window
            of that length. Regressions stop earlier where they would have more columns than 150, or than a tenth of
            the steps; products are left out where one lag has.
        begins: (s,) steps at which a stretch begins, ascending, where the series has gaps; no window reaches over one.

    Returns:
        A `Needed`.

    Raises:
        InputRefused: NaN, constant or repeated channels, most that is no whole number of at least 1, begins that are no
            steps of the series, or a series too short for one lag.

    Cost: 0.6 CPU s for 2,000 steps of 3 channels, about as much for more. Fails when: the past tells in a way that none
    of the three sees (`unseen` where a histogram sees it; `markov_order` says its lag); more steps are needed than were
    asked about; it drifts, so that what is learned early does not hold later; no noise and partly observed: the window
    needed is then that at which errors fall below a thousandth.

    Reference: Dawid 1984, Statistical theory: the prequential approach, section 5; Rissanen 1986, A predictive
    least-squares principle, IMA Journal of Mathematical Control and Information 3.

    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=600)
    >>> for t in range(2, 600):
    ...     x[t] += 0.5 * x[t - 1] + 0.3 * x[t - 2]
    >>> needed(x, rng)[:3]
    (2, 'found', 'linear')
    """
    whole = given_series(series)
    age = _steps_before(len(whole), begins)[-MOST_STEPS:]
    x, age = given_series(whole[-MOST_STEPS:]), np.minimum(age, np.arange(len(age)))
    cap = _longest(age) if most is None else whole_lags(most, "most")
    bases: list[Basis] = ["linear", *(["products"] if _affordable(x, cap, 2, age) else []), "kernel"]
    lengths = {basis: _lengths(x, basis, cap, age) for basis in bases}
    curves = {basis: _curve(*found) for basis, found in lengths.items()}
    basis = _simplest(lengths)
    curve = curves[basis]
    saved = curve.code[0] - curve.code.min()
    times = max(1, min(SHUFFLES, FAST // len(x)))
    shuffled = [_curve(*_lengths(rng.permutation(x), basis, cap, age)) for _ in range(times)]
    steps, reason = curve.needed, "found"
    if saved <= max(one.code[0] - one.code.min() for one in shuffled):
        steps = 0
    if steps == 0:
        unseen = information_beyond_chance(x, min(cap, FIRST_LAGS), rng, age)
        steps, reason = (None, "unseen") if unseen else (0, "nothing")
    elif steps == curve.windows[-1]:
        reason = "most"
    return Needed(
        steps=steps,
        reason=reason,
        basis=basis,
        shortest=curve.shortest,
        saved=float(saved),
        curves=curves,
        null=max(one.needed for one in shuffled),
        increments=_of_increments(x, cap, age),
        saved_standard_error=_error_of_saved(lengths[basis][1]),
        drift=float((np.stack([part.mean(0) for part in np.array_split(x, PARTS)]) ** 2).mean()),
    )


def _steps_before(steps: int, begins: Any = ()) -> Int[np.ndarray, " steps"]:
    """How many steps lie before each one without a gap, of a series whose stretches begin there?

    Raises:
        InputRefused: begins that are no steps of the series.

    >>> _steps_before(5, [0, 3]).tolist()
    [0, 1, 2, 0, 1]
    """
    at = np.unique(np.concatenate([[0], np.asarray(begins, dtype=np.float64).ravel()]))
    if not (np.isfinite(at) & (at == at.round()) & (at >= 0) & (at < steps)).all():
        raise InputRefused(f"begins of stretches from 0 to {steps - 1}", f"{begins!r}"[:80], "Count the steps from 0.")
    first = at.astype(np.int64)
    return np.arange(steps) - np.repeat(first, np.diff(np.append(first, steps)))


def _longest(age: Int[np.ndarray, " t"]) -> int:
    """The longest window to ask about: a twentieth of the steps, of which half or more have a window of it."""
    return max(1, min(len(age) // A_CAP, int(np.sort(age)[len(age) // 2])))


def _error_of_saved(bits: Float[np.ndarray, "windows n"]) -> float:
    """Of the mean difference of the first window and the one with the shortest code, step by step."""
    return float(batch_errors(bits[:1] - bits[bits.mean(1).argmin()])[0])


def _of_increments(x: Float[np.ndarray, "t c"], cap: int, age: np.ndarray) -> int:
    """Steps that the differences of the series need, linearly; those that are constant need none."""
    steps, before = np.diff(x, axis=0)[age[1:] > 0], age[age > 0] - 1
    steps = steps[:, steps.std(0) > CONSTANT]
    if not steps.size:
        return 0
    return _curve(*_lengths((steps - steps.mean(0)) / steps.std(0), "linear", cap, before)).needed


def _lengths(
    x: np.ndarray, basis: Basis, cap: int, age: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Windows, bits of each coded step by window, and which steps these are."""
    age = np.arange(len(x)) if age is None else age
    if basis == "kernel":
        return _of_kernel(x, cap, age)
    degree: Degree = 1 if basis == "linear" else 2
    most = max(1, _affordable(x, cap, degree, age))
    lags = most if degree == 1 else min(FIRST_LAGS, most)
    while True:
        bits, _, learned = code_lengths(x, lags, degree, RESOLUTION**2, age)
        if lags == most or bits.mean(1).argmin() < lags:
            return np.arange(lags + 1), bits, np.flatnonzero(age >= lags)[learned:]
        lags = min(2 * lags, most)


def _affordable(x: np.ndarray, cap: int, degree: Degree, age: np.ndarray) -> int:
    """The longest window whose regression has at most a column for ten steps, and enough steps to code; 0: none."""
    c, lags = x.shape[1], np.arange(1, cap + 1)
    columns = lags * c + (lags * c * (lags * c + 1) // 2 if degree == 2 else 0)
    steps = (age >= lags[:, None]).sum(1) + lags  # as many as a series without gaps would have
    fits = np.array([fewest_steps(int(lag), int(p) + 1) <= t for lag, p, t in zip(lags, columns, steps, strict=True)])
    return int(np.logical_and.accumulate((columns <= np.minimum(steps // A_COLUMN, MOST_COLUMNS)) & fits).sum())


def _of_kernel(x: np.ndarray, cap: int, age: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The same of the kernel, whose windows grow until two in a row have a longer code than the shortest."""
    windows = [w for w in KERNEL_WINDOWS if w <= cap]
    whole = np.flatnonzero(age >= windows[-1])
    at = whole[:: -max(1, -(-len(whole) // KERNEL_STEPS))][::-1]
    learned = max(len(at) // 10, 10)
    bits: list[np.ndarray] = []
    for w in windows:
        past = np.concatenate([x[at - k] for k in range(1, w + 1)], 1) if w else np.zeros((len(at), 0))
        bits.append(kernel_code(past, x[at], learned, RESOLUTION**2))
        if w >= FIRST_LAGS and np.mean(bits, 1).argmin() < len(bits) - 2:
            break
    return np.array(windows[: len(bits)]), np.stack(bits), at[learned:]


def _curve(windows: np.ndarray, bits: np.ndarray, at: np.ndarray) -> WindowCode:
    """What follows from the bits of each step."""
    shortest, smallest = (int(windows[row]) for row in smallest_window(bits))
    saved = (bits[:-1] - bits[1:]) / np.diff(windows)[:, None]
    return WindowCode(windows, bits.mean(1), saved.mean(1), batch_errors(saved), shortest, smallest, len(at))


def _simplest(lengths: dict[Basis, tuple[np.ndarray, np.ndarray, np.ndarray]]) -> Basis:
    """The first whose shortest code, of the steps that all code, is that of the best, or nearly."""
    common = sorted(set.intersection(*(set(at.tolist()) for _, _, at in lengths.values())))
    rows = [bits[bits.mean(1).argmin()][np.searchsorted(at, common)] for _, bits, at in lengths.values()]
    return list(lengths)[smallest_window(np.stack(rows))[1]]
