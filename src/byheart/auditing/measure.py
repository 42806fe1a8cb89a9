"""What do the measures of generalisation say of a network as it is? Nothing is trained; what is not known is said."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from torch import Tensor, nn

from byheart.arguments import may_be, must_be
from byheart.auditing.measured_evidence import Known, computed, evidence_of
from byheart.auditing.measured_examples import MeasuredExamples, examples_of
from byheart.auditing.measured_model import MeasuredModel, model_of, trained, weights_of
from byheart.auditing.measured_scores import (
    accuracy,
    called_on,
    gap,
    names_of_scores,
    order_told,
    score_of_class,
    scores,
)
from byheart.auditing.measured_trace import Recorded, recorded
from byheart.auditing.measurement_document import document_of
from byheart.errors import InputRefused, UsageError
from byheart.learners.weight_names import load_into
from byheart.maths.measures import Measure, Search
from byheart.maths.recording.module_copy import copied
from byheart.records.quantity import Quantity
from byheart.report.measurement_text import lines


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
    second: Any = None,
    search: bool = False,
    names: str | Sequence[str] | None = None,
    target: str | None = None,
    say: Callable[[str], None] | None = None,
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
        second: the weights of another run of the same recipe, from another seed; takes `test`.
        search: also search how far weights may be perturbed; minutes.
        names: which measures; None is all.
        target: the column to predict, where the examples are a table or a frame.
        say: takes lines on how data are read, and on how far it is.

    Returns:
        A `Measurement`; what could not be measured is listed with the reason.

    Raises:
        UsageError: no such file, name or measure; an argument of another kind.
        InputRefused: a checkpoint that holds code, NaN, weights that do not fit, examples that the model does not take.

    Example:
        >>> from torch import nn
        >>> found = measure({"fc.weight": nn.Linear(3, 2).weight.detach().fill_(1)})
        >>> round(found["param-norm"].value, 12), found.evidence
        (6.0, ('weights',))
    """
    must_be("True or False", search=search)
    may_be("a word or several", names=names)
    may_be("a word", target=target)
    subject = model_of(model, weights)
    start = None if initial is None else _initial(initial, subject)
    given = examples_of(train, test, target, say)
    scored, module = Scored(None, None, {}, ""), subject.module
    if given is not None and module is not None:
        module = given.wrapped(module)
        scored = _scored(subject.module, module, given)
        if start is not None and module is not subject.module:
            start = {f"module.{name}": value for name, value in start.items()}
    log = None
    if trace is not None:
        log, first = _traced(trace, module, scored.examples, subject.title)
        start = first if start is None else start
    other = None if second is None else _second(second, subject, given, scored.new)
    searched = Search() if search and scored.examples else None
    known = Known(module, subject.weights, start, scored.examples, log, searched, other)
    evidence = evidence_of(known, subject.title)
    measures = computed(evidence, [names] if isinstance(names, str) else names, say)
    notes = [*subject.notes, *(given.notes if given else []), scored.note, *evidence.notes]
    unused = subject.lacking if given is not None else ""
    document = document_of(subject, evidence.coverage, known.kinds, scored.shares, measures, unused, notes)
    return Measurement(subject.title, known.kinds, measures, scored.shares, document)


def _traced(trace: Any, module: nn.Module | None, examples: Any, title: str) -> Recorded:
    if examples is None or module is None:
        raise UsageError(
            "a model that runs and its training examples, with a trace", title,
            "Give FILE.py:NAME with --weights and --train.",
        )  # fmt: skip
    return recorded(trace, module, examples)


def _second(
    second: Any, subject: MeasuredModel, given: MeasuredExamples | None, new: Tensor | None
) -> tuple[nn.Module, Tensor]:
    """Another run of the same recipe, and the examples that neither was trained on.

    Raises:
        InputRefused: weights of another network, or those of this very run.
    """
    if subject.module is None or given is None or new is None:
        raise UsageError(
            "a model that runs and its test examples, with a second run", subject.title,
            "Give FILE.py:NAME with --weights and --test.",
        )  # fmt: skip
    checkpoint, other = weights_of(second), copied(subject.module)
    load_into(other, checkpoint.weights, f"the weights of the second run in {checkpoint.title}")
    own = subject.module.state_dict()
    if all(value.equal(own[name]) for name, value in other.state_dict().items()):
        raise InputRefused("another run of the recipe", f"{checkpoint.title}, the same weights", "Use another seed.")
    return given.wrapped(other), new


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


class Scored(NamedTuple):
    """What a network scores: examples and new x as it takes them, shares that are right, how classes were read."""

    examples: tuple[Tensor, Tensor] | None
    new: Tensor | None
    shares: dict[str, Quantity]
    note: str


def _scored(module: nn.Module, called: nn.Module, given: MeasuredExamples) -> Scored:
    """The shares that are right of what examples there are; `called` is the module as it is called on them."""
    import torch

    views = [name for name, there in (("train", given.trained), ("test", given.tested)) if there]
    examples, new, shares, classes, note = None, None, {}, given.data.output.classes, ""
    for view in views:
        x, codes = given.tensors(view)
        x = called_on(called, x)
        logits = scores(called, x)
        k = logits.shape[1]
        places = score_of_class(classes, k, names_of_scores(module, k))
        y, note = places[codes], order_told(classes, places)
        shares[view] = accuracy(logits.argmax(1).numpy() == y, x)
        if view == "train":
            examples = x, torch.from_numpy(y)
        else:
            new = x
    found = {f"{view}_accuracy": share for view, share in shares.items()}
    found |= {"gap": gap(shares["train"], shares["test"])} if len(shares) == 2 else {}
    return Scored(examples, new, found, note)
