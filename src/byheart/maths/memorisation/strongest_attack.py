"""Which of several membership attacks is the strongest? Chosen on one half of the members, scored on the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from byheart.maths.shapes import Float, Given
from byheart.maths.statistics.seen_unseen import sides


def strongest(
    attacks: Mapping[str, Given[Any, "m n"]], mask: Given[Any, "m n"], levels: Sequence[float] = ()
) -> tuple[tuple[str, str], ...]:
    r"""Which attack does each half of the members choose for the other?

    The best of several noisy figures is too good; so none is read on the members it was chosen by. For member j,
    v_j = mean over what it saw of g(s_ji) - mean over what it did not; g(s) is the share of the non-members of the half
    that score below s, ties half (then the mean of v is AUC - 1/2), or for a level f of false alarms 1 where that share
    exceeds 1 - f, else 0 (share found - f). An attack takes the place of those before it where the mean of its v over
    the half is larger by more than one standard error of the difference over members. Members in order: the first
    floor(m/2) are one half. Oracle: the first attack, all are guesses. Rote: the first that is never wrong.

    Args:
        attacks: name -> (m, n) score, higher means "was seen"; NaN is not judged. The one to trust in doubt first.
        mask: (m, n) True where it was.
        levels: shares of false alarms.

    Returns:
        A pair of names by AUC, then one for each level: the attack to score on the first half (the choice of the
        second), and that to score on the second. The first attack of all where a half is one member, or lacks a kind.

    Raises:
        Nothing: what comes is made by callers.

    Cost: two sorts for each attack. Fails when: members are few: halves then choose by chance, which costs power, not
    truth.

    Reference: Stone 1974, "Cross-validatory choice and assessment of statistical predictions", Journal of the Royal
    Statistical Society B 36; one standard error: Breiman, Friedman, Olshen and Stone 1984, section 3.4.3.

    >>> mask = np.array([[1, 0], [0, 1], [1, 0], [0, 1]], bool)
    >>> strongest({"guess": np.zeros((4, 2)), "sure": mask * 1.0}, mask)
    (('sure', 'sure'),)
    """
    mask = np.asarray(mask)
    chosen = []
    for half in _halves(mask)[::-1]:
        found = {name: _by_member(np.asarray(score)[half], mask[half], levels) for name, score in attacks.items()}
        first, *others = attacks
        best = [first] * (1 + len(levels))
        for name in others:
            gain = found[name] - np.array([found[kept][at] for at, kept in enumerate(best)])
            with np.errstate(invalid="ignore"):
                error = gain.std(1) / np.sqrt(max(gain.shape[1] - 1, 0.0) or np.nan)
                best = [name if better else kept for kept, better in zip(best, gain.mean(1) > error)]
        chosen.append(best)
    return tuple(zip(*chosen))


def _below(score: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Which share of the non-members scores below each judgement, ties half? NaN stays NaN."""
    others = np.sort(score[sides(mask)[1] & ~np.isnan(score)])
    below = (np.searchsorted(others, score, "left") + np.searchsorted(others, score, "right")) / 2
    return np.where(np.isnan(score), np.nan, below / max(len(others), 1))


def _by_member(score: np.ndarray, mask: np.ndarray, levels: Sequence[float]) -> np.ndarray:
    """(1 + levels, members) what each gives away, by AUC and at each level; NaN where it lacks a kind."""
    below = _below(score, mask)
    measures = [below, *(np.where(np.isnan(below), np.nan, below > 1 - level) for level in levels)]
    kinds = [kind & ~np.isnan(below) for kind in sides(mask)]
    with np.errstate(invalid="ignore"):
        seen, unseen = ([np.where(kind, each, 0).sum(1) / kind.sum(1) for each in measures] for kind in kinds)
    return np.array(seen) - np.array(unseen)


def cross_scored(
    attacks: Mapping[str, Given[Any, "m n"]], mask: Given[Any, "m n"], names: tuple[str, str]
) -> Float[np.ndarray, "m n"]:
    r"""What does each half of the members say under the attack that the other half chose?

    Where both chose the same, its scores. Else scores of two kinds have no common scale, and each becomes minus the
    share of false alarms at its own half if the threshold is set there: the share of non-members of the half that
    score as high or higher, ties half. So one threshold for all is one level of false alarms in both halves.

    Args:
        attacks: name -> (m, n) score, higher means "was seen"; NaN is not judged.
        mask: (m, n) True where it was.
        names: the attack of the first half and that of the second, as `strongest` gives them.

    Returns:
        (m, n) score; in [-1, 0] where the names differ. Oracle, Rote: as the attacks themselves.

    Raises:
        Nothing: what comes is made by callers.

    Cost: two sorts. Fails when: a half has few non-members.

    Reference: as `strongest`.

    >>> mask = np.array([[True, False], [True, False]])
    >>> cross_scored({"a": np.array([[2.0, 1.0], [0, 0]]), "b": np.array([[0, 0], [50.0, 60.0]])}, mask, ("a", "b"))
    array([[ 0. , -0.5],
           [-1. , -0.5]])
    """
    mask = np.asarray(mask)
    if names[0] == names[1]:
        return np.asarray(attacks[names[0]])
    result = np.full(mask.shape, np.nan)
    for name, half in zip(names, _halves(mask)):
        result[half] = _below(np.asarray(attacks[name])[half], mask[half]) - 1
    return result


def _halves(mask: np.ndarray) -> tuple[slice, slice]:
    middle = len(mask) // 2
    return slice(0, middle), slice(middle, None)
