"""The task and the learner that a user's data, model, training or file are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from byheart.errors import InputRefused, UsageError
from byheart.registry import find
from byheart.study import parse
from byheart.tasks.datasets import Collected

if TYPE_CHECKING:
    from byheart.levers.augmentation import Augmentation


def learner_from(model: Any, fit: Callable[..., Any] | None, returns: str) -> Any:
    """The learner that the user's model or training is.

    Raises:
        UsageError: neither a module factory, a scikit-learn estimator nor a learner.
    """
    if fit is not None and model is not None:
        raise UsageError(expected="model or fit", came="both", do="With fit, your training makes the model.")
    if fit is None and returns != "auto":
        raise UsageError(expected="fit, for returns says what its models return", came="none", do="Leave it out.")
    if fit is not None:
        return find("learner", "user-fit").of(fit, returns=returns)
    if hasattr(model, "describe") and hasattr(model, "fit") and hasattr(model, "key"):
        return model
    if hasattr(model, "get_params") and hasattr(model, "fit"):
        return find("learner", "estimator").of(model)
    if callable(model) and (isinstance(model, type) or not hasattr(model, "forward")):
        return find("learner", "module").of(model)
    if hasattr(model, "forward"):
        raise UsageError(
            expected="a function that makes a fresh module (every member starts anew)",
            came=f"one module, {type(model).__name__}",
            do=f"Give model=lambda: {type(model).__name__}(...).",
        )
    raise UsageError(
        expected="model: a function that returns a torch module, or a scikit-learn estimator",
        came=type(model).__name__,
        do="Or give your own training as fit(x, y, seed) -> model.",
    )


def missing_for(learner: Any, options: Mapping[str, Any]) -> dict[str, Any]:
    """Options of arrays: code of the user's gets missing cells; it refuses them itself if it does not take them."""
    own = learner is not None and not getattr(learner, "prepares", True)
    return {**options, "missing": "keep"} if own and options.get("missing", "refuse") == "refuse" else dict(options)


def collected(data: Any, test: Any, clean: Any = None, say: Callable[[str], None] | None = None) -> tuple[Any, Any]:
    """Data and test, where they are datasets, loaders or folders of pictures, read once (`Collected`); else as given.

    A folder may bring its own test. `clean` is the same dataset without augmentation.

    Raises:
        InputRefused: it cannot be read truly; says why.
    """
    from byheart.tasks.dataset_sources import is_huggingface, source_of
    from byheart.tasks.datasets import augmented, collect
    from byheart.tasks.huggingface import frame_of
    from byheart.tasks.image_folder import read_folder

    def read(given: Any, instead: str) -> tuple[Any, Any]:
        if isinstance(given, str | Path) and Path(given).is_dir():
            return read_folder(Path(given), say=say)
        if isinstance(given, Path):
            raise InputRefused("a folder of pictures", f"{given}, which is none", "Read a file into arrays or a frame.")
        if is_huggingface(given) and (frame := frame_of(given, say)):
            return frame, None
        source = source_of(given)
        return (given if source is None else collect(source, say, instead)), None

    if clean is not None:
        source, view = source_of(data), read(clean, "Give clean= without augmentation.")[0]
        if source is None or not isinstance(view, Collected):
            came = type(data if source is None else clean).__name__
            raise InputRefused("datasets where clean= is given, both of them", came, "Leave clean= out.")
        data, own = augmented(source, view), None
    else:
        data, own = read(data, "Give the same dataset without it too, to be scored on: clean=; or augment in fit=.")
    return data, own if test is None else read(test, "Give test= without augmentation.")[0]


def draws_of(data: Any, task: Any, learner: Any) -> tuple[Augmentation, ...]:
    """The lever that draws each batch anew from a dataset that augments; none where there is no such dataset.

    Raises:
        InputRefused: the learner is not the user's module, which alone is called on items as the dataset gives them.
    """
    source = getattr(data, "draws", None)
    if source is None:
        return ()
    if getattr(learner, "name", "") != "module":
        raise InputRefused(
            expected="model= as a function that makes a torch module, for a dataset that augments",
            came="fit="
            if getattr(learner, "name", "") == "user-fit"
            else "none"
            if learner is None
            else "an estimator",
            do="Augment in fit= yourself and give clean= as the data, or give model=.",
        )
    from byheart.levers.augmentation import Augmentation

    return (Augmentation.of(source, task.draw(0).train.ids),)


def with_batch_of(data: Any, learner: Any) -> Any:
    """The learner of the user's module with the batch size of the user's loader; any other as it is."""
    batch = getattr(data, "batch", None)
    return parse.changed(learner, {"batch": batch}) if batch and getattr(learner, "name", "") == "module" else learner


