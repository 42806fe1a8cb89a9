"""Spacing: how much memory does a recorded training take, and how often are its weights kept?"""

from __future__ import annotations

from byheart.errors import InputRefused
from byheart.maths.recording.optimizer_spec import Recipe


def trace_bytes(p: int, steps: int, every: int, recipe: Recipe, item: int = 4) -> int:
    """How much memory does a trace of `steps` steps of p weights take, in bytes, the replayed segment included?

    Kept: p weights, and p for each state of the optimiser (`every` = 1: only Adam's second moment, nothing is
    replayed), each `every` steps; replayed at a time: `every` + 1 weights and, under Adam, as many second moments.

    Args:
        p: weights.
        steps: of the training.
        every: weights are kept each so many steps.
        recipe: says which states the optimiser carries.
        item: bytes a number.

    Returns:
        Bytes. The poles have no part in it.

    Raises:
        Nothing: a formula.

    Cost: none. Fails when: examples, which are not counted, are larger than the weights. Reference: Griewank and
    Walther 2000, "Algorithm 799: revolve" (checkpoints and replay; here one level of them).

    Example:
        >>> trace_bytes(1000, 100, 1, Recipe("SGD", (), {}))
        404000
    """
    states = int(recipe.adaptive) if every == 1 else len(recipe.states)
    marks = -(-steps // every) + 1
    segment = 0 if every == 1 else (every + 1) * (1 + recipe.adaptive)
    return item * p * (marks * (1 + states) + segment)


def every_under(p: int, steps: int, recipe: Recipe, limit_bytes: int = 200_000_000, item: int = 4) -> int:
    """Each how many steps must weights be kept for a trace to stay under a limit of memory, with the fewest replays?

    Args:
        p: weights.
        steps: of the training.
        recipe: says which states the optimiser carries.
        limit_bytes: the most that the trace may take.
        item: bytes a number.

    Returns:
        The least `every` whose `trace_bytes` is within the limit.

    Raises:
        InputRefused: no spacing fits; the least possible size is said.

    Cost: O(steps). Fails when: as `trace_bytes`. Reference: as `trace_bytes`.

    Example:
        >>> every_under(10_000, 1000, Recipe("SGD", (), {}), 10_000_000)
        5
    """
    for every in range(1, max(steps, 1) + 1):
        if trace_bytes(p, steps, every, recipe, item) <= limit_bytes:
            return every
    least = min(trace_bytes(p, steps, every, recipe, item) for every in range(1, max(steps, 1) + 1))
    raise InputRefused(
        expected=f"a trace of at most {limit_bytes / 1e6:.0f} MB",
        came=f"{p} weights over {steps} steps, which need {least / 1e6:.0f} MB even at the best spacing",
        do="Allow more memory, or record fewer steps.",
    )
