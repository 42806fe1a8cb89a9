"""Outputs: how what a model returns becomes logits (n, k), and what m members returned becomes a run."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from byheart.errors import InputRefused
from byheart.learners.module_inputs import evaluating, refused_inputs, taken_dtype, tensor_of
from byheart.tasks.containers import copied
from byheart.tasks.data import Data
from byheart.tasks.frames.reading import library_of
from byheart.training.members import Members
from byheart.training.run import Run, outcomes

Returns = Literal["auto", "logits", "probabilities", "scores", "labels", "values"]
SUM_TOLERANCE = 1e-3  # of a row of probabilities: rounding in low precision
NEGATIVE_TOLERANCE = 1e-6
BATCH = 1024  # examples a forward pass of a user's torch module


class Diverged(InputRefused):
    """The outputs of one model are NaN or infinite; others may be fine."""


def read(
    model: Any, x: np.ndarray, data: Data, returns: Returns = "auto"
) -> tuple[np.ndarray, np.ndarray | None, Returns]:
    """What does a trained model say about the examples x, as logits?

    - probabilities p (rows >= 0 that sum to 1 within 1e-3, or a `predict_proba`), divided by their sum:
      log max(p, 1 / (n + 2)), n training examples;
    - logits and scores (`decision_function`): as they are; one score s for two classes becomes (0, s);
    - labels (a `predict` alone): one-hot;
    - values: (n, 1).

    Args:
        model: a torch module (called on tensors of x's own type in evaluation mode, without gradients, and left
            as it was; floats that it fails on take the type of its weights), a scikit-learn estimator (columns are
            put in order by `classes_`), or a callable on x.
        x: (n_view, ...) inputs as the user keeps them; every call gets a copy, for models may write into it.
        data: says what must be given, and how many training examples there are.
        returns: what the outputs are; `auto` looks at the model and the numbers. An estimator's methods
            say it themselves, but for `labels`, which uses `predict` alone.

    Returns:
        logits (n_view, k) float64; predicted (n_view,) where the model names a class itself, else None;
        what the outputs were: `logits`, `probabilities`, `scores`, `labels` or `values`.

    Raises:
        InputRefused: wrong shape (expected and actual are said), labels that are none, probabilities that
            do not sum to 1.
        Diverged: NaN or infinite outputs.

    Cost: one pass of the model; two for classifiers with probabilities (their `predict` may have its own
    threshold).

    Fails when: `auto` meets logits that happen to be non-negative and sum to 1 in every row.

    Example:
        >>> from byheart.tasks.data import Examples, Truth
        >>> from byheart.tasks.output import Classes
        >>> train = Examples(np.arange(8), np.zeros((8, 1)), np.zeros(8, int))
        >>> data = Data({"train": train}, Classes(2), Truth(), {})
        >>> logits, predicted, kind = read(lambda x: np.array([[0.25, 0.75]]), np.zeros((1, 1)), data)
        >>> kind, np.exp(logits).round(2).tolist()
        ('probabilities', [[0.25, 0.75]])
    """
    if hasattr(model, "predict") and not _is_module(model):
        raw, predicted, kind = _estimator_outputs(model, x, data, returns)
    else:
        raw, predicted = (_module_outputs(model, x) if _is_module(model) else model(copied(x))), None
        kind = returns
    array, n = _numeric(raw), len(next(iter(x.values())) if isinstance(x, dict) else x)
    if data.output.continuous:
        return _values(array, n, data.output.k), None, "values"
    if array.shape[:1] == (n,):
        _must_be_finite(array)  # before anything is guessed from the numbers
    kind = _kind(array, kind, n, data.output.k)
    if kind == "labels":
        labels = _labels(array, n, data.output.k)
        return np.eye(data.output.k)[labels], labels, kind
    scores = _matrix(array, kind, n, data.output.k)
    if kind == "probabilities":
        scores = np.log(np.maximum(scores, 1 / (len(data.train) + 2)))
    return scores, predicted, kind


def gathered(
    data: Data,
    members: Members,
    trail: bool,
    logits: Mapping[str, np.ndarray],
    about: Mapping[str, Any],
    predicted: Mapping[str, np.ndarray] | None = None,
    failed: tuple[tuple[int, str], ...] = (),
) -> Run:
    """The run of m members from their logits (m, n_view, k) on every view, at the one checkpoint 0.

    Args:
        data: the views.
        members: those that could be trained.
        trail: whether the training view's logits are kept.
        logits: view -> (m, n_view, k).
        about: what the page says of the training.
        predicted: view -> (m, n_view) classes that the models named themselves.
        failed: members that could not be trained, and why.
    """
    views = {}
    for view, examples in data.views.items():
        named = None if predicted is None else predicted[view][None]  # (c=1, m, n_view)
        kept = trail and view == "train"
        views[view] = outcomes(logits[view][None], examples.y, data.output, kept, named)
    return Run(members, (0,), views, dict(about), failed)


def _is_module(model: Any) -> bool:
    torch = sys.modules.get("torch")  # whoever hands us a module has imported it
    return torch is not None and isinstance(model, torch.nn.Module)


def _module_outputs(module: Any, x: np.ndarray) -> np.ndarray:
    """Outputs in evaluation mode; every submodule's own mode is put back."""

    if isinstance(x, dict):
        raise InputRefused("a function of the dictionary x from fit=", "a torch module", "Return lambda x: ... of it.")
    if library_of(x) and np.asarray(x).dtype.hasobject:
        raise InputRefused("a function of the frame x from fit=", "a torch module", "Return lambda x: ... of it.")
    first = next(iter(module.parameters()), None)
    inputs = tensor_of(x).to("cpu" if first is None else first.device)
    inputs = inputs.to(taken_dtype(module, inputs))
    parts = []
    with evaluating(module):
        for start in range(0, len(inputs), BATCH):
            try:
                out = module(inputs[start : start + BATCH].clone())
            except Exception as error:
                if inputs.is_floating_point():
                    raise
                raise refused_inputs(inputs, error) from error
            parts.append(_numeric(getattr(out, "logits", out)))
    return np.concatenate(parts) if all(part.ndim for part in parts) else parts[0]