def _pairs(data: Any, test: Any, options: Mapping[str, Any]) -> tuple[Any, Any, dict[str, Any]]:
    """What was collected as pairs (x, y), and what the arrays must know of it."""
    known = {}
    if isinstance(data, Collected):
        known, data = data.options(), (data.x, data.y)
    if isinstance(test, Collected):
        known |= {"id_test": test.names} if test.names else {}
        test = test.x, test.y
    return data, test, {**known, **options}


def arrays_from(data: Any, test: Any, options: Mapping[str, Any], learner: Any = None) -> Any:
    """The task of the user's arrays or frame for a learner, or the task itself.

    Raises:
        InputRefused: neither a pair nor a frame; UsageError: options of a frame for something else.
    """
    if hasattr(data, "draw"):
        return data
    data, test, options = _pairs(data, test, options)
    if frame := _frame_from(data, test, options):
        return frame
    if of_frame := [name for name in OF_FRAMES if options.get(name)]:
        raise UsageError(f"a frame for {of_frame[0]}=", f"{type(data).__name__}", "Give (x, y), with groups= and id=.")
    if not isinstance(data, Sequence) or isinstance(data, str) or len(data) != 2:
        raise InputRefused(expected="data as a pair (x, y)", came=type(data).__name__, do="Give bh.audit((x, y), ...).")
    if test is not None and (not isinstance(test, Sequence) or len(test) != 2):
        raise InputRefused(expected="test as a pair (x_test, y_test)", came=type(test).__name__, do="Or leave it out.")
    if data[0] is None or data[1] is None:
        raise InputRefused(expected="x and y", came="None for one of them", do="Give bh.audit((x, y), ...).")
    x_test, y_test = test if test is not None else (None, None)
    return find("task", "arrays").of(data[0], data[1], x_test, y_test, **missing_for(learner, options))


OF_FRAMES = ("target", "group", "categorical", "drop")


def _frame_from(data: Any, test: Any, options: Mapping[str, Any]) -> Any:
    """The task of a frame, `(frame, target)` or a frame with `target=`; None where the data are no frame."""
    from byheart.tasks.frames.reading import is_series, library_of

    target = options.get("target")
    pair = isinstance(data, tuple | list) and len(data) == 2
    x, y = data if pair else (data, target)
    if not library_of(x) or is_series(x):
        return None
    if pair and target is not None:
        raise UsageError(expected="the target once", came="one in the pair and target=", do="Leave target= out.")
    if options.get("groups") is not None and options.get("group"):
        raise UsageError(expected="the groups once", came="groups= and group=", do="Leave one of them out.")
    if test is not None and library_of(test):
        test = (test, y if isinstance(y, str) or y is target else None)
    given = {name: value for name, value in options.items() if name != "target"}
    for name in set(OF_FRAMES) & set(given):
        given[name] = (given[name],) if isinstance(given[name], str) else tuple(given[name])
    return find("task", "frame").of(x, y, test, **given)


@dataclass
class FileSubject:
    """What a user's file gives: a task and a learner, or arrays and their training."""

    task: Any
    learner: Any
    notes: list[str] = field(default_factory=list)
    draws: tuple[Augmentation, ...] = ()


def from_file(
    path: Path, options: Mapping[str, Any], returns: str, say: Callable[[str], None] | None = None
) -> FileSubject:
    """The subject that `my_audit.py` defines: `task` and `learner`, or `x`, `y` (or `data`) and `fit` or `model`.

    `data`, `test` and `clean` are as those of `byheart.audit`; `say` takes lines on how they are read.

    Raises:
        InputRefused: it fails to import (its own traceback, short), or defines neither.
    """
    from byheart.fingerprint.code import load_module

    module = load_module(path)
    parts = ("task", "learner", "data", "test", "clean", "x", "y", "x_test", "y_test", "groups", "fit", "model")
    given = {name: getattr(module, name, None) for name in parts}
    if given["task"] is not None:
        learner = given["learner"] if given["learner"] is not None else given["model"]
        if learner is None and given["fit"] is None:
            return FileSubject(given["task"], None)
        return FileSubject(given["task"], learner_from(learner, given["fit"], returns))
    whole = given["data"] is not None or (given["x"] is not None and given["y"] is not None)
    if not whole or (given["fit"] is None and given["model"] is None):
        defined = [name for name, value in given.items() if value is not None]
        raise InputRefused(
            expected=f"{path.name} to define `task` and `learner`, or `x`, `y` (or `data`) and `fit` (or `model`)",
            came=f"{', '.join(defined) or 'none of them'}",
            do="def fit(x, y, seed): ... must return a model or estimator.",
        )
    data, test = (given["x"], given["y"]), given["test"]
    if given["data"] is not None:
        data, test = collected(given["data"], test, given["clean"], say)
    elif given["x_test"] is not None:
        test = given["x_test"], given["y_test"]
    learner, options = learner_from(given["model"], given["fit"], returns), {**options, "groups": given["groups"]}
    learner = with_batch_of(data, learner)
    task = arrays_from(data, test, options, learner)
    return FileSubject(task, learner, draws=draws_of(data, task, learner))
