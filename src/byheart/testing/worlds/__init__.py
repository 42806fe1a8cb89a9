"""Worlds: small data sets whose true headline values are known; every probe and verdict must be right in all of them.

A world draws fresh parameters at every seed, derives what is true of the recipe from them (closed forms in the
docstrings; no estimator of ours), and trains learners that take milliseconds. Write one for your own question so:

    def mine(seed: int) -> Draw:
        rng = stream(seed, "mine")
        ...
        return Draw(task, learner, {"my_quantity": near(0.3)})

and append `World("mine", mine)` to what your suite's `worlds` returns.
"""

from __future__ import annotations

from byheart.testing.worlds import classes, played, values
from byheart.testing.worlds.base import Bounds, Draw, World, allowed, always_wrong, near

__all__ = ["WORLDS", "Bounds", "Draw", "World", "allowed", "always_wrong", "near"]

WORLDS: tuple[World, ...] = (
    World("balanced", classes.balanced),
    World("2 % positives", classes.rare),
    World("pure noise", classes.noise),
    World("a lookup table on noise", classes.table),
    World("every row three times", classes.copies),
    World("some rows copied", classes.some_copies),
    World("patients", classes.patients),
    World("copies that contradict", classes.contradicting),
    World("separable", classes.separable),
    World("60 rows", classes.sixty),
    World("classes missing", classes.missing),
    World("a constant", classes.constant),
    World("a shallow random tree", classes.shallow_tree),
    World("Gaussian values", values.gaussian),
    World("rounded values", values.rounded),
    World("log-normal values", values.lognormal),
    World("the mean", values.mean),
    World("a hard part", played.hard_part),
    World("ever better", played.improving),
    World("past its best", played.past_its_best),
    World("ever surer", played.too_sharp),
)
