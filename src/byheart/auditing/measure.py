"""What do the measures of generalisation say of a network as it is? Nothing is trained; what is not known is said."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from byheart.auditing.measured_examples import MeasuredExamples, examples_of
from byheart.auditing.measured_model import MeasuredModel, model_of, trained, weights_of
from byheart.auditing.measured_scores import accuracy, called_on, gap, score_of_class, scores
from byheart.auditing.measured_trace import recorded
from byheart.auditing.unmeasured import probes_left_out, unmeasured
from byheart.errors import ByheartError, InputRefused, UsageError, unknown_name
from byheart.learners.weight_names import in_order, load_into
from byheart.maths.measures import ROWS, Evidence, Measure, Search, TrainingLog
from byheart.maths.measures.front import measure as one_measure
from byheart.maths.recording.module_copy import copied
from byheart.records.quantity import Quantity
from byheart.report.measurement_text import lines

TRACED = "Give FILE.py:NAME with --weights and --train."


@dataclass(frozen=True, repr=False)
class Measurement:
    """What was measured of a network.

    Attributes:
        title: what it is called.
        evidence: what it was measured from: weights, and perhaps initial weights, data, a search, a training log.
        measures: name -> `Measure`, of every one that was asked for.
        scores: `train_accuracy`, `test_accuracy` and `gap`, those that there are examples for.
        document: all of it, as JSON holds it.
    """

    title: str
    evidence: tuple[str, ...]
    measures: Mapping[str, Measure]
    scores: Mapping[str, Quantity]
    document: Mapping[str, Any]

    def __getitem__(self, name: str) -> Measure:
        return self.measures[name]

    def lines(self) -> list[str]:
        """What the command line prints."""
        return lines(self.document)

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        return dict(self.document)

    def __repr__(self) -> str:
        return f"<Measurement of {self.title} from {', '.join(self.evidence)}>"


def measure(
    model: Any,
    initial: Any = None,
    train: Any = None,
    test: Any = None,
    *,
    weights: Any = None,
    trace: Any = None,
    search: bool = False,
    names: Sequence[str] | None = None,
    say: Callable[[str], None] | None = None,
    **options: Any,
) -> Measurement:
    """Measure a network as it is, from its weights and from whatever else is given.

    Args:
        model: a torch module, a state dict, the path of a checkpoint (.safetensors, .pt, .pth, .ckpt) or of a Hugging
            Face folder, or "FILE.py:NAME", a module or a function that makes one.
        initial: the weights before training, as any of these but a function.
        train: the training examples: a pair (x, y), a dataset, or whatever `byheart audit` takes.
        test: examples that it was not trained on, likewise.
        weights: a checkpoint or state dict to put into `model`.
        trace: the recorded training (`byheart.record`), or the folder it was saved in; takes `train`. Its first weights
            are the initial ones where none are given.
        search: also search how far weights may be perturbed; minutes.
        names: which measures; None is all.
        say: takes lines on how data are read.
        options: of the files of examples, as `byheart audit` has them: target, categorical, drop, size.

    Returns:
        A `Measurement`; what could not be measured is listed with the reason.

    Raises:
        UsageError: no such file, name or measure.
        InputRefused: a checkpoint that holds code, NaN, weights that do not fit, examples that the model does not take.

    Example:
        >>> from torch import nn
        >>> found = measure({"fc.weight": nn.Linear(3, 2).weight.detach().fill_(1)})
        >>> round(found["param-norm"].value, 12), found.evidence
        (6.0, ('weights',))
    """
    subject = model_of(model, weights)
    start = None if initial is None else _initial(initial, subject)
    given = examples_of(train, test, options, say)
    examples, results = None, {}
    if given is not None and subject.module is not None:
        examples, results = _scored(subject.module, given)
    log = None
    if trace is not None:
        if examples is None or subject.module is None:
            raise UsageError("a model that runs and its training examples, with a trace", subject.title, TRACED)
        log, first = recorded(trace, subject.module, examples)
        start = first if start is None else start
    read = _evidence(subject, start, examples, log, Search() if search else None)
    found = _computed(read, names)
    known = {"weights": True, "initial weights": start is not None, "data": examples is not None,
             "search": search and examples is not None, "training log": log is not None}  # fmt: skip
    evidence = tuple(name for name, there in known.items() if there)
    document = {
        "model": {"title": subject.title, "parameters": subject.parameters, "architecture": subject.module is not None,
                  "lacking": subject.lacking},
        "evidence": list(evidence),
        "scores": {name: one.model_dump(mode="json") for name, one in results.items()},
        "measures": {name: _row(name, one) for name, one in found.items() if one.applicable},
        "unmeasured": unmeasured(found, evidence, subject.lacking if given is not None else ""),
        "probes": probes_left_out(),
        "notes": [*subject.notes, *(given.notes if given else [])],
    }  # fmt: skip
    return Measurement(subject.title, evidence, found, results, document)


def _initial(initial: Any, subject: MeasuredModel) -> dict[str, Tensor]:
    """The weights before training, held against those after it.

    Raises:
        InputRefused: other names or shapes; the first is named.
    """
    checkpoint = weights_of(initial)
    noun = f"the initial weights in {checkpoint.title}"
    if subject.module is not None:
        start = copied(subject.module)
        load_into(start, checkpoint.weights, noun)
        return start.state_dict()
    for name, value in trained(subject.weights).items():
        if name not in checkpoint.weights or checkpoint.weights[name].shape != value.shape:
            there = checkpoint.weights.get(name)
            came = f"none called {name}" if there is None else f"{name} of shape {tuple(there.shape)}"
            raise InputRefused(
                f"{noun} of the shapes of the final ones ({name}: {tuple(value.shape)})", came,
                "Give the initial weights of the same network.",
            )  # fmt: skip
    return checkpoint.weights


def _scored(module: nn.Module, given: MeasuredExamples) -> tuple[tuple[Tensor, Tensor] | None, dict[str, Quantity]]:
    """The training examples as the measures take them, and the share that is right of what there is."""
    import torch

    called = given.wrapped(module)
    views = [name for name, there in (("train", given.trained), ("test", given.tested)) if there]
    examples, shares = None, {}
    for view in views:
        x, codes = given.tensors(view)
        x = called_on(called, x)
        logits = scores(called, x)
        y = score_of_class(given.data.output.classes, logits.shape[1])[codes]
        shares[view] = accuracy(logits.argmax(1).numpy() == y, x)
        examples = (x, torch.from_numpy(y)) if view == "train" else examples
    found = {f"{view}_accuracy": share for view, (share, _) in shares.items()}
    return examples, found | ({"gap": gap(shares["train"], shares["test"])} if len(shares) == 2 else {})


def _evidence(
    subject: MeasuredModel,
    start: dict[str, Tensor] | None,
    examples: Any,
    log: TrainingLog | None,
    search: Search | None,
) -> Evidence:
    """What the measures read; of weights alone, through layers that hold them in the order of their names.

    Raises:
        InputRefused: NaN, no layer with weights, examples that the model does not take in float64.
    """
    if subject.module is None:
        first = None if start is None else _holding(start)
        return Evidence.of(_holding(subject.weights), first, None, None, None, "")
    try:
        evidence = Evidence.of(subject.module, start, examples, log, search, "")
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
            "a network with linear or convolutional layers", subject.title, "Give the network, not a wrapper around it."
        )
    return evidence


def _computed(evidence: Evidence, names: Sequence[str] | None) -> dict[str, Measure]:
    """Each measure by itself: one that the network does not allow never hides the others.

    Raises:
        UnknownName: a measure of another name.
    """
    if wrong := [name for name in names or () if name not in ROWS]:
        raise unknown_name("measure", wrong[0], ROWS)
    found = {}
    for name in ROWS if names is None else names:
        try:
            found[name] = one_measure(ROWS[name], evidence)
        except Exception as error:  # whatever a user's module raises on what a measure feeds it
            said = " ".join(f"{type(error).__name__}: {error}".split())[:200]
            found[name] = Measure(None, None, ROWS[name].needs, False, f"it cannot be computed here ({said})")
    return found


def _holding(weights: Mapping[str, Tensor]) -> nn.Module:
    """Layers that hold the matrices and kernels of a state dict, in the order of their names."""
    import torch

    made: list[nn.Module] = []
    kept = trained(weights)
    for name in in_order(list(kept)):
        value = kept[name]
        if value.is_floating_point() and value.dim() in (2, 4):
            with torch.device("meta"):
                out, into = value.shape[:2]
                layer = (
                    nn.Linear(into, out, bias=False)
                    if value.dim() == 2
                    else nn.Conv2d(into, out, value.shape[2:], bias=False)
                )
            layer.weight = nn.Parameter(value, requires_grad=False)
            made.append(layer)
    if not made:
        raise InputRefused("matrices or kernels of convolutions", "weights of one axis alone", "Give the whole model.")
    return nn.Sequential(*made)


def _row(name: str, one: Measure) -> dict[str, Any]:
    """A measure as JSON holds it: beyond the largest float there is the logarithm alone."""
    value = one.value if one.value is not None and math.isfinite(one.value) else None
    log = one.log_value if one.log_value is not None and math.isfinite(one.log_value) else None
    return {"value": value, "log_value": log, "family": family(name), "needs": list(one.needs)}


def family(name: str) -> str:
    """The family that a measure is of: the file of its formula."""
    function = ROWS[name].function
    return getattr(function, "func", function).__module__.rpartition(".")[2]
