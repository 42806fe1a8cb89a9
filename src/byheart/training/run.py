"""Run: what the training of m members leaves behind."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np

from byheart.errors import InputRefused
from byheart.records.axes import Axes, Kept, along, array, declared, held, side_by_side
from byheart.tasks.output import Output
from byheart.training.members import Members

# What `learners.attribution_run` leaves: q queries, n training examples.
ATTRIBUTION: dict[str, Axes] = {
    "test_ids": ("test queries",), "train_ids": ("train queries",),
    **dict.fromkeys(("credit", "kernel", "effect"), ("queries", "examples")),
    **dict.fromkeys(("initial", "decay", "remainder", "output", "continuous"), ("queries",)),
}  # fmt: skip


@dataclass(frozen=True)
class Outcomes:
    """Outcomes of m members on the n examples of one view at c checkpoints.

    Attributes:
        loss_nats: (c, m, n) float32: -log p(label); squared error for values; the sum over tokens for sequences.
        correct: (c, m, n) bool; None for values; for sequences whether greedy decoding gives all of it back.
        margin: (c, m, n) float32: z_y - logsumexp of the other logits; None for values.
        logits: (m, n, k) float32 at the last checkpoint; the predictions (m, n, 1), as precise as they came, for
            values; for tokens (m, n, s, k) of the s counted places, and of views that ask for a continuation alone
            (`canaries`, `continued`).
        pool: (m, n, g) float32 for tokens, at the last checkpoint of the training view: summed lengths in nats on the
            grid of `maths.codes.passages`; else None.
        trail: (c, m', n, k) float16 logits at every checkpoint of the first m' members, or None; for tokens their
            lengths on the grid (c, m', n, g) float32.
        ranks: (m, n) int64 at the last checkpoint of the view `canaries`: the rank of each secret among all that there
            could be (`learners.spelled`); None where they were not enumerated.
    """

    loss_nats: np.ndarray = array("checkpoints", "members", "examples", optional=False)
    correct: np.ndarray | None = array("checkpoints", "members", "examples")
    margin: np.ndarray | None = array("checkpoints", "members", "examples")
    logits: np.ndarray | None = array("members", "examples", "outputs")
    trail: np.ndarray | None = array("checkpoints", "members", "examples", "outputs")
    pool: np.ndarray | None = array("members", "examples", "grid")
    ranks: np.ndarray | None = array("members", "examples")

    def read(self, name: str) -> np.ndarray | None:
        """One of the arrays, by its name."""
        return getattr(self, name)


class LateOutcomes(Outcomes):
    """Outcomes whose arrays are read by `read`, each when it is first asked for: a probe uses few of many."""

    def __init__(self, read: Callable[[str], np.ndarray | None] | None = None, **arrays: np.ndarray | None) -> None:
        self.__dict__.update(arrays, read=read)  # a frozen record is not set

    def __getattribute__(self, name: str) -> Any:
        if name in declared(Outcomes) and name not in self.__dict__:
            self.__dict__[name] = self.read(name)
        return super().__getattribute__(name)


@dataclass(frozen=True)
class Run:
    """m members: who saw what, and how each did on every view.

    `failed` lists members that could not be trained, with the reason; their rows are not in the arrays.
    `about` says parameters a member, the way of training, what the outputs are (`logits`,
    `probabilities`, `labels`, `values`), CPU seconds. `kept` holds what a need asked to keep, by the label of the
    `training.keep.Keep`; `attribution` is what `learners/attribution_run.py` found out.
    """

    members: Members
    checkpoints: tuple[int, ...]
    views: Mapping[str, Outcomes]
    about: Mapping[str, Any] = field(default_factory=dict)
    failed: tuple[tuple[int, str], ...] = ()
    kept: Mapping[str, Kept] = field(default_factory=dict)

    @property
    def attribution(self) -> Mapping[str, np.ndarray] | None:
        """The arrays of credit and effect, where they were asked for."""
        return self.kept.get("attribution")

    def with_kept(self, label: str, arrays: Mapping[str, np.ndarray], axes: Mapping[str, Axes] | None = None) -> Self:
        """The run with these arrays under `label`; their axes are those of the ones that stood there."""
        return replace(self, kept={**self.kept, label: Kept(arrays, axes or self.kept[label].axes)})

    def of_rows(self, rows: np.ndarray) -> Run:
        """The same members, with the training examples in `rows` alone, or in that order (bool or positions)."""
        kept = {label: one.along("examples", rows) for label, one in self.kept.items()}
        views = {**self.views, "train": taken(self.views["train"], "examples", rows)}
        return replace(self, members=self.members.of_rows(rows), views=views, kept=kept)

    def axes(self) -> dict[str, Axes]:
        """The axes of every array of `arrays`; those of a view's examples are named `examples of VIEW`."""
        found = _of_view("", held(self.members), declared(Members), "train")
        for view, outcomes in self.views.items():
            found |= _of_view(f"{view}.", held(outcomes), declared(Outcomes), view)
        for label, kept in self.kept.items():
            found |= _of_view(f"{label}.", kept, kept.axes, "train")
        return found

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything as named arrays, for the ledger."""
        arrays = held(self.members)
        for view, outcomes in self.views.items():
            arrays |= {f"{view}.{name}": values for name, values in held(outcomes).items()}
        for label, kept in self.kept.items():
            arrays |= {f"{label}.{name}": values for name, values in kept.arrays.items()}
        return arrays

    def document(self) -> dict[str, Any]:
        """Everything that is not an array, for the ledger."""
        kept = {label: {name: list(axes) for name, axes in one.axes.items()} for label, one in self.kept.items()}
        return {
            "checkpoints": list(self.checkpoints),
            "views": list(self.views),
            "about": dict(self.about),
            "failed": [list(pair) for pair in self.failed],
            "axes": {name: list(axes) for name, axes in self.axes().items()},
            "kept": kept,
        }

    @classmethod
    def from_parts(cls, document: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Self:
        """The run that `document` and `arrays` hold."""
        views = {view: LateOutcomes(lambda name, view=view: arrays.get(f"{view}.{name}")) for view in document["views"]}
        kept = {}
        for label, of in document.get("kept", _formerly(arrays)).items():
            axes = {name: tuple(one) for name, one in of.items()}
            kept[label] = Kept({name: arrays[f"{label}.{name}"] for name in axes}, axes)
        return cls(
            members=members_in(arrays),
            checkpoints=tuple(document["checkpoints"]),
            views=views,
            about=document["about"],
            failed=tuple((int(member), str(why)) for member, why in document["failed"]),
            kept=kept,
        )


def members_in(arrays: Mapping[str, np.ndarray]) -> Members:
    """The members of a run that the ledger holds; `seen` was once called `mask`."""
    return Members(arrays["seeds"], arrays["seen" if "seen" in arrays else "mask"], arrays.get("gap"))


def axes_of(document: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> dict[str, Axes]:
    """The axes of every array of a run that the ledger holds; those of runs kept before they said so are known."""
    if "axes" in document:
        return {name: tuple(axes) for name, axes in document["axes"].items()}
    found: dict[str, Axes] = {"seeds": ("members",), "mask": ("members", "examples of train")}
    for view in document["views"]:
        found |= _of_view(f"{view}.", declared(Outcomes), declared(Outcomes), view)
    return {name: axes for name, axes in found.items() if name in arrays}


def _of_view(prefix: str, names: Iterable[str], axes: Mapping[str, Axes], view: str) -> dict[str, Axes]:
    """The axes of these arrays by their names in the ledger, whose examples are those of a view."""
    said = {"examples": f"examples of {view}"}
    return {f"{prefix}{name}": tuple(said.get(axis, axis) for axis in axes[name]) for name in names}


def _formerly(arrays: Mapping[str, np.ndarray]) -> dict[str, dict[str, Axes]]:
    """What runs kept before they said so: attribution, of the one member."""
    found = {name: axes for name, axes in ATTRIBUTION.items() if f"attribution.{name}" in arrays}
    return {"attribution": found} if found else {}


def joined(parts: Sequence[tuple[Mapping[str, Any], Mapping[str, np.ndarray]]]) -> Run:
    """One run of the members of all parts (document and arrays of a run each), in order.

    Arrays are read and joined one name after another, so that late ones are never held twice as a whole.

    Raises:
        InputRefused: the models of one part gave probabilities, say, and those of another logits.
    """
    documents = [document for document, _ in parts]
    seconds = sum(float(document["about"].get("cpu_seconds", 0.0)) for document in documents)
    failed = [pair for document in documents for pair in document["failed"]]
    # a part of which no member could be trained has nothing but its failures
    full = [part for part in parts if len(part[1]["seeds"])] or list(parts[:1])
    outputs = sorted({str(document["about"].get("outputs", "")) for document, _ in full})
    if len(outputs) > 1:
        raise InputRefused(
            expected="models that all return the same kind of outputs", came=" and ".join(outputs),
            do="Say which with returns=..., and return it always.",
        )  # fmt: skip
    first = full[0][0]
    document = {**first, "failed": failed, "about": {**first["about"], "cpu_seconds": seconds}}
    arrays = [arrays for _, arrays in full]
    if len(arrays) == 1:
        return Run.from_parts(document, arrays[0])
    return Run.from_parts(document, _SideBySide(arrays, axes_of(document, arrays[0])))


class _SideBySide(Mapping[str, np.ndarray]):
    """Arrays of several parts as if of one run; only the first members keep a trail."""

    def __init__(self, parts: list[Mapping[str, np.ndarray]], axes: Mapping[str, Axes]) -> None:
        self.parts, self.axes = parts, axes

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self:
            raise KeyError(name)
        found = [{name: part[name]} for part in self.parts if name in part]
        return side_by_side("members", found, self.axes)[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.parts[0])

    def __len__(self) -> int:
        return len(self.parts[0])

    def __contains__(self, name: object) -> bool:
        return name in self.parts[0]


def joined_outcomes(axis: str, parts: Sequence[Outcomes]) -> Outcomes:
    """The outcomes of all parts in order: of all their `members`, or at all their `checkpoints`.

    A part without a trail adds none (only the first members keep it); what has no checkpoints is the last part's.
    """
    return Outcomes(**side_by_side(axis, [held(part) for part in parts], declared(Outcomes)))


def taken(outcomes: Outcomes, axis: str, place: np.ndarray) -> Outcomes:
    """The outcomes of those in `place` (positions or a mask) along `axis`, in that order."""
    place = np.flatnonzero(place) if place.dtype == bool else place

    def read(name: str) -> np.ndarray | None:
        values = outcomes.read(name)
        return None if values is None else along(axis, place, {name: values}, declared(Outcomes))[name]

    return LateOutcomes(read)


def outcomes(
    logits: np.ndarray, y: np.ndarray, output: Output, trail: bool, predicted: np.ndarray | None = None
) -> Outcomes:
    """What `output` makes of logits (c, m, n, k), with those of the last checkpoint and, where asked, a `trail`.

    `predicted` (c, m, n) are the classes that models named themselves.

    Example:
        >>> from byheart.tasks.output import Classes
        >>> kept = outcomes(np.array([[[[2.0, 0.0]]]]), np.array([0]), Classes(2), trail=False)
        >>> float(kept.margin[0, 0, 0]), bool(kept.correct[0, 0, 0])
        (2.0, True)
    """
    last = np.ascontiguousarray(logits[-1], dtype=output.precision)
    kept = np.clip(logits, -6e4, 6e4).astype(np.float16) if trail else None
    made = {"correct": None, "margin": None, **output.outcomes(logits, y, predicted)}
    return Outcomes(logits=last, trail=kept, **made)
