"""Where the recipe stands on the balance chart: its trail, the poles, the rivals, and the one model beside it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from byheart.maths.sides import BankCode
from byheart.maths.statistics import bootstrap
from byheart.maths.variance import SideErrors
from byheart.probes.base import Bank
from byheart.records.balance import Balance, Landmark, Move, OneModel, Share, Standing, Waypoint
from byheart.records.chart import Axis, Bar, Chart, Rule, Segment, Table
from byheart.records.figures import count, number, percent
from byheart.training.run import Run

# reference, seen, unseen of each example: bits, or squared errors in units of their variance
Sides = BankCode | SideErrors
SidesOf = Callable[..., Sides]
RIVALS = {"neighbours": "1-nearest neighbour", "ridge": "ridge regression", "ngram": "3-gram"}
NOTES = {"rote": ("Rote", "a lookup table"), "oracle": ("Oracle", "knows the task's own truth")}
# A stop is worth a row when it takes away more than a twentieth of the memorised share.
WORTH = 0.05
# A hundredth of the reference: less is not called understanding, nor growth of it.
NOTHING = 0.01


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


def balance_of(
    bank: Bank,
    run: Run,
    sides: Sides,
    course: dict[int, Sides],
    standing: Standing,
    sides_of: SidesOf,
    rng: np.random.Generator,
) -> Balance:
    """Everything around the recipe's point, and the sentence that says it."""
    subject = bank.subject
    trail = [Waypoint(epoch=epoch, **shares(found)._asdict()) for epoch, found in course.items()]
    sentence = _sentence(trail, standing)
    if trail:
        # the trail is of the first members; where it ends stands the recipe, of all of them
        trail[-1] = Waypoint(epoch=trail[-1].epoch, **shares(sides)._asdict())
    poles = [
        Landmark(name=NOTES[name][0], note=NOTES[name][1], **_point(bank, name, sides_of))
        for name in ("oracle", "rote")
        if subject.baseline(name) in bank
    ]
    if bank.data.output.kind == "tokens" and subject.baseline("rote") not in bank:
        poles.append(Landmark(name="Rote", note="a lookup table, by definition", understood=0.0, memorised=1.0))
    rivals = [
        Landmark(name=title, **_point(bank, name, sides_of)) for name, title in RIVALS.items()
        if subject.baseline(name) in bank
    ]  # fmt: skip
    rivals.append(Landmark(name="chance", understood=0.0, memorised=0.0, note="untrained, or chance"))
    moves = _stops(bank, run, course, rng)
    return Balance(
        model=standing,
        trail=tuple(trail),
        poles=tuple(poles),
        rivals=tuple(rivals),
        one_model=_one_model(bank, sides, sides_of, rng),
        moves=moves,
        sentence=sentence,
    )


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
    memorised, left = (
        Share(value=float(columns[:, c].sum() / columns[:, 0].sum()), interval=tuple(resampled.ratio(c, 0)))
        for c in (1, 2)
    )
    sentence = (
        f"The one model trained on everything has memorised {percent(memorised.value)} "
        f"[{number(100 * memorised.interval[0], 1)}, {number(100 * memorised.interval[1], 1)}] and left "
        f"{percent(left.value)}: one draw of the recipe, whose interval knows the examples and not another training."
    )
    return OneModel(memorised=memorised, left=left, sentence=sentence)


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
    understood, memorised = (
        Share(value=float(columns[:, c].sum() / columns[:, 0].sum()), interval=tuple(resampled.ratio(c, 0)))
        for c in (1, 2)
    )
    return (
        Move(
            name=f"stop at epoch {best}",
            memorised=memorised,
            understood=understood,
            accuracy=_accuracy_move(bank, run, best, last, rng),
            note=f"points against epoch {last}, read off the trail of these members; "
            "a schedule made to end there would differ",
        ),
    )


def _accuracy_move(bank: Bank, run: Run, best: int, last: int, rng: np.random.Generator) -> Share | None:
    test = run.views.get("test")
    if test is None or test.correct is None or bank.data.output.kind != "classes":
        return None
    places = {epoch: c for c, epoch in enumerate(run.checkpoints)}
    change = test.correct[places[best]].mean(0) - test.correct[places[last]].astype(float).mean(0)
    drawn = bootstrap(change, groups=bank.data.new_copies, rng=rng)
    return Share(value=float(change.mean()), interval=tuple(drawn.mean(0))) if drawn.known else None


def _sentence(trail: list[Waypoint], standing: Standing) -> str:
    if len(trail) < 3:
        return "There is no trail: outcomes were kept at the end of training alone."
    best = max(trail[1:], key=lambda point: point.understood)
    end = trail[-1]
    if best.understood < NOTHING:
        return f"Nothing was understood at any epoch; {percent(standing.memorised.value, 0)} is memorised."
    if best.epoch != end.epoch and end.memorised - best.memorised > 0.02:
        fell = best.understood - end.understood
        change = "did not grow" if fell < NOTHING else f"fell by {number(100 * fell, 1)} points"
        return (
            f"It understood first, then learned by heart: after epoch {best.epoch} memory grew by "
            f"{number(100 * (end.memorised - best.memorised), 0)} points, understanding {change}."
        )
    grows = best.epoch == end.epoch and end.understood - trail[-2].understood > NOTHING
    growth = "was still growing at" if grows else "no longer grew towards"
    return f"Understanding {growth} the last epoch, with {percent(standing.memorised.value, 0)} memorised."


def budget_chart(bank: Bank, code: BankCode) -> Chart:
    """Positions on an axis of code length: in, out and reference, for all examples and apart for the redrawn."""
    target = "passage" if bank.data.output.kind == "tokens" else "label"
    groups = [(f"all {count(len(code.in_bits))} {target}s", np.ones(len(code.in_bits), bool))]
    changed = bank.data.truth.changed
    if changed is not None and changed.any() and not changed.all():
        groups.append((f"the {count(int((~changed).sum()))} that came with the data", ~changed))
        groups.append((f"the {count(int(changed.sum()))} redrawn at random", changed))
    bars, rows = [], []
    for label, chosen in groups:
        left, out, reference = (float(x[chosen].mean()) for x in (code.in_bits, code.out_bits, code.reference_bits))
        name = "understood" if reference >= out else "worse than a blind guess"
        bars.append(
            Bar(
                label=label,
                segments=(
                    Segment(start=0.0, stop=left, role="left", label=f"left {number(left, 2)}"),
                    Segment(start=left, stop=out, role="memorised", label=f"memorised {number(out - left, 2)}"),
                    Segment(start=out, stop=reference, role="understood", label=f"{name} {number(reference - out, 2)}"),
                ),
            )
        )
        rows.append((label, number(reference - out, 2), number(out - left, 2), number(left, 2)))
    blind = float(code.reference_bits.mean())
    return Chart(
        title=f"Bits a {target}: left, memorised, understood",
        description="; ".join(f"{row[0]}: understood {row[1]}, memorised {row[2]}, left {row[3]} bits" for row in rows),
        x=Axis(title=f"bits to write down one {target}"),
        rules=(Rule(axis="x", at=blind, label=f"a blind guess needs {number(blind, 2)}"),),
        bars=tuple(bars),
        reading=(
            f"Grey ends where models stand that saw the {target}, orange where those stand that did not, blue where "
            f"a blind guess stands. Where blue runs back to the left, models without the {target} do worse than a "
            "blind guess: they bet against it, and only memory can pay the difference."
        ),
        table=Table(columns=(f"bits a {target}", "understood", "memorised", "left"), rows=tuple(rows)),
    )
