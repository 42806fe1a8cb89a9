"""What a world says is true of it agrees with plain averages over draws of it, made by no estimator of ours."""

from collections import Counter

import numpy as np
import pytest

from byheart.probes.generalization.gap import Gap
from byheart.registry import find, names
from byheart.testing.probes import untrue
from byheart.testing.worlds import WORLDS, Bounds, allowed
from byheart.testing.worlds.base import Draw

DRAWS, MANY = 10, 30


def averages(draw: Draw) -> dict[str, float]:
    """Accuracy or R2 where seen, where left out and on the test view, example by example."""
    bank = draw.bank
    need = bank.subject.bank()
    run = draw.run(need)
    mask, y = run.members.mask, bank.data.train.y
    if bank.data.output.kind == "classes":
        unit, outcome, new = "accuracy", run.views["train"].correct[-1], run.views["test"].correct[-1].mean()
    else:
        own = np.array([y[seen].mean() for seen in mask])
        squares = (y - own[:, None]) ** 2
        y_test, loss = bank.data.views["test"].y, run.views["test"].loss_nats[-1]
        unit, outcome, new = "r2", run.views["train"].loss_nats[-1].astype(float), 1 - loss.mean() / y_test.var()

    def side(chosen):
        both = (outcome * chosen).sum(0) / chosen.sum(0)
        return both.mean() if unit == "accuracy" else 1 - both.mean() / ((squares * chosen).sum(0) / chosen.sum(0)).mean()

    seen, left_out = side(mask), side(~mask)
    return {f"train_{unit}": seen, f"held_out_{unit}": left_out, f"test_{unit}": new, "gap": seen - left_out}


@pytest.mark.slow
@pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.name)
def test_the_truth_of_a_world_is_what_averages_over_its_draws_come_to(world):
    """Each draw has parameters, and so a truth, of its own: the mean of (average - truth) is 0 within 4 standard errors.

    The standard error is that of the draws, and at least that of independent examples.
    """
    misses = {}
    for seed in range(DRAWS):
        draw = world.draw(seed)
        n = len(draw.bank.data.train)
        for name, value in averages(draw).items():
            if name in draw.truth:
                low, high = draw.truth[name]
                miss = 0.0 if low <= value <= high else value - (low if value < low else high)
                misses.setdefault(name, []).append((miss, n))
    assert misses
    for name, found in misses.items():
        miss, n = np.array(found).T
        error = max(miss.std(ddof=1) / np.sqrt(DRAWS), 0.25 / np.sqrt(n.sum())) if miss.any() else 1e-9
        assert abs(miss.mean()) <= 4 * error, f"{name} in {world.name}: {miss.mean():.4f} from the truth, {error:.4f}"


@pytest.mark.slow
@pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.name)
def test_intervals_miss_the_truth_no_more_often_than_they_say(world):
    """95 % intervals of every known probe, plug-ins included, over many draws of one world."""
    misses = Counter()
    for seed in range(MANY):
        draw = world.draw(100 + seed)
        for name in names("probe"):
            misses.update(f"{quantity} of {name}" for quantity in untrue(draw, find("probe", name)()))
    assert not {what: n for what, n in misses.items() if n > allowed(MANY)}


@pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.name)
def test_a_world_is_drawn_from_its_seed_and_cannot_be_told_by_its_name(world):
    one, again, other = world.draw(3), world.draw(3), world.draw(4)
    assert (one.task.key(), one.truth) == (again.task.key(), again.truth)
    assert one.task.key() != other.task.key()
    data = one.bank.data
    assert world.name not in f"{one.task!r} {one.learner!r} {data.about} {data.output}"


@pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.name)
def test_no_world_is_empty(world):
    draw = world.at(0)
    assert draw.measure(Gap()).quantities.keys() & draw.truth.keys()


def test_bounds_meet_the_intervals_that_hold_one_of_their_values():
    assert Bounds(0.2, 0.3).meets((0.25, 0.26))
    assert Bounds(0.2, 0.3).meets((0.0, 0.2))
    assert not Bounds(0.2, 0.3).meets((0.31, 0.4))
    assert not Bounds(0.2, 0.2).meets((0.0, 0.19))
