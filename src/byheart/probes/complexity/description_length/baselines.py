"""Where the recipe stands on the balance chart: checkpoints, poles, baselines, and the one model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from byheart.maths.codes.variance import SideErrors
from byheart.maths.memorisation.counterfactual import shuffled
from byheart.maths.statistics.resampling import Resampled, bootstrap
from byheart.maths.statistics.seen_unseen import FEWEST_MEMBERS, BankCode
from byheart.probes.base import Bank
from byheart.records.balance import Balance, Landmark, Move, OneModel, Share, Standing, Waypoint
from byheart.records.facts import FactTable
from byheart.records.quantity import Quantity
from byheart.training.run import Run

if TYPE_CHECKING:
    from byheart.probes.base import Probe

# reference, seen, unseen of each example: bits, or squared errors in units of their variance
Sides = BankCode | SideErrors
SidesOf = Callable[..., Sides]
RIVALS = {"neighbours": "1-nearest neighbour", "ridge": "ridge regression", "ngram": "3-gram"}
POLES = {"oracle": "Oracle", "rote": "Rote"}
# A stop is worth a row when it takes away more than a twentieth of the memorised share.
WORTH = 0.05


class Shares(NamedTuple):
    """Understood, memorised and left over the reference."""

    understood: float
    memorised: float
    left: float


def shares(sides: Sides) -> Shares:
    """The three shares of the totals, over the examples that have both sides."""
    columns = np.stack(sides, 1)
    whole, inside, outside = columns[np.isfinite(columns).all(1)].sum(0)
    return Shares(float(1 - outside / whole), float((outside - inside) / whole), float(inside / whole))


def shuffled_share(probe: Probe, bank: Bank, run: Run, sides_of: SidesOf) -> float:
    """Share memorised when which member saw which example is shuffled (first 16 members)."""
    mask, rng = run.members.mask[:16], probe.rng(bank, "null")
    # few members have few orders, and one has none: there the examples change places
    mask = shuffled(mask, rng) if len(mask) >= FEWEST_MEMBERS else mask[:, rng.permutation(mask.shape[1])]
    return shares(sides_of(bank, run, mask=mask)).memorised


def standing_of(quantities: Mapping[str, Quantity], names: Mapping[str, str]) -> Standing:
    """The three shares, as the balance holds them; `names` maps each part to its quantity."""
    found = {part: quantities[name] for part, name in names.items()}
    return Standing(
        **{part: Share(value=one.value, interval=one.interval or (one.value, one.value)) for part, one in found.items()}
    )


def balance_of(
    bank: Bank,
    run: Run,
    sides: Sides,
    course: dict[int, Sides],
    standing: Standing,
    sides_of: SidesOf,
    rng: np.random.Generator,
) -> Balance:
    """Everything around the recipe's point."""
    subject = bank.subject
    trail = [Waypoint(epoch=epoch, **shares(found)._asdict()) for epoch, found in course.items()]
    end = trail[-1] if trail else None
    if end:
        # the trail is of the first members; where it ends stands the recipe, of all of them
        trail[-1] = Waypoint(epoch=end.epoch, **shares(sides)._asdict())
    poles, rivals = (
        [
            Landmark(name=title, **_point(bank, name, sides_of)) for name, title in titles.items()
            if subject.baseline(name) in bank
        ]
        for titles in (POLES, RIVALS)
    )  # fmt: skip
    if bank.data.output.passages and subject.baseline("rote") not in bank:
        poles.append(Landmark(name="Rote", understood=0.0, memorised=1.0, measured=False))
    rivals.append(Landmark(name="chance", understood=0.0, memorised=0.0, measured=False))
    moves = _stops(bank, run, course, rng)
    return Balance(
        model=standing,
        trail=tuple(trail),
        end=end,
        poles=tuple(poles),
        rivals=tuple(rivals),
        one_model=_one_model(bank, sides, sides_of, rng),
        moves=moves,
    )


