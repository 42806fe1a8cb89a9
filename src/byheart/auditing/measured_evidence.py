"""What the measures read of a model, and the measures of it, each by itself."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from byheart.errors import ByheartError, InputRefused, unknown_name
from byheart.maths.measures import ROWS, Evidence, Measure, Search, TrainingLog, measures_of, stored_weights
from byheart.terminal import followed


@dataclass(frozen=True)
class Known:
    """What is known of a network.

    Attributes:
        module: the network; None where there are weights alone.
        weights: its state dict.
        start: the state dict before training.
        examples: x and class numbers of the training examples, as the module takes them.
        log: of its training.
        search: how perturbations are searched.
        second: another run of the recipe, and inputs that neither was trained on.
    """

    module: nn.Module | None
    weights: Mapping[str, Tensor]
    start: Mapping[str, Tensor] | None
    examples: tuple[Tensor, Tensor] | None
    log: TrainingLog | None
    search: Search | None
    second: tuple[nn.Module, Tensor] | None = None

    @property
    def kinds(self) -> tuple[str, ...]:
        """What there is of what a measure may need."""
        there = {
            "weights": True, "initial weights": self.start, "data": self.examples, "search": self.search,
            "training log": self.log, "second run": self.second,
        }  # fmt: skip
        return tuple(kind for kind, value in there.items() if value is not None)


def evidence_of(known: Known, title: str) -> Evidence:
    """The network as the measures read it; of weights alone, layers as the keys tell them.

    Raises:
        InputRefused: NaN, no layer with weights, examples that the model does not take in float64.
    """
    if known.module is None:
        return stored_weights(known.weights, known.start)
    try:
        evidence = Evidence.of(known.module, known.start, known.examples, known.log, known.search, "", known.second)
        layers = evidence.layers
    except ByheartError:
        raise
    except Exception as error:  # whatever a user's module raises in float64
        raise InputRefused(
            "a model that can be called in float64", f"{type(error).__name__}: {str(error)[:200]}",
            "Leave --train out, or convert inputs to the type of the weights in the module.",
        ) from error  # fmt: skip
    if not layers:
        raise InputRefused(
            "a network with linear or convolutional layers",
            f"{title}, which has none",
            "The published measures are of their weights.",
        )
    return evidence


def computed(
    evidence: Evidence, names: Sequence[str] | None, say: Callable[[str], None] | None = None
) -> dict[str, Measure]:
    """Each measure by itself: one that the network does not allow never hides the others; `say` takes lines on how far.

    Raises:
        UnknownName: a measure of another name.
    """
    if wrong := [name for name in names or () if name not in ROWS]:
        raise unknown_name("measure", wrong[0], ROWS)
    found, wanted = {}, list(ROWS if names is None else names)
    for name in followed(wanted, len(wanted), "measures", say):
        try:
            found[name] = _finite(measures_of(evidence, [name])[name])
        except Exception as error:  # whatever a user's module raises on what a measure feeds it
            said = " ".join(f"{type(error).__name__}: {error}".split())[:200]
            found[name] = Measure(None, None, ROWS[name].needs, False, f"it cannot be computed here ({said})")
    return found


def _finite(one: Measure) -> Measure:
    """The measure, unless neither its value nor its logarithm is a number."""
    if not one.applicable or any(x is not None and math.isfinite(x) for x in (one.value, one.log_value)):
        return one
    return Measure(None, None, one.needs, False, "it is no finite number in float64, and neither is its logarithm")
