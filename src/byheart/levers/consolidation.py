"""Consolidation: weights that past phases need are held near what they were."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from byheart.errors import InputRefused
from byheart.levers.base import Batch, Course, Lever, State

if TYPE_CHECKING:
    import torch


class Consolidation(Lever):
    r"""Elastic weight consolidation: weights are drawn back to those that past phases left, as far as these need them.

    loss = batch loss + strength / 2 sum_t sum_i F_{t,i} (w_i - w_{t,i})^2, w_t the weights at the end of past phase t,
    F_t the diagonal of the Fisher information there: the mean over examples of the squared derivative of -log p(y)
    by each weight. y is the label (`empirical`), or every class with the probability that the model gives it (`exact`).
    At most `examples` of a phase are used, at random. Strength 0 changes nothing. It does little where phases hold
    different classes and the model is not told the phase. Reference: Kirkpatrick et al. 2017, Overcoming catastrophic
    forgetting in neural networks, eq. 3; van de Ven 2025, On the computation of the Fisher information in continual
    learning (which Fisher is which).

    Example:
        >>> Consolidation(strength=10, fisher="exact").examples
        200
    """

    name: ClassVar[str] = "ewc"
    costless: ClassVar[frozenset[str]] = frozenset({"strength"})
    strength: Annotated[float, Field(ge=0)]
    fisher: Literal["empirical", "exact"] = "empirical"
    examples: Annotated[int, Field(ge=1)] = 200

    @property
    def idle(self) -> bool:
        """At strength 0."""
        return self.strength == 0

    def start(self, course: Course) -> dict[str, torch.Tensor]:
        """For each weight the sums over past phases of F and of F w."""
        if course.mixes:
            raise InputRefused(
                expected="a model whose examples have gradients of their own, for ewc", came=course.mixes,
                do="Use LayerNorm or GroupNorm and no noise of the module's own, or another lever.",
            )  # fmt: skip
        sums = ("fisher", "pull")
        return {f"{what}.{name}": w.new_zeros(w.shape) for what in sums for name, w in course.weights.items()}

    def gradient(self, course: Course, state: State) -> None:
        """Add strength (sum_t F_t w - sum_t F_t w_t)."""
        if not course.phase:
            return
        for name, gradient in course.gradients.items():
            back = state[f"fisher.{name}"] * course.weights[name] - state[f"pull.{name}"]
            gradient.add_(back, alpha=self.strength)

    def phase_end(self, course: Course, state: State) -> None:
        """Add the Fisher information of this phase, one example of each member after another."""
        import torch

        chosen = [
            torch.as_tensor(seen)[torch.randperm(len(seen), generator=stream)][: self.examples]
            for seen, stream in zip(course.seen, state.streams, strict=True)
        ]
        count = torch.tensor([len(rows) for rows in chosen])
        found = {name: torch.zeros_like(w) for name, w in course.weights.items()}
        for i in range(int(count.max())):
            rows = torch.stack([rows[i : i + 1] if i < len(rows) else rows.new_zeros(1) for rows in chosen])
            share = ((i < count) / count.clamp(min=1)).to(course.device)  # 0 for members that have no more
            for batch, weight in self._asked(course, course.examples(rows.to(course.device))):
                course.differentiate(batch, plain=True)
                for name, g in course.gradients.items():
                    found[name].add_(g.square() * (share * weight).view(-1, *[1] * (g.dim() - 1)).to(g.dtype))
        for name, w in course.weights.items():
            state[f"fisher.{name}"].add_(found[name])
            state[f"pull.{name}"].add_(found[name] * w)

    def _asked(self, course: Course, batch: Batch) -> list[tuple[Batch, torch.Tensor]]:
        """The batch with the labels to take derivatives of, and the weights (m,) of each."""
        import torch

        if self.fisher == "empirical":
            return [(batch, torch.ones(course.m, device=course.device))]
        logits = course.differentiate(batch, plain=True)  # (m, 1, k)
        if batch.targets.dim() == 3:
            raise InputRefused("fisher=empirical for text", "exact", "Every text would be asked for; take empirical.")
        if batch.targets.is_floating_point():  # of values with deviation 1 every derivative is that at a distance of 1
            return [(replace(batch, targets=logits[..., 0].detach() - 1), torch.ones(course.m, device=course.device))]
        p = logits.detach().softmax(-1)[:, 0]
        return [(replace(batch, targets=torch.full_like(batch.targets, c)), p[:, c]) for c in range(p.shape[1])]
