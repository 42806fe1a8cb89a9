"""Sweep: the runs of a subject along one setting, and what each place leaves, by seed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from byheart.probes.bank import Bank, Need, Subject
from byheart.probes.generalization.descent.closed_forms import Size, between, expected
from byheart.training.keep import Smoother, Weights
from byheart.training.run import Run

FACTORS = (1 / 16, 1 / 4, 1, 2, 4)
SHARES = (0.1, 0.2, 0.4, 0.6, 0.8)
EPOCHS, SHARE, HERE = "epochs", "share", "here"
SIZES = ("hidden", "width")  # what a learner's size is called, where nobody says along what


class Place(NamedTuple):
    """What m seeds leave at one value of the setting.

    Attributes:
        value: of the setting.
        seeds: (m,) of the members.
        new: (m,) mean error on new examples.
        seen: (m,) on those trained on.
        effective: (m,) parameters that a linear smoother uses on new examples; None of what is none.
        norm: (m,) of the coefficients or of all weight matrices; None where nobody kept them.
        theory: the expected error in closed form, infinite at a peak; None where there is none.
    """

    value: float
    seeds: np.ndarray
    new: np.ndarray
    seen: np.ndarray
    effective: np.ndarray | None
    norm: np.ndarray | None
    theory: float | None


def own_setting(subject: Subject) -> str:
    """What a learner's size is called; empty where it has none."""
    return next((name for name in SIZES if getattr(subject.learner, name, None)), "")


def needs_along(subject: Subject, vary: str, values: Sequence[float], seeds: int) -> dict[float, Need]:
    """The runs at each value of `vary`: `epochs`, `share` of the examples, a setting of the learner, or any by path.

    `here` is the one place where the subject stands, with its own members; without values five around its own.
    """
    last = subject.checkpoints()[-1:]
    if vary == EPOCHS:
        points = subject.checkpoints()
        return dict.fromkeys(map(float, points), _need(subject, seeds, subject.share, points))
    if vary == SHARE:
        return {value: _need(subject, seeds, value, last) for value in values or SHARES}
    if vary == HERE:
        return {0.0: subject.bank()}
    path = vary if "." in vary else f"learner.{vary}"
    layers = _layers(subject, path)
    made = values or sorted({max(1, round(layers[0] * factor)) for factor in FACTORS})
    return {
        float(value): _need(subject, seeds, subject.share, last, {path: _like(layers, value)})
        for value in sorted(set(made))
    }


def _need(
    subject: Subject, seeds: int, share: float, points: tuple[int, ...], vary: dict[str, object] | None = None
) -> Need:
    asked = (Smoother(),) if Smoother.name in subject.learner.keeps else (Weights(),) if subject.learner.fleet else ()
    return Need(members=seeds, share=share, checkpoints=points, keep=asked, vary=vary or {})


def _layers(subject: Subject, path: str) -> tuple[float, ...]:
    """The subject's own value of a setting of its learner, one for each layer that has it."""
    own = getattr(subject.learner, path.partition(".")[2], None) if path.startswith("learner.") else None
    return own if isinstance(own, tuple) and own else (own or 1,)


def _like(layers: tuple[float, ...], value: float) -> object:
    whole = int(value) if float(value).is_integer() else value
    return [whole] * len(layers) if len(layers) > 1 else whole


def places(bank: Bank, vary: str, needs: dict[float, Need]) -> list[Place]:
    """What was left at each value that could be trained, ascending; of `share` the values are examples seen."""
    found = []
    for place, (value, need) in enumerate(needs.items()):
        if need not in bank:
            continue
        run, size = bank[need], _size(bank, need, place if vary == EPOCHS else -1)
        used = run.kept.get(Smoother().label)
        at = {EPOCHS: size.t, SHARE: size.n}.get(vary, value)
        new, seen = _errors(bank, need, place if vary == EPOCHS else -1)
        found.append(
            Place(
                at, run.members.seeds, new, seen, used["effective"] if used and vary != EPOCHS else None,
                None if vary == EPOCHS else _norms(run), expected(run, bank.data_of(need).truth, size),
            )
        )  # fmt: skip
    return _of_the_same_seeds(found)


def _of_the_same_seeds(found: list[Place]) -> list[Place]:
    """The places with the members alone that could be trained at all of them, in one order."""
    common = sorted(set.intersection(*(set(place.seeds.tolist()) for place in found))) if found else []
    made = []
    for place in found:
        order = np.argsort(place.seeds)
        rows = order[np.searchsorted(place.seeds, common, sorter=order)]
        arrays = {name: of[rows] for name, of in place._asdict().items() if isinstance(of, np.ndarray)}
        made.append(place._replace(**arrays))
    return made


def theory_line(bank: Bank, vary: str, needs: dict[float, Need]) -> list[tuple[float, float | None]]:
    """The closed form between the places that were measured; a gap where infinite, empty where there is none."""
    known = {value: need for value, need in needs.items() if need in bank}
    sizes = [_size(bank, need, i if vary == EPOCHS else -1) for i, need in enumerate(known.values())]
    at = [{EPOCHS: size.t, SHARE: size.n}.get(vary, value) for value, size in zip(known, sizes)]
    need = next(iter(known.values()))
    run, truth = bank[need], bank.data_of(need).truth
    if expected(run, truth, sizes[0]) is None:
        return []
    line = [(value, expected(run, truth, size)) for value, size in between(at, sizes)]
    return [(value, one if one is not None and np.isfinite(one) else None) for value, one in line]


def _size(bank: Bank, need: Need, checkpoint: int) -> Size:
    run, data = bank[need], bank.data_of(need)
    d = float(np.prod(data.train.x.shape[1:]))
    n, p = float(np.median(run.members.seen.sum(1))), float(run.about.get("features", d))
    return Size(n, p, d, float(run.checkpoints[checkpoint]) if checkpoint >= 0 else 0.0)


def _errors(bank: Bank, need: Need, checkpoint: int) -> tuple[np.ndarray, np.ndarray]:
    """(m,) on new examples (the test, else those left out) and on those trained on: share wrong, or squared error."""
    run, data = bank[need], bank.data_of(need)

    def of(view: str) -> np.ndarray:
        left = run.views[view]
        return left.loss_nats[checkpoint].astype(np.float64) if left.correct is None else 1.0 - left.correct[checkpoint]

    counted = Bank(bank.subject, data).counted
    train, members = of("train"), run.members
    seen, out = (_mean(train, side & counted) for side in (members.seen, members.unseen))
    return (of("test").mean(1) if "test" in run.views else out), seen


def _mean(values: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """(m,) means of (m, n) where the mask is set; NaN where nowhere."""
    with np.errstate(invalid="ignore"):
        return (values * mask).sum(1) / mask.sum(1)


def _norms(run: Run) -> np.ndarray | None:
    """(m,) Euclidean norm of the coefficients of a smoother, or of all weight matrices of a network."""
    if used := run.kept.get(Smoother().label):
        return used.get("norm")
    kept = run.kept.get(Weights().label)
    if kept is None:
        return None
    matrices = [w.reshape(len(w), -1) for w in kept.values() if w.ndim > 2]
    return np.sqrt(sum((w.astype(np.float64) ** 2).sum(1) for w in matrices))
