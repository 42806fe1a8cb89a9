"""Replay: the steps between two kept ones, made again by torch's own optimiser from the same ids and random states."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from byheart.errors import InputRefused
from byheart.maths.recording.gradient_sketch import Departure, refuse_step
from byheart.maths.shapes import Float

# Another machine rounds differently; what departs by more than this is another training.
LIMIT = 1e-3


def replay(trace: Any, start: int, stop: int) -> tuple[Float[Tensor, "s p"], Float[Tensor, "u p"] | None]:
    """What were the weights between two kept ones?

    Weights (stop - start + 1, p) from `start` to `stop`, and second moments (stop - start, p) after each step.

    Bit for bit what was recorded, on CPU at the same number of threads and with the same versions.

    Raises:
        InputRefused: the gradient of a step is not the recorded one.
    """
    recipe, layout = trace.recipe, trace.layout
    leaves = {name: v.clone().requires_grad_() for name, v in trace.named(trace.kept[start]["weights"]).items()}
    optimizer = recipe.optimizer(leaves, trace.rates[start] if start < len(trace.rates) else [0.0])
    resume(optimizer, recipe.states, {n: trace.named(trace.kept[start][n]) for n in recipe.states}, leaves, start)
    weights, second = [layout.flat(leaves)], []
    known = Departure(trace.sketches, weights[0]) if trace.sketches else None
    for t in range(start, stop):
        for part in trace.parts[t]:
            trace.batch_loss(leaves, part).backward()
        if known and (off := known.at(t, layout.flat({name: p.grad for name, p in leaves.items()}))):
            raise refuse_step(t, off)
        for entry, group, rate, clip in zip(
            optimizer.param_groups, recipe.groups, trace.rates[t], trace.clips[t], strict=True
        ):
            entry["lr"] = rate
            with torch.no_grad():
                for p in entry["params"]:
                    if clip != 1:
                        p.grad.mul_(clip)
                    if group.outside:
                        p.mul_(1 - rate * group.outside)
        optimizer.step()
        optimizer.zero_grad()
        weights.append(layout.flat(leaves))
        if recipe.adaptive:
            second.append(layout.flat({name: optimizer.state[p]["exp_avg_sq"] for name, p in leaves.items()}))
    return torch.stack(weights), torch.stack(second) if second else None


def resume(
    optimizer: torch.optim.Optimizer,
    states: tuple[str, ...],
    kept: Mapping[str, Mapping[str, Tensor]],
    leaves: Mapping[str, Tensor],
    step: int,
) -> None:
    """Put the optimiser where it was before `step`; `kept` gives each state by tensor name."""
    if step == 0:
        return
    for name, p in leaves.items():
        state = {key: kept[key][name].clone() for key in states}
        if "exp_avg" in states:
            state["step"] = torch.tensor(float(step))
        optimizer.state[p].update(state)


def checked(
    trace: Any, start: int, stop: int, weights: Float[Tensor, "s p"], second: Float[Tensor, "u p"] | None
) -> tuple[Float[Tensor, "s p"], Float[Tensor, "u p"] | None]:
    """Does a replay end where the recording did?

    What was replayed, its end held against the weights kept there; `trace.drift` keeps the largest departure.

    Raises:
        InputRefused: the replay ends elsewhere; the step and the departure are named.
    """
    if stop not in trace.kept:
        return weights, second
    kept = trace.kept[stop]["weights"]
    if not torch.equal(weights[-1], kept):
        drift = float((weights[-1] - kept).norm() / (kept - weights[0]).norm().clamp_min(1e-30))
        if not drift <= LIMIT:
            raise InputRefused(
                expected=f"steps {start} to {stop} to end at the recorded weights when replayed",
                came=f"weights {drift:.1e} of the way off",
                do="Is noise drawn outside torch's stream, or the data changed inside the model? Record with every=1.",
            )
        trace.drift = max(trace.drift, drift)
        weights[-1] = kept
    return weights, second