def _estimator_outputs(model: Any, x: np.ndarray, data: Data, returns: str) -> tuple[Any, np.ndarray | None, str]:
    named = model.predict(copied(x))
    if data.output.continuous:
        return named, None, "values"
    classes = getattr(model, "classes_", None)
    if returns == "labels":
        return named, None, "labels"
    if hasattr(model, "predict_proba"):
        raw, kind = _numeric(model.predict_proba(copied(x))), "probabilities"
    elif hasattr(model, "decision_function"):
        raw, kind = _numeric(model.decision_function(copied(x))), "scores"
    else:
        return named, None, "labels"
    if classes is None:
        return raw, None, kind
    labels = _labels(_numeric(named), len(x), data.output.k)
    return _by_class(raw, _numeric(classes), kind, data), labels, kind


def _by_class(raw: np.ndarray, classes: np.ndarray, kind: str, data: Data) -> np.ndarray:
    """Columns (n_view, k) in the task's order; a class that the training never saw gets the least."""
    if raw.ndim == 1 and len(classes) == 2:
        raw = np.stack([np.zeros_like(raw), raw], axis=1)
    known = _labels(classes, len(classes), data.output.k)
    if raw.ndim != 2 or raw.shape[1] != len(known):
        raise InputRefused(
            expected=f"one column for each of the model's {len(known)} classes",
            came=f"shape {raw.shape}",
            do="Use decision_function_shape='ovr', or an estimator with predict_proba.",
        )
    least = 0.0 if kind == "probabilities" else min(raw.min(), 0.0)
    full = np.full((len(raw), data.output.k), least)
    full[:, known] = raw
    return full


def _numeric(raw: Any) -> np.ndarray:
    """float64 (n, ...) from arrays, tensors on any device, sparse matrices and lists."""
    if hasattr(raw, "detach"):
        raw = raw.detach().to("cpu")
        raw = raw.double() if raw.is_floating_point() else raw
    if hasattr(raw, "toarray"):
        raw = raw.toarray()
    refused = InputRefused(
        expected="one array of real numbers from the model",
        came=type(raw).__name__,
        do="Return the logits alone, not a tuple or dictionary.",
    )
    if isinstance(raw, tuple | dict | str) or raw is None:
        raise refused
    try:
        array = np.asarray(raw)
        if array.dtype.kind not in "buif":
            raise refused
        return array.astype(np.float64)
    except (TypeError, ValueError):
        raise refused from None


