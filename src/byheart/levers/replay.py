"""Replay: examples of past phases are trained on again beside those of the present one."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from byheart.levers.base import Batch, Course, Lever, State

if TYPE_CHECKING:
    import torch

EMPTY = -1  # a place that holds no example


class Replay(Lever):
    """A member remembers some examples of past phases, and each batch holds some of them again.

    With b new examples a batch gets ceil(share b) remembered ones, drawn at random, each with the weight of a new one.
    At the end of a phase what is remembered is drawn anew: by `reservoir` each example seen so far is as likely (at
    most `size` of them), by `balanced` each past phase has equally many places. Share 0 changes nothing. Nothing is
    remembered of the present phase, so one phase is trained as without it. Reference: Rolnick et al. 2019, Experience
    replay for continual learning; Chaudhry et al. 2019, On tiny episodic memories (they add to the memory at every
    step, here it is done at the end of a phase); Vitter 1985, Random sampling with a reservoir, algorithm R.

    Example:
        >>> Replay(share=0.5).size
        200
    """

    name: ClassVar[str] = "replay"
    share: Annotated[float, Field(ge=0)]
    size: Annotated[int, Field(ge=1)] = 200
    sampling: Literal["reservoir", "balanced"] = "reservoir"

    @property
    def idle(self) -> bool:
        """At share 0."""
        return self.share == 0

    def start(self, course: Course) -> dict[str, torch.Tensor]:
        """Rows and phases of the examples remembered (m, size), and how many were seen so far (m,)."""
        import torch

        empty = torch.full((course.m, self.size), EMPTY, dtype=torch.long, device=course.device)
        return {"rows": empty, "phases": empty.clone(), "seen": empty.new_zeros(course.m)}

    def batch(self, batch: Batch, course: Course, state: State) -> Batch:
        """The batch, and what is remembered beside it: as many random numbers at every step, whatever its size."""
        import torch

        filled = (state["rows"] >= 0).sum(1)
        if not bool(filled.any()):
            return batch
        most = math.ceil(self.share * course.most)
        drawn = torch.stack([torch.rand(most, generator=stream) for stream in state.streams]).to(course.device)
        rows = state["rows"].gather(1, (drawn * filled[:, None]).long()).clamp(min=0)
        new = batch.counted.sum(1)
        again = (self.share * new.double()).ceil() * (filled > 0)
        rows = rows[:, : int(again.max())]
        counted = torch.arange(rows.shape[1], device=course.device) < again[:, None]
        return batch.beside(course.examples(rows), counted)

    def phase_end(self, course: Course, state: State) -> None:
        """Take in examples of this phase."""
        for j, seen in enumerate(course.seen):
            take = self._reservoir if self.sampling == "reservoir" else self._balanced
            take(seen, course.phase, j, state)

    def _reservoir(self, seen: object, phase: int, j: int, state: State) -> None:
        """Algorithm R: example number t of all takes place t, or a random one of the first t + 1 if that exists."""
        import torch

        rows, before = torch.as_tensor(seen), int(state["seen"][j])
        numbers = torch.arange(before, before + len(rows))
        places = (torch.rand(len(rows), generator=state.streams[j]) * (numbers + 1)).long()
        places = torch.where(numbers < self.size, numbers, places)
        for row, place in zip(rows.tolist(), places.tolist(), strict=True):
            if place < self.size:
                state["rows"][j, place], state["phases"][j, place] = row, phase
        state["seen"][j] += len(rows)

    def _balanced(self, seen: object, phase: int, j: int, state: State) -> None:
        """Each past phase keeps its first places, which are as random as any, and this one gets as many."""
        import torch

        rows, quota = torch.as_tensor(seen), self.size // (phase + 1)
        rows = rows[torch.randperm(len(rows), generator=state.streams[j])][:quota].to(state["rows"].device)
        held, of = state["rows"][j], state["phases"][j]
        kept = [held[of == past][:quota] for past in range(phase)] + [rows]
        marks = torch.cat([torch.full_like(part, past) for past, part in enumerate(kept)])
        state["rows"][j], state["phases"][j] = EMPTY, EMPTY
        state["rows"][j, : len(marks)], state["phases"][j, : len(marks)] = torch.cat(kept), marks
        state["seen"][j] += len(seen)  # type: ignore[arg-type]
