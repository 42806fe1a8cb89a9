"""Run: what the training of m members leaves behind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np

from byheart.errors import InputRefused
from byheart.levers.base import Lever
from byheart.training.members import Members

# The arrays of Outcomes, by their names in the ledger.
ARRAYS = ("loss_nats", "correct", "margin", "logits", "trail", "pool", "ranks")


@dataclass(frozen=True)
class Training:
    """How members are trained, and what their training keeps.

    Attributes:
        checkpoints: epochs at which outcomes are kept, ascending; the last is the end of training.
        trail: keep the training view's logits at every checkpoint (half precision), not at the last alone.
        weights: keep the final weights of every member.
        levers: what moves the balance.
        way: how a fleet is trained: `stacked`, `functional` or `each`.
        device: `cpu`, `cuda` or `mps`.
    """

    checkpoints: tuple[int, ...]
    trail: bool = True
    weights: bool = False
    levers: Sequence[Lever] = ()
    way: str = "each"
    device: str = "cpu"


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

    loss_nats: np.ndarray
    correct: np.ndarray | None
    margin: np.ndarray | None
    logits: np.ndarray | None
    trail: np.ndarray | None = None
    pool: np.ndarray | None = None
    ranks: np.ndarray | None = None


@dataclass(frozen=True)
class Run:
    """m members: who saw what, and how each did on every view.

    `failed` lists members that could not be trained, with the reason; their rows are not in the arrays.
    `about` says parameters a member, the way of training, what the outputs are (`logits`,
    `probabilities`, `labels`, `values`), CPU seconds. `attribution` holds what `learners/attribution_run.py` found out,
    where it was asked.
    """

    members: Members
    checkpoints: tuple[int, ...]
    views: Mapping[str, Outcomes]
    about: Mapping[str, Any] = field(default_factory=dict)
    failed: tuple[tuple[int, str], ...] = ()
    weights: Mapping[str, np.ndarray] | None = None
    attribution: Mapping[str, np.ndarray] | None = None

    def of_rows(self, rows: np.ndarray) -> Run:
        """The same members, with the training examples in `rows` (n,) bool alone in mask and training view."""
        members = Members(self.members.seeds, self.members.mask[:, rows])
        held = {name: array for name in EXAMPLE_AXIS if (array := getattr(self.views["train"], name)) is not None}
        kept = {name: np.compress(rows, array, EXAMPLE_AXIS[name]) for name, array in held.items()}
        return replace(self, members=members, views={**self.views, "train": replace(self.views["train"], **kept)})

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything as named arrays, for the ledger."""
        arrays = {"seeds": self.members.seeds, "mask": self.members.mask}
        for view, outcomes in self.views.items():
            for name in ARRAYS:
                if (array := getattr(outcomes, name)) is not None:
                    arrays[f"{view}.{name}"] = array
        for kind in ("weights", "attribution"):
            arrays |= {f"{kind}.{name}": array for name, array in (getattr(self, kind) or {}).items()}
        return arrays

    def document(self) -> dict[str, Any]:
        """Everything that is not an array, for the ledger."""
        return {
            "checkpoints": list(self.checkpoints),
            "views": list(self.views),
            "about": dict(self.about),
            "failed": [list(pair) for pair in self.failed],
        }

    @classmethod
    def from_parts(cls, document: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Self:
        """The run that `document` and `arrays` hold."""
        views = {
            view: Outcomes(**{name: arrays.get(f"{view}.{name}") for name in ARRAYS}) for view in document["views"]
        }
        held = {
            kind: {name[len(kind) + 1 :]: arrays[name] for name in arrays if name.startswith(f"{kind}.")} or None
            for kind in ("weights", "attribution")
        }
        return cls(
            members=Members(arrays["seeds"], arrays["mask"]),
            checkpoints=tuple(document["checkpoints"]),
            views=views,
            about=document["about"],
            failed=tuple((int(member), str(why)) for member, why in document["failed"]),
            **held,
        )


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
    return Run.from_parts(document, arrays[0] if len(arrays) == 1 else _SideBySide(arrays))


class _SideBySide(Mapping[str, np.ndarray]):
    """Arrays of several parts as if of one run; only the first members keep a trail."""

    def __init__(self, parts: list[Mapping[str, np.ndarray]]) -> None:
        self.parts = parts

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self:
            raise KeyError(name)
        axis = MEMBER_AXIS.get(name.rpartition(".")[2], 0)
        return np.concatenate([part[name] for part in self.parts if name in part], axis)

    def __iter__(self) -> Iterator[str]:
        return iter(self.parts[0])

    def __len__(self) -> int:
        return len(self.parts[0])

    def __contains__(self, name: object) -> bool:
        return name in self.parts[0]


# Where the members stand in each array of Outcomes; checkpoints stand first in all but the logits.
MEMBER_AXIS = {"loss_nats": 1, "correct": 1, "margin": 1, "logits": 0, "trail": 1, "pool": 0, "ranks": 0}


EXAMPLE_AXIS = {"loss_nats": 2, "correct": 2, "margin": 2, "logits": 1, "trail": 2, "pool": 1, "ranks": 1}


def side_by_side(parts: list[Outcomes]) -> Outcomes:
    """The members of all parts, in order; a part without a trail adds none (only the first members keep it)."""
    arrays = {}
    for name, axis in MEMBER_AXIS.items():
        found = [array for part in parts if (array := getattr(part, name)) is not None]
        arrays[name] = np.concatenate(found, axis) if found and getattr(parts[0], name) is not None else None
    return Outcomes(**arrays)


def in_time(parts: list[Outcomes]) -> Outcomes:
    """Checkpoints one after another; the logits are those of the last."""
    arrays: dict[str, Any] = {name: getattr(parts[-1], name) for name in ("logits", "pool", "ranks")}
    for name in ("loss_nats", "correct", "margin", "trail"):
        found = [getattr(part, name) for part in parts]
        arrays[name] = None if found[0] is None else np.concatenate(found)
    return Outcomes(**arrays)


def of_members(outcomes: Outcomes, keep: np.ndarray) -> Outcomes:
    """The members in `keep` (positions), in that order."""
    arrays = {}
    for name, axis in MEMBER_AXIS.items():
        array = getattr(outcomes, name)
        arrays[name] = None if array is None else np.take(array, keep, axis)
    return Outcomes(**arrays)


def outcomes(
    logits: np.ndarray, y: np.ndarray, kind: str, trail: bool, predicted: np.ndarray | None = None
) -> Outcomes:
    """Margin, loss and correctness from logits (c, m, n, k), computed in float64, kept in float32.

    margin = z_y - logsumexp_{c != y} z_c, loss = log(1 + exp(-margin)); a tie for the largest logit
    counts as wrong. For values (k = 1): loss = (z - y)^2, and z keeps its precision: an error may be small beside
    the target. `predicted` (c, m, n) overrides the arg-max.

    Example:
        >>> import numpy as np
        >>> kept = outcomes(np.array([[[[2.0, 0.0]]]]), np.array([0]), "classes", trail=False)
        >>> float(kept.margin[0, 0, 0]), bool(kept.correct[0, 0, 0])
        (2.0, True)
    """
    last = np.ascontiguousarray(logits[-1], dtype=None if kind == "values" else np.float32)
    kept = np.clip(logits, -6e4, 6e4).astype(np.float16) if trail else None
    if kind == "values":
        squared = (logits[..., 0].astype(np.float64) - y) ** 2
        return Outcomes(squared.astype(np.float32), None, None, last, kept)
    margin = np.empty(logits.shape[:-1], dtype=np.float32)
    correct = np.empty(logits.shape[:-1], dtype=bool)
    rows = np.arange(len(y))
    for c in range(logits.shape[0]):
        for j in range(logits.shape[1]):
            z = logits[c, j].astype(np.float64)
            label = z[rows, y].copy()
            z[rows, y] = -np.inf
            top = z.max(1)
            correct[c, j] = label > top
            margin[c, j] = label - (top + np.log(np.exp(z - top[:, None]).sum(1)))
    if predicted is not None:
        correct = predicted == y
    with np.errstate(invalid="ignore"):  # a member that diverged has NaN here and is left out by its learner
        loss = np.logaddexp(0.0, -margin).astype(np.float32)
    return Outcomes(loss, correct, margin, last, kept)
