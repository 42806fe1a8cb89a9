"""The user's own training: `fit(x, y, seed)` gives a model or estimator, once a member."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Self

import numpy as np

from byheart.errors import ByheartError, InputRefused
from byheart.exits import next_part
from byheart.fingerprint.sources import contained, own_lines, reachable
from byheart.learners.output_conversion import Diverged, Returns, gathered, read
from byheart.learners.users_code import UsersCode
from byheart.tasks.containers import Container
from byheart.tasks.data import Data, Examples
from byheart.training.free_orbits import AXES
from byheart.training.keep import Found, FreeOrbits, Keep
from byheart.training.members import Members
from byheart.training.preprocessing import checked
from byheart.training.run import Run
from byheart.training.training import Training

FILLED = "; missing cells at the median (categories: the commonest) of the member's own examples"
Train = Callable[[np.ndarray, int], tuple[Any, dict[str, Any]]]  # (rows, seed) -> model, view -> x
Said = tuple[np.ndarray, np.ndarray | None]  # logits (n_view, k), and the classes named (n_view,)


class UserFit(UsersCode):
    """What does the user's own training learn?

    `fit(x, y, seed)` is called once a member with copies of its own: the subset's inputs as they were given
    (array, tensor or list, dtype, order in memory, missing cells; a table file as an array that knows its columns),
    cut by position and prepared in no way; labels as int64 in 0..k-1 (the order of the task's classes) or values as
    floats, a tensor where the labels given were one; and a seed below 2^31. It returns a torch module, a
    scikit-learn estimator or a callable, which is then called on the inputs of every view, as given too
    (`byheart.learners.output_conversion.read`). The global generators of random, numpy and torch start at the seed;
    they and other settings of the process are put back.

    Epochs are unknown: there is one checkpoint. Make one with `UserFit.of(fit)`.

    Args:
        returns: what its models' outputs are.

    Raises:
        InputRefused: the outputs have the wrong shape (an error for all), the file has changed since, or `fit`
            returns the same torch module for two members: the second would go on where the first one ended.

    A member that could not be trained is in `Run.failed`, and its rows are not in the arrays; the study refuses a
    bank of which no member is left.

    Cost: m times the user's training.

    Fails when: the training draws from a generator of its own that it does not seed with `seed`.

    Example:
        >>> UserFit.of(lambda x, y, seed: (lambda x_new: np.zeros(len(x_new), int))).portable
        False
    """

    name: ClassVar[str] = "user-fit"
    version: ClassVar[int] = 3
    members_a_step: ClassVar[int] = 4
    keeps: ClassVar[tuple[str, ...]] = (FreeOrbits.name,)
    returns: Returns = "auto"

    @classmethod
    def of(cls, fit: Callable[..., Any], returns: Returns = "auto") -> Self:
        """The learner of a function `fit(x, y, seed)`."""
        if not callable(fit):
            raise InputRefused("fit as a function fit(x, y, seed)", type(fit).__name__, "Give the function.")
        return cls.known(fit, returns=returns)

    def fit(self, data: Data, members: Members, training: Training) -> Run:
        """Call the user's training for every member."""
        import torch  # noqa: F401  so that its generator is contained, whenever the user imports it

        data = checked(data, members, training.levers, self.name)
        call = self.function()
        views = {view: examples.given("x") for view, examples in data.views.items()}
        modules: list[Any] = []

        def train(rows: np.ndarray, seed: int) -> tuple[Any, dict[str, Any]]:
            model = call(data.train.given("x", rows), data.train.given("y", rows), seed)
            _must_be_new(model, modules)
            return model, views

        with reachable(self.path or None):
            run = each(data, members, training.trail, train, self.returns, self.path or None, training.keep)
        return replace(run, about={**run.about, "inputs": as_given(data)})


def as_given(data: Data) -> str:
    """What code of the user's gets, in words."""
    return f"as given, {data.train.containers.get('x', Container()).said(data.train.x)}"


def _must_be_new(model: Any, modules: list[Any]) -> None:
    """A torch module other than the last one, which `modules` holds."""
    if modules and model is modules[0]:
        raise InputRefused(
            expected="a new module from fit for every member",
            came="the same module again, which goes on where the member before it ended",
            do="Make the module inside fit.",
        )
    torch = sys.modules["torch"]
    modules[:] = [model] if isinstance(model, torch.nn.Module) else []


def has_missing(data: Data) -> bool:
    """Is a cell of any view's inputs missing (NaN)?"""
    return any(bool(np.isnan(examples.x).any()) for examples in data.views.values() if examples.x.dtype.kind == "f")


def filled(data: Data, rows: np.ndarray) -> dict[str, Examples]:
    """Views with missing numbers at the median of their column among the training examples `rows`; 0 without any.

    A missing category takes the commonest of its column.

    Example:
        >>> from byheart.tasks.data import Truth
        >>> from byheart.tasks.output import Values
        >>> train = Examples(np.arange(4), np.array([[1.0], [3.0], [np.nan], [9.0]]), np.zeros(4))
        >>> data = Data({"train": train}, Values(1), Truth(), {})
        >>> filled(data, np.array([0, 1, 2]))["train"].x.ravel().tolist()
        [1.0, 3.0, 2.0, 9.0]
    """
    train = data.train.take(rows)
    seen = train.x
    typical = np.nanmedian(np.where(np.isnan(seen).all(0), 0, seen), axis=0)
    for place, column in enumerate(data.output.columns):
        if column.type == "category" and (codes := seen[seen[:, place] >= 0, place]).size:
            typical[place] = np.bincount(codes.astype(int)).argmax()
    return {
        view: replace(
            examples,
            x=np.where(np.isnan(examples.x), typical, examples.x).astype(examples.x.dtype),
            containers=_kept_filled(examples, train),
        )
        for view, examples in data.views.items()
    }


def _kept_filled(examples: Examples, seen: Examples) -> dict[str, Container]:
    """How the inputs are kept once they are filled in: the cells of a frame are, too, by what was `seen` of it."""
    own = seen.containers
    return {what: one.filled(own[what]) if what == "x" else one for what, one in examples.containers.items()}


def each(
    data: Data,
    members: Members,
    trail: bool,
    train: Train,
    returns: Returns,
    path: str | None,
    keep: Sequence[Keep] = (),
) -> Run:
    """Train foreign models one after another and record what they say.

    Args:
        data: checked data.
        members: seeds and masks.
        trail: whether the training view's logits are kept.
        train: (rows, seed) -> the model, and view -> the inputs to call it on.
        returns: what the outputs are; with `auto`, what the first model's training view looks like.
        path: the user's file, for messages.
        keep: what to keep of them: free orbits of models of windows.

    Raises:
        InputRefused: outputs of the wrong shape or kind.
    """
    start = time.process_time()
    said: list[dict[str, Said]] = []
    orbits: dict[str, list[Found]] = {one.label: [] for one in keep if isinstance(one, FreeOrbits)}
    kept: list[int] = []
    failed: list[tuple[int, str]] = []
    about: dict[str, Any] = {"way": "one after another"}
    for j, (seed, mask) in enumerate(zip(members.seeds, members.seen, strict=True)):
        small = int(seed) % 2**31  # numpy.random.seed takes no more than 32 bits
        next_part()
        try:
            with contained(small):
                model, views = train(np.flatnonzero(mask), small)
                one, kind = _said(model, views, data, returns)
                runs = {k.label: _free(k, model, views, data, kind) for k in keep if isinstance(k, FreeOrbits)}
        except Diverged as error:
            failed.append((j, str(error)))
        except ByheartError:
            raise
        except Exception as error:
            failed.append((j, own_lines(error, path)))
        else:
            returns = kind
            about |= {"outputs": kind} | _size(model)
            said.append(one)
            for label, found in runs.items():
                orbits[label].append(found)
            kept.append(j)
    empty = {view: np.zeros((0, len(examples), data.output.k), np.float32) for view, examples in data.views.items()}
    logits = {view: np.stack([one[view][0] for one in said]) for view in data.views} if said else empty
    predicted = None
    if said and all(one[view][1] is not None for one in said for view in data.views):
        predicted = {view: np.stack([one[view][1] for one in said]) for view in data.views}
    about["cpu_seconds"] = time.process_time() - start
    those = members.at(np.array(kept, dtype=int))
    run = gathered(data, those, trail, logits, about, predicted, tuple(failed))
    for label, found in orbits.items():
        if found:
            arrays = {"orbits": np.concatenate([one["orbits"][0] for one in found]), "begins": found[0]["begins"][0]}
            run = run.with_kept(label, arrays, AXES)
    return run


def _free(keep: FreeOrbits, model: Any, views: dict[str, Any], data: Data, kind: Returns) -> Found:
    """What a model does when it is fed its own predictions, called on windows as on those of the views."""
    like = np.asarray(views[keep.view])

    def predict(window: np.ndarray) -> np.ndarray:
        x = window.reshape(len(window), *like.shape[1:]).astype(like.dtype)
        try:
            return read(model, x, data, kind)[0]
        except Diverged:
            if len(window) == 1:
                return np.full((1, data.output.k), np.nan)
            return np.concatenate([predict(one[None]) for one in window])  # one run that leaves takes no other along

    return keep.of(predict, data.views[keep.view].x, data.output)


def _said(model: Any, views: dict[str, Any], data: Data, returns: Returns) -> tuple[dict[str, Said], Returns]:
    """What a model says of every view; what its outputs are is read off the training view, the first."""
    one: dict[str, Said] = {}
    for view in sorted(views, key=lambda name: name != "train"):
        logits, predicted, kind = read(model, views[view], data, returns)
        one[view] = logits.astype(data.output.precision), predicted
        returns = kind
    return one, returns


def _size(model: Any) -> dict[str, int]:
    """Parameters of a torch module; of other models they are not known."""
    torch = sys.modules.get("torch")
    if torch is None or not isinstance(model, torch.nn.Module):
        return {}
    return {"parameters": sum(p.numel() for p in model.parameters())}
