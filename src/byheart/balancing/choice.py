"""Choice: the best setting of a race, how surely it is the best, and its numbers read where it was not chosen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from byheart.balancing.race import Entrant, Race
from byheart.errors import StepFailed
from byheart.maths.statistics.effective_sample_size import Estimate
from byheart.probes.setting_scores import Held, Judge
from byheart.seeds import stream

DRAWS = 4000
WITHIN = 5.0  # standard errors: settings farther behind the leader are the best with a chance that no figure shows


@dataclass(frozen=True)
class Chosen:
    """What a race chose.

    Attributes:
        best: of the two that the halves chose the one of the shorter held-out code over all examples and selection
            members; another would stand over numbers that were not read of it.
        by_half: the winner by each half of the examples.
        probability: that it is the best of all tried.
        held: what fresh members say, each half under the setting that the other half chose.
        recipe: what the recipe's fresh members say.
    """

    best: Entrant
    by_half: tuple[Entrant, Entrant]
    probability: float
    held: Held
    recipe: Held


def choose(race: Race, fresh: int) -> Chosen:
    """The best setting, its probability, and fresh members of the winners.

    A winner of which a fresh member cannot be trained is out, and the halves choose again.
    """
    reached = max(one.members for one in race.entrants if one.running)
    while True:
        by_half = _by_half(race, reached)
        read = {id(one): race.fresh(one, reached, fresh) for one in dict.fromkeys((*by_half, race.recipe))}
        if all(one.running for one in by_half):
            break
    first, second = (read[id(one)] for one in by_half)
    best = race.standing(by_half, np.ones(len(race.first_half), dtype=bool))[0]
    half, _ = race.halves()
    held = second.where(~half, first)  # type: ignore[union-attr, arg-type]  # what the first half chose is read on the second
    return Chosen(best, by_half, probability_best(race, best), held, read[id(race.recipe)])  # type: ignore[arg-type]


def _by_half(race: Race, reached: int) -> tuple[Entrant, Entrant]:
    """The best of the last rung by each half, among those that it alone let go on."""
    finalists = [one for one in race.entrants if one.of_its_own and one.members == reached]
    if not finalists:
        lost = next(one for one in race.entrants if one.failure)
        raise StepFailed(f"a setting to be trained again, as {lost.setting.title}", lost.failure, "Try other values.")
    first, second = (
        race.standing([one for one in those if one in finalists] or finalists, rows)[0]
        for rows, those in zip(race.halves(), race.survivors)
    )
    return first, second


def probability_best(race: Race, best: Entrant) -> float:
    """That the setting has the shortest held-out code over fresh draws of examples and training set.

    Gains over it are taken as normal, with the covariance that their paired differences have: cov(a, b) =
    (var a + var b - var(a - b)) / 2.
    """
    judge, others = race.judge, [one for one in race.entrants if one is not best and one.of_its_own]
    gains = {id(one): judge.gain(best.held, one.held) for one in others}  # type: ignore[arg-type]
    near = [one for one in others if _near(gains[id(one)])]
    if not near:
        return 1.0
    if any(gains[id(one)].interval is None for one in near):
        return float("nan")
    mean = np.array([gains[id(one)].value for one in near])
    cov = _covariance(judge, near, [gains[id(one)] for one in near])
    rng = stream(race.session.subject.seed, "balance", "probability")
    draws = mean + rng.standard_normal((DRAWS, len(near))) @ _root(cov).T
    return float((draws <= 0).all(1).mean())


def _near(gain: Estimate) -> bool:
    return gain.interval is None or gain.value >= -WITHIN * gain.standard_error


def _covariance(judge: Judge, near: Sequence[Entrant], gains: Sequence[Estimate]) -> np.ndarray:
    var = np.array([gain.standard_error**2 for gain in gains])
    cov = np.diag(var)
    for a in range(len(near)):
        for b in range(a):
            apart = judge.gain(near[a].held, near[b].held).standard_error ** 2  # type: ignore[arg-type]
            cov[a, b] = cov[b, a] = (var[a] + var[b] - apart) / 2
    return cov


def _root(cov: np.ndarray) -> np.ndarray:
    """A root of the nearest covariance that is one: variances of pairs are each estimated on their own."""
    values, vectors = np.linalg.eigh(cov)
    return vectors * np.sqrt(np.clip(values, 0, None))