def _kind(array: np.ndarray, returns: str, n: int, k: int) -> str:
    if returns == "values":
        raise InputRefused("outputs for classes", "values", "Return logits, probabilities or labels.")
    if returns != "auto":
        return returns
    if array.size == n and array.ndim <= 2 and k > 1:  # one number an example
        if np.array_equal(array, np.round(array)):
            return "labels"
        if k > 2:
            return "logits"  # refused for its shape
        raise InputRefused(
            expected=f"logits or probabilities ({n}, 2), or labels ({n},)",
            came=f"one fraction an example, shape {array.shape}",
            do="Say what it is: returns='logits' or returns='probabilities' (of class 1).",
        )
    if array.shape != (n, k):
        return "logits"  # refused for its shape
    sums = array.sum(1)
    return "probabilities" if (array >= 0).all() and (abs(sums - 1) <= SUM_TOLERANCE).all() else "logits"


def _matrix(array: np.ndarray, kind: str, n: int, k: int) -> np.ndarray:
    """(n, k) finite scores; one number an example stands for class 1 of two."""
    if k == 2 and array.size == n and array.shape in {(n,), (n, 1)}:
        one = array.reshape(n)
        array = np.stack([1 - one if kind == "probabilities" else np.zeros(n), one], axis=1)
    _must_be(array.shape == (n, k), f"{kind} of shape ({n}, {k}): examples by classes", f"{array.shape}")
    _must_be_finite(array)
    if kind == "probabilities":
        array = _normalised(array)
    return array


def _normalised(array: np.ndarray) -> np.ndarray:
    """Probabilities whose rows sum to 1; what float32 rounded away is made good, more is refused with the worst row."""
    sums, least = array.sum(1), array.min(1)
    off = np.maximum(abs(sums - 1) / SUM_TOLERANCE, -least / NEGATIVE_TOLERANCE)
    worst = int(off.argmax()) if len(off) else 0
    fine = not len(off) or off[worst] <= 1
    came = "" if fine else f"row {worst}, which sums to {sums[worst]:.6g} with {least[worst]:.6g} as its smallest,"
    _must_be(bool(fine), f"probabilities >= 0 that sum to 1 in every row, within {SUM_TOLERANCE:g}", came)
    return np.maximum(array, 0) / np.maximum(array, 0).sum(1, keepdims=True)


def _labels(array: np.ndarray, n: int, k: int) -> np.ndarray:
    """(n,) int64 class numbers."""
    _must_be(array.shape in {(n,), (n, 1)}, f"labels of shape ({n},)", f"{array.shape}")
    labels = array.reshape(n)
    _must_be_finite(labels)
    whole = np.array_equal(labels, np.round(labels))
    fine = whole and (n == 0 or (labels.min() >= 0 and labels.max() < k))
    _must_be(bool(fine), f"labels among 0..{k - 1}", f"{labels[:5].tolist()}, ...")
    return labels.astype(np.int64)


def _values(array: np.ndarray, n: int, k: int) -> np.ndarray:
    """(n, k), one column also from (n,); anything else would be broadcast to n x n in a squared error."""
    fits = {(n, k), (n,)} if k == 1 else {(n, k)}
    said = f"values of shape ({n},) or ({n}, 1)" if k == 1 else f"values of shape ({n}, {k})"
    _must_be(array.shape in fits, said, f"{array.shape}")
    _must_be_finite(array)
    return array.reshape(n, k)


def _must_be_finite(array: np.ndarray) -> None:
    if not np.isfinite(array).all():
        raise Diverged("finite outputs", "NaN or infinite ones from the model", "Lower the learning rate.")


def _must_be(fine: bool, expected: str, came: str) -> None:
    if not fine:
        raise InputRefused(expected, f"{came} from the model", "Return one row an example.")