def one_model_facts(balance: Balance) -> dict[str, FactTable]:
    """The one model's shares with their intervals as a table of a finding, where there is such a model."""
    parts = {name: (part.value, *part.interval) for name, part in balance.one_model or ()}
    return {"one_model": FactTable(values={"end": ("value", "low", "high"), **parts})} if parts else {}


def left_out_facts(run: Run) -> dict[str, Any]:
    """How many members there are, and how many of them left each example out: fewest and most."""
    out = run.members.unseen.sum(0)
    return {"members": len(run.members), "left_out": (int(out.min()), int(out.max()))}


def _point(bank: Bank, name: str, sides_of: SidesOf) -> dict[str, float]:
    found = shares(sides_of(bank, bank[bank.subject.baseline(name)]))
    return {"understood": found.understood, "memorised": found.memorised}


def trail_sides(bank: Bank, run: Run, sides_of: SidesOf) -> dict[int, Sides]:
    """Epoch -> both sides of the first members that kept their trail; empty where there is no time course."""
    kept = run.views["train"].trail
    if kept is None or len(run.checkpoints) < 3:
        return {}
    return {epoch: sides_of(bank, run, members=kept.shape[1], checkpoint=c) for c, epoch in enumerate(run.checkpoints)}


def _one_model(bank: Bank, sides: Sides, sides_of: SidesOf, rng: np.random.Generator) -> OneModel | None:
    need = bank.subject.whole()
    if need not in bank:
        return None
    whole = bank[need]
    reference, _, unseen = sides
    own = sides_of(bank, whole, mask=np.ones_like(whole.members.mask))[1]
    columns = np.stack([reference, unseen - own, own], 1)
    resampled = bootstrap(columns, groups=bank.groups, rng=rng)
    memorised, left = _shares_of(columns, resampled)
    return OneModel(memorised=memorised, left=left)


def _shares_of(columns: np.ndarray, resampled: Resampled) -> tuple[Share, ...]:
    """The totals of columns 1 and 2 over that of column 0."""
    return tuple(
        Share(value=float(columns[:, c].sum() / columns[:, 0].sum()), interval=tuple(resampled.ratio(c, 0)))
        for c in (1, 2)
    )


def _stops(bank: Bank, run: Run, course: dict[int, Sides], rng: np.random.Generator) -> tuple[Move, ...]:
    """Stopping where the held-out code or error was smallest, against the end, on the same members."""
    if not course:
        return ()
    last = max(course)
    best = min(course, key=lambda epoch: np.nansum(course[epoch][2]))
    gone = shares(course[last]).memorised - shares(course[best]).memorised
    if best in (0, last) or gone < WORTH * abs(shares(course[last]).memorised):
        return ()
    (reference, seen, unseen), (_, seen_then, unseen_then) = course[last], course[best]
    columns = np.stack([reference, unseen - unseen_then, (unseen_then - seen_then) - (unseen - seen)], 1)
    both = np.isfinite(columns).all(1)
    columns = columns[both]
    resampled = bootstrap(columns, groups=bank.groups[both], rng=rng)
    understood, memorised = _shares_of(columns, resampled)
    accuracy = _accuracy_move(bank, run, best, last, rng)
    return (Move(epoch=best, last=last, memorised=memorised, understood=understood, accuracy=accuracy),)


def _accuracy_move(bank: Bank, run: Run, best: int, last: int, rng: np.random.Generator) -> Share | None:
    test = run.views.get("test")
    if test is None or test.correct is None or not bank.data.output.labelled:
        return None
    places = {epoch: c for c, epoch in enumerate(run.checkpoints)}
    change = test.correct[places[best]].mean(0) - test.correct[places[last]].astype(float).mean(0)
    drawn = bootstrap(change, groups=bank.data.new_copies, rng=rng)
    return Share(value=float(change.mean()), interval=tuple(drawn.mean(0))) if drawn.known else None
