"""How do many measures rank runs, by every score, beside baselines? One row of plain numbers each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import count
from typing import Any, NamedTuple

import numpy as np

from byheart.maths.inputs import array
from byheart.maths.ranking.conditional_information import information
from byheart.maths.ranking.configurations import averaged, checked, setting_codes
from byheart.maths.ranking.environment_pairs import LEAST_SIZE, EnvironmentPairs, environment_pairs
from byheart.maths.ranking.increment import FEWEST as FEWEST_CONFIGURATIONS
from byheart.maths.ranking.increment import predictive_increment
from byheart.maths.ranking.kendall import granulated, ranked
from byheart.maths.ranking.ordering_baselines import canonical_ordering, oracle, random_ordering
from byheart.maths.ranking.sign_error import SignError, environments_of, interval_of, summed
from byheart.maths.shapes import Float, Given
from byheart.seeds import stream

Row = dict[str, float]
ORACLES = (0.02, 0.05)  # noise, for gaps of accuracy
CANONICAL, RANDOM = "canonical ordering", "random"
PAIRS = 1_000_000  # of runs that all draws of a baseline look at, about
MOST_DRAWS, LEAST_DRAWS = 40, 3
NAN = float("nan")
FEWEST = 4  # runs that have a measure


class Lack(NamedTuple):
    """Why there is no such score of any measure: a code with its figures."""

    code: str
    figures: dict[str, Any]


class Board(NamedTuple):
    """Rows by measure and by baseline; how large a score gets by chance; scores that these runs cannot have.

    Attributes:
        measures: name -> its scores, the largest tau first; NaN for what there is not.
        baselines: the same.
        by_chance: score -> what 39 of 40 random orders stay within: below for tau, psi, information, above for errors.
        draws: random orders that say so.
        lacking: score -> why no measure has it.
        few: measures that fewer than 4 runs have, and how many.
        environments: how many the sign-errors rest on, each from both ends.
    """

    measures: dict[str, Row]
    baselines: dict[str, Row]
    by_chance: Row
    draws: int
    lacking: dict[str, Lack]
    few: dict[str, int]
    environments: int


def scoreboard(
    measures: Mapping[str, Any], gap: Given[Any, " r"], settings: Given[Any, "r h"], names: Sequence[str],
    test_size: int | None = None, directions: Sequence[float] | None = None, seed: int = 0,
    told: Callable[[int, int], None] | None = None,
) -> Board:  # fmt: skip
    r"""How do many measures rank the same runs, by every score, beside baselines?

    For each measure tau-a, granulated psi and Psi, conditional information in both conventions, sign-errors and the
    predictive increment, with intervals over configurations where they are made. Ranges as of each; the poles are among
    the baselines: oracles that know the gap up to an error of 0.02 and 0.05 (mean of some draws), and random orders.

    Args:
        measures: name -> (r,) values, NaN or infinite where a run has none: it is left out for that measure.
        gap: (r,) the generalisation gap of each run.
        settings: (r, h) hyper-parameters, numbers or words.
        names: (h,) what they are called.
        test_size: test examples behind each gap; without it there are no sign-errors.
        directions: (h,) what practice expects of each hyper-parameter (see `canonical_ordering`); without it there is
            no such baseline.
        seed: of the draws.
        told: called with how many orders are scored, and of how many, after each.

    Returns:
        A `Board`; columns of a row are `tau`, `psi`, `psi.NAME`, `information` and so on (`scores`).

    Raises:
        InputRefused: a gap that is missing, fewer than two runs, no or missing hyper-parameters.

    Cost: seconds for 10,000 runs and one measure, milliseconds for 200. Fails when: measures were chosen by their rank
    on the same runs.

    Reference: those of each score; Jiang et al. 2020, "Fantastic generalization measures", for the baselines.

    >>> settings = [[a, b] for a in range(4) for b in range(4)]
    >>> gap = [a + b / 10 for a, b in settings]
    >>> board = scoreboard({"gap": gap, "none": [0] * 16}, gap, settings, ("a", "b"))
    >>> list(board.measures), board.measures["none"]["psi"], board.lacking["sign_error"].code
    (['gap', 'none'], 0.0, 'no test size')
    """
    gap = array(gap, "gap", "r").astype(float)
    codes = setting_codes(settings, len(gap))
    lacking = lacking_scores(gap, codes, test_size)
    pairs = None if "sign_error" in lacking else environment_pairs(gap, codes, test_size or 0)

    known = {name: int(np.isfinite(np.asarray(one, float)).sum()) for name, one in measures.items()}
    draws = min(MOST_DRAWS, max(LEAST_DRAWS, PAIRS // len(gap) ** 2))
    noisy, done = max(1, draws // 4), count(1)
    orders = sum(runs >= FEWEST for runs in known.values()) + draws + noisy * len(ORACLES) + (directions is not None)

    def rated(measure: Any) -> Row:
        found = np.asarray(measure, float)
        whole = np.isfinite(found)
        if whole.all():
            row = _scores(found, gap, codes, names, pairs)
        else:
            row = scores(found[whole], gap[whole], codes[whole], names, test_size if pairs else None)
        if told is not None:
            told(next(done), orders)
        return row

    rows = {name: rated(one) for name, one in measures.items() if known[name] >= FEWEST}

    def drawn(what: str, times: int, made: Callable[[np.random.Generator], Any]) -> list[Row]:
        return [rated(made(stream(seed, "scoreboard", what, draw))) for draw in range(times)]

    baselines: dict[str, Row] = {}
    for noise in ORACLES:
        made = drawn(f"oracle {noise}", noisy, lambda rng, by=noise: oracle(gap, by, rng))
        baselines[f"oracle {noise}"] = _mean(made)
    if directions is not None:
        baselines[CANONICAL] = rated(canonical_ordering(codes, directions))
    by_chance = drawn(RANDOM, draws, lambda rng: random_ordering(len(gap), rng))
    baselines[RANDOM] = _mean(by_chance)
    order = sorted(rows, key=lambda name: (-rows[name]["tau"], name))
    kept = 2 * len(pairs.kept) if pairs else 0
    few = {name: runs for name, runs in known.items() if runs < FEWEST}
    return Board({name: rows[name] for name in order}, baselines, _bounds(by_chance), draws, lacking, few, kept)


def scores(
    measure: Given[Any, " r"], gap: Given[Any, " r"], settings: Given[Any, "r h"], names: Sequence[str],
    test_size: int | None = None,
) -> Row:  # fmt: skip
    r"""What are all scores of one measure?

    `runs`; `tau`; `psi` (granulated) and `psi.NAME` of each hyper-parameter; `information` (paper), of it
    `information_none`, `information_one`, `information_two` hyper-parameters known, `information_pgdl`; `sign_error`,
    `sign_error_p90`, `sign_error_worst`, `sign_error.NAME`, `effective_size`; `increment`; with `_low` and `_high` the
    ends of 95 % intervals. Ranges and poles as of each.

    Args:
        measure: (r,) the measure of each run.
        gap: (r,) its generalisation gap.
        settings: (r, h) hyper-parameters.
        names: (h,) what they are called.
        test_size: test examples behind each gap; without it there are no sign-errors.

    Returns:
        A number by name; NaN for what these runs do not have.

    Raises:
        InputRefused: as each score.

    Cost: of all together. Fails when: as each.

    Reference: those of each score.

    >>> settings = [[a, b] for a in range(2) for b in range(2)]
    >>> found = scores([1, 2, 3, 4], [1, 2, 4, 3], settings, ("width", "depth"))
    >>> found["psi.width"], found["psi"], found["increment"]
    (1.0, 0.5, nan)
    """
    measure, gap = checked(measure, gap)
    codes = setting_codes(settings, len(gap))
    pairs = environment_pairs(gap, codes, test_size) if test_size else None
    return _scores(measure, gap, codes, names, pairs)


def _scores(
    measure: np.ndarray, gap: np.ndarray, codes: np.ndarray, names: Sequence[str], pairs: EnvironmentPairs | None
) -> Row:
    told, of = information(measure, gap, codes), ranked(measure, gap, codes)
    row = {"runs": len(codes), "tau": of.tau, "tau_low": of.tau_interval.low, "tau_high": of.tau_interval.high}
    row |= {"psi": of.psi.overall, "psi_low": of.psi_interval.low, "psi_high": of.psi_interval.high}
    row |= {f"psi.{name}": float(one) for name, one in zip(names, of.psi.per_setting, strict=True)}
    row |= {"information": told.least, "information_none": told.none, "information_one": told.one}
    row |= {"information_two": told.two, "information_pgdl": told.pgdl}
    row |= _errors(measure, names, pairs)
    made = (NAN, (NAN, NAN))
    if configurations(codes) >= FEWEST_CONFIGURATIONS:
        made = predictive_increment(measure, gap, codes)[:2]
    return row | {"increment": made[0], "increment_low": made[1][0], "increment_high": made[1][1]}


def _errors(measure: np.ndarray, names: Sequence[str], pairs: EnvironmentPairs | None) -> Row:
    none = SignError(NAN, NAN, np.full(len(names), NAN), NAN)
    found = environments_of(measure, pairs) if pairs else None
    total, ends = (summed(found, len(names)), interval_of(measure, pairs)) if found else (none, (NAN, NAN))
    p90 = float(np.quantile(found.loss, 0.9)) if found and len(found.loss) else NAN
    row = {"sign_error": total.mean, "sign_error_low": ends[0], "sign_error_high": ends[1]}
    row |= {"sign_error_p90": p90, "sign_error_worst": total.worst}
    row |= {f"sign_error.{name}": float(one) for name, one in zip(names, total.per_setting, strict=True)}
    return row | {"effective_size": total.effective_size}


def configurations(codes: Given[Any, "r h"]) -> int:
    """How many different settings are there?"""
    return len(np.unique(np.asarray(codes), axis=0))


def lacking_scores(gap: Float[np.ndarray, " r"], settings: Given[Any, "r h"], test_size: int | None) -> dict[str, Lack]:
    r"""Which scores can these runs not have, whatever the measure?

    Args:
        gap: (r,) the generalisation gap of each run.
        settings: (r, h) hyper-parameters.
        test_size: test examples behind each gap, if it is known.

    Returns:
        Score -> a code: "no single change" (no two configurations differ in one hyper-parameter alone), "one setting",
        "no order" (gaps all tied, or fixed by the hyper-parameters), "no test size", "no shares", "few pairs" (no
        environment of 12 effective pairs), "few configurations".

    Raises:
        InputRefused: no or missing hyper-parameters.

    Cost: that of one measure. Fails when: never.

    Reference: byheart.

    >>> sorted(lacking_scores(np.array([0.1, 0.2]), [[1], [2]], None))
    ['increment', 'information_pgdl', 'sign_error']
    """
    codes, found = setting_codes(settings, len(gap)), {}
    means = averaged(codes, gap)
    if np.isnan(granulated(means[1][0], means[1][0], means[0]).overall):
        found["psi"] = Lack("no single change", {})
    told = information(gap, gap, codes)
    if np.isnan(told.least):
        found["information"] = Lack("no order", {})
    if codes.shape[1] < 2:
        found["information_pgdl"] = Lack("one setting", {})
    elif np.isnan(told.pgdl):
        found["information_pgdl"] = Lack("no order", {})
    if not test_size:
        found["sign_error"] = Lack("no test size", {})
    elif np.abs(gap).max() > 1:
        found["sign_error"] = Lack("no shares", {"largest": float(np.abs(gap).max())})
    else:
        pairs = environment_pairs(gap, codes, test_size)
        if not len(pairs.kept):
            largest = float(max(pairs.size, default=0.0))
            found["sign_error"] = Lack("few pairs", {"effective": largest, "needed": LEAST_SIZE})
    if (different := configurations(codes)) < FEWEST_CONFIGURATIONS:
        found["increment"] = Lack("few configurations", {"configurations": different, "needed": FEWEST_CONFIGURATIONS})
    return found


def _mean(rows: Sequence[Row]) -> Row:
    """The mean of each score over draws; intervals are of one draw and have none."""
    return {
        name: float("nan") if name.endswith(("_low", "_high")) else float(np.mean([row[name] for row in rows]))
        for name in rows[0]
    }


def _bounds(rows: Sequence[Row]) -> Row:
    """What 39 of 40 random orders stay within."""
    upper = ("tau", "psi", "information", "information_pgdl", "increment")
    return {name: float(np.quantile([row[name] for row in rows], 0.975)) for name in upper} | {
        "sign_error": float(np.quantile([row["sign_error"] for row in rows], 0.025))
    }
